"""Thinking in the figures: what is planted in a ledger comes out, beside the plain figures and never in them."""
from __future__ import annotations

import unittest

import ledgers
import support
from ledgers import MS, call, footer, meta

from base import records, schema
from derive import run_report, summary, thinking, thinking_table

GRADERS = {f"5Q-Q0{n}": {"kind": "exact", "accept": ["B"]} for n in range(1, 6)}
MODEL = {**ledgers.manifest()["models"][0], "capabilities": ["completion", "thinking"]}
ASKED = {"thinking": {"mode": True, "budget": 256}, "schema": "manifest-1.1"}


def summarised(*calls: dict, asked: dict | None = None, grades: dict | None = None) -> dict:
    counted = [row for row in calls if row["type"] == "skipped" or row["role"] == "measured"]
    manifest = ledgers.manifest(planned_calls=len(counted), models=[MODEL], **(ASKED if asked is None else asked))
    lines = [meta(), *calls, footer(len(counted))]
    metadata = {**summary.summarize(manifest, ledgers.typed(lines), GRADERS, grades), "ledger_sha256": "0" * 64}
    assert schema.problems(metadata, "metadata") == [], schema.problems(metadata, "metadata")
    return metadata


def always(**changes: object) -> dict:
    return call(role="calibration", phase="calibration", item="CAL-THINKS", finding={"always_thinks": True}, **changes)


def thought(item: int, answer: str = "B", tokens: int = 101, thinking_share: float = 0.75, first_answer_ms: float = 500.0, **changes: object) -> dict:
    """A call of small-eval-thinking whose first chunks are thoughts."""
    made = call(tokens=tokens, ttft_ms=20, gap_ms=10, phase="small-eval-thinking", item=f"5Q-Q0{item}", answer=answer, thinking="hm " * 20,
                knobs={"think": True}, options={"num_ctx": 4352, "num_predict": 64 + 256})
    return {**made, "thinking_chunks": int((tokens - 1) * thinking_share), "first_answer_ns": round(first_answer_ms * MS), **changes}


def aggregate(metadata: dict, phase: str = "small-eval-thinking") -> dict:
    return next(row for row in metadata["aggregates"] if row["phase"] == phase)


