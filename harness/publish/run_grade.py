"""The grade of one run as text for its contributor: what the catalogue would give it, why, and what a higher grade needs."""
from __future__ import annotations

import pathlib
import time
from typing import Dict, List, Optional, Tuple

from base import run_folder, shell, text_layout
from base.phases import FROZEN, KINDS
from base.records import GRADES
from derive import failures, run_md
from judge import run_check, tree, tree_layout
from judge.findings import FindingList
from judge.run_check import Renewal, RunDocuments
from publish import grades

NO_GRADE = "none while there are errors"
# The conditions that a run may miss because calls failed in these phases.
FAILED_CALLS = {"answering": tuple(KINDS), "anchored": (FROZEN,), "repeated": (FROZEN,)}


def of_folder(folder: pathlib.Path, renew: Renewal) -> Tuple[List[str], Dict[str, int]]:
    """The lines for a run on disk, which is checked first, and its errors by rule. Other runs are not looked at.

    `renew` may write the derived files before they are checked.
    """
    findings, path = FindingList(), tree.part_of(folder).path
    sizes = tree_layout.runs_in(list(tree_layout.on_disk(folder, path))).get(path, {})
    documents = run_check.inspect(folder, tree_layout.place_of_run(path), sizes, findings, time.time(), renew=renew)
    errors = findings.errors_of_run(folder.parent.parent.name)
    return refused(errors) if errors else lines(documents, findings.counts["hold"]), errors


def refused(errors: Dict[str, int]) -> List[str]:
    """The lines for a run with errors, which are given by rule."""
    rules = ", ".join(f"{rule} ({number})" for rule, number in errors.items())
    return [f"grade in the catalogue: {NO_GRADE}", f"the checker refuses this run: {rules}"]


def lines(documents: RunDocuments, holds: int) -> List[str]:
    """The grade with its meaning, then a line for each condition of the next grade that is not met."""
    facts = _facts(documents, holds)
    if facts is None:
        return []
    grade, unmet = grades.assess(facts)
    if not unmet:
        return [f"grade in the catalogue: {grade} ({GRADES[grade]})"]
    points = (f"{condition.requirement} (here: {observed}): {_advice(condition, facts)}" for condition, observed in unmet)
    return [f"grade in the catalogue: {grade} ({GRADES[grade]})", f"for the grade {unmet[0][0].grade}:",
            *(line for point in points for line in text_layout.hanging("  - ", point))]


def in_short(documents: RunDocuments, is_held: bool) -> str:
    """The grade with its meaning, and an unmet condition of the next grade: that the run is held comes last, since it shows otherwise."""
    facts = _facts(documents, int(is_held))
    if facts is None:
        return "unknown"
    grade, unmet = grades.assess(facts)
    meaning = f"{grade} ({GRADES[grade]})"
    if not unmet:
        return meaning
    condition, observed = min(unmet, key=lambda row: row[0].id == "unheld")
    here = "" if condition.id == "unheld" else f" (here: {observed})"
    return f"{meaning}; {condition.grade} requires: {condition.requirement}{here}"


def _facts(documents: RunDocuments, holds: int) -> Optional[grades.GradeInput]:
    """None where a file could not be read."""
    if documents.manifest is None or documents.metadata is None or documents.run_md is None:
        return None
    return grades.GradeInput(documents.manifest, documents.metadata, documents.hardware, documents.run_md, holds)


def _advice(condition: grades.Condition, facts: grades.GradeInput) -> str:
    """What the contributor can do about an unmet condition; holds that are explained wait for a maintainer."""
    if condition.id in FAILED_CALLS:
        return failures.another_run(facts.manifest, facts.metadata, FAILED_CALLS[condition.id]) or condition.advice
    if condition.id != "unheld":
        return condition.advice
    if run_md.answers(facts.run_md)["Deviations explained"]:
        return "a maintainer reads your explanation and decides; there is nothing more to do"
    check = shell.command("check_submission.py", f"{run_folder.PREFIX}{facts.manifest['run_id']}"[:run_folder.SHORT_NAME])
    return f"`{check}` lists them; {condition.advice}"
