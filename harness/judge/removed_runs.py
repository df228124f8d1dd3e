"""Removed runs: those that the base had and has no more, for their owner's sake or for something private in them.

Neither such a run nor a copy of it comes back without a question, as long as the history has its ledger.
"""
from __future__ import annotations

from typing import Dict, Iterable, Iterator

from base import console, files, run_folder
from base.errors import UserError
from base.pattern import lazy
from judge.findings import Finding
from judge.git_objects import Clone, RemovedFile
from judge.run_search import RunSearch

LEDGER = lazy(rf"{run_folder.TREE}/[^/]+/[^/]+/(run-[^/]+)/{run_folder.LEDGER}")
MOST = 50               # of the last removed ones are read
MOST_COMMITS = 2000     # are searched: git compares the list of handles in each
Removals = Dict[str, RemovedFile]       # a run's folder, by its name: its ledger


def last_removals(clone: Clone, commit: str) -> Removals:
    """The runs that the line of this commit had and the commit has nowhere, the last removed one first."""
    removals: Removals = {}
    for file in clone.removed(commit, MOST_COMMITS):
        match = LEDGER.fullmatch(file.path)
        if match:
            removals.setdefault(match[1], file)
    if removals:
        for folder in clone.run_folders(commit):
            removals.pop(folder.rpartition("/")[2], None)       # it was moved, or was in the tree twice
    return removals


def problems(removals: Removals, base: str, folders: Iterable[str]) -> Iterator[Finding]:
    """Runs of a change that come back, under their handle and device tag or others."""
    for folder in folders:
        ledger = removals.get(folder.rpartition("/")[2])
        if ledger:
            earlier = folder_of(ledger)
            where = "" if earlier == folder else f", as {earlier},"
            yield Finding("name-removed", f"{base} had this run{where} until {ledger.commit} removed it",
                          'a run that was not removed: see "Redacting a run" in harness/MAINTAINING.md', path=folder)


def add_to(search: RunSearch, clone: Clone, base: str, removals: Removals) -> None:
    """Have runs compared with those that this base had."""
    for ledger in list(removals.values())[:MOST]:
        path = folder_of(ledger)
        try:
            content = clone.contents([ledger.before])[ledger.before]
        except UserError:
            console.note(f"the ledger of {path}, which {base} had, cannot be read: a copy of it would not be found")
            continue
        with files.temporary_folder() as folder:
            files.write(folder / run_folder.LEDGER, content)
            search.add_unreported(path, folder, f"{base} had that run until {ledger.commit} removed it")


def folder_of(ledger: RemovedFile) -> str:
    return ledger.path.rpartition("/")[0]
