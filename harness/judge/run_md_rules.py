"""The story: run.md, as far as its contributor wrote it. It will be shown to people; it must be complete and harmless."""
from __future__ import annotations

import pathlib
import re
from typing import Iterator

from base import run_folder
from base.errors import UserError
from derive import run_md
from judge import privacy, text_encoding
from judge.findings import Finding, FindingList, with_line_numbers

FENCE = re.compile(r"(`{3,}|~{3,})")
INNER_FENCE = re.compile(r"[ \t>*+\-0-9.)]+(?:`{3}|~{3})")       # in a list, in a quotation or indented
MOST_CHARACTERS = 4000      # of a line in which code is looked for; a longer one is taken for text
CODE_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)([^\n]*?[^`\n])\1(?!`)")
HTML = re.compile(r"<(?!https?://[^\s<>\"']*>)[A-Za-z/!?][^\n>]{0,60}")
IMAGE = re.compile(r"!\[")
LINK = re.compile(r"\](?:\(\s*<?\s*([^)\s>]*)|:\s*<?([^\s>]+))")
SAFE = re.compile(r"(?:https?://|#)", re.IGNORECASE)
WORD = re.compile(r"[^\W\d_]{2,}")


def read(path: pathlib.Path, findings: FindingList, shown: str) -> str | None:
    """run.md as text, or None where it is none."""
    data = path.read_bytes()
    found = list(text_encoding.file_problems(data))
    findings.add(found, shown)
    return None if any(one.rule in text_encoding.UNREADABLE for one in found) else data.decode("utf-8")


def problems(text: str) -> Iterator[Finding]:
    """Everything but characters and private things, which are looked for in every file."""
    try:
        run_md.block_of(text, run_folder.RUN_MD)
    except UserError as problem:
        yield Finding("runmd-block", problem.what, "one line that begins the block, and one that ends it")
        return
    own = own_words(text)
    yield from _attestation(own)
    yield from _sections(own)
    shown = without_code(own)
    for rule, pattern, expected in (("runmd-html", HTML, "Markdown without tags"), ("runmd-image", IMAGE, "words")):
        for line, found in with_line_numbers(pattern.finditer(shown), shown):
            yield Finding(rule, found.group(), expected, line=line)
    for line, found in with_line_numbers(LINK.finditer(shown), shown):
        target = found.group(1) if found.group(1) is not None else found.group(2)
        if not SAFE.match(target):
            yield Finding("runmd-link", target or "an empty link", "https://... or http://...", line=line)
    for number, line in enumerate(own.split("\n"), 1):
        yield from privacy.to_agents(line, line=number)


def own_words(text: str) -> str:
    """The text with the generated block blanked out; lines keep their numbers."""
    lines = text.split("\n")
    begin, end = lines.index(run_md.BEGIN), lines.index(run_md.END)
    return "\n".join(lines[:begin] + [""] * (end - begin + 1) + lines[end + 1:])


def without_code(text: str) -> str:
    """The text with code blanked out, in which nothing is a tag; lines keep their numbers.

    Where Markdown's own reading depends on lists, quotations or lines before, nothing is taken for code: what is looked
    at in vain does no harm, what is passed over may.
    """
    lines = text.split("\n")
    if not any(INNER_FENCE.match(line) for line in lines):
        lines = _without_fenced(lines)
    return "\n".join(line for chunk in _chunks(lines) for line in _without_spans(chunk))


def _without_fenced(lines: list) -> list:
    """Blocks between fences at the beginnings of lines are blanked; one that never ends stays."""
    found, begun, fence = list(lines), 0, ""
    for number, line in enumerate(lines):
        mark = FENCE.match(line)
        if fence and mark and mark.group(1).startswith(fence) and not line.strip("`~ \t"):
            found[begun:number + 1], fence = [""] * (number + 1 - begun), ""
        elif not fence and mark and "`" not in line[mark.end():]:
            begun, fence = number, mark.group(1)
    return found


def _chunks(lines: list) -> Iterator[list]:
    """Lines up to a blank one, which no span of code crosses."""
    chunk: list = []
    for line in lines:
        chunk.append(line)
        if not line.strip():
            yield chunk
            chunk = []
    yield chunk


def _without_spans(chunk: list) -> list:
    """Spans of code are blanked where each begins and ends in one line of the chunk, so that no two readings differ."""
    if any("\\`" in line or len(line) > MOST_CHARACTERS for line in chunk):
        return chunk
    found = [CODE_SPAN.sub("", line) for line in chunk]
    return chunk if any("`" in line for line in found) else found


def _attestation(text: str) -> Iterator[Finding]:
    lines = [line.strip() for line in text.split("\n")]
    for wanted in run_md.ATTESTATION:
        if not {f"- [x] {wanted}", f"- [X] {wanted}"} & set(lines):
            there = run_md.BOX + wanted in lines
            yield Finding("runmd-attestation", "not ticked" if there else "not there", f"- [x] {wanted}",
                          line=lines.index(run_md.BOX + wanted) + 1 if there else None)


def _sections(text: str) -> Iterator[Finding]:
    lines = text.split("\n")
    for heading, _ in run_md.SECTIONS:
        title = f"## {heading}"
        if title not in lines:
            yield Finding("runmd-section", f"no section {heading}", title)
            continue
        begin = lines.index(title)
        end = next((n for n in range(begin + 1, len(lines)) if lines[n].startswith("## ")), len(lines))
        body = lines[begin + 1:end]
        if any(line.startswith(run_md.PROMPT) for line in body) or not WORD.search(" ".join(body)):
            yield Finding("runmd-section", f"{heading}: still to be filled in", "your own words in place of the question",
                          line=begin + 1)
