"""Schema: every field of every record once, with unit and meaning; versions; and JSON that means one thing only.

History of the formats (a new minor version only adds fields that may be absent):
  manifest-1.0, ledger-1.0   first
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass

from base import names

MANIFEST_VERSION = "manifest-1.0"
LEDGER_VERSION = "ledger-1.0"

OUTCOMES = {
    "ok": "done, by the model's own end or a stop string",
    "length": "done, by the limit on tokens or a full context; outranks `empty`",
    "empty": "done, with no text at all",
    "refused": "HTTP status 4xx: the server would not do it",
    "error": "no connection, HTTP status 5xx, an error line in the stream, or bytes that are not Ollama's",
    "cut": "the stream ended without saying done",
    "timeout": "not one byte within the limit for the first byte",
    "stalled": "silence between chunks for longer than the limit",
    "interrupted": "given up by the person at the keyboard while it ran",
}
SPEED_OUTCOMES = ("ok", "length")
SKIP_REASONS = {
    "model-missing": "the server no longer has the model",
    "too-big": "the model does not fit in this machine's memory",
    "load-failed": "the server could not load the model",
    "one-model": "the phase needs two models or more and one is planned",
    "not-loaded-together": "the server does not keep the phase's models loaded at the same time",
    "context-too-small": "the model was not trained for the context that the phase needs",
    "cloud-model": "the answers come from another machine",
    "time-limit": "the time given with --time-limit is used up",
    "wave-broken": "a part of this wave was recorded before the run was broken off; the rest would not be concurrent",
    "conversation-broken": "the conversation was broken off; its cached prefix is gone",
    "calibration-failed": "how many tokens the material takes could not be measured on this model",
}
ROLES = {
    "warmup": "after a load, a reload or a resume; no figure uses it but the load time",
    "calibration": "asks how this server counts; no figure uses its speed",
    "measured": "what the plan counts",
}
ENDINGS = {
    "complete": "every planned call has its record",
    "interrupted": "Ctrl-C",
    "server-lost": "the server stopped answering",
    "failed": "the harness could not go on; what it had measured is on disk",
    "died": "no footer was written: killed, crashed or power lost",
}
PASSES = {"first": "the frozen prompts before all else", "last": "the same prompts after all else, for drift"}
CHOICES = {"outcome": OUTCOMES, "skip_reason": SKIP_REASONS, "role": ROLES, "ending": ENDINGS, "pass": PASSES}

MAX_INTEGER = 2 ** 63 - 1
MAX_DEPTH = 40


@dataclass(frozen=True)
class Field:
    """One field: its kind (a scalar below, `list:KIND`, `choice:NAME` or the name of a record), and what it says."""
    name: str
    kind: str
    says: str
    null: bool = False
    absent: bool = False


def _fields(*rows: tuple) -> tuple:
    """Rows of (name, kind, meaning); a kind that ends in `?` may be null, in `~` may be absent."""
    return tuple(Field(name, kind.rstrip("?~"), says, "?" in kind, "~" in kind) for name, kind, says in rows)


_LINE = _fields(
    ("type", "text", "meta, call, skipped or footer"),
    ("seq", "count", "the line's number, from 0"),
    ("prev", "sha256?", "SHA-256 of the line before, without its line feed; null on the first line"),
    ("session", "count", "which session wrote this: 0 is the first, each resume is one more"),
)
_BEGINS = _fields(
    ("session_start", "session_start?", "there on a session's first record only"),
    ("cut", "cut?", "what a resume took off the end of the file just before this record"),
)
_PLACE = _fields(
    ("role", "choice:role", "why the call was made; planned counts are of measured ones"),
    ("phase", "text", "which suite"),
    ("model", "text", "as the server lists it, with its tag"),
    ("item", "text", "id in the suite; CAL-* and WARM-UP are the harness's own"),
    ("pass", "choice:pass?", "for the frozen prompts: before or after all else"),
    ("repeat", "count", "1 for the first time the item is asked, then 2 and so on"),
    ("level", "count", "how many calls were to run at once"),
    ("wave", "count?", "which wave of its level, from 0; null where calls run alone"),
    ("slot", "count", "place within the wave, from 0"),
    ("fill", "number?", "share of the fillable context that the prompt was to take"),
)

RECORDS: dict = {
    "meta": _LINE + _fields(
        ("schema", "text", "ledger-1.0"),
        ("run_id", "run_id", "the run this ledger belongs to"),
        ("synthetic", "bool", "true: made by a stub or a script, no machine was measured"),
        ("session_start", "session_start", "how session 0 began"),
        ("cut", "cut?~", "what a resume took off a file that held no whole line yet"),
    ),
    "call": _LINE + _BEGINS + _PLACE + _fields(
        ("reattempt", "bool", "a planned call that a resumed session made because no record of it was there"),
        ("endpoint", "text", "path on the server"),
        ("options", "object", "the options exactly as sent"),
        ("knobs", "object", "the other request fields exactly as sent: think, stream, keep_alive, truncate, shift, raw"),
        ("prompt_sha256", "sha256", "SHA-256 of the message contents joined by a line feed, without the nonce"),
        ("nonce", "nonce?", "what stood before the first message, followed by an empty line"),
        ("material_units", "count?", "units of generated material in the prompt (context-append: in each turn)"),
        ("outcome", "choice:outcome", "what became of it"),
        ("error", "text?", "what the server or the system said, scrubbed of addresses and paths"),
        ("http_status", "count?", "null: no answer began"),
        ("start_ns", "count", "just before the request was sent, on the session's monotonic clock"),
        ("connect_ns", "count?", "how long connecting took, before start_ns"),
        ("sent_ns", "count?", "after start_ns: the request had left"),
        ("headers_ns", "count?", "after start_ns: status and headers were there"),
        ("first_chunk_ns", "count?", "after start_ns: the first line, with or without text"),
        ("first_text_ns", "count?", "after start_ns: the first text, thinking included"),
        ("first_answer_ns", "count?", "after start_ns: the first text of the answer"),
        ("last_text_ns", "count?", "after start_ns: the last text"),
        ("done_ns", "count?", "after start_ns: the line that said done"),
        ("end_ns", "count", "after start_ns: nothing more was read"),
        ("gaps_us", "list:count", "microseconds before each chunk with text, from the second one on"),
        ("chunks", "count", "lines in the stream"),
        ("text_chunks", "count", "lines with text, thinking included"),
        ("thinking_chunks", "count", "lines with thinking"),
        ("total_ns", "count?", "the server's total_duration: all it did, waiting and loading included"),
        ("load_ns", "count?", "the server's load_duration: until the runner was handed over; never 0 on a warm model"),
        ("prompt_tokens", "count?", "the server's prompt_eval_count, cached tokens included"),
        ("prompt_eval_ns", "count?", "the server's prompt_eval_duration: prefill of what was not cached"),
        ("cached_tokens", "count?", "the server's prompt_eval_cached_count; null where it does not tell"),
        ("eval_tokens", "count?", "the server's eval_count, end token included"),
        ("eval_ns", "count?", "the server's eval_duration: first token to last token"),
        ("done_reason", "text?", "as received"),
        ("answer", "text", "the answer's text"),
        ("thinking", "text", "the text of the thinking"),
        ("placement", "placement?", "/api/ps right after the call or its wave"),
        ("conditions", "conditions?", "the machine right after the call or its wave; null: it was elsewhere"),
        ("finding", "object?", "calibration only: what it showed"),
    ),
    "skipped": _LINE + _BEGINS + _PLACE + _fields(
        ("reason", "choice:skip_reason", "why the planned call was not made"),
        ("detail", "text?", "what was seen, scrubbed"),
    ),
    "footer": _LINE + _BEGINS + _fields(
        ("complete", "bool", "every planned call has a record, of a call or of its skipping"),
        ("planned", "count", "measured calls in the manifest's plan"),
        ("done", "count", "call records with role measured"),
        ("skipped", "count", "skipped records"),
        ("outcomes", "counts", "measured calls by outcome"),
        ("sessions", "list:session", "every session, in order"),
        ("code_grades", "object~", "verdicts of --grade-code by seq; absent: ungraded"),
    ),
    "session_start": _fields(
        ("started_at", "utc", "time of day; start_ns of this session's records counts from here"),
        ("server_version", "text", "as the server told when the session began"),
        ("floor", "floor?", "what the instrument itself adds, measured as the session began"),
        ("earlier_sessions", "list:session", "how the sessions before this one went"),
    ),
    "session": _fields(
        ("session", "count", "its number"),
        ("started_at", "utc", "time of day"),
        ("ended_at", "utc?", "time of day; null where no footer was written"),
        ("ended", "choice:ending", "how"),
    ),
    "cut": _fields(("size_bytes", "count", "how much"), ("sha256", "sha256", "of those bytes")),
    "floor": _fields(
        ("streams", "count", "streams read at once"),
        ("chunks", "count", "chunks read in all"),
        ("ttft_error_us_p50", "number", "client's time to first text minus the time at which the stub really sent it"),
        ("ttft_error_us_max", "number", "the worst of them"),
        ("gap_error_us_p50", "number", "absolute error of the inter-chunk gaps against the stub's own"),
        ("gap_error_us_p99", "number", "99th percentile, nearest rank"),
        ("gap_error_us_max", "number", "the worst of them"),
        ("cpu_us_per_chunk", "number", "processor time of the harness for each chunk"),
    ),
    "placement": _fields(
        ("size_bytes", "count?", "the model in memory; null: not loaded any more"),
        ("vram_bytes", "count?", "of which on accelerators"),
        ("context_length", "count?", "the context it was loaded with"),
        ("loaded", "list:text", "every model that was loaded at that moment"),
    ),
    "conditions": _fields(
        ("power_source", "text?", "ac, battery or null for unknown"),
        ("load_average", "number?", "runnable processes over one minute"),
        ("free_memory_bytes", "count?", "memory that could be used without swapping"),
        ("swap_used_bytes", "count?", "swap in use"),
        ("temperature_c", "number?", "hottest processor sensor"),
        ("clock_mhz", "number?", "mean processor clock"),
    ),
    "manifest": _fields(
        ("schema", "text", "manifest-1.0"),
        ("synthetic", "bool", "true: made by a stub or a script, no machine was measured"),
        ("run_id", "run_id", "random UUID, also in the folder's name"),
        ("handle", "text?", "who submits; null: not given yet"),
        ("device_tag", "text?", "what was measured; null: not given yet"),
        ("started_at", "utc", "time of day"),
        ("target", "text", "the server's URL on loopback, else only lan or remote"),
        ("server_name", "text", "ollama"),
        ("server_version", "text", "as it told"),
        ("models", "list:model", "in the order they run"),
        ("models_left_out", "list:left_out", "on the server, and not planned"),
        ("plan", "list:plan", "what was to be measured"),
        ("planned_calls", "count", "measured calls in all"),
        ("suites", "list:suite", "the texts that were used"),
        ("options", "object", "the options of every call but num_ctx and num_predict"),
        ("knobs", "object", "the other request fields"),
        ("num_ctx", "count", "context of the phases"),
        ("context_num_ctx", "count", "context of the context phases"),
        ("num_predict", "count?", "one limit for all items; null: each item's own"),
        ("levels", "list:count?", "concurrency; null: each suite's own"),
        ("repeats", "count", "of the frozen prompts, in each pass"),
        ("time_limit_s", "count?", "null: none"),
        ("overrides", "object", "what differs from the canonical knobs: name to value"),
        ("host_hostname_short", "text", "short host name, or what --hostname gave"),
        ("platform", "text", "operating system and architecture"),
        ("python", "text", "version"),
        ("harness_version", "text", "release"),
        ("harness_sha256", "sha256", "over all source files of the harness"),
        ("harness_modified", "bool?", "against the clone's commit; null: no git here to tell"),
        ("harness_commit", "text?", "of the clone; null: no git here to tell"),
        ("floor", "floor?", "what the instrument itself adds"),
    ),
    "model": _fields(
        ("name", "text", "as the server lists it"),
        ("digest", "sha256", "of its manifest"),
        ("size_bytes", "count", "on disk"),
        ("format", "text?", "gguf or safetensors"),
        ("family", "text?", "architecture family"),
        ("parameter_size", "text?", "as the server tells"),
        ("quantization", "text?", "as the server tells"),
        ("context_length", "count?", "trained context"),
        ("capabilities", "list:text", "as the server tells"),
        ("template_sha256", "sha256?", "of the chat template; null: the model's file holds its own"),
    ),
    "left_out": _fields(("name", "text", "model"), ("reason", "text", "why")),
    "plan": _fields(("phase", "text", "suite"), ("model", "text?", "null: several at once"), ("planned_calls", "count", "of the phase")),
    "suite": _fields(
        ("phase", "text", "which one it is for"), ("suite_id", "text", "its own name"),
        ("version", "text", "a changed text is a new one"), ("file", "text", "in harness/suites, or prompts.py"),
        ("sha256", "sha256", "of the file's bytes; of the three prompts' hashes for prompts.py")),
}


def dumps(value: object) -> str:
    """One line of ASCII; raises ValueError for NaN and Infinity."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def pretty(value: object) -> bytes:
    """A whole file for people and diffs: indented, ASCII, one line feed at the end."""
    return (json.dumps(value, ensure_ascii=True, allow_nan=False, indent=2) + "\n").encode("ascii")


