"""Private data: what a text may reveal about its writer's machine, network or accounts, kind by kind.

One place for writers and the checker: what the checker refuses, `scrub` does not write. Loopback, the ranges set aside
for documentation, example domains and placeholder names reveal nothing and are allowed. Every pattern reads a text of any
length in one pass: none repeats a repetition, which could restart at each character. A hint is much
cheaper than its pattern and rules it out for nearly every text; it looks at the distinct words of the text first.
"""
from __future__ import annotations

import functools
import re
from typing import Callable, Dict, FrozenSet, Iterator, NamedTuple, Tuple, Union

from base import secret_formats
from base.pattern import lazy

LONG_WORD = 12
Lines = Dict[int, int]              # places in a text: the begin and the end of a line
Hint = Callable[[str], Lines]       # the lines of a text in lower case that a pattern may match
_compiled = functools.lru_cache(maxsize=None)(re.compile)      # at first use: compiling all takes longer than checking a run


@functools.lru_cache(maxsize=1)
def distinct_words(text: str) -> str:
    """Each word of a text once, between spaces: the texts of a run repeat few words."""
    return f" {' '.join(set(text.split()))} "


@functools.lru_cache(maxsize=1)
def _long_words(text: str) -> str:
    """Those that are long enough for a key, a hash or a hardware address: a small part of most texts."""
    return "\n".join([word for word in distinct_words(text).split() if len(word) >= LONG_WORD])


def _any_of(*words: str) -> Hint:
    """A hint: one of these is in the line. None has white space in it."""
    def lines(lowered: str) -> Lines:
        spans: Lines = {}
        for word in [word for word in words if word in distinct_words(lowered)]:
            place = lowered.find(word)
            while place >= 0:
                place = lowered.find(word, _add_line(spans, lowered, place))
        return spans
    return lines


def _like(*patterns: str) -> Hint:
    """A hint: one of these is found in the line. Each begins with one character, which the search then leaps to, and matches
    no white space but a space at its end."""
    def lines(lowered: str) -> Lines:
        spans: Lines = {}
        for search in [_compiled(pattern).search for pattern in patterns]:
            match = search(lowered) if search(distinct_words(lowered)) else None
            while match:
                match = search(lowered, _add_line(spans, lowered, match.start()))
        return spans
    return lines


def _run_of(characters: str, count: int) -> Hint:
    """A hint: so many of these characters in a row."""
    run = f"[{characters}]{{{count}}}"
    has_run, search = _found(run), _like(run)
    return lambda lowered: search(lowered) if has_run(_long_words(lowered)) else {}


def _may_hold_token(lowered: str) -> bool:
    """Whether a text has one of the known formats, if case is ignored. Each is compiled alone, and only where its hint is."""
    words = _long_words(lowered)
    if not _UNBROKEN(words):
        return False
    for hints, expression, has_spaces in secret_formats.FORMATS:
        text = lowered if has_spaces else words
        if (not hints or any(hint in text for hint in hints)) and _compiled(expression, re.IGNORECASE).search(text):
            return True
    return False


def _either(*hints: Hint) -> Hint:
    return lambda lowered: {begin: end for hint in hints for begin, end in hint(lowered).items()}


def _add_line(lines: Lines, text: str, place: int) -> int:
    """Note the line that holds a place of a text; where it ends."""
    end = text.find("\n", place)
    lines[text.rfind("\n", 0, place) + 1] = end = len(text) if end < 0 else end
    return end


def _holds(*words: str) -> Callable[[str], bool]:
    """Whether one of these is in a text in lower case. None has white space in it."""
    return lambda lowered: any(word in distinct_words(lowered) for word in words)


def _whole(*tests: Callable[[str], Union[bool, Lines]]) -> Hint:
    """A hint about the text as a whole, for patterns that go beyond a line."""
    return lambda lowered: {0: len(lowered)} if all(test(lowered) for test in tests) else {}


def _found(pattern: str) -> Callable[[str], bool]:
    return lambda lowered: _compiled(pattern).search(lowered) is not None


