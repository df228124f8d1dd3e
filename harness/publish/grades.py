"""Grades: how far a run's figures can be compared with others; computed from the run, never submitted.

A run has the highest grade for which it meets all conditions, including those of the lower grades. For the next grade the
first unmet condition is given with what was observed. The table in methodology.md is generated from CONDITIONS.
"""
from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional, Tuple

from base import text_format
from base.hardware_view import HardwareView
from base.phases import FROZEN, PARALLEL_MIXED, PHASES, PYTHON_TASKS
from base.records import GRADES
from base.target import is_local
from derive import headline, run_md
from judge import hardware_checks

ARCHIVE_ONLY = "archive-only"       # not to be compared with other runs
ORDER = (ARCHIVE_ONLY, "standard", "flagship")
MAX_FAILED_SHARE = 0.05     # of the measured calls; with more the server had a problem
FLAGSHIP_CALLS = 9          # three prompts, three times each
SECTION_WORDS = 5           # in each section of run.md; "none" is not a description
# Warnings that the machine or the server changed during the run or was unusual.
UNSTEADY = ("on-battery", "servers-differ", "placement-changed", "slow-instrument", "wide-spread", "clocks-disagree", "reload")
# Skip reasons that are a property of the model and not of the run.
MODEL_SKIPS = ("context-too-small",)


class GradeInput(NamedTuple):
    """`holds` is the number of findings that a maintainer has to review."""
    manifest: dict
    metadata: dict
    hardware: Optional[dict]
    run_md: str
    holds: int


class Condition(NamedTuple):
    """`check` returns what was observed instead, or None if the condition is met. `advice` is what the contributor can do."""
    id: str
    grade: str
    requirement: str
    check: Callable[[GradeInput], Optional[str]]
    advice: str


def grade_of(facts: GradeInput) -> tuple:
    """(grade, the `unmet` record of the first unmet condition, or None)."""
    grade, unmet = assess(facts)
    if not unmet:
        return grade, None
    condition, observed = unmet[0]
    return grade, {"grade": condition.grade, "condition": condition.id, "says": condition.requirement, "observed": observed}


def assess(facts: GradeInput) -> Tuple[str, List[Tuple[Condition, str]]]:
    """(grade, each unmet condition of the next grade with what was observed instead)."""
    reached = ORDER[0]
    for grade in ORDER[1:]:
        checked = [(condition, condition.check(facts)) for condition in CONDITIONS if condition.grade == grade]
        unmet = [(condition, observed) for condition, observed in checked if observed is not None]
        if unmet:
            return reached, unmet
        reached = grade
    return reached, []


def as_markdown() -> str:
    """The table of conditions, for the methodology."""
    lines = ["A run that the checker accepts has the highest grade whose conditions, and those above it in this table, are "
             "all met.", "", "| grade | condition | requirement |", "|---|---|---|",
             f"| `{ORDER[0]}` | | the checker finds no error; {GRADES[ORDER[0]]} |"]
    lines += [f"| `{condition.grade}` | `{condition.id}` | {condition.requirement} |" for condition in CONDITIONS]
    return "\n".join(lines)


# ----- standard

def _verdict_in(*accepted: str) -> Callable[[GradeInput], Optional[str]]:
    def check(facts: GradeInput) -> Optional[str]:
        verdict = facts.metadata["verdict"]["verdict"]
        return None if verdict in accepted else verdict or "no verdict"
    return check


def _canonical(facts: GradeInput) -> str | None:
    changed = sorted(facts.manifest["overrides"])
    return f"changed: {', '.join(changed[:5])}" if changed else None


def _local(facts: GradeInput) -> str | None:
    target = facts.manifest["target"]
    if not is_local(target):
        return f"the server was elsewhere ({target})"
    if not hardware_checks.is_forwarded(facts.hardware):
        return None
    return f"{HardwareView(facts.hardware).server_process} listens on the server's port"


def _anchored(facts: GradeInput) -> str | None:
    for model in facts.manifest["models"]:
        if any(_decode_calls(facts.metadata, model["name"], pass_) == 0 for pass_ in ("first", "last")):
            return f"{model['name']} has no decode rate from both"
    return None


def _answering(facts: GradeInput) -> str | None:
    done = facts.metadata["done"]
    failed = headline.failed(facts.metadata)
    if done and failed <= MAX_FAILED_SHARE * done:
        return None
    return f"{failed} of {done} calls failed"


# ----- flagship

def _every_phase(facts: GradeInput) -> str | None:
    planned = {row["phase"] for row in facts.manifest["plan"]}
    missing = [phase for phase in PHASES if phase not in planned]
    return f"without {', '.join(missing)}" if missing else None


def _together(facts: GradeInput) -> str | None:
    took_part = [row["model"] for row in facts.metadata["aggregates"] if row["phase"] == PARALLEL_MIXED and row["calls"]]
    return None if len(took_part) > 1 else f"{len(took_part)} took part"


