"""Thresholds: the numbers that rules compare with, from the versioned file beside the code."""
from __future__ import annotations

import functools
import json
import pathlib
import re
from typing import Any

from base.pattern import lazy

CARD = lazy(r"(?:gtx|rtx|rx|tesla|[ahblv]\d{2,4}|mi\d{3})\b")
FILE = pathlib.Path(__file__).resolve().parent / "thresholds.json"


@functools.lru_cache(maxsize=1)
def _read() -> dict:
    return json.loads(FILE.read_bytes().decode("ascii"))


def version() -> str:
    return _read()["version"]


@functools.lru_cache(maxsize=None)
def value(name: str) -> Any:
    """One threshold, of the type that the file gives it; asking for one that does not exist is a bug."""
    return _read()["values"][name]["value"]


def bandwidths() -> list:
    """[words of a chip's name, GB/s], the more particular first."""
    return _read()["bandwidth_gb_s"]


def card_in(text: str) -> str | None:
    """The words of a graphics card's name that a text holds; chips with memory shared by the processor are not cards."""
    spaced = re.sub(r"(rtx|gtx|rx)(?=\d)", r" \1 ", text.lower())
    return next((words for words, _ in bandwidths() if words in spaced and CARD.match(words) and re.search(rf"\b{words}x?\b", spaced)), None)


def same_card(words: str, name: str) -> bool:
    """Whether a card's name holds these words; a name may list several variants of one chip."""
    return re.search(rf"\b{words}", name.lower().replace("-", " ")) is not None
