"""A change: what a pull request does, from the merge base to its head, checked from Git's own objects.

The rules are those of this checkout: to check somebody else's change, run the default branch's checker and name the
change with --head.
"""
from __future__ import annotations

import pathlib
from typing import Callable, Collection, Dict, Iterator, List, NamedTuple, Tuple

from base import files, run_folder
from judge import history, json_documents, removed_runs, review, run_check, thresholds, tree_layout
from judge.findings import UNCLEAR, Finding, FindingList, HeadVerdicts, run_of
from judge.git_objects import Change, Clone
from judge.removed_runs import Removals
from judge.review import ReviewSheet
from judge.run_check import RunDocuments
from judge.run_search import RunSearch

CHECKER = "harness/"


class Scope(NamedTuple):
    """What a change touches, sorted by what may be touched together."""
    runs: List[Change]          # changes within runs
    example: List[Change]       # within the EXAMPLE
    others: List[Change]        # everywhere else

    @property
    def touches_checker(self) -> bool:
        return any(change.path.startswith(CHECKER) for change in self.others)


class Base(NamedTuple):
    """What the changes of one check are compared with."""
    name: str
    commit: str
    runs: List[str]             # that are in the tree, also those that were merged after a change had branched off
    removals: Removals


class CheckedHead(NamedTuple):
    """One change of several, with the runs that it adds, and the findings that its own check reported."""
    name: str
    sheets: List[ReviewSheet]
    findings: List[Finding]


def scope_of(changes: List[Change]) -> Scope:
    runs: List[Change] = []
    example: List[Change] = []
    others: List[Change] = []
    for change in changes:
        is_in_tree = change.path.startswith(run_folder.TREE + "/") and change.path not in tree_layout.BESIDE
        is_example = change.path.startswith(tree_layout.EXAMPLE.rpartition("/mac")[0] + "/")
        (example if is_example else runs if is_in_tree else others).append(change)
    return Scope(runs, example, others)


def scope_problems(scope: Scope, removed_runs: Collection[str] = ()) -> Iterator[Finding]:
    """What must not be in one change, and what none may do. Of `removed_runs` no file is left."""
    most = thresholds.value("change_files")
    if len(scope.runs) > most:
        yield Finding("scope-size", f"{len(scope.runs)} files under {run_folder.TREE}/", f"at most {most}", path=run_folder.TREE)
    for folder in removed_runs:
        yield Finding("scope-adds-only", "the whole run is removed",
                      "added files only, unless a maintainer redacts the run: harness/MAINTAINING.md", path=folder)
    for change in scope.runs:
        if change.status != "A" and change.path.rpartition("/")[0] not in removed_runs:
            yield Finding("scope-adds-only", {"D": "removed", "T": "made another kind of file"}.get(change.status, "changed"),
                          "added files only", path=change.path)
    for change in scope.example:
        if change.status == "D":
            yield Finding("scope-adds-only", "removed", "the EXAMPLE, which documents and tests need", path=change.path)
    handles = sorted({change.path.split("/")[1] for change in scope.runs if change.status == "A" and change.path.count("/") > 1})
    if len(handles) > 1:
        yield Finding("scope-one-handle", ", ".join(handles[:5]), "one handle", path=f"{run_folder.TREE}/{handles[1]}")
    if scope.runs and scope.others:
        yield Finding("scope-mixed", f"{len(scope.others)} files outside of the run", "a change of their own",
                      path=scope.others[0].path)
    if scope.example and (scope.runs or scope.others):
        other = (scope.runs + scope.others)[0]
        yield Finding("scope-example-alone", f"the EXAMPLE and {other.path}", "the EXAMPLE alone",
                      path=scope.example[0].path)
    for change in scope.others:
        top = change.path.split("/")[0]
        if top.casefold() == run_folder.TREE and top != run_folder.TREE:
            yield Finding("name-collision", top, run_folder.TREE, path=change.path)


def check_all(clone: Clone, base: str, heads: List[str], tree: pathlib.Path, findings: FindingList, now_s: float,
              verdicts: HeadVerdicts | None = None, keep: Callable[[RunDocuments], None] | None = None) -> List[ReviewSheet]:
    """Check changes of one base, each by itself, and their runs against each other and those in `tree`; a sheet for each run.

    The heads that cannot simply be merged are added to `verdicts`. `keep` gets what was read of each run.
    """
    commit = clone.commit(base)
    existing = [f"{run_folder.TREE}/{path.relative_to(tree).as_posix()}" for path in run_folder.all_in(tree)]
    removals = removed_runs.last_removals(clone, commit)
    search = RunSearch(base, lambda run: bool(clone.entries(commit, run, lambda path: False)))
    for path in existing:
        if path != tree_layout.EXAMPLE:
            search.add_unreported(path, tree.joinpath(*path.split("/")[1:]))
    removed_runs.add_to(search, clone, base, removals)
    checked: List[CheckedHead] = []
    for head in heads:
        before = len(list(findings))
        sheets = _check(clone, Base(base, commit, existing, removals), head, findings, now_s, search, keep)
        checked.append(CheckedHead(head, sheets, list(findings)[before:]))
    findings.add(_added_twice(checked, base))
    if verdicts is not None:
        _add_verdicts(verdicts, checked, findings)
    return [sheet for head in checked for sheet in head.sheets]


def _added_twice(checked: List[CheckedHead], base: str) -> Iterator[Finding]:
    """A run that several heads add: the later one is not needed; under another handle or device tag, either may be the copy."""
    first: Dict[str, Tuple[CheckedHead, str]] = {}
    for head in checked:
        for sheet in head.sheets:
            earlier, path = first.setdefault(sheet.place.run_id, (head, sheet.place.path))
            if earlier is not head:
                unclear = "" if path == sheet.place.path else f"; neither is in {base}, so {UNCLEAR}"
                for this, that, place in ((head, earlier, sheet.place.path), (earlier, head, path))[:2 if unclear else 1]:
                    yield Finding("name-twice", f"{this.name} adds the run that {that.name} adds", f"a run once{unclear}", path=place)


