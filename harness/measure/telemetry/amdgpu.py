"""AMD's accelerators, as the amdgpu driver shows them in /sys."""
from __future__ import annotations

import os

from base.pattern import lazy
from measure.telemetry.energy import Source
from measure.telemetry.sysfs import Files, numbers

VENDOR = "0x1002"
CARD = lazy(r"/card([0-9]+)/device/vendor\Z")     # connectors have folders like card0-DP-1


def cards(files: Files) -> list:
    """(device folder, its sensors' folder) of each card, in the system's order."""
    numbered = {int(match.group(1)): os.path.dirname(match.string)
                for match in map(CARD.search, files.find("/sys/class/drm/card*/device/vendor"))
                if match and files.text(match.string) == VENDOR}
    return [(device, _sensors(files, device)) for _, device in sorted(numbered.items())]


def _sensors(files: Files, device: str) -> str | None:
    named = files.find(f"{device}/hwmon/hwmon*/name")
    return os.path.dirname(named[0]) if named else None


def state(files: Files, card: tuple) -> dict:
    """The state of one card, all null while it sleeps: reading would wake it, which takes time and power."""
    device, sensors = card
    awake = files.text(f"{device}/power/runtime_status") != "suspended"

    def reading(*paths: str) -> int | None:
        return next(iter(numbers(files, list(paths))), None) if awake else None
    memory = reading(f"{device}/mem_info_vram_used")
    return {
        "busy_share": _scaled(reading(f"{device}/gpu_busy_percent"), 100),
        "memory_used_bytes": memory if memory is None or memory >= 0 else None,
        "power_w": _scaled(reading(f"{sensors}/power1_average", f"{sensors}/power1_input"), 1_000_000),
        "temperature_c": _scaled(reading(f"{sensors}/temp1_input"), 1000),
        "clock_mhz": _scaled(reading(f"{sensors}/freq1_input"), 1_000_000),
        "throttled": None,
    }


def energy(present: list) -> list:
    return [Source("accelerators", unknown="AMD's driver reports power but does not count energy")] if present else []


def _scaled(value: int | None, unit: int) -> float | None:
    return None if value is None else round(value / unit, 3)
