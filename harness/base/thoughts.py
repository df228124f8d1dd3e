"""Thoughts in an answer: servers put them into a field of their own, or leave them in the answer between tags.

Pure text in, text out. An answer has thoughts only if it begins with an opening tag, or if a closing tag ends something
that the chat template opened.
"""
from __future__ import annotations

import re
from typing import Tuple

from base.pattern import lazy

_NAMES = r"think|thinking|thought|thoughts|reason|reasoning|seed:think|analysis"
_OPENING = lazy(rf"\s*(?:<({_NAMES})>|(\[think\])|(<\|begin_of_thought\|>)|(<\|channel\|>analysis<\|message\|>)|(\u25c1think\u25b7))",
                      re.IGNORECASE)
_CLOSING_OF = ("", r"\[/think\]", r"<\|end_of_thought\|>", r"<\|channel\|>final<\|message\|>", "\u25c1/think\u25b7")   # by group; the first has its own name
_CLOSING = lazy(rf"</(?:{_NAMES})>|" + "|".join(_CLOSING_OF[1:]), re.IGNORECASE)


def split(answer: str) -> Tuple[str, str]:
    """(thoughts, the answer without them). Thoughts that never end leave no answer."""
    opening = _OPENING.match(answer)
    if opening is None:
        closing = _CLOSING.search(answer)
        return (answer[:closing.start()], answer[closing.end():]) if closing else ("", answer)
    name, group = opening.group(1), opening.lastindex or 1
    pattern = rf"</{re.escape(name)}>" if name else _CLOSING_OF[group - 1]
    closing = re.compile(pattern, re.IGNORECASE).search(answer, opening.end())
    return (answer[opening.end():closing.start()], answer[closing.end():]) if closing else (answer[opening.end():], "")


def are_in(answer: str) -> bool:
    """Whether an answer has thoughts; an empty pair of tags has none."""
    return bool(split(answer)[0].strip())


def answer_alone(answer: str) -> str:
    thoughts, rest = split(answer)
    return rest if thoughts.strip() else answer


def has_thought(thinking: str, answer: str) -> bool:
    """Whether a call shows thinking, in the field for it or in the answer."""
    return bool(thinking.strip()) or are_in(answer)
