"""Markup: HTML and SVG elements. Children and attribute values that are not Html are escaped.

Scripts with content, style attributes and event handlers cannot be written.
"""
from __future__ import annotations

import functools
from typing import Any, Iterable, List, Optional, Union

from publish.escape import Html, escaped, is_address

VOID = frozenset(("meta", "link", "br", "hr", "input"))
ADDRESSES = frozenset(("href", "src"))
EMPTY = Html("")
Child = Union[str, int, float, None, Iterable[Any]]     # lists and generators are flattened, None is skipped
Attribute = Union[str, int, float, None]                # True and False are ints


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """One element. None and False omit an attribute, True writes it without a value; `class_` is class, `data_n` is data-n."""
    head = f"<{name}{_attributes(attributes)}>" if attributes else f"<{name}>"
    if name in VOID:
        return Html(head)
    return Html(f"{head}{_content(children)}</{name}>")


def joined(children: Iterable[Child]) -> Html:
    return Html(_content(children))


def _content(children: Iterable[Child]) -> str:
    parts: List[str] = []
    _flatten(children, parts)
    return "".join(parts)


def _flatten(children: Iterable, parts: List[str]) -> None:
    for child in children:
        kind = type(child)
        if kind is Html:
            parts.append(child)
        elif kind is str:
            parts.append(escaped(child))
        elif child is None:
            continue
        elif kind is int or kind is float:
            parts.append(str(child))
        else:
            _flatten(child, parts)


def _attributes(attributes: dict) -> str:
    parts = []
    for name, value in attributes.items():
        if value is not None and value is not False:
            parts.append(_attribute(name, None if value is True else str(value)))
    return "".join(parts)


@functools.lru_cache(maxsize=1 << 12)       # pages repeat the same few thousand attributes
def _attribute(name: str, value: Optional[str]) -> str:
    """One attribute with a leading space; None: without a value."""
    html_name = _html_name(name)
    if html_name in ADDRESSES and not is_address(value or ""):
        raise ValueError(f"not an allowed link target: {value!r:.80}")
    return f" {html_name}" if value is None else f' {html_name}="{escaped(value)}"'


@functools.lru_cache(maxsize=None)      # the names are those of our own code
def _html_name(name: str) -> str:
    html_name = name.rstrip("_").replace("_", "-")
    if html_name == "style" or html_name.startswith("on") or not html_name.replace("-", "").isalnum():
        raise ValueError(f"{html_name} is not an allowed attribute")
    return html_name
