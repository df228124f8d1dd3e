"""The build cache: what was put there is found again, what is gone leaves nothing, and any damage only costs time."""
from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
import tempfile
import unittest

import support      # noqa: F401  (puts the harness on the path)

from base import files, schema
from base.errors import UserError
from publish import build_cache


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
        made = [build_cache.put_file(self.folder, path, path.encode()) for path in paths or (f"runs/{name}.html",)]
        row = schema.dumps({"run_id": name, "device_tag": device_tag}) if shown else None
        return build_cache.RunNote(f"{name}-key", "contents", "states", name, began, device_tag, "ana", 5 if shown else None,
                                   "{}" if shown else None, row, "{}" if shown else None, made, list(cells))

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
            self.assertEqual(kept.known_runs(), {"one": ("one-key", "contents", "states")})
            file = note.files[0]
            self.assertEqual(kept.site(), {file.path: (file.inode, f"{self.folder}/files/{file.path}")})
            kept.touch("one", "others", [])
            self.assertEqual(kept.known_runs()["one"][2], "others")
            self.assertEqual(kept.last_build(), ("settings", None, {}))

    def test_a_build_that_fails_leaves_the_notes_of_the_one_before(self):
        self.fill(one=self.note("one"))
        with contextlib.suppress(KeyError), self.opened() as kept:
            kept.put_run("two", self.note("two"))
            raise KeyError
        with self.opened() as kept:
            self.assertEqual(set(kept.known_runs()), {"one"})

    def test_rows_come_newest_first_and_are_those_of_the_runs_that_are_shown(self):
        self.fill(old=self.note("old", "2026-11-24T08:00:00Z"), new=self.note("new", "2026-11-25T08:00:00Z"),
                  hidden=self.note("hidden", "2026-11-26T08:00:00Z", shown=False),
                  other=self.note("other", "2026-11-23T08:00:00Z", device_tag="b-pc"))
        with self.opened() as kept:
            self.assertEqual([row["run_id"] for row in kept.rows], ["new", "old", "other"])
            self.assertEqual([row["run_id"] for row in kept.rows[:1]], ["new"])
            self.assertEqual([row["run_id"] for row in kept.rows.newest_by_device(1)], ["new", "other"])
            self.assertEqual((len(kept.rows), list(kept.rows.tables())), (3, [{}, {}, {}]))
            self.assertEqual([(facts[0][:10], facts[-1]) for facts in kept.run_facts()],
                             [("2026-11-26", 0), ("2026-11-25", 1), ("2026-11-24", 1), ("2026-11-23", 1)])
            self.assertEqual(kept.run_keys(), ["hidden-key", "new-key", "old-key", "other-key"])

    def test_a_cell_knows_its_runs(self):
        self.fill(old=self.note("old", "2026-11-24T08:00:00Z", cells=("a.x", "a.y")), new=self.note("new", "2026-11-25T08:00:00Z", cells=("a.x",)),
                  hidden=self.note("hidden", "2026-11-26T08:00:00Z", shown=False, cells=("a.x",)))
        with self.opened() as kept:
            self.assertEqual({cell: [key for key, _, _ in runs] for cell, runs in kept.runs_by_cell()},
                             {"a.x": ["hidden-key", "new-key", "old-key"], "a.y": ["old-key"]})
            self.assertEqual([(run_id, row and row["run_id"]) for run_id, _, row, _ in kept.runs_of("a.x")],
                             [("hidden", None), ("new", "new"), ("old", "old")])

    def test_a_cell_and_the_whole_are_known_again_by_their_keys(self):
        with self.opened() as kept:
            data = build_cache.put_file(self.folder, "cells/a.json", b"{}")
            kept.put_cell("a.x", "k1", {"runs": 1}, data)
            kept.put_cell_pages("a.x", "v1", [build_cache.put_file(self.folder, "cells/a.html", b"<p>")])
            kept.put_whole("w1", [build_cache.put_file(self.folder, "index.html", b"<p>")])
            self.assertEqual((kept.cell("a.x", "k1"), kept.cell("a.x", "k2"), kept.cell_keys("a.x")), ({"runs": 1}, None, ("k1", "v1")))
            self.assertTrue(kept.is_intact())
            kept.put_cell("a.x", "k2", {"runs": 2}, data)
            self.assertEqual((kept.cell_keys("a.x"), kept.whole_key()), (("k2", None), "w1"))
            self.assertEqual(self.there(), {"cells/a.json", "cells/a.html", "index.html"})