class SensitiveKind(NamedTuple):
    """One kind of private data. `means` decides whether a match really is private; tests/private_examples.py has examples."""
    id: str
    says: str
    hint: Hint
    expression: str                 # of `pattern`
    means: Callable[[re.Match], bool] = bool      # true of every match

    @property
    def pattern(self) -> re.Pattern:
        return _compiled(self.expression)

    def matches(self, text: str, lowered: str) -> Iterator[re.Match]:
        """In order; only the lines that the hint names are searched, unless the pattern may go beyond a line."""
        lines = self.hint(lowered)
        if lines and (_crosses_lines(self.expression) or len(lowered) != len(text)):
            lines = {0: len(text)}
        for begin in sorted(lines):
            yield from self.pattern.finditer(text, begin, lines[begin])


@functools.lru_cache(maxsize=None)
def _crosses_lines(expression: str) -> bool:
    """Whether a match may hold a line feed: by white space, by a line feed, or by a set of all but some characters."""
    excluded = re.compile(r"\[\^((?:[^\]\\]|\\.)*)\]")
    outside = excluded.sub("", expression)
    open_sets = [held for held in excluded.findall(expression) if "\\s" not in held and "\\n" not in held]
    return bool(open_sets) or re.search(r"\\[snWDB]|\(\?[a-z]*s", outside) is not None


PLACEHOLDERS = frozenset("user username users you your-name yourname name me someone shared public default <user> <you> "
                         "<name> $user ${user} {user} %username% ... * runner".split())
DOCUMENTATION = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
NO_HOST = "0.0.0.0/8"
NO_HOSTS = frozenset("example your-host host hostname localhost server your-server myserver my-server ip your-ip address target remote local api proxy web www "
                     "app backend frontend db database redis mongo mongodb postgres mysql ollama open-webui webui host.docker.internal some-host somehost "
                     "test tests foo bar baz container docker gateway router kubernetes master node worker user username service your-domain "
                     "domain machine computer dummy unused fake mock site elasticsearch rabbitmq minio zookeeper kafka".split())
COMMON_FOLDERS = frozenset("c d e f g h i wsl data disk disk1 disk2 storage nfs usb cdrom models model ollama tmp temp cache shared share drive ssd nvme hdd ram ramdisk "
                           "path windows users program programs tools dev src test tests dir file files folder foo bar work build games users documents "
                           "msys64 mingw64 python projects code repo repos your-disk disk-name volume volumes point mountpoint cgroup huge hugepages".split())
PLACEHOLDER_SECRET = lazy(r"(?i)example|your[_-]|<|xxxx|placeholder|changeme|dummy|redacted")
WORD_LIKE = lazy(r"[A-Za-z]*[0-9]{0,4}|[0-9]{1,12}[A-Za-z]{0,4}|[A-Z]?[a-z]{1,8}[0-9]{1,3}[A-Z]?[a-z]{0,8}")
CASE_RUNS = lazy(r"[a-z]+|[A-Z]+")
EXAMPLE_DOMAINS = lazy(r"(?:^|\.)(?:example(?:\.(?:com|org|net))?|test|invalid|localhost)\Z", re.IGNORECASE)
NO_REPLY = lazy(r"(?:^|[.@])(?:noreply|no-reply)(?:[.@]|\Z)|^(?:git|noreply|no-reply)@", re.IGNORECASE)


def _names_somebody(match: re.Match) -> bool:
    return next((part for part in match.groups() if part), "").lower() not in PLACEHOLDERS


@functools.lru_cache(maxsize=1)
def _networks() -> tuple:
    """(the documentation's networks, the network that no host has)."""
    import ipaddress        # few texts hold an address
    return tuple(map(ipaddress.ip_network, DOCUMENTATION)), ipaddress.ip_network(NO_HOST)


def _is_address(match: re.Match) -> bool:
    import ipaddress
    documentation, no_host = _networks()
    try:
        address = ipaddress.ip_address(match.group(1).rstrip(":."))
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified or str(address) == "255.255.255.255":
        return False
    if address.version == 4 and address in no_host:     # a version such as 0.12.3.1
        return False
    if address.version == 4 and int(address) & 65535 == 0:      # a network, or a version such as 10.1.0.0
        return False
    return not any(address in network for network in documentation if network.version == address.version)


