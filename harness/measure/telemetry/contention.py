"""Contention: how much of this machine other programs used while a call ran, from counters read before and after it.

The CPU time of all programs less that of the server and of this harness is what others used. Nothing is read while the
call runs. CPU time is counted in ticks of about 10 ms, so a reading looks back over at least WINDOW_S, beyond the start
of a short call if need be.
"""
from __future__ import annotations

import os
import time
from typing import Callable, Dict, NamedTuple, Protocol

from measure.hardware import machine, ollama
from measure.telemetry.processes import Process, Snapshot

WINDOW_S = 0.25
RETRY_S = 30.0
SERVER_NAMES = ("ollama", "llama-server", "ollama_llama_server", "ollama app", "ollama-mlx-runner")
NO_SERVER = "the server's process cannot be seen from here, so its CPU time cannot be told from that of others"
NO_TIMES = "this system does not report CPU times"


class Processes(Protocol):
    """See processes.py."""
    def snapshot(self) -> Snapshot: ...
    def read(self, number: int) -> Process | None: ...


class System(Protocol):
    """See linux.py, macos.py and windows.py."""
    def energy(self) -> list: ...
    def accelerators(self) -> list: ...
    def state(self) -> dict: ...
    def swapped_bytes(self) -> tuple | None: ...
    def processor_ticks(self) -> tuple | None: ...
    def waited_s(self) -> Dict[str, float]: ...
    def suspended_s(self) -> float | None: ...


class Counters(NamedTuple):
    """All counters at one moment. None: cannot be read."""
    time_s: float
    ticks: tuple | None
    own_s: float | None
    waited_s: dict
    suspended_s: float | None
    wall_s: float


class Contention:
    """One for each session. `method` is how the share of others is computed, `unknown` why it cannot be."""

    def __init__(self, system: System, processes: Processes, listener: Callable[[Snapshot], int | None],
                 clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time,
                 cpus: int | None = os.cpu_count()):
        self._system, self._processes, self._listener = system, processes, listener
        self._clock, self._wall, self._cpus = clock, wall, cpus or 1
        self._own: Dict[tuple, float] = {}      # CPU time of each own process, ended ones included
        self.own_numbers: set = set()           # of those that are there now
        self._began: list = []                  # counters at the start of recent calls, oldest first
        first = self._counters()
        self.unknown = NO_TIMES if first.ticks is None else NO_SERVER if first.own_s is None else None
        self.method = None if self.unknown else "CPU time of all processes less that of the server and the harness"

    def begin(self) -> None:
        """Just before the requests are sent."""
        self._began.append(self._counters())

    def end(self) -> dict:
        """Right after the last byte; fields of the `conditions` record."""
        now = self._counters()
        before = self._before(now)
        if before is None:
            return {"others_cpu_share": None, "cpu_pressure": None, "memory_pressure": None, "suspended_s": None}
        elapsed_s = now.time_s - before.time_s
        return {"others_cpu_share": self._others_share(before, now, elapsed_s),
                "cpu_pressure": _rate(before, now, elapsed_s, "cpu"),
                "memory_pressure": _rate(before, now, elapsed_s, "memory"),
                "suspended_s": _suspended_s(self._began[-1], now)}

    def _before(self, now: Counters) -> Counters | None:
        """The latest start that lies at least WINDOW_S back, else the first; earlier ones are dropped."""
        while len(self._began) > 1 and now.time_s - self._began[1].time_s >= WINDOW_S:
            self._began.pop(0)
        return self._began[0] if self._began else None

    def _others_share(self, before: Counters, now: Counters, elapsed_s: float) -> float | None:
        if before.ticks is None or now.ticks is None or before.own_s is None or now.own_s is None:
            return None
        if elapsed_s < WINDOW_S / 2:
            return None
        whole = now.ticks[1] - before.ticks[1]
        if whole <= 0:
            return None
        busy = (now.ticks[0] - before.ticks[0]) / whole
        own = (now.own_s - before.own_s) / (elapsed_s * self._cpus)
        return round(min(1.0, max(0.0, busy - own)), 3)

    def _counters(self) -> Counters:
        ticks, own_s = self._system.processor_ticks(), self._own_s()
        return Counters(self._clock(), ticks, own_s, self._system.waited_s(), self._system.suspended_s(), self._wall())

    def _own_s(self) -> float | None:
        """CPU time of the server's processes and of this harness and its children; None if no server is seen."""
        processes = self._processes.snapshot()
        roots = self._roots(processes)
        if roots is None:
            return None
        self.own_numbers = tree(processes, roots)
        for number in self.own_numbers:
            process = self._processes.read(number) or processes[number]
            self._own[number, process.started] = process.cpu_s
        return sum(self._own.values())

    def _roots(self, processes: Snapshot) -> set | None:
        """This process, and the server's: the process that listens, or, where that is a proxy, all processes with a server's name."""
        own = tree(processes, {os.getpid()})
        listener = self._listener(processes)
        if listener in own:         # a server that this harness started: the fake one
            return {os.getpid()}
        servers = {listener} if listener in processes else set()
        if not any(is_server(processes[number].name) for number in servers):
            servers |= {number for number, process in processes.items() if is_server(process.name)}
        return servers | {os.getpid()} if servers else None


class Listener:
    """The number of the process that listens at a port. It is looked for again once it has ended, at most every RETRY_S."""

    def __init__(self, port: int | None, find: Callable[[int], str | None] | None = None,
                 clock: Callable[[], float] = time.monotonic):
        self._port, self._find, self._clock = port, find or _find, clock
        self._number: int | None = None
        self._tried_s: float | None = None

    def __call__(self, processes: Snapshot) -> int | None:
        if self._number in processes or self._port is None:
            return self._number
        now_s = self._clock()
        if self._tried_s is None or now_s - self._tried_s >= RETRY_S:
            self._tried_s = now_s
            number = self._find(self._port)
            self._number = int(number) if number else None
        return self._number


def _find(port: int) -> str | None:
    return ollama.listening_process(machine.here(), port)


def is_server(name: str) -> bool:
    name = name.lower()
    return (name[:-4] if name.endswith(".exe") else name) in SERVER_NAMES


def tree(processes: Snapshot, roots: set) -> set:
    """The roots that are there and all their descendants."""
    children: Dict[int, list] = {}
    for number, process in processes.items():
        children.setdefault(process.parent, []).append(number)
    members: set = set()
    waiting = [number for number in roots if number in processes]
    while waiting:
        number = waiting.pop()
        if number not in members:
            members.add(number)
            waiting += children.get(number, [])
    return members


def _rate(before: Counters, now: Counters, elapsed_s: float, what: str) -> float | None:
    """Share of the time in which a program waited for this."""
    if what not in before.waited_s or what not in now.waited_s or elapsed_s <= 0:
        return None
    return round(min(1.0, max(0.0, (now.waited_s[what] - before.waited_s[what]) / elapsed_s)), 3)


def _suspended_s(before: Counters, now: Counters) -> float | None:
    """How long the machine slept meanwhile, by a clock that goes on asleep less one that does not.

    Without two such clocks: the time of day less the monotonic clock, if it jumped by more than a correction would.
    """
    if before.suspended_s is not None and now.suspended_s is not None:
        return round(max(0.0, now.suspended_s - before.suspended_s), 1)
    leap_s = (now.wall_s - before.wall_s) - (now.time_s - before.time_s)
    return round(leap_s, 1) if leap_s > 5 else 0.0
