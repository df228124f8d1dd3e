"""The review: a run with its nearest cells, and a question for everything that no rule decides."""
from __future__ import annotations

import pathlib
import tempfile
import unittest

import support  # noqa: F401  (puts the harness on the path)

from derive import headline
from base import json_text, records
from judge import report, review, tree, tree_layout
from judge.findings import FindingList, Finding
from derive.headline import ModelFigures
from judge.rules import RULES
from judge.session_checks import epoch_seconds
from mutants import valid

NOW_S = epoch_seconds("2026-11-25T12:00:00Z")


def figures(run: str, cell: str = "mac-m1-8gb.m_3a1b", model: str = "m:1b", digest: str = "a", decode: float | None = 10.0) -> ModelFigures:
    stat = None if decode is None else {"n": 3, "median": decode}
    return ModelFigures(f"submissions/{run}", cell, model, digest, dict.fromkeys(headline.SHOWN, stat))


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

    def test_a_run_with_nothing_near_has_a_sentence_below_its_table(self):
        run = valid.Run()
        run.write(self.root)
        text = self.rendered(run)
        self.assertIn("\n    planted-small:1b: no other run of this model in", text)
        self.assertIn(review.NOTHING_NEAR, " ".join(text.split()))
        self.assertNotIn("this / that", text)

    def test_it_shows_the_run_with_its_nearest_runs_and_the_ratio(self):
        old, new = valid.Run(), valid.Run()
        old.handle = old.manifest["handle"] = "earlier"
        for record in new.calls(role="measured"):
            record["eval_ns"] //= 2
        new.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        for run in (old, new):
            run.write(self.root)
        findings = FindingList()
        sheets = tree.check_all([tree.part_of(self.root / new.place)], findings, NOW_S)
        text = review.render(sheets, findings, "FINDINGS", self.root / "submissions")
        self.assertIn("this / that", text)
        for words in (new.place, "planted-small:1b", f"earlier/{valid.DEVICE_TAG}", " 2.00 1.00 1.00\n", "FINDINGS", "unmodified", "Synthetic processor"):
            self.assertIn(words, text)
        self.assertNotIn("to compare with", text)

    def test_runs_that_are_reviewed_together_are_compared_with_each_other(self):
        """Two requests for one cell once had nothing to compare with, each."""
        honest, fast = valid.Run(), valid.Run()
        fast.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        fast.handle = fast.manifest["handle"] = "bob"
        for record in fast.calls(role="measured"):
            record["eval_ns"] //= 2
        for run in (honest, fast):
            run.write(self.root)
        sheets = tree.check_all([tree.part_of(self.root / "submissions")], FindingList(), NOW_S)
        text = review.render(sheets, FindingList(), "FINDINGS", self.root / "submissions")
        self.assertIn(" 2.00 1.00 1.00\n", text)
        self.assertIn(" 0.50 1.00 1.00\n", text)
        self.assertNotIn("to compare with", text)

    def rendered(self, run: valid.Run, findings: FindingList | None = None) -> str:
        findings = FindingList() if findings is None else findings
        return review.render(tree.check_all([tree.part_of(self.root / run.place)], findings, NOW_S), findings, "FINDINGS", self.root / "submissions")

    def test_figures_whose_settings_differ_are_not_compared(self):
        """A ratio of two decode rates once stood where compare_runs.py says `not compared: num_predict differs`."""
        old, new = valid.Run(), valid.Run()
        old.handle = old.manifest["handle"] = "earlier"
        old.manifest["num_predict"] = 64
        new.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        for run in (old, new):
            run.write(self.root)
        text = self.rendered(new)
        note = (f"planted-small:1b, earlier/{valid.DEVICE_TAG}: decode tok/s not compared: num_predict differs "
                "(num_predict is not set in this run, 64 in the other)")
        self.assertIn(note, " ".join(text.split()))
        self.assertIn("  - 1.00 1.00\n", text)
        (self.root / old.place / "manifest.json").write_bytes(b"{")
        self.assertIn("not compared: the files of one of the two cannot be read", " ".join(self.rendered(new).split()))

    def test_a_refused_run_is_compared_with_nothing(self):
        honest, fast = valid.Run(), valid.Run()
        fast.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        for run in (honest, fast):
            run.write(self.root)
        for rule, ratios in (("ledger-finding", 0), ("physics-tag", 2)):
            with self.subTest(rule):
                findings = FindingList()
                sheets = tree.check_all([tree.part_of(self.root / "submissions")], FindingList(), NOW_S)
                findings.add([Finding(rule, "x")], f"{fast.place}/run.jsonl")
                text = review.render(sheets, findings, "FINDINGS", self.root / "submissions")
                self.assertEqual(text.count(" 1.00 1.00 1.00\n"), ratios)
                self.assertEqual(" ".join(text.split()).count(": no ratios, since"), 2 - ratios)

    def test_failed_calls_the_machine_and_the_figures_of_warnings_are_shown(self):
        run = valid.Run()
        manifest, hardware, metadata = (json_text.loads(run.files()[name]) for name in ("manifest.json", "hardware.json", "metadata.json"))
        hardware["surroundings"]["virtual_machine"] = {"value": "KVM", "method": "synthetic"}
        hardware["cpu"]["physical_cores"] = {"value": 8, "method": "synthetic"}
        hardware["memory"]["usable_bytes"] = {"value": 8 * 10 ** 9, "method": "synthetic"}
        row = metadata["aggregates"][0]
        row["outcomes"] = {"ok": 12, "refused": 6}
        metadata["warnings"] = [{"code": "clocks-disagree", "model": "m:1b", "phase": "frozen-prompts", "level": None, "observed": 0.801,
                                 "expected": 1, "n": 18}]
        facts = dict(review.sheet(tree_layout.place_of_run(run.place), manifest, hardware, metadata).facts)
        self.assertNotIn("heading", facts)
        other = dict(review.sheet(tree_layout.place_of_run(run.place), manifest, hardware, metadata, "# mac-m9-1gb, 2026-11-29\n").facts)
        self.assertEqual(other["heading"], f"of run.md, which does not name {run.device_tag}: # mac-m9-1gb, 2026-11-29")
        self.assertRegex(facts["calls"], rf"measured, 6 failed \({row['model']} {row['phase']}: 6 refused\)")
        self.assertEqual(facts["warning"], "clocks-disagree: m:1b frozen-prompts 0.801 (expected 1.00), n=18: "
                         + records.WARNINGS["clocks-disagree"])
        self.assertRegex(facts["machine"], r"Synthetic processor, 8 cores, 8.00 GiB of memory, virtual machine: KVM")
        self.assertRegex(facts["probed"], r"\Akernel \S+; product \S.*; .*cores?\b.*; (?:no AVX-512, AVX10, AMX, SVE, SME|[A-Z0-9-]+.*); .*(?:GB/s|rate)\Z")

    def test_the_deviations_of_a_run_are_shown(self):
        run = valid.Run()
        run.manifest["time_limit_s"] = 3600
        run.write(self.root)
        text = self.rendered(run)
        self.assertIn("    deviation `repeats` is `1`\n", text)
        self.assertIn("    deviation a time limit of 3600 s; it left out no call\n", text)

    def test_runs_of_one_machine_have_their_ids_and_a_refused_or_held_one_is_marked(self):
        honest, fast = valid.Run(), valid.Run()
        fast.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        for run in (honest, fast):
            run.write(self.root)
        for rule, mark in (("ledger-finding", ", refused"), ("physics-tag", ", held for you")):
            findings = FindingList()
            sheets = tree.check_all([tree.part_of(self.root / "submissions")], FindingList(), NOW_S)
            findings.add([Finding(rule, "x")], f"{fast.place}/run.jsonl")
            lines = review.render(sheets, findings, "FINDINGS", self.root / "submissions").split("\n")
            labels = [line.strip() for line in lines if f"{valid.DEVICE_TAG} run-" in line and "no ratios" not in line]
            self.assertEqual([label.partition("  ")[0] for label in labels],
                             [f"mutant/{valid.DEVICE_TAG} run-9c9c2d3e{mark}", f"mutant/{valid.DEVICE_TAG} run-0b1c2d3e"])

    def test_what_the_contributor_wrote_is_shown_and_harmless(self):
        run = valid.Run()
        headings = list(valid.STORY)
        run.story = {**valid.STORY, headings[0]: "A laptop.\n\nLid open, " + "in a cool room, " * 30 + "\x1b[2J\u202eplugged in.", headings[3]: "> To fill in: what"}
        run.write(self.root)
        text = self.rendered(run)
        for heading in headings:
            self.assertIn(f"    {heading}:\n      ", text)
        self.assertIn("      A laptop. Lid open,", text)
        self.assertIn("\\x1b[2J\\u202eplugged", text)
        self.assertIn(f"    {headings[3]}:\n      (not filled in)\n", text)
        self.assertTrue(text.replace("\n", "").isprintable())

    def test_a_run_that_cannot_be_read_still_has_its_findings(self):
        folder = self.root / valid.Run().place
        valid.laid_out(folder, {"run.jsonl": b"{", "manifest.json": b"", "metadata.json": b"[]"})
        findings = FindingList()
        text = review.render(tree.check_all([tree.part_of(folder)], findings, NOW_S), findings, "FINDINGS", self.root / "submissions")
        self.assertIn(valid.Run().place, text)
        self.assertRegex(text, r"findings  refused: \d+ errors")

    def test_each_run_has_its_own_verdict(self):
        findings = FindingList()
        findings.add([Finding("ledger-finding", "x"), Finding("physics-tag", "y")], "submissions/a/b/run-1/run.jsonl")
        findings.add([Finding("physics-tag", "y")], "submissions/a/b/run-2/hardware.json")
        self.assertEqual([review.counts(findings, f"submissions/a/b/run-{n}") for n in (1, 2, 3)],
                         ["refused: 1 error, 1 hold", "held for you: 1 hold", "passed"])


