"""The checker as a command: its exit codes, one verdict in three places, and what it says."""
from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import shutil
import tempfile
import unittest
from unittest import mock

import support

import check_submission
from base import console, json_text
from base.errors import BROKEN, FINE, FOUND, USAGE
from base.ledger_reader import LedgerReader
from judge import call_checks, rules
from mutants import changes, octets, valid, values

HAS_GIT = shutil.which("git") is not None
BROKEN_RUN = octets.said("<b>bold</b>")
HELD_RUN = values.on_footer(sessions=[{"session": 0, "started_at": valid.STARTED_AT, "ended_at": "2026-11-24T09:00:00Z",
                                       "ended": "complete"}])


class Case(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.root = pathlib.Path(made.name)

    def check(self, *words: object) -> tuple:
        """(exit code, stdout, stderr) of the command."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = console.guarded(lambda: check_submission.main([str(word) for word in words]))
            except SystemExit as left:      # argparse, on wrong usage
                code = left.code
        return code, out.getvalue(), err.getvalue()

    def findings(self, *words: object) -> list:
        return json.loads(self.check(*words, "--json")[1])["findings"]

    def run_folder(self, *mutations: object, name: str = "a") -> pathlib.Path:
        """A valid run's folder, whose files were changed."""
        files = valid.Run().files()
        for mutate in mutations:
            mutate(files)
        return valid.laid_out(self.root / name / valid.Run().place, files)


class Exits(Case):
    def test_a_clean_run_exits_0(self):
        code, out, err = self.check(self.run_folder())
        self.assertEqual((code, out.splitlines()[0]), (FINE, "passed: 1 run, nothing found"))
        self.assertEqual(err.splitlines()[-1], f"next: python harness/submit_run.py {self.root / 'a' / valid.Run().place} --dry-run")

    def test_every_verdict_ends_with_what_comes_next(self):
        bad, example = self.run_folder(lambda files: files.pop("run.md"), name="b"), support.ROOT / "submissions" / "EXAMPLE"
        for words, command in (([bad], f"apply the fixes above, then rerun: python harness/check_submission.py {bad}"),
                               ([self.run_folder(), "--json"], f"python harness/submit_run.py {self.root / 'a' / valid.Run().place} --dry-run"),
                               ([example], "python harness/run_benchmark.py --status"), (["--rules"], "python harness/run_benchmark.py --status")):
            with self.subTest(words):
                self.assertEqual(self.check(*words)[2].splitlines()[-1], f"next: {command}")

    def test_open_boxes_are_one_finding_that_waits_for_the_person_whose_run_it_is(self):
        run = self.run_folder(lambda files: files.update({"run.md": files["run.md"].replace(b"- [x] ", b"- [ ] ")}))
        code, out, err = self.check(run)
        self.assertEqual((code, out.count(" not ticked")), (FOUND, 1))
        self.assertIn("3 of 3 boxes not ticked", out)
        self.assertIn("ready for the person whose run it is: 1 run, 1 error", out)
        self.assertNotIn("refused", out)
        self.assertRegex(err.splitlines()[-1], r"^next: look through the five files, and tick the boxes .*submit_run\.py .* --dry-run$")

    def test_the_grade_of_one_run_is_shown_with_what_a_higher_one_needs(self):
        needs = ["grade in the catalogue: archive-only (valid, but not to be compared with other runs)", "for the grade standard:",
                 "  - all settings are the canonical ones (here: changed: "]
        out = self.check(self.run_folder())[1]
        self.assertIn("\n".join(needs), out)
        unanswered = self.run_folder(lambda files: files.update({"run.md": files["run.md"].replace(b"- [x] ", b"- [ ] ")}), name="b")
        self.assertIn("\n".join(needs), self.check(unanswered)[1])
        self.assertIn("grade in the catalogue: none while there are errors", self.check(self.run_folder(BROKEN_RUN, name="c"))[1])
        for words in ((self.root,), ("--json", unanswered), (support.ROOT / "submissions" / "EXAMPLE",)):
            with self.subTest(words):
                self.assertNotIn("grade in the catalogue", self.check(*words)[1])

    def clone_with_requests(self) -> pathlib.Path:
        """A clone whose branch `change` has an error; `request-7` and `request-9` have none."""
        clone = self.root / "clone"
        clone.mkdir()
        changes.base(clone)
        changes.put(clone, "submissions/mutant/x.md")
        changes.commit(clone, "A file in the wrong place")
        for name in ("request-7", "request-9"):
            changes.git(clone, "switch", "--quiet", "--create", name, "main")
            changes.put(clone, f"{name}.md")
            changes.commit(clone, name)
        return clone

    @unittest.skipUnless(HAS_GIT, "git is not installed")
    def test_a_change_without_a_run_is_named_for_what_it_is(self):
        """A request whose run had been merged and then removed was asked about: "was it merged already?"."""
        clone, run = self.clone_with_requests(), valid.Run()
        changes.git(clone, "switch", "--quiet", "--create", "request-8", "main")
        run.write(clone)
        changes.commit(clone, "Add a run")
        changes.git(clone, "switch", "--quiet", "main")
        for name in ("request-8", "request-9"):
            changes.git(clone, "merge", "--quiet", "--no-ff", "--message", "Merge", name)
        changes.git(clone, "switch", "--quiet", "--create", "request-10")
        changes.put(clone, "submissions/unrelated/mac-m1-8gb/run-5d5d2d3e-4f50-4a6b-8c7d-8e9f00112233/run.jsonl")
        changes.commit(clone, "Add another run")
        changes.git(clone, "switch", "--quiet", "main")
        changes.git(clone, "merge", "--quiet", "--ff-only", "request-10")
        changes.git(clone, "rm", "--quiet", "-r", "submissions")
        changes.commit(clone, "Remove both runs")
        removal = changes.git(clone, "rev-parse", "--short", "HEAD").strip()
        for head, note, step in (
                ("request-7", "no run to check: request-7 adds none to main", "look at what it changes: git diff main...request-7"),
                ("request-8", f"request-8 was merged; main has removed since: {run.place} (commit {removal})",
                 "close the request, if it is still open"),
                ("request-9", "merged already: main has every commit of request-9", "close the request, if it is still open"),
                ("request-10", "request-10 was merged; main has removed since: submissions/unrelated/mac-m1-8gb/"
                 f"run-5d5d2d3e-4f50-4a6b-8c7d-8e9f00112233 (commit {removal})", "close the request, if it is still open")):
            for words in ((), ("--review",)):
                with self.subTest((head, words)):
                    self.assertEqual(self.check("--base", "main", "--head", head, "--repository", clone, *words),
                                     (FINE, "", f"{note}\nnext: {step}\n"))

    @unittest.skipUnless(HAS_GIT, "git is not installed")
    def test_a_request_that_was_merged_since_the_last_review_is_named_and_left_out(self):
        """It was once left out without a word, and the next step asked its contributor for an update."""
        clone = self.clone_with_requests()
        changes.git(clone, "switch", "--quiet", "main")
        changes.git(clone, "merge", "--quiet", "--no-ff", "--message", "Merge", "request-7")
        review = ["--review", "--base", "main", "--repository", clone]
        code, out, err = self.check(*review, "--head", "request-7", "--head", "change")
        self.assertEqual((code, out.splitlines()[0]), (FOUND, "Findings"))
        self.assertNotIn("Questions", out)
        self.assertEqual(err, "merged already: main has every commit of request-7\n\nnext: ask the contributor for the fixes above; after an "
                              f"update: git fetch origin refs/pull/N/head:change, then python harness/check_submission.py --review --base main --head change --repository {clone}\n")
        changes.git(clone, "merge", "--quiet", "--no-ff", "--message", "Merge", "request-9")
        code, out, err = self.check(*review, "--head", "request-7", "--head", "request-9")
        self.assertEqual((code, out), (FINE, ""))
        self.assertIn("merged already: main has every commit of request-7\nmerged already: main has every commit of request-9\n", err)

    @unittest.skipUnless(HAS_GIT, "git is not installed")
    def test_after_a_joint_review_the_next_step_merges_what_has_no_error_and_asks_for_the_rest(self):
        clone = self.clone_with_requests()
        changes.git(clone, "branch", "copy", "change")
        fetch, again = "for the fixes above; after an update: git fetch origin", "then python harness/check_submission.py --review --base main"
        for heads, step in (
                (("request-7", "change", "request-9"), "answer the questions above, then merge request-7, request-9 with a merge commit, or ask in the request; ask the "
                                                       f"contributor of change {fetch} refs/pull/N/head:change, {again} --head change"),
                (("change", "copy"), f"ask the contributors of change, copy {fetch} refs/pull/N/head:change refs/pull/N/head:copy, {again} --head change --head copy"),
                (("change",), f"ask the contributor {fetch} refs/pull/N/head:change, {again} --head change")):
            with self.subTest(heads):
                err = self.check("--review", "--base", "main", "--repository", clone, *(word for head in heads for word in ("--head", head)))[2]
                self.assertEqual(err.splitlines()[-1].partition(" --repository ")[0], f"next: {step}")

    def copied(self, root: pathlib.Path) -> tuple:
        """The folders of two runs that share all times."""
        run, copy = valid.Run(), valid.Run()
        copy.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        copy.handle = copy.manifest["handle"] = "somebody"
        return run.write(root), copy.write(root)

    @unittest.skipUnless(HAS_GIT, "git is not installed")
    def test_after_a_review_with_holds_the_next_step_names_what_must_not_be_merged_yet(self):
        """It once said to merge, with the hold above it."""
        clone = self.clone_with_requests()
        for branch, run in zip(("cleo", "dan"), self.copied(self.root)):
            changes.git(clone, "switch", "--quiet", "--create", branch, "main")
            shutil.copytree(run.parents[1], clone / "submissions" / run.parents[1].name)
            changes.commit(clone, "Add a run")
        step = "do not merge dan (physics-duplicate), cleo (physics-duplicate) before that is explained: ask in the requests"
        for heads, wanted in ((("dan", "request-7", "cleo"), f"answer the questions above, then merge request-7 with a merge commit, or ask in the request; {step}"),
                              (("dan", "cleo"), step), (("dan",), "answer the questions above, then merge with a merge commit, or ask in the request")):
            with self.subTest(heads):
                code, out, err = self.check("--review", "--base", "main", "--repository", clone, *(word for head in heads for word in ("--head", head)))
                self.assertEqual((code, err.splitlines()[-1]), (FINE, f"next: {wanted}"))
                self.assertEqual(" ".join(out.split()).count("; standard requires: all settings are the canonical ones (here: changed: "), len(heads) - ("request-7" in heads))
                self.assertEqual(out.count("findings  held for you: 1 hold"), 0 if len(heads) == 1 else 2)

    def test_copies_in_one_folder_are_both_held_and_one_that_is_checked_alone_is_held_against_the_other(self):
        run, copy = self.copied(self.root)
        for words, held in (([run.parents[2]], 2), ([copy, run], 2), ([copy], 1), ([run], 1)):
            with self.subTest(words):
                code, out, err = self.check("--review", *words)
                self.assertEqual((code, out.count("that were compared are those of"), "this does not show which of the two is the copy" in out),
                                 (FINE, held, held == 2))
                self.assertIn("(physics-duplicate)", err.splitlines()[-1])

    @unittest.skipUnless(HAS_GIT, "git is not installed")
    def test_a_run_that_the_main_branch_has_needs_nothing_more(self):
        """The site names this command, and its last line once said to submit the run."""
        clone = self.clone_with_requests()
        changes.git(clone, "switch", "--quiet", "main")
        folder = valid.Run().write(clone)
        with mock.patch.object(check_submission, "ROOT", clone):
            self.assertIn("submit_run.py", self.check(folder)[2].splitlines()[-1])
            changes.commit(clone, "Add a run")
            self.assertEqual(self.check(folder)[2].splitlines()[-1], "next: nothing to do: main has this run")
            (folder / "run.md").write_bytes((folder / "run.md").read_bytes() + b"More.\n")
            self.assertIn("submit_run.py", self.check(folder)[2].splitlines()[-1])

    @unittest.skipUnless(HAS_GIT, "git is not installed")
    def test_the_next_step_of_a_maintainer_is_a_review_or_the_way_to_redact(self):
        clone = self.root / "clone"
        clone.mkdir()
        changes.base(clone)
        run = valid.Run()
        run.write(clone)
        changes.commit(clone, "Add a run")
        changes.git(clone, "switch", "--quiet", "main")
        changes.git(clone, "merge", "--quiet", "--no-ff", "--message", "Merge", "change")
        changes.git(clone, "switch", "--quiet", "--create", "remove-run")
        changes.git(clone, "rm", "--quiet", "-r", run.place)
        changes.commit(clone, "Remove a run")
        for review in ((), ("--review",)):
            with self.subTest(review):
                code, out, err = self.check(*review, "--base", "main", "--head", "remove-run", "--repository", clone)
                self.assertEqual(code, FOUND)
                self.assertIn(f"git checkout main -- {run.place}", out)
                self.assertIn("next: if this redacts a run, an administrator merges it although the check refuses it", err.splitlines()[-1])
        changes.git(clone, "switch", "--quiet", "main")
        changes.git(clone, "merge", "--quiet", "--no-ff", "--message", "Merge", "remove-run")
        changes.git(clone, "switch", "--quiet", "--create", "again")
        run.write(clone)
        changes.commit(clone, "Add it again")
        code, out, err = self.check("--review", "--base", "main", "--head", "again", "--repository", clone)
        self.assertEqual(code, FINE)
        self.assertRegex(out, "main had this run until [0-9a-f]+ removed it")
        self.assertIn("  grade     archive-only", out)
        self.assertIn("next: do not merge again before you know why main removed the run", err.splitlines()[-1])
        err = self.check("--base", "main", "--head", "again", "--repository", clone)[2]
        self.assertIn("next: python harness/check_submission.py --review --base main --head again", err.splitlines()[-1])

    def test_an_error_exits_1_and_is_said_with_what_mends_it(self):
        code, out, _ = self.check(self.run_folder(BROKEN_RUN))
        self.assertEqual(code, FOUND)
        for words in ("run.md", "runmd-html", "line ", "<b", "refused: 1 run, 2 errors"):
            self.assertIn(words, out)

    def test_a_run_that_was_interrupted_is_to_be_resumed_and_not_to_be_measured_again(self):
        run = valid.Run()
        values.no_footer(run)
        del run.records[-4:-1]
        run.seal()
        folder = run.write(self.root)
        found = [finding for finding in self.findings(folder) if finding["rule"] in ("ledger-unfinished", "ledger-plan")]
        self.assertEqual([finding["rule"] for finding in found], ["ledger-unfinished"])
        self.assertIn(f"--resume {run.place}", found[0]["fix"])

    def test_a_hold_is_said_and_exits_0(self):
        run = valid.Run()
        HELD_RUN(run)
        run.seal()
        code, out, _ = self.check(run.write(self.root))
        self.assertEqual(code, FINE)
        self.assertRegex(out, r"\n  hold    rule physics-clock[a-z]*: ")
        self.assertIn("held for a maintainer: 1 run, 1 hold", out)

    def test_wrong_usage_exits_2(self):
        (self.root / "empty").mkdir()
        for words in (("--no-such-flag",), (self.root / "nowhere",), (self.root / "empty",), ("--base", "x", "submissions"),
                      ("--hostname", "x"), ("--fix", "--hostname", "a\nb", self.run_folder()), ("--review", "--json"), ("--base", "no-such-branch"), ("--base", "x", "--repository", self.root)):
            with self.subTest(words=words):
                if words[0] == "--base" and not HAS_GIT:
                    self.skipTest("git is not installed")
                code, out, err = self.check(*words)
                self.assertEqual((code, out), (USAGE, ""))
                self.assertNotIn("Traceback", err)

    def test_a_rule_that_breaks_exits_3_and_is_no_pass(self):
        with mock.patch.object(call_checks, "problems", side_effect=KeyError("a bug")):
            code, out, err = self.check(self.run_folder())
        self.assertEqual(code, BROKEN)
        self.assertIn("checker-failed", out)
        self.assertIn("KeyError", err)

    def test_a_run_on_which_the_checker_fails_does_not_stop_the_others(self):
        first, second = self.run_folder(), self.run_folder(name="b")
        real = call_checks.problems
        calls = iter([KeyError("a bug")])

        def problems(call: dict, is_safetensors: bool) -> list:
            for problem in calls:
                raise problem
            return list(real(call, is_safetensors))
        with mock.patch.object(call_checks, "problems", side_effect=problems):
            code, out, _ = self.check(first, second, "--json")
        verdict = json.loads(out)
        self.assertEqual((code, verdict["runs"], [row["rule"] for row in verdict["findings"] if row["severity"] == "error"]),
                         (BROKEN, 2, ["checker-failed"]))

    def test_a_formula_that_breaks_on_a_clean_ledger_exits_3(self):
        folder = self.run_folder()
        with mock.patch("judge.derived_files_check.summary.summarize", side_effect=ZeroDivisionError):
            self.assertEqual(self.check(folder)[0], BROKEN)


class ThreePlaces(Case):
    def verdicts(self, mutate: object) -> list:
        """The findings of one run, judged as a folder, as a handle's, in the whole tree and as a change."""
        folder = self.run_folder(mutate)
        handle, tree = folder.parents[1], folder.parents[2]
        found = [self.findings(folder), self.findings(handle), self.findings(tree)]
        if HAS_GIT:
            clone = self.root / "clone"
            clone.mkdir()
            changes.base(clone)
            shutil.copytree(handle, clone / "submissions" / handle.name)
            changes.commit(clone, "Add a run")
            found.append(self.findings("--repository", clone, "--base", "main"))
        return found

    def test_a_mutant_has_the_same_findings_in_all_of_them(self):
        for number, mutate in enumerate((BROKEN_RUN, octets.value("metadata.json", octets.median), octets.line(20, octets.at("prev", "0" * 64)))):
            with self.subTest(number), tempfile.TemporaryDirectory() as root:
                self.root = pathlib.Path(root)
                first, *others = self.verdicts(mutate)
                self.assertTrue(first)
                for other in others:
                    self.assertEqual(other, first)

    def test_a_valid_run_has_none_in_any_of_them(self):
        self.assertEqual({str(found) for found in self.verdicts(lambda files: None)}, {"[]"})

    def test_a_tree_outside_of_the_clone_is_judged_from_any_working_directory(self):
        tree = self.run_folder().parents[2].rename(self.root / "results")
        before = os.getcwd()
        os.chdir(tree)
        self.addCleanup(os.chdir, before)
        for path in (".", valid.HANDLE, f"{valid.HANDLE}/{valid.DEVICE_TAG}", tree):
            with self.subTest(path=path):
                self.assertEqual(self.check(path)[:2], (FINE, "passed: 1 run, nothing found\n"))

    def test_by_default_it_is_the_tree_of_this_clone(self):
        """Not of the clone that the tests stand in: whoever works in it may have an unfinished run there."""
        for change, code in ((None, FINE), (BROKEN_RUN, FOUND)):
            name = f"clone-{code}"
            folder = self.run_folder(change, name=name) if change else self.run_folder(name=name)
            root = folder.parents[3]
            self.assertEqual(folder.parents[2].name, "submissions")
            with self.subTest(code), mock.patch.object(check_submission, "ROOT", root):
                self.assertEqual(self.check()[0], code)
        self.assertEqual(check_submission.ROOT, support.ROOT)


class Json(Case):
    def test_its_keys_stay_as_they_are(self):
        said = json.loads(self.check(self.run_folder(BROKEN_RUN), "--json")[1])
        self.assertEqual(set(said), {"schema", "thresholds", "passed", "runs", "counts", "findings", "left_out"})
        self.assertEqual((said["schema"], said["passed"], said["runs"]), ("verdict-1.0", False, 1))
        self.assertEqual(said["counts"], {"error": 2, "hold": 0, "warning": 0, "info": 0})
        self.assertEqual(set(said["findings"][0]), {"rule", "severity", "path", "line", "pointer", "observed", "expected", "says", "fix"})

    def test_a_flood_is_counted_and_not_repeated(self):
        run = valid.Run()
        for record in run.calls():
            record["prompt_sha256"], record["connect_ns"], record["end_ns"] = "0" * 64, 5, 0
        run.seal()
        said = json.loads(self.check(run.write(self.root), "--json")[1])
        kept = [one for one in said["findings"] if one["rule"] == "ledger-stamps"]
        self.assertEqual(len(kept), 20)
        left = [row for row in said["left_out"] if row["rule"] == "ledger-stamps"]
        self.assertEqual([row["count"] for row in left], [len(run.calls()) - 20])

    def test_what_is_private_is_not_repeated_in_full(self):
        for text in ("/home/anastasija/models", "anastasija@mail.org", "192.168.117.23", "hf_abcdefghijklmnopqrstuvwx12"):
            with self.subTest(text=text):
                run = valid.Run()
                run.manifest["models"][0]["family"] = text
                code, out, _ = self.check(run.write(self.root / text[:3].strip("/")))
                self.assertEqual(code, FOUND)
                self.assertNotIn(text, out)
                self.assertIn("***", out)


class Fix(Case):
    def test_derived_files_are_rebuilt_and_own_words_stay(self):
        folder = self.run_folder(octets.value("metadata.json", octets.median), octets.story(" decode tok/s |", " decode, twice |"))
        whole = valid.Run().files()
        code, _, err = self.check("--fix", folder)
        self.assertEqual(code, FINE)
        self.assertIn("rebuilt from the ledger", err)
        for name, data in whole.items():
            with self.subTest(file=name):
                self.assertEqual((folder / name).read_bytes(), data)

    def test_the_ledger_is_parsed_once_also_where_a_file_is_missing_or_stale(self):
        for name, change in (("right", None), ("stale", octets.value("metadata.json", octets.median)), ("missing", lambda files: files.pop("metadata.json"))):
            folder = self.run_folder(*([change] if change else []), name=name)
            with self.subTest(name), mock.patch.object(LedgerReader, "__iter__", autospec=True, side_effect=LedgerReader.__iter__) as reading:
                self.assertEqual(self.check("--fix", folder)[0], FINE)
                self.assertEqual(reading.call_count, 1)
                self.assertEqual((folder / "metadata.json").read_bytes(), valid.Run().files()["metadata.json"])

    def test_a_host_name_that_tells_too_much_is_replaced(self):
        for hostname, words, wanted in (("anas-macbook", (), "other"), ("nas.lan", (), "other"), ("planted", (), "planted"),
                                        ("planted", ("--hostname", "lab-3"), "lab-3")):
            with self.subTest(hostname=hostname, words=words), tempfile.TemporaryDirectory() as root:
                run = valid.Run()
                run.manifest["host_hostname_short"] = hostname
                folder = run.write(pathlib.Path(root))
                self.assertEqual(self.check("--fix", *words, folder)[0], FINE)
                self.assertEqual(json_text.loads((folder / "manifest.json").read_bytes())["host_hostname_short"], wanted)

    def test_what_was_measured_is_never_touched(self):
        for mutate in (octets.line(20, octets.at("connect_ns", 90_001), mend_chain=False), octets.cut_last_feed,
                       octets.value("manifest.json", lambda found: found.update(score=1)), octets.put("manifest.json", b"{")):
            with tempfile.TemporaryDirectory() as root:
                self.root = pathlib.Path(root)
                folder = self.run_folder(mutate)
                before = {path.name: path.read_bytes() for path in folder.iterdir()}
                code, _, err = self.check("--fix", folder)
                self.assertEqual(code, FOUND)
                self.assertIn("not fixed", err)
                self.assertEqual({path.name: path.read_bytes() for path in folder.iterdir()}, before)


class Rules(Case):
    def test_they_are_listed_one_a_line(self):
        code, out, _ = self.check("--rules")
        self.assertEqual(code, FINE)
        self.assertEqual([line.split()[1] for line in out.splitlines()], list(rules.RULES))


@unittest.skipUnless(HAS_GIT, "git is not installed")
class ACheckerThatChanges(Case):
    def test_a_change_to_the_checker_has_the_whole_tree_judged(self):
        clone = self.root / "clone"
        clone.mkdir()
        changes.base(clone)
        changes.put(clone, "harness/rules.py", "changed\n")
        changes.commit(clone, "Another rule")
        rules_found = {one["rule"] for one in self.findings("--repository", clone, "--base", "main")}
        self.assertIn("name-file-missing", rules_found)     # of a run that was there before
        self.assertNotIn("scope-mixed", rules_found)

    def test_any_other_change_has_only_its_own_runs_judged(self):
        clone = self.root / "clone"
        clone.mkdir()
        changes.base(clone)
        changes.put(clone, "README.md", "changed\n")
        changes.commit(clone, "Words")
        self.assertEqual(self.findings("--repository", clone, "--base", "main"), [])


if __name__ == "__main__":
    unittest.main()
