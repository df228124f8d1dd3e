"""The target of a manifest: the server's URL, or only `lan` or `remote`; and whether it is the machine itself."""
from __future__ import annotations

import ipaddress

from base.pattern import lazy

CLASSES = ("lan", "remote")     # written in place of the address of another machine
_URL = lazy(r"https?://(\[[0-9A-Fa-f:.%\w]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(/[!-~]*)?\Z")


def host_of(target: str) -> str | None:
    """The host of a URL without credentials, in lower case; None if the text is not such a URL."""
    match = _URL.match(target)
    return match.group(1).strip("[]").split("%")[0].lower().rstrip(".") if match else None


def is_local(target: str) -> bool:
    """Whether the server ran on the machine itself: its address is on loopback."""
    host = host_of(target)
    return host is not None and is_loopback_host(host)


def is_loopback_host(host: str) -> bool:
    """Whether an address, or a name in lower case, is one of loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
