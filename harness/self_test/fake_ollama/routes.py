"""The routes: which handler answers which request, and the answers that need no model."""
from __future__ import annotations

import functools
import json
import re
import time
from typing import Callable, Iterator

from . import chat_handlers, faults, http_wire, script, text_request, versions
from .server_state import JSON, NDJSON, Exchange, ServerState
from .truth_log import Log, TruthEntry

PULL_STEP_NS = 5_000_000
RESET_PAUSE_S = 0.02                      # some systems throw away what the reset overtakes


class FakeOllama:
    """The whole server: one script at a time, one thread per connection."""

    def __init__(self) -> None:
        self.state = ServerState(script.Script())

    def serve(self, client: http_wire.Client) -> None:
        """All requests of one connection."""
        reset = False
        try:
            while True:
                request = client.read_request()
                if request is None or not self.answer(client, request) or request.closes:
                    break
        except http_wire.Gone:
            pass
        except http_wire.HangUp as end:
            reset = end.reset
            if reset:
                time.sleep(RESET_PAUSE_S)
        except http_wire.NotHTTP:
            client.send(http_wire.BAD_REQUEST)
        finally:
            client.close(reset)

    def answer(self, client: http_wire.Client, request: http_wire.HttpRequest) -> bool:
        """Answer one request and log the truth about it; False when nothing more can be sent on the connection."""
        if request.path.startswith("/fake/"):
            return self.answer_fake(client, request)
        body = body_or_nothing(request.body)
        exchange = self.exchange(client, request, body)
        try:
            if not instead_of_answer(exchange):
                route(exchange)
        except versions.Refusal as refusal:
            exchange.refuse(refusal, streams=body.get("stream", True))
        except http_wire.Gone:
            exchange.entry.ending = "client gone"
            raise
        except http_wire.HangUp as end:
            exchange.entry.ending = str(end)
            raise
        return "body_not_http" not in exchange.active_faults

    def exchange(self, client: http_wire.Client, request: http_wire.HttpRequest, body: dict) -> Exchange:
        state, text, model = self.state, text_of(body), str(body.get("model", ""))
        active_faults = state.active_faults(request.method, request.path, model, text, bool(body.get("think", True)))
        entry = state.log.open(method=request.method, path=request.path, model=model or None, nonce=nonce_of(text),
                               received_ns=request.received_ns, fault="+".join(active_faults) or None)
        return Exchange(client, request, state, entry, active_faults)

    # ----- the fake server's own endpoints, which are not logged

    def answer_fake(self, client: http_wire.Client, request: http_wire.HttpRequest) -> bool:
        entry = TruthEntry(n=0, method=request.method, path=request.path, model=None, nonce=None, received_ns=request.received_ns)
        exchange = Exchange(client, request, self.state, entry, {})
        try:
            exchange.json(self.fake_answer(request))
        except (ValueError, TypeError) as problem:
            exchange.json({"error": f"{type(problem).__name__}: {problem}"}, 400)
        return True

    def fake_answer(self, request: http_wire.HttpRequest) -> dict | list:
        endpoint = f"{request.method} {request.path}"
        if endpoint == "POST /fake/script":
            self.state = ServerState(script.read(json.loads(request.body)))
        elif endpoint == "POST /fake/log/clear":
            self.state.log = Log()
        elif endpoint == "GET /fake/log":
            return self.state.log.since(int(request.query.partition("from=")[2] or 0))
        else:
            raise ValueError(f"no {endpoint}")
        return {"ok": True}


def instead_of_answer(exchange: Exchange) -> bool:
    """The faults that come before any answer; True if one took its place."""
    client, active_faults = exchange.client, exchange.active_faults
    if "silence" in active_faults:
        client.wait_until(time.perf_counter_ns() + round(active_faults["silence"]["ms"] * 1e6))
        raise http_wire.HangUp(reset=False)
    if "body_not_http" in active_faults:
        exchange.entry.ending = "not http"
        client.send(active_faults["body_not_http"]["text"].encode())
    elif "empty_200" in active_faults:
        exchange.stream(iter(()), NDJSON)
    elif "status" in active_faults:
        fault = active_faults["status"]
        text = versions.go_json({"error": fault["error"]}) if fault["body"] is None else fault["body"]
        exchange.whole(text.encode(), JSON, fault["code"])
    elif "nested_json_400" in active_faults:
        raise versions.runner_refusal(active_faults["nested_json_400"]["message"], "invalid_request_error")
    else:
        return False
    return True


