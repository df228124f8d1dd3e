"""Run check: the five files of a run are checked together, each read once."""
from __future__ import annotations

import pathlib
from typing import Callable, Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from base import console, ledger_reader, run_folder
from base.ledger_records import CallRecord, MetaRecord, Record
from base.pattern import lazy
from base.run_folder import HARDWARE, LEDGER, MANIFEST, METADATA, RUN_MD
from base.suites import Suite
from derive.summary import Aggregates
from judge import (call_checks, derived_files_check, evidence, hardware_checks, json_documents, privacy, protocol, review, run_md_rules,
                   thresholds, tree_layout)
from judge.calibration_checks import CalibrationChecks
from judge.clock_checks import ClockChecks, TokenChecks
from judge.condition_checks import ConditionChecks
from judge.findings import Finding, FindingList
from judge.ladder_checks import LadderChecks
from judge.ledger_pass import LedgerPass, LedgerVisitor
from judge.plausibility import Plausibility
from judge.session_checks import FooterChecks, SessionChecks, epoch_seconds
from judge.timeline import Timeline
from judge.timing_noise import PassCopies
from judge.tree_layout import RunPlace

MEASURED, DERIVED = (MANIFEST, LEDGER, HARDWARE), (METADATA, RUN_MD)
Renewal = Callable[[pathlib.Path, Optional[dict]], None]    # gets a run's folder, and its metadata if its ledger has no error
VERSION = lazy(r"[0-9](?:\.[0-9]{1,2}){3}\Z")


class CallChecks(LedgerVisitor):
    """Each call against itself."""
    compares_records = False

    def __init__(self, manifest: Optional[dict]):
        self._safetensors = {model["name"] for model in (manifest or {"models": []})["models"] if model["format"] == "safetensors"}

    def visit(self, record: Record) -> Iterable[Finding]:
        return call_checks.problems(record, record.model in self._safetensors) if isinstance(record, CallRecord) else ()


class IdentityChecks(LedgerVisitor):
    """The ledger belongs to this run, and is as synthetic as its manifest says."""
    compares_records = False

    def __init__(self, place: RunPlace):
        self.place = place

    def visit(self, record: Record) -> Iterator[Finding]:
        if isinstance(record, MetaRecord):
            if record.run_id != self.place.run_id:
                yield Finding("name-mismatch", f"run-{record.run_id}", self.place.name, "/run_id")
            yield from synthetic_problems(record.synthetic, self.place)


class RunDocuments:
    """The parsed files of a run, for whoever publishes it: None where one could not be read."""

    def __init__(self) -> None:
        self.manifest: Optional[dict] = None
        self.hardware: Optional[dict] = None
        self.run_md: Optional[str] = None
        self.metadata: Optional[dict] = None        # as the ledger gives it, whatever metadata.json says
        self.cells: Aggregates = {}


class _CheckedRun(NamedTuple):
    """Where a run is, and the findings of its check."""
    folder: pathlib.Path
    place: RunPlace
    findings: FindingList

    def path_of(self, name: str) -> str:
        return f"{self.place.path}/{name}"

    def has_errors_in(self, name: str) -> bool:
        return any(finding.severity == "error" and finding.path == self.path_of(name) for finding in self.findings)

    def known_texts(self, manifest: Optional[dict]) -> FrozenSet[str]:
        """Texts that look private and are not: the run's own id, and a server version of four small numbers."""
        version = "" if manifest is None else manifest["server_version"]
        return frozenset([self.place.run_id] + ([version] if VERSION.match(version) else []))


def check(folder: pathlib.Path, place: RunPlace, sizes: Dict[str, int], findings: FindingList, now_s: float,
          keep: Callable[[RunDocuments], None] | None = None, renew: Renewal | None = None) -> review.ReviewSheet:
    """Check the files of one run. `sizes` are those of the plain files that are there; their names were checked before."""
    documents = inspect(folder, place, sizes, findings, now_s, renew=renew)
    if keep is not None:
        keep(documents)
    try:
        return review.sheet(place, documents.manifest, documents.hardware, documents.metadata, documents.run_md, folder)
    except Exception as problem:
        findings.add([crash(problem, place.path)])
        return review.sheet(place, None, None, None)


