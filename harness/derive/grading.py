"""Grading: is this answer right? Pure text in, yes or no out; every answer text gets a verdict, and no code is run.

What is forgiven, in all kinds: white space around the answer and runs of it, markdown emphasis, backticks and fence
lines, curly quotes, one pair of quotes around the whole, characters that UTF-8 cannot hold. Letter case counts in
`json` and, unless it says `ignore_case`, in `regex`. Only the first MAX_CHARS characters are looked at, and of these
only what follows a closing </think> tag, which some models write into their answer.

    kind          right if
    exact         the answer is one of `accept`, apart from a final full stop and "Answer:" in front
    choice        the letter chosen is `answer`; see chosen_letter
    number        the number given is `value` within `tolerance`; see given_number
    contains_all  each of `terms` occurs as a word or number of its own; a list among them names alternatives
    regex         `pattern` is found; ^ and $ match at every line
    json          the first object (array, if `expected` is one) equals `expected`; 45 equals 45.0, but true is not 1
    python        unit tests pass; they are not run here, only the code is found: extract_code
"""
from __future__ import annotations

import json
import math
import re
from typing import List, Optional, Type, TypeVar, Union

from base.errors import UserError
from base.json_text import Json
from base.pattern import lazy

T = TypeVar("T")
MAX_CHARS = 20_000  # the longest honest answer has some 4,000; more is hostile, and patterns must stay cheap

FENCE_LINE = lazy(r"^[ \t]*(?:```|~~~)[\w+-]*[ \t]*$", re.MULTILINE)
FENCED_BLOCK = lazy(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
DEFINITION = lazy(r"^(?:async def|def|class)[ \t]+(\w+)", re.MULTILINE)
STRONG = lazy(r"\*\*(?=\S)([^\n]{0,200}?)(?<=\S)\*\*")  # bounded: a line of open ** must stay cheap
LIGHT = lazy(r"(?<![\w*])\*(?=[^\s*])([^*\n]*)(?<=\S)\*(?![\w*])")
ESCAPED = lazy(r"\\([_*#\[\]`])")
GROUPED = lazy(r"(?<![\w.,])(\d{1,3}(?:,\d{3})+)(?![\w,])")
NUMBER = lazy(r"(?<![\w.])[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3})?(?!\.?\d)")
SAID = lazy(r"\b(?i:answer|choice|option|step|letter)(?i: is:?|:) ?[\"'(\[]?([A-Z]|[a-z](?=[)\].]|$))(?![\w'])")
OPENING = lazy(r"[(\[]?([A-Za-z])(?:[)\].:,;]|[ \t]*(?:\n|\Z)|\s+[-\u2013\u2014(])")
NAMED = lazy(r"\b(?i:choice|option|answer) ([A-Z])(?![\w'])")
ALONE = lazy(r"(?<![\w'])(A(?! (?!(?:is|or|and|because)\b)[a-z])|[B-Z])(?![\w'])")  # "A server" is an article, "A is" a letter
ANSWER_LINE = lazy(r"^[ \t>#-]*(?:the |final )*answer:(.*)$", re.MULTILINE | re.IGNORECASE)
ANSWER_WORDS = lazy(r"^(?:the )?answer(?: is:?|:) ")
CURLY = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2212": "-", "\u00a0": " "})


def grade(grader: dict, answer: str) -> bool:
    """Whether a text grader accepts the answer. UserError for a kind that it does not know or cannot judge."""
    kind = grader["kind"]
    if kind == "python":
        raise UserError("a python answer is judged by running its tests", "grading", "use --grade-code")
    if kind not in KINDS:
        raise UserError(f"unknown grader kind {str(kind)[:40]!r}", "grading", "update this clone with git pull")
    return KINDS[kind](grader, _plain(answer))


def terms_found(grader: dict, answer: str) -> tuple:
    """For contains_all: which of the terms occur, in the order of the grader (in a context suite: of the places)."""
    text = _words(_plain(answer))
    return tuple(any(_stands_in(text, _words(word)) for word in _alternatives(term)) for term in grader["terms"])


def chosen_letter(answer: str, options: str) -> Optional[str]:
    """The one letter of `options` that the answer chooses, or None if it chooses none or several.

    The first of these that is found: the last letter after "answer is", "answer:" and the like; a letter that opens
    the answer, with its end or punctuation after it ("B", "b)", "B. Because", "(B)"); the only letter named like
    "option B"; the only capital letter on its own.
    """
    opening = OPENING.match(_plain(answer))
    text = " ".join(_plain(answer).split())
    for letters in (SAID.findall(text)[-1:], [opening.group(1)] if opening else [], NAMED.findall(text),
                    ALONE.findall(text)):
        chosen = {letter.upper() for letter in letters} & set(options)
        if chosen:
            return chosen.pop() if len(chosen) == 1 else None
    return None


def given_number(answer: str, take: str = "last") -> Optional[float]:
    """The number that the answer gives, or None.

    In the last line that begins with "Answer:", if there is one: the first number after its last "=". Else the last
    number of the whole answer, or the first one where the item says `take: "first"`. Thousands may be grouped by
    commas; in "3-5" the hyphen is not a sign; digits inside a word or a version such as 1.2.3 are not taken.
    """
    text = _ungrouped(_plain(answer))
    final = [line.rpartition("=")[2] for line in ANSWER_LINE.findall(text)]
    stated = NUMBER.findall(final[-1]) if final else []
    numbers = stated[:1] or (NUMBER.findall(text)[:1] if take == "first" else NUMBER.findall(text)[-1:])
    return float(numbers[0]) if numbers else None


def extract_code(answer: str, entry: str = "") -> str:
    """The Python code of an answer: a fenced block or, without any, the whole answer.

    Of several blocks the last that defines `entry`, since who writes two versions means the second; what follows it is
    mostly an example of its use. Else the first that defines anything, else the first. Blocks are never joined: one was
    asked for. A block that is never closed ends with the answer.
    """
    text = _safe(answer).replace("\r\n", "\n")
    import textwrap
    blocks = [textwrap.dedent(block) for _, block in FENCED_BLOCK.findall(text)] or [text]
    defined = [(set(DEFINITION.findall(block)), block) for block in blocks]
    with_entry = [block for names, block in defined if entry in names]
    with_any = [block for names, block in defined if names]
    return (with_entry[-1:] or with_any or blocks)[0]


def _exact(grader: dict, text: str) -> bool:
    return _bare(text) in {_bare(accepted) for accepted in grader["accept"]}


def _choice(grader: dict, text: str) -> bool:
    return chosen_letter(text, grader["options"]) == grader["answer"]


def _number(grader: dict, text: str) -> bool:
    number = given_number(text, grader.get("take", "last"))
    return number is not None and math.isfinite(number) and abs(number - grader["value"]) <= grader.get("tolerance", 0)


def _contains_all(grader: dict, text: str) -> bool:
    return all(terms_found(grader, text))


def _regex(grader: dict, text: str) -> bool:
    flags = re.MULTILINE | (re.IGNORECASE if grader.get("ignore_case") else 0)
    return re.search(grader["pattern"], text, flags) is not None


def _json(grader: dict, text: str) -> bool:
    value = _first_json(text, type(grader["expected"]))
    return value is not None and _same(value, grader["expected"])


def _first_json(text: str, wanted: Type[T]) -> Optional[T]:
    """The first outermost JSON value of the wanted type, or None. Few starts are tried, so that junk stays cheap."""
    decoder, position = json.JSONDecoder(), 0
    for start in [match.start() for match in re.finditer(r"[{\[]", text)][:50]:
        if start < position:
            continue
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, wanted):
            return value
    return None


