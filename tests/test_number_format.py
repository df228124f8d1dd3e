"""Numbers for people: digits that count, units near, and nothing that looks more exact than it is."""
from __future__ import annotations

import unittest

import support      # noqa: F401  (puts the harness on the path)

from publish import number_format

S = number_format.THIN


class Numbers(unittest.TestCase):
    def test_figures_have_three_digits_that_count_and_thousands_apart(self):
        for value, wanted in ((None, "\u2013"), (0, "0"), (0.0, "0"), (0.0001, "0.0001"), (0.0412, "0.041"),
                              (0.5, "0.500"), (1, "1"), (1.5, "1.50"), (9.994, "9.99"),
                              (9.996, "10.0"), (10.04, "10.0"), (99.94, "99.9"), (99.96, "100"), (1234.5, "1,234"),
                              (1e6, "1,000,000"), (-3.25, "-3.25")):
            with self.subTest(value=value):
                self.assertEqual(number_format.figure(value), wanted)

    def test_times_choose_their_unit(self):
        for value, wanted in ((None, "\u2013"), (0.5, f"0.500{S}ms"), (244.4, f"244{S}ms"), (999.4, f"999{S}ms"),
                              (999.6, f"1.00{S}s"), (1554, f"1.55{S}s"), (33_400, f"33.4{S}s"),
                              (599_000, f"599{S}s"), (600_000, f"10{S}min")):
            with self.subTest(value=value):
                self.assertEqual(number_format.milliseconds(value), wanted)

    def test_sizes_choose_their_unit(self):
        for value, wanted in ((None, "\u2013"), (12, f"12{S}bytes"), (3_520, f"3.52{S}kB"), (520e6, f"520{S}MB"),
                              (4.9e9, f"4.90{S}GB"), (8e9, f"8{S}GB")):
            with self.subTest(value=value):
                self.assertEqual(number_format.gigabytes(value), wanted)

    def test_memory_has_the_size_under_which_it_is_sold(self):
        """24 GiB were shown as 25.8 GB beside the device tag that ends in 24gb."""
        for value, wanted in ((None, "\u2013"), (24 * 2 ** 30, f"24{S}GiB"), (2 ** 29, f"512{S}MiB"), (2048, f"2{S}KiB"), (5, f"5{S}bytes")):
            with self.subTest(value=value):
                self.assertEqual(number_format.memory(value), wanted)

    def test_intervals_say_a_common_unit_once_and_one_number_where_both_look_alike(self):
        self.assertEqual(number_format.between(85.6, 89.1), "85.6\u201389.1")
        self.assertEqual(number_format.between(204, 213, number_format.milliseconds), f"204\u2013213{S}ms")
        self.assertEqual(number_format.between(900, 1100, number_format.milliseconds), f"900{S}ms\u20131.10{S}s")
        self.assertEqual(number_format.between(0.601, 0.604, number_format.percent), f"60{S}%")
        self.assertEqual(number_format.between(None, 1), "\u2013")

    def test_counts_agree_with_their_nouns(self):
        self.assertEqual(number_format.counted(1, "run"), "1 run")
        self.assertEqual(number_format.counted(1200, "run"), "1,200 runs")
        self.assertEqual(number_format.counted(0, "person", "people"), "0 people")


if __name__ == "__main__":
    unittest.main()
