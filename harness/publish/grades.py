"""Grades: what a run has to be for its figures to stand beside others; computed from the run, never submitted.

A run has the highest grade whose conditions, and those of the grades below, are all met. The first condition that is not
met for the next grade is named with what was seen instead. The text of the methodology is made from the same table.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional

from base import suites
from base.records import GRADES, SPEED_OUTCOMES
from derive import run_md
from derive.aggregate import FROZEN

CODE, MIXED = "python-tasks", "parallel-mixed"
ORDER = ("archive-only", "standard", "flagship")
FAILED_SHARE = 0.05         # of the measured calls: a server that fails more often was not in order
FLAGSHIP_CALLS = 9          # three prompts, three times each
STORY_WORDS = 5             # for each section of run.md; "none" is a fact, and yet no account
# Warnings that say the machine or the server was not what the other figures were taken with.
UNSTEADY = ("on-battery", "servers-differ", "placement-changed", "slow-instrument", "wide-spread", "clocks-disagree", "reload")
# Skips that are properties of the model; others are properties of the run.
MODELS_OWN = ("context-too-small",)


@dataclass(frozen=True)
class Facts:
    """What is looked at. `holds` are findings of the checker that a maintainer has to look at."""
    manifest: dict
    metadata: dict
    hardware: Optional[dict]
    story: str
    holds: int


@dataclass(frozen=True)
class Condition:
    """`look` says what was seen instead, or None where the condition is met."""
    id: str
    grade: str
    says: str
    look: Callable[[Facts], Optional[str]]


def graded(facts: Facts) -> tuple:
    """(grade, the `unmet` record of the first condition not met or None where there is none)."""
    reached = ORDER[0]
    for grade in ORDER[1:]:
        for condition in CONDITIONS:
            observed = condition.look(facts) if condition.grade == grade else None
            if observed is not None:
                return reached, {"grade": grade, "condition": condition.id, "says": condition.says, "observed": observed}
        reached = grade
    return reached, None


def as_markdown() -> str:
    """The table of criteria, for the methodology; strangers have no part in it."""
    lines = ["A run that the checker accepts has the highest grade whose conditions, and those above it in this table, are "
             "all met.", "", "| grade | condition | what has to be so |", "|---|---|---|",
             f"| `{ORDER[0]}` | | the checker finds no error; {GRADES[ORDER[0]]} |"]
    lines += [f"| `{condition.grade}` | `{condition.id}` | {condition.says} |" for condition in CONDITIONS]
    return "\n".join(lines)


# ----- standard

def _complete(facts: Facts) -> str | None:
    return None if facts.metadata["complete"] else "the run is not finished"


def _unmodified(facts: Facts) -> str | None:
    return "it was modified" if facts.manifest["harness_modified"] else None


def _canonical(facts: Facts) -> str | None:
    changed = sorted(facts.manifest["overrides"])
    return f"{', '.join(changed[:5])} differ" if changed else None


def _local(facts: Facts) -> str | None:
    target = facts.manifest["target"]
    return f"the server was elsewhere ({target})" if target in ("lan", "remote") else None


def _unheld(facts: Facts) -> str | None:
    return f"{facts.holds} findings" if facts.holds else None


def _anchored(facts: Facts) -> str | None:
    for model in facts.manifest["models"]:
        if any(_decode_calls(facts.metadata, model["name"], place) == 0 for place in ("first", "last")):
            return f"{model['name']} has no decode rate from both"
    return None


def _answering(facts: Facts) -> str | None:
    done = facts.metadata["done"]
    failed = done - sum(facts.metadata["outcomes"].get(name, 0) for name in SPEED_OUTCOMES)
    if done and failed <= FAILED_SHARE * done:
        return None
    return f"{failed} of {done} calls failed"


def _undisturbed(facts: Facts) -> str | None:
    found = facts.metadata["verdict"]["verdict"]
    return None if found in ("clean", "drifting") else found or "no verdict"


# ----- flagship

def _every_phase(facts: Facts) -> str | None:
    planned = {row["phase"] for row in facts.manifest["plan"]}
    missing = [phase for phase in suites.PHASES if phase not in planned]
    return f"without {', '.join(missing)}" if missing else None


def _together(facts: Facts) -> str | None:
    took_part = [row["model"] for row in facts.metadata["aggregates"] if row["phase"] == MIXED and row["calls"]]
    return None if len(took_part) > 1 else f"{len(took_part)} took part"


def _nothing_skipped(facts: Facts) -> str | None:
    reasons = sorted({reason for row in facts.metadata["aggregates"] for reason in row["skips"] if reason not in MODELS_OWN})
    return f"calls were skipped: {', '.join(reasons)}" if reasons else None


def _code_graded(facts: Facts) -> str | None:
    found = [row["quality"] for row in facts.metadata["aggregates"] if row["phase"] == CODE and row["quality"]]
    ungraded = sum(one["ungraded"] for one in found)
    return f"{ungraded} answers without a verdict" if ungraded or not found else None


def _clean(facts: Facts) -> str | None:
    found = facts.metadata["verdict"]["verdict"]
    return None if found == "clean" else found or "no verdict"


def _one_session(facts: Facts) -> str | None:
    return None if facts.metadata["sessions"] == 1 else f"{facts.metadata['sessions']} sessions"


def _steady(facts: Facts) -> str | None:
    found = sorted({row["code"] for row in facts.metadata["warnings"]} & set(UNSTEADY))
    return f"warnings: {', '.join(found)}" if found else None


def _repeated(facts: Facts) -> str | None:
    for model in facts.manifest["models"]:
        least = min(_decode_calls(facts.metadata, model["name"], place) for place in ("first", "last"))
        if least < FLAGSHIP_CALLS:
            return f"{model['name']}: n = {least}"
    return None


def _known_harness(facts: Facts) -> str | None:
    known = facts.manifest["harness_modified"] is False and facts.manifest["harness_commit"]
    return None if known else "there was no clone to tell by"


def _known_machine(facts: Facts) -> str | None:
    return None if facts.hardware is not None and facts.hardware.get("probed") else "the machine was not looked at"


def _told(facts: Facts) -> str | None:
    lines = facts.story.split("\n")
    for heading, _ in run_md.SECTIONS:
        body = _section(lines, f"## {heading}")
        if sum(len(line.split()) for line in body if not line.startswith(run_md.PROMPT)) < STORY_WORDS:
            return f"too little under {heading}"
    return None


def _section(lines: list, title: str) -> list:
    if title not in lines:
        return []
    begin = lines.index(title) + 1
    return lines[begin:next((n for n in range(begin, len(lines)) if lines[n].startswith("## ")), len(lines))]


def _decode_calls(metadata: dict, model: str, place: str) -> int:
    """Decode rates of a model's frozen prompts in one pass."""
    for row in metadata["aggregates"]:
        if (row["model"], row["phase"]) == (model, FROZEN):
            for group in row["groups"]:
                if group["item"] is None and group["pass"] == place:
                    return (group["metrics"]["decode_tok_s"] or {"n": 0})["n"]
    return 0


