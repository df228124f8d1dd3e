"""The OpenAI-compatible /v1/chat/completions: the same answers in another dress, without any timings."""
from __future__ import annotations

from typing import Iterator

from . import decode, faults, request_validation, versions
from .chat_handlers import Chat
from .server_state import Exchange

ERROR_TYPES = {400: "invalid_request_error", 404: "not_found_error"}


def chat(exchange: Exchange, body: dict) -> None:
    try:
        Completion(exchange, request_validation.read(translated(body), "ChatRequest")).answer()
    except versions.Refusal as refusal:
        kind = ERROR_TYPES.get(refusal.status, "api_error")
        error = {"error": {"message": refusal.message, "type": kind, "param": None, "code": None}}
        exchange.whole(versions.go_json(error).encode() + b"\n", "application/json", refusal.status)


def translated(body: dict) -> dict:
    """The body as /api/chat would have it."""
    stop = body.get("stop")
    options = {"num_predict": body.get("max_tokens"), "stop": [stop] if isinstance(stop, str) else stop}
    return {**body, "options": versions.without_empty(options), "stream": body.get("stream", False)}


class Completion(Chat):
    """A chat whose words go into server-sent events."""

    content_type = "text/event-stream"

    def pieces(self, decoding: decode.Decoding, said: Iterator[decode.Said]) -> Iterator[faults.Piece]:
        always = self.world.dialect.role_in_each_delta
        for number, (due_ns, thought, answer) in enumerate(said):
            role = {"role": "assistant"} if always or not number else {}
            delta = {**role, **({"reasoning": thought} if thought else {"content": answer})}
            yield faults.Piece(due_ns, self.frame(choices=[choice(delta, None)]))
        self.ending(decoding)
        delta = {"role": "assistant", "content": ""} if always else {}
        frames = self.frame(choices=[choice(delta, decoding.done_reason)])
        if (self.asked.body.get("stream_options") or {}).get("include_usage"):
            frames += self.frame(choices=[], usage=self.usage())
        yield faults.Piece(decoding.last_ns, frames + b"data: [DONE]\n\n")

    def in_one_piece(self, decoding: decode.Decoding, chunks: list[decode.Said]) -> dict:
        self.ending(decoding)
        message = {"role": "assistant", "content": "".join(chunk.answer for chunk in chunks)}
        chosen = {"index": 0, "message": message, "finish_reason": decoding.done_reason}
        return {**self.about("chat.completion"), "choices": [chosen], "usage": self.usage()}

    def frame(self, **fields: object) -> bytes:
        value = {**self.about("chat.completion.chunk"), **fields}
        return b"data: " + versions.go_json(value).encode() + b"\n\n"

    def about(self, kind: str) -> dict:
        created_s = (self.exchange.request.received_ns + self.exchange.wall_offset_ns) // 10**9
        return {"id": f"chatcmpl-{self.entry.n % 999}", "object": kind, "created": created_s,
                "model": self.asked.name, "system_fingerprint": "fp_ollama"}

    def usage(self) -> dict:
        entry = self.entry
        usage = {"prompt_tokens": entry.prompt_tokens, "completion_tokens": entry.eval_tokens,
                 "total_tokens": entry.prompt_tokens + entry.eval_tokens}
        if self.world.dialect.tells_cached_count:
            usage["prompt_tokens_details"] = {"cached_tokens": entry.cached_tokens}
        return usage


def choice(delta: dict, finish_reason: str | None) -> dict:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}
