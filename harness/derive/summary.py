"""The summary: metadata.json, computed from the ledger; manifest and suites only lend names, formats and graders.

One pass over the records, in memory that grows with the plan's variety and not with its length. The same ledger gives
the same bytes on every machine and every Python.
"""
from __future__ import annotations

import functools
from typing import Iterable

from base import names, records
from derive import grading, stability, warning_rules
from derive.aggregate import Cell
from derive.distribution import METHOD, Sample

MAX_REMEMBERED = 4096       # answers whose verdict is known: at temperature 0 the repeats say the same
FOUND = ("head_tokens", "head_method", "slots_seen", "thinks_by_default", "tells_cached_tokens", "too_long",
         "one_token_eval_ns")


def summarize(manifest: dict, ledger: Iterable[dict], graders: dict, code_grades: dict | None,
              witness: object = None, cells: dict | None = None) -> dict:
    """The `metadata` record but for its ledger_sha256, which is known when the last record was read.

    `graders` maps items to their graders (or None), `code_grades` is the final footer's. A `witness` is told of each
    measured call with its figures and its mark, and of each wave. `cells`, where given, is filled with the Cell of each
    (model, phase), for who pools the samples of several runs.
    """
    run = _Run(manifest, graders, code_grades or {}, witness)
    for record in ledger:
        run.add(record)
    run.flush()
    if cells is not None:
        cells.update(run.cells)
    return run.metadata()


