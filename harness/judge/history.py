"""The history of a change: private data in its commits, in files that it no longer shows, and in their names."""
from __future__ import annotations

from typing import Iterator, List, Set, Tuple

from base import run_folder, sensitive
from base.pattern import lazy
from judge import privacy, thresholds, tree_layout
from judge.findings import Finding, redacted
from judge.git_objects import Clone, Commit

TRAILER = lazy(r"(?i)^(?:signed-off|co-authored|reviewed|tested|acked|reported)-by:")
BATCH_BYTES = 16 * 1024 * 1024      # of blobs that are read by one process
Blob = Tuple[str, int, str]         # hash, size, path


def problems(clone: Clone, base: str, head: str, adds_runs: bool, checked: Set[str]) -> Iterator[Finding]:
    """Everything that a clone of the head has and the base does not. `checked` are blobs that were checked already.

    Outside of the tree of runs only a change that adds runs is searched: tests of the checker hold made-up secrets.
    """
    count, most = clone.count(base, head), thresholds.value("change_commits")
    if count > most:
        yield Finding("scope-size", f"{count} commits", f"at most {most}", path=run_folder.TREE)
        return
    for commit in clone.commits(base, head):
        yield from commit_problems(commit)
    for path in clone.paths(base, head):
        if adds_runs or path.startswith(run_folder.TREE + "/"):
            for finding in privacy.problems(path, _known_ids(path)):
                yield finding._replace(observed=f"{finding.observed}, in a name", path="commit history")
    blobs = [blob for blob in clone.objects(base, head)
             if blob[0] not in checked and (adds_runs or blob[2].startswith(run_folder.TREE + "/"))]
    yield from _blob_problems(clone, blobs)


def _blob_problems(clone: Clone, blobs: List[Blob]) -> Iterator[Finding]:
    most_bytes, most_blobs = thresholds.value("change_object_bytes"), thresholds.value("change_objects")
    if len(blobs) > most_blobs:
        yield Finding("scope-size", f"{len(blobs)} files in the history", f"at most {most_blobs}", path=run_folder.TREE)
        return
    for _, size, path in blobs:
        if size > most_bytes:
            yield Finding("bytes-size", f"{size} bytes in the history", f"at most {most_bytes}", path=path)
    for batch in _batches([blob for blob in blobs if blob[1] <= most_bytes]):
        contents = clone.contents([name for name, _, _ in batch])
        for name, _, path in batch:
            for finding in privacy.in_file(contents[name].decode("utf-8", "replace"), _known_ids(path)):
                yield Finding(finding.rule, finding.observed, "nothing private in any commit: whoever clones gets all of them",
                              line=finding.line, path=f"commit history: {path}")


def _batches(blobs: List[Blob]) -> Iterator[List[Blob]]:
    batch: List[Blob] = []
    size_bytes = 0
    for blob in blobs:
        if batch and size_bytes + blob[1] > BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
        batch.append(blob)
        size_bytes += blob[1]
    if batch:
        yield batch


def _known_ids(path: str) -> frozenset:
    place = tree_layout.place_of(path)
    return frozenset([place.run_id]) if place else frozenset()


def commit_problems(commit: Commit) -> Iterator[Finding]:
    """Private data in a commit's message, and in its author and committer."""
    path = f"commit {commit.id[:12]}"
    for number, line in enumerate(commit.message.split("\n"), 1):
        for finding in privacy.problems(line, frozenset(), line=number, path=path):
            is_trailer = TRAILER.match(line) and finding.rule == "privacy-e-mail"
            yield finding._replace(rule="privacy-author") if is_trailer else finding
    yield from privacy.to_agents(commit.message, path=path)
    for name, address in dict.fromkeys(commit.people):
        yield from _person_problems(name, address, path)
        yield from privacy.to_agents(name, path=path)


def _person_problems(name: str, address: str, path: str) -> Iterator[Finding]:
    """Git makes up an address from the names of the account and the host where it was given none."""
    host = list(privacy.problems(address.rpartition("@")[2], frozenset(), path=path))
    yield from host
    for kind, text in sensitive.find(f"{name} <{address}>"):
        if kind.id != "e-mail":
            yield Finding(f"privacy-{kind.id}", redacted(text), f"nothing that is {kind.says}", path=path)
        elif not host:
            yield Finding("privacy-author", redacted(text),
                          "an address that may be public for ever, such as a no-reply one", path=path)
