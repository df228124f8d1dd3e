"""The progress of each of a clone's own runs, and its next command."""
from __future__ import annotations

import hashlib
import os
import pathlib
import time
from dataclasses import dataclass
from typing import Dict, List, Mapping

from base import console, git, ledger_reader, names, run_folder, schema, shell, text_format
from base.errors import UserError
from judge import run_check, tree, tree_layout
from judge.findings import FindingList
from judge.report import TICK
from judge.run_check import Renewal
from judge.rules import CONTRIBUTOR_RULES
from submit import remote_address
from submit.gitea_api import ApiError, GiteaApi

# Settings of git in which submit_run.py keeps what became of a run, such as submitted.run-<uuid>.page. Nothing depends on them.
SECTION = "submitted"
HANDLE_FLAGS = {False: ("--handle", names.HANDLE_WORD), True: ()}     # a person at a terminal is asked for it
PAGE, SENT = "page", "sent"         # of the request; the hashes of the files that it holds
FILE, PLACE = "file", "place"       # the .zip that was left; where that is to be attached
ANSWER_S = 5.0                      # for the state of a request; --status must not hang


@dataclass(frozen=True)
class RunState:
    """What is known about one run. `request` is the state of its pull request: open, closed, merged, unknown or "" (not sent)."""
    folder: pathlib.Path
    handle: str = names.UNNAMED
    device_tag: str = names.TAG_WORD
    has_plan: bool = True       # False: stopped before its manifest was written
    complete: bool = False
    synthetic: bool = False
    calls: int = 0              # planned calls that have a record, as the footer counts
    planned: int = 0
    errors: int = 0             # of the checker, except those about the contributor's own text
    open_points: int = 0        # questions and boxes of run.md that are still open
    waits_for_person: bool = False      # only the boxes are open
    has_branch: bool = False    # submit_run.py has made its commit
    page: str = ""              # of its pull request, or of the form that opens it
    request: str = ""
    file: str = ""              # the .zip that submit_run.py left, if it is there and holds the run as it is now
    place: str = ""             # where that is to be attached
    changed: tuple[str, ...] = ()       # files that differ from those that its request holds


def describe(state: RunState) -> str:
    """The progress of the run, in words."""
    if not state.has_plan:
        return "stopped before it had a plan; nothing was measured, so its folder can be removed"
    if not state.complete:
        return f"not finished: {state.calls} of {state.planned} calls" if state.planned else "not finished"
    if is_correction(state):
        return f"sent; {', '.join(state.changed)} {'have' if len(state.changed) > 1 else 'has'} changed since: {state.page}"
    if state.request:
        return {"open": f"sent; the request is open: {state.page}", "closed": f"sent; the request was closed: {state.page}",
                "merged": f"sent and merged: {state.page}"}.get(state.request, f"sent; its state cannot be read now: {state.page}")
    if state.errors:
        return (f"complete; the checker finds {text_format.counted(state.errors, 'error')}"
                + (f", and {_open_points(state)}" if state.open_points else ""))
    if state.handle == names.UNNAMED:
        return "complete; no handle set"
    if state.waits_for_person:
        return "complete; only the boxes of the attestation are open"
    if state.open_points:
        return f"complete; {_open_points(state)}"
    if state.file:
        return f"complete and checked; the file to attach is made: {state.file}"
    return "complete and checked; its commit is made but not sent" if state.has_branch else "complete and checked"


def _open_points(state: RunState) -> str:
    return f"run.md has {text_format.counted(state.open_points, 'open point')}"


def next_command(state: RunState) -> str:
    """The one command that comes next for this run."""
    folder = run_folder.argument(state.folder)
    if not state.has_plan:
        return shell.command("run_benchmark.py", "--dry-run")
    if not state.complete:
        return shell.command("run_benchmark.py", "--resume", folder)
    if state.synthetic:
        return shell.command("run_benchmark.py", "--list")     # an example, and not the run of a machine
    if state.handle == names.UNNAMED and not state.errors:
        return shell.command("run_benchmark.py", "--move", folder, *HANDLE_FLAGS[console.is_terminal()], "--device-tag", state.device_tag)
    if (state.errors or state.open_points) and not state.waits_for_person:
        return shell.command("check_submission.py", folder)
    return shell.command("submit_run.py", folder, *[] if is_correction(state) else ["--dry-run"])


def step_after_all(states: List[RunState], measure: str) -> str:
    """What comes next where no run waits for its owner; `measure` is the command that plans another one."""
    return f"wait for a maintainer; to measure more: {measure}" if any(state.request == "open" for state in states) else measure


def next_step(state: RunState) -> str:
    """The same for a person, with what has to be done by hand before the command."""
    if is_correction(state):
        return next_command(state)
    if state.request in ("open", "merged"):
        return f"nothing to do for this run; its page is {state.page}"
    if state.request == "closed":
        again = shell.command("submit_run.py", run_folder.argument(state.folder), "--anew", "--dry-run")
        return f"read at {state.page} why it was closed; to send it again: {again}"
    if state.file and not (state.request or state.errors or state.open_points):
        return f"attach {state.file} to {state.place}, unless you have done so"
    if state.waits_for_person and state.handle != names.UNNAMED:
        return f"{TICK}: {next_command(state)}"
    if state.complete and state.open_points and not state.errors and state.handle != names.UNNAMED:
        return f"fill in what {run_folder.RUN_MD} asks, then {next_command(state)}"
    return next_command(state)