def inspect(folder: pathlib.Path, place: RunPlace, sizes: Dict[str, int], findings: FindingList, now_s: float,
            visitors: Tuple[LedgerVisitor, ...] = (), renew: Renewal | None = None) -> RunDocuments:
    """The same, for what was read. `visitors` of the caller's own see the ledger too.

    An exception while one run is checked is a finding of that run: the other runs go on.
    """
    documents = RunDocuments()
    try:
        _inspect(_CheckedRun(folder, place, findings), sizes, documents, now_s, visitors, renew)
    except Exception as problem:
        findings.add([crash(problem, place.path)])
    return documents


def crash(problem: Exception, path: str) -> Finding:
    """The finding of a run on which the checker itself failed; the maintainer gets the last line of the traceback."""
    import traceback
    where = traceback.extract_tb(problem.__traceback__)[-1]
    last_line = traceback.format_exception_only(type(problem), problem)[-1].strip()
    console.note(f"bug: {path}: {last_line} ({pathlib.PurePath(where.filename).name}:{where.lineno})")
    return Finding("checker-failed", f"{type(problem).__name__} in {pathlib.PurePath(where.filename).name}:{where.lineno}",
                   "a checker that reads every run to its end", path=path)


def _inspect(run: _CheckedRun, sizes: Dict[str, int], documents: RunDocuments, now_s: float, visitors: Tuple[LedgerVisitor, ...],
             renew: Renewal | None) -> None:
    run.findings.add(tree_layout.folder_problems(run.place))
    usable = _usable_files(run, MEASURED, sizes)
    _read_manifest_and_hardware(run, usable, documents, now_s)
    if LEDGER in usable:
        documents.metadata = _check_ledger(run, documents, visitors, now_s)
    if renew is not None:
        renew(run.folder, None if run.has_errors_in(LEDGER) else documents.metadata)
        sizes = tree_layout.sizes_in(run.folder)
    usable |= _usable_files(run, DERIVED, sizes)
    if RUN_MD in usable:
        _read_run_md(run, documents)
    stated = None
    if METADATA in usable:
        stated = json_documents.read(run.folder / METADATA, run.findings, run.path_of(METADATA), documents.metadata)
    if documents.manifest is not None and documents.metadata is not None:
        derived_files_check.check(stated, documents.run_md, documents.manifest, documents.metadata, run.findings, run.place.path)
    for name, document in ((MANIFEST, documents.manifest), (HARDWARE, documents.hardware), (METADATA, stated)):
        if document is not None:
            known = run.known_texts(documents.manifest)
            run.findings.add(privacy.in_document(document, run_folder.RECORD_OF[name], known), run.path_of(name))
            if "synthetic" in document:
                run.findings.add(synthetic_problems(document["synthetic"], run.place), run.path_of(name))


def _usable_files(run: _CheckedRun, wanted: Tuple[str, ...], sizes: Dict[str, int]) -> Set[str]:
    """Those of the wanted files that are there and not too large; the others are reported."""
    run.findings.add(tree_layout.missing(run.place, wanted, sizes))
    usable = set()
    for name in sorted(set(wanted) & set(sizes)):
        problems = list(json_documents.size_problems(name, sizes[name]))
        run.findings.add(problems, run.path_of(name))
        if not problems:
            usable.add(name)
    return usable


def _read_manifest_and_hardware(run: _CheckedRun, usable: set, documents: RunDocuments, now_s: float) -> None:
    if MANIFEST in usable:
        documents.manifest = json_documents.read(run.folder / MANIFEST, run.findings, run.path_of(MANIFEST))
    if HARDWARE in usable:
        documents.hardware = json_documents.read(run.folder / HARDWARE, run.findings, run.path_of(HARDWARE))
    if documents.manifest is not None:
        run.findings.add(_manifest_problems(documents.manifest, run.place, now_s), run.path_of(MANIFEST))
        if not documents.manifest["synthetic"]:
            run.findings.add(evidence.commit_problems(documents.manifest), run.path_of(MANIFEST))
    if documents.hardware is not None and documents.manifest is not None and not documents.manifest["synthetic"]:
        run.findings.add(hardware_checks.problems(documents.hardware, run.place), run.path_of(HARDWARE))


