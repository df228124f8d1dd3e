"""Samples: medians, quartiles and intervals that are right, the same everywhere, and of a size that does not grow."""
from __future__ import annotations

import itertools
import math
import random
import statistics
import subprocess
import sys
import unittest

import support

from derive import distribution
from derive.distribution import Sample


def sampled(values) -> Sample:
    found = Sample()
    found.extend(values)
    return found


class Statistics(unittest.TestCase):
    def test_quartiles_are_those_of_method_seven(self):
        for n in (2, 3, 4, 5, 9, 20, 511):
            values = [random.Random(n).uniform(1, 2) for _ in range(n)]
            stat = sampled(values).stat()
            with self.subTest(n=n):
                expected = statistics.quantiles(values, n=4, method="inclusive")
                for name, value in zip(("q1", "median", "q3"), expected):
                    self.assertAlmostEqual(stat[name], value, places=4)
                self.assertEqual((stat["min"], stat["max"]), (distribution.rounded(min(values)), distribution.rounded(max(values))))

    def test_one_value_has_no_interval_and_none_has_no_stat(self):
        self.assertIsNone(Sample().stat())
        self.assertIsNone(Sample().median())
        stat = sampled([7]).stat()
        self.assertEqual(stat, {"n": 1, "median": 7, "q1": 7, "q3": 7, "min": 7, "max": 7, "low": None, "high": None})

    def test_null_is_no_value(self):
        found = sampled([None, 3, None])
        found.add(None)
        self.assertEqual(found.n, 1)

    def test_the_order_of_the_values_does_not_matter(self):
        stats = {str(sampled(order).stat()) for order in itertools.permutations([5.5, 1.25, 3, 9])}
        self.assertEqual(len(stats), 1)

    def test_the_interval_holds_the_true_median_about_as_often_as_it_says(self):
        draw, held = random.Random(7), 0
        for _ in range(400):
            stat = sampled([draw.gauss(100, 10) for _ in range(25)]).stat()
            held += stat["low"] <= 100 <= stat["high"]
        self.assertGreater(held / 400, 0.90)
        self.assertLess(held / 400, 0.99)

    def test_the_two_ways_to_an_interval_meet_where_one_takes_over(self):
        values = sorted(random.Random(3).gauss(0, 1) for _ in range(distribution.MAX_RESAMPLED + 1))
        resampled = sampled(values[:-1]).stat()
        ordered = sampled(values).stat()
        self.assertAlmostEqual(resampled["low"], ordered["low"], delta=0.1)
        self.assertAlmostEqual(resampled["high"], ordered["high"], delta=0.1)

    def test_above_and_split_count_alike(self):
        for n in (10, 5000):
            found = sampled(range(n))
            low, high = found.split(n / 2)
            with self.subTest(n=n):
                self.assertEqual(found.above(n / 2), high.n)
                self.assertEqual(low.n + high.n, n)
                self.assertAlmostEqual(high.n, n / 2, delta=n * 0.01 + 1)


    def test_two_samples_together_are_the_sample_of_all_their_values(self):
        for few, many in ((3, 5), (0, 4), (5, 2000), (2000, 3), (900, 1500)):
            ones, others = [n % 50 + 1.5 for n in range(few)], [n % 70 + 0.5 for n in range(many)]
            together = sampled(ones)
            together.merge(sampled(others))
            with self.subTest(few=few, many=many):
                self.assertEqual(together.n, few + many)
                for name, value in sampled(ones + others).stat().items():
                    self.assertAlmostEqual(together.stat()[name], value, delta=0.002 * value)


class Size(unittest.TestCase):
    def test_many_values_are_kept_to_a_tenth_of_a_percent_in_bounded_memory(self):
        draw = random.Random(5)
        values = [draw.uniform(10, 40) for _ in range(50_000)]
        found = Sample()
        for value in values:
            found.add(value)
        stat = found.stat()
        self.assertEqual(stat["n"], len(values))
        for name, value in zip(("q1", "median", "q3"), statistics.quantiles(values, n=4, method="inclusive")):
            self.assertAlmostEqual(stat[name], value, delta=0.0015 * value)
        self.assertEqual((stat["min"], stat["max"]), (distribution.rounded(min(values)), distribution.rounded(max(values))))
        self.assertLess(len(found._buckets), 3 * distribution.GRAIN)
        self.assertLessEqual(len(found._values), distribution.MAX_EXACT)

    def test_a_bucket_keeps_order_sign_and_a_tenth_of_a_percent(self):
        values = sorted([0, 5e-324, 1e-9, 0.1, 0.4999, 0.5, 1, 3, 1e6, 1e300, -1e-9, -2, -1e9, 12345.678])
        self.assertEqual(sorted(values, key=distribution.bucket), values)
        for value in values:
            with self.subTest(value):
                middle = distribution.middle(distribution.bucket(value))
                self.assertEqual(math.copysign(1, middle), math.copysign(1, value))
                if abs(value) > 1e-300:
                    self.assertAlmostEqual(middle / value if value else 1, 1, delta=0.001)


class Sameness(unittest.TestCase):
    def test_the_draw_is_the_one_that_every_python_gives(self):
        # Golden: what Python 3.9 to 3.14 print. If this changes, every metadata.json in the catalogue does.
        self.assertEqual(sorted(distribution.resampled(4))[:3], [((0, 0), 47), ((0, 1), 105), ((0, 2), 72)])
        stat = sampled([10.1, 11.7, 9.9, 12.4, 10.8, 10.2]).stat()
        self.assertEqual((stat["low"], stat["high"]), (10.05, 12.05))

    def test_another_process_with_another_hash_seed_says_the_same(self):
        code = ("import sys; sys.path.insert(0, sys.argv[1])\nfrom derive.distribution import Sample\n"
                "s = Sample(); s.extend(n * 0.37 % 5 for n in range(3000)); print(s.stat())")
        said = {subprocess.run([sys.executable, "-c", code, str(support.HARNESS)], stdout=subprocess.PIPE, check=True,
                               env={"PYTHONHASHSEED": seed}).stdout for seed in ("0", "1", "2")}
        self.assertEqual(len(said), 1)

    def test_figures_are_rounded_to_six_digits_and_whole_numbers_are_whole(self):
        for value, told in ((1234567.8, 1234570), (0.123456789, 0.123457), (3.0, 3), (0, 0), (None, None), (-2.5, -2.5)):
            with self.subTest(value):
                self.assertEqual(distribution.rounded(value), told)
                self.assertIs(type(distribution.rounded(value)), type(told))


if __name__ == "__main__":
    unittest.main()
