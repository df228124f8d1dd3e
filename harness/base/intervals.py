"""Intervals of time, and how many of them run at once."""
from __future__ import annotations

from typing import Iterable


def most_at_once(spans: Iterable[tuple]) -> int:
    """The largest number of (start, end) spans that share a moment. Spans that only touch do not."""
    # At one moment ends come before starts: -1 sorts before +1.
    edges = sorted(edge for start, end in spans if end > start for edge in ((start, 1), (end, -1)))
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def busy(spans: Iterable[tuple]) -> int:
    """How much time at least one span covers."""
    total, reached = 0, None
    for start, end in sorted(spans):
        if reached is None or start > reached:
            total, reached = total + max(0, end - start), max(start, end)
        elif end > reached:
            total, reached = total + end - reached, end
    return total
