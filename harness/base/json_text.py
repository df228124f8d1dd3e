"""JSON text: one canonical way to write it, and a strict reader that rejects whatever other readers could interpret differently."""
from __future__ import annotations

import json
from typing import Any, Dict, List, Set, Tuple, Union

Json = Union[None, bool, int, float, str, List, Dict]      # a value of a JSON text; the types of its parts are not stated
MAX_INTEGER = 2 ** 63 - 1
MAX_DEPTH = 40
WIDTH, LEAF_WIDTH = 120, 240      # of a line in a whole file: one with parts, one of plain values


def dumps(value: Json) -> str:
    """One line of ASCII; raises ValueError for NaN and Infinity."""
    return _COMPACT.encode(value)       # json.dumps would make such an encoder for each call


_COMPACT = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def pretty(value: Json) -> bytes:
    """A whole file for people and diffs: ASCII, indented; short or empty values on one line."""
    return (_laid_out(value, 0) + "\n").encode("ascii")


def _laid_out(value: Json, indent: int) -> str:
    """The text of a value that begins at a column. If a part needs more than a line, so does what holds it."""
    if type(value) not in _CONTAINERS or not value:
        return "null" if value is None else str(value) if type(value) is int else _SPACED.encode(value)
    children: Any = value.values() if isinstance(value, dict) else value
    holds_more = not _CONTAINERS.isdisjoint(map(type, children)) and any(child and type(child) in _CONTAINERS for child in children)
    if not holds_more:
        whole = _SPACED.encode(value)
        if indent + len(whole) <= LEAF_WIDTH:
            return whole
    rows = [_laid_out(child, indent + 2) for child in children]
    if isinstance(value, dict):
        rows = [f"{_COMPACT.encode(key)}: {row}" for key, row in zip(value, rows)]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    one_line = ", ".join(rows) if holds_more else ""
    if holds_more and indent + len(one_line) + 2 <= WIDTH and "\n" not in one_line:
        return opening + one_line + closing
    inner = "\n" + " " * (indent + 2)
    return opening + inner + ("," + inner).join(rows) + "\n" + " " * indent + closing


_SPACED = json.JSONEncoder(ensure_ascii=True, allow_nan=False)
_CONTAINERS = frozenset((dict, list))


def loads(data: bytes) -> Any:
    """Parse JSON strictly; raises ValueError with the reason.

    Python's own reader accepts duplicate keys (the last wins), NaN, 1e999 (as infinity) and numbers of any length,
    and fails with RecursionError when nested deep.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise ValueError(f"not UTF-8 at byte {problem.start}") from None
    if text.startswith("\ufeff"):
        raise ValueError("begins with a byte-order mark")
    try:
        has_long_numbers = _LONG_NUMBER in data.translate(_SHAPES)
        value = (_CAREFUL if has_long_numbers else _STRICT).decode(text)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def unique_keys(text: str) -> Json:
    """The value of a JSON text, its numbers as Python reads them; raises ValueError where an object has a key twice."""
    return _UNIQUE.decode(text)


def is_compact(value: Dict[str, Json], text: str, numbers: str) -> bool:
    """Whether a text is what `dumps` makes of this value, which was read from it.

    A list of whole numbers under the key `numbers`, which may be most of a text, has only one spelling and is not written.
    """
    begin = text.find(f'"{numbers}":[') + len(numbers) + 4
    end = text.find("]", begin)
    if value.get(numbers) and not text[begin:end].encode("ascii").translate(None, b"0123456789,"):
        if dumps({**value, numbers: []}) == text[:begin] + text[end:]:
            return True
    return dumps(value) == text


def _object(pairs: List[Tuple[str, Json]]) -> Dict[str, Json]:
    record = dict(pairs)
    if len(record) != len(pairs):
        seen: Set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"key {key[:24]!r} twice in one object")
            seen.add(key)
    return record


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > MAX_INTEGER:
        raise ValueError(f"integer {text[:24]} needs more than 64 bits")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"number {text[:24]} is too large")
    return value


_SHAPES = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord("x") for byte in range(256))
_LONG_NUMBER = b"0" * 19        # in the alphabet of _SHAPES
_UNIQUE = json.JSONDecoder(object_pairs_hook=_object)
_STRICT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
_CAREFUL = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number, parse_int=_integer)


def _depth(value: Json) -> int:
    """Levels of nesting, without recursion of our own."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        part, level = waiting.pop()
        if isinstance(part, (dict, list)):
            deepest = max(deepest, level)
            waiting += [(child, level + 1) for child in (part.values() if isinstance(part, dict) else part)]
    return deepest
