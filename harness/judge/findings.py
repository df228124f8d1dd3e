"""Findings: one breach of one rule each, with its place, what was observed and what was expected.

What was observed may be text of a contributor: it is shown on one line, with the middle of private data hidden.
"""
from __future__ import annotations

import re
import shlex
from typing import Collection, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from base import names, sensitive, shell
from base.errors import printable
from judge.rules import CHANGED_LEDGER_RULES, CONTRIBUTOR_RULES, EDIT, MEASURE, MISSING, REWORD, RULES, SEVERITIES, UNEDITED

MOST = 20               # kept of one rule in one file; a ledger with a million bad lines must not fill the memory
SHOWN_CHARACTERS = 240      # a sentence that names a run by its path fits
BASE = "<base>"         # in an advice: the base of the change
OWN_TIMES = "a run with times of its own"    # expected of a run that shares times with another one
UNCLEAR = "this does not show which of the two is the copy"


class Finding(NamedTuple):
    """One breach. `path` is from the repository's root, or names a commit; `line` counts from 1."""
    rule: str
    observed: str
    expected: str = ""
    pointer: Optional[str] = None      # JSON pointer within the file or the line
    line: Optional[int] = None
    path: str = ""

    @property
    def severity(self) -> str:
        return RULES[self.rule].severity


class Pair(NamedTuple):
    """What two runs have in common or contradict each other in, as a finding of each."""
    run: str
    other: str
    of_run: Finding
    of_other: Finding


class FindingList:
    """Findings in the order in which they were added: the first MOST of each rule and file, and a count of the rest."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self.counts = dict.fromkeys(SEVERITIES, 0)
        self._numbers: dict[tuple, int] = {}           # by (rule, path)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._kept)

    def add(self, findings: Iterable[Finding], path: str = "", line: int | None = None) -> None:
        """Add findings; `path` and `line` are the place of those that do not name their own."""
        for finding in findings:
            if path and not finding.path:
                finding = finding._replace(path=path, line=finding.line or line)
            key = finding.rule, finding.path
            self._numbers[key] = self._numbers.get(key, 0) + 1
            self.counts[finding.severity] += 1
            if self._numbers[key] <= MOST:
                self._kept.append(finding)

    @property
    def has_errors(self) -> bool:
        return self.counts["error"] > 0

    def errors_of_run(self, handle: str) -> Dict[str, int]:
        """The number of errors by rule, without those about the contributor's own text, or about a handle that is still to be set."""
        still_open = (*CONTRIBUTOR_RULES, *(["name-handle"] if handle == names.UNNAMED else []))
        numbers: Dict[str, int] = {}
        for (rule, _), number in self._numbers.items():
            if RULES[rule].severity == "error" and rule not in still_open:
                numbers[rule] = numbers.get(rule, 0) + number
        return numbers

    @property
    def waits_for_person(self) -> bool:
        """Whether all is done but the boxes of the attestation, which only the person who measured may have ticked."""
        return {rule for rule, _ in self._numbers if RULES[rule].severity == "error"} == {"runmd-attestation"}

    @property
    def has_crashed(self) -> bool:
        """Whether the checker itself failed on a run: never a pass."""
        return any(rule == "checker-failed" for rule, _ in self._numbers)

    def left_out(self) -> dict[tuple, int]:
        """(rule, path): how many findings are counted and not kept."""
        return {key: number - MOST for key, number in self._numbers.items() if number > MOST}


class HeadVerdicts(NamedTuple):
    """The heads of a check that cannot simply be merged: those with errors, and the rules of the holds of each head that has any."""
    refused: List[str]
    held: Dict[str, List[str]]

    def add(self, head: str, findings: Collection[Finding]) -> None:
        """Add a head, by its findings."""
        if any(finding.severity == "error" for finding in findings):
            self.refused.append(head)
        rules = dict.fromkeys(finding.rule for finding in findings if finding.severity == "hold")
        if rules:
            self.held[head] = list(rules)


def with_line_numbers(matches: Iterable[re.Match], text: str) -> Iterator[Tuple[int, re.Match]]:
    """(line, match) of matches in order; the text is read once, however many there are."""
    line, reached = 1, 0
    for match in matches:
        line, reached = line + text.count("\n", reached, match.start()), match.start()
        yield line, match


