"""PCI: every graphics and compute device that Linux sees on the bus; lspci or libdrm's table name them."""
from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from base import facts
from base.pattern import lazy
from measure.hardware import gpu, integrated, pci_names, products, text_parsing
from measure.hardware.machine import Machine

DEVICES = "/sys/bus/pci/devices"
UEVENT = f"{DEVICES}/*/uevent"
DISPLAY, COMPUTE = 0x03, 0x12       # PCI classes
# The display of a server's management controller, or of a virtual machine: they compute nothing.
DISPLAY_ONLY = frozenset([0x1A03, 0x1234, 0x1AF4, 0x15AD, 0x80EE, 0x1013, 0x102B, 0x1B36, 0x1414, 0x1AB8, 0x1D0F, 0x5853, 0x18CA])
DISPLAY_IDS = frozenset([(0x19E5, 0x1711)])     # Huawei's management controller; Huawei also makes accelerators
NO_DRIVER = ("", "vfio-pci", "pci-stub")
AMD_NAMES = "/usr/share/libdrm/amdgpu.ids"
IO_MEMORY, PREFETCHABLE = 0x200, 0x2000         # flags in a device's resource file
# lspci's list of one product at two powers, and the name that NVIDIA itself gives to notebooks' cards since the RTX 30.
TWO_POWERS = lazy(r" (?:Mobile / Max-Q|Max-Q / Mobile)\Z")
NOTEBOOK = lazy(r"(RTX [3-9]0[0-9]0(?: Ti)?) Mobile\Z")
SMALL_WINDOW = 512 << 20                        # without resizable BAR the window shows a part of the memory only


@dataclass(frozen=True)
class PciDevice:
    place: str
    driver: str
    ids: tuple          # (vendor, device)

    @property
    def folder(self) -> str:
        return f"{DEVICES}/{self.place}"


@dataclass(frozen=True)
class LspciName:
    vendor: str | None = None
    product: str | None = None      # the text as lspci prints it
    board: str | None = None        # the subsystem: often the product's name as its maker sells it


def devices(machine: Machine) -> dict:
    """{place: PciDevice} of everything that may be an accelerator."""
    devices = {}
    for path in machine.paths(UEVENT):
        values = text_parsing.pairs(machine.read(path), "=")
        numbers = re.fullmatch("([0-9A-Fa-f]{1,4}):([0-9A-Fa-f]{1,4})", values.get("PCI_ID", ""))
        if numbers and re.fullmatch("[0-9A-Fa-f]{5,6}", values.get("PCI_CLASS", "")):
            ids = tuple(int(number, 16) for number in numbers.groups())
            computes = int(values["PCI_CLASS"], 16) >> 16 in (DISPLAY, COMPUTE)
            if computes and ids[0] not in DISPLAY_ONLY and ids not in DISPLAY_IDS:
                place = path.split("/")[-2].lower()
                devices[place] = PciDevice(place, values.get("DRIVER", ""), ids)
    return devices


def card(machine: Machine, device: PciDevice, names: dict, why: str) -> dict:
    """What the kernel, lspci and libdrm's table report of one device."""
    listed = names.get(device.place, LspciName())
    watts = next((value for path in machine.paths(f"{device.folder}/hwmon/hwmon*/power1_cap")
                  for value in [text_parsing.whole(machine.read(path))] if value), None)
    own = text_parsing.whole(machine.read(f"{device.folder}/mem_info_vram_total"))
    fields = {
        "vendor": facts.optional(gpu.VENDORS.get(device.ids[0], listed.vendor), UEVENT, why),
        "name": _name(machine, device, listed, own, why),
        "memory_bytes": facts.optional(own, f"{DEVICES}/*/mem_info_vram_total", "its driver does not report it"),
        "driver": facts.optional(device.driver, UEVENT, "no driver is bound to it"),
        "power_limit_w": facts.optional(watts and watts / 1e6, f"{DEVICES}/*/hwmon/*/power1_cap", "its driver does not report it"),
    }
    if device.driver in NO_DRIVER:
        fields["interface"] = facts.known("none", f"{UEVENT}: {device.driver or 'no driver'} is bound to it")
    return fields


def _name(machine: Machine, device: PciDevice, listed: LspciName, own_bytes: int | None, why: str) -> dict:
    """lspci prints `Device 2b85` for an id that is newer than its database."""
    exact = _amd_name(machine, device) if device.ids[0] == integrated.AMD else None
    named = LspciName() if (listed.product or "Device").startswith("Device") else listed
    by_id = LspciName(product=None if named.product else pci_names.product(machine, device.ids))
    return facts.first(facts.optional(exact, AMD_NAMES, why),
                       facts.optional(_one_of(named, own_bytes) or product(named.product), "lspci", why),
                       facts.optional(_one_of(by_id, own_bytes) or product(by_id.product), "its PCI id", "no name for its PCI id"),
                       facts.optional(listed.product, "lspci", why))


