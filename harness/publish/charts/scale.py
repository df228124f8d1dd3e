"""Scale: where a value lies on an axis, and which round values are written beside it."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Iterable, List

from publish import number_format

STEPS = (1, 2, 5, 10)
MOST_LOG_TICKS = 10
LITTLE = 0.35           # of a step: so far an axis may reach beyond its last round value


@dataclass(frozen=True)
class Scale:
    """From values between `low` and `high` to places between `start` and `end`, in units of the drawing."""
    low: float
    high: float
    start: float
    end: float
    is_log: bool
    ticks: tuple            # of values
    show: Callable[[float], str] = number_format.figure

    def at(self, value: float) -> float:
        """Where a value lies; beyond the ends it is kept at the end."""
        if self.is_log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)


def linear(values: Iterable[float], start: float, end: float, count: int = 5, low: float | None = 0.0,
           show: Callable[[float], str] = number_format.figure) -> Scale:
    """Equal steps, from `low` (None: a round value below the least) to the largest value or a round one above it."""
    found = list(values) or [0.0, 1.0]
    least, most = (min(found) if low is None else low), max(found)
    if most <= least:
        most = least + (abs(least) or 1.0)
    step = _step((most - least) / max(1, count - 1))
    first, last = math.floor(least / step + 1e-9), math.ceil(most / step - 1e-9)
    if last - first > 1 and most < (last - 1 + LITTLE) * step:
        last -= 1
    ticks = tuple(float(f"{n * step:.6g}") for n in range(first, last + 1))
    return Scale(ticks[0], max(most, ticks[-1]), start, end, False, ticks, show)


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step for step in STEPS if step * power >= rough * 0.9) * power


def logarithmic(values: Iterable[float], start: float, end: float, show: Callable[[float], str] = number_format.figure) -> Scale:
    """Equal ratios, between values of the form 1, 2 or 5 times a power of ten. Values of 0 and below have no place."""
    found = [value for value in values if value > 0] or [1.0, 10.0]
    every = _rounds(min(found), max(found))
    ticks = every
    if len(ticks) > MOST_LOG_TICKS:
        ticks = [value for value in every if f"{value:e}"[0] == "1"]
    return Scale(every[0], every[-1], start, end, True, tuple(ticks), show)


def _rounds(least: float, most: float) -> List[float]:
    """Round values from the last at or below the least to the first at or above the largest: two at the fewest."""
    power = math.floor(math.log10(least))
    found: list = []
    while not found or found[-1] < most or len(found) < 2:
        found += [float(f"{step}e{power}") for step in STEPS[:-1]]
        power += 1
    below = [value for value in found if value <= least * 1.0001]
    above = [value for value in found if value >= most * 0.9999 and value > below[-1]]
    return [value for value in found if below[-1] <= value <= above[0]]
