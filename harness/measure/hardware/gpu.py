"""One accelerator: its fields, merged from several sources, and how names and bus addresses are compared."""
from __future__ import annotations

import re
from typing import Any

from base import facts
from base.pattern import lazy

FIELDS = ("vendor", "name", "memory_bytes", "cores", "driver", "interface", "unified_memory", "power_limit_w")
# PCI vendor ids, and the Khronos ids of vendors that have none.
VENDORS = {0x10DE: "NVIDIA", 0x1002: "AMD", 0x1022: "AMD", 0x8086: "Intel", 0x106B: "Apple", 0x5143: "Qualcomm", 0x13B5: "ARM",
           0x14E4: "Broadcom", 0x1010: "Imagination", 0x144D: "Samsung", 0x1ED5: "Moore Threads", 0x0014: "Loongson",
           0x10001: "VeriSilicon", 0x19E5: "Huawei", 0x1E52: "Tenstorrent", 0x1D17: "Zhaoxin", 0x10006: "Imagination"}
# Words by which a vendor is known in names of products, drivers and companies, and before the comma of a device tree.
VENDOR_WORDS = (("nvidia", "NVIDIA"), ("geforce", "NVIDIA"), ("quadro", "NVIDIA"), ("tesla", "NVIDIA"), ("tegra", "NVIDIA"),
                ("amd", "AMD"), ("advanced micro", "AMD"), ("radeon", "AMD"), ("ati technologies", "AMD"), ("intel", "Intel"),
                ("apple", "Apple"), ("qualcomm", "Qualcomm"), ("qcom", "Qualcomm"), ("adreno", "Qualcomm"), ("turnip", "Qualcomm"),
                ("broadcom", "Broadcom"), ("brcm", "Broadcom"), ("v3d", "Broadcom"), ("videocore", "Broadcom"),
                ("mali", "ARM"), ("immortalis", "ARM"), ("arm", "ARM"), ("powervr", "Imagination"), ("img", "Imagination"),
                ("imagination", "Imagination"), ("xclipse", "Samsung"), ("samsung", "Samsung"), ("vivante", "VeriSilicon"),
                ("moore threads", "Moore Threads"), ("maleoon", "Huawei"), ("rockchip", "Rockchip"), ("mediatek", "MediaTek"),
                ("amlogic", "Amlogic"), ("allwinner", "Allwinner"))
TRADE_MARKS = lazy(r"\((?:r|tm|c)\)|[\u00ae\u2122]", re.IGNORECASE)
UNNEEDED = lazy(r"\b(?:nvidia|amd|ati|intel|corporation|inc|graphics|gpu|series|generation)\b")


def merged(*parts: dict) -> dict:
    """Each field from the first part that knows it; else the reasons of all parts that have the field."""
    return {name: facts.first(*[part[name] for part in parts if name in part] or [facts.unknown("no source here reports it")])
            for name in FIELDS}


def slot(text: Any) -> str | None:
    """A PCI address in one spelling: NVIDIA writes eight digits and capitals. It is only compared, never recorded."""
    domain, _, rest = str(text).strip().lower().partition(":")
    return f"{domain[-4:]}:{rest}" if len(domain) >= 4 and rest.count(":") == 1 else None


def vendor_of(text: str | None) -> str | None:
    """The vendor whose word begins a word of this text."""
    lowered = (text or "").lower()
    return next((vendor for word, vendor in VENDOR_WORDS if re.search(rf"\b{word}", lowered)), None)


def name_key(name: str | None) -> str:
    """What two spellings of one product's name have in common: Windows, vulkaninfo and nvidia-smi each decorate it."""
    plain = re.sub(r"\s*\([^()]*\)\s*\Z", "", TRADE_MARKS.sub(" ", (name or "").lower()))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", UNNEEDED.sub(" ", plain)).split())
