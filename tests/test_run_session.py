"""One session of a run: whatever happens in its middle, the ledger gets its end if the disk takes one."""
from __future__ import annotations

import errno
import io
import itertools
import os
import pathlib
import tempfile
import types
import unittest
from unittest import mock

import ledgers
import support

from base import console, json_text, ledger, plan, run_folder, suites
from base.errors import UserError
from measure import http_call, model_loader, models, phase_runner, run_session, run_setup, session

RUN_ID = "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
PHASES = ("small-eval",)


class Bug(Exception):
    """What nobody thought of."""


class Server:
    """What a session needs of an endpoint whose calls nobody makes."""

    def __init__(self, *loaded: str):
        self.target = types.SimpleNamespace(is_loopback=False, port=11434)
        self._ticks, self._loaded, self.unloaded = itertools.count(0, 1000), loaded, []

    def clock(self) -> int:
        return next(self._ticks)

    def version(self) -> str:
        return "0.33.0"

    def loaded(self) -> list:
        return [{"name": name} for name in self._loaded]

    def unload(self, name: str) -> None:
        self.unloaded.append(name)


def skip_all(runner: phase_runner.PhaseRunner, planned: list) -> None:
    """A walk through the plan that skips whatever has no record yet."""
    for block in planned:
        runner._skip(block.steps, "time-limit")


def skip_some_and(then: BaseException, count: int = 2) -> object:
    """A walk that skips some calls, and then ends as `then` says."""
    def walk(runner: phase_runner.PhaseRunner, planned: list) -> None:
        runner._skip([one for one in planned[0].steps if one.key not in runner.recorded][:count], "time-limit")
        raise then
    return walk


