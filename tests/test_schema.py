"""The schema: JSON that means one thing only, and records of which everything wrong is told."""
from __future__ import annotations

import json
import unittest

import support

from base import json_text, records, schema


class StrictJson(unittest.TestCase):
    def test_what_is_right_is_read_as_python_reads_it(self):
        for text in ("null", "true", "[]", "{}", '""', "0", "-1", "1.5e3", '{"a":[1,{"b":null}]}', '"\\ud83d\\ude00"',
                     '"\u2028\u0085"', " [1 , 2]\n", str(schema.MAX_INTEGER), str(-schema.MAX_INTEGER), "1e308"):
            with self.subTest(text):
                self.assertEqual(json_text.loads(text.encode("utf-8")), json.loads(text))

    def test_what_readers_understand_differently_is_refused_with_the_reason(self):
        for data, word in (
                (b'{"a":1,"a":2}', "'a' twice"), (b'[{"b":{"c":0,"d":0,"c":0}}]', "'c' twice"),
                (b'{"\\u0061":1,"a":2}', "'a' twice"), (b"NaN", "NaN"), (b"[Infinity]", "Infinity"),
                (b'{"a":-Infinity}', "-Infinity"), (b"1e999", "too large"), (b"-1e999", "too large"),
                (b"9223372036854775808", "64 bits"), (b"-9223372036854775808", "64 bits"), (b"1" * 5000, "64 bits"),
                (b"-" + b"9" * 100000, "64 bits"), (b"\xef\xbb\xbf{}", "byte-order mark"), (b'"\xff"', "UTF-8 at byte 1"),
                (b'"\xed\xa0\x80"', "UTF-8"), (b'"\xc0\xaf"', "UTF-8"), ('"a"'.encode("utf-16"), "UTF-8"),
                (b"", "Expecting value"), (b"{", "Expecting"), (b"{} {}", "Extra data"), (b"{'a':1}", "Expecting"),
                (b'"a\nb"', "control character"), (b"[1,]", "Expecting value|Illegal"), (b"01", "Extra data"),
                (b"\x00", "Expecting value")):
            with self.subTest(data[:30]):
                with self.assertRaisesRegex(ValueError, word) as caught:
                    json_text.loads(data)
                self.assertLess(len(str(caught.exception)), 120)

    def test_depth_has_a_limit_well_before_the_interpreter_has_one(self):
        deepest = json_text.MAX_DEPTH
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            with self.subTest(opening):
                inner = b"0" if opening != b"[" else b""
                json_text.loads(opening * deepest + inner + closing * deepest)
                for depth in (deepest + 1, 900, 5000, 200000):
                    with self.assertRaisesRegex(ValueError, "nested deeper than 40"):
                        json_text.loads(opening * depth + inner + closing * depth)

    def test_a_deep_start_without_an_end_is_refused_and_does_not_crash(self):
        for data in (b"[" * 300000, b'{"a":' * 300000, b'[{"a":' * 100000):
            with self.subTest(data[:6]):
                self.assertRaises(ValueError, json_text.loads, data)

    def test_many_keys_of_which_the_last_is_there_twice_are_found_at_once(self):
        keys = ",".join(f'"{n}":0' for n in range(200000))
        with self.assertRaisesRegex(ValueError, "'199999' twice"):
            json_text.loads(f'{{{keys},"199999":1}}'.encode("ascii"))

    def test_what_is_written_is_one_line_of_ascii_and_comes_back(self):
        value = {"a": [1, 2.5, None, True], "\u00e9\u2028": "\U0001f600\n\x00", "max": schema.MAX_INTEGER}
        line = json_text.dumps(value)
        self.assertTrue(line.isascii())
        self.assertNotIn("\n", line)
        self.assertNotIn(" ", line)
        self.assertEqual(json_text.loads(line.encode("ascii")), value)
        self.assertEqual(json_text.loads(json_text.pretty(value)), value)
        self.assertTrue(json_text.pretty(value).endswith(b"}\n"))

    def test_nan_and_infinity_are_never_written(self):
        for value in (float("nan"), float("inf"), float("-inf")):
            for write in (json_text.dumps, json_text.pretty):
                with self.subTest(f"{write.__name__} {value}"):
                    self.assertRaises(ValueError, write, {"a": [value]})


