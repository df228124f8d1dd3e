"""The commit: one, of five files, on top of the upstream; made beside the clone's own branch, index and files."""
from __future__ import annotations

import pathlib

from base import files, git
from base.errors import FOUND, UserError, printable
from submit.submission import Submission
from submit.remote_access import Base, reason

MODE = "100644"


def make(clone: pathlib.Path, base: Base, offer: Submission, now: int) -> str:
    """The offer's branch with its one commit; its id. An earlier one that holds just the same is taken as it is."""
    if git.line(clone, "ls-tree", "--name-only", base.commit, "--", offer.folder):
        raise UserError("the upstream has this run already", offer.folder, "there is nothing left to do", FOUND)
    blobs = {path: _blob(clone, data) for path, data in offer.paths.items()}
    ref = f"refs/heads/{offer.branch}"
    earlier = git.line(clone, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if earlier:
        if is_this(clone, base, earlier, blobs, offer):
            return earlier
        raise UserError("there is a branch of this name with other contents", offer.branch, "if you no longer want it: "
                        f"`git branch -D {offer.branch}`", FOUND)
    commit = _commit(clone, base, blobs, offer, now)
    check_change(clone, base.commit, commit, blobs)
    _must(clone, "update-ref", "-m", "submit_run.py", ref, commit, "")      # "": it must not be there yet
    return commit


def _blob(clone: pathlib.Path, data: bytes) -> str:
    return _must(clone, "hash-object", "-w", "--stdin", data=data).text


def _commit(clone: pathlib.Path, base: Base, blobs: dict, offer: Submission, now: int) -> str:
    """Plumbing with an index of its own: hooks, filters, signing and what is staged play no part."""
    entries = b"".join(f"{MODE} {blob}\t{path}\0".encode("utf-8") for path, blob in blobs.items())
    when = f"{now} +0000"       # a time zone tells where somebody lives
    person = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
              for what, value in (("NAME", offer.author), ("EMAIL", offer.address), ("DATE", when))}
    with files.temporary_folder() as folder:
        own = {"GIT_INDEX_FILE": str(folder / "index")}
        _must(clone, "read-tree", base.commit, more=own)
        _must(clone, "update-index", "-z", "--index-info", data=entries, more=own)
        tree = _must(clone, "write-tree", "--missing-ok", more=own).text
    return _must(clone, "-c", "i18n.commitEncoding=UTF-8", "commit-tree", tree, "-p", base.commit, "-F", "-",
                 data=offer.message.encode("utf-8"), more=person).text


def is_this(clone: pathlib.Path, base: Base, commit: str, blobs: dict, offer: Submission) -> bool:
    """Whether a commit is this offer, on the base or on something that the base has grown from."""
    told = git.run(clone, "show", "-s", "--format=%P%n%an%n%ae%n%cn%n%ce%n%B", "--encoding=UTF-8", commit).text.split("\n")
    said = [offer.author, offer.address] * 2 + offer.message.strip().split("\n")
    if told[1:] != said or git.line(clone, "merge-base", "--is-ancestor", told[0], base.commit) is None:
        return False
    return change(clone, told[0], commit) == expected(blobs)


def expected(blobs: dict) -> set:
    return {("A", MODE, blob, path) for path, blob in blobs.items()}


def check_change(clone: pathlib.Path, before: str, commit: str, blobs: dict) -> None:
    """Nothing leaves this machine that is not exactly the five files; raises UserError."""
    found = change(clone, before, commit)
    if found != expected(blobs):
        other = sorted(printable(row[3]) for row in found ^ expected(blobs))
        raise UserError("the commit would not add exactly these five files", ", ".join(other[:6]), "report this line", FOUND)


def change(clone: pathlib.Path, before: str, after: str) -> set:
    """{(A, M or D, mode, blob, path)} of all that differs between two commits."""
    raw = _must(clone, "diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", before, after).out
    parts = raw.decode("utf-8", "backslashreplace").split("\0")[:-1]
    heads = [head.split(" ") for head in parts[0::2]]
    return {(head[4], head[1], head[3], path) for head, path in zip(heads, parts[1::2])}


def _must(clone: pathlib.Path, *words: str, **more: object) -> git.Done:
    done = git.run(clone, *words, **more)
    if done.code != 0:
        raise UserError(f"git {git.command_of(words)} fails ({reason(done.said)})", str(clone), "mend what git names, "
                        "then run this again", FOUND)
    return done
