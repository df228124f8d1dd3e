"""Private things: each kind finds its examples and passes over what only looks alike, in one pass over any text."""
from __future__ import annotations

import unittest

import support  # noqa: F401

from base import scrub, sensitive
from judge import privacy
from private_examples import EXAMPLES


def kinds_in(text: str) -> set:
    return {kind.id for kind, _ in sensitive.find(text)}


class Kinds(unittest.TestCase):
    def test_each_kind_finds_its_examples(self):
        for kind, hits, _ in EXAMPLES:
            for text in hits:
                with self.subTest(kind=kind, text=text):
                    self.assertIn(kind, kinds_in(text))

    def test_each_kind_passes_over_what_only_looks_alike(self):
        for kind, _, misses in EXAMPLES:
            for text in misses:
                with self.subTest(kind=kind, text=text):
                    self.assertNotIn(kind, kinds_in(text))

    def test_each_kind_has_examples_of_both(self):
        self.assertEqual([kind.id for kind in sensitive.KINDS], [examples.kind for examples in EXAMPLES])
        for kind, hits, misses in EXAMPLES:
            with self.subTest(kind=kind):
                self.assertTrue(hits and misses)

    def test_numbers_that_may_stand_there_are_passed_over(self):
        known = "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
        self.assertEqual(kinds_in(known), {"serial"})
        self.assertEqual(list(sensitive.find(known, frozenset({known}))), [])


class Together(unittest.TestCase):
    def test_what_a_text_shows_alone_is_found_among_others(self):
        texts = [text for _, hits, misses in EXAMPLES for text in hits + misses]
        for first, second in zip(texts, texts[1:] + texts[:1]):
            for pair in ((first, second), (second, first), (first, first)):
                with self.subTest(texts=pair):
                    self.assertLessEqual(kinds_in(pair[0]) | kinds_in(pair[1]), kinds_in(privacy.SEPARATOR.join(pair)))


class Hints(unittest.TestCase):
    def test_a_hint_rules_out_nothing_that_its_pattern_finds(self):
        """Also in other letters, and in the middle of a text."""
        for kind, (_, hits, misses) in zip(sensitive.KINDS, EXAMPLES):
            for example in hits + misses:
                for text in (example, example.upper(), example.lower(), f"It says\n{example}, or so.", f"({example})"):
                    found = kind.pattern.search(text)
                    if found and kind.means(found):
                        with self.subTest(kind=kind.id, text=text):
                            self.assertTrue(kind.hint(text.lower()))

    def test_prose_is_ruled_out_by_every_hint(self):
        for kind in sensitive.KINDS:
            self.assertFalse(kind.hint("the box is full of small round stones; one of them is like no other. it was put in."), kind.id)


class Writers(unittest.TestCase):
    def test_what_the_judge_refuses_no_scrubbed_text_holds(self):
        for kind, hits, _ in EXAMPLES:
            for text in hits:
                with self.subTest(kind=kind, text=text):
                    self.assertEqual(kinds_in(scrub.scrub(f"it said {text} and ended")), set())


if __name__ == "__main__":
    unittest.main()
