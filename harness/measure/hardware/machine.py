"""The machine under test: runs tools with a time limit, reads files and times memory copies. Everything else here is pure.

A tool that is missing, fails, hangs or prints without end is a normal answer. No shell is involved, and tools are only
taken from the folders of PATH, never from the current folder.
"""
from __future__ import annotations

import contextlib
import glob
import os
import platform
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping

from measure import library

LIMIT_S = 5.0
SLOW_S = 20.0       # tools that wake a sleeping accelerator, or that start a runtime of their own
MAX_BYTES = 4 << 20
MAX_WORD = 100      # a longer word of a command is a script
# Folders of tools that are not on everybody's PATH.
EXTRA_FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/opt/rocm/bin", "/usr/lib/wsl/lib", "/system/bin")
# Arguments of IsProcessorFeaturePresent up to SME2; more than `instructions` has names for.
WINDOWS_FEATURES = range(72)
PIECE_BYTES = 8 << 20       # that are touched in one go: no other thread of Python runs meanwhile, and progress has to be drawn
TIMED_NS = 500_000_000      # of copying; with the first touch of the pages it takes about a second
MIN_COPIES = 3


@dataclass(frozen=True)
class Platform:
    """What the interpreter itself knows. `own_words` are the host and user names: used to compare, never recorded."""
    system: str                     # linux, darwin, windows, or another in lower case
    architecture: str = ""
    kernel: str = ""
    memory_bytes: int | None = None
    logical_cores: int | None = None
    allowed_cores: int | None = None
    cpu_name: str | None = None     # on Windows, from the registry
    windows_features: frozenset = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    own_words: tuple = ()


@dataclass(frozen=True)
class CommandResult:
    """A tool's stdout, and how the call ended (records.hardware.SOURCE_OUTCOMES)."""
    command: str
    outcome: str
    text: str = ""
    limit_s: float = LIMIT_S

    @property
    def tool(self) -> str:
        return self.command.split()[0]

    @property
    def why(self) -> str:
        """Why this tool gives no value."""
        return {"missing": f"no {self.tool} here", "failed": f"{self.tool} failed",
                "late": f"{self.tool} took longer than {self.limit_s:g} s",
                "too-much": f"{self.tool} printed too much"}.get(self.outcome, f"{self.tool} does not report it")


class Machine:
    """Runs each tool once and remembers its answer. Tests pass in a platform and functions that play a machine."""

    def __init__(self, platform: Platform, run: Callable[[list, float], CommandResult], read: Callable[[str], "str | None"],
                 paths: Callable[[str], list], link: Callable[[str], "str | None"], copy: Callable[[int], tuple]):
        self.platform, self.read, self.paths, self.link, self.copy = platform, read, paths, link, copy
        self._run = run
        self._answers: dict[tuple, CommandResult] = {}

    def run(self, *words: str, limit_s: float = LIMIT_S) -> CommandResult:
        if words not in self._answers:
            self._answers[words] = self._run(list(words), limit_s)
        return self._answers[words]

    @property
    def answers(self) -> list:
        """Every answer so far, in order."""
        return list(self._answers.values())


def here() -> Machine:
    """The machine that this process runs on."""
    return Machine(_platform(), run, read, lambda pattern: sorted(glob.glob(pattern)), link, copy)


def run(words: list, limit_s: float, variables: Mapping[str, str] = os.environ) -> CommandResult:
    command = recorded_command(words)
    tool = find_tool(words[0], variables.get("PATH", ""))
    if tool is None:
        return CommandResult(command, "missing", limit_s=limit_s)
    environment = {**variables, "LC_ALL": "C", "LANG": "C"}
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NO_WINDOW}
    read_end, write_end = os.pipe()
    try:
        process = subprocess.Popen([tool, *words[1:]], stdin=subprocess.DEVNULL, stdout=write_end,
                                   stderr=subprocess.DEVNULL, env=environment, **options)
    except OSError:
        os.close(read_end)
        return CommandResult(command, "missing", limit_s=limit_s)
    finally:
        os.close(write_end)
    data, outcome = _read_output(process, read_end, limit_s)
    return CommandResult(command, outcome, data.decode("utf-8", "replace"), limit_s)


def recorded_command(words: list) -> str:
    """A command as hardware.json records it."""
    return " ".join(word if len(word) <= MAX_WORD else "..." for word in words)


