"""The order: what a request body asks for, checked in the sequence and with the words of Ollama."""
from __future__ import annotations

import dataclasses
import json
import re

from .versions import Dialect, Refusal, runner_refusal, why_not_json
from .engine import FOREVER_NS, Launch

DEFAULT_NUM_CTX = 4096                    # what a machine without a large accelerator gets
NO_LIMIT_TIMES = 10                       # an answer without a limit ends at so many windows

INTEGERS = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "seed", "num_predict",
            "top_k", "repeat_last_n", "draft_num_predict")
FLOATS = ("temperature", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty", "frequency_penalty")
BOOLEANS = ("use_mmap",)
TEXT, FLAG = (str, "string"), (bool, "bool")
FIELDS = {"model": TEXT, "prompt": TEXT, "system": TEXT, "suffix": TEXT, "template": TEXT,
          "stream": FLAG, "raw": FLAG, "truncate": FLAG, "shift": FLAG, "_debug_render_only": FLAG,
          "messages": (list, "[]api.Message"), "options": (dict, "map[string]interface {}")}
KINDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
UNIT_NS = {"ns": 1, "us": 10**3, "\u00b5s": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
THINK_LEVELS = ("high", "medium", "low", "max")
NAME = re.compile(r"(?:[\w.-]+(?::\d+)?/)?(?:[\w-]+/)?\w[\w.-]{0,79}(?::\w[\w.-]{0,79})?", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Order:
    """A request to chat or generate, with the defaults filled in."""

    name: str                             # of the model, as the client wrote it
    body: dict
    options: dict
    stream: bool
    truncate: bool
    shift: bool
    keep_alive_ns: int | None             # None: not said
    think: bool | str | None              # True, False or a level; None: not said


def body_of(data: bytes) -> dict:
    """The first JSON value in the body, as Go's decoder takes it: what follows is ignored."""
    text = data.decode("utf-8", "replace").lstrip()
    if not text:
        raise Refusal(400, "missing request body")
    try:
        body, _ = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as problem:
        raise Refusal(400, why_not_json(text, problem)) from None
    except RecursionError:
        raise Refusal(400, "exceeded max depth") from None
    if not isinstance(body, dict):
        kind = KINDS.get(type(body), "null")
        raise Refusal(400, f"json: cannot unmarshal {kind} into Go value of type api.Request")
    return {key: value for key, value in body.items() if value is not None}


def read(body: dict, record: str) -> Order:
    """The order in a body; record is the Go name that its errors speak of."""
    for name, (kind, go_kind) in FIELDS.items():
        value = body.get(name)
        if value is not None and not isinstance(value, kind):
            raise Refusal(400, f"json: cannot unmarshal {KINDS[type(value)]} into Go struct field "
                               f"{record}.{name} of type {go_kind}")
    return Order(name=body.get("model", body.get("name", "")), body=body, options=body.get("options", {}),
                 stream=body.get("stream", True), truncate=body.get("truncate", True),
                 shift=body.get("shift", True), keep_alive_ns=keep_alive(body.get("keep_alive")),
                 think=think(body.get("think")))


def keep_alive(value: object) -> int | None:
    """Seconds as a number, or a Go duration; what is negative means for ever."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        go_type = {bool: "bool", list: "[]interface {}"}.get(type(value), "map[string]interface {}")
        raise Refusal(400, f"Unsupported type: '{go_type}'")
    nanoseconds = duration(value) if isinstance(value, str) else round(value * 1e9)
    return FOREVER_NS if nanoseconds < 0 else nanoseconds


def duration(text: str) -> int:
    """Go's time.ParseDuration: "1h2m3.5s"."""
    quoted = json.dumps(text)
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text[1:] if text[:1] == "+" else text)
    if rest == "0":
        return 0
    parts = re.findall(r"(\d+\.?\d*|\.\d+)([^\d.]*)", rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise Refusal(400, f"time: invalid duration {quoted}")
    for _, unit in parts:
        if not unit:
            raise Refusal(400, f"time: missing unit in duration {quoted}")
        if unit not in UNIT_NS:
            raise Refusal(400, f"time: unknown unit {json.dumps(unit)} in duration {quoted}")
    return sign * round(sum(float(number) * UNIT_NS[unit] for number, unit in parts))


def think(value: object) -> bool | str | None:
    """Whether thinking is wanted, or at which level; None where nothing is said."""
    if value is None or isinstance(value, bool) or value in THINK_LEVELS:
        return value
    raise Refusal(400, f'invalid think value: {json.dumps(value)} '
                       '(must be "high", "medium", "low", "max", true, or false)')


def check_name(name: str) -> None:
    """Refuse a name that no model can have."""
    if not NAME.fullmatch(name):
        raise Refusal(400, "invalid model name")


def is_cloud_name(name: str) -> bool:
    tag = name.rpartition(":")[2].lower() if ":" in name else ""
    return tag == "cloud" or (tag.endswith("-cloud") and "/" not in tag)


def check_options(options: dict, dialect: Dialect) -> None:
    """Wrong types are the server's own error, refused values are the runner's."""
    for name, value in options.items():
        kind = option_kind(name, value)
        if kind:
            raise Refusal(500, f'option "{name}" must be of {kind}')
    last_n = options.get("repeat_last_n", 0)
    if dialect.has_runner_process and last_n < 0:
        raise runner_refusal("Field 'repeat_last_n': Value must be between 0 <= value <= 2147483647, "
                             f"but got {last_n}", "invalid_request_error")


def option_kind(name: str, value: object) -> str | None:
    """What an option should have been, or None if it is that."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name in INTEGERS and not is_number:
        return "type integer"
    if name in FLOATS and not is_number:
        return "type float32"
    if name in BOOLEANS and not isinstance(value, bool):
        return "type boolean"
    if name == "stop" and not isinstance(value, list):
        return "type array"
    if name == "stop" and not all(isinstance(item, str) for item in value):
        return "an array of strings"
    return None


def launch(order: Order, context_length: int) -> Launch:
    """The options that decide whether a loaded model can serve the order."""
    options = order.options
    return Launch(num_ctx=min(max(int(options.get("num_ctx", DEFAULT_NUM_CTX)), 4), context_length),
                  num_batch=options.get("num_batch"), num_gpu=options.get("num_gpu", -1),
                  main_gpu=options.get("main_gpu"), use_mmap=options.get("use_mmap"),
                  num_thread=options.get("num_thread", 0), shift=order.shift)


def limit(order: Order, dialect: Dialect, prompt_tokens: int, num_ctx: int, native: bool) -> int:
    """How many tokens the answer may have at most."""
    asked = int(order.options.get("num_predict", -1))
    if asked == 0 and native and dialect.has_runner_process:
        asked = 1
    most = NO_LIMIT_TIMES * num_ctx
    wanted = asked if 0 < asked <= most else most
    if order.shift:
        return wanted                     # the window slides on, without a sign
    return min(wanted, max(1, dialect.slot_window(num_ctx) - prompt_tokens))
