"""run.md: what its contributor wrote has to be complete and harmless, whatever reads it.

The contributor's sections may hold paragraphs, lists, quotations, emphasis, inline code without markup characters, and
links to http addresses. Everything else is refused by a scan of characters that asks no question to which two readers of
Markdown give different answers: what looks like a tag is refused in code too, and no fence, table or formula may begin
in which the generated block would disappear.
"""
from __future__ import annotations

import pathlib
import re
from typing import Iterator

from base import run_folder
from base.errors import UserError
from base.pattern import lazy
from derive import run_md
from judge import privacy, text_encoding
from judge.findings import Finding, FindingList, with_line_numbers

HTML = lazy(r"<(?!https?://[^\s<>\"'`]*>)[A-Za-z/!?][^\n>]{0,60}")
IMAGE = lazy(r"!\[")
LINK = lazy(r"\](?:\(\s*<?\s*([^)\s>]*)|:\s*<?([^\s>]+))")
SAFE = lazy(r"(?:https?://|#)", re.IGNORECASE)
FENCE = lazy(r"`{3,}|~{3,}")
TABLE = lazy(r"^[ \t>*+-]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$|^[ \t]*\|", re.MULTILINE)
FORMULA = lazy(r"\$\$|\\\[|\\begin\{")
HEADING = lazy(r" {0,3}#{1,6}(?:[ \t]|$)")
UNDERLINE = lazy(r" {0,3}(?:=+|-+)[ \t]*$")        # makes a heading of the line before it
WORD = lazy(r"[^\W\d_]{2,}")
OWN_HEADINGS = {"## Privacy", *(f"## {heading}" for heading, _ in run_md.SECTIONS)}


def read(path: pathlib.Path, findings: FindingList, tree_path: str) -> str | None:
    """run.md as text, or None where it is not text."""
    data = path.read_bytes()
    problems_of_bytes = list(text_encoding.file_problems(data))
    findings.add(problems_of_bytes, tree_path)
    return None if any(finding.rule in text_encoding.UNREADABLE for finding in problems_of_bytes) else data.decode("utf-8")


def problems(text: str) -> Iterator[Finding]:
    """Everything but characters and private data, which are looked for in every file."""
    try:
        run_md.block_of(text, run_folder.RUN_MD)
    except UserError as problem:
        yield Finding("runmd-block", problem.what, "one line that begins the block, and one that ends it")
        return
    yield from _above(text)
    own = run_md.own_words(text)
    yield from _attestation(own)
    yield from _sections(own)
    for rule, pattern, expected in (("runmd-html", HTML, "Markdown without tags, in code too"), ("runmd-image", IMAGE, "words")):
        for line, match in with_line_numbers(pattern.finditer(own), own):
            yield Finding(rule, match.group(), expected, line=line)
    for line, match in with_line_numbers(LINK.finditer(own), own):
        target = match.group(1) if match.group(1) is not None else match.group(2)
        if not SAFE.match(target):
            yield Finding("runmd-link", target or "an empty link", "https://... or http://...", line=line)
    yield from _markup(own)
    yield from privacy.to_agents_in_file(own)


def _above(text: str) -> Iterator[Finding]:
    """Above the generated block there is a title and nothing else: nothing may pass for the block or swallow it."""
    above = text.split("\n")[:text.split("\n").index(run_md.BEGIN)]
    for number, line in enumerate(above, 1):
        if line.strip() and not (line.startswith("# ") and not any(earlier.strip() for earlier in above[:number - 1])):
            yield Finding("runmd-markup", line, "one line with the title above the generated block", line=number)
            return


def _markup(own: str) -> Iterator[Finding]:
    for pattern, observed in ((FENCE, "a fence"), (TABLE, "a table"), (FORMULA, "a formula")):
        for line, match in with_line_numbers(pattern.finditer(own), own):
            yield Finding("runmd-markup", f"{observed}: {match.group().strip()[:40]}", "paragraphs, lists, emphasis, inline code and links", line=line)
    lines = own.split("\n")
    for number, text in enumerate(lines, 1):
        is_title = text.startswith("# ") and not any(earlier.strip() for earlier in lines[:number - 1])
        is_underline = UNDERLINE.match(text) and number > 1 and lines[number - 2].strip()
        if is_underline or (HEADING.match(text) and text.rstrip() not in OWN_HEADINGS and not is_title):
            yield Finding("runmd-markup", f"a heading: {text[:40]}", "the headings that run.md comes with", line=number)


def _attestation(text: str) -> Iterator[Finding]:
    """One finding for all boxes that are open, since one person ticks them at once, and one for each that is missing."""
    for earlier, wanted in run_md.EARLIER_ATTESTATION.items():
        text = text.replace(earlier, wanted)
    lines = [line.strip() for line in text.split("\n")]
    unticked = [wanted for wanted in run_md.ATTESTATION if not {f"- [x] {wanted}", f"- [X] {wanted}"} & set(lines)]
    open_lines = [lines.index(run_md.BOX + wanted) + 1 for wanted in unticked if run_md.BOX + wanted in lines]
    if open_lines:
        yield Finding("runmd-attestation", f"{len(open_lines)} of {len(run_md.ATTESTATION)} boxes not ticked", "- [x]", line=min(open_lines))
    for wanted in unticked:
        if run_md.BOX + wanted not in lines:
            yield Finding("runmd-attestation", "missing", f"- [x] {wanted}")


def _sections(text: str) -> Iterator[Finding]:
    lines = text.split("\n")
    for heading, _ in run_md.SECTIONS:
        title = f"## {heading}"
        if title not in lines:
            yield Finding("runmd-section", f"no section {heading}", title)
            continue
        begin = lines.index(title)
        end = next((number for number in range(begin + 1, len(lines)) if lines[number].startswith("## ")), len(lines))
        body = lines[begin + 1:end]
        questions = [number for number, line in enumerate(body, begin + 2) if line.startswith(run_md.PROMPT)]
        if questions:
            yield Finding("runmd-section", f"{heading}: still to be filled in, the line `{run_md.PROMPT} ...` is there",
                          "your own words in its place", line=questions[0])
        elif not WORD.search(" ".join(body)):
            yield Finding("runmd-section", f"{heading}: still to be filled in", "your own words", line=begin + 1)
