"""Database rows: what each run and each cell adds to catalogue.sqlite, kept in the index of the build cache.

Rows are made once, where a run is processed or a cell is pooled. A new catalogue.sqlite copies them.
"""
from __future__ import annotations

import sqlite3
from typing import Callable, Dict, Iterable, Iterator, List

from publish import table_columns
from publish.sql_schema import TABLES, index_statements
from publish.table_columns import Value

OF_RUNS = ("run", "run_model", "run_warning")
OF_CELLS = ("variant", "ladder", "figure", "level", "quality", "thinking", "rung", "outcome", "skip")
NUMBER = "variant_id"       # of a variant among all; known only when all cells are
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


def _row(*values: Value) -> list:
    return list(map(storable, values))


def storable(value: Value) -> Value:
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


# ----- kept in an index, which has a table `run` (folder, run_id)

def create(index: sqlite3.Connection) -> None:
    """Tables of runs are as in catalogue.sqlite, so that SQLite copies them as they are."""
    for name in OF_RUNS:
        index.execute(TABLES[name].statement(f"rows_{name}", is_alone=True))
    for statement in index_statements(OF_RUNS, "rows_"):
        index.execute(statement)
    for name in OF_CELLS:
        columns = "".join(f', "{column}"' for column in _columns(name))
        index.execute(f'CREATE TABLE "rows_{name}" (owner TEXT, line INTEGER{columns}, PRIMARY KEY (owner, line)) WITHOUT ROWID')
    index.execute("CREATE TABLE variant_number (number INTEGER PRIMARY KEY, cell_id TEXT, place INTEGER, digest TEXT, UNIQUE (cell_id, digest))")


def _columns(name: str) -> List[str]:
    """The columns that are kept of a table of cells: the variant's place in its cell for its number."""
    return ["place", *(column for column, _, _ in TABLES[name].columns if column != NUMBER)]


def put_run(index: sqlite3.Connection, tables: Tables) -> None:
    """Add the rows of a run, which has none."""
    for name, rows in tables.items():
        names = ", ".join(f'"{column}"' for column, _, _ in TABLES[name].columns if column != NUMBER)
        index.executemany(f'INSERT INTO "rows_{name}" ({names}) VALUES ({_marks(names.count(",") + 1)})', rows)


def remove_run(index: sqlite3.Connection, folder: str) -> None:
    for name in OF_RUNS:
        index.execute(f'DELETE FROM "rows_{name}" WHERE run_id = (SELECT run_id FROM run WHERE folder = ?)', (folder,))


def put_cell(index: sqlite3.Connection, cell_id: str, tables: Tables) -> None:
    """Keep the rows of a cell for those that it had."""
    for name, rows in tables.items():
        index.execute(f'DELETE FROM "rows_{name}" WHERE owner = ?', (cell_id,))
        index.executemany(f'INSERT INTO "rows_{name}" VALUES ({_marks(len(_columns(name)) + 2)})', [(cell_id, line, *row) for line, row in enumerate(rows)])


def remove_cell(index: sqlite3.Connection, cell_id: str) -> None:
    put_cell(index, cell_id, {name: [] for name in OF_CELLS})


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def number_variants(index: sqlite3.Connection) -> None:
    """Number the variants of all cells, by cell. Most often no number changes, and only new rows of runs get theirs."""
    variants = index.execute("SELECT owner, place, digest FROM rows_variant ORDER BY owner, line").fetchall()
    if variants != index.execute("SELECT cell_id, place, digest FROM variant_number ORDER BY number").fetchall():
        index.execute("DELETE FROM variant_number")
        index.executemany("INSERT INTO variant_number (cell_id, place, digest) VALUES (?, ?, ?)", variants)
        index.execute(f"UPDATE rows_run_model SET {NUMBER} = NULL")
    index.execute(f"UPDATE rows_run_model SET {NUMBER} = (SELECT number FROM variant_number variant "
                  f"WHERE variant.cell_id = rows_run_model.cell_id AND variant.digest = rows_run_model.digest) WHERE {NUMBER} IS NULL")


def copy(database: sqlite3.Connection) -> None:
    """Copy all rows into a new catalogue.sqlite, to which the index is attached as `kept`."""
    for name in OF_CELLS:
        columns = ", ".join("number.number" if column == NUMBER else f'rows."{column}"' for column, _, _ in TABLES[name].columns)
        database.execute(f'INSERT INTO main."{name}" SELECT {columns} FROM kept.variant_number number '
                         f'JOIN kept."rows_{name}" rows ON rows.owner = number.cell_id AND rows.place = number.place '
                         "ORDER BY number.number, rows.line")
    for name in OF_RUNS:
        database.execute(f'INSERT INTO main."{name}" SELECT * FROM kept."rows_{name}"')     # in this form, whole pages are copied
