"""The commit: the five files of one run on top of the upstream, made without touching the clone's branch, index or files.

Author, message and date come from the run, so that the same files on the same base give the same commit at any time and in any
clone. A correction is a further commit on top of the one that was sent.
"""
from __future__ import annotations

import pathlib
from dataclasses import dataclass, replace
from typing import Mapping

from base import files, git
from base.errors import FOUND, UserError, printable
from submit import git_messages
from submit.remote_access import Access, Base
from submit.remote_address import Repository
from submit.submission import Submission

MODE = "100644"

Change = tuple[str, str, str, str]      # A, M or D; mode; blob; path


@dataclass(frozen=True)
class CommitClone:
    """The clone in which commits are made. A partial clone may have to fetch objects from `upstream` with `access`."""
    folder: pathlib.Path
    access: Access
    upstream: Repository

    def git(self, *words: str, data: bytes | None = None, more: Mapping[str, str] | None = None) -> git.Completed:
        """Run a command that has to succeed; raises UserError with git's own words."""
        done = self.access.run(self.folder, self.upstream, *words, data=data, more=more)
        if done.code != 0:
            raise UserError(f"git {git.command_of(words)} failed ({git_messages.reason(done.stderr)})", str(self.folder),
                            "fix what git names, then run this again", FOUND)
        return done


def make(clone: CommitClone, base: Base, submission: Submission, previous: str | None = None) -> str:
    """The run's branch with its commit; the commit's id.

    `previous` is the commit that was sent before: it is used again if it holds the same files, else the new one is its
    child. A branch of an earlier try that was never sent is replaced.
    """
    if clone.git("ls-tree", "--name-only", base.commit, "--", submission.folder).text:
        raise UserError("the upstream has this run already", submission.folder, "there is nothing left to do", FOUND)
    blobs = _write_blobs(clone, submission)
    ref = f"refs/heads/{submission.branch}"
    earlier = git.line(clone.folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") or ""
    for commit in filter(None, (previous, earlier if not previous else None)):
        if is_this(clone, base, commit, blobs, submission, any_author=commit == previous):
            _move(clone, ref, commit, earlier)
            return commit
    if earlier and not previous and not adds_only(clone, base, earlier, set(blobs)):
        raise UserError("there is another branch of this name", submission.branch,
                        f"if you no longer want it: `git branch -D {submission.branch}`", FOUND)
    commit = _commit(clone, base, blobs, submission, previous)
    check_change(clone, base.commit if previous is None else fork_point(clone, base, previous), commit, blobs)
    _move(clone, ref, commit, earlier)
    return commit


def _write_blobs(clone: CommitClone, submission: Submission) -> dict[str, str]:
    """{path: blob} of the submission's files, now in the clone, by one process of git."""
    with files.temporary_folder() as folder:
        copies = [folder / str(number) for number in range(len(submission.paths))]
        for copy, data in zip(copies, submission.paths.values()):
            files.write(copy, data)
        ids = clone.git("hash-object", "-w", "--no-filters", "--stdin-paths", data="".join(f"{copy}\n" for copy in copies).encode()).text
    return dict(zip(submission.paths, ids.split()))


def _move(clone: CommitClone, ref: str, commit: str, earlier: str) -> None:
    """Let the branch point to the commit, unless it was moved since it was read; `earlier` is empty for a new branch."""
    if commit != earlier:
        clone.git("update-ref", "-m", "submit_run.py", ref, commit, earlier)


def _commit(clone: CommitClone, base: Base, blobs: dict[str, str], submission: Submission, previous: str | None) -> str:
    """Made by plumbing commands with an index of their own: hooks, filters, signing and staged changes have no effect."""
    parent = previous or base.commit
    entries = b"".join(f"{MODE} {blob}\t{path}\0".encode("utf-8") for path, blob in blobs.items())
    when = f"{submission.dated} +0000"       # a time zone would show where somebody lives
    person = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
              for what, value in (("NAME", submission.author), ("EMAIL", submission.address), ("DATE", when))}
    with files.temporary_folder() as folder:
        own = {"GIT_INDEX_FILE": str(folder / "index")}
        clone.git("read-tree", parent, more=own)
        clone.git("update-index", "-z", "--index-info", data=entries, more=own)
        tree = clone.git("write-tree", "--missing-ok", more=own).text
    return clone.git("-c", "i18n.commitEncoding=UTF-8", "commit-tree", tree, "-p", parent, "-F", "-",
                     data=_message(clone, submission, previous).encode("utf-8"), more=person).text


def _message(clone: CommitClone, submission: Submission, previous: str | None) -> str:
    """A correction names the files that it changes."""
    same = same_files(clone, previous, submission) if previous else None
    changed = ", ".join(sorted(set(submission.contents) - same)) if same is not None else ""
    return replace(submission, title=f"{submission.title}: correction of {changed}").message if changed else submission.message


def is_this(clone: CommitClone, base: Base, commit: str, blobs: dict[str, str], submission: Submission,
            any_author: bool = False) -> bool:
    """Whether a commit adds exactly these files to the base or to an ancestor of it, by this author and with this title."""
    lines = clone.git("show", "-s", "--format=%an%n%ae%n%cn%n%ce%n%B", "--encoding=UTF-8", commit).text.split("\n")
    words = [submission.author, submission.address] * 2 + submission.message.strip().split("\n")
    if not any_author and lines != words:
        return False
    start = fork_point(clone, base, commit)
    if not any_author and git.line(clone.folder, "rev-parse", f"{commit}^") != start:
        return False
    return change(clone, start, commit) == expected(blobs)


def adds_only(clone: CommitClone, base: Base, commit: str, paths: set[str]) -> bool:
    """Whether a commit adds some of these paths to the base's history, and changes nothing else."""
    changed = change(clone, fork_point(clone, base, commit), commit)
    return bool(changed) and all(status == "A" and path in paths for status, _, _, path in changed)


def fork_point(clone: CommitClone, base: Base, commit: str) -> str:
    """The newest commit that the base and this commit have in common; the base where there is none."""
    return git.line(clone.folder, "merge-base", base.commit, commit) or base.commit


def same_files(clone: CommitClone, commit: str, submission: Submission) -> set[str] | None:
    """Names of the files that this commit holds with the same bytes; None: the run is not in it."""
    rows = (git.line(clone.folder, "ls-tree", "-z", f"{commit}:{submission.folder}") or "").split("\0")
    blobs = {name: head.split(" ")[2] for head, _, name in (row.partition("\t") for row in rows) if name}
    if not blobs:
        return None
    return {name for name, data in submission.contents.items() if name in blobs and blobs[name] == git.blob_id(data, len(blobs[name]))}


def expected(blobs: dict[str, str]) -> set[Change]:
    return {("A", MODE, blob, path) for path, blob in blobs.items()}


def check_change(clone: CommitClone, before: str, commit: str, blobs: dict[str, str]) -> None:
    """Raises UserError unless a commit adds exactly the five files: nothing else may leave this machine."""
    changed = change(clone, before, commit)
    if changed != expected(blobs):
        other = sorted(printable(row[3]) for row in changed ^ expected(blobs))
        raise UserError("the commit would not add exactly these five files", ", ".join(other[:6]), "report this line", FOUND)


def change(clone: CommitClone, before: str, after: str) -> set[Change]:
    """Everything that differs between two commits."""
    raw = clone.git("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", before, after).out
    parts = raw.decode("utf-8", "backslashreplace").split("\0")[:-1]
    heads = [head.split(" ") for head in parts[0::2]]
    return {(head[4], head[1], head[3], path) for head, path in zip(heads, parts[1::2])}
