"""The sandbox: right answers pass, wrong ones fail, and an answer that attacks gets nothing and touches nothing."""
from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from unittest import mock

import support

from base import files, schema
from base.ledger_records import typed
from derive import code_grading
from derive.code_runner import isolation, rpc, seccomp
from base import suites

SOLUTIONS = support.ROOT / "tests" / "solutions"
GRADERS = {item.id: item.grader for item in suites.load("python-tasks").items}
QUICK = code_grading.ResourceLimits(wall_s=6)
WORK_LIMITS = code_grading.ResourceLimits(wall_s=1.5)
BARE = ("limits",)      # what a POSIX system has that denies nothing else
LINUX = sys.platform.startswith("linux")
DOUBLE = {"kind": "python", "entry": "double", "tests": "def test_two():\n    assert double(2) == 4\n"
                                                        "def test_list():\n    assert double([1]) == [1, 1]\n"}
EACH = {"kind": "python", "entry": "each", "tests": "def test_each():\n    assert list(each()) == [1, 2]\n"}
RIGHT = "def double(n):\n    return n * 2\n"
IF_DENIED = """
    def double(n):
        try:
            {}
        except (OSError, ImportError):
            return n * 2
        return "it was not denied"
"""
# Stem of the solution: the reason why it fails. These stand here so that every Python gives the same.
EXCEPTIONS = {"wrong_empty_list_crashes", "wrong_comment_cut_before_quotes"}
WORK = {"wrong_searches_a_list"}        # too slow through a line: out of time, or caught by the count at its end


def judge(code: str, grader: dict = DOUBLE, limits: code_grading.ResourceLimits = QUICK, layers: tuple = isolation.LAYERS):
    return code_grading.grade_code(grader, textwrap.dedent(code), limits, layers)


def all_at_once(jobs: dict) -> dict:
    """Verdicts by name of many `judge` calls; four at a time, since most of them only wait."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = {name: pool.submit(judge, *job) for name, job in jobs.items()}
        return {name: one.result() for name, one in asked.items()}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def wait_until_gone(pid: int) -> bool:
    end = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_alive(pid)


def left_running() -> list[pathlib.Path]:
    """Processes of this clone's grading, and what they forked, that do not end within a moment; Linux only."""
    end = time.monotonic() + 5
    while True:
        running = [path for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if belongs_to_grading(path)]
        if not running or time.monotonic() > end:
            return running
        time.sleep(0.02)


def belongs_to_grading(path: pathlib.Path) -> bool:
    try:
        words = path.read_bytes()
    except OSError:
        return False
    return b"derive.code_runner" in words and os.fsencode(str(support.HARNESS)) in words


class Tidy(unittest.TestCase):
    """After each test: no process is left, and nothing in the folder for temporary files."""

    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = pathlib.Path(made.name)
        self.secret = self.folder / "secret.txt"
        self.secret.write_text("the word is umbrella")
        temporary = self.folder / "temporary"
        temporary.mkdir()
        patch = mock.patch.object(tempfile, "tempdir", str(temporary))
        patch.start()
        self.addCleanup(lambda: self.assertEqual((list(temporary.iterdir()), left_running()), ([], [])))
        self.addCleanup(patch.stop)


