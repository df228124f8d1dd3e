"""The context ladder against a fake server with planted rungs: what is asked, why it ends, and that nothing else is lost."""
from __future__ import annotations

import collections
import unittest
from unittest import mock

import ledgers
from test_phase_runner import ALPHA, Case, Machine, calls, reasons

from base import plan, run_folder, suites
from base.context_ladder import Ladder
from base.ledger_records import typed
from base.phases import RUNG_CONTEXTS
from derive import context_text, summary
from judge.ladder_checks import LadderChecks
from measure import eta, session

OUT_OF_MEMORY = "llama-server reported out-of-memory during startup: cudaMalloc failed: out of memory"
PLAIN, RUNG_16K, RUNG_32K, RUNG_64K = "context-edge", "context-edge-16k", "context-edge-32k", "context-edge-64k"
CLIMBER = {**ALPHA, "recalls": True, "bytes_per_token": 1000, "vram_limit_bytes": 10 ** 12, "context_length": 65536}
AUTO = plan.Settings(repeats=1, contexts=("auto",))
ANCHORED = ["frozen-prompts", "context-edge"]


def question(item: str) -> str:
    """What only the prompt of this item of context-edge holds."""
    return next(entry for entry in suites.load("context-edge").items if entry.id == item).facts[0]["name"]


