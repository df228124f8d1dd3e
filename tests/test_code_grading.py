"""Grading a run's code: which answers get a verdict, and what is said of the others."""
from __future__ import annotations

import subprocess
import unittest
from unittest import mock

import sandbox
import support
from sandbox import DOUBLE, RIGHT

from base import schema
from base.ledger_records import typed
from derive import code_grading


class Records(sandbox.SandboxTest):
    GRADERS = {"PY-T99": DOUBLE, "5Q-Q01": {"kind": "exact", "accept": ["4"]}}

    def graded(self, *records: dict) -> tuple:
        told: list = []
        return code_grading.grade_records(map(typed, records), self.GRADERS, told.append), told

    def call(self, seq: int, answer: str = RIGHT, **changes: object) -> dict:
        return support.record("call", **{"seq": seq, "role": "measured", "phase": "python-tasks", "model": "m:1b",
                                         "item": "PY-T99", "outcome": "ok", "answer": answer, **changes})

    @unittest.skipIf(support.is_left_out("sandbox"), "left out")
    def test_measured_answers_to_python_items_get_a_verdict_by_seq(self):
        found, told = self.graded(self.call(3), self.call(7, "def double(n): return 5"), self.call(9, "Sorry."),
                                  self.call(11))
        self.assertEqual(found, {"3": {"passed": True, "reason": "passed"},
                                 "7": {"passed": False, "reason": "wrong (test_two)"},
                                 "9": {"passed": False, "reason": "no-code"}, "11": {"passed": True, "reason": "passed"}})
        self.assertEqual([line for line in told if "not denied" not in line],
                         ["m:1b, PY-T99 (seq 3): passed", "m:1b, PY-T99 (seq 7): wrong (test_two)", "m:1b, PY-T99 (seq 9): no-code",
                          "m:1b, PY-T99 (seq 11): passed"])
        footer = support.record("footer", code_grades=found)
        self.assertEqual(schema.problems(footer, "footer"), [])

    def test_the_same_answer_is_run_once(self):
        with mock.patch.object(code_grading, "grade_code", return_value=code_grading.CodeVerdict(True, "passed")) as graded:
            found, _ = self.graded(self.call(1), self.call(2), self.call(3, "another"))
        self.assertEqual((graded.call_count, set(found)), (2, {"1", "2", "3"}))

    def test_what_the_system_did_not_deny_is_told_once(self):
        bare = code_grading.CodeVerdict(True, "passed", isolation=("limits", "seccomp"))
        with mock.patch.object(code_grading, "grade_code", return_value=bare):
            _, told = self.graded(self.call(1), self.call(2, "another"))
        self.assertEqual(told, ["not denied on this system: reading files, memory of other programs",
                                "m:1b, PY-T99 (seq 1): passed", "m:1b, PY-T99 (seq 2): passed"])

    def test_what_was_cut_failed_or_is_no_task_stays_ungraded(self):
        others = [self.call(1, outcome="length"), self.call(2, outcome="cut"), self.call(3, role="warmup"),
                  self.call(4, item="5Q-Q01"), self.call(5, item="PY-T98"), support.record("meta"),
                  support.record("skipped", seq=6, role="measured", phase="python-tasks", item="PY-T99"),
                  support.record("footer")]
        self.assertEqual(self.graded(*others), ({}, ["m:1b: not graded, since cut by their limit or without an answer: 2"]))

    def test_what_could_not_be_judged_is_told_and_left_out(self):
        with mock.patch.object(subprocess, "Popen", side_effect=OSError):
            found, told = self.graded(self.call(1))
        self.assertEqual((found, told), ({}, ["m:1b, PY-T99 (seq 1): not-run (the test process did not start)"]))


class Retries(unittest.TestCase):
    def test_a_process_that_died_of_its_isolation_is_started_again_with_its_limits_alone(self):
        tried = []

        def run_job(job: dict) -> dict:
            tried.append(job["layers"])
            return {} if len(job["layers"]) > 1 else {"isolation": ["limits"], "pid": 0, "reason": "passed", "detail": ""}
        with mock.patch.object(code_grading, "_run_job", run_job):
            verdict = code_grading.grade_code({"entry": "double", "tests": ""}, "def double(n): return 2 * n", layers=("limits", "seccomp"))
        self.assertEqual((verdict.passed, verdict.isolation, tried), (True, ("limits",), [["limits", "seccomp"], ["limits"]]))

if __name__ == "__main__":
    unittest.main()
