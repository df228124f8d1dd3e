"""Grading: the same verdict for the same text, on every text, in little time."""
from __future__ import annotations

import time
import unittest

import support
from base.errors import UserError
from derive import grading

BREAK = {"kind": "exact", "accept": ["break"]}
CHOICE = {"kind": "choice", "options": "ABCD", "answer": "B"}
NUMBER = {"kind": "number", "value": 1234.5, "tolerance": 0.01}
TERMS = {"kind": "contains_all", "terms": ["index.toml", ["rollback", "roll back"], "4817"]}
LINE = {"kind": "regex", "pattern": r"\AFix [^\n]{3,56}\Z"}
OBJECT = {"kind": "json", "expected": {"name": "pump", "count": 3, "on": True, "tags": ["a", "b"]}}
GRADERS = (BREAK, CHOICE, NUMBER, TERMS, LINE, OBJECT)

HOSTILE = {
    "nothing": "",
    "white space": " \t\r\n\u2028\u0085\u00a0",
    "a megabyte of digits": "9" * 1_000_000,
    "a megabyte of grouped digits": "111," * 250_000,
    "a megabyte of open brackets": "[" * 1_000_000,
    "objects that never close": '{"a":' * 200_000,
    "a long exponent": "1e" + "9" * 100_000,
    "emphasis that never closes": "**a " * 250_000,
    "single stars": "*a " * 300_000,
    "backslashes": "\\" * 1_000_000,
    "fences": "```\n" * 250_000,
    "fences that never close": "```python x\n" * 100_000,
    "spaces": " " * 1_000_000,
    "line feeds": "\n" * 1_000_000,
    "answer lines": "answer: \n" * 100_000,
    "answers": "answer is " * 100_000,
    "quotes": '"' * 1_000_000,
    "lone surrogates": "\ud800\udfff" * 1000,
    "a surrogate in a term": "index\ud800.toml",
    "zero bytes": "\x00" * 1000,
    "not a number": "NaN Infinity -Infinity 1e999",
    "other digits": "\u0661\u0662\u0663 \u00b2",
    "right to left": "\u202eB\u202c",
}


class Verdicts(unittest.TestCase):
    def check(self, grader: dict, right: tuple, wrong: tuple):
        for answer in right:
            with self.subTest(right=answer):
                self.assertIs(grading.grade(grader, answer), True)
        for answer in wrong:
            with self.subTest(wrong=answer):
                self.assertIs(grading.grade(grader, answer), False)

    def test_exact_forgives_dress_and_nothing_else(self):
        self.check(BREAK,
                   ("break", " Break\n", "BREAK.", "`break`", "**break**", "*break*", '"break"', "\u201cbreak\u201d",
                    '"break".', "```python\nbreak\n```", "Answer: break", "The answer is: `break`.", "**Answer:** break"),
                   ("", "breaks", "break out", "the keyword break", "continue", "br eak"))

    def test_thinking_that_leaks_into_the_answer_is_left_out(self):
        self.check(BREAK, ("<think>\nexit? return?\n</think>\n\nbreak", "continue</think>break"),
                   ("<think>break</think>continue", "<think>break</think>"))
        self.assertEqual(grading.extract_code("<think>```\nx\n```</think>```\ny\n```"), "y\n")

    def test_stars_that_are_content_stay(self):
        cron = {"kind": "exact", "accept": ["30 4 * * 0"]}
        self.check(cron, ("30 4 * * 0", "**30 4 * * 0**", "`30  4 * * 0`"), ("30 4 0", "30 4 * 0"))

    def test_a_choice_is_found_however_it_is_dressed(self):
        self.check(CHOICE,
                   ("B", "b", "B)", "(B)", "B.", "**B**", "**B) Run it**", "B: because", "B - because", "B\n\nBecause A",
                    "The answer is B.", "the answer is (b).", "Answer: B", "The correct option is: **B**", "Option B",
                    "I would take option B here.", "B is right", "It must be B", "$\\boxed{B}$",
                    "A) no\nB) yes\nC) no\n\nThe correct answer is B.", "B. Option A is wrong because of C."),
                   ("", "A", "C)", "E", "A or B", "not B but C", "A server", "bad", "Both", "The answer is a mess",
                    "The answer is C, not B", "B2", "Plan B's"))

    def test_an_article_is_not_a_choice(self):
        self.assertIsNone(grading.chosen_letter("A server must be restarted", "ABCD"))
        self.assertEqual(grading.chosen_letter("A is right", "ABCD"), "A")

    def test_numbers(self):
        self.check(NUMBER,
                   ("1234.5", "1,234.5", "$1,234.50.", "**1234.5** km", "it was 7, now 1234.5", "1.2345e3", "= 1234.5",
                    "Answer: 1234.5 km (767 miles)", "Answer: 1000 + 234.5 = 1234.5 (really 1)", "\\(1234.5\\)",
                    "1234.505"),
                   ("", "none", "1234", "1234.5 of 2000", "-1234.5", "\u22121234.5", "v1234.5", "1234.52", "12,34.5",
                    "Answer: 7 (not 1234.5)"))

    def test_the_first_number_counts_where_the_item_says_so(self):
        first = {"kind": "number", "value": 15.5, "tolerance": 0, "take": "first"}
        self.check(first, ("15.5 = 0.5 + 15", "15.5"), ("0.5 + 15 = 15.5",))

    def test_signs_and_ranges(self):
        for text, number in (("3-5", 5), ("3 - 5", 5), ("-5", -5), ("(-5)", -5), ("from +4", 4), ("1.2.3", None),
                             ("x7", None), (".5", 0.5), ("5.", 5), ("1,234,567", 1234567), ("12,34", 34), ("", None)):
            with self.subTest(text):
                self.assertEqual(grading.given_number(text), number)

    def test_all_terms_must_stand_there_as_words_of_their_own(self):
        self.check(TERMS,
                   ("index.toml, rollback, 4817", "ROLL\nBACK to **4,817** of `Index.toml`", "4817;rollback;index.toml."),
                   ("", "index.toml and rollback", "index.toml rollback 14817", "index.toml rollbacks 4817",
                    "reindex.toml rollback 4817", "index.toml rollback 4817_000", "indexxtoml rollback 4817"))

    def test_the_terms_that_were_found_are_told_in_order(self):
        self.assertEqual(grading.terms_found(TERMS, "4817 and roll back"), (False, True, True))

    def test_patterns(self):
        self.check(LINE, ("Fix a crash", "`Fix a crash`\n", "```\nFix a crash\n```", '"Fix a crash"'),
                   ("", "Fix", "fix a crash", "Fixed a crash", "Fix a crash\nand more", "Fix " + "x" * 57))
        self.check(dict(LINE, ignore_case=True), ("fix a crash",), ("mend a crash",))

    def test_json_is_compared_by_shape_and_values(self):
        right = '{"name": "pump", "count": 3, "on": true, "tags": ["a", "b"]}'
        self.check(OBJECT,
                   (right, f"Here it is:\n```json\n{right}\n```\nDone.", right.replace("3", "3.0"), f"[1] {right}",
                    '{"on":true,"tags":["a","b"],"count":3,"name":"pump"}', f"{{oops}} {right}"),
                   ("", "{}", "null", right[:-1], right.replace("3", '"3"'), right.replace("true", "1"),
                    right.replace("3", "true"), right.replace("pump", "Pump"), right.replace('"a", ', ""),
                    right.replace('"b"', '"b", "c"'), right.replace('"on"', '"off"'), f"[{right}]",
                    right.replace("}", ', "more": 1}'), right.replace("3", "NaN"), f'{{"wrapped": {right}}}'))

    def test_a_json_list_is_compared_in_order(self):
        numbers = {"kind": "json", "expected": [1, 2]}
        self.check(numbers, ("[1, 2]", "So: [1,2]."), ("[2, 1]", "[1]", '{"list": [1, 2]}', "1, 2"))

    def test_an_unknown_kind_and_python_are_told_not_guessed(self):
        with self.assertRaisesRegex(UserError, "unknown grader kind 'magic'.*git pull"):
            grading.grade({"kind": "magic"}, "x")
        with self.assertRaisesRegex(UserError, "--grade-code"):
            grading.grade({"kind": "python", "entry": "f", "tests": ""}, "x")


