"""The processor: its name, its cores of each kind, its clock and what it can compute."""
from __future__ import annotations

from base import facts
from measure.hardware import cgroups, cim, instructions, mac, system, texts
from measure.hardware.machine import Machine

CPUS = "/sys/devices/system/cpu"
SIBLINGS = f"{CPUS}/cpu*/topology/thread_siblings_list"
ONE_KIND = "the system tells of one kind of core only"
FIELDS = ("model", "vendor", "physical_cores", "logical_cores", "usable_cores", "performance_cores", "efficiency_cores",
          "max_mhz", "instruction_sets")


def read(machine: Machine) -> dict:
    known = {"linux": _linux, "darwin": _mac, "windows": _windows}.get(machine.platform.system, lambda machine: {})
    found = {"logical_cores": facts.told(machine.platform.logical_cores, "os.cpu_count", "Python does not tell it"),
             "usable_cores": _usable(machine), **known(machine)}
    return {name: found.get(name, facts.unknown("it is not looked for on this system")) for name in FIELDS}


def _usable(machine: Machine) -> dict:
    """What affinity leaves, and a container's limit where it is tighter."""
    limit, path = cgroups.core_limit(machine) if machine.platform.system == "linux" else (None, "")
    allowed = machine.platform.allowed_cores or machine.platform.logical_cores
    if limit and (not allowed or limit < allowed):
        return facts.known(limit, path)
    method = "os.sched_getaffinity" if machine.platform.allowed_cores else "os.cpu_count"
    return facts.told(allowed, method, "Python does not tell it")


# ----- Linux

def _linux(machine: Machine) -> dict:
    listed, answer = lscpu(machine)
    first = {name: values[0] for name, values in listed.items()}
    info = texts.pairs(machine.read("/proc/cpuinfo"))
    fast, slow = _kinds(machine)
    return {
        "model": facts.first(*[_chip(machine)] * system.is_android(machine),
                             facts.told(texts.line(info.get("model name")), "/proc/cpuinfo", "/proc/cpuinfo names no model"),
                             facts.told(_joined(listed.get("Model name")), answer.command, answer.why)),
        "vendor": facts.first(facts.told(texts.line(info.get("vendor_id")), "/proc/cpuinfo", "/proc/cpuinfo names no vendor"),
                              facts.told(texts.line(first.get("Vendor ID")), answer.command, answer.why)),
        "physical_cores": facts.first(facts.told(len(_siblings(machine)) or None, SIBLINGS, f"no {SIBLINGS} here"),
                                      facts.told(_product(first), answer.command, answer.why)),
        "performance_cores": fast, "efficiency_cores": slow,
        "max_mhz": facts.first(_highest_mhz(machine),
                               facts.told(texts.number(first.get("CPU max MHz")), answer.command, answer.why)),
        "instruction_sets": instructions.from_cpuinfo(info),
    }


def lscpu(machine: Machine) -> tuple:
    """({name: [values]}, the answer); as JSON, or as plain lines from an lscpu that is too old for it."""
    answer = machine.run("lscpu", "-J")
    tree = texts.json(answer.text)
    if isinstance(tree, dict):
        return _flat(tree.get("lscpu")), answer
    if answer.outcome == "failed":
        answer = machine.run("lscpu")
    return {name: [value] for name, value in texts.pairs(answer.text).items()}, answer


def _flat(entries: object) -> dict:
    """Newer versions nest what belongs to one model or one socket; a name may come once for each kind of core."""
    found: dict = {}
    waiting = list(reversed(texts.rows(entries)))
    while waiting:
        entry = waiting.pop()
        name, value = entry.get("field"), entry.get("data")
        if isinstance(name, str) and isinstance(value, str):
            found.setdefault(name.rstrip(": "), []).append(value)
        waiting += reversed(texts.rows(entry.get("children")))
    return found


def _joined(values: list | None) -> str | None:
    return " + ".join(dict.fromkeys(filter(None, map(texts.line, values or [])))) or None


def _product(listed: dict) -> int | None:
    cores, sockets = texts.whole(listed.get("Core(s) per socket")), texts.whole(listed.get("Socket(s)"))
    return cores * sockets if cores and sockets else None


def _chip(machine: Machine) -> dict:
    """On a phone the kernel lists designs of cores; Android knows the name of the chip."""
    maker, model = (machine.run("getprop", f"ro.soc.{name}") for name in ("manufacturer", "model"))
    name = texts.line(model.text)
    return facts.told(name and f"{texts.line(maker.text) or ''} {name}".strip(),
                      "getprop ro.soc.manufacturer and ro.soc.model", model.why)


