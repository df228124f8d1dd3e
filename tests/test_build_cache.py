"""The build cache: what was put there is found again, what is gone leaves nothing, and any damage only costs time."""
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import sqlite3
import tempfile
import unittest

import support      # noqa: F401  (puts the harness on the path)

from base import files, json_text
from base.errors import UserError
from publish import build_cache, cache_files, cache_index, site_folder


class Here(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = pathlib.Path(held.name)
        with self.opened():
            pass        # where there is no index yet, all files are discarded

    def opened(self, version: str = "1", **changes: object) -> contextlib.AbstractContextManager:
        return build_cache.opened(self.folder, version, **changes)

    def commit(self, kept: build_cache.BuildCache) -> None:
        kept.commit("settings", None, {})

    def note(self, name: str, began: str = "2026-11-24T08:00:00Z", shown: bool = True, paths: tuple = (), cells: tuple = (),
             device_tag: str = "a-pc") -> build_cache.RunNote:
        """A run whose pages and contributions are there."""
        files.write(build_cache.run_path(self.folder, f"{name}-key"), b"[]")
        made = [cache_files.put_file(self.folder, path, path.encode()) for path in paths or (f"runs/{name}.html",)]
        record = json_text.dumps({"run_id": name, "device_tag": device_tag}) if shown else None
        return build_cache.RunNote(f"{name}-key", "contents", "states", name, began, device_tag, "ana", 5 if shown else None,
                                   "{\"label\": null}" if shown else None, record, {}, made, [(cell_id, "{}" if shown else None) for cell_id in cells])

    def fill(self, **notes: build_cache.RunNote) -> None:
        with self.opened() as kept:
            for name, note in notes.items():
                kept.put_run(name, note)
            self.commit(kept)

    def there(self) -> set:
        return {path.relative_to(self.folder / "files").as_posix() for path in self.folder.glob("files/**/*") if path.is_file()}


class Remembering(Here):
    def test_what_was_put_there_is_found_by_the_next_build(self):
        note = self.note("one")
        self.fill(one=note)
        with self.opened() as kept:
            self.assertEqual(kept.known_run("one"), ("one-key", "contents", "states"))
            file = note.files[0]
            self.assertEqual(kept.files.site(), {file.path: (file.inode, f"{self.folder}/files/{file.path}")})
            self.assertEqual(kept.files.changes(), {})
            kept.touch("one", "others", [])
            self.assertEqual(kept.known_run("one").states, "others")
            self.assertEqual(kept.last_build(), ("settings", None, {}))

    def test_a_build_that_fails_leaves_the_notes_of_the_one_before(self):
        self.fill(one=self.note("one"))
        with contextlib.suppress(KeyError), self.opened() as kept:
            kept.put_run("two", self.note("two"))
            raise KeyError
        with self.opened() as kept:
            self.assertEqual(kept.known_folders(), {"one"})

    def test_rows_come_newest_first_and_are_those_of_the_runs_that_are_shown(self):
        self.fill(old=self.note("old", "2026-11-24T08:00:00Z"), new=self.note("new", "2026-11-25T08:00:00Z"),
                  hidden=self.note("hidden", "2026-11-26T08:00:00Z", shown=False),
                  other=self.note("other", "2026-11-23T08:00:00Z", device_tag="b-pc"))
        with self.opened() as kept:
            self.assertEqual([run["run_id"] for run in kept.records], ["new", "old", "other"])
            self.assertEqual([run["run_id"] for run in kept.records[:1]], ["new"])
            self.assertEqual([run["run_id"] for run in kept.records.newest_by_device(1)], ["new", "other"])
            self.assertEqual(len(kept.records), 3)
            self.assertEqual([(device.device_tag, device.shown, device.withheld, device.calls, device.handles, device.newest[:10])
                              for device in kept.device_runs()],
                             [("a-pc", 2, 1, 10, {"ana"}, "2026-11-25"), ("b-pc", 1, 0, 5, {"ana"}, "2026-11-23")])

    def test_the_lines_of_unchanged_runs_come_from_the_last_file_but_not_after_a_build_that_failed(self):
        self.fill(one=self.note("one", "2026-11-24T08:00:00Z"), two=self.note("two", "2026-11-25T08:00:00Z"))
        with self.opened() as kept:
            kept.put_data([cache_files.put_file(self.folder, "catalogue.json", b'[\n{"run_id":"two","of":"file"},\n{"run_id":"one","of":"file"}\n]\n')])
            self.commit(kept)
        with self.opened() as kept:
            kept.put_run("three", self.note("three", "2026-11-26T08:00:00Z"))
            kept.put_run("two", self.note("two", "2026-11-23T08:00:00Z"))
            lines = kept.records.lines(kept.earlier_data("catalogue.json").splitlines(keepends=True))
            self.assertEqual(list(lines), [b'{"run_id":"three","device_tag":"a-pc"}', b'{"run_id":"one","of":"file"}', b'{"run_id":"two","device_tag":"a-pc"}'])
            kept.commit_rows()
        with self.opened() as kept:
            self.assertEqual(kept.earlier_data("catalogue.json"), b"")

    def test_a_cell_knows_its_runs(self):
        self.fill(old=self.note("old", "2026-11-24T08:00:00Z", cells=("a.x", "a.y")), new=self.note("new", "2026-11-25T08:00:00Z", cells=("a.x",)),
                  hidden=self.note("hidden", "2026-11-26T08:00:00Z", shown=False, cells=("a.w", "a.x")))
        with self.opened() as kept:
            self.assertEqual([(cell_id, kept.is_cell_shown(cell_id)) for cell_id, *_ in kept.cells()], [("a.w", False), ("a.x", True), ("a.y", True)])
            self.assertEqual(kept.run_keys_of("a.x"), ["hidden-key", "new-key", "old-key"])
            self.assertEqual([json.loads(record)["run_id"] for record, _ in kept.shown_runs_of("a.x")], ["new", "old"])

    def put_cell(self, kept: build_cache.BuildCache, cell_id: str, key: str = "k") -> None:
        kept.put_cell(build_cache.CellNote(cell_id, key, "{}", "{}", {}, cache_files.put_file(self.folder, f"cells/{cell_id}.json", b"{}")))
        kept.put_cell_pages(cell_id, f"pages of {key}", [cache_files.put_file(self.folder, f"cells/{cell_id}.html", b"<p>")])

    def test_a_run_that_comes_changes_or_goes_leaves_its_cells_to_be_pooled_again(self):
        self.fill(one=self.note("one", cells=("a.x", "a.y")), two=self.note("two", cells=("a.x",)))
        changes = {"comes": lambda kept: kept.put_run("three", self.note("three", cells=("a.x",))),
                   "changes": lambda kept: kept.put_run("two", self.note("two", cells=("a.x",))),
                   "goes": lambda kept: kept.remove_runs(["two"])}
        for name, change in changes.items():
            with self.subTest(name), self.opened() as kept:
                for cell_id in ("a.x", "a.y"):
                    self.put_cell(kept, cell_id)
                change(kept)
                self.assertEqual({cell_id: key for cell_id, (key, _) in kept.cell_keys().items()}, {"a.x": "", "a.y": "k"})
                self.assertFalse(kept.is_intact())

    def test_pages_and_data_are_known_again_by_their_keys(self):
        with self.opened() as kept:
            kept.put_page("p1", cache_files.put_file(self.folder, "index.html", b"<p>"))
            self.assertFalse(kept.is_intact())
            kept.put_data([cache_files.put_file(self.folder, "catalogue.csv", b"a")])
            self.assertTrue(kept.is_intact())
            self.assertEqual(kept.page_keys(), {"index.html": "p1"})
            kept.remove_page("index.html")
            self.assertEqual((kept.page_keys(), self.there()), ({}, {"catalogue.csv"}))

    def test_the_files_of_data_are_stale_as_soon_as_a_run_or_a_cell_changes(self):
        self.fill(one=self.note("one", cells=("a.x",)), two=self.note("two"))
        changes = {"a new run": lambda kept: kept.put_run("three", self.note("three")), "a run that is gone": lambda kept: kept.remove_runs(["two"]),
                   "a cell": lambda kept: self.put_cell(kept, "a.x"), "a cell that is gone": lambda kept: kept.remove_cell("a.x")}
        for name, change in changes.items():
            with self.subTest(name), self.opened() as kept:
                kept.put_data([cache_files.put_file(self.folder, "catalogue.csv", b"a")])
                self.assertFalse(kept.is_data_stale())
                kept.remove_runs(["nobody"])
                self.assertFalse(kept.is_data_stale())
                change(kept)
                self.assertTrue(kept.is_data_stale())

    def test_what_a_build_no_longer_needs_is_there_until_the_build_is_kept(self):
        self.fill(one=self.note("one"))
        contributions = build_cache.run_path(self.folder, "one-key")
        with self.opened() as kept:
            kept.remove_runs(["one"])
        self.assertTrue(contributions.exists())
        with self.opened() as kept:
            kept.remove_runs(["one"])
            self.commit(kept)
        self.assertFalse(contributions.exists())

    def test_what_a_build_changed_is_known_with_its_sources(self):
        self.fill(one=self.note("one"), two=self.note("two"))
        with self.opened() as kept:
            kept.remove_runs(["one"])
            kept.put_run("three", self.note("three"))
            self.assertEqual({path: source and source.path for path, source in kept.files.changes().items()},
                             {"runs/one.html": None, "runs/three.html": f"{self.folder}/files/runs/three.html"})


class Forgetting(Here):
    def test_a_run_that_is_gone_takes_its_files_along(self):
        self.fill(one=self.note("one", cells=("a.x",)), two=self.note("two"))
        with self.opened() as kept:
            kept.remove_runs({"one"})
            self.assertEqual((kept.known_folders(), kept.run_keys_of("a.x")), ({"two"}, []))
            self.commit(kept)
        self.assertEqual(self.there(), {"runs/two.html"})
        self.assertFalse(build_cache.run_path(self.folder, "one-key").exists())

    def test_a_run_that_was_made_again_takes_only_what_it_no_longer_has(self):
        self.fill(one=self.note("one", paths=("runs/one.html", "raw/one.txt")))
        self.fill(one=self.note("one", paths=("runs/one.html",)))
        self.assertEqual(self.there(), {"runs/one.html"})
        self.assertTrue(build_cache.run_path(self.folder, "one-key").exists())

    def test_a_run_that_moved_to_another_folder_keeps_the_files_that_it_has_under_the_same_name(self):
        self.fill(here=self.note("one"))
        with self.opened() as kept:
            kept.remove_runs({"here"})
            kept.put_run("there", self.note("one"))
            self.commit(kept)
        self.assertEqual(self.there(), {"runs/one.html"})

    def test_a_raw_file_of_the_submissions_is_never_removed(self):
        raw = self.folder / "submitted.jsonl"
        raw.write_bytes(b"x")
        state = raw.stat()
        note = self.note("one")
        note.files.append(cache_files.File("raw/one.txt", state.st_size, state.st_mtime_ns, state.st_ino, str(raw)))
        self.fill(one=note)
        with self.opened() as kept:
            self.assertEqual(kept.files.site()["raw/one.txt"], (state.st_ino, str(raw)))
            kept.remove_runs({"one"})
        self.assertTrue(raw.exists())

    def test_a_cell_without_a_shown_run_takes_its_files_along(self):
        self.fill(one=self.note("one", cells=("a.x", "a.y")))
        with self.opened() as kept:
            for cell_id in ("a.x", "a.y"):
                kept.put_cell(build_cache.CellNote(cell_id, "k", "{}", "{}", {}, cache_files.put_file(self.folder, f"cells/{cell_id}.json", b"{}")))
                kept.put_cell_pages(cell_id, "v", [cache_files.put_file(self.folder, f"cells/{cell_id}.html", b"<p>")])
            kept.remove_cell("a.x")
            self.assertEqual((list(kept.cell_keys()), kept.cell_records()), (["a.y"], ["{}"]))
        self.assertEqual(self.there(), {"runs/one.html", "cells/a.y.json", "cells/a.y.html"})


class Troubles(Here):
    def test_another_version_a_wish_and_a_broken_index_discard_all_of_it(self):
        index = self.folder / cache_index.NAME

        def drop() -> None:
            with contextlib.closing(sqlite3.connect(index)) as connection:
                connection.execute("DROP TABLE build")
        for what, opened, damage in (("version", lambda: self.opened("2"), lambda: None), ("wish", lambda: self.opened(afresh=True), lambda: None),
                                     ("bytes", self.opened, lambda: index.write_bytes(b"SQLite format 3\0 and no more")),
                                     ("empty", self.opened, lambda: index.write_bytes(b"")), ("gone", self.opened, index.unlink),
                                     ("another database", self.opened, drop)):
            self.fill(one=self.note("one"))
            damage()
            with self.subTest(what), opened() as kept:
                self.assertEqual(kept.known_folders(), set())
                self.assertEqual(self.there(), set())

    def test_a_page_in_the_middle_of_the_index_that_is_broken_is_seen(self):
        self.fill(**{f"run-{n}": self.note(f"run-{n}") for n in range(40)})
        with open(self.folder / cache_index.NAME, "r+b") as index:
            index.seek(4096 * 2)
            index.write(b"\xff" * 4096)
        with self.opened() as kept:
            self.assertEqual(kept.known_folders(), set())

    def test_whatever_has_a_file_that_somebody_changed_is_forgotten(self):
        def damaged_by(path: str, change: object) -> tuple:
            with self.opened(afresh=True) as kept:
                kept.put_run("one", self.note("one", cells=("a.x",)))
                kept.put_cell(build_cache.CellNote("a.x", "k", "{}", "{}", {}, cache_files.put_file(self.folder, "cells/a.json", b"{}")))
                kept.put_cell_pages("a.x", "v", [cache_files.put_file(self.folder, "cells/a.html", b"<p>")])
                kept.put_page("p", cache_files.put_file(self.folder, "index.html", b"<p>"))
                kept.put_data([cache_files.put_file(self.folder, "catalogue.csv", b"a")])
                kept.forget_damaged(site_folder.states(self.folder / "files"))
                self.assertTrue(kept.is_intact())
                change(self.folder / "files" / path)
                kept.forget_damaged(site_folder.states(self.folder / "files"))
                self.assertFalse(kept.is_intact())
                return kept.known_run("one").key, *kept.cell_keys()["a.x"], *kept.page_keys().values(), kept.is_data_stale()
        for change in (pathlib.Path.unlink, lambda path: os.utime(path, ns=(1, 1)), lambda path: path.write_bytes(b"other words")):
            self.assertEqual(damaged_by("runs/one.html", change), ("", "k", "v", "p", False))
            self.assertEqual(damaged_by("cells/a.json", change), ("one-key", "", "v", "p", False))
            self.assertEqual(damaged_by("cells/a.html", change), ("one-key", "k", "", "p", False))
            self.assertEqual(damaged_by("index.html", change), ("one-key", "k", "v", "", False))
            self.assertEqual(damaged_by("catalogue.csv", change), ("one-key", "k", "v", "p", True))

    def test_an_index_that_is_as_the_last_build_left_it_is_trusted_and_no_other(self):
        self.fill(one=self.note("one"))
        with self.opened() as kept:
            left = kept.state()
        with self.opened(left=left) as kept:
            self.assertTrue(kept.is_as_left)
        os.utime(self.folder / cache_index.NAME, ns=(1, 1))
        for changes in ({"left": left}, {}, {"left": left, "version": "2"}, {"left": left, "afresh": True}):
            with self.subTest(changes), self.opened(**changes) as kept:
                self.assertFalse(kept.is_as_left)

    def test_no_path_leads_out_of_the_site_and_no_two_files_share_one(self):
        for path in ("../x", "/x", "a//b", ".x", "A", "a/../b", ""):
            with self.subTest(path), self.assertRaises(ValueError):
                cache_files.put_file(self.folder, path, b"")
        with self.assertRaises(ValueError):
            self.fill(one=self.note("one", paths=("runs/same.html",)), two=self.note("two", paths=("runs/same.html",)))

    def test_what_comes_in_pieces_is_written_whole(self):
        file = cache_files.put_file(self.folder, "a.txt", (piece for piece in (b"one ", b"two")))
        self.assertEqual((self.folder / "files" / "a.txt").read_bytes(), b"one two")
        self.assertEqual((file.path, file.size), ("a.txt", 7))

    def test_a_full_disk_is_one_line_for_a_person(self):
        with self.assertRaises(UserError) as caught, self.opened():
            raise sqlite3.OperationalError("database or disk is full")
        self.assertIn("old site is unchanged", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