class Solutions(Tidy):
    """Every solution is tried in this process, since we wrote it; in the sandbox the right ones and one of each failure."""

    IN_SANDBOX = {"right", "wrong_sorts_the_callers_list"} | EXCEPTIONS | WORK

    def test_every_right_solution_passes_and_every_wrong_one_fails_a_test(self):
        paths = [path for path in sorted(SOLUTIONS.glob("PY-T*/*.py")) if path.stem not in WORK]
        self.assertGreaterEqual(len(paths), 36)
        for path in paths:
            with self.subTest(path.parent.name + "/" + path.stem):
                expected = None if path.stem == "right" else Exception if path.stem in EXCEPTIONS else AssertionError
                raised = tried(path.read_text(encoding="utf-8"), GRADERS[path.parent.name])
                self.assertEqual(raised and (AssertionError if issubclass(raised, AssertionError) else Exception), expected)

    def test_the_sandbox_says_the_same(self):
        paths = [path for path in sorted(SOLUTIONS.glob("PY-T*/*.py")) if path.stem in self.IN_SANDBOX]
        self.assertEqual({path.stem for path in paths}, self.IN_SANDBOX)
        verdicts = all_at_once({path: (path.read_text(encoding="utf-8"), GRADERS[path.parent.name],
                                       WORK_LIMITS if path.stem in WORK else code_grading.ResourceLimits()) for path in paths})
        for path, verdict in verdicts.items():
            expected = ({"passed"} if path.stem == "right" else {"exception"} if path.stem in EXCEPTIONS
                        else {"wrong", "timeout"} if path.stem in WORK else {"wrong"})
            with self.subTest(path.parent.name + "/" + path.stem):
                self.assertIn(verdict.reason, expected, verdict)
                self.assertEqual(verdict.passed, path.stem == "right")
                self.assertRegex(verdict.detail, "^$" if verdict.passed else "^test_[a-z_]+(: [A-Za-z]+)?$")


def tried(code: str, grader: dict) -> type[BaseException] | None:
    """What the first failing test of a grader raises, run in this process; None if all of them pass."""
    scope: dict = {"__name__": "answer"}
    exec(compile(code, "answer", "exec", dont_inherit=True), scope)
    tests = grader["tests"] if isinstance(grader["tests"], str) else "\n".join(grader["tests"])
    test_scope = {grader["entry"]: scope[grader["entry"]]}
    exec(compile(tests, "tests", "exec", dont_inherit=True), test_scope)
    for name, test in test_scope.items():
        if name.startswith("test_"):
            try:
                test()
            except Exception as problem:
                return type(problem)
    return None


