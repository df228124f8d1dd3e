"""Why calls failed: counted by reason, explained in run.md with what can be done, and left out of the files of older runs."""
from __future__ import annotations

import unittest

import ledgers
import support  # noqa: F401  (puts the harness on the path)

from base import records, schema, suites
from derive import failures, run_report, summary
from judge import review, tree_layout

TOO_LONG = "request ({} tokens) exceeds the available context size (4096 tokens), try increasing it"


def failed(outcome: str, error: str | None, number: int, phase: str = "small-eval") -> dict:
    return ledgers.call(phase=phase, item=f"Q{number}", outcome=outcome, error=error, done_ns=None, first_text_ns=None)


class Failures(unittest.TestCase):
    def metadata(self, calls: list, version: str = "1.2.0") -> dict:
        self.manifest = ledgers.manifest(harness_version=version)
        return {**summary.summarize(self.manifest, ledgers.typed([ledgers.meta(), *calls]), {}, None), "ledger_sha256": "0" * 64}

    def test_calls_are_counted_by_outcome_and_by_messages_that_differ_in_more_than_numbers(self):
        metadata = self.metadata([failed("refused", TOO_LONG.format(5000 + n), n) for n in range(3)] + [failed("error", "out of memory", 3)])
        self.assertEqual(metadata["aggregates"][0]["failures"], [{"outcome": "refused", "error": TOO_LONG.format(5000), "n": 3},
                                                                {"outcome": "error", "error": "out of memory", "n": 1}])
        self.assertEqual((metadata["schema"], schema.problems(metadata, "metadata")), ("metadata-1.2", []))

    def test_every_outcome_without_a_speed_has_an_advice(self):
        self.assertEqual(set(failures.ADVICE), set(records.OUTCOMES) - set(records.SPEED_OUTCOMES))
        self.assertEqual(set(failures.RETRY_ADVICE), set(failures.ADVICE))

    def test_a_suggested_context_has_room_for_the_longest_answer_of_the_suites(self):
        self.assertEqual(failures.ANSWER_ROOM, max(item.num_predict for phase in suites.FILES for item in suites.load(phase).items))

    def test_many_reasons_are_one_without_a_message(self):
        counts = self.metadata([failed("error", "reason " + "x" * n, n) for n in range(9)])["aggregates"][0]["failures"]
        self.assertEqual([(row["error"] is None, row["n"]) for row in counts], [(False, 1)] * failures.MOST_REASONS + [(True, 4)])

    def test_run_md_says_what_the_server_said_and_what_can_be_done(self):
        metadata = self.metadata([failed("refused", TOO_LONG.format(5000), 0), failed("refused", TOO_LONG.format(6000), 1, "python-tasks"),
                                  failed("timeout", None, 2)])
        section = run_report.render(self.manifest, metadata).partition("### Failed calls\n\n")[2].partition("\n\n###")[0]
        lines = section.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"^- `m:1b`: 2 calls refused \\\(small-eval 1, python-tasks 1\\\)\. The message: `request \(5000 tokens\).*`\. "
                                   r"In this model's tokenizer .* with --num-ctx 7168, as a separate run \(--num-ctx is a deviation\)\.$")
        self.assertRegex(lines[1], r"^- `m:1b`: 1 call timed out \\\(small-eval\\\)\. The server needs longer .*--first-byte-limit")

    def test_a_run_without_failures_and_a_run_of_an_earlier_version_have_no_such_part(self):
        for calls, version in (([ledgers.call()], "1.2.0"), ([failed("refused", TOO_LONG.format(1), 0)], "1.1.0"),
                               ([failed("refused", TOO_LONG.format(1), 0)], "1.0.0")):
            with self.subTest(version):
                metadata = self.metadata(calls, version)
                self.assertNotIn("failures", metadata["aggregates"][0])
                self.assertEqual(metadata["schema"], "metadata-1.0")
                self.assertNotIn("Failed calls", run_report.render(self.manifest, metadata))

    def test_a_review_shows_them_to_the_maintainer(self):
        metadata = self.metadata([failed("refused", TOO_LONG.format(5000), 0)])
        facts = dict(review.sheet(tree_layout.place_of_run(f"submissions/ana/mac-m1-8gb/run-{ledgers.RUN_ID}"), None, None, metadata).facts)
        self.assertEqual(facts["failed"], f"m:1b: 1 call refused (small-eval): {TOO_LONG.format(5000)}")

    def test_every_outcome_without_speed_has_advice_and_memory_has_its_own(self):
        for outcome in set(records.OUTCOMES) - set(records.SPEED_OUTCOMES):
            with self.subTest(outcome):
                self.assertTrue(failures.advice(outcome, None))
        for error in ("CUDA error: out of memory", "model requires more system memory (9 GiB) than is available"):
            self.assertEqual(failures.advice("error", error), failures.TOO_BIG)
        for error in (TOO_LONG, "the prompt is longer than the context length currently available to the model"):
            self.assertIn("a larger --num-ctx", failures.advice("refused", error))
        self.assertNotIn("--num-ctx", failures.advice("refused", "\"m:1b\" does not support thinking"))

    def test_a_context_that_would_do_is_named_where_the_server_named_the_tokens(self):
        for messages, fits in (([TOO_LONG.format(4644), TOO_LONG.format(4643)], 6144), ([TOO_LONG.format(256)], 1024), ([TOO_LONG.format(257)], 2048),
                               (["longer than the context length"], None), ([None], None)):
            with self.subTest(messages):
                self.assertEqual(failures.context_that_fits(messages), fits)
        for phases, words in ((["context-edge"], "a larger --num-ctx"), (["context-edge", "small-eval"], "with --num-ctx 6144")):
            with self.subTest(phases):     # a prompt of the context phases grows with the context
                failure = failures.Failure("m:1b", "refused", TOO_LONG.format(4644), [(phase, 1) for phase in phases], [TOO_LONG.format(4644)])
                self.assertIn(words, failure.advice)


if __name__ == "__main__":
    unittest.main()
