"""The watch: what is counted, what stays on the screen, and when the rest of the time can be told."""
from __future__ import annotations

import io
import os
import unittest
from typing import Optional
from unittest import mock

import support

from base import console
from base.ledger_records import CallRecord, SkippedRecord, typed
from measure import progress_report
from measure.eta import Eta
from base.plan import Step
from support import record

MS = 10 ** 6


class Terminal(io.StringIO):
    def __init__(self, live: bool):
        super().__init__()
        self._live = live

    def isatty(self) -> bool:
        return self._live


def step(number: int, model: str = "alpha:1b") -> Step:
    return Step("small-eval", model, f"5Q-Q0{number}")


def place(number: int) -> dict:
    return {"phase": "small-eval", "model": "alpha:1b", "item": f"5Q-Q0{number}", "repeat": 1, "level": 1}


def call(number: int, **changes: object) -> CallRecord:
    return typed(record("call", **{**place(number), "role": "measured", "outcome": "ok", "first_text_ns": 42 * MS,
                             "eval_tokens": 25, **changes}))


def skipped(number: int) -> SkippedRecord:
    return typed(record("skipped", **place(number), reason="time-limit"))


class Case(unittest.TestCase):
    def setUp(self):
        for patch in (mock.patch.dict(os.environ, {"TERM": "xterm", "COLUMNS": "200"}), mock.patch.object(console, "WINDOWS", False)):
            patch.start()
            self.addCleanup(patch.stop)
        self.now_s = 0.0

    def watch(self, live: bool = False, quiet: bool = False, total: int = 4, limit_s: Optional[float] = None) -> progress_report.ProgressReport:
        self.terminal = Terminal(live)
        eta = Eta({("alpha:1b", step(number).key): 100.0 for number in range(1, total + 1)})
        return progress_report.ProgressReport(console.Progress(quiet, self.terminal), eta, total, lambda: self.now_s,
                                              lambda: None if limit_s is None else max(0.0, limit_s - self.now_s))

    def said(self) -> str:
        """What was written since this was asked for the last time."""
        text = self.terminal.getvalue()
        self.terminal.seek(0)
        self.terminal.truncate()
        return text


