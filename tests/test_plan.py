"""The plan: which calls there are, in which order, and that nothing but its arguments decides."""
from __future__ import annotations

import unittest
from types import SimpleNamespace

import support

from base import plan, suites
from base.ledger_records import typed
from base.phases import PHASES, THINKING_PHASES

ALL = list(PHASES)
MODELS = ["small", "middle", "large"]


def suite(count: int, levels: tuple = (), fills: tuple = ()) -> SimpleNamespace:
    items = tuple(SimpleNamespace(id=f"I{n:02d}", fill=fills[n] if fills else None) for n in range(count))
    return SimpleNamespace(items=items, levels=levels)


SUITES = {"frozen-prompts": suite(3), "small-eval": suite(5), "python-tasks": suite(12),
          "parallel-same": suite(20, (1, 2, 4, 8)), "parallel-mixed": suite(20, (1, 2, 4, 8)),
          "context-append": suite(4, fills=(0.25, 0.5, 0.75, 1.0)), "context-edge": suite(2, fills=(0.5, 0.9))}
SHARES = {"frozen-prompts": 18, "small-eval": 5, "python-tasks": 12, "parallel-same": 80, "context-append": 4,
          "context-edge": 2}


def planned(models: list = MODELS, phases: list = ALL, **changes: object) -> list:
    return plan.blocks(models, phases, SUITES, plan.Settings(**changes))


def steps(blocks: list) -> list:
    return [step for block in blocks for step in block.steps]


class Counts(unittest.TestCase):
    def test_calls_of_each_phase(self):
        rows = {(phase, model): calls for phase, model, calls in plan.summary(planned())}
        expected = {(phase, model): calls for model in MODELS for phase, calls in SHARES.items()}
        self.assertEqual(rows, {**expected, ("parallel-mixed", None): 80})
        self.assertEqual(len(steps(planned())), 3 * sum(SHARES.values()) + 80)

    def test_each_phase_alone(self):
        for phase in ALL:
            with self.subTest(phase):
                calls = 80 if phase == "parallel-mixed" else 3 * SHARES[phase]
                self.assertEqual(len(steps(planned(phases=[phase]))), calls)
                self.assertEqual({step.phase for step in steps(planned(phases=[phase]))}, {phase})

    def test_settings_change_the_counts(self):
        for changes, phase, calls in (({"repeats": 1}, "frozen-prompts", 6), ({"repeats": 5}, "frozen-prompts", 30),
                                      ({"levels": (2,)}, "parallel-same", 20), ({"levels": (1, 3, 5)}, "parallel-same", 60),
                                      ({"levels": (1,)}, "parallel-mixed", 20)):
            with self.subTest(changes):
                models = ["a", "b"] if phase == "parallel-mixed" else ["a"]
                self.assertEqual(len(steps(planned(models, [phase], **changes))), calls)

    def test_nothing_to_measure_gives_no_blocks(self):
        self.assertEqual(planned(models=[]), [])
        self.assertEqual(planned(phases=[]), [])
        self.assertEqual(plan.summary([]), [])

    def test_the_real_suites_give_what_their_files_hold(self):
        real = {phase: suites.load(phase) for phase in ALL}
        rows = plan.summary(plan.blocks(["a", "b"], ALL, real, plan.Settings()))
        for phase, _, calls in rows:
            with self.subTest(phase):
                times = 2 * 3 if phase == "frozen-prompts" else len(real[phase].levels) or 1
                self.assertEqual(calls, times * len(real[phase].items))


