"""A sample: the values of one figure, and what may be said of them: median, quartiles, extremes and an interval.

The same values in the same order give the same numbers on every machine: there is no logarithm, no square root of a
float and no draw but from a seeded generator whose sequence Python guarantees.
"""
from __future__ import annotations

import functools
import math
import random
from typing import Callable

METHOD = ("median and quartiles by linear interpolation between order statistics (method 7); 95 % interval of the median "
          "by 1,000 resamples with seed 42 up to n = 200, by the order statistics at n/2 -/+ 0.98 sqrt(n) beyond; "
          "samples of more than 1,024 values are kept to 0.05 %; figures are rounded to 6 digits")
SEED, RESAMPLES = 42, 1000
LOW, HIGH = 25, 974             # of the sorted medians of the resamples: 2.5 % lie below, 2.5 % above
MAX_RESAMPLED = 200             # beyond this the resampled median's ranks are normal to within a rank
MAX_EXACT = 1024                # values kept as they are; a run has far fewer of any one figure
GRAIN = 4096                    # buckets for each half of a power of two: 0.05 % wide at most
BIAS = 1 << 23                  # keeps the buckets of all positive numbers above 0


class Sample:
    """Values of one figure, in memory that does not grow with their number."""

    def __init__(self) -> None:
        self.n = 0
        self._values: list = []
        self._buckets: dict | None = None
        self._min = self._max = 0.0

    def add(self, value: float | None) -> None:
        """None is no value."""
        if value is None:
            return
        self.n += 1
        if self._buckets is None:
            self._values.append(value)
            if self.n > MAX_EXACT:
                self._spill()
        else:
            self._min, self._max = min(self._min, value), max(self._max, value)
            place = bucket(value)
            self._buckets[place] = self._buckets.get(place, 0) + 1

    def _spill(self) -> None:
        self._min, self._max, self._buckets = min(self._values), max(self._values), {}
        for place in map(bucket, self._values):
            self._buckets[place] = self._buckets.get(place, 0) + 1
        self._values = []

    def above(self, limit: float) -> int:
        """How many values are larger."""
        if self._buckets is None:
            return sum(value > limit for value in self._values)
        return sum(count for place, count in self._buckets.items() if middle(place) > limit)

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
        smallest, largest = (at(0), at(self.n - 1)) if self._buckets is None else (self._min, self._max)
        found = {"median": median, "q1": q1, "q3": q3, "min": smallest, "max": largest, "low": low, "high": high}
        return {"n": self.n, **{name: rounded(value) for name, value in found.items()}}

    def _counted(self) -> list:
        if self._buckets is None:
            return [(value, 1) for value in sorted(self._values)]
        return [(middle(place), count) for place, count in sorted(self._buckets.items())]

    def _ordered(self) -> Callable[[int], float]:
        """rank, from 0: the value there."""
        if self._buckets is None:
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
