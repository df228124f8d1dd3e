"""Integrated graphics: which devices work in main memory, even where firmware has set a large part of it aside for them.

A Strix Halo with 96 GB set aside, or a 780M with 4 GB, looks like a card with memory of its own. The PCI id, the names of
the processor and of the device, and what is missing from main memory show that it is not.
"""
from __future__ import annotations

import re

from base import facts
from base.pattern import lazy

AMD, INTEL = 0x1002, 0x8086
MI300A = (AMD, 0x74A0)      # its driver reports all main memory as its own; firmware sets nothing aside
# AMD's processors with graphics: PCI device ids and code names of lspci and rocm-smi.
AMD_IDS = frozenset([
    0x15D8, 0x15DD, 0x1506, 0x150E, 0x15BF, 0x15C8, 0x15E7, 0x1586, 0x1636, 0x1638, 0x163F, 0x1435, 0x13C0, 0x13FE, 0x143F, 0x1114,
    0x164C, 0x164D, 0x164E, 0x1681, 0x1900, 0x1901, 0x1902, 0x9874, 0x98E4, 0x74A0, *range(0x1304, 0x131E), *range(0x9640, 0x9650),
    *range(0x9802, 0x980B), *range(0x9830, 0x9860), *range(0x9900, 0x99A5)])
CODE_NAMES = lazy(
    r"(?:strix|phoenix|hawk ?point|krackan|gorgon|medusa|rembrandt|raphael|granite ridge|dragon range|fire range|mendocino|barcelo|"
    r"cezanne|lucienne|renoir|picasso|raven|dali|pollock|van ?gogh|sephiroth|aerith|carrizo|bristol|stoney|kaveri|kabini|mullins|"
    r"trinity|richland|beema|temash|llano|sumo|wrestler|godavari|cyan skillfish)(?: ?(?:point|halo|ridge)?) ?[0-9]?(?![0-9])",
    re.IGNORECASE)
# Names of integrated products; `Radeon RX`, `Radeon Pro` and a bare `Radeon 550` are cards.
INTEGRATED_NAMES = lazy(
    r"^(?:amd |ati )?radeon(?: graphics)?$|radeon (?:[6-9][0-9]0m|8[0-9]{3}s)\b|radeon (?:rx )?vega [0-9]{1,2} (?:mobile )?graphics|"
    r"radeon vega (?:[1-36-9]|10|11)\b|radeon r[2-7] graphics|radeon hd [0-9]{4}[dg]\b|custom gpu 0[0-9]{3}|"
    r"\bu?hd graphics\b|\biris\b|^intel (?:graphics|arc graphics)$|\barc (?:pro )?(?:1[0-9]{2}[tv]|b3[0-9]0)\b|"
    r"adreno|snapdragon|mali|immortalis|videocore|v3d|powervr|xclipse|^apple m[0-9]|\borin\b|xavier|tegra|\bgb10\b|\bthor\b",
    re.IGNORECASE)
CARD_NAMES = lazy(
    r"radeon rx(?! vega [0-9]{1,2} graphics)|radeon pro|radeon ai pro|radeon vii|firepro|instinct(?!.*mi300a)|"
    r"\barc (?:graphics )?(?:a[0-9]{3}|b[5-9][0-9]{2})|\barc pro (?:a[0-9]0|b[5-9][05])|iris xe max|data center gpu|geforce|quadro|tesla|"
    r"titan|\brtx\b", re.IGNORECASE)
INTEL_CARD_IDS = (range(0x4905, 0x490A), range(0x5690, 0x56C3), range(0x0BD0, 0x0BF0), range(0xE200, 0xE230))
ROOT_BUS = lazy(r"[0-9a-f]{4}:00:")
NAMED_BY_CPU = lazy(r"\bw(?:ith|/)\s*(?:AMD )?(Radeon.*?)(?: Graphics)?\s*\Z", re.IGNORECASE)
MIN_SHARE = 0.8     # of the memory set aside, what must be missing from main memory


def unified_memory(card: dict, usable_bytes: int | None, module_bytes: int | None, by_id: bool | None = None,
                   cpu_model: str | None = None) -> dict:
    """The field of that name: by the device's id, a tool's answer, its name, the size of main memory, else by the processor.

    `cpu_model` is passed for the only AMD device of a machine: a processor with Radeon graphics then means this one.
    """
    product = card["name"]["value"]
    missing = by_memory(card["memory_bytes"]["value"], usable_bytes, module_bytes)
    by_cpu = True if "radeon" in (cpu_model or "").lower() and is_vague(product) else None
    return facts.first(
        facts.optional(by_id, "its PCI id", "its PCI id does not show it"), card["unified_memory"],
        facts.optional(by_name(product), "the product's name", "nor does its name"),
        facts.optional(missing, "its memory is missing from main memory", "nor does the size of main memory"),
        facts.optional(by_cpu, "the processor's name", "nor does the processor's name"))


def name(card: dict, cpu_model: str | None) -> dict:
    """The field of that name for graphics in an AMD processor, whose name is often the better source."""
    from_cpu = name_from_cpu(cpu_model) if card["vendor"]["value"] == "AMD" and is_vague(card["name"]["value"]) else None
    return facts.first(facts.optional(from_cpu, "the processor's name", "the processor's name has none"), card["name"])


def by_device(ids: tuple, place: str) -> bool | None:
    """Whether a PCI device is a part of the processor; None: its id does not show it."""
    vendor, device = ids
    if vendor == AMD and device in AMD_IDS:
        return True
    if vendor == INTEL:
        return ROOT_BUS.match(place) is not None and not any(device in cards for cards in INTEL_CARD_IDS)
    return None


def by_name(product: str | None) -> bool | None:
    """Whether a product of this name is a part of the processor; None: the name does not show it."""
    plain = " ".join(re.sub(r"\((?:r|tm)\)|[\u00ae\u2122]", " ", product or "", flags=re.IGNORECASE).split())
    if CARD_NAMES.search(plain):
        return False
    if INTEGRATED_NAMES.search(plain) or CODE_NAMES.match(plain):
        return True
    return None


def by_memory(own_bytes: int | None, usable_bytes: int | None, module_bytes: int | None) -> bool | None:
    """True where the device's memory is missing from main memory, compared with the sum of the memory modules."""
    if not own_bytes or not usable_bytes or not module_bytes or own_bytes < module_bytes / 32:
        return None
    missing = module_bytes - usable_bytes
    return True if MIN_SHARE * own_bytes <= missing <= own_bytes + 0.1 * module_bytes else None


def name_from_cpu(cpu_model: str | None) -> str | None:
    """`AMD Ryzen 7 8845HS w/ Radeon 780M Graphics` names its graphics; a bare `Radeon` or `Radeon Graphics` does not."""
    match = NAMED_BY_CPU.search(cpu_model or "")
    return f"AMD {match.group(1)}" if match and re.search("[0-9]", match.group(1)) else None


def is_vague(product: str | None) -> bool:
    """Whether a name says less than the processor's: a code name, a list of products, or `AMD Radeon Graphics`."""
    plain = (product or "").lower()
    return not re.search("[0-9]", CODE_NAMES.sub("", plain)) or "/" in plain or plain.startswith("device")
