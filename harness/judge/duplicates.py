"""Twins: is this run, or a part of it, another run under a new name? Two measurements never give the same times."""
from __future__ import annotations

import hashlib
import pathlib
import re
from typing import Iterator

from base import run_folder
from judge import thresholds
from judge.findings import Finding

HEAD_BYTES = 262144     # holds the first measured calls, behind those of warm-up and calibration
NONCE = re.compile(rb'"nonce":"([0-9]{18})"')
GAPS = re.compile(rb'"gaps_us":\[([0-9,]{60,4000})')
MOST = 16


def marks(ledger: pathlib.Path) -> frozenset:
    """Numbers that only this run has: its first nonces, and hashes of the gaps of its first longer answers."""
    with open(ledger, "rb") as source:
        head = source.read(HEAD_BYTES)
    found = [int(nonce) for nonce in NONCE.findall(head)[:MOST]]
    found += [int.from_bytes(hashlib.sha256(gaps).digest()[:8], "big") for gaps in filter(_tell, GAPS.findall(head)[:MOST])]
    return frozenset(found)


def _tell(gaps: bytes) -> bool:
    """Whether they are a measurement's own; those of answers that a busy machine heard in one read are all 0."""
    listed = gaps.split(b",")
    return len(listed) - listed.count(b"0") >= thresholds.value("twin_gaps")


class Twins:
    """Runs that were seen, by their marks; memory grows by some hundred numbers a run."""

    def __init__(self) -> None:
        self._runs: dict = {}

    def see(self, run: str, ledger: pathlib.Path) -> Iterator[Finding]:
        """Remember a run; whether an earlier one has marks of it."""
        mine = marks(ledger)
        others = [self._runs[mark] for mark in mine if not _same_id(self._runs.get(mark, run), run)]
        if others:
            other = max(set(others), key=others.count)
            yield Finding("physics-duplicate", f"{others.count(other)} of the {len(mine)} nonces and timings that were looked at "
                          f"are those of {other}", "its own",
                          path=f"{run}/{run_folder.LEDGER}")
        for mark in mine:
            self._runs.setdefault(mark, run)


def _same_id(one: str, other: str) -> bool:
    """A run that is in the tree twice is no twin of itself; another rule tells of that."""
    return one.rpartition("/")[2] == other.rpartition("/")[2]
