"""Run holds: a copy of another run, and a digest that two runs describe, are found when the catalogue is built."""
from __future__ import annotations

import pathlib
import tempfile
import unittest

import support  # noqa: F401  (puts the harness on the path)

from mutants import valid
from publish import run_holds


class Holds(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.root = pathlib.Path(made.name)
        self.runs: dict = {}

    def add(self, handle: str, run_id: str, mutate=lambda run: None) -> str:
        run = valid.Run()
        run.rename(run_id)
        run.handle = run.manifest["handle"] = handle
        mutate(run)
        run.seal()
        self.runs[run.place] = str(run.write(self.root))
        return run.place

    def rules(self, changed: set) -> dict:
        return {path: [row["rule"] for row in rows] for path, rows in run_holds.find(self.root, self.runs, changed).items()}

    def other(self, run: valid.Run) -> None:
        """The same run, with nonces and times of its own."""
        for number, record in enumerate(run.calls()):
            record["nonce"] = record["nonce"] and f"{number:018d}"
            record["gaps_us"] = [gap + 977 * (place * (number % 10 + 1) % 11) for place, gap in enumerate(record["gaps_us"])]
        run.manifest["started_at"] = "2026-11-24T11:00:00Z"

    def test_a_copy_is_held_and_the_run_that_began_first_is_not(self):
        first = self.add("ana", "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        copy = self.add("ben", "9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233", lambda run: run.manifest.update(started_at="2026-11-24T11:00:00Z"))
        self.assertEqual(self.rules({first, copy}), {copy: ["physics-duplicate"]})
        self.assertEqual(self.rules(set()), {copy: ["physics-duplicate"]})

    def test_one_digest_of_two_quantizations_is_held(self):
        first = self.add("ana", "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        second = self.add("ben", "9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233", lambda run: (
            self.other(run), run.manifest["models"][0].update(quantization="Q8_0")))
        self.assertEqual(self.rules({first, second}), {second: ["physics-digest"]})

    def test_two_runs_of_one_model_are_not_each_other_s(self):
        paths = {self.add("ana", "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"), self.add("ben", "9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233", self.other)}
        self.assertEqual(self.rules(paths), {})


if __name__ == "__main__":
    unittest.main()
