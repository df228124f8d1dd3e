"""Accelerators on Windows: the display adapters, with their memory from the registry and more from vendors' tools."""
from __future__ import annotations

import re
from typing import Any

from base import facts
from base.pattern import lazy
from measure.hardware import cim, cpu, gpu, integrated, memory, nvidia, products, text_parsing, vulkan
from measure.hardware.machine import Machine

# Adapters without a device that computes: remote desktops, virtual screens, management controllers, missing drivers.
NO_ACCELERATOR = lazy(
    r"microsoft|^\(|\bvirtual|remote|rustdesk|parsec|displaylink|citrix|vmware|mirror|mirage|idd|spacedesk|sunshine|superdisplay|duet|"
    r"splashtop|teamviewer|anydesk|todesk|oray|sunlogin|gameviewer|usb mobile monitor|usb display|easy ?canvas|extended display|"
    r"\bqxl|red hat|virtio|virtualbox|parallels|aspeed|matrox|hyper-v|dameware|radmin|amyuni|indirect display|"
    r"display only|basic display|standard vga|external graphics family", re.IGNORECASE)
SATURATED = (1 << 31) - (1 << 21)   # AdapterRAM ends at 2 or 4 GiB, less a little: such a card has as much or more
METHOD, SILENT = "CIM Win32_VideoController", "Windows does not report it"
REGISTRY = "registry HardwareInformation.qwMemorySize"


def read(machine: Machine) -> dict:
    """Each adapter once, matched by name with nvidia-smi and vulkaninfo, which spell names differently."""
    tools = [card for _, card in nvidia.read(machine)]
    drawing, answer = vulkan.read(machine)
    registry, cards = cim.adapters(machine), []
    rows = [row for row in cim.every(machine, "video") if _is_accelerator(row)]
    for row in rows:
        key, vendor = gpu.name_key(row["Name"]), _vendor(row)
        tool: dict = next((tools.pop(number) for number, card in enumerate(tools) if gpu.name_key(card["name"]["value"]) == key), {})
        seen = vulkan.take(drawing, lambda device: gpu.name_key(device.name) == key)
        if seen is None and [_vendor(other) for other in rows].count(vendor) == 1:
            seen = vulkan.take(drawing, lambda device: device.card["vendor"]["value"] == vendor)
        windows = _of_windows(row, registry)
        cards.append(_completed(machine, gpu.merged(
            {"name": windows["name"]}, tool, windows, seen.card if seen else vulkan.absent(answer))))
    cards += [gpu.merged(card) for card in tools]
    return facts.optional(cards if cards or cim.every(machine, "system") else None,
                      f"{METHOD}, nvidia-smi, vulkaninfo", cim.ask(machine).why)


def _is_accelerator(row: dict) -> bool:
    return text_parsing.line(row.get("Name")) is not None and not any(
        NO_ACCELERATOR.search(str(row.get(field) or "")) for field in ("Name", "AdapterCompatibility"))


def _vendor(row: dict) -> str | None:
    company = text_parsing.line(row.get("AdapterCompatibility"))
    return gpu.vendor_of(company) or gpu.vendor_of(row["Name"]) or company


def _completed(machine: Machine, card: dict) -> dict:
    card = {**card, "unified_memory": integrated.unified_memory(card, machine.platform.memory_bytes, memory.module_bytes(machine))}
    if card["unified_memory"]["value"] is True:
        return {**card, "name": integrated.name(card, cpu.model(machine)["value"])}
    return {**card, "memory_bytes": facts.first(card["memory_bytes"], products.memory(card["name"]["value"]))}


def _of_windows(row: dict, registry: list) -> dict:
    stated, exact = text_parsing.whole(row.get("AdapterRAM")), _registry_bytes(row, registry)
    return {
        "vendor": facts.optional(_vendor(row), METHOD, SILENT),
        "name": facts.known(text_parsing.line(row["Name"]), METHOD),
        "memory_bytes": facts.first(facts.optional(exact, REGISTRY, SILENT),
                                    facts.optional(_unsaturated(stated), f"{METHOD} AdapterRAM", SILENT)),
        "driver": facts.optional(text_parsing.version(row.get("DriverVersion")), METHOD, SILENT)}


def _registry_bytes(row: dict, registry: list) -> int | None:
    """The largest size under this name, of the same driver version if there is one; its key is then used up."""
    keys = [adapter for adapter in registry if adapter.get("DriverDesc") == row.get("Name")]
    same = [adapter for adapter in keys if adapter.get("DriverVersion") == row.get("DriverVersion")]
    sized = [(_size(adapter.get("HardwareInformation.qwMemorySize")), adapter) for adapter in same or keys]
    size, used = max(sized, key=lambda pair: pair[0] or 0, default=(None, {}))
    if not size:
        return None
    registry.remove(used)
    return size


def _size(value: Any) -> int | None:
    """A number, or its eight bytes where a driver wrote it as binary."""
    if isinstance(value, list) and len(value) == 8 and all(text_parsing.whole(byte) is not None and byte < 256 for byte in value):
        value = int.from_bytes(bytes(value), "little")
    return text_parsing.whole(value) or None


def _unsaturated(size_bytes: int | None) -> int | None:
    """AdapterRAM, unless it is the largest number that its 32 bits, or 31, can hold."""
    if not size_bytes or size_bytes >= 2 * SATURATED or SATURATED <= size_bytes < 1 << 31:
        return None
    return size_bytes
