"""Pace: the rest of a run is guessed from what its calls took."""
from __future__ import annotations

import unittest

import support

from base import plan, suites
from measure.eta import Deadline, Eta, loads, weights

SECOND = 10 ** 9
PHASES = ("frozen-prompts", "small-eval", "parallel-same", "context-append", "context-edge")


def key(number: object, phase: str = "small-eval") -> tuple:
    return phase, number


class Guess(unittest.TestCase):
    def setUp(self):
        self.eta = Eta({("a", key(1)): 100.0, ("a", key(2)): 100.0, ("a", key(3)): 50.0, ("b", key(1)): 200.0})

    def test_nothing_is_guessed_before_anything_is_known(self):
        self.assertIsNone(self.eta.left_s())
        self.eta.done("a", [key("warm-up")], SECOND)
        self.assertIsNone(self.eta.left_s())

    def test_a_model_s_own_calls_count_and_a_new_model_is_taken_for_the_mean(self):
        self.eta.done("a", [key(1)], 10 * SECOND)                   # 0.1 s for each unit of weight
        self.assertAlmostEqual(self.eta.left_s(), 10 + 5 + 20)
        self.eta.done("b", [key(1)], 100 * SECOND)
        self.assertAlmostEqual(self.eta.left_s(), 10 + 5)

    def test_calls_of_one_wave_share_its_time(self):
        self.eta.done("a", [key(1), key(2)], 20 * SECOND)
        self.assertAlmostEqual(self.eta.left_s(), 5 + 20)

    def test_some_steps_are_predicted_by_the_calls_of_their_own_model_alone(self):
        self.assertEqual(self.eta.expected_ns("a", key(2)), 0)
        self.eta.done("a", [key(1)], 10 * SECOND)
        self.assertEqual([self.eta.expected_ns("a", key(n)) for n in (2, 3)], [10 * SECOND, 5 * SECOND])
        self.assertEqual(self.eta.expected_ns("a", key(1)), 0, "it is made already")
        self.assertEqual(self.eta.expected_ns("b", key(1)), 0)

    def test_what_is_skipped_is_not_waited_for(self):
        self.eta.done("a", [key(1)], 10 * SECOND)
        self.eta.drop("b", key(1))
        self.eta.drop("b", key(1))
        self.assertAlmostEqual(self.eta.left_s(), 10 + 5)

    def test_the_end_is_zero(self):
        for model, number in (("a", 1), ("a", 2), ("a", 3), ("b", 1)):
            self.eta.done(model, [key(number)], SECOND)
        self.assertEqual(self.eta.left_s(), 0)

    def test_thinking_has_a_pace_of_its_own_once_it_is_known(self):
        thinking = key(1, "small-eval-thinking"), key(2, "small-eval-thinking")
        eta = Eta({("a", key(1)): 10.0, ("a", key(2)): 10.0, ("a", thinking[0]): 100.0, ("a", thinking[1]): 100.0})
        eta.done("a", [key(1)], SECOND)
        self.assertEqual(eta.expected_ns("a", thinking[0]), 10 * SECOND, "at first as the plain calls")
        eta.done("a", [thinking[0]], 2 * SECOND)
        self.assertEqual(eta.expected_ns("a", thinking[1]), 2 * SECOND)
        self.assertEqual(eta.expected_ns("a", key(2)), SECOND, "the plain calls keep theirs")

    def test_a_model_that_turns_out_to_think_takes_longer(self):
        self.eta.done("a", [key(1)], 10 * SECOND)
        self.eta.reweigh({("a", key(2)): 300.0, ("a", key(1)): 300.0})
        self.assertEqual(self.eta.expected_ns("a", key(2)), 30 * SECOND)
        self.assertEqual(self.eta.expected_ns("a", key(1)), 0, "what is made stays made")


class Limit(unittest.TestCase):
    def test_what_is_left_of_the_limit_ends_at_zero(self):
        now_ns = [0]
        limited, free = (Deadline(lambda: now_ns[0], limit_s) for limit_s in (10, None))
        for now_ns[0], left_s in ((0, 10), (4 * SECOND, 6), (11 * SECOND, 0)):
            self.assertEqual(limited.left_s(), left_s)
            self.assertIsNone(free.left_s())


class Loads(unittest.TestCase):
    def setUp(self):
        self.suites = {phase: suites.load(phase) for phase in PHASES}
        self.planned = plan.blocks(["alpha:1b", "beta:3b"], PHASES, self.suites, plan.Settings())
        self.found = loads(self.planned, self.suites, plan.Settings())

    def of(self, phase: str) -> list:
        return [load for (model, key), load in self.found.items() if (model, key[0]) == ("alpha:1b", phase)]

    def test_a_conversation_reads_what_each_turn_adds_and_a_long_prompt_all_of_it(self):
        last = suites.load("context-append").items[-1].fill
        self.assertAlmostEqual(sum(load.prompt_tokens for load in self.of("context-append")), 8192 * last, delta=1)
        self.assertEqual([load.prompt_tokens for load in self.of("context-edge")],
                         [int(8192 * item.fill) for item in suites.load("context-edge").items])

    def test_an_answer_takes_its_limit_at_most(self):
        self.assertEqual({load.answer_tokens for load in self.of("frozen-prompts")},
                         {item.num_predict for item in suites.load("frozen-prompts").items})

    def test_every_planned_call_weighs_something_and_a_longer_one_more(self):
        found = weights(self.planned, self.suites, plan.Settings())
        self.assertEqual(set(found), {(one.model, one.key) for block in self.planned for one in block.steps})
        self.assertGreater(min(found.values()), 0)
        fills = [weight for (model, key), weight in found.items() if (model, key[0]) == ("alpha:1b", "context-edge")]
        self.assertEqual(fills, sorted(fills))
        self.assertGreater(fills[-1], fills[0] + 400)       # a tenth of what fills three quarters of the context

    def test_a_limit_for_all_answers_is_the_weight_of_all(self):
        loaded = {"small-eval": suites.load("small-eval")}
        found = {}
        for limit in (10, 110):
            settings = plan.Settings(num_predict=limit)
            planned = plan.blocks(["alpha:1b"], ["small-eval"], loaded, settings)
            found[limit] = weights(planned, loaded, settings)
        self.assertEqual({round(found[110][key] - found[10][key], 6) for key in found[10]}, {100})


if __name__ == "__main__":
    unittest.main()
