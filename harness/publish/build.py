"""Build: submissions become a site. Only what has changed since the last build is looked at and made, by all cores.

The same runs, overlay and harness give the same bytes. The old site is replaced only when the new one is complete.
"""
from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import hashlib
import json
import pathlib
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Set

from base import files, json_text
from base.errors import UserError
from judge import tree_layout
from judge.findings import Finding
from publish import (build_cache, build_jobs, catalogue, csv_table, database, feed, moderation, page_inputs, pages, process_pool,
                     run_changes, site_folder, site_state)
from publish.run_changes import digest

LOCK = "lock"
WITHHELD = "withheld"               # how many runs the site withholds; it outlives the index
SITE_MARK = b'"schema":"catalogue-'     # at the beginning of catalogue.json; a folder without one is not a site of ours


@dataclass(frozen=True)
class BuildOptions:
    submissions: pathlib.Path
    out: pathlib.Path
    version: str                    # see `version`; with another one everything is made anew
    overlay: Optional[dict] = None  # entries by run id; None: no overlay is named
    synthetic: bool = False         # accept synthetic runs
    now_s: float = 0.0
    jobs: int = 1
    afresh: bool = False
    raw_base: Optional[str] = None  # URL of the clone's root: raw files are linked there instead of being on the site

    @property
    def entries(self) -> dict:
        return self.overlay or {}

    @property
    def settings(self) -> str:
        """A hash of what decides, beside the runs, what the site has."""
        return digest(self.entries, self.synthetic, self.raw_base, str(self.submissions))


@dataclass
class BuildReport:
    shown: int = 0
    withheld: int = 0
    cells: int = 0
    files: int = 0
    runs_made: int = 0              # the others were reused from cache
    cells_made: int = 0
    rejected: Dict[str, List[dict]] = field(default_factory=dict)     # run folder: its errors


def build(options: BuildOptions) -> BuildReport:
    """Build the site. Raises UserError, with the old site unchanged, where that is not possible."""
    cache = options.out.with_name(f"{options.out.name}.cache")
    check_out(options.out, cache)
    files.make_folder(cache)
    with files.exclusive(cache / LOCK), _without_collector():
        files.repair_swap(cache / "new", options.out, cache / "old")
        _check_overlay(options, cache / WITHHELD)
        left = site_state.read(cache)
        with build_cache.opened(cache, options.version, options.afresh, left.index) as kept:
            return _Build(options, cache, kept, left).run()


def _check_overlay(options: BuildOptions, withheld: pathlib.Path) -> None:
    """A build that forgets the overlay must not show again what the last one withheld."""
    count = withheld.read_text(encoding="ascii") if withheld.is_file() else "0"
    if options.overlay is None and count != "0":
        raise UserError(f"the present site withholds {count} of the runs, and without an overlay all would be shown again",
                        str(options.out), "name it with --overlay; to show a run again, remove it from that file")


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """There are many small objects and no reference cycles; searching for cycles takes an eighth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def version(source_sha256: str) -> str:
    """A hash of everything that decides what is made of the same input: the sources, and the files that pages include."""
    texts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(pages.ASSETS.iterdir()) if path.is_file()]
    return digest(source_sha256, texts, pages.methodology_page.source())


def check_out(out: pathlib.Path, cache: pathlib.Path) -> None:
    """Refuse to replace anything but a site, and to use anything but a cache."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UserError("not a folder", str(out), "name another with --out")
    if out.is_dir() and any(out.iterdir()) and not _is_site(out):
        raise UserError("this folder contains something else than a site of ours", str(out), "name a new or empty one with --out")
    if cache.is_dir() and any(cache.iterdir()) and not (cache / LOCK).is_file():
        raise UserError("this folder contains something else than our cache", str(cache), "move it away, or choose another --out")


def _is_site(folder: pathlib.Path) -> bool:
    try:
        with open(folder / "catalogue.json", "rb") as source:
            return SITE_MARK in source.read(200)
    except OSError:
        return False