class Plain(Case):
    """Where there is no terminal: one line for each call, with its number."""

    def test_numbers_count_planned_calls_up_to_all_of_them(self):
        here = self.watch()
        for calls in ([call(1)], [call(2), call(3)]):
            here.end(calls)
        here.skip(skipped(4))
        self.assertEqual([line.split()[0] for line in self.said().splitlines()], ["[1/4]", "[2/4]", "[3/4]", "[4/4]"])

    def test_warm_ups_and_calibration_are_shown_and_not_counted(self):
        here = self.watch()
        for role in ("warmup", "calibration"):
            here.end([call(9, role=role)])
        here.end([call(1)])
        self.assertEqual([line.split()[0] for line in self.said().splitlines()], ["[0/4]", "[0/4]", "[1/4]"])

    def test_a_resumed_run_goes_on_counting(self):
        here = self.watch()
        for earlier in (typed(record("meta")), call(9, role="warmup"), call(1), skipped(2)):
            here.already(earlier)
        here.end([call(3)])
        self.assertTrue(self.said().startswith("[3/4]"))

    def test_calls_of_an_earlier_session_tell_how_long_the_rest_will_take(self):
        here = self.watch(live=True)
        together = [call(number, end_ns=20_000 * MS, level=2) for number in (1, 2)]
        here.eta = Eta({("alpha:1b", row.key): 100.0 for row in together + [call(3)]})
        for row in together:
            here.already(row)
        here.begin([step(3)])
        self.assertIn("about 10s left", self.said())

    def test_a_line_says_what_became_of_the_call(self):
        for changes, says in (
                ({}, "alpha:1b small-eval 5Q-Q01: ok, first text 42 ms, 25 tokens"),
                ({"outcome": "length"}, ": length, first text 42 ms, 25 tokens"),
                ({"outcome": "cut", "eval_tokens": None, "error": "the stream ended without done"},
                 ": cut, first text 42 ms, the stream ended without done"),
                ({"outcome": "timeout", "eval_tokens": None, "first_text_ns": None, "error": "no answer"}, ": timeout, no answer"),
                ({"outcome": "empty", "eval_tokens": 1, "first_text_ns": None}, ": empty, 1 tokens"),
                ({"item": "LOAD", "role": "warmup", "done_ns": 1234 * MS, "outcome": "empty"}, "LOAD: loaded in 1234 ms"),
                ({"item": "CAL-TOO-LONG", "role": "calibration", "outcome": "refused", "error": "try increasing it", "first_text_ns": None,
                  "eval_tokens": None}, "CAL-TOO-LONG: refused, as intended: the prompt is longer than the context"),
                ({"item": "LOAD", "role": "warmup", "outcome": "error", "error": "no room", "first_text_ns": None,
                  "eval_tokens": None}, "LOAD: error, no room")):
            with self.subTest(says):
                here = self.watch()
                here.end([call(1, **changes)])
                self.assertTrue(self.said().endswith(says + "\n"))

    def test_a_log_shows_the_time_that_has_passed_and_the_time_left(self):
        here = self.watch()
        here.eta = mock.Mock(**{"left_s.return_value": 7800.0})
        here.end([call(1)])
        self.assertRegex(self.said(), r"^\[1/4\] \S+, about 2h10m left  alpha:1b small-eval")

    def test_the_first_of_skipped_calls_has_its_line_and_its_reason(self):
        """A time limit once filled the screen with three hundred lines that said the same."""
        here = self.watch()
        for number in (2, 3):
            here.skip(skipped(number))
        self.assertEqual(self.said(), "[1/4] alpha:1b small-eval 5Q-Q02: skipped from here on, time-limit\n")
        here.end([call(4)])
        here.skip(skipped(1))
        here.skip(skipped(2)._replace(model="beta:3b"))     # in the mixed phase models take turns
        self.assertEqual(self.said().count("skipped from here on"), 1)

    def test_nothing_is_drawn_and_nothing_said_when_quiet(self):
        here = self.watch()
        here.begin([step(1)])
        here.tick(7)
        self.assertEqual(self.said(), "")
        here = self.watch(live=True, quiet=True)
        here.begin([step(1)])
        here.tick(7)
        here.end([call(1, error="x")])
        self.assertEqual(self.said(), "")


