"""Figures: each formula against numbers worked out by hand, each minimum, and each case that has no figure."""
from __future__ import annotations

import unittest

import support

from base.ledger_records import CallRecord, typed
from derive import call_metrics
from support import record

MS = 10 ** 6


def call(**changes: object) -> CallRecord:
    """A measured call of 101 tokens: prompt of 200 in 0.1 s, 100 steps in 2 s; all by the server's clock but the stamps."""
    return typed(record("call", **{
        "role": "measured", "outcome": "ok", "done_reason": "stop", "start_ns": 1000 * MS, "first_text_ns": 150 * MS,
        "first_answer_ns": 250 * MS, "last_text_ns": 2130 * MS, "done_ns": 2160 * MS, "end_ns": 2161 * MS,
        "total_ns": 2150 * MS, "load_ns": 5 * MS, "prompt_tokens": 200, "prompt_eval_ns": 100 * MS, "eval_tokens": 101,
        "eval_ns": 2000 * MS, **changes}))


def spans(*times: tuple) -> list:
    """Calls that start at 0 and have their text from .. to, in ms."""
    return [call(start_ns=0, first_text_ns=first * MS, last_text_ns=last * MS) for first, last in times]


class Bunched(unittest.TestCase):
    """100 texts, one each 20 ms by the server's counters; the first is heard 150 ms after the request."""

    def is_bunched(self, *gaps_us: int, **changes: object) -> bool:
        return call_metrics.is_bunched(call(text_chunks=100, gaps_us=[*gaps_us] + [20_000] * (99 - len(gaps_us)), **changes))

    def test_texts_that_were_read_together_with_the_first_make_it_late(self):
        for gaps_us, late in (((), False), ((0,), True), ((900, 3), True), ((1100,), False), ((20_000, 0, 0, 0), False), ((0,) * 99, True)):
            with self.subTest(gaps_us[:4]):
                self.assertIs(self.is_bunched(*gaps_us), late)

    def test_it_is_the_share_of_the_time_to_first_text_that_counts(self):
        self.assertIs(self.is_bunched(0, first_text_ns=199 * MS), True)
        self.assertIs(self.is_bunched(0, first_text_ns=201 * MS), False)
        self.assertIs(self.is_bunched(0, 0, first_text_ns=201 * MS), True)

    def test_what_is_too_short_or_has_no_counter_says_nothing_but_one_read_of_all_does(self):
        self.assertIs(self.is_bunched(0, eval_tokens=15), False)
        self.assertIs(self.is_bunched(0, eval_ns=None), False)
        self.assertIs(self.is_bunched(*[0] * 99, eval_ns=None, last_text_ns=150 * MS), True)
        self.assertIs(call_metrics.is_bunched(call(text_chunks=1, gaps_us=[], last_text_ns=150 * MS)), False)


class Counted(unittest.TestCase):
    def test_which_records_a_speed_figure_uses(self):
        for changes, used in (({}, True), ({"outcome": "length"}, True), ({"outcome": "empty"}, False),
                              ({"outcome": "refused"}, False), ({"outcome": "error"}, False), ({"outcome": "cut"}, False),
                              ({"outcome": "timeout"}, False), ({"outcome": "stalled"}, False),
                              ({"outcome": "interrupted"}, False), ({"role": "warmup"}, False),
                              ({"role": "calibration"}, False)):
            with self.subTest(changes):
                self.assertIs(call(**changes).has_speed, used)


class Waiting(unittest.TestCase):
    def test_first_text_and_first_answer_are_told_apart(self):
        self.assertEqual(call_metrics.ttft_ms(call()), 150)
        self.assertEqual(call_metrics.first_answer_ms(call()), 250)

    def test_no_text_no_time(self):
        self.assertIsNone(call_metrics.ttft_ms(call(first_text_ns=None)))
        self.assertIsNone(call_metrics.first_answer_ms(call(first_answer_ns=None)))
        self.assertEqual(call_metrics.ttft_ms(call(first_text_ns=0)), 0)

    def test_what_is_neither_loading_nor_prefill_nor_decode(self):
        self.assertEqual(call_metrics.overhead_ms(call()), 2150 - 5 - 100 - 2000)
        self.assertEqual(call_metrics.overhead_ms(call(load_ns=None, eval_ns=None)), 2150 - 100)
        self.assertIsNone(call_metrics.overhead_ms(call(total_ns=None)))


