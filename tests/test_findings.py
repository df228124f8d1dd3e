"""Findings: gathered without end, kept within bounds, and shown so that a report repeats nothing private."""
from __future__ import annotations

import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import sensitive
from judge import findings
from judge.findings import MOST, Finding, FindingList
from judge.rules import CHANGED_LEDGER_RULES, RULES
from private_examples import EXAMPLES

RUN = "submissions/ana/mac-m1-8gb/run-0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"


class Dockets(unittest.TestCase):
    def test_a_flood_is_counted_and_its_beginning_kept(self):
        gathered = FindingList()
        gathered.add((Finding("ledger-seq", str(n)) for n in range(1000)), "a", 1)
        gathered.add([Finding("ledger-seq", "other")], "b", 1)
        self.assertEqual(len(list(gathered)), MOST + 1)
        self.assertEqual(gathered.counts["error"], 1001)
        self.assertEqual(gathered.left_out(), {("ledger-seq", "a"): 1000 - MOST})

    def test_a_place_is_filled_in_where_none_is_told(self):
        gathered = FindingList()
        gathered.add([Finding("ledger-seq", "x"), Finding("ledger-seq", "x", line=7), Finding("ledger-seq", "x", path="own")], "given", 3)
        self.assertEqual([(one.path, one.line) for one in gathered], [("given", 3), ("given", 7), ("own", None)])

    def test_only_errors_are_errors(self):
        for rule in RULES.values():
            gathered = FindingList()
            gathered.add([Finding(rule.id, "x")], "p")
            self.assertEqual(gathered.has_errors, rule.severity == "error", rule.id)


class Fixes(unittest.TestCase):
    def test_the_command_names_the_file_and_its_run(self):
        for rule, path, wanted in (
                ("sum-metadata", f"{RUN}/metadata.json", f"python harness/check_submission.py --fix {RUN}"),
                ("scope-mode", f"{RUN}/run.md", f"git update-index --chmod=-x {RUN}/run.md"),
                ("ledger-unfinished", f"{RUN}/run.jsonl", f"python harness/run_benchmark.py --resume {RUN}"),
                ("name-file-missing", f"{RUN}/hardware.json", f"python harness/probe_hardware.py --out {RUN}"),
                ("privacy-path", f"{RUN}/run.md", f"edit {RUN}/run.md"), ("privacy-host", f"{RUN}/run.md", f"edit {RUN}/run.md"),
                ("privacy-path", f"{RUN}/hardware.json", "measure again: python harness/run_benchmark.py"),
                ("privacy-path", "commit 0123456789ab", "git rebase --interactive <base>"),
                ("name-run-id", RUN, f"git mv {RUN} submissions/<handle>/<device-tag>/run-<uuid>")):
            with self.subTest(rule=rule):
                self.assertEqual(findings.fix(Finding(rule, "x", path=path)), wanted)

    def test_an_error_in_a_file_that_nobody_edited_is_reported_and_not_measured_again(self):
        again = "measure again: python harness/run_benchmark.py"
        for rule in ("protocol-order", "ledger-stamps"):
            with self.subTest(rule):
                finding = Finding(rule, "x", path=f"{RUN}/run.jsonl")
                self.assertEqual(findings.fix(finding),
                                 f"if nobody edited this file, this is a bug of the harness: keep the run, and report it; else {again}")
                self.assertRegex(findings.for_reviewer(finding), f"^(ask the contributor to|the ledger .* If there is no explanation,) {again}$")

    def test_the_base_of_the_change_stands_in_the_command_where_it_is_known(self):
        for rule, path in (("scope-adds-only", RUN), ("scope-mixed", "README.md"), ("privacy-path", "commit 0123456789ab")):
            with self.subTest(rule):
                finding = Finding(rule, "x", path=path)
                self.assertIn("<base>", findings.fix(finding))
                for text in (findings.fix(finding, "main"), findings.for_reviewer(finding, "main"), findings.row(finding, "main")["fix"]):
                    self.assertIn(" main", text)
                    self.assertNotIn("<base>", text)

    def test_a_name_cannot_break_out_of_the_command(self):
        for name in ("a;rm -rf b", "$(id)", "a\nb", "`id`", "a'b"):
            with self.subTest(name=name):
                command = findings.fix(Finding("scope-symlink", "x", path=f"submissions/{name}"))
                self.assertNotIn("\n", command)
                self.assertRegex(command, r"\Agit rm -r --force '")


