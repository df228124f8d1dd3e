"""Facts: a value with how it was found, or null with why it is not known; hardware.json is made of them.

`{"value": 8, "method": "lscpu"}` or `{"value": null, "why": "no lscpu here"}`: never both a method and a reason.
A value that the checker would refuse is left out, with the reason.
"""
from __future__ import annotations

import functools
from typing import Iterator, Optional

from base import json_text, schema, sensitive
from base.json_text import Json


def known(value: Json, method: str) -> dict:
    """A fact; unknown if the value reveals who or where somebody is, or is a number that JSON readers would change."""
    if isinstance(value, int) and not isinstance(value, bool) and not schema.is_count(value):
        return unknown(f"{method} gave a number out of range")
    sensitive_kind = _sensitive_kind(json_text.dumps(value))
    return unknown(f"{method} gave {sensitive_kind.says}, which is not kept") if sensitive_kind else {"value": value, "method": method}


@functools.lru_cache(maxsize=1024)
def _sensitive_kind(text: str) -> Optional[sensitive.SensitiveKind]:
    """Cached: several tools report the same values, and the search costs more than reading them."""
    return next((kind for kind, _ in sensitive.find(text)), None)


def unknown(why: str) -> dict:
    return {"value": None, "why": why}


def optional(value: Json, method: str, why: str) -> dict:
    """Known, unless there is nothing: None or an empty text."""
    return unknown(why) if value is None or value == "" else known(value, method)


def first(*facts: dict) -> dict:
    """The first that is known; else unknown for all their reasons."""
    reasons = list(dict.fromkeys(fact["why"] for fact in facts if fact["value"] is None))
    return next((fact for fact in facts if fact["value"] is not None), unknown("; ".join(reasons)))


def walk(part: Json, where: str = "") -> Iterator[tuple]:
    """(place, fact) of every fact in a record, also of those inside the value of another fact."""
    if isinstance(part, dict):
        if "value" in part:
            yield where, part
            yield from walk(part["value"] if isinstance(part["value"], list) else None, where)
            return
        for name, inside in part.items():
            yield from walk(inside, f"{where}.{name}" if where else name)
    elif isinstance(part, list):
        for number, inside in enumerate(part):
            yield from walk(inside, f"{where}[{number}]")


def problems(record: Json) -> list:
    """What the field types do not check: a value has a method and no reason, null has a reason and no method."""
    messages = []
    for where, fact in walk(record):
        right, wrong = ("why", "method") if fact["value"] is None else ("method", "why")
        if not fact.get(right):
            messages.append(f"{where}: {right} is missing")
        if wrong in fact:
            messages.append(f"{where}: {wrong} beside {'null' if fact['value'] is None else 'a value'}")
    return messages
