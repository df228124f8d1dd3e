"""Linux, also on Android and in containers: the machine as /proc and /sys show it."""
from __future__ import annotations

import os
import re
import time

from base.pattern import lazy
from measure.telemetry import amdgpu, energy
from measure.telemetry.sysfs import Files, numbers

POWER, CPUS, ZONES = "/sys/class/power_supply", "/sys/devices/system/cpu", "/sys/class/thermal"
PROCESSOR_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")      # drivers in /sys/class/hwmon
PROCESSOR_ZONES = ("cpu", "soc", "pkg", "acpitz", "tsens")                  # in a zone's type
BOARD_FLAGS = "/sys/devices/platform/soc/soc:firmware/get_throttled"        # of a Raspberry Pi
BOARD_REASONS = {1: "under-voltage", 2: "clock capped", 4: "throttled", 8: "soft temperature limit"}
MEMORY = lazy(r"^(MemAvailable|SwapTotal|SwapFree):[ \t]+([0-9]{1,15}) kB", re.MULTILINE)
SWAPPED = lazy(r"^(pswpin|pswpout) ([0-9]{1,15})\b", re.MULTILINE)       # in pages
WAITED = lazy(r"^some .*\btotal=([0-9]{1,18})", re.MULTILINE)        # microseconds, in /proc/pressure/*
IDLE = (3, 4)       # columns of /proc/stat: idle, and idle while a disk is waited for
COUNTED = 8         # columns that add up; the two after them, for guests, are included in the first two


class Linux:
    """What there is to read is looked up here; a battery or a card that comes later is not seen."""

    def __init__(self, files: Files = Files()):
        self._files = files
        self._sensors = _processor_sensors(files)
        self._clocks = files.find(f"{CPUS}/cpu[0-9]*/cpufreq/scaling_cur_freq")
        self._heat_counts = files.find(f"{CPUS}/cpu[0-9]*/thermal_throttle/*_throttle_count")
        # A wireless mouse has a battery too, and it discharges all day; its scope is Device.
        self._batteries = [path for path in files.find(f"{POWER}/*/status")
                           if files.text(os.path.dirname(path) + "/scope") != "Device"]
        self._supplies = files.find(f"{POWER}/*/online")
        self._cards = amdgpu.cards(files)
        self._heated = self._heat_events()

    def state(self) -> dict:
        memory = self._counts("/proc/meminfo", MEMORY)
        free, whole, unused = (memory.get(name) for name in ("MemAvailable", "SwapTotal", "SwapFree"))
        return {
            "power_source": self._power_source(),
            "free_memory_bytes": None if free is None else free * 1024,
            "swap_used_bytes": None if whole is None or unused is None else max(0, whole - unused) * 1024,
            "temperature_c": self._temperature_c(),
            "clock_mhz": self._clock_mhz(),
            "throttled": self._throttled(),
        }

    def accelerators(self) -> list:
        return [amdgpu.state(self._files, card) for card in self._cards]

    def energy(self) -> list:
        return [energy.rapl(self._files)] + amdgpu.energy(self._cards)

    def swapped_bytes(self) -> tuple | None:
        """(in, out) since the system started."""
        counts = self._counts("/proc/vmstat", SWAPPED)
        if len(counts) < 2:
            return None
        page = os.sysconf("SC_PAGE_SIZE")
        return counts["pswpin"] * page, counts["pswpout"] * page

    def processor_ticks(self) -> tuple | None:
        """(busy, whole) of all processors since the system started; what a hypervisor took is busy, it was not ours."""
        words = (self._files.text("/proc/stat") or "").partition("\n")[0].split()
        if len(words) <= max(IDLE) + 1 or words[0] != "cpu" or not all(word.isdigit() for word in words[1:]):
            return None
        ticks = [int(word) for word in words[1:COUNTED + 1]]
        return sum(ticks) - sum(ticks[column] for column in IDLE), sum(ticks)

    def waited_s(self) -> dict:
        """How long any program has waited for a CPU, or for memory, since the system started; {} without such counters."""
        texts = {name: self._files.text(f"/proc/pressure/{name}") or "" for name in ("cpu", "memory")}
        totals = {name: WAITED.search(text) for name, text in texts.items()}
        return {name: int(total.group(1)) / 1e6 for name, total in totals.items() if total}

    def suspended_s(self) -> float | None:
        """How long the system has slept since it started."""
        if not hasattr(time, "CLOCK_BOOTTIME"):
            return None
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)

    def _counts(self, path: str, lines: re.Pattern) -> dict:
        """The values of the wanted lines; {} if there is no such file."""
        return {name: int(value) for name, value in lines.findall(self._files.text(path) or "")}

    def _power_source(self) -> str | None:
        """battery if one is discharging, else ac if a supply is online."""
        if any(self._files.text(path) == "Discharging" for path in self._batteries):
            return "battery"
        return "ac" if any(self._files.text(path) == "1" for path in self._supplies) else None

    def _temperature_c(self) -> float | None:
        """The hottest sensor; they report thousandths of a degree, and broken ones report nonsense."""
        sane = [value / 1000 for value in numbers(self._files, self._sensors) if 0 < value < 150_000]
        return max(sane) if sane else None

    def _clock_mhz(self) -> float | None:
        clocks = [value for value in numbers(self._files, self._clocks) if value > 0]
        return round(sum(clocks) / len(clocks) / 1000, 1) if clocks else None

    def _throttled(self) -> list | None:
        """Heat, if its counters rose since the reading before; what a board's firmware flags just now."""
        before, self._heated = self._heated, self._heat_events()
        flags = _flags(self._files.text(BOARD_FLAGS))
        if flags is None and (before is None or self._heated is None):
            return None
        hot = before is not None and self._heated is not None and self._heated > before
        return ["thermal"] * hot + [reason for bit, reason in BOARD_REASONS.items() if (flags or 0) & bit]

    def _heat_events(self) -> int | None:
        counts = numbers(self._files, self._heat_counts)
        return sum(counts) if counts else None


def _processor_sensors(files: Files) -> list:
    """Files of the processor's own sensors; else its thermal zones; else all zones, since nothing shows which are the processor's."""
    drivers = [os.path.dirname(path) for path in files.find("/sys/class/hwmon/hwmon*/name")
               if files.text(path) in PROCESSOR_SENSORS]
    own = [path for driver in drivers for path in files.find(f"{driver}/temp*_input")]
    zones = files.find(f"{ZONES}/thermal_zone*/temp")
    kinds = {path: (files.text(os.path.dirname(path) + "/type") or "").lower() for path in zones}
    return own or [path for path, kind in kinds.items() if any(word in kind for word in PROCESSOR_ZONES)] or zones


def _flags(text: str | None) -> int | None:
    """Hexadecimal, as the firmware writes it."""
    try:
        return int(text or "", 16)
    except ValueError:
        return None