def loads(data: bytes) -> object:
    """JSON that every reader understands alike; raises ValueError that says what is wrong.

    Python's own reader takes duplicate keys (the last wins), NaN, 1e999 (as infinity) and numbers of any length,
    and fails with RecursionError when nested deep.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise ValueError(f"not UTF-8 at byte {problem.start}") from None
    if text.startswith("\ufeff"):
        raise ValueError("begins with a byte-order mark")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer,
                           parse_float=_number)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    if _depth(value) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def _object(pairs: list) -> dict:
    found: dict = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key[:24]!r} twice in one object")
        found[key] = value
    return found


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > MAX_INTEGER:
        raise ValueError(f"integer {text[:24]} needs more than 64 bits")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"number {text[:24]} is too large")
    return value


def _depth(value: object) -> int:
    """Levels of nesting, without recursion of our own."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        here, level = waiting.pop()
        if isinstance(here, (dict, list)):
            deepest = max(deepest, level)
            waiting.extend((child, level + 1) for child in (here.values() if isinstance(here, dict) else here))
    return deepest


_PATTERNS = {
    "sha256": re.compile(r"[0-9a-f]{64}\Z"),
    "nonce": re.compile(r"[0-9]{18}\Z"),
    "utc": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z"),
}
_TESTS = {
    "text": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "count": lambda value: is_count(value),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER,
    "object": lambda value: isinstance(value, dict),
    "counts": lambda value: isinstance(value, dict) and all(is_count(n) for n in value.values()),
    "run_id": lambda value: isinstance(value, str) and (
        value == names.NIL_RUN_ID or names.run_id_problem(value) is None),
}


