"""Markup: elements of HTML and SVG, made so that a text can come into a page only as text.

Children and values that are not Html are escaped. There is no way to write a script, a style or a handler.
"""
from __future__ import annotations

import functools
from typing import Iterable

from publish.escape import Html, attribute, is_address, text

VOID = frozenset(("meta", "link", "br", "hr", "input"))
ADDRESSES = frozenset(("href", "src"))
EMPTY = Html("")


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """One element. None and False leave an attribute out, True gives it bare; `class_` is class, `data_n` is data-n."""
    head = f"<{name}{_attributes(attributes)}>" if attributes else f"<{name}>"
    if name in VOID:
        return Html(head)
    return Html(f"{head}{joined(children)}</{name}>")


def joined(children: Iterable) -> Html:
    """Children one after the other; lists and generators are walked, None is nothing."""
    parts: list = []
    _gather(children, parts)
    return Html("".join(parts))


def _gather(children: Iterable, parts: list) -> None:
    for child in children:
        kind = type(child)
        if kind is Html:
            parts.append(child)
        elif kind is str:
            parts.append(text(child))
        elif child is None:
            continue
        elif kind is int or kind is float:
            parts.append(str(child))
        else:
            _gather(child, parts)


def _attributes(given: dict) -> str:
    found = []
    for name, value in given.items():
        if value is None or value is False:
            continue
        found.append(_attribute(name, None if value is True else str(value)))
    return "".join(found)


@functools.lru_cache(maxsize=1 << 12)       # a page says the same few thousand times
def _attribute(name: str, value: str | None) -> str:
    """One attribute with the space before it; None is a bare one."""
    shown = name.rstrip("_").replace("_", "-")
    if shown == "style" or shown.startswith("on") or not shown.replace("-", "").isalnum():
        raise ValueError(f"{shown} is no attribute of our pages")
    if shown in ADDRESSES and not is_address(value or ""):
        raise ValueError(f"no page of ours leads to {value!r:.80}")
    return f" {shown}" if value is None else f' {shown}="{attribute(value)}"'
