"""The tree: runs on disk, one or all of them, are checked alone and against each other."""
from __future__ import annotations

import itertools
import os
import pathlib
from typing import Callable, Dict, Iterator, List, NamedTuple

from base import run_folder
from base.errors import UserError
from judge import run_check, tree_layout
from judge.findings import FindingList
from judge.review import ReviewSheet
from judge.run_search import RunSearch


class Part(NamedTuple):
    """What is to be checked: a folder, and its path in the tree, from submissions/ down."""
    folder: pathlib.Path
    path: str

    @property
    def top(self) -> pathlib.Path:
        """The folder of the whole tree."""
        return self.folder.parents[self.path.count("/") - 1] if "/" in self.path else self.folder


def part_of(path: pathlib.Path) -> Part:
    """The part that a path names: a run, a device's or a handle's runs, or the whole tree."""
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


def check_all(parts: List[Part], findings: FindingList, now_s: float,
              keep: Callable[[run_check.RunDocuments], None] | None = None, renew: run_check.Renewal | None = None) -> List[ReviewSheet]:
    """Check every run of several parts; a sheet for each. They are compared with each other and with the rest of their trees.

    `keep` gets what was read of each run, and `renew` may write its derived files before they are checked.
    """
    search, sheets = RunSearch(), []
    judged = [_sizes(part, findings) for part in parts]
    is_alone = len({*(path for part in parts for path in _known(part)), *(path for sizes in judged for path in sizes)}) < 2
    folders = {_folder(part, path) for part, sizes in zip(parts, judged) for path in sizes}
    for part in parts:
        for path in _known(part):
            if _folder(part, path) not in folders and path != tree_layout.EXAMPLE:
                search.add_unreported(path, _folder(part, path))
    for part, sizes in zip(parts, judged):
        for path in sizes:
            if path != tree_layout.EXAMPLE and not is_alone:
                findings.add(search.add(path, _folder(part, path)))
            sheets.append(run_check.check(_folder(part, path), tree_layout.place_of_run(path), sizes[path], findings, now_s, keep, renew))
    return sheets


def _sizes(part: Part, findings: FindingList) -> Dict[str, Dict[str, int]]:
    """{run: {file: size}} of a part; names and places are checked on the way."""
    entries = list(tree_layout.on_disk(part.folder, part.path))
    sizes = tree_layout.runs_in(entries)
    if part.path.count("/") == 3:
        sizes.setdefault(part.path, {})
    findings.add(tree_layout.all_problems(list(_settled(entries))))
    findings.add(finding for finding in tree_layout.twice(_known(part)) if finding.path in sizes)
    return sizes


def _folder(part: Part, path: str) -> pathlib.Path:
    return part.top.joinpath(*path.split("/")[1:])


def _settled(entries: List[tree_layout.TreeEntry]) -> Iterator[tree_layout.TreeEntry]:
    """Entries run by run, since a run is on one file system."""
    for _, of_run in itertools.groupby(entries, lambda entry: entry.parts[:4]):
        yield from tree_layout.settled_modes(list(of_run))


def _known(part: Part) -> List[str]:
    """Every run of the whole tree, those that are not checked first, so that the newer one of two copies is reported."""
    paths = [f"{run_folder.TREE}/{path.relative_to(part.top).as_posix()}" for path in run_folder.all_in(part.top)]
    return sorted(paths, key=lambda path: (path.startswith(part.path + "/") or path == part.path, path))
