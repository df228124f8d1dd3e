"""The overlay: what it says is taken strictly, since a typing error in it would publish what was to be hidden."""
from __future__ import annotations

import json
import pathlib
import tempfile
import unittest

import support      # noqa: F401  (puts the harness on the path)

from base.errors import UserError
from publish import moderation

ONE, OTHER = "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233", "1b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"


def problems(entry: object, run_id: str = ONE, **changes: object) -> list:
    return moderation.problems({"schema": "overlay-1.0", "runs": {run_id: entry}, **changes})


class Reading(unittest.TestCase):
    def test_every_key_may_be_left_out(self):
        full = {"visibility": "redacted", "janie_blurb_md": "Fast *and* small.", "notes": ["seen twice"], "superseded_by": OTHER}
        self.assertEqual(problems(full), [])
        for name in full:
            self.assertEqual(problems({key: value for key, value in full.items() if key != name}), [])
        self.assertEqual(problems({}), [])

    def test_whatever_means_nothing_is_refused_with_its_run(self):
        for entry, word in (({"visiblity": "redacted"}, "unknown key 'visiblity'"), ({"visibility": "hidden"}, "visibility"), ({"visibility": True}, "visibility"),
                            ({"notes": "one"}, "notes"), ({"notes": [1]}, "notes"), ({"janie_blurb_md": None}, "janie_blurb_md"),
                            ({"janie_blurb_md": "x" * 20_001}, "characters"), ({"superseded_by": "run-7"}, "superseded_by"),
                            ({"superseded_by": ONE}, "superseded_by"), ([], "not an object")):
            with self.subTest(entry=str(entry)[:60]):
                found = problems(entry)
                self.assertEqual(len(found), 1)
                self.assertIn(word, found[0])
                self.assertIn(ONE, found[0])

    def test_ids_are_whole_and_the_format_is_named(self):
        self.assertIn("UUID", problems({}, "run-" + ONE)[0])
        self.assertIn("overlay-2.0", problems({}, schema="overlay-2.0")[0])
        for document in ([], {}, {"schema": "overlay-1.0"}, {"schema": "overlay-1.0", "runs": []}, {"schema": "overlay-1.0", "runs": {}, "more": 1}):
            with self.subTest(document):
                self.assertEqual(len(moderation.problems(document)), 1)

    def test_a_file_that_is_no_overlay_says_where_and_what_to_do(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "overlay.json"
            for text, word in (("{", "not JSON"), ('{"schema": "overlay-1.0", "runs": {}, "runs": {}}', "twice"), ('{"runs": {}}', "schema")):
                path.write_text(text, encoding="utf-8")
                with self.subTest(text), self.assertRaises(UserError) as caught:
                    moderation.read(path)
                self.assertIn(word, str(caught.exception))
                self.assertIn("overlay.json", str(caught.exception))
            with self.assertRaises(UserError):
                moderation.read(path.with_name("missing.json"))
            path.write_text(json.dumps({"schema": "overlay-1.0", "runs": {ONE: {"visibility": "redacted"}}}), encoding="utf-8")
            self.assertEqual(moderation.redacted(moderation.read(path)), {ONE})


class Against(unittest.TestCase):
    def refused(self, entries: dict, known: set) -> str:
        with self.assertRaises(UserError) as caught:
            moderation.check_overlay(entries, known)
        return str(caught.exception)

    def test_a_run_that_is_not_there_cannot_be_spoken_of(self):
        for entry in ({}, {"visibility": "public"}, {"notes": ["Lid closed."]}):
            with self.subTest(entry):
                self.assertIn(OTHER, self.refused({OTHER: entry}, {ONE}))
        for visibility in ("public", "redacted"):
            self.assertIn(OTHER, self.refused({ONE: {"superseded_by": OTHER, "visibility": visibility}}, {ONE}))

    def test_a_redacted_run_may_have_been_removed_and_is_named(self):
        """The entry of a run whose files were removed once ended every build."""
        hidden = {"visibility": "redacted", "notes": ["seen twice"]}
        self.assertEqual(moderation.check_overlay({OTHER: hidden}, {ONE}), [OTHER])
        self.assertEqual(moderation.check_overlay({OTHER: hidden}, {ONE, OTHER}), [])
        self.assertIn("redacted", self.refused({OTHER: hidden, ONE: {"notes": [f"better than {OTHER}"]}}, {ONE}))

    def test_a_redacted_run_that_is_known_to_be_removed_is_not_named_at_each_build(self):
        """The note at each build hid those about typing errors."""
        removed = {"visibility": "redacted", "removed": True}
        self.assertEqual(problems(removed), [])
        self.assertEqual(moderation.check_overlay({OTHER: removed}, {ONE}), [])
        self.assertEqual(moderation.check_overlay({OTHER: {**removed, "removed": False}}, {ONE}), [OTHER])
        self.assertEqual(moderation.redacted({OTHER: removed}), {OTHER})
        for entry in ({"removed": True}, {"removed": True, "visibility": "public"}, {"removed": "yes", "visibility": "redacted"}):
            with self.subTest(entry):
                self.assertIn("removed", problems(entry)[0])

    def test_a_run_that_is_shown_must_not_name_one_that_is_redacted(self):
        hidden = {OTHER: {"visibility": "redacted"}}
        for said in ({"notes": [f"better than {OTHER}"]}, {"janie_blurb_md": OTHER}, {"superseded_by": OTHER}):
            with self.subTest(said):
                self.assertIn("redacted", self.refused({ONE: said, **hidden}, {ONE, OTHER}))
        moderation.check_overlay({ONE: {"notes": ["fine"]}, OTHER: {"visibility": "redacted", "superseded_by": ONE}}, {ONE, OTHER})


if __name__ == "__main__":
    unittest.main()
