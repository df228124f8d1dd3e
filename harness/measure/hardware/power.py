"""Power: mains or battery, and the power mode that is set."""
from __future__ import annotations

import os
import re

from base import facts
from measure.hardware import cim, text_parsing
from measure.hardware.machine import Machine

SUPPLIES = "/sys/class/power_supply"
PROFILE = "/sys/firmware/acpi/platform_profile"
GOVERNORS = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
# Windows' own plans; a user's plan has a number and a name of its own, and neither is recorded.
PLANS = {"381b4222-f694-41f0-9685-ff5bb260df2e": "balanced", "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c": "high-performance",
         "a1841308-3541-4fab-bc81-f71556f20b4a": "power-saver",
         "e9a42b02-d5df-448d-aa00-03f14749eb61": "ultimate-performance"}


def read(machine: Machine) -> dict:
    reader = {"linux": _linux, "darwin": _mac, "windows": _windows}.get(machine.platform.system)
    why = facts.unknown("it is not looked for on this system")
    source, mode, governor = reader(machine) if reader else (why, why, why)
    return {"source": source, "mode": mode, "governor": governor}


def _linux(machine: Machine) -> tuple:
    governors = dict.fromkeys(filter(None, (text_parsing.line(machine.read(path)) for path in machine.paths(GOVERNORS))))
    return (_supply(machine), facts.optional(text_parsing.line(machine.read(PROFILE)), PROFILE, f"no {PROFILE} here"),
            facts.optional(", ".join(governors), GOVERNORS, f"no {GOVERNORS} here"))


def _supply(machine: Machine) -> dict:
    """A discharging battery, else a supply that is online. The battery of a mouse has the scope Device."""
    states = [(machine.read(path) or "").strip() for path in machine.paths(f"{SUPPLIES}/*/status")
              if (machine.read(f"{os.path.dirname(path)}/scope") or "").strip() != "Device"]
    if "Discharging" in states:
        return facts.known("battery", f"{SUPPLIES}/*/status")
    online = [(machine.read(path) or "").strip() for path in machine.paths(f"{SUPPLIES}/*/online")]
    return facts.optional("ac" if "1" in online else None, f"{SUPPLIES}/*/online", f"{SUPPLIES} has no supply that is online")


def _mac(machine: Machine) -> tuple:
    battery, settings = machine.run("pmset", "-g", "batt"), machine.run("pmset", "-g")
    match = re.search(r"Now drawing from '(AC|Battery) Power'", battery.text)
    source = match and {"AC": "ac", "Battery": "battery"}[match.group(1)]
    modes = dict(re.findall(r"^[ \t]*(lowpowermode|powermode)[ \t]+([012])\b", settings.text, re.MULTILINE))
    mode = {"0": "automatic", "1": "low-power", "2": "high-power"}.get(str(modes.get("powermode", modes.get("lowpowermode"))))
    return (facts.optional(source, battery.command, battery.why), facts.optional(mode, settings.command, settings.why),
            facts.unknown("macOS has no governors"))


def _windows(machine: Machine) -> tuple:
    """BatteryStatus 1 is a discharging battery, 2 and 6 to 9 one on the mains; without a battery there is no instance."""
    battery = cim.first(machine, "battery")
    status = text_parsing.whole(battery.get("BatteryStatus"))
    source = "battery" if status == 1 else "ac" if status in (2, 6, 7, 8, 9) else None
    plan = machine.run("powercfg", "/getactivescheme")
    number = re.search(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", plan.text.lower())
    mode = PLANS.get(number.group(), "custom") if number else None
    why = "Windows has no battery" if cim.first(machine, "system") and not battery else cim.ask(machine).why
    return (facts.optional(source, "CIM Win32_Battery BatteryStatus", why), facts.optional(mode, plan.command, plan.why),
            facts.unknown("Windows has no governors"))
