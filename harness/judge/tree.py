"""The tree: runs on disk, one or all of them, and what only shows when they are seen together."""
from __future__ import annotations

import os
import pathlib
from dataclasses import dataclass
from typing import Iterator

from base import run_folder
from base.errors import UserError
from judge import run_check, tree_layout
from judge.findings import FindingList
from judge.duplicates import Twins


@dataclass(frozen=True)
class Part:
    """What is to be judged: a folder, and where it is in the tree, from submissions/ down."""
    folder: pathlib.Path
    shown: str

    @property
    def top(self) -> pathlib.Path:
        """The folder of the whole tree."""
        return self.folder.parents[self.shown.count("/") - 1] if "/" in self.shown else self.folder


def part_of(path: pathlib.Path) -> Part:
    """What a path names: a run, a device's or a handle's runs, or the whole tree."""
    folder = pathlib.Path(os.path.abspath(path))
    if not folder.is_dir():
        raise UserError("no such folder", str(path), "name a run's folder, a handle's, or submissions/")
    if folder.name.startswith("run-"):
        depth = 3
    elif any(folder.glob("run-*")):
        depth = 2
    elif folder.parent.name == run_folder.TREE or (folder.name != run_folder.TREE and any(folder.glob("*/run-*"))):
        depth = 1
    elif folder.name == run_folder.TREE or any(folder.glob("*/*/run-*")):
        depth = 0
    else:
        raise UserError("no runs in this folder", str(path), "name a run's folder, a handle's, or submissions/")
    below = folder.parts[1:]        # without the root
    return Part(folder, "/".join((run_folder.TREE,) + below[len(below) - depth:]))


def check(part: Part, docket: FindingList, now_s: float) -> list:
    """Judge every run of a part; a sheet for each."""
    entries = list(tree_layout.on_disk(part.folder, part.shown))
    sizes = tree_layout.runs_in(entries)
    if part.shown.count("/") == 3:
        sizes.setdefault(part.shown, {})
    docket.add(tree_layout.all_problems(list(_settled(entries))))
    known, twins = _known(part), Twins()
    docket.add(one for one in tree_layout.twice(known) if one.path in sizes)
    for path in known:
        ledger = part.top.joinpath(*path.split("/")[1:], run_folder.LEDGER)
        if path != tree_layout.EXAMPLE and ledger.is_file() and not ledger.is_symlink():
            found = list(twins.see(path, ledger))
            docket.add(found if path in sizes else ())
    return [run_check.check(part.top.joinpath(*path.split("/")[1:]), tree_layout.place_of(path), sizes[path], docket, now_s)
            for path in sizes]


def _settled(entries: list) -> Iterator[tree_layout.Entry]:
    """Entries run by run, since a run lies on one file system."""
    by_run: dict = {}
    for entry in entries:
        place = tree_layout.place_of(entry.path)
        by_run.setdefault(place.path if place else "", []).append(entry)
    for group in by_run.values():
        yield from tree_layout.settled_modes(group)


def _known(part: Part) -> list:
    """Every run of the whole tree, those that are not judged first, so that a copy is found where it is new."""
    found = [f"{run_folder.TREE}/{path.relative_to(part.top).as_posix()}" for path in run_folder.all_in(part.top)]
    inside = part.shown + "/"
    return sorted(found, key=lambda path: (path.startswith(inside) or path == part.shown, path))
