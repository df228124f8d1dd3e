"""Standing: how far each of a clone's own runs has come, and the one command that brings it on."""
from __future__ import annotations

import os
import pathlib
import shlex
import time
from dataclasses import dataclass

from base import git, ledger, names, run_folder, schema
from base.errors import UserError
from judge import run_check, tree, tree_layout
from judge.findings import FindingList

STORY_RULES = ("runmd-section", "runmd-attestation")    # what only its contributor can fill in


@dataclass(frozen=True)
class Seen:
    """What was seen of one run. The folder is as the commands name it."""
    folder: str
    handle: str = names.UNNAMED
    device_tag: str = "DEVICE-TAG"
    complete: bool = False
    synthetic: bool = False
    calls: int = 0              # planned ones that have their record, as the footer counts
    planned: int = 0
    errors: int = 0             # of the checker, but for those that wait for the contributor's words
    open_points: int = 0        # questions and boxes of run.md
    has_branch: bool = False    # submit_run.py has made its commit


def told(seen: Seen) -> str:
    """In words, how far it has come."""
    if not seen.complete:
        return f"not finished: {seen.calls} of {seen.planned} calls" if seen.planned else "not finished"
    if seen.handle == names.UNNAMED:
        return "complete; it goes under no handle yet"
    if seen.errors:
        return f"complete; the checker finds {seen.errors} error{'s' if seen.errors > 1 else ''}"
    if seen.open_points:
        return f"complete; run.md has {seen.open_points} open point{'s' if seen.open_points > 1 else ''}"
    return "complete and checked; its commit is made" if seen.has_branch else "complete and checked"


def next_command(seen: Seen) -> str:
    """The one command that brings it on."""
    if not seen.complete:
        return f"python harness/run_benchmark.py --resume {seen.folder}"
    if seen.synthetic:
        return "python harness/run_benchmark.py --list"     # it is an example, and no run of a machine
    if seen.handle == names.UNNAMED:
        there = f"{run_folder.TREE}/YOUR-HANDLE/{seen.device_tag}"
        return f"mkdir -p {there} && mv {seen.folder} {there}/"
    if seen.errors or seen.open_points:
        return f"python harness/check_submission.py {seen.folder}"
    return f"python harness/submit_run.py {seen.folder} --dry-run"


def next_step(seen: Seen) -> str:
    """The same for a person: what is to be done by hand first stands before the command."""
    if seen.complete and seen.open_points and not seen.errors and seen.handle != names.UNNAMED:
        return f"fill in what {run_folder.RUN_MD} asks, then {next_command(seen)}"
    return next_command(seen)


def look(folder: pathlib.Path, root: pathlib.Path) -> Seen:
    """One run as it is on disk, judged alone: a whole tree would have to be read to find its twins."""
    shown, (handle, device_tag) = named(folder, root), folder.parts[-3:-1]
    try:
        last = ledger.last(folder / run_folder.LEDGER) or {}
    except UserError:
        last = {}
    footer = last if last.get("type") == "footer" and not schema.problems(last, "footer") else None
    if footer is None or not footer["complete"]:
        counts = (footer["done"] + footer["skipped"], footer["planned"]) if footer else (0, 0)
        return Seen(shown, handle, device_tag, calls=counts[0], planned=counts[1])
    errors = [one for one in _judged(folder) if one.severity == "error"]
    mine = [one for one in errors if one.rule in STORY_RULES]
    branch = git.line(root, "rev-parse", "--verify", "--quiet", f"refs/heads/{folder.name}")
    return Seen(shown, handle, device_tag, True, any(one.rule == "name-synthetic" for one in errors),
                errors=len(errors) - len(mine), open_points=len(mine), has_branch=bool(branch))


def _judged(folder: pathlib.Path) -> list:
    docket, shown = FindingList(), tree.part_of(folder).shown
    entries = list(tree_layout.on_disk(folder, shown))
    docket.add(tree_layout.all_problems(entries))
    run_check.check(folder, tree_layout.place_of(shown), tree_layout.runs_in(entries).get(shown, {}), docket, time.time())
    return docket.findings


def own_runs(out: pathlib.Path, root: pathlib.Path) -> list:
    """Folders of runs under `out` that are in no commit that is checked out: what others submitted is left alone."""
    folders = run_folder.all_in(out.resolve())
    tracked = git.line(root, "ls-files", "-z", "--", run_folder.TREE) or ""
    known = {str(pathlib.PurePosixPath(path).parent) for path in tracked.split("\0")}
    own = [folder for folder in folders if named(folder, root) not in known]
    return sorted(own, key=lambda folder: folder.stat().st_mtime)


def named(folder: pathlib.Path, root: pathlib.Path) -> str:
    """A folder as a command from the clone's root names it."""
    folder, root = pathlib.Path(os.path.abspath(folder)), root.resolve()
    return shlex.quote(folder.relative_to(root).as_posix() if root in folder.parents else str(folder))
