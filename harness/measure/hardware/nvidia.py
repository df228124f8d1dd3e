"""NVIDIA: what nvidia-smi tells, or the driver's files under /proc where that tool is missing."""
from __future__ import annotations

import re

from base import facts
from measure.hardware import cards, texts
from measure.hardware.machine import SLOW_S, Answer, Machine

QUERY = ("pci.bus_id", "name", "memory.total", "driver_version", "power.limit")      # never uuid or serial
DRIVER = "/proc/driver/nvidia"


def read(machine: Machine) -> list:
    """[(slot, card)]"""
    answer = machine.run("nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits", limit_s=SLOW_S)
    rows = [[cell.strip() for cell in row.split(",")] for row in answer.text.splitlines()]
    found = [(cards.slot(row[0]), _card(row)) for row in rows if len(row) == len(QUERY) and cards.slot(row[0])]
    return found or _from_driver(machine, answer)


def _card(row: list) -> dict:
    method = "nvidia-smi --query-gpu"
    memory_mib = texts.whole(row[2])
    return {
        "vendor": facts.known("NVIDIA", method),
        "name": facts.told(texts.line(row[1]), method, "nvidia-smi does not tell it"),
        "memory_bytes": facts.told(memory_mib and memory_mib << 20, method, "nvidia-smi does not tell it"),
        "driver": facts.told(texts.line(row[3]), method, "nvidia-smi does not tell it"),
        "interface": facts.known("cuda", method),
        # On boards where it shares main memory, nvidia-smi has no number for it.
        "unified_memory": facts.told(False if memory_mib else None, f"{method}: it has memory of its own",
                                     "nvidia-smi does not tell it"),
        "power_limit_w": facts.told(texts.number(row[4]), method, f"nvidia-smi says {texts.line(row[4]) or 'N/A'}"),
    }


def _from_driver(machine: Machine, answer: Answer) -> list:
    """A tool that is there and fails means a driver that does not fit, and then there is no CUDA either."""
    offered = facts.told("cuda" if answer.outcome == "missing" else None, f"{DRIVER}/version: the driver is loaded", answer.why)
    version = re.search(r"Kernel Module +(?:for \S+ +)?([0-9.]+)", machine.read(f"{DRIVER}/version") or "")
    found = []
    for path in machine.paths(f"{DRIVER}/gpus/*/information"):
        name = texts.line(texts.pairs(machine.read(path)).get("Model"))
        method = f"{DRIVER}/gpus/*/information"
        found.append((path.split("/")[-2].lower(), {
            "vendor": facts.known("NVIDIA", method), "name": facts.told(name, method, f"{method} does not tell it"),
            "driver": facts.told(version and version.group(1), f"{DRIVER}/version", f"{DRIVER}/version does not tell it"),
            "interface": offered}))
    return found
