"""The accelerators: every device that could compute beside the processor, integrated ones included, each once."""
from __future__ import annotations

from base import facts
from measure.hardware import linux_gpus, mac_gpus, windows_gpus
from measure.hardware.machine import Machine


def read(machine: Machine) -> dict:
    reader = {"linux": linux_gpus.read, "darwin": mac_gpus.read, "windows": windows_gpus.read}.get(machine.platform.system)
    return reader(machine) if reader else facts.unknown("they are not looked for on this system")


def memory_bytes(machine: Machine) -> int:
    """The memory of all accelerators that compute, also what firmware has taken from main memory for them.

    Not of the cards in a Mac: with an Intel processor the server does not use them, and Apple's chips share main memory.
    """
    if machine.platform.system == "darwin":
        return 0
    sizes = [card["memory_bytes"]["value"] for card in read(machine)["value"] or [] if card["interface"]["value"] != "none"]
    return sum(filter(None, sizes))
