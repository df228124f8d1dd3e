"""The tokenizer: which tokens a prompt has, and which ones the model answers with."""
from __future__ import annotations

import functools
import itertools
import re
from typing import Iterator, NamedTuple

from .script import Model

# Each run of word characters is one token, each other visible character is one.
TOKEN = re.compile(r"\w+|[^\w\s]")
ANSWER_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+$")       # the same with the white space, which an answer must keep
ASKED = re.compile(r"^[0-9]\. ([A-Z][A-Z_]+)$", re.MULTILINE)       # a constant that a question asks for
BOS = "<s>"
BLOCK = 256                                # tokens that are compared at once
TOKENS_PER_TURN = 4                        # of the template between two messages
THOUGHTS = ("hmm", " let", " me", " see", " how", " many", " there", " are", " and", " say", " them", " one")
MANY_BYTES = (" \u00e9t\u00e9", " \u6f22\u5b57", " \U0001f642", " na\u00efve")   # for utf8_split
BREAKS = (" one\u2028two", " three\u0085four")                                  # for huge_line


class Token(NamedTuple):
    """One token of an answer. All kinds count: answer and thinking, which have text, tag before thinking, and end."""

    kind: str
    text: str = ""


@functools.lru_cache(maxsize=64)
def tokens_of(text: str) -> tuple[str, ...]:
    """Cached, since each turn of a conversation sends all earlier ones again."""
    return tuple(TOKEN.findall(text))


def framed_prompt(model: Model, messages: list[dict]) -> list[str]:
    """What a template makes of messages: head, texts with a turn between any two, tail."""
    head = [BOS, *(f"<head {n}>" for n in range(1, model.head_tokens))]
    body: list[str] = []
    for number, message in enumerate(messages):
        turn = [f"<{message.get('role', 'user')} {n}>" for n in range(TOKENS_PER_TURN)] if number else []
        body += [*turn, *tokens_of(message.get("content") or "")]
    return head + body + [f"<tail {n}>" for n in range(model.tail_tokens)]


def bare_prompt(messages: list[dict]) -> list[str]:
    """What is left without any template: the texts themselves."""
    return [BOS, *(token for message in messages for token in tokens_of(message.get("content") or ""))]


def as_text(prompt: list[str]) -> str:
    """A prompt as words, one for each token but the BOS, so that counting the text gives the same number."""
    return " ".join(re.sub("[<> ]", "", token) if " " in token else token for token in prompt[1:])


def answer(model: Model, thinks: bool, words: tuple[str, ...] = ()) -> Iterator[Token]:
    """The whole answer: a text, these words in turn, or numbers."""
    blank = " "
    if thinks:
        kind = "answer" if model.tags_in_answer else "thinking"
        yield Token("answer", "<think>") if model.tags_in_answer else Token("tag")
        for n in range(model.thinking_tokens - 2):
            yield Token(kind, THOUGHTS[n] if n < len(THOUGHTS) else f" so{n}")
        # The blank before the closing tag is sent, the one behind it is not.
        yield Token("answer", "</think>") if model.tags_in_answer else Token("thinking", " ")
        blank = ""
    if model.answer_text is not None:
        yield from (Token("answer", part) for part in ANSWER_TOKEN.findall(model.answer_text))
    else:
        for n in itertools.count() if not model.answer_tokens else range(model.answer_tokens):
            text = words[n % len(words)] if words else f" {n + 1}"
            yield Token("answer", text if n else blank + text[1:])
    yield Token("end")


def recalled(text: str, prompt_tokens: int, model: Model) -> str | None:
    """The values of the constants that a text defines and its last lines ask for; None where it asks for none.

    A model that forgets the middle of a long prompt says `unknown` in place of what is defined there.
    """
    values = []
    for name in ASKED.findall(text):
        defined = re.search(rf'^{name} = "?([\w-]+)"?$', text, re.MULTILINE)
        is_middle = defined is not None and 0.25 < defined.start() / len(text) < 0.75
        forgets = model.forgets_middle_above is not None and prompt_tokens > model.forgets_middle_above
        values.append(defined.group(1) if defined and not (forgets and is_middle) else "unknown")
    return ", ".join(values) or None


def common_prefix(first: list[str], second: list[str]) -> int:
    shortest, place = min(len(first), len(second)), 0
    while place < shortest and first[place:place + BLOCK] == second[place:place + BLOCK]:
        place += BLOCK
    while place < shortest and first[place] == second[place]:
        place += 1
    return min(place, shortest)
