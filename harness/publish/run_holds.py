"""Run holds: what shows only when all runs are compared, for the catalogue's grades. Runs that did not change are not read again."""
from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Dict, Iterable, Iterator, List

from base import files, run_folder, schema
from base.errors import UserError
from judge.duplicates import DuplicateSearch, marks
from judge.findings import Finding
from judge.run_search import DESCRIBED_BY, DigestSearch

NAME = "run_marks.json"
NOTHING = {"started_at": "", "exact": [], "similar": [], "models": []}
DIGEST_RULE = "physics-digest"


def find(cache: pathlib.Path, runs: Dict[str, str], changed: Iterable[str]) -> Dict[str, List[dict]]:
    """{run: its findings as values} for every run that is a copy of an earlier one or describes a digest otherwise.

    `runs` maps paths to folders. The earlier run is the one that began earlier.
    """
    known = _read(cache / NAME)
    kept = {path: known[path] for path in runs.keys() & known.keys() - set(changed)}
    for path in runs.keys() - kept.keys():
        kept[path] = _marks(pathlib.Path(runs[path]))
    files.replace(cache / NAME, schema.dumps(kept).encode("ascii"))
    duplicates, digests = DuplicateSearch(), DigestSearch()
    holds = {}
    for path in sorted(kept, key=lambda path: (kept[path]["started_at"], path)):
        found = [*duplicates.add_marks(path, (kept[path]["exact"], kept[path]["similar"])), *digests.add(path, kept[path])]
        if found:
            holds[path] = [dataclasses.asdict(finding) for finding in found]
    return holds


def findings(holds: Iterable[dict]) -> Iterator[Finding]:
    return (Finding(**hold) for hold in holds)


def _marks(folder: pathlib.Path) -> dict:
    try:
        manifest = run_folder.read_manifest(folder)
        exact, similar = marks(folder / run_folder.LEDGER)
    except (UserError, OSError):
        return NOTHING      # a run that will be rejected
    if manifest["synthetic"]:
        return NOTHING      # a script may plant the same times twice
    models = [{name: model[name] for name in ("name", "digest", *DESCRIBED_BY)} for model in manifest["models"]]
    return {"started_at": manifest["started_at"], "exact": exact, "similar": similar, "models": models}


def _read(path: pathlib.Path) -> dict:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
