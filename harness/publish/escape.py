"""Escaping of untrusted text for HTML. Every text on every page passes through here.

Invisible characters and those that change the text direction are replaced by their code point. There is no escaping for
script data, since pages have no inline scripts.
"""
from __future__ import annotations

import re
from typing import Union

from judge.text_encoding import HIDDEN

HTTPS = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%\[\]-]*)?\Z")
# A path within the site: no scheme, no leading slash, no segment that begins with a full stop.
OWN = re.compile(r"(?:\.\./){0,3}[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*(?:#[A-Za-z0-9._~:=%,;?/-]*)?\Z")
FRAGMENT = re.compile(r"#[A-Za-z0-9._~:=%,;?/-]+\Z")
ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;"))     # the ampersand first
_PLAIN = frozenset(map(chr, range(32, 127))) - frozenset("&<>\"'")


class Html(str):
    """Text that is already HTML, because it was generated here."""


def reveal_hidden(value: str) -> str:
    """Hidden characters are replaced by their code point in brackets, such as [U+202E]; line ends and tabs stay."""
    return re.sub(HIDDEN, lambda match: f"[U+{ord(match.group()):04X}]", value)


def text(value: Union[str, int, float]) -> Html:
    """For the content of an HTML or SVG element, and for an attribute value in double quotes."""
    if type(value) is Html:
        return value
    escaped = str(value)
    if _PLAIN.issuperset(escaped):
        return Html(escaped)
    escaped = reveal_hidden(escaped)
    for character, entity in ENTITIES:
        escaped = escaped.replace(character, entity)
    return Html(escaped)


def attribute(value: str) -> str:
    """For an attribute value in double quotes. Html is escaped again here."""
    return text(str(value))     # an Html is a str that `text` takes for markup


def is_address(value: str) -> bool:
    """Whether it is an allowed link target: https, a fragment, or a file of this site."""
    return any(kind.match(value) for kind in (HTTPS, OWN, FRAGMENT))
