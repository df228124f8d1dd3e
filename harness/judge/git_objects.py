"""The clone: what Git holds, read as objects. Nothing is checked out, so no name and no link in it is ever followed."""
from __future__ import annotations

import pathlib
from typing import Callable, Dict, Iterator, List, NamedTuple, Set

from base import git, run_folder
from base.errors import UserError
from judge.tree_layout import TreeEntry

LIMIT_S = 600           # for one command; a whole clone's objects are listed in seconds
KINDS = {"120000": "link", "160000": "submodule", "040000": "other"}
# A clone's own settings must not change what is seen: no quoting, no renames, no programs of its owner.
ALWAYS = ("--no-optional-locks", "--no-replace-objects", "-c", "core.quotepath=false", "-c", "core.fsmonitor=false",
          "-c", "diff.renames=false", "-c", "core.hooksPath=")


class Change(NamedTuple):
    """One path that a change touches. `status` is A, M, D or T."""
    status: str
    mode: str
    blob: str
    path: str


class Commit(NamedTuple):
    id: str
    people: tuple       # (name, address) of author and committer
    message: str


class RemovedFile(NamedTuple):
    """A file that a commit removed."""
    commit: str         # short hash
    path: str

    @property
    def before(self) -> str:
        """What Git calls the file as it was."""
        return f"{self.commit}^:{self.path}"


