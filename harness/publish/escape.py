"""Escaping: a stranger's text made harmless for the place it goes to. No page holds a text that did not pass here.

Characters that cannot be seen, or that turn the direction of what follows, are shown by their number instead of obeyed.
There is no place for a script's data: pages hold no script, and site.js reads what is on the page.
"""
from __future__ import annotations

import re

from judge.text_encoding import HIDDEN

HTTPS = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%\[\]-]*)?\Z")
# A path of ours: within the site, so without a scheme, a leading slash or a segment that begins with a full stop.
OWN = re.compile(r"(?:\.\./){0,3}[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*(?:#[A-Za-z0-9._~:=%,;?/-]*)?\Z")
FRAGMENT = re.compile(r"#[A-Za-z0-9._~:=%,;?/-]+\Z")
ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;"))     # the ampersand first
_PLAIN = frozenset(map(chr, range(32, 127))) - frozenset("&<>\"'")


class Html(str):
    """Text that is HTML already, because it was made here."""


def seen(value: str) -> str:
    """The same text with everything hidden shown as its number (U+202E) in square brackets; line ends and tabs stay."""
    return HIDDEN.sub(lambda found: f"[U+{ord(found.group()):04X}]", value)


def text(value: object) -> Html:
    """For the content of an element of HTML or SVG, and for an attribute's value between double quotes."""
    if type(value) is Html:
        return value
    found = str(value)
    if _PLAIN.issuperset(found):
        return Html(found)
    found = seen(found)
    for character, entity in ENTITIES:
        found = found.replace(character, entity)
    return Html(found)


def attribute(value: object) -> str:
    """For an attribute's value between double quotes. Html is a text like any other here."""
    return text(str(value))


def is_address(value: str) -> bool:
    """Whether a link may lead there: by https, within the page, or to a file of this site."""
    return any(kind.match(value) for kind in (HTTPS, OWN, FRAGMENT))
