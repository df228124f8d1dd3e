"""Pace: the rest of a run is guessed from what its calls took."""
from __future__ import annotations

import unittest

import support

from measure.pace import Pace, weight

SECOND = 10 ** 9


class Guess(unittest.TestCase):
    def setUp(self):
        self.pace = Pace({("a", 1): 100.0, ("a", 2): 100.0, ("a", 3): 50.0, ("b", 1): 200.0})

    def test_nothing_is_guessed_before_anything_is_known(self):
        self.assertIsNone(self.pace.left_s())
        self.pace.done("a", ["warm-up"], SECOND)
        self.assertIsNone(self.pace.left_s())

    def test_a_model_s_own_calls_count_and_a_new_model_is_taken_for_the_mean(self):
        self.pace.done("a", [1], 10 * SECOND)                   # 0.1 s for each unit of weight
        self.assertAlmostEqual(self.pace.left_s(), 10 + 5 + 20)
        self.pace.done("b", [1], 100 * SECOND)
        self.assertAlmostEqual(self.pace.left_s(), 10 + 5)

    def test_calls_of_one_wave_share_its_time(self):
        self.pace.done("a", [1, 2], 20 * SECOND)
        self.assertAlmostEqual(self.pace.left_s(), 5 + 20)

    def test_some_steps_are_foretold_by_the_calls_of_their_own_model_alone(self):
        self.assertEqual(self.pace.expected_ns("a", [2, 3]), 0)
        self.pace.done("a", [1], 10 * SECOND)
        self.assertEqual(self.pace.expected_ns("a", [2, 3]), 15 * SECOND)
        self.assertEqual(self.pace.expected_ns("a", [1]), 0, "it is made already")
        self.assertEqual(self.pace.expected_ns("b", [1]), 0)

    def test_what_is_skipped_is_not_waited_for(self):
        self.pace.done("a", [1], 10 * SECOND)
        self.pace.drop("b", 1)
        self.pace.drop("b", 1)
        self.assertAlmostEqual(self.pace.left_s(), 10 + 5)

    def test_the_end_is_zero(self):
        for model, key in (("a", 1), ("a", 2), ("a", 3), ("b", 1)):
            self.pace.done(model, [key], SECOND)
        self.assertEqual(self.pace.left_s(), 0)

    def test_a_call_weighs_its_limit_and_a_tenth_of_its_prompt(self):
        self.assertEqual(weight(1000, 128), 228)


if __name__ == "__main__":
    unittest.main()
