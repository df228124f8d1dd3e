"""Cgroups: a container's limits on Linux, of either version, from the innermost group outwards."""
from __future__ import annotations

from measure.hardware import text_parsing
from measure.hardware.machine import Machine

ROOT = "/sys/fs/cgroup"


def memory_limit(machine: Machine) -> tuple:
    """(bytes, file) of the tightest limit, or (None, ""). Version 1 writes a huge number for none."""
    names = ("memory.max", "memory.limit_in_bytes")
    limits = [(limit, path) for path in _files(machine, "memory", names)
             for limit in [text_parsing.whole(machine.read(path))] if limit and limit < 1 << 60]
    return min(limits, default=(None, ""))


def memory_used_bytes(machine: Machine, limit_path: str) -> int | None:
    """What is in use under the limit of this file."""
    folder, _, name = limit_path.rpartition("/")
    return text_parsing.whole(machine.read(f"{folder}/{'memory.current' if name == 'memory.max' else 'memory.usage_in_bytes'}"))


def core_limit(machine: Machine) -> tuple:
    """(cores, file) of the tightest limit on processor time, or (None, "")."""
    limits = []
    for path in _files(machine, "cpu", ("cpu.max", "cpu.cfs_quota_us")):
        text = machine.read(path) or ""
        if path.endswith("quota_us"):
            text = f"{text} {machine.read(path.replace('quota', 'period')) or ''}"
        numbers = [text_parsing.whole(word) for word in text.split()]      # `max` and -1 mean no limit
        quota_us, period_us = numbers if len(numbers) == 2 else (None, None)
        if quota_us and period_us:
            limits.append((round(quota_us / period_us, 2), path))
    return min(limits, default=(None, ""))


def _files(machine: Machine, controller: str, names: tuple) -> list:
    """Own folder, its parents, the root: a container that sees only itself has its limit at the root."""
    files = []
    for row in (machine.read("/proc/self/cgroup") or "0::/").splitlines():
        number, _, rest = row.partition(":")
        controllers, _, place = rest.partition(":")
        if number != "0" and controller not in controllers.split(","):
            continue
        parts = [part for part in place.strip().split("/") if part not in ("", "..")]
        for top in (f"{ROOT}/{controller}", ROOT) if number != "0" else (ROOT,):
            files += ["/".join([top, *parts[:depth], name]) for depth in range(len(parts), -1, -1) for name in names]
    return list(dict.fromkeys(files))
