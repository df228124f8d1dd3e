"""The EXAMPLE: what lies in submissions/ is what the script makes from the schema, and says everywhere that it is synthetic."""
from __future__ import annotations

import unittest

import support

from base import json_text, run_folder
from judge import tree_layout
from mutants import example

HERE = support.ROOT / tree_layout.EXAMPLE


class Example(unittest.TestCase):
    def test_it_is_what_the_script_makes_byte_for_byte(self):
        made = example.Example().files()
        self.assertEqual({path.name for path in HERE.iterdir()}, set(made))
        for name, data in made.items():
            with self.subTest(file=name):
                self.assertEqual((HERE / name).read_bytes(), data, "run: cd tests && python -m mutants.example")

    def test_it_has_the_five_files_and_five_lines(self):
        self.assertEqual({path.name for path in HERE.iterdir()}, set(run_folder.FILES))
        kinds = [json_text.loads(line)["type"] for line in (HERE / run_folder.LEDGER).read_bytes().splitlines()]
        self.assertEqual(kinds, ["meta", "call", "call", "call", "footer"])

    def test_every_file_says_that_it_is_synthetic(self):
        for name in (run_folder.MANIFEST, run_folder.HARDWARE, run_folder.METADATA):
            with self.subTest(file=name):
                self.assertIs(json_text.loads((HERE / name).read_bytes())["synthetic"], True)
        self.assertIs(json_text.loads((HERE / run_folder.LEDGER).read_bytes().splitlines()[0])["synthetic"], True)
        self.assertIn("synthetic", (HERE / run_folder.RUN_MD).read_text(encoding="utf-8").split("\n")[0])


if __name__ == "__main__":
    unittest.main()
