"""Handlers of /api/chat and /api/generate."""
from __future__ import annotations

import abc
import contextlib
import dataclasses
import time
from typing import Iterator

from . import decode, faults, request_validation, tokenizer, versions
from .engine import Loan, Seat
from .script import Model
from .server_state import Exchange, NDJSON


def chat(exchange: Exchange, body: dict) -> None:
    Chat(exchange, request_validation.read(body, "ChatRequest")).answer()


def generate(exchange: Exchange, body: dict) -> None:
    Generate(exchange, request_validation.read(body, "GenerateRequest")).answer()


class Talk(abc.ABC):
    """One request for text, from its checks to its last line. Chat and Generate differ in prompt and words."""

    kind = ""
    content_type = NDJSON

    def __init__(self, exchange: Exchange, asked: request_validation.Order):
        self.exchange, self.asked = exchange, asked
        self.world, self.entry, self.active_faults = exchange.world, exchange.entry, exchange.active_faults
        self.held = contextlib.ExitStack()         # the model and the slot, until the answer is complete
        missing = f"model '{asked.name}' not found"
        self.model = ailing(find(exchange, asked.name, self.no_name(), missing), self.active_faults)

    def answer(self) -> None:
        """Unload, load, render or speak; whatever cannot be done is refused before anything is loaded."""
        exchange, asked = self.exchange, self.asked
        if not self.has_input() and asked.keep_alive_ns == 0:
            self.world.engine.unload(self.model)
            return exchange.json(self.line(done=True, done_reason="unload"))
        self.check_abilities()
        request_validation.check_options(asked.options, self.world.dialect)
        with self.held:
            loan = self.held.enter_context(borrowed(exchange, self.model, asked))
            if not self.has_input():
                return exchange.json(self.line(loan.ready_ns, done=True, done_reason="load"), due_ns=loan.ready_ns)
            if asked.body.get("_debug_render_only"):
                return exchange.json(self.rendered(), due_ns=loan.ready_ns)
            prompt = self.fitted(self.window(loan))
            exchange.client.wait_until(loan.ready_ns)
            seat = self.held.enter_context(self.world.engine.seat(loan.runner, prompt, exchange.client))
            self.speak(self.begin(prompt, loan, seat))

    # ----- what Chat and Generate each do in their own way

    @abc.abstractmethod
    def no_name(self) -> versions.Refusal:
        """What is said to a request that names no model."""

    @abc.abstractmethod
    def has_input(self) -> bool:
        """Whether there is anything to answer; a request without only loads the model."""

    @abc.abstractmethod
    def prompt(self, num_ctx: int) -> list[str]:
        """The tokens as the template has them, before any cut."""

    def asked_text(self) -> str:
        """The last message, or the prompt."""
        messages = self.asked.body.get("messages")
        return str(messages[-1].get("content") or "") if messages else str(self.asked.body.get("prompt") or "")

    def is_native(self) -> bool:
        """Whether the runner's own template is used, with its own ideas about limits."""
        return False

    # ----- what they share

    def check_abilities(self) -> None:
        asked, capabilities = self.asked, self.model.capabilities
        if asked.body.get("raw") and any(asked.body.get(key) for key in ("template", "system", "context")):
            raise versions.Refusal(400, "raw mode does not support template, system, or context")
        if asked.think and "thinking" not in capabilities:
            raise versions.Refusal(400, f'"{asked.name}" does not support thinking')
        levels = self.model.level_tokens
        if isinstance(asked.think, str) and levels is not None and asked.think not in levels:
            raise versions.Refusal(400, f'invalid think value: "{asked.think}" (must be true, false or one of {", ".join(levels)})')
        if "completion" not in capabilities:
            raise versions.Refusal(400, f'"{asked.name}" does not support {self.kind}')
        if asked.body.get("tools") and "tools" not in capabilities:
            raise versions.Refusal(400, f"registry.ollama.ai/library/{self.model.name} does not support tools")

    def window(self, loan: Loan) -> int:
        """The context in force, in tokens."""
        return self.model.context_length if self.model.is_safetensors else loan.runner.launch.num_ctx

    def fitted(self, num_ctx: int) -> list[str]:
        """The tokens that the model gets to read."""
        asked, truncation = self.asked, self.active_faults.get("silent_truncation")
        prompt = self.prompt(num_ctx)
        if truncation and truncation["to"]:
            return decode.cut(prompt, truncation["to"])
        if truncation:
            asked = dataclasses.replace(asked, truncate=True, shift=True)
        return decode.fitted(prompt, asked, num_ctx, self.is_native(), self.world.dialect)

    def begin(self, prompt: list[str], loan: Loan, seat: Seat) -> decode.Decoding:
        """Settle every time that is known now; client and log are told the same numbers."""
        entry, model = self.entry, self.model
        start_ns = time.perf_counter_ns() if seat.waited else loan.ready_ns
        start_ns += round(self.active_faults.get("queue_wait", {}).get("ms", 0) * 1e6)
        entry.slot, entry.prompt_tokens, entry.cached_tokens = seat.slot.number, len(prompt), seat.cached_tokens
        entry.queue_ns = start_ns - loan.ready_ns
        entry.prompt_eval_ns = max(1000, model.prefill_ns(len(prompt), seat.cached_tokens))
        limit = request_validation.limit(self.asked, self.world.dialect, len(prompt), self.window(loan), self.is_native())
        return decode.Decoding(self.world.engine, loan.runner, model, self.tokens(),
                               1 if "one_token" in self.active_faults else limit, start_ns + entry.prompt_eval_ns, len(prompt))

    def tokens(self) -> Iterator[tokenizer.Token]:
        """The whole answer that the model would give."""
        model, active_faults = self.model, self.active_faults
        able = "thinking" in model.capabilities and model.thinking_tokens > 0
        thinks = able and self.asked.think is not False or model.thinks_always or "thinking_despite_off" in active_faults
        if isinstance(self.asked.think, str) and model.level_tokens:
            model = dataclasses.replace(model, thinking_tokens=model.level_tokens[self.asked.think])
        if model.recalls:
            model = dataclasses.replace(model, answer_text=tokenizer.recalled(self.asked_text(), self.entry.prompt_tokens, model))
        words = tokenizer.MANY_BYTES if "utf8_split" in active_faults else tokenizer.BREAKS if "huge_line" in active_faults else ()
        return tokenizer.until_stop(tokenizer.answer(model, thinks, words), self.asked.options.get("stop", []))

    def speak(self, decoding: decode.Decoding) -> None:
        every = self.active_faults.get("empty_chunks", {}).get("every")
        said = decoding.said(tags_show=self.kind == "generate", empty_every=every)
        if self.asked.stream and "whole_without_done" not in self.active_faults:
            self.exchange.stream(faults.spoiled(self.pieces(decoding, said), self.active_faults), self.content_type)
        else:
            self.exchange.json(self.in_one_piece(decoding, self.collected(said)), due_ns=decoding.last_ns)

    def pieces(self, decoding: decode.Decoding, said: Iterator[decode.Said]) -> Iterator[faults.Piece]:
        """A line for each chunk, and the final one with the counters."""
        escape = "huge_line" not in self.active_faults
        for due_ns, thought, answer in said:
            value = self.line(due_ns, thought=thought, answer=answer)
            yield faults.Piece(due_ns, versions.go_json(value, escape).encode() + b"\n")
        final = self.line(decoding.last_ns, **self.ending(decoding))
        yield faults.Piece(decoding.last_ns, versions.go_json(final).encode() + b"\n")

    def collected(self, said: Iterator[decode.Said]) -> list[decode.Said]:
        """All chunks, taken at their times: how long the next one takes depends on who is decoding then."""
        chunks = []
        for chunk in said:
            self.exchange.client.wait_until(chunk.due_ns)
            chunks.append(chunk)
        return chunks

    def in_one_piece(self, decoding: decode.Decoding, chunks: list[decode.Said]) -> dict:
        """The answer to stream false: all of the text and the fields of the final line."""
        ending = {} if "whole_without_done" in self.active_faults else self.ending(decoding)
        return self.line(decoding.last_ns, thought="".join(chunk.thought for chunk in chunks),
                         answer="".join(chunk.answer for chunk in chunks), **ending)

    def line(self, due_ns: int | None = None, **rest: object) -> dict:
        """One object, with what every object carries."""
        model, exchange = self.model, self.exchange
        remote = versions.without_empty({"remote_model": model.remote_model, "remote_host": model.remote_host})
        created_at = exchange.wall_time(time.perf_counter_ns() if due_ns is None else due_ns)
        return versions.reply(self.kind, self.asked.name, remote, created_at, **rest)

    def ending(self, decoding: decode.Decoding) -> dict:
        """Fields of the final object, once the last token is due. The slot is free before the client knows."""
        entry = self.entry
        self.exchange.wait_until(decoding.last_ns)
        self.held.close()
        entry.eval_tokens, entry.eval_ns = decoding.eval_tokens, decoding.eval_ns
        entry.done_reason = decoding.done_reason
        cached_tokens = entry.cached_tokens if self.world.dialect.tells_cached_count else None
        counters = versions.metrics(
            total_ns=decoding.last_ns - self.exchange.request.received_ns, load_ns=entry.load_ns,
            prompt_tokens=entry.prompt_tokens, cached_tokens=cached_tokens, prompt_eval_ns=entry.prompt_eval_ns,
            eval_tokens=entry.eval_tokens, eval_ns=entry.eval_ns)
        if "metrics_absent" in self.active_faults:
            counters = faults.without(counters, self.active_faults["metrics_absent"]["fields"])
        return {"done": True, "done_reason": entry.done_reason, **self.context(), **counters}

    def context(self) -> dict:
        """The numbers of all tokens but the first, which only generate tells, and not when it is raw."""
        huge = self.active_faults.get("huge_line")
        if not huge and (self.kind != "generate" or self.asked.body.get("raw")):
            return {}
        size = huge["context"] if huge else self.entry.prompt_tokens - 1 + self.entry.eval_tokens
        return {"context": [300 + n % 150 for n in range(size)]}

    def rendered(self) -> dict:
        """_debug_render_only: the text that the model would get to read."""
        value = self.line()
        if "message" in value:
            value["message"]["role"] = ""
        return {**value, "_debug_info": {"rendered_template": self.text()}}

    @abc.abstractmethod
    def text(self) -> str:
        """The prompt as the model gets to read it."""


