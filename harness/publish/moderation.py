"""The overlay: what the maintainer says about runs, kept beside them and never in them.

A JSON object: `schema`, and `runs` with an entry for each run id, without the `run-` of its folder. An entry may have

    visibility      public (what goes without saying) or redacted: it counts in the figures of its cell, shown nowhere
    janie_blurb_md  a few words above its figures, in the small Markdown of the site
    notes           a list of sentences
    superseded_by   the id of a run that should be looked at in its place; both go on counting

    {"schema": "overlay-1.0", "runs": {"0c5bd045-df1e-498f-95c4-7c4d09931bb3": {"visibility": "redacted"}}}
"""
from __future__ import annotations

import pathlib
from typing import Collection

from base import names, schema
from base.errors import UserError
from base.records import VISIBILITIES

VERSION = "overlay-1.0"
ADVICE = "mend the overlay; its format stands in harness/publish/moderation.py"
MAX_CHARACTERS = 20_000
KINDS = {"visibility": str, "janie_blurb_md": str, "notes": list, "superseded_by": str}


def read(path: pathlib.Path) -> dict:
    """run id: its entry. Raises UserError for a key, an id or a value that means nothing: a typing error must not publish."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise UserError(f"the overlay cannot be read ({problem.strerror})", str(path), "name the file with --overlay") from None
    try:
        found = schema.loads(data)
    except ValueError as problem:
        raise UserError(f"not JSON ({problem})", str(path), ADVICE) from None
    wrong = problems(found)
    if wrong:
        raise UserError("; ".join(wrong[:3]), str(path), ADVICE)
    return found["runs"]


def problems(found: object) -> list:
    """What is wrong with an overlay, in sentences."""
    if not isinstance(found, dict) or set(found) != {"schema", "runs"} or not isinstance(found["runs"], dict):
        return ["not an object with schema and runs, and nothing else"]
    if found["schema"] != VERSION:
        return [f"format {found['schema']!r}, this builder reads {VERSION}"]
    return [f"{run_id[:40]}: {what}" for run_id, entry in found["runs"].items() for what in _entry_problems(run_id, entry)]


def _entry_problems(run_id: str, entry: object) -> list:
    if names.run_id_problem(run_id) is not None:
        return [f"{names.run_id_problem(run_id)}; it is what follows `run-` in the folder's name"]
    if not isinstance(entry, dict):
        return ["not an object"]
    wrong = [f"unknown key {name[:40]!r}" for name in entry if name not in KINDS]
    wrong += [f"{name} is no {kind.__name__}" for name, kind in KINDS.items()
              if name in entry and type(entry[name]) is not kind]
    if wrong:
        return wrong
    if entry.get("visibility", "public") not in VISIBILITIES:
        wrong.append(f"visibility is one of {', '.join(VISIBILITIES)}")
    if any(type(note) is not str for note in entry.get("notes", [])):
        wrong.append("notes are texts")
    elif sum(map(len, [entry.get("janie_blurb_md", ""), *entry.get("notes", [])])) > MAX_CHARACTERS:
        wrong.append(f"more than {MAX_CHARACTERS} characters")
    if "superseded_by" in entry and (names.run_id_problem(entry["superseded_by"]) or entry["superseded_by"] == run_id):
        wrong.append("superseded_by is the id of another run")
    return wrong


def is_redacted(entry: dict) -> bool:
    return entry.get("visibility") == "redacted"


def redacted(entries: dict) -> set:
    """Ids that must appear nowhere."""
    return {run_id for run_id, entry in entries.items() if is_redacted(entry)}


def check(entries: dict, known: Collection[str]) -> None:
    """Raise UserError where the overlay speaks of runs that are not there, or of a redacted one while it is shown."""
    hidden = redacted(entries)
    for run_id, entry in entries.items():
        for named in (run_id, entry.get("superseded_by", run_id)):
            if named not in known:
                raise UserError(f"no run {named} is there to speak of", "overlay", ADVICE)
        said = [entry.get("janie_blurb_md", ""), entry.get("superseded_by", ""), *entry.get("notes", [])]
        if not is_redacted(entry) and any(other in text for other in hidden for text in said):
            raise UserError(f"the entry of {run_id} names a redacted run, which must appear nowhere", "overlay", ADVICE)
