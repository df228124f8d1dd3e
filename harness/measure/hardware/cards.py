"""Cards: what several sources tell of one accelerator, put together field by field."""
from __future__ import annotations

from base import facts

FIELDS = ("vendor", "name", "memory_bytes", "cores", "driver", "interface", "unified_memory", "power_limit_w")
VENDORS = {0x10DE: "NVIDIA", 0x1002: "AMD", 0x8086: "Intel", 0x106B: "Apple", 0x5143: "Qualcomm", 0x13B5: "ARM",
           0x14E4: "Broadcom", 0x1010: "Imagination", 0x144D: "Samsung"}


def merged(*parts: dict) -> dict:
    """Each field from the first part that knows it; a reason from every part that should have known."""
    return {name: facts.first(*[part[name] for part in parts if name in part] or [facts.unknown("no source here tells it")])
            for name in FIELDS}


def slot(text: object) -> str | None:
    """A place on the PCI bus in one spelling: NVIDIA writes eight digits and capitals. It is matched, and never told."""
    head, _, rest = str(text).strip().lower().partition(":")
    return f"{head[-4:]}:{rest}" if len(head) >= 4 and rest.count(":") == 1 else None
