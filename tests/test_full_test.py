"""The self-test's verdict: what is wrong fails it, what a busy machine blurred is told apart."""
from __future__ import annotations

import unittest
from dataclasses import replace
from unittest import mock

import support  # noqa: F401  (puts the harness on the path)

from base import ledger_records
from base.errors import FINE, FOUND
from self_test import checks, full_test, scenarios
from self_test.checks import CheckLine
from support import record

GOOD = CheckLine("a", "1", "1", True)
LATE = CheckLine("b: TTFT", "1", "9", False, timed=True)
WRONG = CheckLine("c: tokens", "1", "2", False)


def load(share: float | None) -> object:
    """A record of a load, before which others used this share of the processors."""
    conditions = record("conditions", background_cpu_share=share)
    return ledger_records.typed(record("call", role="warmup", item="LOAD", conditions=conditions))


def row(late_ms: float) -> dict:
    return {"planned_ns": [0], "sent_ns": [int(late_ms * 1e6)]}


class Words(unittest.TestCase):
    def test_what_is_timed_is_wrong_only_on_a_machine_that_was_not_busy(self):
        for lines, busy, words, code, summary, step in (
                ([GOOD], None, ["ok"], FINE, "passed: 1 of 1", "onward"), ([GOOD], 0.9, ["ok"], FINE, "passed", "onward"),
                ([GOOD, LATE], None, ["ok", "WRONG"], FOUND, "failed: 1 of 2", "trust no figure"),
                ([GOOD, LATE], 0.5, ["ok", "busy"], FOUND, "undecided: the machine was busy (others used 50 %", "close other"),
                ([GOOD, WRONG], 0.5, ["ok", "WRONG"], FOUND, "failed: 1 of 2", "trust no figure"),
                ([LATE, WRONG], 0.5, ["busy", "WRONG"], FOUND, "failed: 0 of 2", "trust no figure")):
            with self.subTest(words, busy=busy):
                result = full_test.Result(lines, busy)
                self.assertEqual(([result.word(line) for line in lines], result.exit_code), (words, code))
                self.assertIn(f"self-test {summary}", result.summary())
                self.assertIn(step, result.next_step("again", "onward"))


class Report(unittest.TestCase):
    LINES = [replace(GOOD, group="tokens"), replace(GOOD, name="d", group="times"), replace(LATE, group="times")]

    def test_groups_are_counted_and_only_what_failed_is_shown_in_full(self):
        passed = full_test.Result(self.LINES[:2], None).report().splitlines()
        self.assertEqual([line.split() for line in passed[1:3]], [["tokens", "1", "of", "1"], ["times", "1", "of", "1"]])
        self.assertEqual(passed[3:], ["", "self-test passed: 2 of 2 recovered"])
        failed = full_test.Result(self.LINES, None).report()
        self.assertRegex(failed, r"\ntimes +1 of 2\n")
        self.assertRegex(failed, r"\nWRONG  b: TTFT +1 +9\n\nself-test failed: 2 of 3")
        self.assertNotIn("ok ", failed)

    def test_every_comparison_is_shown_on_request(self):
        self.assertRegex(full_test.Result(self.LINES, 0.5).report(verbose=True),
                         r"(?s)\nok    a .*\nok    d .*\nbusy  b: TTFT .*\n\nself-test undecided")


class Busy(unittest.TestCase):
    def test_a_machine_is_busy_by_what_others_used_or_by_how_late_the_fake_server_was(self):
        for shares, late_ms, busy in (([0.02, 0.0], 0.1, None), ([0.5, 0.6], 0.1, 0.55), ([0.0], 8.0, 0.0), ([], 8.0, 0.0),
                                      ([], 0.1, None), ([None], 0.1, None)):
            with self.subTest(shares=shares, late_ms=late_ms):
                self.assertEqual(checks.busy_share([load(share) for share in shares], [row(late_ms)] * 3), busy)


class Again(unittest.TestCase):
    def run_with(self, *attempts: list) -> tuple:
        """(result, how slow each whole run was asked to be)."""
        results, asked = iter(attempts), []

        def whole_run(endpoint: object, progress: object, slower: float) -> tuple:
            asked.append(slower)
            return list(next(results)), None
        with mock.patch.object(full_test, "_whole_run", whole_run), mock.patch.object(full_test, "_kinds_of_models", lambda *_: []), \
                mock.patch.object(full_test, "_faults", lambda *_: []), \
                mock.patch.object(full_test, "_context_ladder", lambda *_: []), \
                mock.patch.object(full_test, "_thinking", lambda *_: []), \
                mock.patch.object(full_test.timing_floor, "fake_server", mock.MagicMock()):
            return full_test.run(lambda text: None), asked

    def test_only_what_is_timed_is_asked_again_and_slower(self):
        for attempts, asked, passed in (([[GOOD]], [1], True), ([[GOOD, WRONG]], [1], False),
                                        ([[GOOD, LATE], [GOOD]], [1, scenarios.SLOWER], True),
                                        ([[LATE], [LATE]], [1, scenarios.SLOWER], False)):
            with self.subTest(asked=asked, passed=passed):
                result, slower = self.run_with(*attempts)
                self.assertEqual((slower, result.exit_code == FINE), (asked, passed))

    def test_a_fault_that_came_out_wrong_is_tried_with_more_time(self):
        tries: list = []

        def every_fault(endpoint: object, progress: object, slower: float = 1, only: set | None = None) -> list:
            tries.append((slower, only))
            outcome = "stalled" if len(tries) == 2 else "timeout"
            rows = [("a reset", {"outcome": "cut"}, {"outcome": "cut"}), ("silence", {"outcome": "stalled"}, {"outcome": outcome})]
            return [line for line in rows if only is None or line[0] in only]
        with mock.patch.object(scenarios, "every_fault", every_fault):
            lines = full_test._faults(mock.Mock(), mock.Mock())
        self.assertEqual([line.passed for line in lines], [True, True])
        self.assertEqual(tries, [(1, None), (scenarios.SLOWER, {"silence"})])

    def test_a_slower_model_is_slower_in_every_way_and_else_the_same(self):
        for fast, slow in zip(scenarios.MODELS, scenarios.slowed(4)):
            changed = {name for name in slow if slow[name] != fast[name]}
            self.assertLessEqual(changed, {"load_ms", "decode_gap_ms", "gap_pattern_ms"})
            self.assertEqual(len(changed), 2)


if __name__ == "__main__":
    unittest.main()
