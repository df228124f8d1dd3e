"""NVML: NVIDIA's own library, in which each question is one call into the driver and no process is started."""
from __future__ import annotations

import functools
import os
import time
from typing import AbstractSet, Any

from measure import library
from measure.library import Library
from measure.telemetry.energy import Counter, Source

TEMPERATURE_GPU, CLOCK_SM = 0, 1
REASONS = {     # bits of nvmlDeviceGetCurrentClocksThrottleReasons; 0x1 means idle, which is not throttling
    0x2: "application clocks", 0x4: "power cap", 0x8: "hardware slowdown", 0x10: "sync boost", 0x20: "software thermal",
    0x40: "hardware thermal", 0x80: "power brake", 0x100: "display clocks"}
IDLE = 0x1
MOST_PROCESSES = 256
NOT_AVAILABLE = 2 ** 64 - 1
SAMPLED_US = 1_000_000          # the driver's samples are at most a second old


def load() -> Nvml | None:
    """None where there is no NVIDIA driver, or it sees no accelerator."""
    older = os.path.join(os.environ.get("ProgramFiles", ""), "NVIDIA Corporation", "NVSMI", "nvml.dll")
    return started(library.opened("nvml.dll", older) if os.name == "nt" else library.opened("libnvidia-ml.so.1"))


def started(nvidia_library: Library) -> Nvml | None:
    if nvidia_library is None or library.ask(nvidia_library, "nvmlInit_v2") != 0:
        return None
    nvml = Nvml(nvidia_library)
    return nvml if nvml.devices else None


class Nvml:
    """All accelerators in the driver's order. What one does not support is null."""

    def __init__(self, nvidia_library: Library):
        import ctypes
        self._library = nvidia_library
        self._types: Any = ctypes
        count = self._asked("nvmlDeviceGetCount_v2", ctypes.c_uint) or 0
        self.devices = [device for device in map(self._device, range(count)) if device is not None]

    def states(self, own: AbstractSet[int] = frozenset()) -> list:
        """One for each accelerator. `own` are the processes of the server and the harness; {}: not known."""
        return [{**self._state(device), **self._others(device, own)} for device in self.devices]

    def energy(self) -> Source:
        """The counter counts millijoules since the driver was loaded."""
        if any(self._energy_uj(device) is None for device in self.devices):
            return Source("accelerators", unknown="their energy counter (NVML) came with the Volta generation")
        return Source("accelerators by NVML", tuple(
            Counter(functools.partial(self._energy_uj, device)) for device in self.devices))

    def _state(self, device: Any) -> dict:
        c = self._types
        rates = self._asked("nvmlDeviceGetUtilizationRates", c.c_uint * 2, device)      # of the processor, of the memory
        memory = self._asked("nvmlDeviceGetMemoryInfo", c.c_ulonglong * 3, device)      # total, free, used
        milliwatts = self._asked("nvmlDeviceGetPowerUsage", c.c_uint, device)
        return {
            "busy_share": None if rates is None else rates[0] / 100,
            "memory_used_bytes": None if memory is None else memory[2],
            "power_w": None if milliwatts is None else milliwatts / 1000,
            "temperature_c": self._asked("nvmlDeviceGetTemperature", c.c_uint, device, TEMPERATURE_GPU),
            "clock_mhz": self._asked("nvmlDeviceGetClockInfo", c.c_uint, device, CLOCK_SM),
            "throttled": reasons(self._asked("nvmlDeviceGetCurrentClocksThrottleReasons", c.c_ulonglong, device)),
        }

    def _others(self, device: Any, own: AbstractSet[int]) -> dict:
        """Memory and utilisation of processes that are not ours.

        Null where none of the driver's processes is ours: in a container it may name them by other numbers.
        """
        memory = {number: used for kind in ("Compute", "Graphics") for number, used in self._memory_users(device, kind)}
        if not own & memory.keys():
            return {"others_memory_bytes": None, "others_busy_share": None}
        others = [used for number, used in memory.items() if number not in own]
        shares = [share for number, share in self._busy_shares(device) if number not in own]
        return {"others_memory_bytes": None if None in others else sum(others),
                "others_busy_share": min(1.0, sum(shares) / 100)}

    def _memory_users(self, device: Any, kind: str) -> list:
        """(process, bytes or None) of those that compute, or draw."""
        import ctypes as c

        class Info(c.Structure):        # nvmlProcessInfo_t
            _fields_ = [("number", c.c_uint), ("used", c.c_ulonglong), ("instance", c.c_uint), ("part", c.c_uint)]
        rows, count = (Info * MOST_PROCESSES)(), c.c_uint(MOST_PROCESSES)
        if library.ask(self._library, f"nvmlDeviceGet{kind}RunningProcesses_v3", device, c.byref(count), rows) != 0:
            return []
        return [(row.number, None if row.used == NOT_AVAILABLE else row.used) for row in rows[:count.value]]

    def _busy_shares(self, device: Any) -> list:
        """(process, per cent of the processors in its last sample)."""
        import ctypes as c

        class Sample(c.Structure):      # nvmlProcessUtilizationSample_t
            _fields_ = [("number", c.c_uint), ("time_us", c.c_ulonglong), ("processors", c.c_uint), ("memory", c.c_uint),
                        ("encoder", c.c_uint), ("decoder", c.c_uint)]
        rows, count = (Sample * MOST_PROCESSES)(), c.c_uint(MOST_PROCESSES)
        since_us = c.c_ulonglong(int(time.time() * 1e6) - SAMPLED_US)
        if library.ask(self._library, "nvmlDeviceGetProcessUtilization", device, rows, c.byref(count), since_us) != 0:
            return []
        newest = {row.number: row.processors for row in sorted(rows[:count.value], key=lambda row: row.time_us)}
        return [(number, share) for number, share in newest.items() if share <= 100]

    def _energy_uj(self, device: Any) -> int | None:
        millijoules = self._asked("nvmlDeviceGetTotalEnergyConsumption", self._types.c_ulonglong, device)
        return None if millijoules is None else millijoules * 1000

    def _device(self, number: int) -> Any:
        handle = self._types.c_void_p()
        status = library.ask(self._library, "nvmlDeviceGetHandleByIndex_v2", number, self._types.byref(handle))
        return handle if status == 0 else None

    def _asked(self, function: str, kind: type, *arguments: Any) -> Any:
        """The function's last argument after the call: a number, or a list for an array; None if it failed.

        A number with all bits set means that NVML has no value.
        """
        place = kind()
        if library.ask(self._library, function, *arguments, self._types.byref(place)) != 0:
            return None
        values = list(place) if issubclass(kind, self._types.Array) else [place.value]
        unavailable = (1 << 8 * self._types.sizeof(place) // len(values)) - 1
        if unavailable in values:
            return None
        return values if issubclass(kind, self._types.Array) else values[0]


def reasons(bits: int | None) -> list | None:
    """Names of the bits; an unknown bit is given by its number."""
    if bits is None:
        return None
    each = [1 << n for n in range(bits.bit_length()) if bits >> n & 1]
    return [REASONS.get(bit, f"reason {bit:#x}") for bit in each if bit != IDLE]
