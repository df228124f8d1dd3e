"""Private things: each kind finds its examples and passes over what only looks alike, in one pass over any text."""
from __future__ import annotations

import unittest

import support  # noqa: F401

from base import private, scrub


def kinds_in(text: str) -> set:
    return {kind.id for kind, _ in private.find(text)}


class Kinds(unittest.TestCase):
    def test_each_kind_finds_its_examples(self):
        for kind in private.KINDS:
            for text in kind.hits:
                with self.subTest(kind=kind.id, text=text):
                    self.assertIn(kind.id, kinds_in(text))

    def test_each_kind_passes_over_what_only_looks_alike(self):
        for kind in private.KINDS:
            for text in kind.misses:
                with self.subTest(kind=kind.id, text=text):
                    self.assertNotIn(kind.id, kinds_in(text))

    def test_each_kind_has_examples_of_both(self):
        for kind in private.KINDS:
            with self.subTest(kind=kind.id):
                self.assertTrue(kind.hits and kind.misses)

    def test_numbers_that_may_stand_there_are_passed_over(self):
        known = "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
        self.assertEqual(kinds_in(known), {"serial"})
        self.assertEqual(list(private.find(known, frozenset({known}))), [])


class Writers(unittest.TestCase):
    def test_what_the_judge_refuses_no_scrubbed_text_holds(self):
        for kind in private.KINDS:
            for text in kind.hits:
                with self.subTest(kind=kind.id, text=text):
                    self.assertEqual(kinds_in(scrub.scrub(f"it said {text} and ended")), set())


if __name__ == "__main__":
    unittest.main()