class Forgetting(Here):
    def test_a_run_that_is_gone_takes_its_files_along(self):
        self.fill(one=self.note("one", cells=("a.x",)), two=self.note("two"))
        with self.opened() as kept:
            kept.remove_runs({"one"})
            self.assertEqual((set(kept.known_runs()), list(kept.runs_by_cell())), ({"two"}, []))
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
        note.files.append(build_cache.File("raw/one.txt", state.st_size, state.st_mtime_ns, state.st_ino, str(raw)))
        self.fill(one=note)
        with self.opened() as kept:
            self.assertEqual(kept.site()["raw/one.txt"], (state.st_ino, str(raw)))
            kept.remove_runs({"one"})
        self.assertTrue(raw.exists())

    def test_cells_and_pages_that_are_no_more_go(self):
        with self.opened() as kept:
            for cell in ("a.x", "a.y"):
                kept.put_cell(cell, "k", {}, build_cache.put_file(self.folder, f"cells/{cell}.json", b"{}"))
                kept.put_cell_pages(cell, "v", [build_cache.put_file(self.folder, f"cells/{cell}.html", b"<p>")])
            kept.keep_cells({"a.y"})
            self.assertIsNone(kept.cell("a.x", "k"))
            kept.put_whole("w1", [build_cache.put_file(self.folder, f"{name}.html", b"<p>") for name in ("index", "gone")])
            kept.put_whole("w2", [build_cache.put_file(self.folder, "index.html", b"<p>")])
        self.assertEqual(self.there(), {"cells/a.y.json", "cells/a.y.html", "index.html"})


class Troubles(Here):
    def test_another_version_a_wish_and_a_broken_index_discard_all_of_it(self):
        index = self.folder / build_cache.INDEX

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
                self.assertEqual(kept.known_runs(), {})
                self.assertEqual(self.there(), set())

    def test_a_page_in_the_middle_of_the_index_that_is_broken_is_seen(self):
        self.fill(**{f"run-{n}": self.note(f"run-{n}") for n in range(40)})
        with open(self.folder / build_cache.INDEX, "r+b") as index:
            index.seek(4096 * 2)
            index.write(b"\xff" * 4096)
        with self.opened() as kept:
            self.assertEqual(list(kept.run_facts()), [])

    def test_whatever_has_a_file_that_somebody_changed_is_forgotten(self):
        def damaged_by(path: str, change: object) -> tuple:
            with self.opened(afresh=True) as kept:
                kept.put_run("one", self.note("one"))
                kept.put_cell("a.x", "k", {}, build_cache.put_file(self.folder, "cells/a.json", b"{}"))
                kept.put_cell_pages("a.x", "v", [build_cache.put_file(self.folder, "cells/a.html", b"<p>")])
                kept.put_whole("w", [build_cache.put_file(self.folder, "index.html", b"<p>")])
                kept.forget_damaged()
                self.assertTrue(kept.is_intact())
                change(self.folder / "files" / path)
                kept.forget_damaged()
                self.assertFalse(kept.is_intact())
                return kept.known_runs()["one"][0], *kept.cell_keys("a.x"), kept.whole_key()
        for change in (pathlib.Path.unlink, lambda path: os.utime(path, ns=(1, 1)), lambda path: path.write_bytes(b"other words")):
            self.assertEqual(damaged_by("runs/one.html", change), ("", "k", "v", "w"))
            self.assertEqual(damaged_by("cells/a.json", change), ("one-key", "", "v", "w"))
            self.assertEqual(damaged_by("cells/a.html", change), ("one-key", "k", "", "w"))
            self.assertEqual(damaged_by("index.html", change), ("one-key", "k", "v", None))

    def test_no_path_leads_out_of_the_site_and_no_two_files_share_one(self):
        for path in ("../x", "/x", "a//b", ".x", "A", "a/../b", ""):
            with self.subTest(path), self.assertRaises(ValueError):
                build_cache.put_file(self.folder, path, b"")
        with self.assertRaises(ValueError):
            self.fill(one=self.note("one", paths=("runs/same.html",)), two=self.note("two", paths=("runs/same.html",)))

    def test_what_comes_in_pieces_is_written_whole(self):
        file = build_cache.put_file(self.folder, "a.txt", (piece for piece in (b"one ", b"two")))
        self.assertEqual((self.folder / "files" / "a.txt").read_bytes(), b"one two")
        self.assertEqual((file.path, file.size), ("a.txt", 7))

    def test_a_full_disk_is_one_line_for_a_person(self):
        with self.assertRaises(UserError) as caught, self.opened():
            raise sqlite3.OperationalError("database or disk is full")
        self.assertIn("old site is unchanged", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
