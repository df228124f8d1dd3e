"""The report: findings as text for people, grouped by file, and as JSON for agents and workflows."""
from __future__ import annotations

import json
from collections import Counter
from typing import Callable, Dict

from base import text_format
from judge import thresholds
from judge.findings import BASE, FindingList, Finding, fix, for_reviewer, row, run_of, shown, suited
from judge.rules import RULES, SEVERITIES

VERSION = "verdict-1.0"
READY = "ready for the person whose run it is"      # the verdict while only the boxes of the attestation are open
TICK = "look through the five files, and tick the boxes in run.md if their sentences are true (an agent asks its human first); then"
PASSED, HELD, REFUSED = "passed", "held for a maintainer", "refused"


def as_json(findings: FindingList, judged: list, base: str = BASE) -> str:
    """Keys and rule ids stay as they are within a version; new keys may come."""
    left_out = [{"rule": rule, "path": shown(path), "count": count} for (rule, path), count in findings.left_out().items()]
    return json.dumps({
        "schema": VERSION, "thresholds": thresholds.version(), "passed": not findings.has_errors, "runs": len(judged),
        "counts": findings.counts, "findings": [row(finding, base) for finding in findings], "left_out": left_out}, indent=2)


def as_text(findings: FindingList, judged: list, is_tracked: Callable[[str], bool] = lambda path: True,
            is_reviewer: bool = False, base: str = BASE) -> str:
    """Findings by file, in a file by rule: the rule, each place, and the fix once."""
    by_path: dict = {}
    for finding in findings:
        by_path.setdefault(finding.path, {}).setdefault(finding.rule, []).append(finding)
    lines, left_out = [], findings.left_out()
    for path, by_rule in by_path.items():
        lines.append(shown(path))
        for rule in sorted(by_rule, key=lambda rule: list(SEVERITIES).index(RULES[rule].severity)):
            lines.append(f"  {RULES[rule].severity:<8}rule {rule}: {RULES[rule].says}")
            lines += [f"      {_sentence(finding)}" for finding in by_rule[rule]]
            lines += [f"      and {left_out[rule, path]} more like these"] if (rule, path) in left_out else []
            first = by_rule[rule][0]
            lines.append(f"      fix: {for_reviewer(first, base) if is_reviewer else suited(fix(first, base), is_tracked(path))}")
        lines.append("")
    lines.append(_summary(findings, judged, is_reviewer))
    return "\n".join(lines)


def _summary(findings: FindingList, judged: list, is_reviewer: bool) -> str:
    """The last line: the verdict of all runs, or how many have which verdict where they differ."""
    counts = ", ".join(f"{count} {name}{'s' if count != 1 and name != 'info' else ''}"
                       for name, count in findings.counts.items() if count)
    verdicts = verdicts_of(findings)
    of_runs = Counter(verdicts.get(sheet.place.path, PASSED) for sheet in judged)
    is_ready = findings.waits_for_person and not is_reviewer
    if len(of_runs) > 1 and not is_ready:
        runs = [f"{of_runs[verdict]} {verdict}" for verdict in (PASSED, HELD, REFUSED) if of_runs[verdict]]
        return f"{runs[0].replace(' ', ' run ' if runs[0].startswith('1 ') else ' runs ', 1)}, {', '.join(runs[1:])} ({counts})"
    verdict = READY if is_ready else REFUSED if findings.has_errors else HELD if findings.counts["hold"] else PASSED
    nothing = "no error and no hold" if is_reviewer else "nothing found"      # the warnings of a run are above, in a review
    return f"{verdict}: {text_format.counted(len(judged), 'run')}, {counts or nothing}"


def verdicts_of(findings: FindingList) -> Dict[str, str]:
    """The verdict of each run that has a hold or an error, by the path of its folder."""
    verdicts: Dict[str, str] = {}
    for finding in findings:
        run = run_of(finding)
        if finding.severity == "error" or (finding.severity == "hold" and run not in verdicts):
            verdicts[run] = REFUSED if finding.severity == "error" else HELD
    return verdicts


def _sentence(finding: Finding) -> str:
    place = " ".join(([f"line {finding.line}"] if finding.line else []) + ([shown(finding.pointer)] if finding.pointer else []))
    expected = f"; expected {shown(finding.expected)}" if finding.expected else ""
    return f"{place}: {shown(finding.observed)}{expected}" if place else f"{shown(finding.observed)}{expected}"


def rules() -> str:
    return "\n".join(f"{rule.severity:<8}{rule.id:<26}{rule.says}" for rule in RULES.values())
