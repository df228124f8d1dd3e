"""Telemetry: the state of the machine between calls, read without privileges.

A value that cannot be read is null; no content of a system file raises. Nothing here runs during a call: even a cheap
sampler would compete for the processors, and in a thread for the interpreter, with the code that stamps the chunks.
Counters of energy, swap and throttling keep counting, so two readings cover the time between them; an event within a
call that leaves no trace in a counter stays unknown. tests/benchmarks/telemetry.py measures the cost of a reading.
"""
from __future__ import annotations

import os
import sys
import time
from typing import Callable

from measure.telemetry import energy, linux, macos, nvml, processes, windows
from measure.telemetry.contention import Contention, Listener, Processes, System

BUSY_SHARE = 0.1        # of the processors while nothing is measured; with more in use during the run, its verdict is `contended`


class Reader:
    """Reads this machine, and remembers the previous values of its counters. One for each session.

    `system` is a linux.Linux, macos.Mac or windows.Windows, `nvidia` an nvml.Nvml or None.
    """

    def __init__(self, system: System, nvidia: nvml.Nvml | None = None, clock: Callable[[], float] = time.monotonic,
                 contention: Contention | None = None):
        self._system, self._nvidia, self._contention = system, nvidia, contention
        self.others_counter = contention.method if contention else None
        self.others_unknown = contention.unknown if contention else "this machine's processes are not read"
        self._meter = energy.Meter(system.energy() + ([nvidia.energy()] if nvidia else []), clock)
        self.energy_counter, self.energy_unknown = self._meter.counter, self._meter.unknown
        self._swapped = system.swapped_bytes()
        self._background_share: float | None = None

    def look_around(self, sleep: Callable[[float], None], seconds: float) -> None:
        """Measure how busy other programs keep the processors, for the next reading. No call may be running."""
        before = self._system.processor_ticks()
        sleep(seconds)
        self._background_share = busy_share(before, self._system.processor_ticks())

    def begin(self) -> None:
        """Just before the requests are sent: read the counters that the next reading starts from."""
        if self._contention:
            self._contention.begin()
        self._meter.begin()

    def read(self) -> dict:
        """Right after the last byte: read first what changes fastest, since energy use continues and accelerators go idle."""
        energy_j = self._meter.spent_j()
        contention = self._contention.end() if self._contention else {}
        own = self._contention.own_numbers if self._contention else set()
        accelerators = (self._nvidia.states(own) if self._nvidia else []) + self._system.accelerators()
        state = self._system.state()
        share, self._background_share = self._background_share, None
        swapped_in, swapped_out = self._swapped_since()
        return {
            "power_source": state.get("power_source"), "load_average": load_average(), "background_cpu_share": share,
            "free_memory_bytes": state.get("free_memory_bytes"), "swap_used_bytes": state.get("swap_used_bytes"),
            "swapped_in_bytes": swapped_in, "swapped_out_bytes": swapped_out,
            "temperature_c": state.get("temperature_c"), "clock_mhz": state.get("clock_mhz"),
            "throttled": state.get("throttled"),
            "accelerators": [{"index": n, **state} for n, state in enumerate(accelerators)] or None,
            "energy_j": energy_j, **contention,
        }

    def _swapped_since(self) -> tuple:
        before, self._swapped = self._swapped, self._system.swapped_bytes()
        if before is None or self._swapped is None:
            return None, None
        return tuple(max(0, now - then) for then, now in zip(before, self._swapped))


class Unread:
    """Reads nothing, because of `reason`."""
    energy_counter = others_counter = None

    def __init__(self, reason: str):
        self.energy_unknown = self.others_unknown = reason

    def look_around(self, sleep: Callable[[float], None], seconds: float) -> None:
        pass

    def begin(self) -> None:
        pass

    def read(self) -> None:
        return None


def reader(is_here: bool, port: int | None = None) -> Reader | Unread:
    """The reader for the machine that is measured; the server listens on this port."""
    if not is_here:
        return Unread("the server runs on another machine")
    system, others, nvidia = _this_machine()
    return Reader(system, nvidia, contention=Contention(system, others, Listener(port)))


def _this_machine() -> tuple[System, Processes, nvml.Nvml | None]:
    if os.name == "nt":
        return windows.Windows(), processes.WindowsProcesses(), nvml.load()
    if sys.platform == "darwin":
        return macos.Mac(), processes.MacProcesses(), None
    return linux.Linux(), processes.LinuxProcesses(), nvml.load()


def now(sleep: Callable[[float], None] = time.sleep) -> dict:
    """How busy the machine is and what powers it, for a person who is about to measure; takes a second."""
    system = _this_machine()[0]
    before = system.processor_ticks()
    sleep(1.0)
    return {"busy_share": busy_share(before, system.processor_ticks()), "load_average": load_average(),
            "power_source": system.state().get("power_source")}


def busy_share(before: tuple | None, after: tuple | None) -> float | None:
    """Of two readings (busy, whole) of the processors' time: the share that was used between them."""
    if before is None or after is None or after[1] <= before[1]:
        return None
    share = (after[0] - before[0]) / (after[1] - before[1])
    return round(min(1.0, max(0.0, share)), 3)      # Linux may take back some of what it had counted as waiting


def load_average(ask: Callable[[], tuple] | None = getattr(os, "getloadavg", None)) -> float | None:
    """Over the last minute; Windows has none."""
    try:
        return None if ask is None else round(ask()[0], 2)
    except OSError:
        return None
