"""The self-test: planted against recovered, and whether a disagreement is the harness's fault or the machine was busy."""
from __future__ import annotations

import pathlib
import tempfile
from dataclasses import dataclass
from typing import Callable, Dict, List

from base import console, run_folder
from base.errors import FINE, FOUND
from derive import derived_files
from measure.endpoint import Endpoint
from self_test import checks, rung_checks, scenarios, thinking, timing_floor
from self_test.checks import CheckLine, in_group


@dataclass(frozen=True)
class Result:
    """Every comparison; `busy_share` is how busy others kept the processors, None if they did not."""
    lines: List[CheckLine]
    busy_share: float | None

    def word(self, line: CheckLine) -> str:
        """ok, WRONG, or busy: what is timed cannot be judged on a busy machine."""
        if line.passed:
            return "ok"
        return "busy" if line.timed and self.busy_share is not None else "WRONG"

    def count(self, word: str) -> int:
        return sum(self.word(line) == word for line in self.lines)

    def report(self, verbose: bool = False) -> str:
        """A count for each group, and in full what was not recovered; with `verbose` every comparison."""
        listed = [line for line in self.lines if verbose or self.word(line) != "ok"]
        parts = [] if verbose else [self._counts()]
        if listed:
            rows = [[self.word(line), line.name, line.planted, line.recovered] for line in listed]
            parts.append(console.format_table(["", "planted against recovered (synthetic)", "planted", "recovered"], rows, range(4)))
        return "\n\n".join([*parts, self.summary()])

    def _counts(self) -> str:
        groups: Dict[str, List[str]] = {}
        for line in self.lines:
            groups.setdefault(line.group, []).append(self.word(line))
        rows = [[group, f"{words.count('ok')} of {len(words)}"] for group, words in groups.items()]
        return console.format_table(["planted in the fake server (synthetic)", "recovered"], rows, (0,))

    def summary(self) -> str:
        passed, total = self.count("ok"), len(self.lines)
        if self.count("WRONG"):
            return f"self-test failed: {passed} of {total} recovered"
        if self.count("busy"):
            share = f" (others used {100 * (self.busy_share or 0):.0f} % of its processors while nothing ran)"
            return f"self-test undecided: the machine was busy{share}; {passed} of {total} recovered, nothing wrong was found"
        return f"self-test passed: {passed} of {total} recovered"

    def next_step(self, again: str, onward: str) -> str:
        if self.count("WRONG"):
            return "report the lines that say WRONG, and trust no figure of this machine"
        return f"close other programs, then {again}" if self.count("busy") else onward

    @property
    def exit_code(self) -> int:
        return FINE if self.count("ok") == len(self.lines) else FOUND


class PartProgress(console.Progress):
    """The drawn line of one part of the self-test. Nothing else is shown of it, since its failures are planted."""

    def __init__(self, part: str, quiet: bool):
        super().__init__(quiet)
        self._part = part

    @property
    def columns(self) -> int:
        return super().columns - len(self._part) - 2

    def draw(self, text: str) -> None:
        super().draw(f"{self._part}: {text}"[:super().columns])

    def line(self, text: str) -> None:
        pass

    stay = line


def run(note: Callable[[str], None], quiet: bool = False) -> Result:
    with timing_floor.fake_server() as endpoint:
        first = PartProgress("1 of 5", quiet)
        lines, busy_share = _whole_run(endpoint, first, 1)
        if any(line.timed and not line.passed for line in lines):
            note("a timed value does not agree: repeating it with slower answers")
            lines, busy_share = _whole_run(endpoint, first, scenarios.SLOWER)
        for speak, reports_count in ((scenarios.SCRIPTED, False), (scenarios.COUNTS_CACHED, True)):
            lines += _kinds_of_models(endpoint, PartProgress("2 of 5", quiet), speak, reports_count)
        for number, part in enumerate((_thinking, _context_ladder, _faults), 3):
            lines += part(endpoint, PartProgress(f"{number} of 5", quiet))
        return Result(lines, busy_share)


def _whole_run(endpoint: Endpoint, progress: console.Progress, slower: float) -> tuple[list, float | None]:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        outcome = scenarios.whole_run(endpoint, folder, progress, slower)
        metadata = derived_files.write(folder, run_folder.read_manifest(folder), {})
    lines = in_group("the run, and what it finds out about the models",
                     checks.whole_run(outcome.records, outcome.log, outcome.models, scenarios.SLOTS, outcome.complete))
    lines += in_group("metadata.json", checks.derived_files(metadata, outcome.records, outcome.log, outcome.models))
    return lines, checks.busy_share(outcome.records, outcome.log)


def _thinking(endpoint: Endpoint, progress: console.Progress) -> list:
    """Once more with answers that take longer where something timed does not agree."""
    lines = thinking.lines(endpoint, progress)
    if any(line.timed and not line.passed for line in lines):
        lines = thinking.lines(endpoint, progress, scenarios.SLOWER)
    return in_group("thinking", lines)


def _kinds_of_models(endpoint: Endpoint, progress: console.Progress, speak: str, reports_count: bool) -> list:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        outcome = scenarios.kinds_of_models(endpoint, folder, progress, speak)
        metadata = derived_files.write(folder, run_folder.read_manifest(folder), {})
    return in_group("models with other caches and formats",
                    checks.kinds_of_models(metadata, outcome.records, outcome.left_out, outcome.models, reports_count))


def _context_ladder(endpoint: Endpoint, progress: console.Progress) -> list:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        outcome = scenarios.context_ladder(endpoint, folder, progress)
        manifest = run_folder.read_manifest(folder)
        metadata = derived_files.write(folder, manifest, run_folder.graders_of(run_folder.suites_of(manifest)))
    return in_group("larger contexts", rung_checks.context_ladder(metadata, outcome.records, outcome.models, scenarios.SERVED))


def _faults(endpoint: Endpoint, progress: console.Progress) -> list:
    """What a busy machine spoiled is tried again with more time."""
    lines = {line.name: line for line in checks.faults(scenarios.every_fault(endpoint, progress))}
    for slower in (scenarios.SLOWER, 4 * scenarios.SLOWER):
        failed = {name.partition(": ")[2] for name, line in lines.items() if not line.passed}
        if failed:
            lines.update((line.name, line) for line in checks.faults(scenarios.every_fault(endpoint, progress, slower, failed)))
    progress.clear()
    return in_group("faults of a server and of a connection", list(lines.values()))
