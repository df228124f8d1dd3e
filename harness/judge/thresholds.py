"""Thresholds: the numbers that rules compare with, read from the versioned file beside the code."""
from __future__ import annotations

import functools
import json
import pathlib

FILE = pathlib.Path(__file__).resolve().parent / "thresholds.json"


@functools.lru_cache(maxsize=1)
def _read() -> dict:
    return json.loads(FILE.read_bytes().decode("ascii"))


def version() -> str:
    return _read()["version"]


@functools.lru_cache(maxsize=None)
def value(name: str) -> object:
    """One threshold; a name that is not there is a bug."""
    return _read()["values"][name]["value"]


def bandwidths() -> list:
    """(words of a chip's name, GB/s), the more particular first."""
    return _read()["bandwidth_gb_s"]