def _is_mailbox(match: re.Match) -> bool:
    return not EXAMPLE_DOMAINS.search(match.group(1)) and not NO_REPLY.search(match.group(0)) and match.group(1).rpartition(".")[2].isalpha()


def _is_hardware(match: re.Match) -> bool:
    digits = re.sub("[^0-9a-f]", "", match.group(0).lower()[-17:])
    return len(set(digits)) > 2 and not digits.startswith("00005e0053")


def _is_somewhere(match: re.Match) -> bool:
    return not any(part and part.lower() in NO_HOSTS for part in match.groups())


def _is_real_secret(match: re.Match) -> bool:
    text = match.group(0)
    is_drawn = any(map(str.isdigit, text)) or any(map(_is_scrambled, re.split("[^A-Za-z]+", text)))
    return is_drawn and len(set(text)) > 8 and not PLACEHOLDER_SECRET.search(text)


def _is_random(match: re.Match) -> bool:
    """Whether the value of a setting looks drawn and not written: names of variables, files and versions have words."""
    value = match.group(1).rstrip(".:=%-")
    if PLACEHOLDER_SECRET.search(match.group(0)) or len(value) < 12 or len(set(value)) < 6:
        return False
    parts = re.split("[^A-Za-z0-9]+", value)
    return any(len(part) > 3 and not WORD_LIKE.fullmatch(part) for part in parts) or any(map(_is_scrambled, parts))


def _is_scrambled(part: str) -> bool:
    """Whether letters change between small and capital ones as in no word and no name made of words."""
    runs = CASE_RUNS.findall(part)
    return len(part) >= 12 and len(part) < 2.6 * len(runs) and sum(len(run) > 1 and run.isupper() for run in runs) > 1


def _is_own_folder(match: re.Match) -> bool:
    return next((part for part in match.groups() if part), "").lower() not in COMMON_FOLDERS


_PATH_SIGN = _holds("/", "\\", "~", "%2f", "-home-", "-users-")
_PATH_WORD = _any_of("home", "users", "settings", "/root/", "/data/", "/storage/", "/sdcard", "media/", "/volumes/",
                     "/folders/", "\\\\", "~")
_NAMED_WORD = _holds(*secret_formats.NAMED_HINTS)
_UNBROKEN = _found(r"[\w+/=~.-]{16}")       # every key has so many characters in a row
_NAMED_VALUE = _found(r"[:=>,](?:(?<!,)|[ \t]{0,3}[\"'`])[>\"'`\s]{0,12}[\w+/~.:%=-]{12}")

_SHARE = "(?=[a-z0-9-]*(?:nas|srv|server|share|storage|synology|diskstation|samba|smb|files))"        # a host that keeps files

