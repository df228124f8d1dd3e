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
_find_markup = re.compile("[&<>\"']").search
_replace_hidden = re.compile(HIDDEN).sub


class Html(str):
    """Text that is already HTML, because it was generated here."""


def reveal_hidden(value: str) -> str:
    """Hidden characters are replaced by their code point in brackets, such as [U+202E]; line ends and tabs stay."""
    return value if value.isascii() and value.isprintable() else _replace_hidden(_code_point, value)


def _code_point(hidden: re.Match) -> str:
    return f"[U+{ord(hidden.group()):04X}]"


def text(value: Union[str, int, float]) -> Html:
    """For the content of an HTML or SVG element, and for an attribute value in double quotes."""
    if type(value) is Html:
        return value
    return Html(escaped(str(value)))


def escaped(value: str) -> str:
    """The same, as a plain string; Html is escaped again here. What every page is made of, so it has to be fast."""
    value = reveal_hidden(value)
    if _find_markup(value):
        for character, entity in ENTITIES:
            value = value.replace(character, entity)
    return value


def is_address(value: str) -> bool:
    """Whether it is an allowed link target: https, a fragment, or a file of this site."""
    return any(kind.match(value) for kind in (HTTPS, OWN, FRAGMENT))
