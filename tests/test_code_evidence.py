"""Code evidence: code that passed is never doubted, and code that cannot have passed is."""
from __future__ import annotations

import unittest

import support

from base import suites
from judge.code_evidence import why_not_passed


class Solutions(unittest.TestCase):
    def test_no_right_solution_is_doubted(self):
        entries = {item.id: item.grader["entry"] for item in suites.load("python-tasks").items}
        solutions = [(path.parent.name, path.read_text("utf-8")) for path in sorted(support.ROOT.glob("tests/solutions/PY-*/right*.py"))]
        self.assertGreaterEqual(len(solutions), len(entries))
        for item, code in solutions:
            with self.subTest(item):
                self.assertIsNone(why_not_passed(f"```python\n{code}\n```", entries[item], "3.12.1"))

    def test_code_that_returns_nothing_or_the_same_each_time_cannot_have_passed(self):
        for code, word in (("def f(x):\n    pass", "nothing"), ("def f(x):\n    print(x)", "nothing"), ("def f(x):\n    return None", "the same"),
                           ("def f(x):\n    if x:\n        return 1\n    return 1", "the same"), ("f = 7", "not a function"), ("print(f)", "not define"),
                           ("x = 'def f(): return x'", "not define"), ("def f(x):\n    return x\ndel f", "deletes"), ("def f(:", "not Python"), ("g = 1", "not name f")):
            with self.subTest(code):
                self.assertIn(word, why_not_passed(code, "f", "3.8.1"))

    def test_whatever_may_have_passed_is_not_doubted(self):
        for code in ("def f(x):\n    return x", "def f(x):\n    yield x", "f = lambda x: x", "class f:\n    pass", "from math import floor as f",
                     "def f(x):\n    if x:\n        return True\n    return False", "exec('def f(x): return x')", "def f(x): pass\ndef f(x): return x",
                     "import functools\n@functools.lru_cache\ndef f(x):\n    pass"):
            with self.subTest(code):
                self.assertIsNone(why_not_passed(code, "f", "3.8.1"))

    def test_a_newer_python_may_have_taken_what_this_one_does_not(self):
        self.assertIsNone(why_not_passed("def f(x) -> = x", "f", "9.9.0"))


if __name__ == "__main__":
    unittest.main()