class Climb(Case):
    def climb(self, model: dict, settings: plan.Settings = AUTO, phases: list = ANCHORED, **run: object) -> list:
        """The records of a run; the checker agrees with every decision in them."""
        rows = self.carry_out({"models": [{**CLIMBER, **model}], "rules": run.pop("rules", [])}, phases, settings, **run)
        self.assertEqual(self.problems(rows), [])
        return rows

    def problems(self, rows: list) -> list:
        loaded = run_folder.suites_of(self.manifest)
        blocks = plan.blocks([model["name"] for model in self.manifest["models"]], list(loaded), loaded, plan.settings_of(self.manifest))
        checks = LadderChecks(self.manifest, loaded, blocks)
        return [finding for row in rows for finding in checks.visit(typed(row))]

    def served(self, rows: list) -> dict:
        graders = run_folder.graders_of(run_folder.suites_of(self.manifest))
        return summary.summarize(self.manifest, map(typed, rows), graders, None)["models"][0]["served_context"]

    def ended(self, rows: list) -> dict:
        """phase: (reason, detail) of each rung that was skipped, whole or in part."""
        return {row["phase"]: (row["reason"], row["detail"]) for row in rows if row["type"] == "skipped"}

    def assert_rest_is_measured(self, rows: list) -> None:
        """Whatever the ladder came to, the plain phases and the last frozen prompts were asked."""
        measured = calls(rows, role="measured")
        self.assertEqual(len([row for row in measured if row["phase"] == PLAIN]), 5)
        self.assertEqual([row["outcome"] in ("ok", "length") for row in measured if row["pass"] == "last"], [True] * 3)

    def test_auto_climbs_to_the_trained_context_and_fills_every_rung(self):
        rows = self.climb({"context_length": 40_000})
        measured = [row for row in calls(rows, role="measured") if row["phase"] in RUNG_CONTEXTS]
        self.assertEqual([(row["phase"], row["options"]["num_ctx"], row["fill"]) for row in measured],
                         [(RUNG_16K, 16384, 0.5), (RUNG_16K, 16384, 0.98), (RUNG_32K, 32768, 0.5), (RUNG_32K, 32768, 0.98)])
        for row in measured:
            self.assertAlmostEqual(row["prompt_tokens"] / (row["options"]["num_ctx"] - 64), row["fill"], delta=0.015)
            self.assertEqual(row["placement"]["context_length"], row["options"]["num_ctx"])
        self.assertEqual([row["phase"] for row in calls(rows, item="LOAD")], ["frozen-prompts", PLAIN, RUNG_16K, RUNG_32K, "frozen-prompts"])
        self.assert_rest_is_measured(rows)
        served = self.served(rows)
        self.assertEqual((served["num_ctx"], served["middle_found"], served["ended_by"], served["partial_from"]),
                         (32768, True, "trained-context", None))

    def test_the_dry_run_predicts_calls_and_time_within_a_quarter(self):
        model = {"context_length": 32768, "recalls": False, "answer_tokens": 100, "prefill_tok_s": 100_000.0, "decode_gap_ms": 0.5}
        rows = self.climb(model, AUTO, ["context-edge"])
        loaded = run_folder.suites_of(self.manifest)
        planned = plan.blocks(["alpha:1b"], list(loaded), loaded, plan.settings_of(self.manifest))
        loads = [load for (_, key), load in eta.loads(planned, loaded, AUTO).items() if key[0] in RUNG_CONTEXTS]
        measured = [row for row in calls(rows, role="measured") if row["phase"] in RUNG_CONTEXTS]
        self.assertEqual(len(loads), len(measured))
        predicted_s = sum(load.prompt_tokens / 100_000 + load.answer_tokens * 0.0005 for load in loads)
        worked_s = sum(row["prompt_eval_ns"] + row["eval_ns"] for row in measured) / 1e9
        self.assertAlmostEqual(predicted_s / worked_s, 1, delta=0.25)

    def test_a_context_that_the_server_reduces_ends_the_ladder(self):
        rows = self.climb({"reduced_context": 16384})
        self.assertEqual(self.ended(rows), dict.fromkeys((RUNG_32K, RUNG_64K), ("context-reduced", "loaded with 16384 tokens instead of 32768")))
        self.assert_rest_is_measured(rows)
        self.assertEqual(self.served(rows)["num_ctx"], 16384)

    def test_a_load_that_fails_costs_the_larger_contexts_and_nothing_else(self):
        """Running out of memory in one phase once ended the whole model."""
        for text, reason in ((OUT_OF_MEMORY, "too-big"), ("llama-server process has terminated: exit status 1", "load-failed")):
            with self.subTest(reason=reason):
                self.clear()
                rows = self.climb({"load_error": text, "load_error_above": 16384})
                self.assertEqual(self.ended(rows), dict.fromkeys((RUNG_32K, RUNG_64K), (reason, text)))
                self.assert_rest_is_measured(rows)
                self.assertEqual((self.served(rows)["num_ctx"], self.served(rows)["ended_by"]), (16384, reason))

    def test_a_rung_that_is_predicted_to_take_too_long_is_not_begun(self):
        rows = self.climb({"prefill_tok_s": 20_000.0}, plan.Settings(repeats=1, contexts=("auto",), rung_limit_s=1))
        self.assertEqual(reasons(rows), {"rung-limit"})
        self.assertEqual(list(self.ended(rows)), [RUNG_16K, RUNG_32K, RUNG_64K])
        self.assertRegex(self.ended(rows)[RUNG_16K][1], r"foretold to take [12] s, the limit is 1 s")
        self.assert_rest_is_measured(rows)

    def test_a_prompt_that_is_not_answered_ends_the_ladder(self):
        rule = {"when": {"contains": question("CE-P02"), "nth": 2}, "do": [{"fault": "status", "code": 500, "error": OUT_OF_MEMORY}]}
        rows = self.climb({}, rules=[rule])
        self.assertEqual(self.ended(rows), dict.fromkeys((RUNG_16K, RUNG_32K, RUNG_64K), ("rung-failed", OUT_OF_MEMORY)))
        self.assert_rest_is_measured(rows)
        self.assertEqual((self.served(rows)["num_ctx"], self.served(rows)["ended_by"]), (8192, "rung-failed"))

    def test_a_passing_503_costs_one_call_of_a_rung_and_no_rung(self):
        rule = {"when": {"contains": question("CE-P02"), "nth": 2}, "do": [{"fault": "status", "code": 503, "error": "restarting"}]}
        rows = self.climb({"context_length": 32768}, rules=[rule])
        outcomes = [row["outcome"] for row in calls(rows, role="measured") if row["phase"] in RUNG_CONTEXTS]
        self.assertEqual((outcomes, reasons(rows)), (["error", "ok", "ok", "ok"], set()))
        self.assertEqual((self.served(rows)["num_ctx"], self.served(rows)["ended_by"]), (32768, "trained-context"))

    def test_a_prompt_that_is_cut_in_silence_ends_the_ladder_and_counts_for_nothing(self):
        rule = {"when": {"contains": question("CE-P02"), "nth": 2}, "do": [{"fault": "silent_truncation", "to": 600}]}
        rows = self.climb({}, rules=[rule])
        self.assertEqual(reasons(rows), {"context-reduced"})
        self.assertRegex(self.ended(rows)[RUNG_16K][1], r"a prompt of \d+ units reached the model as 600 tokens")
        self.assertEqual(self.served(rows)["num_ctx"], 8192)

    def test_a_list_is_climbed_as_far_as_the_model_was_trained(self):
        rows = self.climb({"context_length": 32768}, plan.Settings(contexts=("32k", "64k")), ["context-edge"])
        self.assertEqual([row["phase"] for row in calls(rows, role="measured")], [PLAIN] * 5 + [RUNG_32K] * 2)
        self.assertEqual(reasons(rows), {"context-too-small"})

    def test_a_context_of_the_plain_phases_does_not_change_the_rungs(self):
        rows = self.climb({}, plan.Settings(num_ctx=2048, context_num_ctx=2048, contexts=("16k",)), ["context-edge"])
        self.assertEqual({row["options"]["num_ctx"] for row in calls(rows, phase=RUNG_16K)}, {16384})
        self.assertEqual({row["options"]["num_ctx"] for row in calls(rows, phase=PLAIN)}, {2048})

    def test_thoughts_of_a_model_that_always_thinks_take_their_room_from_the_prompt_and_not_from_the_machine(self):
        self.calibrate()
        thinker = {"context_length": 16384, "capabilities": ["completion", "thinking"], "thinking_tokens": 20, "thinks_always": True,
                   "template": "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}user: {{ .Prompt }}"}
        rows = self.climb(thinker, plan.Settings(contexts=("auto",), thinking_budget=1024), ["context-edge"])
        options = [row["options"] for row in calls(rows, phase=RUNG_16K, role="measured")]
        self.assertEqual({(option["num_ctx"], option["num_predict"]) for option in options}, {(16384, 64 + 1024)})
        self.assertEqual({row["options"]["num_ctx"] for row in calls(rows, phase=PLAIN, role="measured")}, {8192 + 1024})
        for row in calls(rows, phase=RUNG_16K, role="measured"):
            self.assertAlmostEqual(row["prompt_tokens"] / (16384 - 64 - 1024), row["fill"], delta=0.015)
        self.assertEqual(self.served(rows)["num_ctx"], 16384)

    def test_a_part_that_leaves_the_accelerator_is_seen_where_it_does(self):
        rows = self.climb({"context_length": 32768, "vram_limit_bytes": 1_000_000 + 20_000 * 1000})
        self.assertEqual(self.served(rows)["partial_from"], 32768)

    def test_recall_that_is_lost_in_the_middle_is_seen(self):
        rows = self.climb({"context_length": 32768, "forgets_middle_above": 20_000})
        served = self.served(rows)
        self.assertIs(served["middle_found"], False)
        self.assertLess(16_000, served["middle_found_tokens"])
        self.assertIn("only up to 16,3", context_text.sentence(served))

    def test_a_run_resumed_in_the_middle_of_a_rung_asks_what_it_would_have_asked(self):
        rows = self.climb({"context_length": 32768}, AUTO, ["context-edge"])
        units = [row["material_units"] for row in calls(rows, role="measured")]
        cut = next(row["seq"] for row in calls(rows, phase=RUNG_16K, role="measured") if row["fill"] == 0.98)
        again = self.resume(rows, cut, {"models": [{**CLIMBER, "context_length": 32768}]})
        self.assertEqual([row["material_units"] for row in calls(again, role="measured")], units)
        self.assertEqual([row["reattempt"] for row in calls(again, role="measured")], [False] * 6 + [True] * 3)
        self.assertEqual(self.problems(again), [])

    def test_a_ladder_that_had_ended_stays_ended_in_a_resumed_run(self):
        rows = self.climb({"reduced_context": 16384})
        cut = next(row["seq"] for row in rows if row["type"] == "skipped" and row["phase"] == RUNG_64K)
        again = self.resume(rows, cut, {"models": [{**CLIMBER, "reduced_context": 16384}]})
        self.assertEqual(self.ended(again), self.ended(rows))
        self.assertEqual(self.problems(again), [])

    def test_ctrl_c_in_a_rung_ends_the_session_and_not_the_ladder(self):
        append = session.Session._append

        def press_ctrl_c(here: session.Session, record: dict) -> dict:
            here.stop.soon = record.get("phase") == RUNG_16K and record["role"] == "measured"
            return append(here, record)
        model = {**CLIMBER, "context_length": 16384}
        with mock.patch.object(session.Session, "_append", press_ctrl_c), self.assertRaises(AssertionError):
            self.climb({"context_length": 16384}, AUTO, ["context-edge"])       # which expects a run that is complete
        rows = ledgers.lines(self.out / run_folder.LEDGER)
        self.assertEqual((rows[-1]["sessions"][-1]["ended"], rows[-1]["done"]), ("interrupted", 6))
        again = self.resume(rows, len(rows), {"models": [model]})
        self.assertEqual([row["fill"] for row in calls(again, phase=RUNG_16K, role="measured")], [0.5, 0.98])
        self.assertEqual((reasons(again), self.problems(again)), (set(), []))

    def clear(self) -> None:
        (self.out / run_folder.LEDGER).unlink(missing_ok=True)


