"""Accelerators of a Mac: from system_profiler, else from ioreg."""
from __future__ import annotations

import re

from base import facts
from measure.hardware import gpu, mac, text_parsing
from measure.hardware.machine import Machine

PROFILE, REGISTRY = "system_profiler SPDisplaysDataType", "ioreg -c AGXAccelerator"
SILENT = "system_profiler does not report it"


def read(machine: Machine) -> dict:
    reports, answer = mac.profile(machine)
    cards = [_of_profile(row) for row in text_parsing.rows(reports.get("SPDisplaysDataType"))
             if text_parsing.line(row.get("sppci_model"))]
    if cards:
        return facts.known(cards, PROFILE)
    rows, registry = mac.registry(machine)
    cards = [gpu.merged({
        "vendor": facts.known("Apple", REGISTRY),
        "name": facts.optional(text_parsing.line(row["model"]), REGISTRY, "ioreg reports none"),
        "cores": facts.optional(text_parsing.whole(row.get("gpu-core-count")), REGISTRY, "ioreg reports none"),
        "interface": facts.known("metal", REGISTRY), **_shared(REGISTRY)}) for row in rows]
    return facts.optional(cards or None, REGISTRY, f"{answer.why}; {registry.why}")


def _shared(method: str) -> dict:
    return {"unified_memory": facts.known(True, method), "memory_bytes": facts.unknown("it works in main memory"),
            "driver": facts.unknown("it is a part of macOS")}


def _of_profile(row: dict) -> dict:
    vendor = gpu.vendor_of(re.sub(r".*_", "", str(row.get("spdisplays_vendor"))))
    own, borrowed = (text_parsing.size_bytes(row.get(f"spdisplays_{name}")) for name in ("vram", "vram_shared"))
    shared = _shared(PROFILE) if vendor == "Apple" or borrowed else {"unified_memory": facts.optional(
        False if own else None, f"{PROFILE}: it has memory of its own", SILENT)}
    return gpu.merged({
        "vendor": facts.optional(vendor, PROFILE, "system_profiler names no vendor that is known here"),
        "name": facts.optional(text_parsing.line(row.get("sppci_model")), PROFILE, SILENT),
        "memory_bytes": facts.optional(own, PROFILE, SILENT),
        "cores": facts.optional(text_parsing.whole(row.get("sppci_cores")), PROFILE, SILENT),
        "driver": facts.unknown("it is a part of macOS"),
        "interface": facts.first(facts.optional(_metal(row), f"{PROFILE}, Metal support", SILENT),
                                 facts.optional("metal" if vendor == "Apple" else None, f"{PROFILE}: Apple chips have Metal", SILENT)),
        "power_limit_w": facts.unknown("macOS does not report it"), **shared})


def _metal(row: dict) -> str | None:
    """The key and its words have changed with every other macOS: spdisplays_metal3, spdisplays_supported, ..."""
    words = " ".join(str(row.get(f"spdisplays_{name}", "")) for name in ("mtlgpufamilysupport", "metal", "metalfamily"))
    return None if not words.strip() else "metal" if re.search("metal[0-9]|mtl|_supported|gpufamily", words) else "none"
