"""Grades: each condition decides alone, the first that is not met is named, and the written criteria are the table in code."""
from __future__ import annotations

import copy
import unittest

import corpus
import support

from derive import failures
from judge.run_check import RunDocuments
from publish import grades, run_grade


def aggregate(facts: grades.GradeInput, phase: str) -> dict:
    return next(row for row in facts.metadata["aggregates"] if row["phase"] == phase)


# How each condition is broken in a run that meets them all, and a word of what is then observed.
BREACHES = {
    "complete": (lambda facts: facts.metadata.update(complete=False), "not finished"),
    "unmodified": (lambda facts: facts.manifest.update(harness_modified=True), "modified"),
    "canonical": (lambda facts: facts.manifest.update(overrides={"temperature": 0.7}), "temperature"),
    "local": (lambda facts: facts.manifest.update(target="lan"), "lan"),
    "answering": (lambda facts: facts.metadata.update(outcomes={"ok": 90, "timeout": 10}, done=100), "10 of 100"),
    "anchored": (lambda facts: aggregate(facts, "frozen-prompts").update(groups=[]), "no decode rate"),
    "undisturbed": (lambda facts: facts.metadata["verdict"].update(verdict="throttled"), "throttled"),
    "every-phase": (lambda facts: facts.manifest.update(plan=[row for row in facts.manifest["plan"] if row["phase"] != "small-eval"]), "small-eval"),
    "together": (lambda facts: [row.update(calls=0) for row in facts.metadata["aggregates"] if row["phase"] == "parallel-mixed"], "0 took part"),
    "nothing-skipped": (lambda facts: aggregate(facts, "small-eval").update(skips={"time-limit": 3}), "time-limit"),
    "code-graded": (lambda facts: aggregate(facts, "python-tasks")["quality"].update(ungraded=2), "2 answers"),
    "clean": (lambda facts: facts.metadata["verdict"].update(verdict="drifting"), "drifting"),
    "one-session": (lambda facts: facts.metadata.update(sessions=2), "2 sessions"),
    "steady": (lambda facts: facts.metadata["warnings"].append({"code": "on-battery"}), "on-battery"),
    "repeated": (lambda facts: aggregate(facts, "frozen-prompts")["groups"][-1]["metrics"]["decode_tok_s"].update(n=8), "n = 8"),
    "known-harness": (lambda facts: facts.manifest.update(harness_commit=None), "unknown"),
    "known-machine": (lambda facts: facts.hardware.update(probed=False), "not probed"),
}


def documents_of(facts: grades.GradeInput) -> RunDocuments:
    documents = RunDocuments()
    documents.manifest, documents.metadata, documents.hardware, documents.run_md = facts[:4]
    return documents


