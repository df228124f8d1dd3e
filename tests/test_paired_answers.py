"""Answers in two ways: who gained, who lost, and an interval that covers what it says."""
from __future__ import annotations

import itertools
import math
import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import schema
from derive import paired_answers
from derive.paired_answers import ItemAnswer


def answers(**statuses: tuple) -> dict:
    return {item: ItemAnswer(status, total_ms) for item, (status, total_ms) in statuses.items()}


class Pairs(unittest.TestCase):
    PLAIN = answers(a=("right", 100.0), b=("wrong", 50.0), c=("right", 80.0), d=("wrong", 90.0), e=("censored", 500.0), f=("right", 60.0))
    THINKING = answers(a=("right", 300.0), b=("right", 400.0), c=("wrong", 500.0), d=("wrong", 600.0), e=("right", 700.0), g=("right", 10.0))

    def test_pairs_are_items_that_were_graded_in_both_ways(self):
        record = paired_answers.record(self.PLAIN, self.THINKING)
        self.assertEqual(schema.problems(record, "paired_answers"), [])
        self.assertEqual({name: record[name] for name in ("pairs", "unpaired", "right_plain", "right_thinking", "gained", "lost", "difference")},
                         {"pairs": 4, "unpaired": 3, "right_plain": 2, "right_thinking": 2, "gained": 1, "lost": 1, "difference": 0})
        self.assertLess(record["low"], 0)
        self.assertGreater(record["high"], 0)

    def test_the_time_to_a_right_answer_is_told_for_each_way_and_as_a_ratio_of_items_right_in_both(self):
        record = paired_answers.record(self.PLAIN, self.THINKING)
        self.assertEqual((record["time_to_correct_plain_ms"]["n"], record["time_to_correct_plain_ms"]["median"]), (3, 80))
        self.assertEqual((record["time_to_correct_thinking_ms"]["n"], record["time_to_correct_thinking_ms"]["median"]), (4, 350))
        self.assertEqual((record["time_ratio"]["n"], record["time_ratio"]["ratio"]), (1, 3))

    def test_nothing_to_pair_has_no_difference(self):
        for plain, thinking in (({}, {}), (self.PLAIN, {}), ({}, self.THINKING), (answers(a=("ungraded", 1.0)), answers(a=("ungraded", 1.0)))):
            with self.subTest(plain):
                record = paired_answers.record(plain, thinking)
                self.assertEqual(schema.problems(record, "paired_answers"), [])
                self.assertEqual((record["pairs"], record["difference"], record["low"], record["high"]), (0, None, None, None))


class Interval(unittest.TestCase):
    def test_it_is_the_textbook_formula(self):
        for pairs, gained, lost in ((5, 1, 0), (12, 3, 1), (20, 8, 0), (37, 9, 4), (400, 60, 20)):
            n, d = pairs + 2, (gained - lost) / (pairs + 2)
            reach = 1.96 * math.sqrt(((gained + lost + 2) / n - d * d) / n)
            found = paired_answers.difference(pairs, gained, lost)
            with self.subTest(pairs):
                self.assertAlmostEqual(found["low"], max(-1, d - reach), places=5)
                self.assertAlmostEqual(found["high"], min(1, d + reach), places=5)
                self.assertAlmostEqual(found["difference"], (gained - lost) / pairs, places=6)

    def test_few_pairs_without_a_change_are_not_certain(self):
        found = paired_answers.difference(5, 0, 0)
        self.assertLess(found["low"], -0.3)
        self.assertGreater(found["high"], 0.3)

    def test_it_covers_the_true_difference_in_about_95_of_100_cases(self):
        """Exact sums over all outcomes, for chances of gaining and losing an item; no draw."""
        pairs = 20
        for gain, loss in ((0.3, 0.1), (0.2, 0.2), (0.4, 0.05), (0.1, 0.1)):
            covered = 0.0
            for gained, lost in itertools.product(range(pairs + 1), repeat=2):
                if gained + lost > pairs:
                    continue
                ways = math.factorial(pairs) // (math.factorial(gained) * math.factorial(lost) * math.factorial(pairs - gained - lost))
                found = paired_answers.difference(pairs, gained, lost)
                if found["low"] <= gain - loss <= found["high"]:
                    covered += ways * gain ** gained * loss ** lost * (1 - gain - loss) ** (pairs - gained - lost)
            with self.subTest((gain, loss)):
                self.assertGreater(covered, 0.93)


if __name__ == "__main__":
    unittest.main()