def _add_verdicts(verdicts: HeadVerdicts, checked: List[CheckedHead], findings: FindingList) -> None:
    """A finding belongs to the heads that add its run, or else to the head whose check reported it."""
    added = {sheet.place.path for head in checked for sheet in head.sheets}
    for head in checked:
        runs = {sheet.place.path for sheet in head.sheets}
        of_head = [finding for finding in findings if run_of(finding) in runs]
        of_head += [finding for finding in head.findings if run_of(finding) not in added]
        verdicts.add(head.name, of_head)


def _check(clone: Clone, base: Base, head: str, findings: FindingList, now_s: float, search: RunSearch,
           keep: Callable[[RunDocuments], None] | None) -> List[ReviewSheet]:
    head = clone.commit(head)
    start = clone.merge_base(base.commit, head)
    scope = scope_of(clone.changes(start, head))
    findings.add(scope_problems(scope, _removed_runs(clone, head, scope)))
    findings.add(_merged_already(clone, base.commit, start, head, scope))
    findings.add(removed_runs.problems(base.removals, base.name, _folders(scope, "AMT")))
    if len(scope.runs) > thresholds.value("change_files"):
        return []       # too large to review, so it is not checked
    changed = {change.path for change in scope.runs + scope.example if change.status != "D"}
    folders = {path.rpartition("/")[0] for path in changed}
    listed = clone.entries(head, run_folder.TREE, lambda path: scope.touches_checker or path.rpartition("/")[0] in folders)
    judged = {entry.path for entry, _ in listed} if scope.touches_checker else changed
    judged_folders = {"/".join(path.split("/")[:depth]) for path in judged for depth in range(1, path.count("/") + 2)}
    entries = [entry for entry, _ in listed]
    runs = tree_layout.runs_in(entries)
    findings.add(tree_layout.all_problems(entries, judged_folders))
    known = sorted({*runs, *base.runs}, key=lambda path: (path in judged_folders, path))
    findings.add(finding for finding in tree_layout.twice(known) if finding.path in judged_folders)
    sizes = {path: sizes for path, sizes in runs.items() if path in judged_folders}
    sheets = _check_runs(clone, sizes, {entry.path: blob for entry, blob in listed}, findings, now_s, search, keep)
    findings.add(history.problems(clone, base.commit, head, bool(scope.runs), {blob for entry, blob in listed if entry.path in judged}))
    return sheets


def _removed_runs(clone: Clone, head: str, scope: Scope) -> List[str]:
    """The folders of runs that lose all their files."""
    return [folder for folder in _folders(scope, "D") if folder.count("/") == 3 and not clone.entries(head, folder, lambda path: False)]


def _merged_already(clone: Clone, base: str, start: str, head: str, scope: Scope) -> Iterator[Finding]:
    """Runs that the base has got since the change branched off: merging the change would add nothing, or conflict."""
    for folder in _folders(scope, "A"):
        blobs = {blob for _, blob in clone.entries(base, folder, lambda path: False)}
        if blobs and not clone.entries(start, folder, lambda path: False):
            same = blobs == {blob for _, blob in clone.entries(head, folder, lambda path: False)}
            yield Finding("name-twice", f"the base has this run already, with {'the same' if same else 'other'} files",
                          "a run that the base does not have; close this request", path=folder)


def without_runs(clone: Clone, base: str, head: str) -> str:
    """Why there is no run to check in a change: it was merged, perhaps with a run that was removed later, or it adds none."""
    base_commit, head_commit = clone.commit(base), clone.commit(head)
    if not clone.contains(base_commit, head_commit):
        return f"no run to check: {head} adds none to {base}"
    removals, removed = removed_runs.last_removals(clone, base_commit), []
    for folder in sorted(clone.run_folders(head_commit)):
        ledger = removals.get(folder.rpartition("/")[2])
        added = clone.addition(base_commit, folder) if ledger else ""
        if ledger and added and clone.contains(added, head_commit) and not clone.contains(f"{added}^", head_commit):
            removed.append(f"{folder} (commit {ledger.commit})")
    if removed:
        return f"{head} was merged; {base} has removed since: {', '.join(removed)}"
    return f"merged already: {base} has every commit of {head}"


def _folders(scope: Scope, statuses: str) -> List[str]:
    """The folders in which a change adds (A), changes (M, T) or removes (D) files of runs."""
    return sorted({change.path.rpartition("/")[0] for change in scope.runs if change.status in statuses})


def _check_runs(clone: Clone, sizes: dict, by_path: Dict[str, str], findings: FindingList, now_s: float, search: RunSearch,
                keep: Callable[[RunDocuments], None] | None) -> List[ReviewSheet]:
    """Each run's files that are not too large are written to a temporary folder and checked there."""
    sheets = []
    for path, files_of_run in sizes.items():
        checkable = {name: by_path[f"{path}/{name}"] for name, size in files_of_run.items()
                    if not list(json_documents.size_problems(name, size))}
        contents = clone.contents(sorted(set(checkable.values())))
        with files.temporary_folder() as folder:
            for name, blob in checkable.items():
                files.write(folder / name, contents[blob])
            if path != tree_layout.EXAMPLE:
                findings.add(search.add(path, folder))
            sheet = run_check.check(folder, tree_layout.place_of_run(path), files_of_run, findings, now_s, keep)
            sheets.append(sheet._replace(source=review.compared_run(folder)))
    return sheets
