"""Ollama's process: which process listens, and those of its variables that change how it computes.

Read from /proc, where permissions allow it: the environment of a server that runs as another user cannot be read.
"""
from __future__ import annotations

import re

from base import facts
from base.pattern import lazy
from measure.hardware import text_parsing
from measure.hardware.machine import Machine

TABLES, LISTENS = ("/proc/net/tcp", "/proc/net/tcp6"), "0A"
MAX_VARIABLES = 64
RECORDED = lazy(r"(?:OLLAMA|GGML|LLAMA|ROCBLAS|HIPBLASLT)_[A-Z0-9_]{1,60}\Z|(?:CUDA|ROCR|HIP)_VISIBLE_DEVICES\Z|"
                r"HSA_(?:OVERRIDE_GFX_VERSION(?:_[0-9]+)?|ENABLE_SDMA|XNACK)\Z|GPU_DEVICE_ORDINAL\Z|"
                r"CUDA_(?:DEVICE_ORDER|LAUNCH_BLOCKING)\Z|OMP_NUM_THREADS\Z|GOMAXPROCS\Z|GODEBUG\Z")
# Values that can only be a setting; everything else may be a path, a host, a key or a name, and becomes `set`.
PLAIN = lazy(r"-?[0-9]{1,12}(?:\.[0-9]{1,6}){0,2}(?:ns|us|ms|s|m|h|[KMGT]i?B?)?(?:,[0-9]{1,3})*\Z|"
             r"(?i:true|false|on|off|yes|no|auto|default|none|all|info|debug|warn|error|"
             r"f16|f32|bf16|i?q[2-8]_(?:[01]|k|nl)|pci_bus_id|fastest_first|"
             r"(?:cpu|cuda|rocm|vulkan|metal|mlx)(?:_[a-z0-9]{1,8})?)\Z")


def read(machine: Machine, version: str | None, port: int) -> dict:
    process, environment = _process(machine, port)
    return {"version": facts.optional(text_parsing.line(version), "GET /api/version", "no Ollama server answered"),
            "process": process, "environment": environment}


def _process(machine: Machine, port: int) -> tuple:
    if machine.platform.system != "linux":
        why = facts.unknown("on this system the listening process and its environment need extra rights")
        return why, why
    owner = listening_process(machine, port)
    if owner is None:
        why = facts.unknown("the process that listens belongs to another user" if listening_sockets(machine, port) else
                            "no process of this system listens there" if any(map(machine.read, TABLES)) else "/proc/net/tcp cannot be read")
        return why, why
    name = text_parsing.line(machine.read(f"/proc/{owner}/comm"))
    process = facts.optional(name, "/proc/net/tcp, /proc/*/fd and comm", "the name of the process that listens cannot be read")
    if name != "ollama":
        return process, facts.unknown("the process that listens is not ollama itself")
    environment = machine.read(f"/proc/{owner}/environ")
    return process, (facts.unknown("its environment cannot be read") if environment is None
                     else facts.known(recorded_variables(environment), "/proc/<pid>/environ"))


def listening_process(machine: Machine, port: int) -> str | None:
    """The number of the process that listens at this port; None if there is none, it belongs to another user, or not on Linux."""
    sockets = listening_sockets(machine, port) if machine.platform.system == "linux" else set()
    if not sockets:
        return None
    numbers = [re.split(r"[/\\]", path)[-2] for path in machine.paths("/proc/[0-9]*/comm")]
    numbers.sort(key=lambda number: text_parsing.line(machine.read(f"/proc/{number}/comm")) != "ollama")
    return next((number for number in numbers for path in machine.paths(f"/proc/{number}/fd/*")
                 if machine.link(path) in sockets), None)


def listening_sockets(machine: Machine, port: int) -> set:
    """The sockets that listen on a port, each as the links in /proc/*/fd name it."""
    rows = [row.split() for table in map(machine.read, TABLES) for row in (table or "").splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if len(row) > 9 and row[3] == LISTENS and row[1].endswith(f":{port:04X}")}


def recorded_variables(environment: str) -> dict:
    """The variables that matter, by name; their values only where they can only be a setting."""
    variables = {}
    for entry in environment.split("\0"):
        name, mark, value = entry.partition("=")
        if mark and RECORDED.match(name):
            variables[name] = value if PLAIN.match(value) else "set"
    return dict(sorted(variables.items())[:MAX_VARIABLES])
