"""Failed calls: how many for each reason, what the server said, and what can be done about it."""
from __future__ import annotations

import re
from typing import Container, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from base import plan
from base.ledger_records import CallRecord
from base.pattern import lazy
from base.phases import CONTEXT_PHASES
from base.text_format import counted

MOST_REASONS = 5            # of a model in a phase that are kept apart
ERROR_CHARACTERS = 200      # of a message that are shown
NUMBER = lazy(r"\d+")
PROMPT_TOKENS = lazy(r"request \((\d{1,9}) tokens\)")
ANSWER_ROOM, CONTEXT_STEP = 768, 1024       # tokens: the largest limit of an answer, and what a suggested context is a multiple of
CONTEXT = lazy(r"context (?:size|length|window)|exceed\w* (?:the )?(?:available )?context|longer than the context", re.IGNORECASE)
MEMORY = lazy(r"out of memory|not enough memory|requires more (?:system )?memory|cudaMalloc|alloc\w* fail|fail\w* to alloc", re.IGNORECASE)
TOO_LONG = ("in this model's tokenizer the prompt has more tokens than the context holds. Leave these calls as they are and say so under "
            "Deviations explained; to have them too, measure again with {larger}, as a separate run (--num-ctx is a deviation)")
TOO_BIG = ("the memory did not suffice. Measure a smaller model, a 4-bit tag, or with --num-ctx 2048, as a separate run")
ADVICE = {
    "refused": "the server's words say why; leave these calls as they are and explain them under Deviations explained",
    "error": "the server or its runner failed; its log says more. Keep this run; if the reason is gone, measure again as a separate run",
    "cut": "the server's runner probably ended; its log says more. Keep this run; if the reason is gone, measure again as a separate run",
    "timeout": "the server needs longer for its first byte: measure with a larger --first-byte-limit or a smaller model, as a separate run",
    "stalled": "the server was silent for too long: measure with a larger --silence-limit or a smaller model, as a separate run",
    "empty": "the model ended its answer without a word; that is a result",
    "interrupted": "stopped by a person while they ran; nothing has to be done",
}

TOO_LONG_AGAIN = "leave it at this run: these prompts would be refused again, and a larger --num-ctx is a deviation, which keeps a run from this grade"
SMALL_CONTEXT_AGAIN = "make another run without --num-ctx"
TOO_BIG_AGAIN = "make another run with a smaller model or a 4-bit tag"
RETRY_ADVICE = {             # by outcome: what gives calls that failed a better chance, with the canonical settings
    "refused": "leave it at this run, unless the server's words name something that you can change",
    "error": "once the reason is gone, make another run", "cut": "once the reason is gone, make another run",
    "timeout": "make another run with a larger --first-byte-limit", "stalled": "make another run with a larger --silence-limit",
    "empty": "leave it at this run: that the model ends its answers without a word is a result",
    "interrupted": "make another run, and let its calls end",
}


class FailureCounts:
    """The failed calls of one model in one phase by outcome and message; messages that differ in numbers only are one reason."""

    def __init__(self) -> None:
        self._reasons: Dict[Tuple[str, str], dict] = {}

    def add(self, call: CallRecord) -> None:
        key = call.outcome, NUMBER.sub("0", call.error or "")
        if key not in self._reasons and len(self._reasons) >= MOST_REASONS:
            key = call.outcome, ""
        reason = self._reasons.setdefault(key, {"outcome": call.outcome, "error": call.error and key[1] and call.error[:ERROR_CHARACTERS], "n": 0})
        reason["n"] += 1

    def records(self) -> List[dict]:
        return [{**reason, "error": reason["error"] or None} for reason in self._reasons.values()]


class Failure(NamedTuple):
    """Calls of one model that failed for one reason, in one phase or several."""
    model: str
    outcome: str
    error: Optional[str]
    places: List[Tuple[str, int]]       # (phase, calls)
    messages: List[Optional[str]]       # one of each phase; they differ in numbers only

    @property
    def text(self) -> str:
        """Such as: 3 calls refused (context-edge 2, small-eval 1)."""
        word = {"error": "ended with an error", "cut": "cut off", "timeout": "timed out"}.get(self.outcome, self.outcome)
        where = ", ".join(phase if len(self.places) == 1 else f"{phase} {n}" for phase, n in self.places)
        return f"{counted(sum(n for _, n in self.places), 'call')} {word} ({where})"

    @property
    def advice(self) -> str:
        fits = context_that_fits(self.messages) if any(phase not in CONTEXT_PHASES for phase, _ in self.places) else None
        return advice(self.outcome, self.error, fits)


def context_that_fits(messages: Iterable[Optional[str]]) -> Optional[int]:
    """A context that holds the prompts whose tokens the server named, and an answer; None where it named none."""
    tokens = [int(named.group(1)) for named in map(PROMPT_TOKENS.search, filter(None, messages)) if named]
    return -(-(max(tokens) + ANSWER_ROOM) // CONTEXT_STEP) * CONTEXT_STEP if tokens else None


def advice(outcome: str, error: Optional[str], fits: Optional[int] = None) -> str:
    """What the failure means and what can be done about it; `fits` is a context that would do, if it is known."""
    if is_too_long(outcome, error):
        return TOO_LONG.format(larger=f"--num-ctx {fits}" if fits else "a larger --num-ctx")
    return TOO_BIG if is_too_big(outcome, error) else ADVICE[outcome]


def is_too_long(outcome: str, error: Optional[str]) -> bool:
    """Whether the prompt had more tokens than the context holds."""
    return outcome in ("refused", "error") and bool(error and CONTEXT.search(error))


def is_too_big(outcome: str, error: Optional[str]) -> bool:
    """Whether the memory did not suffice for the model."""
    return outcome in ("refused", "error") and bool(error and MEMORY.search(error))


def another_run(manifest: dict, metadata: dict, phases: Container[str]) -> str:
    """Whether another run can do better than the calls that failed in these phases, and how; empty where none failed."""
    too_long = SMALL_CONTEXT_AGAIN if manifest["num_ctx"] < plan.Settings().num_ctx else TOO_LONG_AGAIN
    counts: Dict[str, int] = {}
    for row in metadata["aggregates"]:
        reasons = row.get("failures") or [{"outcome": outcome, "error": None, "n": n} for outcome, n in row["outcomes"].items()
                                          if outcome in RETRY_ADVICE]
        for reason in reasons if row["phase"] in phases else ():
            key = reason["outcome"], reason["error"]
            words = too_long if is_too_long(*key) else TOO_BIG_AGAIN if is_too_big(*key) else RETRY_ADVICE[reason["outcome"]]
            counts[words] = counts.get(words, 0) + reason["n"]
    if len(counts) < 2:
        return "".join(counts)
    return "; ".join(f"for {counted(n, 'call')}: {words}" for words, n in counts.items())


def of_run(metadata: dict) -> Iterator[Failure]:
    """The failures of a run whose metadata has them, in the order of the ledger."""
    failures: Dict[tuple, Failure] = {}
    for row in metadata["aggregates"]:
        for reason in row.get("failures", []):
            key = row["model"], reason["outcome"], NUMBER.sub("0", reason["error"] or "")
            failure = failures.setdefault(key, Failure(row["model"], reason["outcome"], reason["error"], [], []))
            failure.messages.append(reason["error"])
            failure.places.append((row["phase"], reason["n"]))
    yield from failures.values()