class Summary(unittest.TestCase):
    def test_a_run_whose_warnings_are_shown_above_is_not_one_without_any(self):
        sheets = [review.ReviewSheet(tree_layout.place_of_run("submissions/a/b/run-1"), (), ())]
        for is_reviewer, line in ((True, "passed: 1 run, no error and no hold"), (False, "passed: 1 run, nothing found")):
            self.assertEqual(report.as_text(FindingList(), sheets, is_reviewer=is_reviewer), line)

    def test_runs_with_different_verdicts_are_counted_apart(self):
        """One run that passed and one that was refused were once `refused: 2 runs`."""
        findings = FindingList()
        findings.add([Finding("ledger-finding", "x"), Finding("physics-tag", "y")], "submissions/a/b/run-1/run.jsonl")
        findings.add([Finding("physics-tag", "y")], "submissions/a/b/run-2/hardware.json")
        sheets = [review.ReviewSheet(tree_layout.place_of_run(f"submissions/a/b/run-{n}"), (), ()) for n in range(1, 5)]
        for judged, line in ((sheets, "2 runs passed, 1 held for a maintainer, 1 refused (1 error, 2 holds)"),
                             (sheets[::2], "1 run passed, 1 refused (1 error, 2 holds)"),
                             (sheets[:1], "refused: 1 run, 1 error, 2 holds")):
            with self.subTest(line):
                self.assertEqual(report.as_text(findings, judged).splitlines()[-1], line)


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
