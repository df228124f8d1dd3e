"""What every test needs: the harness on the import path, and where things are."""
from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import pathlib
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request
from typing import Callable

# The many processes that tests start would compile every module again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

ROOT = pathlib.Path(__file__).resolve().parent.parent
HARNESS = ROOT / "harness"
# For children: without site-packages, of which the harness needs nothing and which cost more to set up than Python itself.
PYTHON = (sys.executable, "-S")
if str(HARNESS) not in sys.path:
    sys.path.insert(0, str(HARNESS))


# ----- temporary files

MEMORY, MEMORY_BYTES = "/dev/shm", 1 << 30


def folder_in_memory() -> str | None:
    """A folder in memory with enough room, where programs may run; None where there is none. Tests make and remove many small files."""
    if os.name != "posix" or not os.path.isdir(MEMORY) or not os.access(MEMORY, os.W_OK):
        return None
    state = os.statvfs(MEMORY)
    return MEMORY if state.f_bavail * state.f_frsize >= MEMORY_BYTES and not state.f_flag & getattr(os, "ST_NOEXEC", 8) else None


if "TMPDIR" not in os.environ:
    tempfile.tempdir = folder_in_memory()


# ----- kinds of tests that can be left out

def is_left_out(kind: str) -> bool:
    """Whether SKIP_TESTS, a list such as `browser,sandbox`, names this kind of test."""
    return kind in os.environ.get("SKIP_TESTS", "").split(",")


def optional(kind: str) -> Callable[[], None]:
    """A setUpModule for a file `test_<kind>_*.py`."""
    def set_up_module() -> None:
        if is_left_out(kind):
            raise unittest.SkipTest(f"SKIP_TESTS leaves out {kind}")
    return set_up_module


# ----- the fake server