class Decode(unittest.TestCase):
    def test_n_tokens_are_n_minus_1_steps_apart(self):
        self.assertEqual(call_metrics.decode_tok_s(call()), 50)
        self.assertEqual(call_metrics.decode_tok_s(call(), None), 50)
        self.assertEqual(call_metrics.decode_tok_s(call(done_reason="length")), 50)

    def test_the_runner_for_safetensors_counts_n_steps(self):
        self.assertEqual(call_metrics.decode_tok_s(call(eval_tokens=100), "safetensors"), 50)

    def test_sixteen_tokens_are_the_least(self):
        self.assertEqual(call_metrics.decode_tok_s(call(eval_tokens=16, eval_ns=300 * MS)), 50)
        for model_format in ("gguf", "safetensors"):
            self.assertIsNone(call_metrics.decode_tok_s(call(eval_tokens=15, eval_ns=300 * MS), model_format))

    def test_without_counts_there_is_no_rate(self):
        for changes in ({"eval_tokens": None}, {"eval_tokens": 0}, {"eval_ns": None}, {"eval_ns": 0}):
            with self.subTest(changes):
                self.assertIsNone(call_metrics.decode_tok_s(call(**changes)))

    def test_by_the_client_s_clock_an_end_token_is_counted_and_never_shown(self):
        # 101 tokens, the first at 150 ms: 99 more were shown until 2130 ms when the last was the end token.
        self.assertEqual(call_metrics.client_decode_tok_s(call()), 50)
        self.assertEqual(call_metrics.client_decode_tok_s(call(done_reason="length", eval_tokens=100)), 50)
        self.assertEqual(call_metrics.client_decode_tok_s(call(done_reason=None, eval_tokens=100)), 50)
        self.assertEqual(call_metrics.client_decode_tok_s(call(eval_tokens=100), "safetensors"), 50)

    def test_the_client_needs_two_moments_and_sixteen_tokens(self):
        for changes in ({"eval_tokens": 15}, {"eval_tokens": None}, {"first_text_ns": None, "last_text_ns": None},
                        {"last_text_ns": 150 * MS}, {"last_text_ns": None}):
            with self.subTest(changes):
                self.assertIsNone(call_metrics.client_decode_tok_s(call(**changes)))
        self.assertIsNotNone(call_metrics.client_decode_tok_s(call(eval_tokens=16)))


class Prefill(unittest.TestCase):
    def test_cached_tokens_do_not_count(self):
        for cached, head, rate in ((None, 0, 2000), (None, 100, 1000), (0, None, 2000), (100, None, 1000), (100, 7, 1000),
                                   (0, 100, 2000)):
            with self.subTest(f"{cached} {head}"):
                self.assertEqual(call_metrics.prefill_tok_s(call(cached_tokens=cached), head), rate)

    def test_sixty_four_tokens_are_the_least(self):
        self.assertEqual(call_metrics.prefill_tok_s(call(cached_tokens=136), None), 640)
        self.assertIsNone(call_metrics.prefill_tok_s(call(cached_tokens=137), None))
        self.assertIsNone(call_metrics.prefill_tok_s(call(), 137))

    def test_without_what_it_divides_there_is_no_rate(self):
        for changes, head in (({}, None), ({"prompt_tokens": None}, 0), ({"prompt_eval_ns": None}, 0),
                              ({"prompt_eval_ns": 0}, 0), ({"prompt_tokens": 0}, 0)):
            with self.subTest(changes):
                self.assertIsNone(call_metrics.prefill_tok_s(call(**changes), head))

    def test_the_basis_says_how_the_cached_tokens_are_known(self):
        self.assertEqual(call_metrics.prefill_basis(call()), "nonce")
        self.assertEqual(call_metrics.prefill_basis(call(cached_tokens=0)), "server")
        self.assertEqual(call_metrics.prefill_basis(call(cached_tokens=5), appended=True), "append")


