"""Ranking: which model to run on which machine, and by what rule; a figure of one run is never ranked without saying so.

Quality is ranked by the lower end of its interval, so that five right answers of five do not beat ninety of ninety-five.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

from base.records.catalogue_fields import MEMORY_KINDS
from publish.pages.figure_columns import BY_ID, Row

READING_TOK_S = 10      # about twice as fast as people read
QUICK = f"Most answers right, at {READING_TOK_S} tok/s or more"
KINDS = {"accelerator": "graphics memory", "unified": "unified memory", "main": "main memory, no accelerator"}
UNKNOWN = "memory not known"


@dataclass(frozen=True)
class Choice:
    """The best of some rows by one rule; `row` is None where nobody qualifies."""
    rule: str
    row: Optional[Row]


def choices(rows: List[Row]) -> List[Choice]:
    """The answers to what visitors ask first."""
    quick, best = _best([row for row in rows if _speed(row) >= READING_TOK_S]), _best(rows)
    found = [Choice(QUICK if quick is not best else "Most answers right", quick)]
    found += [Choice("Most answers right, at any speed", best)] if quick is not best else []
    return found + [Choice("Fastest", _fastest(rows))]


def _speed(row: Row) -> float:
    found = BY_ID["decode"].find(row)
    return found.value if found else 0.0


def _best(rows: List[Row]) -> Optional[Row]:
    """By the lower end of the interval, then by speed, then by name: the same rows give the same answer."""
    graded = [(found.low, _speed(row), row.name_of_model, row.name_of_device, row) for row in rows
              for found in [BY_ID["answers"].find(row)] if found]
    return max(graded, key=lambda one: one[:-1])[-1] if graded else None


def _fastest(rows: List[Row]) -> Optional[Row]:
    timed = [(_speed(row), row.name_of_model, row.name_of_device, row) for row in rows if _speed(row)]
    return max(timed, key=lambda one: one[:-1])[-1] if timed else None


def class_of(device: dict) -> tuple:
    """(gigabytes, kind) of the memory that models live in, to sort by."""
    kinds = list(MEMORY_KINDS)
    kind = device["model_memory_kind"]
    return device["memory_class_gb"] or 0, kinds.index(kind) if kind else len(kinds)


def class_name(device: dict) -> str:
    if not device["memory_class_gb"] or not device["model_memory_kind"]:
        return UNKNOWN
    return f"{device['memory_class_gb']} GB {KINDS[device['model_memory_kind']]}"


def classes(rows: List[Row]) -> Dict[str, List[Row]]:
    """Rows by the class of their device, the smallest memory first."""
    found: dict = {}
    for row in sorted(rows, key=lambda row: class_of(row.device)):
        found.setdefault(class_name(row.device), []).append(row)
    return found
