"""Hardware: what this machine is, each value with its method and each unknown with the reason.

`probe` makes the record; every part is read by the module of its name, through one Machine that does all input and output.
"""
from __future__ import annotations

from base import schema
from base.records import HARDWARE_VERSION
from measure.hardware import accelerators, bandwidth, cpu, device_tag, memory, ollama, power, system, virtualization
from measure.hardware.device_tag import slug
from measure.hardware.machine import Machine, here

PARTS = {"system": system.read, "cpu": cpu.read, "memory": memory.read, "accelerators": accelerators.read,
         "power": power.read, "surroundings": virtualization.read}
NOT_LOCAL = "the server is not on this machine, and its machine cannot be probed from here"


def probe(machine: Machine, ollama_version: str | None, loopback: bool = True, port: int = 11434) -> dict:
    """The record of hardware.json. With a server elsewhere this machine is not the measured one, and all is null."""
    record = {"schema": HARDWARE_VERSION, "synthetic": False, "probed": loopback,
              "why_not_probed": None if loopback else NOT_LOCAL}
    if not loopback:
        return {**record, **dict.fromkeys([*PARTS, "ollama", "copy_bandwidth"]), "sources": []}
    record.update({**describe(machine), "ollama": ollama.read(machine, ollama_version, port),
            "copy_bandwidth": bandwidth.read(machine),
            "sources": [{"command": answer.command, "outcome": answer.outcome} for answer in machine.answers]})
    return schema.bounded(record, "hardware")


def describe(machine: Machine) -> dict:
    """The parts that need no measurement."""
    return {name: read(machine) for name, read in PARTS.items()}


def model_memory_bytes(machine: Machine | None = None) -> int | None:
    """What a model can be spread over: main memory, and the memory of every card that computes. None: unknown."""
    machine = machine or here()
    main = memory.usable(machine)["value"]
    return None if main is None else main + accelerators.memory_bytes(machine)


def suggest_device_tag(machine: Machine | None = None) -> str:
    """A tag made of the card or the chip and its memory, such as rtx-4090-24gb or ryzen-7-7840u-32gb."""
    machine = machine or here()
    return device_tag.suggest(describe(machine), machine.platform)
