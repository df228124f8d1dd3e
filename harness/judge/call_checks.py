"""Call checks: whether one call's record agrees with itself; no other record is looked at.

What is compared follows from how a call is recorded (measure/http_call.py) and from what servers were seen to do; the
tolerances are in thresholds.json.
"""
from __future__ import annotations

from typing import Iterator, Optional

from base.context_ladder import ANSWERED
from base.ledger_records import CallRecord
from judge import thresholds
from judge.findings import Finding

STAMPS = ("sent_ns", "headers_ns", "first_chunk_ns", "first_text_ns", "first_answer_ns", "last_text_ns", "done_ns", "end_ns")
COUNTERS = ("total_ns", "load_ns", "prompt_tokens", "prompt_eval_ns", "cached_tokens", "eval_tokens", "eval_ns",
            "done_reason")
HARNESS_ITEMS = ("LOAD", "WARM-UP")


def problems(call: CallRecord, is_safetensors: bool = False) -> Iterator[Finding]:
    for check in (stamps, chunks, gaps, tokens, server_time, outcome, role):
        yield from check(call)
    yield from limits(call, is_safetensors)


def stamps(call: CallRecord) -> Iterator[Finding]:
    """Stamps are in the order of events, and an event that did not happen has none."""
    before, name_before = 0, "start_ns"
    for name in STAMPS:
        stamp = getattr(call, name)
        if stamp is None:
            continue
        if stamp < before:
            yield Finding("ledger-stamps", f"{name} {stamp}", f"not before {name_before} {before}", f"/{name}")
            return
        before, name_before = stamp, name
    if (call.first_text_ns is None) != (call.last_text_ns is None):
        yield Finding("ledger-stamps", "one of first_text_ns and last_text_ns", "both or none", "/last_text_ns")


def chunks(call: CallRecord) -> Iterator[Finding]:
    """Counts and stamps of chunks, against the texts that they made."""
    def breach(name: str, observed: Optional[int], expected: str) -> Finding:
        return Finding("ledger-chunks", f"{name} {observed}", expected, f"/{name}")
    every, text, thinking = call.chunks, call.text_chunks, call.thinking_chunks
    if not thinking <= text <= every:
        yield breach("text_chunks", text, f"from thinking_chunks {thinking} to chunks {every}")
    elif (every > 0) != (call.first_chunk_ns is not None):
        yield breach("chunks", every, "a first chunk's stamp where there are chunks, and only there")
    elif (text > 0) != (call.first_text_ns is not None):
        yield breach("text_chunks", text, "a first text's stamp where there is text, and only there")
    elif (thinking > 0) != bool(call.thinking):
        yield breach("thinking_chunks", thinking, "thinking where there are chunks of it, and only there")
    elif (call.first_answer_ns is not None) != bool(call.answer):
        yield breach("first_answer_ns", call.first_answer_ns, "a stamp where there is an answer, and only there")
    elif text > thinking and not call.answer:
        yield breach("text_chunks", text, f"{thinking}, all of them thinking, where there is no answer")
    elif text and not call.answer and not call.thinking:
        yield breach("text_chunks", text, "0 where there is no text")
    elif text > 2 * (len(call.answer) + len(call.thinking)):     # two halves of a pair may come in two chunks
        yield breach("text_chunks", text, f"no more than the {len(call.answer) + len(call.thinking)} characters allow")


def gaps(call: CallRecord) -> Iterator[Finding]:
    wanted = max(0, call.text_chunks - 1)
    if len(call.gaps_us) != wanted:
        yield Finding("ledger-gaps", f"{len(call.gaps_us)} gaps", f"{wanted}, one before each text but the first",
                      "/gaps_us")
    elif wanted and call.first_text_ns is not None and call.last_text_ns is not None:
        span = _us(call.last_text_ns) - _us(call.first_text_ns)
        if sum(call.gaps_us) != span:
            yield Finding("ledger-gaps", f"gaps of {sum(call.gaps_us)} us in all", f"{span} us from first to last text",
                          "/gaps_us")


def _us(stamp_ns: int) -> int:
    return (stamp_ns + 500) // 1000


def tokens(call: CallRecord) -> Iterator[Finding]:
    """A token makes one chunk, or two where it ends the thinking, and a limited number of characters."""
    counted, size = call.eval_tokens, len(call.answer) + len(call.thinking)
    most_chunks, most_size = thresholds.value("chunks_per_token"), thresholds.value("characters_per_token")
    if counted is not None and call.text_chunks > most_chunks * (counted + 1):
        yield Finding("ledger-tokens", f"{call.text_chunks} chunks of {counted} tokens", f"at most {most_chunks} a token",
                      "/eval_tokens")
    elif counted is not None and size > most_size * (counted + 1):
        yield Finding("ledger-tokens", f"{size} characters of {counted} tokens", f"at most {most_size} a token",
                      "/eval_tokens")
    if call.cached_tokens is not None and call.cached_tokens > (call.prompt_tokens or 0):
        yield Finding("ledger-tokens", f"{call.cached_tokens} cached of {call.prompt_tokens} prompt tokens",
                      "no more than all", "/cached_tokens")


