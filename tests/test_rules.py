"""The rules: ids that never change, one severity and one command each, and a mutant that only this rule refuses."""
from __future__ import annotations

import re
import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import sensitive
from judge import thresholds
from judge.rules import RULES, SEVERITIES
from mutants import changes, lies, lying, octets, values

GROUPS = ("checker", "hardware", "scope", "name", "bytes", "json", "ledger", "protocol", "sum", "physics", "privacy", "runmd")
# The mutant of scope-size would be a change of five hundred files: test_change lowers the limit. That of checker-failed would
# be a bug: test_run_check makes one. test_duplicates has two runs that describe one digest.
ELSEWHERE = ("scope-size", "checker-failed", "physics-digest", "name-removed")


class Table(unittest.TestCase):
    def test_every_rule_has_a_short_id_of_a_group_a_severity_a_sentence_and_a_command(self):
        for rule in RULES.values():
            with self.subTest(rule=rule.id):
                self.assertRegex(rule.id, rf"\A(?:{'|'.join(GROUPS)})(?:-[a-z0-9]+){{1,3}}\Z")
                self.assertIn(rule.severity, SEVERITIES)
                self.assertRegex(rule.says, r"\A[A-Z].*\.\Z")
                self.assertTrue(rule.advice)
                self.assertLessEqual(set(re.findall(r"{\w+}", rule.advice)), {"{path}", "{run}"})

    def test_physics_never_refuses(self):
        for rule in RULES.values():
            if rule.id.startswith("physics-"):
                self.assertEqual(rule.severity, "hold", rule.id)

    def test_every_kind_of_private_thing_has_its_rule(self):
        for kind in sensitive.KINDS:
            self.assertIn(f"privacy-{kind.id}", RULES)

    def test_every_rule_has_a_mutant_and_every_mutant_a_rule(self):
        made = {row[0] for table in (values, lies, octets, lying, changes) for row in table.ROWS}
        made |= {f"privacy-{kind.id}" for kind in sensitive.KINDS}      # test_mutants tries all of them in one run
        self.assertEqual(made | set(ELSEWHERE), set(RULES))


class Thresholds(unittest.TestCase):
    def test_each_has_a_value_and_says_why(self):
        for name, row in thresholds._read()["values"].items():
            with self.subTest(name=name):
                self.assertEqual(set(row), {"value", "says"})
                self.assertGreater(len(row["says"]), 20)

    def test_each_is_used_and_none_else_is_asked_for(self):
        asked = set()
        for path in sorted((support.HARNESS / "judge").glob("*.py")):
            asked |= set(re.findall(r'"([a-z_]+)"', path.read_text(encoding="utf-8")))
        for name in thresholds._read()["values"]:
            with self.subTest(name=name):
                self.assertIn(name, asked)

    def test_the_history_begins_with_the_version(self):
        self.assertTrue(thresholds._read()["history"][0].startswith(thresholds.version()))

    def test_a_more_particular_chip_stands_before_the_one_whose_name_it_holds(self):
        words = [row[0] for row in thresholds.bandwidths()]
        for place, word in enumerate(words):
            self.assertFalse([later for later in words[place + 1:] if word in later], word)


if __name__ == "__main__":
    unittest.main()
