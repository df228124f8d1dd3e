"""Findings: one breach of one rule, where it is, what was seen and what was expected; all of them are gathered.

What was seen is somebody's text: it is shown in one line, and private things in it with their middles hidden.
"""
from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from typing import Iterable, Iterator

from base import sensitive
from base.errors import printable
from judge.rules import EDIT, MISSING, REWORD, RULES, SEVERITIES

MOST = 20               # of one rule in one file; a ledger with a million bad lines must not fill the memory
SHOWN_CHARACTERS = 160


@dataclass(frozen=True)
class Finding:
    """One breach. `path` is from the repository's root, or names a commit; `line` counts from 1."""
    rule: str
    observed: str
    expected: str = ""
    pointer: str | None = None      # JSON pointer within the file or the line
    line: int | None = None
    path: str = ""

    @property
    def severity(self) -> str:
        return RULES[self.rule].severity


class FindingList:
    """Findings in the order in which they came; of a flood of one kind the first MOST, and a count of the others."""

    def __init__(self) -> None:
        self.findings: list = []
        self.counts = dict.fromkeys(SEVERITIES, 0)
        self._seen: dict = {}           # (rule, path): how many

    def add(self, found: Iterable[Finding], path: str = "", line: int | None = None) -> None:
        for one in found:
            if path and not one.path:
                one = dataclasses.replace(one, path=path, line=one.line or line)
            number = self._seen[one.rule, one.path] = self._seen.get((one.rule, one.path), 0) + 1
            self.counts[one.severity] += 1
            if number <= MOST:
                self.findings.append(one)

    @property
    def has_errors(self) -> bool:
        return self.counts["error"] > 0

    def left_out(self) -> dict:
        """(rule, path): how many findings are counted and not kept."""
        return {key: number - MOST for key, number in self._seen.items() if number > MOST}


def numbered(matches: Iterable, text: str) -> Iterator[tuple]:
    """(line, match) of matches in order of place; the text is gone through once, however many there are."""
    line, reached = 1, 0
    for found in matches:
        line, reached = line + text.count("\n", reached, found.start()), found.start()
        yield line, found


def fix(one: Finding) -> str:
    """The command that mends it, with the file's own name in it."""
    end = _end_of_run(one.path)
    run = one.path[:end] if end else one.path
    if one.path.startswith("commit "):
        return REWORD
    advice = RULES[one.rule].advice
    if one.rule == "name-file-missing":
        advice = MISSING.get(one.path.rpartition("/")[2], advice)
    if one.rule.startswith("privacy-") and one.path.endswith("/run.md"):
        advice = EDIT       # the contributor's own words; nothing has to be measured again for them
    return advice.replace("{path}", _quoted(one.path)).replace("{run}", _quoted(run))


def _end_of_run(path: str) -> int:
    """Where the run's folder ends in a path; 0 where there is none."""
    place = path.find("/run-")
    return 0 if place < 0 else (path.find("/", place + 1) if path.find("/", place + 1) > 0 else len(path))


def _quoted(path: str) -> str:
    return shlex.quote(shown(path))


def row(one: Finding) -> dict:
    """A finding as JSON holds it."""
    return {"rule": one.rule, "severity": one.severity, "path": shown(one.path), "line": one.line,
            "pointer": None if one.pointer is None else shown(one.pointer), "observed": shown(one.observed),
            "expected": shown(one.expected), "says": RULES[one.rule].says, "fix": fix(one)}


def shown(text: str) -> str:
    """One line of bounded length, private things in it redacted."""
    text = text if len(text) <= 4 * SHOWN_CHARACTERS else text[:4 * SHOWN_CHARACTERS]
    for _, found in list(sensitive.find(text)):
        text = text.replace(found, redacted(found))
    text = printable(text)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS - 3] + "..."


def redacted(text: str) -> str:
    """Enough to find it again, too little to use it."""
    if len(text) < 8:
        return text[:1] + "***"
    return text[:3] + "***" + text[-2:]
