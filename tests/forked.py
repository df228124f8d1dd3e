"""Commands without their start-up: a process that has imported the harness forks for each of them.

Each has its own arguments, folder and environment, runs its script from the first line, and ends as any process does.
Where there is no fork, each is a process that imports the harness itself.
"""
from __future__ import annotations

import contextlib
import importlib
import json
import os
import pathlib
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from typing import Callable

CAN_FORK = sys.platform == "linux"      # on macOS system libraries do not survive a fork
# Commands, and what they import only where they need it.
IMPORTED = ("commands.check_submission", "commands.probe_hardware", "commands.run_benchmark", "commands.submit_run", "commands.summarize_run",
            "measure.hardware", "measure.identity", "measure.plan_text", "measure.run_session", "publish.run_grade",
            "self_test.timing_floor", "submit.run_status")
HARNESS = pathlib.Path(__file__).resolve().parent.parent / "harness"
TERMINATE = getattr(signal, "SIGKILL", signal.SIGTERM)      # Windows has one signal for it


class Command:
    """A command that was started, used like a subprocess.Popen; what it prints goes to files in `folder`."""

    def __init__(self, pid: int, folder: pathlib.Path, ended: Callable[[float], int | None]):
        self.pid, self._folder, self._ended = pid, folder, ended
        self.returncode: int | None = None

    def poll(self, seconds: float = 0) -> int | None:
        """The exit code, or None if it still runs after so many seconds."""
        if self.returncode is None:
            self.returncode = self._ended(seconds)
        return self.returncode

    def wait(self, seconds: float = 300) -> int:
        code = self.poll(seconds)
        if code is None:
            self.kill()
            raise TimeoutError(f"longer than {seconds} s: {self.printed('stderr')}")
        return code

    def kill(self) -> None:
        self.send_signal(TERMINATE)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def printed(self, name: str) -> str:
        """What it has printed so far to `stdout` or `stderr`."""
        return (self._folder / name).read_text(encoding="utf-8")


class Commands:
    """Starts the scripts of a harness, one at a time. `prelude` is code that runs before each of them, after the imports."""

    def __init__(self, harness: pathlib.Path = HARNESS, prelude: str = ""):
        self._harness, self._prelude = harness, prelude
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="forked-"))
        if CAN_FORK:
            self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._parent = self._process(stdin=theirs)

    def _process(self, *words: str, **more) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-S", __file__, str(self._harness), self._prelude, *words], **more)

    def close(self) -> None:
        if CAN_FORK:
            self._requests.close()
            self._parent.wait(60)
        shutil.rmtree(self._folder, True)

    def start(self, script: str, *words: str, cwd: pathlib.Path | None = None, env: dict | None = None) -> Command:
        """`script` is the name of a file in the harness."""
        cwd, env = str(cwd or os.getcwd()), dict(os.environ if env is None else env)
        with open(os.devnull, "rb") as stdin, open(self._folder / "stdout", "wb") as stdout, open(self._folder / "stderr", "wb") as stderr:
            if not CAN_FORK:
                process = self._process(script, *words, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr)
                return Command(process.pid, self._folder, lambda seconds: _exit_code(process, seconds))
            request = json.dumps({"words": [script, *words], "cwd": cwd, "env": env}).encode()
            socket.send_fds(self._requests, [request], [stdin.fileno(), stdout.fileno(), stderr.fileno()])
        return Command(self._answer(120), self._folder, self._answer)

    def _answer(self, seconds: float) -> int | None:
        self._requests.settimeout(seconds)
        with contextlib.suppress(socket.timeout, BlockingIOError):
            return int(self._requests.recv(16))
        return None

    def run(self, script: str, *words: str, **more) -> subprocess.CompletedProcess:
        command = self.start(script, *words, **more)
        return subprocess.CompletedProcess([script, *words], command.wait(), command.printed("stdout"), command.printed("stderr"))


def _exit_code(process: subprocess.Popen, seconds: float) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return None


# ----- in the other process

def main(harness: str, prelude: str, *words: str) -> None:
    sys.path[0] = harness
    for name in IMPORTED:
        importlib.import_module(name)
    exec(prelude, {})
    if words:
        run_script(harness, *words)
    requests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=os.dup(0))
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, 1 << 20, 3)
        if not request:
            return
        pid = os.fork()
        if not pid:
            requests.close()
            become(harness, descriptors, **json.loads(request))
        for descriptor in descriptors:
            os.close(descriptor)
        requests.send(b"%d" % pid)
        requests.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def become(harness: str, descriptors: list, words: list, cwd: str, env: dict) -> None:
    """This process becomes the command."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    run_script(harness, *words)


def run_script(harness: str, script: str, *words: str) -> None:
    """Never returns."""
    sys.argv = [os.path.join(harness, script), *words]
    runpy.run_path(sys.argv[0], run_name="__main__")
    raise SystemExit("the script did not exit")


if __name__ == "__main__":
    main(*sys.argv[1:])