class Records(unittest.TestCase):
    def test_the_plainest_record_of_every_kind_is_right(self):
        for kind in records.RECORDS:
            with self.subTest(kind):
                self.assertEqual(schema.problems(support.record(kind), kind), [])

    def test_each_field_is_missed_where_it_is_left_out(self):
        for kind, fields in records.RECORDS.items():
            for field in fields:
                with self.subTest(f"{kind}.{field.name}"):
                    record = support.record(kind)
                    record.pop(field.name, None)
                    self.assertEqual(schema.problems(record, kind), [] if field.absent else [f"{field.name}: missing"])

    def test_null_stands_only_where_the_schema_says_so(self):
        for kind, fields in records.RECORDS.items():
            for field in fields:
                with self.subTest(f"{kind}.{field.name}"):
                    found = schema.problems(support.record(kind, **{field.name: None}), kind)
                    self.assertEqual(found, [] if field.null else [f"{field.name}: null"])

    def test_a_value_of_no_kind_at_all_is_refused_in_every_field(self):
        for kind, fields in records.RECORDS.items():
            for field in fields:
                with self.subTest(f"{kind}.{field.name}"):
                    found = schema.problems(support.record(kind, **{field.name: (1, 2)}), kind)
                    self.assertEqual(len(found), 1)
                    self.assertTrue(found[0].startswith(f"{field.name}: not "), found[0])

    def test_values_of_the_wrong_kind(self):
        for name, values in {
            "repeat": (-1, 0, 2 ** 20 + 1, 1.0, 1.5, "1", True, False, [], 2 ** 63, 10 ** 30),
            "fill": (True, "0.5", [], float("nan"), float("inf"), 10 ** 30),
            "reattempt": (0, 1, "true", []),
            "model": (0, True, [], {}, b"m"),
            "options": ([], "", 0, {"a": {}}, {"a": [[1]]}, {"a": "x" * 201}, {str(n): n for n in range(65)}),
            "gaps_us": ({}, 5, "1"),
            "outcome": ("OK", "", 0, [], {}, "done"),
            "prompt_sha256": ("0" * 63, "A" * 64, "g" * 64, "0" * 64 + "\n", 0),
            "nonce": ("1" * 17, "1" * 19, "x" * 18, 123456789012345678, "\u0661" * 18),
            "session_start": ([], "", 0),
        }.items():
            for value in values:
                with self.subTest(f"{name} {value!r}"):
                    found = schema.problems(support.record("call", **{name: value}), "call")
                    self.assertEqual(len(found), 1, found)
                    self.assertIn(f"{name}: not ", found[0])

    def test_a_finding_of_calibration_holds_what_is_known_and_nothing_else(self):
        for finding in ({"head_method": {"a": 1}}, {"made_up": 1}, {"too_long": "perhaps"}, {"head_tokens": -4000},
                        {"context-edge_tokens_at": [[1]]}, {"context-edge_tokens_at": [[1, -1]]}, {"slots_seen": 0}):
            with self.subTest(finding):
                self.assertEqual(len(schema.problems(support.record("call", finding=finding), "call")), 1)
        for finding in ({}, {"slots_seen": None}, {"head_tokens": 0, "head_method": "rendered"}, {"context-edge_tokens_at": [[0, 40], [6, 700]]}):
            with self.subTest(finding):
                self.assertEqual(schema.problems(support.record("call", finding=finding), "call"), [])

    def test_values_of_the_right_kind(self):
        for name, values in {
            "repeat": (1, 2 ** 20), "fill": (0, 0.25, 1, None), "gaps_us": ([], [0, 7]),
            "outcome": tuple(records.OUTCOMES), "pass": ("first", "last", None), "nonce": ("0" * 18, None),
            "options": ({}, {"a": [1], "b": None, "c": "30m", "d": 0.5}),
        }.items():
            for value in values:
                with self.subTest(f"{name} {value!r}"):
                    self.assertEqual(schema.problems(support.record("call", **{name: value}), "call"), [])

    def test_one_wrong_value_among_many_gaps_is_found_at_every_place(self):
        for wrong in (True, False, -1, 1.0, 2.5, None, "7", [7], {}, float("nan"), 2 ** 63):
            for place in (0, 50, 99):
                with self.subTest(f"{wrong!r} at {place}"):
                    gaps = list(range(2, 102))
                    gaps[place] = wrong
                    found = schema.problems(support.record("call", gaps_us=gaps), "call")
                    self.assertEqual([line.split(":")[0] for line in found], [f"gaps_us[{place}]"])

    def test_times_of_day_have_one_form(self):
        for text, right in (("2026-01-02T03:04:05Z", True), ("2026-01-02 03:04:05Z", False), ("2026-01-02T03:04:05", False),
                            ("2026-01-02T03:04:05.1Z", False), ("2026-01-02T03:04:05+00:00", False),
                            ("2026-02-29T03:04:05Z", False), ("2028-02-29T03:04:05Z", True), ("2026-13-02T03:04:05Z", False),
                            ("2026-01-02T24:04:05Z", False), ("2026-01-02T03:04:05Z\n", False), ("\u0662026-01-02T03:04:05Z", False), ("", False)):
            with self.subTest(text):
                self.assertEqual(schema.problems(support.record("manifest", started_at=text), "manifest") == [], right)

    def test_the_nil_run_id_is_a_value_and_other_wrong_ones_are_not(self):
        for text, right in ((support.PLAINEST["run_id"], True), ("0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233", True),
                            ("0B1C2D3E-4F50-4A6B-8C7D-8E9F00112233", False), ("run", False), (0, False)):
            with self.subTest(text):
                self.assertEqual(schema.problems(support.record("meta", run_id=text), "meta") == [], right)

    def test_everything_wrong_is_told_at_once_each_with_its_place(self):
        record = support.record("call", repeat=True, outcome="fine", gaps_us=[1, -1, 2.5], extra=0,
                                placement={"size_bytes": "5", "vram_bytes": None, "loaded": [1]})
        del record["answer"]
        found = schema.problems(record, "call")
        self.assertEqual([line.split(":")[0] for line in found], [
            "extra", "repeat", "outcome", "gaps_us[1]", "gaps_us[2]", "answer", "placement.size_bytes",
            "placement.context_length", "placement.loaded[0]"])
        self.assertIn("extra: unknown field", found)
        self.assertIn("placement.context_length: missing", found)

    def test_what_is_no_object_is_no_record(self):
        for value in (None, [], "call", 0, True):
            with self.subTest(repr(value)):
                self.assertEqual(schema.problems(value, "call"), ["call: not an object"])

    def test_a_whole_number_that_the_writer_takes_is_taken_back_by_the_reader(self):
        """A size of 2**70 from a server once passed the writer, and then nobody could read the ledger again."""
        for value in (2 ** 63 - 1, 2 ** 63, 2 ** 70):
            with self.subTest(value):
                written = json_text.dumps(value).encode("ascii")
                self.assertEqual(schema.is_count(value), value < 2 ** 63)
                if value < 2 ** 63:
                    self.assertEqual(json_text.loads(written), value)
                else:
                    self.assertRaises(ValueError, json_text.loads, written)


