"""Timeline: what ran when. Calls that run alone follow each other; the calls of a wave were under way at once."""
from __future__ import annotations

from typing import Iterator, List

from base.ledger_records import CallRecord, Record, is_same_wave
from judge import thresholds
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor


class Timeline(LedgerVisitor):
    def __init__(self) -> None:
        self.session = -1
        self.free_ns = 0            # when everything before the present wave had ended
        self.wave: List[CallRecord] = []

    def visit(self, record: Record) -> Iterator[Finding]:
        if not isinstance(record, CallRecord):
            return
        if not (self.wave and is_same_wave(record, self.wave[-1])):
            yield from self._close()
        elif record.slot <= self.wave[-1].slot:
            yield Finding("ledger-wave", f"slot {record.slot} after {self.wave[-1].slot}", "slots in order", "/slot")
        if record.session != self.session:
            self.session, self.free_ns = record.session, 0
        if record.start_ns < self.free_ns:
            yield Finding("ledger-overlap", f"start_ns {record.start_ns}",
                          f"not before {self.free_ns}, when the call before had ended",
                          "/start_ns")
        self.wave.append(record)

    def finish(self) -> Iterator[Finding]:
        return self._close()

    def _close(self) -> Iterator[Finding]:
        """The wave is whole: was each of its calls sent before any other had ended?"""
        wave, self.wave = self.wave, []
        sent = [call for call in wave if call.sent_ns is not None]
        if len(sent) > 1:
            latest = max(call.start_ns for call in sent)
            first_end = min(call.start_ns + call.end_ns for call in sent)
            if latest > first_end + thresholds.value("wave_slack_ns"):
                yield Finding("ledger-wave", f"a call was sent {(latest - first_end) / 1e6:.0f} ms after another had ended",
                              "calls under way at once", "/start_ns")
        if wave:
            self.free_ns = max(self.free_ns, max(call.start_ns + call.end_ns for call in wave))