class Appended(unittest.TestCase):
    def rate(self, first_turn_tok_s: float | None = 2000.0, **changes: object) -> float | None:
        before = call(prompt_tokens=changes.pop("earlier", 1000))
        record = call(**{"prompt_tokens": 2000, "prompt_eval_ns": 500 * MS, "cached_tokens": None, **changes})
        return call_metrics.appended_tok_s(record, before, first_turn_tok_s)

    def test_without_a_cached_count_the_rate_agrees_with_the_first_turn_s_or_is_none(self):
        for prefill_ms, rate in ((500, 2000), (580, 1724.1), (440, 2272.7), (600, None), (420, None), (1000, None)):
            with self.subTest(prefill_ms):
                found = self.rate(prompt_eval_ns=prefill_ms * MS)
                self.assertEqual(found if found is None else round(found, 1), rate)
        self.assertIsNone(self.rate(None))

    def test_with_a_cached_count_it_is_of_what_was_computed(self):
        for cached, rate in ((1000, 2000), (0, 4000), (1936, 128), (1937, None), (2000, None)):
            with self.subTest(cached):
                self.assertEqual(self.rate(None, cached_tokens=cached), rate)

    def test_without_what_it_divides_there_is_no_rate(self):
        for changes in ({"earlier": None}, {"prompt_tokens": None}, {"prompt_eval_ns": None}, {"prompt_eval_ns": 0},
                        {"prompt_tokens": 1063}):
            with self.subTest(changes):
                self.assertIsNone(self.rate(**changes))


class Waves(unittest.TestCase):
    def test_all_tokens_over_first_sent_to_last_done(self):
        wave = [call(start_ns=1000 * MS, done_ns=2000 * MS, eval_tokens=100),
                call(start_ns=1010 * MS, done_ns=3990 * MS, eval_tokens=300, outcome="length")]
        self.assertEqual(call_metrics.wave_tok_s(wave), 100)
        self.assertEqual(call_metrics.wave_tok_s(wave[::-1]), 100)
        self.assertEqual(call_metrics.wave_tok_s(wave[:1]), 50)

    def test_a_wave_that_is_not_whole_has_no_rate(self):
        good = call()
        for wave in ([], [good, call(outcome="cut", done_ns=None)], [good, call(outcome="empty")],
                     [good, call(eval_tokens=None)], [good, call(eval_tokens=0)], [call(done_ns=0)]):
            self.assertIsNone(call_metrics.wave_tok_s(wave))

    def test_one_at_a_time_is_1_and_four_at_once_are_4(self):
        for why, wave, parallelism in (
                ("one after the other", spans((0, 100), (100, 200), (250, 300), (300, 400)), 1.0),
                ("all at once", spans(*[(10, 110)] * 4), 4.0),
                ("two of half length beside one", spans((0, 100), (0, 50), (50, 100)), 2.0),
                ("an overlap of a third", spans((0, 100), (50, 150)), 4 / 3),
                ("alone", spans((5, 9)), 1.0)):
            with self.subTest(why):
                self.assertAlmostEqual(call_metrics.effective_parallelism(wave), parallelism)

    def test_spans_stand_on_the_session_s_clock(self):
        one, other = spans((0, 100), (0, 100))
        other = other._replace(start_ns=100 * MS)
        self.assertEqual(call_metrics.effective_parallelism([one, other]), 1.0)
        self.assertEqual(call_metrics.decode_span(other), (100 * MS, 200 * MS))

    def test_without_any_stretch_of_text_there_is_no_parallelism(self):
        silent = call(first_text_ns=None, last_text_ns=None)
        self.assertIsNone(call_metrics.decode_span(silent))
        for wave in ([], [silent], spans((5, 5))):
            self.assertIsNone(call_metrics.effective_parallelism(wave))
        self.assertEqual(call_metrics.effective_parallelism([silent] + spans((0, 10))), 1.0)

    def test_a_short_answer_beside_a_long_one_is_not_one_after_the_other(self):
        """Two models at once, 48 and 192 tokens, once counted as serialised: their mean number of spans was 1.18."""
        for times, share, serialised in (
                (((0, 100), (0, 18)), 1, False), (((0, 100), (100, 118)), 0, True), (((0, 100), (82, 182)), 0.18, True),
                (((0, 100), (60, 160)), 0.4, False), (((0, 100),), None, None), ((), None, None),
                (((0, 100), (0, 100), (100, 200), (100, 200)), 2 / 3, False)):
            with self.subTest(times):
                found = call_metrics.overlap(spans(*times))
                self.assertAlmostEqual(-1 if found is None else found, -1 if share is None else share)
                self.assertIs(call_metrics.is_serialised(found), serialised)


if __name__ == "__main__":
    unittest.main()