CONDITIONS = (
    Condition("complete", "standard", "every planned call has its record", _complete),
    Condition("unmodified", "standard", "the harness was not modified, as far as it can tell", _unmodified),
    Condition("canonical", "standard", "no knob differs from the canonical ones", _canonical),
    Condition("local", "standard", "the server ran on the machine that is described", _local),
    Condition("unheld", "standard", "the checker holds nothing for a maintainer to look at", _unheld),
    Condition("answering", "standard", f"at most {100 * FAILED_SHARE:.0f} % of the calls failed", _answering),
    Condition("anchored", "standard", "each model has decode rates from the frozen prompts before and after all else", _anchored),
    Condition("undisturbed", "standard", "the verdict is clean or drifting", _undisturbed),
    Condition("every-phase", "flagship", "all seven phases were planned", _every_phase),
    Condition("together", "flagship", "two models or more answered at once in parallel-mixed", _together),
    Condition("nothing-skipped", "flagship", "no call was skipped, but for models that were not trained for the context",
              _nothing_skipped),
    Condition("code-graded", "flagship", "the code that the models wrote was run against its hidden tests", _code_graded),
    Condition("clean", "flagship", "the verdict is clean", _clean),
    Condition("one-session", "flagship", "the run was made in one go", _one_session),
    Condition("steady", "flagship", f"none of these warnings: {', '.join(UNSTEADY)}", _steady),
    Condition("repeated", "flagship", f"each model has {FLAGSHIP_CALLS} decode rates or more from each pass of the frozen prompts",
              _repeated),
    Condition("known-harness", "flagship", "the harness's commit is known, and its sources are those of that commit",
              _known_harness),
    Condition("known-machine", "flagship", "the machine was looked at, and hardware.json says what it is", _known_machine),
    Condition("told", "flagship", f"each section of run.md says {STORY_WORDS} words or more", _told),
)