class HostileAnswers(unittest.TestCase):
    def test_every_text_gets_a_verdict_in_little_time(self):
        for name, answer in HOSTILE.items():
            for grader in GRADERS:
                with self.subTest(name, kind=grader["kind"]):
                    started = time.thread_time()
                    self.assertIsInstance(grading.grade(grader, answer), bool)
                    self.assertLess(time.thread_time() - started, 2)

    def test_code_is_looked_for_in_every_text(self):
        for name, answer in HOSTILE.items():
            with self.subTest(name):
                started = time.thread_time()
                grading.extract_code(answer).encode("utf-8")
                self.assertLess(time.thread_time() - started, 2)

    def test_none_of_them_is_right(self):
        for name, answer in HOSTILE.items():
            for grader in GRADERS:
                self.assertFalse(grading.grade(grader, answer) and name != "right to left", (name, grader["kind"]))

    def test_only_the_beginning_is_looked_at(self):
        self.assertFalse(grading.grade(TERMS, " " * grading.MAX_CHARS + "index.toml rollback 4817"))


class Code(unittest.TestCase):
    def test_where_the_code_is_found(self):
        table = {
            "a bare answer": ("def f():\n    return 1\n", "def f():\n    return 1\n"),
            "a fenced block": ("Sure:\n```python\nx = 1\n```\nBye.", "x = 1\n"),
            "without a language": ("```\nx = 1\n```", "x = 1\n"),
            "tildes": ("~~~py\nx = 1\n~~~", "x = 1\n"),
            "never closed": ("```python\ndef f():\n    return", "def f():\n    return"),
            "the block with a definition": ("```\npip\n```\n```python\ndef f(): 1\n```\n```python\nf()\n```", "def f(): 1\n"),
            "indented in a list": ("1. So:\n\n   ```python\n   def f():\n       return 1\n   ```", "def f():\n    return 1\n"),
            "Windows line ends": ("```python\r\nx = 1\r\n```", "x = 1\n"),
            "fences inside a text": ('```python\ns = """a\n"""\n```', 's = """a\n"""\n'),
        }
        for name, (answer, code) in table.items():
            with self.subTest(name):
                self.assertEqual(grading.extract_code(answer), code)

    def test_the_block_that_defines_the_entry_is_preferred(self):
        answer = "```python\ndef helper(): 1\n```\nand\n```python\nclass Wanted: pass\n```"
        self.assertIn("helper", grading.extract_code(answer))
        self.assertEqual(grading.extract_code(answer, "Wanted"), "class Wanted: pass\n")

    def test_of_two_versions_the_last_is_meant_and_not_the_example_after_it(self):
        answer = "```\ndef f(): 1\n```\nor\n```\ndef f(): 2\n```\nUse it:\n```\ndef main(): f()\n```"
        self.assertEqual(grading.extract_code(answer, "f"), "def f(): 2\n")

    def test_no_answer_is_no_code(self):
        self.assertEqual(grading.extract_code(""), "")


if __name__ == "__main__":
    unittest.main()
