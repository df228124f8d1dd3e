"""A corpus of runs for the catalogue: folders as the harness leaves them, of machines and models that do not exist.

    python tests/corpus.py FOLDER [RUNS]        writes FOLDER/submissions/...

Speeds are planted: decode from memory bandwidth and file size, prefill from computing power, answers right by chance.
The same arguments give the same bytes. Every file says that it is synthetic, and no checker or catalogue takes such
runs unless a test asks for it.
"""
from __future__ import annotations

import datetime
import pathlib
import random
import sys
import uuid
from dataclasses import dataclass

import support      # noqa: F401  (puts the harness on the path)
import ledgers
import planted

from base import json_text, ledger, ledger_records, plan, records
from base.phases import PHASES
from derive import run_md, run_report, summary

RUNS = 64
FIRST_DAY = datetime.datetime(2026, 11, 24, 8, 0, 0)
HANDLES = ("ada", "bora", "cvetko", "dunja", "ema-2", "filip", "goran", "hana", "iris", "jovan")
SMALL_PHASES = ("frozen-prompts", "small-eval")
MOST_PHASES = SMALL_PHASES + ("python-tasks", "context-edge")
# What is unusual about every so many-th run; a run has one quirk at most.
QUIRKS = ("", "failures", "", "throttled", "", "contended", "", "resumed", "drifting", "", "battery", "modified", "", "override",
          "ungraded", "", "one-model")


@dataclass(frozen=True)
class Spec:
    """One run to be made, told by its number alone."""
    number: int
    device: planted.Device
    models: tuple
    phases: tuple
    settings: plan.Settings
    handle: str
    quirk: str

    @property
    def run_id(self) -> str:
        return str(uuid.UUID(int=random.Random(f"run {self.number}").getrandbits(128), version=4))

    @property
    def started(self) -> datetime.datetime:
        return FIRST_DAY + datetime.timedelta(hours=7 * self.number, minutes=11 * self.number % 60)

    @property
    def folder(self) -> str:
        return f"submissions/{self.handle}/{self.device.tag}/run-{self.run_id}"


def spec(number: int, phases: tuple | None = None, models: int = 2) -> Spec:
    """The run of this number; without `phases`, every fifth has all of them, and the others most or but two."""
    turn, place = divmod(number, len(planted.DEVICES))
    if 54 <= number < RUNS:         # one machine that many people have
        turn, place = 0, 0
    device = planted.DEVICES[place]
    quirk = QUIRKS[number % len(QUIRKS)]
    fitting = [model for model in planted.MODELS if model.size_bytes * 1.2 < device.model_memory_bytes]
    first = (turn // 2 * 2 + place // 3 * 2) % len(fitting)
    chosen = tuple(sorted({fitting[first], fitting[(first + 1) % len(fitting)]}, key=lambda model: model.size_bytes))
    if turn % 4 == 3:       # another digest under the same name: the model was published again
        chosen = (chosen[0].again(),) + chosen[1:]
    settings = plan.Settings()
    if quirk == "override":
        settings = plan.Settings(repeats=2, options={**plan.Settings().options, "temperature": 0.7})
    wanted = phases or (PHASES if number % 5 == 0 else SMALL_PHASES if number % 5 == 2 else MOST_PHASES)
    return Spec(number, device, chosen[:1 if quirk == "one-model" else models], tuple(wanted), settings,
                HANDLES[(number * 7 + turn) % len(HANDLES)], quirk)


def write(top: pathlib.Path, count: int = RUNS, phases: tuple | None = None, first: int = 0, models: int = 2) -> list:
    """Folders of the runs, below top/submissions."""
    folders = []
    for number in range(first, first + count):
        one = spec(number, phases, models)
        folder = top / one.folder
        folder.mkdir(parents=True)
        for name, data in made(one).files().items():
            (folder / name).write_bytes(data)
        folders.append(folder)
    return folders


@dataclass(frozen=True)
class Made:
    """A run as values; `cells` are its samples."""
    manifest: dict
    lines: list
    metadata: dict
    hardware: dict
    story: str
    cells: dict
    ledger_data: bytes

    def files(self) -> dict:
        """name: bytes of the five files."""
        return {"manifest.json": json_text.pretty(self.manifest), "run.jsonl": self.ledger_data, "hardware.json": json_text.pretty(self.hardware),
                "metadata.json": json_text.pretty(self.metadata), "run.md": self.story.encode("utf-8")}


def made(one: Spec) -> Made:
    loaded = {phase: planted.suite_of(phase) for phase in one.phases}
    manifest, cells = manifest_of(one, loaded), {}
    lines = list(ledgers.numbered(planted.Machine(one, manifest, loaded).records()))
    data = b"".join(json_text.dumps(record).encode("ascii") + b"\n" for record in lines)
    graders = {item.id: item.grader for suite in loaded.values() for item in suite.items}
    found = summary.summarize(manifest, map(ledger_records.typed, lines), graders, lines[-1].get("code_grades"), aggregates=cells)
    found["ledger_sha256"] = ledger.sha256(data)
    metadata = {field.name: found[field.name] for field in records.RECORDS["metadata"]}
    story = run_md.new(f"{one.device.tag}, {manifest['started_at'][:10]}", run_report.render(manifest, metadata))
    return Made(manifest, lines, metadata, planted.hardware(one.device), _told(story, one), cells, data)


def manifest_of(one: Spec, loaded: dict) -> dict:
    settings = one.settings
    blocks = plan.blocks([model.name for model in one.models], list(one.phases), loaded, settings)
    rows = [{"phase": phase, "model": model, "planned_calls": calls} for phase, model, calls in plan.summary(blocks)]
    return support.record(
        "manifest", schema=records.MANIFEST_VERSION, synthetic=True, run_id=one.run_id, handle=one.handle, device_tag=one.device.tag,
        started_at=planted.utc(one.started), target="http://127.0.0.1:11434", server_name="ollama", server_version="0.33.0",
        models=[model.record() for model in one.models], plan=rows, planned_calls=sum(row["planned_calls"] for row in rows),
        suites=[{"phase": phase, "suite_id": suite.suite_id, "version": suite.version, "file": suite.file_name,
                 "sha256": suite.sha256} for phase, suite in loaded.items()],
        options=dict(settings.options), knobs=dict(settings.request_fields), num_ctx=settings.num_ctx, context_num_ctx=settings.context_num_ctx,
        levels=None if settings.levels is None else list(settings.levels), repeats=settings.repeats,
        overrides=plan.overrides_of(settings), host_hostname_short="planted", platform="Linux x86_64", python="3.12.1",
        harness_version="1.0.0", harness_sha256="c0" * 32, harness_modified=one.quirk == "modified", harness_commit="d1" * 20,
        floor=planted.FLOOR)


def _told(story: str, one: Spec) -> str:
    """A run.md whose questions are answered and whose boxes are ticked."""
    for place, (heading, question) in enumerate(run_md.SECTIONS):
        answer = (f"Synthetic: nothing stands on a desk here ({heading.lower()}, run number {one.number}).\n\nPlanted quirk: "
                  f"*{one.quirk or 'none'}*.")
        story = story.replace(f"{run_md.PROMPT} {question}", answer)
    return story.replace(run_md.BOX, "- [x] ")


if __name__ == "__main__":
    written = write(pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else RUNS)
    print(f"{len(written)} runs below {sys.argv[1]}/submissions")
