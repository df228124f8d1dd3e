"""Windows: memory, power, processor time and clocks by calls into the system.

Swap, temperatures and energy would need a driver or a service.
"""
from __future__ import annotations

import os
import struct

from measure import library
from measure.library import Library
from measure.telemetry.energy import Source

MEMORY_STATUS = struct.Struct("=2I7Q")      # MEMORYSTATUSEX; the first field is its own size, the fourth what is free
POWER_STATUS = struct.Struct("=4B2I")       # SYSTEM_POWER_STATUS; the first field is the mains
PROCESSOR = struct.Struct("=6I")            # PROCESSOR_POWER_INFORMATION: number, most, now and limit in MHz, two of idleness
PROCESSOR_INFORMATION = 11
SOURCES = {0: "battery", 1: "ac"}


class Windows:
    """`kernel` and `power` are kernel32 and powrprof."""

    def __init__(self, kernel: Library = None, power: Library = None):
        import ctypes
        self._types = ctypes
        self._kernel, self._power = kernel or library.opened("kernel32"), power or library.opened("powrprof")
        library.set_result(self._kernel, "GetTickCount64", ctypes.c_ulonglong)

    def state(self) -> dict:
        processors = self._processors()
        return {"power_source": self._power_source(), "free_memory_bytes": self._free_bytes(),
                "clock_mhz": mean_mhz(processors), "throttled": limits(processors)}

    def accelerators(self) -> list:
        return []

    def energy(self) -> list:
        return [Source("processor", unknown="Windows reads its counter by a driver alone")]

    def swapped_bytes(self) -> None:
        return None

    def processor_ticks(self) -> tuple | None:
        """(busy, whole); the time of the kernel includes idleness."""
        idle, kernel, user = (self._types.c_ulonglong() for _ in range(3))
        if not library.ask(self._kernel, "GetSystemTimes", *map(self._types.byref, (idle, kernel, user))):
            return None
        whole = kernel.value + user.value
        return whole - idle.value, whole

    def waited_s(self) -> dict:
        return {}

    def suspended_s(self) -> float | None:
        """How long the system has slept since it started: time since then less the time awake."""
        awake = self._types.c_ulonglong()
        ticks_ms = library.ask(self._kernel, "GetTickCount64")
        if not ticks_ms or not library.ask(self._kernel, "QueryUnbiasedInterruptTime", self._types.byref(awake)):
            return None
        return ticks_ms / 1e3 - awake.value / 1e7

    def _free_bytes(self) -> int | None:
        place = self._types.create_string_buffer(struct.pack("=I", MEMORY_STATUS.size), MEMORY_STATUS.size)
        return MEMORY_STATUS.unpack(place.raw)[3] if library.ask(self._kernel, "GlobalMemoryStatusEx", place) else None

    def _power_source(self) -> str | None:
        place = self._types.create_string_buffer(POWER_STATUS.size)
        is_known = library.ask(self._kernel, "GetSystemPowerStatus", place)
        return SOURCES.get(POWER_STATUS.unpack(place.raw)[0]) if is_known else None

    def _processors(self) -> list:
        """(most, now, limit) in MHz of each; [] if unknown."""
        place = self._types.create_string_buffer(PROCESSOR.size * (os.cpu_count() or 1))
        if library.ask(self._power, "CallNtPowerInformation", PROCESSOR_INFORMATION, None, 0, place, len(place)) != 0:
            return []
        return [row[1:4] for row in PROCESSOR.iter_unpack(place.raw) if row[1]]     # another group's stay empty


def mean_mhz(processors: list) -> float | None:
    """As the system reports it; on many machines this is the nominal clock."""
    return round(sum(now for _, now, _ in processors) / len(processors), 1) if processors else None


def limits(processors: list) -> list | None:
    """The limit is the highest clock times the share that heat leaves of it."""
    if not processors:
        return None
    share = min(limit / most for most, _, limit in processors)
    return [f"clocks limited to {share:.0%}"] if share < 1 else []
