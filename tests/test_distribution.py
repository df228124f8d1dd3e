"""Samples: medians, quartiles and intervals that are right, the same everywhere, and made of every value."""
from __future__ import annotations

import itertools
import json
import random
import statistics
import subprocess
import unittest

import support

from derive import distribution
from derive.distribution import Sample


class Statistics(unittest.TestCase):
    def test_quartiles_are_those_of_method_seven(self):
        for n in (2, 3, 4, 5, 9, 20, 511, 5000):
            values = [random.Random(n).uniform(1, 2) for _ in range(n)]
            stat = Sample(values).stat()
            with self.subTest(n=n):
                expected = statistics.quantiles(values, n=4, method="inclusive")
                for name, value in zip(("q1", "median", "q3"), expected):
                    self.assertAlmostEqual(getattr(stat, name), value, places=4)
                self.assertEqual((stat.min, stat.max), (distribution.rounded(min(values)), distribution.rounded(max(values))))

    def test_quantiles_lie_between_order_statistics(self):
        for values, quartiles in (([7], (7, 7, 7)), ([1, 2], (1.25, 1.5, 1.75)), ([3, 1, 2], (1.5, 2, 2.5)),
                                  ([4, 1, 3, 2], (1.75, 2.5, 3.25)), ([5, 4, 3, 2, 1], (2, 3, 4)), ([2, 2, 2, 2], (2, 2, 2)),
                                  (range(101), (25, 50, 75))):
            with self.subTest(len(values)):
                self.assertEqual(tuple(distribution.quantile(sorted(values), share) for share in (0.25, 0.5, 0.75)), quartiles)

    def test_one_value_has_no_interval_and_none_has_no_stat(self):
        self.assertIsNone(Sample().stat())
        self.assertIsNone(Sample().median())
        self.assertEqual(Sample([7]).record(), {"n": 1, "median": 7, "q1": 7, "q3": 7, "min": 7, "max": 7, "low": None, "high": None})

    def test_null_is_no_value(self):
        found = Sample([None, 3, None])
        found.add(None)
        self.assertEqual(found.n, 1)

    def test_the_order_of_the_values_does_not_matter(self):
        stats = {str(Sample(order).stat()) for order in itertools.permutations([5.5, 1.25, 3, 9])}
        self.assertEqual(len(stats), 1)

    def test_the_interval_holds_the_true_median_about_as_often_as_it_says(self):
        draw, held = random.Random(7), 0
        for _ in range(400):
            stat = Sample([draw.gauss(100, 10) for _ in range(25)]).stat()
            held += stat.low <= 100 <= stat.high
        self.assertGreater(held / 400, 0.90)
        self.assertLess(held / 400, 0.99)

    def test_the_two_ways_to_an_interval_meet_where_one_takes_over(self):
        values = sorted(random.Random(3).gauss(0, 1) for _ in range(distribution.MAX_RESAMPLED + 1))
        resampled = Sample(values[:-1]).stat()
        ordered = Sample(values).stat()
        self.assertAlmostEqual(resampled.low, ordered.low, delta=0.1)
        self.assertAlmostEqual(resampled.high, ordered.high, delta=0.1)

    def test_above_and_split_count_alike(self):
        for n in (10, 5000):
            found = Sample(range(n))
            low, high = found.split(n / 2)
            with self.subTest(n=n):
                self.assertEqual(found.above(n / 2), high.n)
                self.assertEqual(low.n + high.n, n)
                self.assertAlmostEqual(high.n, n / 2, delta=n * 0.01 + 1)


class Sameness(unittest.TestCase):
    def test_the_draw_is_the_one_that_every_python_gives(self):
        # Golden: what Python 3.9 to 3.14 print. If this changes, every metadata.json in the catalogue does.
        self.assertEqual(sorted(distribution.resampled(4).items())[:3], [((0, 0), 47), ((0, 1), 105), ((0, 2), 72)])
        stat = Sample([10.1, 11.7, 9.9, 12.4, 10.8, 10.2]).stat()
        self.assertEqual((stat.low, stat.high), (10.05, 12.05))

    def test_ranks_that_were_drawn_before_are_those_that_would_be_drawn(self):
        rows = json.loads(distribution.USUAL_RANKS.read_bytes())
        self.assertEqual(list(rows), [str(n) for n in range(2, len(rows) + 2)])
        for n in map(int, rows):
            with self.subTest(n=n):
                self.assertEqual(distribution.resampled(n), distribution.drawn_ranks(n))

    def test_another_process_with_another_hash_seed_says_the_same(self):
        code = ("import sys; sys.path.insert(0, sys.argv[1])\nfrom derive.distribution import Sample\n"
                "print(Sample(n * 0.37 % 5 for n in range(3000)).stat())")
        said = {subprocess.run([*support.PYTHON, "-c", code, str(support.HARNESS)], stdout=subprocess.PIPE, check=True,
                               env={"PYTHONHASHSEED": seed}).stdout for seed in ("0", "1", "2")}
        self.assertEqual(len(said), 1)

    def test_figures_are_rounded_to_six_digits_and_whole_numbers_are_whole(self):
        for value, told in ((1234567.8, 1234570), (0.123456789, 0.123457), (3.0, 3), (0, 0), (None, None), (-2.5, -2.5)):
            with self.subTest(value):
                self.assertEqual(distribution.rounded(value), told)
                self.assertIs(type(distribution.rounded(value)), type(told))


if __name__ == "__main__":
    unittest.main()
