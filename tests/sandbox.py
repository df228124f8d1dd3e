"""What the tests of the sandbox share: grading one answer, many answers in one pair of processes, and a clean-up that is checked."""
from __future__ import annotations

import concurrent.futures
import os
import pathlib
import sys
import tempfile
import textwrap
import time
import unittest
from typing import Mapping
from unittest import mock

import support

from base import suites
from derive import code_grading
from derive.code_runner import isolation

SOLUTIONS = support.ROOT / "tests" / "solutions"
GRADERS = {item.id: item.grader for item in suites.load("python-tasks").items}
QUICK = code_grading.ResourceLimits(wall_s=6)
BARE = ("limits",)      # what a POSIX system has that denies nothing else
LINUX = sys.platform.startswith("linux")
DOUBLE = {"kind": "python", "entry": "double", "tests": "def test_two():\n    assert double(2) == 4\n"
                                                        "def test_list():\n    assert double([1]) == [1, 1]\n"}
EACH = {"kind": "python", "entry": "each", "tests": "def test_each():\n    assert list(each()) == [1, 2]\n"}
RIGHT = "def double(n):\n    return n * 2\n"
# Many answers in one untrusted process, each in a namespace of its own, and the tests run against each in turn.
PICK = """
SOURCES = {sources!r}
def pick(number):
    scope = {{"__name__": "answer"}}
    exec(compile(SOURCES[number], "answer", "exec", dont_inherit=True), scope)
    return scope[{entry!r}]
"""
TEST_EACH = """
from derive.code_runner.rpc import RemoteException
def reason(entry):
    scope = {{{entry!r}: entry}}
    exec(compile({tests!r}, "tests", "exec", dont_inherit=True), scope)
    for name, test in list(scope.items()):
        if name.startswith("test_"):
            try:
                test()
            except RemoteException:
                return "exception"
            except Exception:
                return "wrong"
    return "passed"
def test_each_answer():
    assert [reason(pick(number)) for number in range({count})] == {reasons!r}
"""


def judge(code: str, grader: dict = DOUBLE, limits: code_grading.ResourceLimits = QUICK,
          layers: tuple = isolation.LAYERS) -> code_grading.CodeVerdict:
    return code_grading.grade_code(grader, textwrap.dedent(code), limits, layers)


def judge_all(jobs: Mapping[str, tuple]) -> dict[str, code_grading.CodeVerdict]:
    """Verdicts by name of many `judge` calls; four at a time, since most of them only wait."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        pending = {name: pool.submit(judge, *job) for name, job in jobs.items()}
        return {name: verdict.result() for name, verdict in pending.items()}


def judge_together(answers: Mapping[str, str], grader: dict, reasons: Mapping[str, str]) -> dict[str, str]:
    """Reasons by name of answers whose expected reasons are passed, wrong or exception, from one pair of processes.

    An answer whose reason is another than expected is graded alone, so that the failure names it.
    """
    sources, expected = [textwrap.dedent(code) for code in answers.values()], [reasons[name] for name in answers]
    tests = grader["tests"] if isinstance(grader["tests"], str) else "\n".join(grader["tests"])
    together = {"kind": "python", "entry": "pick", "tests": TEST_EACH.format(
        entry=grader["entry"], tests=tests, count=len(sources), reasons=expected)}
    if judge(PICK.format(sources=sources, entry=grader["entry"]), together, code_grading.ResourceLimits()).passed:
        return {name: reasons[name] for name in answers}
    return {name: verdict.reason for name, verdict in judge_all({name: (code, grader) for name, code in answers.items()}).items()}


def wait_until_gone(pid: int) -> bool:
    end = time.monotonic() + 5
    while support.is_alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not support.is_alive(pid)


def left_running(harness: pathlib.Path) -> list[pathlib.Path]:
    """Processes that grading started with this path of the harness, and what they forked, that do not end within a moment."""
    end = time.monotonic() + 5
    while True:
        running = [path for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if os.fsencode(str(harness)) in command_line(path)]
        if not running or time.monotonic() > end:
            return running
        time.sleep(0.02)


def command_line(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


class SandboxTest(unittest.TestCase):
    """After each test: no process is left, and nothing in the folder for temporary files."""

    def setUp(self):
        context = tempfile.TemporaryDirectory()
        self.addCleanup(context.cleanup)
        self.folder = pathlib.Path(context.name)
        self.secret = self.folder / "secret.txt"
        self.secret.write_text("the word is umbrella")
        temporary = self.folder / "temporary"
        temporary.mkdir()
        harness = support.HARNESS
        if LINUX:       # a path of its own: another suite may be grading beside this one
            harness = self.folder / "harness"
            harness.symlink_to(support.HARNESS, target_is_directory=True)
            self.addCleanup(lambda: self.assertEqual(left_running(harness), []))
        self.addCleanup(lambda: self.assertEqual(list(temporary.iterdir()), []))
        for patch in (mock.patch.object(tempfile, "tempdir", str(temporary)), mock.patch.object(code_grading, "HARNESS", harness)):
            patch.start()
            self.addCleanup(patch.stop)