class Fidelity(Tidy):
    """What an honest answer may do, and how it reads."""

    def test_answers_in_many_forms(self):
        outages = GRADERS["PY-T05"]
        tests = {
            "in a fence": ("Sure:\n```python\n" + RIGHT + "```\nIt doubles.", DOUBLE, "passed", ""),
            "the last of two drafts": ("```python\ndef double(n): pass\n```\nBetter:\n```python\n" + RIGHT + "```\nTry it:\n"
                                       "```python\nassert double(2) == 5\n```", DOUBLE, "passed", ""),
            "prose": ("I cannot help with that.", DOUBLE, "no-code", ""),
            "prose about it": ("To double a number, add it to itself.", DOUBLE, "no-code", ""),
            "prose around code without a fence": ("Use this:\n" + RIGHT, DOUBLE, "syntax-error", ""),
            "nothing": ("", DOUBLE, "no-code", ""),
            "another name": ("def triple(n): ...  # not double", DOUBLE, "no-entry", ""),
            "not Python": ("def double(n) return n", DOUBLE, "syntax-error", ""),
            "a null byte": ("def double(n):\n    return 0\0", DOUBLE, "syntax-error", ""),
            "a lone surrogate": ("def double(n):\n    return '\udc80'", DOUBLE, "wrong", "test_two"),
            "prints a lot": (RIGHT + "\nprint('x' * 20_000_000)\n", DOUBLE, "passed", ""),
            "an example under the guard": (RIGHT + "\nif __name__ == '__main__':\n    double(input())", DOUBLE,
                                           "passed", ""),
            "a dataclass": ("from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\n"
                            "class A:\n    a: int\n" + RIGHT, DOUBLE, "passed", ""),
            "threads": ("import threading\ndef double(n):\n    out = []\n    t = threading.Thread(target=lambda: "
                        "out.append(n * 2))\n    t.start(); t.join()\n    return out[0]", DOUBLE, "passed", ""),
            "a module that is slow to import": ("import decimal, fractions, statistics, random, collections\n" + RIGHT,
                                                DOUBLE, "passed", ""),
            "numpy": ("import surely_not_there\n" + RIGHT, DOUBLE, "exception", "before the tests: ModuleNotFoundError"),
            "a generator": ("def each():\n    yield 1\n    yield 2", EACH, "passed", ""),
            "a class that is a sequence": ("class each(list):\n    def __init__(self): self += [1, 2]", EACH,
                                           "passed", ""),
            "an exception of its own": ("class Mine(KeyError, ValueError): pass\ndef parse_size(text):\n"
                                        "    raise Mine('no')", GRADERS["PY-T06"], "exception", "test_the_examples: KeyError"),
            "a Counter": (
                "import collections, re\ndef count_levels(lines):\n    found = (re.match(r'[^\\[]*\\[(\\w+)\\]', line) "
                "for line in lines)\n    return collections.Counter(f.group(1).upper() for f in found if f and "
                "f.group(1).upper() in ('DEBUG', 'INFO', 'WARN', 'ERROR'))", GRADERS["PY-T04"], "passed", ""),
            "a generator of lists": (
                (SOLUTIONS / "PY-T05/right.py").read_text() + "\nwhole = combine_outages\ndef combine_outages(o):\n"
                "    for pair in whole(o):\n        yield list(pair)\n", outages, "passed", ""),
            "fractions as results": (
                (SOLUTIONS / "PY-T11/right.py").read_text().replace("float(token)", "F(token)").replace(
                    "int(token)", "F(token)").replace("import re", "import re\nfrom fractions import Fraction as F"),
                GRADERS["PY-T11"], "passed", ""),
        }
        found = all_at_once({name: job[:2] + (code_grading.ResourceLimits(),) for name, job in tests.items()})
        for name, (_, _, reason, detail) in tests.items():
            with self.subTest(name):
                self.assertEqual((found[name].reason, found[name].detail), (reason, detail), found[name])

    def test_a_test_sees_what_the_code_did_to_its_arguments(self):
        tests = ("def test_it():\n    a, b, c = [3, [1]], {'k': 1}, {1}\n    try:\n        change(a, b, more=c)\n"
                 "    except KeyError as problem:\n        assert str(problem) == \"'gone'\"\n"
                 "    assert (a, b, c) == ([[1, 2]], {'n': None}, {1, 5})\n")
        code = ("def change(a, b, more):\n    del a[0]\n    a[0].append(2)\n    b.clear()\n    b['n'] = None\n"
                "    more.add(5)\n    raise KeyError('gone')\n")
        verdict = judge(code, {"kind": "python", "entry": "change", "tests": tests})
        self.assertTrue(verdict.passed, verdict)

    def test_tests_given_as_lines_and_without_any_test(self):
        self.assertTrue(judge(RIGHT, {**DOUBLE, "tests": DOUBLE["tests"].split("\n")}).passed)
        self.assertEqual(judge(RIGHT, {**DOUBLE, "tests": "x = 1"}).reason, "not-run")