class _Build:
    """One build, with the lock held and the cache open. `left` is how the last build left the folders."""

    def __init__(self, options: BuildOptions, cache: pathlib.Path, kept: build_cache.BuildCache, left: site_state.SiteState):
        self.options, self.cache, self.kept, self.left = options, cache, kept, left
        self.report = BuildReport()
        self.present: site_folder.FileStates = {}       # the files in the cache when the build began

    def run(self) -> BuildReport:
        git = self._look_around()
        settings, git_before, report = self.kept.last_build()
        is_same = settings == self.options.settings
        by_git = self._changed_by_git(git, git_before) if is_same else None
        if by_git == set() and self.kept.is_as_left and self._is_site_as_left() and not report["rejected"]:
            return _nothing_new(report)
        runs, linked = run_changes.all_runs(self.options.submissions)
        moderation.check_overlay(self.options.entries, set(map(_run_id, runs)))
        known = self.kept.known_runs()
        changed = _changed(runs, known, by_git) if is_same else set(runs)
        if is_same and not changed and known.keys() == runs.keys() and self.kept.is_intact() and _is_linked(self.options.out, self.kept.site()):
            return _nothing_new(report)
        with process_pool.worker_pool(self.options.jobs) as run_all:
            self._runs(runs, linked, known, changed, run_all)
            self._catalogue(run_all)
        self._replace_site(None if git is None else json_text.dumps(dataclasses.astuple(git)))
        return self.report

    def _look_around(self) -> Optional[run_changes.GitState]:
        """The state of git, and of the files in the cache; git takes longest and does not need this process."""
        with process_pool.background(run_changes.git_state, self.options.submissions) as git_state:
            self.present = site_folder.states(self.cache / "files")
            if self.kept.is_as_left and site_folder.digest(self.present) != self.left.files:
                self.kept.is_as_left = False
            if not self.kept.is_as_left:
                self.kept.forget_damaged(self.present)
            return git_state()

    def _changed_by_git(self, git: Optional[run_changes.GitState], git_before: Optional[str]) -> Optional[Set[str]]:
        before = run_changes.GitState(*json.loads(git_before)) if git_before else None
        return run_changes.changed_since(self.options.submissions, before, git)

    def _is_site_as_left(self) -> bool:
        return site_state.is_as_left(self.options.out, self.left.site)

    # ----- runs

    def _runs(self, runs: Dict[str, str], linked: Set[str], known: dict, changed: Set[str], run_all: Callable) -> None:
        """Bring what the cache knows of runs up to date."""
        for finding in [*tree_layout.twice(list(runs)), *_link_findings(linked)]:
            self.report.rejected.setdefault(finding.path, []).append(
                {"rule": finding.rule, "path": finding.path, "observed": finding.observed})
        accepted = {path: folder for path, folder in runs.items() if path not in self.report.rejected}
        self.kept.remove_runs(known.keys() - accepted.keys())
        changed = (changed & accepted.keys()) | self.kept.compare_runs(accepted, changed)
        jobs = (job for path in sorted(changed) for job in [self._job(path, runs[path], known.get(path))] if job is not None)
        for path, note, errors in run_all(build_jobs.process, jobs):
            self.report.runs_made += 1
            if note is None:
                self.report.rejected[path] = errors
                self.kept.remove_runs([path])
            else:
                self.kept.put_run(path, note)
        self.report.shown = len(self.kept.records)

    def _job(self, path: str, folder: str, known: Optional[tuple]) -> Optional[build_jobs.RunJob]:
        """What is to be done for a run; None where its files turn out to have the same contents as before."""
        options = self.options
        states = run_changes.states(folder)
        contents = known[1] if known is not None and known[2] == states else run_changes.contents(folder)
        entry = options.entries.get(_run_id(path), {})
        holds = self.kept.holds_of(path)
        key = digest(path, contents, entry, options.synthetic, options.raw_base, holds)
        if known is not None and known[0] == key and build_cache.run_path(self.cache, key).exists():
            self.kept.touch(path, states, build_jobs.raw_files(folder, _run_id(path)) if options.raw_base is None else [])
            return None
        return build_jobs.RunJob(path, folder, entry, holds, options.synthetic, options.raw_base, options.now_s, str(self.cache), key,
                                 contents, states)

    # ----- cells and the whole

    def _catalogue(self, run_all: Callable) -> None:
        """Bring cells, pages and the files of data up to date."""
        totals, parse = catalogue.RunTotals(), functools.lru_cache(maxsize=None)(json.loads)
        for started_at, device_tag, handle, done, machine, is_shown in self.kept.run_facts():
            totals.add(started_at, device_tag, handle, done, parse(machine) if is_shown else None)
        self.report.withheld = totals.withheld
        self._cells({tag: json_text.dumps(device["machine"]) for tag, device in totals.devices.items() if device["shown"]}, run_all)
        records = self.kept.cell_records()
        document = catalogue.document(self.kept.records, list(map(json.loads, records)), totals, self.options.synthetic)
        self.report.cells = len(records)
        keys = self.kept.cell_keys()
        self._cell_pages(document, keys, run_all)
        self._site_pages(document, {cell_id: key for cell_id, (key, _) in keys.items()})
        key = digest(self.kept.run_keys(), sorted((cell_id, key) for cell_id, (key, _) in keys.items()), self.options.synthetic)
        if self.kept.page_keys().get(build_cache.DATA) != key:
            self.kept.commit_rows()
            made = _data(document, records, self.kept)
            self.kept.put_data(key, [build_cache.put_file(self.cache, path, data) for path, data in made])

    def _cells(self, machines: Dict[str, str], run_all: Callable) -> None:
        """Pool the cells whose runs have changed. `machines` has the facts of each device as JSON."""
        to_do = []
        for cell_id, device_tag, key, machine in self.kept.cells():
            if not key or machine != machines.get(device_tag):
                if self.kept.is_cell_shown(cell_id):
                    to_do.append((cell_id, machines[device_tag]))
                else:
                    self.kept.remove_cell(cell_id)
        jobs = (build_jobs.CellJob(cell_id, runs, machine, str(self.cache), digest([key for *_, key in runs], machine))
                for cell_id, machine in to_do for runs in [self.kept.runs_of(cell_id)])
        for pooled in run_all(build_jobs.pool, jobs):
            self.kept.put_cell(pooled.job.cell_id, pooled.job.key, pooled.job.machine, pooled.record, pooled.tables, pooled.data)
        self.report.cells_made = len(to_do)

    def _cell_pages(self, document: dict, cell_keys: Dict[str, tuple], run_all: Callable) -> None:
        """The pages of each cell whose input has changed."""
        devices = {device["device_tag"]: device for device in document["devices"]}
        models = {model["model"]: model for model in document["models"]}
        to_do = []
        for cell in document["cells"]:
            inputs = page_inputs.cell_page_input(cell, devices[cell["device_tag"]], models[cell["model"]], [], document["synthetic"])
            cell_key, pages_key = cell_keys[cell["cell_id"]]
            key = digest(cell_key, inputs.device, inputs.model, inputs.synthetic)
            if pages_key != key:
                to_do.append((inputs, key))
        jobs = (build_jobs.PageJob(inputs.cell["cell_id"], dataclasses.replace(inputs, runs=self._shown_runs(inputs.cell["cell_id"])),
                                   str(self.cache), key) for inputs, key in to_do)
        for cell_id, key, made in run_all(build_jobs.render_cell, jobs):
            self.kept.put_cell_pages(cell_id, key, made)

    def _shown_runs(self, cell_id: str) -> List[dict]:
        return [record for _, _, record, _ in self.kept.runs_of(cell_id) if record]

    def _site_pages(self, document: dict, cell_keys: Dict[str, str]) -> None:
        """The other pages whose input has changed."""
        known, paths = self.kept.page_keys(), {build_cache.DATA}
        newest = self.kept.records.newest_by_device(pages.RUNS_OF_DEVICE)
        for page in pages.site_pages(document, newest, cell_keys):
            key = digest(page.inputs)
            paths.add(page.path)
            if known.get(page.path) != key:
                self.kept.put_page(key, build_cache.put_file(self.cache, *page.render()))
        for path in known.keys() - paths:
            self.kept.remove_page(path)

    # ----- the site

    def _replace_site(self, git: Optional[str]) -> None:
        """The new site takes the place of the old one in one step; then the second copy is brought up to date as well."""
        new, out = self.cache / "new", self.options.out
        was_site, was_new = self._is_site_as_left(), site_state.is_as_left(new, self.left.new)
        linked = self._bring_up_to_date(new, was_new)
        self.report.files = self.kept.count_files()
        self.kept.commit(self.options.settings, git, vars(self.report))
        files.replace(self.cache / WITHHELD, str(self.report.withheld).encode("ascii"))
        site_folder.put_in_place(new, out, self.cache / "old", linked)
        self._bring_up_to_date(new, was_site)
        if sum(path.startswith("raw/") for path in linked) > site_folder.FSYNC_EACH:
            # A new link changes a file's ctime, and git would hash all such files at the next build. This updates its index.
            run_changes.git_state(self.options.submissions)
        self._leave(new, out)

    def _bring_up_to_date(self, folder: pathlib.Path, is_as_left: bool) -> List[str]:
        """Returns the paths that were linked."""
        files.make_folder(folder)
        if self.kept.is_as_left and is_as_left:
            return site_folder.apply(folder, self.kept.changes())
        site = self.kept.site()
        linked = site_folder.update(folder, site)
        self.kept.refresh_inodes(linked, site)
        return linked

    def _leave(self, new: pathlib.Path, out: pathlib.Path) -> None:
        """Write down how this build leaves the folders."""
        for path in self.kept.changed:
            state = site_folder.state_of(self.cache / "files" / path)
            if state is None:
                self.present.pop(path, None)
            else:
                self.present[path] = state
        folders = site_state.folders_of([*self.kept.changed, *self.left.site] if self.kept.is_as_left else self.kept.site())
        site_state.write(self.cache, site_state.SiteState(
            self.kept.state(), site_folder.digest(self.present), site_folder.folder_states(out, folders), site_folder.folder_states(new, folders)))


