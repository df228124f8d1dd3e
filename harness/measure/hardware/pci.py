"""PCI: every graphics and compute device that Linux sees on the bus; lspci gives them their names."""
from __future__ import annotations

import re
import shlex

from base import facts
from measure.hardware import cards, texts
from measure.hardware.machine import Machine

DEVICES = "/sys/bus/pci/devices"
DISPLAY, COMPUTE = 0x03, 0x12       # classes of the bus
# A server's own screen and a virtual machine's: nothing can be computed on them.
SCREENS = frozenset([0x1A03, 0x1234, 0x1AF4, 0x15AD, 0x80EE, 0x1013, 0x102B, 0x1B36, 0x1414])
NOT_DRIVERS = ("", "vfio-pci", "pci-stub")


def devices(machine: Machine) -> dict:
    """{slot: uevent with class, id and driver} of all that may be an accelerator."""
    found = {}
    for path in machine.paths(f"{DEVICES}/*/uevent"):
        told = texts.pairs(machine.read(path), "=")
        numbers = re.fullmatch("([0-9A-Fa-f]{1,4}):([0-9A-Fa-f]{1,4})", told.get("PCI_ID", ""))
        if numbers and re.fullmatch("[0-9A-Fa-f]{5,6}", told.get("PCI_CLASS", "")):
            ids = tuple(int(number, 16) for number in numbers.groups())
            if int(told["PCI_CLASS"], 16) >> 16 in (DISPLAY, COMPUTE) and ids[0] not in SCREENS:
                found[path.split("/")[-2].lower()] = {"driver": told.get("DRIVER", ""), "ids": ids}
    return found


def card(machine: Machine, place: str, device: dict, names: dict, why: str) -> dict:
    """What the kernel and lspci tell of one device."""
    folder = f"{DEVICES}/{place}"
    maker, name = names.get(place, (None, None))
    watts = next((value for path in machine.paths(f"{folder}/hwmon/hwmon*/power1_cap")
                  for value in [texts.whole(machine.read(path))] if value), None)
    own = texts.whole(machine.read(f"{folder}/mem_info_vram_total"))
    driver, file = device["driver"], f"{DEVICES}/*/uevent"
    found = {
        "vendor": facts.told(cards.VENDORS.get(device["ids"][0], maker), file, why),
        "name": facts.told(name, "lspci", why),
        "memory_bytes": facts.told(own, f"{DEVICES}/*/mem_info_vram_total", "its driver does not tell it"),
        "driver": facts.told(driver, file, "no driver is bound to it"),
        "power_limit_w": facts.told(watts and watts / 1e6, f"{DEVICES}/*/hwmon/*/power1_cap", "its driver does not tell it"),
    }
    if driver in NOT_DRIVERS:
        found["interface"] = facts.known("none", f"{file}: {driver or 'no driver'} is bound to it")
    return found


def names(machine: Machine) -> tuple:
    """({slot: (maker, product)}, why not) from lspci, whose -mm quotes like a shell."""
    answer = machine.run("lspci", "-D", "-mm")
    found = {}
    for row in answer.text.splitlines():
        try:
            words = shlex.split(row)
        except ValueError:
            continue
        if len(words) > 3:
            found[words[0].lower()] = (texts.line(words[2]), product(words[3]))
    return found, answer.why


def product(text: str | None) -> str | None:
    """`AD102 [GeForce RTX 4090]` is a chip and a product; a list of products stays as it is, for it names none of them."""
    inside = re.search(r"\[([^\[\]]+)\]\s*\Z", text or "")
    return texts.line(inside.group(1) if inside and "/" not in inside.group(1) else text)


def on_the_chip(machine: Machine) -> list:
    """Graphics that hang on no bus but are a part of the chip, as on boards and phones: the device tree names them."""
    found, file = {}, "/sys/class/drm/renderD*/device/uevent"
    for path in machine.paths(file):
        told = texts.pairs(machine.read(path), "=")
        name = texts.line(told.get("OF_COMPATIBLE_0"))
        if name and "PCI_SLOT_NAME" not in told:
            found[name] = {"vendor": facts.told(texts.line(name.partition(",")[0]), file, "the device tree does not tell it"),
                           "name": facts.known(name, file),
                           "driver": facts.told(texts.line(told.get("DRIVER")), file, "it has no driver"),
                           "unified_memory": facts.known(True, f"{file}: a part of the chip"),
                           "memory_bytes": facts.unknown("it works in main memory")}
    return list(found.values())
