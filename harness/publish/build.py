"""Build: submissions become a site. All cores work on runs and cells, and what has not changed is kept.

The same runs, overlay and harness give the same bytes. The old site stays until the new one is whole.
"""
from __future__ import annotations

import contextlib
import gc
import hashlib
import pathlib
from dataclasses import dataclass, field
from typing import Callable, Iterator

from base import files, schema
from base.errors import UserError
from judge import places
from judge.findings import Finding
from publish import catalogue, database, feed, overlay, pages, table, tasks, views, workers
from publish.shelf import Shelf, digest, put_file, run_path

LOCK = "lock"
MARK = b'"schema":"catalogue-'      # the first lines of a catalogue.json; a folder without one is not ours to replace


@dataclass(frozen=True)
class Order:
    """What is to be built."""
    submissions: pathlib.Path
    out: pathlib.Path
    version: str                    # see `version`; another one makes everything anew
    entries: dict = field(default_factory=dict)     # the overlay: run id to entry
    synthetic: bool = False         # let runs of no machine in
    now_s: float = 0.0
    jobs: int = 1
    afresh: bool = False


@dataclass
class Report:
    """How it went."""
    shown: int = 0
    withheld: int = 0
    cells: int = 0
    files: int = 0
    runs_made: int = 0              # that were not kept from the build before
    cells_made: int = 0
    refused: dict = field(default_factory=dict)     # folder: its errors, as rows


def build(order: Order) -> Report:
    """Make the site anew; raises UserError, and changes nothing, where that cannot be done."""
    cache, report = order.out.with_name(f"{order.out.name}.cache"), Report()
    check_out(order.out, cache)
    files.make_folder(cache)
    with files.alone(cache / LOCK), workers.crew(order.jobs) as work, _without_collector():
        files.mend_place(order.out, cache / "old")
        kept = Shelf(cache, order.version, order.afresh)
        _runs(order, kept, work, report)
        document = _document(order, kept, work, report)
        _keep_whole(kept, document)
        files.remove_folder(cache / "new")
        kept.give(cache / "new")
        kept.close()
        files.put_in_place(cache / "new", order.out, cache / "old")
    report.files = len(kept.files)
    return report


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
    return digest(source_sha256, texts, pages.methodology.source())


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

def _runs(order: Order, kept: Shelf, work: Callable, report: Report) -> None:
    """Fill `kept.runs` with the note of each run that is not refused: kept from the build before, or made by all cores."""
    found = {"/".join((places.TREE, *path.parts[-3:])): path
             for path in sorted(order.submissions.glob("*/*/run-*")) if path.is_dir()}
    found.pop(places.EXAMPLE, None)
    overlay.check(order.entries, {_run_id(shown) for shown in found})
    for one in [*places.twice(sorted(found)), *_linked(found)]:
        report.refused.setdefault(one.path, []).append({"rule": one.rule, "path": one.path, "observed": one.observed})
    for shown, note, refused in work(tasks.run, _run_tasks(order, kept, found, set(report.refused))):
        report.runs_made += 1
        if refused:
            report.refused[shown] = refused
            continue
        kept.runs[shown] = note
        kept.keep(note.pop("made"))
    report.shown = sum(note["row"] is not None for note in kept.runs.values())
    report.withheld = len(kept.runs) - report.shown


def _linked(found: dict) -> Iterator[Finding]:
    """Folders that are reached through a link: what lies there is no part of the submissions."""
    above = {part: part.is_symlink() for folder in found.values() for part in (folder.parent, folder.parent.parent)}
    for shown, folder in found.items():
        if folder.is_symlink() or above[folder.parent] or above[folder.parent.parent]:
            yield Finding("scope-symlink", "a symbolic link", "a folder", path=shown)


def _run_tasks(order: Order, kept: Shelf, found: dict, refused: set) -> Iterator[tasks.RunTask]:
    """What is to be done; the notes of runs for which nothing is are kept on the way."""
    for shown, folder in found.items():
        task = None if shown in refused else _task(order, kept, shown, folder)
        if task is not None:
            yield task


def _task(order: Order, kept: Shelf, shown: str, folder: pathlib.Path) -> tasks.RunTask | None:
    """What is to be done for a run; None where the note of the build before is as good."""
    note, states = kept.before["runs"].get(shown), tasks.states(folder)
    is_untouched = note is not None and note["states"] == states
    contents = note["contents"] if is_untouched else tasks.contents(folder)
    entry = order.entries.get(_run_id(shown), {})
    key = digest(shown, contents, entry, order.synthetic)
    if note is not None and note["key"] == key and run_path(kept.folder, key).exists() and kept.are_there(note["files"]):
        kept.runs[shown] = {**note, "states": states}
        return None
    return tasks.RunTask(str(folder), shown, entry, order.synthetic, order.now_s, str(kept.folder), key, contents, states)


