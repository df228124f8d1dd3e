"""Condition checks: the state of the machine after each call must be possible on this machine."""
from __future__ import annotations

from typing import Iterator, Optional, Set

from base import text_format
from base.hardware_view import HardwareView
from base.ledger_records import CallRecord, MetaRecord, Record
from judge import thresholds
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor


class ConditionChecks(LedgerVisitor):
    """Memory, energy and accelerators of each call against hardware.json, the session's counters and each other. Each kind is reported once."""

    def __init__(self, hardware: Optional[dict]):
        view = HardwareView(hardware)
        self._memory_bytes = view.physical_bytes
        self._has_accelerators = view.accelerators != []
        self._counts_energy = self._counts_others = True
        self._others = 0                   # readings of what other programs used
        self._free: Set[int] = set()       # values of free memory, no more than two
        self._readings = 0
        self._reported: Set[str] = set()

    def visit(self, record: Record) -> Iterator[Finding]:
        if not isinstance(record, MetaRecord) and not isinstance(record, CallRecord):
            return
        if record.session_start is not None:
            self._counts_energy = record.session_start["energy_counter"] is not None
            self._counts_others = self._counts_others and record.session_start.get("others_counter") is not None
        if isinstance(record, CallRecord) and record.conditions is not None:
            for finding in self._state(record, record.conditions):
                if finding.pointer not in self._reported:
                    self._reported.add(finding.pointer or "")
                    yield finding

    def _state(self, call: CallRecord, state: dict) -> Iterator[Finding]:
        free, energy = state["free_memory_bytes"], state["energy_j"]
        self._others += state.get("others_cpu_share") is not None
        if free is not None:
            self._readings += 1
            if len(self._free) < 2:
                self._free.add(free)
            if self._memory_bytes is not None and free > self._memory_bytes * thresholds.value("placement_margin"):
                free_gb, memory_gb = text_format.distinct(free / 1e9, self._memory_bytes / 1e9, 1)
                yield Finding("physics-conditions", f"{free_gb} GB of memory free", f"at most the {memory_gb} GB of hardware.json",
                              "/conditions/free_memory_bytes")
        if energy is not None:
            watts = energy * 1e9 / max(1, call.end_ns) if call.wave is None else 0
            if not self._counts_energy:
                yield Finding("physics-conditions", f"{energy} J, in a session without a counter of energy", "none", "/conditions/energy_j")
            elif watts > thresholds.value("most_watts"):
                yield Finding("physics-conditions", f"{energy} J = {text_format.distinct(watts, thresholds.value('most_watts'), 0)[0]} W", f"at most {thresholds.value('most_watts')} W", "/conditions/energy_j")
        if state["accelerators"] and not self._has_accelerators:
            yield Finding("physics-conditions", f"the state of {len(state['accelerators'])} accelerators", "none, since hardware.json has none",
                          "/conditions/accelerators")

    def finish(self) -> Iterator[Finding]:
        if self._readings >= thresholds.value("same_readings") and self._counts_others and not self._others:
            yield Finding("physics-conditions", "no reading of what other programs used, which every session says it counts", "some readings")
        if self._readings >= thresholds.value("same_readings") and len(self._free) == 1:
            yield Finding("physics-conditions", f"{self._readings} readings of free memory, all the same", "readings that differ")
