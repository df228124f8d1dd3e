"""Build: submissions become a site. All cores work on runs and cells, and what has not changed is kept.

The same runs, overlay and harness give the same bytes. The old site stays until the new one is whole.
"""
from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import json
import pathlib
from dataclasses import dataclass, field
from typing import Callable, Iterable, Iterator

from base import files, run_folder, schema
from base.errors import UserError
from judge import tree_layout
from judge.findings import Finding
from publish import build_cache, build_jobs, catalogue, csv_table, database, feed, moderation, page_inputs, pages, process_pool

LOCK = "lock"
WITHHELD = "withheld"               # how many runs the site there does not show; it outlives the index
MARK = b'"schema":"catalogue-'      # the first lines of a catalogue.json; a folder without one is not ours to replace


@dataclass(frozen=True)
class BuildOptions:
    """What is to be built."""
    submissions: pathlib.Path
    out: pathlib.Path
    version: str                    # see `version`; another one makes everything anew
    overlay: dict | None = None     # run id: entry; None: no overlay is named
    synthetic: bool = False         # let runs of no machine in
    now_s: float = 0.0
    jobs: int = 1
    afresh: bool = False

    @property
    def entries(self) -> dict:
        return self.overlay or {}


@dataclass
class BuildReport:
    """How it went."""
    shown: int = 0
    withheld: int = 0
    cells: int = 0
    files: int = 0
    runs_made: int = 0              # that were not kept from the build before
    cells_made: int = 0
    rejected: dict = field(default_factory=dict)     # folder: its errors, as rows


def build(options: BuildOptions) -> BuildReport:
    """Make the site anew; raises UserError, and changes nothing, where that cannot be done."""
    cache, report = options.out.with_name(f"{options.out.name}.cache"), BuildReport()
    check_out(options.out, cache)
    files.make_folder(cache)
    with files.alone(cache / LOCK), process_pool.worker_pool(options.jobs) as work, _without_collector():
        files.mend_place(options.out, cache / "old")
        _check_overlay(options, cache / WITHHELD)
        with build_cache.opened(cache, options.version, options.afresh) as kept:
            _runs(options, kept, work, report)
            _keep_whole(kept, _document(options, kept, work, report))
            files.remove_folder(cache / "new")
            report.files = kept.give(cache / "new")
            kept.close()
        files.replace(cache / WITHHELD, str(report.withheld).encode("ascii"))
        files.put_in_place(cache / "new", options.out, cache / "old")
    return report


def _check_overlay(options: BuildOptions, withheld: pathlib.Path) -> None:
    """A build that forgets the overlay must not show again what the one before had hidden."""
    hidden = withheld.read_text(encoding="ascii") if withheld.is_file() else "0"
    if options.overlay is None and hidden != "0":
        raise UserError(f"the site there withholds {hidden} of the runs, and no overlay is named: all would be shown again",
                        str(options.out), "name it with --overlay; to show a run again, take it out of that file")


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """There are many small records here and no circles; looking for circles among them takes an eighth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def version(source_sha256: str) -> str:
    """A hash of whatever decides what is made of the same input: the harness's sources, and the texts that pages take over."""
    texts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(pages.ASSETS.iterdir()) if path.is_file()]
    return build_cache.digest(source_sha256, texts, pages.methodology_page.source())


