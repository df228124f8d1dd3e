"""Figures of one call: the formulas, each once. A figure that the call cannot support is None.

Where a formula needs a minimum of tokens or time, the constant's comment gives the reason.
"""
from __future__ import annotations

from typing import List

from base.intervals import busy
from base.ledger_records import CallRecord
from base.suites import TRUNCATED_SHARE, tokens_of

MIN_DECODE_TOKENS = 16      # shorter answers are distorted by the clock's resolution and the first token
MIN_PREFILL_TOKENS = 64     # below this the fixed cost of a batch is most of the time
MIN_TAIL_GAPS = 20          # a 99th percentile of fewer gaps is their maximum
APPEND_TOLERANCE = 0.15     # of the first turn's rate: what a checkpoint up to 180 tokens before 1,000 new ones would cost
RECOMPUTED_TOKENS = 64      # of the turn before; templates change a few tokens at the end of a turn
SERIALISED_BELOW = 0.2      # of the time that decode spans of a wave could share
READ_TOGETHER = 0.05        # of the time between two texts: texts closer than this were read together, not generated together
LATE_SHARE = 0.1            # of the time to first text
CONTENDED_SHARE = 0.1       # of all CPU time, or of an accelerator, used by others during the call
SUSPENDED_S = 1.0           # a shorter sleep is the rounding of two clocks


def ttft_ms(call: CallRecord) -> float | None:
    """Request to first text, thinking included, by the client's clock."""
    return None if call.first_text_ns is None else call.first_text_ns / 1e6


def is_bunched(call: CallRecord) -> bool:
    """Whether an answer's first text was received late, together with later ones: it was buffered by this machine or the server.

    The texts that were read together with the first one took time to generate, at the server's pace. The answer is bunched
    if that is more than LATE_SHARE of the time to first text, or if all texts were read together.
    """
    tokens, chunks, duration = call.eval_tokens or 0, call.text_chunks, call.eval_ns
    if tokens < MIN_DECODE_TOKENS or chunks < 2:
        return False
    if call.first_text_ns == call.last_text_ns:
        return True
    pace_us = (duration or 0) / chunks / 1000
    together = 0
    for gap_us in call.gaps_us:
        if gap_us >= READ_TOGETHER * pace_us:
            break
        together += 1
    else:
        together = chunks - 1
    return call.first_text_ns is not None and together * pace_us > LATE_SHARE * call.first_text_ns / 1000


def first_answer_ms(call: CallRecord) -> float | None:
    """Request to first text of the answer, by the client's clock."""
    return None if call.first_answer_ns is None else call.first_answer_ns / 1e6


def total_ms(call: CallRecord) -> float | None:
    """Request to the line with done: true, by the client's clock."""
    return None if call.done_ns is None else call.done_ns / 1e6


def decode_tok_s(call: CallRecord, model_format: str | None = "gguf") -> float | None:
    return decode_rate(call.eval_tokens, call.eval_ns, model_format)


def decode_rate(tokens: int | None, duration: int | None, model_format: str | None = "gguf") -> float | None:
    """Server's clock: (eval tokens - 1) / eval duration, since n tokens are n - 1 steps apart.

    Models in safetensors format are served by a runner that counts n steps.
    """
    if not tokens or not duration or tokens < MIN_DECODE_TOKENS:
        return None
    steps = tokens if model_format == "safetensors" else tokens - 1
    return steps * 1e9 / duration


def client_decode_tok_s(call: CallRecord, model_format: str | None = "gguf") -> float | None:
    """Client's clock: tokens after the first, over first text to last text.

    An end token is counted and never shown; the runner for safetensors does not count it.
    """
    tokens, first, last = call.eval_tokens, call.first_text_ns, call.last_text_ns
    if not tokens or first is None or last is None or tokens < MIN_DECODE_TOKENS or last <= first:
        return None
    return (tokens - 1 - hidden_tokens(call, model_format)) * 1e9 / (last - first)


def hidden_tokens(call: CallRecord, model_format: str | None = "gguf") -> int:
    """Tokens that are counted and never shown: the end token, where the runner counts it."""
    return 1 if call.done_reason == "stop" and model_format != "safetensors" else 0


