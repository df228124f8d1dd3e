"""The test process: runs a task's tests, never runs model-written code, and reports the result.

In the tests the requested name is a proxy. Calling it sends a request to the untrusted process; the reply is rebuilt
here as plain data, so that every comparison is made on this side, by the methods of built-in types. The untrusted
process can send any data, but only a correct answer's data passes the tests, and it never sees an expected value.

A test can call a proxy, call methods of what it returned, use len, bool and iteration, and catch the built-in exceptions
it raises. Lists, dicts and sets passed to it are updated here as they changed there. Objects of the test can be passed:
on the other side they can be hashed, compared and called. Attributes cannot be read in either direction.
"""
from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import threading
import time

from derive.code_runner import isolation, untrusted_process
from derive.code_runner.rpc import Channel, ConnectionLost, NotSerializable, Proxy, RemoteException, exception_message, lost_on_error, remote_exception

TYPE_CHECKING = False       # what is only for type checkers is not loaded: each answer starts such a process
if TYPE_CHECKING:
    from typing import Any
if os.name == "nt":
    import subprocess

    from derive.code_runner import windows_job

BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from derive.code_runner import {0}; sys.path.pop(0); {0}.main()"
SWEEP_S = 2.0           # how long to look for descendants to kill; each round finds one generation
WATCH_S = 0.05          # how often memory is checked on macOS and Windows
START_S = 10.0          # for the untrusted process to start; a virus scanner may look at each new process for seconds


class AnswerProxy(Proxy):
    """An object of the untrusted process. It equals only itself, whatever the other side replies."""

    def __call__(self, *args: Any, **words: Any) -> Any:
        return _called(self._channel, self._number, None, args, words)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **words: _called(self._channel, self._number, name, args, words)

    def __len__(self) -> int:
        return self._counted("len")

    def __bool__(self) -> bool:
        return bool(self._counted("bool"))

    def __iter__(self) -> Any:
        return _result(self._channel, self._channel.ask("iter", self._number))

    def __next__(self) -> Any:
        return _result(self._channel, self._channel.ask("next", self._number))

    def _counted(self, verb: str) -> int:
        count = _result(self._channel, self._channel.ask(verb, self._number))
        if not isinstance(count, int):
            raise ConnectionLost("crashed")
        return count


class ForkedProcess:
    """A copy of this process that becomes the untrusted one, as much of subprocess.Popen as is needed. It spares a start of Python.

    It is made before the job is read: nothing of the job is in its memory, and both ends that lead to the harness are closed in it.
    """

    def __init__(self) -> None:
        (incoming, self._to_child), (self._from_child, outgoing) = os.pipe(), os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                os.close(self._to_child)
                os.close(self._from_child)
                untrusted_process.serve(incoming, outgoing)
            finally:
                os._exit(1)
        os.close(incoming)
        os.close(outgoing)
        self.stdin, self.stdout = io.FileIO(self._to_child, "w"), open(self._from_child, "rb")

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        if self.returncode is None:
            self.returncode = os.waitpid(self.pid, 0)[1]


def spawned(harness: str) -> Any:
    """The untrusted process where no process can be copied (Windows)."""
    return subprocess.Popen(command("untrusted_process", harness), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, **own_session())


class UntrustedProcess:
    """The untrusted process, from its start until it and its descendants are gone."""

    def __init__(self, process: Any, limits: dict):
        self.process, self.limits = process, limits
        self.timed_out = self.over_memory = False
        self._over, self._lock = threading.Event(), threading.Lock()
        self._deadline = time.monotonic() + START_S
        self._pipes = self.process.stdin, self.process.stdout
        self.channel = Channel(self.process.stdout, self.process.stdin.fileno(), self.limits["output_bytes"],
                               self._answer, lambda channel, number, _: AnswerProxy(channel, number))
        self._job: int | None = None
        threading.Thread(target=self._watch, daemon=True).start()

    def isolate(self, layers: list) -> list | None:
        """The layers in force, or None if the process did not survive them."""
        try:
            pid = self.channel.receive()[1]
            self._job = windows_job.job_around(pid, self.limits) if os.name == "nt" else None
            reply = self.channel.ask("isolate", self.limits, layers)
            return self.channel.unpack(reply[1]) + (["job"] if self._job else [])
        except ConnectionLost:
            return None

    def start_clock(self) -> None:
        """From now on the answer's own time limit counts: starting Python is not part of it."""
        self._deadline = time.monotonic() + self.limits["wall_s"]

    def end(self) -> None:
        """Kill the process, its group, and descendants that left the group, and wait for them."""
        self._over.set()
        self.kill()
        with self._lock:
            self.process.wait()
        for pipe in self._pipes:
            pipe.close()
        kill_descendants()

    def why_lost(self, reason: str) -> str:
        """A more specific reason than `crashed`, if there is one. Call after `end`."""
        if reason != "crashed":
            return reason
        if self.timed_out or self._cpu_s() > self.limits["cpu_s"] - 0.2:
            return "timeout"
        return "memory" if self.over_memory else "crashed"

    def _cpu_s(self) -> float:
        return windows_job.cpu_s(self.process.pid) if os.name == "nt" else isolation.children_cpu_s()

    def _watch(self) -> None:
        """In a thread: enforce the wall time, and memory where the system cannot limit it."""
        while not self._over.wait(min(WATCH_S, max(0.0, self._deadline - time.monotonic()))):
            self.timed_out = time.monotonic() >= self._deadline
            self.over_memory = isolation.memory_in_use(self.process.pid) > self.limits["memory_bytes"]
            if self.timed_out or self.over_memory:
                self.kill()
                return

    def _answer(self, *request: Any) -> list:
        with lost_on_error():
            return _answer(self.channel, *request)

    def kill(self) -> None:
        with self._lock:
            if self.process.returncode is not None:
                return
            if self._job:
                windows_job.end_job(self._job)
            if os.name == "posix":
                with contextlib.suppress(OSError):      # already gone
                    os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()