def is_waiting(state: RunState) -> bool:
    """Whether something is left to do for this run."""
    return state.request not in ("open", "merged") or is_correction(state)


def is_correction(state: RunState) -> bool:
    """Whether the run was changed after it was sent, and its request can still be updated."""
    return bool(state.changed) and state.request in ("open", "unknown")


def look(folder: pathlib.Path, root: pathlib.Path, renew: Renewal | None = None) -> RunState:
    """One run as it is on disk, checked alone: finding duplicates would mean reading the whole tree.

    `renew` may write the derived files of a complete run before they are checked.
    """
    handle, device_tag = folder.parts[-3:-1]
    try:
        last = ledger_reader.last(folder / run_folder.LEDGER) or {}
    except UserError:
        last = {}
    footer = last if last.get("type") == "footer" and not schema.problems(last, "footer") else None
    if footer is None or not footer["complete"]:
        calls, planned = (footer["done"] + footer["skipped"], footer["planned"]) if footer else (0, 0)
        has_plan = (folder / run_folder.MANIFEST).exists() or (folder / run_folder.LEDGER).exists()
        return RunState(folder, handle, device_tag, has_plan, calls=calls, planned=planned)
    findings = _findings(folder, renew)
    errors = findings.errors_of_run(handle)
    own_text = [finding for finding in findings if finding.rule in CONTRIBUTOR_RULES]
    branch = git.line(root, "rev-parse", "--verify", "--quiet", f"refs/heads/{folder.name}")
    settings = _settings(root, folder.name)
    page = settings.get(PAGE, "")
    file = settings.get(FILE, "") if _is_newer(settings.get(FILE, ""), folder) else ""
    return RunState(folder, handle, device_tag, True, True, "name-synthetic" in errors,
                    errors=sum(errors.values()), open_points=len(own_text), waits_for_person=findings.waits_for_person, has_branch=bool(branch), page=page,
                    request=request_state(page) if page else "", file=file, place=settings.get(PLACE, ""),
                    changed=_changed_files(folder, settings.get(SENT, "")))


def hashes_of(contents: Mapping[str, bytes]) -> str:
    """What `remember` keeps of the files that a request holds."""
    return " ".join(f"{name}:{hashlib.sha256(data).hexdigest()}" for name, data in sorted(contents.items()))


def _changed_files(folder: pathlib.Path, sent: str) -> tuple[str, ...]:
    """The files that differ from those that the request was last seen to hold."""
    names_sent = [entry.partition(":")[0] for entry in sent.split()]
    now = hashes_of({name: (folder / name).read_bytes() for name in names_sent if (folder / name).is_file()}).split()
    return tuple(entry.partition(":")[0] for entry in now if entry not in sent.split())


def _settings(root: pathlib.Path, branch: str) -> Dict[str, str]:
    """What `remember` has kept of this run."""
    text = git.line(root, "config", "--local", "-z", "--get-regexp", f"^{SECTION}\\.{branch}\\.") or ""
    pairs = [entry.partition("\n") for entry in text.split("\0") if entry]
    return {key.rpartition(".")[2]: value for key, _, value in pairs}


def _is_newer(file: str, folder: pathlib.Path) -> bool:
    """Whether this file is there, and no file of the run was changed after it was made."""
    try:
        return os.stat(file).st_mtime >= max(os.stat(folder / name).st_mtime for name in run_folder.FILES)
    except OSError:
        return False


def _findings(folder: pathlib.Path, renew: Renewal | None) -> FindingList:
    findings, path = FindingList(), tree.part_of(folder).path
    entries, place = list(tree_layout.on_disk(folder, path)), tree_layout.place_of(path)
    findings.add(tree_layout.all_problems(entries))
    if place is not None:
        run_check.check(folder, place, tree_layout.runs_in(entries).get(path, {}), findings, time.time(), renew=renew)
    return findings


def request_state(page: str) -> str:
    """open, closed or merged, as the server says without a token; unknown where it does not."""
    repository, _, number = page.rpartition("/pulls/")
    try:
        upstream = remote_address.parse(repository)
        api = GiteaApi(upstream.web, silence_s=ANSWER_S, answer_s=ANSWER_S)
        return api.request(upstream, int(number)).state
    except (UserError, ApiError, ValueError):
        return "unknown"


def remember(root: pathlib.Path, branch: str, **values: str) -> None:
    """Keep the page of a run's request, or the file that has to be attached and where, for --status."""
    for name, value in values.items():
        git.line(root, "config", "--local", f"{SECTION}.{branch}.{name}", value)


def own_runs(out: pathlib.Path, root: pathlib.Path) -> list[pathlib.Path]:
    """Folders of runs under `out` that are not in git's index, the oldest first: what others submitted is left out."""
    tracked = git.line(root, "ls-files", "-z", "--", run_folder.TREE) or ""
    known = {root.resolve() / pathlib.PurePosixPath(path).parent for path in tracked.split("\0")}
    own = [folder for folder in run_folder.all_in(out.resolve()) if folder not in known]
    return sorted(own, key=lambda folder: os.stat(folder).st_mtime)