def _siblings(machine: Machine, cpus: list | None = None) -> set:
    """What shares a core, as lists of logical processors: as many lists as there are cores (of all, or of some cpus)."""
    paths = machine.paths(SIBLINGS) if cpus is None else [SIBLINGS.replace("cpu*", f"cpu{number}") for number in cpus]
    return {text.strip() for text in map(machine.read, paths) if texts.numbered(text)}


def _kinds(machine: Machine) -> tuple:
    """(performance cores, efficiency cores): Intel's two kinds by name, ARM's by their capacity."""
    named = [texts.numbered(machine.read(f"/sys/devices/cpu_{kind}/cpus")) for kind in ("core", "atom")]
    if all(named):
        return tuple(facts.told(len(_siblings(machine, cpus)) or None, f"/sys/devices/cpu_{kind}/cpus",
                                f"no {SIBLINGS} here") for kind, cpus in zip(("core", "atom"), named))
    method = f"{CPUS}/cpu*/cpu_capacity"
    capacities = _numbers(machine, method)
    if len(set(capacities)) < 2:
        return facts.unknown(ONE_KIND), facts.unknown(ONE_KIND)
    slow = capacities.count(min(capacities))
    return (facts.known(len(capacities) - slow, f"{method}, all above the lowest"),
            facts.known(slow, f"{method}, the lowest"))


def _highest_mhz(machine: Machine) -> dict:
    path = f"{CPUS}/cpu*/cpufreq/cpuinfo_max_freq"
    clocks = _numbers(machine, path)
    return facts.told(max(clocks) / 1000 if clocks else None, path, f"no {path} here")


def _numbers(machine: Machine, pattern: str) -> list:
    return list(filter(None, (texts.whole(machine.read(path)) for path in machine.paths(pattern))))


# ----- macOS and Windows

def _mac(machine: Machine) -> dict:
    """Apple numbers its kinds of cores from the fastest on."""
    told = mac.sysctl(machine)
    levels = texts.whole(told.get("hw.nperflevels")) or 1
    fast, slow = (mac.fact(machine, f"hw.perflevel{level}.physicalcpu", convert=texts.whole) if levels > 1
                  else facts.unknown(ONE_KIND) for level in (0, levels - 1))
    clock = mac.fact(machine, "hw.cpufrequency_max", convert=texts.whole)
    if clock["value"] is not None:
        clock["value"] /= 1e6
    apple = (told.get("machdep.cpu.brand_string") or "").startswith("Apple")
    vendor = facts.known("Apple", "sysctl machdep.cpu.brand_string") if apple else mac.fact(machine, "machdep.cpu.vendor")
    return {"model": mac.fact(machine, "machdep.cpu.brand_string"), "vendor": vendor,
            "physical_cores": mac.fact(machine, "hw.physicalcpu", convert=texts.whole),
            "performance_cores": fast, "efficiency_cores": slow, "max_mhz": clock,
            "instruction_sets": instructions.from_sysctl(told, mac.asked(machine).why)}


def _windows(machine: Machine) -> dict:
    """One instance for each socket."""
    sockets = cim.every(machine, "processor")
    first = sockets[0] if sockets else {}

    def total(name: str) -> dict:
        counts = [texts.whole(socket.get(name)) for socket in sockets]
        return cim.fact(machine, sum(counts) if counts and all(counts) else None, f"Win32_Processor {name}")
    unasked = facts.unknown("Windows tells the kinds of cores to programs only, not in CIM")
    return {"model": cim.fact(machine, texts.line(first.get("Name")), "Win32_Processor Name"),
            "vendor": cim.fact(machine, texts.line(first.get("Manufacturer")), "Win32_Processor Manufacturer"),
            "physical_cores": total("NumberOfCores"), "logical_cores": total("NumberOfLogicalProcessors"),
            "performance_cores": unasked, "efficiency_cores": unasked,
            "max_mhz": cim.fact(machine, texts.number(first.get("MaxClockSpeed")), "Win32_Processor MaxClockSpeed"),
            "instruction_sets": instructions.from_windows(machine.platform)}


def cache_bytes(machine: Machine) -> int | None:
    """The last-level cache that one core reaches, as far as the system tells."""
    if machine.platform.system == "darwin":
        told = mac.sysctl(machine)
        sizes = [texts.whole(told.get(name)) for name in ("hw.l3cachesize", "hw.perflevel0.l2cachesize", "hw.l2cachesize")]
    else:
        sizes = [texts.size_bytes(machine.read(f"{CPUS}/cpu0/cache/index{level}/size")) for level in range(4)]
    return max(filter(None, sizes), default=None)