def _read_run_md(run: _CheckedRun, documents: RunDocuments) -> None:
    documents.run_md = run_md_rules.read(run.folder / RUN_MD, run.findings, run.path_of(RUN_MD))
    if documents.run_md is not None:
        run.findings.add(privacy.in_file(documents.run_md, run.known_texts(documents.manifest)), run.path_of(RUN_MD))
        run.findings.add(run_md_rules.problems(documents.run_md), run.path_of(RUN_MD))


def _check_ledger(run: _CheckedRun, documents: RunDocuments, visitors: Tuple[LedgerVisitor, ...], now_s: float) -> dict | None:
    """Check the ledger in one pass; the metadata that it gives, where it and the manifest give any."""
    manifest, code_grades = documents.manifest, ledger_reader.code_grades(run.folder / LEDGER)
    all_visitors: List[LedgerVisitor] = [CallChecks(manifest), SessionChecks(manifest, now_s), FooterChecks(), Timeline(), CalibrationChecks(),
                                         IdentityChecks(run.place), privacy.PrivacyChecks(run.known_texts(manifest)), *visitors]
    ledger_pass = LedgerPass(run.folder / LEDGER, all_visitors, run.findings, run.path_of(LEDGER))
    suites, blocks = ({}, None) if manifest is None else _plan(manifest, run)
    if manifest is not None and blocks is not None:
        all_visitors += [protocol.ProtocolChecks(manifest, suites, blocks, run.place.is_example), LadderChecks(manifest, suites, blocks)]
    if manifest is not None and not manifest["synthetic"]:
        all_visitors += [Plausibility(manifest, documents.hardware), ClockChecks(manifest), TokenChecks(manifest, suites), PassCopies(), ConditionChecks(documents.hardware),
                         evidence.EvidenceChecks(manifest, suites, code_grades)]
    if manifest is not None and blocks is not None:
        return derived_files_check.recomputed(manifest, run_folder.graders_of(suites), code_grades, ledger_pass, documents.cells)
    for _ in ledger_pass:
        pass
    return None


def _plan(manifest: dict, run: _CheckedRun) -> Tuple[Dict[str, Suite], Optional[list]]:
    """The suites by phase, and the blocks of the plan where there can be one; whatever is wrong with the plan is added to the findings."""
    suites, problems = protocol.load_suites(manifest)
    problems += protocol.settings_problems(manifest)
    run.findings.add(problems, run.path_of(MANIFEST))
    if problems:
        return suites, None
    blocks = protocol.planned_blocks(manifest, suites)
    run.findings.add(protocol.manifest_problems(manifest, blocks, run.place.is_example), run.path_of(MANIFEST))
    return suites, blocks


def _manifest_problems(manifest: dict, place: RunPlace, now_s: float) -> Iterator[Finding]:
    """Names in the manifest against the folders, and its date against the calendar."""
    for name, wanted in (("run_id", place.run_id), ("handle", place.handle), ("device_tag", place.device_tag)):
        if manifest[name] is not None and manifest[name] != wanted and not (place.is_example and name == "handle"):
            yield Finding("name-mismatch", f"{name} {manifest[name]}" if name != "run_id" else f"run-{manifest[name]}",
                          wanted, f"/{name}")
    yield from privacy.host_name(manifest["host_hostname_short"])
    if manifest["synthetic"]:
        return
    began = epoch_seconds(manifest["started_at"])
    since, until = thresholds.value("harness_since"), now_s + thresholds.value("future_slack_s")
    if began < epoch_seconds(since) or began > until:
        yield Finding("physics-date", manifest["started_at"], f"from {since} to now", "/started_at")


def synthetic_problems(is_synthetic: bool, place: RunPlace) -> Iterator[Finding]:
    if is_synthetic != place.is_example:
        yield Finding("name-synthetic", f"synthetic: {str(is_synthetic).lower()}",
                      "true, in the EXAMPLE" if place.is_example else "false, since a machine was measured", "/synthetic")