class Clone:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder

    def run(self, *words: str, data: bytes | None = None, failure: str = "") -> bytes:
        """Git's output; raises UserError with Git's own words where it fails, and with `failure` where it gives none."""
        done = git.run(self.folder, *ALWAYS, *words, data=data, limit_s=LIMIT_S)
        if done.code:
            message = done.stderr.strip().split("\n")[-1]
            advice = "see that this is a clone and that it has that commit" if message or not failure else "check its name, or fetch it"
            raise UserError(message or failure or f"git {words[0]} failed", str(self.folder), advice)
        return done.out

    def commit(self, revision: str) -> str:
        result = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}",
                          failure=f"no branch or commit {revision!r}")
        return result.decode("ascii").strip()

    def is_merged(self, head: str, base: str) -> bool:
        """Whether the base has every commit of the head."""
        return self.merge_base(self.commit(base), self.commit(head)) == self.commit(head)

    def merge_base(self, base: str, head: str) -> str:
        try:
            return self.run("merge-base", base, head).decode("ascii").strip().split("\n")[0]
        except UserError:
            raise UserError("the two have no common commit", f"{base[:12]}, {head[:12]}",
                            "fetch the whole history (git fetch --unshallow), or branch off anew") from None

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether one commit is the other or came after it."""
        return git.run(self.folder, *ALWAYS, "merge-base", "--is-ancestor", ancestor, commit, limit_s=LIMIT_S).code == 0

    def addition(self, commit: str, folder: str) -> str:
        """The last commit in the line of this one that added files of a folder; empty where none did."""
        return self.run("log", "-1", "--first-parent", "-m", "--no-show-signature", "--no-renames", "--diff-filter=A", "--format=%h", commit,
                        "--", folder).decode("ascii").strip()

    def removed(self, commit: str, most_commits: int) -> Iterator[RemovedFile]:
        """The files that the last commits in the line of this one removed, the last one first.

        No path is named: Git compares the folders of two commits three times as fast without a pattern to match.
        """
        before = self.run("rev-list", "--first-parent", "--max-count=1", f"--skip={most_commits}", commit).decode("ascii").split()
        log = self.run("log", "--first-parent", "-m", "--no-show-signature", "--no-renames", "--diff-filter=D", "--name-only",
                       "--format=%x00%h", commit, *(f"^{older}" for older in before))
        for text in _path(log).split("\0")[1:]:
            short_id, *paths = filter(None, text.split("\n"))
            yield from (RemovedFile(short_id, path) for path in paths)

    def run_folders(self, commit: str) -> Set[str]:
        """The folders of all runs of a commit."""
        rows = self.run("ls-tree", "-r", "-d", "-z", "--full-tree", "--name-only", commit, "--", run_folder.TREE).split(b"\0")
        return {path for path in map(_path, rows) if path.count("/") == 3}

    def changes(self, before: str, after: str) -> list:
        """Every path in which two commits differ, in order of path."""
        fields = self.run("diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-abbrev", before, after).split(b"\0")
        result = []
        for head, path in zip(fields[0::2], fields[1::2]):
            _, mode, _, blob, status = head.decode("ascii").split(" ")
            result.append(Change(status[0], mode, blob, _path(path)))
        return result

    def entries(self, commit: str, under: str, needs_size: Callable[[str], bool] = lambda path: True) -> list:
        """(Entry, blob) of every file below a folder; empty where there is no such folder.

        Sizes are read only for the paths that need one and are 0 elsewhere: a partial clone would have to fetch each file.
        """
        rows = []
        for row in self.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", under).split(b"\0")[:-1]:
            head, _, path = row.partition(b"\t")
            mode, kind, blob = head.decode("ascii").split()
            rows.append((_path(path), mode, kind, blob))
        sizes = self.sizes(sorted({blob for path, _, kind, blob in rows if kind == "blob" and needs_size(path)}))
        return [(TreeEntry(path, KINDS.get(mode, "file"), mode == "100755", sizes.get(blob, 0)), blob)
                for path, mode, _, blob in rows]

    def sizes(self, blobs: List[str]) -> Dict[str, int]:
        if not blobs:
            return {}
        data = "".join(f"{blob}\n" for blob in blobs).encode("ascii")
        rows = self.run("cat-file", "--batch-check=%(objectname) %(objectsize)", data=data).decode("ascii").split("\n")
        return {blob: int(size) for blob, _, size in (row.partition(" ") for row in rows) if size.isdigit()}

    def count(self, base: str, head: str) -> int:
        return int(self.run("rev-list", "--count", f"{base}..{head}"))

    def commits(self, base: str, head: str) -> Iterator[Commit]:
        shape = "%H%n%an%n%ae%n%cn%n%ce%n%B"
        log = self.run("log", "-z", "--no-show-signature", "--no-mailmap", f"--format={shape}", f"{base}..{head}")
        for text in log.split(b"\0"):
            if text.strip():
                number, *people, message = text.decode("utf-8", "replace").split("\n", 5)
                yield Commit(number, ((people[0], people[1]), (people[2], people[3])), message)

    def objects(self, base: str, head: str) -> Iterator[tuple]:
        """(blob, size, path) of every file in any commit of a change that was not there before it."""
        listed = self.run("rev-list", "--objects", f"{base}..{head}")
        rows = self.run("cat-file", "--batch-check=%(objecttype) %(objectname) %(objectsize) %(rest)", data=listed)
        for row in rows.split(b"\n"):
            kind, _, rest = row.partition(b" ")
            if kind == b"blob":
                blob, size, path = rest.split(b" ", 2)
                yield blob.decode("ascii"), int(size), _path(path)

    def paths(self, base: str, head: str) -> List[str]:
        """Every path that any commit of a change touches, also those that the head no longer has."""
        out = self.run("log", "-z", "-m", "--no-renames", "--name-only", "--format=", f"{base}..{head}")
        return sorted({_path(path) for path in out.split(b"\0") if path.strip()})

    def contents(self, blobs: List[str]) -> Dict[str, bytes]:
        asked = "".join(f"{blob}\n" for blob in blobs).encode("ascii")
        data, result, place = self.run("cat-file", "--batch", data=asked), {}, 0
        for blob in blobs:
            begin = data.index(b"\n", place) + 1
            place = begin + int(data[place:begin].split()[2])
            result[blob], place = data[begin:place], place + 1
        return result


def _path(path: bytes) -> str:
    """Git's paths are bytes; those that are no UTF-8 keep their bytes, and are refused by their names."""
    return path.decode("utf-8", "surrogateescape")
