"""Values: numbers of many runs, of which a pool keeps all, since quartiles cannot be computed from quartiles."""
from __future__ import annotations

from array import array
from typing import Optional

from derive.distribution import Sample


def no_values() -> array:
    return array("d")


def add(values: array, value: Optional[float]) -> None:
    """None is not added."""
    if value is not None:
        values.append(value)


def stat_of(values: array) -> Optional[dict]:
    return Sample(values).record()
