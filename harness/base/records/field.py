"""A field of a record: its name, its kind and what it says; schema, checks and documents are made from these."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One field. `kind` is a scalar of base.schema, `list:KIND`, `choice:NAME` or the name of a record."""
    name: str
    kind: str
    says: str
    null: bool = False
    absent: bool = False


def fields(*rows: tuple) -> tuple:
    """Rows of (name, kind, meaning); a kind that ends in `?` may be null, in `~` may be absent."""
    return tuple(Field(name, kind.rstrip("?~"), says, "?" in kind, "~" in kind) for name, kind, says in rows)
