"""A change: what a pull request does, from the merge base to its head, judged from Git's own objects.

The verdict is this checkout's: whoever judges a stranger's change runs the default branch's checker and names the
change with --head.
"""
from __future__ import annotations

import dataclasses
import pathlib
import re
from dataclasses import dataclass
from typing import Iterator

from base import files, run_folder, sensitive
from judge import json_documents, privacy, run_check, thresholds, tree_layout
from judge.git_objects import Clone, Commit
from judge.findings import FindingList, Finding, redacted
from judge.duplicates import Twins

CHECKER = "harness/"
TRAILER = re.compile(r"(?i)^(?:signed-off|co-authored|reviewed|tested|acked|reported)-by:")


@dataclass(frozen=True)
class Scope:
    """What a change touches, sorted by what may be touched together."""
    runs: tuple             # changes within runs
    example: tuple          # within the EXAMPLE
    others: tuple           # everywhere else

    @property
    def touches_checker(self) -> bool:
        return any(one.path.startswith(CHECKER) for one in self.others)


def scope_of(changes: list) -> Scope:
    runs, example, others = [], [], []
    for one in changes:
        inside = one.path.startswith(run_folder.TREE + "/") and one.path not in tree_layout.BESIDE
        example_path = one.path.startswith(tree_layout.EXAMPLE.rpartition("/mac")[0] + "/")
        (example if example_path else runs if inside else others).append(one)
    return Scope(tuple(runs), tuple(example), tuple(others))


def scope_problems(scope: Scope) -> Iterator[Finding]:
    """What must not be in one change, and what none may do."""
    most = thresholds.value("change_files")
    if len(scope.runs) > most:
        yield Finding("scope-size", f"{len(scope.runs)} files under {run_folder.TREE}/", f"at most {most}", path=run_folder.TREE)
    for one in scope.runs:
        if one.status != "A":
            yield Finding("scope-adds-only", {"D": "removed", "T": "made another kind of file"}.get(one.status, "changed"),
                          "added files only", path=one.path)
    handles = sorted({one.path.split("/")[1] for one in scope.runs if one.status == "A" and one.path.count("/") > 1})
    if len(handles) > 1:
        yield Finding("scope-one-handle", ", ".join(handles[:5]), "one handle", path=f"{run_folder.TREE}/{handles[1]}")
    if scope.runs and scope.others:
        yield Finding("scope-mixed", f"{len(scope.others)} files outside of the run", "a change of their own",
                      path=scope.others[0].path)
    if scope.example and (scope.runs or scope.others):
        other = (scope.runs + scope.others)[0]
        yield Finding("scope-example-alone", f"the EXAMPLE and {other.path}", "the EXAMPLE alone",
                      path=scope.example[0].path)
    for one in scope.others:
        if one.path.split("/")[0].casefold() == run_folder.TREE and one.path.split("/")[0] != run_folder.TREE:
            yield Finding("name-collision", one.path.split("/")[0], run_folder.TREE, path=one.path)


def check(clone: Clone, base: str, head: str, tree: pathlib.Path, docket: FindingList, now_s: float) -> list:
    """Judge a change; a sheet for each run that was judged. `tree` holds the runs that are there already."""
    base, head = clone.commit(base), clone.commit(head)
    start = clone.merge_base(base, head)
    scope = scope_of(clone.changes(start, head))
    docket.add(scope_problems(scope))
    if len(scope.runs) > thresholds.value("change_files"):
        return []       # nobody looks through it, and the checker need not
    listed = clone.entries(head, run_folder.TREE)
    changed = {one.path for one in scope.runs + scope.example if one.status != "D"}
    judged = {entry.path for entry, _ in listed} if scope.touches_checker else changed
    judged_folders = {"/".join(path.split("/")[:depth]) for path in judged for depth in range(1, path.count("/") + 2)}
    entries = [entry for entry, _ in listed]
    runs = tree_layout.runs_in(entries)
    docket.add(one for one in tree_layout.all_problems(entries) if one.path in judged_folders)
    known = sorted({*runs, *_there(tree)}, key=lambda path: (path in judged_folders, path))
    docket.add(one for one in tree_layout.twice(known) if one.path in judged_folders)
    sizes = {path: found for path, found in runs.items() if path in judged_folders}
    sheets = _runs(clone, sizes, {entry.path: blob for entry, blob in listed}, tree, docket, now_s)
    docket.add(_history(clone, start, head, {blob for entry, blob in listed if entry.path in judged}))
    return sheets


