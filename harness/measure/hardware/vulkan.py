"""Vulkan: the devices that vulkaninfo lists, with the product's name and whether it is a part of the processor."""
from __future__ import annotations

import re
from dataclasses import dataclass

from base import facts
from base.pattern import lazy
from measure.hardware import gpu, text_parsing
from measure.hardware.machine import CommandResult, Machine

METHOD = "vulkaninfo --summary"
KINDS = {"PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU": True, "PHYSICAL_DEVICE_TYPE_DISCRETE_GPU": False}
ON_PROCESSOR = lazy(r"WARP\b|Microsoft Basic Render|llvmpipe|SwiftShader", re.IGNORECASE)      # they draw on the processor


@dataclass(frozen=True)
class VulkanDevice:
    ids: tuple                  # (PCI vendor, PCI device)
    integrated: bool | None     # None: virtual, or not reported
    card: dict                  # the fields that vulkaninfo reports

    @property
    def name(self) -> str | None:
        return self.card["name"]["value"]


def read(machine: Machine) -> tuple:
    """(devices, answer), without the drivers that draw on the processor."""
    answer = machine.run("vulkaninfo", "--summary")
    devices = []
    for part in re.split(r"^GPU[0-9]+:\s*$", answer.text, flags=re.MULTILINE)[1:]:
        values = text_parsing.pairs(part, "=")
        name = product(values.get("deviceName", ""))
        if name and values.get("deviceType") != "PHYSICAL_DEVICE_TYPE_CPU" and not ON_PROCESSOR.match(name):
            devices.append(_device(name, values))
    return devices, answer


def take(devices: list, wanted) -> VulkanDevice | None:
    """The first wanted device, removed from the list: two cards of one kind are two devices."""
    for number, device in enumerate(devices):
        if wanted(device):
            return devices.pop(number)
    return None


def product(text: str) -> str | None:
    """The product's name without the driver's name of the chip: `AMD Radeon RX 7900 XTX (RADV NAVI31)`.

    The drivers of WSL and of virtual machines put the product in the brackets: `Microsoft Direct3D12 (AMD Radeon RX 7900 XTX)`.
    """
    inside = re.fullmatch(r"\s*(?:Microsoft Direct3D12|Virtio-GPU Venus) \((.*)\)\s*", text)
    name = inside.group(1) if inside else text
    while re.search(r" \((?!TM\)|R\))[^()]*\)\s*\Z", name, re.IGNORECASE):
        name = re.sub(r" \([^()]*\)\s*\Z", "", name)
    return text_parsing.line(name)


def _device(name: str, values: dict) -> VulkanDevice:
    ids = tuple(text_parsing.hexadecimal(values.get(name, "").strip()) for name in ("vendorID", "deviceID"))
    integrated = KINDS.get(values.get("deviceType", ""))
    silent = "vulkaninfo does not report it"
    driver = " ".join(filter(None, (text_parsing.line(values.get("driverName")), text_parsing.version(values.get("driverInfo")))))
    vendor = gpu.VENDORS.get(ids[0] or 0) or gpu.vendor_of(name)
    return VulkanDevice(ids, integrated, {
        "vendor": facts.optional(vendor, METHOD, "vulkaninfo reports a vendor that is not known here"),
        "name": facts.known(name, METHOD),
        "driver": facts.optional(driver, METHOD, silent),
        "interface": facts.known("vulkan", METHOD),
        "unified_memory": facts.optional(integrated, f"{METHOD} deviceType", silent),
    })


def absent(answer: CommandResult) -> dict:
    """The interface of a device that vulkaninfo does not list: none, if it printed a list."""
    return {"interface": facts.known("none", f"neither the vendor's own tool nor {METHOD} lists it")
            if answer.outcome == "answered" else facts.unknown(f"{answer.why}, nor a tool of its vendor")}
