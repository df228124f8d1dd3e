"""Texts: the shapes in which tools and files tell things. Whatever they hold, reading them raises nothing."""
from __future__ import annotations

import re

from base import schema

MAX_CHARACTERS = 120
NOTHING = frozenset(["", "n/a", "[n/a]", "[not supported]", "[unknown error]", "not supported", "unknown", "none", "empty",
                     "not specified", "default string", "system product name", "system manufacturer", "undefined",
                     "to be filled by o.e.m.", "not available", "not applicable", "o.e.m.", "oem", "<unknown>"])
UNITS = {"": 0, "B": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def line(text: object) -> str | None:
    """One printable line of no great length; None for whatever makers and tools write instead of nothing."""
    if not isinstance(text, str):
        return None
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_CHARACTERS].strip()
    return None if shown.lower() in NOTHING else shown


def whole(text: object) -> int | None:
    """A whole number of at most 18 digits."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text if schema.is_count(text) else None
    return int(text) if isinstance(text, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", text) else None


def number(text: object) -> float | None:
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        text = repr(text)
    found = re.fullmatch(r"\s*([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*(?:W|MHz)?\s*", text) if isinstance(text, str) else None
    return float(found.group(1)) if found else None


def size_bytes(text: object) -> int | None:
    """`8 GB`, `1536 MB`, `16777216 kB`, `24560`: all of them count in 1024, as memory does."""
    found = re.fullmatch(r"\s*([0-9]{1,15})\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE) if isinstance(text, str) else None
    return int(found.group(1)) * 1024 ** UNITS[found.group(2).upper()] if found else None


def pairs(text: str | None, mark: str = ":") -> dict:
    """Lines of name, mark and value; of a name that comes twice the first counts, and quotes around a value go."""
    found: dict = {}
    for row in (text or "").splitlines():
        name, sign, value = row.partition(mark)
        if sign and name.strip():
            found.setdefault(name.strip(), value.strip().strip('"'))
    return found


def numbered(text: str | None) -> list:
    """`0-3,8` as [0, 1, 2, 3, 8]; nonsense is []."""
    found: list = []
    for part in (text or "").strip().split(","):
        ends = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part.strip())
        if not ends:
            return []
        found += range(int(ends.group(1)), int(ends.group(2) or ends.group(1)) + 1)
    return found


def json(text: str | None) -> object:
    """Strict JSON, also behind a line of warning; None for everything else."""
    start = re.search(r"^[ \t]*[\[{]", text or "", re.MULTILINE)
    try:
        return schema.loads(text[start.start():].encode("utf-8")) if start else None
    except ValueError:
        return None


def rows(value: object) -> list:
    """The objects of a list, or of one object that should have been a list of one."""
    return [row for row in (value if isinstance(value, list) else [value]) if isinstance(row, dict)]