def _read_output(process: subprocess.Popen, pipe: int, limit_s: float) -> tuple[bytes, str]:
    """(stdout, outcome). A thread reads: on Windows a pipe cannot be waited for with a time limit.

    A descriptor is read, no file object: Windows closes neither while it is being read, and an object is closed at exit.
    """
    output = bytearray()

    def read_pipe() -> None:
        with contextlib.suppress(OSError):
            while len(output) <= MAX_BYTES:
                data = os.read(pipe, 65536)
                if not data:
                    return
                output.extend(data)
    reader = threading.Thread(target=read_pipe, daemon=True)
    deadline = time.monotonic() + limit_s
    reader.start()
    try:
        reader.join(limit_s)
        if reader.is_alive():
            return b"", "late"
        if len(output) > MAX_BYTES:
            return b"", "too-much"
        return bytes(output), "failed" if process.wait(max(0.1, deadline - time.monotonic())) else "answered"
    except subprocess.TimeoutExpired:
        return b"", "late"
    finally:
        if process.returncode is None:      # also after Ctrl-C, which a tool in its own session does not receive
            _kill(process)
            reader.join(1)
        if not reader.is_alive():
            os.close(pipe)


def _kill(process: subprocess.Popen) -> None:
    """Kill the tool and its children; a surviving grandchild would hold the pipe open."""
    with contextlib.suppress(OSError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)


def find_tool(tool: str, path: str) -> str | None:
    """The tool's file. shutil.which would search the current folder first on Windows, which may hold anything."""
    folders = path.split(os.pathsep) + (list(EXTRA_FOLDERS) if os.name != "nt" else [])
    for folder in filter(os.path.isabs, folders):
        file = os.path.join(folder, tool + (".exe" if os.name == "nt" else ""))
        if os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    return None


def read(path: str) -> str | None:
    """A file's text, undecodable bytes replaced; None where it cannot be read."""
    try:
        with open(path, "rb") as source:
            return source.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return None


def link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except (OSError, AttributeError, ValueError):
        return None


def copy(size_bytes: int, clock: Callable[[], int] = time.perf_counter_ns) -> tuple:
    """(nanoseconds of the fastest copy, number of timed copies). The first copy, which touches the pages, is not timed."""
    source, target = bytearray(size_bytes), bytearray(size_bytes)
    with memoryview(source) as source_view, memoryview(target) as target_view:
        for start in range(0, size_bytes, PIECE_BYTES):
            end = min(start + PIECE_BYTES, size_bytes)
            source_view[start:end] = b"\x55" * (end - start)
            target_view[start:end] = source_view[start:end]
        times_ns: list[int] = []
        started = clock()
        while len(times_ns) < MIN_COPIES or clock() - started < TIMED_NS:
            before = clock()
            target_view[:] = source_view
            times_ns.append(clock() - before)
            if len(times_ns) < MIN_COPIES and clock() - started > 4 * TIMED_NS:
                break       # a machine that swaps
    return min(times_ns), len(times_ns)


# ----- what the interpreter knows

def _platform() -> Platform:
    # Python 3.13 on a phone says android, and there platform.release() is Android's own version.
    system = platform.system().lower()
    kernel = os.uname().release if hasattr(os, "uname") else platform.version()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    user = os.environ.get("USER") or os.environ.get("USERNAME") or os.environ.get("LOGNAME") or ""
    return Platform(
        system="linux" if system == "android" else system, architecture=platform.machine(), kernel=kernel,
        memory_bytes=_windows_memory_bytes() if os.name == "nt" else _posix_memory_bytes(),
        logical_cores=os.cpu_count(), allowed_cores=allowed, cpu_name=_windows_cpu_name(),
        windows_features=_windows_features(),
        environment=dict(os.environ), own_words=tuple(filter(None, (platform.node().split(".")[0], user))))


def _posix_memory_bytes() -> int | None:
    try:
        page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    return page * pages if page > 0 and pages > 0 else None     # -1: not known to the system


def _windows_memory_bytes() -> int | None:
    """MEMORYSTATUSEX: its length and the load as 32 bits, then seven sizes of 64, of which the first is the whole memory."""
    kernel = library.opened("kernel32")
    if kernel is None:
        return None
    import ctypes
    status = ctypes.create_string_buffer(struct.pack("=II7Q", 64, *[0] * 8), 64)
    return struct.unpack_from("=Q", status, 8)[0] if library.ask(kernel, "GlobalMemoryStatusEx", status) else None


def _windows_cpu_name() -> str | None:
    """PowerShell may be missing or forbidden; the registry has the name too."""
    if sys.platform != "win32":
        return None
    import winreg
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
    except OSError:
        return None


def _windows_features() -> frozenset:
    kernel = library.opened("kernel32") if os.name == "nt" else None
    return frozenset(number for number in WINDOWS_FEATURES if library.ask(kernel, "IsProcessorFeaturePresent", number))
