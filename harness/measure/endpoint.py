"""The API of one Ollama server: small requests with their answers as JSON, and connections for the calls to be timed.

The API key is sent and never kept anywhere else.
"""
from __future__ import annotations

import base64
import json
import time
from typing import Any, Callable, Mapping, NamedTuple

from base import names
from base.errors import FOUND, UserError
from measure import foreign_answers, stream_reader
from measure.connection import Connection, TimeLimits
from measure.server_address import ServerAddress
from measure.stream_reader import Stream

SMALL_S = 60.0                      # for answers that need no model; a machine that swaps is slow even with these
UNLOAD_WAIT_S = 30                  # the server itself waits up to 5 s for video memory to come back


class NoServer(UserError):
    """No usable answer from the address."""


class ModelProblem(UserError):
    """The server works, but cannot read this model."""


class JsonAnswer(NamedTuple):
    """An answer to a small request; `value` is its JSON, None if it is not JSON. Header names are in lower case."""
    status: int
    value: Any
    text: str
    headers: Mapping[str, str]


class Endpoint:
    """The API of one server. Small answers come as decoded JSON."""

    def __init__(self, target: ServerAddress, limits: TimeLimits = TimeLimits(), api_key: str | None = None,
                 clock: Callable[[], int] = time.perf_counter_ns):
        self.target, self.limits, self.clock = target, limits, clock
        self._headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson, application/json"}
        api_key = (api_key or "").strip()
        if not (api_key.isascii() and api_key.isprintable()):
            # http.client would refuse it as well, and show the key.
            raise UserError("it has characters that cannot be sent in a header", "OLLAMA_API_KEY", "copy it again")
        self._secrets = [secret for secret in (api_key, *target.secrets) if secret]
        if target.credentials:
            basic = base64.b64encode(target.credentials.encode("utf-8")).decode("ascii")
            self._secrets.append(basic)
            self._headers["Authorization"] = f"Basic {basic}"
        elif api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def connection(self, path: str, body: bytes | None = None, limits: TimeLimits | None = None) -> Connection:
        return Connection(self.target, path, body, self._headers, limits or self.limits, self.clock)

    def ask(self, path: str, fields: dict | None = None, limits: TimeLimits | None = None) -> JsonAnswer:
        """The answer to a small request; raises NoServer."""
        body = None if fields is None else json.dumps(fields).encode("ascii")
        limits = limits or TimeLimits(self.limits.connect_s, SMALL_S, SMALL_S)
        stream, = stream_reader.exchange([self.connection(path, body, limits)], self.clock)
        if stream.ending != "end":
            raise self.unreachable(stream)
        text = stream.take_body().decode("utf-8", "replace")
        return JsonAnswer(stream.parser.status or 0, decoded(text), text, stream.parser.headers)

    def unreachable(self, stream: Stream) -> NoServer:
        what = {
            "ConnectionRefusedError": "nothing listens there",
            "gaierror": "no such host",
            "timeout": "no answer in time",
            "TimeoutError": "no answer in time",
        }.get(type(stream.problem).__name__, f"no usable answer ({stream.error})")
        return NoServer(what, self.target.url, "start Ollama with `ollama serve`, or name the server with --target-url", FOUND)

    def _unexpected(self, path: str, answer: JsonAnswer, problem: type[UserError] = UserError) -> UserError:
        """The error for an answer that is not what Ollama gives there."""
        foreign = foreign_answers.explain(path, answer.status, answer.headers, answer.text, self.target.prefix)
        if foreign:
            what, now = map(self.without_secrets, foreign)
            return problem(what, self.without_secrets(self.target.url), now, FOUND)
        text = self.without_secrets(error_text(answer.text))
        return problem(f"{path} answers HTTP {answer.status} {text!r}", self.target.url, "see the server's log", FOUND)

    def without_secrets(self, text: str) -> str:
        """A server may repeat the API key or a password; they are neither shown nor kept."""
        for secret in self._secrets:
            text = text.replace(secret, "<secret>")
        return text

    def is_alive(self) -> bool:
        try:
            return bool(self.version(TimeLimits(2.0, 5.0, 5.0)))
        except UserError:
            return False

    def version(self, limits: TimeLimits | None = None) -> str:
        """The server's version; raises UserError where something else than Ollama answers."""
        answer = self.ask("/api/version", limits=limits)
        version = answer.value.get("version") if isinstance(answer.value, dict) else None
        if answer.status == 200 and isinstance(version, str):
            return version
        if foreign_answers.explain("/api/version", answer.status, answer.headers, answer.text, self.target.prefix):
            raise self._unexpected("/api/version", answer)
        raise UserError(f"the server at this address is not Ollama (HTTP {answer.status} for /api/version)", self.target.url,
                        "name the server with --target-url or OLLAMA_HOST")

    def models(self) -> list[dict]:
        """/api/tags as received: dicts with name, size, digest, details, capabilities."""
        return self._list("/api/tags")

    def loaded(self) -> list[dict]:
        """/api/ps as received: dicts with name, size, size_vram, context_length."""
        return self._list("/api/ps")

    def _list(self, path: str) -> list[dict]:
        """The rows that can be read; old servers say null where there are none."""
        answer = self.ask(path)
        rows = (answer.value.get("models") or []) if isinstance(answer.value, dict) and "models" in answer.value else None
        if answer.status != 200 or not isinstance(rows, list):
            raise self._unexpected(path, answer)
        return [row for row in rows if isinstance(row, dict)]

    def has(self, name: str) -> bool:
        """Whether the server lists the model now; raises UserError where it does not say."""
        return any(same_model(str(row.get("name", "")), name) for row in self.models())

    def show(self, name: str) -> dict | None:
        """/api/show, or None where the server does not know the model. It holds paths of the server's disk.

        Raises ModelProblem where the server cannot read the model.
        """
        answer = self.ask("/api/show", {"model": name})
        if answer.status == 404:
            return None
        if answer.status != 200 or not isinstance(answer.value, dict):
            raise self._unexpected("/api/show", answer, ModelProblem)
        return answer.value

    def pull(self, name: str, report: Callable[[str, int, int], None]) -> None:
        """Fetch a model; `report` gets (status, completed bytes, total bytes). Only the status `success` is success."""
        # Checking the hash of a download of many GB says nothing until it is done.
        patient = TimeLimits(self.limits.connect_s, self.limits.first_byte_s, self.limits.first_byte_s)
        body = json.dumps({"model": name, "stream": True}).encode("ascii")
        progress = _PullProgress(report)
        stream, = stream_reader.exchange([self.connection("/api/pull", body, patient)], self.clock,
                                         tick=lambda streams: progress.feed(streams[0].take_body()))
        if stream.ending != "end":
            raise self.unreachable(stream)
        progress.feed(stream.take_body() + b"\n")
        if progress.last.get("status") != "success":
            problem = self.without_secrets(str(progress.last.get("error") or "the download ended early"))
            raise UserError(f"could not be pulled ({problem})", name,
                            "check the name on the model library's site, and the space on the server's disk", FOUND)

    def unload(self, name: str, sleep: Callable[[float], None] = time.sleep) -> bool:
        """Unload a model and wait until /api/ps no longer lists it. False: it is still listed."""
        self.ask("/api/generate", {"model": name, "keep_alive": 0})
        for _ in range(int(UNLOAD_WAIT_S / 0.1)):
            if not any(same_model(str(row.get("name", "")), name) for row in self.loaded()):
                return True
            sleep(0.1)
        return False


def same_model(name: str, other: str) -> bool:
    return names.model_key(name) == names.model_key(other)


class _PullProgress:
    """Reports the lines of a pull as they arrive; lines after an error are ignored."""

    def __init__(self, report: Callable[[str, int, int], None]):
        self.last: dict = {}
        self._report, self._rest = report, b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.strip() and "error" not in self.last:
                self._take(line)

    def _take(self, line: bytes) -> None:
        value = decoded(line)
        self.last = value if isinstance(value, dict) else {}
        if "error" not in self.last:
            self._report(str(self.last.get("status", "")), self.last.get("completed") or 0, self.last.get("total") or 0)


def decoded(text: str | bytes) -> Any:
    """The value of a JSON text from a server; None for what is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def error_text(text: str) -> str:
    """The human part of an error body: Ollama's {"error": ...}, which may hold another JSON object as a string."""
    for _ in range(3):
        value = decoded(text)
        inner = value.get("error", value.get("message")) if isinstance(value, dict) else None
        if isinstance(inner, dict):
            inner = inner.get("message")
        if not isinstance(inner, str):
            break
        text = inner
    return text.strip()[:500]

