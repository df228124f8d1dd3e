"""Text encoding: files are readable text, without characters that a reader cannot see."""
from __future__ import annotations

import re
from typing import Iterator, Optional

from judge.findings import Finding, with_line_numbers

LFS = b"version https://git-lfs.github.com/spec/"
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
PLAIN = bytes(range(0x20, 0x7f)) + b"\n"       # all that a JSON file of ours is made of
UNREADABLE = ("bytes-lfs", "bytes-utf8", "bytes-mark")      # after one of these the rest is not checked
CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029"       # and the tab, where it is not allowed
DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Soft hyphen, joiners, fillers, variation selectors but the two of emoji, tags: all of them can carry a hidden message.
INVISIBLE = ("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2064\u206a-\u206f\u3164\ufe00-\ufe0d"
             "\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff")
HIDDEN = f"[{CONTROL}{DIRECTION}{INVISIBLE}]|[\ud800-\udfff]"


def file_problems(data: bytes) -> Iterator[Finding]:
    """Why the bytes of a text file cannot be read as they appear. For a Git LFS pointer this is the only finding."""
    if data.startswith(LFS):
        yield Finding("bytes-lfs", "a pointer to a large-file store", "the file itself")
        return
    if data.startswith(MARKS):
        yield Finding("bytes-mark", "a byte-order mark", "text from the first byte on", line=1)
        data = data[3:] if data.startswith(MARKS[0]) else data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        yield Finding("bytes-utf8", f"byte 0x{data[problem.start]:02x} at {problem.start}", "UTF-8", line=line)
        return
    for line, match in with_line_numbers(re.finditer(HIDDEN, text) if first_hidden(text) else (), text):
        yield hidden(match.group(), line=line)


def json_problems(data: bytes) -> Iterator[Finding]:
    """Of JSON, in which everything but ASCII is written as an escape."""
    if not data.translate(None, PLAIN) and not data.startswith(LFS):
        return
    problems = list(file_problems(data))
    yield from problems
    if not problems and not data.isascii():
        first = next(place for place, byte in enumerate(data) if byte > 127)
        yield Finding("bytes-ascii", f"byte 0x{data[first]:02x}", "ASCII, all else escaped",
                      line=data.count(b"\n", 0, first) + 1)


def first_hidden(text: str) -> Optional[re.Match]:
    """The first character that cannot be seen. Most texts are plain, which is found out much faster than by a search."""
    is_plain = text.isascii() and text.replace("\n", " ").replace("\t", " ").isprintable()
    return None if is_plain else re.search(HIDDEN, text)


def value_problems(text: str, pointer: str) -> Iterator[Finding]:
    """Of a text inside JSON, where an escape hides a character from those who read the file."""
    match = first_hidden(text)
    if match:
        yield hidden(match.group(), pointer=pointer)


def hidden(character: str, pointer: Optional[str] = None, line: Optional[int] = None) -> Finding:
    rule = "bytes-direction" if re.match(f"[{DIRECTION}]", character) else "bytes-invisible" if re.match(f"[{INVISIBLE}]", character) else "bytes-control"
    return Finding(rule, f"U+{ord(character):04X}", "characters that can be seen", pointer, line)
