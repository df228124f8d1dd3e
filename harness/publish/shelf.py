"""The shelf: what earlier builds made, kept beside the site and never within it, so that a build makes only what is new.

    <out>.cache/index.json      runs, cells and files as the build before left them
    <out>.cache/runs/           what each run gives to its cells
    <out>.cache/files/          every file of the site under its own path; the site's files are second names of these
    <out>.cache/new/, old/      the site while it changes place

Everything here may be deleted at any time; the next build makes it anew. It may hold what is redacted on the site.
"""
from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
from typing import Iterable

from base import files, schema

INDEX = "index.json"
SAFE = re.compile(r"[a-z0-9_][a-z0-9._-]*(?:/[a-z0-9_][a-z0-9._-]*)*\Z")
EMPTY: dict = {"runs": {}, "cells": {}, "whole": {}, "files": {}}


def digest(*parts: object) -> str:
    """One hash over values of JSON."""
    return hashlib.sha256(schema.dumps(list(parts)).encode("ascii")).hexdigest()


class Shelf:
    """`version` is a hash of whatever decides what is made of the same input; another one makes all of it void."""

    def __init__(self, folder: pathlib.Path, version: str, afresh: bool = False):
        self.folder, self.version = folder, version
        found = None if afresh else self._read()
        if found is None:
            files.remove_folder(folder / "files")
            files.remove_folder(folder / "runs")
        self.before = found or EMPTY
        self.runs: dict = {}            # folder of a run: its note
        self.cells: dict = {}           # cell id: its note
        self.whole: dict = {}           # the note of what tells of all runs
        self.files: dict = {}           # path within the site: [size, mtime_ns]

    def _read(self) -> dict | None:
        try:
            found = json.loads((self.folder / INDEX).read_bytes())      # our own; it is large, and strictness costs time
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and found.get("version") == self.version else None

    def are_there(self, paths: Iterable[str]) -> bool:
        """Whether the build before made these files, and nobody has touched them since; if so, they are kept."""
        found, top = {}, f"{self.folder}/files/"     # plain text, as there are many
        for path in paths:
            state = self.before["files"].get(path)
            if state is None or state != _state(top + path):
                return False
            found[path] = state
        self.files.update(found)
        return True

    def keep(self, made: Iterable[tuple]) -> None:
        """Files that were written by `put_file`, as (path, state); two makers of one file are a bug."""
        for path, state in made:
            if path in self.files:
                raise ValueError(f"two pages are called {path}")
            self.files[path] = state

    def give(self, new: pathlib.Path) -> None:
        """All files that were kept, under their paths in a new folder."""
        for folder in sorted({os.path.dirname(path) for path in self.files}):
            files.make_folder(new / folder)
        for path in sorted(self.files):
            files.share(f"{self.folder}/files/{path}", f"{new}/{path}")

    def close(self) -> None:
        """Forget what was not kept, and remember the rest."""
        for path in self.before["files"]:
            if path not in self.files:
                files.discard(self.folder / "files" / path)
        for name in {note["key"] for note in self.before["runs"].values()} - {note["key"] for note in self.runs.values()}:
            files.discard(run_path(self.folder, name))
        index = {"version": self.version, "runs": self.runs, "cells": self.cells, "whole": self.whole, "files": self.files}
        files.make_folder(self.folder)
        files.replace(self.folder / INDEX, schema.dumps(index).encode("ascii"))


def run_path(folder: pathlib.Path, key: str) -> pathlib.Path:
    """Where a run's contributions are."""
    return pathlib.Path(f"{folder}/runs/{key[:2]}/{key}.json")


def put_file(folder: pathlib.Path, path: str, data: bytes) -> tuple:
    """Write one file of the site; (its path, its state) for `keep`. Any process may."""
    if not SAFE.match(path):
        raise ValueError(f"{path!r} is no path within the site")
    target = folder / "files" / path
    files.write(target, data)
    return path, _state(target)


def _state(path: os.PathLike) -> list | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]
