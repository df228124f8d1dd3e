"""Accelerators on Linux: devices on the PCI bus, on the chip, and those that only a tool reports."""
from __future__ import annotations

from base import facts
from measure.hardware import amd, cpu, device_tree, gpu, integrated, memory, nvidia, pci, products, vulkan
from measure.hardware.machine import CommandResult, Machine

SOURCES = "/sys/bus/pci/devices, /sys/class/drm, nvidia-smi, amd-smi, rocm-smi, vulkaninfo"


def read(machine: Machine) -> dict:
    """Everything on the bus, then what only tools report: in WSL and in containers no bus is visible."""
    devices = pci.devices(machine)
    tools, without_place = _placed(nvidia.read(machine) + amd.read(machine), devices)
    drawing, answer = vulkan.read(machine)
    cards = [_on_bus(machine, devices[place], tools.get(place, {}), drawing, answer) for place in sorted(devices)]
    cards += [_beside_bus(machine, card, drawing) for place, card in tools.items() if place not in devices]
    has_nvidia_chip = any(card["vendor"]["value"] == "NVIDIA" and card["unified_memory"]["value"] for card in cards)
    cards += _on_chip(machine, without_place, drawing, answer, has_nvidia_chip)
    makers = {card["vendor"]["value"] for card in cards}
    others = {device.ids: device.card for device in drawing if device.card["vendor"]["value"] not in makers}
    cards += [_completed(machine, gpu.merged(card)) for card in others.values()]      # two drivers for one device list it twice
    if not cards and not machine.paths(pci.UEVENT) and answer.outcome != "answered":
        return facts.unknown(f"nothing found in {SOURCES}, and this system shows no bus to be sure")
    return facts.known(cards, SOURCES)


def _placed(tools: list, devices: dict) -> tuple:
    """({place: card}, cards without one). A card of which the tool reports no address takes the first free one of its vendor."""
    placed, rest = {place: card for place, card in tools if place}, []
    for card in (card for place, card in tools if not place):
        free = next((place for place in sorted(devices) if place not in placed
                     and gpu.VENDORS.get(devices[place].ids[0]) == card["vendor"]["value"]), None)
        if free is None:
            rest.append(card)
        else:
            placed[free] = card
    return placed, rest


def _on_bus(machine: Machine, device: pci.PciDevice, tool: dict, drawing: list, answer: CommandResult) -> dict:
    """One device from its vendor's tool, the kernel's list, vulkaninfo and the bus itself, in this order."""
    names, why = pci.names(machine)
    seen = vulkan.take(drawing, lambda other: other.ids == device.ids)
    parts = [tool, amd.kernel_list(machine).get(device.place, {}), seen.card if seen else {},
             pci.card(machine, device, names, why), {} if seen else vulkan.absent(answer)]
    card = gpu.merged(*parts)
    known = facts.first(*[part["name"] for part in parts if "name" in part and not integrated.is_vague(part["name"]["value"])]
                        or [card["name"]])
    return _completed(machine, {**card, "name": known}, device)


def _beside_bus(machine: Machine, tool: dict, drawing: list) -> dict:
    key = gpu.name_key(tool["name"]["value"])
    seen = vulkan.take(drawing, lambda other: gpu.name_key(other.name) == key)
    return _completed(machine, gpu.merged(tool, seen.card if seen else {}))


def _on_chip(machine: Machine, tools: list, drawing: list, answer: CommandResult, has_nvidia_chip: bool) -> list:
    """Graphics that the device tree names, with what its vendor's tool reports; and tools' cards that nothing else shows."""
    cards = []
    for card in device_tree.cards(machine):
        if has_nvidia_chip and card["vendor"]["value"] == "NVIDIA":
            continue        # a Jetson Thor has a bus address too
        tool: dict = next((tools.pop(number) for number, other in enumerate(tools)
                     if other["vendor"]["value"] == card["vendor"]["value"]), {})
        seen = vulkan.take(drawing, lambda other: other.integrated)
        cards.append(gpu.merged(tool, seen.card if seen else {}, card, {} if seen else vulkan.absent(answer)))
    return cards + [_beside_bus(machine, tool, drawing) for tool in tools]


def _completed(machine: Machine, card: dict, device: pci.PciDevice | None = None) -> dict:
    """With what follows from the device's id, its name and the size of main memory: whose memory it uses, and how much."""
    by_id = integrated.by_device(device.ids, device.place) if device else None
    is_only = device and sum(other.ids[0] == integrated.AMD for other in pci.devices(machine).values()) == 1
    model = cpu.model(machine)["value"] if device and is_only and device.ids[0] == integrated.AMD else None
    card = {**card, "unified_memory": integrated.unified_memory(
        card, machine.platform.memory_bytes, memory.module_bytes(machine), by_id, model)}
    if card["unified_memory"]["value"] is True:
        memory_bytes = facts.unknown("it works in main memory") if device and device.ids == integrated.MI300A else card["memory_bytes"]
        return {**card, "name": integrated.name(card, cpu.model(machine)["value"]), "memory_bytes": memory_bytes}
    if nvidia.is_slice(card["name"]["value"]) or card["memory_bytes"]["value"] is not None:
        return card
    by_product = pci.memory(machine, device, card["name"]["value"]) if device else products.memory(card["name"]["value"])
    return {**card, "memory_bytes": facts.first(by_product, card["memory_bytes"])}
