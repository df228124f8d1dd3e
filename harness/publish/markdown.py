"""Markdown: the subset that run.md, blurbs and the methodology need, rendered as harmless HTML.

Headings, paragraphs, emphasis, code, lists, quotations, tables and links; everything else is shown as text.
"""
from __future__ import annotations

import re
from typing import Callable, Iterator, List, Union

from publish.escape import FRAGMENT, HTTPS, OWN, Html
from publish.markup import joined, tag

MAX_DEPTH = 4           # nesting of quotations and lists; deeper ones are plain text
COMMENT = re.compile(r"\[//\]: # ")
REMARK = re.compile(r"<!-- [^<>]* -->\Z")        # hidden in our own documents; text in others
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

    `own_links`: it is our own document, may link to pages of the site, and its headings get anchors.
    """
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Document(top, own_links).blocks(lines, 0)


class Document:
    """The state of one document: heading levels and allowed link targets."""

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
                end = _until(lines, at, lambda other: not other.startswith(">"))
                yield tag("blockquote", self.blocks([other[1:].removeprefix(" ") for other in lines[at:end]], depth + 1))
                at = end
            elif ITEM.match(line) and depth < MAX_DEPTH:
                block, at = self._list(lines, at, depth)
                yield block
            elif "|" in line and _is_ruler(lines[at + 1:at + 2]):
                end = _until(lines, at + 2, lambda other: "|" not in other)
                yield self._table(lines[at], lines[at + 2:min(end, at + 2 + ROWS)])
                at = end
            else:
                end = max(at + 1, _until(lines, at + 1, lambda other: not other.strip() or self._begins(other, depth)))
                yield tag("p", self._lines(lines[at:end]), dir="auto")
                at = end

    def _begins(self, line: str, depth: int) -> bool:
        """Whether a line ends a paragraph because another block begins."""
        return bool(HEADING.match(line) or FENCE.match(line) or LINE.match(line) or (
            depth < MAX_DEPTH and (line.startswith(">") or ITEM.match(line))))

    def _heading(self, level: int, words: str) -> Html:
        """Heading levels continue those of the page without gaps, whatever the document does."""
        trimmed = words.rstrip()
        closed = trimmed.rstrip("#")
        words = closed.rstrip() if closed.endswith(" ") or not closed else trimmed
        if self.shift is None:
            self.shift = self.top - level
        self.last = max(self.top, min(level + self.shift, self.last + 1, 6))
        return tag(f"h{self.last}", self._inline(words), dir="auto", id=anchor(words) if self.own_links else None)

    def _list(self, lines: List[str], at: int, depth: int) -> tuple:
        """(the list, index of the line after it). Indented lines below an item belong to it."""
        is_numbered = lines[at].lstrip()[0].isdigit()
        items = []
        while at < len(lines):
            match = ITEM.match(lines[at])
            if not match or match.group(2)[0].isdigit() != is_numbered or LINE.match(lines[at]):
                break
            body, inner = [match.group(3)], len(match.group(1)) + len(match.group(2)) + 1
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
        plain = _until(body, 1, lambda line: not line.strip() or self._begins(line, depth + 1))
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
        """Emphasis toggles; what is still open at the end is closed there."""
        parts: List[str] = []
        opened: List[str] = []
        at = 0
        while True:
            match = INLINE.search(words, at)
            if not match:
                break
            parts.append(words[at:match.start()])
            at = match.end()
            if match.group("escaped"):
                parts.append(match.group()[1])
            elif match.group("ticks"):
                end = words.find(match.group(), at)
                parts.append(tag("code", words[at:end].strip()) if end > at else match.group())
                at = end + len(match.group()) if end > at else at
            elif match.group("link"):
                parts.append(self._link(match.group("words"), match.group("address"), match.group()))
            elif match.group("bare"):
                parts.append(self._link(match.group("autolink"), match.group("autolink"), match.group()))
            else:
                parts.append(_emphasis(match, words, opened))
        parts.append(words[at:])
        parts += [Html(f"</{name}>") for name in reversed(opened)]
        return joined(parts)

    def _link(self, words: str, address: str, whole: str) -> Union[Html, str]:
        if HTTPS.match(address):
            return tag("a", words, href=address, rel="nofollow noopener noreferrer ugc", class_="out")
        if self.own_links and (OWN.match(address) or FRAGMENT.match(address)):
            return tag("a", words, href=address)
        return whole


def anchor(words: str) -> str:
    """The anchor of a heading, as forges generate it."""
    return "".join(character if character.isalnum() else "-" if character in " -" else "" for character in words.lower())


def _emphasis(match: re.Match, words: str, opened: list) -> Union[Html, str]:
    """An opening or closing tag, or the characters themselves within a word or between blanks."""
    name = "strong" if match.group("strong") else "em"
    before, after = words[max(0, match.start() - 1):match.start()], words[match.end():match.end() + 1]
    if opened and opened[-1] == name and before.strip():
        if match.group()[0] == "_" and after.isalnum():
            return match.group()
        opened.pop()
        return Html(f"</{name}>")
    is_open = name not in opened and after.strip() and not before.isalnum() and words.find(match.group(), match.end()) > 0
    if not is_open:
        return match.group()
    opened.append(name)
    return Html(f"<{name}>")


def _fenced(lines: List[str], at: int, fence: str) -> tuple:
    """(the code, index of the line after it); a fence that is never closed extends to the end."""
    end = _until(lines, at + 1, lambda line: line.strip().startswith(fence) and not line.strip().strip(fence[0]))
    return "\n".join(lines[at + 1:end]), end + 1


def _until(lines: List[str], at: int, ends: Callable[[str], bool]) -> int:
    while at < len(lines) and not ends(lines[at]):
        at += 1
    return at


def _is_ruler(line: List[str]) -> bool:
    """Whether the next line makes the one before it a table head."""
    return bool(line) and "-" in line[0] and all(map(RULER.match, _cells(line[0])))


def _dedented(line: str, width: int) -> str:
    blank = len(line) - len(line.lstrip(" "))
    return line[min(blank, width):]


def _cells(row: str) -> List[str]:
    """Cells of a table row; a bar in code or after a backslash is part of its cell."""
    masked = re.sub(r"`[^`]*`", lambda match: match.group().replace("|", "\0"), row.strip().replace("\\|", "\0"))
    masked = masked[1:] if masked.startswith("|") else masked
    masked = masked[:-1] if masked.endswith("|") else masked
    return [cell.strip().replace("\0", "|") for cell in masked.split("|")]