class Ranges(unittest.TestCase):
    CONTRIBUTED = {**records.ledger_fields.RECORDS, **records.manifest_fields.RECORDS, **records.hardware_fields.RECORDS}
    NUMERIC = ("count", "number", "list:count", "list:point", "counts", "count_fact", "number_fact")

    def test_each_number_that_a_run_may_hold_has_a_range(self):
        for kind, fields in self.CONTRIBUTED.items():
            for field in fields:
                if field.kind in self.NUMERIC and kind not in ("count_fact", "number_fact"):
                    with self.subTest(f"{kind}.{field.name}"):
                        self.assertIsNotNone(field.range)

    def test_the_least_and_the_greatest_value_pass_and_one_beyond_is_refused(self):
        for kind, fields in records.RECORDS.items():
            for field in fields:
                if field.range is None or field.kind not in self.NUMERIC:
                    continue
                least, most = field.range
                for value, right in ((least, True), (most, True), (least - 1, False), (most + 1, False), (-1, least < 0), (2 ** 63, False),
                                     (float("nan"), False), (float("inf"), False), (True, False), ("1", False)):
                    with self.subTest(f"{kind}.{field.name}", value=value):
                        record = support.record(kind, **{field.name: self.holding(field.kind, value)})
                        if isinstance(value, float) and "number" not in field.kind:
                            right = False
                        self.assertEqual(schema.problems(record, kind) == [], right)

    def test_a_whole_number_is_a_number_and_a_fraction_is_not_a_count(self):
        self.assertEqual(schema.problems(support.record("conditions", temperature_c=48), "conditions"), [])
        self.assertEqual(schema.problems(support.record("call", repeat=1.0), "call"), ["repeat: not a count"])

    def test_a_text_has_a_greatest_length_and_what_a_model_wrote_has_none(self):
        for length, right in ((4096, True), (4097, False)):
            self.assertEqual(schema.problems(support.record("call", model="m" * length), "call") == [], right)
        self.assertEqual(schema.problems(support.record("call", answer="m" * 100_000), "call"), [])

    def test_what_a_sensor_or_server_reports_beyond_its_range_is_written_as_unknown(self):
        state = support.record("conditions", temperature_c=1000.0, clock_mhz=2400.0, accelerators=[
            support.record("accelerator_state", power_w=1e9)])
        record = schema.bounded(support.record("call", eval_tokens=2 ** 62, conditions=state), "call")
        self.assertEqual(schema.problems(record, "call"), [])
        self.assertIsNone(record["eval_tokens"])
        self.assertEqual((record["conditions"]["temperature_c"], record["conditions"]["clock_mhz"]), (None, 2400.0))
        self.assertIsNone(record["conditions"]["accelerators"][0]["power_w"])
        fact = {"max_mhz": {"value": 4e9, "method": "lscpu"}}
        self.assertEqual(schema.bounded(fact, "hardware_cpu")["max_mhz"], {"value": None, "why": "lscpu reported a value out of range"})

    def holding(self, kind: str, value: object) -> object:
        return {"list:count": [value], "list:point": [[value, value]], "counts": {"ok": value}}.get(
            kind, {"value": value, "method": "x"} if kind.endswith("_fact") else value)


