"""Windows: a job object, which ends all its processes at once, and low integrity, which denies writing.

If a function is missing or fails, the layer is left out.
"""
from __future__ import annotations

import ctypes
import sys

TYPE_CHECKING = False       # what is only for type checkers is not loaded: each answer starts two of these processes
if TYPE_CHECKING:
    from typing import Any

ACTIVE_PROCESS, PROCESS_TIME, PROCESS_MEMORY, JOB_MEMORY, DIE_ON_EXCEPTION, KILL_ON_CLOSE = (
    0x8, 0x2, 0x100, 0x200, 0x400, 0x2000)
EXTENDED_LIMITS = 9                 # JobObjectExtendedLimitInformation
SET_QUOTA_AND_TERMINATE = 0x101     # PROCESS_SET_QUOTA | PROCESS_TERMINATE
QUERY_LIMITED_INFORMATION = 0x1000
ADJUST_DEFAULT_AND_QUERY = 0x88     # TOKEN_ADJUST_DEFAULT | TOKEN_QUERY
INTEGRITY_LEVEL, SE_GROUP_INTEGRITY = 25, 0x20
LOW = "S-1-16-4096"


class BasicLimits(ctypes.Structure):
    _fields_ = [("process_time", ctypes.c_int64), ("job_time", ctypes.c_int64), ("flags", ctypes.c_uint32),
                ("least_set", ctypes.c_size_t), ("largest_set", ctypes.c_size_t), ("processes", ctypes.c_uint32),
                ("affinity", ctypes.c_size_t), ("priority", ctypes.c_uint32), ("scheduling", ctypes.c_uint32)]


class ExtendedLimits(ctypes.Structure):
    _fields_ = [("basic", BasicLimits), ("io", ctypes.c_uint64 * 6), ("process_memory", ctypes.c_size_t),
                ("job_memory", ctypes.c_size_t), ("peak_process", ctypes.c_size_t), ("peak_job", ctypes.c_size_t)]


class MemoryCounters(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("faults", ctypes.c_uint32), ("sets_and_pools", ctypes.c_size_t * 6),
                ("allocated", ctypes.c_size_t), ("peak_allocated", ctypes.c_size_t)]


class Label(ctypes.Structure):
    _fields_ = [("sid", ctypes.c_void_p), ("attributes", ctypes.c_uint32)]


def job_around(pid: int, limits: dict) -> int | None:
    """A job with the limits that contains this one process; None if it cannot be created."""
    kernel = _library("kernel32")
    for name in ("CreateJobObjectW", "OpenProcess"):
        getattr(kernel, name).restype = ctypes.c_void_p
    job = kernel.CreateJobObjectW(None, None)
    process = kernel.OpenProcess(SET_QUOTA_AND_TERMINATE, False, pid)
    wanted = ExtendedLimits(process_memory=limits["memory_bytes"], job_memory=limits["memory_bytes"])
    wanted.basic.process_time = limits["cpu_s"] * 10_000_000     # in steps of 100 ns
    wanted.basic.processes = 1
    wanted.basic.flags = (ACTIVE_PROCESS | PROCESS_TIME | PROCESS_MEMORY | JOB_MEMORY | DIE_ON_EXCEPTION
                         | KILL_ON_CLOSE)
    try:
        if job and process and kernel.SetInformationJobObject(
                ctypes.c_void_p(job), EXTENDED_LIMITS, ctypes.byref(wanted), ctypes.sizeof(wanted)):
            if kernel.AssignProcessToJobObject(ctypes.c_void_p(job), ctypes.c_void_p(process)):
                return job
        return None
    finally:
        if process:
            kernel.CloseHandle(ctypes.c_void_p(process))


def end_job(job: int) -> None:
    _library("kernel32").TerminateJobObject(ctypes.c_void_p(job), 1)


def cpu_s(pid: int) -> float:
    """Processor time of a process, also of one that has ended while a handle to it is still open; 0 if unknown."""
    created, ended, in_kernel, in_user = (ctypes.c_uint64() for _ in range(4))
    _ask("GetProcessTimes", pid, *map(ctypes.byref, (created, ended, in_kernel, in_user)))
    return (in_kernel.value + in_user.value) / 10_000_000      # in steps of 100 ns


def memory_bytes(pid: int) -> int:
    """What a process has allocated; 0 if unknown."""
    counters = MemoryCounters(size=ctypes.sizeof(MemoryCounters))
    _ask("K32GetProcessMemoryInfo", pid, ctypes.byref(counters), counters.size)
    return counters.allocated


def _ask(function: str, pid: int, *arguments: Any) -> None:
    """Call a function of Windows that fills in what it knows of a process."""
    kernel = _library("kernel32")
    kernel.OpenProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.OpenProcess(QUERY_LIMITED_INFORMATION, False, pid))
    try:
        getattr(kernel, function)(process, *arguments)
    finally:
        kernel.CloseHandle(process)


def lower_integrity() -> bool:
    """From now on this process can write only objects marked low, and open no process of higher integrity."""
    kernel = _library("kernel32")
    rights = _library("advapi32")
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    token, sid = ctypes.c_void_p(), ctypes.c_void_p()
    if not rights.OpenProcessToken(ctypes.c_void_p(kernel.GetCurrentProcess()), ADJUST_DEFAULT_AND_QUERY,
                                   ctypes.byref(token)):
        return False
    if not rights.ConvertStringSidToSidW(ctypes.c_wchar_p(LOW), ctypes.byref(sid)):
        return False
    label = Label(sid, SE_GROUP_INTEGRITY)
    size_bytes = ctypes.sizeof(label) + rights.GetLengthSid(sid)
    return bool(rights.SetTokenInformation(token, INTEGRITY_LEVEL, ctypes.byref(label), size_bytes))


def _library(name: str) -> Any:
    if sys.platform != "win32":
        raise OSError(f"{name} is Windows' own")
    return ctypes.WinDLL(name, use_last_error=True)
