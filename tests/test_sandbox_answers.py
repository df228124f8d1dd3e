"""Answers in the sandbox: right ones pass, wrong ones fail the test that they should, and honest ones may do what Python lets them."""
from __future__ import annotations

import unittest

import sandbox
import support
from sandbox import DOUBLE, EACH, GRADERS, RIGHT, SOLUTIONS, judge, judge_all, judge_together

from derive import code_grading

setUpModule = support.optional("sandbox")

LIMITS = code_grading.ResourceLimits()
WORK_LIMITS = code_grading.ResourceLimits(wall_s=0.6)
# Stem of the solution: the reason why it fails. These are listed so that every Python gives the same.
EXCEPTIONS = {"wrong_empty_list_crashes", "wrong_comment_cut_before_quotes"}
WORK = {"wrong_searches_a_list"}        # too slow over a pipe: out of time, or caught by the count at its end
ALONE = {"PY-T02/wrong_minus_zero_slice", "PY-T05/right", "PY-T09/right", "PY-T09/wrong_fixed_window"} | {
    f"{item}/{stem}" for item, stem in (("PY-T01", "wrong_empty_list_crashes"), ("PY-T10", "wrong_comment_cut_before_quotes"))}


def reason_of(stem: str) -> str:
    return "passed" if stem == "right" else "exception" if stem in EXCEPTIONS else "wrong"


class Solutions(sandbox.SandboxTest):
    def test_every_right_solution_passes_and_every_wrong_one_fails(self):
        count = 0
        for folder in sorted(SOLUTIONS.glob("PY-T*")):
            answers = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")) if path.stem not in WORK}
            expected = {stem: reason_of(stem) for stem in answers}
            with self.subTest(folder.name):
                self.assertEqual(judge_together(answers, GRADERS[folder.name], expected), expected)
            count += len(answers)
        self.assertGreaterEqual(count, 36)

    def test_the_verdict_names_the_test_that_failed(self):
        paths = {name: SOLUTIONS / f"{name}.py" for name in ALONE}
        verdicts = judge_all({name: (path.read_text(encoding="utf-8"), GRADERS[path.parent.name], LIMITS) for name, path in paths.items()})
        for name, verdict in verdicts.items():
            with self.subTest(name):
                self.assertEqual(verdict.reason, reason_of(paths[name].stem))
                self.assertEqual(verdict.passed, verdict.reason == "passed")
                self.assertRegex(verdict.detail, "^$" if verdict.passed else "^test_[a-z_]+(: [A-Za-z]+)?$")

    def test_a_solution_that_is_too_slow_does_not_pass(self):
        for path in sorted(path for stem in WORK for path in SOLUTIONS.glob(f"PY-T*/{stem}.py")):
            verdict = judge(path.read_text(encoding="utf-8"), GRADERS[path.parent.name], WORK_LIMITS)
            with self.subTest(path.stem):
                self.assertIn(verdict.reason, ("wrong", "timeout"))
                self.assertFalse(verdict.passed)

    def test_one_answer_that_comes_out_otherwise_is_found_among_many(self):
        """So that the test above cannot pass whatever the answers are."""
        answers = {"right": RIGHT, "raises": "def double(n): raise KeyError", "wrong": "def double(n): return 5"}
        reasons = {"right": "passed", "raises": "exception", "wrong": "wrong"}
        self.assertEqual(judge_together(answers, DOUBLE, {**reasons, "raises": "wrong"}), reasons)


class HonestAnswers(sandbox.SandboxTest):
    """What an honest answer may do, and the forms in which it comes."""

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
        verdicts = judge_all({name: job[:2] + (LIMITS,) for name, job in tests.items()})
        for name, (_, _, reason, detail) in tests.items():
            with self.subTest(name):
                self.assertEqual((verdicts[name].reason, verdicts[name].detail), (reason, detail), verdicts[name])

    def test_answers_that_do_more_than_compute(self):
        answers = {
            "prints a lot": RIGHT + "\nprint('x' * 20_000_000)\n",
            "an example under the guard": RIGHT + "\nif __name__ == '__main__':\n    double(input())",
            "a dataclass": "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass A:\n    a: int\n" + RIGHT,
            "threads": ("import threading\ndef double(n):\n    out = []\n    t = threading.Thread(target=lambda: "
                        "out.append(n * 2))\n    t.start(); t.join()\n    return out[0]"),
            "a module that is slow to import": "import decimal, fractions, statistics, random, collections\n" + RIGHT,
        }
        reasons = dict.fromkeys(answers, "passed")
        self.assertEqual(judge_together(answers, DOUBLE, reasons), reasons)

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


if __name__ == "__main__":
    unittest.main()
