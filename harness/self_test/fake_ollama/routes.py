"""The routes: which request is answered by what, and the answers that need no model."""
from __future__ import annotations

import json
import re
import time
from typing import Iterator

from . import chat_handlers, engine, faults, http_wire, request_validation, script, versions
from .truth_log import Log, TruthEntry
from .server_state import Exchange, NDJSON, ServerState

PLAIN = "text/plain"
PULL_STEP_NS = 5_000_000
RESET_PAUSE_S = 0.02                      # some systems throw away what the reset overtakes
LOCAL_ADDRESS = re.compile(r"127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|0\.0\.0\.0$|::1?$|f[cd][0-9a-f]{2}:")
OWN_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|0\.0\.0\.0)(:\d+)?$|(app|file|tauri|vscode-\w+)://")


class FakeOllama:
    """The whole server: one script at a time, one thread per connection."""

    def __init__(self, planted: script.Script):
        self.world = ServerState(planted)

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
        """Answer one request and write down the truth about it; False when the connection is spent."""
        if request.path.startswith("/fake/"):
            return self.answer_for_itself(client, request)
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
        world, text = self.world, text_of(body)
        model = str(body.get("model", body.get("name", "")))
        active_faults = world.active_faults(request.method, request.path, model, text, bool(body.get("think", True)))
        entry = world.log.open(method=request.method, path=request.path, model=model or None, nonce=nonce_of(text),
                               received_ns=request.received_ns, fault="+".join(active_faults) or None)
        return Exchange(client, request, world, entry, active_faults)

    # ----- the fake server's own endpoints, which stand in no log

    def answer_for_itself(self, client: http_wire.Client, request: http_wire.HttpRequest) -> bool:
        entry = TruthEntry(n=0, method=request.method, path=request.path, model=None, nonce=None,
                      received_ns=request.received_ns)
        exchange = Exchange(client, request, self.world, entry, {})
        try:
            exchange.json(self.own_answer(request))
        except (ValueError, TypeError) as problem:
            exchange.json({"error": f"{type(problem).__name__}: {problem}"}, 400)
        return True

    def own_answer(self, request: http_wire.HttpRequest) -> object:
        what = f"{request.method} {request.path}"
        if what == "POST /fake/script":
            self.world = ServerState(script.read(json.loads(request.body)))
        elif what == "POST /fake/log/clear":
            self.world.log = Log()
        elif what == "GET /fake/log":
            return self.world.log.since(int(request.query.partition("from=")[2] or 0))
        elif what == "GET /fake/state":
            return state(self.world)
        else:
            raise ValueError(f"no {what}")
        return {"ok": True}


def instead_of_answer(exchange: Exchange) -> bool:
    """The faults that come before any answer; True if one took its place."""
    client, active_faults = exchange.client, exchange.active_faults
    if "silence" in active_faults:
        client.wait_until(time.perf_counter_ns() + round(active_faults["silence"]["ms"] * 1e6))
        if active_faults["silence"]["then"] == "close":
            raise http_wire.HangUp(reset=False)
    if "body_not_http" in active_faults:
        exchange.entry.ending = "not http"
        client.send(active_faults["body_not_http"]["text"].encode())
    elif "empty_200" in active_faults:
        exchange.stream(iter(()), NDJSON)
    elif "status" in active_faults:
        plain_error(exchange, **active_faults["status"])
    elif "nested_json_400" in active_faults:
        raise versions.runner_refusal(active_faults["nested_json_400"]["message"], "invalid_request_error")
    else:
        return False
    return True


def plain_error(exchange: Exchange, code: int, error: str, body: str | None, content_type: str,
                after_ms: float) -> None:
    text = versions.go_json({"error": error}) if body is None else body
    due_ns = exchange.request.received_ns + round(after_ms * 1e6)
    exchange.whole(text.encode(), content_type, code, due_ns=due_ns)


def route(exchange: Exchange) -> None:
    """Guards first, then path, then method, as Ollama does."""
    request = exchange.request
    methods = ROUTES.get(request.path)
    if not is_local(request.headers.get("host", "")) or not is_own_origin(request.headers.get("origin", "")):
        exchange.whole(b"", None, 403)
    elif methods is None:
        exchange.whole(b"404 page not found", PLAIN, 404)
    elif request.method not in methods:
        exchange.whole(b"405 method not allowed", PLAIN, 405, fields=(("Allow", ", ".join(methods)),))
    elif request.method == "POST":
        methods["POST"](exchange, request_validation.body_of(request.body))
    else:
        methods[request.method](exchange)


