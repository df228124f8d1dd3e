"""Attacks on the sandbox: an answer that cheats, breaks off or never ends does not pass, and the verdict holds nothing of it."""
from __future__ import annotations

import dataclasses
import os
import signal
import time
import unittest
from unittest import mock

import sandbox
import support
from sandbox import BARE, DOUBLE, EACH, LINUX, RIGHT, judge, judge_all, judge_together

from derive import code_grading
from derive.code_runner import isolation

setUpModule = support.optional("sandbox")


class Attacks(sandbox.SandboxTest):
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
        "leaves politely at once": ("exception", "import sys\ndouble = 1\nsys.exit(0)"),
        "leaves while it yields": ("exception", """
            def each():
                yield 1
                raise SystemExit(0)"""),
        "closes what it prints to": ("wrong", "import sys\nsys.stdout.close()\nsys.stderr.close()\ndef double(n): return 5"),
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
        "an alarm that ends it well": ("crashed" if hasattr(signal, "setitimer") else "exception", """
            import os, signal, time
            signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            def double(n): time.sleep(1000)"""),
        "numbers that collide": ("wrong timeout", """
            def double(n): return {k * (2 ** 61 - 1) for k in range(2000)}"""),
        "kills itself": ("crashed", "import os, signal\ndef double(n): os.kill(os.getpid(), 9)"),
        "closes all files": ("crashed", "import os\ndef double(n): os.closerange(0, 60)"),
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
        "takes all memory": ("memory", "kept = []\ndef double(n):\n    while True: kept.append(bytearray(1 << 24))"),
        "one huge number": ("wrong timeout", "def double(n): return 1 << (1 << 26)"),
        "says too much": ("output", "def double(n): return 'x' * 50_000_000"),
        "recurses without end": ("exception crashed memory timeout", """
            import sys
            sys.setrecursionlimit(10 ** 9)
            def double(n): return double(n)"""),
        "brackets without end": ("syntax-error crashed", "double = " + "(" * 15_000),
    }
    # These cheat by what they return or raise alone, and leave the process as it was.
    RETURNS = {
        "leaves politely": ("exception", "import sys\ndef double(n): sys.exit(0)"),
        "a text that equals everything": ("wrong", """
            class Yes(str):
                __eq__ = lambda *_: True
                __str__ = lambda self: "4"
                __hash__ = str.__hash__
            def double(n): return Yes("five")"""),
        "interrupts": ("exception", "def double(n): raise KeyboardInterrupt"),
        "raises what a failed test raises": ("exception", "def double(n): raise AssertionError"),
        "raises a passed test": ("exception", "class passed(Exception): pass\ndef double(n): raise passed('passed')"),
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
        "changes what it was given": ("wrong", """
            def double(n):
                if isinstance(n, list): n[:] = [1, 1]
                return n"""),
        "a circle": ("wrong", "def double(n):\n    a = []\n    a.append(a)\n    return a"),
        "very deep": ("wrong", "def double(n):\n    a = []\n    for _ in range(100_000): a = [a]\n    return a"),
        "not a number at all": ("wrong", "def double(n): return float('nan')"),
        "its own exception class lies": ("exception", """
            class Lie(Exception):
                def __str__(self): raise SystemExit
            def double(n): raise Lie"""),
    }

    def test_nothing_that_an_answer_does_makes_it_pass(self):
        limits = code_grading.ResourceLimits(wall_s=0.2, memory_bytes=256 * code_grading.MIB)
        slow = dataclasses.replace(limits, wall_s=6)
        verdicts = judge_all({name: (code, EACH if "each" in code else DOUBLE, limits if "timeout" in reasons else slow)
                              for name, (reasons, code) in self.ATTACKS.items()})
        for name, verdict in verdicts.items():
            with self.subTest(name):
                self.assertFalse(verdict.passed)
                self.assertIn(verdict.reason, self.ATTACKS[name][0].split(), verdict)

    def test_nothing_that_an_answer_returns_or_raises_makes_it_pass(self):
        reasons = {name: reason for name, (reason, _) in self.RETURNS.items()}
        self.assertEqual(judge_together({name: code for name, (_, code) in self.RETURNS.items()}, DOUBLE, reasons), reasons)

    def test_a_test_process_kept_busy_by_a_returned_value_is_stopped_with_the_untrusted_process(self):
        colliding = ",".join('{"int":"%s"}' % hex(k * (2 ** 61 - 1)) for k in range(10, 60_000))
        code = """
            import os
            def double(n):
                for number in range(3, 60):
                    try: os.write(number, b'["ok",{"set":[%s]},null]\\n')
                    except OSError: pass
                while True: pass"""
        with mock.patch.object(code_grading, "GRACE_S", 0.2), mock.patch.object(code_grading.grading, "MAX_CHARS", 1 << 22):
            verdict = judge(code % colliding, limits=code_grading.ResourceLimits(wall_s=0.2))
        self.assertIn(verdict.reason, ("crashed", "timeout"))
        self.assertFalse(verdict.passed)

    @unittest.skipUnless(LINUX, "needs /proc/<pid>/mem")
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
        self.assertLess(time.monotonic() - started, code_grading.GRACE_S)

    def test_time_of_the_processor_is_limited_where_the_clock_is_generous(self):
        verdict = judge("def double(n):\n    while True: pass", limits=code_grading.ResourceLimits(wall_s=30, cpu_s=1))
        self.assertEqual(verdict.reason, "timeout" if os.name == "posix" or "job" in verdict.isolation else "crashed")

    def test_nothing_of_the_answer_gets_into_the_verdict(self):
        for code in (f"def double(n): raise ValueError(open({str(self.secret)!r}).read())",
                     "class umbrella(Exception): pass\ndef double(n): raise umbrella('umbrella')",
                     "def double(n): return 'umbrella'", "def umbrella(double): raise OSError('umbrella')\numbrella(2)",
                     "def umbrella(double): return umbrella("):
            with self.subTest(code):
                self.assertNotIn("umbrella", str(judge(code, layers=BARE)))

if __name__ == "__main__":
    unittest.main()
