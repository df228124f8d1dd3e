"""Isolation: what a process can be denied without special privileges.

    layer       system      effect
    limits      POSIX       limits on CPU time, memory, file size (zero), open files, processes, core dumps
    landlock    Linux       only Python's and the system libraries' files can be opened, and none can be changed
    namespaces  Linux       an empty network namespace
    rights      Linux       no root privileges, permanently
    seccomp     Linux       no sockets, new processes, file changes, or signals to others; see seccomp
    sandbox     macOS       no network, new processes, file changes, or signals to others; no access to users' folders
    low         Windows     low integrity: cannot write the user's files or open the user's processes
    job         Windows     limits on CPU time and memory, a single process, killed with the job

Each layer is tried; the ones in force are reported. An unavailable layer is not an error.
"""
from __future__ import annotations

import ctypes
import os
import struct
import sys

from derive.code_runner import seccomp

TYPE_CHECKING = False       # what is only for type checkers is not loaded: each answer starts such a process
if TYPE_CHECKING:
    from collections.abc import Iterable
if os.name == "nt":
    from derive.code_runner import windows_job

LAYERS = ("limits", "landlock", "namespaces", "rights", "seccomp", "sandbox", "low")    # in this order
DENIED_BY = {
    "network": {"namespaces", "seccomp", "sandbox"},
    "reading files": {"landlock", "sandbox"},
    "changing files": {"landlock", "seccomp", "sandbox", "low"},
    "signals to other programs": {"seccomp", "sandbox", "low"},
    "memory of other programs": {"landlock", "namespaces", "sandbox", "low"},
}
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446      # one number on every architecture
READ_FILE, READ_FOLDER = 1 << 2, 1 << 3
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}      # how many kinds of access a version of Landlock knows; later ones 16
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store", "/system",
             "/apex", "/usr/share/zoneinfo", "/etc/localtime", "/etc/ld.so.cache", "/dev/null", "/dev/urandom")
PROFILE = """(version 1) (allow default)
(deny network*) (deny file-write*) (deny process-fork) (deny process-exec*)
(deny signal) (allow signal (target self))
(deny file-read-data (subpath "/Users") (subpath "/Volumes"))
(allow file-read-data %s)"""
FOOTPRINT_AT = 16 + 7 * 8       # ri_phys_footprint in macOS's rusage_info_v0: after a UUID and seven numbers


def isolate(limits: dict, layers: list) -> list:
    """Isolate this process permanently; returns the layers in force. Called before the process receives any code."""
    in_force = []
    for name in LAYERS:
        if name in layers:
            try:
                in_force += [name] if LAYER_FUNCTIONS[name](limits) else []
            except (OSError, AttributeError, ValueError):
                pass
    if os.name == "posix" and "limits" in in_force and "seccomp" not in in_force:
        _limit("RLIMIT_NPROC", 0)       # on Linux it counts threads too; seccomp distinguishes them
    return in_force


def not_denied(layers: Iterable[str]) -> list:
    """What none of these layers denies to the code."""
    return [action for action, denied_by in DENIED_BY.items() if denied_by.isdisjoint(layers)]


def protect_test_process() -> None:
    """Linux: adopt orphans of the untrusted process, and keep the user's other processes from inspecting this one."""
    if sys.platform.startswith("linux"):
        try:
            _library().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            _library().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        except (OSError, AttributeError):
            pass


def children() -> list:
    """Process ids of the children of this process; known on Linux only, elsewhere empty."""
    try:
        with open("/proc/self/task/%d/children" % os.getpid(), "rb") as listed:
            return [int(pid) for pid in listed.read().split()]
    except OSError:
        return []


