"""Main memory: what may be used, what is installed, and of which kind it is."""
from __future__ import annotations

import re
from typing import Any

from base import facts
from measure.hardware import cgroups, cim, device_tree, integrated, mac, pci, products, text_parsing
from measure.hardware.machine import Machine

UDEV = "/run/udev/data/+dmi:id"     # udev reads the firmware's tables as root, and leaves the result for all to read
BLOCKS = "/sys/devices/system/memory"
MEMINFO = "/proc/meminfo"
COARSE_BLOCK = 1 << 30      # blocks of this size count the gap below 4 GiB as memory
# Numbers of SMBIOS for kinds of memory.
KINDS = {20: "DDR", 21: "DDR2", 24: "DDR3", 26: "DDR4", 27: "LPDDR", 28: "LPDDR2", 29: "LPDDR3", 30: "LPDDR4", 34: "DDR5",
         35: "LPDDR5"}


def read(machine: Machine) -> dict:
    reader = {"linux": _linux, "darwin": _mac, "windows": _windows}.get(machine.platform.system)
    why = facts.unknown("it is not looked for on this system")
    physical, kind, speed = reader(machine) if reader else (why, why, why)
    return {"usable_bytes": usable(machine), "physical_bytes": physical, "type": kind, "speed_mt_s": speed}


def usable(machine: Machine) -> dict:
    """What the system gives to programs; a container's limit counts where it is less."""
    total, limits = machine.platform.memory_bytes, []
    if machine.platform.system == "linux":
        limits = [cgroups.memory_limit(machine)] + [(mem_total(machine), f"{MEMINFO} MemTotal")] * shows_a_part(machine)
    limit, path = min((row for row in limits if row[0]), default=(None, ""))
    if total and limit and limit < total:
        return facts.known(limit, path)
    method = "GlobalMemoryStatusEx" if machine.platform.system == "windows" else "os.sysconf"
    return facts.optional(total, method, "the system does not report it")