class ClimbingMachine(Machine):
    """A session without a server and with a clock of its own; whatever is written is learnt from."""

    def __init__(self, prefill_tok_s: float, decode_tok_s: float):
        super().__init__(prefill_tok_s, decode_tok_s)
        self.ladders = collections.defaultdict(Ladder)

    def make(self, asks: list, finding_of: object = None) -> list:
        calls = [call._replace(role=ask.role, phase=ask.step.phase, item=ask.step.item, options=ask.options, material_units=ask.units,
                               prompt_eval_ns=int(call.prompt_tokens / self.prefill_tok_s * 1e9), eval_tokens=ask.options["num_predict"],
                               eval_ns=int(ask.options["num_predict"] / self.decode_tok_s * 1e9), cached_tokens=None, placement=None)
                 for ask, call in zip(asks, super().make(asks))]
        if finding_of:
            calls[-1] = calls[-1]._replace(finding=finding_of(calls))
        for call in calls:
            self.ladders["alpha:1b"].observe(call)
        return calls


class TimeLimit(unittest.TestCase):
    def test_the_time_of_the_last_pass_is_kept_free_whatever_the_rungs_would_take(self):
        whole, passes = ClimbingMachine(400.0, 20.0), ClimbingMachine(400.0, 20.0)
        whole.work(ANCHORED, 10 ** 6, settings=plan.Settings(repeats=1, contexts=("16k", "32k"), rung_limit_s=10 ** 6))
        self.assertEqual(len(whole.made), 11 + 4)
        passes.work(ANCHORED, 10 ** 6, settings=plan.Settings(repeats=1))
        for share in (0.2, 0.5, 0.8):
            here, limit_s = ClimbingMachine(400.0, 20.0), (passes.now_ns + share * (whole.now_ns - passes.now_ns)) / 1e9
            with self.subTest(share=share):
                here.work(ANCHORED, limit_s, settings=plan.Settings(repeats=1, contexts=("16k", "32k"), rung_limit_s=10 ** 6))
                self.assertEqual(len([step for step in here.made if step.pass_ == "last"]), 3)
                self.assertEqual({reason for _, reason in here.skipped}, {"time-limit"})
                self.assertLess(here.now_ns / 1e9, 1.05 * limit_s)


if __name__ == "__main__":
    unittest.main()
