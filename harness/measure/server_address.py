"""The server's address: read by Ollama's own rules, whether it is this machine, and how much of it may be published."""
from __future__ import annotations

import ipaddress
import re
import shutil
import urllib.parse
from dataclasses import dataclass, field, replace
from typing import Mapping

from base.errors import UserError
from base.target import is_loopback_host
from measure.own_address import LOCAL_DOMAINS, is_own

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 11434


def start_command() -> str:
    """What starts a server on this machine, or where to get one."""
    return "ollama serve" if shutil.which("ollama") else "install Ollama from https://ollama.com/download, or add --target-url URL"


@dataclass(frozen=True)
class ServerAddress:
    """Where the server is. The path prefix has no slash at its end."""
    scheme: str
    host: str
    port: int
    prefix: str = ""
    credentials: str = field(default="", repr=False, compare=False)     # user:password for a proxy; sent, never written

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message and no file may contain."""
        return (self.credentials, self.credentials.partition(":")[2])

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"

    @property
    def name(self) -> str:
        """The host as it is compared."""
        return self.host.lower().rstrip(".")

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine: on loopback, or under one of this machine's own addresses or names."""
        return self._is_loopback_name or is_own(self.name)

    @property
    def _is_loopback_name(self) -> bool:
        return is_loopback_host(self.name.split("%")[0])

    @property
    def public(self) -> str:
        """What a manifest may contain: a loopback URL for this machine; else only how far away the server is."""
        if self._is_loopback_name:
            return self.url
        if is_own(self.name):       # its address in the local network is private
            return ServerAddress(self.scheme, "localhost", self.port, self.prefix).url
        address = _address(self.host)
        is_near = address.is_private or address.is_link_local if address else \
            "." not in self.name or self.name.endswith(LOCAL_DOMAINS)
        return "lan" if is_near else "remote"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return None


def find_target(target_url: str | None, environment: Mapping[str, str]) -> ServerAddress:
    """--target-url before OLLAMA_HOST before the default; both are read by Ollama's own rules (ollama-wire 7.1)."""
    text = environment.get("OLLAMA_HOST", "") if target_url is None else target_url
    name = "OLLAMA_HOST" if target_url is None else "--target-url"
    target = parse_host(text)
    if target.scheme not in ("http", "https"):
        raise UserError(f"{target.scheme}:// is not supported", name, "use http:// or https://")
    if not _is_address(target):     # not shown: a text that is not an address may hold a password
        raise UserError("this is not a server's address", name, "write it like 127.0.0.1:11434 or http://host:11434")
    if target_url is not None:      # a password on a command line is seen by every user of the machine
        own = parse_host(environment.get("OLLAMA_HOST", ""))
        is_same = (own.scheme, own.name, own.port) == (target.scheme, target.name, target.port)
        target = replace(target, credentials=own.credentials if is_same else "")
    if target.name == "ollama.com" or target.name.endswith(".ollama.com"):
        raise UserError("this is a cloud service, not a machine that can be measured", target.url, "name a server of your own")
    return target


def _is_address(target: ServerAddress) -> bool:
    """Whether a connection can be tried; http.client raises several kinds of errors where it cannot."""
    if not target.prefix.isascii() or re.search(r"[\s\x00-\x1f\x7f?#@]", target.prefix):
        return False
    if ":" in target.host:
        match = re.fullmatch(r"[0-9A-Fa-f.:]+(?:%[\w.-]+)?", target.host)
        return match is not None and _address(target.host) is not None
    try:
        target.host.encode("idna")
    except UnicodeError:
        return False
    return re.fullmatch(r"[\w.-]+", target.host) is not None


def parse_host(text: str) -> ServerAddress:
    """OLLAMA_HOST as Ollama reads it; an unspecified address becomes one that can be connected to."""
    text = text.strip().strip("\"'").strip()
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "http", text
    port = {"http": 80, "https": 443}.get(scheme, DEFAULT_PORT) if mark else DEFAULT_PORT
    if not mark and text == "ollama.com":
        scheme, port = "https", 443
    place, slash, path = rest.partition("/")
    credentials, _, place = place.rpartition("@")
    host, port = _split_port(place, port)
    host = {"": DEFAULT_HOST, "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return ServerAddress(scheme, host, port, ("/" + path).rstrip("/") if slash else "", urllib.parse.unquote(credentials))


def _split_port(place: str, default: int) -> tuple[str, int]:
    """(host, port) of `host`, `host:port`, `[v6]:port`, `v6`; an invalid port gives the default."""
    if place.startswith("["):
        host, _, after = place[1:].partition("]")
        number = after[1:] if after.startswith(":") else ""
    elif place.count(":") == 1:
        host, _, number = place.partition(":")
    else:
        host, number = place, ""
    valid = re.fullmatch(r"[0-9]{1,5}", number) is not None and int(number) <= 65535
    return host, int(number) if valid else default
