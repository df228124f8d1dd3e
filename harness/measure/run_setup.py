"""A run on disk: its folder, its manifest, and what a resumed one has to agree with."""
from __future__ import annotations

import functools
import os
import pathlib
import platform
import shutil
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from base import console, files, git, ledger, names, plan, records, run_folder, shell
from base.errors import UserError
from base.ledger_records import Record, SkippedRecord, calls_in, typed
from base.sources import source_sha256
from base.suites import Suite
from measure.endpoint import Endpoint
from measure.models import ModelChoice

VERSION = "1.3.0"
NEEDED_BYTES = 64 * 1024 * 1024         # a long run's ledger is a few MB; a disk this full will not do


def folder_for(out: pathlib.Path, handle: str | None, device_tag: str, run_id: str) -> pathlib.Path:
    """Where a run goes; raises UserError where the path would leave `out` through a link."""
    base = out.resolve()
    folder = base / (handle or names.UNNAMED) / device_tag / f"run-{run_id}"
    if base not in folder.resolve().parents:
        raise UserError("a link leads out of the output folder", str(folder), "remove the link")
    return folder


def check_writable(out: pathlib.Path) -> None:
    """Raise UserError before anything is measured if the folder cannot be written or the disk is full."""
    files.make_folder(out)
    probe = out / f".probe-{os.getpid()}"
    files.replace(probe, b"x" * 4096)
    with files.explaining_errors(probe):
        probe.unlink()
    free = shutil.disk_usage(out).free
    if free < NEEDED_BYTES:
        raise UserError(f"only {free // 1_000_000} MB are free", str(out),
                        f"free at least {NEEDED_BYTES // 1_000_000} MB or choose another folder with --out")


def warn_about_git() -> None:
    """Warn before hours are spent that the run will not record its commit, and cannot be submitted from here."""
    trust = git.refusal(run_folder.ROOT)
    if trust:
        console.note(f"warning: git does not trust this clone, because it belongs to another user; so the run will not "
                     f"record its commit, and cannot be submitted from here. To change that: {trust}")


def manifest(run_id: str, facts: Dict[str, Any], choice: ModelChoice, phases: List[str], settings: plan.Settings,
             loaded_suites: Dict[str, Suite], overrides: Dict[str, Any]) -> Dict[str, Any]:
    """The manifest of a new run. `facts` are handle, device_tag, started_at, target, server_version, floor and such."""
    settings = settings.with_models(choice.models)
    planned = plan.blocks([model["name"] for model in choice.models], phases, loaded_suites, settings)
    rows = [{"phase": phase, "model": model, "planned_calls": calls} for phase, model, calls in plan.summary(planned)]
    commit, modified = git_state()
    document = {
        "schema": records.MANIFEST_VERSION, "synthetic": False, "run_id": run_id, **facts, "server_name": "ollama",
        "models": choice.models, "models_left_out": choice.left_out,
        "plan": rows, "planned_calls": sum(row["planned_calls"] for row in rows),
        "suites": [{"phase": phase, "suite_id": suite.suite_id, "version": suite.version, "file": suite.file_name,
                    "sha256": suite.sha256} for phase, suite in loaded_suites.items()],
        "options": dict(settings.options), "knobs": dict(settings.request_fields), "num_ctx": settings.num_ctx,
        "context_num_ctx": settings.context_num_ctx, "num_predict": settings.num_predict,
        "levels": None if settings.levels is None else list(settings.levels), "repeats": settings.repeats,
        "overrides": overrides,
        "platform": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
        "harness_version": VERSION, "harness_sha256": source_sha256(), "harness_modified": modified,
        "harness_commit": commit, **newer_fields(settings),
    }
    return {**document, "schema": records.manifest_version(document)}


def newer_fields(settings: plan.Settings) -> dict:
    """Fields about thinking and the context ladder, if the run uses them; else it stays readable to older harnesses."""
    has_thinking = settings.thinking is not None or settings.thinking_budget != plan.THINKING_BUDGET
    thinking = {"thinking": {"mode": settings.thinking, "budget": settings.thinking_budget}}
    contexts = {"contexts": {"asked": list(settings.contexts), "rung_limit_s": settings.rung_limit_s}}
    return {**(thinking if has_thinking else {}), **(contexts if settings.contexts else {})}


