"""Cache files: the files of the site as the build cache knows them, each with its state and whose it is."""
from __future__ import annotations

import pathlib
import re
import sqlite3
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple, Union

from base import files
from publish import site_folder
from publish.site_folder import FileStates, LinkSource

SAFE_PATH = re.compile(r"[a-z0-9_][a-z0-9._-]*(?:/[a-z0-9_][a-z0-9._-]*)*\Z")
TABLES = """
CREATE TABLE file (path TEXT PRIMARY KEY, owner TEXT, size INTEGER, mtime_ns INTEGER, inode INTEGER, source TEXT);
CREATE INDEX file_by_owner ON file (owner);
"""


@dataclass(frozen=True)
class File:
    """A file of the site. `source` is where a raw file is linked from; None: from files/ of the cache."""
    path: str
    size: int
    mtime_ns: int
    inode: int
    source: Optional[str] = None


def put_file(folder: pathlib.Path, path: str, data: Union[bytes, Iterable[bytes]]) -> File:
    """Write one file of the site into files/ of the cache. Any process may."""
    if not SAFE_PATH.match(path):
        raise ValueError(f"{path!r} is not a path within the site")
    target = folder / "files" / path
    files.write(target, data)
    state = target.stat()
    return File(path, state.st_size, state.st_mtime_ns, state.st_ino)


class CacheFiles:
    """The table of files. An owner is a run's folder, a cell's id, that with ` pages`, the path of a page, or `data`."""

    def __init__(self, folder: pathlib.Path, index: sqlite3.Connection):
        self.folder, self._index = folder, index
        self.changed: Set[str] = set()      # paths of the site that this build made, removed or made anew

    def put(self, owner: str, made: List[File], is_new: bool = False) -> None:
        """The files of an owner; those that it had before and has no longer are removed."""
        paths = {file.path for file in made}
        self.changed |= paths
        if not is_new:
            for path, source in self._index.execute("SELECT path, source FROM file WHERE owner = ?", (owner,)).fetchall():
                self.changed.add(path)
                if path not in paths and source is None:
                    files.remove_file(self.folder / "files" / path)
            self._index.execute("DELETE FROM file WHERE owner = ?", (owner,))
        try:
            self._index.executemany("INSERT INTO file VALUES (?, ?, ?, ?, ?, ?)", [
                (file.path, owner, file.size, file.mtime_ns, file.inode, file.source) for file in made])
        except sqlite3.IntegrityError:
            raise ValueError(f"two files of the site have the same path, one of them of {owner}") from None

    def touch(self, owner: str, made: List[File]) -> None:
        """The same files in another state."""
        self._index.executemany("UPDATE file SET size = ?, mtime_ns = ?, inode = ?, source = ? WHERE path = ? AND owner = ?",
                                [(file.size, file.mtime_ns, file.inode, file.source, file.path, owner) for file in made])
        self.changed.update(file.path for file in made)

    def damaged_owners(self, present: FileStates) -> Set[str]:
        """Owners of a file in files/ that is missing or was changed."""
        damaged, moved = set(), []
        for path, owner, size, mtime_ns, inode in self._index.execute(
                "SELECT path, owner, size, mtime_ns, inode FROM file WHERE source IS NULL"):
            state = present.get(path)
            if state is None or state[:2] != (size, mtime_ns):
                damaged.add(owner)
            elif state[2] != inode:         # the cache was copied
                moved.append((state[2], path))
        self._index.executemany("UPDATE file SET inode = ? WHERE path = ?", moved)
        return damaged

    def refresh_inodes(self, paths: Iterable[str], sources: Dict[str, LinkSource]) -> None:
        """Take over the inodes of raw files whose contents are the same and whose inodes are not, as in another clone."""
        self._index.executemany("UPDATE file SET inode = ? WHERE path = ? AND source IS NOT NULL", [
            (state[2], path) for path in paths for state in [site_folder.state_of(sources[path].path)] if state is not None])

    def site(self) -> Dict[str, LinkSource]:
        """Every file of the site, by path."""
        return {path: self._source(path, inode, source) for path, inode, source in self._rows("1")}

    def changes(self) -> Dict[str, Optional[LinkSource]]:
        """The files of the site that this build changed; None: there is no such file any more."""
        result: Dict[str, Optional[LinkSource]] = dict.fromkeys(sorted(self.changed))
        for changed in result:
            for path, inode, source in self._rows("path = ?", changed):
                result[path] = self._source(path, inode, source)
        return result

    def _rows(self, condition: str, *values: str) -> Iterator[Tuple[str, int, Optional[str]]]:
        return self._index.execute(f"SELECT path, inode, source FROM file WHERE {condition}", values)

    def _source(self, path: str, inode: int, source: Optional[str]) -> LinkSource:
        return LinkSource(inode, f"{self.folder}/files/{path}" if source is None else source)

    def count(self) -> int:
        return self._index.execute("SELECT count(*) FROM file").fetchone()[0]
