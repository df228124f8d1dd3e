"""The summary: metadata.json, computed from the ledger; manifest and suites only give names, formats and graders.

The records are read in one pass. The same ledger gives the same bytes on every machine and every Python. Medians are
exact, so each call takes some 200 bytes of memory, whatever the length of its record.
"""
from __future__ import annotations

import functools
from typing import Dict, Iterable, List, Optional, Protocol, Tuple

from base import ledger_records, names, plan, records
from base.ledger_records import CallRecord, FooterRecord, MetaRecord, Record, SkippedRecord
from base.phases import CONTEXT_EDGE, RUNG_PHASES, THINKING_PHASES, suite_phase
from derive import call_metrics, earlier_methods, grading, paired_answers, stability, thinking, warning_rules
from derive.aggregate import PLACES, Aggregate, CallMetrics
from derive.distribution import METHOD, Sample
from derive.paired_answers import ItemAnswer
from derive.served_context import RungFigures, ServedContext

MAX_REMEMBERED = 4096       # answers whose verdict is known: at temperature 0 the repeats say the same
CALIBRATED = ("head_tokens", "head_method", "slots_seen", "thinks_by_default", "tells_cached_tokens", "too_long",
              "one_token_eval_ns")
Aggregates = Dict[Tuple[str, str], Aggregate]     # by (model, phase)


class CallObserver(Protocol):
    """Gets each measured call, its metrics and the status of its answer, and each wave once it is complete."""

    def call(self, call: CallRecord, metrics: Optional[CallMetrics], status: Optional[str]) -> None: ...

    def wave(self, wave: List[CallRecord]) -> None: ...


def summarize(manifest: dict, ledger: Iterable[Record], graders: Dict[str, Optional[dict]], code_grades: Optional[Dict[str, dict]],
              observer: CallObserver | None = None, aggregates: Aggregates | None = None) -> dict:
    """The `metadata` record but for its ledger_sha256, which is known when the last record was read.

    `graders` maps items to their graders (or None), `code_grades` is the final footer's. `aggregates`, if given, is filled
    with the samples, so that those of several runs can be pooled.
    """
    run = _Summary(manifest, graders, code_grades or {}, observer)
    for record in ledger:
        run.add(record)
    run.close_wave()
    if aggregates is not None:
        aggregates.update(run.aggregates)
    return run.metadata()


