"""Removed runs: those that the base had once. A copy of one is found as long as the history has its ledger."""
from __future__ import annotations

from typing import Collection, Dict

from base import console, files, run_folder
from base.errors import UserError
from judge.git_objects import Clone, RemovedFile
from judge.run_search import RunSearch

MOST = 50               # of the last removed ones are read
MOST_COMMITS = 2000     # are searched: git compares the whole list of handles in each


def add_to(search: RunSearch, clone: Clone, base: str, known: Collection[str]) -> None:
    """Have runs compared with those that this base had and has no more. `known` are the folders of the runs that are there."""
    names = {path.rpartition("/")[2] for path in known}
    removed: Dict[str, RemovedFile] = {}        # by the path of the run
    for ledger in clone.removed(clone.commit(base), f":(top,glob){run_folder.TREE}/*/*/run-*/{run_folder.LEDGER}", MOST_COMMITS):
        path = ledger.path.rpartition("/")[0]
        if path.rpartition("/")[2] not in names:        # one that was moved is there
            removed.setdefault(path, ledger)
    for path, ledger in list(removed.items())[:MOST]:
        try:
            content = clone.contents([ledger.blob])[ledger.blob]
        except UserError:
            console.note(f"the ledger of {path}, which {base} had, cannot be read: a copy of it would not be found")
            continue
        with files.temporary_folder() as folder:
            files.write(folder / run_folder.LEDGER, content)
            search.add_unreported(path, folder, f"{base} had that run until {clone.short(ledger.commit)} removed it")
