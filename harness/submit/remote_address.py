"""Addresses of remote repositories: owner, name, web pages, and how they may be printed."""
from __future__ import annotations

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass

from base.errors import UserError, printable
from base.pattern import lazy

NAME = lazy(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
HOST = lazy(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})\Z|\[[0-9A-Fa-f:.]{2,45}\]\Z")
HELPER = lazy(r"[A-Za-z0-9+.-]+::")      # git would start a program of that name
DRIVE = lazy(r"[A-Za-z]:[\\/]|\\\\")
SCP = lazy(r"(?:[\w.+-]+@)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+):(?!//)(.+)\Z")


@dataclass(frozen=True)
class Repository:
    """A repository on this machine or on a server.

    `spec` is what git is given: the remote's name where there is one, so that a password in its address appears on no
    command line. `web` is empty where no API can be asked: a folder, or plain http.
    """
    spec: str
    url: str
    host: str = ""
    web: str = ""           # https://host, without a slash at its end
    owner: str = ""
    name: str = ""

    @property
    def public_url(self) -> str:
        """The address without user and password."""
        return without_credentials(self.url)

    @property
    def is_folder(self) -> bool:
        """Whether it lies in a folder that this machine can open; no server keeps pull requests for it."""
        is_address = "://" in self.url or SCP.match(self.url) and not DRIVE.match(self.url)
        return self.url.startswith("file://") or not is_address

    @property
    def may_have_agit(self) -> bool:
        """Whether a Gitea may be there: in any other repository, a push to refs/for/ makes a reference that nobody looks at."""
        return bool(self.web) or not self.is_folder and not self.url.startswith("git://")

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def page(self) -> str:
        return f"{self.web}/{quoted(self.owner)}/{quoted(self.name)}"


def parse(url: str, spec: str = "", forge: str = "") -> Repository:
    """Parse an address as git accepts it. `forge` is the address of the web pages, if not https:// and the same host."""
    if not url or url.startswith("-") or HELPER.match(url) or not url.isprintable():
        raise UserError("not the address of a repository", printable(url)[:80],
                        "write it like https://host/owner/name.git")
    spec = spec or url
    if DRIVE.match(url):
        return Repository(spec, url)
    if "://" in url:
        return _of_url(url, spec, forge)
    scp = SCP.match(url)
    return _with_pages(spec, url, scp.group(1), "", scp.group(2), forge) if scp else Repository(spec, url)


def _of_url(url: str, spec: str, forge: str) -> Repository:
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UserError("not the address of a repository", without_credentials(url)[:80],
                        "write it like https://host/owner/name.git") from None
    host = f"[{host}]" if ":" in host else host
    if parts.scheme in ("ssh", "git+ssh"):
        return _with_pages(spec, url, host, "", parts.path, forge)
    if parts.scheme == "https" or parts.scheme == "http" and is_loopback(host):
        return _with_pages(spec, url, host, f"{parts.scheme}://{host}{f':{port}' if port else ''}", parts.path, forge)
    return Repository(spec, url)


def _with_pages(spec: str, url: str, host: str, web: str, path: str, forge: str) -> Repository:
    """The last two parts of the path are owner and name; anything before them belongs to the address of the web pages."""
    *before, owner, name = [""] * 2 + [urllib.parse.unquote(part) for part in path.split("/") if part]
    name = name[:-4] if name.endswith(".git") else name
    if not (HOST.match(host) and NAME.match(owner) and NAME.match(name)):
        return Repository(spec, url)
    inside = [part for part in before if part]
    web = web or f"https://{host}"
    pages = "/".join([web] + [quoted(part) for part in inside])
    return Repository(spec, url, host.lower(), forge.rstrip("/") or pages, owner, name)


def sibling(repository: Repository, owner: str, name: str) -> Repository:
    """Another repository on the same server and over the same protocol; the names come from the server and are checked."""
    if not (NAME.match(owner) and NAME.match(name)):
        raise UserError("the server reports an invalid repository name", printable(f"{owner}/{name}")[:80],
                        "pass --upstream or --fork yourself")
    url = re.sub(r"[^/:]+/[^/]+?(\.git)?/?\Z", lambda match: f"{owner}/{name}{match.group(1) or ''}", repository.url)
    return parse(without_credentials(url), forge=repository.web)


def check_forge(url: str) -> str:
    """An address that a token may be sent to: https, or loopback. Raises UserError."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        is_valid = parts.port != 0 and url.isprintable() and not parts.query and not parts.fragment and parts.username is None
    except ValueError:
        host, is_valid = "", False
    host = f"[{host}]" if ":" in host else host
    if not is_valid or not HOST.match(host) or " " in url:
        raise UserError("not the address of a server", without_credentials(url)[:80], "write it like https://host")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise UserError("https is required: over plain http anybody on the way could read the token",
                        without_credentials(url)[:80], "write it with https://")
    return url.rstrip("/")


def compare_page(upstream: Repository, fork: Repository, base: str, branch: str, title: str, body: str) -> str:
    """The page on which a person opens the pull request, with title and text filled in; slashes within names are quoted."""
    is_own = fork.full_name.lower() == upstream.full_name.lower()
    # `owner:branch` would do for a direct fork only.
    head = quoted(branch) if is_own else f"{quoted(fork.owner)}/{quoted(fork.name)}:{quoted(branch)}"
    form = urllib.parse.urlencode({"expand": 1, "title": title, "body": body}, quote_via=urllib.parse.quote)
    return f"{upstream.page}/compare/{quoted(base)}...{head}?{form}"


def is_same(first: Repository, second: Repository) -> bool:
    if first.web:
        return (first.web, first.full_name.lower()) == (second.web, second.full_name.lower())
    return first.url == second.url


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
    """The text with user names and passwords removed from its addresses; the user name of ssh stays, since git needs it."""
    return re.sub(r"([A-Za-z][A-Za-z0-9+.-]*)://([^\s/@:]*)(:[^\s/]*)?@", lambda match: (
        match.group(0) if "ssh" in match.group(1) and not match.group(3) else f"{match.group(1)}://"), text)
