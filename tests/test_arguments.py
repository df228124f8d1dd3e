"""The help of every command fits the terminal, and no word of it is broken."""
from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import unittest
from unittest import mock

import support

COMMANDS = sorted(path.stem for path in (support.HARNESS / "commands").glob("*_*.py") if not path.stem.startswith("_"))


def help_of(command: str, columns: int) -> str:
    text = io.StringIO()
    with mock.patch.dict(os.environ, {"COLUMNS": str(columns)}), contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        importlib.import_module(f"commands.{command}").parse_args(["--help"])
    return text.getvalue()


class Help(unittest.TestCase):
    def test_no_line_is_longer_than_the_terminal_and_no_word_of_the_description_is_broken(self):
        self.assertEqual(len(COMMANDS), 7)
        for command in COMMANDS:
            words = importlib.import_module(f"commands.{command}").__doc__.split()
            for columns in (80, 120):
                with self.subTest(command, columns=columns):
                    text = help_of(command, columns)
                    self.assertLessEqual(max(map(len, text.splitlines())), columns)
                    self.assertIn(" ".join(words), " ".join(text.split()))

    def test_paragraphs_stay(self):
        headed_options = r"\n\noptions:\n|\n\noptional arguments:\n"  # the second until Python 3.9
        self.assertEqual(re.split(headed_options, help_of("build_catalogue", 80))[0].count("\n\n"), 3)


class Mistyped(unittest.TestCase):
    def test_the_error_names_the_flag_that_was_meant_and_points_to_the_help(self):
        for command, words, meant in (("run_benchmark", ["--device-tg", "xeon-24gb"], "; did you mean --device-tag? --help lists"),
                                      ("run_benchmark", ["--modles=a", "--phasess", "b"], "; did you mean --models and --phases? "),
                                      ("submit_run", ["RUN", "--zipp"], "; did you mean --zip? "),
                                      ("check_submission", ["--xyzzy"], "--xyzzy; --help lists all flags\n"),
                                      ("submit_run", [], "RUN; --help lists all flags\n")):
            text = io.StringIO()
            with self.subTest(words), contextlib.redirect_stderr(text):
                with self.assertRaises(SystemExit) as caught:
                    importlib.import_module(f"commands.{command}").parse_args(words)
                self.assertEqual(caught.exception.code, 2)
                self.assertIn(meant, text.getvalue())


if __name__ == "__main__":
    unittest.main()
