"""macOS: memory, swap, processor time, heat and power by calls into the system; the accelerator by `ioreg`.

Clocks, temperatures and energy are for the administrator alone there.
"""
from __future__ import annotations

import os
import re
import struct
import subprocess
import time
from typing import Callable

from measure import library
from measure.library import Library
from measure.telemetry.energy import Source

IOKIT = "/System/Library/Frameworks/IOKit.framework/IOKit"
IOREG = ("/usr/sbin/ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
COMMAND_S = 1.0
COMMAND_AGE_S = 2.0     # a process costs milliseconds; calls that follow each other faster than this do without
HOST_CPU_LOAD_INFO, HOST_VM_INFO64 = 3, 4
CPU_TICKS = struct.Struct("=4I")                # user, system, idle, nice
VM_INFO64 = struct.Struct("=4I9Q2I4Q4IQ")       # vm_statistics64 in <mach/vm_statistics.h>
FREE, PURGEABLE, SPECULATIVE, SWAPINS, SWAPOUTS, EXTERNAL = 0, 13, 14, 17, 18, 21      # its fields that are used
SWAP_USAGE = struct.Struct("=3QIi")             # total, free, used, page size, encrypted
PRESSURE = b"com.apple.system.thermalpressurelevel"
PRESSURES = {1: "moderate", 2: "heavy", 3: "trapping", 4: "sleeping"}
ON_THE_MAINS = -2.0     # kIOPSTimeRemainingUnlimited; else seconds left, or -1 for not known yet


def _ioreg() -> str | None:
    try:
        return subprocess.run(IOREG, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_S, text=True,
                              errors="replace").stdout
    except (OSError, subprocess.SubprocessError):
        return None


class Mac:
    """`system` and `power` are libSystem and IOKit."""

    def __init__(self, system: Library = None, power: Library = None, ioreg: Callable[[], str | None] = _ioreg,
                 clock: Callable[[], float] = time.monotonic):
        import ctypes
        self._types, self._ioreg, self._clock = ctypes, ioreg, clock
        self._looked: float | None = None
        self._system, self._power = system or library.opened(None), power or library.opened(IOKIT)
        library.set_result(self._power, "IOPSGetTimeRemainingEstimate", ctypes.c_double)
        self._host = library.ask(self._system, "mach_host_self")        # each call would leave a port behind
        self._pressure = self._pressure_token()

    def state(self) -> dict:
        left = library.ask(self._power, "IOPSGetTimeRemainingEstimate")
        return {"power_source": None if left is None else "ac" if left == ON_THE_MAINS else "battery",
                "free_memory_bytes": self._free_bytes(), "swap_used_bytes": self._swap_used_bytes(),
                "throttled": self._throttled()}

    def accelerators(self) -> list:
        if self._looked is not None and self._clock() - self._looked < COMMAND_AGE_S:
            return []
        self._looked = self._clock()
        return accelerators(self._ioreg() or "")

    def energy(self) -> list:
        return [Source("machine", unknown="macOS shows its counters to the administrator alone")]

    def swapped_bytes(self) -> tuple | None:
        counts = self._statistics("host_statistics64", HOST_VM_INFO64, VM_INFO64)
        page = os.sysconf("SC_PAGE_SIZE")
        return None if counts is None else (counts[SWAPINS] * page, counts[SWAPOUTS] * page)

    def processor_ticks(self) -> tuple | None:
        ticks = self._statistics("host_statistics", HOST_CPU_LOAD_INFO, CPU_TICKS)
        return None if ticks is None else (ticks[0] + ticks[1] + ticks[3], sum(ticks))

    def waited_s(self) -> dict:
        return {}

    def suspended_s(self) -> float | None:
        """How long the system has slept since it started; CLOCK_UPTIME_RAW stops meanwhile."""
        if not hasattr(time, "CLOCK_UPTIME_RAW"):
            return None
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)

    def _free_bytes(self) -> int | None:
        """What is free, holds a file's content, or may be thrown away; pages read ahead count as free and as a file's."""
        counts = self._statistics("host_statistics64", HOST_VM_INFO64, VM_INFO64)
        if counts is None:
            return None
        pages = counts[FREE] - counts[SPECULATIVE] + counts[EXTERNAL] + counts[PURGEABLE]
        return max(0, pages) * os.sysconf("SC_PAGE_SIZE")

    def _statistics(self, function: str, flavour: int, layout: struct.Struct) -> tuple | None:
        place, count = self._types.create_string_buffer(layout.size), self._types.c_uint(layout.size // 4)
        if self._host is None or library.ask(self._system, function, self._host, flavour, place,
                                             self._types.byref(count)) != 0:
            return None
        return layout.unpack(place.raw)

    def _swap_used_bytes(self) -> int | None:
        place, size = self._types.create_string_buffer(SWAP_USAGE.size), self._types.c_size_t(SWAP_USAGE.size)
        status = library.ask(self._system, "sysctlbyname", b"vm.swapusage", place, self._types.byref(size), None,
                            self._types.c_size_t(0))
        return SWAP_USAGE.unpack(place.raw)[2] if status == 0 else None

    def _pressure_token(self) -> int | None:
        token = self._types.c_int()
        status = library.ask(self._system, "notify_register_check", PRESSURE, self._types.byref(token))
        return token.value if status == 0 else None

    def _throttled(self) -> list | None:
        level = self._types.c_uint64()
        if self._pressure is None or library.ask(self._system, "notify_get_state", self._pressure,
                                                 self._types.byref(level)) != 0:
            return None
        return [f"thermal pressure: {PRESSURES.get(level.value, level.value)}"] if level.value else []


def accelerators(text: str) -> list:
    """One for each line of statistics in what `ioreg` prints."""
    return [_accelerator(line) for line in text.splitlines() if '"PerformanceStatistics"' in line]


def _accelerator(line: str) -> dict:
    values = {name: int(value) for name, value in re.findall(r'"([^"]+)"=([0-9]{1,18})\b', line)}
    busy = values.get("Device Utilization %", values.get("GPU Activity(%)"))        # Apple's, and AMD's in older machines
    return {"busy_share": None if busy is None else busy / 100, "memory_used_bytes": values.get("In use system memory"),
            "power_w": values.get("Total Power(W)"), "temperature_c": values.get("Temperature(C)"), "clock_mhz": None,
            "throttled": None}
