"""Facts: a value with its method or null with its reason, found wherever they stand in a record."""
from __future__ import annotations

import unittest

import support

from base import facts


class Facts(unittest.TestCase):
    def test_a_fact_has_a_method_or_a_reason_and_never_both(self):
        for fact, word in (({"value": 1}, "method is missing"), ({"value": None}, "why is missing"),
                           ({"value": 1, "method": "m", "why": "w"}, "why beside a value"),
                           ({"value": None, "why": "w", "method": "m"}, "method beside null"),
                           ({"value": None, "why": ""}, "why is missing")):
            with self.subTest(fact):
                self.assertIn(f"a.b[0]: {word}", facts.problems({"a": {"b": [fact]}}))
        self.assertEqual(facts.problems({"a": facts.known(0, "m"), "b": facts.unknown("w"), "c": None, "d": [1]}), [])

    def test_the_first_that_is_known_counts_and_else_every_reason_once(self):
        one, other, none = facts.known(1, "m"), facts.known(2, "m"), facts.unknown("a")
        self.assertEqual(facts.first(none, one, other), one)
        self.assertEqual(facts.first(none, none, facts.unknown("b")), facts.unknown("a; b"))

    def test_nothing_told_is_unknown_and_nought_and_no_are_told(self):
        for value, known in ((None, False), ("", False), (0, True), (False, True), ([], True), (2 ** 63, False), (-1, False)):
            with self.subTest(repr(value)):
                self.assertEqual(facts.optional(value, "m", "w")["value"] is not None, known)

    def test_facts_within_a_fact_are_found_with_their_place(self):
        record = {"a": facts.known([{"b": facts.unknown("w")}], "m"), "c": facts.known({"value": "x"}, "m")}
        self.assertEqual([where for where, _ in facts.walk(record)], ["a", "a[0].b", "c"])


if __name__ == "__main__":
    unittest.main()
