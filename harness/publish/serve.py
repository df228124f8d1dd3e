"""Serve: the finished site on this machine's loopback, for who wants to look at it before it goes anywhere."""
from __future__ import annotations

import functools
import http.server
import pathlib
import sys

from publish.pages import layout

# What the pages say in their heads holds here for every file; that nobody may frame them can be said here alone.
POLICY = f"{layout.POLICY}; frame-ancestors 'none'"
TYPES = {"": "application/octet-stream", ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".csv": "text/csv; charset=utf-8",
         ".xml": "application/atom+xml", ".txt": "text/plain; charset=utf-8", ".sqlite": "application/vnd.sqlite3",
         ".svg": "image/svg+xml"}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of one folder; no list of what is in it, and no word on the terminal for each request."""
    extensions_map = TYPES

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        super().end_headers()

    def list_directory(self, path: object) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that leaves in the middle of a file is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def server(folder: pathlib.Path, port: int) -> Server:
    """A server that listens on loopback alone; port 0 takes any that is free. The caller lets it run and closes it."""
    return Server(("127.0.0.1", port), functools.partial(Handler, directory=str(folder)))
