"""A field of a record: its name, its kind, its range and its meaning; schema, checks and documents are made from these."""
from __future__ import annotations

from typing import NamedTuple, Optional

from base.records.ranges import Range, range_of


class Field(NamedTuple):
    """One field. `kind` is a scalar of base.schema, `list:KIND`, `choice:NAME` or the name of a record.

    `range` is (least, most): of a number or of each number in a list, of the characters of a text.
    """
    name: str
    kind: str
    says: str
    null: bool = False
    absent: bool = False
    range: Optional[Range] = None


def fields(*rows: tuple) -> tuple:
    """Rows of (name, kind, meaning); a kind that ends in `?` may be null, in `~` may be absent."""
    return tuple(Field(name, kind.rstrip("?~"), says, "?" in kind, "~" in kind, range_of(name, kind.rstrip("?~")))
                 for name, kind, says in rows)
