"""A draft of the site that includes one run which was not submitted yet, in a folder beside the published site."""
from __future__ import annotations

import pathlib
from typing import List, Tuple

from base import files, names, run_folder
from derive import run_md

FOLDER = "site.draft"           # in the clone's root; git ignores it
HANDLE = "draft"                # of a run without a handle
NOTE = "This run has not been submitted. This page exists on this machine only."
GRADE_NOTE = "The grade is the one that the run would get once run.md is filled in."
BOXES_NOTE = "The open boxes of run.md are shown as if they were ticked."
UNANSWERED = "(draft: not filled in yet)"


def is_draft(run: dict) -> bool:
    """Whether this `catalogue_run` record belongs to the run that was not submitted."""
    return NOTE in run["notes"]


def stage(run: pathlib.Path, submissions: pathlib.Path, folder: pathlib.Path) -> Tuple[pathlib.Path, str, List[str]]:
    """(a tree with all submitted runs and this one, its id, its notes). Raises UserError if it has no manifest."""
    manifest = run_folder.read_manifest(run)
    tree, run_id = folder / run_folder.TREE, manifest["run_id"]
    files.remove_folder(tree)
    files.make_folder(tree)
    for other in run_folder.all_in(submissions):
        if other.name != f"{run_folder.PREFIX}{run_id}":
            _copy(other, tree / other.relative_to(submissions))
    handle = manifest["handle"] or run.parts[-3]
    draft = tree / (HANDLE if names.handle_problem(handle) else handle) / manifest["device_tag"] / f"{run_folder.PREFIX}{run_id}"
    _copy(run, draft)
    path = draft / run_folder.RUN_MD
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if text:
        files.write(path, filled_in(text).encode("utf-8"))      # not through a hard link to the run's own file
    return tree, run_id, [NOTE, *[GRADE_NOTE] * (f"\n{run_md.PROMPT}" in text), *[BOXES_NOTE] * (f"\n{run_md.BOX}" in text)]


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    files.make_folder(target)
    for name in run_folder.FILES:
        if (source / name).is_file():
            files.link_or_copy(source / name, target / name)


def filled_in(text: str) -> str:
    """A run.md with placeholders for the open questions, so that it passes the check."""
    lines = [UNANSWERED if line.startswith(run_md.PROMPT) else line for line in text.split("\n")]
    return "\n".join(lines).replace(run_md.BOX, "- [x] ")