class Order(unittest.TestCase):
    def test_each_model_alone_and_then_all_together(self):
        self.assertEqual([block.models for block in planned()],
                         [("small",), ("middle",), ("large",), ("small", "middle")])
        self.assertEqual([block.is_together for block in planned()], [False, False, False, True])
        for block in planned()[:3]:
            self.assertEqual({step.model for step in block.steps}, set(block.models))

    def test_the_frozen_prompts_stand_first_and_last_in_each_model_s_block(self):
        for block in planned()[:3]:
            self.assertEqual([(stage.phase, stage.pass_) for stage in block.stages], [
                ("frozen-prompts", "first"), ("small-eval", None), ("python-tasks", None), ("parallel-same", None),
                ("context-append", None), ("context-edge", None), ("frozen-prompts", "last")])
            self.assertEqual({step.pass_ for step in block.stages[0].steps}, {"first"})
            self.assertEqual({step.pass_ for step in block.stages[-1].steps}, {"last"})

    def test_the_order_of_the_phases_asked_for_does_not_matter(self):
        self.assertEqual(planned(phases=ALL[::-1]), planned())

    def test_frozen_prompts_go_round_repeat_by_repeat(self):
        stage = planned(["a"], ["frozen-prompts"])[0].stages[0]
        self.assertEqual([(step.repeat, step.item) for step in stage.steps],
                         [(repeat, f"I{n:02d}") for repeat in (1, 2, 3) for n in range(3)])
        self.assertTrue(all(len(group) == 1 for group in stage.groups))

    def test_a_conversation_is_one_and_its_turns_stand_in_order(self):
        stage, = planned(["a"], ["context-append"])[0].stages
        self.assertTrue(stage.is_conversation)
        self.assertEqual([(step.item, step.fill) for step in stage.steps],
                         [("I00", 0.25), ("I01", 0.5), ("I02", 0.75), ("I03", 1.0)])
        for other in planned(["a"], [phase for phase in ALL if phase != "context-append"])[0].stages:
            self.assertFalse(other.is_conversation)


class Waves(unittest.TestCase):
    def test_twenty_items_at_level_eight_are_waves_of_eight_eight_and_four(self):
        stage, = planned(["a"], ["parallel-same"], levels=(8,))[0].stages
        self.assertEqual([len(group) for group in stage.groups], [8, 8, 4])
        self.assertEqual([step.item for step in stage.steps], [f"I{n:02d}" for n in range(20)])
        for wave, group in enumerate(stage.groups):
            self.assertEqual([(step.level, step.wave, step.slot) for step in group],
                             [(8, wave, slot) for slot in range(len(group))])

    def test_every_level_asks_every_item_once(self):
        stage, = planned(["a"], ["parallel-same"])[0].stages
        self.assertEqual([len(group) for group in stage.groups], [1] * 20 + [2] * 10 + [4] * 5 + [8, 8, 4])
        self.assertEqual([group[0].level for group in stage.groups], [1] * 20 + [2] * 10 + [4] * 5 + [8] * 3)

    def test_calls_outside_the_parallel_phases_run_alone(self):
        for step in steps(planned(phases=[phase for phase in ALL if not phase.startswith("parallel")])):
            self.assertEqual((step.level, step.wave, step.slot), (1, None, 0))

    def test_mixed_waves_take_the_two_first_models_in_turns(self):
        block = planned(phases=["parallel-mixed"])[0]
        for group in block.stages[0].groups:
            for step in group:
                number = int(step.item[1:])
                self.assertEqual(step.model, ("small", "middle")[number % 2])
        for level in (1, 2, 4, 8):
            models = [step.model for step in block.steps if step.level == level]
            self.assertEqual((models.count("small"), models.count("middle")), (10, 10))

    def test_one_model_gives_the_mixed_phase_so_that_it_can_be_skipped(self):
        blocks = planned(["only"])
        self.assertTrue(blocks[-1].is_together)
        self.assertEqual(blocks[-1].models, ("only",))
        self.assertEqual(len(blocks[-1].steps), 80)