def icl_ms(call: CallRecord) -> tuple:
    """(median, 99th percentile) of the gaps before each chunk with text, nearest rank; a chunk may hold several tokens."""
    gaps = sorted(call.gaps_us)
    n = len(gaps)
    p50 = gaps[(n - 1) // 2] / 1000 if n else None
    return p50, gaps[-(-99 * n // 100) - 1] / 1000 if n >= MIN_TAIL_GAPS else None


def tokens_per_chunk(call: CallRecord, model_format: str | None = "gguf") -> float | None:
    """Shown tokens for each chunk with text."""
    if not call.eval_tokens or not call.text_chunks:
        return None
    return (call.eval_tokens - hidden_tokens(call, model_format)) / call.text_chunks


def fill_reached(call: CallRecord) -> float | None:
    """Prompt tokens over the context that the answer leaves free."""
    if call.fill is None or not call.prompt_tokens:
        return None
    room = call.options.get("num_ctx", 0) - call.options.get("num_predict", 0)
    return call.prompt_tokens / room if room > 0 else None


def prefill_basis(call: CallRecord, appended: bool = False) -> str:
    """Where the cached count comes from: reported by the server, bounded by the nonce, or from what was appended."""
    if appended:
        return "append"
    return "nonce" if call.cached_tokens is None else "server"


def prefill_tok_s(call: CallRecord, head_tokens: int | None) -> float | None:
    """(prompt tokens - cached tokens) / prompt eval duration; see prefill_basis for where the cached count comes from."""
    cached = call.cached_tokens if call.cached_tokens is not None else head_tokens
    tokens, duration = call.prompt_tokens, call.prompt_eval_ns
    if cached is None or not tokens or not duration or tokens - cached < MIN_PREFILL_TOKENS:
        return None
    return (tokens - cached) * 1e9 / duration


def appended_tok_s(call: CallRecord, before: CallRecord, first_turn_tok_s: float | None) -> float | None:
    """Prefill rate of a turn, over the tokens that were computed for it.

    Where the server reports the cached count, these are all others. Where it does not, they are the appended ones if the
    whole turn before came from the cache. Hybrid, recurrent and sliding-window models go on from an earlier checkpoint
    and compute more; depth slows a turn as well. So the rate counts only if it agrees with the first turn's.
    """
    if not call.prompt_tokens or not before.prompt_tokens or not call.prompt_eval_ns:
        return None
    cached = before.prompt_tokens if call.cached_tokens is None else call.cached_tokens
    computed = call.prompt_tokens - cached
    if computed < MIN_PREFILL_TOKENS:
        return None
    if call.cached_tokens is None and not agrees_with_first_turn(call, before, first_turn_tok_s):
        return None
    return computed * 1e9 / call.prompt_eval_ns


def agrees_with_first_turn(call: CallRecord, before: CallRecord, first_turn_tok_s: float | None) -> bool:
    """Whether the rate over the appended tokens is the first turn's rate, within APPEND_TOLERANCE."""
    if not (first_turn_tok_s and call.prompt_eval_ns and call.prompt_tokens and before.prompt_tokens):
        return False
    rate = (call.prompt_tokens - before.prompt_tokens) * 1e9 / call.prompt_eval_ns
    return abs(rate / first_turn_tok_s - 1) <= APPEND_TOLERANCE


def recomputed_tokens(call: CallRecord, before: CallRecord) -> int | None:
    """Tokens of the turn before that were computed again; None where the server does not say."""
    if call.cached_tokens is None or not before.prompt_tokens:
        return None
    return max(0, before.prompt_tokens - call.cached_tokens)


def is_truncated(call: CallRecord, points: list) -> bool:
    """Whether a prompt of generated material has fewer tokens than calibration counted for that material.

    `points` are (units, prompt tokens) of calibration, ascending; a line through the first and the last of them.
    """
    units, tokens = call.material_units, call.prompt_tokens
    if units is None or not tokens or len(points) < 2 or points[-1][0] <= points[0][0]:
        return False
    return tokens < TRUNCATED_SHARE * tokens_of(units, points)


def overhead_ms(call: CallRecord) -> float | None:
    """Server time other than loading, prefill and decode: mostly queueing."""
    parts = [call.load_ns or 0, call.prompt_eval_ns or 0, call.eval_ns or 0]
    return None if call.total_ns is None else (call.total_ns - sum(parts)) / 1e6


def decode_span(call: CallRecord) -> tuple | None:
    """(first text, last text) on the session's clock, for overlaps within a wave."""
    if call.first_text_ns is None or call.last_text_ns is None:
        return None
    return call.start_ns + call.first_text_ns, call.start_ns + call.last_text_ns


def wave_tok_s(wave: List[CallRecord]) -> float | None:
    """Aggregate rate of calls that started together: all eval tokens over first sent to last done."""
    if not wave or any(not call.has_speed or not call.eval_tokens for call in wave):
        return None
    began = min(call.start_ns for call in wave)
    ended = max(call.start_ns + (call.done_ns or 0) for call in wave)
    return sum(call.eval_tokens or 0 for call in wave) * 1e9 / (ended - began) if ended > began else None


def effective_parallelism(wave: List[CallRecord]) -> float | None:
    """Mean number of decode spans under way while any is; 1.0 means one at a time."""
    spans = [span for span in map(decode_span, wave) if span is not None]
    covered = busy(spans)
    return sum(end - start for start, end in spans) / covered if covered else None


def overlap(wave: List[CallRecord]) -> float | None:
    """The share of the possible overlap of its decode spans that happened: 0 one by one, 1 all within the longest.

    A short answer beside a long one may overlap completely and still hardly raise the mean number of spans at once.
    """
    spans = [span for span in map(decode_span, wave) if span is not None]
    lengths = [end - start for start, end in spans]
    possible = sum(lengths) - max(lengths, default=0)
    return (sum(lengths) - busy(spans)) / possible if possible > 0 else None


def is_serialised(share: float | None) -> bool | None:
    """Whether calls sent together, whose decode spans overlap by this share, were served one after the other."""
    return None if share is None else share < SERIALISED_BELOW


def is_contended(call: CallRecord) -> bool | None:
    """Whether other programs used more of this machine than CONTENDED_SHARE meanwhile, or it slept; None: not known."""
    state = call.conditions
    if state is None:
        return None
    if (state.get("suspended_s") or 0) >= SUSPENDED_S:
        return True
    share = state.get("others_cpu_share")
    if state["accelerators"]:
        shares = [share, *(card.get("others_busy_share") for card in state["accelerators"])]
        share = max((value for value in shares if value is not None), default=None)
    return None if share is None else share > CONTENDED_SHARE
