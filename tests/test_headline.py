"""The headline: a row for each model and phase, whose figures say how many calls they are of."""
from __future__ import annotations

import unittest

import support

from base import console
from base.ledger_records import typed
from derive import headline
from support import record

MS = 10 ** 6
FORMATS = {"alpha:1b": "gguf", "beta:3b": "safetensors"}


def call(model: str = "alpha:1b", phase: str = "small-eval", **changes: object) -> dict:
    """A measured call: first text after 100 ms, 100 steps in 2 s, and 414 prompt tokens in 0.1 s."""
    return record("call", **{
        "model": model, "phase": phase, "role": "measured", "outcome": "ok", "first_text_ns": 100 * MS, "prompt_tokens": 414,
        "prompt_eval_ns": 100 * MS, "eval_tokens": 101, "eval_ns": 2000 * MS, **changes})


def head(tokens: int | None, model: str = "alpha:1b") -> dict:
    found = {"thinks_by_default": False} if tokens is None else {"head_tokens": tokens}
    return record("call", role="calibration", model=model, phase="calibration", finding=found)


def row(*records: dict) -> dict:
    """The one row of these records, by title."""
    rows = headline.rows(map(typed, records), FORMATS)
    assert len(rows) == 1, rows
    return dict(zip(headline.TITLES, rows[0]))


class Rows(unittest.TestCase):
    def test_models_and_phases_stand_in_the_order_of_their_first_record(self):
        records = [record("meta"), call("beta:3b", "frozen-prompts"), call("alpha:1b", "small-eval"),
                   record("skipped", model="alpha:1b", phase="context-edge"), call("beta:3b", "small-eval"),
                   call("beta:3b", "frozen-prompts"), record("footer")]
        self.assertEqual([tuple(found[:3]) for found in headline.rows(map(typed, records), FORMATS)], [
            ("beta:3b", "frozen-prompts", 2), ("alpha:1b", "small-eval", 1), ("alpha:1b", "context-edge", 0),
            ("beta:3b", "small-eval", 1)])

    def test_every_title_has_its_cell(self):
        for found in headline.rows([call(), record("skipped", model="x", phase="y")], FORMATS):
            self.assertEqual(len(found), len(headline.TITLES))

    def test_warm_ups_and_calibration_make_no_row(self):
        self.assertEqual(headline.rows([record("meta"), call(role="warmup"), head(14), record("footer")], FORMATS), [])
        self.assertEqual(headline.rows([], FORMATS), [])

    def test_records_are_read_in_one_pass(self):
        records = iter((record("meta"), call(), call(phase="python-tasks")))
        self.assertEqual(len(headline.rows(map(typed, records), FORMATS)), 2)


class Figures(unittest.TestCase):
    def test_medians_stand_with_their_number(self):
        found = row(head(14), call(), call(first_text_ns=300 * MS, eval_ns=1000 * MS), call(first_text_ns=110 * MS))
        self.assertEqual(found, {"model": "alpha:1b", "phase": "small-eval", "calls": 3, "failed": 0, "skipped": 0,
                                 "TTFT ms": "110.0 (n=3)", "prefill tok/s": "4000.0 (n=3)", "decode tok/s": "50.0 (n=3)"})

    def test_a_runner_that_counts_every_step_is_read_as_one(self):
        self.assertEqual(row(call("beta:3b"))["decode tok/s"], "50.5 (n=1)")

    def test_failures_are_counted_and_stand_in_no_figure(self):
        for outcome in ("empty", "refused", "error", "cut", "timeout", "stalled", "interrupted"):
            with self.subTest(outcome):
                found = row(head(14), call(), call(outcome=outcome, first_text_ns=9000 * MS, eval_ns=1 * MS, prompt_eval_ns=1))
                self.assertEqual((found["calls"], found["failed"]), (2, 1))
                self.assertEqual((found["TTFT ms"], found["prefill tok/s"], found["decode tok/s"]),
                                 ("100.0 (n=1)", "4000.0 (n=1)", "50.0 (n=1)"))

    def test_an_answer_cut_by_its_limit_is_no_failure(self):
        found = row(call(outcome="length"))
        self.assertEqual((found["failed"], found["decode tok/s"]), (0, "50.0 (n=1)"))

    def test_skipped_calls_are_counted_apart(self):
        found = row(call(), *[record("skipped", model="alpha:1b", phase="small-eval")] * 2)
        self.assertEqual((found["calls"], found["failed"], found["skipped"]), (1, 0, 2))

    def test_where_nothing_can_be_said_a_hyphen_is_shown(self):
        short = {"eval_tokens": 5, "prompt_tokens": 20}
        for what, records, figures in (
                ("all failed", [call(outcome="cut")], [None, None, None]),
                ("all skipped", [record("skipped", model="alpha:1b", phase="small-eval")], [None, None, None]),
                ("too short for rates", [head(14), call(**short)], ["100.0 (n=1)", None, None]),
                ("no counters", [head(14), call(eval_ns=None, prompt_eval_ns=None)], ["100.0 (n=1)", None, None]),
                ("an unknown head", [call()], ["100.0 (n=1)", None, "50.0 (n=1)"])):
            with self.subTest(what):
                rows = headline.rows(map(typed, records), FORMATS)
                self.assertEqual(rows[0][5:], figures)
                line = console.format_table(headline.TITLES, rows).splitlines()[1]
                self.assertEqual(line.split().count("-"), figures.count(None))
                self.assertNotIn("None", line)

    def test_each_figure_has_an_n_of_its_own(self):
        found = row(head(14), call(), call(eval_tokens=5), call(eval_tokens=5, prompt_tokens=20))
        self.assertEqual((found["TTFT ms"], found["prefill tok/s"], found["decode tok/s"]),
                         ("100.0 (n=3)", "4000.0 (n=2)", "50.0 (n=1)"))


class Prefill(unittest.TestCase):
    def test_a_model_s_own_head_is_taken_off_from_where_it_was_found(self):
        records = [call(), head(14), call(), head(214, "beta:3b"), head(None), call(), call("beta:3b")]
        self.assertEqual([found[6] for found in headline.rows(map(typed, records), FORMATS)], ["4000.0 (n=2)", "2000.0 (n=1)"])

    def test_a_cached_count_that_the_server_tells_goes_first(self):
        self.assertEqual(row(head(14), call(cached_tokens=214))["prefill tok/s"], "2000.0 (n=1)")

    def test_a_conversation_s_turns_have_none_here(self):
        """Their prefix is cached by intent; over the template's head alone the rate would be many times too high."""
        self.assertIsNone(row(head(14), call(phase="context-append"))["prefill tok/s"])


if __name__ == "__main__":
    unittest.main()