def _run_id(shown: str) -> str:
    return shown.rpartition("/run-")[2]


# ----- cells

def _document(order: Order, kept: Shelf, work: Callable, report: Report) -> dict:
    """The catalogue; each cell's data and pages are made on the way, where they are not as before."""
    notes = sorted(kept.runs.values(), key=lambda note: (note["started_at"], note["run_id"]), reverse=True)
    machines, withheld = _machines(notes)
    by_cell: dict = {}
    for note in notes:
        for cell_id in note["cells"]:
            by_cell.setdefault(cell_id, []).append(note)
    found = list(_cells(kept, work, by_cell, machines, report))
    document = catalogue.document([note["row"] for note in notes if note["row"]], found, machines, withheld, order.synthetic)
    _cell_pages(kept, work, document, by_cell)
    report.cells = len(found)
    return document


def _machines(notes: list) -> tuple:
    """(device tag: facts by its newest run that tells any, device tag: runs that are withheld)."""
    machines: dict = {}
    withheld: dict = {}
    for note in notes:
        tag = note["device_tag"]
        if note["row"] is None:
            withheld[tag] = withheld.get(tag, 0) + 1
        elif machines.get(tag, {}).get("label") is None:
            machines[tag] = note["machine"]
    return machines, withheld


def _cells(kept: Shelf, work: Callable, by_cell: dict, machines: dict, report: Report) -> Iterator[dict]:
    """Cells in order of their ids, without by_run; those that hold only runs that are withheld are left out."""
    to_do = []
    for cell_id, notes in sorted(by_cell.items()):
        if any(note["row"] for note in notes):
            machine = machines[next(note["device_tag"] for note in notes if note["row"])]
            key = digest([note["key"] for note in notes], machine)
            before = kept.before["cells"].get(cell_id)
            if before is not None and before["key"] == key and kept.are_there([before["cell"]["data"]]):
                kept.cells[cell_id] = before
            else:
                given = [(note["run_id"], note["started_at"], note["row"], note["key"]) for note in notes]
                to_do.append(tasks.CellTask(cell_id, given, machine, str(kept.folder), key))
    for cell_id, note, made in work(tasks.cell, to_do):
        kept.cells[cell_id] = note
        kept.keep([made])
    report.cells_made = len(to_do)
    return (kept.cells[cell_id]["cell"] for cell_id in sorted(kept.cells))


def _cell_pages(kept: Shelf, work: Callable, document: dict, by_cell: dict) -> None:
    """The pages of each cell whose view is not that of the build before."""
    to_do = []
    for cell in document["cells"]:
        cell_id, note = cell["cell_id"], kept.cells[cell["cell_id"]]
        view = views.cell_view(cell, document, [one["row"] for one in by_cell[cell_id] if one["row"]])
        key = digest(note["key"], {name: value for name, value in view.items() if name not in ("cell", "runs")})
        if note.get("view") != key or not kept.are_there(note["pages"]):
            to_do.append(tasks.PageTask(cell_id, view, str(kept.folder), key))
    for cell_id, key, made in work(tasks.cell_pages, to_do):
        kept.cells[cell_id] = {**kept.cells[cell_id], "view": key, "pages": [path for path, _ in made]}
        kept.keep(made)


# ----- the whole

def _keep_whole(kept: Shelf, document: dict) -> None:
    """What tells of all runs together; as before where the catalogue is."""
    data, before = _lines(document), kept.before["whole"]
    key = hashlib.sha256(data).hexdigest()
    if before.get("key") != key or not kept.are_there(before["files"]):
        made = [put_file(kept.folder, path, content) for path, content in _whole(document, data)]
        kept.keep(made)
        before = {"key": key, "files": [path for path, _ in made]}
    kept.whole = before


def _whole(document: dict, data: bytes) -> Iterator[tuple]:
    yield "catalogue.json", data
    yield "catalogue.csv", table.data(document)
    yield "catalogue.sqlite", database.data(document)
    yield "feed.xml", feed.data(document)
    yield from pages.site(document)


def _lines(document: dict) -> bytes:
    """JSON with a line for each field, and for each record of a list: small enough to send, and a diff shows what changed."""
    parts = []
    for name, value in document.items():
        if isinstance(value, list) and value:
            inner = ",\n".join(map(schema.dumps, value))
            parts.append(f"{schema.dumps(name)}:[\n{inner}\n]")
        else:
            parts.append(f"{schema.dumps(name)}:{schema.dumps(value)}")
    return ("{" + ",\n".join(parts) + "}\n").encode("ascii")
