"""Start the fake server; its manual is in __init__.py."""
from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import socket
import sys
import threading

if not __package__:                       # started by its path: make the package importable by its name
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import fake_ollama  # noqa: E402
from fake_ollama import http_wire, routes  # noqa: E402

SWITCH_S = 0.0005                         # a thread that is due must not wait the usual 5 ms for one that computes


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="fake_ollama", description=fake_ollama.__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="to listen on; 0: any free one")
    listener = socket.create_server(("127.0.0.1", parser.parse_args(argv).port), backlog=256)
    threading.Thread(target=accept, args=(listener, routes.FakeOllama()), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()                           # what is there now stays; no collection need look at it again
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}", "pid": os.getpid()}), flush=True)
    while sys.stdin.buffer.read(65536):
        pass
    return 0


def accept(listener: socket.socket, server: routes.FakeOllama) -> None:
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=server.serve, args=(http_wire.Client(sock),), daemon=True).start()


if __name__ == "__main__":
    raise SystemExit(main())
