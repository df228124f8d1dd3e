"""Handlers of /api/chat and /api/generate."""
from __future__ import annotations

import abc
import contextlib
import dataclasses
import time
from typing import Any, Iterator

from . import decode, faults, text_request, tokenizer, versions
from .engine import ModelUse, SlotUse
from .script import Model
from .server_state import NDJSON, Exchange


class TextHandler(abc.ABC):
    """One request for text, from its checks to its last line. ChatHandler and GenerateHandler differ in prompt and words."""

    kind = ""
    is_native = False       # True: the runner's own template is used, with its own ideas about limits

    def __init__(self, exchange: Exchange, request: text_request.TextRequest):
        self.exchange, self.request = exchange, request
        self.server, self.entry, self.active_faults = exchange.server, exchange.entry, exchange.active_faults
        self.in_use = contextlib.ExitStack()       # the model and the slot, until the answer is complete
        self.model = with_faults(self.server.find(request.name), self.active_faults)

    def respond(self) -> None:
        """Unload, load, render or answer; what cannot be done is refused before anything is loaded."""
        exchange, request = self.exchange, self.request
        if not self.messages() and request.keep_alive_ns == 0:
            self.server.engine.unload(self.model)
            return exchange.json(self.line(done=True, done_reason="unload"))
        self.check_capabilities()
        with self.in_use:
            use = self.in_use.enter_context(model_use(exchange, self.model, request))
            if not self.messages():
                return exchange.json(self.line(use.ready_ns, done=True, done_reason="load"), due_ns=use.ready_ns)
            if request.body.get("_debug_render_only"):
                return exchange.json(self.rendered(), due_ns=use.ready_ns)
            prompt = self.fitted(self.window(use))
            exchange.client.wait_until(use.ready_ns)
            slot_use = self.in_use.enter_context(self.server.engine.slot_use(use.loaded, prompt, exchange.client))
            self.send(self.begin(prompt, use, slot_use))

    # ----- what chat and generate each do in their own way

    @abc.abstractmethod
    def messages(self) -> list[dict]:
        """The messages of the conversation, or the prompt as the only one; a request without any only loads the model."""

    @abc.abstractmethod
    def is_framed(self) -> bool:
        """Whether a template is put around the messages."""

    # ----- what they share

    def check_capabilities(self) -> None:
        request, capabilities, levels = self.request, self.model.capabilities, self.model.level_tokens
        if request.think and "thinking" not in capabilities:
            raise versions.Refusal(400, f'"{request.name}" does not support thinking')
        if isinstance(request.think, str) and levels is not None and request.think not in levels:
            raise versions.Refusal(400, f'invalid think value: "{request.think}" (must be true, false or one of {", ".join(levels)})')
        if "completion" not in capabilities:
            raise versions.Refusal(400, f'"{request.name}" does not support {self.kind}')

    def window(self, use: ModelUse) -> int:
        """The context in force, in tokens."""
        return self.model.context_length if self.model.is_safetensors else use.loaded.launch.num_ctx

    def prompt(self) -> list[str]:
        """The tokens of the messages, with the template around them if there is one."""
        return tokenizer.framed_prompt(self.model, self.messages()) if self.is_framed() else tokenizer.bare_prompt(self.messages())

    def fitted(self, num_ctx: int) -> list[str]:
        """The tokens that the model gets to read."""
        request, truncation, prompt = self.request, self.active_faults.get("silent_truncation"), self.prompt()
        if truncation and truncation["to"]:
            return decode.cut(prompt, truncation["to"])
        if truncation:
            request = dataclasses.replace(request, truncate=True, shift=True)
        return decode.fitted(prompt, request, num_ctx, self.is_native, self.server.dialect)

    def begin(self, prompt: list[str], use: ModelUse, slot_use: SlotUse) -> decode.Decoding:
        """Settle every time that is known now; client and log get the same numbers."""
        entry, model = self.entry, self.model
        start_ns = time.perf_counter_ns() if slot_use.waited else use.ready_ns
        start_ns += round(self.active_faults.get("queue_wait", {}).get("ms", 0) * 1e6)
        entry.slot, entry.prompt_tokens, entry.cached_tokens = slot_use.slot.number, len(prompt), slot_use.cached_tokens
        entry.queue_ns = start_ns - use.ready_ns
        entry.prompt_eval_ns = max(1000, model.prefill_ns(len(prompt), slot_use.cached_tokens))
        limit = text_request.token_limit(self.request, self.server.dialect, len(prompt), self.window(use), self.is_native)
        return decode.Decoding(self.server.engine, use.loaded, model, self.tokens(len(prompt)),
                               1 if "one_token" in self.active_faults else limit, start_ns + entry.prompt_eval_ns, len(prompt))

    def tokens(self, prompt_tokens: int) -> Iterator[tokenizer.Token]:
        """The whole answer that the model would give."""
        model, active_faults, think = self.model, self.active_faults, self.request.think
        can_think = "thinking" in model.capabilities and model.thinking_tokens > 0
        thinks = can_think and think is not False or model.thinks_always or "thinking_despite_off" in active_faults
        if isinstance(think, str) and model.level_tokens:
            model = dataclasses.replace(model, thinking_tokens=model.level_tokens[think])
        if model.recalls:
            question = str(self.messages()[-1].get("content") or "")
            model = dataclasses.replace(model, answer_text=tokenizer.recalled(question, prompt_tokens, model))
        words = tokenizer.MANY_BYTES if "utf8_split" in active_faults else tokenizer.BREAKS if "huge_line" in active_faults else ()
        return tokenizer.answer(model, thinks, words)

    def send(self, decoding: decode.Decoding) -> None:
        every = self.active_faults.get("empty_chunks", {}).get("every")
        chunks = decoding.chunks(tags_show=self.kind == "generate", empty_every=every)
        if self.request.stream and "whole_without_done" not in self.active_faults:
            self.exchange.stream(faults.spoiled(self.pieces(decoding, chunks), self.active_faults), NDJSON)
        else:
            self.exchange.json(self.in_one_piece(decoding, chunks), due_ns=decoding.last_ns)

    def pieces(self, decoding: decode.Decoding, chunks: Iterator[decode.Chunk]) -> Iterator[faults.Piece]:
        """A line for each chunk, and the final one with the counters."""
        escape = "huge_line" not in self.active_faults
        for due_ns, thinking, answer in chunks:
            value = self.line(due_ns, thinking=thinking, answer=answer)
            yield faults.Piece(due_ns, versions.go_json(value, escape).encode() + b"\n")
        final = self.line(decoding.last_ns, **self.ending(decoding))
        yield faults.Piece(decoding.last_ns, versions.go_json(final).encode() + b"\n")

    def in_one_piece(self, decoding: decode.Decoding, chunks: Iterator[decode.Chunk]) -> dict:
        """The answer to stream false: all of the text and the fields of the final line.

        Chunks are taken at their times: how long the next one takes depends on who is decoding then.
        """
        thinking, answer = "", ""
        for chunk in chunks:
            self.exchange.client.wait_until(chunk.due_ns)
            thinking, answer = thinking + chunk.thinking, answer + chunk.answer
        ending = {} if "whole_without_done" in self.active_faults else self.ending(decoding)
        return self.line(decoding.last_ns, thinking=thinking, answer=answer, **ending)

    def line(self, due_ns: int | None = None, **fields: Any) -> dict:
        """One object, with what every object has."""
        model, exchange = self.model, self.exchange
        remote = versions.without_empty({"remote_model": model.remote_model, "remote_host": model.remote_host})
        created_at = exchange.wall_time(time.perf_counter_ns() if due_ns is None else due_ns)
        return versions.reply(self.kind, self.request.name, remote, created_at, **fields)

    def ending(self, decoding: decode.Decoding) -> dict:
        """Fields of the final object, once the last token is due. The slot is free before the client knows."""
        entry = self.entry
        self.exchange.wait_until(decoding.last_ns)
        self.in_use.close()
        entry.eval_tokens, entry.eval_ns = decoding.eval_tokens, decoding.eval_ns
        entry.done_reason = decoding.done_reason
        counters = versions.metrics(entry, decoding.last_ns - self.exchange.request.received_ns, self.server.dialect)
        if "metrics_absent" in self.active_faults:
            counters = faults.without(counters, self.active_faults["metrics_absent"]["fields"])
        return {"done": True, "done_reason": entry.done_reason, **self.context(decoding), **counters}

    def context(self, decoding: decode.Decoding) -> dict:
        """The numbers of all tokens but the first, which only generate sends, and not when it is raw."""
        huge = self.active_faults.get("huge_line")
        if not huge and (self.kind != "generate" or self.request.body.get("raw")):
            return {}
        size = huge["context"] if huge else decoding.prompt_tokens - 1 + decoding.eval_tokens
        return {"context": [300 + n % 150 for n in range(size)]}

    def rendered(self) -> dict:
        """_debug_render_only of a chat: the text that the model would get to read."""
        value = self.line()
        value["message"]["role"] = ""
        return {**value, "_debug_info": {"rendered_template": tokenizer.as_text(self.prompt())}}


class ChatHandler(TextHandler):
    kind = "chat"

    def __init__(self, exchange: Exchange, request: text_request.TextRequest):
        super().__init__(exchange, request)
        self.is_native = self.model.template is None

    def messages(self) -> list[dict]:
        return self.request.body.get("messages") or []

    def is_framed(self) -> bool:
        return not self.is_native or self.server.dialect.has_runner_process


class GenerateHandler(TextHandler):
    kind = "generate"

    def messages(self) -> list[dict]:
        prompt = self.request.body.get("prompt")
        return [{"content": prompt}] if prompt else []

    def is_framed(self) -> bool:
        return self.model.template is not None and not self.request.body.get("raw")


def with_faults(model: Model, active_faults: dict) -> Model:
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
def model_use(exchange: Exchange, model: Model, request: text_request.TextRequest) -> Iterator[ModelUse]:
    """The model, in memory; how long that took goes into the log."""
    received_ns = exchange.request.received_ns
    largest = min(model.context_length, model.reduced_context or model.context_length)
    launch = text_request.launch_options(request, largest)
    with exchange.server.engine.model_use(model, launch, request.keep_alive_ns, exchange.client, received_ns) as use:
        exchange.entry.load_ns = use.ready_ns - received_ns
        yield use