class _Summary:
    def __init__(self, manifest: dict, graders: Dict[str, Optional[dict]], code_grades: Dict[str, dict], observer: CallObserver | None):
        self.manifest, self.graders, self.code_grades, self.observer = manifest, graders, code_grades, observer
        self.settings = plan.settings_of(manifest)
        self.has_ladder = bool(self.settings.contexts)
        self.answers: Dict[Tuple[str, str], Dict[str, ItemAnswer]] = {}     # by model and phase: one call at a time, where thinking is compared
        self.with_draft = {model["name"] for model in manifest["models"] if model.get("draft")}
        self.formats = {model["name"]: model["format"] for model in manifest["models"]}
        self.meta: MetaRecord | None = None
        self.footer: FooterRecord | None = None
        self.aggregates: Aggregates = {}
        self.served: Dict[str, ServedContext] = {}      # by model, where the context ladder was asked for
        self.findings: Dict[str, dict] = {}
        self.loads: Dict[str, Sample] = {}
        self.first_placement: Dict[str, dict] = {}
        self.starts: List[dict] = []
        self.outcomes: Dict[str, int] = {}
        self.skipped = 0
        self.conditions = stability.MachineConditions({model["name"] for model in manifest["models"]})
        self.wave: List[CallRecord] = []
        self._grade = functools.lru_cache(MAX_REMEMBERED)(self._graded)

    def add(self, record: Record) -> None:
        if record.session_start:
            self.starts.append(record.session_start)
        if isinstance(record, CallRecord):
            self._call(record)
        elif isinstance(record, SkippedRecord):
            self.skipped += 1
            self._aggregate_of(record).skip(record)
            rung = self._rung(record)
            if rung and rung.skipped is None:
                rung.skipped = record
        elif isinstance(record, MetaRecord):
            self.meta = record
        else:
            self.footer = record

    def _call(self, call: CallRecord) -> None:
        self.conditions.add(call)
        if call.finding:
            self.findings.setdefault(call.model, {}).update(call.finding)
        if call.is_measured:
            self._measured(call)
            return
        rung = self._rung(call) if call.role == "warmup" else None
        if rung:
            rung.warm_up(call)
        if call.item == "LOAD" and call.done_ns is not None and call.phase not in RUNG_PHASES:
            self.loads.setdefault(call.model, Sample()).add(call.done_ns / 1e6)

    def _measured(self, call: CallRecord) -> None:
        if self.wave and not ledger_records.continues_wave(call, self.wave[-1]):
            self.close_wave()
        if call.wave is None:
            self._count(call, *_energy_shares([call]))
        else:
            self.wave.append(call)

    def close_wave(self) -> None:
        """Count the calls of the wave that is under way, if there is one."""
        wave, self.wave = self.wave, []
        if not wave:
            return
        for call, energy_j in zip(wave, _energy_shares(wave)):
            self._count(call, energy_j)
        models = list(dict.fromkeys(call.model for call in wave))
        for model in models:
            self.aggregates[model, wave[0].phase].wave(wave, models)
        if self.observer:
            self.observer.wave(wave)

    def _count(self, call: CallRecord, energy_j: float | None) -> None:
        self.outcomes[call.outcome] = self.outcomes.get(call.outcome, 0) + 1
        if call.placement:
            self.first_placement.setdefault(call.model, call.placement)
        aggregate = self._aggregate_of(call)
        if aggregate.thinking is not None:
            call = thinking.separated(call)
        metrics, status = aggregate.add(call, self.findings.get(call.model, {}), energy_j), None
        grader = self.graders.get(call.item)
        if grader is not None:
            status = aggregate.quality.add(call, grader, self._is_right(call, grader))
            if self.settings.thinking is not None and call.level == 1:
                self.answers.setdefault((call.model, call.phase), {})[call.item] = ItemAnswer(status, call_metrics.total_ms(call))
        rung = self._rung(call)
        if rung:
            rung.call(call, metrics, _has_middle(call, grader) if grader and status in ("right", "wrong") else None)
        if self.observer:
            self.observer.call(call, metrics, status)

    def _is_right(self, call: CallRecord, grader: dict) -> bool | None:
        if grader["kind"] != "python":
            return self._grade(call.item, call.answer)
        verdict = self.code_grades.get(str(call.seq))
        return verdict["passed"] if verdict else None

    def _graded(self, item: str, answer: str) -> bool:
        grader = self.graders[item]
        return grader is not None and grading.grade(grader, answer)

    def _aggregate_of(self, record: CallRecord | SkippedRecord) -> Aggregate:
        key = record.model, record.phase
        aggregate = self.aggregates.get(key)
        if aggregate is None:
            aggregate = self.aggregates[key] = Aggregate(*key, self.formats.get(record.model), record.model in self.with_draft,
                                                         self.meta is not None and self.meta.schema == "ledger-1.0")
            aggregate.thinking = self._thinking_figures(*key)
        return aggregate

    def _rung(self, record: CallRecord | SkippedRecord) -> RungFigures | None:
        """The record's rung of the context ladder; None where it belongs to none, or none was asked for."""
        if not self.has_ladder or record.model not in self.formats:
            return None
        return self.served.setdefault(record.model, self._no_rungs()).rung(record.phase)

    def _no_rungs(self) -> ServedContext:
        return ServedContext(self.settings.context_of(CONTEXT_EDGE))

    def _thinking_figures(self, model: str, phase: str) -> thinking.ThinkingFigures | None:
        """For a phase whose calls have a budget for thoughts; None for others."""
        always_thinks = bool(self.findings.get(model, {}).get("always_thinks"))
        budget = self.settings.room_for_thoughts(phase, always_thinks)
        mode = self.settings.thinking if phase in THINKING_PHASES else None
        return thinking.ThinkingFigures(mode, budget, self.formats.get(model)) if budget else None

    def _paired(self, model: str, phase: str) -> dict | None:
        """The answers of a thinking phase with the plain ones; None for other phases."""
        if phase not in THINKING_PHASES:
            return None
        return paired_answers.record(self.answers.get((model, suite_phase(phase)), {}), self.answers.get((model, phase), {}))

    def metadata(self) -> dict:
        if self.meta is None:
            raise ValueError("a ledger without a meta line")
        drifts = {key: stability.drift(aggregate, self.conditions) for key, aggregate in self.aggregates.items()}
        versions = [start["server_version"] for start in self.starts]
        groups = {key: aggregate.groups for key, aggregate in self.aggregates.items()}
        metrics = {key: {name: group.metrics() for name, group in groups[key].items()} for key in groups}
        warnings = [row for key, aggregate in self.aggregates.items()
                    for row in warning_rules.of_aggregate(aggregate, groups[key], metrics[key], drifts[key])]
        for model in self.manifest["models"]:
            warnings += warning_rules.of_calibration(model["name"], self.findings.get(model["name"], {}))
        warnings += warning_rules.of_run(self.conditions, self.manifest["target"],
                                   [start["floor"] for start in self.starts], versions)
        warnings = earlier_methods.warnings_of(self.manifest, warnings)
        sessions = self.footer.sessions if self.footer else []
        models = [self._calibrated(model) for model in self.manifest["models"]]
        aggregates = [self._aggregate_record(aggregate, groups[key], metrics[key], drifts[key]) for key, aggregate in self.aggregates.items()]
        return {
            "schema": records.metadata_version(models, aggregates, warnings), "synthetic": self.meta.synthetic, "run_id": self.meta.run_id,
            "device_tag": self.manifest["device_tag"], "statistics": METHOD,
            "complete": bool(self.footer and self.footer.complete), "planned": self.manifest["planned_calls"],
            "done": sum(self.outcomes.values()), "skipped": self.skipped, "outcomes": self.outcomes,
            "sessions": len(self.starts), "started_at": self.starts[0]["started_at"] if self.starts else None,
            "ended_at": sessions[-1]["ended_at"] if sessions else None,
            "server_versions": list(dict.fromkeys(versions)),
            "models": models, "aggregates": aggregates,
            "warnings": warnings,
            "verdict": stability.judgement({aggregate.model: drifts[key] for key, aggregate in self.aggregates.items() if drifts[key]},
                                         self.conditions),
        }

    def _cell_id(self, model: str) -> str | None:
        tag = self.manifest["device_tag"]
        return None if tag is None else names.cell_id(tag, model)

    def _calibrated(self, model: dict) -> dict:
        name = model["name"]
        finding = self.findings.get(name, {})
        warm, cold = self._loads(name)
        return {"cell_id": self._cell_id(name), "model": name, "digest": model["digest"],
                **{key: finding.get(key) for key in CALIBRATED}, **self._always_thinks(finding), "placement": self.first_placement.get(name),
                "cold_load_ms": cold.record(), "warm_load_ms": warm.record(), **self._served_context(model)}

    def _served_context(self, model: dict) -> dict:
        if not self.settings.contexts:
            return {}
        planned = [CONTEXT_EDGE, *self.settings.rungs_of(model["name"])]
        served = self.served.get(model["name"], self._no_rungs())
        return {"served_context": served.record(planned, model["context_length"], model["format"])}

    def _always_thinks(self, finding: dict) -> dict:
        """The field is left out unless it is true or the run compares thinking, so that older runs keep their metadata."""
        is_known = "always_thinks" in finding
        return {"always_thinks": finding.get("always_thinks")} if finding.get("always_thinks") or (
            self.settings.thinking is not None and is_known) else {}

    def _loads(self, model: str) -> tuple:
        """(loads of a model that was in memory, loads from disk); the limit between them follows from the calls' load times."""
        calls = Sample()
        for aggregate in self.aggregates.values():
            if aggregate.model == model:
                calls.add(aggregate.load_ms.median())
        return self.loads.get(model, Sample()).split(warning_rules.cold_ms(calls))

    def _aggregate_record(self, aggregate: Aggregate, groups: dict, metrics: dict, drift: dict | None) -> dict:
        rows = [{"item": key.item, "pass": key.pass_, "level": key.level, "fill": key.fill, "calls": group.calls,
                 "metrics": metrics[key], **group.uncontended()} for key, group in groups.items()]
        return {
            "cell_id": self._cell_id(aggregate.model), "model": aggregate.model, "phase": aggregate.phase, "calls": aggregate.calls,
            "outcomes": aggregate.outcomes, "void": aggregate.void, "reattempts": aggregate.reattempts, "skips": aggregate.skips,
            "prefill_basis": aggregate.bases.pop() if len(aggregate.bases) == 1 else None, "quality": aggregate.quality.record(),
            "groups": rows, "waves": [waves.record(level) for level, waves in aggregate.waves.items()], "drift": drift,
            **self._rung_record(aggregate), **self._failures(aggregate),
            **({} if aggregate.thinking is None else {"thinking": aggregate.thinking.record(self._paired(aggregate.model, aggregate.phase))}),
        }

    def _failures(self, aggregate: Aggregate) -> dict:
        failures = aggregate.failures.records()
        return {"failures": failures} if failures and earlier_methods.has_failures(self.manifest) else {}

    def _rung_record(self, aggregate: Aggregate) -> dict:
        rung = self.served[aggregate.model].rungs.get(aggregate.phase) if aggregate.model in self.served else None
        return {"rung": rung.record()} if rung else {}


def _has_middle(call: CallRecord, grader: dict) -> bool:
    """Whether an answer of context-edge contains the fact from the middle of its prompt."""
    return grading.terms_found(grader, call.answer)[PLACES.index("middle")]


def _energy_shares(wave: List[CallRecord]) -> List[Optional[float]]:
    """The energy of each call of a wave by its share of the tokens; the counters measure the whole wave."""
    spent = wave[0].conditions["energy_j"] if wave[0].conditions else None
    if spent is None:
        return [None] * len(wave)
    tokens = [call.eval_tokens or 0 for call in wave]
    if not all(tokens):
        return [None] * len(wave)
    return [spent * count / sum(tokens) for count in tokens]
