"""The report: a docket as text for people, grouped by file, and as JSON for agents and workflows."""
from __future__ import annotations

import json

from judge import thresholds
from judge.findings import Docket, fix, row, shown
from judge.rules import RULES, SEVERITIES

VERSION = "verdict-1.0"


def as_json(docket: Docket, judged: list) -> str:
    """Keys and rule ids stay as they are within a version; new keys may come."""
    left_out = [{"rule": rule, "path": shown(path), "count": count} for (rule, path), count in docket.left_out().items()]
    return json.dumps({
        "schema": VERSION, "thresholds": thresholds.version(), "passed": not docket.has_errors, "runs": len(judged),
        "counts": docket.counts, "findings": [row(one) for one in docket.findings], "left_out": left_out}, indent=2)


def as_text(docket: Docket, judged: list) -> str:
    lines = []
    by_path: dict = {}
    for one in docket.findings:
        by_path.setdefault(one.path, []).append(one)
    for path, found in by_path.items():
        lines.append(shown(path))
        for one in sorted(found, key=lambda one: list(SEVERITIES).index(one.severity)):
            lines += _finding(one)
        for (rule, where), count in docket.left_out().items():
            if where == path:
                lines.append(f"  {count} more like the {rule} above")
        lines.append("")
    counts = ", ".join(f"{count} {name}{'s' if count != 1 and name != 'info' else ''}" for name, count in docket.counts.items() if count)
    verdict = "refused" if docket.has_errors else "held for a maintainer" if docket.counts["hold"] else "passed"
    lines.append(f"{verdict}: {len(judged)} run{'' if len(judged) == 1 else 's'}, {counts or 'nothing found'}")
    return "\n".join(lines)


def _finding(one: object) -> list:
    place = (f"line {one.line}" if one.line else "") + (f" {shown(one.pointer)}" if one.pointer else "")
    head = f"  {one.severity:<8}{one.rule}" + (f"  {place.strip()}" if place else "")
    expected = f"; expected {shown(one.expected)}" if one.expected else ""
    return [head, f"          {shown(one.observed)}{expected}", f"          {RULES[one.rule].says} Mend: {fix(one)}"]


def rules() -> str:
    return "\n".join(f"{rule.severity:<8}{rule.id:<26}{rule.says}" for rule in RULES.values())
