"""Kinds of cores: how many cores of each kind a processor has, the fastest kind first."""
from __future__ import annotations

import collections
from typing import Callable

from base import facts
from measure.hardware import arm_parts, lscpu, mac, text_parsing
from measure.hardware.machine import Machine

CPUS = "/sys/devices/system/cpu"
SIBLINGS = f"{CPUS}/cpu*/topology/thread_siblings_list"
ONE_KIND = "the system reports one kind of core only"
SLOW_SHARE = 0.8        # a Zen 5c core reaches 3.3 GHz where a Zen 5 core reaches 5.1; two chiplets of a 7950X3D differ by a tenth
# What Linux calls Intel's kinds, and whether it is a kind of efficiency core.
INTEL = (("core", "performance", False), ("atom", "efficiency", True), ("lowpower", "low-power efficiency", True))


def siblings(machine: Machine, cpus: list | None = None) -> set:
    """The lists of logical processors that share a core: as many lists as there are cores (of all, or of some cpus)."""
    paths = machine.paths(SIBLINGS) if cpus is None else [SIBLINGS.replace("cpu*", f"cpu{number}") for number in cpus]
    return {text.strip() for text in map(machine.read, paths) if text and text_parsing.numbered(text)}


def linux(machine: Machine) -> dict:
    """By Intel's names; by the clock of AMD's; else by the capacity, the clock or the design of Arm's cores."""
    is_arm = machine.platform.architecture.lower().startswith(("aarch", "arm"))
    of_arm = (_by_lscpu, _by_design) if is_arm else ()
    return next(filter(None, (read(machine) for read in (_intel, _amd, _by_capacity, *of_arm))), _facts([], ""))


def _facts(kinds: list, method: str, why: str = ONE_KIND) -> dict:
    """`kinds` are (count, name, whether it is an efficiency core), fastest first."""
    fast, slow = (sum(count for count, _, is_slow in kinds if is_slow is wanted) for wanted in (False, True))
    known = len(kinds) > 1
    return {"performance_cores": facts.optional(fast if known else None, method, why),
            "efficiency_cores": facts.optional(slow if known else None, method, why),
            "core_kinds": facts.optional([f"{count} {name}" for count, name, _ in kinds] if known else None, method, why)}


def _intel(machine: Machine) -> dict | None:
    kinds = []
    for word, name, is_slow in INTEL:
        cpus = text_parsing.numbered(machine.read(f"/sys/devices/cpu_{word}/cpus"))
        count = len(siblings(machine, cpus)) if cpus else 0
        kinds += [(count, name, is_slow)] if count else []
    return _facts(kinds, "/sys/devices/cpu_core, cpu_atom and cpu_lowpower") if len(kinds) > 1 else None


def _amd(machine: Machine) -> dict | None:
    """Zen 4c and 5c cores, which no file names, by their clock. Preferred cores of one kind differ by less."""
    method = f"{CPUS}/cpu*/cpufreq/cpuinfo_max_freq"
    if text_parsing.pairs(machine.read("/proc/cpuinfo")).get("vendor_id") != "AuthenticAMD":
        return None
    clocks = {int(path.split("/cpu")[2].partition("/")[0]): text_parsing.whole(machine.read(path)) or 0 for path in machine.paths(method)}
    highest = max(clocks.values(), default=0)
    kinds = []
    for is_slow in (False, True):
        cpus = [number for number, khz in clocks.items() if khz and (khz < SLOW_SHARE * highest) is is_slow]
        mhz = max((clocks[number] for number in cpus), default=0) / 1000
        kinds += [(len(siblings(machine, cpus)), f"of {mhz:.0f} MHz", is_slow)] if cpus else []
    return _facts(kinds, f"{method}: the slower cores are the efficiency kind") if len(kinds) > 1 and all(kind[0] for kind in kinds) else None


def _by_capacity(machine: Machine) -> dict | None:
    method = f"{CPUS}/cpu*/cpu_capacity"
    counts = collections.Counter(numbers(machine, method))
    kinds = [(counts[capacity], f"of capacity {capacity}", capacity == min(counts)) for capacity in sorted(counts, reverse=True)]
    return _facts(kinds, f"{method}; the lowest is the efficiency kind") if len(kinds) > 1 else None


def _by_lscpu(machine: Machine) -> dict | None:
    """lscpu lists a cluster for each design or clock."""
    listed = lscpu.read(machine)
    clusters = [(text_parsing.number(cluster.get("CPU max MHz")) or 0, text_parsing.line(cluster.get("Model name")) or "",
                 lscpu.cores(cluster)) for cluster in listed.clusters]
    if len({cluster[:2] for cluster in clusters}) < 2 or not all(count for _, _, count in clusters):
        return None
    clusters.sort(key=lambda cluster: (-cluster[0], arm_parts.rank(cluster[1])))
    kinds = [(count, " ".join(filter(None, (name, f"of {mhz:.0f} MHz" if mhz else ""))), (mhz, name) == clusters[-1][:2])
             for mhz, name, count in clusters]
    return _facts(kinds, f"{listed.answer.command}: the slowest cluster is the efficiency kind")


def _by_design(machine: Machine) -> dict | None:
    counts = collections.Counter(arm_parts.names(machine.read("/proc/cpuinfo")))
    names = sorted(counts, key=arm_parts.rank)
    if len({arm_parts.rank(name) for name in names}) < 2:
        return None
    return _facts([(counts[name], name, arm_parts.rank(name) == arm_parts.rank(names[-1])) for name in names],
                  "/proc/cpuinfo: the smallest design is the efficiency kind")


def numbers(machine: Machine, pattern: str) -> list:
    """The whole numbers in the files of this pattern, without zeros."""
    return list(filter(None, (text_parsing.whole(machine.read(path)) for path in machine.paths(pattern))))


def macos(machine: Machine) -> dict:
    """Apple numbers its levels from the fastest on; an M5 Max has two of them, and none is called Efficiency."""
    values = mac.sysctl(machine)
    count: Callable = lambda level: text_parsing.whole(values.get(f"hw.perflevel{level}.physicalcpu"))
    levels = range(min(text_parsing.whole(values.get("hw.nperflevels")) or 1, 9))
    names = [text_parsing.line(values.get(f"hw.perflevel{level}.name")) for level in levels]
    kinds = [(count(level), name or f"of level {level}",
              name.lower() == "efficiency" if name and all(names) else level == levels[-1]) for level, name in zip(levels, names)]
    if not all(number for number, _, _ in kinds):
        return _facts([], "", mac.ask(machine).why if len(kinds) > 1 and not values else ONE_KIND)
    return _facts(kinds, "sysctl hw.perflevel*.physicalcpu" + (" and name" if all(names) else ""))