class Figures(unittest.TestCase):
    def test_thinking_tokens_are_the_share_of_their_chunks(self):
        figures = aggregate(summarised(call(), thought(1), thought(2, thinking_share=0.5)))["thinking"]
        self.assertEqual((figures["mode"], figures["budget"], figures["thought"], figures["tokens_basis"]), (True, 256, 2, "chunks"))
        self.assertEqual((figures["tokens"]["min"], figures["tokens"]["max"]), (50, 75))
        self.assertEqual(figures["budget_share"]["max"], round(75 / 256, 6))
        self.assertEqual((figures["first_answer_ms"]["n"], figures["first_answer_ms"]["median"]), (2, 500))

    def test_run_md_shows_only_what_was_measured_of_a_model_that_was_never_asked_plainly(self):
        metadata = summarised(always(), call(answer="<think>hm</think>B", options={"num_ctx": 8192, "num_predict": 64 + 4096}), asked={})
        section = run_report._thinking(ledgers.manifest(harness_version="1.2.0"), metadata)
        self.assertIn("never plainly", section)
        self.assertRegex(section, r"\| right, thinking \| thinking tokens \|.*\n.*\n.*\| always \| 1 of 1 \|")
        self.assertNotIn(" - |", section)
        self.assertIn("| right, plain |", run_report._thinking(ledgers.manifest(harness_version="1.1.0"), metadata))

    def test_thoughts_between_tags_are_the_share_of_their_characters_and_when_the_answer_began_is_unknown(self):
        tagged = call(answer="<think>" + "h" * 75 + "</think>" + "B" + " " * 24, tokens=101, options={"num_ctx": 8192, "num_predict": 64 + 4096})
        metadata = summarised(always(), tagged, asked={})
        row = aggregate(metadata, "small-eval")
        self.assertEqual((row["thinking"]["mode"], row["thinking"]["tokens_basis"], row["thinking"]["tokens"]["median"]), (None, "text", 75))
        self.assertIsNone(row["thinking"]["first_answer_ms"])
        self.assertIsNone(row["groups"][0]["metrics"]["first_answer_ms"])
        self.assertEqual((row["quality"]["n"], row["quality"]["passed"]), (1, 1), "the grader sees the answer without thoughts")
        self.assertIsNone(row["thinking"]["answers"])
        self.assertEqual((metadata["schema"], metadata["models"][0]["always_thinks"]), ("metadata-1.1", True))
        self.assertEqual([warning["code"] for warning in metadata["warnings"] if "thinking" in warning["code"] or "thinks" in warning["code"]],
                         ["always-thinks"])

    def test_answers_cut_by_the_budget_are_counted_apart_from_those_cut_by_their_own_limit(self):
        unfinished = thought(1, answer="", outcome="length", done_reason="length", thinking_share=1.0, first_answer_ns=None)
        spent = thought(2, outcome="length", done_reason="length", tokens=321, thinking_share=0.9)
        own = thought(3, outcome="length", done_reason="length", tokens=321, thinking_share=0.2)
        row = aggregate(summarised(unfinished, spent, own, thought(4)))
        self.assertEqual((row["thinking"]["cut_by_budget"], row["thinking"]["cut_otherwise"]), (2, 1))
        self.assertEqual((row["quality"]["censored"], row["quality"]["n"]), (3, 1))

    def test_plain_and_thinking_answers_are_paired_item_by_item(self):
        plain = [call(item=f"5Q-Q0{n}", answer=answer, ttft_ms=10) for n, answer in ((1, "C"), (2, "B"), (3, "C"))]
        metadata = summarised(*plain, thought(1), thought(2), thought(3, answer="C"))
        answers = aggregate(metadata)["thinking"]["answers"]
        self.assertEqual((answers["pairs"], answers["right_plain"], answers["right_thinking"], answers["gained"], answers["lost"]), (3, 1, 2, 1, 0))
        self.assertGreater(answers["time_ratio"]["ratio"], 1)
        self.assertEqual(aggregate(metadata, "small-eval")["quality"]["passed"], 1, "plain figures hold plain answers alone")
        self.assertNotIn("thinking", aggregate(metadata, "small-eval"))

    def test_only_calls_that_ran_alone_are_paired(self):
        waves = [call(phase="parallel-same", item="5Q-Q01", level=level, wave=0, answer=answer) for level, answer in ((1, "B"), (2, "C"))]
        asked = thought(1, phase="parallel-same-thinking", wave=0)
        answers = aggregate(summarised(*waves, asked), "parallel-same-thinking")["thinking"]["answers"]
        self.assertEqual((answers["pairs"], answers["right_plain"]), (1, 1))

    def test_python_answers_are_paired_by_their_verdicts(self):
        grader = {"kind": "python", "entry": "f", "tests": "f()"}
        graders = {"PY-T01": grader}
        lines = [meta(), call(phase="python-tasks", item="PY-T01"), {**thought(1, phase="python-tasks-thinking"), "item": "PY-T01"}, footer(2)]
        for seq, line in enumerate(lines):
            line["seq"] = seq
        grades = {"1": {"passed": False, "reason": "wrong"}, "2": {"passed": True, "reason": "passed"}}
        manifest = ledgers.manifest(planned_calls=2, models=[MODEL], **ASKED)
        metadata = summary.summarize(manifest, ledgers.typed(lines), graders, grades)
        self.assertEqual(aggregate(metadata, "python-tasks-thinking")["thinking"]["answers"]["gained"], 1)


class Unasked(unittest.TestCase):
    def test_a_run_without_thinking_has_the_metadata_of_before(self):
        for finding in ({}, {"always_thinks": False}):
            with self.subTest(finding):
                metadata = summarised(call(role="calibration", phase="calibration", item="CAL-THINKS", finding=finding), call(), asked={})
                self.assertEqual(metadata["schema"], "metadata-1.0")
                self.assertNotIn("always_thinks", metadata["models"][0])
                self.assertNotIn("thinking", metadata["aggregates"][0])

    def test_tags_in_an_answer_of_a_model_that_was_not_found_to_think_are_left_to_the_grader(self):
        metadata = summarised(call(answer="<reasoning>x</reasoning>B"), asked={})
        self.assertEqual(aggregate(metadata, "small-eval")["quality"]["passed"], 0, "as before there was such a finding")

    def test_whether_a_model_always_thinks_is_said_where_thinking_was_asked_for(self):
        finding = call(role="calibration", phase="calibration", item="CAL-THINKS", finding={"always_thinks": False})
        metadata = summarised(finding, call(), thought(1))
        self.assertEqual((metadata["schema"], metadata["models"][0]["always_thinks"]), ("metadata-1.1", False))

    def test_the_frozen_prompts_of_a_model_that_always_thinks_have_no_budget(self):
        frozen = call(phase="frozen-prompts", item="P-EASY", thinking="hm", thinking_chunks=3, **{"pass": "first"})
        metadata = summarised(always(), frozen, asked={})
        self.assertNotIn("thinking", aggregate(metadata, "frozen-prompts"))
        self.assertIn("thinking-uncalled", [row["code"] for row in metadata["warnings"]])


