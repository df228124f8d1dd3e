"""The types of a ledger's lines: they hold what the line holds, and name waves and keys once."""
from __future__ import annotations

import unittest

import ledgers
import support

from base import ledger_records, plan, records
from base.ledger_records import CallRecord, typed


class Fields(unittest.TestCase):
    def test_every_field_of_a_type_is_declared_and_holds_the_value_of_the_line(self):
        for name, record_type in ledger_records.TYPES.items():
            line = support.record(name)
            for field in record_type._fields:
                with self.subTest(name, field=field):
                    declared = field.rstrip("_")
                    self.assertIn(declared, {row.name for row in records.RECORDS[name]})
                    self.assertEqual(getattr(typed(line), field), line.get(declared))

    def test_a_field_that_a_line_may_lack_is_none(self):
        self.assertIsNone(typed(support.record("footer")).code_grades)
        self.assertEqual(typed(support.record("footer", code_grades={"3": {}})).code_grades, {"3": {}})

    def test_a_record_cannot_be_changed(self):
        with self.assertRaises(AttributeError):
            typed(ledgers.call()).outcome = "ok"


class Predicates(unittest.TestCase):
    def test_a_measured_call_has_a_speed_if_it_was_completed_with_text(self):
        for role, outcome, is_measured, has_speed in (
                ("measured", "ok", True, True), ("measured", "length", True, True), ("measured", "empty", True, False),
                ("measured", "cut", True, False), ("warmup", "ok", False, False), ("calibration", "ok", False, False)):
            call = typed(ledgers.call(role=role, outcome=outcome))
            with self.subTest(role=role, outcome=outcome):
                self.assertEqual((call.is_measured, call.has_speed), (is_measured, has_speed))

    def test_planned_are_measured_calls_and_skipped_ones(self):
        for line, is_planned in ((ledgers.call(), True), (ledgers.call(role="warmup"), False), (support.record("skipped"), True),
                                 (ledgers.meta(), False), (ledgers.footer(1), False)):
            with self.subTest(line["type"], role=line.get("role")):
                self.assertIs(ledger_records.is_planned(typed(line)), is_planned)

    def test_the_key_is_that_of_the_planned_step(self):
        step = plan.Step("frozen-prompts", "m:1b", "P-EASY", "last", 3, 1)
        line = ledgers.call(phase="frozen-prompts", item="P-EASY", repeat=3, **{"pass": "last"})
        self.assertEqual(typed(line).key, step.key)


class Waves(unittest.TestCase):
    def groups(self, *places: tuple) -> list:
        """Sizes of the waves of calls with these (level, wave, slot)."""
        calls = [typed(ledgers.call(level=level, wave=wave, slot=slot)) for level, wave, slot in places]
        return [len(wave) for wave in ledger_records.waves(calls)]

    def test_calls_that_were_sent_together_are_one_wave(self):
        self.assertEqual(self.groups((2, 0, 0), (2, 0, 1), (2, 1, 0), (2, 1, 1), (4, 0, 0), (4, 0, 1)), [2, 2, 2])

    def test_calls_that_ran_alone_are_a_wave_each(self):
        self.assertEqual(self.groups((1, None, 0), (1, None, 0), (1, 0, 0), (1, 1, 0)), [1, 1, 1, 1])

    def test_a_slot_that_does_not_ascend_begins_another_wave(self):
        self.assertEqual(self.groups((2, 0, 0), (2, 0, 0), (2, 0, 1)), [1, 2])

    def test_another_session_begins_another_wave(self):
        calls = [typed(ledgers.call(level=2, wave=0, slot=slot, session=slot)) for slot in (0, 1)]
        self.assertEqual([len(wave) for wave in ledger_records.waves(calls)], [1, 1])
        self.assertIsInstance(calls[0], CallRecord)

    def test_no_calls_are_no_wave(self):
        self.assertEqual(self.groups(), [])


if __name__ == "__main__":
    unittest.main()
