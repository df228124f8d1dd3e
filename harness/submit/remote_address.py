"""Places: what the address of a remote repository says: whose it is, where its pages are, and how it may be shown."""
from __future__ import annotations

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass

from base.errors import UserError, printable

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})\Z|\[[0-9A-Fa-f:.]{2,45}\]\Z")
HELPER = re.compile(r"[A-Za-z0-9+.-]+::")      # git would start a program of that name
DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
SCP = re.compile(r"(?:[\w.+-]+@)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(?!//)(.+)\Z")


@dataclass(frozen=True)
class Place:
    """A repository somewhere. `spec` is what git is given: a remote's name where it has one, so that a password in its
    address stands on no command line. Without `web` it has no pages that could be asked: a folder, or plain http."""
    spec: str
    url: str
    host: str = ""
    web: str = ""           # https://host, without a slash at its end
    owner: str = ""
    name: str = ""

    @property
    def shown(self) -> str:
        """The address without user and password."""
        return without_credentials(self.url)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def page(self) -> str:
        return f"{self.web}/{quoted(self.owner)}/{quoted(self.name)}"


def parse(url: str, spec: str = "", forge: str = "") -> Place:
    """The place of an address as git takes it. `forge` are its pages, where they are not at https:// and the same host."""
    if not url or url.startswith("-") or HELPER.match(url) or not url.isprintable():
        raise UserError("this is no address of a repository", printable(url)[:80],
                        "write it like https://host/owner/name.git")
    spec = spec or url
    if DRIVE.match(url):
        return Place(spec, url)
    if "://" in url:
        return _of_url(url, spec, forge)
    scp = SCP.match(url)
    return _place(spec, url, scp.group(1), "", scp.group(2), forge) if scp else Place(spec, url)


def _of_url(url: str, spec: str, forge: str) -> Place:
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UserError("this is no address of a repository", without_credentials(url)[:80],
                        "write it like https://host/owner/name.git") from None
    host = f"[{host}]" if ":" in host else host
    if parts.scheme in ("ssh", "git+ssh"):
        return _place(spec, url, host, "", parts.path, forge)
    if parts.scheme == "https" or parts.scheme == "http" and is_loopback(host):
        return _place(spec, url, host, f"{parts.scheme}://{host}{f':{port}' if port else ''}", parts.path, forge)
    return Place(spec, url)


def _place(spec: str, url: str, host: str, web: str, path: str, forge: str) -> Place:
    """The last two parts of the path are owner and name; what stands before them belongs to the pages' address."""
    *before, owner, name = [""] * 2 + [urllib.parse.unquote(part) for part in path.split("/") if part]
    name = name[:-4] if name.endswith(".git") else name
    if not (HOST.match(host) and NAME.match(owner) and NAME.match(name)):
        return Place(spec, url)
    inside = [part for part in before if part]
    web = web or f"https://{host}"
    pages = "/".join([web] + [quoted(part) for part in inside])
    return Place(spec, url, host.lower(), forge.rstrip("/") or pages, owner, name)


def sibling(place: Place, owner: str, name: str) -> Place:
    """Another repository on the same server, reached in the same way; its names come from the server and are checked."""
    if not (NAME.match(owner) and NAME.match(name)):
        raise UserError("the server names a repository that cannot be one", printable(f"{owner}/{name}")[:80],
                        "pass --upstream or --fork yourself")
    url = re.sub(r"[^/:]+/[^/]+?(\.git)?/?\Z", lambda found: f"{owner}/{name}{found.group(1) or ''}", place.url)
    return parse(without_credentials(url), forge=place.web)


def check_forge(url: str) -> str:
    """An address that a token may be sent to: https, or this very machine. Raises UserError."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        right = parts.port != 0 and url.isprintable() and not parts.query and not parts.fragment and parts.username is None
    except ValueError:
        host, right = "", False
    host = f"[{host}]" if ":" in host else host
    if not right or not HOST.match(host) or " " in url:
        raise UserError("this is no address of a forge", without_credentials(url)[:80], "write it like https://host")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise UserError("only https is spoken with a forge: everybody on the way could read the token",
                        without_credentials(url)[:80], "write it with https://")
    return url.rstrip("/")


def compare_page(upstream: Place, fork: Place, base: str, branch: str) -> str:
    """The page on which a person opens the request; slashes within the names are quoted, those between them are not."""
    if fork.full_name.lower() == upstream.full_name.lower():
        head = quoted(branch)
    elif fork.name.lower() == upstream.name.lower():
        head = f"{quoted(fork.owner)}:{quoted(branch)}"
    else:
        head = f"{quoted(fork.owner)}/{quoted(fork.name)}:{quoted(branch)}"
    return f"{upstream.page}/compare/{quoted(base)}...{head}"


def is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def without_credentials(text: str) -> str:
    """Addresses in a text without user and password; the bare user of ssh tells nothing, and git needs it."""
    return re.sub(r"([A-Za-z][A-Za-z0-9+.-]*)://([^\s/@:]*)(:[^\s/]*)?@", lambda found: (
        found.group(0) if "ssh" in found.group(1) and not found.group(3) else f"{found.group(1)}://"), text)