class Chat(Talk):
    kind = "chat"

    def no_name(self) -> versions.Refusal:
        return versions.Refusal(400, "model is required")

    def has_input(self) -> bool:
        return bool(self.asked.body.get("messages"))

    def is_native(self) -> bool:
        return self.model.template is None

    def prompt(self, num_ctx: int) -> list[str]:
        messages = self.asked.body["messages"]
        if self.asked.truncate:
            messages = decode.without_oldest(messages, num_ctx, lambda kept: len(self.tokens_read(kept)))
        return self.tokens_read(messages)

    def is_framed(self) -> bool:
        return not self.is_native() or self.world.dialect.has_runner_process

    def tokens_read(self, messages: list[dict]) -> list[str]:
        return (tokenizer.framed_prompt(self.model, messages) if self.is_framed() else tokenizer.bare_prompt(messages))

    def text(self) -> str:
        messages = self.asked.body["messages"]
        return tokenizer.framed_text(self.model, messages) if self.is_framed() else tokenizer.bare_text(messages)


class Generate(Talk):
    kind = "generate"

    def no_name(self) -> versions.Refusal:
        return versions.Refusal(404, "model '' not found")

    def has_input(self) -> bool:
        return bool(self.asked.body.get("prompt"))

    def is_framed(self) -> bool:
        return self.model.template is not None and not self.asked.body.get("raw")

    def prompt(self, num_ctx: int) -> list[str]:
        message = {"content": self.asked.body["prompt"]}
        return tokenizer.framed_prompt(self.model, [message]) if self.is_framed() else tokenizer.bare_prompt([message])

    def text(self) -> str:
        return f"user: {self.asked.body['prompt']}\nassistant:" if self.is_framed() else self.asked.body["prompt"]


