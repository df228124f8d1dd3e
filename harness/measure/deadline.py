"""The time limit of a session."""
from __future__ import annotations

from typing import Callable


class Deadline:
    """The time limit of a session, with time kept free for the frozen prompts at the end of a block."""

    def __init__(self, clock: Callable[[], int], limit_s: float | None):
        self._clock, self._ends = clock, None if limit_s is None else clock() + int(limit_s * 1e9)

    def now(self) -> int:
        return self._clock()

    def leaves(self, needed_ns: int) -> bool:
        return self._ends is None or self._clock() + needed_ns <= self._ends