KINDS = (
    SensitiveKind("path", "a path of somebody's own", lambda lowered: _PATH_WORD(lowered) if _PATH_SIGN(lowered) else {}, (
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
        r"|(?<![\w-])-(?:home|users)-([\w.]+)-)"), _names_somebody),
    SensitiveKind("path", "a path of somebody's own", _either(_any_of("/mnt/", "/volumes/", ":\\", "onedrive", "\\\\"), _like(f"//{_SHARE}")), (
        r"(?i:(?<![\w.])/mnt/([^\s/\\\"'`:;,)\]|<>]+)"
        r"|(?<![\w.])/volumes/([^\s/\\\"'`:;,)\]|<>]+)"
        r"|(?<![\w])[d-z]:\\{1,2}([^\s/\\\"'`:;,)\]|<>%$*?.]+)"
        r"|\bonedrive - ([\w][\w .-]{1,40})"
        r"|(?<![\w\\])\\\\([\w.-]+(?: [\w.-]+){1,3})\\[\w$.-]+"
        rf"|(?<![\w:/.<>*])//({_SHARE}[a-z0-9][a-z0-9-]{{1,30}})/[\w$.-]+)"), _is_own_folder),
    SensitiveKind("address", "a network address", _like(r"\.[0-9]{1,3}\.[0-9]"), (
        r"(?<![\w.-])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![\w-]|\.[0-9])"), _is_address),
    SensitiveKind("address", "a network address", _like(":[0-9a-f]{0,4}:"), (
        r"(?i:(?<![\w:.])((?:[23][0-9a-f]{3}|f[cdef][0-9a-f]{2}):[0-9a-f:]{2,40}))"), _is_address),
    SensitiveKind("hardware-address", "a hardware address", _either(_run_of("0-9a-f", 12), _like(
        ":[0-9a-f]{2}:", "-[0-9a-f]{2}-", "_[0-9a-f]{2}_", r"\.[0-9a-f]{4}\.")), (
        r"(?i:(?<![\w:.-])(?:[0-9a-f]{2}([:_-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![\w:-]))"
        r"|(?i:\b(?:mac|hwaddr|ether|bssid|lladdr|address)[\"' :=]{1,5})[0-9A-Fa-f]{12}\b"
        r"|(?<![\w.:/+-])(?=[0-9A-F]*[A-F])(?=(?:[A-F]*[0-9]){4})[0-9A-F]{12}(?![\w.:/+-])"), _is_hardware),
    SensitiveKind("e-mail", "an e-mail address", _any_of("@"), (r"(?<![\w.+-])[\w.+%-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,8})\b"), _is_mailbox),
    SensitiveKind("host", "a host of a local network", _like(
        r"\.(?:local|lan|home|internal|intranet|corp|ts\.net|fritz\.box)"), (
        r"(?i:(?<![\w.@-])([^\W_](?:[^\W_]|-){0,62})(?:\.(?:[^\W_]|-){1,63}){0,4}\."
        r"(?:local|lan|home|internal|localdomain|intranet|corp|home\.arpa|ts\.net|fritz\.box)\b(?![\w(=.-]))"), _is_somewhere),
    SensitiveKind("host", "a host of a local network", _either(
        _any_of("desktop-", "laptop-", "win-", ".corp.", ".intra", ".ad.", ".lan."),
        _like(r"://[^\W\d_][\w-]{1,62}:[0-9]{2}", r"@[^\W_][\w-]{0,62}:[~/]")), (
        r"(?i:\bhttps?://([^\W\d_][\w-]{1,62})(?=:[0-9]{2,5}\b))"
        r"|(?i:(?<![\w.-])[a-z_][a-z0-9_.-]{0,31}@([^\W_](?:[^\W_]|-){0,62}):[~/][^\s$#:]{0,60}[$#](?!\w))"
        r"|\b(?:DESKTOP|LAPTOP|WIN)-[A-Z0-9]{7,11}\b"
        r"|(?i:(?<![\w.@-])([a-z0-9][a-z0-9-]{0,62})\.(?:corp|intra|intranet|ad|lan)\.[a-z0-9-]{2,63}(?:\.[a-z0-9-]{2,63}){0,2}\.(?:com|net|org|de|eu|io|local|uk|fr|ch|at|us)\b)"), _is_somewhere),
    SensitiveKind("token", "a key or token", _whole(_may_hold_token), f"(?<![A-Za-z0-9])(?:{secret_formats.PATTERN})", _is_real_secret),
    SensitiveKind("token", "a key or token", _whole(_NAMED_WORD, _NAMED_VALUE), (rf"(?i:{secret_formats.NAMED})"), _is_random),
    SensitiveKind("key", "a private key", _any_of("-----begin", "putty-", "aaaa"), (
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY|PuTTY-User-Key-File-\d|(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-[\w-]{1,40}@openssh\.com) AAAA[\w+/]{20,}")),
    SensitiveKind("credentials", "a name and password in an address", _either(
        _any_of("curl"), _like(r"://[^\s/:@\"'<>]{1,64}:[^\s/@\"'<>]{1,256}@")), (
        r"(?i:\b[a-z][a-z0-9+.-]{1,15}://[^\s/:@\"'<>]{1,64}:[^\s/@\"'<>]{1,256}@"
        r"|\bcurl\b(?:[^\n\\]|\\\n?){0,100}?\s(?:-u|--user|--proxy-user)[ \t=]{0,3}(?:\"[^\s:\"$<]{0,64}:[^\"$<\n]{4,}|'[^\s:'$<]{0,64}:[^'<\n]{4,}|[\"'][^\s:\"'$<]{10,64}:[\"']|[^\s:\"'$<{-][^\s:\"'$<{]{0,64}:[\"']?[^\s\"'$<{]{4,}))"),
         lambda match: "://" in match.group(0) and "@" in match.group(0) or re.search("(?i):(?:pass|your|secret|pw)", match.group(0)) is None),
    SensitiveKind("token", "a key or token", _whole(_holds("secret"), _holds("kind:"), _holds("data:")), (
        r"(?is:\bkind:[ \t]*[\"']?secret\b.{0,200}?\bdata:[ \t]*\n(?:[ \t]*#[^\n]{0,200}\n){0,5}[ \t]+[\w.-]{1,60}:[ \t]{0,3}(?:[|>]-?\s{1,20})?[\"']?[a-z0-9+/]{8,}={0,2}"
        r"|\bdata:[ \t]*\n(?:[ \t]*#[^\n]{0,200}\n){0,5}[ \t]+[\w.-]{1,60}:[ \t]{0,3}(?:[|>]-?\s{1,20})?[\"']?[a-z0-9+/]{8,}={0,2}.{0,200}?\bkind:[ \t]*[\"']?secret\b)")),
    SensitiveKind("serial", "a number that only one machine has", _either(_run_of("0-9a-f", 32), _like(
        "-[0-9a-f]{4}-", "serial", "s-1-5-21", "s/?n[:# ]")), (
        r"(?i:(?<![\w-])(?:(?:gpu-|mig-)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}|[0-9a-f]{8}-[0-9a-f]{4}-[1-57][0-9a-f]{3}-[89ab][0-9a-f]{3}-)[0-9a-f]{12}(?![\w-])"
        r"|\bserial(?:[ _-]?(?:number|no\.?))?[\"']?[ \t]{0,3}[:=#][ \t]{0,3}[\"']?(?=[\w-]*[0-9])[\w-]{6,}|\bS-1-5-21-[0-9]+-[0-9]+-[0-9]+"
        r"|(?:\bgpu-|\b(?:machine[_-]?id|uuid|guid|boot[_-]?id|asset|serial)[\"']?[ \t]{0,3}[:=/]?[ \t]{0,3}[\"']?)[0-9a-f]{32}(?![0-9a-f]))"
        r"|\bS/?N[:# ]{1,3}(?=[A-Z0-9]*[0-9])(?=[A-Z0-9]*[A-Z])[A-Z0-9]{8,14}\b"),
         lambda match: len(set(match.group(0).replace("-", ""))) > 1 and "12345678" not in match.group(0)),
    SensitiveKind("phone", "a phone number", _like(r"\+[0-9]", r"\([0-9]{3}\)"), (
        r"(?<![\w+=*/(-])\+[1-9][0-9]{0,2}[ .-]?(?:\([0-9]{1,4}\)[ .-]?)?[0-9]{1,4}(?:[ .-][0-9]{2,8}){1,4}(?![\w.-])"
        r"|(?<![\w+])\+[1-9][0-9]{9,13}(?!\w)|(?<!\w)\([2-9][0-9]{2}\) ?[2-9][0-9]{2}-[0-9]{4}(?!\w)"),
         lambda match: not re.search("555.?01", match.group(0)) and 9 <= sum(map(str.isdigit, match.group(0))) <= 15),
)


def find(text: str, allowed: FrozenSet[str] = frozenset()) -> Iterator[Tuple[SensitiveKind, str]]:
    """(kind, what was found) for each private thing in a text. `allowed` are texts that may be there, such as run ids.

    Full-width letters and character references are decoded first.
    """
    if not text.isascii():
        import unicodedata
        text = unicodedata.normalize("NFKC", text)
    if "&#" in text or "&commat;" in text:
        import html
        text = html.unescape(text)
    lowered = text.lower()
    for kind in KINDS:
        for match in kind.matches(text, lowered):
            if kind.means(match) and match.group(0).lower() not in allowed:
                yield kind, match.group(0)
