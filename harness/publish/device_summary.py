"""Device summary: the facts of a device from its newest hardware.json: memory for models, its bandwidth, chip and system.

hardware.json is untrusted: a value that is missing or of another type is unknown.
"""
from __future__ import annotations

from typing import Optional

from base.hardware_view import HardwareView
from judge import plausibility

GIB = 2 ** 30
SOLD_GB = (1, 2, 3, 4, 6, 8, 10, 11, 12, 16, 18, 20, 24, 32, 36, 40, 48, 64, 80, 96, 128, 144, 160, 192, 256, 384, 512, 768,
           1024, 1536, 2048)
USED_INTERFACES = ("metal", "cuda", "rocm")     # that the server computes with; with others it uses the CPU


def facts(hardware: dict | None) -> dict:
    """The fields of a `device` record that come from hardware.json."""
    view = HardwareView(hardware)
    cards = view.accelerators or []
    used = [card for card in cards if card.interface in USED_INTERFACES]
    dedicated = [card for card in used if card.own_bytes]
    main, cpu = view.physical_bytes or view.usable_bytes, view.cpu_model
    size: Optional[int]
    if dedicated:
        kind, size, label = "accelerator", sum(card.own_bytes or 0 for card in dedicated), dedicated[0].name
        label = f"{len(dedicated)} x {label}" if label and len(dedicated) > 1 else label
    elif used:
        kind, size, label = "unified", main, used[0].name or cpu
    else:
        kind, size, label = "main", main, cpu
    gb_s, words = plausibility.summed_gb_s([card.name for card in dedicated] if dedicated else [label]) or (None, None)
    system = [view.value("system", part, str) for part in ("name", "version")]
    return {"label": label, "system": " ".join(filter(None, system)) or None, "cpu": cpu,
            "accelerators": [card.name for card in cards if card.name], "memory_bytes": main,
            "model_memory_bytes": size, "model_memory_kind": kind if size else None, "memory_class_gb": memory_class_gb(size),
            "bandwidth_gb_s": gb_s, "bandwidth_of": words}


def memory_class_gb(size_bytes: int | None) -> Optional[int]:
    """The size under which such a memory is sold; systems reserve a part of it."""
    if not size_bytes:
        return None
    return next((sold for sold in SOLD_GB if sold * GIB >= size_bytes), SOLD_GB[-1])
