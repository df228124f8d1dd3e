"""Calibration checks: each finding must match the call that it is about, since figures are computed with it."""
from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Tuple

from base import thoughts
from base.context_ladder import ANSWERED
from base.intervals import most_at_once
from base.json_text import Json
from base.ledger_records import CallRecord, Record
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor

SPARE_NS = 20_000_000       # on a busy machine the end of a call is noticed this late
COPIED = {"one_token_eval_ns": "eval_ns", "one_token_eval_tokens": "eval_tokens", "too_long_prompt_tokens": "prompt_tokens"}


class CalibrationChecks(LedgerVisitor):
    """Findings of calibration against their own call; the length of the template against the call before it."""

    def __init__(self) -> None:
        self._slots: List[Tuple[int, int]] = []          # when the server may have worked on each call of the last wave
        self._bare: Dict[str, Optional[int]] = {}        # model: tokens of a nonce alone, for the template's length

    def visit(self, record: Record) -> Iterator[Finding]:
        if not isinstance(record, CallRecord) or record.role != "calibration":
            return
        if record.item == "CAL-HEAD-NONCE":
            self._bare[record.model] = record.prompt_tokens
        finding = record.finding or {}
        if record.item == "CAL-SLOTS":
            self._slots = [*(self._slots if record.slot else ()), _widest_span(record)]
            if (finding.get("slots_seen") or 0) > most_at_once(self._slots):
                yield Finding("ledger-finding", f"slots_seen {finding['slots_seen']}", f"at most {most_at_once(self._slots)}, by the server's durations",
                              "/finding/slots_seen")
        if record.item == "CAL-THINKS" and record.outcome in ANSWERED and "always_thinks" not in finding:
            yield Finding("ledger-finding", "nothing about always_thinks", str(thoughts.has_thought(record.thinking, record.answer)), "/finding")
        for name, observed in self._observed(record, finding):
            if finding[name] != observed or type(finding[name]) is not type(observed):
                yield Finding("ledger-finding", f"{name} {finding[name]}", "nothing, since no call shows it" if observed is None else str(observed),
                              f"/finding/{name}")

    def _observed(self, record: CallRecord, finding: dict) -> Iterator[Tuple[str, Json]]:
        """(name, what the call shows) of each finding that can be checked by it."""
        for name, field in COPIED.items():
            if name in finding:
                yield name, getattr(record, field)
        if "thinks_by_default" in finding:
            yield "thinks_by_default", record.thinking_chunks > 0
        if "always_thinks" in finding:
            yield "always_thinks", thoughts.has_thought(record.thinking, record.answer) if record.item == "CAL-THINKS" else None
        if "takes_thinking" in finding:
            yield "takes_thinking", record.outcome != "refused" if record.item == "CAL-THINKING" else None
        if "tells_cached_tokens" in finding:
            yield "tells_cached_tokens", record.cached_tokens is not None
        if "head_tokens" in finding:
            bare, whole = self._bare.get(record.model), record.prompt_tokens
            yield "head_tokens", None if bare is None or whole is None else max(0, whole - bare) + 1
        if "too_long" in finding:
            yield "too_long", _too_long(record)
        for name in finding:
            if name.endswith("_tokens_at"):
                yield name, [[units, record.prompt_tokens] if units == record.material_units else [units, tokens]
                             for units, tokens in finding[name]]


def _widest_span(call: CallRecord) -> Tuple[int, int]:
    """The longest span in which the server may have worked on a call: its durations before its end, and a margin on both sides."""
    worked_ns = (call.prompt_eval_ns or 0) + (call.eval_ns or 0)
    ended_ns, spare_ns = call.start_ns + (call.done_ns or call.end_ns), worked_ns // 10 + SPARE_NS
    return ended_ns - worked_ns - spare_ns, ended_ns + spare_ns


def _too_long(call: CallRecord) -> str:
    """What became of a prompt that is longer than num_ctx; the same as in measure/calibration.py."""
    num_ctx = call.options.get("num_ctx")
    if call.outcome in ("refused", "error"):
        return call.outcome
    if not call.prompt_tokens or not isinstance(num_ctx, int):
        return "unknown"
    return "answered" if call.prompt_tokens > num_ctx else "cut"
