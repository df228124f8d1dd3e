"""Views: what the pages are told, and where everything of the site lies.

The builder calls three functions of publish/pages.py, each of which gives pairs of (path from the site's root, bytes):

    pages.site(catalogue)   front, devices, models, compare, methodology, style and script: what is made anew each time
    pages.cell(view)        all that belongs to one cell; made anew when the view differs from that of the build before
    pages.run(view)         all that belongs to one run; made anew when one of its files or its overlay entry differs

They are pure: the same argument gives the same bytes in the same order, in any process. Paths are relative, with `/`, of
[a-z0-9._-], and no two pages share one. Everything is told by the argument: nothing else is read but the tables in the
code. All of it is a stranger's text and has to be escaped for its place. `catalogue` is the record of that name (see
base/records/catalogue_fields.py). The views are plain dicts:

    cell    cell        the `cell` record with by_run
            device      its `device` record, and
            model       its `catalogue_model` record, both without what another cell's run would change (CHANGING)
            runs        `catalogue_run` records of the runs shown in the cell, newest first
            synthetic   true: the catalogue is, which every page has to say
    run     run         its `catalogue_run` record
            manifest, metadata      its documents; the metadata was computed here, not read
            hardware    its document, or null where there is none that can be read
            story       the text of run.md
            findings    what the checker found: rule, severity, path, line, pointer, observed, expected, says, fix
            calls       every call and skipped line of the ledger in order, each a CallRow as a dict
            sizes       bytes of each of the five files that are there
            synthetic   as above
"""
from __future__ import annotations

import collections
import hashlib

from base import names, run_folder
from derive import call_metrics

MAX_NAME = 200          # of a file; systems take 255 bytes, and an ending is to come

CHANGING = ("runs", "withheld", "handles", "newest", "cells", "quantizations", "digests")

CallRow = collections.namedtuple("CallRow", (
    "seq", "type", "role", "session", "phase", "model", "item", "pass_", "repeat", "level", "wave", "slot", "fill",
    "outcome", "reason", "error", "ttft_ms", "total_ms", "decode_tok_s", "prompt_tokens", "eval_tokens", "eval_ns",
    "done_reason", "answer"))


def cell_view(cell: dict, document: dict, rows: list) -> dict:
    """What the pages of a cell are told. `rows` are those of the runs shown in it, newest first."""
    device = next(one for one in document["devices"] if one["device_tag"] == cell["device_tag"])
    model = next(one for one in document["models"] if one["model"] == cell["model"])
    return {"cell": cell, "device": _lasting(device), "model": _lasting(model), "runs": rows,
            "synthetic": document["synthetic"]}


def _lasting(record: dict) -> dict:
    return {name: value for name, value in record.items() if name not in CHANGING}


def call_row(record: dict) -> dict:
    """A call or skipped record as the run's page shows it; what its type does not have is null."""
    is_call = record["type"] == "call"
    found = {name: record.get(name) for name in CallRow._fields}
    found["pass_"] = record["pass"]
    found["ttft_ms"] = call_metrics.ttft_ms(record) if is_call else None
    found["total_ms"] = call_metrics.total_ms(record) if is_call else None
    return found


def with_rates(rows: list, manifest: dict) -> list:
    """The same rows with their decode rates: how steps are counted depends on the model's format."""
    formats = {model["name"]: model["format"] for model in manifest["models"]}
    return [{**row, "decode_tok_s": call_metrics.decode_tok_s(row, formats.get(row["model"]))} for row in rows]


def model_id(model: str) -> str:
    """A model's name as a file name: what a cell id has after the device tag."""
    return names.cell_id("", model)[1:]


def page_of_device(device_tag: str) -> str:
    return f"devices/{device_tag}.html"


def page_of_model(model: str) -> str:
    return f"models/{_short(model_id(model))}.html"


def page_of_cell(cell_id: str) -> str:
    return f"cells/{_short(cell_id)}.html"


def data_of_cell(cell_id: str) -> str:
    return f"cells/{_short(cell_id)}.json"


def page_of_run(run_id: str) -> str:
    return f"runs/{run_id}.html"


def raw_of_run(run_id: str) -> dict:
    """name of each of the five files: its copy, which ends in .txt, so that every server calls it text.

    They share one folder: ten thousand folders take longer to make and to remove than all that is in them.
    """
    return {name: f"raw/{run_id}.{name}.txt" for name in run_folder.FILES}


def _short(name: str) -> str:
    """A name that is too long for a file gives way to its beginning and its hash."""
    if len(name) <= MAX_NAME:
        return name
    return f"{name[:MAX_NAME - 66]}--{hashlib.sha256(name.encode('ascii')).hexdigest()}"
