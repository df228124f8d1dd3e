"""The site's folder: brought up to date by links, whatever it held before, and put in place in one step."""
from __future__ import annotations

import os
import pathlib
import tempfile
import unittest

import support      # noqa: F401  (puts the harness on the path)

from base import files
from base.errors import UserError
from publish import site_folder, site_state


class Folder(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.top = pathlib.Path(held.name)
        self.sources, self.site = self.top / "sources", self.top / "site"

    def expected(self, **texts: str) -> dict:
        result = {}
        for name, text in texts.items():
            source = self.sources / name
            files.write(source, text.encode())
            result[f"pages/{name}.html"] = site_folder.LinkSource(os.stat(source).st_ino, str(source))
        return result

    def held(self) -> dict:
        return {path.relative_to(self.site).as_posix(): path.read_text() for path in self.site.rglob("*") if path.is_file()}


class Updating(Folder):
    def test_only_what_differs_is_linked_and_what_is_not_expected_goes(self):
        first = self.expected(a="1", b="2")
        self.assertEqual(sorted(site_folder.update(self.site, first)), ["pages/a.html", "pages/b.html"])
        self.assertEqual(site_folder.update(self.site, first), [])
        (self.site / "pages" / "stray.html").write_text("x")
        second = {"pages/a.html": first["pages/a.html"], **self.expected(b="3", c="4")}
        self.assertEqual(sorted(site_folder.update(self.site, second)), ["pages/b.html", "pages/c.html"])
        self.assertEqual(self.held(), {"pages/a.html": "1", "pages/b.html": "3", "pages/c.html": "4"})

    def test_a_source_that_vanished_is_one_error_with_its_path(self):
        expected = self.expected(a="1")
        (self.sources / "a").unlink()
        with self.assertRaises(UserError) as caught:
            site_folder.update(self.site, expected)
        self.assertIn("pages", str(caught.exception))

    def test_known_changes_are_applied_without_a_search(self):
        first = self.expected(a="1", b="2")
        site_folder.update(self.site, first)
        (self.site / "pages" / "stray.html").write_text("x")
        changes = {"pages/a.html": None, **self.expected(b="3", c="4"), "pages/gone.html": None}
        self.assertEqual(sorted(site_folder.apply(self.site, changes)), ["pages/b.html", "pages/c.html"])
        self.assertEqual(self.held(), {"pages/b.html": "3", "pages/c.html": "4", "pages/stray.html": "x"})

    def test_a_folder_shows_that_a_file_came_or_went_or_was_renamed(self):
        site_folder.update(self.site, self.expected(a="1", b="2"))
        changes = (lambda pages: (pages / "new.html").write_text("x"), lambda pages: (pages / "new.html").unlink(),
                   lambda pages: (pages / "a.html").rename(pages / "z.html"))
        for change in changes:
            for folder in ("", "pages"):
                os.utime(self.site / folder, ns=(1, 1))     # a clock may be too coarse for what follows at once
            left = site_folder.folder_states(self.site, ["", "pages", "none"])
            self.assertEqual((set(left), site_state.is_as_left(self.site, left)), ({"", "pages"}, True))
            change(self.site / "pages")
            self.assertFalse(site_state.is_as_left(self.site, left))
        self.assertFalse(site_state.is_as_left(self.site, {}))

    def test_a_record_of_the_folders_that_cannot_be_read_is_an_empty_one(self):
        files.make_folder(self.top)
        state = site_state.SiteState([1, 2, 3], 12 ** 24, {"": [1, 2]}, {"": [3, 4]})
        site_state.write(self.top, state)
        self.assertEqual(site_state.read(self.top), state)
        for data in (b"", b"{", b"[]", b'{"other": 1}'):
            (self.top / site_state.NAME).write_bytes(data)
            self.assertEqual(site_state.read(self.top), site_state.SiteState())

    def test_the_digests_of_two_sets_of_files_add_up_and_any_change_is_seen(self):
        states = {"a": (1, 2, 3), "b/c": (4, 5, 6), "b/d": (4, 5, 7)}
        some, others = ({path: states[path] for path in paths} for paths in (("a",), ("b/c", "b/d")))
        self.assertEqual(site_folder.digest(states), site_folder.digest(some) + site_folder.digest(others))
        for changed in ({**states, "a": (1, 2, 4)}, {**states, "b/c": (4, 5, 7), "b/d": (4, 5, 6)}, some, {**states, "e": (0, 0, 0)}):
            self.assertNotEqual(site_folder.digest(changed), site_folder.digest(states))

    def test_a_folder_that_is_not_there_has_nothing(self):
        self.assertEqual((site_folder.inodes(self.site), site_folder.states(self.site)), ({}, {}))


class Placing(Folder):
    def test_the_two_folders_change_places(self):
        new, old = self.top / "new", self.top / "old"
        for name, text in (("site", "first"), ("new", "second")):
            files.write(self.top / name / "a", text.encode())
        site_folder.flush(new, ["a"])
        files.swap_folders(new, self.site, old)
        self.assertEqual([(folder / "a").read_text() for folder in (self.site, new)], ["second", "first"])
        self.assertFalse(old.exists())

    def test_an_interruption_at_each_step_is_repaired(self):
        new, old = self.top / "new", self.top / "old"
        for present, expected in ((("old", "new"), ("site", "new")), (("old", "site"), ("new", "site")), (("old", "site", "new"), ("new", "site"))):
            with self.subTest(present):
                for name in ("site", "new", "old"):
                    files.remove_folder(self.top / name)
                for name in present:
                    files.write(self.top / name / "a", name.encode())
                files.repair_swap(new, self.site, old)
                self.assertEqual(sorted(path.name for path in self.top.iterdir() if path.name != "sources"), sorted(expected))


if __name__ == "__main__":
    unittest.main()
