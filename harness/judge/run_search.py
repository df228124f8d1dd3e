"""Run search: problems that show only across runs: copies of each other, and digests with two descriptions."""
from __future__ import annotations

import pathlib
from typing import Callable, Dict, Iterator, Tuple

from base import run_folder
from base.errors import UserError
from base.json_text import Json
from judge.duplicates import DuplicateSearch
from judge.findings import UNCLEAR, Finding, Pair

DESCRIBED_BY = ("size_bytes", "quantization", "family", "format")
WHICH = {"physics-duplicate": UNCLEAR, "physics-digest": "this does not show which of the two is wrong"}


class DigestSearch:
    """Models that were seen, by their digests: the first description of each counts."""

    def __init__(self) -> None:
        self._known: Dict[Tuple[str, str], Tuple[Json, str, str, str]] = {}     # (digest, field): (value, run, model, pointer)

    def add(self, run: str, manifest: dict) -> Iterator[Pair]:
        """Remember a run's models; two findings for each that a run added before describes otherwise."""
        for number, model in enumerate(manifest["models"]):
            if len(set(model["digest"])) < 2:
                continue        # this server reports no digest
            for name in DESCRIBED_BY:
                if not model[name]:
                    continue
                own = (model[name], run, model["name"], f"/models/{number}/{name}")
                other = self._known.setdefault((model["digest"], name), own)
                if other[0] != own[0]:
                    yield Pair(run, other[1], self._finding(name, own, other), self._finding(name, other, own))

    @staticmethod
    def _finding(name: str, this: Tuple[Json, str, str, str], that: Tuple[Json, str, str, str]) -> Finding:
        value, run, model, pointer = this
        return Finding("physics-digest", f"{model}: {name} {value}", f"{that[0]}, as in {that[1]} for the same digest", pointer,
                       path=f"{run}/{run_folder.MANIFEST}")


class RunSearch:
    """Both searches over the same runs.

    Of two runs of which one was merged, the other one is reported. Of two that were not, both are: neither the order in
    which they are checked nor their dates show which is the copy. `base` is where runs are merged to; without one, runs
    that are there and not to be reported count as merged.
    """

    def __init__(self, base: str = "", is_merged: Callable[[str], bool] | None = None) -> None:
        self._duplicates, self._digests = DuplicateSearch(), DigestSearch()
        self._unreported: Dict[str, str] = {}       # run: a note for findings about it
        self._is_merged = is_merged or self._unreported.__contains__
        self._neither = f"neither run is in {base}, so " if base else ""

    def add_unreported(self, run: str, folder: pathlib.Path, note: str = "") -> None:
        """Remember a run that others are compared with; `note` is added to their findings."""
        self._unreported[run] = note
        for _ in self._pairs(run, folder):
            pass

    def add(self, run: str, folder: pathlib.Path) -> Iterator[Finding]:
        """Findings of a run and of those that were added before it. What cannot be read is not compared."""
        for pair in self._pairs(run, folder):
            note = self._unreported.get(pair.other, "")
            is_merged, is_other_merged = self._is_merged(pair.run), bool(note) or self._is_merged(pair.other)
            findings = [] if is_merged and not is_other_merged else [pair.of_run]
            findings += [] if is_other_merged or pair.other in self._unreported else [pair.of_other]
            for finding in findings:
                unclear = "" if is_merged or is_other_merged else f"{self._neither}{WHICH[finding.rule]}"
                yield finding._replace(expected="; ".join(filter(None, [finding.expected, note, unclear])))

    def _pairs(self, run: str, folder: pathlib.Path) -> Iterator[Pair]:
        ledger = folder / run_folder.LEDGER
        if ledger.is_file() and not ledger.is_symlink():
            yield from self._duplicates.add(run, ledger)
        manifest = folder / run_folder.MANIFEST
        if manifest.is_file() and not manifest.is_symlink():
            try:
                yield from self._digests.add(run, run_folder.read_manifest(folder))
            except UserError:
                return
