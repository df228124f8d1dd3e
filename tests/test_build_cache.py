"""The shelf: what is on it is found again, what is gone leaves nothing, and whatever is wrong with it only costs time."""
from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import tempfile
import unittest

import support      # noqa: F401  (puts the harness on the path)

from base import files, schema
from publish import build_cache


class Here(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = pathlib.Path(held.name)
        with self.opened():
            pass        # where there is no index yet, all files are void

    def opened(self, version: str = "1", **changes: object) -> object:
        return build_cache.opened(self.folder, version, **changes)

    def note(self, name: str, began: str = "2026-11-24T08:00:00Z", shown: bool = True, paths: tuple = (), cells: tuple = ()) -> build_cache.RunNote:
        """A run whose pages and contributions are there."""
        files.write(build_cache.run_path(self.folder, f"{name}-key"), b"[]")
        made = [build_cache.put_file(self.folder, path, path.encode()) for path in paths or (f"runs/{name}.html",)]
        row = schema.dumps({"run_id": name, "device_tag": "a-pc"}) if shown else None
        return build_cache.RunNote(f"{name}-key", "contents", "states", name, began, "a-pc", "ana", 5 if shown else None, "{}" if shown else None,
                             row, made, list(cells))

    def fill(self, **notes: build_cache.RunNote) -> None:
        with self.opened() as kept:
            for name, note in notes.items():
                kept.put_run(name, note)
            kept.close()

    def there(self) -> set:
        return {path.relative_to(self.folder / "files").as_posix() for path in self.folder.glob("files/**/*") if path.is_file()}


class Remembering(Here):
    def test_what_was_put_there_is_found_by_the_next_build(self):
        note = self.note("one")
        self.fill(one=note)
        with self.opened() as kept:
            self.assertEqual(kept.run("one"), build_cache.Kept("one-key", "contents", "states", note.files))
            self.assertIsNone(kept.run("two"))
            self.assertTrue(kept.are_there(note.files))
            kept.touch("one", "others")
            self.assertEqual(kept.run("one").states, "others")

    def test_a_build_that_fails_leaves_the_notes_of_the_one_before(self):
        self.fill(one=self.note("one"))
        with contextlib.suppress(KeyError), self.opened() as kept:
            kept.put_run("two", self.note("two"))
            raise KeyError
        with self.opened() as kept:
            self.assertIsNotNone(kept.run("one"))
            self.assertIsNone(kept.run("two"))

    def test_rows_come_newest_first_and_are_those_of_the_runs_that_are_shown(self):
        self.fill(old=self.note("old", "2026-11-24T08:00:00Z"), new=self.note("new", "2026-11-25T08:00:00Z"),
                  hidden=self.note("hidden", "2026-11-26T08:00:00Z", shown=False))
        with self.opened() as kept:
            self.assertEqual([row["run_id"] for row in kept.rows], ["new", "old"])
            self.assertEqual([row["run_id"] for row in kept.rows[:1]], ["new"])
            self.assertEqual(len(kept.rows), 2)
            self.assertEqual([(found[0][:10], found[-1]) for found in kept.about_runs()],
                             [("2026-11-26", 0), ("2026-11-25", 1), ("2026-11-24", 1)])

    def test_a_cell_knows_its_runs(self):
        self.fill(old=self.note("old", "2026-11-24T08:00:00Z", cells=("a.x", "a.y")), new=self.note("new", "2026-11-25T08:00:00Z", cells=("a.x",)),
                  hidden=self.note("hidden", "2026-11-26T08:00:00Z", shown=False, cells=("a.x",)))
        with self.opened() as kept:
            self.assertEqual({cell: [key for key, _, _ in runs] for cell, runs in kept.parts()},
                             {"a.x": ["hidden-key", "new-key", "old-key"], "a.y": ["old-key"]})
            self.assertEqual([(run_id, row and row["run_id"]) for run_id, _, row, _ in kept.given("a.x")],
                             [("hidden", None), ("new", "new"), ("old", "old")])

    def test_a_cell_and_the_whole_are_known_again_by_their_keys(self):
        with self.opened() as kept:
            data = build_cache.put_file(self.folder, "cells/a.json", b"{}")
            kept.put_cell("a.x", "k1", {"runs": 1}, [data])
            page = build_cache.put_file(self.folder, "cells/a.html", b"<p>")
            kept.put_pages("a.x", "v1", [page])
            kept.put_whole("w1", [build_cache.put_file(self.folder, "index.html", b"<p>")])
            self.assertEqual(kept.cell("a.x"), {"key": "k1", "cell": {"runs": 1}, "files": [data], "view": "v1", "pages": [page]})
            kept.put_cell("a.x", "k2", {"runs": 2}, [data])
            self.assertEqual((kept.cell("a.x")["view"], kept.cell("a.x")["pages"]), (None, [page]))
            self.assertEqual(kept.whole()[0], "w1")


class Forgetting(Here):
    def test_a_run_that_is_gone_takes_its_files_along(self):
        self.fill(one=self.note("one", cells=("a.x",)), two=self.note("two"))
        with self.opened() as kept:
            kept.keep_runs({"two"})
            self.assertIsNone(kept.run("one"))
            self.assertEqual(list(kept.parts()), [])
            kept.close()
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
            kept.keep_runs({"there"})
            kept.put_run("there", self.note("one"))
            kept.keep_runs({"there"})
            kept.close()
        self.assertEqual(self.there(), {"runs/one.html"})

    def test_cells_and_pages_that_are_no_more_go(self):
        with self.opened() as kept:
            for cell in ("a.x", "a.y"):
                kept.put_cell(cell, "k", {}, [build_cache.put_file(self.folder, f"cells/{cell}.json", b"{}")])
                kept.put_pages(cell, "v", [build_cache.put_file(self.folder, f"cells/{cell}.html", b"<p>")])
            kept.keep_cells({"a.y"})
            self.assertIsNone(kept.cell("a.x"))
            kept.put_whole("w1", [build_cache.put_file(self.folder, f"{name}.html", b"<p>") for name in ("index", "gone")])
            kept.put_whole("w2", [build_cache.put_file(self.folder, "index.html", b"<p>")])
        self.assertEqual(self.there(), {"cells/a.y.json", "cells/a.y.html", "index.html"})


class Troubles(Here):
    def test_another_version_a_wish_and_a_broken_index_make_all_of_it_void(self):
        index = self.folder / build_cache.INDEX
        for what, opened, damage in (("version", lambda: self.opened("2"), lambda: None), ("wish", lambda: self.opened(afresh=True), lambda: None),
                                     ("bytes", self.opened, lambda: index.write_bytes(b"SQLite format 3\0 and no more")),
                                     ("empty", self.opened, lambda: index.write_bytes(b"")), ("gone", self.opened, index.unlink),
                                     ("another database", self.opened, lambda: sqlite3.connect(index).execute("DROP TABLE about"))):
            self.fill(one=self.note("one"))
            damage()
            with self.subTest(what), opened() as kept:
                self.assertIsNone(kept.run("one"))
                self.assertEqual(self.there(), set())

    def test_a_page_in_the_middle_of_the_index_that_is_broken_is_seen(self):
        self.fill(**{f"run-{n}": self.note(f"run-{n}") for n in range(40)})
        with open(self.folder / build_cache.INDEX, "r+b") as index:
            index.seek(4096 * 2)
            index.write(b"\xff" * 4096)
        with self.opened() as kept:
            self.assertEqual(list(kept.about_runs()), [])

    def test_a_file_that_somebody_touched_is_not_there_any_more(self):
        made = [build_cache.put_file(self.folder, path, b"x") for path in ("a.html", "b.html")]
        with self.opened() as kept:
            self.assertTrue(kept.are_there(made))
            self.assertTrue(kept.are_there([]))
            os.utime(self.folder / "files" / "b.html", ns=(1, 1))
            self.assertFalse(kept.are_there(made))
            (self.folder / "files" / "a.html").unlink()
            self.assertFalse(kept.are_there(made[:1]))

    def test_no_path_leads_out_of_the_site_and_no_two_files_share_one(self):
        for path in ("../x", "/x", "a//b", ".x", "A", "a/../b", ""):
            with self.subTest(path), self.assertRaises(ValueError):
                build_cache.put_file(self.folder, path, b"")
        self.fill(one=self.note("one", paths=("runs/same.html",)), two=self.note("two", paths=("runs/same.html",)))
        with self.opened() as kept, self.assertRaises(ValueError):
            kept.give(self.folder / "new")

    def test_what_comes_in_pieces_is_written_whole(self):
        state = build_cache.put_file(self.folder, "a.txt", (piece for piece in (b"one ", b"two")))
        self.assertEqual((self.folder / "files" / "a.txt").read_bytes(), b"one two")
        self.assertEqual(state[:2], ["a.txt", 7])


if __name__ == "__main__":
    unittest.main()
