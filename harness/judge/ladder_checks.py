"""Ladder checks: prompts of the context ladder have the material that was counted, and it ended for the stated reason.

The decisions of the harness are rebuilt from the same records by the same rules (base/context_ladder.py).
"""
from __future__ import annotations

import collections
from typing import Dict, Iterator, Optional, Union

from base import plan
from base.context_ladder import Ladder, Rung, rung_name, reduced_context
from base.errors import UserError
from base.ledger_records import CallRecord, Record, SkippedRecord
from base.phases import CONTEXT_EDGE, RUNG_PHASES
from base.suites import Suite
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor

OF_RUNGS = ("context-reduced", "rung-limit", "rung-failed")     # reasons that no other phase has
OF_THE_MODEL = ("model-missing", "cloud-model")     # end the ladder whatever ended it before


class LadderChecks(LedgerVisitor):
    """Units of material, the end of each model's ladder, and the reasons of the rungs that were skipped."""

    def __init__(self, manifest: dict, loaded: Dict[str, Suite], blocks: list):
        self._settings = plan.settings_of(manifest)
        suite = loaded.get(CONTEXT_EDGE)
        self._items, self._material = (suite.items, suite.material or {}) if suite else ((), {})
        self._steps = {(stage.models[0], stage.phase): stage.steps for block in blocks for stage in block.stages if stage.phase in RUNG_PHASES}
        self._ladders: Dict[str, Ladder] = collections.defaultdict(Ladder)
        self._recorded: Dict[tuple, str] = {}
        self._always_thinking: set = set()
        self._reduced: set = set()          # (model, phase) whose warm-up shows a smaller context

    def visit(self, record: Record) -> Iterator[Finding]:
        if not isinstance(record, (CallRecord, SkippedRecord)):
            return
        model, phase = record.model, record.phase
        if isinstance(record, SkippedRecord) and record.reason in OF_RUNGS and phase not in RUNG_PHASES:
            yield Finding("protocol-skip", f"{record.reason}: {phase} is not a rung of the context ladder", "a reason that the ledger supports", "/reason")
        if (model, phase) in self._steps and record.role == "measured":
            yield from self._rung_record(record, self._rung(model, phase))
            self._recorded[record.key] = "skipped" if isinstance(record, SkippedRecord) else "call"
        elif isinstance(record, CallRecord):
            self._around(record)
        self._ladders[model].observe(record)

    def _around(self, call: CallRecord) -> None:
        if call.role == "warmup" and reduced_context(call.placement, call.options):
            self._reduced.add((call.model, call.phase))
        if (call.finding or {}).get("always_thinks"):
            self._always_thinking.add(call.model)

    def _rung(self, model: str, phase: str) -> Rung:
        always_thinks, steps = model in self._always_thinking, self._steps[model, phase]
        room = self._settings.room_for_thoughts(phase, always_thinks)
        limits = {item.id: self._settings.limit(item.num_predict, room) for item in self._items}
        return Rung(self._ladders[model], steps, self._settings.context_of(phase, always_thinks), limits, self._recorded)

    def _rung_record(self, record: Union[CallRecord, SkippedRecord], rung: Rung) -> Iterator[Finding]:
        if record.item not in (step.item for step in self._steps[record.model, record.phase]):
            return      # another rule says that it was not planned
        if isinstance(record, SkippedRecord):
            wrong = self._contradiction(record, rung)
            if wrong:
                yield Finding("protocol-skip", f"{record.reason}: {wrong}", "a reason that the ledger supports", "/reason")
        else:
            yield from self._call(record, rung)

    def _call(self, call: CallRecord, rung: Rung) -> Iterator[Finding]:
        if rung.ladder.stop is not None:
            yield Finding("protocol-skip", f"{rung_name(call.phase)} was asked after the ladder had ended: {rung.ladder.stop.reason}",
                          "no call in a larger context", "/phase")
        wanted = self._units(call, rung)
        if call.material_units != wanted:
            yield Finding("protocol-prompt", f"{call.material_units} units of material", f"{wanted}, as counted in the contexts below",
                          "/material_units")

    def _units(self, call: CallRecord, rung: Rung) -> int:
        try:
            return rung.units(self._material)[call.item]
        except (UserError, ValueError):
            return 0        # nothing was counted, and so nothing could be asked

    def _contradiction(self, skip: SkippedRecord, rung: Rung) -> Optional[str]:
        stop, reason = rung.ladder.stop, skip.reason
        if reason in OF_THE_MODEL:
            return None
        if stop is not None:
            return None if stop == (reason, skip.detail) else f"the ladder had ended: {stop.reason}"
        if reason == "rung-limit":
            wanted = rung.stop(self._settings.rung_limit_s)
            return None if wanted == (reason, skip.detail) else f"predicted are {(rung.predicted_ns() or 0) / 1e9:.0f} s"
        if reason == "rung-failed":
            return "every prompt in a larger context was answered before"
        if reason == "context-reduced" and (skip.model, skip.phase) not in self._reduced:
            return "no warm-up shows a smaller context"
        return None