def check_out(out: pathlib.Path, cache: pathlib.Path) -> None:
    """Refuse to put a site in place of anything but a site, and a cache in place of anything but a cache."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UserError("this is no folder", str(out), "name another with --out")
    if out.is_dir() and any(out.iterdir()) and not _is_site(out):
        raise UserError("this folder holds something else than a site of ours", str(out), "name a new or empty one with --out")
    if cache.is_dir() and any(cache.iterdir()) and not (cache / LOCK).is_file():
        raise UserError("this folder holds something else than our cache", str(cache), "move it away, or choose another --out")


def _is_site(folder: pathlib.Path) -> bool:
    try:
        with open(folder / "catalogue.json", "rb") as source:
            return MARK in source.read(200)
    except OSError:
        return False


# ----- runs

def _runs(options: BuildOptions, kept: build_cache.BuildCache, work: Callable, report: BuildReport) -> None:
    """See to it that the shelf has the note of each run that is not refused: of the build before, or made by all cores."""
    found = {"/".join((run_folder.TREE, *path.parts[-3:])): path for path in run_folder.all_in(options.submissions)}
    found.pop(tree_layout.EXAMPLE, None)
    moderation.check_overlay(options.entries, {_run_id(shown) for shown in found})
    for one in [*tree_layout.twice(sorted(found)), *_linked(found)]:
        report.rejected.setdefault(one.path, []).append({"rule": one.rule, "path": one.path, "observed": one.observed})
    kept.keep_runs(set(found) - set(report.rejected))
    for shown, note, refused in work(build_jobs.run, _run_tasks(options, kept, found, set(report.rejected))):
        report.runs_made += 1
        if refused:
            report.rejected[shown] = refused
        else:
            kept.put_run(shown, note)
    kept.keep_runs(set(found) - set(report.rejected))        # but for those that were refused only now
    report.shown = len(kept.rows)


def _linked(found: dict) -> Iterator[Finding]:
    """Folders that are reached through a link: what lies there is no part of the submissions."""
    above = {part: part.is_symlink() for folder in found.values() for part in (folder.parent, folder.parent.parent)}
    for shown, folder in found.items():
        if folder.is_symlink() or above[folder.parent] or above[folder.parent.parent]:
            yield Finding("scope-symlink", "a symbolic link", "a folder", path=shown)


def _run_tasks(options: BuildOptions, kept: build_cache.BuildCache, found: dict, refused: set) -> Iterator[build_jobs.RunTask]:
    """What is to be done for the runs that are not as they were."""
    for shown, folder in found.items():
        task = None if shown in refused else _task(options, kept, shown, folder)
        if task is not None:
            yield task


def _task(options: BuildOptions, kept: build_cache.BuildCache, shown: str, folder: pathlib.Path) -> build_jobs.RunTask | None:
    """What is to be done for a run; None where the note of the build before is as good."""
    before, states = kept.run(shown), build_jobs.states(folder)
    is_untouched = before is not None and before.states == states
    contents = before.contents if is_untouched else build_jobs.contents(folder)
    entry = options.entries.get(_run_id(shown), {})
    key = build_cache.digest(shown, contents, entry, options.synthetic)
    if before is not None and before.key == key and build_cache.run_path(kept.folder, key).exists() and kept.are_there(before.files):
        if not is_untouched:
            kept.touch(shown, states)
        return None
    return build_jobs.RunTask(str(folder), shown, entry, options.synthetic, options.now_s, str(kept.folder), key, contents, states)


def _run_id(shown: str) -> str:
    return shown.rpartition("/run-")[2]


# ----- cells

def _document(options: BuildOptions, kept: build_cache.BuildCache, work: Callable, report: BuildReport) -> dict:
    """The catalogue; each cell's data and pages are made on the way, where they are not as before."""
    totals = catalogue.RunTotals()
    for started_at, device_tag, handle, done, machine, is_shown in kept.about_runs():
        totals.add(started_at, device_tag, handle, done, json.loads(machine) if is_shown else None)
    report.withheld = totals.withheld
    cells = _cells(kept, work, totals, report)
    document = catalogue.document(kept.rows, cells, totals, options.synthetic)
    _cell_pages(kept, work, document)
    report.cells = len(cells)
    return document


def _cells(kept: build_cache.BuildCache, work: Callable, totals: catalogue.RunTotals, report: BuildReport) -> list:
    """Cells in order of their ids, without by_run; those that hold only runs that are withheld are left out."""
    found, to_do = {}, []
    for cell_id, runs in kept.parts():
        tags = [device_tag for _, device_tag, is_shown in runs if is_shown]
        if tags:
            machine = totals.devices[tags[0]]["machine"]
            key = build_cache.digest([key for key, _, _ in runs], machine)
            before = kept.cell(cell_id)
            if before is not None and before["key"] == key and kept.are_there(before["files"]):
                found[cell_id] = before["cell"]
            else:
                found[cell_id] = None
                to_do.append((cell_id, machine, key))
    kept.keep_cells(set(found))
    given = (build_jobs.CellTask(cell_id, kept.given(cell_id), machine, str(kept.folder), key) for cell_id, machine, key in to_do)
    for cell_id, key, cell, made in work(build_jobs.cell, given):
        kept.put_cell(cell_id, key, cell, [made])
        found[cell_id] = cell
    report.cells_made = len(to_do)
    return list(found.values())


def _cell_pages(kept: build_cache.BuildCache, work: Callable, document: dict) -> None:
    """The pages of each cell whose view is not that of the build before."""
    to_do = []
    devices, models = ({record[name]: record for record in document[part]} for part, name in (("devices", "device_tag"), ("models", "model")))
    for cell in document["cells"]:
        note = kept.cell(cell["cell_id"])
        view = page_inputs.cell_page_input(cell, devices[cell["device_tag"]], models[cell["model"]], [], document["synthetic"])
        key = build_cache.digest(note["key"], view.device, view.model, view.synthetic)
        if note["view"] != key or not kept.are_there(note["pages"]):
            to_do.append((cell["cell_id"], view, key))
    given = (build_jobs.PageTask(cell_id, dataclasses.replace(view, runs=_shown(kept, cell_id)), str(kept.folder), key)
             for cell_id, view, key in to_do)
    for cell_id, key, made in work(build_jobs.cell_pages, given):
        kept.put_pages(cell_id, key, made)


def _shown(kept: build_cache.BuildCache, cell_id: str) -> list:
    return [row for _, _, row, _ in kept.given(cell_id) if row]


# ----- the whole

def _keep_whole(kept: build_cache.BuildCache, document: dict) -> None:
    """What tells of all runs together; as before where the catalogue is."""
    whole = hashlib.sha256()
    for piece in _lines(document):
        whole.update(piece)
    key, made = kept.whole()
    if key != whole.hexdigest() or not kept.are_there(made):
        kept.put_whole(whole.hexdigest(), [build_cache.put_file(kept.folder, path, data) for path, data in _whole(document)])


def _whole(document: dict) -> Iterator[tuple]:
    yield "catalogue.json", _lines(document)
    yield "catalogue.csv", csv_table.data(document)
    yield "catalogue.sqlite", database.pieces(document)
    yield "feed.xml", feed.data(document)
    yield from pages.site(document)


def _lines(document: dict) -> Iterator[bytes]:
    """JSON with a line for each field, and for each record of a list: small enough to send, and a diff shows what changed."""
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
