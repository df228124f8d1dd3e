"""The self-test: planted against recovered, and whether a disagreement is the harness's fault or the machine was busy."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Tuple

from base import console, text_layout
from base.errors import FINE, FOUND
from measure.endpoint import Endpoint
from self_test import checks, rung_checks, scenarios, thinking_checks, timing_floor
from self_test.checks import CheckLine, in_group


@dataclass(frozen=True)
class Result:
    """Every comparison; `busy_share` is how busy others kept the processors, None if they did not."""
    lines: List[CheckLine]
    busy_share: Optional[float]

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
            parts.append(text_layout.format_table(["", "planted against recovered (synthetic)", "planted", "recovered"], rows, range(4)))
        return "\n\n".join([*parts, self.summary()])

    def _counts(self) -> str:
        groups: Dict[str, List[str]] = {}
        for line in self.lines:
            groups.setdefault(line.group, []).append(self.word(line))
        rows = [[group, f"{words.count('ok')} of {len(words)}"] for group, words in groups.items()]
        return text_layout.format_table(["planted in the fake server (synthetic)", "recovered"], rows, (0,))

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
        if _is_late(lines):
            note("a timed value does not agree: repeating it with slower answers")
            lines, busy_share = _whole_run(endpoint, first, scenarios.SLOWER)
        for speak, reports_count in ((scenarios.SCRIPTED, False), (scenarios.COUNTS_CACHED, True)):
            lines += _kinds_of_models(endpoint, PartProgress("2 of 5", quiet), speak, reports_count)
        for number, part in enumerate((_thinking, _context_ladder, _faults), 3):
            lines += part(endpoint, PartProgress(f"{number} of 5", quiet))
        return Result(lines, busy_share)


def _is_late(lines: List[CheckLine]) -> bool:
    return any(line.timed and not line.passed for line in lines)


def _whole_run(endpoint: Endpoint, progress: console.Progress, slower: float) -> Tuple[List[CheckLine], Optional[float]]:
    result = scenarios.whole_run(endpoint, progress, slower)
    lines = in_group("the run, and what it finds out about the models",
                     checks.whole_run(result.records, result.log, result.models, scenarios.SLOTS, result.complete))
    lines += in_group("metadata.json", checks.derived_files(result.metadata, result.records, result.log, result.models))
    return lines, checks.busy_share(result.records, result.log)


def _thinking(endpoint: Endpoint, progress: console.Progress) -> List[CheckLine]:
    """Once more with answers that take longer where something timed does not agree."""
    lines = thinking_checks.lines(endpoint, progress)
    if _is_late(lines):
        lines = thinking_checks.lines(endpoint, progress, scenarios.SLOWER)
    return in_group("thinking", lines)


def _kinds_of_models(endpoint: Endpoint, progress: console.Progress, speak: str, reports_count: bool) -> List[CheckLine]:
    result = scenarios.kinds_of_models(endpoint, progress, speak)
    return in_group("models with other caches and formats",
                    checks.kinds_of_models(result.metadata, result.records, result.left_out, result.models, reports_count))


def _context_ladder(endpoint: Endpoint, progress: console.Progress) -> List[CheckLine]:
    result = scenarios.context_ladder(endpoint, progress)
    return in_group("larger contexts", rung_checks.context_ladder(result.metadata, result.records, result.models, scenarios.SERVED))


def _faults(endpoint: Endpoint, progress: console.Progress) -> List[CheckLine]:
    """What fails is tried again with more time, since the machine may be busy."""
    lines = {line.name: line for line in checks.faults(scenarios.every_fault(endpoint, progress))}
    for slower in (scenarios.SLOWER, 4 * scenarios.SLOWER):
        failed = {name.partition(": ")[2] for name, line in lines.items() if not line.passed}
        if failed:
            lines.update((line.name, line) for line in checks.faults(scenarios.every_fault(endpoint, progress, slower, failed)))
    progress.clear()
    return in_group("faults of a server and of a connection", list(lines.values()))
