"""Duplicates: whether a run, or a part of one, is another run under a new name. Two measurements never give the same times.

Every nonce and every list of gaps of a ledger counts. Beside exact matches, the places of a call's longest gaps and its
duration in thousandths are compared, which no jitter of microseconds changes. Of each run only a sample of these marks
is kept, always the same ones for the same marks, so that a tree of ten thousand runs fits in memory and a copied half
is still found.
"""
from __future__ import annotations

import hashlib
import heapq
import math
import pathlib
import re
from collections import Counter
from typing import Dict, Iterator, List, Tuple

from base import run_folder
from judge import thresholds
from judge.findings import Finding

NONCE = re.compile(rb'"nonce":"([0-9]{18})"')
GAPS = re.compile(rb'"gaps_us":\[([0-9,]{60,})\]')
ITEM = re.compile(rb'"item":"([^"]{1,64})"')
KEPT = 48               # marks of each kind that are kept of a run
LONGEST = 6             # gaps whose places are compared
LEAST_GAPS = 32         # of a call, for their places to mean anything
EXACT, SIMILAR = 0, 1


def marks(ledger: pathlib.Path) -> Tuple[List[int], List[int]]:
    """(exact, similar): samples of the numbers that only this run has."""
    exact: set = set()
    similar: set = set()
    limit = thresholds.value("line_bytes")
    with open(ledger, "rb") as source:
        for line in iter(lambda: source.readline(limit), b""):
            nonce, gaps = NONCE.search(line), GAPS.search(line)
            if nonce:
                exact.add(_number(nonce.group(1)))
            if gaps:
                _add_timing(gaps.group(1), line, exact, similar)
    return heapq.nsmallest(KEPT, exact), heapq.nsmallest(KEPT, similar)


def _add_timing(gaps: bytes, line: bytes, exact: set, similar: set) -> None:
    """Gaps of 0 are texts that a busy machine read together: a list of many zeros is not a measurement's own."""
    if gaps.startswith(b"0,") or b",0," in gaps:
        listed = gaps.split(b",")
        if len(listed) - listed.count(b"0") < thresholds.value("twin_gaps"):
            return
    exact.add(_number(gaps))
    values = list(map(int, gaps.split(b",")))
    if len(values) >= LEAST_GAPS:
        least = heapq.nlargest(LONGEST, values)[-1]
        places = [place for place, gap in enumerate(values) if gap >= least][:LONGEST]
        item = ITEM.search(line)
        duration = round(1000 * math.log(max(1, sum(values))))
        similar.add(_number(repr((item and item.group(1), len(values), places, duration)).encode("ascii")))


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


class DuplicateSearch:
    """Runs that were seen, by their marks."""

    def __init__(self) -> None:
        self._runs: Tuple[Dict[int, str], Dict[int, str]] = ({}, {})

    def add(self, run: str, ledger: pathlib.Path) -> Iterator[Finding]:
        """Remember a run; a finding where an earlier one has marks of it."""
        return self.add_marks(run, marks(ledger))

    def add_marks(self, run: str, own: Tuple[List[int], List[int]]) -> Iterator[Finding]:
        for kind, least in ((EXACT, 1), (SIMILAR, thresholds.value("similar_calls"))):
            others = Counter(self._runs[kind][mark] for mark in own[kind] if not _same_id(self._runs[kind].get(mark, run), run))
            other, shared = others.most_common(1)[0] if others else ("", 0)
            if shared >= least:
                what = "nonces and timings" if kind == EXACT else "timings, but for small changes,"
                yield Finding("physics-duplicate", f"{shared} of the {len(own[kind])} {what} that were compared are those of {other}", "its own",
                              path=f"{run}/{run_folder.LEDGER}")
                break
        for kind in (EXACT, SIMILAR):
            for mark in own[kind]:
                self._runs[kind].setdefault(mark, run)


def _same_id(first: str, second: str) -> bool:
    """A run that is in the tree twice is not a copy of itself; another rule finds it."""
    return first.rpartition("/")[2] == second.rpartition("/")[2]
