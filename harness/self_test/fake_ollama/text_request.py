"""A request for text: what the body of /api/chat or /api/generate asks for, with Ollama's defaults filled in."""
from __future__ import annotations

import dataclasses
import json
import re

from .engine import FOREVER_NS, LaunchOptions
from .versions import Dialect, Refusal

DEFAULT_NUM_CTX = 4096                    # what a machine without a large accelerator gets
NO_LIMIT_TIMES = 10                       # an answer without a limit ends at so many windows
DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|ms|s|m|h)")
UNIT_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


@dataclasses.dataclass(frozen=True)
class TextRequest:
    name: str                             # of the model, as the client wrote it
    body: dict
    options: dict
    stream: bool
    truncate: bool
    shift: bool
    keep_alive_ns: int | None             # None: not in the request
    think: bool | str | None              # True, False or a level; None: the request does not say


def body_of(data: bytes) -> dict:
    """The JSON object of a body; a field that is null counts as absent."""
    try:
        body = json.loads(data)
    except ValueError as problem:
        raise Refusal(400, f"invalid JSON: {problem}") from None
    return {key: value for key, value in body.items() if value is not None}


def read(body: dict) -> TextRequest:
    return TextRequest(name=body.get("model", ""), body=body, options=body.get("options", {}), stream=body.get("stream", True),
                       truncate=body.get("truncate", True), shift=body.get("shift", True),
                       keep_alive_ns=keep_alive_ns(body.get("keep_alive")), think=body.get("think"))


def keep_alive_ns(value: float | str | None) -> int | None:
    """Seconds as a number, or a Go duration such as 1h2.5s; a negative value means for ever."""
    if value is None:
        return None
    if not isinstance(value, str):
        return FOREVER_NS if value < 0 else round(value * 1e9)
    if value.startswith("-"):
        return FOREVER_NS
    return round(sum(float(number) * UNIT_NS[unit] for number, unit in DURATION_PART.findall(value)))


def launch_options(request: TextRequest, context_length: int) -> LaunchOptions:
    """The options that decide whether a loaded model can serve the request."""
    options = request.options
    return LaunchOptions(num_ctx=min(max(int(options.get("num_ctx", DEFAULT_NUM_CTX)), 4), context_length),
                         num_batch=options.get("num_batch"), num_gpu=options.get("num_gpu", -1),
                         main_gpu=options.get("main_gpu"), use_mmap=options.get("use_mmap"),
                         num_thread=options.get("num_thread", 0), shift=request.shift)


def token_limit(request: TextRequest, dialect: Dialect, prompt_tokens: int, num_ctx: int, is_native: bool) -> int:
    """How many tokens the answer may have at most."""
    num_predict = int(request.options.get("num_predict", -1))
    if num_predict == 0 and is_native and dialect.has_runner_process:
        num_predict = 1
    most = NO_LIMIT_TIMES * num_ctx
    limit = num_predict if 0 < num_predict <= most else most
    if request.shift:
        return limit                      # the window slides on, without a sign
    return min(limit, max(1, dialect.slot_window(num_ctx) - prompt_tokens))
