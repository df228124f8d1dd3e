"""Scales: positions of values on an axis, and its ticks."""
from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Callable, Iterable, List

from publish import number_format

STEPS = (1, 2, 5, 10)
MOST_LOG_TICKS = 10
OVERHANG = 0.35         # of a step: how far an axis may extend beyond its last tick


@dataclass(frozen=True)
class Scale:
    """Maps values between `low` and `high` to positions between `start` and `end`."""
    low: float
    high: float
    start: float
    end: float
    is_log: bool
    ticks: tuple            # of values
    show: Callable[[float], str] = number_format.figure

    @functools.cached_property
    def _span(self) -> float:
        return math.log(self.high / self.low)

    def at(self, value: float) -> float:
        """The position of a value, clamped to the ends."""
        if self.is_log:
            share = math.log(max(value, self.low) / self.low) / self._span
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)


def linear(values: Iterable[float], start: float, end: float, count: int = 5, low: float | None = 0.0,
           show: Callable[[float], str] = number_format.figure) -> Scale:
    """A linear scale from `low` (None: a round value below the minimum) to the maximum or a round value above it."""
    known = list(values) or [0.0, 1.0]
    least, most = (min(known) if low is None else low), max(known)
    if most <= least:
        most = least + (abs(least) or 1.0)
    step = _step((most - least) / max(1, count - 1))
    first, last = math.floor(least / step + 1e-9), math.ceil(most / step - 1e-9)
    if last - first > 1 and most < (last - 1 + OVERHANG) * step:
        last -= 1
    ticks = tuple(float(f"{n * step:.6g}") for n in range(first, last + 1))
    return Scale(ticks[0], max(most, ticks[-1]), start, end, False, ticks, show)


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step for step in STEPS if step * power >= rough * 0.9) * power


def logarithmic(values: Iterable[float], start: float, end: float, show: Callable[[float], str] = number_format.figure) -> Scale:
    """A logarithmic scale between values of the form 1, 2 or 5 times a power of ten; values <= 0 are ignored."""
    positive = [value for value in values if value > 0] or [1.0, 10.0]
    every = _rounds(min(positive), max(positive))
    ticks = every
    if len(ticks) > MOST_LOG_TICKS:
        ticks = [value for value in every if f"{value:e}"[0] == "1"]
    return Scale(every[0], every[-1], start, end, True, tuple(ticks), show)


def _rounds(least: float, most: float) -> List[float]:
    """Round values from the last one <= `least` to the first one >= `most`; at least two."""
    power = math.floor(math.log10(least))
    rounds: list = []
    while not rounds or rounds[-1] < most or rounds[-1] <= least * 1.0001:
        rounds += [float(f"{step}e{power}") for step in STEPS[:-1]]
        power += 1
    below = [value for value in rounds if value <= least * 1.0001]
    above = [value for value in rounds if value >= most * 0.9999 and value > below[-1]]
    return [value for value in rounds if below[-1] <= value <= above[0]]
