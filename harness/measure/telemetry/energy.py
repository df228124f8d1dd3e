"""Energy: what the machine's own counters say was spent between two moments."""
from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Callable

from measure.telemetry.sysfs import Files, number

RAPL = "/sys/class/powercap"
MOST_W = 600    # no package of processors draws more; a counter that may have wrapped around unseen is not used


@dataclass(frozen=True)
class Counter:
    """Microjoules since some moment. It begins again at 0 after `range_uj`; None: never."""
    read_uj: Callable[[], int | None]
    range_uj: int | None = None


@dataclass(frozen=True)
class Source:
    """The counters of one part of the machine, or why there are none."""
    name: str
    counters: tuple = ()
    unknown: str | None = None


class Meter:
    """`counter` names what is counted and which parts of the machine are not; None: nothing is, and `unknown` says why."""

    def __init__(self, sources: list, clock: Callable[[], float]):
        self._counters = [counter for source in sources for counter in source.counters]
        self._clock = clock
        self._before: tuple[float, list] | None = None
        parts = [source.name if source.counters else f"{source.name} not counted: {source.unknown}" for source in sources]
        self.counter = "; ".join(parts) if self._counters else None
        self.unknown = None if self._counters else "; ".join(parts)

    def begin(self) -> None:
        if self._counters:
            self._before = self._clock(), [counter.read_uj() for counter in self._counters]

    def spent_j(self) -> float | None:
        """Since begin(), by all counters together; None if one of them cannot be read, since a partial sum would be wrong."""
        if self._before is None:
            return None
        (began, before), self._before = self._before, None
        spent = [spent_uj(counter, then, self._clock() - began) for counter, then in zip(self._counters, before)]
        known = [energy_uj for energy_uj in spent if energy_uj is not None]
        return round(sum(known) / 1e6, 3) if len(known) == len(spent) else None


def spent_uj(counter: Counter, before: int | None, seconds: float) -> int | None:
    now = counter.read_uj()
    if before is None or now is None:
        return None
    if counter.range_uj is None:
        return now - before if now >= before else None      # it was reset
    if seconds * MOST_W * 1e6 >= counter.range_uj:
        return None
    return now - before if now >= before else now - before + counter.range_uj


def rapl(files: Files) -> Source:
    """The processor packages by the counters of Intel and AMD; their cores are in them already, main memory is not.

    The same package may appear a second time as intel-rapl-mmio; the pattern leaves that out.
    """
    packages = [os.path.dirname(path) for path in files.find(f"{RAPL}/intel-rapl:*/name")
                if (files.text(path) or "").startswith("package")]
    if not packages:
        return Source("processor", unknown="the system offers no counter for it")
    if any(number(files, f"{package}/energy_uj") is None for package in packages):
        return Source("processor", unknown="its counter (RAPL) is for the administrator alone")
    return Source("processor packages by RAPL", tuple(
        Counter(functools.partial(number, files, f"{package}/energy_uj"),
                number(files, f"{package}/max_energy_range_uj")) for package in packages))
