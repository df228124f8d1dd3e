"""What every test needs: the harness on the import path, and where things are."""
from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import sys
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
HARNESS = ROOT / "harness"
if str(HARNESS) not in sys.path:
    sys.path.insert(0, str(HARNESS))


class Stub:
    """A running loopback server (harness/measure/loopback), which speaks like Ollama and says what it was told to."""

    def __init__(self, process: subprocess.Popen, url: str):
        self.process, self.url = process, url
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def script(self, new: dict) -> None:
        """Replace the script; everything that was loaded, cached and logged is forgotten."""
        self.ask("/stub/script", new)

    def log(self, start: int = 0) -> list[dict]:
        """The truth about each request from number start on."""
        return self.ask(f"/stub/log?from={start}")

    def ask(self, path: str, body: object = None) -> object:
        data = None if body is None else json.dumps(body).encode()
        with self._direct.open(self.url + path, data, timeout=30) as answer:
            return json.load(answer)


@contextlib.contextmanager
def stub(script: dict | None = None):
    """A loopback server in a process of its own; it ends with the block, and with this process in any case."""
    command = [sys.executable, str(HARNESS / "measure" / "loopback")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            server = Stub(process, json.loads(process.stdout.readline())["url"])
            if script is not None:
                server.script(script)
            yield server
        finally:
            process.stdin.close()
            process.wait(timeout=10)
