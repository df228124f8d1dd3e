"""catalogue.sqlite: every figure of the catalogue in tables and views.

Rows are written in a fixed order with fixed settings, so that the same catalogue gives the same bytes. The table `field`
describes each column; the table `question` has sample queries.
"""
from __future__ import annotations

import contextlib
import pathlib
import sqlite3
from typing import Iterator

from base import files, json_text
from publish import database_rows, sample_queries, table_columns
from publish.sql_schema import TABLES, VIEWS, index_statements

PRAGMAS = ("page_size = 4096", "encoding = 'UTF-8'", "journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF")
PIECE_BYTES = 1 << 20
# Header fields that differ between SQLite releases: change counter, version-valid-for and library version.
CHANGE_COUNTER, VALID_FOR, LIBRARY_VERSION = slice(24, 28), slice(92, 96), slice(96, 100)


def pieces(document: dict, index: pathlib.Path) -> Iterator[bytes]:
    """The file, piece by piece. `document` is a `catalogue` record; `index` is a database with the rows of its runs and cells."""
    with files.temporary_folder() as folder:
        path = folder / "catalogue.sqlite"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _write(connection, document, index)
        with open(path, "rb") as source:
            head = bytearray(source.read(PIECE_BYTES))
            head[CHANGE_COUNTER] = head[VALID_FOR] = (1).to_bytes(4, "big")
            head[LIBRARY_VERSION] = (3_008_000).to_bytes(4, "big")
            yield bytes(head)
            yield from iter(lambda: source.read(PIECE_BYTES), b"")


def _write(connection: sqlite3.Connection, document: dict, index: pathlib.Path) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("ATTACH ? AS kept", (str(index),))
    connection.execute("BEGIN")
    for name, table in TABLES.items():
        connection.execute(table.statement(name))
    for name, (_, sql) in VIEWS.items():
        connection.execute(f'CREATE VIEW "{name}" AS {sql}')
    for name, rows in _of_whole(document):
        marks = ", ".join("?" * len(TABLES[name].columns))
        connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', (tuple(map(database_rows.storable, row)) for row in rows))
    for statement in index_statements(TABLES):
        connection.execute(statement)
    database_rows.copy(connection)
    connection.execute("COMMIT")


def _of_whole(document: dict) -> Iterator[tuple]:
    """(name of a table, rows) of what depends on all runs."""
    yield "catalogue", [(*table_columns.values("catalogue", document), *table_columns.values("catalogue_totals", document["totals"]))]
    yield "field", sorted(_descriptions())
    yield "question", [(number, query.title, query.sql, query.description, json_text.dumps(query.parameters))
                       for number, query in enumerate(sample_queries.QUERIES, 1)]
    yield "device", [table_columns.values("device", device) for device in document["devices"]]
    yield "model", [table_columns.values("catalogue_model", model) for model in document["models"]]
    yield "cell", [table_columns.values("cell", cell) for cell in document["cells"]]


def _descriptions() -> Iterator[tuple]:
    for name, table in TABLES.items():
        yield name, "", table.description
        yield from ((name, column, meaning) for column, _, meaning in table.columns)
    yield from ((name, "", description) for name, (description, _) in VIEWS.items())