def _same(value: Json, expected: Json) -> bool:
    if isinstance(expected, dict):
        return (isinstance(value, dict) and value.keys() == expected.keys()
                and all(_same(value[key], expected[key]) for key in expected))
    if isinstance(expected, list):
        return isinstance(value, list) and len(value) == len(expected) and all(map(_same, value, expected))
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    return value == expected


def _plain(answer: str) -> str:
    """The answer without what is forgiven in every kind; line ends stay."""
    text = _safe(answer).replace("\r\n", "\n")
    if not text.isascii():
        text = text.translate(CURLY)
    if "```" in text or "~~~" in text:      # to look for a few characters is much cheaper than to search a pattern
        text = FENCE_LINE.sub("", text)
    if "\\" in text:
        text = ESCAPED.sub(r"\1", text)
    if "*" in text:
        text = LIGHT.sub(r"\1", STRONG.sub(r"\1", text))
    text = text.replace("`", "").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text.count(text[0]) == 2:
        text = text[1:-1].strip()
    return text


def _safe(answer: str) -> str:
    """What is looked at. A lone surrogate becomes a question mark, so that nothing later fails to encode."""
    return answer[:MAX_CHARS].rpartition("</think>")[2].encode("utf-8", "replace").decode("utf-8")


def _words(text: str) -> str:
    return " ".join(_ungrouped(text).casefold().split())


def _bare(text: str) -> str:
    return ANSWER_WORDS.sub("", _words(text)).rstrip(".").strip("\"'")


def _ungrouped(text: str) -> str:
    """1,234,567 becomes 1234567; a list such as 12,34 stays."""
    return GROUPED.sub(lambda match: match.group(1).replace(",", ""), text) if "," in text else text


def _alternatives(term: Union[str, List[str]]) -> list:
    return [term] if isinstance(term, str) else list(term)


def _stands_in(text: str, word: str) -> bool:
    """Whether the word occurs with no letter, digit or underscore directly before or after it."""
    place = text.find(word)
    while place >= 0:
        if not _is_word_part(text[place - 1:place]) and not _is_word_part(text[place + len(word):place + len(word) + 1]):
            return True
        place = text.find(word, place + 1)
    return False


def _is_word_part(character: str) -> bool:
    return character.isalnum() or character == "_"


KINDS = {"exact": _exact, "choice": _choice, "number": _number, "contains_all": _contains_all, "regex": _regex,
         "json": _json}
