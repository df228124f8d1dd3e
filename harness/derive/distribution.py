"""The values of one metric: their median, quartiles, extremes and the 95 % interval of the median.

The same values give the same numbers on every machine: no logarithm and no square root of a float is used, and random
numbers come from a seeded generator whose sequence Python guarantees.
"""
from __future__ import annotations

import collections
import functools
import json
import math
import pathlib
from array import array
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, TypeVar, overload

# Part of every metadata.json, so its text never changes. All values are kept as they are, which is within its 0.1 %.
METHOD = ("median and quartiles by linear interpolation between order statistics (method 7); 95 % interval of the median "
          "by 1,000 resamples with seed 42 up to n = 200, by the order statistics at n/2 -/+ 0.98 sqrt(n) beyond; "
          "samples of more than 512 values are kept to 0.1 %; figures are rounded to 6 digits")
SEED, RESAMPLES = 42, 1000
LOW, HIGH = 25, 974             # of the sorted medians of the resamples: 2.5 % lie below, 2.5 % above
USUAL_RANKS = pathlib.Path(__file__).resolve().parent / "resampled_ranks.json"
MAX_RESAMPLED = 200             # beyond this the resampled median's ranks are normal to within a rank
Number = TypeVar("Number", int, float)


class Stat(NamedTuple):
    """The `stat` record of some values, rounded; `low` and `high` are None for a single value."""
    n: int
    median: float
    q1: float
    q3: float
    min: float
    max: float
    low: Optional[float]
    high: Optional[float]


class Sample:
    """Values of one metric."""

    def __init__(self, values: Iterable[Optional[float]] = ()) -> None:
        self._values = array("d")
        self.extend(values)

    @property
    def n(self) -> int:
        return len(self._values)

    def add(self, value: float | None) -> None:
        """None is not added."""
        if value is not None:
            self._values.append(value)

    def extend(self, values: Iterable[Optional[float]]) -> None:
        self._values.fromlist([value for value in values if value is not None])

    def values(self) -> list:
        """All values, ascending."""
        return sorted(self._values)

    def above(self, limit: float) -> int:
        """How many values are larger."""
        return sum(value > limit for value in self._values)

    def split(self, limit: float) -> Tuple["Sample", "Sample"]:
        """(the values up to the limit, the larger ones)."""
        return (Sample(value for value in self._values if value <= limit),
                Sample(value for value in self._values if value > limit))

    def median(self) -> float | None:
        return quantile(self.values(), 0.5) if self._values else None

    def stat(self) -> Stat | None:
        return stat_of(self.values()) if self._values else None

    def record(self) -> dict | None:
        return record_of(self.values())


def record_of(ordered: List[float]) -> dict | None:
    """The `stat` record of ascending values as JSON; None without a value."""
    return stat_of(ordered)._asdict() if ordered else None


def stat_of(ordered: List[float]) -> Stat:
    """Of one ascending value or more."""
    if len(ordered) == 1:       # most groups of calls to different prompts
        value = rounded(ordered[0])
        return Stat(1, value, value, value, value, value, None, None)
    figures = (*(quantile(ordered, share) for share in (0.5, 0.25, 0.75)), ordered[0], ordered[-1], *interval(ordered))
    return Stat(len(ordered), *map(rounded, figures))


def median_of(values: List[float]) -> float:
    """Of one value or more, in any order."""
    return quantile(sorted(values), 0.5)


def quantile(ordered: List[float], share: float) -> float:
    """By linear interpolation between order statistics (method 7)."""
    place = share * (len(ordered) - 1)
    low = int(place)
    below = ordered[low]
    return below if place == low else below + (ordered[low + 1] - below) * (place - low)


def interval(ordered: List[float]) -> Tuple[float, float]:
    """(low, high): the 95 % interval of the median."""
    n = len(ordered)
    if n > MAX_RESAMPLED:
        reach = math.isqrt(9604 * n) // 100     # 0.98 sqrt(n), rounded down
        return ordered[max(0, n // 2 - reach - 1)], ordered[min(n - 1, (n + 1) // 2 + reach)]
    if n % 2:
        low, high = odd_ranks(n)
        return ordered[low], ordered[high]
    medians = sorted([((ordered[lower] + ordered[upper]) / 2, count) for (lower, upper), count in resampled(n).items()])
    return _ranked(medians, LOW), _ranked(medians, HIGH)


def _ranked(counted: Sequence[Tuple[Number, int]], rank: int) -> Number:
    """The value at a rank, given ascending (value, count)."""
    for value, count in counted:
        if rank < count:
            return value
        rank -= count
    raise IndexError(rank)


@functools.lru_cache(maxsize=None)
def odd_ranks(n: int) -> Tuple[int, int]:
    """The ranks of an interval's ends for an odd n, where each resample's median is one of the values."""
    counted = sorted([(rank, count) for (rank, _), count in resampled(n).items()])
    return _ranked(counted, LOW), _ranked(counted, HIGH)


@functools.lru_cache(maxsize=None)
def resampled(n: int) -> Dict[Tuple[int, int], int]:
    """(ranks of the two middle values): in how many resamples of n values. Ranks do not depend on the values."""
    row = _usual_ranks().get(str(n))
    return drawn_ranks(n) if row is None else dict(zip(zip(row[0::3], row[1::3]), row[2::3]))


@functools.lru_cache(maxsize=1)
def _usual_ranks() -> Dict[str, List[int]]:
    """The same for the numbers of values that most groups of calls have, drawn before: lower rank, upper rank, count and so on."""
    return json.loads(USUAL_RANKS.read_bytes())


def drawn_ranks(n: int) -> Dict[Tuple[int, int], int]:
    """`resampled` by drawing. A draw selects the value of rank int(draw * n)."""
    draws, lower, upper = _draws().first(RESAMPLES * n), (n - 1) // 2, n // 2
    resamples = map(sorted, (draws[begin:begin + n] for begin in range(0, RESAMPLES * n, n)))
    return collections.Counter([(int(resample[lower] * n), int(resample[upper] * n)) for resample in resamples])


class _Draws:
    """The numbers of the seeded generator, which are the same for every n."""

    def __init__(self) -> None:
        import random       # imported where it is used: most groups are of a usual size
        self._draw = random.Random(SEED).random
        self._numbers: List[float] = []

    def first(self, count: int) -> List[float]:
        """At least `count` numbers, from the first one on."""
        self._numbers += [self._draw() for _ in range(count - len(self._numbers))]
        return self._numbers


@functools.lru_cache(maxsize=1)
def _draws() -> _Draws:
    return _Draws()


@overload
def rounded(value: float) -> float: ...
@overload
def rounded(value: None) -> None: ...


def rounded(value: Optional[float]) -> Optional[float]:
    """Six digits; whole numbers as such."""
    if value is None or (type(value) is int and -1_000_000 < value < 1_000_000):
        return value
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() else short
