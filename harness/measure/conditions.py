"""Conditions: the state of the machine between two calls, read from what the system offers without privileges.

Everything here is one quick read; what cannot be read is null. Nothing runs while a call runs.
"""
from __future__ import annotations

import glob
import os
import re


def read() -> dict:
    memory = _meminfo()
    return {
        "power_source": _power_source(),
        "load_average": _load_average(),
        "free_memory_bytes": memory.get("MemAvailable"),
        "swap_used_bytes": _difference(memory.get("SwapTotal"), memory.get("SwapFree")),
        "temperature_c": _temperature_c(),
        "clock_mhz": _clock_mhz(),
    }


def _text(path: str) -> str | None:
    try:
        with open(path, "rb") as source:
            return source.read(65536).decode("ascii", "replace").strip()
    except OSError:
        return None


def _meminfo() -> dict:
    """/proc/meminfo in bytes; {} elsewhere."""
    found = {}
    for line in (_text("/proc/meminfo") or "").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0]) * 1024
    return found


def _difference(whole: int | None, part: int | None) -> int | None:
    return None if whole is None or part is None else max(0, whole - part)


def _load_average() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def _power_source() -> str | None:
    """From /sys/class/power_supply: a battery that discharges, else the mains if any supply tells of it."""
    # A wireless mouse has a battery too, and it discharges all day; its scope is Device.
    states = [_text(path) for path in glob.glob("/sys/class/power_supply/*/status")
              if _text(os.path.dirname(path) + "/scope") != "Device"]
    if "Discharging" in states:
        return "battery"
    online = [_text(path) for path in glob.glob("/sys/class/power_supply/*/online")]
    return "ac" if "1" in online else None


def _temperature_c() -> float | None:
    """The hottest thermal zone; zones report thousandths of a degree, and broken ones report nonsense."""
    readings = [_text(path) for path in glob.glob("/sys/class/thermal/thermal_zone*/temp")]
    degrees = [int(text) / 1000 for text in readings if text and re.fullmatch("-?[0-9]{1,9}", text)]
    sane = [value for value in degrees if 0 < value < 150]
    return max(sane) if sane else None


def _clock_mhz() -> float | None:
    readings = [_text(path) for path in glob.glob("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")]
    clocks = [int(text) / 1000 for text in readings if text and text.isdigit()]
    return round(sum(clocks) / len(clocks), 1) if clocks else None