def main() -> None:
    """Read one job from standard input; write one line when isolation is in force, and one with the verdict."""
    started = spawned(sys.argv[1]) if os.name == "nt" else ForkedProcess()
    isolation.protect_test_process()
    with open(0, "rb", closefd=False) as incoming:
        job = json.loads(incoming.readline())
    send_line(run_job(job, UntrustedProcess(started, job["limits"])))


def run_job(job: dict, process: UntrustedProcess) -> dict:
    """The verdict on a job; {} if the untrusted process died of its isolation, before it had the code."""
    threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
    try:
        layers = process.isolate(job["layers"])
        if layers is None:
            return {}
        send_line({"isolation": layers, "pid": process.process.pid})
        return run_tests(process, job)
    finally:
        process.end()


def send_line(result: dict) -> None:
    os.write(1, json.dumps(result).encode("ascii") + b"\n")


def run_tests(process: UntrustedProcess, job: dict) -> dict:
    """Run the code, then each test; the first that fails decides."""
    test_name = "before the tests"
    process.start_clock()
    try:
        reply = process.channel.ask("run", job["code"], job["entry"])
        if reply[0] in ("syntax-error", "no-entry"):
            return {"reason": reply[0], "detail": ""}
        scope = {job["entry"]: _result(process.channel, reply)}
        exec(compile(job["tests"], "tests", "exec", dont_inherit=True, optimize=0), scope)
        tests = {name: test for name, test in scope.items() if name.startswith("test_")}
        for test_name, test in tests.items():
            test()
        return {"reason": "passed" if tests else "not-run", "detail": "" if tests else "no tests"}
    except ConnectionLost as lost:
        process.end()
        return {"reason": process.why_lost(lost.reason), "detail": test_name}
    except RemoteException as problem:
        return {"reason": "memory" if isinstance(problem, MemoryError) else "exception",
                "detail": f"{test_name}: {problem.name}"}
    except Exception:   # the assertion failed, or the returned value could not be used in it
        return {"reason": "wrong", "detail": test_name}


def command(module: str, harness: str) -> list:
    """Isolated, without site-packages, writing no bytecode, and with one encoding on all systems."""
    # In a virtual environment of Windows sys.executable is a launcher, and the real process its child.
    python = getattr(sys, "_base_executable", None) if os.name == "nt" else None
    return [python or sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", BOOT.format(module), harness]


def environment() -> dict:
    """Empty, except for one variable without which Python on Windows does not start."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if os.name == "nt" and name in os.environ}


def own_session() -> dict:
    """Options for a new session: no terminal, no Ctrl-C, and a process group that can be killed."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def kill_descendants() -> None:
    """Kill and wait for all remaining children, adopted orphans included where the system supports that."""
    end = time.monotonic() + SWEEP_S
    while os.name == "posix" and time.monotonic() < end:
        for pid in isolation.children():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
        except ChildProcessError:
            return


def _end_with_input(process: UntrustedProcess) -> None:
    """In a thread: the parent keeps our input open while it waits for the verdict."""
    while os.read(0, 4096):
        pass
    process.kill()


def _called(channel: Channel, number: int, name: str | None, args: tuple, words: dict) -> Any:
    """Call in the untrusted process, then copy changes of lists, dicts and sets among the arguments back."""
    arguments = [*args, *words.values()]
    packed = channel.pack(arguments)
    reply = channel.ask("call", number, name, channel.pack(list(args)), channel.pack(words))
    after = reply[-1] if reply[0] in ("ok", "raise") else None
    if after is not None and after != packed:
        with lost_on_error():
            for ours, theirs in zip(arguments, channel.unpack(after)):
                _become(ours, theirs)
    return _result(channel, reply)


def _become(ours: Any, theirs: Any) -> None:
    if isinstance(ours, list):
        ours[:] = theirs
    elif isinstance(ours, (dict, set)):
        ours.clear()
        ours.update(theirs)


def _result(channel: Channel, reply: list) -> Any:
    with lost_on_error():
        kind, details = reply[0], reply[1:]
        if kind == "ok":
            return channel.unpack(details[0])
        problem = remote_exception(*details[:2]) if kind == "raise" else None
    if problem is None:
        raise NotSerializable() if kind == "unusable" else ConnectionLost("crashed")
    raise problem


def _answer(channel: Channel, verb: str, number: int, other: Any = None) -> list:
    """Serve a request for one of the test's objects: its hash, a comparison, or a call."""
    ours, theirs = channel.own(number), channel.unpack(other)
    try:
        if verb == "hash":
            return ["ok", hash(ours)]
        if verb == "eq":
            return ["ok", bool(ours == theirs)]
        if verb == "call":
            return ["ok", channel.pack(ours(*theirs))]
    except Exception as problem:
        return exception_message(problem)
    raise ConnectionLost("crashed")
