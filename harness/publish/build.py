"""Build: make the site from submissions/. Only what has changed since the last build is read and rebuilt, on all cores.

The same runs, overlay and harness give the same bytes. The old site is replaced only when the new one is complete.
"""
from __future__ import annotations

import contextlib
import gc
import hashlib
import pathlib
from typing import Iterator

from base import files, text_format
from base.errors import UserError
from publish import build_cache, moderation, page_files, process_pool, run_changes
from publish.build_options import BuildOptions, BuildReport
from publish.run_changes import digest
from publish.site_update import SiteUpdate

LOCK = "lock"
WITHHELD = "withheld"               # how many runs the last overlay withholds; it outlives the index
SITE_MARK = b'"schema":"catalogue-'     # at the beginning of catalogue.json; a folder without one is not a site of ours


def build(options: BuildOptions) -> BuildReport:
    """Build the site. Raises UserError, with the old site unchanged, where that is not possible."""
    cache = options.cache
    check_out(options.out, cache)
    files.make_folder(cache)
    with files.exclusive(cache / LOCK), _without_collector():
        files.repair_swap(cache / "new", options.out, cache / "old")
        _check_overlay(options, cache / WITHHELD)
        site = SiteUpdate(options.out, cache)
        with build_cache.opened(cache, options.version, options.afresh, site.left.index) as kept:
            return _build(options, kept, site)


def _build(options: BuildOptions, kept: build_cache.BuildCache, site: SiteUpdate) -> BuildReport:
    with process_pool.background(run_changes.git_state, options.submissions) as git_state:
        site.look_for_damage(kept)
        runs, linked = run_changes.all_runs(options.submissions)
        known = kept.known_folders()
        from publish import page_update, run_update     # a third of the harness, read while git works
        git = git_state()               # it takes longest, and does not need this process
    before = kept.last_build()
    is_same = before.settings == options.settings
    by_git = run_changes.changed_since(options.submissions, run_changes.parsed(before.git), git) if is_same else None
    if by_git == set() and kept.is_as_left and site.is_as_left() and not before.report["rejected"]:
        return _nothing_new(before)
    absent = moderation.check_overlay(options.entries, set(map(run_update.run_id_of, runs))) if options.entries else []
    changed = run_update.changed_runs(kept, runs, known, by_git) if is_same else set(runs)
    if is_same and not changed and known == runs.keys() and kept.is_intact() and site.is_linked(kept.files.site()):
        return _nothing_new(before)
    report = BuildReport(redacted_absent=absent)
    with process_pool.worker_pool(options.jobs) as run_all:
        run_update.update(options, kept, runs, linked, known, changed, report, run_all)
        page_update.update(options, kept, report, run_all)
    report.files = kept.files.count()
    changed_files = site.prepare(kept)
    with process_pool.background(site.flush, changed_files) as flushed:
        kept.commit(options.settings, None if git is None else git.text(), vars(report))
        _keep_withheld(options.cache / WITHHELD, len(moderation.redacted(options.entries)))
        flushed()
    site.put_in_place(kept, changed_files, options.submissions)
    return report


def _nothing_new(before: build_cache.LastBuild) -> BuildReport:
    return BuildReport(**{**before.report, "runs_made": 0, "cells_made": 0})


def _check_overlay(options: BuildOptions, withheld: pathlib.Path) -> None:
    """A build that forgets the overlay must not show again what the last one withheld."""
    count = _count_withheld(withheld)
    if options.overlay is None and count != 0:
        raise UserError(f"the overlay of the last build withholds {text_format.counted(count, 'run')}, and this build has no overlay",
                        str(options.out), "name it with --overlay; to let a run be shown, remove its entry from that file")


def _count_withheld(path: pathlib.Path) -> int:
    return int(path.read_text(encoding="ascii")) if path.is_file() else 0


def _keep_withheld(path: pathlib.Path, count: int) -> None:
    if not path.is_file() or _count_withheld(path) != count:
        files.replace(path, str(count).encode("ascii"))


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
    texts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(page_files.ASSETS.iterdir()) if path.is_file()]
    return digest(source_sha256, texts, page_files.methodology())


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
