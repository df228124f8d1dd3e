"""Page inputs: the records that pages are rendered from, and the path of every file of the site.

A page is a pure function: the same inputs give the same (path from the site's root, bytes) in any process. Paths use `/` and
the characters [a-z0-9._-], and are unique. All text in the inputs is untrusted and is escaped by the pages.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Dict, List, Optional, Union

from base import names, run_folder
from base.ledger_records import CallRecord, SkippedRecord
from derive import call_metrics

MAX_NAME = 200          # characters of a file name without its suffix; file systems allow 255 bytes
# Fields of devices and models that a run of another cell changes: a cell's page does not show them.
CHANGING = ("runs", "withheld", "handles", "newest", "cells", "quantizations", "digests")

CALL_FIELDS = (         # of every call and skipped line
    "seq", "type", "role", "session", "phase", "model", "item", "pass_", "repeat", "level", "wave", "slot", "fill",
    "outcome", "reason", "error", "ttft_ms", "total_ms", "decode_tok_s", "prompt_tokens", "eval_tokens", "eval_ns",
    "done_reason", "answer")


@dataclass(frozen=True)
class CellPageInput:
    """Records as in base/records/catalogue_fields.py. `runs` are the shown runs of the cell, newest first."""
    cell: dict              # with by_run
    device: dict            # without CHANGING
    model: dict             # without CHANGING
    runs: List[dict]
    synthetic: bool         # the catalogue has synthetic runs, and every page says so


@dataclass(frozen=True)
class RunPageInput:
    run: dict               # its `catalogue_run` record
    manifest: dict
    metadata: dict          # computed from the ledger, whatever metadata.json says
    hardware: Optional[dict]
    run_md: str
    findings: List[dict]    # rule, severity, path, line, pointer, observed, expected, says, fix
    calls: List[dict]       # CALL_FIELDS of every call and skipped line, in the order of the ledger
    sizes: Dict[str, int]   # bytes of each of the five files
    synthetic: bool


def cell_page_input(cell: dict, device: dict, model: dict, runs: List[dict], synthetic: bool) -> CellPageInput:
    return CellPageInput(cell, without_changing(device), without_changing(model), runs, synthetic)


def without_changing(record: dict) -> dict:
    return {name: value for name, value in record.items() if name not in CHANGING}


def call_row(record: Union[CallRecord, SkippedRecord]) -> dict:
    """The CALL_FIELDS of a record, without its rate; fields that its type does not have are None."""
    call = record if isinstance(record, CallRecord) else None
    row = {name: getattr(record, name, None) for name in CALL_FIELDS}
    row["type"] = "call" if call else "skipped"
    row["ttft_ms"] = call_metrics.ttft_ms(call) if call else None
    row["total_ms"] = call_metrics.total_ms(call) if call else None
    return row


def with_rates(rows: list, manifest: dict) -> list:
    """The same rows with their decode rates, for which the model's format has to be known."""
    formats = {model["name"]: model["format"] for model in manifest["models"]}
    return [{**row, "decode_tok_s": call_metrics.decode_rate(row["eval_tokens"], row["eval_ns"], formats.get(row["model"]))} for row in rows]


def model_id(model: str) -> str:
    """A model's name as a file name: the part of a cell id after the device tag."""
    return names.cell_id("", model)[1:]


def page_of_device(device_tag: str) -> str:
    return f"devices/{device_tag}.html"


def page_of_model(model: str) -> str:
    name = model_id(model)
    # A file's name never begins like a flag; `_-` begins no other model's name, since `_` itself is escaped.
    return f"models/{_short('_' + name if name.startswith('-') else name)}.html"


def page_of_cell(cell_id: str) -> str:
    return f"cells/{_short(cell_id)}.html"


def data_of_cell(cell_id: str) -> str:
    return f"cells/{_short(cell_id)}.json"


def page_of_run(run_id: str) -> str:
    return f"runs/{run_id}.html"


def raw_urls(folder: str, raw_base: str) -> Dict[str, str]:
    """The URL of each of the five files, where the site does not have them. `folder` is from the clone's root."""
    return {name: f"{raw_base.rstrip('/')}/{folder}/{name}" for name in run_folder.FILES}


def raw_of_run(run_id: str) -> Dict[str, str]:
    """The path of each of the five files; they end in .txt so that every web server serves them as text.

    All are in one folder, since creating and removing ten thousand folders takes longer than all their files.
    """
    return {name: f"raw/{run_id}.{name}.txt" for name in run_folder.FILES}


def _short(name: str) -> str:
    """A name too long for a file system is cut and gets its hash."""
    if len(name) <= MAX_NAME:
        return name
    return f"{name[:MAX_NAME - 66]}--{hashlib.sha256(name.encode('ascii')).hexdigest()}"
