"""Timing noise: what the gaps of one call do not share with the other calls of its item.

Two measurements never have the same noise. A copy keeps it, whatever factor or jitter hides it, as long as the jitter is
not much larger than the noise. It is kept as one sign for each gap: whether the step from the gap before it is larger than
usual at that place. Comparing with the usual step removes what a machine does in the same way each time.
"""
from __future__ import annotations

import itertools
import math
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from base import text_format
from base.ledger_records import CallRecord, Record
from base.phases import FROZEN
from judge import thresholds
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor

GAPS = (129, 97, 65, 41)    # the first ones of a call are compared: as many as it has, of these
LEAST_CALLS = 4             # of an item; with fewer the usual step of a place is not known
MOST_REPEATS = 3            # of each pass
MOST_KEYS = 1024            # items of all models
QUICK_BITS, QUICK_MOST = (1 << 128) - 1, 58     # all signs are compared where at most so many of these differ
BUNCHED_SHARE = 0.2         # of gaps of 0, above which the machine was too busy to read each text alone
# Mean and deviation over the items of real runs: likeness of the two passes, and of each call to the one most like it. Both are below chance.
USUAL_OF_PASSES, USUAL_OF_CALLS = (-1.55, 0.75), (-0.4, 0.6)
USUAL = 0.5                 # the larger of the two in real runs, in deviations above its mean


def keep(known: Dict[tuple, List[List[int]]], owner: tuple, gaps: List[int]) -> Optional[tuple]:
    """Remember the gaps of a call, for a bounded number of calls and owners. The key they are kept under; None if they are not kept."""
    count = next((count for count in GAPS if count <= len(gaps)), 0)
    key = (*owner, count)
    if not count or gaps.count(0) > BUNCHED_SHARE * len(gaps) or (len(known) >= MOST_KEYS and key not in known):
        return None
    calls = known.setdefault(key, [])
    if len(calls) == 2 * MOST_REPEATS:
        return None
    calls.append(gaps[:count])
    return key


def signs(calls: List[List[int]]) -> Tuple[List[int], int]:
    """(one sign for each step, as the bits of a number, for each call; their count) of calls with as many gaps each."""
    steps = [[after - before for before, after in zip(gaps, gaps[1:])] for gaps in calls]
    low, high = (len(calls) - 1) // 2, len(calls) // 2
    rows: List[List[str]] = []
    for place in zip(*steps):
        in_order = sorted(place)
        usual = in_order[low] + in_order[high]
        rows.append(["1" if 2 * step > usual else "0" for step in place])
    return [int("".join(bits), 2) for bits in zip(*rows)], len(rows)


def likeness(first: int, second: int, count: int) -> float:
    """How many more signs agree than by chance, in standard deviations."""
    ones = bin(first).count("1") / count, bin(second).count("1") / count
    expected = ones[0] * ones[1] + (1 - ones[0]) * (1 - ones[1])
    deviation = math.sqrt(count * expected * (1 - expected))
    return (count - bin(first ^ second).count("1") - count * expected) / deviation if deviation else 0.0


def joined(calls: List[List[int]]) -> int:
    """The signs of all calls as one number, which begins with a 1."""
    bits, count = signs(calls)
    return int("1" + "".join(f"{row:0{count}b}" for row in bits), 2)


def is_like(first: int, second: int) -> bool:
    """Whether two such numbers may come from one measurement. Most pairs are ruled out by a part of their bits."""
    return (bin((first ^ second) & QUICK_BITS).count("1") <= QUICK_MOST
            and shared(first, second) > thresholds.value("run_likeness") / 2)


def shared(first: int, second: int) -> float:
    """The likeness of two such numbers."""
    count = min(first.bit_length(), second.bit_length()) - 1
    low_bits = (1 << count) - 1
    return likeness(first & low_bits, second & low_bits, count) if count > 0 else 0.0


class PassCopies(LedgerVisitor):
    """Compares the calls of each frozen prompt: no two have the same noise, and the last pass does not repeat that of the first."""

    def __init__(self) -> None:
        self._calls: Dict[tuple, List[List[int]]] = {}      # (model, item, gaps): the gaps of each call
        self._passes: Dict[tuple, List[str]] = {}           # and its pass

    def visit(self, record: Record) -> Iterable[Finding]:
        if isinstance(record, CallRecord) and record.phase == FROZEN and record.has_speed and record.repeat <= MOST_REPEATS:
            key = keep(self._calls, (record.model, record.item), record.gaps_us)
            if key is not None:
                self._passes.setdefault(key, []).append(record.pass_ or "")
        return ()

    def finish(self) -> Iterator[Finding]:
        by_model: Dict[str, List[float]] = {}
        for key, calls in self._calls.items():
            if len(calls) < LEAST_CALLS:
                continue
            likenesses = _likenesses(calls)
            closest, most = max(likenesses.values()), thresholds.value("call_likeness")
            if closest > most:
                yield Finding("physics-duplicate", f"{key[0]} {key[1]}: the gaps of two calls vary alike, by {text_format.distinct(closest, most, 1)[0]} "
                              "standard deviations more than chance", f"at most {most}")
                return
            by_model.setdefault(key[0], []).append(max(_of_passes(likenesses, self._passes[key]), _of_calls(likenesses, len(calls))) - USUAL)
        for name, values in (*by_model.items(), ("all models", list(itertools.chain(*by_model.values())))):
            excess = sum(values) / math.sqrt(len(values)) if values else 0.0
            most = thresholds.value("pass_likeness")
            if excess > most:
                yield Finding("physics-duplicate", f"{name}: the gaps of frozen prompts vary as those of their other calls, by "
                              f"{text_format.distinct(excess, most, 1)[0]} standard deviations more than in other runs", f"at most {most}")
                return


def _likenesses(calls: List[List[int]]) -> Dict[Tuple[int, int], float]:
    """The likeness of each pair of calls, by their places, the earlier one first."""
    bits, count = signs(calls)
    return {(place, other): likeness(bits[place], bits[other], count) for place, other in itertools.combinations(range(len(bits)), 2)}


def _of_passes(likenesses: Dict[Tuple[int, int], float], passes: List[str]) -> float:
    """How alike the two passes are, their calls paired so that they are most alike; in deviations above the mean of real runs."""
    first, last = ([place for place, name in enumerate(passes) if name == wanted] for wanted in ("first", "last"))
    if min(len(first), len(last)) < 2:
        return 0.0
    few, many = sorted((first, last), key=len)
    closest = max(sum(likenesses[min(pair), max(pair)] for pair in zip(few, order)) for order in itertools.permutations(many, len(few)))
    return (closest / len(few) - USUAL_OF_PASSES[0]) / USUAL_OF_PASSES[1]


def _of_calls(likenesses: Dict[Tuple[int, int], float], calls: int) -> float:
    """How alike each call and the one most like it are, in the same unit."""
    closest = [max(value for pair, value in likenesses.items() if place in pair) for place in range(calls)]
    return (sum(closest) / calls - USUAL_OF_CALLS[0]) / USUAL_OF_CALLS[1]
