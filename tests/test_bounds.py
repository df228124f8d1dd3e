"""Bounds: a value that breaks its bound is never printed as if it kept it."""
from __future__ import annotations

import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import text_format
from judge import clock_checks, thresholds


class Distinct(unittest.TestCase):
    def test_as_many_decimals_as_it_takes(self):
        for value, bound, decimals, texts in ((2.0, 1.25, 2, ("2.00", "1.25")), (1.2503, 1.25, 2, ("1.2503", "1.2500")),
                                              (0.7999999, 0.8, 2, ("0.7999999", "0.8000000")), (30.4, 30, 0, ("30.4", "30.0")),
                                              (-0.01, 0, 1, ("-0.01", "0.00"))):
            with self.subTest(value=value, bound=bound):
                self.assertEqual(text_format.distinct(value, bound, decimals), texts)

    def test_equal_values_end_too(self):
        self.assertEqual(len(set(text_format.distinct(1.5, 1.5, 1))), 1)


class Decode(unittest.TestCase):
    def observed(self, ratios: list, visible: list) -> str:
        finding, = clock_checks._decode_finding(("m:1b", "small-eval"), ratios, visible)
        return finding.observed

    def test_a_ratio_just_outside_its_bounds_is_seen_to_be_outside(self):
        """1.2504 was printed as 1.25, with 0.8 to 1.25 expected."""
        least, most = thresholds.value("clock_ratio_least"), thresholds.value("clock_ratio_most")
        self.assertIn(f"takes {most + 0.0004:.4f} times", self.observed([most + 0.0004] * 3, [most + 0.0004] * 3))
        self.assertIn(f"takes {least - 0.0004:.4f} times", self.observed([least - 0.0004] * 3, [least - 0.0004] * 3))

    def test_of_two_medians_the_one_outside_is_printed(self):
        self.assertIn("takes 0.70 times", self.observed([0.7, 0.7, 0.9, 0.9], [0.7, 0.7, 0.9, 0.9]))


if __name__ == "__main__":
    unittest.main()
