"""Spans: how many run at once, and how long any does."""
from __future__ import annotations

import unittest

import support

from base.intervals import busy, most_at_once


class Spans(unittest.TestCase):
    def test_hand_counted_examples(self):
        for spans, most, covered in (
                ([], 0, 0), ([(0, 10)], 1, 10), ([(5, 5)], 0, 0), ([(0, 10), (10, 20)], 1, 20),
                ([(0, 10), (9, 20)], 2, 20), ([(0, 100), (10, 20), (30, 40)], 2, 100),
                ([(30, 40), (0, 5), (10, 20)], 1, 25), ([(0, 10)] * 4, 4, 10), ([(0, 4), (1, 5), (2, 6), (20, 21)], 3, 7),
                ([(9, 3), (0, 2)], 1, 2), ([(-5, -1), (-2, 3)], 2, 8)):
            with self.subTest(spans):
                self.assertEqual(most_at_once(spans), most)
                self.assertEqual(busy(spans), covered)

    def test_spans_may_come_one_by_one(self):
        """most_at_once once went over its argument twice, and a generator's ends were lost."""
        spans = [(0, 10), (10, 20), (20, 30)]
        self.assertEqual(most_at_once(span for span in spans), 1)
        self.assertEqual(busy(span for span in spans), 30)


if __name__ == "__main__":
    unittest.main()