class Hostile(Tidy):
    """Wrong answers that would rather not be found out. `reasons` is what may come of it; never that it passed."""

    ATTACKS = {
        "loops for ever": ("timeout", "def double(n):\n    while True: pass"),
        "sleeps": ("timeout", "import time\ndef double(n): time.sleep(1000)"),
        "loops while it is read": ("timeout", "double = 1\nwhile True: pass"),
        "ignores every signal": ("timeout", """
            import signal
            for number in range(1, 65):
                try: signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError): pass
            def double(n):
                while True: pass"""),
        "hangs where nothing can be caught": ("timeout", """
            import time
            class Slow:
                def __del__(self): time.sleep(1000)
            def double(n):
                Slow()
                return 4"""),
        "endless iterator": ("timeout output", "import itertools\ndef each(): return itertools.count()"),
        "exits with 0": ("crashed", "import os\ndef double(n): os._exit(0)"),
        "exits with 0 at once": ("crashed", "import os\ndouble = 1\nos._exit(0)"),
        "leaves politely": ("exception", "import sys\ndef double(n): sys.exit(0)"),
        "leaves politely at once": ("exception", "import sys\ndouble = 1\nsys.exit(0)"),
        "leaves while it yields": ("exception", """
            def each():
                yield 1
                raise SystemExit(0)"""),
        "closes what it prints to": ("wrong", "import sys\nsys.stdout.close()\nsys.stderr.close()\ndef double(n): return 5"),
        "a text that equals everything": ("wrong", """
            class Yes(str):
                __eq__ = lambda *_: True
                __str__ = lambda self: "4"
                __hash__ = str.__hash__
            def double(n): return Yes("five")"""),
        "is whatever class one asks for": ("wrong exception", """
            class Yes:
                __class__ = int
                __index__ = __int__ = lambda self: 4
                __eq__ = lambda *_: True
            def double(n): return Yes()"""),
        "keeps on talking in a thread": ("wrong crashed output timeout", """
            import os, threading
            def talk():
                while True:
                    for number in range(3, 60):
                        try: os.write(number, b'["ok", 4, null]\\n')
                        except OSError: pass
            threading.Thread(target=talk, daemon=True).start()
            def double(n): return 5"""),
        "an alarm that ends it well": ("crashed", """
            import os, signal, time
            signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            def double(n): time.sleep(1000)"""),
        "numbers that collide": ("wrong timeout", """
            def double(n): return {k * (2 ** 61 - 1) for k in range(2000)}"""),
        "interrupts": ("exception", "def double(n): raise KeyboardInterrupt"),
        "kills itself": ("crashed", "import os, signal\ndef double(n): os.kill(os.getpid(), 9)"),
        "closes all files": ("crashed", "import os\ndef double(n): os.closerange(0, 60)"),
        "raises what a failed test raises": ("exception", "def double(n): raise AssertionError"),
        "raises a passed test": ("exception", "class passed(Exception): pass\ndef double(n): raise passed('passed')"),
        "prints a verdict": ("wrong crashed", """
            import os
            verdict = b'{"reason": "passed", "detail": "", "passed": true}\\n'
            def double(n):
                print(verdict.decode(), flush=True)
                for number in range(60):
                    try: os.write(number, verdict)
                    except OSError: pass
                return 5"""),
        "speaks out of turn": ("wrong crashed", """
            import os
            for number in range(3, 60):
                try: os.write(number, b'["passed"]\\n["ok", true, null]\\n["ask", "call", 0, [], {}]\\n[[[\\n')
                except OSError: pass
            def double(n): return 5"""),
        "asks for what is not its own": ("crashed", """
            import os
            def double(n):
                for number in range(3, 60):
                    try: os.write(number, b'["ask", "call", 7, {"list": []}]\\n')
                    except OSError: pass
                return 5"""),
        "equals everything": ("wrong", """
            class Yes:
                __eq__ = __bool__ = __ge__ = __le__ = lambda *_: True
                __ne__ = lambda *_: False
                __hash__ = lambda *_: 4
            def double(n): return Yes()"""),
        "a number that equals everything": ("wrong", """
            class Yes(int):
                __eq__ = lambda *_: True
                __ne__ = lambda *_: False
                __index__ = __int__ = lambda self: 4
                __hash__ = int.__hash__
            def double(n): return Yes(5)"""),
        "a list that equals everything": ("wrong", """
            class Yes(list):
                __eq__ = lambda *_: True
                __iter__ = lambda self: iter([1, 1])
            def double(n): return 4 if n == 2 else Yes([7])"""),
        "patches the built-ins": ("wrong crashed", """
            import builtins, json, os, sys, unittest
            sys.exit = os._exit = unittest.TestCase.assertEqual = lambda *_: None
            json.JSONEncoder.encode = json.dumps = lambda *_, **__: '["ok", 4, null]'
            builtins.AssertionError = type("Never", (BaseException,), {})
            builtins.isinstance = lambda *_: True
            builtins.compile = builtins.exec = builtins.eval = lambda *_: None
            for module in list(sys.modules.values()):
                for name in list(vars(module)):
                    if name in ("examine", "hear", "grade_code", "passed", "_verdict"):
                        setattr(module, name, lambda *_: {"passed": True, "reason": "passed"})
            def double(n): return 5"""),
        "looks for the expected values": ("wrong", """
            import gc, re, sys
            def texts():
                frame = sys._getframe()
                while frame:
                    yield from map(str, frame.f_locals.values())
                    frame = frame.f_back
                for found in gc.get_objects():
                    yield from [str(found)] if type(found) in (dict, list, tuple) else []
            def double(n):
                return n * 2 if any(re.search("def test_t[w]o", text) for text in texts()) else "nothing found" """),
        "registers for the end": ("wrong", """
            import atexit, os
            @atexit.register
            def last():
                os.write(1, b'{"reason": "passed"}')
                os._exit(0)
            def double(n): return 5"""),
        "changes what it was given": ("wrong", """
            def double(n):
                if isinstance(n, list): n[:] = [1, 1]
                return n"""),
        "takes all memory": ("memory", "kept = []\ndef double(n):\n    while True: kept.append(bytearray(1 << 24))"),
        "one huge number": ("wrong timeout", "def double(n): return 1 << (1 << 26)"),
        "says too much": ("output", "def double(n): return 'x' * 50_000_000"),
        "a circle": ("wrong", "def double(n):\n    a = []\n    a.append(a)\n    return a"),
        "very deep": ("wrong", "def double(n):\n    a = []\n    for _ in range(100_000): a = [a]\n    return a"),
        "recurses without end": ("exception crashed memory timeout", """
            import sys
            sys.setrecursionlimit(10 ** 9)
            def double(n): return double(n)"""),
        "not a number at all": ("wrong", "def double(n): return float('nan')"),
        "brackets without end": ("syntax-error crashed", "double = " + "(" * 15_000),
        "its own exception class lies": ("exception", """
            class Lie(Exception):
                def __str__(self): raise SystemExit
            def double(n): raise Lie"""),
    }

    def test_nothing_that_an_answer_does_makes_it_pass(self):
        limits = code_grading.ResourceLimits(wall_s=0.6, memory_bytes=256 * code_grading.MIB)
        slow = dataclasses.replace(limits, wall_s=6)
        found = all_at_once({name: (code, EACH if "each" in code else DOUBLE, limits if "timeout" in reasons else slow)
                             for name, (reasons, code) in self.ATTACKS.items()})
        for name, verdict in found.items():
            with self.subTest(name):
                self.assertFalse(verdict.passed)
                self.assertIn(verdict.reason, self.ATTACKS[name][0].split(), verdict)

    def test_a_test_process_kept_busy_by_a_returned_value_is_stopped_with_the_untrusted_process(self):
        colliding = ",".join('{"int":"%s"}' % hex(k * (2 ** 61 - 1)) for k in range(10, 60_000))
        code = """
            import os
            def double(n):
                for number in range(3, 60):
                    try: os.write(number, b'["ok",{"set":[%s]},null]\\n')
                    except OSError: pass
                while True: pass"""
        with mock.patch.object(code_grading, "GRACE_S", 0.5), mock.patch.object(code_grading.grading, "MAX_CHARS", 1 << 22):
            verdict = judge(code % colliding, limits=code_grading.ResourceLimits(wall_s=0.5))
        self.assertIn(verdict.reason, ("crashed", "timeout"))
        self.assertFalse(verdict.passed)

    @unittest.skipUnless(LINUX, "/proc")
    def test_tests_are_in_no_memory_that_the_code_can_look_into(self):
        code = """
            import os, re
            def double(n):
                with open("/proc/%d/maps") as maps, open("/proc/%d/mem", "rb", 0) as memory:
                    for line in maps:
                        first, last = (int(part, 16) for part in line.split()[0].split("-"))
                        if " rw" in line:
                            memory.seek(first)
                            if re.search(b"def test_t[w]o", memory.read(last - first)):
                                return n * 2
                return "nothing found" """
        for who in ("os.getpid()", "os.getppid()"):
            for layers in (isolation.LAYERS, ("limits", "rights")):
                with self.subTest(who, layers=layers):
                    self.assertFalse(judge(code.replace('%d/maps"', f'%d/maps" % {who}').replace(
                        '%d/mem"', f'%d/mem" % {who}'), layers=layers).passed)

    def test_a_right_answer_that_leaves_traps_for_the_end_still_passes(self):
        code = RIGHT + ("import atexit, time, signal\natexit.register(time.sleep, 1000)\n"
                        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n")
        started = time.monotonic()
        self.assertTrue(judge(code).passed)
        self.assertLess(time.monotonic() - started, 3.5)

    def test_time_of_the_processor_is_limited_where_the_clock_is_generous(self):
        verdict = judge("def double(n):\n    while True: pass", limits=code_grading.ResourceLimits(wall_s=30, cpu_s=1))
        self.assertEqual(verdict.reason, "timeout" if os.name == "posix" or "job" in verdict.isolation else "crashed")

    def test_nothing_of_the_answer_gets_into_the_verdict(self):
        for code in (f"def double(n): raise ValueError(open({str(self.secret)!r}).read())",
                     "class umbrella(Exception): pass\ndef double(n): raise umbrella('umbrella')",
                     "def double(n): return 'umbrella'", "raise OSError('umbrella double')",
                     "def umbrella(double): return umbrella(", "def umbrella(): double()\numbrella()"):
            for layers in (isolation.LAYERS, BARE):
                with self.subTest(code, layers=layers):
                    self.assertNotIn("umbrella", str(judge(code, layers=layers)))


class Fence(Tidy):
    """Each answer here is right only if it was denied what it tried."""

    def denied(self, attempt: str, *needs: str, limits: code_grading.ResourceLimits = QUICK) -> None:
        verdict = judge(IF_DENIED.format(attempt), limits=limits)
        if not any(layer in verdict.isolation for layer in needs):
            self.skipTest(f"this system has none of: {', '.join(needs)}")
        self.assertEqual((verdict.reason, verdict.detail), ("passed", ""))

    def test_files_are_neither_read_nor_changed_nor_removed(self):
        path = str(self.secret)
        self.denied(f"open({path!r}).read()", "landlock")
        self.denied(f"__import__('os').listdir({str(support.HARNESS)!r})", "landlock")
        for attempt in (f"open({path!r}, 'a')", f"open({path!r}, 'w')", f"__import__('os').remove({path!r})",
                        f"__import__('os').chmod({path!r}, 0)", f"__import__('os').truncate({path!r}, 0)",
                        f"__import__('os').rename({path!r}, {path + '2'!r})", "open('mine.txt', 'w')",
                        f"__import__('os').symlink({path!r}, 'link')", f"__import__('os').utime({path!r}, (1, 1))"):
            with self.subTest(attempt):
                self.denied(attempt, "seccomp", "sandbox")
        self.assertEqual(self.secret.read_text(), "the word is umbrella")

    def test_the_disk_cannot_be_filled(self):
        attempt = "f = open('big', 'wb')\n" + " " * 12 + "for _ in range(4000): f.write(bytes(1 << 20)); f.flush()"
        self.denied(attempt, "limits", "low")
        bare = judge(IF_DENIED.format(attempt), layers=BARE)
        if "limits" in bare.isolation:
            self.assertTrue(bare.passed, bare)

    def test_the_network_cannot_be_reached(self):
        with support.listener(b"") as here:
            attempt = f"__import__('socket').create_connection(('127.0.0.1', {here.port}), 1).send(b'x')"
            for layers in (isolation.LAYERS, ("landlock",), ("namespaces",), ("seccomp",)):
                verdict = judge(IF_DENIED.format(attempt), layers=layers)
                if any(layer in verdict.isolation for layer in ("seccomp", "namespaces", "sandbox")):
                    with self.subTest(layers=layers):
                        self.assertEqual(verdict.reason, "passed", verdict)
                        self.assertEqual(here.requests, [])

    def test_no_process_is_started(self):
        for attempt in ("__import__('os').fork() or __import__('time').sleep(1000)",
                        "__import__('subprocess').run(['true'])", "__import__('os').execv('/bin/true', ['true'])",
                        "__import__('multiprocessing').Process(target=print).start()"):
            with self.subTest(attempt):
                self.denied(attempt, "seccomp", "sandbox")

    def test_other_processes_are_left_alone(self):
        for attempt in ("__import__('os').kill(__import__('os').getppid(), 9)",
                        "__import__('os').kill(-1, 9)", "__import__('os').killpg(0, 9)",
                        "__import__('os').setpriority(0, __import__('os').getppid(), 19)",
                        "__import__('resource').prlimit(__import__('os').getppid(), 0, (1, 1))"):
            if "prlimit" in attempt and not LINUX:
                continue
            with self.subTest(attempt):
                self.denied(attempt, "seccomp")

    def test_a_limit_cannot_be_raised(self):
        raised = IF_DENIED.format("r = __import__('resource'); r.setrlimit(r.RLIMIT_FSIZE, (1 << 30, 1 << 30))")
        verdict = judge(raised.replace("OSError", "OSError, ValueError"))
        if "seccomp" in verdict.isolation:
            self.assertTrue(verdict.passed, verdict)

    def test_the_environment_and_the_harness_are_not_there(self):
        self.assertTrue(judge("import os\nassert not {'HOME', 'PATH', 'USER'} & set(os.environ)\n" + RIGHT).passed)
        self.denied("from base import files", "limits", "low")
        self.denied("from derive import sandbox", "limits", "low")

    def test_code_that_kills_the_test_process_has_failed(self):
        verdict = judge("import os\ndef double(n): os.kill(os.getppid(), 9)", layers=())
        self.assertEqual((verdict.passed, verdict.reason), (False, "crashed"))

    @unittest.skipUnless(os.name == "posix", "fork")
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
                    self.assertEqual([pid for pid in left if is_alive(pid)], [])

    @unittest.skipUnless(os.name == "posix", "signals")
    def test_when_the_harness_is_interrupted_or_killed_nothing_goes_on(self):
        code = ("import signal, sys; sys.path.insert(0, sys.argv[1]); from derive import code_grading\n"
                "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
                "code_grading.grade_code({'entry': 'double', 'tests': ''}, sys.argv[2], layers=(),"
                " limits=code_grading.ResourceLimits(wall_s=60))")
        for number in (signal.SIGINT, signal.SIGKILL):
            pid_file, home = self.folder / f"pid-{number}", self.folder / f"home-{number}"
            home.mkdir()
            answer = f"import os\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ndouble = 1\nwhile True: pass"
            with subprocess.Popen([sys.executable, "-c", code, str(support.HARNESS), answer], stderr=subprocess.DEVNULL,
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
        with files.temporary_folder() as inside:
            (inside / "locked" / "deep").mkdir(parents=True)
            try:
                (inside / "link").symlink_to(outside)
                (inside / "locked" / "link").symlink_to(self.secret)
            except OSError:
                self.skipTest("this system lets nobody make links")
            (inside / "locked").chmod(0)
            inside.chmod(0)
        self.assertFalse(inside.exists())
        self.assertEqual(self.secret.read_text(), "the word is umbrella")
        self.assertEqual((outside / "inner").stat().st_mode & 0o777, 0o755)

    def test_layers_that_kill_the_untrusted_process_are_left_out(self):
        with mock.patch.object(code_grading, "HARNESS", self.folder):
            self.assertEqual(judge(RIGHT), code_grading.CodeVerdict(False, "not-run", "the test process did not start"))

    @unittest.skipUnless(LINUX and os.uname().machine in seccomp.MACHINES, "Linux")
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


class Parcels(unittest.TestCase):
    """What the test process accepts from a hostile untrusted process."""

    def channel(self, said: bytes, limit_bytes: int = 10_000) -> rpc.Channel:
        incoming, theirs = os.pipe()
        os.write(theirs, said)
        os.close(theirs)
        stream = open(incoming, "rb")
        self.addCleanup(stream.close)
        return rpc.Channel(stream, -1, limit_bytes, None, lambda line, number, called: rpc.Proxy(line, number))

    def test_plain_values_come_back_as_they_were(self):
        from decimal import Decimal
        from fractions import Fraction
        line = self.channel(b"")
        for value in (None, True, False, 0, -1, 2 ** 63, -2 ** 100, 1.5, -0.0, float("inf"), "", "\udc80\u2028", [],
                      (1, [2, (3,)]), {1: {"a": (None,)}, (1, 2): 0}, {1, 2}, frozenset((3,)), Fraction(1, 3),
                      Fraction(2 ** 80, 3), Decimal("1.10"), {True: 1}, {"mine": [0, "x"]}):
            with self.subTest(value=value):
                found = line.unpack(line.pack(value))
                self.assertEqual((found, type(found), repr(found)), (value, type(value), repr(value)))

    def test_a_malformed_parcel_is_never_a_value(self):
        for bad in ('[1]', '{"list": 1}', '{"x": 1}', '{}', '{"int": "0x1", "list": []}', '{"yours": 0}', '{"yours": -1}',
                    '{"dict": [[{"list": []}, 1]]}', '{"set": [{"list": []}]}', '{"mine": 1}', '{"fraction": [1, 0]}',
                    '{"float": "1e5"}', '{"decimal": "abc"}', '{"int": "0x' + "f" * 9000 + '"}', '{"yours": null}'):
            line = self.channel(b'["ok", ' + bad.encode() + b"]\n")
            with self.subTest(bad[:40]), self.assertRaises(rpc.ConnectionLost), rpc.lost_on_error():
                line.unpack(line.receive()[1])

    def test_a_malformed_message_is_never_an_answer(self):
        for bad in (b"", b"\n", b"[]\n", b"1\n", b"[1]\n", b"{}\n", b"nonsense\n", b"[\"ok\", NaN]\n", b"[\"ok\", 1\n",
                    b"[" * 5000 + b"\n", b"[\"ok\", " + b"9" * 5000 + b"]\n", b"\xff\n"):
            with self.subTest(bad[:20]), self.assertRaises(rpc.ConnectionLost) as caught:
                self.channel(bad).receive()
            self.assertEqual(caught.exception.reason, "crashed")
        with self.assertRaises(rpc.ConnectionLost) as caught:
            self.channel(b'["' + b"x" * 20_000 + b'"]\n').receive()
        self.assertEqual(caught.exception.reason, "output")

    def test_an_exception_is_caught_by_every_built_in_name_it_goes_by_and_by_no_other(self):
        class Mine(KeyError, ZeroDivisionError):
            pass
        for problem, caught_by in ((ValueError("x"), ValueError), (Mine("x"), KeyError), (Mine("x"), ZeroDivisionError),
                                   (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), ValueError), (OSError(2, "x"), OSError)):
            _, names, text = rpc.exception_message(problem)
            with self.subTest(problem=problem), self.assertRaises(caught_by) as caught:
                raise rpc.remote_exception(names, text)
            self.assertEqual(str(caught.exception), str(problem))
        for names in (["SystemExit"], ["BaseException"], ["print"], [], ["Lost"], ["KeyboardInterrupt", "object"]):
            found = rpc.remote_exception(names, "")
            self.assertIsInstance(found, Exception)
            self.assertNotIsInstance(found, (ValueError, SystemExit, rpc.ConnectionLost))


class Records(Tidy):
    GRADERS = {"PY-T99": DOUBLE, "5Q-Q01": {"kind": "exact", "accept": ["4"]}}

    def graded(self, *records: dict) -> tuple:
        told: list = []
        return code_grading.grade_records(map(typed, records), self.GRADERS, told.append), told

    def call(self, seq: int, answer: str = RIGHT, **changes: object) -> dict:
        return support.record("call", **{"seq": seq, "role": "measured", "phase": "python-tasks", "model": "m:1b",
                                         "item": "PY-T99", "outcome": "ok", "answer": answer, **changes})

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


if __name__ == "__main__":
    unittest.main()
