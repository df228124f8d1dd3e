"""Build: submissions become a site. Only what has changed since the last build is made, by all cores.

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

from base import files, schema
from base.errors import UserError
from judge import tree_layout
from judge.findings import Finding
from publish import (build_cache, build_jobs, catalogue, csv_table, database, feed, moderation, page_inputs, pages, process_pool,
                     run_changes, run_holds, site_folder)
from publish.run_changes import digest

HOLDS = "run_holds.json"
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
        with build_cache.opened(cache, options.version, options.afresh) as kept:
            return _Build(options, cache, kept).run()


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
    """One build, with the lock held and the cache open."""

    def __init__(self, options: BuildOptions, cache: pathlib.Path, kept: build_cache.BuildCache):
        self.options, self.cache, self.kept = options, cache, kept
        self.report = BuildReport()
        self.holds: Dict[str, List[dict]] = {}

    def run(self) -> BuildReport:
        runs, linked = run_changes.all_runs(self.options.submissions)
        moderation.check_overlay(self.options.entries, set(map(_run_id, runs)))
        git = run_changes.git_state(self.options.submissions)
        self.kept.forget_damaged()
        settings, git_before, report = self.kept.last_build()
        known = self.kept.known_runs()
        changed = self._changed(runs, known, git, git_before) if settings == self.options.settings else set(runs)
        site = self.kept.site()
        is_same = not changed and settings == self.options.settings and known.keys() == runs.keys()
        if is_same and self.kept.is_intact() and _is_linked(self.options.out, site):
            return BuildReport(**{**report, "runs_made": 0, "cells_made": 0})
        with process_pool.worker_pool(self.options.jobs) as run_all:
            self._runs(runs, linked, known, changed, run_all)
            self._catalogue(run_all)
        self._replace_site(None if git is None else schema.dumps(dataclasses.astuple(git)))
        return self.report

    def _changed(self, runs: Dict[str, str], known: dict, git: Optional[run_changes.GitState], git_before: Optional[str]) -> Set[str]:
        """Runs that are not as the last build left them, as far as that shows without reading them."""
        before = run_changes.GitState(*json.loads(git_before)) if git_before else None
        by_git = run_changes.changed_since(self.options.submissions, before, git)
        damaged = {path for path, (key, _, _) in known.items() if not key}
        if by_git is not None:
            return {path for path in runs if path not in known or path in by_git} | damaged
        return {path for path, folder in runs.items()
                if path not in known or known[path][2] != run_changes.states(folder)} | damaged

    # ----- runs

    def _runs(self, runs: Dict[str, str], linked: Set[str], known: dict, changed: Set[str], run_all: Callable) -> None:
        """Bring what the cache knows of runs up to date."""
        for finding in [*tree_layout.twice(list(runs)), *_link_findings(linked)]:
            self.report.rejected.setdefault(finding.path, []).append(
                {"rule": finding.rule, "path": finding.path, "observed": finding.observed})
        self.kept.remove_runs(known.keys() - (runs.keys() - self.report.rejected.keys()))
        accepted = {path: runs[path] for path in runs.keys() - self.report.rejected.keys()}
        before = self.holds_before()
        self.holds = run_holds.find(self.cache, accepted, changed)
        files.replace(self.cache / HOLDS, schema.dumps(self.holds).encode("ascii"))
        changed = changed | {path for path in accepted if self.holds.get(path) != before.get(path)}
        jobs = (job for path in sorted(changed & runs.keys() - self.report.rejected.keys())
                for job in [self._job(path, runs[path], known.get(path))] if job is not None)
        for path, note, errors in run_all(build_jobs.process, jobs):
            self.report.runs_made += 1
            if note is None:
                self.report.rejected[path] = errors
                self.kept.remove_runs([path])
            else:
                self.kept.put_run(path, note)
        self.report.shown = len(self.kept.rows)

    def holds_before(self) -> Dict[str, List[dict]]:
        """The holds of the last build."""
        try:
            return json.loads((self.cache / HOLDS).read_bytes())
        except (OSError, ValueError):
            return {}

    def _job(self, path: str, folder: str, known: Optional[tuple]) -> Optional[build_jobs.RunJob]:
        """What is to be done for a run; None where its files turn out to have the same contents as before."""
        options = self.options
        states = run_changes.states(folder)
        contents = known[1] if known is not None and known[2] == states else run_changes.contents(folder)
        entry = options.entries.get(_run_id(path), {})
        holds = self.holds.get(path, [])
        key = digest(path, contents, entry, options.synthetic, options.raw_base, holds)
        if known is not None and known[0] == key and build_cache.run_path(self.cache, key).exists():
            self.kept.touch(path, states, build_jobs.raw_files(folder, _run_id(path)) if options.raw_base is None else [])
            return None
        return build_jobs.RunJob(path, folder, entry, holds, options.synthetic, options.raw_base, options.now_s, str(self.cache), key,
                                 contents, states)

    # ----- cells and the whole

    def _catalogue(self, run_all: Callable) -> None:
        """Bring cells, their pages and the files of the whole catalogue up to date."""
        totals, parse = catalogue.RunTotals(), functools.lru_cache(maxsize=None)(json.loads)
        for started_at, device_tag, handle, done, machine, is_shown in self.kept.run_facts():
            totals.add(started_at, device_tag, handle, done, parse(machine) if is_shown else None)
        self.report.withheld = totals.withheld
        cells, cell_keys = self._cells(totals, run_all)
        document = catalogue.document(self.kept.rows, list(cells.values()), totals, self.options.synthetic)
        self._cell_pages(document, cell_keys, run_all)
        self.report.cells = len(cells)
        key = digest(self.kept.run_keys(), sorted(cell_keys.items()), self.options.synthetic)
        if self.kept.whole_key() != key:
            self.kept.put_whole(key, [build_cache.put_file(self.cache, path, data) for path, data in _whole(document, self.kept.rows)])

    def _cells(self, totals: catalogue.RunTotals, run_all: Callable) -> tuple:
        """({cell id: record without by_run}, {cell id: key}) of the cells that have a shown run, by cell id."""
        cells, keys, to_do = {}, {}, []
        for cell_id, runs in self.kept.runs_by_cell():
            tags = [device_tag for _, device_tag, is_shown in runs if is_shown]
            if tags:
                machine = totals.devices[tags[0]]["machine"]
                keys[cell_id] = digest([key for key, _, _ in runs], machine)
                cells[cell_id] = self.kept.cell(cell_id, keys[cell_id])
                if cells[cell_id] is None:
                    to_do.append((cell_id, machine))
        self.kept.keep_cells(set(cells))
        jobs = (build_jobs.CellJob(cell_id, self.kept.runs_of(cell_id), machine, str(self.cache), keys[cell_id])
                for cell_id, machine in to_do)
        for cell_id, key, cell, data in run_all(build_jobs.pool, jobs):
            self.kept.put_cell(cell_id, key, cell, data)
            cells[cell_id] = cell
        self.report.cells_made = len(to_do)
        return cells, keys

    def _cell_pages(self, document: dict, cell_keys: Dict[str, str], run_all: Callable) -> None:
        """The pages of each cell whose input has changed."""
        devices = {device["device_tag"]: device for device in document["devices"]}
        models = {model["model"]: model for model in document["models"]}
        to_do = []
        for cell in document["cells"]:
            inputs = page_inputs.cell_page_input(cell, devices[cell["device_tag"]], models[cell["model"]], [], document["synthetic"])
            key = digest(cell_keys[cell["cell_id"]], inputs.device, inputs.model, inputs.synthetic)
            if self.kept.cell_keys(cell["cell_id"])[1] != key:
                to_do.append((inputs, key))
        jobs = (build_jobs.PageJob(inputs.cell["cell_id"], dataclasses.replace(inputs, runs=self._shown_runs(inputs.cell["cell_id"])),
                                   str(self.cache), key) for inputs, key in to_do)
        for cell_id, key, made in run_all(build_jobs.render_cell, jobs):
            self.kept.put_cell_pages(cell_id, key, made)

    def _shown_runs(self, cell_id: str) -> List[dict]:
        return [row for _, _, row, _ in self.kept.runs_of(cell_id) if row]

    # ----- the site

    def _replace_site(self, git: Optional[str]) -> None:
        """The new site takes the place of the old one in one step; then the second copy is brought up to date as well."""
        site, new = self.kept.site(), self.cache / "new"
        files.make_folder(new)
        changed = site_folder.update(new, site)
        self.kept.refresh_inodes(changed, site)
        self.report.files = len(site)
        self.kept.commit(self.options.settings, git, vars(self.report))
        files.replace(self.cache / WITHHELD, str(self.report.withheld).encode("ascii"))
        site_folder.put_in_place(new, self.options.out, self.cache / "old", changed)
        files.make_folder(new)
        site_folder.update(new, self.kept.site())
        if any(path.startswith("raw/") for path in changed):
            # A new link changes a file's ctime, and git would hash all such files at the next build. This updates its index.
            run_changes.git_state(self.options.submissions)


def _is_linked(out: pathlib.Path, site: Dict[str, tuple]) -> bool:
    present = site_folder.inodes(out)
    return present.keys() == site.keys() and all(present[path] == inode for path, (inode, _) in site.items())


def _link_findings(linked: Set[str]) -> Iterator[Finding]:
    """Runs behind a symbolic link are not part of the submissions."""
    return (Finding("scope-symlink", "a symbolic link", "a folder", path=path) for path in sorted(linked))


def _run_id(path: str) -> str:
    return path.rpartition("/run-")[2]


# ----- files of the whole catalogue

def _whole(document: dict, rows: build_cache.Rows) -> Iterator[tuple]:
    yield "catalogue.json", _lines(document)
    yield "catalogue.csv", csv_table.data(document)
    yield "catalogue.sqlite", database.pieces(document)
    yield "feed.xml", feed.data(document)
    yield from pages.site(document, rows.newest_by_device(pages.RUNS_OF_DEVICE))


def _lines(document: dict) -> Iterator[bytes]:
    """JSON with a line for each field and for each record of a list, so that it is compact and a diff is readable."""
    before = "{"
    for name, value in document.items():
        yield f"{before}{schema.dumps(name)}:".encode("ascii")
        if isinstance(value, (list, build_cache.Rows)):
            yield from _list(value.lines() if isinstance(value, build_cache.Rows) else map(schema.dumps, value))
        else:
            yield schema.dumps(value).encode("ascii")
        before = ",\n"
    yield b"}\n"


def _list(lines: Iterable[str]) -> Iterator[bytes]:
    before, end = "[\n", b"[]"
    for line in lines:
        yield f"{before}{line}".encode("ascii")
        before, end = ",\n", b"\n]"
    yield end
