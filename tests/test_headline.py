"""The headline figures: each from the one place that the table names, the same in a run's end table and in a review."""
from __future__ import annotations

import unittest
from unittest import mock

import ledgers
import support  # noqa: F401  (puts the harness on the path)
from ledgers import call, footer, meta

import prompts
from base import records, text_layout
from base.phases import PHASES
from base.records import METRICS
from derive import earlier_methods, headline, summary
from judge import review, tree_layout

PROMPTS = (("P-EASY", 10, 300), ("P-MEDIUM", 30, 600), ("P-HARD", 90, 1200))        # with TTFT in ms and prompt tokens


def frozen(pass_: str = "first", ttft_factor: float = 1, **changes: object) -> list:
    return [call(ttft_ms=ttft_ms * ttft_factor, prompt=tokens, prefill_tok_s=1000 + tokens, phase="frozen-prompts", item=item,
                 **{"pass": pass_, **changes}) for item, ttft_ms, tokens in PROMPTS]


def metadata(*calls: dict) -> dict:
    head = call(role="calibration", phase="calibration", item="CAL", finding={"head_tokens": 0})
    return summary.summarize(ledgers.manifest(), ledgers.typed([meta(), head, *calls, footer(len(calls))]), {}, None)


class Table(unittest.TestCase):
    def test_each_figure_is_a_metric_of_a_phase_and_prompt_that_exist(self):
        items = {prompt.id for prompt in prompts.PROMPTS}
        for name, place in headline.HEADLINE.items():
            with self.subTest(name):
                self.assertIn(name, METRICS)
                self.assertIn(place.phase, PHASES)
                self.assertIn(place.item, items | {None})

    def test_the_table_of_a_run_without_frozen_prompts_says_so(self):
        self.assertIn("medians of the frozen prompts", headline.explanation(metadata(*frozen())))
        self.assertIn("this run left out the frozen prompts", headline.explanation(metadata(call())))

    def test_each_figure_comes_from_its_own_prompt_in_the_first_pass(self):
        row, = headline.rows(metadata(*frozen(), *frozen("last", 7)))
        self.assertEqual(dict(zip(headline.TITLES, row)), {
            "model": "m:1b", "phase": "frozen-prompts", "calls": 6, "failed": 0, "right": None, "decode tok/s": "100 (n=3)",
            "TTFT ms (P-MEDIUM)": "30.0 (n=1)", "prefill tok/s (P-HARD)": "2200 (n=1)"})

    def test_the_review_shows_the_same_numbers_as_the_end_table(self):
        found = metadata(*frozen(), *frozen("last", 7))
        path = "submissions/ana/mac-m1-8gb/run-0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
        figures, = review.sheet(tree_layout.place_of_run(path), None, None, found).figures
        for name, stat in figures.stats.items():
            self.assertEqual(stat, headline.stat_of(name, {"frozen-prompts": found["aggregates"][0]}))

    def test_other_phases_are_counted_and_have_no_headline_figure(self):
        rows = headline.rows(metadata(call(), call(item="5Q-Q02", outcome="cut"), *frozen()))
        self.assertEqual(rows[0], ["m:1b", "small-eval", 2, 1, None, "-", "-", "-"])
        self.assertIn("small-eval", text_layout.format_table(headline.TITLES, rows))

    def test_the_table_has_a_line_for_each_phase_in_eighty_columns_with_skipped_and_ungraded_calls_and_a_long_phase(self):
        frozen_row, other = metadata(*frozen(), call())["aggregates"]
        quality = {"n": 0, "passed": 0, "ungraded": 20, "censored": 0}
        rows = headline.rows({"aggregates": [frozen_row, {**other, "calls": 14, "skips": {"time-limit": 6}, "quality": quality},
                                             {**other, "phase": "parallel-same-thinking", "model": "a-long-name-of-a-model:7b-instruct", "quality": quality}]})
        with mock.patch.dict("os.environ", COLUMNS="80"):
            lines = text_layout.format_table(headline.TITLES, rows, whole=(1,)).split("\n")
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertEqual(sum("failed" in line for line in lines), 1)      # one head, not one for each row

    def test_calls_are_of_those_planned_where_some_were_skipped(self):
        aggregate = metadata(call())["aggregates"][0]
        self.assertEqual(headline.rows({"aggregates": [{**aggregate, "calls": 14, "skips": {"time-limit": 3, "wave-broken": 1}}]})[0][2], "14 of 18")

    def test_right_answers_are_of_those_graded_and_where_none_was_the_table_says_why(self):
        cases = (({"n": 5, "passed": 2, "ungraded": 0, "censored": 0}, "2 of 5"), ({"n": 3, "passed": 0, "ungraded": 2, "censored": 1}, "0 of 3"),
                 ({"n": 0, "passed": 0, "ungraded": 9, "censored": 3}, "9 ungraded"), ({"n": 0, "passed": 0, "ungraded": 0, "censored": 0}, None))
        aggregate = metadata(call())["aggregates"][0]
        for quality, text in cases:
            with self.subTest(text):
                self.assertEqual(headline.rows({"aggregates": [{**aggregate, "quality": quality}]})[0][4], text)

    def test_where_a_prompt_failed_its_figure_is_unknown(self):
        row, = headline.rows(metadata(*frozen(outcome="error")))
        self.assertEqual(row[2:], [3, 3, None, "-", "-", "-"])

    def test_an_answer_cut_by_its_limit_is_not_a_failure(self):
        row, = headline.rows(metadata(*frozen(outcome="length")))
        self.assertEqual(row[2:4], [3, 0])

    def test_skipped_calls_are_counted_by_reason_in_words(self):
        rows = [{"skips": {"time-limit": 60}}, {"skips": {"time-limit": 50, "not-loaded-together": 80}}, {"skips": {}}]
        self.assertEqual(headline.skip_reasons({"aggregates": rows}), "110 because the time given with --time-limit is used up, "
                         "80 because the server does not keep the phase's models loaded at the same time")
        self.assertEqual(headline.skip_reasons({"aggregates": rows[2:]}), "")

    def test_warnings_are_one_line_for_each_kind(self):
        rows = [{"code": "bunched", "model": "m:1b", "phase": "small-eval", "level": None},
                {"code": "bunched", "model": "m:1b", "phase": "parallel-same", "level": 2},
                {"code": "bunched", "model": "n:3b", "phase": None, "level": None},
                {"code": "reload", "model": None, "phase": None, "level": None}]
        for version, meaning in (("1.2.0", records.WARNINGS["reload"]), ("1.1.0", earlier_methods.TEXTS_UNTIL_1_1["reload"])):
            self.assertEqual(headline.warning_lines({"harness_version": version}, rows), [
                f"warning: bunched: m:1b (small-eval, parallel-same x2); n:3b: {records.WARNINGS['bunched']}",
                f"warning: reload: whole run: {meaning}"])


if __name__ == "__main__":
    unittest.main()
