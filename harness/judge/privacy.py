"""Privacy: the private data that base/sensitive.py knows, in every text of a submission; and texts that address agents."""
from __future__ import annotations

import itertools
import re
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Set, Union

from base import sensitive
from base.ledger_records import CallRecord, Record
from judge import json_documents, text_encoding
from judge.findings import MOST, Finding, redacted, with_line_numbers
from judge.ledger_pass import LedgerVisitor

MOST_REMEMBERED = 4096
BATCH_CHARACTERS = 32768        # of texts that are searched as one
SEPARATOR = 32 * "\n"           # between them: a match that reaches over it is a finding, and then each text is searched alone
KEYS_IN_ANSWERS = ("e-mail", "token", "key", "credentials")
# Letters of other alphabets that look like Latin ones, one for one.
LOOK_ALIKES = str.maketrans("\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406"
                            "\u03b1\u03bf\u03c1\u03bd\u03b9\u03ba\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0131\u0261",
                            "aeopcyxijsdwABEKMHOPCTXI" "aopvikABEZHIKMNOPTYXig")
# Compiled where they are needed: few texts come so far.
OWNER = (r"(?i)^[a-z]{2,20}s[-_ ]?(?:macbook|mbp|mba|imac|mac|pc|laptop|desktop|thinkpad|phone|iphone|ipad|pixel|air"
                   r"|pro|mini|computer|notebook|rechner|linux|server)\b|'s\b")
TO_AGENTS = (
    r"(?i)\b(?:ignore|disregard|forget|override)[\W_]{1,9}(?:(?:all|any|the|your|of|these|those)[\W_]{1,9}){0,3}"
    r"(?:(?:previous|prior|above|earlier|preceding|other)[\W_]{1,9})?(?:instructions?|rules?|prompts?|guidelines?|checks?)\b"
    r"|\b(?:ignore|disregard|forget|override)[\W_]{1,9}(?:everything|all|the|anything)[\W_]{1,9}(?:\w{1,9}[\W_]{1,9}){0,2}(?:above|before|earlier)\b"
    # the same in French, German, Spanish, Italian and Portuguese
    r"|\b(?:ignor\w{1,6}|vergiss|vergessen|oublie\w{0,3}|olvida\w{0,3}|dimentica\w{0,3}|esque\w{1,4})[\W_]{1,9}(?:\w{1,12}[\W_]{1,9}){0,4}"
    r"(?:instructions|anweisungen|instrucciones|istruzioni|instru\w{3,9}es)\b"
    r"|\byou[\W_]{1,9}are[\W_]{1,9}(?:now[\W_]{1,9})?(?:an?[\W_]{1,9}|the[\W_]{1,9})?"
    r"(?:ai|llm|language[\W_]{1,9}model|assistant|agent|chatbot|reviewer|copilot|claude|chatgpt|gemini)\b"
    r"|\b(?:ai|llm|automated|coding)[\W_]{1,9}(?:agents?|assistants?|reviewers?|models?)\b[^.]{0,60}"
    r"\b(?:must|should|please|shall|approve|merge|accept|run|execute)\b"
    r"|\b(?:dear|attention|note[\W_]{1,9}to|hey|hello)[\W_]{1,9}"
    r"(?:ai|llm|agent|assistant|claude|chatgpt|copilot|gemini|reviewer[\W_]{1,9}bot|bot)\b"
    r"|\b(?:please[\W_]{1,9})?(?:approve|merge|accept)[\W_]{1,9}this[\W_]{1,9}(?:pr|pull[\W_]{1,9}request|change|run|submission)\b"
    r"|\bdo[\W_]{1,9}not[\W_]{1,9}(?:report|flag|mention|reject|tell)\b|\bsystem[\W_]{1,9}prompt\b|<\|?(?:system|im_start|assistant)\|?>|\[INST\]")
# One of these is in every text that TO_AGENTS finds, in lower case; the words have no white space.
AGENT_WORDS = ("ignor", "disregard", "forget", "vergiss", "vergessen", "oublie", "olvida", "dimentica", "esque", "override", "automated", "coding", "llm", "dear", "attention", "hey", "hello", "approve", "merge", "accept",
               "im_start", "[inst]", "<system", "<|system", "<assistant", "<|assistant")
AGENT_PAIRS = (r"you[\W_]{1,9}are", r"ai\b", r"note[\W_]{1,9}to", r"do[\W_]{1,9}not", r"system[\W_]{1,9}prompt")


def problems(text: str, known: frozenset, **place: Any) -> Iterator[Finding]:
    """Private data in one text, each kind as its own rule."""
    for kind, private in sensitive.find(text, known):
        yield Finding(f"privacy-{kind.id}", redacted(private), f"nothing that is {kind.says}", **place)


def in_file(text: str, known: frozenset) -> Iterator[Finding]:
    """The same of a whole file, with lines, up to a number that anybody would read."""
    reached: dict = {}
    for kind, private in itertools.islice(sensitive.find(text, known), 2 * MOST):
        at = text.find(private, reached.get(private, 0))
        reached[private] = at + 1
        # A match in other letters or in a character reference is not in the text as it was written.
        yield Finding(f"privacy-{kind.id}", redacted(private), f"nothing that is {kind.says}",
                      line=None if at < 0 else text.count("\n", 0, at) + 1)


