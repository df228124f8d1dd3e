"""Answers that are not Ollama's: a proxy's page, a redirect, a password prompt; described without their secrets."""
from __future__ import annotations

import re
import urllib.parse
from typing import Mapping

from base.pattern import lazy

MAX_TITLE = 80
TITLE = lazy(r"<(title|h1)[^>]*>([^<]*)</", re.IGNORECASE)


def page_title(text: str) -> str | None:
    """The title of an HTML page, "" of a page without one; None for what is not HTML."""
    if not re.match(r"\s*(<!doctype html|<html|<head|<body)", text, re.IGNORECASE):
        return None
    match = TITLE.search(text)
    return " ".join(match.group(2).split())[:MAX_TITLE] if match else ""


def page_error(text: str, status: int | None) -> str | None:
    """One line that describes an HTML page; None if the answer is not HTML."""
    title = page_title(text)
    if title is None:
        return None
    code = "" if status in (None, 200) else f"HTTP {status}, "
    return f"{code}an HTML page{f' with the title {title!r}' if title else ''}"


def explain(path: str, status: int, headers: Mapping[str, str], text: str, prefix: str) -> tuple[str, str] | None:
    """(what is wrong, what to do) if the answer shows that it is not the server's own; else None."""
    if 300 <= status < 400 and headers.get("location"):
        return (f"{path} redirects to {_place(headers['location'])} (HTTP {status})",
                "if that is your server, name it with --target-url or OLLAMA_HOST")
    if status == 401 and headers.get("www-authenticate", "").lower().startswith("basic"):
        return (f"user name and password are needed (HTTP {status}, basic authentication)",
                "set OLLAMA_HOST to http://USER:PASSWORD@HOST:PORT; they are sent to that host and recorded nowhere")
    if status in (401, 403):
        return f"the server refuses (HTTP {status} for {path})", "set OLLAMA_API_KEY or check the address"
    if status == 407:
        return f"a proxy asks for authentication (HTTP {status})", "name the server itself with --target-url or OLLAMA_HOST"
    if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        return (f"the answer to {path} is compressed ({headers['content-encoding'][:20]}), which was not asked for",
                "switch off compression in the proxy in front of the server")
    page = page_error(text, status)
    if page is not None:
        return (f"the server at this address is not Ollama: {page}",
                "start the server behind the proxy" if status in (502, 503, 504) else "log in there, or name the server itself "
                "with --target-url or OLLAMA_HOST")
    if status == 404 and prefix:
        return (f"the server at this address is not Ollama (HTTP {status} for {prefix}{path})",
                f"leave {prefix} out of the address: the API is at /api")
    return None


def _place(location: str) -> str:
    """Scheme and host alone: paths and queries of login pages hold tokens."""
    parts = urllib.parse.urlsplit(location)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if parts.scheme and host else "another path"
