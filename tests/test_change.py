"""A change: compared with the merge base, read from Git's objects, whatever names a stranger gives to his files."""
from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
import unittest
from unittest import mock

import support  # noqa: F401  (puts the harness on the path)

from base import plan
from base.errors import UserError
from judge import change, removed_runs, review, thresholds
from judge.git_objects import Clone
from judge.findings import FindingList, HeadVerdicts, for_reviewer
from judge.session_checks import epoch_seconds
from mutants import changes, valid

NOW_S = epoch_seconds("2026-11-25T12:00:00Z")


@unittest.skipUnless(shutil.which("git"), "git is not installed")
class Case(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.root = pathlib.Path(made.name) / "clone"
        self.root.mkdir()
        changes.base(self.root)

    def rules(self, base: str = "main", head: str = "HEAD") -> set:
        findings = FindingList()
        change.check_all(Clone(self.root), base, [head], pathlib.Path("nowhere"), findings, NOW_S)
        return {one.rule for one in findings}

    def add_run(self) -> None:
        valid.Run().write(self.root)
        changes.commit(self.root, "Add a run")


class Partial(Case):
    def test_in_a_partial_clone_only_the_files_of_the_change_are_read(self):
        """Sizes of all runs were once asked for, which fetched the whole catalogue, or failed where a login was needed."""
        changes.git(self.root, "config", "uploadpack.allowFilter", "true")
        changes.git(self.root, "switch", "--quiet", "main")
        partial = self.root.parent / "partial"
        changes.git(self.root.parent, "clone", "--quiet", "--filter=blob:none", "--sparse", self.root.as_uri(), str(partial))
        os.rename(self.root, self.root.parent / "gone")     # nothing more can be fetched
        self.root = partial
        changes.git(self.root, "switch", "--quiet", "--create", "change")
        valid.Run().write(self.root)
        changes.git(self.root, "add", "--sparse", "submissions/mutant")
        changes.git(self.root, "commit", "--quiet", "--message", "Add a run")
        self.assertEqual(self.rules(), set())


class MergeBase(Case):
    def test_what_the_default_branch_did_meanwhile_is_not_the_change_s(self):
        self.add_run()
        changes.git(self.root, "switch", "--quiet", "main")
        changes.put(self.root, "README.md", "newer\n")
        changes.put(self.root, "submissions/README.md", "newer\n")
        changes.commit(self.root, "Meanwhile")
        self.assertEqual(self.rules("main", "change"), set())

    def test_without_a_common_commit_nothing_is_judged(self):
        changes.git(self.root, "switch", "--quiet", "--orphan", "alone")
        changes.commit(self.root, "alone")
        with self.assertRaises(UserError) as caught:
            self.rules()
        self.assertIn("no common commit", str(caught.exception))

    def test_a_branch_that_is_not_there_or_looks_like_a_flag_is_refused(self):
        for name in ("nowhere", "--output=x", "main..HEAD", ""):
            with self.subTest(name=name), self.assertRaises(UserError) as caught:
                self.rules("main", name)
            self.assertIn(f"no branch or commit {name!r}", str(caught.exception))
            with self.subTest(name=name), self.assertRaises(UserError):
                self.rules(name)

    def test_nothing_is_taken_from_the_working_tree(self):
        self.add_run()
        for path in (self.root / "submissions").rglob("run.jsonl"):
            path.write_bytes(b"broken")
        self.assertEqual(self.rules(), set())


class Names(Case):
    @unittest.skipIf(os.name == "nt", "Windows has no such names")
    def test_names_with_line_feeds_quotes_and_bytes_that_are_no_text_are_seen_as_they_are(self):
        self.add_run()
        for name in (b"a\nb", b"a\"b", b"a\tb", b"\xff\xfe", b"a b"):
            with open(os.fsencode(self.root / valid.Run().place) + b"/" + name, "wb") as out:
                out.write(b"x")
        changes.commit(self.root, "Names")
        findings = FindingList()
        change.check_all(Clone(self.root), "main", ["HEAD"], pathlib.Path("nowhere"), findings, NOW_S)
        self.assertEqual([one.rule for one in findings], ["name-file-extra"] * 5)

    def test_a_submodule_is_told(self):
        self.add_run()
        changes.git(self.root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{valid.Run().place}/module")
        changes.git(self.root, "commit", "--quiet", "--message", "module")
        self.assertEqual(self.rules(), {"scope-submodule"})

    def test_a_run_that_is_in_the_tree_already_is_told_where_it_is_new(self):
        self.add_run()
        changes.git(self.root, "switch", "--quiet", "--create", "again")
        made = valid.Run()
        made.device_tag, made.manifest["device_tag"] = "synthetic-cpu-16gb", "synthetic-cpu-16gb"
        made.write(self.root)
        changes.commit(self.root, "Again")
        self.assertEqual(self.rules("change"), {"name-twice"})

    def findings(self, base: str, *heads: str) -> list:
        findings = FindingList()
        change.check_all(Clone(self.root), base, list(heads), pathlib.Path("nowhere"), findings, NOW_S)
        return [(finding.rule, finding.observed) for finding in findings]

    def test_a_review_of_two_requests_compares_their_settings(self):
        """Their files are in temporary folders, which are gone when the review is rendered."""
        findings, other = FindingList(), valid.Run(plan.Settings(levels=(1, 2), repeats=1))
        self.add_run()
        changes.git(self.root, "switch", "--quiet", "main")
        changes.git(self.root, "switch", "--quiet", "--create", "other")
        other.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
        other.manifest["num_predict"] = other.manifest["overrides"]["num_predict"] = 4096
        other.write(self.root)
        changes.commit(self.root, "Add another run")
        sheets = change.check_all(Clone(self.root), "main", ["change", "other"], pathlib.Path("nowhere"), findings, NOW_S)
        text = " ".join(review.render(sheets, findings, "FINDINGS", pathlib.Path("nowhere")).split())
        self.assertIn("decode tok/s not compared: num_predict differs (num_predict is not set in this run, 4096 in the other)", text)
        self.assertIn("decode tok/s not compared: num_predict differs (num_predict is 4096 in this run, not set in the other)", text)
        self.assertIn("deviation `num_predict` is `4096`", text)

    def test_a_run_that_the_base_got_meanwhile_is_named_with_whether_it_is_the_same(self):
        self.add_run()
        changes.git(self.root, "switch", "--quiet", "main")
        valid.Run().write(self.root)
        changes.commit(self.root, "Merged")
        self.assertEqual(self.findings("main", "change"), [("name-twice", "the base has this run already, with the same files")])
        changes.put(self.root, f"{valid.Run().place}/run.md", "other\n")
        changes.commit(self.root, "Corrected")
        self.assertIn(("name-twice", "the base has this run already, with other files"), self.findings("main", "change"))

    def test_several_requests_are_judged_together_and_beside_each_other(self):
        self.add_run()
        changes.git(self.root, "switch", "--quiet", "--create", "again", "main")
        self.add_run()
        self.assertEqual(self.findings("main", "change", "again"), [("name-twice", "again adds the run that change adds")])
        self.assertEqual(self.findings("main", "again"), [])

    def test_a_run_that_came_in_after_the_change_branched_off_is_known_as_well(self):
        self.add_run()
        tree = self.root.parent / "submissions"
        (tree / "somebody" / "mac-m1-8gb" / f"run-{valid.RUN_ID}").mkdir(parents=True)
        findings = FindingList()
        change.check_all(Clone(self.root), "main", ["HEAD"], tree, findings, NOW_S)
        self.assertEqual([one.rule for one in findings], ["name-twice"])


class Copies(Case):
    """Of two requests with one run, the one named later was once held, and the other one passed as if it were the original."""

    def add_runs(self, change_copy: object = lambda run: run.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")) -> tuple:
        """The places of a run on the branch `change`, and of its copy by somebody else on the branch `other`."""
        self.add_run()
        changes.git(self.root, "switch", "--quiet", "--create", "other", "main")
        copy = valid.Run()
        change_copy(copy)
        copy.handle = copy.manifest["handle"] = "somebody"
        copy.write(self.root)
        changes.commit(self.root, "Add a copy")
        return valid.Run().place, copy.place

    def check(self, *heads: str, tree: pathlib.Path = pathlib.Path("nowhere")) -> tuple:
        findings, verdicts = FindingList(), HeadVerdicts([], {})
        change.check_all(Clone(self.root), "main", list(heads), tree, findings, NOW_S, verdicts)
        return list(findings), verdicts

    def test_both_are_held_whichever_is_named_first(self):
        run, copy = self.add_runs()
        for heads in (("change", "other"), ("other", "change")):
            with self.subTest(heads):
                findings, verdicts = self.check(*heads)
                self.assertEqual({finding.path: finding.rule for finding in findings},
                                 {f"{run}/run.jsonl": "physics-duplicate", f"{copy}/run.jsonl": "physics-duplicate"})
                for finding, other in ((finding, copy if finding.path.startswith(run) else run) for finding in findings):
                    self.assertRegex(finding.observed, f"^48 of the 48 nonces and timings that were compared are those of {other}$")
                    self.assertEqual(finding.expected, "a run with times of its own; neither run is in main, so this does not show which of the two is the copy")
                    self.assertEqual(for_reviewer(finding), "ask in both requests which of the two was measured; merge neither before that is "
                                                            "clear, and the copy never")
                self.assertEqual(verdicts, ([], {head: ["physics-duplicate"] for head in ("change", "other")}))
        self.assertEqual(self.check("change"), ([], ([], {})))

    def test_a_copy_of_a_run_of_the_base_is_held_alone(self):
        run, copy = self.add_runs()
        changes.git(self.root, "switch", "--quiet", "main")
        changes.git(self.root, "merge", "--quiet", "--no-ff", "--message", "Merge", "change")
        findings, verdicts = self.check("other", tree=self.root / "submissions")
        self.assertEqual([(finding.path, finding.expected) for finding in findings], [(f"{copy}/run.jsonl", "a run with times of its own")])
        self.assertEqual(verdicts.held, {"other": ["physics-duplicate"]})
        self.assertIn("never if it is the copy", for_reviewer(findings[0]))

    def test_a_copy_of_a_run_that_the_base_removed_is_held(self):
        """It once passed with nothing found."""
        run, copy = self.add_runs()
        changes.git(self.root, "switch", "--quiet", "main")
        changes.git(self.root, "merge", "--quiet", "--no-ff", "--message", "Merge", "change")
        changes.git(self.root, "switch", "--quiet", "--create", "remove-run")
        changes.git(self.root, "rm", "--quiet", "-r", run)
        changes.commit(self.root, "Remove a run")
        changes.git(self.root, "switch", "--quiet", "main")
        changes.git(self.root, "merge", "--quiet", "--no-ff", "--message", "Merge", "remove-run")
        removed = changes.git(self.root, "rev-parse", "--short", "HEAD").strip()
        (finding,), verdicts = self.check("other")
        self.assertEqual((finding.rule, finding.path, finding.expected),
                         ("physics-duplicate", f"{copy}/run.jsonl", f"a run with times of its own; main had that run until {removed} removed it"))
        self.assertIn(run, finding.observed)
        self.assertEqual(verdicts.held, {"other": ["physics-duplicate"]})
        self.assertIn("never if it is the copy", for_reviewer(finding))
        with mock.patch.object(removed_runs, "MOST_COMMITS", 1):
            self.assertEqual(len(self.check("other")[0]), 1)
            changes.commit(self.root, "Later")
            self.assertEqual(self.check("other")[0], [])        # so far back nothing is searched

    def test_a_run_that_the_base_moved_is_compared_where_it_is(self):
        run, copy = self.add_runs()
        changes.git(self.root, "switch", "--quiet", "main")
        changes.git(self.root, "merge", "--quiet", "--no-ff", "--message", "Merge", "change")
        (self.root / "submissions" / "else").mkdir()
        changes.git(self.root, "mv", run.rpartition("/")[0], "submissions/else")
        changes.commit(self.root, "Move a run")
        (finding,), verdicts = self.check("other", tree=self.root / "submissions")
        self.assertEqual((finding.rule, finding.expected), ("physics-duplicate", "a run with times of its own"))
        self.assertIn("submissions/else/", finding.observed)

    def test_one_run_id_under_two_handles_is_refused_in_both_requests(self):
        run, copy = self.add_runs(lambda run: None)
        for heads in (("change", "other"), ("other", "change")):
            findings, verdicts = self.check(*heads)
            self.assertEqual(sorted((finding.rule, finding.path) for finding in findings), [("name-twice", run), ("name-twice", copy)])
            self.assertEqual(sorted(verdicts.refused), ["change", "other"])
            self.assertIn("merge neither", for_reviewer(findings[0]))

    def test_one_digest_with_two_descriptions_is_held_in_both_requests(self):
        def another(run: valid.Run) -> None:
            run.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
            run.manifest["models"][0].update(quantization="Q8_0")
            for number, record in enumerate(run.calls()):
                record["nonce"] = record["nonce"] and f"{number:018d}"
                record["gaps_us"] = [gap + 977 * (place * (number % 10 + 1) % 11) for place, gap in enumerate(record["gaps_us"])]
            run.seal()
        run, copy = self.add_runs(another)
        findings = [finding for finding in self.check("other", "change")[0] if finding.rule == "physics-digest"]
        self.assertEqual([(finding.path, finding.pointer) for finding in findings],
                         [(f"{place}/manifest.json", "/models/0/quantization") for place in (run, copy)])
        for finding in findings:
            self.assertIn("this does not show which of the two is wrong", finding.expected)


class Removal(Case):
    def test_a_run_that_the_base_removed_is_held(self):
        """A run that had been redacted was once reviewed as `passed`, and the next step was to merge it."""
        valid.Run().write(self.root)
        changes.git(self.root, "switch", "--quiet", "main")
        changes.commit(self.root, "Add a run")
        changes.git(self.root, "rm", "--quiet", "-r", valid.Run().place)
        changes.commit(self.root, "Remove a run")
        removed = changes.git(self.root, "rev-parse", "--short", "HEAD").strip()
        changes.put(self.root, "later.md")
        changes.commit(self.root, "Later")
        changes.git(self.root, "switch", "--quiet", "--create", "again")
        self.add_run()
        findings, verdicts = FindingList(), HeadVerdicts([], {})
        change.check_all(Clone(self.root), "main", ["again"], pathlib.Path("nowhere"), findings, NOW_S, verdicts)
        finding, = findings
        self.assertEqual((finding.rule, finding.severity, finding.path), ("name-removed", "hold", valid.Run().place))
        self.assertEqual(finding.observed, f"main had this run until {removed} removed it")
        self.assertEqual(verdicts, ([], {"again": ["name-removed"]}))
        for most, count in ((2, 1), (1, 0)):
            with self.subTest(most), mock.patch.object(removed_runs, "MOST_COMMITS", most):
                self.assertEqual(len(self.findings()), count)       # further back nothing is searched

    def test_a_removed_run_is_recognised_under_another_handle_or_device_tag(self):
        """It once came back without a word when its folder had another name."""
        changes.git(self.root, "switch", "--quiet", "main")
        for place in (f"submissions/earlier/mac-m1-8gb/run-{valid.RUN_ID}", f"submissions/{valid.HANDLE}/other-tag/run-{valid.RUN_ID}"):
            changes.put(self.root, f"{place}/run.jsonl")
            changes.commit(self.root, "Add a run")
            changes.git(self.root, "rm", "--quiet", "-r", place)
            changes.commit(self.root, "Remove a run")
            removed = changes.git(self.root, "rev-parse", "--short", "HEAD").strip()
            changes.git(self.root, "switch", "--quiet", "--create", f"after-{removed}")
            self.add_run()
            with self.subTest(place):
                self.assertEqual([(finding.rule, finding.observed) for finding in self.findings()],
                                 [("name-removed", f"main had this run, as {place}, until {removed} removed it")])
            changes.git(self.root, "switch", "--quiet", "main")

    def test_a_run_that_the_base_has_moved_was_not_removed(self):
        changes.git(self.root, "switch", "--quiet", "main")
        old, new = (f"submissions/{handle}/mac-m1-8gb/run-{valid.RUN_ID}" for handle in ("earlier", "later"))
        changes.put(self.root, f"{old}/run.jsonl")
        changes.commit(self.root, "Add a run")
        (self.root / new).parent.mkdir(parents=True)
        changes.git(self.root, "mv", old, new)
        changes.commit(self.root, "Move a run")
        changes.git(self.root, "switch", "--quiet", "--create", "again")
        self.add_run()
        self.assertNotIn("name-removed", [finding.rule for finding in self.findings()])

    def test_a_removed_run_that_a_later_commit_of_its_request_corrects_is_recognised(self):
        changes.git(self.root, "switch", "--quiet", "main")
        changes.put(self.root, f"{self.EARLIER}/run.jsonl")
        changes.commit(self.root, "Add a run")
        changes.git(self.root, "switch", "--quiet", "--create", "again")
        changes.git(self.root, "switch", "--quiet", "main")
        changes.git(self.root, "rm", "--quiet", "-r", self.EARLIER)
        changes.commit(self.root, "Remove a run")
        changes.git(self.root, "switch", "--quiet", "again")
        changes.put(self.root, f"{self.EARLIER}/run.jsonl", "corrected\n")
        changes.commit(self.root, "Correct it")
        self.assertIn("name-removed", [finding.rule for finding in self.findings()])

    EARLIER = "submissions/earlier/mac-m1-8gb/run-5d5d2d3e-4f50-4a6b-8c7d-8e9f00112233"

    def findings(self) -> list:
        findings = FindingList()
        change.check_all(Clone(self.root), "main", ["HEAD"], pathlib.Path("nowhere"), findings, NOW_S)
        return list(findings)

    def test_a_removed_run_is_one_finding_that_says_when_it_is_right(self):
        changes.git(self.root, "switch", "--quiet", "main")
        changes.put(self.root, f"{self.EARLIER}/run.jsonl")
        changes.commit(self.root, "two files")
        changes.git(self.root, "switch", "--quiet", "--create", "remove")
        changes.git(self.root, "rm", "--quiet", "-r", self.EARLIER)
        changes.commit(self.root, "Remove a run")
        finding, = self.findings()
        self.assertEqual((finding.rule, finding.observed, finding.path), ("scope-adds-only", "the whole run is removed", self.EARLIER))
        self.assertIn("unless a maintainer redacts the run: harness/MAINTAINING.md", finding.expected)

    def test_a_removed_part_of_a_run_is_never_right(self):
        changes.git(self.root, "switch", "--quiet", "main")
        changes.put(self.root, f"{self.EARLIER}/run.jsonl")
        changes.commit(self.root, "two files")
        changes.git(self.root, "switch", "--quiet", "--create", "remove")
        changes.git(self.root, "rm", "--quiet", f"{self.EARLIER}/run.jsonl")
        changes.commit(self.root, "Remove a file")
        self.assertIn(("removed", "added files only", f"{self.EARLIER}/run.jsonl"),
                      [(finding.observed, finding.expected, finding.path) for finding in self.findings()])


class Size(Case):
    def test_a_change_that_nobody_can_look_through_is_refused(self):
        self.add_run()
        changes.commit(self.root, "Nothing")
        limits = {"change_files": 4, "change_commits": 1}
        for name, limit in limits.items():
            with self.subTest(name=name), mock.patch.object(
                    thresholds, "value", lambda asked, name=name, limit=limit: limit if asked == name else thresholds._read()["values"][asked]["value"]):
                self.assertEqual(self.rules(), {"scope-size"})

    def test_an_object_that_is_too_large_is_not_read(self):
        self.add_run()
        limits = dict.fromkeys(("ledger_bytes",), 1000)
        with mock.patch.object(thresholds, "value", lambda asked: limits.get(asked, thresholds._read()["values"][asked]["value"])):
            self.assertEqual(self.rules(), {"bytes-size"})


class Commits(Case):
    def test_a_trailer_s_address_is_an_author_s_and_no_leak(self):
        self.add_run()
        changes.commit(self.root, "Words\n\nCo-authored-by: Ana <ana@mail.org>")
        self.assertEqual(self.rules(), {"privacy-author"})

    def test_an_address_in_the_words_is_a_leak(self):
        self.add_run()
        changes.commit(self.root, "Ask ana@mail.org")
        self.assertEqual(self.rules(), {"privacy-e-mail"})

    def test_a_file_that_was_taken_back_is_still_in_the_history(self):
        self.add_run()
        changes.put(self.root, f"{valid.Run().place}/x.txt", "hf_abcdefghijklmnopqrstuvwx12\n")
        changes.commit(self.root, "one")
        (self.root / valid.Run().place / "x.txt").unlink()
        changes.commit(self.root, "two")
        self.assertEqual(self.rules(), {"privacy-token"})


if __name__ == "__main__":
    unittest.main()