def in_document(value: dict, kind: str, known: frozenset) -> Iterator[Finding]:
    """Of every free text in a document: private things, hidden characters, words to agents.

    All are searched as one text; only if that finds something is each searched alone.
    """
    if not is_clean("\n".join({text for _, text in json_documents.free_texts(value, kind)}), known):
        for pointer, text in json_documents.free_texts(value, kind):
            yield from in_text(text, pointer, known)


def is_clean(text: str, known: frozenset) -> bool:
    return not (next(sensitive.find(text, known), None) or text_encoding.first_hidden(text) or agent_words(text))


def in_text(text: str, pointer: str, known: frozenset) -> Iterator[Finding]:
    yield from problems(text, known, pointer=pointer)
    yield from text_encoding.value_problems(text, pointer)
    yield from to_agents(text, pointer=pointer)


def in_answer(text: str, pointer: str, known: frozenset) -> Iterator[Finding]:
    """The same of what a model wrote: a mail address or a key is looked at by a person, anything else is remarked on."""
    kinds = {kind.id: (kind, private) for kind, private in sensitive.find(text, known)}
    for kind, private in list(kinds.values())[:1]:
        rule = "privacy-answer-key" if set(KEYS_IN_ANSWERS) & set(kinds) else "privacy-answer"
        yield Finding(rule, f"{redacted(private)}, which looks like {kind.says}", "a look by a person", pointer)
    yield from to_agents(text, pointer=pointer)


def agent_words(text: str) -> re.Match | None:
    """Words that are meant for an agent and not for a person, over line breaks and in look-alike letters too."""
    plain = _plain(text)
    return re.search(TO_AGENTS, plain) if _may_speak_to_agents(plain) else None


def _plain(text: str) -> str:
    """The text with look-alike letters replaced by Latin ones, and without invisible characters."""
    if text.isascii():
        return text
    import unicodedata
    return re.sub(f"[{text_encoding.INVISIBLE}]", "", unicodedata.normalize("NFKC", text).translate(LOOK_ALIKES))


def _may_speak_to_agents(plain: str) -> bool:
    lowered = plain.lower()
    words = sensitive.distinct_words(lowered)
    return any(word in words for word in AGENT_WORDS) or any(re.search(pair, lowered) for pair in AGENT_PAIRS)


def to_agents(text: str, **place: Any) -> Iterator[Finding]:
    match = agent_words(text)
    if match:
        yield Finding("runmd-agent", " ".join(match.group().split()), "words for people", **place)


def to_agents_in_file(text: str) -> Iterator[Finding]:
    """The same of a whole file, each place with its line."""
    plain = _plain(text)
    for line, match in with_line_numbers(re.finditer(TO_AGENTS, plain) if _may_speak_to_agents(plain) else (), plain):
        yield Finding("runmd-agent", " ".join(match.group().split()), "words for people", line=line)


def host_name(name: str) -> Iterator[Finding]:
    if re.search(OWNER, name):
        yield Finding("privacy-host-name", redacted(name), "a name that names nobody", "/host_hostname_short")


Search = Callable[[str, str, frozenset], Iterator[Finding]]     # of a text at a pointer, with the texts that look private and are not


class _Waiting(NamedTuple):
    """A text that is to be searched, and its place."""
    line: int
    pointer: str
    text: str
    search: Search
    key: Union[str, int]        # by which it is remembered as clean: answers are long, and remembered by their hash


class PrivacyChecks(LedgerVisitor):
    """The texts of each record, many of them searched as one. Answers of models have rules of their own."""
    compares_records = False

    def __init__(self, known: Iterable[str]):
        self._known = frozenset(known)
        self._clean: Set[Union[str, int]] = set()       # most texts are the same in every record, and answers at temperature 0 in every repeat
        self._waiting: List[_Waiting] = []
        self._characters = 0

    def visit(self, record: Record) -> Iterable[Finding]:
        if not self._clean.issuperset(json_documents.words_of(record)):
            for pointer, text in json_documents.texts_of_record(record):
                self._wait(record, pointer, text, in_text, text)
        if isinstance(record, CallRecord):
            self._wait(record, "/answer", record.answer, in_answer, hash(record.answer))
            self._wait(record, "/thinking", record.thinking, in_answer, hash(record.thinking))
        return self.finish() if self._characters > BATCH_CHARACTERS else ()

    def _wait(self, record: Record, pointer: str, text: str, search: Search, key: Union[str, int]) -> None:
        if text and key not in self._clean:
            self._waiting.append(_Waiting(record.seq + 1, pointer, text, search, key))
            self._characters += len(text)

    def finish(self) -> Iterator[Finding]:
        """Search the texts that wait."""
        waiting, self._waiting, self._characters = self._waiting, [], 0
        are_clean = is_clean(SEPARATOR.join({row.text for row in waiting}), self._known)
        for row in waiting:
            findings = [] if are_clean or row.key in self._clean else list(row.search(row.text, row.pointer, self._known))
            if not findings and len(self._clean) < MOST_REMEMBERED:
                self._clean.add(row.key)
            for finding in findings:
                yield finding._replace(line=row.line)
