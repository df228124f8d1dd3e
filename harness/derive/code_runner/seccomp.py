"""Seccomp: deny a Linux process the system calls for network, new processes, file changes and other processes.

A list of denied calls, not of allowed ones, because Python may make any harmless call. Calls newer than the newest one
considered here fail as not implemented. The filter cannot be removed.
"""
from __future__ import annotations

import ctypes
import errno
import os
import struct

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER_MODE = 1, 38, 22, 2
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, NO_PERMISSION, NO_SUCH_CALL = 0x7FFF0000, 0x80000000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000       # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND
CLONE_THREAD = 0x10000
F_SETOWN, F_SETSIG, F_SETOWN_EX = 8, 10, 15     # these let a pipe send a signal to another process
NEW = 424               # from here on all architectures count alike; denied but for those that libraries rely on
NEW_AND_ALLOWED = (436, 439, 449)   # close_range, faccessat2, futex_waitv

# Name: number on x86_64, number on the architectures with the generic table; None where there is no such call.
DENIED = {
    "socket": (41, 198),
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "sched_setaffinity": (203, 122), "ioprio_set": (251, 30),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    "creat": (85, None), "truncate": (76, 45), "ftruncate": (77, 46), "fallocate": (285, 47),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34),
    "rmdir": (84, None), "link": (86, None), "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263, 35),
    "symlink": (88, None), "symlinkat": (266, 36), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "mknod": (133, None),
    "mknodat": (259, 33), "utime": (132, None), "utimes": (235, None), "futimesat": (261, None),
    "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "memfd_create": (319, 279),
    "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
}
OWN_PID = -1
# As above, then: which argument, how it is compared, with what, and whether the call is denied or allowed if that holds.
DENIED_IF = (
    ("open", (2, None), 1, ANY_BIT, WRITING, True),
    ("openat", (257, 56), 2, ANY_BIT, WRITING, True),
    ("clone", (56, 220), 0, ANY_BIT, CLONE_THREAD, False),
    ("kill", (62, 129), 0, EQUAL, OWN_PID, False),
    ("tgkill", (234, 131), 0, EQUAL, OWN_PID, False),
    ("prlimit64", (302, 261), 0, EQUAL, 0, False),
    ("prctl", (157, 167), 0, EQUAL, PR_SET_PDEATHSIG, True),
    ("fcntl", (72, 25), 1, EQUAL, F_SETOWN, True),
    ("fcntl", (72, 25), 1, EQUAL, F_SETSIG, True),
    ("fcntl", (72, 25), 1, EQUAL, F_SETOWN_EX, True),
)
# The machine as uname() names it: the kernel's name of the architecture, the column of the tables
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1), "riscv64": (0xC00000F3, 1)}


def program(machine: str, pid: int) -> bytes:
    """The filter for a machine, as BPF: 8 bytes an instruction."""
    architecture, column = MACHINES[machine]
    lines = [(LOAD, 0, 0, ARCHITECTURE_AT), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL),
             (LOAD, 0, 0, NUMBER_AT)]
    for allowed in NEW_AND_ALLOWED:
        lines += [(EQUAL, 0, 1, allowed), (RETURN, 0, 0, ALLOW)]
    lines += [(AT_LEAST, 0, 1, NEW), (RETURN, 0, 0, NO_SUCH_CALL)]      # those of x32 are larger still
    for denied_call in DENIED.values():
        number = denied_call[column]
        if number is not None:
            lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, NO_PERMISSION)]
    for _, numbers, argument, look, value, denied in DENIED_IF:
        number = numbers[column]
        if number is not None:
            if_equal, if_not = (0, 1) if denied else (1, 0)
            lines += [(EQUAL, 0, 4, number), (LOAD, 0, 0, ARGUMENTS_AT + 8 * argument),
                      (look, if_equal, if_not, pid if value == OWN_PID else value), (RETURN, 0, 0, NO_PERMISSION),
                      (LOAD, 0, 0, NUMBER_AT)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines + [(RETURN, 0, 0, ALLOW)])


def install(library: ctypes.CDLL) -> bool:
    """Install the filter permanently; False for an unknown machine, or if the kernel refuses it."""
    machine = os.uname().machine
    if machine not in MACHINES or struct.calcsize("P") != 8:
        return False
    code = program(machine, os.getpid())
    held = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: the number of instructions, then a pointer to them
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(held))
    return library.prctl(PR_SET_SECCOMP, ctypes.c_ulong(FILTER_MODE), ctypes.c_char_p(header), 0, 0) == 0
