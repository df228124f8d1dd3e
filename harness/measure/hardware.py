"""Hardware: how much memory this machine has, and what it might be called."""
from __future__ import annotations

import os
import platform
import re
import subprocess
import sys

from base import names

NOISE = re.compile(r"\((?:r|tm)\)|\bcpu\b|\bprocessor\b|@.*|\b\w+-cores?\b|\bw(?:ith\b|/).*|\bintel\b|\bamd\b|\bapple\b|"
                   r"\bcore\b|\b\d+th gen\b|\bvirtual\b", re.IGNORECASE)
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes() -> int | None:
    """Main memory that this process may use; a container's limit counts. None: cannot be told."""
    total = _windows_memory_bytes() if os.name == "nt" else _posix_memory_bytes()
    for path in CGROUP_LIMITS:
        limit = _read(path)
        if total and limit and limit.isdigit():
            total = min(total, int(limit))
    return total


def _posix_memory_bytes() -> int | None:
    try:
        page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    return page * pages if page > 0 and pages > 0 else None     # -1: the system does not say


def _windows_memory_bytes() -> int | None:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong) for name in ("total", "free", "page_total", "page_free", "virtual_total",
                                                    "virtual_free", "extended_free")]
    status = Status()
    status.length = ctypes.sizeof(status)
    return status.total if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def suggest_device_tag() -> str:
    """A tag made of the chip and the memory, such as ryzen-7-7840u-32gb; a person may know a better one."""
    memory = memory_bytes()
    chip = slug(NOISE.sub(" ", _chip_name()))
    prefix = "mac-" if sys.platform == "darwin" else ""
    # Systems keep some memory for themselves: 23.4 GiB is sold as 24.
    size = f"{-(-memory // 2 ** 30)}gb" if memory else f"{sys.maxsize.bit_length() + 1}-bit"
    tag = f"{prefix}{chip}"[:48 - len(size) - 1].strip("-") + f"-{size}"
    return tag if names.device_tag_problem(tag) is None else f"{slug(platform.machine()) or 'cpu'}-{size}"


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _chip_name() -> str:
    if sys.platform == "darwin":
        return _command("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    phone = _command("getprop", "ro.product.model") if os.environ.get("TERMUX_VERSION") else None
    board = _read("/proc/device-tree/model")
    listed = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo") or "", re.MULTILINE)
    return phone or (board or "").strip("\0") or (listed.group(1) if listed else "") or platform.processor()


def _command(*words: str) -> str | None:
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, text=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read(1 << 20).strip()
    except OSError:
        return None