class Shown(unittest.TestCase):
    def test_private_things_have_their_middle_hidden(self):
        for kind, hits, _ in EXAMPLES:
            for text in hits:
                with self.subTest(kind=kind, text=text):
                    whole = findings.shown(f"seen: {text} here")
                    self.assertNotIn(text, whole)
                    self.assertEqual(list(sensitive.find(whole)), [])

    def test_a_terminal_is_told_nothing_and_lines_stay_short(self):
        self.assertEqual(findings.shown("a\x1b[2Jb\nc"), "a\\x1b[2Jb c")
        self.assertLessEqual(len(findings.shown("x" * 100_000)), findings.SHOWN_CHARACTERS)

    def test_a_redacted_text_can_be_found_again_and_not_used(self):
        self.assertEqual(findings.redacted("/home/anastasija"), "/ho***ja")
        self.assertEqual(findings.redacted("a@b.de"), "a***")


class Suited(unittest.TestCase):
    def test_git_commands_are_for_tracked_files(self):
        for command, tracked, words in (
                ("git checkout -- a/run.jsonl", True, "git checkout -- a/run.jsonl"),
                ("git checkout -- a/run.jsonl", False, "put the file back as the harness wrote it"),
                ("git rm -r --force 'a b'", False, "remove 'a b'"),
                ("git mv a/run-1 submissions/<handle>/<device-tag>/run-<uuid>", False, "--move a/run-1 --handle HANDLE"),
                ("edit a/run.md", False, "edit a/run.md")):
            with self.subTest((command, tracked)):
                self.assertIn(words, findings.suited(command, tracked))

    def test_a_reviewer_edits_no_run(self):
        self.assertEqual(findings.for_reviewer(Finding("runmd-html", "x", path=f"{RUN}/run.md")), f"ask the contributor for this: edit {RUN}/run.md")

    def test_a_renamed_folder_is_renamed_back(self):
        """The advice once was to restore the manifest, which nobody had changed."""
        finding = Finding("name-mismatch", "handle a", "b", "/handle", path=f"{RUN}/manifest.json")
        for advice in (findings.suited(findings.fix(finding), False), findings.for_reviewer(finding)):
            self.assertIn("if the folder was renamed, rename it to match", advice)

    def test_a_reviewer_may_redact_a_whole_run_and_no_part_of_it(self):
        for path, begin in ((RUN, "if you redact this run, see harness/MAINTAINING.md; if not, ask the contributor"),
                            (f"{RUN}/run.md", "ask the contributor")):
            with self.subTest(path):
                advice = findings.for_reviewer(Finding("scope-adds-only", "removed", path=path))
                self.assertEqual(advice, f"{begin} for this: git checkout <base> -- {path}")

    def test_a_reviewer_asks_how_a_ledger_came_about_that_contradicts_itself(self):
        for rule in CHANGED_LEDGER_RULES:
            with self.subTest(rule):
                self.assertEqual(RULES[rule].severity, "error")
                advice = findings.for_reviewer(Finding(rule, "x", path=f"{RUN}/run.jsonl"))
                self.assertRegex(advice, r"probably changed after it was measured. First ask .* how that came about. If there is no explanation, ")
                self.assertNotRegex(advice, ":[^/]*: ")
        for rule in ("ledger-torn", "ledger-unfinished", "ledger-server-time"):
            self.assertNotIn("changed", findings.for_reviewer(Finding(rule, "x", path=f"{RUN}/run.jsonl")))


if __name__ == "__main__":
    unittest.main()
