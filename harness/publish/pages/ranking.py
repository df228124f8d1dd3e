"""Ranking: which model to run on which device, and by which rule.

Quality is ranked by the lower end of its interval, so that 5 right answers of 5 do not beat 90 of 95.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

from base.records.catalogue_fields import MEMORY_KINDS
from publish.pages.figure_columns import BY_ID, Row

READING_TOK_S = 10      # about twice the speed of reading
QUICK = f"Most answers right, at {READING_TOK_S} tok/s or more"
KINDS = {"accelerator": "graphics memory", "unified": "unified memory", "main": "main memory, no accelerator"}
UNKNOWN = "memory not known"


@dataclass(frozen=True)
class BestRow:
    """The best row by one rule; None if no row qualifies."""
    rule: str
    row: Optional[Row]


def choices(rows: List[Row]) -> List[BestRow]:
    """The choices that visitors look for first."""
    quick, best = _best([row for row in rows if _speed(row) >= READING_TOK_S]), _best(rows)
    result = [BestRow(QUICK if quick is not best else "Most answers right", quick)]
    result += [BestRow("Most answers right, at any speed", best)] if quick is not best else []
    return result + [BestRow("Fastest", _fastest(rows))]


def _speed(row: Row) -> float:
    decode = BY_ID["decode"].find(row)
    return decode.value if decode else 0.0


def _best(rows: List[Row]) -> Optional[Row]:
    """By the lower end of the interval, then by speed, then by name, so that the result is deterministic.

    A row without a right answer is not the best of anything.
    """
    graded = [(answers.low, _speed(row), row.name_of_model, row.name_of_device, row) for row in rows
              for answers in [BY_ID["answers"].find(row)] if answers and answers.value]
    return max(graded, key=lambda ranked: ranked[:-1])[-1] if graded else None


def _fastest(rows: List[Row]) -> Optional[Row]:
    timed = [(_speed(row), row.name_of_model, row.name_of_device, row) for row in rows if _speed(row)]
    return max(timed, key=lambda ranked: ranked[:-1])[-1] if timed else None


def class_of(device: dict) -> tuple:
    """(gigabytes, kind) of the memory for models, as a sort key."""
    kinds = list(MEMORY_KINDS)
    kind = device["model_memory_kind"]
    return device["memory_class_gb"] or 0, kinds.index(kind) if kind else len(kinds)


def class_name(device: dict) -> str:
    if not device["memory_class_gb"] or not device["model_memory_kind"]:
        return UNKNOWN
    return f"{device['memory_class_gb']} GB {KINDS[device['model_memory_kind']]}"


def classes(rows: List[Row]) -> Dict[str, List[Row]]:
    """Rows by memory class of their device, the smallest first."""
    by_class: dict = {}
    for row in sorted(rows, key=lambda row: class_of(row.device)):
        by_class.setdefault(class_name(row.device), []).append(row)
    return by_class
