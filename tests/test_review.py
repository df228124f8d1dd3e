"""The review: a run with its nearest cells, and a question for everything that no rule decides."""
from __future__ import annotations

import pathlib
import tempfile
import unittest

import support  # noqa: F401  (puts the harness on the path)

from derive import headline
from judge import review, tree
from judge.findings import FindingList, Finding
from judge.review import ReviewFigures
from judge.rules import RULES
from judge.session_checks import epoch_seconds
from mutants import valid

NOW_S = epoch_seconds("2026-11-25T12:00:00Z")


def figures(run: str, cell: str = "mac-m1-8gb.m_3a1b", model: str = "m:1b", digest: str = "a", decode: float | None = 10.0) -> ReviewFigures:
    stat = None if decode is None else {"n": 3, "median": decode}
    return ReviewFigures(f"submissions/{run}", cell, model, digest, dict.fromkeys(headline.SHOWN, stat))


class Nearest(unittest.TestCase):
    def test_the_same_cell_comes_first_then_the_same_model_elsewhere(self):
        mine = figures("me")
        others = [figures("z", "pc.m_3a1b"), figures("b"), figures("a", digest="b"), figures("c", "mac-m1-8gb.other", "other"),
                  figures("d", "pc.m_3a1b", "M:1b")]
        self.assertEqual([one.run for one in review.nearest(mine, others, 9)], [f"submissions/{run}" for run in "badz"])

    def test_there_may_be_nothing_near(self):
        self.assertEqual(review.nearest(figures("me"), []), [])


class Sheets(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.root = pathlib.Path(made.name)

    def test_it_shows_the_run_with_its_nearest_runs_and_the_ratio(self):
        old, new = valid.Run(), valid.Run()
        old.handle = old.manifest["handle"] = "earlier"
        for record in new.calls(role="measured"):
            record["eval_ns"] //= 2
        new.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        for run in (old, new):
            run.write(self.root)
        findings = FindingList()
        sheets = tree.check(tree.part_of(self.root / new.place), findings, NOW_S)
        text = review.render(sheets, findings, "FINDINGS", self.root / "submissions")
        for words in (new.place, "planted-small:1b", f"earlier/{valid.DEVICE_TAG}", " 2.00\n", "FINDINGS", "unmodified", "Synthetic processor"):
            self.assertIn(words, text)
        self.assertNotIn("nothing to compare with", text)

    def test_runs_that_are_reviewed_together_are_compared_with_each_other(self):
        """Two requests for one cell once had nothing to compare with, each."""
        honest, fast = valid.Run(), valid.Run()
        fast.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        fast.handle = fast.manifest["handle"] = "bob"
        for record in fast.calls(role="measured"):
            record["eval_ns"] //= 2
        for run in (honest, fast):
            run.write(self.root)
        findings = FindingList()
        sheets = tree.check(tree.part_of(self.root / "submissions"), findings, NOW_S)
        text = review.render(sheets, findings, "FINDINGS", self.root / "submissions")
        self.assertIn(" 2.00\n", text)
        self.assertIn(" 0.50\n", text)
        self.assertNotIn("nothing to compare with", text)

    def test_a_run_that_cannot_be_read_still_has_its_findings(self):
        folder = self.root / valid.Run().place
        valid.laid_out(folder, {"run.jsonl": b"{", "manifest.json": b"", "metadata.json": b"[]"})
        findings = FindingList()
        text = review.render(tree.check(tree.part_of(folder), findings, NOW_S), findings, "FINDINGS", self.root / "submissions")
        self.assertIn(valid.Run().place, text)
        self.assertRegex(text, r"findings  refused: \d+ errors")

    def test_each_run_has_its_own_verdict(self):
        findings = FindingList()
        findings.add([Finding("ledger-finding", "x"), Finding("physics-tag", "y")], "submissions/a/b/run-1/run.jsonl")
        findings.add([Finding("physics-tag", "y")], "submissions/a/b/run-2/hardware.json")
        self.assertEqual([review.counts(findings, f"submissions/a/b/run-{n}") for n in (1, 2, 3)],
                         ["refused: 1 error, 1 hold", "held for you: 1 hold", "passed"])


class Questions(unittest.TestCase):
    def test_each_hold_and_each_warning_for_a_person_is_asked_once(self):
        for rule in RULES.values():
            findings = FindingList()
            findings.add([Finding(rule.id, "x"), Finding(rule.id, "y")], "p")
            asked = [line for line in review.questions(findings) if line.startswith(f"{rule.id}: ")]
            with self.subTest(rule=rule.id):
                self.assertEqual(len(asked), 1 if rule.severity in ("hold", "warning") else 0)

    def test_some_are_always_asked(self):
        self.assertEqual(list(review.questions(FindingList())), list(review.ALWAYS))


if __name__ == "__main__":
    unittest.main()
