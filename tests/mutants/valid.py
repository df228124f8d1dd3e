"""One run that breaks no rule: made by a script, with planted speeds; no machine was measured."""
from __future__ import annotations

import functools
import json
import pathlib
import unittest.mock
from typing import Tuple

import support
from base import facts, git, json_text, ledger, ledger_records, plan, records, suites
from derive import run_md, run_report, summary
from judge import evidence
from measure import models, run_setup
from mutants import machine

RUN_ID = "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
HANDLE, DEVICE_TAG = "mutant", "synthetic-cpu-8gb"
STARTED_AT, ENDED_AT = "2026-11-24T10:00:00Z", "2026-11-24T13:00:00Z"
FLOOR = {"streams": 1, "chunks": 243, "ttft_error_us_p50": 60.1, "ttft_error_us_max": 92.5, "gap_error_us_p50": 4.2,
         "gap_error_us_p99": 31.0, "gap_error_us_max": 44.8, "cpu_us_per_chunk": 6.1}
MODELS = {
    "planted-small:1b": {"size_bytes": 900_000_000, "token_ms": 25.0, "prompt_ms": 0.9, "digest": "1a" * 32},
    "planted-large:3b": {"size_bytes": 2_000_000_000, "token_ms": 55.0, "prompt_ms": 2.1, "digest": "2b" * 32},
}
SETTINGS = plan.Settings(repeats=1)
PHASES = ("frozen-prompts", "small-eval")


def manifest_of(phases: list, settings: plan.Settings, chosen: dict) -> dict:
    """A manifest as the driver would write it, but for what would be read from this machine."""
    choice = models.ModelChoice([models.described(
        {"name": name, "digest": model["digest"], "size": model["size_bytes"], "details": {
            "format": "gguf", "family": "planted", "parameter_size": name.rpartition(":")[2].upper(),
            "quantization_level": "Q4_K_M"}, "capabilities": ["completion"] + ["thinking"] * ("thinks" in model)}, {"template": "{{ .Prompt }}"})
        for name, model in chosen.items()], [], [])
    facts = {"handle": HANDLE, "device_tag": DEVICE_TAG, "started_at": STARTED_AT, "target": "http://127.0.0.1:11434",
             "server_version": "0.33.0", "host_hostname_short": "planted", "floor": FLOOR, "time_limit_s": None}
    loaded = {phase: suites.load(phase) for phase in phases}
    with unittest.mock.patch.multiple(run_setup, source_sha256=lambda: "", git_state=lambda: (None, None)):     # replaced below
        made = run_setup.manifest(RUN_ID, facts, choice, phases, settings, loaded, plan.overrides_of(settings))
    commit, sha256 = _known_commit()
    return {**made, "platform": "Linux x86_64", "python": "3.12.1", "harness_sha256": sha256, "harness_modified": False, "harness_commit": commit}


@functools.lru_cache(maxsize=1)
def _known_commit() -> Tuple[str, str]:
    """The present commit of this clone and the hash of its sources; made up where this is no clone."""
    commit = git.line(support.ROOT, "rev-parse", "HEAD") or ""
    sha256 = evidence.source_hash_of(commit) if commit else None
    return (commit, sha256) if sha256 else ("d1" * 20, "c0" * 32)


def hardware_of(synthetic: bool) -> dict:
    """A hardware.json that is complete in shape: nothing was looked at, and what is known was planted."""
    found = {**_unlooked("hardware"), "schema": records.HARDWARE_VERSION, "synthetic": synthetic, "probed": True, "why_not_probed": None}
    found["cpu"]["model"] = facts.known("Synthetic processor", "planted by a script")
    found["memory"]["physical_bytes"] = facts.known(8 * 2 ** 30, "planted by a script")
    found["accelerators"] = facts.known([], "planted by a script")
    return found


def _unlooked(kind: str) -> dict:
    found = {}
    for field in records.RECORDS[kind]:
        if field.kind.endswith("_fact"):
            found[field.name] = facts.unknown("synthetic: no machine was looked at")
        else:
            found[field.name] = _unlooked(field.kind) if field.kind in records.RECORDS else support.record(kind)[field.name]
    return found


