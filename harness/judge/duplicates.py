"""Duplicates: whether a run, or a part of one, is another run under a new name. Two measurements never give the same times.

Every nonce and every list of gaps of a ledger counts. Beside exact matches, the pattern of longer answers is compared: for
each gap whether it is longer than the one before it, twelve at a time. A jitter that is smaller than the noise of the
machine leaves most patterns as they are, a factor on all times leaves all, and in two measurements they are chance. What a
machine does in the same way each time also shows between calls of one run, and is left out. Of each run only a sample of
these marks is kept, always the same ones for the same marks, so that a tree of ten thousand runs fits in memory and a
copied half is still found.
"""
from __future__ import annotations

import hashlib
import heapq
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
KEPT = 48               # exact marks that are kept of a run
KEPT_PATTERNS = 96      # and similar ones
LEAST_GAPS, MOST_GAPS = 48, 512     # of an answer whose pattern is compared
BLOCK = 12              # gaps in a mark
USUAL_SHARE = 0.62      # of a pattern that calls of one item may have in common: more is no chance
EXACT, SIMILAR = 0, 1


def marks(ledger: pathlib.Path) -> Tuple[List[int], List[int]]:
    """(exact, similar): samples of the numbers that only this run has."""
    exact: set = set()
    patterns: Dict[bytes, List[str]] = {}       # by item and length
    limit = thresholds.value("line_bytes")
    with open(ledger, "rb") as source:
        for line in iter(lambda: source.readline(limit), b""):
            nonce, gaps = NONCE.search(line), GAPS.search(line)
            if nonce:
                exact.add(_number(nonce.group(1)))
            if gaps and _is_own(gaps.group(1)):
                exact.add(_number(gaps.group(1)))
                _add_pattern(gaps.group(1), line, patterns)
    similar = {_number(b"%s %d %s" % (key, place, block.encode("ascii")))
               for key, rows in patterns.items() if not _is_usual(rows) for row in rows for place, block in _blocks(row)}
    return heapq.nsmallest(KEPT, exact), heapq.nsmallest(KEPT_PATTERNS, similar)


def _is_own(gaps: bytes) -> bool:
    """Gaps of 0 are texts that a busy machine read together: a list of many zeros is not a measurement's own."""
    if not (gaps.startswith(b"0,") or b",0," in gaps):
        return True
    listed = gaps.split(b",")
    return len(listed) - listed.count(b"0") >= thresholds.value("twin_gaps")


def _add_pattern(gaps: bytes, line: bytes, patterns: Dict[bytes, List[str]]) -> None:
    length, item = gaps.count(b",") + 1, ITEM.search(line)
    if length >= LEAST_GAPS and item:
        values = list(map(int, gaps.split(b",", MOST_GAPS)[:MOST_GAPS]))
        pattern = "".join(["1" if after > before else "0" for before, after in zip(values, values[1:])])
        patterns.setdefault(b"%s %d" % (item.group(1), length), []).append(pattern)


def _is_usual(rows: List[str]) -> bool:
    """Whether calls of one item have more in common than chance: what the machine does in the same way each time."""
    shares = [1 - bin(int(first, 2) ^ int(second, 2)).count("1") / len(first) for first, second in zip(rows, rows[1:])]
    return bool(shares) and sorted(shares)[len(shares) // 2] > USUAL_SHARE


def _blocks(pattern: str) -> Iterator[Tuple[int, str]]:
    """(place, block) of each whole block in which gaps rise and fall; one way only is a trend or a burst."""
    for place in range(0, len(pattern) - BLOCK + 1, BLOCK):
        block = pattern[place:place + BLOCK]
        if 2 < block.count("1") < BLOCK - 2:
            yield place, block


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
