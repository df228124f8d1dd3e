"""Markdown: the small part of it that run.md, blurbs and the methodology need, made into HTML that can do nothing.

Headings, paragraphs, emphasis, code, lists, quotations, tables and links; everything else is shown as it was written.
"""
from __future__ import annotations

import re
from typing import Iterator, List

from publish.escape import FRAGMENT, HTTPS, OWN, Html
from publish.markup import joined, tag

MAX_DEPTH = 4           # quotations and lists within each other; deeper ones are plain text
COMMENT = re.compile(r"\[//\]: # ")
REMARK = re.compile(r"<!-- [^<>]* -->\Z")        # shows nothing in a document of ours; in others it is text
HEADING = re.compile(r"(#{1,6}) +(.*)\Z")
FENCE = re.compile(r"(`{3,}|~{3,}) *([A-Za-z0-9_+-]*) *\Z")
ITEM = re.compile(r"( {0,3})([-*+]|[0-9]{1,4}[.)]) +(.*)\Z")
RULER = re.compile(r":?-+:?\Z")
LINE = re.compile(r" {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})\Z")
BOX = re.compile(r"\[([ xX])\] +")
INLINE = re.compile(
    r"(?P<escaped>\\[\\`*_{}\[\]()#+.!|<>-])"
    r"|(?P<ticks>`+)"
    r"|(?P<link>\[(?P<words>[^\[\]]{1,400})\]\((?P<address>[^()\s<>]{1,800})\))"
    r"|(?P<bare><(?P<autolink>https://[^\s<>]{1,800})>)"
    r"|(?P<strong>\*\*|__)|(?P<soft>[*_])")
ROWS = 2000             # of a table; a longer one is cut


def render(source: str, top: int = 2, own_links: bool = False) -> Html:
    """HTML of a document whose first heading has the level `top`.

    `own_links`: it is ours, may link to our pages, and its headings can be linked to by their words.
    """
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Document(top, own_links).blocks(lines, 0)


class Document:
    """The state of one document: how deep its headings are, and where its links may lead."""

    def __init__(self, top: int, own_links: bool):
        self.top, self.own_links = top, own_links
        self.shift: int | None = None       # from the document's own levels to the page's
        self.last = top - 1

    def blocks(self, lines: List[str], depth: int) -> Html:
        return joined(self._blocks(lines, depth))

    def _blocks(self, lines: List[str], depth: int) -> Iterator[Html]:
        at = 0
        while at < len(lines):
            line = lines[at]
            heading, fence = HEADING.match(line), FENCE.match(line)
            if not line.strip() or COMMENT.match(line) or (self.own_links and REMARK.match(line)):
                at += 1
            elif fence:
                block, at = _fenced(lines, at, fence.group(1))
                yield tag("pre", tag("code", block), tabindex="0", dir="auto")
            elif heading:
                yield self._heading(len(heading.group(1)), heading.group(2))
                at += 1
            elif LINE.match(line):
                yield tag("hr")
                at += 1
            elif line.startswith(">") and depth < MAX_DEPTH:
                end = _until(lines, at, lambda one: not one.startswith(">"))
                yield tag("blockquote", self.blocks([one[1:].removeprefix(" ") for one in lines[at:end]], depth + 1))
                at = end
            elif ITEM.match(line) and depth < MAX_DEPTH:
                block, at = self._list(lines, at, depth)
                yield block
            elif "|" in line and _is_ruler(lines[at + 1:at + 2]):
                end = _until(lines, at + 2, lambda one: "|" not in one)
                yield self._table(lines[at], lines[at + 2:min(end, at + 2 + ROWS)])
                at = end
            else:
                end = max(at + 1, _until(lines, at + 1, lambda one: not one.strip() or self._begins(one, depth)))
                yield tag("p", self._lines(lines[at:end]), dir="auto")
                at = end

    def _begins(self, line: str, depth: int) -> bool:
        """Whether a line ends a paragraph by beginning something else."""
        return bool(HEADING.match(line) or FENCE.match(line) or LINE.match(line) or (
            depth < MAX_DEPTH and (line.startswith(">") or ITEM.match(line))))

    def _heading(self, level: int, words: str) -> Html:
        """Levels follow the page's, and none is jumped over, whatever the document does."""
        trimmed = words.rstrip()
        closed = trimmed.rstrip("#")
        words = closed.rstrip() if closed.endswith(" ") or not closed else trimmed
        if self.shift is None:
            self.shift = self.top - level
        self.last = max(self.top, min(level + self.shift, self.last + 1, 6))
        return tag(f"h{self.last}", self._inline(words), dir="auto", id=anchor(words) if self.own_links else None)

    def _list(self, lines: List[str], at: int, depth: int) -> tuple:
        """(the list, the line after it). What is indented below an item belongs to it."""
        first = ITEM.match(lines[at])
        is_numbered = first.group(2)[0].isdigit()
        items = []
        while at < len(lines):
            found = ITEM.match(lines[at])
            if not found or found.group(2)[0].isdigit() != is_numbered or LINE.match(lines[at]):
                break
            body, inner = [found.group(3)], len(found.group(1)) + len(found.group(2)) + 1
            at += 1
            while at < len(lines) and (lines[at][:1] in (" ", "\t")
                                       or (lines[at].strip() and not self._begins(lines[at], depth))):
                body.append(_dedented(lines[at], inner))
                at += 1
            items.append(self._item(body, depth))
            if at + 1 < len(lines) and not lines[at].strip() and ITEM.match(lines[at + 1]):
                at += 1
        return tag("ol" if is_numbered else "ul", items), at

    def _item(self, body: List[str], depth: int) -> Html:
        box = BOX.match(body[0])
        if box:
            is_ticked = box.group(1) != " "
            mark = tag("span", "\u2611" if is_ticked else "\u2610", class_="box", role="img",
                       aria_label="yes" if is_ticked else "no")
            return tag("li", mark, " ", self._lines([body[0][box.end():], *body[1:]]), class_="boxed", dir="auto")
        plain = _until(body, 1, lambda one: not one.strip() or self._begins(one, depth + 1))
        return tag("li", self._lines(body[:plain]), self.blocks(body[plain:], depth + 1), dir="auto")

    def _table(self, head: str, rows: List[str]) -> Html:
        titles = _cells(head)
        body = [(_cells(row) + [""] * len(titles))[:len(titles)] for row in rows]
        return tag("div", tag("table", tag("thead", tag("tr", (
            tag("th", self._inline(title), scope="col") if title else tag("td") for title in titles))),
            tag("tbody", (tag("tr", (tag("td", self._inline(cell), dir="auto") for cell in row)) for row in body))),
            class_="scroll", tabindex="0", role="region", aria_label="table")

    def _lines(self, lines: List[str]) -> Html:
        return self._inline("\n".join(line.strip() for line in lines))

    def _inline(self, words: str) -> Html:
        """Emphasis opens and closes by turns; what is left open at the end is closed there."""
        parts, opened, at = [], [], 0
        while True:
            found = INLINE.search(words, at)
            if not found:
                break
            parts.append(words[at:found.start()])
            at = found.end()
            if found.group("escaped"):
                parts.append(found.group()[1])
            elif found.group("ticks"):
                end = words.find(found.group(), at)
                parts.append(tag("code", words[at:end].strip()) if end > at else found.group())
                at = end + len(found.group()) if end > at else at
            elif found.group("link"):
                parts.append(self._link(found.group("words"), found.group("address"), found.group()))
            elif found.group("bare"):
                parts.append(self._link(found.group("autolink"), found.group("autolink"), found.group()))
            else:
                parts.append(_emphasis(found, words, opened))
        parts.append(words[at:])
        parts += [Html(f"</{name}>") for name in reversed(opened)]
        return joined(parts)

    def _link(self, words: str, address: str, whole: str) -> object:
        if HTTPS.match(address):
            return tag("a", words, href=address, rel="nofollow noopener noreferrer ugc", class_="out")
        if self.own_links and (OWN.match(address) or FRAGMENT.match(address)):
            return tag("a", words, href=address)
        return whole