class Grades(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = corpus.made(corpus.spec(0))      # all phases, two models, nothing unusual
        cls.best = grades.GradeInput(made.manifest, made.metadata, made.hardware, made.story, 0)

    def with_breach(self, name: str) -> grades.GradeInput:
        facts = copy.deepcopy(self.best)
        BREACHES[name][0](facts)
        return facts

    def test_a_run_that_meets_all_conditions_is_flagship_and_lacks_nothing(self):
        self.assertEqual(grades.grade_of(self.best), ("flagship", None))

    def test_each_condition_alone_keeps_a_run_from_its_grade_and_says_what_was_seen(self):
        below = {"standard": "archive-only", "flagship": "standard"}
        for condition in grades.CONDITIONS:
            if condition.id in BREACHES:
                with self.subTest(condition.id):
                    reached, unmet = grades.grade_of(self.with_breach(condition.id))
                    self.assertEqual((reached, unmet["condition"], unmet["grade"]), (below[condition.grade], condition.id, condition.grade))
                    self.assertIn(BREACHES[condition.id][1], unmet["observed"])
                    self.assertEqual(unmet["says"], condition.requirement)

    def test_what_the_checker_holds_and_a_bare_story_count(self):
        held = grades.GradeInput(self.best.manifest, self.best.metadata, self.best.hardware, self.best.run_md, 2)
        self.assertEqual(grades.grade_of(held)[1]["condition"], "unheld")
        for story in ("", self.best.run_md.replace("Synthetic: nothing stands on a desk here (machine and cooling", "None. (")
                      .split("## What else")[0] + "## What else was running\n\nNothing.\n"):
            bare = grades.GradeInput(self.best.manifest, self.best.metadata, self.best.hardware, story, 0)
            self.assertEqual(grades.grade_of(bare)[1]["condition"], "told")

    def test_every_condition_is_broken_here_once(self):
        self.assertEqual({condition.id for condition in grades.CONDITIONS}, set(BREACHES) | {"unheld", "told"})

    def test_the_first_condition_not_met_is_named_and_no_later_one(self):
        facts = self.with_breach("steady")
        BREACHES["canonical"][0](facts)
        self.assertEqual(grades.grade_of(facts)[1]["condition"], "canonical")

    def test_all_conditions_of_the_next_grade_are_listed_with_what_to_do(self):
        facts = self.with_breach("together")
        BREACHES["code-graded"][0](facts)
        documents = documents_of(facts)
        self.assertEqual(run_grade.lines(documents, 0), [
            "grade in the catalogue: standard (measured by the protocol; can be compared with other runs)", "for the grade flagship:",
            "  - two models or more took part in parallel-mixed (here: 0 took part): measure",
            "    two models or more in one run",
            "  - the models' Python answers were run against the hidden tests (here: 2",
            "    answers without a verdict): measure with --grade-code"])
        BREACHES["canonical"][0](facts)
        self.assertEqual(run_grade.lines(documents, 1), [
            "grade in the catalogue: archive-only (valid, but not to be compared with other runs)", "for the grade standard:",
            "  - all settings are the canonical ones (here: changed: temperature): measure",
            "    without these settings as well",
            "  - the checker holds nothing for a maintainer (here: 1 hold): a maintainer",
            "    reads your explanation and decides; there is nothing more to do"])
        heading = "## Deviations explained\n"
        documents.run_md = documents.run_md[:documents.run_md.index(heading) + len(heading)] + "\n## What surprised me\n"
        text = " ".join(" ".join(run_grade.lines(documents, 1)).split())
        self.assertIn("check_submission.py run-", text)
        self.assertIn("explain them in run.md under Deviations explained; if you do not know the cause, say so", text)
        self.assertEqual(run_grade.lines(documents_of(self.best), 0), [
            "grade in the catalogue: flagship (complete, undisturbed, repeated and explained: a figure from it can be used alone)"])
        self.assertEqual(run_grade.lines(RunDocuments(), 0), [])

    def test_in_short_one_unmet_condition_is_named_and_that_the_run_is_held_only_where_there_is_no_other(self):
        facts = self.with_breach("together")
        documents = documents_of(facts)
        self.assertEqual(run_grade.in_short(documents, False), "standard (measured by the protocol; can be compared with other runs); flagship requires: "
                         "two models or more took part in parallel-mixed (here: 0 took part)")
        archived = "archive-only (valid, but not to be compared with other runs); standard requires: "
        self.assertEqual(run_grade.in_short(documents, True), f"{archived}the checker holds nothing for a maintainer")
        BREACHES["undisturbed"][0](facts)
        self.assertEqual(run_grade.in_short(documents, True), f"{archived}the verdict is clean or drifting (here: throttled)")
        self.assertEqual(run_grade.in_short(documents_of(self.best), False),
                         "flagship (complete, undisturbed, repeated and explained: a figure from it can be used alone)")
        self.assertEqual(run_grade.in_short(RunDocuments(), True), "unknown")

    def test_the_advice_about_failed_calls_fits_their_cause(self):
        """Refused prompts were to be left as they are, and one line further another run was to be made."""
        too_long = "request (5000 tokens) exceeds the available context size (4096 tokens)"
        for num_ctx, reasons, advice in (
                (4096, [("refused", too_long, 9)], failures.TOO_LONG_AGAIN), (1024, [("refused", too_long, 9)], failures.SMALL_CONTEXT_AGAIN),
                (4096, [("error", "CUDA error: out of memory", 9)], failures.TOO_BIG_AGAIN),
                (4096, [("refused", too_long, 8), ("timeout", None, 1)],
                 f"for 8 calls: {failures.TOO_LONG_AGAIN}; for 1 call: {failures.RETRY_ADVICE['timeout']}")):
            with self.subTest(advice):
                facts = self.with_breach("answering")
                facts.manifest["num_ctx"] = num_ctx
                aggregate(facts, "frozen-prompts")["failures"] = [{"outcome": outcome, "error": error, "n": n} for outcome, error, n in reasons]
                for breach in (None, "anchored"):
                    if breach:
                        BREACHES[breach][0](facts)
                    self.assertIn(f"): {advice}", " ".join(" ".join(run_grade.lines(documents_of(facts), 0)).split()))

    def test_the_failed_calls_of_an_older_run_are_known_by_their_outcomes_alone(self):
        facts = self.with_breach("answering")
        aggregate(facts, "small-eval")["outcomes"] = {"ok": 4, "stalled": 1}
        self.assertIn(failures.RETRY_ADVICE["stalled"], " ".join(" ".join(run_grade.lines(documents_of(facts), 0)).split()))

    def test_a_model_that_was_not_trained_for_the_context_does_not_lower_the_grade(self):
        facts = copy.deepcopy(self.best)
        aggregate(facts, "context-edge")["skips"] = {"context-too-small": 5}
        self.assertEqual(grades.grade_of(facts)[0], "flagship")

    def test_the_written_criteria_are_the_table(self):
        text = grades.as_markdown()
        for condition in grades.CONDITIONS:
            self.assertIn(f"| `{condition.grade}` | `{condition.id}` | {condition.requirement} |", text)
        self.assertEqual(len({condition.id for condition in grades.CONDITIONS}), len(grades.CONDITIONS))
        for grade in grades.ORDER:
            self.assertIn(f"`{grade}`", text)

    def test_the_methodology_has_the_table_between_its_marks(self):
        found = (support.HARNESS / "methodology.md").read_text(encoding="utf-8")
        block = found.partition("<!-- grades: begin -->\n")[2].partition("\n<!-- grades: end -->")[0]
        self.assertEqual(block, grades.as_markdown())     


if __name__ == "__main__":
    unittest.main()