class Thinking(unittest.TestCase):
    ASKED = {"thinking": True, "thinking_budget": 512, "thinking_models": ("middle",)}

    def test_without_the_flag_the_plan_is_what_it_was(self):
        self.assertEqual(planned(thinking_models=("middle",), thinking_budget=512), planned())

    def test_the_items_of_three_phases_are_planned_once_more_for_models_that_can_think(self):
        rows = {(phase, model): calls for phase, model, calls in plan.summary(planned(**self.ASKED))}
        self.assertEqual({key: calls for key, calls in rows.items() if key[0] in THINKING_PHASES},
                         {("small-eval-thinking", "middle"): 5, ("python-tasks-thinking", "middle"): 12, ("parallel-same-thinking", "middle"): 20})
        self.assertEqual(sum(rows.values()), len(steps(planned())) + 5 + 12 + 20)

    def test_they_come_after_the_plain_phases_and_before_the_last_frozen_prompts(self):
        phases = [stage.phase for stage in planned(["middle"], **self.ASKED)[0].stages]
        self.assertEqual(phases[-4:], [*THINKING_PHASES, "frozen-prompts"])

    def test_only_the_phases_that_were_asked_for_have_a_second_way(self):
        self.assertEqual([stage.phase for stage in planned(["middle"], ["small-eval", "context-edge"], **self.ASKED)[0].stages],
                         ["small-eval", "context-edge", "small-eval-thinking"])

    def test_thinking_calls_run_alone_whatever_the_levels_are(self):
        for step in steps(planned(["middle"], ["parallel-same"], levels=(2, 4), **self.ASKED)):
            if step.phase in THINKING_PHASES:
                self.assertEqual((step.level, step.slot), (1, 0))

    def test_context_and_limit_have_room_for_the_budget(self):
        settings = plan.Settings(**self.ASKED)
        for stage in planned(["middle"], **self.ASKED)[0].stages:
            self.assertEqual(stage.num_ctx, {"context-append": 8192, "context-edge": 8192}.get(stage.phase, 4096) + 512 * (stage.phase in THINKING_PHASES))
        self.assertEqual((settings.room_for_thoughts("small-eval-thinking"), settings.room_for_thoughts("small-eval")), (512, 0))
        self.assertEqual(settings.limit(96, 512), 608)

    def test_a_model_that_always_thinks_has_room_in_every_phase_but_the_frozen_prompts(self):
        settings = plan.Settings()
        for phase in ALL:
            with self.subTest(phase):
                room = 0 if phase == "frozen-prompts" else 4096
                self.assertEqual(settings.room_for_thoughts(phase, True), room)
                self.assertEqual(settings.context_of(phase, True), settings.context_of(phase) + room)

    def test_a_phase_that_nobody_knows_has_the_context_of_a_short_one(self):
        """A checker asks for whatever a ledger says, and must not fail on it."""
        self.assertEqual((plan.Settings().context_of("no such phase"), plan.Settings().context_of("no such phase", True)), (4096, 8192))

    def test_only_thinking_phases_are_told_to_think(self):
        settings = plan.Settings(**{**self.ASKED, "thinking": "low"})
        self.assertEqual({phase: settings.request_fields_for(phase)["think"] for phase in (*PHASES, *THINKING_PHASES)},
                         {**dict.fromkeys(PHASES, False), **dict.fromkeys(THINKING_PHASES, "low")})

    def test_no_two_steps_share_a_key(self):
        keys = [step.key for step in steps(planned(**self.ASKED))]
        self.assertEqual(len(set(keys)), len(keys))


class Keys(unittest.TestCase):
    def test_no_two_steps_share_a_key(self):
        for models, changes in ((MODELS, {}), (["a"], {}), (["a", "b"], {"levels": (1, 2, 3), "repeats": 7})):
            with self.subTest(models):
                keys = [step.key for step in steps(planned(models, **changes))]
                self.assertEqual(len(set(keys)), len(keys))

    def test_a_record_has_the_key_of_its_step(self):
        for step in steps(planned(["a", "b"])):
            record = support.record("skipped", phase=step.phase, model=step.model, item=step.item, repeat=step.repeat,
                                    level=step.level, **{"pass": step.pass_})
            self.assertEqual(typed(record).key, step.key)


class Purity(unittest.TestCase):
    def test_the_same_arguments_give_the_same_plan_and_stay_as_they_were(self):
        models, phases = list(MODELS), list(ALL)
        before = repr(SUITES)
        first, second = planned(models, phases), planned(models, phases)
        self.assertEqual(first, second)
        self.assertEqual(repr(first), repr(second))
        self.assertEqual((models, phases, repr(SUITES)), (MODELS, ALL, before))

    def test_a_plan_cannot_be_changed(self):
        block = planned()[0]
        for thing, name in ((block, "stages"), (block.stages[0], "groups"), (block.steps[0], "item")):
            with self.assertRaises(AttributeError):
                setattr(thing, name, None)


class SettingsTold(unittest.TestCase):
    def test_context_phases_have_a_context_of_their_own(self):
        for stage in planned(["a", "b"], num_ctx=2048, context_num_ctx=16384)[0].stages:
            self.assertEqual(stage.num_ctx, 16384 if stage.phase.startswith("context-") else 2048, stage.phase)
        together = planned(["a", "b"], num_ctx=2048, context_num_ctx=16384)[-1]
        self.assertEqual(together.stages[0].num_ctx, 2048)

    def test_one_limit_for_all_or_each_item_s_own(self):
        self.assertEqual(plan.Settings().limit(128), 128)
        self.assertEqual(plan.Settings(num_predict=64).limit(128), 64)

    def test_options_of_a_call_are_the_settings_with_context_and_limit(self):
        settings = plan.Settings()
        self.assertEqual(settings.options_for(4096, 128), {**settings.options, "num_ctx": 4096, "num_predict": 128})
        self.assertNotIn("num_ctx", settings.options)


if __name__ == "__main__":
    unittest.main()