def find(exchange: Exchange, name: str, no_name: versions.Refusal, missing: str) -> Model:
    """The model of that name, refused in the endpoint's own words."""
    if not name:
        raise no_name
    if request_validation.is_cloud_name(name):
        raise versions.Refusal(403, versions.CLOUD_OFF)
    request_validation.check_name(name)
    model = exchange.world.find(name)
    if model is None:
        raise versions.Refusal(404, missing)
    return model


def ailing(model: Model, active_faults: dict) -> Model:
    """The model as this one request finds it."""
    changes: dict = dict(active_faults.get("remote_chunks", {}))
    if "answer" in active_faults:
        changes["answer_text"] = active_faults["answer"]["text"]
    if "multi_token_chunks" in active_faults:
        changes["tokens_per_chunk"] = active_faults["multi_token_chunks"]["tokens"]
    if "thinking_despite_off" in active_faults:
        changes["thinking_tokens"] = active_faults["thinking_despite_off"]["tokens"]
    return dataclasses.replace(model, **changes) if changes else model


@contextlib.contextmanager
def borrowed(exchange: Exchange, model: Model, asked: request_validation.Order) -> Iterator[Loan]:
    """The model, in memory; how long that took goes into the log."""
    engine, received_ns = exchange.world.engine, exchange.request.received_ns
    largest = min(model.context_length, model.reduced_context or model.context_length)
    with engine.loan(model, request_validation.launch(asked, largest), asked.keep_alive_ns,
                     exchange.client, received_ns) as loan:
        exchange.entry.load_ns = loan.ready_ns - received_ns
        yield loan
