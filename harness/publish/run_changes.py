"""Run changes: which runs differ from those of the last build, without reading them.

In a git clone, the tree hash of submissions/ and `git status` decide; elsewhere names, modes, sizes and times of the files.
"""
from __future__ import annotations

import hashlib
import json
import os
import pathlib
from dataclasses import dataclass
from typing import Dict, List, Optional, Set, Tuple

from base import files, git, json_text, run_folder
from base.errors import UserError
from judge import tree_layout

BLOCK_BYTES = 1 << 20
PREFIX = f"{run_folder.TREE}/"


@dataclass(frozen=True)
class GitState:
    """`dirty` are the run folders with files that differ from `tree`, the tree object of submissions/ at HEAD."""
    tree: str
    dirty: Tuple[str, ...]

    def text(self) -> str:
        return json_text.dumps([self.tree, list(self.dirty)])


def parsed(text: Optional[str]) -> Optional[GitState]:
    """The state of such a text."""
    if text is None:
        return None
    tree, dirty = json.loads(text)
    return GitState(tree, tuple(dirty))


def all_runs(submissions: pathlib.Path) -> Tuple[Dict[str, str], Set[str]]:
    """({submissions/<handle>/<device-tag>/run-*: its path on disk}, those of them behind a symbolic link), without the EXAMPLE."""
    runs, linked = {}, set()
    for handle, handle_path, handle_is_link in _folders(str(submissions)):
        for device, device_path, device_is_link in _folders(handle_path):
            for run, path, run_is_link in _folders(device_path):
                if run.startswith(run_folder.PREFIX):
                    name = f"{PREFIX}{handle}/{device}/{run}"
                    runs[name] = path
                    if handle_is_link or device_is_link or run_is_link:
                        linked.add(name)
    runs.pop(tree_layout.EXAMPLE, None)
    return dict(sorted(runs.items())), linked


def _folders(path: str) -> List[Tuple[str, str, bool]]:
    """(name, path, whether it is a link) of the folders in a folder."""
    with files.explaining_errors(path), os.scandir(path) as entries:
        return [(entry.name, entry.path, entry.is_symlink()) for entry in entries if entry.is_dir()]


# ----- git

def git_state(submissions: pathlib.Path) -> Optional[GitState]:
    """None where submissions/ is not part of a commit of a git clone."""
    try:
        place = git.run(submissions, "rev-parse", "HEAD:./", "--show-prefix")
        if place.code != 0:
            return None
        tree, _, prefix = place.out.decode("utf-8", "surrogateescape").rstrip("\n").partition("\n")
        # Ignored files would be found by the checker, so they count.
        status = git.run(submissions, "status", "--porcelain=v1", "-z", "--untracked-files=all",
                         "--ignored=matching", "--no-renames", "--", ".")
    except UserError:
        return None
    if status.code != 0:
        return None
    paths = (entry[3 + len(prefix):] for entry in _split(status.out))
    return GitState(tree, tuple(sorted({_run_of(path) for path in paths})))


def changed_since(submissions: pathlib.Path, before: Optional[GitState], now: Optional[GitState]) -> Optional[Set[str]]:
    """Run folders that may differ between two states, among other paths; None where this is not known."""
    if before is None or now is None:
        return None
    changed = set(before.dirty) | set(now.dirty)
    if before.tree != now.tree:
        try:
            diff = git.run(submissions, "diff-tree", "-r", "-z", "--name-only", "--no-renames", before.tree, now.tree)
        except UserError:
            return None
        if diff.code != 0:
            return None     # the older tree is no longer in this clone
        changed |= {_run_of(path) for path in _split(diff.out)}
    return None if any(path.endswith("/") for path in changed) else changed     # a whole ignored folder may hold runs


def _split(data: bytes) -> List[str]:
    return [part.decode("utf-8", "surrogateescape") for part in data.split(b"\0") if part]


def _run_of(path: str) -> str:
    """The run folder of a path within submissions/; a shallower path as it is."""
    parts = path.split("/")
    return PREFIX + ("/".join(parts[:3]) if len(parts) > 3 or (len(parts) == 3 and parts[2]) else path)


# ----- files

def states(folder: str) -> str:
    """A hash of names, modes, sizes and times of the files in a folder."""
    return digest(_entries(folder))


def _entries(folder: str) -> List[list]:
    rows = []
    with files.explaining_errors(folder), os.scandir(folder) as entries:
        for entry in entries:
            state = entry.stat(follow_symlinks=False)
            rows.append([entry.name, state.st_mode, state.st_size, state.st_mtime_ns, state.st_ctime_ns])
    return sorted(rows)


def contents(folder: str) -> str:
    """A hash of names, modes and bytes. Other files than the five count by name only: the checker rejects them anyway."""
    rows = []
    for name, mode, *_ in _entries(folder):
        path = pathlib.Path(folder, name)
        is_read = name in run_folder.FILES and path.is_file() and not path.is_symlink()
        rows.append([name, mode, _sha256(path) if is_read else None])
    return digest(rows)


def _sha256(path: pathlib.Path) -> str:
    whole = hashlib.sha256()
    with files.explaining_errors(path), open(path, "rb") as source:
        for block in iter(lambda: source.read(BLOCK_BYTES), b""):
            whole.update(block)
    return whole.hexdigest()


def digest(*parts: json_text.Json) -> str:
    """One hash over JSON values."""
    return hashlib.sha256(json_text.dumps(list(parts)).encode("ascii")).hexdigest()
