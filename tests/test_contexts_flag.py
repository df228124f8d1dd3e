"""The flags of the context ladder: what they plan, what is refused, and that without them nothing changes."""
from __future__ import annotations

import unittest

import support

from base import plan, schema, suites
from base.errors import UserError
from base.phases import PHASES, RUNG_CONTEXTS
from commands.run_benchmark import parse_args
from derive import run_report
from measure import models, options, plan_text, run_setup
from mutants import valid


def rungs(settings: plan.Settings, trained: int | None) -> list:
    model = {"name": "m:1b", "capabilities": ["completion"], "context_length": trained}
    return settings.with_models([model]).rungs_of("m:1b")


class Flags(unittest.TestCase):
    def settings(self, *arguments: str) -> plan.Settings:
        return options.settings(parse_args(list(arguments)))

    def test_a_list_names_rungs_in_any_order_and_the_plain_phase_is_always_planned(self):
        settings = self.settings("--contexts", "64K, 8k,16k")
        self.assertEqual((settings.contexts, settings.rung_limit_s), (("8k", "16k", "64k"), 600))
        self.assertEqual(rungs(settings, 4096), ["context-edge-16k", "context-edge-64k"])
        args = parse_args(["--phases", "small-eval", "--contexts", "32k"])
        self.assertEqual(options.planned_phases(args), ["small-eval", "context-edge"])

    def test_auto_plans_what_each_model_was_trained_for(self):
        settings = self.settings("--contexts", "auto", "--rung-limit", "90s")
        self.assertEqual(settings.rung_limit_s, 90)
        for trained, count in ((4096, 0), (16383, 0), (16384, 1), (40_000, 2), (131072, 4), (10 ** 7, 5), (None, 5)):
            self.assertEqual(rungs(settings, trained), list(RUNG_CONTEXTS)[:count], trained)

    def test_what_makes_no_sense_is_refused(self):
        for arguments, words in ((("--contexts", "9k"), "is not a rung"), (("--contexts", "auto,8k"), "is not a rung"), (("--contexts", ","), "the list is empty"),
                                 (("--rung-limit", "5m"), "without --contexts"), (("--contexts", "auto", "--rung-limit", "soon"), "soon")):
            with self.subTest(arguments), self.assertRaises(UserError) as caught:
                self.settings(*arguments)
            self.assertIn(words, str(caught.exception))
        with self.assertRaises(UserError) as caught:
            options.phases("context-edge-16k")
        self.assertIn("--contexts 16k", str(caught.exception))

    def test_the_dry_run_lists_each_rung_and_what_one_speed_cannot_predict(self):
        model = {**support.record("model"), "name": "m:1b", "digest": "1a" * 32, "size_bytes": 1, "capabilities": ["completion"], "context_length": 40_000}
        choice, loaded = models.ModelChoice([model], [], []), {"context-edge": suites.load("context-edge")}
        settings = plan.Settings(contexts=("auto",), rung_limit_s=90).with_models(choice.models)
        text = plan_text.format_plan(choice, ["context-edge"], loaded, settings)
        self.assertRegex(text, r"context-edge-16k +m:1b +2 +128 +24248\n")
        self.assertRegex(text, r"context-edge-32k +m:1b +2 +128 +48496\n")
        self.assertNotIn("context-edge-64k", text)
        self.assertIn("9 calls in all", text)
        self.assertIn("more than 1m30s is", " ".join(text.split()))

    def test_a_resumed_run_keeps_its_ladder(self):
        manifest = valid.manifest_of(["frozen-prompts", "context-edge"], plan.Settings(contexts=("16k",)), dict(list(valid.MODELS.items())[:1]))
        options.check_same_plan(parse_args(["--contexts", "16k", "--phases", "frozen-prompts"]), manifest)
        for arguments in (("--contexts", "auto"), ("--contexts", "16k", "--rung-limit", "1m")):
            with self.subTest(arguments), self.assertRaises(UserError):
                options.check_same_plan(parse_args(list(arguments)), manifest)

    def test_the_command_that_repeats_a_run_plans_the_same_ladder(self):
        settings = plan.Settings(contexts=("auto",), rung_limit_s=120)
        manifest = valid.manifest_of(["context-edge"], settings, dict(list(valid.MODELS.items())[:1]))
        words = run_report.command(manifest, {"aggregates": []}).split()
        again = parse_args(words[2:])
        self.assertEqual((again.phases, options.contexts(again), again.rung_limit), ("context-edge", ("auto",), "120s"))


class Without(unittest.TestCase):
    def test_neither_plan_nor_manifest_changes(self):
        manifest = valid.manifest_of(list(PHASES), plan.Settings(), valid.MODELS)
        self.assertEqual(manifest["schema"], "manifest-1.0")
        self.assertNotIn("contexts", manifest)
        self.assertLessEqual({row["phase"] for row in manifest["plan"]}, set(PHASES))

    def test_with_them_the_plan_has_more_rows_and_the_version_steps(self):
        settings = plan.Settings(contexts=("16k", "32k"))
        manifest = valid.manifest_of(list(PHASES), settings, valid.MODELS)
        self.assertEqual((manifest["schema"], schema.problems(manifest, "manifest")), ("manifest-1.1", []))
        self.assertEqual(manifest["contexts"], {"asked": ["16k", "32k"], "rung_limit_s": 600})
        before = valid.manifest_of(list(PHASES), plan.Settings(), valid.MODELS)
        self.assertEqual(manifest["planned_calls"], before["planned_calls"] + 2 * 2 * len(valid.MODELS))
        self.assertEqual(manifest["suites"], before["suites"])
        self.assertEqual(plan.settings_of(manifest).contexts, settings.contexts)
        self.assertEqual(run_setup.newer_fields(plan.Settings()), {})

    def test_rungs_come_after_the_plain_phases_and_before_the_last_pass(self):
        loaded = {phase: suites.load(phase) for phase in PHASES}
        block = plan.blocks(["m:1b"], list(PHASES), loaded, plan.Settings(contexts=("16k", "256k")))[0]
        self.assertEqual([(stage.phase, stage.num_ctx) for stage in block.stages[-4:]], [
            ("context-edge", 8192), ("context-edge-16k", 16384), ("context-edge-256k", 262144), ("frozen-prompts", 4096)])


if __name__ == "__main__":
    unittest.main()
