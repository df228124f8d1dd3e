"""Data files: the whole catalogue as JSON, CSV, SQLite and a feed."""
from __future__ import annotations

import contextlib
import io
import pathlib
from typing import Dict, Iterable, Iterator, List

from base import json_text
from publish import cache_index, csv_table, database, feed, process_pool
from publish.build_cache import BuildCache
from publish.cache_files import File, put_file


@contextlib.contextmanager
def updated(kept: BuildCache, document: dict, cells: List[str]) -> Iterator[None]:
    """Make the files if a run or a cell has changed. SQLite writes the database while the caller goes on inside.

    `cells` are the records of cells as JSON.
    """
    if not kept.is_data_stale():
        yield
        return
    earlier = io.BytesIO(kept.earlier_data("catalogue.json"))
    kept.commit_rows()
    with process_pool.background(_database, kept.folder, document) as database_file:
        yield
        made = [put_file(kept.folder, path, data) for path, data in (
            ("catalogue.json", _lines(document, {"cells": (cell.encode("ascii") for cell in cells), "runs": kept.records.lines(earlier)})),
            ("catalogue.csv", csv_table.data(document)), ("feed.xml", feed.data(document)))]
        kept.put_data([*made, database_file()])


def _database(cache: pathlib.Path, document: dict) -> File:
    return put_file(cache, "catalogue.sqlite", database.pieces(document, cache / cache_index.NAME))


def _lines(document: dict, kept: Dict[str, Iterable[bytes]]) -> Iterator[bytes]:
    """JSON with a line for each field and for each record of a list, so that it is compact and a diff is readable.

    `kept` has lists whose records are JSON already.
    """
    before = "{"
    for name, value in document.items():
        yield f"{before}{json_text.dumps(name)}:".encode("ascii")
        if name in kept or isinstance(value, list):
            yield from _list(kept[name] if name in kept else (json_text.dumps(record).encode("ascii") for record in value))
        else:
            yield json_text.dumps(value).encode("ascii")
        before = ",\n"
    yield b"}\n"


def _list(lines: Iterable[bytes]) -> Iterator[bytes]:
    before, end = b"[\n", b"[]"
    for line in lines:
        yield before + line
        before, end = b",\n", b"\n]"
    yield end
