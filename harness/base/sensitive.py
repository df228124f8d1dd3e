"""Private: what a text may tell about its writer's machine, network or accounts, kind by kind.

One place for writers and the judge: what the judge refuses, `scrub` writes nowhere. Loopback, the ranges set aside for
documentation, example domains and placeholder user names tell nothing and are fine. Every pattern reads a text of any
length in one pass: none has a repetition inside a repetition that could start anew at each character. A hint is much
cheaper than its pattern and rules it out for nearly every text.
"""
from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Callable, Iterator


def _anything(found: re.Match) -> bool:
    return True


def _any_of(*words: str) -> Callable[[str], bool]:
    """A hint: one of these stands in the text, which is lower-case."""
    return lambda lowered: any(word in lowered for word in words)


def _like(*patterns: str) -> Callable[[str], bool]:
    """A hint: one of these is found. Each begins with one character, which the search then leaps to."""
    searches = [re.compile(pattern).search for pattern in patterns]
    return lambda lowered: any(search(lowered) for search in searches)


@dataclass(frozen=True)
class Kind:
    """One kind of private thing. `means` looks at a match and says whether it really is one."""
    id: str
    says: str
    hint: Callable[[str], bool]     # of the text in lower case: whether the pattern might be found at all
    pattern: re.Pattern
    hits: tuple     # examples that must be found
    misses: tuple   # and texts that must not
    means: Callable[[re.Match], bool] = _anything


PLACEHOLDERS = frozenset("user username users you your-name yourname name me someone shared public default <user> <you> "
                         "<name> $user ${user} {user} %username% ... * runner".split())
DOCUMENTATION = tuple(map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32",
                                                 "3fff::/20")))
NO_HOST = ipaddress.ip_network("0.0.0.0/8")
EXAMPLE_DOMAINS = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|org|net))?|test|invalid|localhost)\Z", re.IGNORECASE)
NO_REPLY = re.compile(r"(?:^|[.@])(?:noreply|no-reply)(?:[.@]|\Z)|^(?:git|noreply|no-reply)@", re.IGNORECASE)


def _names_somebody(found: re.Match) -> bool:
    return next((part for part in found.groups() if part), "").lower() not in PLACEHOLDERS


def _is_address(found: re.Match) -> bool:
    try:
        address = ipaddress.ip_address(found.group(1).rstrip(":."))
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified or str(address) == "255.255.255.255":
        return False
    if address.version == 4 and address in NO_HOST:     # a version such as 0.12.3.1
        return False
    return not any(address in network for network in DOCUMENTATION if network.version == address.version)


def _is_mailbox(found: re.Match) -> bool:
    return not EXAMPLE_DOMAINS.search(found.group(1)) and not NO_REPLY.search(found.group(0))


def _is_hardware(found: re.Match) -> bool:
    digits = re.sub("[^0-9a-f]", "", found.group(0).lower())
    return len(set(digits)) > 1 and not digits.startswith("00005e0053")


def _is_somewhere(found: re.Match) -> bool:
    return found.group(1).lower() not in ("example", "your-host", "host")


def _is_no_example(found: re.Match) -> bool:
    return "example" not in found.group(0).lower() and len(set(found.group(0))) > 8


_PATH_SIGN = _any_of("/", "\\", "~", "%2f", "-home-", "-users-")
_PATH_WORD = _any_of("home", "users", "settings", "/root/", "/data/", "/storage/", "/sdcard", "media/", "/volumes/",
                     "/folders/", "\\\\", "~")
_TOKEN_WORD = _any_of(*"sk- gh glpat- hf_ xox akia asia aiza ya29. npm_ pypi- dckr_ sg. eyj tskey- r8_ gsk_ pplx- nvapi- "
                      "k_live_ k_test_ shpat_ glsa_ dop_v1_ age-secret bearer basic api passw secret token".split())

