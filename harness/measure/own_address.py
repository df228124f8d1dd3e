"""This machine's own addresses and names: which of them a server's address may be. Nothing is sent to find out."""
from __future__ import annotations

import functools
import ipaddress
import socket

LOCAL_DOMAINS = (".local", ".lan", ".home", ".internal", ".home.arpa")
NOBODYS_ADDRESS = "198.51.100.77"       # set aside for documentation


@functools.lru_cache(maxsize=64)
def is_own(host: str) -> bool:
    """Whether this is an address of this machine or its name. No name server is asked."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        own = socket.gethostname().lower().rstrip(".")
        short = own.partition(".")[0]
        return bool(own) and host in (own, short, *(short + domain for domain in LOCAL_DOMAINS))
    return not address.is_multicast and can_bind(host) and not can_bind(NOBODYS_ADDRESS)


def can_bind(host: str) -> bool:
    """A socket can be bound only to the machine's own addresses, unless the system is configured to allow any."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
        with socket.socket(family, kind, protocol) as own:
            own.bind(place)
    except OSError:
        return False
    return True