def limits(call: CallRecord, is_safetensors: bool = False) -> Iterator[Finding]:
    """Against num_predict and the context that was asked for, or the smaller one that the server loaded.

    Calibration asks what happens to a prompt that is too long; a runner with a context of its own, as that of models in
    safetensors format, answers it.
    """
    answer, prompt = call.eval_tokens, call.prompt_tokens
    limit, asked = call.options.get("num_predict"), call.options.get("num_ctx")
    if not isinstance(limit, int) or not isinstance(asked, int):
        return      # another rule checks what was sent
    slack, rounding = thresholds.value("limit_slack_tokens"), thresholds.value("context_slack_tokens")
    if answer is not None and answer > limit + slack:
        yield Finding("ledger-limit", f"{answer} answer tokens", f"num_predict {limit}", "/eval_tokens")
    elif prompt is not None and prompt > asked + rounding and call.role != "calibration" and not is_safetensors:
        yield Finding("ledger-limit", f"{prompt} prompt tokens", f"num_ctx {asked}", "/prompt_tokens")
    elif call.outcome == "length" and answer is not None and prompt is not None and answer < limit - slack:
        loaded = (call.placement or {}).get("context_length") or asked
        if prompt + answer < min(asked, loaded) - rounding and not is_safetensors:
            yield Finding("ledger-limit", f"ended by a limit after {answer} tokens, {prompt + answer} with the prompt",
                          f"num_predict {limit} or a context of {min(asked, loaded)} reached", "/done_reason")


def server_time(call: CallRecord) -> Iterator[Finding]:
    """The server's clock runs inside the client's: load, prefill and decode within total, total within the call."""
    if call.done_ns is None:
        return
    parts = sum(duration or 0 for duration in (call.load_ns, call.prompt_eval_ns, call.eval_ns))
    before_text = (call.load_ns or 0) + (call.prompt_eval_ns or 0)
    slack_share, slack_ns = thresholds.value("stamp_slack_share"), thresholds.value("stamp_slack_ns")
    for name, inner, outer, outer_name in (
            ("total_ns", call.total_ns, call.done_ns, "done_ns"),
            ("total_ns", parts, call.total_ns, "total_ns"),
            ("eval_ns", parts, call.done_ns, "done_ns"),
            ("prompt_eval_ns", before_text, call.first_text_ns, "first_text_ns")):
        if inner is not None and outer is not None and inner > outer * (1 + slack_share) + slack_ns:
            yield Finding("ledger-server-time", f"{inner} ns by the server", f"within {outer_name} {outer}", f"/{name}")
            return


def outcome(call: CallRecord) -> Iterator[Finding]:
    """An outcome against the rest of the record; measure/http_call.py decides it when the call is made."""
    kind, status = call.outcome, call.http_status
    done, text = call.done_ns is not None, call.text_chunks > 0
    by_limit = call.done_reason == "length"
    evidence = {
        "ok": done and text and not by_limit and status == 200,
        "length": done and by_limit and status == 200,
        "empty": done and not text and not by_limit and status == 200,
        "refused": status is not None and 400 <= status < 500,
        "error": status is None or status == 200 or not 400 <= status < 500,
        "cut": status == 200,
        "timeout": status is None and not call.chunks,
        "stalled": status == 200,
        "interrupted": True,
    }[kind]
    failed = kind not in ANSWERED
    if failed and (done or any(getattr(call, name) is not None for name in COUNTERS)):
        evidence = False        # only `done` completes a call, and only its line has counters
    if (call.error is None) != (kind in (*ANSWERED, "interrupted")):
        evidence = False
    if not evidence:
        observed = (f"HTTP {status}, {'done' if done else 'not done'}, done_reason {call.done_reason}, "
                    f"{call.text_chunks} chunks of text, {'no error' if call.error is None else 'an error'}")
        yield Finding("ledger-outcome", f"{kind}: {observed}", "what this outcome means in base/records/ledger_fields.py", "/outcome")


def role(call: CallRecord) -> Iterator[Finding]:
    """The items of each role, and fields that only some roles may have."""
    kind, item = call.role, call.item
    right = {"measured": item not in HARNESS_ITEMS and not item.startswith("CAL-") and call.finding is None,
             "warmup": item in HARNESS_ITEMS and call.finding is None,
             "calibration": item.startswith("CAL-") and call.phase == "calibration"}[kind]
    if not right:
        yield Finding("ledger-role", f"{kind}: item {item}, phase {call.phase}"
                      + ("" if call.finding is None else ", with a finding"), "items and findings of that role", "/role")
    elif kind != "measured" and (call.repeat, call.fill) != (1, None):
        yield Finding("ledger-role", f"{kind}: repeat {call.repeat}, fill {call.fill}", "1 and none", "/repeat")
    elif kind == "warmup" and (call.level, call.wave, call.slot, call.material_units) != (1, None, 0, None):
        yield Finding("ledger-role", "a warm-up in a wave or with material", "a call of its own", "/level")
    elif call.reattempt != (kind == "measured" and call.session > 0):
        yield Finding("ledger-role", f"reattempt {call.reattempt}", "true for measured calls of a resumed session alone",
                      "/reattempt")
