"""A Mac: what sysctl and system_profiler tell of it; of the latter only the two reports that need no serial number."""
from __future__ import annotations

import re

from base import facts
from measure.hardware import texts
from measure.hardware.machine import SLOW_S, Answer, Machine


def asked(machine: Machine) -> Answer:
    return machine.run("sysctl", "hw", "machdep.cpu", "kern.osproductversion", "kern.hv_vmm_present")


def sysctl(machine: Machine) -> dict:
    """One question for all; a name that this macOS lacks makes sysctl fail and still say the others."""
    return texts.pairs(asked(machine).text)


def fact(machine: Machine, *names: str, convert=texts.line) -> dict:
    """The first of these names that sysctl tells."""
    told = sysctl(machine)
    return facts.first(*(facts.told(convert(told.get(name)), f"sysctl {name}", f"sysctl does not tell {name}"
                                    if told else asked(machine).why) for name in names))


def profile(machine: Machine) -> tuple:
    """(reports by name, the answer): SPDisplaysDataType and SPMemoryDataType."""
    answer = machine.run("system_profiler", "-json", "SPDisplaysDataType", "SPMemoryDataType", limit_s=SLOW_S)
    reports = texts.json(answer.text)
    return reports if isinstance(reports, dict) else {}, answer


def registry(machine: Machine) -> tuple:
    """([{"model": ..., "gpu-core-count": ...}], the answer): the accelerators in ioreg, of Apple's own chips."""
    answer = machine.run("ioreg", "-r", "-d", "1", "-w", "0", "-c", "AGXAccelerator")
    found = []
    for part in re.split(r"^\+-o ", answer.text, flags=re.MULTILINE)[1:]:
        found.append(dict(re.findall(r'"(model|gpu-core-count)" = "?([^"\n]*?)"?$', part, re.MULTILINE)))
    return [row for row in found if row.get("model")], answer