class Stub:
    """A running loopback server (harness/self_test/fake_ollama), which speaks like Ollama and says what it was told to."""

    def __init__(self, process: subprocess.Popen, url: str):
        self.process, self.url = process, url
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def script(self, new: dict) -> None:
        """Replace the script; everything that was loaded, cached and logged is forgotten."""
        self.ask("/fake/script", new)

    def log(self, start: int = 0) -> list[dict]:
        """The truth about each request from number start on."""
        return self.ask(f"/fake/log?from={start}")

    def ask(self, path: str, body: object = None) -> object:
        data = None if body is None else json.dumps(body).encode()
        with self._direct.open(self.url + path, data, timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def stub(script: dict | None = None):
    """A loopback server in a process of its own; it ends with the block, and with this process in any case."""
    command = [*PYTHON, str(HARNESS / "self_test" / "fake_ollama")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            server = Stub(process, json.loads(process.stdout.readline())["url"])
            if script is not None:
                server.script(script)
            yield server
        finally:
            process.stdin.close()
            process.wait(timeout=10)


@functools.lru_cache(maxsize=1)
def shared_stub() -> Stub:
    """The fake server that all tests of this process share; each posts its own script."""
    context = stub()
    atexit.register(context.__exit__, None, None, None)
    return context.__enter__()


# ----- files

def file_of_a_clone(path: str) -> bytes:
    """A file of this repository for a clone in which runs are made; there they do not copy memory for a second each."""
    code = (ROOT / path).read_bytes()
    if path != "harness/measure/hardware/bandwidth.py":
        return code
    assert code.count(b"machine.copy(size)") == 1
    return code.replace(b"machine.copy(size)", b"(size, 7)")


def make_link(link: pathlib.Path, target: pathlib.Path) -> None:
    """A symbolic link; the test is skipped where there are none: Windows wants a privilege, and Wine only says that it made one."""
    with contextlib.suppress(OSError):
        link.symlink_to(target, target_is_directory=target.is_dir())
    if not link.is_symlink():
        raise unittest.SkipTest("symbolic links cannot be made here")


def remove_tree(folder: os.PathLike) -> None:
    """Also what is read-only, as git's objects are: Windows removes no such file."""
    def writable(function: Callable, path: str, problem: object) -> None:
        os.chmod(path, 0o700)
        function(path)
    shutil.rmtree(folder, onerror=writable)


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def words_of(line: str) -> list[str]:
    """The words that a program gets from a line to paste, quoted for the shell in use; on Windows with double quotes at most."""
    from base import shell
    if shell.kind() == shell.POSIX:
        return shlex.split(line)
    import ctypes
    split, count = ctypes.windll.shell32.CommandLineToArgvW, ctypes.c_int()
    split.restype = ctypes.POINTER(ctypes.c_wchar_p)
    words = split(ctypes.c_wchar_p(line), ctypes.byref(count))
    return words[:count.value]


# ----- records

PLAINEST = {"think_mode": True, "text": "", "bool": False, "count": 0, "number": 0, "object": {}, "settings": {}, "counts": {}, "point": [0, 0], "sha256": "0" * 64,
            "nonce": "0" * 18, "utc": "2026-01-02T03:04:05Z", "run_id": "00000000-0000-0000-0000-000000000000"}


def record(kind: str, /, **changes: object) -> dict:
    """A record that the schema takes: each field the plainest value of its kind, but for the changes."""
    from base import records
    found = {field.name: _plainest(field) for field in records.RECORDS[kind] if not field.absent}
    if kind in ("meta", "call", "skipped", "footer"):
        found["type"] = kind
    if kind == "meta":
        found["schema"] = records.LEDGER_VERSION
    return {**found, **changes}


def _plainest(field: object) -> object:
    from base import records
    head, _, rest = field.kind.partition(":")
    if field.null:
        return None
    if head == "list":
        return []
    if head == "by-line":
        return {}
    if head in ("count", "number") and field.range:
        return max(0, field.range[0])
    if head == "choice":
        return next(iter(records.CHOICES[rest]))
    return record(head) if head in records.RECORDS else PLAINEST[head]


# ----- a server that says exactly what a test tells it to

class Listener:
    """A listener on loopback; each connection is answered by `answer(connection, request)` in a thread of its own."""

    def __init__(self, answer, tls: object = None):
        self.tls = tls              # an ssl.SSLContext of a server, or None
        self.answer, self.requests, self.over = answer, [], threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self.over.is_set():
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            with connection if self.tls is None else self.tls.wrap_socket(connection, server_side=True) as inside:
                request = _whole_request(inside)
                self.requests.append(request)
                self.answer(inside, request)

    def close(self) -> None:
        """Answers that wait for `over` end; a connection of our own wakes the thread that accepts."""
        self.over.set()
        socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        self._threads[0].join(5)
        self._socket.close()
        for thread in self._threads[1:]:
            thread.join(5)


@contextlib.contextmanager
def listener(answer, tls: object = None):
    """A Listener that ends with the block. `answer` may be the bytes that every request gets."""
    if isinstance(answer, bytes):
        said = answer
        answer = lambda connection, request: connection.sendall(said)      # noqa: E731
    here = Listener(answer, tls)
    try:
        yield here
    finally:
        here.close()


def _whole_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    sizes = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(sizes[0]) - len(body) if sizes else 0
    while missing > 0:
        piece = connection.recv(missing)
        data, missing = data + piece, missing - len(piece) if piece else 0
    return data


def head(status: int = 200, kind: str = "application/x-ndjson", framing: str = "Transfer-Encoding: chunked") -> bytes:
    """A status line and headers."""
    return f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n".encode("ascii")


def chunk(data: bytes) -> bytes:
    """One HTTP chunk; of nothing it is the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def whole(body: bytes, status: int = 200, kind: str = "application/json") -> bytes:
    """A whole answer that tells its length."""
    return head(status, kind, f"Content-Length: {len(body)}") + body


def reset(connection: socket.socket) -> None:
    """Close so that the other side sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
    connection.close()


@functools.lru_cache(maxsize=None)
def resets_arrive() -> bool:
    """Whether the other side of `reset` sees a reset: Wine shows it an orderly end."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5) as client:
        reset(server.accept()[0])
        try:
            client.recv(1)
        except ConnectionResetError:
            return True
        return False


NO_RESETS = "a connection that is reset arrives as closed in order here"


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
