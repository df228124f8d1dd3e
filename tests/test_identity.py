"""Whose run it is: flags come first, a person at a terminal is asked for what is missing, and nothing is made up."""
from __future__ import annotations

import contextlib
import io
import unittest
from unittest import mock

import support  # noqa: F401  (puts the harness on the path)

from base import console
from base.errors import UserError
from measure import hardware, identity


class Choosing(unittest.TestCase):
    def choose(self, *flags: str | None, asks: bool = False, answers: dict | None = None) -> tuple:
        """(what was chosen, the questions with their defaults)."""
        asked = []

        def ask(question: str, default: str) -> str:
            asked.append((question, default))
            return (answers or {}).get(question.split(" ")[0], default)
        with mock.patch.object(console, "ask", ask), contextlib.redirect_stderr(io.StringIO()), \
                mock.patch.object(hardware, "suggest_device_tag", lambda machine: "mac-m1-8gb"):
            return identity.choose(*flags, machine=mock.sentinel.machine, asks=asks), asked

    def test_on_a_terminal_handle_tag_and_host_name_are_asked_for(self):
        chosen, asked = self.choose(None, None, None, asks=True, answers={"Your": "ana"})
        self.assertEqual(chosen, ("ana", "mac-m1-8gb", "other"))
        self.assertEqual([default for _, default in asked], ["unnamed", "mac-m1-8gb", "other"])
        self.assertIn("public", asked[2][0])

    def test_what_a_flag_says_is_not_asked(self):
        self.assertEqual(self.choose("ana", "mac-m2-8gb", "mine", asks=True), (("ana", "mac-m2-8gb", "mine"), []))

    def test_where_nobody_can_be_asked_the_tag_is_a_suggestion_and_the_rest_is_open(self):
        self.assertEqual(self.choose(None, None, None), ((None, "mac-m1-8gb", None), []))

    def test_a_suggestion_that_fits_many_machines_comes_with_a_note(self):
        for flags, asks in (((None, None, None), False), (("ana", None, "other"), True)):
            err = io.StringIO()
            with self.subTest(flags), contextlib.redirect_stderr(err), mock.patch.object(console, "ask", lambda question, default: default), \
                    mock.patch.object(hardware, "suggest_device_tag", lambda machine: "xeon-24gb"):
                identity.choose(*flags, machine=mock.sentinel.machine, asks=asks)
                self.assertIn("note: the tag xeon-24gb fits many machines", err.getvalue())

    def test_a_machine_elsewhere_is_named_by_a_person(self):
        with self.assertRaisesRegex(UserError, "on another machine.*--device-tag rtx-4090-pc"):
            identity.choose("ana", None, None, None, asks=True)


if __name__ == "__main__":
    unittest.main()