def free_bytes(machine: Machine) -> int | None:
    """What can be taken now without harm; where the system does not report it, a quarter of what may be used."""
    total = usable(machine)["value"]
    available = text_parsing.size_bytes(text_parsing.pairs(machine.read(MEMINFO)).get("MemAvailable"))
    limit, path = cgroups.memory_limit(machine) if machine.platform.system == "linux" else (None, "")
    left = [available] if available is not None else [total // 4] if total else []
    if limit:
        left.append(max(0, limit - (cgroups.memory_used_bytes(machine, path) or 0)))
    return min(left, default=None)


def mem_total(machine: Machine) -> int | None:
    return text_parsing.size_bytes(text_parsing.pairs(machine.read(MEMINFO)).get("MemTotal"))


def module_bytes(machine: Machine) -> int | None:
    """The sum of the memory modules, where the system lists them."""
    modules = _windows_modules(machine) if machine.platform.system == "windows" else _linux_modules(machine)[0]
    return sum(size for size, _, _ in modules if size) or None


# ----- Linux

def _linux(machine: Machine) -> tuple:
    modules, method, why = _linux_modules(machine)
    kind, speed = _kind_and_speed(modules, method, why)
    if shows_a_part(machine):
        return facts.optional(mem_total(machine), f"{MEMINFO} MemTotal: the container's part", f"no {MEMINFO} here"), kind, speed
    set_aside, total, board = _set_aside_bytes(machine), mem_total(machine), device_tree.module_bytes(machine)
    board = board if board and (total or 0) <= board <= 1.4 * (total or board) else None
    return facts.first(
        facts.optional(module_bytes(machine), method, why),
        facts.optional(board, f"the module in {device_tree.COMPATIBLE}", "not one of NVIDIA's modules"),
        _blocks(machine, set_aside),
        facts.optional(total and total + set_aside, f"{MEMINFO} MemTotal, without what the kernel keeps for itself"
                   + (", and what is set aside for graphics" if set_aside else ""), f"{MEMINFO} does not report it")), kind, speed


def shows_a_part(machine: Machine) -> bool:
    """Whether /proc/meminfo is a container's own (lxcfs) while the rest of the system shows the host."""
    total = mem_total(machine)
    return bool(total and machine.platform.memory_bytes and total < 0.98 * machine.platform.memory_bytes)


def _set_aside_bytes(machine: Machine) -> int:
    """What firmware has taken from main memory for the processor's own AMD graphics."""
    sizes = [text_parsing.whole(machine.read(f"{device.folder}/mem_info_vram_total"))
             for device in pci.devices(machine).values()
             if integrated.by_device(device.ids, device.place) and device.ids != integrated.MI300A]
    return sum(filter(None, sizes))


def _linux_modules(machine: Machine) -> tuple:
    """([(bytes, kind, MT/s)], method, why): from udev's database, else from dmidecode, which needs root."""
    values = text_parsing.pairs((machine.read(UDEV) or "").replace("E:", ""), "=")
    listed = {name.split("_")[2] for name in values if re.fullmatch(r"MEMORY_DEVICE_\d+_(?:SIZE|TYPE)", name)}
    modules = [_module(values.get(f"{head}_SIZE"), values.get(f"{head}_TYPE"),
                       values.get(f"{head}_CONFIGURED_SPEED_MTS") or values.get(f"{head}_SPEED_MTS"))
               for head in (f"MEMORY_DEVICE_{number}" for number in sorted(listed, key=int))
               if values.get(f"{head}_PRESENT") != "0"]
    if modules:
        return modules, UDEV, f"{UDEV} does not report it"
    answer = machine.run("dmidecode", "--type", "17")
    for part in re.split(r"^Memory Device$", answer.text, flags=re.MULTILINE)[1:]:
        values = text_parsing.pairs(part)
        speed = re.match(r"[0-9]+(?= MT/s| MHz)", values.get("Configured Memory Speed") or values.get("Speed") or "")
        modules.append(_module(text_parsing.size_bytes(values.get("Size")), values.get("Type"), speed and speed.group()))
    modules = [module for module in modules if module[0]]
    return modules, answer.command, f"not in {UDEV}; {answer.why}"


def _module(size: Any, kind: Any, speed: Any) -> tuple:
    return text_parsing.whole(size), text_parsing.line(kind), text_parsing.whole(speed)


def _kind_and_speed(modules: list, method: str, why: str) -> tuple:
    """Two kinds of modules are both named; of two speeds the slower counts."""
    kinds = list(dict.fromkeys(kind for _, kind, _ in modules if kind))
    speeds = [speed for _, _, speed in modules if speed]
    return (facts.optional(" + ".join(kinds), method, why), facts.optional(min(speeds, default=None), method, why))


def _blocks(machine: Machine, set_aside: int) -> dict:
    """The kernel counts memory in blocks. Large blocks count gaps too: then the size that is sold and lies between counts."""
    size = text_parsing.hexadecimal(machine.read(f"{BLOCKS}/block_size_bytes")) or 0
    count = len(machine.paths(f"{BLOCKS}/memory[0-9]*"))
    blocks, total = size * count, (mem_total(machine) or 0) + set_aside
    if not blocks or not total < blocks + set_aside < 1.34 * total + size:
        return facts.unknown(f"{BLOCKS} describes another memory than {MEMINFO}" if blocks else f"no {BLOCKS} here")
    method = f"{BLOCKS}/block_size_bytes times the number of blocks"
    sold = products.main_gb(total) * products.GIB
    if (size >= COARSE_BLOCK or set_aside) and sold <= blocks + set_aside:
        return facts.known(sold, f"{method} is at most {blocks >> 30} GiB, {MEMINFO} MemTotal less: the size sold between them")
    return facts.known(blocks + set_aside, method)


# ----- macOS and Windows

def _mac(machine: Machine) -> tuple:
    """A Mac with slots lists its modules inside the report, one with memory on the chip reports the whole."""
    reports, answer = mac.profile(machine)
    modules = []
    for row in text_parsing.rows(reports.get("SPMemoryDataType")):
        for part in text_parsing.rows(row.get("_items")) or [row]:
            speed = re.match(r"[0-9]+(?= M(?:Hz|T/s))", str(part.get("dimm_speed")))
            modules.append(_module(None, part.get("dimm_type"), speed and speed.group()))
    return (mac.fact(machine, "hw.memsize", convert=text_parsing.whole),
            *_kind_and_speed(modules, "system_profiler SPMemoryDataType", answer.why))


def _windows(machine: Machine) -> tuple:
    return (cim.fact(machine, module_bytes(machine), "Win32_PhysicalMemory Capacity"),
            *_kind_and_speed(_windows_modules(machine), "CIM Win32_PhysicalMemory", cim.ask(machine).why))


def _windows_modules(machine: Machine) -> list:
    return [_module(row.get("Capacity"), KINDS.get(text_parsing.whole(row.get("SMBIOSMemoryType")) or 0),
                    row.get("ConfiguredClockSpeed") or row.get("Speed")) for row in cim.every(machine, "memory")]
