"""Run search: problems that show only across runs: copies of each other, and digests with two descriptions."""
from __future__ import annotations

import pathlib
from typing import Dict, Iterator, Tuple

from base import run_folder
from base.errors import UserError
from base.json_text import Json
from judge.duplicates import DuplicateSearch
from judge.findings import Finding

DESCRIBED_BY = ("size_bytes", "quantization", "family", "format")


class DigestSearch:
    """Models that were seen, by their digests: the first description of each counts."""

    def __init__(self) -> None:
        self._known: Dict[Tuple[str, str], Tuple[Json, str]] = {}        # (digest, field): (value, run)

    def add(self, run: str, manifest: dict) -> Iterator[Finding]:
        """Remember a run's models; a finding for each that an earlier run describes otherwise."""
        for number, model in enumerate(manifest["models"]):
            if len(set(model["digest"])) < 2:
                continue        # this server reports no digest
            for name in DESCRIBED_BY:
                if not model[name]:
                    continue
                value, other = self._known.setdefault((model["digest"], name), (model[name], run))
                if value != model[name]:
                    yield Finding("physics-digest", f"{model['name']}: {name} {model[name]}", f"{value}, as in {other} for the same digest",
                                  f"/models/{number}/{name}", path=f"{run}/{run_folder.MANIFEST}")


class RunSearch:
    """Both searches over the same runs. Runs that are not to be reported are added first."""

    def __init__(self) -> None:
        self._duplicates, self._digests = DuplicateSearch(), DigestSearch()

    def add(self, run: str, folder: pathlib.Path) -> Iterator[Finding]:
        """Findings of a run against those that were added before it. What cannot be read is not compared."""
        ledger = folder / run_folder.LEDGER
        if ledger.is_file() and not ledger.is_symlink():
            yield from self._duplicates.add(run, ledger)
        manifest = folder / run_folder.MANIFEST
        if manifest.is_file() and not manifest.is_symlink():
            try:
                yield from self._digests.add(run, run_folder.read_manifest(folder))
            except UserError:
                return
