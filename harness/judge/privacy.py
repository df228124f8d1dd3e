"""Privacy: what base/sensitive.py knows of, looked for in every text of a submission, wherever it stands."""
from __future__ import annotations

import itertools
import re
from typing import Iterable, Iterator

from base import sensitive
from judge import json_documents, text_encoding
from judge.findings import MOST, Finding, redacted
from judge.ledger_pass import LedgerVisitor

MOST_REMEMBERED = 4096
OWNER = re.compile(r"(?i)^[a-z]{2,20}s[-_ ]?(?:macbook|mbp|mba|imac|mac|pc|laptop|desktop|thinkpad|phone|iphone|ipad|pixel|air"
                   r"|pro|mini|computer|notebook|rechner|linux|server)\b|'s\b")
TO_AGENTS = re.compile(
    r"(?i)\b(?:ignore|disregard|forget|override)\s+(?:(?:all|any|the|your)\s+){0,3}"
    r"(?:(?:previous|prior|above|earlier|preceding|other)\s+)?(?:instructions?|rules?|prompts?|guidelines?|checks?)\b"
    r"|\byou\s+are\s+(?:now\s+)?(?:an?\s+|the\s+)?"
    r"(?:ai|llm|language\s+model|assistant|agent|chatbot|reviewer|copilot|claude|chatgpt|gemini)\b"
    r"|\b(?:ai|llm|automated|coding)\s+(?:agents?|assistants?|reviewers?|models?)\b[^.\n]{0,60}"
    r"\b(?:must|should|please|shall|approve|merge|accept|run|execute)\b"
    r"|\b(?:dear|attention|note\s+to|hey|hello)\s+"
    r"(?:ai|llm|agent|assistant|claude|chatgpt|copilot|gemini|reviewer\s+bot|bot)\b"
    r"|\b(?:please\s+)?(?:approve|merge|accept)\s+this\s+(?:pr|pull\s+request|change|run|submission)\b"
    r"|\bdo\s+not\s+(?:report|flag|mention|reject|tell)\b|\bsystem\s+prompt\b|<\|?(?:system|im_start|assistant)\|?>|\[INST\]")


def problems(text: str, known: frozenset, **place: object) -> Iterator[Finding]:
    """Private things in one text, each kind as its own rule."""
    for kind, found in sensitive.find(text, known):
        yield Finding(f"privacy-{kind.id}", redacted(found), f"nothing that is {kind.says}", **place)


def in_file(text: str, known: frozenset) -> Iterator[Finding]:
    """The same of a whole file, with lines, as far as anybody would read on."""
    seen: dict = {}
    for kind, found in itertools.islice(sensitive.find(text, known), 2 * MOST):
        at = text.find(found, seen.get(found, 0))
        seen[found] = at + 1
        yield Finding(f"privacy-{kind.id}", redacted(found), f"nothing that is {kind.says}",
                      line=text.count("\n", 0, at) + 1)


def in_document(value: dict, kind: str, known: frozenset) -> Iterator[Finding]:
    """Of every free text in a document: private things, hidden characters, words to agents.

    All are looked through as one, which finds nothing for nearly all; only else is each looked at.
    """
    if not is_clean("\n".join({text for _, text in json_documents.free_texts(value, kind)}), known):
        for pointer, text in json_documents.free_texts(value, kind):
            yield from in_text(text, pointer, known)


def is_clean(text: str, known: frozenset) -> bool:
    return not (next(sensitive.find(text, known), None) or text_encoding.HIDDEN.search(text) or TO_AGENTS.search(text))


def in_text(text: str, pointer: str, known: frozenset) -> Iterator[Finding]:
    yield from problems(text, known, pointer=pointer)
    yield from text_encoding.value_problems(text, pointer)
    yield from to_agents(text, pointer=pointer)


def to_agents(text: str, **place: object) -> Iterator[Finding]:
    """Words that are not meant for a person."""
    found = TO_AGENTS.search(text)
    if found:
        yield Finding("runmd-agent", found.group(), "words for people", **place)


def host_name(name: str) -> Iterator[Finding]:
    if OWNER.search(name):
        yield Finding("privacy-host-name", redacted(name), "a name that names nobody", "/host_hostname_short")


class PrivacyChecks(LedgerVisitor):
    """The texts of each record. What a model wrote is another matter: it knows nobody, and yet it is public."""
    compares_records = False

    def __init__(self, known: Iterable[str]):
        self.known = frozenset(known)
        self._clean: set = set()        # texts that were looked at; most of a ledger's are the same in every record

    def visit(self, record: dict) -> Iterator[Finding]:
        for pointer, text in json_documents.free_texts(record, record["type"]):
            if text not in self._clean:
                if is_clean(text, self.known) and len(self._clean) < MOST_REMEMBERED:
                    self._clean.add(text)
                else:
                    yield from in_text(text, pointer, self.known)
        for name in json_documents.OWN_TEXT:
            for kind, found in sensitive.find(record.get(name) or "", self.known):
                yield Finding("privacy-answer", f"{redacted(found)}, which looks like {kind.says}", "a look by a person",
                              f"/{name}")
                break