def _nothing_skipped(facts: GradeInput) -> str | None:
    reasons = sorted({reason for row in facts.metadata["aggregates"] if row["phase"] in PHASES for reason in row["skips"]
                      if reason not in MODEL_SKIPS})
    return f"calls were skipped: {', '.join(reasons)}" if reasons else None


def _code_graded(facts: GradeInput) -> str | None:
    qualities = [row["quality"] for row in facts.metadata["aggregates"] if row["phase"] == PYTHON_TASKS and row["quality"]]
    ungraded = sum(quality["ungraded"] for quality in qualities)
    return f"{ungraded} answers without a verdict" if ungraded or not qualities else None


def _steady(facts: GradeInput) -> str | None:
    codes = sorted({row["code"] for row in facts.metadata["warnings"]} & set(UNSTEADY))
    return f"warnings: {', '.join(codes)}" if codes else None


def _repeated(facts: GradeInput) -> str | None:
    for model in facts.manifest["models"]:
        least = min(_decode_calls(facts.metadata, model["name"], pass_) for pass_ in ("first", "last"))
        if least < FLAGSHIP_CALLS:
            return f"{model['name']}: n = {least}"
    return None


def _known_harness(facts: GradeInput) -> str | None:
    known = facts.manifest["harness_modified"] is False and facts.manifest["harness_commit"]
    return None if known else "the commit is unknown, or the harness was modified"


def _described(facts: GradeInput) -> str | None:
    for heading, text in run_md.answers(facts.run_md).items():
        if len(text.split()) < SECTION_WORDS:
            return f"too little under {heading}"
    return None


def _decode_calls(metadata: dict, model: str, pass_: str) -> int:
    """Decode rates of a model's frozen prompts in one pass."""
    for row in metadata["aggregates"]:
        if (row["model"], row["phase"]) == (model, FROZEN):
            for group in row["groups"]:
                if group["item"] is None and group["pass"] == pass_:
                    return (group["metrics"]["decode_tok_s"] or {"n": 0})["n"]
    return 0


ANOTHER_RUN = "make another run on an idle machine, and submit this one as well; or leave it at this one: the run of a busy machine is welcome too"
CONDITIONS = (
    Condition("complete", "standard", "every planned call has its record",
              lambda run: None if run.metadata["complete"] else "the run is not finished", "continue it with --resume"),
    Condition("unmodified", "standard", "the harness was not modified, as far as is known",
              lambda run: "it was modified" if run.manifest["harness_modified"] else None,
              "measure with an unmodified clone"),
    Condition("canonical", "standard", "all settings are the canonical ones", _canonical, "measure without these settings as well"),
    Condition("local", "standard", "the server ran on the machine that is described", _local,
              "run the harness on the machine that runs the server"),
    Condition("unheld", "standard", "the checker holds nothing for a maintainer",
              lambda run: text_format.counted(run.holds, "hold") if run.holds else None,
              "explain them in run.md under Deviations explained; if you do not know the cause, say so"),
    Condition("answering", "standard", f"at most {100 * MAX_FAILED_SHARE:.0f} % of the calls failed", _answering,
              "see Failed calls in run.md for the reason of each; make another run"),
    Condition("anchored", "standard", "each model has decode rates from the frozen prompts before and after all else", _anchored,
              "measure frozen-prompts to its end"),
    Condition("undisturbed", "standard", "the verdict is clean or drifting", _verdict_in("clean", "drifting"), ANOTHER_RUN),
    Condition("every-phase", "flagship", "all seven phases were planned", _every_phase, "measure with --phases all"),
    Condition("together", "flagship", "two models or more took part in parallel-mixed", _together,
              "measure two models or more in one run"),
    Condition("nothing-skipped", "flagship", "no call was skipped, except for models that were not trained for the context",
              _nothing_skipped, "see Skipped in run.md for the reason of each"),
    Condition("code-graded", "flagship", "the models' Python answers were run against the hidden tests", _code_graded,
              "measure with --grade-code"),
    Condition("clean", "flagship", "the verdict is clean", _verdict_in("clean"), ANOTHER_RUN),
    Condition("one-session", "flagship", "the run was measured in one session",
              lambda run: None if run.metadata["sessions"] == 1 else f"{run.metadata['sessions']} sessions", "make another run without a break"),
    Condition("steady", "flagship", f"none of these warnings: {', '.join(UNSTEADY)}", _steady, ANOTHER_RUN),
    Condition("repeated", "flagship", f"each model has {FLAGSHIP_CALLS} decode rates or more from each pass of the frozen prompts",
              _repeated, "measure frozen-prompts to its end, with 3 repeats or more"),
    Condition("known-harness", "flagship", "the harness's commit is known, and its sources are those of that commit",
              _known_harness, "measure with an unmodified git clone"),
    Condition("known-machine", "flagship", "the machine was probed, and hardware.json describes it",
              lambda run: None if run.hardware is not None and run.hardware.get("probed") else "it was not probed",
              "run the harness on the machine that runs the server"),
    Condition("told", "flagship", f"each section of run.md has {SECTION_WORDS} words or more", _described, "write it into run.md"),
)