# ----- endpoints that need no model

def root(exchange: Exchange) -> None:
    exchange.whole(b"Ollama is running", PLAIN + "; charset=utf-8")


def version(exchange: Exchange) -> None:
    exchange.json({"version": exchange.world.dialect.version})


def status(exchange: Exchange) -> None:
    exchange.json({"cloud": {"disabled": True, "source": "env"}})


def tags(exchange: Exchange) -> None:
    world = exchange.world
    exchange.json({"models": [versions.listed_model(model, world.dialect, world.modified_at(model))
                              for model in world.models()]})


def loaded(exchange: Exchange) -> None:
    def entry(runner: engine.LoadedModel) -> dict:
        expires_at = exchange.wall_time(runner.expires_ns)
        return versions.loaded_model(runner.model, exchange.world.dialect, runner.launch.num_ctx, expires_at)

    exchange.json({"models": [entry(runner) for runner in exchange.world.engine.shown()]})


def show(exchange: Exchange, body: dict) -> None:
    world, name = exchange.world, request_validation.read(body, "ShowRequest").name
    told = script.full_name(name) if world.dialect.has_runner_process else name
    model = chat_handlers.find(exchange, name, versions.Refusal(400, "model is required"), f"model '{told}' not found")
    if model.show_error is not None:
        raise versions.Refusal(500, model.show_error)
    exchange.json(versions.shown_model(model, world.dialect, world.modified_at(model)))


def pull(exchange: Exchange, body: dict) -> None:
    name = script.full_name(request_validation.read(body, "PullRequest").name)
    model = next((model for model in exchange.world.script.models if model.name == name), None)
    exchange.stream(faults.spoiled(pull_pieces(exchange, model), exchange.active_faults), NDJSON)


def pull_pieces(exchange: Exchange, model: script.Model | None) -> Iterator[faults.Piece]:
    due_ns = time.perf_counter_ns()
    for step in pull_steps(model):
        yield faults.Piece(due_ns, versions.go_json(step).encode() + b"\n")
        due_ns += PULL_STEP_NS
    if model is not None:
        exchange.world.pulled.add(model.name)


def pull_steps(model: script.Model | None) -> Iterator[dict]:
    """What a pull tells; completed is left out while it is 0."""
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


def state(world: ServerState) -> dict:
    """What is in memory now."""
    return {"speak": world.script.speak, "requests": world.log.count, "waiting_for_load": len(world.engine.loads),
            "models": [{"name": runner.model.name, "launch": runner.launch._asdict(), "waiting": len(runner.line),
                        "slots": [{"busy": slot.busy, "tokens": len(slot.tokens)} for slot in runner.slots]}
                       for runner in world.engine.shown()]}


ROUTES = {
    "/": {"HEAD": root, "GET": root},
    "/api/version": {"HEAD": version, "GET": version},
    "/api/tags": {"HEAD": tags, "GET": tags},
    "/api/status": {"GET": status},
    "/api/ps": {"GET": loaded},
    "/api/show": {"POST": show},
    "/api/pull": {"POST": pull},
    "/api/chat": {"POST": chat_handlers.chat},
    "/api/generate": {"POST": chat_handlers.generate},
}


# ----- what a request is about

def body_or_nothing(data: bytes) -> dict:
    """The body for rules and log, which take any request; the route complains about a bad one."""
    try:
        return request_validation.body_of(data)
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


def is_local(host: str) -> bool:
    """Ollama's guard against names that lead to this machine from elsewhere."""
    name = re.sub(r"^\[(.*)\](:\d+)?$|:\d+$", r"\1", host.lower())
    return (name in ("", "localhost") or name.endswith((".localhost", ".local", ".internal"))
            or LOCAL_ADDRESS.match(name) is not None)


def is_own_origin(origin: str) -> bool:
    """Ollama's default list of origins."""
    return not origin or OWN_ORIGIN.match(origin) is not None
