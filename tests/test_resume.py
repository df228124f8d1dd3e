"""Runs that stop and go on: killed, interrupted, without a server or a disk, and what a resumed run refuses."""
from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import pathlib
import random
import signal
import threading
import time
import unittest
from unittest import mock

import forked
import runs
import support
from runs import ALPHA, BETA, call_main, measured, records

import summarize_run
from base import files, plan, run_folder, suites
from base.ledger_records import is_planned, typed
from measure import model_loader, run_setup

# What a run would find out about this machine is given to the script.
PRELUDE = """import json
from measure import run_setup, telemetry
from measure.hardware import bandwidth
from self_test import timing_floor
floor, sha256, git_state = json.loads({!r})
bandwidth.buffer_bytes, timing_floor.floor = lambda *_: None, lambda progress: floor
run_setup.source_sha256, run_setup.git_state = lambda: sha256, lambda: tuple(git_state)
telemetry.reader = lambda *_: telemetry.Unread("this test reads none")
"""


class Resumes(runs.RunTest):
    @classmethod
    def setUpClass(cls):
        known = json.dumps([runs.floor(), run_setup.source_sha256(), run_setup.git_state()])
        cls.commands = forked.Commands(prelude=PRELUDE.format(known))
        cls.addClassCleanup(cls.commands.close)

    def start(self, *arguments: str) -> forked.Command:
        command = self.commands.start("run_benchmark.py", "--target-url", self.stub.url, "--out", str(self.out), *arguments,
                                      env={**os.environ, "OLLAMA_HOST": ""})
        self.addCleanup(command.wait)
        self.addCleanup(command.kill)
        return command

    def wait_for_records(self, count: int, seconds: float = 60.0) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for path in self.out.glob("*/*/run-*/run.jsonl"):
                if path.read_bytes().count(b"\n") >= count:
                    return
            time.sleep(0.03)
        self.fail(f"no {count} records in time")

    def wait_for_a_call(self) -> None:
        """Until the server has begun to answer a call that goes on."""
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            if any(row["path"] == "/api/chat" and row["ending"] is None and row["sent_ns"] for row in self.stub.log()):
                return
            time.sleep(0.05)
        self.fail("no call in time")

    def finish(self, *arguments: str) -> list:
        """Resume the one run here until it is complete; its records."""
        code, _, err = self.main("--resume", self.folder().name, "--quiet", *arguments)
        self.assertEqual(code, 0, err)
        return records(self.folder())

    def check_whole(self, rows: list) -> None:
        manifest = run_folder.read_manifest(self.folder())
        planned = plan.blocks([model["name"] for model in manifest["models"]], [row["phase"] for row in manifest["suites"]],
                              run_folder.suites_of(manifest), plan.settings_of(manifest))
        wanted = [step.key for block in planned for step in block.steps]
        found = [record.key for record in map(typed, rows) if is_planned(record)]
        self.assertEqual(len(found), len(set(found)), "a planned call twice")
        self.assertEqual(set(found), set(wanted))
        self.assertEqual(manifest["planned_calls"], len(wanted))
        self.assertTrue(rows[-1]["complete"])

    def test_a_resumed_run_knows_that_a_model_always_thinks_and_takes_no_other_way_of_thinking(self):
        self.stub.script({"models": [{**ALPHA, "thinking_tokens": 12, "thinks_always": True, "capabilities": ["completion", "thinking"]}]})
        self.main("--phases", "small-eval", "--thinking", "--thinking-budget", "256", "--quiet")
        path = self.folder() / run_folder.LEDGER
        lines = path.read_bytes().splitlines(keepends=True)
        begun = next(number for number, row in enumerate(records(self.folder())) if row["type"] == "call" and row["item"] == "5Q-Q03")
        path.write_bytes(b"".join(lines[:begun]))
        for flags in (["--thinking", "low"], ["--thinking-budget", "512"]):
            code, _, err = self.main("--resume", self.folder().name, *flags)
            self.assertEqual(code, 2)
            self.assertIn("differs from what the run was planned with", err)
        rows = self.finish("--thinking")
        self.check_whole(rows)
        resumed = [row for row in measured(rows) if row["session"] == 1]
        self.assertEqual([(row["item"], row["options"]["num_ctx"]) for row in resumed], [("5Q-Q03", 4352), ("5Q-Q04", 4352), ("5Q-Q05", 4352)])
        self.assertEqual({row["reason"] for row in rows if row["type"] == "skipped"}, {"always-thinks"})

    def test_a_run_that_is_killed_again_and_again_is_made_whole(self):
        rng = random.Random(20)
        arguments = ["--models", "alpha:1b,beta:1b", "--phases", "small-eval,parallel-same,context-append,parallel-mixed",
                     "--concurrency", "1,4", "--quiet"]
        for _ in range(5):
            command = self.start(*arguments)
            seen = sum(path.read_bytes().count(b"\n") for path in self.out.glob("*/*/run-*/run.jsonl"))
            self.wait_for_records(seen + rng.randrange(1, 40))
            command.kill()
            command.wait()
            arguments = ["--resume", self.folder().name, "--quiet"]
        rows = self.finish()
        self.check_whole(rows)
        self.assertEqual([session["ended"] for session in rows[-1]["sessions"]], ["died"] * 5 + ["complete"])
        reasons = {row["reason"] for row in rows if row["type"] == "skipped"}
        self.assertLessEqual(reasons, {"wave-broken", "conversation-broken"})
        for row in measured(rows):
            self.assertEqual(row["reattempt"], row["session"] > 0)

    @unittest.skipIf(os.name == "nt", "sending Ctrl-C to another process needs a console there")
    def test_ctrl_c_once_ends_after_the_present_call(self):
        self.stub.script({"models": [{**ALPHA, "decode_gap_ms": 20.0}]})
        command = self.start("--phases", "small-eval", "--models", "alpha:1b")
        self.wait_for_records(16)
        command.send_signal(signal.SIGINT)
        code, err = command.wait(60), command.printed("stderr")
        self.assertEqual(code, 130, err)
        rows = records(self.folder())
        self.assertEqual({row["outcome"] for row in measured(rows)} - {"ok", "length"}, set())
        self.assertFalse(rows[-1]["complete"])
        self.assertEqual(rows[-1]["sessions"][-1]["ended"], "interrupted")
        self.assertIn(f"--resume {self.folder()}", err)
        self.stub.script({"models": [ALPHA]})
        footer = len((self.folder() / run_folder.LEDGER).read_bytes().splitlines()[-1]) + 1
        rows = self.finish()
        self.check_whole(rows)
        self.assertEqual([row["cut"]["size_bytes"] for row in rows if row.get("cut")], [footer])
        self.assertEqual([session["ended"] for session in rows[-1]["sessions"]], ["interrupted", "complete"])

    @unittest.skipIf(os.name == "nt", "sending Ctrl-C to another process needs a console there")
    def test_ctrl_c_twice_breaks_the_call_off_and_its_record_is_final(self):
        self.stub.script({"models": [{**ALPHA, "decode_gap_ms": 20_000.0, "tokens_per_chunk": 1}]})
        command = self.start("--phases", "small-eval", "--models", "alpha:1b")
        self.wait_for_a_call()
        command.send_signal(signal.SIGINT)
        while "stopping after the current call" not in command.printed("stderr"):
            self.assertIsNone(command.poll(0.05))
        command.send_signal(signal.SIGINT)
        code = command.wait(60)     # the call itself would go on for five minutes
        self.assertEqual(code, 130, command.printed("stderr"))
        rows = records(self.folder())
        self.assertEqual([row["outcome"] for row in rows if row["type"] == "call"][-1], "interrupted")
        self.stub.script({"models": [ALPHA]})
        self.check_whole(self.finish())

    def test_a_dead_server_ends_the_run_and_the_next_session_does_the_rest(self):
        with support.stub({"models": [{**ALPHA, "decode_gap_ms": 5.0}]}) as mortal:
            def kill() -> None:
                self.wait_for_records(20)
                mortal.process.kill()
            killer = threading.Thread(target=kill)
            killer.start()
            # The driver waits half a minute for a server that may be starting again; a test need not.
            with mock.patch.object(model_loader, "SERVER_PATIENCE_S", 1.0), mock.patch.object(model_loader, "PAUSE_S", 0.01):
                code, _, err = call_main("--target-url", mortal.url, "--out", str(self.out), "--phases",
                                         "small-eval,python-tasks", "--models", "alpha:1b")
            killer.join()
        self.assertEqual(code, 1, err)
        self.assertIn("not complete: the server stopped answering; nothing is lost", err)
        self.assertEqual(err.splitlines()[-1],
                         f"next: python harness/run_benchmark.py --resume {self.folder()}")
        rows = records(self.folder())
        self.assertFalse(rows[-1]["complete"])
        self.assertEqual(rows[-1]["sessions"][-1]["ended"], "server-lost")
        self.stub.script({"models": [ALPHA]})
        rows = self.finish("--target-url", self.stub.url)
        self.check_whole(rows)
        self.assertLessEqual(sum(row["outcome"] in ("cut", "error") for row in measured(rows)), 1)

    def test_a_full_disk_in_the_middle_loses_nothing(self):
        real, budget = os.write, [30_000]

        def write(number: int, data: bytes) -> int:
            if b'"type":' in data[:40]:
                budget[0] -= len(data)
                if budget[0] < 0:
                    real(number, data[:10])
                    return 10
            return real(number, data)
        with mock.patch.object(os, "write", write):
            code, _, err = self.main("--phases", "small-eval,python-tasks", "--models", "alpha:1b", "--quiet")
        self.assertEqual(code, 1)
        self.assertIn("--resume", err)
        self.assertTrue((self.folder() / run_folder.LEDGER).read_bytes().endswith(b"\n"))
        self.check_whole(self.finish())

    def test_a_last_file_that_cannot_be_written_is_made_by_the_next_command(self):
        real = files.replace

        def replace(path: pathlib.Path, data: bytes) -> None:
            if path.name == "metadata.json":
                raise files.user_error(PermissionError(errno.EACCES, "Access is denied"), path)
            real(path, data)
        with mock.patch.object(files, "replace", replace):
            code, _, err = self.main("--phases", "small-eval", "--models", "alpha:1b", "--quiet")
        self.assertEqual(code, 1, err)
        self.assertIn("metadata.json: Access is denied", err)
        self.assertIn("the ledger is complete", err)
        step = support.words_of(err.splitlines()[-1].partition("next: ")[2])
        self.assertEqual(step, ["python", "harness/summarize_run.py", str(self.folder())])
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(summarize_run.main(step[2:]), 0)
        self.assertTrue((self.folder() / "metadata.json").exists() and (self.folder() / "run.md").exists())

    def test_what_does_not_match_is_refused(self):
        self.main("--phases", "small-eval", "--models", "alpha:1b", "--quiet")
        self.refuse_resume("this run is complete")
        path = self.folder() / run_folder.LEDGER
        whole = path.read_bytes()
        lines = whole.splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-3]))
        self.refuse_resume("differs from what the run was planned with", "--num-ctx", "2048")
        self.refuse_resume("differs from what the run was planned with", "--phases", "all")
        self.refuse_resume("differs from what the run was planned with", "--models", "beta:1b")
        self.stub.script({"models": [{**ALPHA, "digest": "ab" * 32}]})
        self.refuse_resume("another version of this model")
        self.stub.script({"models": [BETA]})
        self.refuse_resume("no longer has this model")
        self.stub.script({"models": [ALPHA]})
        path.write_bytes(b"".join(lines[:3] + lines[4:-3]))
        self.refuse_resume("run.jsonl:4: ")
        path.write_bytes(b"".join(lines[:-3]))
        manifest = self.folder() / run_folder.MANIFEST
        manifest.write_text(manifest.read_text().replace(suites.FILES["small-eval"].sha256, "0" * 64))
        self.refuse_resume("suite")

    def refuse_resume(self, says: str, *arguments: str) -> None:
        before = (self.folder() / run_folder.LEDGER).read_bytes()
        code, _, err = self.main("--resume", self.folder().name, "--quiet", *arguments)
        self.assertEqual(code, 2, err)
        self.assertIn(says, err)
        self.assertEqual((self.folder() / run_folder.LEDGER).read_bytes(), before)

    def test_flags_that_say_the_same_may_be_repeated(self):
        self.main("--phases", "small-eval", "--models", "alpha:1b", "--quiet", "--num-ctx", "2048")
        path = self.folder() / run_folder.LEDGER
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
        self.check_whole(self.finish("--phases", "small-eval", "--models", "alpha:1b", "--num-ctx", "2048"))

    def test_a_file_without_a_whole_line_is_begun_anew(self):
        self.main("--phases", "small-eval", "--models", "alpha:1b", "--quiet")
        path = self.folder() / run_folder.LEDGER
        path.write_bytes(path.read_bytes()[:40])
        rows = self.finish()
        self.check_whole(rows)
        self.assertEqual(rows[0]["cut"]["size_bytes"], 40)

    def test_two_runs_at_once_of_one_folder_are_refused(self):
        command = self.start("--phases", "all", "--models", "alpha:1b", "--quiet")
        self.wait_for_records(3)
        code, _, err = self.main("--resume", self.folder().name)
        command.kill()
        command.wait()
        self.assertEqual(code, 1)
        self.assertIn("another process is writing this run", err)


if __name__ == "__main__":
    unittest.main()
