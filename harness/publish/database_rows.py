"""Database rows: what each run and each cell adds to catalogue.sqlite, kept in the index of the build cache.

Rows are made once, where a run is processed or a cell is pooled. A new catalogue.sqlite copies them in a fixed order.
"""
from __future__ import annotations

import sqlite3
from typing import Callable, Dict, Iterable, Iterator, List, Tuple

from publish import table_columns
from publish.sql_schema import TABLES

OF_RUNS = ("run", "run_model", "run_warning")
OF_CELLS = ("variant", "ladder", "figure", "level", "quality", "thinking", "rung", "outcome", "skip")
NUMBER = "variant_id"       # of a variant among all; known only when all cells are
NEWEST_FIRST = "ORDER BY run.started_at DESC, run.run_id DESC"
Tables = Dict[str, List[list]]      # name of a table: its rows, as JSON can hold them


# ----- rows of a run, and of a cell

def of_run(run: dict) -> Tables:
    """The rows of a `catalogue_run` record, without variant numbers."""
    unmet = run["unmet"] or {}
    return {"run": [_row(*table_columns.values("catalogue_run", run), *(unmet.get(name) for name in ("condition", "observed")))],
            "run_model": [_row(run["run_id"], *table_columns.values("run_model", model)) for model in run["models"]],
            "run_warning": [_row(run["run_id"], *count) for count in sorted(run["warnings"].items())]}


def of_cell(cell: dict) -> Tables:
    """The rows of a `cell` record; each begins with the place of its variant in the cell."""
    rows: Tables = {name: [] for name in OF_CELLS}
    for place, variant in enumerate(cell["variants"]):
        rows["variant"].append(_row(place, cell["cell_id"], *table_columns.values("variant", variant)))
        if variant["ladder"]:
            rows["ladder"].append(_row(place, *table_columns.values("cell_ladder", variant["ladder"])))
        for phase in variant["phases"]:
            for name, rows_of in _OF_PHASE.items():
                rows[name] += [_row(place, phase["phase"], *row) for row in rows_of(phase)]
    return rows


def _row(*values: object) -> list:
    return list(map(storable, values))


def storable(value: object) -> object:
    """Lone surrogates, which JSON can contain and UTF-8 cannot, become question marks."""
    if type(value) is not str or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def _figures(phase: dict) -> Iterator[tuple]:
    for group in phase["groups"]:
        key = tuple(group[name] for name in ("item", "pass", "level", "fill"))
        for name, spread in group["figures"].items():
            if spread is not None:
                runs = (spread["over_runs"][part] for part in ("median", "q1", "q3", "low", "high", "n"))
                calls = (spread["over_calls"][part] for part in ("median", "q1", "q3", "min", "max", "n"))
                yield (*key, name, *runs, *calls)


def _levels(phase: dict) -> Iterator[tuple]:
    return ((" + ".join(level["models"]), *table_columns.values("cell_level", level)) for level in phase["levels"])


def _record(name: str) -> Callable[[dict], List[tuple]]:
    """The row of a record that a phase may have."""
    return lambda phase: [table_columns.values(f"cell_{name}", phase[name])] if phase.get(name) else []


_OF_PHASE: Dict[str, Callable[[dict], Iterable[tuple]]] = {
    "figure": _figures, "level": _levels, "quality": _record("quality"), "thinking": _record("thinking"), "rung": _record("rung"),
    "outcome": lambda phase: sorted(phase["outcomes"].items()), "skip": lambda phase: sorted(phase["skips"].items())}


# ----- kept in an index, which has a table `run` (folder, run_id, started_at, is_shown)

def create(index: sqlite3.Connection) -> None:
    for name in OF_RUNS + OF_CELLS:
        columns = "".join(f', "{column}"' for column in _columns(name))
        index.execute(f'CREATE TABLE "rows_{name}" (owner TEXT, line INTEGER{columns}, PRIMARY KEY (owner, line)) WITHOUT ROWID')


def _columns(name: str) -> List[str]:
    """The columns that are kept: those of the table, with the variant's place in its cell for its number."""
    columns = [column for column, _, _ in TABLES[name].columns]
    if name in OF_CELLS:
        return ["place", *(column for column in columns if column != NUMBER)]
    return [column for column in columns if column != NUMBER]


def put(index: sqlite3.Connection, owner: str, tables: Tables) -> None:
    """Keep the rows of a run or a cell; what it has no more goes."""
    for name, rows in tables.items():
        index.execute(f'DELETE FROM "rows_{name}" WHERE owner = ?', (owner,))
        marks = ", ".join("?" * (len(_columns(name)) + 2))
        index.executemany(f'INSERT INTO "rows_{name}" VALUES ({marks})', [(owner, line, *row) for line, row in enumerate(rows)])


def remove(index: sqlite3.Connection, owner: str, names: Tuple[str, ...]) -> None:
    put(index, owner, {name: [] for name in names})


def copy(database: sqlite3.Connection) -> None:
    """Copy all rows into a new catalogue.sqlite, to which the index is attached as `kept`: variants by cell, runs newest first."""
    database.execute("CREATE TEMP TABLE variant_number (number INTEGER PRIMARY KEY, cell_id TEXT, place INTEGER, digest TEXT)")
    database.execute("INSERT INTO variant_number (cell_id, place, digest) SELECT owner, place, digest FROM kept.rows_variant ORDER BY owner, line")
    database.execute("CREATE INDEX temp.variant_number_of ON variant_number (cell_id, digest)")
    for name in OF_CELLS:
        database.execute(f'INSERT INTO main."{name}" SELECT {_selected(name)} FROM temp.variant_number number '
                         f'JOIN kept."rows_{name}" rows ON rows.owner = number.cell_id AND rows.place = number.place '
                         "ORDER BY number.number, rows.line")
    for name in OF_RUNS:
        number = "JOIN temp.variant_number number USING (cell_id, digest)" if name == "run_model" else ""
        database.execute(f'INSERT INTO main."{name}" SELECT {_selected(name)} FROM kept.run run JOIN kept."rows_{name}" rows '
                         f"ON rows.owner = run.folder {number} WHERE run.is_shown {NEWEST_FIRST}, rows.line")


def _selected(name: str) -> str:
    return ", ".join("number.number" if column == NUMBER else f'rows."{column}"' for column, _, _ in TABLES[name].columns)
