"""The mutants: a run that breaks no rule passes, and each change to it is refused by the one rule that it breaks."""
from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
import unittest
from typing import Iterable

import support  # noqa: F401  (puts the harness on the path)

from base import plan, run_folder, sensitive
from base.phases import PHASES
from judge import change, evidence
from submit import run_status
from judge.git_objects import Clone
from judge.findings import Finding, FindingList
from mutants import changes, example, lies, lying, octets, valid, values
from mutants.judging import NOW_S, judged, judged_run, shared_passes, shared_searches

NEEDS_POSIX = ("scope-symlink", "scope-mode", "name-collision")
NEEDS_HISTORY = ("physics-source", "protocol-unknown-commit")
HAS_GIT = shutil.which("git") is not None


class Case(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.root = pathlib.Path(made.name)

    def assert_broken(self, findings: Iterable[Finding], rules: set) -> None:
        self.assertEqual({finding.rule for finding in findings}, rules, [finding for finding in findings if finding.rule not in rules])


class SharedSearches(Case):
    """Mutants of one run, most of whose texts are the same."""
    context = staticmethod(shared_searches)

    def setUp(self):
        super().setUp()
        shared = self.context()
        shared.__enter__()
        self.addCleanup(shared.__exit__, None, None, None)


class SharedPasses(SharedSearches):
    """Mutants of files, of which few change the ledger."""
    context = staticmethod(shared_passes)


class Valid(Case):
    def test_a_valid_run_breaks_no_rule(self):
        self.assert_broken(judged(valid.Run().write(self.root)), set())

    def test_nor_does_one_of_every_phase(self):
        self.assert_broken(judged(valid.Run(plan.Settings(levels=(1, 4), repeats=2), PHASES, 2).write(self.root)), set())

    def test_nor_does_one_that_thinks_asked_or_always(self):
        levels = plan.Settings(repeats=1, thinking="low")
        for number, (settings, thinks) in enumerate(((values.ASKED_TO_THINK, "asked"), (values.ASKED_TO_THINK, None), (levels, "asked"), (levels, "always"),
                                 (valid.SETTINGS, "always"), (values.ASKED_TO_THINK, "always"))):
            with self.subTest(thinking=settings.thinking, thinks=thinks):
                run = valid.Run(settings, ("frozen-prompts", "small-eval", "context-edge"), 1, 0.0, thinks)
                self.assert_broken(judged(run.write(self.root / str(number))), set())

    def test_nor_does_one_whose_thinking_code_was_graded(self):
        run = valid.Run(values.ASKED_TO_THINK, ("frozen-prompts", "python-tasks"), 1, 0.0, "asked")
        graded = [record for record in run.calls(role="measured", outcome="ok") if record["phase"].startswith("python-tasks")]
        self.assertEqual(len({record["phase"] for record in graded}), 2)
        run.records[-1]["code_grades"] = {str(record["seq"]): {"passed": False, "reason": "no-code"} for record in graded}
        run.seal()
        self.assert_broken(judged(run.write(self.root)), set())

    def test_nor_does_one_that_climbs_the_context_ladder(self):
        self.assert_broken(judged(valid.Run(*values.RUNGS).write(self.root)), set())

    def test_nor_does_one_of_which_much_was_skipped(self):
        run = valid.Run(plan.Settings(repeats=1), ("frozen-prompts", "parallel-mixed"), 2)
        lost = [record for record in run.calls(role="measured", phase="parallel-mixed")]
        for record in lost:
            place = run.records.index(record)
            run.records[place] = {**{name: record[name] for name in support.record("skipped") if name in record}, "type": "skipped",
                                  "reason": "time-limit", "detail": None}
        run.records[-1].update(done=run.records[-1]["done"] - len(lost), skipped=len(lost))
        values.recount(run)
        run.manifest["time_limit_s"] = 60
        run.seal()
        self.assert_broken(judged(run.write(self.root)), set())

    def test_the_example_breaks_no_rule(self):
        self.assert_broken(judged(example.Example().write(self.root)), set())

    def test_the_tree_of_this_clone_breaks_no_rule(self):
        """But for runs that are not committed: whoever took part has one, and it may be unfinished."""
        tree_of_runs = support.ROOT / "submissions"
        own = tuple(folder.relative_to(support.ROOT).as_posix() for folder in run_status.own_runs(tree_of_runs, support.ROOT))
        errors = [one for one in judged(tree_of_runs) if one.severity == "error" and not one.path.startswith(own)]
        self.assertEqual(errors, [])


def place_of(finding: Finding) -> tuple:
    name = finding.path.rpartition("/")[2]
    return name, finding.line if name == run_folder.LEDGER else (finding.pointer or "/").split("/")[1]


class Values(SharedSearches):
    """Lies that show in one place alone share runs with others."""
    SHARED = [row for row in values.ROWS + lies.ROWS if isinstance(row[2], (values.CallChange, values.DocumentChange))]
    ALONE = [row for row in values.ROWS + lies.ROWS if not isinstance(row[2], (values.CallChange, values.DocumentChange))]

    def test_each_contradiction_is_refused_by_its_own_rule(self):
        for number, row in enumerate(self.ALONE):
            with self.subTest(rule=row[0], what=row[1]):
                if row[1] == "a device of Windows" and os.name == "nt":
                    self.skipTest("no folder can have that name here")
                if row[0] in NEEDS_HISTORY and not evidence.has_history():
                    self.skipTest("this is not a clone with all of its history")
                self.assert_broken(judged_run(values.made(row), self.root / str(number)), {row[0]})

    def test_each_contradiction_in_one_place_is_refused_there_by_its_own_rule(self):
        for number, (run, rows) in enumerate(values.shared(self.SHARED)):
            findings = list(judged_run(run, self.root / str(number)))
            for row, places in rows:
                with self.subTest(rule=row[0], what=row[1]):
                    self.assert_broken([finding for finding in findings if place_of(finding) in places], {row[0]})
            known = set().union(*(places for _, places in rows))
            self.assertEqual([finding for finding in findings if place_of(finding) not in known], [], [row[:2] for row, _ in rows])

    def test_each_kind_of_private_text_is_refused_in_a_document_and_in_the_ledger(self):
        run = valid.Run()
        values.with_private_texts(run)
        findings = judged(run.write(self.root))
        for name in ("manifest.json", "run.jsonl"):
            rules = [finding.rule for finding in findings if finding.path.endswith(name)]
            for kind in sensitive.KINDS:
                with self.subTest(kind=kind.id, name=name):
                    self.assertGreaterEqual(rules.count(f"privacy-{kind.id}"), sum(other.id == kind.id for other in sensitive.KINDS))
        self.assert_broken(findings, {f"privacy-{kind.id}" for kind in sensitive.KINDS})


class Bytes(SharedPasses):
    def test_each_file_that_the_harness_did_not_write_is_refused_by_its_own_rule(self):
        whole, place = valid.Run().files(), valid.Run().place
        for number, (rule, what, mutate) in enumerate(octets.ROWS):
            files = dict(whole)
            with self.subTest(rule=rule, what=what):
                mutate(files)
                self.assertNotEqual(files, whole)
                self.assert_broken(judged(valid.laid_out(self.root / str(number) / place, files)), {rule})


class Places(SharedPasses):
    def test_each_thing_in_a_wrong_place_is_refused_by_its_own_rule(self):
        whole, place = valid.Run().files(), valid.Run().place
        for number, (rule, what, mutate) in enumerate(lying.ROWS):
            if os.name == "nt" and rule in NEEDS_POSIX or rule == "name-collision" and not self.minds_case():
                continue
            with self.subTest(rule=rule, what=what):
                root = self.root / str(number)
                mutate(root, valid.laid_out(root / place, whole))
                self.assert_broken(judged(root / "submissions"), {rule})

    def minds_case(self) -> bool:
        (self.root / "a").write_bytes(b"")
        return not (self.root / "A").exists()


@unittest.skipUnless(HAS_GIT, "git is not installed")
class Changes(SharedPasses):
    def test_each_change_that_does_too_much_is_refused_by_its_own_rule(self):
        changes.base(self.made("base"))
        files = valid.Run().files()
        for number, (rule, what, mutate, how) in enumerate((("", "a valid run", changes.nothing, {}),) + changes.ROWS):
            if os.name == "nt" and rule in NEEDS_POSIX:
                continue
            with self.subTest(rule=rule, what=what):
                root = self.root / str(number)
                shutil.copytree(self.root / "base", root)
                valid.laid_out(root / valid.Run().place, files)
                mutate(root)
                person = {name: value for name, value in how.items() if name != "message"}
                changes.commit(root, how.get("message", "Add a run"), **person)
                findings = FindingList()
                change.check_all(Clone(root), "main", ["HEAD"], self.root / "base" / "submissions", findings, NOW_S)
                self.assert_broken(findings, {rule} - {""})

    def made(self, name: str) -> pathlib.Path:
        (self.root / name).mkdir()
        return self.root / name


if __name__ == "__main__":
    unittest.main()