def route(exchange: Exchange) -> None:
    """The endpoint's answer. Endpoints that are read with GET need no model."""
    request = exchange.request
    if request.method == "GET" and request.path in READ_ROUTES:
        READ_ROUTES[request.path](exchange)
    elif request.method == "POST" and request.path in POST_ROUTES:
        POST_ROUTES[request.path](exchange, text_request.body_of(request.body))
    else:
        exchange.whole(b"404 page not found", "text/plain", 404)


def version(exchange: Exchange) -> None:
    exchange.json({"version": exchange.server.dialect.version})


def tags(exchange: Exchange) -> None:
    server = exchange.server
    exchange.json({"models": [versions.listed_model(model, server.dialect, server.modified_at(model))
                              for model in server.models()]})


def loaded(exchange: Exchange) -> None:
    exchange.json({"models": [versions.loaded_model(loaded.model, exchange.server.dialect, loaded.launch.num_ctx,
                                                    exchange.wall_time(loaded.expires_ns))
                              for loaded in exchange.server.engine.listed()]})


def show(exchange: Exchange, body: dict) -> None:
    server, name = exchange.server, text_request.read(body).name
    model = server.find(script.full_name(name) if server.dialect.has_runner_process else name)
    if model.show_error is not None:
        raise versions.Refusal(500, model.show_error)
    exchange.json(versions.shown_model(model, server.dialect, server.modified_at(model)))


def text(handler: type[chat_handlers.TextHandler], exchange: Exchange, body: dict) -> None:
    handler(exchange, text_request.read(body)).respond()


def pull(exchange: Exchange, body: dict) -> None:
    name = script.full_name(text_request.read(body).name)
    model = next((model for model in exchange.server.script.models if model.name == name), None)
    exchange.stream(faults.spoiled(pull_pieces(exchange, model), exchange.active_faults), NDJSON)


def pull_pieces(exchange: Exchange, model: script.Model | None) -> Iterator[faults.Piece]:
    due_ns = time.perf_counter_ns()
    for step in pull_steps(model):
        yield faults.Piece(due_ns, versions.go_json(step).encode() + b"\n")
        due_ns += PULL_STEP_NS
    if model is not None:
        exchange.server.pulled.add(model.name)


def pull_steps(model: script.Model | None) -> Iterator[dict]:
    """The lines of a pull; completed is left out while it is 0."""
    yield {"status": "pulling manifest"}
    if model is None:
        yield {"error": "pull model manifest: file does not exist"}
        return
    layer = {"status": f"pulling {model.digest[:12]}", "digest": f"sha256:{model.digest}",
             "total": model.size_bytes}
    yield layer
    yield {**layer, "completed": model.size_bytes // 2}
    yield {**layer, "completed": model.size_bytes}
    for text in ("verifying sha256 digest", "writing manifest", "success"):
        yield {"status": text}


READ_ROUTES = {"/api/version": version, "/api/tags": tags, "/api/ps": loaded}
POST_ROUTES: dict[str, Callable[[Exchange, dict], None]] = {
    "/api/show": show, "/api/pull": pull,
    "/api/chat": functools.partial(text, chat_handlers.ChatHandler), "/api/generate": functools.partial(text, chat_handlers.GenerateHandler)}


# ----- what a request is about

def body_or_nothing(data: bytes) -> dict:
    """The body for rules and log, which take any request; the handler refuses a bad one."""
    try:
        return text_request.body_of(data)
    except versions.Refusal:
        return {}


def text_of(body: dict) -> str:
    """All messages or the prompt."""
    messages = body.get("messages")
    texts = [body.get("prompt")]
    if isinstance(messages, list):
        texts += [message.get("content") for message in messages if isinstance(message, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def nonce_of(text: str) -> str | None:
    start = text[:18]
    return start if re.fullmatch(r"[0-9]{18}", start) else None
