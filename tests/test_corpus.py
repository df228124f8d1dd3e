"""The corpus: runs that the checker would accept if machines had been measured, and that say everywhere that none was."""
from __future__ import annotations

import json
import pathlib
import tempfile
import unittest

import corpus
import support      # noqa: F401  (puts the harness on the path)

from judge import run_check, tree_layout
from judge.findings import FindingList

# A run of one model of each quirk, as short as it may be, and one with everything.
NUMBERS = tuple(corpus.QUIRKS.index(quirk) for quirk in dict.fromkeys(corpus.QUIRKS))
WHOLE = 0
EXPECTED = {"modified": {"protocol-harness"}}      # what the checker holds of a quirk


def found(folder: pathlib.Path, shown: str) -> dict:
    """rule: severity of everything that the checker finds."""
    findings = FindingList()
    sizes = tree_layout.runs_in(tree_layout.on_disk(folder, shown))[shown]
    run_check.inspect(folder, tree_layout.place_of(shown), sizes, findings, 1.8e9)
    return {one.rule: one.severity for one in findings}


class Corpus(unittest.TestCase):
    def test_each_run_breaks_no_rule_but_that_it_is_synthetic(self):
        with tempfile.TemporaryDirectory() as top:
            for number, phases, models in [(number, corpus.SMALL_PHASES + ("python-tasks",), 1) for number in NUMBERS] + [(WHOLE, None, 2)]:
                one = corpus.spec(number, phases, models)
                folder = pathlib.Path(top) / str(number) / str(models)
                corpus.write(folder, 1, phases, number, models)
                with self.subTest(number=number, quirk=one.quirk, whole=phases is None):
                    rules = found(folder / one.folder, one.folder)
                    self.assertEqual(rules.pop("name-synthetic"), "error")
                    self.assertEqual(set(rules), EXPECTED.get(one.quirk, set()))
                    self.assertNotIn("error", rules.values())

    def test_the_same_number_gives_the_same_bytes_and_another_one_another_run(self):
        made = corpus.made(corpus.spec(3, corpus.SMALL_PHASES)).files()
        self.assertEqual(corpus.made(corpus.spec(3, corpus.SMALL_PHASES)).files(), made)
        self.assertEqual(len({corpus.spec(number).run_id for number in range(500)}), 500)

    def test_every_file_says_that_it_is_synthetic(self):
        files = corpus.made(corpus.spec(0, corpus.SMALL_PHASES)).files()
        for name in ("manifest.json", "hardware.json", "metadata.json"):
            self.assertIs(json.loads(files[name])["synthetic"], True)
        self.assertIs(json.loads(files["run.jsonl"].split(b"\n")[0])["synthetic"], True)
        self.assertIn(b"Synthetic", files["run.md"])

    def test_it_covers_many_devices_models_quirks_and_a_second_digest(self):
        specs = [corpus.spec(number) for number in range(corpus.RUNS)]
        self.assertGreaterEqual(len(specs), 60)
        self.assertGreaterEqual(len({one.device.tag for one in specs}), 12)
        self.assertGreaterEqual(len({model.name for one in specs for model in one.models}), 8)
        self.assertEqual({one.quirk for one in specs}, set(corpus.QUIRKS))
        self.assertTrue(any(model.edition == 2 for one in specs for model in one.models))


if __name__ == "__main__":
    unittest.main()
