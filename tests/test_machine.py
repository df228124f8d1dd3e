"""The machine: whatever becomes of a tool is an answer, and it never takes much longer than its limit."""
from __future__ import annotations

import os
import pathlib
import sys
import tempfile
import time
import unittest
from unittest import mock

import support

from base import facts, json_text, records, schema, sensitive
from measure import hardware
from measure.hardware import bandwidth, machine
from measure.hardware.machine import Platform


class Tools(unittest.TestCase):
    """With Python as the tool."""

    def run_python(self, code: str, limit_s: float = 20.0) -> machine.CommandResult:
        python = pathlib.Path(sys.executable)
        name = python.stem if os.name == "nt" else python.name
        return machine.run([name, "-S", "-c", code], limit_s, {**os.environ, "PATH": str(python.parent)})

    def test_what_becomes_of_a_tool(self):
        for code, outcome, text in (
                ("print('Apple M1')", "answered", "Apple M1"), ("pass", "answered", ""),
                ("print('so far'); raise SystemExit(9)", "failed", "so far"),
                ("import sys; sys.stderr.write('not heard')", "answered", ""),
                ("import sys; print(sys.stdin.read())", "answered", ""),
                ("import sys; sys.stdout.buffer.write(b'\\xff\\xe9 \\xc3\\xa9')", "answered", "\ufffd\ufffd \u00e9"),
                ("import os; print(os.environ['LC_ALL'])", "answered", "C")):
            with self.subTest(code):
                answer = self.run_python(code)
                self.assertEqual((answer.outcome, answer.text.strip()), (outcome, text))

    def test_a_tool_that_hangs_is_ended_at_its_limit_with_all_that_it_started(self):
        hangs = "import time; time.sleep(60)"
        child = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-S', '-c', {hangs!r}])"
        closed = "import os, time; os.close(1); time.sleep(60)"
        for what, code in (("sleeps", hangs), ("leaves a child that holds the pipe", child),
                           ("closes the pipe and sleeps", closed)):
            with self.subTest(what):
                began = time.monotonic()
                answer = self.run_python(code, 0.5)
                self.assertEqual((answer.outcome, answer.text), ("late", ""))
                self.assertLess(time.monotonic() - began, 30)
        self.assertIn("took longer than 0.5 s", answer.why)

    @unittest.skipIf(os.name == "nt", "Windows has no groups of processes; what a tool started there may live on")
    def test_what_a_tool_started_does_not_outlive_its_limit(self):
        with tempfile.TemporaryDirectory() as folder:
            sign = pathlib.Path(folder, "sign")
            lives = f"import time\nwhile True:\n    open({str(sign)!r}, 'a').write('.')\n    time.sleep(0.02)"
            child = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-S', '-c', {lives!r}]); time.sleep(60)"
            for limit_s in (0.5, 2.0, 8.0, 30.0):       # a busy machine may need a while to start two of them
                self.assertEqual(self.run_python(child, limit_s).outcome, "late")
                if sign.exists():
                    break
            before = sign.stat().st_size
            time.sleep(0.3)
            self.assertEqual(sign.stat().st_size, before)

    def test_a_tool_that_talks_without_end_is_ended(self):
        answer = self.run_python("import sys\nwhile True: sys.stdout.write('x' * 65536)")
        self.assertEqual((answer.outcome, answer.text), ("too-much", ""))

    def test_a_tool_is_taken_from_the_folders_of_path_and_never_from_the_present_one(self):
        with tempfile.TemporaryDirectory() as folder:
            tool = pathlib.Path(folder, "no-such-tool-anywhere" + (".exe" if os.name == "nt" else ""))
            tool.write_bytes(b"")
            tool.chmod(0o755)
            for path, found in ((folder, str(tool)), ("", None), (".", None), (os.pathsep.join(["", ".", "x"]), None)):
                with self.subTest(path):
                    before = os.getcwd()
                    os.chdir(folder)
                    try:
                        self.assertEqual(machine.find_tool("no-such-tool-anywhere", path), found)
                    finally:
                        os.chdir(before)
        self.assertEqual(machine.run(["no-such-tool-anywhere"], 1).outcome, "missing")

    def test_a_script_is_not_recorded_word_by_word(self):
        self.assertEqual(machine.recorded_command(["powershell", "-Command", "x" * 500]), "powershell -Command ...")

    def test_every_tool_is_asked_once(self):
        asked = []

        def run(words: list, limit_s: float) -> machine.CommandResult:
            asked.append(words)
            return machine.CommandResult(" ".join(words), "missing")
        for system in ("linux", "darwin", "windows"):
            asked.clear()
            there = Platform(system, environment={"ANDROID_ROOT": "/system"})
            hardware.probe(machine.Machine(there, run, {}.get, lambda pattern: [], {}.get, lambda size_bytes: (1, 1)), None)
            self.assertEqual(len(asked), len({" ".join(words) for words in asked}))
            self.assertGreater(len(asked), 2)

    def test_a_file_that_cannot_be_read_says_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "model")
            path.write_bytes(b"Board \xff\n")
            self.assertEqual(machine.read(str(path)), "Board \ufffd\n")
            for missing in (folder, str(path) + "x"):
                with self.subTest(missing):
                    self.assertIsNone(machine.read(missing))
            self.assertIsNone(machine.link(str(path)))

    def test_this_machine_can_be_looked_at(self):
        # With small buffers: test_probe_hardware copies those of a real probe.
        with mock.patch.object(bandwidth, "buffer_bytes", lambda *_: 1 << 20), mock.patch.object(machine, "TIMED_NS", 1_000_000):
            record = hardware.probe(machine.here(), None)
        self.assertEqual(schema.problems(record, "hardware") + facts.problems(record), [])
        self.assertEqual([*sensitive.find(json_text.pretty(record).decode("ascii"))], [])
        self.assertIsNotNone(record["cpu"]["logical_cores"]["value"])
        self.assertEqual(list(record), [field.name for field in records.RECORDS["hardware"]])


if __name__ == "__main__":
    unittest.main()