def children_cpu_s() -> float:
    """CPU time of the children that have ended; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0.0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_in_use(pid: int) -> int:
    """Bytes that a process uses, where the system cannot limit them (macOS) or where no job may do so (Windows); elsewhere 0."""
    if os.name == "nt":
        return windows_job.memory_bytes(pid)
    if sys.platform != "darwin":
        return 0
    try:
        usage = ctypes.create_string_buffer(256)
        if _library().proc_pid_rusage(ctypes.c_int(pid), ctypes.c_int(0), usage) != 0:
            return 0
        return struct.unpack_from("=Q", usage, FOOTPRINT_AT)[0]
    except (OSError, AttributeError):
        return 0


def _limits(limits: dict) -> bool:
    if os.name != "posix":
        return False
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_CPU", limits["cpu_s"])
    if sys.platform != "darwin":        # there the system maps hundreds of GiB by itself; see memory_in_use
        _limit("RLIMIT_AS", _mapped_bytes() + limits["memory_bytes"])
    _limit("RLIMIT_FSIZE", limits["file_bytes"])
    _limit("RLIMIT_NOFILE", limits["open_files"])
    if sys.platform.startswith("linux"):
        _library().prctl(seccomp.PR_SET_PDEATHSIG, 9, 0, 0, 0)      # die with the test process
    return True


def _mapped_bytes() -> int:
    """Bytes that this process has mapped (on Android the allocator alone reserves gigabytes); 0 where unknown."""
    try:
        with open("/proc/self/statm", "rb") as sizes:
            return int(sizes.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _limit(name: str, value: int) -> None:
    """Set soft and hard limit alike, so that it cannot be raised; skipped where the system lacks it."""
    import resource
    try:
        hard = resource.getrlimit(getattr(resource, name))[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(getattr(resource, name), (value, value))
    except (AttributeError, OSError, ValueError):
        pass


def _landlock(_: dict) -> bool:
    if not _plain_linux():
        return False
    library = _library()
    version = library.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = (1 << FILE_RIGHTS.get(version, 16)) - 1
    # Connecting and listening by TCP are denied from version 4 on, signals to other processes from version 6 on.
    rules = struct.pack("=QQQ", rights, 3, 3)[:8 if version < 4 else 16 if version < 6 else 24]
    ruleset = library.syscall(LANDLOCK_CREATE, ctypes.c_char_p(rules), ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return False
    for path in _readable():
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = READ_FILE | (READ_FOLDER if os.path.isdir(path) else 0)
        library.syscall(LANDLOCK_ADD, ruleset, 1, ctypes.c_char_p(struct.pack("=Qi", allowed, folder)), 0)
        os.close(folder)
    done = _without_new_rights(library) and library.syscall(LANDLOCK_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return done


def _namespaces(_: dict) -> bool:
    if not _plain_linux():
        return False
    library = _library()
    for kinds in (CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC, CLONE_NEWNET):
        if library.unshare(kinds) == 0:
            return True
    return False


def _rights(_: dict) -> bool:
    """Root and the owner of a new namespace could read any process and exceed the limit on processes."""
    if not sys.platform.startswith(("linux", "android")):
        return False
    library = _library()
    # header of version 3, then three empty sets twice
    given_up = library.capset(ctypes.c_char_p(struct.pack("=Ii", 0x20080522, 0)), ctypes.c_char_p(bytes(24))) == 0
    return _without_new_rights(library) and given_up


def _seccomp(_: dict) -> bool:
    if not sys.platform.startswith(("linux", "android")):
        return False
    library = _library()
    return _without_new_rights(library) and seccomp.install(library)


def _sandbox(_: dict) -> bool:
    if sys.platform != "darwin":
        return False
    paths = " ".join('(subpath "%s")' % path.replace("\\", "\\\\").replace('"', '\\"') for path in _readable())
    problem = ctypes.c_char_p()
    return _library().sandbox_init(ctypes.c_char_p((PROFILE % paths).encode()), ctypes.c_uint64(0),
                                   ctypes.byref(problem)) == 0


def _low(_: dict) -> bool:
    """In force only if it is seen to work: a drive without permissions, such as FAT, denies nothing."""
    return os.name == "nt" and windows_job.lower_integrity() and not _can_write()


def _can_write() -> bool:
    """Whether a file can be made in the current folder."""
    try:
        os.close(os.open("probe", os.O_CREAT | os.O_WRONLY))
        os.remove("probe")
    except OSError:
        return False
    return True


def _readable() -> list:
    """What the standard library is read from, and the system's libraries that its parts are linked to."""
    own = [path for path in sys.path if os.path.isabs(path)] + [os.path.dirname(os.path.dirname(os.__file__))]
    return sorted({os.path.realpath(path) for path in (*own, *LIBRARIES) if os.path.exists(path)})


def _plain_linux() -> bool:
    """On Android a call that apps may not make kills the process."""
    return sys.platform.startswith("linux") and not hasattr(sys, "getandroidapilevel")


def _without_new_rights(library: ctypes.CDLL) -> bool:
    return library.prctl(seccomp.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


LAYER_FUNCTIONS = {"limits": _limits, "landlock": _landlock, "namespaces": _namespaces, "rights": _rights, "seccomp": _seccomp,
        "sandbox": _sandbox, "low": _low}
