"""Decoding: one answer, token by token, each due at a moment that follows from the script alone."""
from __future__ import annotations

from typing import Iterator, NamedTuple

from . import tokenizer, versions
from .engine import Engine, LoadedModel
from .request_validation import Order
from .script import Model


class Said(NamedTuple):
    """One chunk of an answer."""

    due_ns: int
    thought: str
    answer: str


def fitted(prompt: list[str], order: Order, num_ctx: int, native: bool, ways: versions.Dialect) -> list[str]:
    """The prompt as the model gets it: whole, or cut in silence; raises what this version says to one too long."""
    size = len(prompt)
    whole = ways.slot_window(num_ctx) - 1
    if native and ways.has_runner_process:
        if size > whole:
            raise versions.exceeds(size, whole + 1)
        return prompt
    if size <= ways.window(num_ctx):
        return prompt
    if not order.truncate and not ways.has_runner_process:
        raise versions.Refusal(400, versions.TOO_LONG_OLD, by_runner=True)
    if not order.truncate:
        if size > whole:
            raise versions.exceeds(size, whole + 1)
        return prompt
    if not order.shift and ways.no_shift_refuses:
        raise versions.Refusal(400, versions.TOO_LONG_NO_SHIFT, by_runner=True)
    return cut(prompt, ways.cut_length(num_ctx))


def cut(prompt: list[str], length: int) -> list[str]:
    """The first few tokens and the end."""
    keep = versions.BOS_AND_NUM_KEEP
    return prompt[:keep] + prompt[len(prompt) - (length - keep):]


def without_oldest(messages: list[dict], num_ctx: int, count) -> list[dict]:
    """Whole messages are dropped before any is cut: the oldest first, never the system's, never the last."""
    while count(messages) > num_ctx - 1:
        droppable = [n for n, message in enumerate(messages[:-1]) if message.get("role") != "system"]
        if not droppable:
            break
        messages = messages[:droppable[0]] + messages[droppable[0] + 1:]
    return messages


class Decoding:
    """One answer in its slot. The counters are final when said() has come to its end."""

    def __init__(self, engine: Engine, runner: LoadedModel, model: Model, tokens: Iterator[tokenizer.Token], limit: int,
                 first_ns: int, depth: int = 0):
        self.engine, self.runner, self.model, self.depth = engine, runner, model, depth     # tokens of the prompt
        self.tokens, self.limit = tokens, limit
        self.first_ns, self.last_ns = first_ns, first_ns
        self.eval_tokens = 0
        self.done_reason = "length"

    @property
    def eval_ns(self) -> int:
        """From the first token to the last. Where these are the same, newer runners say a microsecond."""
        passed_ns = self.last_ns - self.first_ns
        ways = versions.DIALECTS[self.engine.script.speak]
        return passed_ns or (1000 if ways.has_runner_process else 0)

    def beats(self) -> Iterator[tuple[int, tokenizer.Token]]:
        """Each token and when it is due: the first at first_ns, each other one gap after the one before."""
        for token in self.tokens:
            if self.eval_tokens:
                self._pass_gap()
            self.eval_tokens += 1
            if token.kind == "end":
                self.done_reason = "stop"
                self.eval_tokens -= self.model.is_safetensors   # that runner does not count it
            yield self.last_ns, token
            if token.kind == "end" or self.eval_tokens == self.limit:
                break
        if self.model.is_safetensors and self.done_reason == "length":
            self._pass_gap()                                    # there, n tokens take n gaps

    def _pass_gap(self) -> None:
        self.last_ns += round(self.engine.gap_ns(self.runner, self.eval_tokens - 1, self.depth))

    def said(self, *, tags_show: bool, empty_every: int | None) -> Iterator[Said]:
        """The chunks: tokens of one kind, joined as the model joins them."""
        pending: list[str] = []
        pending_kind = ""
        count = 0
        for due_ns, token in self.beats():
            if token.kind == "tag" and tags_show:
                yield Said(due_ns, "", "")
            if not token.text:
                continue
            kind = "thought" if token.kind == "thought" else "answer"
            if pending and kind != pending_kind:
                yield chunk(due_ns, pending_kind, pending)
                pending = []
            pending_kind = kind
            pending.append(token.text)
            if len(pending) >= self.model.tokens_per_chunk:
                if empty_every and count % empty_every == 0:
                    yield Said(due_ns, "", "")
                yield chunk(due_ns, kind, pending)
                pending, count = [], count + 1
        if pending:
            yield chunk(self.last_ns, pending_kind, pending)


def chunk(due_ns: int, kind: str, texts: list[str]) -> Said:
    text = "".join(texts)
    return Said(due_ns, text, "") if kind == "thought" else Said(due_ns, "", text)
