"""The report: findings as text for people, grouped by file, and as JSON for agents and workflows."""
from __future__ import annotations

import json
from typing import Callable

from judge import thresholds
from judge.findings import FindingList, Finding, fix, for_reviewer, row, shown, suited
from judge.rules import RULES, SEVERITIES

VERSION = "verdict-1.0"
READY = "ready for the person whose run it is"      # the verdict while only the boxes of the attestation are open
ASK_PERSON = ("show the five files, and the list that this prints, to the person whose run it is; tick the boxes once they say that "
              "the sentences are true")


def as_json(findings: FindingList, judged: list) -> str:
    """Keys and rule ids stay as they are within a version; new keys may come."""
    left_out = [{"rule": rule, "path": shown(path), "count": count} for (rule, path), count in findings.left_out().items()]
    return json.dumps({
        "schema": VERSION, "thresholds": thresholds.version(), "passed": not findings.has_errors, "runs": len(judged),
        "counts": findings.counts, "findings": [row(finding) for finding in findings], "left_out": left_out}, indent=2)


def as_text(findings: FindingList, judged: list, is_tracked: Callable[[str], bool] = lambda path: True,
            is_reviewer: bool = False) -> str:
    """Findings by file, in a file by rule: the rule, each place, and the fix once."""
    by_path: dict = {}
    for finding in findings:
        by_path.setdefault(finding.path, {}).setdefault(finding.rule, []).append(finding)
    lines, left_out = [], findings.left_out()
    for path, by_rule in by_path.items():
        lines.append(shown(path))
        for rule in sorted(by_rule, key=lambda rule: list(SEVERITIES).index(RULES[rule].severity)):
            lines.append(f"  {RULES[rule].severity:<8}{rule}: {RULES[rule].says}")
            lines += [f"      {_sentence(finding)}" for finding in by_rule[rule]]
            lines += [f"      and {left_out[rule, path]} more like these"] if (rule, path) in left_out else []
            first = by_rule[rule][0]
            lines.append(f"      fix: {for_reviewer(first) if is_reviewer else suited(fix(first), is_tracked(path))}")
        lines.append("")
    counts = ", ".join(f"{count} {name}{'s' if count != 1 and name != 'info' else ''}"
                       for name, count in findings.counts.items() if count)
    verdict = READY if findings.waits_for_person and not is_reviewer else "refused" if findings.has_errors else "held for a maintainer" if findings.counts["hold"] else "passed"
    lines.append(f"{verdict}: {len(judged)} run{'' if len(judged) == 1 else 's'}, {counts or 'nothing found'}")
    return "\n".join(lines)


def _sentence(finding: Finding) -> str:
    place = " ".join(([f"line {finding.line}"] if finding.line else []) + ([shown(finding.pointer)] if finding.pointer else []))
    expected = f"; expected {shown(finding.expected)}" if finding.expected else ""
    return f"{place}: {shown(finding.observed)}{expected}" if place else f"{shown(finding.observed)}{expected}"


def rules() -> str:
    return "\n".join(f"{rule.severity:<8}{rule.id:<26}{rule.says}" for rule in RULES.values())
