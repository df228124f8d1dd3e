"""run.md: the block between two marks is regenerated each time; the rest is the contributor's own and is kept."""
from __future__ import annotations

import contextlib
from typing import Dict, List

from base import shell
from base.errors import FOUND, UserError

# Link reference definitions: they show nothing on a page, and need no raw HTML.
BEGIN = '[//]: # "generated: begin. summarize_run.py writes this block; what is changed in it is lost"'
END = '[//]: # "generated: end"'
PROMPT = "> To fill in:"        # a line that begins so is a question that is still open
BOX = "- [ ] "                  # an attestation that is still open
SECTIONS = (
    ("Machine and cooling", "what stands on the desk: case or laptop lid, fans, room, plugged in or not, anything "
                            "changed from how it was sold."),
    ("What else was running", "browser, sync, backups, other users of the machine; or that nothing was."),
    ("Deviations explained", "for each deviation and each skipped call listed above: why. If there are none, say so."),
    ("What surprised me", "what you noticed while it ran, and what a reader should know before trusting a figure; or "
                          "that nothing did."),
)
ATTESTATION = (
    "I have looked through the five files of this run; none holds a name, an address, a path or a key that is private.",
    "The ledger is as the harness wrote it: nothing was edited, left out, or run again for a better figure.",
    "The data may be published under CC-BY-4.0.",
)
# The words of earlier versions, which stay valid.
EARLIER_ATTESTATION = {"I have read every file of this run; none holds a name, an address, a path or a key that is private.": ATTESTATION[0]}


def new(title: str, block: str) -> str:
    """A whole run.md, whose questions are still open."""
    parts = [f"# {title}", _marked(block)]
    parts += [f"## {heading}\n\n{PROMPT} {question}" for heading, question in SECTIONS]
    parts.append("## Privacy\n\nTick each box (`[x]`) once it is true.\n\n" + "\n".join(BOX + line for line in ATTESTATION))
    return "\n\n".join(parts) + "\n"


def renewed(text: str, block: str, where: str) -> str:
    """The same file with a new block. Raises UserError, so that nothing is lost, unless there is exactly one pair of marks."""
    begin, end = _places(text, where)
    return text[:begin] + _marked(block) + text[end:]


def block_of(text: str, where: str) -> str:
    begin, end = _places(text, where)
    return text[begin + len(BEGIN):end - len(END)].strip("\n")


def own_words(text: str) -> str:
    """The text with the generated block blanked out; lines keep their numbers. Raises ValueError where a mark is missing."""
    lines = text.split("\n")
    begin, end = lines.index(BEGIN), lines.index(END)
    return "\n".join(lines[:begin] + [""] * (end - begin + 1) + lines[end + 1:])


def answers(text: str) -> Dict[str, str]:
    """heading: what the contributor wrote below it, each a paragraph in one line; empty where it is not filled in."""
    with contextlib.suppress(ValueError):       # the checker reports a missing mark
        text = own_words(text)
    bodies: Dict[str, List[str]] = {heading: [] for heading, _ in SECTIONS}
    body: List[str] = []
    for line in text.split("\n"):
        if line.startswith("## "):
            body = bodies.get(line[3:].strip(), [])
        elif not line.startswith(PROMPT):
            body.append(line)
    return {heading: " ".join(" ".join(lines).split()) for heading, lines in bodies.items()}


def _marked(block: str) -> str:
    return f"{BEGIN}\n\n{block}\n\n{END}"


def _places(text: str, where: str) -> tuple:
    """Offsets of the block's first character and of the one after its last, marks included."""
    lines = text.split("\n")
    if lines.count(BEGIN) != 1 or lines.count(END) != 1 or lines.index(BEGIN) > lines.index(END):
        raise UserError("the two marks around the generated block are missing or repeated", where,
                        f"move the file away, run `{shell.command('summarize_run.py', 'RUN')}`, and put your own words into the new one", FOUND)
    offset = sum(len(line) + 1 for line in lines[:lines.index(BEGIN)])
    end = sum(len(line) + 1 for line in lines[:lines.index(END)]) + len(END)
    return offset, end