def _there(tree: pathlib.Path) -> list:
    """The runs that are in the tree already, also those that came after the change had branched off."""
    return [f"{run_folder.TREE}/{path.relative_to(tree).as_posix()}" for path in run_folder.all_in(tree)]


def _runs(clone: Clone, sizes: dict, by_path: dict, tree: pathlib.Path, docket: FindingList, now_s: float) -> list:
    """Each run's files, as far as they are of a bearable size, are laid out in a folder of their own and judged there."""
    twins, sheets = Twins(), []
    for path in _there(tree) if sizes else ():
        ledger = tree.joinpath(*path.split("/")[1:], run_folder.LEDGER)
        if path not in sizes and path != tree_layout.EXAMPLE and ledger.is_file():
            list(twins.see(path, ledger))
    for path, files_of in sizes.items():
        bearable = {name: by_path[f"{path}/{name}"] for name, size in files_of.items()
                    if not list(json_documents.size_problems(name, size))}
        contents = clone.contents(sorted(set(bearable.values())))
        with files.temporary_folder() as folder:
            for name, blob in bearable.items():
                files.put(folder / name, contents[blob])
            if path != tree_layout.EXAMPLE and (folder / run_folder.LEDGER).is_file():
                docket.add(twins.see(path, folder / run_folder.LEDGER))
            sheets.append(run_check.check(folder, tree_layout.place_of(path), files_of, docket, now_s))
    return sheets


def _history(clone: Clone, start: str, head: str, seen: set) -> Iterator[Finding]:
    """Private things in commits, and in files that one of them held and that the head no longer shows."""
    count, most = clone.count(start, head), thresholds.value("change_commits")
    if count > most:
        yield Finding("scope-size", f"{count} commits", f"at most {most}", path=run_folder.TREE)
        return
    for commit in clone.commits(start, head):
        yield from commit_problems(commit)
    for blob, size, path in clone.objects(start, head):
        if blob in seen or not path.startswith(run_folder.TREE + "/"):
            continue
        if size > thresholds.value("change_object_bytes"):
            yield Finding("bytes-size", f"{size} bytes in the history", f"at most {thresholds.value('change_object_bytes')}",
                          path=path)
            continue
        known = frozenset([tree_layout.place_of(path).run_id]) if tree_layout.place_of(path) else frozenset()
        for one in privacy.in_file(clone.contents([blob])[blob].decode("utf-8", "replace"), known):
            yield Finding(one.rule, one.observed, "nothing private in any commit: whoever clones gets all of them",
                          line=one.line, path=f"commit history: {path}")


def commit_problems(commit: Commit) -> Iterator[Finding]:
    """Private things in what a commit says, and in whose name."""
    path = f"commit {commit.id[:12]}"
    for number, line in enumerate(commit.message.split("\n"), 1):
        for one in privacy.problems(line, frozenset(), line=number, path=path):
            yield dataclasses.replace(one, rule="privacy-author") if TRAILER.match(line) and one.rule == "privacy-e-mail" else one
        yield from privacy.to_agents(line, line=number, path=path)
    for name, address in dict.fromkeys(commit.people):
        yield from _person_problems(name, address, path)


def _person_problems(name: str, address: str, path: str) -> Iterator[Finding]:
    """Git makes up an address from the names of the account and the host where it was given none."""
    host = list(privacy.problems(address.rpartition("@")[2], frozenset(), path=path))
    yield from host
    for kind, found in sensitive.find(f"{name} <{address}>"):
        if kind.id != "e-mail":
            yield Finding(f"privacy-{kind.id}", redacted(found), f"nothing that is {kind.says}", path=path)
        elif not host:
            yield Finding("privacy-author", redacted(found),
                          "an address that may be public for ever, such as a no-reply one", path=path)
