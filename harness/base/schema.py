"""Schema: JSON that means one thing only, and whether a record is what its fields say."""
from __future__ import annotations

import json
import re

from base import names
from base.records import CHOICES, RECORDS, Field

MAX_INTEGER = 2 ** 63 - 1
MAX_DEPTH = 40
WIDTH, LEAF_WIDTH = 120, 240      # of a line in a whole file: one with parts, one of plain values


def dumps(value: object) -> str:
    """One line of ASCII; raises ValueError for NaN and Infinity."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def pretty(value: object) -> bytes:
    """A whole file for people and diffs: ASCII, indented; what is short, or holds nothing further, is one line."""
    return (_pretty(value, 0) + "\n").encode("ascii")


def _pretty(value: object, indent: int) -> str:
    line = json.dumps(value, ensure_ascii=True, allow_nan=False)
    if not isinstance(value, (dict, list)) or indent + len(line) <= (WIDTH if _holds_more(value) else LEAF_WIDTH):
        return line
    inner = "\n" + " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {_pretty(child, indent + 2)}" for key, child in value.items()]
        return "{" + inner + ("," + inner).join(parts) + "\n" + " " * indent + "}"
    parts = [_pretty(child, indent + 2) for child in value]
    return "[" + inner + ("," + inner).join(parts) + "\n" + " " * indent + "]"


def _holds_more(value: object) -> bool:
    children = value.values() if isinstance(value, dict) else value
    return any(isinstance(child, (dict, list)) and child for child in children)


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
