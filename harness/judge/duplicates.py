"""Duplicates: whether a run, or a part of one, is another run under a new name. Two measurements never give the same times.

Every nonce and every list of gaps of a ledger counts. Beside exact matches, the pattern of longer answers is compared: for
each gap whether it is longer than the one before it, twelve at a time. A jitter that is smaller than the noise of the
machine leaves most patterns as they are, a factor on all times leaves all, and in two measurements they are chance. What a
machine does in the same way each time also shows between calls of one run, and is left out. Of each run only a sample of
these marks is kept, always the same ones for the same marks, so that a tree of ten thousand runs fits in memory and a
copied half is still found. A jitter as large as the noise changes every pattern; for that, the timing noise of the frozen
prompts is kept whole (judge/timing_noise.py) and compared with that of runs whose answers are as long.
"""
from __future__ import annotations

import hashlib
import heapq
import math
import pathlib
from collections import Counter
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from base import run_folder
from base.pattern import lazy
from judge import thresholds, timing_noise
from judge.findings import OWN_TIMES, Finding, Pair

NONCE = lazy(rb'"nonce":"([0-9]{18})"')
GAPS = lazy(rb'"gaps_us":\[([0-9,]{60,})\]')
ITEM = lazy(rb'"item":"([^"]{1,64})"')
FROZEN = lazy(rb'"role":"measured","phase":"frozen-prompts","model":"([^"]*)".*?"repeat":([0-9]+),')
KEPT = 48               # exact marks that are kept of a run
KEPT_PATTERNS = 96      # and similar ones
MOST_NOISES = 64        # frozen prompts of a run: those of twenty models
LEAST_GAPS, MOST_GAPS = 48, 512     # of an answer whose pattern is compared
BLOCK = 12              # gaps in a mark
USUAL_SHARE = 0.62      # of a pattern that calls of one item may have in common by chance
EXACT, SIMILAR = 0, 1


class Marks(NamedTuple):
    """What only this run has: samples of exact and similar marks, and the noise of each frozen prompt by what it can be compared with."""
    exact: Tuple[int, ...] = ()
    similar: Tuple[int, ...] = ()
    noise: Tuple[Tuple[int, int], ...] = ()


def marks(ledger: pathlib.Path) -> Marks:
    exact: set = set()
    patterns: Dict[bytes, List[str]] = {}       # by item
    frozen: Dict[tuple, List[List[int]]] = {}   # by model, item and number of gaps
    limit = thresholds.value("line_bytes")
    with open(ledger, "rb") as source:
        for line in iter(lambda: source.readline(limit), b""):
            nonce, gaps = NONCE.search(line), GAPS.search(line)
            if nonce:
                exact.add(_number(nonce.group(1)))
            if gaps:
                listed = gaps.group(1).split(b",")
                if len(listed) - listed.count(b"0") >= min(len(listed), thresholds.value("twin_gaps")):
                    exact.add(_number(b",".join(sorted(listed))))       # in any order: a copy may be shuffled
                    _add_answer(listed, line, patterns, frozen)
    similar = {_number(b"%s %d %s" % (item, place, block.encode("ascii")))
               for item, rows in patterns.items() if not _is_usual(rows) for row in rows for place, block in _blocks(row)}
    noise = tuple((_number(b"%s %d %d" % (item, count, len(calls))) >> 1, timing_noise.joined(calls))
                  for (_, item, count), calls in frozen.items() if len(calls) >= timing_noise.LEAST_CALLS)
    return Marks(tuple(heapq.nsmallest(KEPT, exact)), tuple(heapq.nsmallest(KEPT_PATTERNS, similar)), noise[:MOST_NOISES])


def _add_answer(gaps: List[bytes], line: bytes, patterns: Dict[bytes, List[str]], frozen: Dict[tuple, List[List[int]]]) -> None:
    """The pattern of a longer answer, and the noise of a frozen prompt's."""
    item = ITEM.search(line)
    if len(gaps) < LEAST_GAPS or not item:
        return
    values = list(map(int, gaps[:MOST_GAPS]))
    patterns.setdefault(item.group(1), []).append("".join(["1" if after > before else "0" for before, after in zip(values, values[1:])]))
    call = FROZEN.search(line)
    if call and int(call.group(2)) <= timing_noise.MOST_REPEATS:
        timing_noise.keep(frozen, (call.group(1), item.group(1)), values)


def _is_usual(rows: List[str]) -> bool:
    """Whether calls of one item have more in common than chance: what the machine does in the same way each time."""
    shares = []
    for first, second in zip(rows, rows[1:]):
        length = min(len(first), len(second))
        shares.append(1 - bin(int(first[:length], 2) ^ int(second[:length], 2)).count("1") / length)
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
        self._noise: Dict[int, List[Tuple[str, int]]] = {}

    def add(self, run: str, ledger: pathlib.Path) -> Iterator[Pair]:
        """Remember a run; the two findings where one that was added before has marks of it."""
        return self.add_marks(run, marks(ledger))

    def add_marks(self, run: str, own: Marks) -> Iterator[Pair]:
        other, shared = self._shared_marks(run, own) or self._shared_noise(run, own) or ("", "")
        if other:
            yield Pair(run, other, *(Finding("physics-duplicate", shared.format(that), OWN_TIMES, path=f"{this}/{run_folder.LEDGER}")
                                     for this, that in ((run, other), (other, run))))
        for kind, own_marks in ((EXACT, own.exact), (SIMILAR, own.similar)):
            for mark in own_marks:
                self._runs[kind].setdefault(mark, run)
        for key, noise in own.noise:
            self._noise.setdefault(key, []).append((run, noise))

    def _shared_marks(self, run: str, own: Marks) -> Optional[Tuple[str, str]]:
        """The other run, and what it shares with this one: a sentence with {} for the name of a run."""
        for kind, own_marks, least in ((EXACT, own.exact, 1), (SIMILAR, own.similar, thresholds.value("similar_calls"))):
            others = Counter(self._runs[kind][mark] for mark in own_marks if not _same_id(self._runs[kind].get(mark, run), run))
            other, shared = others.most_common(1)[0] if others else ("", 0)
            if shared >= least:
                what = "nonces and timings" if kind == EXACT else "timings, but for small changes,"
                return other, f"{shared} of the {len(own_marks)} {what} that were compared are those of {{}}"
        return None

    def _shared_noise(self, run: str, own: Marks) -> Optional[Tuple[str, str]]:
        likenesses: Dict[str, List[float]] = {}
        for key, noise in own.noise:
            for other, others_noise in self._noise.get(key, ()):
                if timing_noise.is_like(noise, others_noise) and not _same_id(other, run):
                    likenesses.setdefault(other, []).append(timing_noise.shared(noise, others_noise))
        for other, values in likenesses.items():
            excess = sum(values) / math.sqrt(len(values))
            if excess > thresholds.value("run_likeness"):
                return other, f"the gaps of frozen prompts vary as those of {{}}, by {excess:.1f} standard deviations more than chance"
        return None


def _same_id(first: str, second: str) -> bool:
    """A run that is in the tree twice is not a copy of itself; another rule finds it."""
    return first.rpartition("/")[2] == second.rpartition("/")[2]
