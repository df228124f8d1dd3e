"""Thoughts in an answer: found by their tags, cut off, and never found where there are none."""
from __future__ import annotations

import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import thoughts

CASES = (   # answer, thoughts, the rest
    ("<think>hm</think>42", "hm", "42"),
    (" \n<think>\nhm\n</think>\n\n42", "\nhm\n", "\n\n42"),
    ("<THINKING>hm</Thinking>42", "hm", "42"),
    ("<thought>a <b> c</thought>42", "a <b> c", "42"),
    ("<reasoning>hm</reasoning> 42", "hm", " 42"),
    ("<seed:think>hm</seed:think>42", "hm", "42"),
    ("[THINK]hm[/THINK]42", "hm", "42"),
    ("<|begin_of_thought|>hm<|end_of_thought|>42", "hm", "42"),
    ("<|channel|>analysis<|message|>hm<|channel|>final<|message|>42", "hm", "42"),
    ("\u25c1think\u25b7hm\u25c1/think\u25b742", "hm", "42"),
    ("hm, the template opened it</think>42", "hm, the template opened it", "42"),
    ("<think>cut by the lim", "cut by the lim", ""),
    ("<think>one</think>two</think>three", "one", "two</think>three"),
)
WITHOUT = ("", "42", "A <think> in the middle opens nothing.", "<thinker>no</thinker>", "<p>HTML</p>", "[1, 2]", "if a < b: think()")


class Split(unittest.TestCase):
    def test_thoughts_come_off_whatever_the_tags_are_called(self):
        for answer, inside, rest in CASES:
            with self.subTest(answer):
                self.assertEqual(thoughts.split(answer), (inside, rest))
                self.assertTrue(thoughts.are_in(answer))
                self.assertEqual(thoughts.answer_alone(answer), rest)

    def test_an_answer_without_thoughts_stays_as_it_is(self):
        for answer in WITHOUT:
            with self.subTest(answer):
                self.assertEqual(thoughts.split(answer), ("", answer))
                self.assertFalse(thoughts.are_in(answer))
                self.assertEqual(thoughts.answer_alone(answer), answer)

    def test_an_empty_pair_of_tags_is_not_a_thought(self):
        for answer in ("<think></think>42", "<think>\n\n</think>\n\n42"):
            with self.subTest(answer):
                self.assertFalse(thoughts.are_in(answer))
                self.assertEqual(thoughts.answer_alone(answer), answer)

    def test_a_call_thinks_in_its_field_or_in_its_answer(self):
        for thinking, answer, thinks in (("hm", "42", True), ("", "<think>hm</think>42", True), (" \n", "42", False), ("", "42", False)):
            with self.subTest((thinking, answer)):
                self.assertEqual(thoughts.has_thought(thinking, answer), thinks)


if __name__ == "__main__":
    unittest.main()