@functools.lru_cache(maxsize=None)
def _made(settings_key: tuple, phases: tuple, models: int, share: float, thinks: str | None) -> str:
    """Manifest and records as JSON, which is copied faster than they are. The first model `thinks`: asked, always or never (None)."""
    settings = plan.Settings(**dict(settings_key))
    chosen = {name: dict(model) for name, model in list(MODELS.items())[:models]}
    if thinks:
        chosen[next(iter(chosen))]["thinks"] = thinks
    found = manifest_of(list(phases), settings, chosen)
    loaded = {phase: suites.load(phase) for phase in phases}
    return json.dumps([found, machine.records_of(found, loaded, machine.Server(chosen, share=share), ENDED_AT)])


STORY = {heading: f"Synthetic: no machine was measured, and so there is nothing to tell of it here ({number})."
         for number, (heading, _) in enumerate(run_md.SECTIONS, 1)}


class Run:
    """The five files of a run as values, to be changed and written."""

    def __init__(self, settings: plan.Settings = SETTINGS, phases: tuple = PHASES, models: int = 1, share: float = 0.0, thinks: str | None = None):
        key = tuple((name, getattr(settings, name)) for name in ("levels", "repeats", "thinking", "thinking_budget", "contexts"))
        self.manifest, self.records = json.loads(_made(key, phases, models, share, thinks))
        self.hardware = hardware_of(synthetic=False)
        self.handle, self.device_tag, self.run_id = HANDLE, DEVICE_TAG, RUN_ID
        self.changed: set = set()       # places of its lies, where it takes several
        self.title, self.story = "Synthetic: made by tests/mutants, no machine was measured", STORY

    @property
    def place(self) -> str:
        return f"submissions/{self.handle}/{self.device_tag}/run-{self.run_id}"

    def calls(self, **wanted: object) -> list:
        """Its call records that have these values."""
        return [record for record in self.records if record["type"] == "call"
                and all(record[name] == value for name, value in wanted.items())]

    def rename(self, run_id: str) -> None:
        """The same run under another id."""
        self.run_id = self.manifest["run_id"] = self.records[0]["run_id"] = run_id
        self.seal()

    def seal(self) -> None:
        """The lines as a run would have left them, whatever was changed in them."""
        self.records = machine.sealed(self.records)

    def files(self) -> dict:
        """name: bytes of the five files; metadata.json and run.md are derived from the records as they are now."""
        measured = self.measured_files()
        loaded = {row["phase"]: suites.load_by_sha256(row["phase"], row["sha256"]) for row in self.manifest["suites"]}
        graders = {item.id: item.grader for suite in loaded.values() for item in suite.items}
        derived = summary.summarize(self.manifest, map(ledger_records.typed, self.records), graders, self.records[-1].get("code_grades"))
        derived["ledger_sha256"] = ledger.sha256(measured["run.jsonl"])
        return {**measured, **self.derived_files({field.name: derived[field.name] for field in records.RECORDS["metadata"]})}

    def measured_files(self) -> dict:
        """name: bytes of the three files that are measured."""
        return {"manifest.json": json_text.pretty(self.manifest), "hardware.json": json_text.pretty(self.hardware),
                "run.jsonl": b"".join(json_text.dumps(record).encode("ascii") + b"\n" for record in self.records)}

    def derived_files(self, metadata: dict) -> dict:
        """name: bytes of the two files that this metadata record gives."""
        text = filled_in(run_md.new(self.title, run_report.render(self.manifest, metadata)), self.story)
        return {"metadata.json": json_text.pretty(metadata), "run.md": text.encode("utf-8")}

    def write(self, root: pathlib.Path) -> pathlib.Path:
        """The run's folder below root/submissions, whole and consistent."""
        return laid_out(root / self.place, self.files())


def filled_in(story: str, answers: dict) -> str:
    """A run.md whose questions are answered and whose boxes are ticked."""
    for heading, question in run_md.SECTIONS:
        story = story.replace(f"{run_md.PROMPT} {question}", answers[heading])
    return story.replace("- [ ] ", "- [x] ")


def laid_out(folder: pathlib.Path, contents: dict) -> pathlib.Path:
    folder.mkdir(parents=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder
