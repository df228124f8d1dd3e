"""The processor: its name, its cores of each kind, its clock and what it can compute."""
from __future__ import annotations

import re

from base import facts
from base.pattern import lazy
from measure.hardware import arm_parts, cgroups, cim, core_kinds, instructions, lscpu, mac, system, text_parsing
from measure.hardware.machine import Machine

CPUS, SIBLINGS = core_kinds.CPUS, core_kinds.SIBLINGS
CPUINFO = "/proc/cpuinfo"
FIELDS = ("model", "vendor", "physical_cores", "logical_cores", "usable_cores", "performance_cores", "efficiency_cores",
          "core_kinds", "max_mhz", "instruction_sets")
# The kernel's name for the architecture, firmware of virtual machines, and Apple's translator are not names of processors.
NO_MODEL = lazy(r"(?:AArch64|ARMv[0-9]+\w*(?:-compatible)?) Processor\b|virt-|pc-|qemu|kvm|VirtualApple|@|CPU\b",
                re.IGNORECASE)
# What lscpu adds to the firmware's name: a part number, or its placeholder, and the nominal clock.
FIRMWARE_TAIL = lazy(r"(?:(?<=CPU)\s+[0-9]+|\s*\b(?:To Be Filled By O\.?E\.?M\.?|None|N/A|Not Specified|NotSet|Unknown|Unset))?"
                     r"\s*\bCPU @ .*\Z", re.IGNORECASE)
# RISC-V has numbers for vendors (mvendorid).
RISCV_VENDORS = {"0x710": "SpacemiT", "0x489": "SiFive", "0x5b7": "T-Head", "0x31e": "Andes"}


def read(machine: Machine) -> dict:
    reader = {"linux": _linux, "darwin": _mac, "windows": _windows}.get(machine.platform.system, lambda machine: {})
    values = reader(machine)
    logical = facts.optional(machine.platform.logical_cores, "os.cpu_count", "Python does not know it")
    values = {**values, "logical_cores": facts.first(*filter(None, [values.get("logical_cores"), logical])),
              "usable_cores": _usable(machine)}
    return {name: values.get(name, facts.unknown("it is not looked for on this system")) for name in FIELDS}


def model(machine: Machine) -> dict:
    reader = {"linux": _linux_model, "darwin": _mac_model, "windows": _windows_model}.get(machine.platform.system)
    return reader(machine) if reader else facts.unknown("it is not looked for on this system")


def _usable(machine: Machine) -> dict:
    """What affinity leaves, and a container's limit where it is tighter."""
    limit, path = cgroups.core_limit(machine) if machine.platform.system == "linux" else (None, "")
    allowed = machine.platform.allowed_cores or machine.platform.logical_cores
    if limit and (not allowed or limit < allowed):
        return facts.known(limit, path)
    method = "os.sched_getaffinity" if machine.platform.allowed_cores else "os.cpu_count"
    return facts.optional(allowed, method, "Python does not know it")


# ----- Linux

def _linux(machine: Machine) -> dict:
    listed = lscpu.read(machine)
    return {"model": _linux_model(machine), "vendor": _linux_vendor(machine, listed),
            "physical_cores": _physical_cores(machine, listed), **core_kinds.linux(machine),
            "max_mhz": _highest_mhz(machine, listed),
            "instruction_sets": instructions.from_cpuinfo(text_parsing.pairs(machine.read(CPUINFO)))}


def _linux_model(machine: Machine) -> dict:
    """The product's name where firmware has one (Arm servers, GB10, Snapdragon X), else the names of the designs."""
    listed, info = lscpu.read(machine), text_parsing.pairs(machine.read(CPUINFO))
    command, why = listed.answer.command, listed.answer.why
    fields = ("model name", "Model Name", "cpu model", "cpu", "uarch")      # x86 and Arm, LoongArch, MIPS, POWER, RISC-V
    stated = next(filter(None, (text_parsing.line(info.get(name)) for name in fields)), None)
    return facts.first(
        *[_android_chip(machine)] * system.is_android(machine),
        facts.optional(_model_name(stated), CPUINFO, f"{CPUINFO} has no model name"),
        facts.optional(_firmware_model(listed), f"{command}, BIOS Model name", why),
        facts.optional(" + ".join(filter(None, map(_model_name, listed.every("Model name")))), command, why),
        facts.optional(" + ".join(dict.fromkeys(arm_parts.names(machine.read(CPUINFO)))), f"{CPUINFO} CPU part", "no known CPU part"),
        facts.optional(None if (stated or "").startswith("VirtualApple") else stated, CPUINFO, f"{CPUINFO} has no model name"))


def _model_name(text: str | None) -> str | None:
    name = text_parsing.line(text)
    return None if name is None or NO_MODEL.match(name) else name


def _firmware_model(listed: lscpu.Lscpu) -> str | None:
    """`BIOS Model name`, which ends with a part number and the nominal clock; some firmware writes the name twice."""
    for text in listed.every("BIOS Model name"):
        name = _model_name(re.sub(r"^(.{4,}?)\s+\1\Z", r"\1", FIRMWARE_TAIL.sub("", text)))
        if name and re.search("[0-9]", name):
            return name
    return None


def _linux_vendor(machine: Machine, listed: lscpu.Lscpu) -> dict:
    info = text_parsing.pairs(machine.read(CPUINFO))
    named = listed.first("Vendor ID")
    named = RISCV_VENDORS.get(named or "", None if (named or "").startswith("0x") else named)
    stated = "Apple" if (info.get("vendor_id") or "").startswith("VirtualApple") else text_parsing.line(info.get("vendor_id"))
    return facts.first(facts.optional(stated, CPUINFO, f"{CPUINFO} has no vendor"),
                       facts.optional(named, listed.answer.command, listed.answer.why),
                       facts.optional(arm_parts.vendor(machine.read(CPUINFO)), f"{CPUINFO} CPU implementer", "no known CPU implementer"))


def _physical_cores(machine: Machine, listed: lscpu.Lscpu) -> dict:
    """Distinct sibling lists. In a container they may be the host's: then they name more processors than there are here."""
    groups, listed_cores = core_kinds.siblings(machine), lscpu.total_cores(listed)
    processors = {number for group in groups for number in text_parsing.numbered(group)}
    most = machine.platform.logical_cores
    if most and (len(processors) > most or not groups and (listed_cores or 0) > most):
        return facts.unknown(f"{SIBLINGS} and lscpu describe the host, of which this container has a part")
    return facts.first(facts.optional(len(groups) or None, SIBLINGS, f"no {SIBLINGS} here"),
                       facts.optional(listed_cores, listed.answer.command, listed.answer.why))


def _android_chip(machine: Machine) -> dict:
    """On a phone the kernel lists designs of cores; Android knows the name of the chip, before version 12 in /proc/cpuinfo."""
    maker, model = (machine.run("getprop", f"ro.soc.{name}") for name in ("manufacturer", "model"))
    name = text_parsing.line(model.text)
    hardware = text_parsing.line(text_parsing.pairs(machine.read(CPUINFO)).get("Hardware"))
    return facts.first(facts.optional(name and f"{text_parsing.line(maker.text) or ''} {name}".strip(),
                                  "getprop ro.soc.manufacturer and ro.soc.model", model.why),
                       facts.optional(hardware, f"{CPUINFO} Hardware", f"{CPUINFO} has no Hardware"))


def _highest_mhz(machine: Machine, listed: lscpu.Lscpu) -> dict:
    """Of the fastest cluster."""
    path = f"{CPUS}/cpu*/cpufreq/cpuinfo_max_freq"
    clocks = core_kinds.numbers(machine, path)
    stated = max(filter(None, map(text_parsing.number, listed.every("CPU max MHz"))), default=None)
    return facts.first(facts.optional(max(clocks) / 1000 if clocks else None, path, f"no {path} here"),
                       facts.optional(stated, listed.answer.command, listed.answer.why))


# ----- macOS and Windows

def _mac(machine: Machine) -> dict:
    clock = mac.fact(machine, "hw.cpufrequency_max", convert=text_parsing.whole)
    if clock["value"] is not None:
        clock["value"] /= 1e6
    apple = facts.known("Apple", "sysctl hw.optional.arm64 or machdep.cpu.brand_string")
    return {"model": _mac_model(machine),
            "vendor": apple if mac.is_apple_silicon(machine) else mac.fact(machine, "machdep.cpu.vendor"),
            "physical_cores": mac.fact(machine, "hw.physicalcpu", convert=text_parsing.whole), **core_kinds.macos(machine),
            "max_mhz": clock,
            "instruction_sets": instructions.from_sysctl(mac.sysctl(machine), mac.is_apple_silicon(machine), mac.ask(machine).why)}


def _mac_model(machine: Machine) -> dict:
    """Under Rosetta sysctl prints VirtualApple; the graphics have the chip's name too."""
    return facts.first(mac.fact(machine, "machdep.cpu.brand_string", convert=_model_name), mac.chip(machine))


def _windows_model(machine: Machine) -> dict:
    sockets = cim.every(machine, "processor")
    return facts.first(
        cim.fact(machine, text_parsing.line(sockets[0].get("Name")) if sockets else None, "Win32_Processor Name"),
        facts.optional(text_parsing.line(machine.platform.cpu_name), "registry ProcessorNameString", "the registry has no name"))


def _windows(machine: Machine) -> dict:
    """CIM has one instance for each socket."""
    sockets = cim.every(machine, "processor")
    first = sockets[0] if sockets else {}

    def total(name: str) -> dict:
        counts = [text_parsing.whole(socket.get(name)) for socket in sockets]
        return cim.fact(machine, sum(counts) if counts and all(counts) else None, f"Win32_Processor {name}")
    not_in_cim = facts.unknown("CIM does not report kinds of cores")
    return {"model": _windows_model(machine),
            "vendor": cim.fact(machine, text_parsing.line(first.get("Manufacturer")), "Win32_Processor Manufacturer"),
            "physical_cores": total("NumberOfCores"), "logical_cores": total("NumberOfLogicalProcessors"),
            "performance_cores": not_in_cim, "efficiency_cores": not_in_cim, "core_kinds": not_in_cim,
            "max_mhz": cim.fact(machine, text_parsing.number(first.get("MaxClockSpeed")), "Win32_Processor MaxClockSpeed"),
            "instruction_sets": instructions.from_windows(machine.platform)}


def cache_bytes(machine: Machine) -> int | None:
    """The last-level cache that one core reaches, where the system reports it."""
    if machine.platform.system == "darwin":
        values = mac.sysctl(machine)
        names = ("hw.l3cachesize", "hw.perflevel0.l2cachesize", "hw.l2cachesize")
        sizes = [text_parsing.whole(values.get(name)) for name in names]
    else:
        sizes = [text_parsing.size_bytes(machine.read(f"{CPUS}/cpu0/cache/index{level}/size")) for level in range(4)]
    return max(filter(None, sizes), default=None)
