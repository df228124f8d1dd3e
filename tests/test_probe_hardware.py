"""probe_hardware.py: a table for people, a record for machines, one next command, and no file lost."""
from __future__ import annotations

import contextlib
import io
import os
import pathlib
import subprocess
import tempfile
import time
import unittest
from unittest import mock

import support
import fake_machine
import probe_hardware

from base import console, facts, json_text, schema, sensitive
from base.errors import FINE, USAGE
from measure import hardware

ELSEWHERE = "http://192.0.2.7:11434"


def call(*words: str, machine: object = None) -> tuple:
    """(exit code, stdout, stderr) of the verb over a sample machine."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = console.guarded(lambda: probe_hardware.main(list(words), machine or fake_machine.load("laptop-battery")))
    return code, out.getvalue(), err.getvalue()


class Verb(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.nowhere = f"http://127.0.0.1:{support.closed_port()}"

    def test_a_table_for_people_and_one_next_command(self):
        code, out, err = call("--target-url", self.nowhere, machine=fake_machine.load("container-v2"))
        self.assertEqual(code, FINE)
        for word in ("memory.usable_bytes", "16.0 GiB  (/sys/fs/cgroup/memory.max)", "AVX2", "no lscpu here)", "accelerators",
                     "one thread, a lower bound"):
            with self.subTest(word):
                self.assertIn(word, out)
        self.assertRegex(err.splitlines()[-1], "^next: (ollama serve|install Ollama from )")

    def test_where_a_server_answers_its_models_come_next(self):
        with mock.patch.object(probe_hardware, "server_version", return_value="0.33.0"):
            err = call("--target-url", self.nowhere, machine=fake_machine.load("container-v2"))[2]
        self.assertEqual(err.splitlines()[-1], f"next: python harness/run_benchmark.py --list --target-url {self.nowhere} "
                                               "--device-tag epyc-7543-16gb")

    def test_the_record_itself_for_machines(self):
        code, out, _ = call("--json", "--target-url", self.nowhere, machine=fake_machine.load("raspberry-pi"))
        record = json_text.loads(out.encode("ascii"))
        self.assertEqual((code, schema.problems(record, "hardware"), facts.problems(record)), (FINE, [], []))
        self.assertEqual(record["system"]["product"]["value"], "Raspberry Pi 5 Model B Rev 1.0")
        self.assertEqual(record["ollama"]["version"], facts.unknown("no Ollama server answered"))

    def test_only_the_tag(self):
        self.assertEqual(call("--tag", machine=fake_machine.load("two-gpus")), (FINE, "2x-h100-80gb\n", ""))

    def test_a_tag_that_fits_many_machines_comes_with_a_note(self):
        with mock.patch.object(hardware, "suggest_device_tag", lambda machine: "xeon-24gb"):
            code, out, err = call("--tag")
            self.assertEqual((code, out), (FINE, "xeon-24gb\n"))
            self.assertRegex(err, r"\Anote: the tag xeon-24gb fits many machines.*\n\Z")
            self.assertIn("note: the tag xeon-24gb fits many machines", call("--target-url", self.nowhere)[2])

    def test_a_server_elsewhere_is_not_probed_and_gets_no_tag(self):
        code, out, err = call("--target-url", ELSEWHERE)
        self.assertEqual(code, FINE)
        self.assertTrue(out.startswith("not probed: the server is not on this machine"))
        self.assertTrue(err.endswith(f"next: python harness/run_benchmark.py --list --target-url {ELSEWHERE}\n"))
        code, out, err = call("--tag", "--target-url", ELSEWHERE)
        self.assertEqual((code, out, len(err.splitlines())), (USAGE, "", 1))
        record = json_text.loads(call("--json", "--target-url", ELSEWHERE)[1].encode("ascii"))
        self.assertEqual((record["probed"], record["cpu"], schema.problems(record, "hardware")), (False, None, []))

    def test_wrong_usage_is_one_line_and_exit_code_2(self):
        with tempfile.TemporaryDirectory() as folder:
            taken = pathlib.Path(folder, "manifest.json")
            for text in (b'{"schema": "manifest-1.0"}', b"[]", b"not JSON", b"", b'{"schema": 5}'):
                taken.write_bytes(text)
                for words, word in ((["--out", str(taken)], "would be lost"),
                                    (["--out", f"{folder}/none/hardware.json"], "neither a folder"),
                                    (["--out", f"{folder}/run.jsonl"], "neither a folder"),
                                    (["--target-url", "ftp://x"], "not supported")):
                    with self.subTest(f"{words} {text}"):
                        code, out, err = call(*words)
                        self.assertEqual((code, out, len(err.splitlines())), (USAGE, "", 1))
                        self.assertIn(word, err)
                self.assertEqual((taken.read_bytes(), sorted(os.listdir(folder))), (text, ["manifest.json"]))
        with self.assertRaises(SystemExit) as caught, contextlib.redirect_stderr(io.StringIO()):
            probe_hardware.main(["--json", "--tag"])
        self.assertEqual(caught.exception.code, USAGE)


class Written(unittest.TestCase):
    def test_a_folder_gets_hardware_json_and_an_earlier_record_is_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "hardware.json")
            for out, name in ((folder, "linux-nvidia"), (str(file), "mac-m1")):
                with self.subTest(name):
                    code, _, err = call("--out", out, "--target-url", f"http://127.0.0.1:{support.closed_port()}",
                                        machine=fake_machine.load(name))
                    self.assertEqual(code, FINE)
                    self.assertEqual(err.splitlines()[-2], f"{file} written")
                    self.assertTrue(err.splitlines()[-1].startswith("next: "))
                    record = json_text.loads(file.read_bytes())
                    self.assertEqual(file.read_bytes(), json_text.pretty(record))
                    self.assertEqual(schema.problems(record, "hardware"), [])
                    self.assertEqual([*sensitive.find(file.read_text(encoding="ascii"))], [])
                    self.assertEqual(os.listdir(folder), ["hardware.json"])

    def test_in_the_folder_of_a_run_its_check_comes_next(self):
        with tempfile.TemporaryDirectory() as folder:
            run = pathlib.Path(folder, "run-0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233")
            run.mkdir()
            err = call("--out", str(run), "--target-url", f"http://127.0.0.1:{support.closed_port()}")[2]
            self.assertEqual(err.splitlines()[-1], f"next: python harness/check_submission.py {run}")

    def test_a_record_that_the_checker_would_refuse_is_never_written(self):
        with tempfile.TemporaryDirectory() as folder:
            right = probe_hardware_record()
            for change in ({"system": None, "extra": 1}, {"cpu": {"model": {"value": 5}}}, {"why_not_probed": "at anas-mac.local"}):
                with self.subTest(change):
                    with self.assertRaisesRegex(ValueError, "refuses"):
                        probe_hardware.write(pathlib.Path(folder, "hardware.json"), {**right, **change})
                    self.assertEqual(os.listdir(folder), [])


def probe_hardware_record() -> dict:
    from measure import hardware
    return hardware.probe(fake_machine.load("mac-m1"), None)


class Server(unittest.TestCase):
    def version(self, answer: object) -> dict:
        with support.listener(answer) as server:
            return json_text.loads(call("--json", "--target-url", server.url)[1].encode("ascii"))["ollama"]["version"]

    def test_the_version_is_what_the_server_tells_and_else_unknown(self):
        for body, status, value in ((b'{"version": "0.33.0"}', 200, "0.33.0"), (b'{"version": 5}', 200, None),
                                    (b"[]", 200, None),
                                    (b"<html>", 200, None), (b'{"version": "1"}', 500, None),
                                    (b'{"version": ""}', 200, None),
                                    (b'{"version": "at anas-mac.local"}', 200, None)):
            with self.subTest(body):
                self.assertEqual(self.version(support.whole(body, status))["value"], value)

    def test_a_server_that_does_not_answer_delays_nothing_for_long(self):
        began, there = time.monotonic(), []
        with support.listener(lambda connection, request: there[0].over.wait(60)) as server:
            there.append(server)
            record = json_text.loads(call("--json", "--target-url", server.url)[1].encode("ascii"))
        self.assertIsNone(record["ollama"]["version"]["value"])
        self.assertLess(time.monotonic() - began, 30)


# Memory is copied for a moment only.
WITH_SMALL_BUFFERS = """import sys
sys.path[0] = sys.argv.pop(1)
from base import console
from commands import probe_hardware
from measure.hardware import bandwidth, machine
bandwidth.buffer_bytes, machine.TIMED_NS = lambda *_: 1 << 20, 0
raise SystemExit(console.guarded(probe_hardware.main))
"""


class Real(unittest.TestCase):
    def test_it_runs_here_from_any_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            words = ["--out", folder, "--target-url", f"http://127.0.0.1:{support.closed_port()}"]
            done = subprocess.run([*support.PYTHON, "-c", WITH_SMALL_BUFFERS, str(support.HARNESS), *words], cwd=folder,
                                  capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, FINE, done.stderr)
            record = json_text.loads(pathlib.Path(folder, "hardware.json").read_bytes())
            self.assertEqual(schema.problems(record, "hardware") + facts.problems(record), [])
            self.assertIn("copy_bandwidth.bytes_s", done.stdout)
            self.assertRegex(done.stderr.splitlines()[-1], "^next: (ollama serve|install Ollama from )")


if __name__ == "__main__":
    unittest.main()
