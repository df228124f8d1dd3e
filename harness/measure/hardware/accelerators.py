"""The accelerators: every device that could compute beside the processor, integrated ones too, each once."""
from __future__ import annotations

import re

from base import facts
from measure.hardware import amd, cards, cim, mac, nvidia, pci, texts, vulkan
from measure.hardware.machine import Machine

# Screens that Windows makes up, for a remote desktop or before there is a driver.
NO_CARDS = re.compile(r"microsoft|\(standard|virtual|remote|parsec|displaylink|citrix|vmware|mirror|\bidd", re.IGNORECASE)
MAKERS = {"advanced micro": "AMD", "intel": "Intel", "nvidia": "NVIDIA", "qualcomm": "Qualcomm"}
FULL_32_BITS = (1 << 32) - (1 << 21)     # AdapterRAM ends here; a card that says so has this much or more


def read(machine: Machine) -> dict:
    known = {"linux": _linux, "darwin": _mac, "windows": _windows}.get(machine.platform.system)
    return known(machine) if known else facts.unknown("they are not looked for on this system")


# ----- Linux

def _linux(machine: Machine) -> dict:
    """What is on the bus, then what only tools know of (in WSL and in containers there is no bus to see)."""
    devices = pci.devices(machine)
    tools = _placed(nvidia.read(machine) + amd.read(machine), devices)
    names, unnamed = pci.names(machine) if devices else ({}, "")
    drawn, answer = vulkan.read(machine)
    offered = amd.kernel_list(machine)
    found = []
    for place in sorted(devices) + [place for place in tools if place not in devices]:
        parts = [tools.get(place, {})]
        if place in devices:
            seen = _taken(drawn, lambda one, ids=devices[place]["ids"]: one["ids"] == ids)
            parts += [offered.get(place, {}), seen, pci.card(machine, place, devices[place], names, unnamed)]
            parts += [] if seen else [vulkan.absent(answer)]
        found.append(cards.merged(*parts))
    for card in pci.on_the_chip(machine):
        seen = _taken(drawn, lambda one: one["integrated"])
        found.append(cards.merged(card, seen, {} if seen else vulkan.absent(answer)))
    makers = {card["vendor"]["value"] for card in found}
    others = {one["ids"]: one["card"] for one in drawn if one["card"]["vendor"]["value"] not in makers}
    found += map(cards.merged, others.values())      # two drivers for one device list it twice
    looked = "/sys/bus/pci/devices, /sys/class/drm, nvidia-smi, amd-smi, rocm-smi, vulkaninfo"
    if not found and not machine.paths(f"{pci.DEVICES}/*/uevent") and answer.outcome != "answered":
        return facts.unknown(f"nothing found in {looked}, and this system shows no bus to be sure")
    return facts.known(found, looked)


def _placed(tools: list, devices: dict) -> dict:
    """The tools' cards by slot. One whose tool told no slot takes the first of its maker's that no other has."""
    found = {place: card for place, card in tools if place}
    for number, card in enumerate(card for place, card in tools if not place):
        free = (place for place in sorted(devices) if place not in found
                and cards.VENDORS.get(devices[place]["ids"][0]) == card["vendor"]["value"])
        found[next(free, f"card {number}")] = card
    return found


def _taken(drawn: list, wanted) -> dict:
    """The first device that is wanted, which is then gone from the list: two cards of one kind are two."""
    for number, one in enumerate(drawn):
        if wanted(one):
            return drawn.pop(number)["card"]
    return {}


# ----- macOS

def _mac(machine: Machine) -> dict:
    reports, answer = mac.profile(machine)
    found = [_of_profile(row) for row in texts.rows(reports.get("SPDisplaysDataType")) if texts.line(row.get("sppci_model"))]
    if found:
        return facts.known(found, "system_profiler SPDisplaysDataType")
    rows, registry = mac.registry(machine)
    method = "ioreg -c AGXAccelerator"
    found = [cards.merged({
        "vendor": facts.known("Apple", method), "name": facts.told(texts.line(row["model"]), method, "ioreg tells none"),
        "cores": facts.told(texts.whole(row.get("gpu-core-count")), method, "ioreg tells none"),
        "interface": facts.known("metal", method), **_shared(method)}) for row in rows]
    return facts.told(found or None, method, f"{answer.why}; {registry.why}")


