"""A preview server for the finished site, on loopback only."""
from __future__ import annotations

import functools
import http.server
import pathlib
import sys
from typing import Any

from base import files
from publish.pages import layout

# The pages' own policy, for every file; frame-ancestors works only as a header.
POLICY = f"{layout.POLICY}; frame-ancestors 'none'"
TYPES = {"": "application/octet-stream", ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".csv": "text/csv; charset=utf-8",
         ".xml": "application/atom+xml", ".txt": "text/plain; charset=utf-8", ".sqlite": "application/vnd.sqlite3",
         ".svg": "image/svg+xml"}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the files of one folder, without directory listings and without logging requests."""
    extensions_map = TYPES

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        super().end_headers()

    def list_directory(self, path: files.Path) -> None:
        self.send_error(404)

    def log_message(self, *_: str) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that closes the connection early is not an error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def server(folder: pathlib.Path, port: int) -> Server:
    """A server on 127.0.0.1; port 0 takes any free one. The caller runs and closes it."""
    return Server(("127.0.0.1", port), functools.partial(Handler, directory=str(folder)))
