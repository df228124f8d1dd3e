"""A Mac: what sysctl, system_profiler and ioreg report; of system_profiler only the two reports without serial numbers."""
from __future__ import annotations

import re
from typing import Any, Callable

from base import facts
from measure.hardware import text_parsing
from measure.hardware.machine import SLOW_S, CommandResult, Machine


def ask(machine: Machine) -> CommandResult:
    return machine.run("sysctl", "hw", "machdep.cpu", "kern.osproductversion", "kern.hv_vmm_present")


def sysctl(machine: Machine) -> dict:
    """All values from one call; a name that this macOS lacks makes sysctl fail and still print the others."""
    return text_parsing.pairs(ask(machine).text)


def is_apple_silicon(machine: Machine) -> bool:
    """Also where Python is translated by Rosetta, and sees a processor of Intel's kind."""
    values = sysctl(machine)
    brand = values.get("machdep.cpu.brand_string", "")
    return values.get("hw.optional.arm64") == "1" or brand.startswith(("Apple", "VirtualApple"))


def fact(machine: Machine, *names: str, convert: Callable[[Any], Any] = text_parsing.line) -> dict:
    """The first of these names that sysctl has."""
    values = sysctl(machine)
    return facts.first(*(facts.optional(convert(values.get(name)), f"sysctl {name}", f"sysctl has no {name}"
                                    if values else ask(machine).why) for name in names))


def chip(machine: Machine) -> dict:
    """The name of Apple's chip, by its graphics."""
    reports, answer = profile(machine)
    listed, registered = registry(machine)
    names = [(row.get("sppci_model"), "system_profiler SPDisplaysDataType", answer)
             for row in text_parsing.rows(reports.get("SPDisplaysDataType"))]
    names += [(row.get("model"), "ioreg -c AGXAccelerator", registered) for row in listed]
    return facts.first(*[facts.optional(name if str(name).startswith("Apple ") else None, method, source.why)
                         for name, method, source in names] or [facts.unknown(f"{answer.why}; {registered.why}")])


def profile(machine: Machine) -> tuple:
    """(reports by name, answer): SPDisplaysDataType and SPMemoryDataType."""
    answer = machine.run("system_profiler", "-json", "SPDisplaysDataType", "SPMemoryDataType", limit_s=SLOW_S)
    reports = text_parsing.json(answer.text)
    return reports if isinstance(reports, dict) else {}, answer


def registry(machine: Machine) -> tuple:
    """([{"model": ..., "gpu-core-count": ...}], answer): the accelerators of Apple's own chips in ioreg."""
    answer = machine.run("ioreg", "-r", "-d", "1", "-w", "0", "-c", "AGXAccelerator")
    devices = []
    for part in re.split(r"^\+-o ", answer.text, flags=re.MULTILINE)[1:]:
        devices.append(dict(re.findall(r'"(model|gpu-core-count)" = "?([^"\n]*?)"?$', part, re.MULTILINE)))
    return [device for device in devices if device.get("model")], answer
