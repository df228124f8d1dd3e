"""Site folder: a site is a folder of hard links, to files in the build cache and to the raw files in submissions/.

The next site is prepared in a second folder, in which only what has changed is linked again; then the two are swapped.
"""
from __future__ import annotations

import os
import pathlib
import zlib
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from base import files
from publish import process_pool

FSYNC_EACH = 500        # changed files that are flushed one by one; for more, everything is
FLUSHED_AT_ONCE = 8


class LinkSource(NamedTuple):
    """What a file of the site is a link of."""
    inode: int
    path: str


FileStates = Dict[str, Tuple[int, int, int]]        # path: (size, mtime_ns, inode)
FolderStates = Dict[str, List[int]]                 # folder, "" for the top: [inode, mtime_ns]


# ----- what is there

def inodes(top: pathlib.Path) -> Dict[str, int]:
    """Inode by path of all files below a folder. The files are not touched: folders list inodes (but on Windows)."""
    return {path: entry.inode() for path, entry in _walk(str(top), "")}


def states(top: pathlib.Path) -> FileStates:
    """The states of all files below a folder."""
    result = {}
    for path, entry in _walk(str(top), ""):
        state = entry.stat(follow_symlinks=False)
        result[path] = state.st_size, state.st_mtime_ns, state.st_ino
    return result


def digest(file_states: FileStates) -> int:
    """A number for the states of files. Those of two sets of other files add up to that of both.

    The hash of a tuple of integers is the same in every process of one Python; another one looks at each file.
    """
    return sum(hash((zlib.crc32(path.encode("utf-8", "backslashreplace")), *state)) for path, state in file_states.items())


def _walk(folder: str, prefix: str) -> Iterator[Tuple[str, "os.DirEntry[str]"]]:
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


def state_of(path: files.Path) -> Optional[Tuple[int, int, int]]:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino


def folder_states(top: pathlib.Path, folders: Iterable[str]) -> FolderStates:
    """The states of these folders below `top`. A file that is added, removed or renamed changes that of its folder."""
    result = {}
    for folder in folders:
        state = state_of(top / folder)
        if state is not None:
            result[folder] = [state[2], state[1]]
    return result


# ----- bringing it up to date

def update(folder: pathlib.Path, expected: Dict[str, LinkSource]) -> List[str]:
    """Make a folder hold the expected files, whatever it holds. Returns the paths that were linked."""
    present = inodes(folder)
    changes: Dict[str, Optional[LinkSource]] = {path: None for path in present if path not in expected}
    changes.update((path, source) for path, source in expected.items() if present.get(path) != source.inode)
    return apply(folder, changes)


def apply(folder: pathlib.Path, changes: Dict[str, Optional[LinkSource]]) -> List[str]:
    """Link these files again, and remove those without a source. Returns the paths that were linked."""
    folders, linked = set(), []
    for path in changes:
        files.remove_file(folder / path)
    for path, source in changes.items():
        if source is not None:
            parent = path.rpartition("/")[0]
            if parent not in folders:
                files.make_folder(folder / parent)
                folders.add(parent)
            files.link_or_copy(source.path, f"{folder}/{path}")
            linked.append(path)
    return linked


def flush(folder: pathlib.Path, paths: List[str]) -> None:
    """What these files hold survives a power cut. File systems write several at a time faster than one after the other."""
    if len(paths) > FSYNC_EACH:
        files.flush_all()
    else:
        process_pool.by_threads(lambda path: files.flush([folder / path]), paths, FLUSHED_AT_ONCE)
