"""Site folder: a site is a folder of hard links, to files in the build cache and to the raw files in submissions/.

The next site is prepared in a second folder, in which only what has changed is linked anew; then the two change places.
"""
from __future__ import annotations

import os
import pathlib
from typing import Dict, Iterable, List, Optional, Tuple

from base import files

FSYNC_EACH = 500        # changed files that are flushed one by one; for more, everything is


def inodes(top: pathlib.Path) -> Dict[str, int]:
    """Inode by path of all files below a folder. The files are not touched: folders list inodes (but on Windows)."""
    return {path: entry.inode() for path, entry in _walk(str(top), "")}


def states(top: pathlib.Path) -> Dict[str, Tuple[int, int, int]]:
    """(size, mtime_ns, inode) by path of all files below a folder."""
    found = {}
    for path, entry in _walk(str(top), ""):
        state = entry.stat(follow_symlinks=False)
        found[path] = state.st_size, state.st_mtime_ns, state.st_ino
    return found


def _walk(folder: str, prefix: str) -> Iterable[Tuple[str, os.DirEntry]]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry


def state_of(path: os.PathLike) -> Optional[Tuple[int, int, int]]:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino


def update(folder: pathlib.Path, expected: Dict[str, Tuple[int, str]]) -> List[str]:
    """Make a folder hold the expected files: (inode, path of the source) by path. Returns the paths that were linked."""
    present = inodes(folder)
    for path, inode in present.items():
        if path not in expected or expected[path][0] != inode:
            files.remove_file(folder / path)
    folders, linked = set(), []
    for path, (inode, source) in expected.items():
        if present.get(path) != inode:
            parent = path.rpartition("/")[0]
            if parent not in folders:
                files.make_folder(folder / parent)
                folders.add(parent)
            files.link_or_copy(source, f"{folder}/{path}")
            linked.append(path)
    return linked


def put_in_place(new: pathlib.Path, site: pathlib.Path, old: pathlib.Path, linked: List[str]) -> None:
    """The new folder becomes the site, and the site that was there becomes `new`."""
    if len(linked) <= FSYNC_EACH:
        files.flush(new / path for path in linked)
    else:
        files.flush_all()
    files.swap_folders(new, site, old)