def git_state() -> Tuple[Optional[str], Optional[bool]]:
    """(commit, whether the harness was changed since); (None, None) without git or outside a clone."""
    commit = git.line(run_folder.ROOT, "rev-parse", "HEAD")
    if commit is None or git.line(run_folder.ROOT, "rev-parse", "--show-prefix") != "":
        return None, None
    status = git.line(run_folder.ROOT, "status", "--porcelain", "--untracked-files=all", "--", "harness")
    return commit, None if status is None else bool(status)


@dataclass
class Earlier:
    """An unfinished run: its manifest, its records, and how its sessions ended."""
    folder: pathlib.Path
    manifest: dict
    tail: ledger.Tail
    removed: bytes
    sessions: List[dict]

    @functools.cached_property
    def records(self) -> List[Record]:
        return [typed(fields) for fields in self.tail.records]

    @property
    def recorded(self) -> Dict[tuple, str]:
        """Keys of planned steps that have a record, with the record's type."""
        keys = {call.key: "call" for call in calls_in(self.records) if call.is_measured}
        return {**keys, **{record.key: "skipped" for record in self.records if isinstance(record, SkippedRecord)}}

    @property
    def findings(self) -> Dict[str, Dict[str, Any]]:
        """model: what calibration found in earlier sessions."""
        findings: Dict[str, Dict[str, Any]] = {}
        for call in calls_in(self.records):
            if call.finding:
                findings.setdefault(call.model, {}).update(call.finding)
        return findings


def reopen(folder: pathlib.Path) -> Earlier:
    """Read an unfinished run; raises UserError if it is finished, damaged, or was planned with other suites."""
    if folder.is_dir() and not (folder / run_folder.MANIFEST).exists() and not (folder / run_folder.LEDGER).exists():
        raise UserError("no manifest.json: this run was stopped before it had a plan, and nothing was measured", str(folder),
                        "remove the folder, and start a new run")
    own_manifest = run_folder.read_manifest(folder)
    path = folder / run_folder.LEDGER
    tail = ledger.tail(path) if path.is_file() else ledger.Tail()
    removed = tail.torn
    sessions: List[dict] = []
    if tail.records and tail.records[-1]["type"] == "footer":
        footer = tail.records[-1]
        if footer["complete"]:
            raise UserError("this run is complete", str(folder), f"start a new one, or see where it ranks: {shell.command('compare_runs.py', run_folder.argument(folder))}")
        sessions = footer["sessions"]
        removed = tail.drop_last() + removed
    if tail.records and tail.records[0]["run_id"] != own_manifest["run_id"]:
        raise UserError("manifest and ledger are of different runs", str(folder), "restore the run's own files")
    return Earlier(folder, own_manifest, tail, removed, sessions or _sessions_seen(tail.records))


def _sessions_seen(records: List[dict]) -> List[dict]:
    """The sessions of a ledger without a footer: the last one died."""
    starts = [record["session_start"] for record in records if record.get("session_start")]
    if not starts:
        return []
    earlier = starts[-1]["earlier_sessions"]
    return earlier + [{"session": len(earlier), "started_at": starts[-1]["started_at"], "ended_at": None,
                       "ended": "died"}]


def check_same_models(endpoint: Endpoint, manifest: dict) -> None:
    """Raise UserError where a model of the run is missing or has another digest now."""
    present = {names.model_key(str(row.get("name", ""))): str(row.get("digest", "")) for row in endpoint.models()}
    for model in manifest["models"]:
        digest = present.get(names.model_key(model["name"]))
        if digest is None:
            raise UserError("the server no longer has this model", model["name"], f"ollama pull {model['name']}")
        if digest.replace("sha256:", "") != model["digest"]:
            raise UserError("the server now has another version of this model", model["name"],
                            "a run is of one version; start a new run")