class Case(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = pathlib.Path(made.name)
        self.loaded = {phase: suites.load(phase) for phase in PHASES}
        choice = models.ModelChoice([models.described({"name": "alpha:1b", "digest": "ab" * 32, "size": 5}, {})], [], [])
        facts = {"handle": None, "device_tag": None, "started_at": "2026-01-02T03:04:05Z", "target": "remote", "floor": None,
                 "server_version": "0.32.0", "host_hostname_short": "box", "time_limit_s": None}
        self.manifest = run_setup.manifest(RUN_ID, facts, choice, list(PHASES), plan.Settings(), self.loaded, {})
        (self.folder / run_folder.MANIFEST).write_bytes(json_text.pretty(self.manifest))
        self.server = Server()

    def carry_out(self, walk: object, grade: object = None) -> tuple:
        """One session, fresh or resumed, whose walk through the plan is this one."""
        with mock.patch.object(phase_runner.PhaseRunner, "run", walk):
            return run_session.carry_out(self.server, run_setup.reopen(self.folder), self.loaded, None, http_call.Stop(),
                                  console.Progress(True, io.StringIO()), grade)

    def rows(self) -> list:
        return ledgers.lines(self.folder / run_folder.LEDGER)

    def short(self) -> list:
        return [row["type"] for row in self.rows()]


class Endings(Case):
    def test_a_run_that_did_all_it_planned_is_complete(self):
        self.assertEqual(self.carry_out(skip_all), ("complete", True))
        self.assertEqual(self.short(), ["meta"] + ["skipped"] * 5 + ["footer"])
        footer = self.rows()[-1]
        self.assertEqual((footer["complete"], footer["planned"], footer["skipped"]), (True, 5, 5))
        self.assertEqual([one["ended"] for one in footer["sessions"]], ["complete"])

    def test_every_known_end_is_named_in_the_footer(self):
        for problem, ended in ((session.Stopped(), "interrupted"), (model_loader.ServerLost(), "server-lost")):
            with self.subTest(ended):
                self.assertEqual(self.carry_out(skip_some_and(problem)), (ended, False))
                self.assertEqual(self.rows()[-1]["sessions"][-1]["ended"], ended)

    def test_the_server_s_memory_is_given_back_but_what_others_loaded_stays(self):
        self.server = Server("alpha:1b", "somebody-elses:70b")
        self.carry_out(skip_all)
        self.assertEqual(self.server.unloaded, ["alpha:1b"])

    def test_a_server_that_is_gone_at_the_end_does_no_harm(self):
        self.server.loaded = mock.Mock(side_effect=UserError("nothing listens there"))
        self.assertEqual(self.carry_out(skip_all), ("complete", True))


class Grades(Case):
    def test_they_stand_in_the_final_footer_and_are_made_when_the_models_are_unloaded(self):
        self.server, seen = Server("alpha:1b"), []

        def grade(calls: list) -> dict:
            seen.append((list(self.server.unloaded), self.short()))
            return {"3": {"passed": True, "reason": "passed"}}
        self.assertEqual(self.carry_out(skip_all, grade), ("complete", True))
        self.assertEqual(seen, [(["alpha:1b"], ["meta"] + ["skipped"] * 5)])
        self.assertEqual(self.rows()[-1]["code_grades"], {"3": {"passed": True, "reason": "passed"}})

    def test_no_verdicts_and_none_are_two_things(self):
        for grades, there in (({}, True), (None, False)):
            with self.subTest(grades):
                (self.folder / run_folder.LEDGER).unlink(missing_ok=True)
                self.carry_out(skip_all, lambda calls: grades)
                self.assertIs("code_grades" in self.rows()[-1], there)

    def test_an_unfinished_run_is_not_graded(self):
        grade = mock.Mock()
        self.carry_out(skip_some_and(session.Stopped()), grade)
        grade.assert_not_called()

    def test_a_grader_that_fails_costs_the_run_nothing(self):
        with self.assertRaises(Bug):
            self.carry_out(skip_all, mock.Mock(side_effect=Bug()))
        footer = self.rows()[-1]
        self.assertEqual((footer["complete"], "code_grades" in footer), (True, False))


class Failures(Case):
    def test_a_bug_in_the_middle_seals_the_ledger_and_shows_itself(self):
        for bug in (Bug("in the middle"), KeyboardInterrupt(), MemoryError()):
            with self.subTest(type(bug).__name__):
                with self.assertRaises(type(bug)) as caught:
                    self.carry_out(skip_some_and(bug, 1))
                self.assertIs(caught.exception, bug)
                footer = self.rows()[-1]
                self.assertEqual((footer["type"], footer["complete"]), ("footer", False))
                self.assertEqual(footer["sessions"][-1]["ended"], "failed")

    def test_what_a_bug_left_undone_a_later_session_does(self):
        with self.assertRaises(Bug):
            self.carry_out(skip_some_and(Bug()))
        self.assertEqual(self.carry_out(skip_all), ("complete", True))
        rows = self.rows()
        self.assertEqual(self.short(), ["meta"] + ["skipped"] * 5 + ["footer"])
        self.assertEqual([row["session"] for row in rows], [0, 0, 0, 1, 1, 1, 1])
        self.assertEqual([one["ended"] for one in rows[-1]["sessions"]], ["failed", "complete"])
        self.assertIsNotNone(rows[3]["cut"])
        self.assertEqual((rows[3]["session_start"]["server_version"], rows[-1]["planned"]), ("0.33.0", 5))

    def disk(self, takes: int) -> object:
        """A disk that takes so many more lines of a ledger, and a part of the next."""
        real, left = os.write, [takes]

        def write(number: int, data: bytes) -> int:
            if data.startswith(b'{"type":'):
                left[0] -= 1
                if left[0] < 0:
                    return real(number, data[:10])
            return real(number, data)
        return mock.patch.object(os, "write", write)

    def test_a_full_disk_is_told_in_one_line_and_what_was_whole_stays_whole(self):
        for takes, kinds in ((3, ["meta", "skipped", "skipped"]), (6, ["meta"] + ["skipped"] * 5), (1, ["meta"])):
            with self.subTest(takes=takes):
                (self.folder / run_folder.LEDGER).unlink() if (self.folder / run_folder.LEDGER).exists() else None
                with self.disk(takes), self.assertRaises(UserError) as caught:
                    self.carry_out(skip_all)
                self.assertIn(os.strerror(errno.ENOSPC), str(caught.exception))
                self.assertIn("--resume", str(caught.exception))
                self.assertEqual(self.short(), kinds)
                self.assertEqual(self.carry_out(skip_all), ("complete", True))
                self.assertEqual(len([row for row in self.rows() if row["type"] == "skipped"]), 5)

    def test_a_disk_that_is_full_from_the_start_leaves_no_line(self):
        with self.disk(0), self.assertRaises(UserError):
            self.carry_out(skip_all)
        self.assertEqual((self.folder / run_folder.LEDGER).read_bytes(), b"")
        self.assertEqual(self.carry_out(skip_all), ("complete", True))

    def test_a_bug_is_not_hidden_behind_a_disk_that_takes_no_footer(self):
        with self.disk(3), self.assertRaises(Bug):
            self.carry_out(skip_some_and(Bug()))
        self.assertEqual(self.short(), ["meta", "skipped", "skipped"])

    def test_the_ledger_is_free_for_others_after_a_failure(self):
        with self.assertRaises(Bug):
            self.carry_out(skip_some_and(Bug()))
        ledger.Writer(self.folder).close()

    def test_a_server_that_does_not_answer_at_the_start_leaves_nothing_that_cannot_be_resumed(self):
        with mock.patch.object(self.server, "version", mock.Mock(side_effect=UserError("nothing listens there"))), \
                self.assertRaises(UserError):
            self.carry_out(skip_all)
        self.assertEqual((self.folder / run_folder.LEDGER).read_bytes(), b"")
        self.assertEqual(self.carry_out(skip_all), ("complete", True))


class Introductions(Case):
    def test_the_first_session_has_the_manifest_s_floor_and_a_later_one_its_own(self):
        floor = support.record("floor", chunks=7)
        with self.assertRaises(Bug):
            self.carry_out(skip_some_and(Bug()))
        self.assertIsNone(self.rows()[0]["session_start"]["floor"])
        with mock.patch.object(phase_runner.PhaseRunner, "run", skip_all):
            run_session.carry_out(self.server, run_setup.reopen(self.folder), self.loaded, None, http_call.Stop(),
                                  console.Progress(True, io.StringIO()), floor=floor)
        self.assertEqual(self.rows()[3]["session_start"]["floor"], floor)

    def test_a_session_says_what_counts_energy_or_why_nothing_does(self):
        self.carry_out(skip_all)
        start = self.rows()[0]["session_start"]
        self.assertEqual((start["energy_counter"], start["energy_unknown"]), (None, "the server runs on another machine"))

    def test_a_resumed_session_counts_what_was_there(self):
        told = io.StringIO()
        with self.assertRaises(Bug):
            self.carry_out(skip_some_and(Bug()))
        with mock.patch.object(phase_runner.PhaseRunner, "run", skip_all):
            run_session.carry_out(self.server, run_setup.reopen(self.folder), self.loaded, None, http_call.Stop(), console.Progress(False, told))
        # Of three calls that are skipped for one reason the first is told.
        self.assertEqual([line.split()[0] for line in told.getvalue().splitlines()], ["[3/5]"])


if __name__ == "__main__":
    unittest.main()
