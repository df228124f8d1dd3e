"""Decoding: one answer, token by token, each due at a moment that follows from the script alone."""
from __future__ import annotations

from typing import Iterator, NamedTuple

from . import tokenizer, versions
from .engine import Engine, LoadedModel
from .script import Model
from .text_request import TextRequest


class Chunk(NamedTuple):
    """One chunk of an answer."""

    due_ns: int
    thinking: str = ""
    answer: str = ""


def fitted(prompt: list[str], request: TextRequest, num_ctx: int, is_native: bool, dialect: versions.Dialect) -> list[str]:
    """The prompt as the model gets it: whole, or cut silently; raises this version's refusal of a prompt that is too long."""
    size = len(prompt)
    most = dialect.slot_window(num_ctx) - 1
    if is_native and dialect.has_runner_process:
        if size > most:
            raise versions.exceeds(size, most + 1)
        return prompt
    if size <= dialect.window(num_ctx):
        return prompt
    if not request.truncate and not dialect.has_runner_process:
        raise versions.Refusal(400, versions.TOO_LONG_OLD, by_runner=True)
    if not request.truncate:
        if size > most:
            raise versions.exceeds(size, most + 1)
        return prompt
    if not request.shift and dialect.no_shift_refuses:
        raise versions.Refusal(400, versions.TOO_LONG_NO_SHIFT, by_runner=True)
    return cut(prompt, dialect.cut_length(num_ctx))


def cut(prompt: list[str], length: int) -> list[str]:
    """The first few tokens and the end."""
    keep = versions.BOS_AND_NUM_KEEP
    return prompt[:keep] + prompt[len(prompt) - (length - keep):]


class Decoding:
    """One answer in its slot. The counters are final when chunks() is exhausted."""

    def __init__(self, engine: Engine, loaded: LoadedModel, model: Model, tokens: Iterator[tokenizer.Token], limit: int,
                 first_ns: int, prompt_tokens: int):
        self.engine, self.loaded, self.model = engine, loaded, model
        self.tokens, self.limit, self.prompt_tokens = tokens, limit, prompt_tokens
        self.first_ns, self.last_ns = first_ns, first_ns
        self.eval_tokens = 0
        self.done_reason = "length"

    @property
    def eval_ns(self) -> int:
        """From the first token to the last. Where these are the same, newer runners say a microsecond."""
        return self.last_ns - self.first_ns or (1000 if self.engine.dialect.has_runner_process else 0)

    def timed_tokens(self) -> Iterator[tuple[int, tokenizer.Token]]:
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
        self.last_ns += round(self.engine.gap_ns(self.loaded, self.eval_tokens - 1, self.prompt_tokens))

    def chunks(self, *, tags_show: bool, empty_every: int | None) -> Iterator[Chunk]:
        """Tokens of one kind, as many in a chunk as the model puts there."""
        pending: list[str] = []
        pending_kind = ""
        count = 0
        for due_ns, token in self.timed_tokens():
            if token.kind == "tag" and tags_show:
                yield Chunk(due_ns)
            if not token.text:
                continue
            kind = "thinking" if token.kind == "thinking" else "answer"
            if pending and kind != pending_kind:
                yield Chunk(due_ns, **{pending_kind: "".join(pending)})
                pending = []
            pending_kind = kind
            pending.append(token.text)
            if len(pending) >= self.model.tokens_per_chunk:
                if empty_every and count % empty_every == 0:
                    yield Chunk(due_ns)
                yield Chunk(due_ns, **{kind: "".join(pending)})
                pending, count = [], count + 1
        if pending:
            yield Chunk(self.last_ns, **{pending_kind: "".join(pending)})
