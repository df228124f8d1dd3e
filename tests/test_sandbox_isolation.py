"""The isolation of the sandbox: what an answer tries to reach is denied, and no process outlives its grading."""
from __future__ import annotations

import os
import signal
import subprocess
import time
import unittest
from typing import Sequence
from unittest import mock

import sandbox
import support
from sandbox import BARE, LINUX, QUICK, RIGHT, judge, wait_until_gone

from base import files
from derive import code_grading
from derive.code_runner import isolation, seccomp

setUpModule = support.optional("sandbox")

# Tries everything and names what was not denied; whoever is denied everything doubles.
IF_DENIED = """
ATTEMPTS = {attempts!r}
def is_denied(attempt):
    try:
        exec(attempt, {{}})
    except (OSError, ImportError):
        return True
    return False
def double(n):
    allowed = [attempt for attempt in ATTEMPTS if not is_denied(attempt)]
    return allowed or n * 2
"""


class Isolation(sandbox.SandboxTest):
    """Each answer here is right only if it was denied what it tried."""

    def denied(self, attempts: Sequence[str], *needs: str, limits: code_grading.ResourceLimits = QUICK) -> None:
        """All attempts in one process; those that were not all denied are tried once more, each alone, to name them."""
        verdict = judge(IF_DENIED.format(attempts=list(attempts)), limits=limits)
        if not any(layer in verdict.isolation for layer in needs):
            self.skipTest(f"this system has none of: {', '.join(needs)}")
        if verdict.reason != "passed" and len(attempts) > 1:
            for attempt in attempts:
                with self.subTest(attempt):
                    self.denied([attempt], *needs, limits=limits)
        self.assertEqual((verdict.reason, verdict.detail), ("passed", ""))

    def test_files_are_neither_read_nor_changed_nor_removed(self):
        path = str(self.secret)
        self.denied([f"open({path!r}).read()", f"__import__('os').listdir({str(support.HARNESS)!r})"], "landlock")
        self.denied([f"open({path!r}, 'a')", f"open({path!r}, 'w')", f"__import__('os').remove({path!r})",
                        f"__import__('os').chmod({path!r}, 0)", f"__import__('os').truncate({path!r}, 0)",
                        f"__import__('os').rename({path!r}, {path + '2'!r})", "open('mine.txt', 'w')",
                        f"__import__('os').symlink({path!r}, 'link')", f"__import__('os').utime({path!r}, (1, 1))"], "seccomp", "sandbox")
        self.assertEqual(self.secret.read_text(), "the word is umbrella")

    def test_the_disk_cannot_be_filled(self):
        attempt = "f = open('big', 'wb')\nfor _ in range(4000): f.write(bytes(1 << 20)); f.flush()"
        self.denied([attempt], "limits", "low")
        bare = judge(IF_DENIED.format(attempts=[attempt]), layers=BARE)
        if "limits" in bare.isolation:
            self.assertTrue(bare.passed, bare)

    def test_the_network_cannot_be_reached(self):
        with support.listener(b"") as here:
            attempt = f"__import__('socket').create_connection(('127.0.0.1', {here.port}), 1).send(b'x')"
            for layers in (isolation.LAYERS, ("landlock",), ("namespaces",), ("seccomp",)):
                verdict = judge(IF_DENIED.format(attempts=[attempt]), layers=layers)
                if any(layer in verdict.isolation for layer in ("seccomp", "namespaces", "sandbox")):
                    with self.subTest(layers=layers):
                        self.assertEqual(verdict.reason, "passed", verdict)
                        self.assertEqual(here.requests, [])

    def test_no_process_is_started(self):
        self.denied(("__import__('os').fork() or __import__('time').sleep(1000)",
                     "__import__('subprocess').run(['true'])", "__import__('os').execv('/bin/true', ['true'])",
                     "__import__('multiprocessing').Process(target=print).start()"), "seccomp", "sandbox")

    def test_other_processes_are_left_alone(self):
        limit = ["__import__('resource').prlimit(__import__('os').getppid(), 0, (1, 1))"] if LINUX else []
        self.denied(["__import__('os').kill(__import__('os').getppid(), 9)", "__import__('os').kill(-1, 9)", "__import__('os').killpg(0, 9)",
                     "__import__('os').setpriority(0, __import__('os').getppid(), 19)", *limit], "seccomp")

    def test_a_limit_cannot_be_raised(self):
        raised = IF_DENIED.format(attempts=["r = __import__('resource'); r.setrlimit(r.RLIMIT_FSIZE, (1 << 30, 1 << 30))"])
        verdict = judge(raised.replace("OSError", "OSError, ValueError"))
        if "seccomp" in verdict.isolation:
            self.assertTrue(verdict.passed, verdict)

    def test_the_environment_and_the_harness_are_not_there(self):
        self.assertTrue(judge("import os\nassert not {'HOME', 'PATH', 'USER'} & set(os.environ)\n" + RIGHT).passed)
        self.denied(("from base import files", "from derive import code_grading"), "limits", "low")

    def test_code_that_kills_the_test_process_has_failed(self):
        verdict = judge("import os\ndef double(n): os.kill(os.getppid(), 9)", layers=())
        self.assertEqual((verdict.passed, verdict.reason), (False, "crashed"))

    @unittest.skipUnless(os.name == "posix", "needs os.fork")
    def test_a_bomb_of_processes_is_denied_or_gone_afterwards(self):
        bomb = """
            import os, time
            def double(n):
                for _ in range(12):
                    try:
                        if os.fork() == 0:
                            os.setsid()
                            if os.fork() == 0:
                                with open({!r}, "a") as out: out.write(str(os.getpid()) + "\\n")
                                time.sleep(60)
                            os._exit(0)
                    except OSError:
                        pass
                time.sleep({})
                return n * 2"""
        for layers in (isolation.LAYERS, BARE, ()):
            pids = self.folder / f"pids-{len(layers)}"
            pids.write_text("")
            wait_s = (0.2 if layers else 1.5) if LINUX else 0     # a busy machine starts the last of them late
            verdict = judge(bomb.format(str(pids), wait_s), layers=layers,
                            limits=code_grading.ResourceLimits(wall_s=4, file_bytes=1000))
            left = [int(pid) for pid in pids.read_text().split()]
            with self.subTest(layers=layers):
                self.assertTrue(verdict.passed, verdict)
                if "seccomp" in verdict.isolation or "sandbox" in verdict.isolation:
                    self.assertEqual(left, [])
                if LINUX:
                    self.assertEqual(len(left), 24 if layers == () else len(left))
                    self.assertEqual([pid for pid in left if support.is_alive(pid)], [])

    @unittest.skipUnless(os.name == "posix", "needs the signals of POSIX")
    def test_when_the_harness_is_interrupted_or_killed_nothing_goes_on(self):
        code = ("import signal, sys; sys.path.insert(0, sys.argv[1]); from derive import code_grading\n"
                "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
                "code_grading.grade_code({'entry': 'double', 'tests': ''}, sys.argv[2], layers=(),"
                " limits=code_grading.ResourceLimits(wall_s=60))")
        for number in (signal.SIGINT, signal.SIGKILL):
            pid_file, home = self.folder / f"pid-{number}", self.folder / f"home-{number}"
            home.mkdir()
            answer = f"import os\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ndouble = 1\nwhile True: pass"
            with subprocess.Popen([*support.PYTHON, "-c", code, str(support.HARNESS), answer], stderr=subprocess.DEVNULL,
                                  env={**os.environ, "TMPDIR": str(home)}) as process:
                end = time.monotonic() + 10
                while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < end:
                    time.sleep(0.02)
                process.send_signal(number)
            with self.subTest(number):
                self.assertTrue(wait_until_gone(int(pid_file.read_text())))
                if number == signal.SIGINT:
                    self.assertEqual(list(home.iterdir()), [])

    def test_a_folder_of_links_and_locked_doors_is_removed_and_what_they_lead_to_stays(self):
        outside = self.folder / "outside"
        (outside / "inner").mkdir(parents=True)
        (outside / "inner").chmod(0o755)
        mode = (outside / "inner").stat().st_mode
        with files.temporary_folder() as inside:
            (inside / "locked" / "deep").mkdir(parents=True)
            support.make_link(inside / "link", outside)
            support.make_link(inside / "locked" / "link", self.secret)
            (inside / "locked").chmod(0)
            inside.chmod(0)
        self.assertFalse(inside.exists())
        self.assertEqual(self.secret.read_text(), "the word is umbrella")
        self.assertEqual((outside / "inner").stat().st_mode, mode)

    def test_layers_that_kill_the_untrusted_process_are_left_out(self):
        with mock.patch.object(code_grading, "HARNESS", self.folder):
            self.assertEqual(judge(RIGHT), code_grading.CodeVerdict(False, "not-run", "the test process did not start"))

    @unittest.skipUnless(LINUX and os.uname().machine in seccomp.MACHINES, "needs Linux")
    def test_on_linux_every_layer_alone_lets_a_right_answer_pass(self):
        for layer in ("limits", "landlock", "namespaces", "rights", "seccomp"):
            verdict = judge(RIGHT, layers=(layer,))
            with self.subTest(layer):
                self.assertTrue(verdict.passed)
                self.assertIn(verdict.isolation, ((layer,), ()))

    def test_filters_are_whole_instructions_for_every_machine(self):
        for machine in seccomp.MACHINES:
            code = seccomp.program(machine, 4321)
            with self.subTest(machine):
                self.assertEqual(len(code) % 8, 0)
                self.assertLess(len(code) // 8, 4096)       # BPF_MAXINSNS

if __name__ == "__main__":
    unittest.main()
