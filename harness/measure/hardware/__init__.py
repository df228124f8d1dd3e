"""Hardware: what this machine is, each value with how it was found and each unknown with why.

`probe` puts the record together; every part is read by the module of its name, through one Machine that acts for all.
"""
from __future__ import annotations

from base.records import HARDWARE_VERSION
from measure.hardware import accelerators, bandwidth, cpu, memory, ollama, power, surroundings, system, tag
from measure.hardware.machine import Machine, here
from measure.hardware.tag import slug

NAME = "hardware.json"
PARTS = {"system": system.read, "cpu": cpu.read, "memory": memory.read, "accelerators": accelerators.read,
         "power": power.read, "surroundings": surroundings.read}
ELSEWHERE = "the server is not on this machine, and the one that was measured cannot be looked at from here"


def probe(machine: Machine, ollama_version: str | None, loopback: bool = True, port: int = 11434) -> dict:
    """The record of hardware.json. Where the server is elsewhere, this machine is not what was measured: all is null."""
    record = {"schema": HARDWARE_VERSION, "synthetic": False, "probed": loopback,
              "why_not_probed": None if loopback else ELSEWHERE}
    if not loopback:
        return {**record, **dict.fromkeys([*PARTS, "ollama", "copy_bandwidth"]), "sources": []}
    return {**record, **describe(machine), "ollama": ollama.read(machine, ollama_version, port),
            "copy_bandwidth": bandwidth.read(machine),
            "sources": [{"command": answer.command, "outcome": answer.outcome} for answer in machine.answers]}


def describe(machine: Machine) -> dict:
    """What can be said at once, with nothing measured."""
    return {name: read(machine) for name, read in PARTS.items()}


def memory_bytes() -> int | None:
    """Main memory that this process may use; a container's limit counts. None: cannot be told."""
    return memory.usable(here())["value"]


def suggest_device_tag(machine: Machine | None = None) -> str:
    """A tag made of the card or the chip and its memory, such as rtx-4090-24gb or ryzen-7-7840u-32gb."""
    machine = machine or here()
    return tag.suggest(describe(machine), machine.platform)
