"""A run's folder: the names of its five files, where runs are found, and how one of its JSON files is read."""
from __future__ import annotations

import pathlib
from typing import Dict, List, Optional

from base import files, json_text, names, schema, shell, suites
from base.errors import FOUND, UserError
from base.json_text import Json
from base.pattern import lazy

MANIFEST, LEDGER, HARDWARE, METADATA, RUN_MD = "manifest.json", "run.jsonl", "hardware.json", "metadata.json", "run.md"
FILES = (MANIFEST, LEDGER, HARDWARE, METADATA, RUN_MD)
RECORD_OF = {MANIFEST: "manifest", HARDWARE: "hardware", METADATA: "metadata"}     # file: the record that it holds
PREFIX = "run-"                         # of a run's folder, before its id
TREE = "submissions"
HARNESS = pathlib.Path(__file__).resolve().parent.parent
ROOT = HARNESS.parent
SUBMISSIONS = ROOT / TREE
ID_BEGIN = lazy(r"[0-9a-f]{4,8}|[0-9a-f]{8}-[0-9a-f-]{0,26}")      # of a run's id, enough of it to be unique
SHORT_NAME = len("run-01234567")


def read_json(path: pathlib.Path) -> Json:
    """The value of a JSON file. Raises UserError, exit code 1, where the file cannot be read or is not JSON."""
    with files.explaining_errors(path):
        data = path.read_bytes()
    return parse_json(data, path)


def parse_json(data: bytes, path: pathlib.Path) -> Json:
    """The same of bytes that were read from `path`."""
    try:
        return json_text.loads(data)
    except ValueError as problem:
        raise UserError(f"not JSON ({problem})", str(path), "restore the run's own file", FOUND) from None


def read_record(path: pathlib.Path, kind: str) -> dict:
    """The record of a JSON file. Raises UserError, exit code 1, where it is not a record of this kind."""
    return checked(read_json(path), kind, path)


def checked(value: Json, kind: str, path: pathlib.Path) -> dict:
    """The value itself, if it is a record of this kind; raises as `read_record` does."""
    problems = schema.problems(value, kind)
    if problems or not isinstance(value, dict):
        raise UserError("; ".join(problems[:3]), str(path), "restore the run's own file, or update the clone", FOUND)
    return value


def read_manifest(folder: pathlib.Path) -> dict:
    return read_record(folder / MANIFEST, "manifest")


def find(out: pathlib.Path, text: str) -> pathlib.Path:
    """The folder of `run-<uuid>`, `<uuid>`, the beginning of one of them, or a path; raises UserError unless there is exactly one."""
    named = pathlib.Path(text)
    if named.is_dir() and (named / MANIFEST).is_file():
        return named.resolve()
    run_id = named.name[len(PREFIX):] if named.name.startswith(PREFIX) else named.name
    problem = names.run_id_problem(run_id)
    if not problem and named.is_dir():
        return named.resolve()
    if problem and not ID_BEGIN.fullmatch(run_id):
        raise UserError(problem, text, f"take the id from the folder's name; {_own_runs()}")
    folders = sorted(out.resolve().glob(f"*/*/{PREFIX}{run_id}{'*' if problem else ''}"))
    if not folders:
        raise UserError("no such run here", text, f"runs are looked for under {out}; name the run's folder; {_own_runs()}")
    if len(folders) > 1:
        raise UserError("several runs have this name", text, f"name the folder of one: {', '.join(map(shell.path, folders[:4]))}")
    return folders[0]


def _own_runs() -> str:
    return f"this lists your runs: {shell.command('run_benchmark.py', '--status')}"


def argument(folder: pathlib.Path) -> str:
    """The run as a command's RUN: the beginning of its name where that is enough, so that the command fits a terminal."""
    short = folder.name[:SHORT_NAME]
    if folder.parent.parent.parent == SUBMISSIONS and folder.name.startswith(PREFIX) and len(list(SUBMISSIONS.glob(f"*/*/{short}*"))) == 1:
        return short
    return shell.path(folder)


def move(folder: pathlib.Path, out: pathlib.Path, handle: str, device_tag: str) -> pathlib.Path:
    """Put a run under its handle and device tag; its new folder. Raises UserError where its manifest says otherwise."""
    manifest = read_manifest(folder)
    for flag, value, recorded, problem in (
            ("--handle", handle, manifest["handle"], names.handle_problem(handle)),
            ("--device-tag", device_tag, manifest["device_tag"], names.device_tag_problem(device_tag))):
        if problem:
            raise UserError(problem, f"{flag} {value}")
        if recorded not in (None, names.UNNAMED, value):
            raise UserError(f"the manifest says {recorded}, and it is never changed", f"{flag} {value}", f"give {flag} {recorded}")
    target = out.resolve() / handle / device_tag / folder.name
    if target != folder:
        files.move_folder(folder, target)
    return target


def all_in(tree: pathlib.Path) -> List[pathlib.Path]:
    """The folders of all runs in a tree, <handle>/<device-tag>/run-*, in order."""
    return sorted(path for path in tree.glob(f"*/*/{PREFIX}*") if path.is_dir())


def suites_of(manifest: dict) -> Dict[str, suites.Suite]:
    """phase: its suite, in the version that the manifest was planned with."""
    return {row["phase"]: suites.load_by_sha256(row["phase"], row["sha256"]) for row in manifest["suites"]}


def graders_of(loaded: Dict[str, suites.Suite]) -> Dict[str, Optional[dict]]:
    """item: its grader; None for an item that is not graded."""
    return {item.id: item.grader for suite in loaded.values() for item in suite.items}
