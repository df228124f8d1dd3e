"""Main memory: what may be used, what is built in, and of which kind it is."""
from __future__ import annotations

import re

from base import facts
from measure.hardware import cgroups, cim, mac, texts
from measure.hardware.machine import Machine

UDEV = "/run/udev/data/+dmi:id"     # udev reads the firmware's tables as root, and leaves what it found for all to read
BLOCKS = "/sys/devices/system/memory"
# Numbers of SMBIOS for kinds of memory.
KINDS = {20: "DDR", 21: "DDR2", 24: "DDR3", 26: "DDR4", 27: "LPDDR", 28: "LPDDR2", 29: "LPDDR3", 30: "LPDDR4", 34: "DDR5",
         35: "LPDDR5"}


def read(machine: Machine) -> dict:
    known = {"linux": _linux, "darwin": _mac, "windows": _windows}.get(machine.platform.system)
    why = facts.unknown("it is not looked for on this system")
    physical, kind, speed = known(machine) if known else (why, why, why)
    return {"usable_bytes": usable(machine), "physical_bytes": physical, "type": kind, "speed_mt_s": speed}


def usable(machine: Machine) -> dict:
    """What the system gives to programs; a container's limit counts where it is less."""
    total = machine.platform.memory_bytes
    limit, path = cgroups.memory_limit(machine) if machine.platform.system == "linux" else (None, "")
    if total and limit and limit < total:
        return facts.known(limit, path)
    method = "GlobalMemoryStatusEx" if machine.platform.system == "windows" else "os.sysconf"
    return facts.told(total, method, "the system does not tell it")


def free_bytes(machine: Machine) -> int | None:
    """What can be taken now without harm; where the system does not tell, a quarter of what may be used."""
    total = usable(machine)["value"]
    told = texts.size_bytes(texts.pairs(machine.read("/proc/meminfo")).get("MemAvailable"))
    limit, path = cgroups.memory_limit(machine) if machine.platform.system == "linux" else (None, "")
    left = [told] if told is not None else [total // 4] if total else []
    if limit:
        left.append(max(0, limit - (cgroups.memory_used_bytes(machine, path) or 0)))
    return min(left, default=None)


# ----- Linux

def _linux(machine: Machine) -> tuple:
    modules, method, why = _modules(machine)
    sizes = [size for size, _, _ in modules if size]
    whole = texts.size_bytes(texts.pairs(machine.read("/proc/meminfo")).get("MemTotal"))
    physical = facts.first(facts.told(sum(sizes) or None, method, why), _blocks(machine),
                           facts.told(whole, "/proc/meminfo MemTotal, less what the kernel keeps for itself",
                                      "/proc/meminfo does not tell it"))
    return (physical, *_kind_and_speed(modules, method, why))


def _modules(machine: Machine) -> tuple:
    """([(bytes, kind, MT/s)], method, why): from udev's notes, else from dmidecode, which only root may ask."""
    found = texts.pairs((machine.read(UDEV) or "").replace("E:", ""), "=")
    noted = {name.split("_")[2] for name in found if re.fullmatch(r"MEMORY_DEVICE_\d+_(?:SIZE|TYPE)", name)}
    modules = [_module(found.get(f"{head}_SIZE"), found.get(f"{head}_TYPE"),
                       found.get(f"{head}_CONFIGURED_SPEED_MTS") or found.get(f"{head}_SPEED_MTS"))
               for head in (f"MEMORY_DEVICE_{number}" for number in sorted(noted, key=int))
               if found.get(f"{head}_PRESENT") != "0"]
    if modules:
        return modules, UDEV, f"{UDEV} does not tell it"
    answer = machine.run("dmidecode", "--type", "17")
    for part in re.split(r"^Memory Device$", answer.text, flags=re.MULTILINE)[1:]:
        told = texts.pairs(part)
        speed = re.match(r"[0-9]+(?= MT/s| MHz)", told.get("Configured Memory Speed") or told.get("Speed") or "")
        modules.append(_module(texts.size_bytes(told.get("Size")), told.get("Type"), speed and speed.group()))
    modules = [module for module in modules if module[0]]
    return modules, answer.command, f"no word of it in {UDEV}; {answer.why}"


def _module(size: object, kind: object, speed: object) -> tuple:
    return texts.whole(size), texts.line(kind), texts.whole(speed)


def _kind_and_speed(modules: list, method: str, why: str) -> tuple:
    """Modules of two kinds are told as such; of two speeds the slower one holds for all."""
    kinds = list(dict.fromkeys(kind for _, kind, _ in modules if kind))
    speeds = [speed for _, _, speed in modules if speed]
    return (facts.told(" + ".join(kinds), method, why), facts.told(min(speeds, default=None), method, why))


def _blocks(machine: Machine) -> dict:
    """The kernel counts memory in blocks, and those of a machine are all there, used or reserved."""
    size = (machine.read(f"{BLOCKS}/block_size_bytes") or "").strip()
    count = len(machine.paths(f"{BLOCKS}/memory[0-9]*"))
    total = int(size, 16) * count if re.fullmatch("[0-9a-f]{1,12}", size) else 0
    return facts.told(total or None, f"{BLOCKS}/block_size_bytes times the number of blocks", f"no {BLOCKS} here")


# ----- macOS and Windows

def _mac(machine: Machine) -> tuple:
    """A Mac with slots lists its modules inside the report, one with memory on the chip tells of the whole."""
    reports, answer = mac.profile(machine)
    modules = []
    for row in texts.rows(reports.get("SPMemoryDataType")):
        for part in texts.rows(row.get("_items")) or [row]:
            speed = re.match(r"[0-9]+(?= M(?:Hz|T/s))", str(part.get("dimm_speed")))
            modules.append(_module(None, part.get("dimm_type"), speed and speed.group()))
    return (mac.fact(machine, "hw.memsize", convert=texts.whole),
            *_kind_and_speed(modules, "system_profiler SPMemoryDataType", answer.why))


def _windows(machine: Machine) -> tuple:
    modules = [_module(row.get("Capacity"), KINDS.get(texts.whole(row.get("SMBIOSMemoryType"))),
                       row.get("ConfiguredClockSpeed") or row.get("Speed")) for row in cim.every(machine, "memory")]
    sizes = [size for size, _, _ in modules if size]
    why = cim.asked(machine).why
    return (cim.fact(machine, sum(sizes) or None, "Win32_PhysicalMemory Capacity"),
            *_kind_and_speed(modules, "CIM Win32_PhysicalMemory", why))
