"""From the wire to metadata.json: a stub's planted truth comes out of the files that one command leaves."""
from __future__ import annotations

import statistics
import unittest

import ledgers
import runs

from base import json_text, records, run_folder, schema, suites
from base.ledger_records import typed
from derive import call_metrics
from self_test import scenarios

MODEL = {"name": "alpha:1b", "size_bytes": 1_000_000, "head_tokens": 11, "prefill_tok_s": 100_000.0, "decode_gap_ms": 1.0,
         "answer_tokens": 24, "load_ms": 120.0}
LATE_MS = 5.0           # of the least delayed call; a busy machine delays others by more


class Planted(runs.RunTest):
    def measured(self, phases: str, *more: str, model: dict | None = None, slots: int = 1, rules: list | None = None) -> dict:
        """The metadata of a run with these phases."""
        self.stub.script({"models": [{**MODEL, **(model or {})}], "slots": slots, "rules": rules or []})
        code, _, told = self.main("--phases", phases, "--device-tag", "mac-m1-8gb", "--handle", "ana", "--quiet", *more)
        self.assertEqual(code, 0, told)
        return json_text.loads((self.folder() / "metadata.json").read_bytes())

    def aggregate(self, found: dict, phase: str) -> dict:
        return next(row for row in found["aggregates"] if row["phase"] == phase)

    def group(self, found: dict, phase: str, **key: object) -> dict:
        return next(row["metrics"] for row in self.aggregate(found, phase)["groups"]
                    if all(row[name] == value for name, value in key.items()))

    def test_times_rates_counts_drift_and_loads(self):
        """The gap grows by a thousandth with each request, so the second pass is slower by what lies between."""
        self.ask_for_slots()
        found = self.measured("frozen-prompts,small-eval", model={"drift": 0.01, "load_ms": 300.0}, rules=[scenarios.COUNTING])
        log = {row["nonce"]: row for row in self.stub.log() if row["nonce"]}
        calls = runs.measured(runs.records(self.folder()))
        late_ms = [(call["first_text_ns"] - log[call["nonce"]]["sent_ns"][0]) / 1e6 for call in calls]
        self.assertTrue(-0.05 < min(late_ms) < LATE_MS, late_ms)
        for item in ("P-MEDIUM", "P-HARD"):
            with self.subTest(item):
                rows = [log[call["nonce"]] for call in calls if (call["item"], call["pass"]) == (item, "first")]
                got = self.group(found, "frozen-prompts", item=item, **{"pass": "first"})
                heard_ms = [call["first_text_ns"] / 1e6 for call in calls if (call["item"], call["pass"]) == (item, "first")]
                self.assertAlmostEqual(got["ttft_ms"]["median"], statistics.median(heard_ms), delta=0.001)
                self.assertAlmostEqual(got["prefill_tok_s"]["median"], 100_000, delta=2_000)
                self.assertEqual(got["eval_tokens"]["median"], 25)
                self.assertAlmostEqual(got["decode_tok_s"]["median"],
                                       statistics.median(24e9 / row["eval_ns"] for row in rows), delta=1)
        first, last = ([log[call["nonce"]]["eval_ns"] for call in calls if call["pass"] == pass_] for pass_ in ("first", "last"))
        planted = statistics.median(before / after for before, after in zip(first, last))
        drift = self.aggregate(found, "frozen-prompts")["drift"]["decode"]
        self.assertAlmostEqual(drift["ratio"], planted, delta=0.005)
        self.assertEqual(drift["n"], 9)
        told = found["models"][0]
        self.assertEqual(told["head_tokens"], 11)
        self.assertEqual(told["slots_seen"], 1)
        self.assertGreaterEqual(told["cold_load_ms"]["median"], 300)      # a busy machine loads later, never sooner

    def test_one_slot_is_found_to_be_serialised_and_four_are_not(self):
        for slots, serialised, gap_ms in ((1, True, 1.0), (4, False, 10.0)):
            with self.subTest(slots=slots):
                found = self.measured("parallel-same", "--concurrency", "1,4", slots=slots, model={"decode_gap_ms": gap_ms})
                waves = {row["level"]: row for row in self.aggregate(found, "parallel-same")["waves"]}
                self.assertEqual((waves[4]["serialised"], waves[4]["full"], waves[1]["serialised"]), (serialised, 5, None))
                codes = {row["code"] for row in found["warnings"]}
                self.assertEqual("serialised" in codes, serialised)
                # Of five waves one is hardly delayed: what four slots decode takes 240 ms a call.
                self.assertAlmostEqual(waves[4]["parallelism"]["max"], slots, delta=0.5)
            self.empty()

    def test_a_cut_prompt_is_void_and_a_cut_answer_is_censored(self):
        asked = suites.load("context-edge").items[3].prompt        # calibration asks the last one
        found = self.measured("context-edge", "--num-predict", "8", rules=[
            {"when": {"contains": asked}, "do": [{"fault": "silent_truncation", "to": 1500}]}])
        edge = self.aggregate(found, "context-edge")
        self.assertEqual((edge["void"], edge["outcomes"]), (1, {"length": 5}))
        self.assertEqual((edge["quality"]["censored"], edge["quality"]["n"]), (5, 0))
        self.assertIn("truncated", {row["code"] for row in found["warnings"]})
        filled = [group["metrics"]["fill_reached"] for group in edge["groups"]]
        self.assertEqual([stat is None for stat in filled].count(True), 1)

    def test_all_five_files_are_there_and_the_table_agrees_with_the_metadata(self):
        found = self.measured("small-eval")
        folder = self.folder()
        self.assertEqual({path.name for path in folder.iterdir()},
                         {"manifest.json", "hardware.json", "run.jsonl", "metadata.json", "run.md"})
        decode = [call_metrics.decode_tok_s(typed(row)) for row in runs.measured(ledgers.lines(folder / run_folder.LEDGER))]
        self.assertAlmostEqual(self.group(found, "small-eval", item=None)["decode_tok_s"]["median"],
                               statistics.median(decode), delta=0.1)

    def test_an_unfinished_run_has_its_books_too_and_they_say_so(self):
        self.stub.script({"models": [MODEL]})
        code, _, _ = self.main("--phases", "small-eval,python-tasks", "--quiet", "--time-limit", "1s")
        found = json_text.loads((self.folder() / "metadata.json").read_bytes())
        self.assertEqual(found["done"] + found["skipped"], found["planned"])
        self.assertEqual(schema.problems(found, "metadata"), [])
        self.assertEqual(set(found["aggregates"][0]["skips"]) - set(records.SKIP_REASONS), set())


if __name__ == "__main__":
    unittest.main()
