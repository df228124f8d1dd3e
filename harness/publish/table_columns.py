"""Table columns: catalogue records as flat rows, for CSV and SQLite, generated from the fields in base/records.

    stat        its median, then _q1 _q3 _low _high _n
    spread      its median over runs, then _q1 _q3 _low _high of the same, _runs, _calls and _call_median
    share       the share, then _low _high _n
    a record    its own columns; those of `bound` get that prefix
    lists and counts are omitted; they have tables of their own
"""
from __future__ import annotations

import functools
from typing import Iterator, List, Tuple, Union

from base.records import RECORDS

Value = Union[str, int, float, None]        # of a column
TEXT, INTEGER, REAL = "TEXT", "INTEGER", "REAL"
TYPES = {"text": TEXT, "utc": TEXT, "sha256": TEXT, "run_id": TEXT, "choice": TEXT, "count": INTEGER, "bool": INTEGER,
         "number": REAL}
STAT = ("median", "q1", "q3", "low", "high")
STAT_ENDINGS = (("", "median"), ("_q1", "lower quartile"), ("_q3", "upper quartile"), ("_low", "lower end of the median's 95 % interval"),
                ("_high", "upper end of it"))
NESTED = ("headline", "bound")
# Fields of `bound` whose names a variant already uses.
PREFIXED = {("bound", name): f"bound_{name}" for name in ("bandwidth_gb_s", "bandwidth_of", "size_bytes", "decode_tok_s", "share")}


def columns(kind: str) -> Iterator[tuple]:
    """(name, type, meaning) of each column of a record."""
    for field in RECORDS[kind]:
        head, meaning = field.kind.partition(":")[0], field.says
        if head in TYPES:
            yield PREFIXED.get((kind, field.name), field.name), TYPES[head], meaning
        elif head == "stat":
            yield from ((field.name + ending, REAL, f"{what} over runs: {meaning}") for ending, what in STAT_ENDINGS)
            yield field.name + "_n", INTEGER, "runs behind it"
        elif head == "spread":
            yield from ((field.name + ending, REAL, f"{what} over runs: {meaning}") for ending, what in STAT_ENDINGS)
            yield field.name + "_runs", INTEGER, "runs behind it"
            yield field.name + "_calls", INTEGER, "calls (or waves) behind it"
            yield field.name + "_call_median", REAL, f"median over all calls: {meaning}"
        elif head == "share":
            yield from ((field.name, REAL, meaning), (field.name + "_low", REAL, "lower end of its 95 % interval"),
                        (field.name + "_high", REAL, "upper end of it"), (field.name + "_n", INTEGER, "answers behind it"))
        elif head in NESTED:
            yield from columns(head)


def values(kind: str, record: dict | None) -> tuple:
    """The values in the order of `columns`; all None if there is no record."""
    return tuple(_values(kind, record))


@functools.lru_cache(maxsize=None)
def _fields(kind: str) -> List[Tuple[str, str]]:
    """(name, what it is) of each field of a record."""
    return [(field.name, field.kind.partition(":")[0]) for field in RECORDS[kind]]


def _values(kind: str, record: dict | None) -> Iterator[Value]:
    for name, head in _fields(kind):
        value = record.get(name) if record else None
        if head in TYPES:
            yield int(value) if isinstance(value, bool) else value
        elif head == "stat":
            yield from _of(value, STAT + ("n",))
        elif head == "spread":
            runs, calls = (value["over_runs"], value["over_calls"]) if value else (None, None)
            yield from (*_of(runs, STAT + ("n",)), *_of(calls, ("n", "median")))
        elif head == "share":
            yield from _of(value, ("share", "low", "high", "n"))
        elif head in NESTED:
            yield from _values(head, value)


def _of(record: dict | None, names: tuple) -> tuple:
    return tuple(record[name] if record else None for name in names)