KINDS = (
    Kind("path", "a path of somebody's own", lambda lowered: _PATH_SIGN(lowered) and _PATH_WORD(lowered), re.compile(
        r"(?i:(?<![\w.])/(?:var/|usr/|export/)?home/([^\s/\\\"'`:;,)\]|]+)"
        r"|(?<![\w.])(?:/mnt)?(?:/[a-z])?/users/([^\s/\\\"'`:;,)\]|]+)"
        r"|(?<![a-z])[a-z]:[\\/]+(?:users|documents and settings)[\\/]+([^\s/\\\"'`:;,)\]|]+)"
        r"|(?<![\w/])/root(?=/)"
        r"|/data/(?:data|user/\d+)/[\w.]+/files"
        r"|(?<![\w.])/(?:storage/emulated/\d+|sdcard)(?=/)"
        r"|(?<![\w.])/(?:run/)?media/([^\s/\\\"'`:;,)\]|]+)/"
        r"|(?<![\w.])/volumes/([^\s/\\\"'`:;,)\]|]+)/"
        r"|/var/folders/\w\w/\w+"
        r"|(?<![\w\\])\\\\[\w.-]+\\[\w$.-]+"
        r"|(?<![\w~])~([a-z_][a-z0-9_-]{1,31})/"
        r"|%2f(?:home|users)%2f([\w.-]+?)(?=%2f|\b)"
        r"|(?<![\w-])-(?:home|users)-([\w.]+)-)"),
         ("/home/ana/x", "at /Users/Ana Maria/x", "C:\\Users\\ana", "d:/users/ana/x", "/mnt/c/Users/ana/x", "/root/.ollama",
          "/data/data/com.termux/files/home", "\\\\nas\\share", "/media/ana/disk/", "/Volumes/Ana/", "~ana/models",
          "%2Fhome%2Fana%2F", "/var/home/ana", "/var/folders/ab/cd3f/T", "-Users-ana-models"),
         ("/home/user/x", "/usr/share/ollama", "/api/chat", "C:\\Windows", "/Users/you", "home/page", "/dev/null", "~/x",
          "/etc/home", "and/or", "/roots/x"), _names_somebody),
    Kind("address", "a network address", _like(r"\.[0-9]{1,3}\.[0-9]"), re.compile(
        r"(?<![\w.-])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![\w-]|\.[0-9])"),
         ("192.168.1.7", "http://10.0.0.3:11434", "100.64.3.2", "169.254.1.1", "8.8.8.8", "::ffff:10.1.2.3"),
         ("127.0.0.1", "0.0.0.0:11434", "192.0.2.7", "203.0.113.1", "1.2.3", "1.2.3.4.5", "31.0.15.3623", "v10.0.0.3"),
         _is_address),
    Kind("address", "a network address", _like(":[0-9a-f]{0,4}:"), re.compile(
        r"(?i:(?<![\w:.])((?:[23][0-9a-f]{3}|f[cdef][0-9a-f]{2}):[0-9a-f:]{2,40}))"),
         ("fe80::1ff:fe23:4567:890a%eth0", "[2a02:8070::1]", "fd12:3456:789a::1"),
         ("2001:db8::1", "::1", "12:34:56", "2026:11", "a[::2]", "std::vector"), _is_address),
    Kind("hardware-address", "a hardware address", _like(
        ":[0-9a-f]{2}:", "-[0-9a-f]{2}-", r"\.[0-9a-f]{4}\."), re.compile(
        r"(?i:(?<![\w:.-])(?:[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![\w:-]))"),
         ("3c:22:fb:01:02:03", "3C-22-FB-01-02-03", "3c22.fb01.0203"),
         ("00:00:00:00:00:00", "12:34:56", "00:00:5e:00:53:af", "2026-11-24"), _is_hardware),
    Kind("e-mail", "an e-mail address", _any_of("@"), re.compile(r"(?<![\w.+-])[\w.+%-]{1,64}@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})\b"),
         ("ana@mail.org", "write to a.b+c@sub.domain.de"),
         ("ana@example.com", "1+ana@users.noreply.github.com", "git@github.com", "a@b", "@dataclass"), _is_mailbox),
    Kind("host", "a host of a local network", _like(
        r"\.(?:local|lan|home|internal|intranet|corp|ts\.net|fritz\.box)"), re.compile(
        r"(?i:(?<![\w.@-])([a-z0-9][a-z0-9-]{0,62})(?:\.[a-z0-9-]{1,63}){0,4}\."
        r"(?:local|lan|home|internal|localdomain|intranet|corp|home\.arpa|ts\.net|fritz\.box)\b(?![\w(=.-]))"),
         ("anas-mac.local", "nas.lan", "http://box.fritz.box/", "a.tail1.ts.net", "nas.localdomain", "nas.home.arpa"),
         ("threading.local()", "example.local", "localhost", "local", "self.home(x)"), _is_somewhere),
    Kind("token", "a key or token", _TOKEN_WORD, re.compile(
        r"(?<![\w-])(?:sk-(?:ant-|proj-|or-)?[A-Za-z0-9_-]{16,}|(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,}|github_pat_\w{20,}"
        r"|glpat-[\w-]{16,}|hf_[A-Za-z0-9]{20,}|xox[abeoprs]-[\w-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}"
        r"|ya29\.[\w-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-AgE[\w-]{20,}|dckr_pat_[\w-]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}"
        r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}|tskey-[\w-]{16,}|r8_[A-Za-z0-9]{20,}|gsk_[A-Za-z0-9]{20,}|pplx-[A-Za-z0-9]{20,}"
        r"|nvapi-[\w-]{20,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|shpat_[0-9a-f]{20,}|glsa_\w{20,}|dop_v1_[0-9a-f]{20,}"
        r"|AGE-SECRET-KEY-1[A-Z0-9]{20,}|(?i:bearer|basic)[ \t]+(?=[\w+/.~-]*[0-9])[\w+/.~-]{16,}"
        r"|(?i:api[_-]?key|password|passwd|secret|token)[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?(?=[\w+/.~-]*[0-9])[\w+/.~-]{12,})"),
         ("sk-ant-api03-abcdefGHIJK12345", "ghp_0123456789abcdefghijABCDEFGHIJ", "hf_abcdefghijklmnopqrstuvwx12", "AKIAIOSFODNN7ABCDEFG",
          "Bearer abcdef0123456789abcdef", "api_key=abcd1234efgh5678", "xoxb-12345-abcdefghij"),
         ("sk-learn", "token budget", "tokens: 512", "password: none", "basic understanding of things", "desk-abc"), _is_no_example),
    Kind("key", "a private key", _any_of("-----begin", "putty-", "ssh-"), re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY|PuTTY-User-Key-File-\d|ssh-(?:rsa|ed25519) AAAA[\w+/]{20,}"),
         ("-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----"), ("-----BEGIN CERTIFICATE-----", "a private key")),
    Kind("credentials", "a name and password in an address", _any_of("://"), re.compile(r"(?i:\b[a-z][a-z0-9+.-]{1,15}://[^\s/:@\"'<>]{1,64}:[^\s/@\"'<>]{1,256}@)"),
         ("http://ana:pw@host/", "ftp://u:p@h"), ("http://host:11434/a@b", "https://user@host")),
    Kind("serial", "a number that only one machine has", _like(
        "-[0-9a-f]{4}-", "serial", "s-1-5-21"), re.compile(
        r"(?i:(?<![\w-])(?:gpu-|mig-)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\w-])"
        r"|\bserial(?:[ _-]?(?:number|no\.?))?[\"']?[ \t]{0,3}[:=#][ \t]{0,3}[\"']?(?=[\w-]*[0-9])[\w-]{6,}|\bS-1-5-21-[0-9]+-[0-9]+-[0-9]+)"),
         ("GPU-1b2c3d4e-0000-4a6b-8c7d-8e9f00112233", "Serial Number: C02XK0AAJG5J", "S-1-5-21-111-222-333"),
         ("00000000-0000-0000-0000-000000000000", "serial: false", "serialised"),
         lambda found: len(set(found.group(0).replace("-", ""))) > 1),
)


def find(text: str, known: frozenset = frozenset()) -> Iterator[tuple]:
    """(kind, what was found) for each private thing in a text. `known` are numbers that may stand there: run ids."""
    lowered = text.lower()
    for kind in KINDS:
        for found in kind.pattern.finditer(text) if kind.hint(lowered) else ():
            if kind.means(found) and found.group(0).lower() not in known:
                yield kind, found.group(0)
