"""Vulkan: the devices that vulkaninfo lists, which tells the exact product and whether it is a part of the processor."""
from __future__ import annotations

import re

from base import facts
from measure.hardware import cards, texts
from measure.hardware.machine import Answer, Machine

METHOD = "vulkaninfo --summary"
KINDS = {"PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU": True, "PHYSICAL_DEVICE_TYPE_DISCRETE_GPU": False}


def read(machine: Machine) -> tuple:
    """([{"ids": ..., "integrated": ..., "card": ...}], the answer); a processor that draws is no accelerator."""
    answer = machine.run("vulkaninfo", "--summary")
    found = []
    for part in re.split(r"^GPU[0-9]+:\s*$", answer.text, flags=re.MULTILINE)[1:]:
        told = texts.pairs(part, "=")
        if told.get("deviceType") != "PHYSICAL_DEVICE_TYPE_CPU" and told.get("deviceName"):
            found.append(_device(told))
    return found, answer


def _device(told: dict) -> dict:
    ids = tuple(int(told[name], 16) if re.fullmatch("0x[0-9A-Fa-f]{1,8}", told.get(name, "")) else None
                for name in ("vendorID", "deviceID"))
    integrated = KINDS.get(told.get("deviceType"))
    # `AMD Radeon RX 7900 XTX (RADV NAVI31)`: the driver's own name for the chip is no part of the product's.
    name = texts.line(re.sub(r" \([^()]*\)\s*\Z", "", told["deviceName"]))
    driver = " ".join(filter(None, (texts.line(told.get("driverName")), texts.line(told.get("driverInfo")))))
    return {"ids": ids, "integrated": integrated, "card": {
        "vendor": facts.told(cards.VENDORS.get(ids[0]), METHOD, "vulkaninfo names no vendor that is known here"),
        "name": facts.told(name, METHOD, "vulkaninfo does not tell it"),
        "driver": facts.told(driver, METHOD, "vulkaninfo does not tell it"),
        "interface": facts.known("vulkan", METHOD),
        "unified_memory": facts.told(integrated, f"{METHOD} deviceType", "vulkaninfo does not tell it"),
    }}


def absent(answer: Answer) -> dict:
    """What it means that a device is not in the list: nothing to compute with, if there was a list at all."""
    return {"interface": facts.known("none", f"neither a maker's own tool nor {METHOD} lists it")
            if answer.outcome == "answered" else facts.unknown(f"{answer.why}, nor a tool of its maker")}
