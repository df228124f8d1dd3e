"""Parsing of what tools and files print. Whatever they contain, parsing raises nothing."""
from __future__ import annotations

import functools
import re
from typing import Any

from base import json_text, schema
from base.pattern import lazy

MAX_CHARACTERS = 120
# What vendors and tools write where they have no value, in lower case. A text wholly in brackets counts as missing too.
NO_VALUE = frozenset([
    "", "-", "--", "n/a", "err!", "not supported", "unknown", "none", "empty", "null", "not specified", "notspecified",
    "default string", "system product name", "system manufacturer", "system version", "undefined", "invalid", "type1family",
    "to be filled by o.e.m.", "to be filled by oem", "not available", "not applicable", "o.e.m.", "oem", "<unknown>", "<bad index>",
    "unknown cpu", "chassis manufacture", "base board", "x.x", "0.0", "no enclosure"])
IN_BRACKETS = lazy(r"\[[^\[\]]*\]\Z")
UNITS = {"": 0, "B": 0, "K": 1, "M": 2, "G": 3, "T": 4}
FOUR_NUMBERS = lazy(r"(?<![\w.-])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![\w-]|\.[0-9])")


def line(text: Any) -> str | None:
    """One printable line of limited length; None for the placeholders of vendors and tools."""
    if not isinstance(text, str):
        return None
    words = " ".join(text.split())      # most that cannot be printed are line ends and tabs
    if not words.isprintable():
        words = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    words = words[:MAX_CHARACTERS].strip()
    return None if words.lower() in NO_VALUE or IN_BRACKETS.match(words) else words


def version(text: Any) -> str | None:
    """A driver's version. Four small numbers look like a network address to the checker, so that `v` is put before them."""
    words = line(text)
    return words and FOUR_NUMBERS.sub(r"v\1", words)


def whole(text: Any) -> int | None:
    """A whole number of at most 18 digits."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text if schema.is_count(text) else None
    return int(text) if isinstance(text, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", text) else None


def number(text: Any) -> float | None:
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        text = repr(text)
    match = re.fullmatch(r"\s*([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*(?:W|MHz)?\s*", text) if isinstance(text, str) else None
    return float(match.group(1)) if match else None


def size_bytes(text: Any) -> int | None:
    """`8 GB`, `1536 MB`, `16777216 kB`, `24560`: all of them count in 1024, as memory does."""
    match = re.fullmatch(r"\s*([0-9]{1,15})\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE) if isinstance(text, str) else None
    return int(match.group(1)) * 1024 ** UNITS[match.group(2).upper()] if match else None


def hexadecimal(text: Any) -> int | None:
    match = re.fullmatch(r"\s*(?:0x)?([0-9A-Fa-f]{1,16})\s*", text) if isinstance(text, str) else None
    return int(match.group(1), 16) if match else None


@functools.lru_cache(maxsize=8)
def pairs(text: str | None, mark: str = ":") -> dict:
    """Lines of name, mark and value. The first value of a name counts; quotes around a value are removed. Not to be changed."""
    values: dict = {}
    for row in (text or "").splitlines():
        name, sign, value = row.partition(mark)
        if sign and name.strip():
            values.setdefault(name.strip(), value.strip().strip('"'))
    return values


def numbered(text: str | None) -> list:
    """`0-3,8` as [0, 1, 2, 3, 8]; [] for anything else."""
    numbers: list = []
    for part in (text or "").strip().split(","):
        ends = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part.strip())
        if not ends:
            return []
        numbers += range(int(ends.group(1)), int(ends.group(2) or ends.group(1)) + 1)
    return numbers


@functools.lru_cache(maxsize=8)
def json(text: str | None) -> Any:
    """Strict JSON, also after a byte-order mark or a line of warning; None for everything else. Not to be changed."""
    text = (text or "").lstrip("\ufeff")
    start = re.search(r"^[ \t]*[\[{]", text, re.MULTILINE)
    try:
        return json_text.loads(text[start.start():].encode("utf-8")) if start else None
    except ValueError:
        return None


def rows(value: Any) -> list:
    """The objects of a list, or of one object that should have been a list of one."""
    return [row for row in (value if isinstance(value, list) else [value]) if isinstance(row, dict)]