def is_count(value: object) -> bool:
    """A whole number of at least 0 that `loads` takes back; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER


def problems(record: object, kind: str, where: str = "") -> list:
    """Everything wrong with one record of RECORDS, each as a sentence with its place; [] when it is right."""
    if not isinstance(record, dict):
        return [f"{where or kind}: not an object"]
    known = {field.name: field for field in RECORDS[kind]}
    found = [f"{_at(where, name)}: unknown field" for name in record if name not in known]
    for name, field in known.items():
        if name in record:
            found += _value_problems(record[name], field, _at(where, name))
        elif not field.absent:
            found.append(f"{_at(where, name)}: missing")
    return found


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _value_problems(value: object, field: Field, where: str) -> list:
    if value is None:
        return [] if field.null else [f"{where}: null"]
    head, _, rest = field.kind.partition(":")
    if head == "list":
        if not isinstance(value, list):
            return [f"{where}: not a list"]
        each = Field("", rest, "")
        return [line for n, one in enumerate(value) for line in _value_problems(one, each, f"{where}[{n}]")]
    if head == "choice":
        return [] if isinstance(value, str) and value in CHOICES[rest] else [f"{where}: not one of {', '.join(CHOICES[rest])}"]
    if head in RECORDS:
        return problems(value, head, where)
    if head in _PATTERNS:
        right = isinstance(value, str) and _PATTERNS[head].match(value) is not None
    else:
        right = _TESTS[head](value)
    return [] if right else [f"{where}: not a {head}"]
