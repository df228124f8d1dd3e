"""Arm's processor designs: the numbers in /proc/cpuinfo and the names under which people know them."""
from __future__ import annotations

import re

from base.pattern import lazy

IMPLEMENTERS = {
    0x41: "ARM", 0x42: "Broadcom", 0x43: "Cavium", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA", 0x50: "APM",
    0x51: "Qualcomm", 0x53: "Samsung", 0x56: "Marvell", 0x61: "Apple", 0x69: "Intel", 0x6D: "Microsoft", 0x70: "Phytium",
    0xC0: "Ampere",
}
PARTS = {
    0x41: {
        0xB76: "ARM1176", 0xC05: "Cortex-A5", 0xC07: "Cortex-A7", 0xC08: "Cortex-A8", 0xC09: "Cortex-A9",
        0xC0D: "Cortex-A17", 0xC0E: "Cortex-A17", 0xC0F: "Cortex-A15", 0xD01: "Cortex-A32", 0xD02: "Cortex-A34",
        0xD03: "Cortex-A53", 0xD04: "Cortex-A35", 0xD05: "Cortex-A55", 0xD06: "Cortex-A65", 0xD07: "Cortex-A57",
        0xD08: "Cortex-A72", 0xD09: "Cortex-A73", 0xD0A: "Cortex-A75", 0xD0B: "Cortex-A76", 0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77", 0xD0E: "Cortex-A76AE", 0xD40: "Neoverse-V1", 0xD41: "Cortex-A78", 0xD42: "Cortex-A78AE",
        0xD43: "Cortex-A65AE", 0xD44: "Cortex-X1", 0xD46: "Cortex-A510", 0xD47: "Cortex-A710", 0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2", 0xD4A: "Neoverse-E1", 0xD4B: "Cortex-A78C", 0xD4C: "Cortex-X1C", 0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3", 0xD4F: "Neoverse-V2", 0xD80: "Cortex-A520", 0xD81: "Cortex-A720", 0xD82: "Cortex-X4",
        0xD83: "Neoverse-V3AE", 0xD84: "Neoverse-V3", 0xD85: "Cortex-X925", 0xD87: "Cortex-A725", 0xD88: "Cortex-A520AE",
        0xD89: "Cortex-A720AE", 0xD8E: "Neoverse-N3", 0xD8F: "Cortex-A320",
    },
    0x43: {0x0AF: "ThunderX2-99xx", 0x0A1: "ThunderX-88XX"},
    0x46: {0x001: "A64FX"},
    0x48: {0xD01: "Kunpeng-920", 0xD02: "Kunpeng-930"},
    0x4E: {0x003: "Denver 2", 0x004: "Carmel"},
    0x51: {
        0x001: "Oryon", 0x002: "Oryon", 0x800: "Kryo-2XX-Gold", 0x801: "Kryo-2XX-Silver", 0x802: "Kryo-3XX-Gold",
        0x803: "Kryo-3XX-Silver", 0x804: "Kryo-4XX-Gold", 0x805: "Kryo-4XX-Silver", 0xC00: "Falkor",
    },
    0x61: {
        0x022: "Apple M1", 0x023: "Apple M1", 0x024: "Apple M1 Pro", 0x025: "Apple M1 Pro", 0x028: "Apple M1 Max",
        0x029: "Apple M1 Max", 0x032: "Apple M2", 0x033: "Apple M2", 0x034: "Apple M2 Pro", 0x035: "Apple M2 Pro",
        0x038: "Apple M2 Max", 0x039: "Apple M2 Max",
    },
    0x6D: {0xD49: "Azure Cobalt 100"},
    0x70: {0x660: "FTC660", 0x661: "FTC661", 0x662: "FTC662", 0x663: "FTC663", 0x862: "FTC862"},
    0xC0: {0xAC3: "Ampere-1", 0xAC4: "Ampere-1a"},
}
# Designs of which one chip joins several, fastest first.
RANKS = (lazy(r"-X[0-9]|Firestorm|Avalanche|Everest"), lazy(r"-A7|Gold"), lazy(r"-A5|-A3|Silver|Icestorm|Blizzard|Sawtooth"))


def names(cpuinfo: str | None) -> list:
    """The design of every processor in /proc/cpuinfo, in its order; those of unknown numbers are left out."""
    numbers = re.findall(r"^CPU (implementer|part)\s*:\s*(0x[0-9a-f]{1,4})\s*$", cpuinfo or "", re.MULTILINE)
    parts, implementer = [], 0
    for field, value in numbers:
        if field == "implementer":
            implementer = int(value, 16)
        else:
            parts.append(PARTS.get(implementer, {}).get(int(value, 16)))
    return list(filter(None, parts))


def vendor(cpuinfo: str | None) -> str | None:
    match = re.search(r"^CPU implementer\s*:\s*0x([0-9a-f]{1,4})\s*$", cpuinfo or "", re.MULTILINE)
    return IMPLEMENTERS.get(int(match.group(1), 16)) if match else None


def rank(name: str) -> int:
    """Smaller is faster."""
    return next((number for number, pattern in enumerate(RANKS) if pattern.search(name)), len(RANKS))