def _shared(method: str) -> dict:
    return {"unified_memory": facts.known(True, method), "memory_bytes": facts.unknown("it works in main memory"),
            "driver": facts.unknown("it is a part of macOS")}


def _of_profile(row: dict) -> dict:
    method = "system_profiler SPDisplaysDataType"
    vendor = next((maker for maker in ("Apple", "AMD", "Intel", "NVIDIA")
                   if maker.lower() in str(row.get("spdisplays_vendor")).lower()), None)
    own, borrowed = texts.size_bytes(row.get("spdisplays_vram")), texts.size_bytes(row.get("spdisplays_vram_shared"))
    shared = _shared(method) if vendor == "Apple" or borrowed else {"unified_memory": facts.told(
        False if own else None, f"{method}: it has memory of its own", "system_profiler does not tell it")}
    return cards.merged({
        "vendor": facts.told(vendor, method, "system_profiler names no vendor that is known here"),
        "name": facts.told(texts.line(row.get("sppci_model")), method, "system_profiler does not tell it"),
        "memory_bytes": facts.told(own, method, "system_profiler does not tell it"),
        "cores": facts.told(texts.whole(row.get("sppci_cores")), method, "system_profiler does not tell it"),
        "driver": facts.unknown("it is a part of macOS"),
        "interface": facts.told(_metal(row), f"{method}, Metal support", "system_profiler does not tell it"),
        "power_limit_w": facts.unknown("macOS does not tell it"), **shared})


def _metal(row: dict) -> str | None:
    """The key and its words have changed with every other macOS: spdisplays_metal3, spdisplays_supported, ..."""
    told = " ".join(str(row.get(f"spdisplays_{name}", "")) for name in ("mtlgpufamilysupport", "metal", "metalfamily"))
    return None if not told.strip() else "metal" if re.search("metal[0-9]|mtl|_supported|gpufamily", told) else "none"


# ----- Windows

def _windows(machine: Machine) -> dict:
    """Windows lists the cards, its registry their memory, and nvidia-smi knows more of its maker's own."""
    tools = [card for _, card in nvidia.read(machine)]
    drawn, answer = vulkan.read(machine)
    adapters, found = cim.every(machine, "adapters"), []
    for row in cim.every(machine, "video"):
        name = texts.line(row.get("Name"))
        if not name or NO_CARDS.search(f"{name} {row.get('AdapterCompatibility')}"):
            continue
        tool = next((tools.pop(n) for n, card in enumerate(tools) if card["name"]["value"] == name), {})
        seen = _taken(drawn, lambda one, name=name: one["card"]["name"]["value"] == name)
        found.append(cards.merged(tool, _of_windows(row, name, adapters), seen, {} if seen else vulkan.absent(answer)))
    found += [cards.merged(card) for card in tools]
    return facts.told(found if found or cim.every(machine, "system") else None,
                      "CIM Win32_VideoController, nvidia-smi, vulkaninfo", cim.asked(machine).why)


def _of_windows(row: dict, name: str, adapters: list) -> dict:
    exact = next((texts.whole(adapters.pop(n).get("HardwareInformation.qwMemorySize"))
                  for n, adapter in enumerate(adapters) if adapter.get("DriverDesc") == name), None)
    rough = texts.whole(row.get("AdapterRAM"))
    rough = rough if rough and rough < FULL_32_BITS else None
    maker = texts.line(row.get("AdapterCompatibility"))
    short = next((vendor for word, vendor in MAKERS.items() if word in (maker or "").lower()), maker)
    method, silent = "CIM Win32_VideoController", "Windows does not tell it"
    return {
        "vendor": facts.told(short, method, silent), "name": facts.known(name, method),
        "memory_bytes": facts.first(facts.told(exact or None, "registry HardwareInformation.qwMemorySize", silent),
                                    facts.told(rough, f"{method} AdapterRAM", silent)),
        "driver": facts.told(texts.line(row.get("DriverVersion")), method, silent)}
