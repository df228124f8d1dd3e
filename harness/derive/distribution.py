"""A sample: the values of one figure, and what may be said of them: median, quartiles, extremes and an interval.

The same values in the same order give the same numbers on every machine: there is no logarithm, no square root of a
float and no draw but from a seeded generator whose sequence Python guarantees.
"""
from __future__ import annotations

import collections
import functools
import math
import random
from typing import Callable, Iterable

METHOD = ("median and quartiles by linear interpolation between order statistics (method 7); 95 % interval of the median "
          "by 1,000 resamples with seed 42 up to n = 200, by the order statistics at n/2 -/+ 0.98 sqrt(n) beyond; "
          "samples of more than 512 values are kept to 0.1 %; figures are rounded to 6 digits")
SEED, RESAMPLES = 42, 1000
LOW, HIGH = 25, 974             # of the sorted medians of the resamples: 2.5 % lie below, 2.5 % above
MAX_RESAMPLED = 200             # beyond this the resampled median's ranks are normal to within a rank
MAX_EXACT = 512                 # values kept as they are; a run has far fewer of any one figure
GRAIN = 1024                    # buckets for each doubling, at most 0.2 % wide: their middles are at most 0.1 % off
BIAS = 1 << 23                  # keeps the buckets of all positive numbers above 0


class Sample:
    """Values of one figure, in memory that does not grow with their number."""

    def __init__(self) -> None:
        self._values: list = []
        self._buckets: collections.Counter = collections.Counter()
        self._folded, self._min, self._max = 0, math.inf, -math.inf

    @property
    def n(self) -> int:
        return self._folded + len(self._values)

    def add(self, value: float | None) -> None:
        """None is no value."""
        if value is not None:
            self._values.append(value)
            if len(self._values) > MAX_EXACT:
                self._fold()

    def extend(self, values: Iterable) -> None:
        """The same for many; the order in which values come does not matter."""
        self._values += [value for value in values if value is not None]
        if len(self._values) > MAX_EXACT:
            self._fold()

    def merge(self, other: "Sample") -> None:
        """Every value of another sample as well."""
        if other._folded:
            self._fold()
            self._buckets.update(other._buckets)
            self._folded += other._folded
            self._min, self._max = min(self._min, other._min), max(self._max, other._max)
        self.extend(other._values)

    def _fold(self) -> None:
        """Values become counts of buckets; the extremes are kept as they are."""
        self._min, self._max = min([self._min, *self._values]), max([self._max, *self._values])
        self._buckets.update(map(bucket, self._values))
        self._folded += len(self._values)
        self._values = []

    def values(self) -> list:
        """All values, ascending; those that were counted by bucket are their buckets' middles."""
        return [value for value, count in self._counted() for _ in range(count)]

    def above(self, limit: float) -> int:
        """How many values are larger."""
        return sum(count for value, count in self._counted() if value > limit)

    def split(self, limit: float) -> tuple:
        """(the values up to the limit, the larger ones), each a sample of its own."""
        parts = (Sample(), Sample())
        for value, count in self._counted():
            for _ in range(count):
                parts[value > limit].add(value)
        return parts

    def median(self) -> float | None:
        return self._quantile(self._ordered(), 0.5) if self.n else None

    def stat(self) -> dict | None:
        """The `stat` record; None without a value."""
        if not self.n:
            return None
        at = self._ordered()
        low, high = interval(self.n, at) if self.n > 1 else (None, None)
        q1, median, q3 = (self._quantile(at, share) for share in (0.25, 0.5, 0.75))
        smallest, largest = min(self._min, at(0)), max(self._max, at(self.n - 1))
        found = {"median": median, "q1": q1, "q3": q3, "min": smallest, "max": largest, "low": low, "high": high}
        return {"n": self.n, **{name: rounded(value) for name, value in found.items()}}

    def _counted(self) -> list:
        """(value, how often it came), ascending."""
        if self._folded and self._values:
            self._fold()
        if self._folded:
            return [(middle(place), count) for place, count in sorted(self._buckets.items())]
        return [(value, 1) for value in sorted(self._values)]

    def _ordered(self) -> Callable[[int], float]:
        """rank, from 0: the value there."""
        if not self._folded:
            return sorted(self._values).__getitem__
        return functools.partial(_ranked, self._counted())

    def _quantile(self, at: Callable[[int], float], share: float) -> float:
        place = share * (self.n - 1)
        low = int(place)
        below = at(low)
        return below if place == low else below + (at(low + 1) - below) * (place - low)


def _ranked(counted: list, rank: int) -> float:
    """The value at a rank among ascending (value, count) pairs."""
    for value, count in counted:
        if rank < count:
            return value
        rank -= count
    raise IndexError(rank)


def bucket(value: float) -> int:
    """The bucket of a number; larger numbers never have smaller ones."""
    if not value:
        return 0
    share, exponent = math.frexp(abs(value))
    place = BIAS + exponent * GRAIN + int(share * GRAIN)
    return place if value > 0 else -place


def middle(place: int) -> float:
    """The number in the middle of a bucket."""
    if not place:
        return 0.0
    exponent, share = divmod(abs(place) - BIAS, GRAIN)
    value = math.ldexp((share + 0.5) / GRAIN, exponent)
    return value if place > 0 else -value


def interval(n: int, at: Callable[[int], float]) -> tuple:
    """(low, high): the 95 % interval of the median of n values, of which `at` gives the one at a rank."""
    if n > MAX_RESAMPLED:
        reach = math.isqrt(9604 * n) // 100     # 0.98 sqrt(n), rounded down
        return at(max(0, n // 2 - reach - 1)), at(min(n - 1, (n + 1) // 2 + reach))
    medians = sorted(((at(one) + at(other)) / 2, count) for (one, other), count in resampled(n))
    return _ranked(medians, LOW), _ranked(medians, HIGH)


@functools.lru_cache(maxsize=None)
def resampled(n: int) -> tuple:
    """The two middle ranks of resamples of n values, each with how often it came; the draw needs no values."""
    draw = random.Random(SEED).random
    found: dict = {}
    for _ in range(RESAMPLES):
        ranks = sorted([int(draw() * n) for _ in range(n)])
        middle_two = ranks[(n - 1) // 2], ranks[n // 2]
        found[middle_two] = found.get(middle_two, 0) + 1
    return tuple(found.items())


def rounded(value: float | None) -> float | int | None:
    """Six digits; whole numbers as such."""
    if value is None:
        return None
    found = float(f"{value:.6g}")
    return int(found) if found.is_integer() else found
