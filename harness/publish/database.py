"""catalogue.sqlite: every figure of the catalogue in tables and views.

Rows are written in a fixed order with fixed settings, so that the same catalogue gives the same bytes. The table `field`
describes each column; the table `question` has sample queries.
"""
from __future__ import annotations

import contextlib
import itertools
import sqlite3
from typing import Callable, Iterator

from base import files, schema
from publish import build_cache, sample_queries, table_columns
from publish.sql_schema import INDICES, TABLES, VIEWS

PRAGMAS = ("page_size = 4096", "encoding = 'UTF-8'", "journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF")
PIECE_BYTES = 1 << 20
RUNS_PER_BATCH = 200
# Header fields that differ between SQLite releases: change counter, version-valid-for and library version.
CHANGE_COUNTER, VALID_FOR, LIBRARY_VERSION = slice(24, 28), slice(92, 96), slice(96, 100)


def pieces(document: dict) -> Iterator[bytes]:
    """The file, piece by piece; document is a `catalogue` record."""
    with files.temporary_folder() as folder:
        path = folder / "catalogue.sqlite"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _write(connection, document)
        with open(path, "rb") as source:
            head = bytearray(source.read(PIECE_BYTES))
            head[CHANGE_COUNTER] = head[VALID_FOR] = (1).to_bytes(4, "big")
            head[LIBRARY_VERSION] = (3_008_000).to_bytes(4, "big")
            yield bytes(head)
            yield from iter(lambda: source.read(PIECE_BYTES), b"")


def _write(connection: sqlite3.Connection, document: dict) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    for name, table in TABLES.items():
        parts = [f'"{column}" {kind}' for column, kind, _ in table.columns] + list(table.constraints)
        connection.execute(f'CREATE TABLE "{name}" ({", ".join(parts)})')
    for name, (_, sql) in VIEWS.items():
        connection.execute(f'CREATE VIEW "{name}" AS {sql}')
    for name, rows in _rows(document):
        marks = ", ".join("?" * len(TABLES[name].columns))
        are_stored = name in ("run", "run_model", "run_warning")        # `run_tables` has made them storable
        connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows if are_stored else (
            tuple(map(_storable, row)) for row in rows))
    for table, columns in INDICES:
        connection.execute(f'CREATE INDEX "{table}_by_{columns.replace(", ", "_")}" ON "{table}" ({columns})')
    connection.execute("COMMIT")
    connection.execute("VACUUM")


def _storable(value: object) -> object:
    """Lone surrogates, which JSON can contain and UTF-8 cannot, become question marks."""
    if type(value) is not str or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def _rows(document: dict) -> Iterator[tuple]:
    """(name of a table, rows) in writing order; runs come in batches, since there may be many."""
    yield "catalogue", [(*table_columns.values("catalogue", document), *table_columns.values("catalogue_totals", document["totals"]))]
    yield "field", sorted(_descriptions())
    yield "question", [(number, query.title, query.sql, query.description, schema.dumps(query.parameters))
                       for number, query in enumerate(sample_queries.QUERIES, 1)]
    yield "device", [table_columns.values("device", device) for device in document["devices"]]
    yield "model", [table_columns.values("catalogue_model", model) for model in document["models"]]
    yield "cell", [table_columns.values("cell", cell) for cell in document["cells"]]
    yield "variant", [(number, cell["cell_id"], *table_columns.values("variant", variant)) for number, cell, variant in _variants(document)]
    yield "figure", _phases(document, _figures)
    yield "level", _phases(document, _levels)
    yield "quality", _phases(document, _quality)
    yield "outcome", _phases(document, lambda phase: sorted(phase["outcomes"].items()))
    yield "skip", _phases(document, lambda phase: sorted(phase["skips"].items()))
    numbers = {(cell["cell_id"], variant["digest"]): number for number, cell, variant in _variants(document)}
    runs = document["runs"]
    remaining = runs.tables() if isinstance(runs, build_cache.Rows) else map(run_tables, runs)
    for batch in iter(lambda: list(itertools.islice(remaining, RUNS_PER_BATCH)), []):
        yield "run", [tables["run"] for tables in batch]
        yield "run_model", [(run_id, numbers[cell_id, digest], *values) for tables in batch
                            for run_id, cell_id, digest, values in tables["run_model"]]
        yield "run_warning", [row for tables in batch for row in tables["run_warning"]]


def run_tables(run: dict) -> dict:
    """The rows of one run; those of run_model as (run id, cell id, digest, the other columns). JSON can hold them."""
    unmet = run["unmet"] or {}
    return {"run": [*map(_storable, table_columns.values("catalogue_run", run)), *(_storable(unmet.get(name)) for name in ("condition", "observed"))],
            "run_model": [[run["run_id"], model["cell_id"], model["digest"], [*map(_storable, table_columns.values("run_model", model))]]
                          for model in run["models"]],
            "run_warning": [[run["run_id"], *count] for count in sorted(run["warnings"].items())]}


def _descriptions() -> Iterator[tuple]:
    for name, table in TABLES.items():
        yield name, "", table.description
        yield from ((name, column, meaning) for column, _, meaning in table.columns)
    yield from ((name, "", description) for name, (description, _) in VIEWS.items())


def _variants(document: dict) -> Iterator[tuple]:
    """(number, cell, variant), numbered from 1."""
    variants = ((cell, variant) for cell in document["cells"] for variant in cell["variants"])
    return ((number, *pair) for number, pair in enumerate(variants, 1))


def _phases(document: dict, rows_of: Callable) -> Iterator[tuple]:
    """Rows of every phase of every variant, each with variant_id and phase in front."""
    for number, _, variant in _variants(document):
        for phase in variant["phases"]:
            for row in rows_of(phase):
                yield (number, phase["phase"], *row)


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


def _quality(phase: dict) -> list:
    return [table_columns.values("cell_quality", phase["quality"])] if phase["quality"] else []