def fix(finding: Finding, base: str = BASE) -> str:
    """The command that fixes it, with the file's own name in it, and the base of the change where that is known."""
    advice = _advice(finding, base)
    may_be_bug = advice == MEASURE and finding.severity == "error" and finding.rule.startswith(("ledger-", "protocol-"))
    return f"{UNEDITED}; else {advice}" if may_be_bug else advice


def _advice(finding: Finding, base: str) -> str:
    """The same for somebody who cannot know whether a file was edited."""
    end = _end_of_run(finding.path)
    run = finding.path[:end] if end else finding.path
    if finding.path.startswith("commit "):
        return REWORD.replace(BASE, base)
    advice = RULES[finding.rule].advice
    if finding.rule == "name-file-missing":
        advice = MISSING.get(finding.path.rpartition("/")[2], advice)
    if finding.rule.startswith("privacy-") and finding.path.endswith("/run.md"):
        advice = EDIT       # the contributor's own words; nothing has to be measured again for them
    return advice.replace(BASE, base).replace("{path}", _quoted(finding.path)).replace("{run}", _quoted(run))


def for_reviewer(finding: Finding, base: str = BASE) -> str:
    """A reviewer does not edit somebody else's run, and asks how a ledger came about that no harness writes."""
    if finding.rule in CHANGED_LEDGER_RULES:
        return ("the ledger contradicts itself and was probably changed after it was measured. First ask the contributor how that came "
                f"about. If there is no explanation, {_advice(finding, base)}")
    if finding.rule == "name-removed":
        return 'do not merge it before you know why it was removed ("Redacting a run" in harness/MAINTAINING.md); ask its owner'
    if finding.rule in ("physics-duplicate", "name-twice") and UNCLEAR in finding.expected:
        return "ask in both requests which of the two was measured; merge neither before that is clear, and the copy never"
    if finding.rule == "physics-duplicate" and finding.expected.startswith(OWN_TIMES):
        return "ask the contributor which of the two was measured; do not merge this run before that is clear, and never if it is the copy"
    if removes_a_run(finding):
        return f"if you redact this run, see harness/MAINTAINING.md; if not, ask the contributor for this: {fix(finding, base)}"
    if _advice(finding, base) == MEASURE:
        return f"ask the contributor to {MEASURE}"
    return f"ask the contributor for this: {fix(finding, base)}"


def removes_a_run(finding: Finding) -> bool:
    """Whether a change removes a whole run, as a redaction does."""
    return finding.rule == "scope-adds-only" and _end_of_run(finding.path) == len(finding.path) > 0


def suited(command: str, is_tracked: bool) -> str:
    """The command as it suits the file: git commands only for tracked ones."""
    if is_tracked:
        return command
    if command.startswith("git checkout -- "):
        return "put the file back as the harness wrote it; if no copy is left, measure again"
    if command.startswith("git rm "):
        return f"remove {command.rpartition('--force ')[2]}"
    if command.startswith("git mv "):
        return f"{shell.command('run_benchmark.py', '--move')} {command.split(' ')[2]} --handle {names.HANDLE_WORD} --device-tag {names.TAG_WORD}"
    return command


def run_of(finding: Finding) -> str:
    """The folder of the finding's run, or what else its path begins with."""
    return "/".join(finding.path.split("/")[:4])


def _end_of_run(path: str) -> int:
    """Where the run's folder ends in a path; 0 where there is none."""
    place = path.find("/run-")
    return 0 if place < 0 else (path.find("/", place + 1) if path.find("/", place + 1) > 0 else len(path))


def _quoted(path: str) -> str:
    return shlex.quote(shown(path))


def row(finding: Finding, base: str = BASE) -> dict:
    return {"rule": finding.rule, "severity": finding.severity, "path": shown(finding.path), "line": finding.line,
            "pointer": None if finding.pointer is None else shown(finding.pointer), "observed": shown(finding.observed),
            "expected": shown(finding.expected), "says": RULES[finding.rule].says, "fix": fix(finding, base)}


def shown(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """One line of at most so many characters, with private data redacted."""
    text = text if len(text) <= 4 * most else text[:4 * most]
    for _, private in list(sensitive.find(text)):
        text = text.replace(private, redacted(private))
    text = printable(text)
    return text if len(text) <= most else text[:most - 3] + "..."


def redacted(text: str) -> str:
    """Enough to find it again, too little to use it."""
    if len(text) < 8:
        return text[:1] + "***"
    return text[:3] + "***" + text[-2:]
