"""Figures of thinking: how many tokens thoughts take, how much of the budget, and how long the answer waits for them."""
from __future__ import annotations

from typing import Iterable, Iterator, List, Optional, Set, Tuple, Union

from base import thoughts
from base.ledger_records import CallRecord, Record
from base.phases import THINKING_PHASES
from derive import call_metrics
from derive.distribution import Sample


def separated(call: CallRecord) -> CallRecord:
    """The call with the thoughts of its answer moved into the field for them. When the answer began is then unknown."""
    inside, answer = thoughts.split(call.answer)
    if not inside.strip():
        return call
    return call._replace(answer=answer, thinking=call.thinking + inside, first_answer_ns=None)


def answers_alone(records: Iterable[Record]) -> Iterator[Record]:
    """The records; where a model thinks, its answers without thoughts. Answers of other calls stay as they are."""
    always_thinking: Set[str] = set()
    for record in records:
        if isinstance(record, CallRecord):
            if (record.finding or {}).get("always_thinks"):
                always_thinking.add(record.model)
            elif record.phase in THINKING_PHASES or record.model in always_thinking:
                record = separated(record)
        yield record


def thinking_tokens(call: CallRecord, model_format: str | None = "gguf") -> Tuple[float, Optional[str]]:
    """(tokens of the thoughts, what they are a share by) of a separated call.

    No known server counts them separately: their share of all shown tokens is that of their chunks or, if they are part of
    the answer's text, that of their characters.
    """
    shown = (call.eval_tokens or 0) - call_metrics.hidden_tokens(call, model_format)
    if call.thinking_chunks:
        return shown * call.thinking_chunks / call.text_chunks, "chunks"
    if call.thinking:
        return shown * len(call.thinking) / (len(call.thinking) + len(call.answer)), "text"
    return 0.0, None


class ThinkingFigures:
    """Calls of one model and phase that have a budget for thoughts. `mode` None: thinking was switched off."""

    def __init__(self, mode: Union[bool, str, None], budget: int, model_format: str | None):
        self.mode, self.budget, self.format = mode, budget, model_format
        self.thought = self.cut_by_budget = self.cut_otherwise = 0
        self.tokens, self.budget_share, self.first_answer_ms = Sample(), Sample(), Sample()
        self._bases: List[str] = []

    def add(self, call: CallRecord) -> None:
        """A measured call, its thoughts separated from its answer."""
        if not call.has_speed or not call.eval_tokens:
            return
        tokens, basis = thinking_tokens(call, self.format)
        if basis is not None:
            self.thought += 1
            self._bases.append(basis)
            self.tokens.add(tokens)
            self.budget_share.add(tokens / self.budget)
        self.first_answer_ms.add(call_metrics.first_answer_ms(call))
        if call.outcome == "length":
            by_budget = basis is not None and (not call.answer.strip() or tokens >= self.budget)
            self.cut_by_budget += by_budget
            self.cut_otherwise += not by_budget

    def record(self, answers: dict | None) -> dict:
        """The `thinking` record of an aggregate; `answers` are paired with the plain ones, None where there are none."""
        bases = list(dict.fromkeys(self._bases))
        return {"mode": self.mode, "budget": self.budget, "thought": self.thought, "tokens_basis": bases[0] if len(bases) == 1 else None,
                "tokens": self.tokens.record(), "budget_share": self.budget_share.record(),
                "first_answer_ms": self.first_answer_ms.record(), "cut_by_budget": self.cut_by_budget,
                "cut_otherwise": self.cut_otherwise, "answers": answers}
