"""JSON of any shape as nested lists; facts with their method, or why they are unknown."""
from __future__ import annotations

from base.json_text import Json
from publish import number_format
from publish.escape import Html
from publish.markup import tag

DEEPEST = 8             # levels shown; the raw file has the rest
MOST = 200              # members shown of one object or list
LONGEST = 2000          # characters of one text
BREAKS = 24             # characters of a text that may have to break


def render(value: Json, depth: int = 0) -> Html:
    if not isinstance(value, (dict, list)):
        return _plain(value)
    if isinstance(value, dict) and _is_fact(value):
        return _fact(value)
    if not value or depth >= DEEPEST:
        return tag("span", "\u2026" if value else "none", class_="none")
    return _object(value, depth) if isinstance(value, dict) else _list(value, depth)


def _plain(value: Json) -> Html:
    if value is None:
        return tag("span", "null", class_="none")
    if isinstance(value, bool):
        return Html("true" if value else "false")
    if isinstance(value, (int, float)):
        return Html(f"{value:,}" if isinstance(value, int) else repr(value))
    words = str(value)
    return tag("bdi", words if len(words) <= LONGEST else f"{words[:LONGEST]}\u2026",
               class_="name" if len(words) > BREAKS else None) if words else tag("span", "empty", class_="none")


def _is_fact(value: dict) -> bool:
    return "value" in value and set(value) <= {"value", "method", "why"}


def _fact(value: dict) -> Html:
    """A value with its method; null with the reason."""
    how = value.get("method") if value["value"] is not None else value.get("why")
    return tag("span", render(value["value"], DEEPEST - 2), tag("small", " ", _plain(how)) if how else None, class_="fact")


def _object(value: dict, depth: int) -> Html:
    rows = [tag("div", tag("dt", tag("bdi", name)), tag("dd", render(child, depth + 1))) for name,
            child in list(value.items())[:MOST]]
    return tag("dl", rows, _rest(len(value)), class_="document")


def _list(value: list, depth: int) -> Html:
    if not any(isinstance(child, (dict, list)) for child in value):
        return tag("span", [part for child in value[:MOST] for part in (_plain(child), ", ")][:-1], _rest(len(value)))
    return tag("ol", (tag("li", render(child, depth + 1)) for child in value[:MOST]), _rest(len(value)), class_="document")


def _rest(count: int) -> Html | None:
    return tag("span", f" and {number_format.counted(count - MOST, 'more', 'more')} in the raw file",
               class_="soft") if count > MOST else None