def anchor(words: str) -> str:
    """Under what a heading can be linked to: as forges do it."""
    return "".join(one if one.isalnum() else "-" if one in " -" else "" for one in words.lower())


def _emphasis(found: re.Match, words: str, opened: list) -> object:
    """An opening or closing tag, or the characters themselves where they stand within a word or between blanks."""
    name = "strong" if found.group("strong") else "em"
    before, after = words[max(0, found.start() - 1):found.start()], words[found.end():found.end() + 1]
    if opened and opened[-1] == name and before.strip():
        if found.group()[0] == "_" and after.isalnum():
            return found.group()
        opened.pop()
        return Html(f"</{name}>")
    is_open = name not in opened and after.strip() and not before.isalnum() and words.find(found.group(), found.end()) > 0
    if not is_open:
        return found.group()
    opened.append(name)
    return Html(f"<{name}>")


def _fenced(lines: List[str], at: int, fence: str) -> tuple:
    """(the code, the line after it); a fence that is never closed reaches to the end."""
    end = _until(lines, at + 1, lambda one: one.strip().startswith(fence) and not one.strip().strip(fence[0]))
    return "\n".join(lines[at + 1:end]), end + 1


def _until(lines: List[str], at: int, ends: object) -> int:
    while at < len(lines) and not ends(lines[at]):
        at += 1
    return at


def _is_ruler(line: List[str]) -> bool:
    """Whether a line follows that makes a table of the one before it."""
    return bool(line) and "-" in line[0] and all(map(RULER.match, _cells(line[0])))


def _dedented(line: str, width: int) -> str:
    blank = len(line) - len(line.lstrip(" "))
    return line[min(blank, width):]


def _cells(row: str) -> List[str]:
    """Cells of a table's row; a bar within code or behind a backslash belongs to its cell."""
    held = re.sub(r"`[^`]*`", lambda found: found.group().replace("|", "\0"), row.strip().replace("\\|", "\0"))
    held = held[1:] if held.startswith("|") else held
    held = held[:-1] if held.endswith("|") else held
    return [cell.strip().replace("\0", "|") for cell in held.split("|")]
