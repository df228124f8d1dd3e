"""Ranking: which model to run on which device, and by which rule.

Quality is ranked by the lower end of its interval, so that 5 right answers of 5 do not beat 90 of 95. A row whose runs are
archive-only is chosen only where no row that may be compared qualifies.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

from base.records.catalogue_fields import MEMORY_KINDS
from publish.number_format import NONE
from publish.pages.figure_columns import BY_ID, Row

READING_TOK_S = 10      # about twice the speed of reading
QUICK = f"Most right answers, at {READING_TOK_S} tok/s or more"
BEST = "Most right answers, at any speed"
KINDS = {"accelerator": "graphics memory", "unified": "unified memory", "main": "main memory, no accelerator"}
UNKNOWN = "memory not known"


@dataclass(frozen=True)
class BestRow:
    """The best row by one rule; None if no row qualifies."""
    rule: str
    row: Optional[Row]


def choices(rows: List[Row]) -> List[BestRow]:
    """The choices that visitors look for first; where the quick one is the best of all, it is named once."""
    quick, best, fastest = best_rows(rows)
    result = [BestRow(QUICK if quick is not best else "Most right answers", quick)]
    result += [BestRow(BEST, best)] if quick is not best else []
    return result + [BestRow("Fastest", fastest)]


def best_rows(rows: List[Row]) -> List[Optional[Row]]:
    """The best at a usable speed, the best at any speed, and the fastest."""
    return [_best([row for row in rows if _speed(row) >= READING_TOK_S]), _best(rows), _fastest(rows)]


def _speed(row: Row) -> float:
    decode = BY_ID["decode"].find(row)
    return decode.value if decode else 0.0


def _best(rows: List[Row]) -> Optional[Row]:
    """Comparable rows first; by the lower end of the interval, then by speed, then by name, so that the result is deterministic.

    A row without a right answer is not the best of anything.
    """
    graded = [(row.is_comparable, answers.low, _speed(row), row.name_of_model, row.name_of_device, row) for row in rows
              for answers in [BY_ID["answers"].find(row)] if answers and answers.value]
    return max(graded, key=lambda ranked: ranked[:-1])[-1] if graded else None


def _fastest(rows: List[Row]) -> Optional[Row]:
    timed = [(row.is_comparable, _speed(row), row.name_of_model, row.name_of_device, row) for row in rows if _speed(row)]
    return max(timed, key=lambda ranked: ranked[:-1])[-1] if timed else None


def class_of(device: dict) -> tuple:
    """(kind, gigabytes) of the memory for models, as a sort key."""
    kinds = list(MEMORY_KINDS)
    kind = device["model_memory_kind"]
    return kinds.index(kind) if kind and _has_class(device) else len(kinds), device["memory_class_gb"] or 0


def class_name(device: dict) -> str:
    return f"{size_name(device)} {kind_name(device)}" if _has_class(device) else UNKNOWN


def kind_name(device: dict) -> str:
    return KINDS[device["model_memory_kind"]] if _has_class(device) else UNKNOWN


def size_name(device: dict) -> str:
    return f"{device['memory_class_gb']:,} GB" if _has_class(device) else NONE


def _has_class(device: dict) -> bool:
    return bool(device["memory_class_gb"] and device["model_memory_kind"])
