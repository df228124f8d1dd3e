"""The canonical settings: one table, and what a person may put in its place."""
from __future__ import annotations

import os
import unittest
from unittest import mock

import support

from base import plan, request_settings
from base.errors import USAGE, UserError


class Canonical(unittest.TestCase):
    def test_the_values_are_the_repository_s_own(self):
        self.assertEqual(request_settings.canonical("option"), {
            "temperature": 0, "seed": 42, "top_k": 40, "top_p": 0.9, "min_p": 0, "repeat_penalty": 1.0,
            "num_batch": 512})
        self.assertEqual(request_settings.canonical("field"), {
            "keep_alive": "30m", "think": False, "stream": True, "truncate": False, "shift": False})
        self.assertEqual(request_settings.canonical("plan"), {
            "num_ctx": 4096, "context_num_ctx": 8192, "num_predict": None, "repeats": 3, "levels": None,
            "thinking_budget": 4096})

    def test_the_plan_s_defaults_are_the_table_s(self):
        settings = plan.Settings()
        for name, value in {**request_settings.canonical("plan"), "options": request_settings.canonical("option"),
                            "request_fields": request_settings.canonical("field")}.items():
            with self.subTest(name):
                self.assertEqual(getattr(settings, name), value)

    def test_nobody_can_change_the_table_through_what_it_hands_out(self):
        request_settings.canonical("option")["seed"] = 1
        with self.assertRaises(TypeError):
            plan.Settings().options["seed"] = 2
        self.assertEqual(request_settings.canonical("option")["seed"], 42)
        self.assertEqual(plan.Settings().options["seed"], 42)

    def test_every_setting_has_a_reason_and_a_name_of_its_own(self):
        self.assertEqual(len({setting.name for setting in request_settings.SETTINGS}), len(request_settings.SETTINGS))
        for setting in request_settings.SETTINGS:
            with self.subTest(setting.name):
                self.assertTrue(setting.reason.strip())
                self.assertIn(setting.kind, ("option", "field", "plan"))


class Overrides(unittest.TestCase):
    def test_values_come_in_the_type_that_the_server_takes(self):
        for text, value in (
                ("num_thread=8", 8), ("num_gpu=-1", -1), ("num_gpu=0", 0), ("temperature=0.7", 0.7), ("temperature=1", 1),
                ("min_p=0.05", 0.05), ("top_p=1", 1), ("top_p=.5", 0.5), ("repeat_penalty=1.1", 1.1), ("seed=7", 7),
                ("seed= 7 ", 7), ("seed=1e3", 1000), ("num_batch=256", 256), ("use_mmap=FALSE", False),
                ("think=true", True), ("shift=true", True), ("truncate=True", True), ("keep_alive=1h", "1h"),
                ("keep_alive=1h30m", "1h30m"), ("keep_alive=0.5h", "0.5h"), ("keep_alive=600", 600),
                ("keep_alive=-1", -1), ("keep_alive=-1m", "-1m")):
            with self.subTest(text):
                name, found = request_settings.parse_override(text)
                self.assertEqual((name, found, type(found)), (text.split("=")[0], value, type(value)))

    def test_what_would_do_nothing_or_be_refused_is_an_error_with_the_way_out(self):
        for text, word in (
                ("num_threads=8", "did you mean num_thread="), ("tempreature=1", "did you mean temperature="),
                ("num_thread", "did you mean num_thread="), ("", "write name=value"), ("=5", "write name=value"),
                ("xyz=1", "write name=value"), ("stream=false", "not an option that can be set"),
                ("num_ctx=8192", "flags of their own"), ("repeats=5", "flags of their own"),
                ("levels=1", "flags of their own"), ("num_predict", "flags of their own"),
                ("num_thread=1.5", "a whole number"), ("seed=0.5", "a whole number"), ("num_thread=", "a whole number"),
                ("num_thread=many", "a whole number"), ("num_thread=1e30", "a whole number"),
                ("temperature=nan", "a number"), ("temperature=inf", "a number"), ("temperature=1e999", "a number"),
                ("temperature=warm", "a number"), ("use_mmap=1", "true or false"), ("think=", "true or false"),
                ("think=high", "true or false"), ("keep_alive=", "a time"), ("keep_alive=5 minutes", "a time"),
                ("keep_alive=m", "a time"), ("keep_alive=1d", "a time"), ("keep_alive=30m;", "a time")):
            with self.subTest(text):
                with self.assertRaises(UserError) as caught:
                    request_settings.parse_override(text)
                self.assertIn(word, str(caught.exception))
                self.assertTrue(str(caught.exception).startswith("--option: "))
                self.assertEqual(caught.exception.exit_code, USAGE)

    def test_overrides_land_among_the_options_or_beside_them(self):
        options, beside = request_settings.split({"seed": 7, "num_thread": 8, "think": True, "keep_alive": -1})
        self.assertEqual(options, {**request_settings.canonical("option"), "seed": 7, "num_thread": 8})
        self.assertEqual(beside, {**request_settings.canonical("field"), "think": True, "keep_alive": -1})
        self.assertEqual(request_settings.split({}), (request_settings.canonical("option"), request_settings.canonical("field")))


@mock.patch.dict(os.environ, {"COLUMNS": "200"})
class Table(unittest.TestCase):
    def test_long_reasons_wrap_at_words(self):
        with mock.patch.dict(os.environ, {"COLUMNS": "60"}):
            rows = request_settings.format_table({}).split("\n")
        self.assertLessEqual(max(map(len, rows)), 60)
        self.assertIn(" " * 36 + "answers can be repeated", "\n".join(rows))

    def test_it_names_every_setting_once_with_its_value(self):
        rows = request_settings.format_table({}).split("\n")
        self.assertEqual([row.split()[0] for row in rows], [setting.name for setting in request_settings.SETTINGS])
        self.assertTrue(any(row.split()[:2] == ["think", "false"] for row in rows))
        for name, words in (("num_predict", "each item's own"), ("levels", "each suite's own")):
            self.assertIn(words, rows[[setting.name for setting in request_settings.SETTINGS].index(name)])
        self.assertNotIn("overridden", "".join(rows))
        self.assertNotIn("None", "".join(rows))

    def test_overrides_are_marked_and_what_is_new_stands_last(self):
        rows = request_settings.format_table({"seed": 7, "num_thread": 8}).split("\n")
        self.assertEqual([row for row in rows if "overridden" in row], [row for row in rows if row.split()[0] == "seed"])
        self.assertRegex(rows[-1], r"\A  num_thread +8 +set by hand")


if __name__ == "__main__":
    unittest.main()