class CodeAnswers(unittest.TestCase):
    def test_code_is_graded_without_the_thoughts_around_it(self):
        answer = "<think>def f(): wrong</think>\ndef f(): return 1"
        rows = [meta(), always(answer="<think>hm</think>42"), call(phase="python-tasks", item="PY-T01", answer=answer), footer(1)]
        alone = [record.answer for record in thinking.answers_alone(ledgers.typed(rows)) if getattr(record, "role", "") == "measured"]
        self.assertEqual(alone, ["\ndef f(): return 1"])
        del rows[1]
        alone = [record.answer for record in thinking.answers_alone(ledgers.typed(rows)) if getattr(record, "role", "") == "measured"]
        self.assertEqual(alone, [answer])


class Table(unittest.TestCase):
    def test_each_phase_has_a_row_and_the_model_a_total(self):
        plain = [call(item="5Q-Q01", answer="C"), call(item="5Q-Q02"), call(phase="parallel-same", item="5Q-Q03", wave=0)]
        metadata = summarised(*plain, thought(1), thought(2), thought(3, phase="parallel-same-thinking", wave=0))
        rows = [dict(zip(thinking_table.TITLES, row)) for row in thinking_table.rows(metadata)]
        self.assertEqual([row["phase"] for row in rows], ["small-eval-thinking", "parallel-same-thinking", "all of these"])
        self.assertEqual([(row["right, plain"], row["right, thinking"]) for row in rows], [("1 of 2", "2 of 2"), ("1 of 1", "1 of 1"), ("2 of 3", "3 of 3")])
        self.assertTrue(rows[2]["difference, 95 % interval"].startswith("+0.33 ("))
        self.assertEqual(rows[0]["thinking tokens"], "75.0 by chunks (n=2)")

    def test_the_lines_of_a_review_have_no_figures_of_what_was_not_asked(self):
        """`- right plainly, 0 of 5 with thinking (always), difference -` was the line of a model that always thinks."""
        always_thinks = summarised(always(), call(item="5Q-Q01", thinking="hm"))
        self.assertEqual(thinking_table.lines(always_thinks), ["m:1b, small-eval: always thinks: 1 of 1 right"])
        self.assertRegex(thinking_table.lines(summarised(call(), thought(1)))[0],
                         r"\Am:1b, small-eval-thinking: \d of 1 right plainly, 1 of 1 with thinking \(on\), difference ")

    def test_run_md_shows_it_where_there_is_something_and_says_so_where_nobody_could_think(self):
        manifest = ledgers.manifest(models=[MODEL], **ASKED)
        with_rows, without = summarised(call(), thought(1)), summarised(call())
        self.assertIn("### Thinking\n\nThe same items", run_report.render(manifest, with_rows))
        self.assertIn("no model of this run was asked with thinking", run_report.render(manifest, without))
        self.assertNotIn("### Thinking", run_report.render(ledgers.manifest(), summarised(call(), asked={})))

    def test_the_command_that_repeats_the_run_asks_in_the_same_way(self):
        for mode, words in ((True, "--thinking --thinking-budget 256"), ("low", "--thinking low --thinking-budget 256")):
            manifest = ledgers.manifest(models=[MODEL], thinking={"mode": mode, "budget": 256}, overrides={"thinking_budget": 256},
                                        plan=[support.record("plan", phase=phase) for phase in ("small-eval", "small-eval-thinking")])
            with self.subTest(mode):
                command = run_report.command(manifest, summarised(call()))
                self.assertIn(words, command)
                self.assertIn("--phases small-eval --", command)

    def test_every_field_of_the_record_is_a_figure_of_the_methodology(self):
        text = (support.HARNESS / "methodology.md").read_text(encoding="utf-8")
        section = text.split("## Thinking", 1)[1].split("\n## ", 1)[0]
        for field in records.RECORDS["thinking"]:
            if field.name not in ("mode", "budget", "thought", "tokens_basis"):
                with self.subTest(field.name):
                    self.assertIn(f"`{field.name}`", section)


if __name__ == "__main__":
    unittest.main()
