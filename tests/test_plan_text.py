"""The dry run's text: what a person should know about the machine and the run before starting."""
from __future__ import annotations

import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import plan, suites
from base.phases import PHASES
from measure import plan_text
from measure.models import ModelChoice


def circumstances(share: float | None = 0.02, load: float | None = 0.2, power: str | None = "ac", phases: tuple = PHASES,
                  limit_s: int | None = None, grades_code: bool = False) -> str:
    machine = {"busy_share": share, "load_average": load, "power_source": power}
    return " ".join(plan_text.format_circumstances(machine, list(phases), limit_s, grades_code).split())


class Circumstances(unittest.TestCase):
    def test_whether_the_machine_is_busy_now(self):
        for share, load, power, words in (
                (0.02, 0.2, "ac", "machine now 2 % of the processors are in use; load average 0.20 over the last minute time limit"),
                (0.02, 3.5, None, "2 % of the processors are in use; load average 3.50 over the last minute time limit"),
                (0.5, 0.1, "ac", "50 % of the processors are in use; load average 0.10 over the last minute; busy: close other programs"),
                (None, None, None, "machine now use of the processors unknown time limit"),
                (0.02, None, "battery", "2 % of the processors are in use; on battery: plug it in time limit")):
            with self.subTest(share=share, load=load, power=power):
                self.assertIn(words, circumstances(share, load, power))
        self.assertIn("another machine", plan_text.format_circumstances(None, [], None, False))

    def test_the_time_limit_in_force(self):
        self.assertIn("time limit none; --time-limit 90m would set one", circumstances())
        self.assertIn("time limit 1h30m; the rest of a phase is skipped once its next call does not fit; each later phase still gets what is left", circumstances(limit_s=5400))

    def test_what_the_flags_leave_open_is_named_with_the_flag_that_decides_it(self):
        text = " ".join(plan_text.format_circumstances(None, [], None, False, True, False).split())
        for words in ("models all of the above; --models LIST would measure some of them", "time limit none; --time-limit 90m",
                      "handle none yet; put your public name, in lower case, in place of HANDLE in the next command"):
            self.assertIn(words, text)
        self.assertIn("handle the run asks for it", " ".join(plan_text.format_circumstances(None, [], None, False, False, True).split()))
        for word in ("models", "handle"):
            self.assertNotIn(word, plan_text.format_circumstances(None, [], None, False))

    def test_whether_code_will_be_graded(self):
        self.assertIn("code grading off: answers of python-tasks get no verdict; --grade-code", circumstances())
        self.assertIn("code grading on: the models' Python answers are run in a sandbox", circumstances(grades_code=True))
        self.assertNotIn("code grading", circumstances(phases=("small-eval",)))


def model(name: str, *capabilities: str) -> dict:
    return {"name": name, "quantization": "Q4_K_M", "size_bytes": 1_300_000_000, "parameter_size": "1.2B", "context_length": 8192,
            "capabilities": list(capabilities)}


class Thinking(unittest.TestCase):
    def plan(self, *models: dict, thinking: bool | None = None) -> str:
        phases = ["frozen-prompts", "small-eval"]
        settings = plan.Settings(thinking=thinking).with_models(list(models))
        return " ".join(plan_text.format_plan(ModelChoice(list(models), [], []), phases, {name: suites.load(name) for name in phases}, settings).split())

    def test_which_models_can_think_is_in_the_list_and_in_the_plan(self):
        models = [model("a:1b", "completion"), model("b:1b", "completion", "thinking"), model("c:1b")]
        listed = plan_text.format_models(ModelChoice(models, [{"name": "d", "reason": "runs on another machine (cloud)"}], []))
        for text, first in ((listed, "model"), (self.plan(*models), "a:1b")):
            for name, answer in (("a:1b", "no"), ("b:1b", "yes"), ("c:1b", "unknown")):
                with self.subTest(first=first, name=name):
                    self.assertRegex(text, rf"{name} [^:]*?{answer}\b")
        self.assertLessEqual(max(map(len, listed.splitlines())), 80)

    def test_the_plan_says_what_is_added_if_a_model_always_thinks(self):
        self.assertNotIn("More than that", self.plan(model("a:1b", "completion")))
        text = self.plan(model("a:1b", "completion"), model("b:1b", "completion", "thinking"))
        self.assertIn("(b:1b): up to 4096 answer tokens for each call but those of the frozen prompts, 20480 in all", text)     # 5 items


class Together(unittest.TestCase):
    def test_models_with_the_same_work_in_a_phase_share_a_row(self):
        # The plan of five models once had 31 rows, most of them the same.
        work = [["frozen-prompts", "a:1b", 18, 100, 200], ["small-eval", "a:1b", 5, 10, 20], ["frozen-prompts", "b:1b", 18, 100, 200],
                ["small-eval", "b:1b", 5, 30, 20], ["parallel-mixed", "skipped: it needs 2 models", 80, None, None]]
        self.assertEqual(plan_text.by_phase(work), [
            ["frozen-prompts", "each of 2 models", 36, 200, 400], ["small-eval", "a:1b", 5, 10, 20], ["small-eval", "b:1b", 5, 30, 20],
            ["parallel-mixed", "skipped: it needs 2 models", 80, None, None]])


if __name__ == "__main__":
    unittest.main()