def _nothing_new(report: dict) -> BuildReport:
    return BuildReport(**{**report, "runs_made": 0, "cells_made": 0})


def _changed(runs: Dict[str, str], known: dict, by_git: Optional[Set[str]]) -> Set[str]:
    """Runs that are not as the last build left them, as far as that shows without reading them."""
    new_or_damaged = {path for path in runs if path not in known or not known[path][0]}
    if by_git is not None:
        return new_or_damaged | (by_git & runs.keys())
    return new_or_damaged | {path for path, folder in runs.items() if path in known and known[path][2] != run_changes.states(folder)}


def _is_linked(out: pathlib.Path, site: Dict[str, site_folder.Source]) -> bool:
    present = site_folder.inodes(out)
    return present.keys() == site.keys() and all(present[path] == source.inode for path, source in site.items())


def _link_findings(linked: Set[str]) -> Iterator[Finding]:
    """Runs behind a symbolic link are not part of the submissions."""
    return (Finding("scope-symlink", "a symbolic link", "a folder", path=path) for path in sorted(linked))


def _run_id(path: str) -> str:
    return path.rpartition("/run-")[2]


# ----- files of data

def _data(document: dict, cells: List[str], kept: build_cache.BuildCache) -> Iterator[tuple]:
    """(path, contents) of what depends on all runs; `cells` are the records of cells as JSON."""
    yield "catalogue.json", _lines(document, {"cells": cells, "runs": kept.records.lines()})
    yield "catalogue.csv", csv_table.data(document)
    yield "catalogue.sqlite", database.pieces(document, kept.folder / build_cache.INDEX)
    yield "feed.xml", feed.data(document)


def _lines(document: dict, kept: Dict[str, Iterable[str]]) -> Iterator[bytes]:
    """JSON with a line for each field and for each record of a list, so that it is compact and a diff is readable.

    `kept` has lists whose records are JSON already.
    """
    before = "{"
    for name, value in document.items():
        yield f"{before}{json_text.dumps(name)}:".encode("ascii")
        if name in kept or isinstance(value, list):
            yield from _list(kept[name] if name in kept else map(json_text.dumps, value))
        else:
            yield json_text.dumps(value).encode("ascii")
        before = ",\n"
    yield b"}\n"


def _list(lines: Iterable[str]) -> Iterator[bytes]:
    before, end = "[\n", b"[]"
    for line in lines:
        yield f"{before}{line}".encode("ascii")
        before, end = ",\n", b"\n]"
    yield end
