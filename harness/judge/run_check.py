"""A run: its five files judged together, each read once."""
from __future__ import annotations

import pathlib
from dataclasses import dataclass, field
from typing import Iterator, Optional

from base import run_folder
from base.run_folder import HARDWARE, LEDGER, MANIFEST, METADATA, RUN_MD
from judge import call_checks, derived_files_check, json_documents, privacy, protocol, review, run_md_rules, thresholds, tree_layout
from judge.calibration_checks import Calibration
from judge.findings import FindingList, Finding
from judge.plausibility import Physics
from judge.tree_layout import Place
from judge.ledger_pass import Reading, LedgerVisitor
from judge.session_checks import Counts, Sessions, seconds_of
from judge.timeline import Timeline


class Calls(LedgerVisitor):
    """Each call against itself."""
    compares = False

    def see(self, record: dict) -> Iterator[Finding]:
        return call_checks.problems(record) if record["type"] == "call" else iter(())


class Identity(LedgerVisitor):
    """The ledger is this run's, and as synthetic as its manifest says."""
    compares = False

    def __init__(self, place: Place):
        self.place = place

    def see(self, record: dict) -> Iterator[Finding]:
        if record["type"] == "meta":
            if record["run_id"] != self.place.run_id:
                yield Finding("name-mismatch", f"run-{record['run_id']}", self.place.name, "/run_id")
            yield from synthetic_problems(record, self.place)


@dataclass
class Inside:
    """What was read on the way, for who publishes the run: None where it could not be read."""
    manifest: Optional[dict]
    hardware: Optional[dict]
    story: Optional[str]
    metadata: Optional[dict] = None     # as the ledger gives it, whatever metadata.json says
    cells: dict = field(default_factory=dict)       # (model, phase): its derive.aggregate.Cell


def check(folder: pathlib.Path, place: Place, sizes: dict, docket: FindingList, now_s: float) -> review.Sheet:
    """Judge the files of one run. `sizes` are those of the plain files that are there; their names were judged before."""
    inside = look(folder, place, sizes, docket, now_s)
    return review.sheet(place, inside.manifest, inside.hardware, inside.metadata)


def look(folder: pathlib.Path, place: Place, sizes: dict, docket: FindingList, now_s: float, onlookers: tuple = ()) -> Inside:
    """The same, for what was read. `onlookers` are witnesses of the caller's own."""
    shown = {name: f"{place.path}/{name}" for name in run_folder.FILES}
    docket.add(tree_layout.folder_problems(place))
    docket.add(tree_layout.missing(place, sizes))
    for name in sizes:
        docket.add(json_documents.size_problems(name, sizes[name]), shown[name])
    usable = {name for name in sizes if not list(json_documents.size_problems(name, sizes[name]))}
    found = {name: json_documents.read(folder / name, docket, shown[name]) if name in usable else None
             for name in (MANIFEST, HARDWARE)}
    if found[MANIFEST] is not None:
        docket.add(_manifest_problems(found[MANIFEST], place, now_s), shown[MANIFEST])
    text = run_md_rules.read(folder / RUN_MD, docket, shown[RUN_MD]) if RUN_MD in usable else None
    if text is not None:
        docket.add(privacy.in_file(text, frozenset([place.run_id])), shown[RUN_MD])
        docket.add(run_md_rules.problems(text), shown[RUN_MD])
    inside = Inside(found[MANIFEST], found[HARDWARE], text)
    if LEDGER in usable:
        inside.metadata = _ledger(folder / LEDGER, place, found, docket, inside.cells, onlookers)
    if METADATA in usable:
        found[METADATA] = json_documents.read(folder / METADATA, docket, shown[METADATA], inside.metadata)
    if inside.metadata is not None:
        derived_files_check.check(found.get(METADATA), text, found[MANIFEST], inside.metadata, docket, place.path)
    for name, document in found.items():
        if document is not None:
            docket.add(privacy.in_document(document, run_folder.RECORD_OF[name], frozenset([place.run_id])), shown[name])
            docket.add(synthetic_problems(document, place), shown[name])
    return inside


def _ledger(path: pathlib.Path, place: Place, found: dict, docket: FindingList, cells: dict, onlookers: tuple) -> dict | None:
    """Judge the ledger in one pass; the metadata that it gives, where it and the manifest give any."""
    manifest, shown = found[MANIFEST], f"{place.path}/{LEDGER}"
    loaded, blocks = ({}, None) if manifest is None else _planned(manifest, place, docket)
    witnesses = [Calls(), Sessions(), Counts(), Timeline(), Calibration(), Identity(place),
                 privacy.Privacy([place.run_id]), *onlookers]
    if blocks is not None:
        witnesses.append(protocol.Protocol(manifest, loaded, blocks, place.is_example))
    if manifest is not None and not manifest["synthetic"]:
        witnesses.append(Physics(manifest, found[HARDWARE]))
    reading = Reading(path, witnesses, docket, shown)
    if blocks is None:
        for _ in reading:
            pass
        return None
    return derived_files_check.recomputed(manifest, run_folder.graders_of(loaded), reading, cells)


def _planned(manifest: dict, place: Place, docket: FindingList) -> tuple:
    """({phase: Suite}, blocks or None); what is wrong with the plan goes onto the docket."""
    shown = f"{place.path}/{MANIFEST}"
    loaded, wrong = protocol.load_suites(manifest)
    wrong += protocol.settings_problems(manifest)
    docket.add(wrong, shown)
    if wrong:
        return loaded, None
    blocks = protocol.planned_blocks(manifest, loaded)
    docket.add(protocol.manifest_problems(manifest, blocks, place.is_example), shown)
    return loaded, blocks


def _manifest_problems(manifest: dict, place: Place, now_s: float) -> Iterator[Finding]:
    """Names in the manifest against the folders, and its day against the calendar."""
    for name, wanted in (("run_id", place.run_id), ("handle", place.handle), ("device_tag", place.device_tag)):
        if manifest[name] is not None and manifest[name] != wanted and not (place.is_example and name == "handle"):
            yield Finding("name-mismatch", f"{name} {manifest[name]}" if name != "run_id" else f"run-{manifest[name]}",
                          wanted, f"/{name}")
    yield from privacy.host_name(manifest["host_hostname_short"])
    began = seconds_of(manifest["started_at"])
    if began is None or manifest["synthetic"]:
        return
    since, until = thresholds.value("harness_since"), now_s + thresholds.value("future_slack_s")
    if began < seconds_of(since) or began > until:
        yield Finding("physics-date", manifest["started_at"], f"from {since} to now", "/started_at")


def synthetic_problems(record: dict, place: Place) -> Iterator[Finding]:
    if "synthetic" in record and record["synthetic"] != place.is_example:
        yield Finding("name-synthetic", f"synthetic: {str(record['synthetic']).lower()}",
                      "true, in the EXAMPLE" if place.is_example else "false, since a machine was measured", "/synthetic")
