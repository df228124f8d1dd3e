"""DuplicateSearch: a copy of a run is known by its times, and two busy machines are not each other's copies."""
from __future__ import annotations

import pathlib
import tempfile
import unittest

import ledgers
import support  # noqa: F401  (puts the harness on the path)
from ledgers import call, footer, meta

from base import run_folder
from judge.duplicates import DuplicateSearch

OWN = [15_000 + 37 * place for place in range(40)]


class Marks(unittest.TestCase):
    def found(self, *calls_of_each: list) -> list:
        """What is said of runs with these calls, one run after the other."""
        search = DuplicateSearch()
        with tempfile.TemporaryDirectory() as folder:
            said = []
            for number, calls in enumerate(calls_of_each):
                path = pathlib.Path(folder) / f"run-{number}" / run_folder.LEDGER
                path.parent.mkdir()
                path.write_bytes(ledgers.data([meta(), *calls, footer(len(calls))]))
                said.append([one.rule for one in search.add(f"submissions/ana/a-pc/run-{number}", path)])
        return said

    def test_the_same_times_under_other_nonces_are_those_of_another_run(self):
        mine, copied = call(nonce="1" * 18, gaps_us=OWN), call(nonce="2" * 18, gaps_us=OWN)
        self.assertEqual(self.found([mine], [copied]), [[], ["physics-duplicate"]])

    def test_answers_that_were_heard_in_one_read_are_alike_on_every_machine(self):
        for gaps in ([0] * 40, [0] * 40 + [900, 1100]):
            with self.subTest(gaps[-2:]):
                self.assertEqual(self.found([call(nonce="1" * 18, gaps_us=gaps)], [call(nonce="2" * 18, gaps_us=gaps)]), [[], []])

    def test_a_nonce_is_nobody_else_s(self):
        self.assertEqual(self.found([call(nonce="1" * 18)], [call(nonce="1" * 18)]), [[], ["physics-duplicate"]])


if __name__ == "__main__":
    unittest.main()