class _Run:
    def __init__(self, manifest: dict, graders: dict, code_grades: dict, witness: object = None):
        self.manifest, self.graders, self.code_grades, self.witness = manifest, graders, code_grades, witness
        self.formats = {model["name"]: model["format"] for model in manifest["models"]}
        self.meta: dict = {}
        self.footer: dict | None = None
        self.cells: dict = {}
        self.findings: dict = {}
        self.loads: dict = {}
        self.first_placement: dict = {}
        self.starts: list = []
        self.outcomes: dict = {}
        self.skipped = 0
        self.circumstances = stability.Circumstances()
        self.wave: list = []
        self._grade = functools.lru_cache(MAX_REMEMBERED)(self._graded)

    def add(self, record: dict) -> None:
        kind = record["type"]
        if record.get("session_start"):
            self.starts.append(record["session_start"])
        if kind == "call":
            self._call(record)
        elif kind == "skipped":
            self.skipped += 1
            self._cell(record).skip(record)
        elif kind == "meta":
            self.meta = record
        else:
            self.footer = record

    def _call(self, record: dict) -> None:
        self.circumstances.add(record)
        model = record["model"]
        if record["finding"]:
            self.findings.setdefault(model, {}).update(record["finding"])
        if record["role"] == "measured":
            self._measured(record)
        elif record["item"] == "LOAD" and record["done_ns"] is not None:
            self.loads.setdefault(model, Sample()).add(record["done_ns"] / 1e6)

    def _measured(self, record: dict) -> None:
        if self.wave and not _follows(record, self.wave[-1]):
            self.flush()
        self.wave.append(record)
        if record["wave"] is None:
            self.flush()

    def flush(self) -> None:
        """The wave (or the single call) is whole."""
        wave, self.wave = self.wave, []
        if not wave:
            return
        models = list(dict.fromkeys(record["model"] for record in wave))
        for record, energy_j in zip(wave, _energy_shares(wave)):
            self._count(record, energy_j)
        if wave[0]["wave"] is not None:
            for model in models:
                self.cells[model, wave[0]["phase"]].wave(wave, models)
            if self.witness:
                self.witness.wave(wave)

    def _count(self, record: dict, energy_j: float | None) -> None:
        model, outcome = record["model"], record["outcome"]
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if record["placement"]:
            self.first_placement.setdefault(model, record["placement"])
        cell = self._cell(record)
        values, mark = cell.add(record, self.findings.get(model, {}), energy_j), None
        grader = self.graders.get(record["item"])
        if grader is not None:
            mark = cell.quality.add(record, grader, self._verdict(record, grader))
        if self.witness:
            self.witness.call(record, values, mark)

    def _verdict(self, record: dict, grader: dict) -> bool | None:
        if grader["kind"] != "python":
            return self._grade(record["item"], record["answer"])
        found = self.code_grades.get(str(record["seq"]))
        return found["passed"] if found else None

    def _graded(self, item: str, answer: str) -> bool:
        return grading.grade(self.graders[item], answer)

    def _cell(self, record: dict) -> Cell:
        key = record["model"], record["phase"]
        if key not in self.cells:
            self.cells[key] = Cell(*key, self.formats.get(record["model"]))
        return self.cells[key]

    def metadata(self) -> dict:
        drifts = {key: stability.drift(cell, self.circumstances) for key, cell in self.cells.items()}
        versions = [start["server_version"] for start in self.starts]
        groups = {key: cell.groups for key, cell in self.cells.items()}
        warnings = [row for key, cell in self.cells.items() for row in warning_rules.of_cell(cell, groups[key], drifts[key])]
        warnings += warning_rules.of_run(self.circumstances, self.manifest["target"],
                                   [start["floor"] for start in self.starts], versions)
        sessions = self.footer["sessions"] if self.footer else []
        return {
            "schema": records.METADATA_VERSION, "synthetic": self.meta["synthetic"], "run_id": self.meta["run_id"],
            "device_tag": self.manifest["device_tag"], "statistics": METHOD,
            "complete": bool(self.footer and self.footer["complete"]), "planned": self.manifest["planned_calls"],
            "done": sum(self.outcomes.values()), "skipped": self.skipped, "outcomes": self.outcomes,
            "sessions": len(self.starts), "started_at": self.starts[0]["started_at"] if self.starts else None,
            "ended_at": sessions[-1]["ended_at"] if sessions else None,
            "server_versions": list(dict.fromkeys(versions)),
            "models": [self._calibrated(model) for model in self.manifest["models"]],
            "aggregates": [self._aggregate(cell, groups[key], drifts[key]) for key, cell in self.cells.items()],
            "warnings": warnings,
            "verdict": stability.judgement({cell.model: drifts[key] for key, cell in self.cells.items() if drifts[key]},
                                         self.circumstances),
        }

    def _cell_id(self, model: str) -> str | None:
        tag = self.manifest["device_tag"]
        return None if tag is None else names.cell_id(tag, model)

    def _calibrated(self, model: dict) -> dict:
        name = model["name"]
        found = self.findings.get(name, {})
        warm, cold = self._loads(name)
        return {"cell_id": self._cell_id(name), "model": name, "digest": model["digest"],
                **{key: found.get(key) for key in FOUND}, "placement": self.first_placement.get(name),
                "cold_load_ms": cold.stat(), "warm_load_ms": warm.stat()}

    def _loads(self, model: str) -> tuple:
        """(loads that found the model loaded, loads that read it in), told apart by what its calls take to find it."""
        calls = Sample()
        for cell in self.cells.values():
            if cell.model == model:
                calls.add(cell.load_ms.median())
        return self.loads.get(model, Sample()).split(warning_rules.cold_ms(calls))

    def _aggregate(self, cell: Cell, groups: dict, drift: dict | None) -> dict:
        rows = [{"item": item, "pass": pass_, "level": level, "fill": fill, "calls": group.calls,
                 "metrics": group.metrics()} for (item, pass_, level, fill), group in groups.items()]
        return {
            "cell_id": self._cell_id(cell.model), "model": cell.model, "phase": cell.phase, "calls": cell.calls,
            "outcomes": cell.outcomes, "void": cell.void, "reattempts": cell.reattempts, "skips": cell.skips,
            "prefill_basis": cell.bases.pop() if len(cell.bases) == 1 else None, "quality": cell.quality.record(),
            "groups": rows, "waves": [waves.record(level) for level, waves in cell.waves.items()], "drift": drift,
        }


def _follows(record: dict, before: dict) -> bool:
    """Whether a call is of the same wave as the one before it; their slots ascend."""
    same = all(record[name] == before[name] for name in ("phase", "level", "wave", "session"))
    return same and record["slot"] > before["slot"]


def _energy_shares(wave: list) -> list:
    """What each call of a wave took, by its share of the tokens; the counters know the wave alone."""
    spent = wave[0]["conditions"]["energy_j"] if wave[0]["conditions"] else None
    tokens = [record["eval_tokens"] or 0 for record in wave]
    if spent is None or not all(tokens):
        return [None] * len(wave)
    return [spent * count / sum(tokens) for count in tokens]