def _amd_name(machine: Machine, device: PciDevice) -> str | None:
    """The product by device id and revision: several products share one id."""
    revision = text_parsing.hexadecimal(machine.read(f"{device.folder}/revision"))
    for row in (machine.read(AMD_NAMES) or "").splitlines():
        cells = [cell.strip() for cell in row.split(",", 2)]
        if len(cells) == 3 and [text_parsing.hexadecimal(cell) for cell in cells[:2]] == [device.ids[1], revision]:
            return text_parsing.line(cells[2])
    return None


def _one_of(listed: LspciName, own_bytes: int | None) -> str | None:
    """The product among those that lspci lists for one id: by the board's name, else by the memory size."""
    inside = re.search(r"\[([^\[\]]*/[^\[\]]*)\]\s*\Z", listed.product or "")
    choices = [text_parsing.line(choice) or "" for choice in inside.group(1).split("/")] if inside else []
    if not choices or not all(choices):
        return None
    head = re.match(r"(.*?)[0-9]", choices[0])
    prefix = head.group(1) if head else ""
    full = [choice if choice.startswith(prefix) else prefix + choice for choice in choices]
    in_board = [name for name in full if re.search(rf"\b{re.escape(name[len(prefix):].lower())}\b(?! (?:xtx?|gre|super|ti)\b)",
                                                    (listed.board or "").lower())]
    in_size = [name for name in full if own_bytes and products.card_bytes(name) == products.card_gb(own_bytes) * products.GIB]
    return next((names[0] for names in (in_board, in_size) if len(names) == 1), None)


def names(machine: Machine) -> tuple:
    """({place: LspciName}, why not) from lspci, whose -mm quotes like a shell."""
    answer = machine.run("lspci", "-D", "-mm")
    names = {}
    for row in answer.text.splitlines():
        try:
            words = shlex.split(row)
        except ValueError:
            continue
        if len(words) > 3:
            plain = [word for word in words[4:] if not re.match("-[rp][0-9a-f]{2}", word)]
            board = text_parsing.line(plain[1]) if len(plain) > 1 else None
            names[words[0].lower()] = LspciName(text_parsing.line(words[2]), text_parsing.line(words[3]), board)
    return names, answer.why


def product(text: str | None) -> str | None:
    """`AD102 [GeForce RTX 4090]` is a chip and a product; a list of several products stays as it is."""
    inside = re.search(r"\[([^\[\]]+)\]\s*\Z", text or "")
    name = NOTEBOOK.sub(r"\1 Laptop GPU", TWO_POWERS.sub(" Mobile", inside.group(1))) if inside else "/"
    return text_parsing.line(text if "/" in name else name)


def memory(machine: Machine, device: PciDevice, name: str | None) -> dict:
    """The memory of a card whose driver does not report it: by its name, else by its memory window on the bus."""
    stated, file = _stated_bytes(machine, device)
    window = _window_bytes(machine, device)
    among = products.largest_within(name, window) if window else None
    resource = f"{DEVICES}/*/resource"
    return facts.first(
        facts.optional(stated, file, "its driver does not report it"),
        facts.optional(among, f"the size in which this product is sold that fits the memory window in {resource}", "no size fits"),
        products.memory(name),
        facts.optional(window, f"the memory window in {resource}: an upper bound", "no large memory window"))


def _stated_bytes(machine: Machine, device: PciDevice) -> tuple:
    """(bytes, file): Intel's drivers report it in files of their own, xe one for each tile."""
    for file in ("tile*/physical_vram_size_bytes", "drm/card*/lmem_total_bytes"):
        sizes = [text_parsing.whole(machine.read(path)) for path in machine.paths(f"{device.folder}/{file}")]
        if any(sizes):
            return sum(filter(None, sizes)), f"{DEVICES}/*/{file}"
    return None, ""


def _window_bytes(machine: Machine, device: PciDevice) -> int | None:
    """The largest prefetchable window; with resizable BAR it shows all memory, rounded up to a power of two."""
    sizes = []
    for row in (machine.read(f"{device.folder}/resource") or "").splitlines():
        numbers = [text_parsing.hexadecimal(word) for word in row.split()]
        start, end, flags = numbers if len(numbers) == 3 else (None, None, None)
        if start is not None and end is not None and flags and flags & IO_MEMORY and flags & PREFETCHABLE:
            sizes.append(end - start + 1)
    return max((size for size in sizes if size > SMALL_WINDOW), default=None)
