"""The overlay: the maintainer's remarks on runs, kept in a file of their own and never in the runs.

A JSON object: `schema`, and `runs` with an entry for each run id, without the `run-` of its folder. An entry may have

    visibility      public (the default) or redacted: it counts in the figures of its cell and is shown nowhere. Such an entry
                    may stay when the run's files are removed
    removed         true: the files of this redacted run were removed. Without it, each build notes that the run is not there,
                    since its id may be a typing error
    janie_blurb_md  an introduction above its figures, in the site's Markdown subset
    notes           a list of sentences
    superseded_by   the id of a run that replaces it; both keep counting

    {"schema": "overlay-1.0", "runs": {"0c5bd045-df1e-498f-95c4-7c4d09931bb3": {"visibility": "redacted"}}}
"""
from __future__ import annotations

import pathlib
from typing import Collection, List

from base import json_text, names
from base.errors import UserError
from base.json_text import Json
from base.records import VISIBILITIES

VERSION = "overlay-1.0"
ADVICE = "correct the overlay; its format is described in harness/publish/moderation.py"
MAX_CHARACTERS = 20_000
KINDS = {"visibility": str, "janie_blurb_md": str, "notes": list, "superseded_by": str, "removed": bool}


def read(path: pathlib.Path) -> dict:
    """Entries by run id. Raises UserError for unknown keys, ids or values: a typing error must not publish a hidden run."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise UserError(f"the overlay cannot be read ({problem.strerror})", str(path), "name the file with --overlay") from None
    try:
        overlay = json_text.loads(data)
    except ValueError as problem:
        raise UserError(f"not JSON ({problem})", str(path), ADVICE) from None
    errors = problems(overlay)
    if errors:
        raise UserError("; ".join(errors[:3]), str(path), ADVICE)
    return overlay["runs"]


def problems(overlay: Json) -> list:
    if not isinstance(overlay, dict) or set(overlay) != {"schema", "runs"} or not isinstance(overlay["runs"], dict):
        return ["not an object with schema and runs, and nothing else"]
    if overlay["schema"] != VERSION:
        return [f"format {overlay['schema']!r}, this builder reads {VERSION}"]
    return [f"{run_id[:40]}: {problem}" for run_id, entry in overlay["runs"].items() for problem in _entry_problems(run_id, entry)]


def _entry_problems(run_id: str, entry: Json) -> list:
    if names.run_id_problem(run_id) is not None:
        return [f"{names.run_id_problem(run_id)}; it is the part after `run-` in the folder name"]
    if not isinstance(entry, dict):
        return ["not an object"]
    errors = [f"unknown key {name[:40]!r}" for name in entry if name not in KINDS]
    errors += [f"{name} is not a {kind.__name__}" for name, kind in KINDS.items()
              if name in entry and type(entry[name]) is not kind]
    if errors:
        return errors
    if entry.get("visibility", "public") not in VISIBILITIES:
        errors.append(f"visibility must be one of {', '.join(VISIBILITIES)}")
    if entry.get("removed") and not is_redacted(entry):
        errors.append("removed is only for a redacted run")
    if any(type(note) is not str for note in entry.get("notes", [])):
        errors.append("notes must be strings")
    elif sum(map(len, [entry.get("janie_blurb_md", ""), *entry.get("notes", [])])) > MAX_CHARACTERS:
        errors.append(f"more than {MAX_CHARACTERS} characters")
    if "superseded_by" in entry and (names.run_id_problem(entry["superseded_by"]) or entry["superseded_by"] == run_id):
        errors.append("superseded_by must be the id of another run")
    return errors


def is_redacted(entry: dict) -> bool:
    return entry.get("visibility") == "redacted"


def redacted(entries: dict) -> set:
    """Ids of runs that must not appear anywhere."""
    return {run_id for run_id, entry in entries.items() if is_redacted(entry)}


def check_overlay(entries: dict, known: Collection[str]) -> List[str]:
    """The redacted runs that are not in the tree, without those known to be removed, which their entries keep hidden.

    Raises UserError if the overlay has other words on unknown runs, or if the entry of a shown run names a redacted one.
    """
    hidden = redacted(entries)
    for run_id, entry in entries.items():
        for mentioned_id in (run_id, entry.get("superseded_by", run_id)):
            if mentioned_id not in known and not (mentioned_id == run_id and run_id in hidden):
                raise UserError(f"there is no run {mentioned_id}", "overlay", ADVICE)
        texts = [entry.get("janie_blurb_md", ""), entry.get("superseded_by", ""), *entry.get("notes", [])]
        if not is_redacted(entry) and any(other in text for other in hidden for text in texts):
            raise UserError(f"the entry of {run_id} names a redacted run", "overlay", ADVICE)
    return sorted(run_id for run_id in hidden.difference(known) if not entries[run_id].get("removed"))
