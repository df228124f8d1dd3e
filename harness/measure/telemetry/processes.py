"""Processes: every process of this machine with its parent and its CPU time, as far as this user may see them."""
from __future__ import annotations

import os
import struct
from typing import Dict, NamedTuple

from measure import library
from measure.library import Library
from measure.telemetry.sysfs import Files

PID_TBSD_INFO, RUSAGE_V0 = 3, 0
BSD_INFO = struct.Struct("=12I16s32s6I2Q")      # proc_bsdinfo in <sys/proc_info.h>
RUSAGE = struct.Struct("=16s10Q")               # rusage_info_v0 in <sys/resource.h>; times in units of mach_timebase_info
SNAPSHOT_PROCESSES, QUERY_LIMITED_INFORMATION, INVALID = 0x2, 0x1000, -1
TICKS_IN_S = 1e7                                # a FILETIME counts 100 ns


class Process(NamedTuple):
    """`started` distinguishes a process from a later one with the same number."""
    parent: int
    name: str
    started: int
    cpu_s: float


Snapshot = Dict[int, Process]


class LinuxProcesses:
    """Parents are read when a process is new or has lost its parent; only the processes that are asked for are read again."""

    def __init__(self, files: Files = Files()):
        self._files = files
        self._known: Snapshot = {}
        self._tick_s = 1 / os.sysconf("SC_CLK_TCK")

    def snapshot(self) -> Snapshot:
        numbers = {int(name) for name in self._files.names("/proc") if name.isdigit()}
        ended = self._known.keys() - numbers
        if ended:       # children of these have another parent now
            self._known = {number: process for number, process in self._known.items() if not {number, process.parent} & ended}
        for number in numbers - self._known.keys():
            process = self.read(number)
            if process is not None:
                self._known[number] = process
        return dict(self._known)

    def read(self, number: int) -> Process | None:
        """The process as it is now; None if it has ended."""
        text = self._files.text(f"/proc/{number}/stat") or ""
        head, _, rest = text.rpartition(")")        # a name may hold spaces and brackets
        fields = rest.split()
        if len(fields) < 20:
            return None
        ticks = int(fields[11]) + int(fields[12])
        return Process(int(fields[1]), head.partition("(")[2], int(fields[19]), ticks * self._tick_s)


class MacProcesses:
    """`system` is libSystem. The processes of other users have no times there."""

    def __init__(self, system: Library = None):
        import ctypes
        self._types, self._system = ctypes, system or library.opened(None)
        base = (ctypes.c_uint32 * 2)()
        status = library.ask(self._system, "mach_timebase_info", base)
        self._unit_s = base[0] / base[1] / 1e9 if status == 0 and base[1] else 1e-9

    def snapshot(self) -> Snapshot:
        count = library.ask(self._system, "proc_listallpids", None, 0) or 0
        numbers = (self._types.c_int * (count + 64))()
        count = library.ask(self._system, "proc_listallpids", numbers, self._types.sizeof(numbers)) or 0
        processes = {number: self.read(number) for number in numbers[:max(0, count)]}
        return {number: process for number, process in processes.items() if process is not None}

    def read(self, number: int) -> Process | None:
        info = self._types.create_string_buffer(BSD_INFO.size)
        if library.ask(self._system, "proc_pidinfo", number, PID_TBSD_INFO, self._types.c_uint64(0), info,
                       BSD_INFO.size) != BSD_INFO.size:
            return None
        fields = BSD_INFO.unpack(info.raw)
        usage = self._types.create_string_buffer(512)
        is_readable = library.ask(self._system, "proc_pid_rusage", number, RUSAGE_V0, usage) == 0
        times = RUSAGE.unpack(usage.raw[:RUSAGE.size])[1:3] if is_readable else (0, 0)
        name = (fields[13].rstrip(b"\0") or fields[12].rstrip(b"\0")).decode("utf-8", "replace")
        return Process(fields[4], name, fields[-2] * 1_000_000 + fields[-1], sum(times) * self._unit_s)


class WindowsProcesses:
    """`kernel` is kernel32."""

    def __init__(self, kernel: Library = None):
        import ctypes

        class Entry(ctypes.Structure):      # PROCESSENTRY32W in <tlhelp32.h>
            _fields_ = [("size", ctypes.c_uint32), ("usage", ctypes.c_uint32), ("number", ctypes.c_uint32),
                        ("heap", ctypes.c_size_t), ("module", ctypes.c_uint32), ("threads", ctypes.c_uint32),
                        ("parent", ctypes.c_uint32), ("priority", ctypes.c_int32), ("flags", ctypes.c_uint32),
                        ("name", ctypes.c_uint16 * 260)]
        self._types, self._entry = ctypes, Entry
        self._kernel = kernel or library.opened("kernel32")
        for function in ("CreateToolhelp32Snapshot", "OpenProcess"):
            library.set_result(self._kernel, function, ctypes.c_void_p)

    def snapshot(self) -> Snapshot:
        handle = library.ask(self._kernel, "CreateToolhelp32Snapshot", SNAPSHOT_PROCESSES, 0)
        if handle is None or self._types.c_void_p(handle).value == self._types.c_void_p(INVALID).value:
            return {}
        handle = self._types.c_void_p(handle)
        processes: Snapshot = {}
        entry = self._entry(size=self._types.sizeof(self._entry))
        more = library.ask(self._kernel, "Process32FirstW", handle, self._types.byref(entry))
        while more:
            name = bytes(entry.name).decode("utf-16-le", "replace").partition("\0")[0]
            started, cpu_s = self._times(entry.number) or (0, 0.0)
            processes[entry.number] = Process(entry.parent, name, started, cpu_s)
            more = library.ask(self._kernel, "Process32NextW", handle, self._types.byref(entry))
        library.ask(self._kernel, "CloseHandle", handle)
        return processes

    def read(self, number: int) -> Process | None:
        """None: the snapshot has the times of all processes already."""
        return None

    def _times(self, number: int) -> tuple | None:
        """(started, CPU seconds); None where this user may not ask."""
        handle = library.ask(self._kernel, "OpenProcess", QUERY_LIMITED_INFORMATION, 0, number)
        if not handle:
            return None
        handle = self._types.c_void_p(handle)
        started, ended, kernel, user = (self._types.c_ulonglong() for _ in range(4))
        is_readable = library.ask(self._kernel, "GetProcessTimes", handle, *map(self._types.byref, (started, ended, kernel, user)))
        library.ask(self._kernel, "CloseHandle", handle)
        return (started.value, (kernel.value + user.value) / TICKS_IN_S) if is_readable else None
