"""Run holds: a copy of another run, and a digest that two runs describe, are found when the catalogue is built."""
from __future__ import annotations

import pathlib
import sqlite3
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
        self.index = sqlite3.connect(":memory:", isolation_level=None)
        self.addCleanup(self.index.close)
        run_holds.create(self.index)

    def add(self, handle: str, run_id: str, mutate=lambda run: None) -> str:
        run = valid.Run()
        run.rename(run_id)
        run.handle = run.manifest["handle"] = handle
        mutate(run)
        run.seal()
        self.runs[run.place] = str(run.write(self.root))
        return run.place

    def rules(self, changed: set) -> dict:
        """The rules by which runs are held, after these have changed."""
        self.renewed = run_holds.update(self.index, self.runs, changed)
        return {path: rules for path in self.runs for rules in [[row["rule"] for row in run_holds.of_run(self.index, path)]] if rules}

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

    def test_what_comes_later_and_what_goes_changes_the_findings_of_those_it_concerns_alone(self):
        copy = self.add("ben", "9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233", lambda run: run.manifest.update(started_at="2026-11-24T11:00:00Z"))
        other = self.add("eva", "7a9c2d3e-4f50-4a6b-8c7d-8e9f00112233", lambda run: (self.other(run), run.manifest.update(started_at="2026-11-24T12:00:00Z")))
        self.assertEqual(self.rules({copy, other}), {})
        first = self.add("ana", "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        self.assertEqual((self.rules({first}), self.renewed), ({copy: ["physics-duplicate"]}, {copy}))
        self.assertEqual((self.rules({other}), self.renewed), ({copy: ["physics-duplicate"]}, set()))
        del self.runs[first]
        self.assertEqual((self.rules(set()), self.renewed), ({}, {copy}))
        described = self.add("fay", "5b9c2d3e-4f50-4a6b-8c7d-8e9f00112233", lambda run: (
            self.other(run), run.manifest["models"][0].update(quantization="Q8_0"), run.manifest.update(started_at="2026-11-20T11:00:00Z"),
            [record.update(nonce=record["nonce"] and record["nonce"][::-1], gaps_us=[gap + 1013 * (7 * place % 13) for place, gap in enumerate(record["gaps_us"])]) for record in run.calls()]))
        held = {copy: ["physics-digest"], other: ["physics-digest"]}
        self.assertEqual((self.rules({described}), self.renewed), (held, {copy, other}))
        del self.runs[described]
        self.assertEqual((self.rules(set()), self.renewed), ({}, {copy, other}))

    def test_the_findings_are_those_of_a_search_through_all_runs(self):
        paths = [self.add("ana", "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"), self.add("eva", "7a9c2d3e-4f50-4a6b-8c7d-8e9f00112233", self.other),
                 self.add("ben", "9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233", lambda run: run.manifest.update(started_at="2026-11-24T11:00:00Z")),
                 self.add("kim", "8c9c2d3e-4f50-4a6b-8c7d-8e9f00112233", lambda run: run.manifest.update(started_at="2026-11-24T10:00:00Z"))]
        whole, runs, self.runs = self.rules(set(paths)), self.runs, {}
        for path in paths[::-1]:
            self.runs[path] = runs[path]
            step_by_step = self.rules({path})
        self.assertEqual(sorted(step_by_step.items()), sorted(whole.items()))
        self.assertEqual(len(whole), 2)

    def test_two_runs_of_one_model_are_not_each_other_s(self):
        paths = {self.add("ana", "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"), self.add("ben", "9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233", self.other)}
        self.assertEqual(self.rules(paths), {})


if __name__ == "__main__":
    unittest.main()
