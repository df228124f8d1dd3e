"""Figures of one call: the formulas, each once. A figure that the record cannot support is None.

A rate is only as good as what it divides by; where a formula needs a minimum, the reason stands beside it.
"""
from __future__ import annotations

from base.records import SPEED_OUTCOMES
from base.spans import busy

MIN_DECODE_TOKENS = 16      # the clock's grain and the first token's odd share vanish only over a stretch
MIN_PREFILL_TOKENS = 64     # below this the fixed cost of a batch is most of the time


def counts(record: dict) -> bool:
    """Whether a record may be part of a speed figure."""
    return record["type"] == "call" and record["role"] == "measured" and record["outcome"] in SPEED_OUTCOMES


def ttft_ms(record: dict) -> float | None:
    """Request to first text, thinking included, by the client's clock."""
    return None if record["first_text_ns"] is None else record["first_text_ns"] / 1e6


def first_answer_ms(record: dict) -> float | None:
    """Request to first text of the answer, by the client's clock."""
    return None if record["first_answer_ns"] is None else record["first_answer_ns"] / 1e6


def decode_tok_s(record: dict, model_format: str | None = "gguf") -> float | None:
    """Server's clock: (eval tokens - 1) / eval duration, since n tokens are n - 1 steps apart.

    Models in safetensors format are served by a runner that counts n steps.
    """
    tokens, duration = record["eval_tokens"], record["eval_ns"]
    if not tokens or not duration or tokens < MIN_DECODE_TOKENS:
        return None
    steps = tokens if model_format == "safetensors" else tokens - 1
    return steps * 1e9 / duration


def client_decode_tok_s(record: dict, model_format: str | None = "gguf") -> float | None:
    """Client's clock: tokens after the first, over first text to last text.

    An end token is counted and never shown; but the runner for safetensors does not count it.
    """
    tokens, first, last = record["eval_tokens"], record["first_text_ns"], record["last_text_ns"]
    if not tokens or first is None or last is None or tokens < MIN_DECODE_TOKENS or last <= first:
        return None
    hidden = 1 if record["done_reason"] == "stop" and model_format != "safetensors" else 0
    return (tokens - 1 - hidden) * 1e9 / (last - first)


def prefill_basis(record: dict, appended: bool = False) -> str:
    """How the cached tokens are known: told by the server, bounded by the nonce, or by what was appended."""
    if appended:
        return "append"
    return "nonce" if record["cached_tokens"] is None else "server"


def prefill_tok_s(record: dict, head_tokens: int | None) -> float | None:
    """(prompt tokens - cached tokens) / prompt eval duration; see prefill_basis for where the cached count comes from."""
    cached = record["cached_tokens"] if record["cached_tokens"] is not None else head_tokens
    tokens, duration = record["prompt_tokens"], record["prompt_eval_ns"]
    if cached is None or not tokens or not duration or tokens - cached < MIN_PREFILL_TOKENS:
        return None
    return (tokens - cached) * 1e9 / duration


def overhead_ms(record: dict) -> float | None:
    """What the server spent on neither loading, prefill nor decode: queueing, above all."""
    parts = [record[name] or 0 for name in ("load_ns", "prompt_eval_ns", "eval_ns")]
    return None if record["total_ns"] is None else (record["total_ns"] - sum(parts)) / 1e6


def decode_span(record: dict) -> tuple | None:
    """(first text, last text) on the session's clock, for overlaps within a wave."""
    if record["first_text_ns"] is None:
        return None
    return record["start_ns"] + record["first_text_ns"], record["start_ns"] + record["last_text_ns"]


def wave_tok_s(wave: list) -> float | None:
    """Aggregate rate of calls that started together: all eval tokens over first sent to last done."""
    if not wave or any(record["outcome"] not in SPEED_OUTCOMES or not record["eval_tokens"] for record in wave):
        return None
    began = min(record["start_ns"] for record in wave)
    ended = max(record["start_ns"] + record["done_ns"] for record in wave)
    return sum(record["eval_tokens"] for record in wave) * 1e9 / (ended - began) if ended > began else None


def effective_parallelism(wave: list) -> float | None:
    """Mean number of decode spans under way while any is; 1.0 means one at a time."""
    spans = [span for span in map(decode_span, wave) if span is not None]
    covered = busy(spans)
    return sum(end - start for start, end in spans) / covered if covered else None


def quartiles(values: list) -> tuple | None:
    """(lower quartile, median, upper quartile) by linear interpolation between order statistics (method 7)."""
    if not values:
        return None
    ordered = sorted(values)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
    return at(0.25), at(0.5), at(0.75)
