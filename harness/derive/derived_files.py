"""Write metadata.json and run.md of a run's folder from its ledger.

Nothing is written before all of it could be computed; the contributor's own words in run.md stay as they are.
"""
from __future__ import annotations

import contextlib
import pathlib
from typing import Dict, List, Optional

from base import files, json_text, ledger_reader, records, run_folder, schema
from base.errors import FOUND, UserError
from base.ledger_reader import LedgerReader
from derive import run_md, run_report, summary

Graders = Dict[str, Optional[dict]]     # by item; None: it is not graded


def metadata(folder: pathlib.Path, manifest: dict, graders: Graders, observer: summary.CallObserver | None = None) -> dict:
    """The `metadata` record of a run. Raises UserError, exit code 1, where the ledger is not whole or not this run's.

    For `observer` see summary.summarize.
    """
    path = folder / run_folder.LEDGER
    reader = LedgerReader(path)
    try:
        record = summary.summarize(manifest, ledger_reader.read(path, reader), graders, ledger_reader.code_grades(path), observer)
    except UserError as problem:
        problem.exit_code = FOUND
        raise
    if record["run_id"] != manifest["run_id"]:
        raise UserError("this ledger is of another run than the manifest", str(path), "restore the run's own files", FOUND)
    record["ledger_sha256"] = reader.sha256.hexdigest()
    return {field.name: record[field.name] for field in records.RECORDS["metadata"]}


def write(folder: pathlib.Path, manifest: dict, graders: Graders) -> dict:
    record = metadata(folder, manifest, graders)
    save(folder, manifest, record)
    return record


class DerivedFiles:
    """The derived files of a run that is also checked: one pass over the ledger serves both, wherever the ledger has no error."""

    def __init__(self, folder: pathlib.Path, manifest: dict, graders: Graders):
        self.folder, self.manifest, self.graders = folder, manifest, graders
        self._written: dict | None = None

    def renew(self, folder: pathlib.Path, record: dict | None) -> None:
        """For judge/run_check: write both files before they are checked, from the `metadata` record of the check's own pass if there is one."""
        with contextlib.suppress(UserError):        # `metadata` raises it again, where it is reported
            if record is None:
                record = metadata(folder, self.manifest, self.graders)
            save(folder, self.manifest, record)
            self._written = record

    def metadata(self) -> dict:
        """The record as written; the files are written now if the check did not get that far."""
        return self._written or write(self.folder, self.manifest, self.graders)


def save(folder: pathlib.Path, manifest: dict, record: dict) -> None:
    wrong = schema.problems(record, "metadata")
    if wrong:
        raise ValueError(f"metadata that the schema refuses: {wrong[:3]}")
    text = run_md_text(folder, manifest, record)
    files.replace(folder / run_folder.METADATA, json_text.pretty(record))
    files.replace(folder / run_folder.RUN_MD, text.encode("utf-8"))


def stale(folder: pathlib.Path, manifest: dict, record: dict) -> List[str]:
    """Names of the files that are missing or differ from what this `metadata` record gives."""
    wanted = {run_folder.METADATA: json_text.pretty(record), run_folder.RUN_MD: run_md_text(folder, manifest, record).encode("utf-8")}
    return [name for name, data in wanted.items() if not (folder / name).is_file() or (folder / name).read_bytes() != data]


def run_md_text(folder: pathlib.Path, manifest: dict, metadata_record: dict) -> str:
    """The text of run.md: a new one with its questions open, or the present one with a new block."""
    path, block = folder / run_folder.RUN_MD, run_report.render(manifest, metadata_record)
    if not path.exists():
        return run_md.new(f"{manifest['device_tag'] or 'A machine'}, {manifest['started_at'][:10]}", block)
    with files.explaining_errors(path):
        data = path.read_bytes()
    try:
        return run_md.renewed(data.decode("utf-8"), block, str(path))
    except UnicodeDecodeError as problem:
        raise UserError(f"not UTF-8 at byte {problem.start}", str(path), "save it as UTF-8", FOUND) from None
