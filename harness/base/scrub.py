"""Scrub: messages of a server or a system without the paths, addresses and names of the machine."""
from __future__ import annotations

import re

from base import sensitive
from base.pattern import lazy

MAX_CHARACTERS = 500
_RULES = (
    (lazy(r"\b[a-z][a-z0-9+.-]*://[^\s\"')]+", re.IGNORECASE), "<url>"),
    (lazy(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<e-mail>"),
    (lazy(r"(?:\b[A-Za-z]:\\|\\\\)(?:[^\\\"'<>|:*?]*\\)*[^\s\"'\\]*"), "<path>"),
    (lazy(r"(?<![\w.<])~?/(?!api/|v1/)(?:[\w.@+ -]*[\w.@+-]/)*[\w.@+-]+"), "<path>"),
    (lazy(r"\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b", re.IGNORECASE), "<address>"),
    (lazy(r"\b(?!127\.)\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (lazy(r"\[?\b[0-9a-f]{1,4}(?:(?::[0-9a-f]{0,4}){3,7}|(?::[0-9a-f]{1,4})*::[0-9a-f]{1,4})\b(?:%\w+)?\]?(?::\d+)?",
                re.IGNORECASE), "<address>"),
    (lazy(r"(?<![\w-])(?:[\w-]+\.)+(?:local|lan|home|internal|localdomain)\b", re.IGNORECASE), "<host>"),
    (lazy(r"\b(?:(?i:bearer)\s+\S+|(?:sk|ghp|gho|github_pat|hf|xox[bap])[-_][A-Za-z0-9_-]{8,})"), "<secret>"),
)


def model_name(name: str) -> str:
    """A model's name; the part that is private, such as a registry's address in front of it, is replaced."""
    if next(sensitive.find(name), None) is None:
        return name
    host, slash, rest = name.partition("/")
    return f"private/{rest}" if slash and next(sensitive.find(rest), None) is None else scrub(name)


def scrub(text: str) -> str:
    """One line, at most MAX_CHARACTERS, with everything replaced that could identify the machine or its owner."""
    one_line = "".join(character if character.isprintable() else " " for character in text[: 8 * MAX_CHARACTERS])
    text = " ".join(one_line.split())
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    for kind, secret in list(sensitive.find(text)):    # whatever the checker would refuse
        text = text.replace(secret, f"<{kind.id}>")
    return text[:MAX_CHARACTERS]