class Live(Case):
    """On a terminal: one line that is drawn over and over, and above it what should stay."""

    def test_the_line_names_the_call_its_number_and_what_has_come(self):
        here = self.watch(live=True)
        here.begin([step(1)])
        self.assertIn("call 1 of 4  alpha:1b small-eval 5Q-Q01  waiting  ", self.said())
        here.tick(17)
        self.assertIn("  ~17 ", self.said())
        here.end([call(1)])
        here.begin([step(2), step(3)])
        self.assertIn("call 2 of 4  alpha:1b small-eval 5Q-Q02 x2", self.said())

    def test_loading_and_warming_up_are_named(self):
        here = self.watch(live=True)
        for item, words in (("LOAD", "loading m:1b  3s  3s"), ("WARM-UP", "warming up m:1b  ")):
            here.begin([Step("small-eval", "m:1b", item)])
            self.now_s += 3
            here.tick(0)
            self.assertIn(words, self.said())

    def test_where_it_is_narrow_the_name_is_cut_and_then_the_time_that_has_passed_left_out(self):
        name = "hf.co/somebody/A-Very-Long-Model-Name-GGUF:Q4_K_M"
        for columns, line in (
                (140, f"call 2 of 4  {name} context-append CA-T01 x8  ~1234 tokens  1h05m, about 2h10m left"),
                (97, "call 2 of 4  hf.co/s...:Q4_K_M context-append CA-T01 x8  ~1234 tokens  1h05m, about 2h10m left"),
                (80, "call 2 of 4  hf.c...K_M context-append CA-T01 x8  ~1234 tokens  ~2h10m left"),
                (70, "2/4  hf...._M context-append CA-T01 x8  ~1234 tokens  ~2h10m left"),
                (60, "2/4  hf.co...4_K_M CA-T01 x8  ~1234 tokens  ~2h10m left"),
                (45, "2/4  hf...._M  ~1234 tokens  ~2h10m left"),
                (34, "2/4  hf.c..._K_M  ~2h10m left"),
                (24, "2/4  ~2h10m left")):
            with self.subTest(columns), mock.patch.dict(os.environ, {"COLUMNS": str(columns)}):
                self.now_s = 0.0
                here = self.watch(live=True)
                here.eta = mock.Mock(**{"left_s.return_value": 7800.0})
                here.finished, self.now_s = 1, 3900.0
                here.begin([Step("context-append", name, "CA-T01")] * 8)
                self.said()
                here.tick(1234)
                self.assertEqual(self.said(), "\r\x1b[2K" + line)

    def test_the_line_says_what_is_waited_for(self):
        watch = self.watch(live=True)
        watch.wait("other:8b to be unloaded")
        self.assertIn("call 1 of 4  waiting for other:8b to be unloaded", self.said())
        watch.remark("other:8b is not unloaded")
        self.assertTrue(self.said().endswith("other:8b is not unloaded\n"))

    def test_the_number_never_exceeds_the_total(self):
        here = self.watch(live=True, total=1)
        here.end([call(1)])
        here.begin([step(9)])
        self.assertIn("call 1 of 1", self.said())

    def test_troubled_calls_stay_and_good_ones_pass_by(self):
        for changes, stays in (({"outcome": "ok"}, False), ({"outcome": "length"}, False), ({"outcome": "empty"}, True),
                               ({"outcome": "cut"}, True), ({"outcome": "refused"}, True), ({"outcome": "interrupted"}, True),
                               ({"outcome": "refused", "role": "calibration"}, False),
                               ({"outcome": "error", "role": "warmup"}, False)):
            with self.subTest(changes):
                here = self.watch(live=True)
                here.begin([step(1)])
                self.said()
                here.end([call(1, **changes)])
                self.assertEqual("tokens\n" in self.said(), stays)

    def test_time_left_is_told_once_a_measured_call_has_taken_some(self):
        here = self.watch(live=True)
        here.begin([step(9)])
        self.now_s = 5.0
        here.end([call(9, role="warmup")])
        here.begin([step(1)])
        self.assertNotIn("left", self.said())
        self.now_s = 15.0
        here.end([call(1)])
        here.begin([step(2)])
        self.assertTrue(self.said().endswith("  15s, about 30s left"))     # three of the same weight, ten seconds each

    def test_the_time_left_never_exceeds_what_is_left_of_the_time_limit(self):
        here = self.watch(live=True, limit_s=30.0)
        here.begin([step(1)])
        self.assertTrue(self.said().endswith("  0s, at most 30s left (time limit)"))
        for now_s, times in ((10.0, "10s, at most 20s left (time limit)"), (35.0, "35s, time limit reached")):
            self.now_s = now_s
            here.end([call(1)])
            here.begin([step(2)])
            self.assertTrue(self.said().endswith(times))

    def test_in_eighty_columns_what_is_left_of_the_limit_is_not_cut(self):
        with mock.patch.dict(os.environ, {"COLUMNS": "80"}):
            here = self.watch(live=True, total=336, limit_s=30.0)
            here.begin([Step("frozen-prompts", "tiny-think:latest", "P-MEDIUM")])
            for self.now_s, words in ((1.0, "1/336  tiny-think frozen-prompts P-MEDIUM  ~1234 tokens  at most 29s left"), (31.0, "  time limit reached")):
                self.said()
                here.tick(1234)
                line = self.said()
                self.assertTrue(line.endswith(words), line)

    def test_the_most_that_can_be_left_never_reads_as_an_estimate_however_narrow_the_terminal_is(self):
        """It was once shown as `29s left`, and cut off at the end of the line."""
        for columns in (*range(24, 100, 3), 140):
            for model in ("m:1b", "hf.co/somebody/A-Long-Name-GGUF:Q4_K_M"):
                with self.subTest((columns, model)), mock.patch.dict(os.environ, {"COLUMNS": str(columns)}):
                    self.now_s = 0.0
                    here = self.watch(live=True, total=336, limit_s=3599.0)
                    here.begin([Step("frozen-prompts", model, "P-MEDIUM")])
                    self.said()
                    here.tick(1234)
                    line = self.said().replace("\r\x1b[2K", "")
                    self.assertRegex(line, r"(max|at most) 59m59s left( \(time limit\))?$")
                    self.assertLess(len(line), columns)

    def test_calls_that_do_not_fit_in_the_time_limit_have_one_line_together(self):
        here = self.watch(live=True)
        for row in (skipped(1), skipped(2), skipped(3)._replace(reason="not-loaded-together")):
            here.skip(row)
        self.assertEqual(self.said(), "")
        here.begin([step(4)])
        self.assertIn("2 calls of alpha:1b skipped: they do not fit in the time limit\n"
                      "1 call of alpha:1b skipped: the server does not keep the phase's models loaded at the same time\n", self.said())
        here.report_skips()
        self.assertEqual(self.said(), "")

    def test_short_names_stay_apart_and_the_line_keeps_its_place_while_a_call_runs(self):
        with mock.patch.dict(os.environ, {"COLUMNS": "80"}):
            for model, name in (("tiny-story:latest", "tiny-story"), ("tiny-think:latest", "tiny-think"),
                                ("hf.co/somebody/A-Long-Name-GGUF:Q4_K_M", "hf.co...4_K_M")):
                self.now_s = 0.0
                here = self.watch(live=True, total=336)
                here.begin([Step("small-eval", model, "5Q-Q01")])
                for now_s, chunks in ((0.0, 0), (9.0, 7), (59.0, 99), (61.0, 1234), (3599.0, 1234)):
                    self.now_s = now_s
                    self.said()
                    here.tick(chunks)
                    line = self.said()
                    self.assertTrue(line.startswith(f"\r\x1b[2Kcall 1 of 336  {name} small-eval 5Q-Q01  "), line)

    def test_a_busy_machine_is_named_once_after_the_first_load(self):
        here = self.watch(live=True)
        for share in (0.45, 0.9):
            here.end([call(1, item="LOAD", role="warmup", conditions={"background_cpu_share": share})])
        self.assertEqual(self.said(), "45 % of the processors are in use; busy: close other programs; "
                                      "a run on a busy machine may be graded archive-only\n")

    def test_the_first_failed_call_says_that_nothing_has_to_be_done_and_wraps_at_words(self):
        with mock.patch.dict(os.environ, {"COLUMNS": "60"}):
            here = self.watch(live=True)
            for number in (1, 2):
                here.end([call(number, outcome="refused", error="the request (4644 tokens) exceeds the context; try increasing it")])
        text = self.said()
        self.assertEqual(text.count("there is nothing to do now"), 1)
        self.assertLessEqual(max(map(len, text.splitlines())), 60)

    def test_what_is_skipped_is_no_longer_waited_for(self):
        here = self.watch(live=True)
        here.already(skipped(4))
        here.begin([step(1)])
        self.now_s = 10.0
        here.end([call(1)])
        here.skip(skipped(2))
        here.begin([step(3)])
        self.assertTrue(self.said().endswith("about 10s left"))

    def test_the_calls_of_a_wave_share_its_time(self):
        here = self.watch(live=True)
        here.begin([step(1), step(2)])
        self.now_s = 10.0
        here.end([call(1), call(2)])
        here.begin([step(3)])
        self.assertTrue(self.said().endswith("about 10s left"))


if __name__ == "__main__":
    unittest.main()