class Grades(unittest.TestCase):
    def test_verdicts_on_code_are_booleans_with_a_reason_under_the_number_of_a_line(self):
        for grades, right in (({}, True), ({"7": {"passed": True, "reason": "passed"}}, True), ({"7": "yes"}, False), ({"7": 7}, False),
                              ({"7": [1]}, False), ({"7": {"reason": "x"}}, False), ({"x": {"passed": True, "reason": "passed"}}, False),
                              ({"07": {"passed": True, "reason": "passed"}}, False), ({"7": {"passed": 1, "reason": "passed"}}, False)):
            with self.subTest(grades):
                self.assertEqual(schema.problems(support.record("footer", code_grades=grades), "footer") == [], right)


class Documentation(unittest.TestCase):
    def test_every_field_of_every_record_has_a_meaning(self):
        for kind, fields in records.RECORDS.items():
            self.assertEqual(len({field.name for field in fields}), len(fields), kind)
            for field in fields:
                with self.subTest(f"{kind}.{field.name}"):
                    self.assertTrue(field.says.strip())

    def test_every_kind_is_known(self):
        scalars = set(support.PLAINEST)
        for kind, fields in records.RECORDS.items():
            for field in fields:
                with self.subTest(f"{kind}.{field.name}"):
                    head, _, rest = field.kind.partition(":")
                    known = {"list": scalars | set(records.RECORDS), "by-line": set(records.RECORDS), "choice": set(records.CHOICES)}.get(head)
                    self.assertIn(rest or head, known or scalars | set(records.RECORDS))

    def test_every_choice_of_every_list_is_documented(self):
        for name, choices in records.CHOICES.items():
            for choice, says in choices.items():
                with self.subTest(f"{name} {choice}"):
                    self.assertRegex(choice, r"\A[a-z]+(-[a-z]+)*\Z")
                    self.assertTrue(says.strip())

    def test_speed_figures_use_outcomes_that_exist(self):
        self.assertLessEqual(set(records.SPEED_OUTCOMES), set(records.OUTCOMES))

    def test_the_history_names_the_present_versions(self):
        for version in (records.MANIFEST_VERSION, records.LEDGER_VERSION):
            self.assertIn(version, records.__doc__)


if __name__ == "__main__":
    unittest.main()
