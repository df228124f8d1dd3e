"""The comparison of two runs: planted ratios are recovered, differing conditions are excluded, and chance is recognised."""
from __future__ import annotations

import hashlib
import math
import unittest

import ledgers
import support
from ledgers import call, footer, meta

from base import records, schema
from derive import comparison_text, paired_comparison, run_diff, summary
from derive.distribution import Stat

OTHER_ID = "1b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
ITEMS = [f"5Q-Q{n:02d}" for n in range(1, 13)]
PHASES = ("frozen-prompts", "small-eval", "parallel-same", "parallel-mixed", "context-edge")


def manifest(**changes: object) -> dict:
    suites = [support.record("suite", phase=phase, version="1.0", sha256=hashlib.sha256(phase.encode()).hexdigest())
              for phase in PHASES]
    return ledgers.manifest(**{"suites": suites, "options": {"temperature": 0, "num_batch": 512}, "num_ctx": 4096,
                               "knobs": {"think": False}, "context_num_ctx": 8192, "platform": "Linux x86_64",
                               "python": "3.11.7", "harness_version": "1.0.0", **changes})


def other(**changes: object) -> dict:
    return manifest(run_id=OTHER_ID, **changes)


def calls(**changes: object) -> list:
    """A call for each of twelve items, no two alike."""
    return [call(**{"item": item, "ttft_ms": 20 + n, "gap_ms": 10 + n / 10, "prompt": 200 + n, **changes})
            for n, item in enumerate(ITEMS)]


def wave(level: int, number: int, gap_ms: float = 10, **changes: object) -> list:
    return [call(gap_ms=gap_ms, phase="parallel-same", item=f"20Q-Q{number * level + slot:02d}", level=level, wave=number,
                 slot=slot, **changes) for slot in range(level)]


def side(manifest_: dict, made: list, witness: object, graders: dict, hardware: dict | None = None, complete: bool = True,
         grades: dict | None = None) -> run_diff.ComparedRun:
    head = call(role="calibration", phase="calibration", item="CAL", finding={"head_tokens": 20})
    lines = [meta(run_id=manifest_["run_id"]), head, *made, footer(len(made), complete=complete)]
    found = summary.summarize(manifest_, ledgers.typed(lines), graders, grades, witness)
    return run_diff.ComparedRun(manifest_, {**found, "ledger_sha256": "0" * 64}, hardware)


def compared(a: list, b: list, graders: dict | None = None, one: dict | None = None, two: dict | None = None,
             only: str | None = None, hardware: tuple = (None, None)) -> dict:
    """The comparison of two runs of these calls; what the schema refuses, no test sees."""
    baseline = paired_comparison.BaselineCalls(only)
    first = side(one or manifest(), a, baseline, graders or {}, hardware[0])
    pairs = paired_comparison.PairedCalls(baseline)
    second = side(two or other(), b, pairs, graders or {}, hardware[1])
    found = paired_comparison.document(first, second, pairs)
    wrong = schema.problems(found, "comparison")
    assert not wrong, wrong
    assert list(found) == [field.name for field in records.RECORDS["comparison"]]
    return found


def cell(found: dict, phase: str = "small-eval", level: int | None = None, models: tuple = ("m:1b",)) -> dict:
    return next(row for row in found["cells"] if (row["phase"], row["level"], tuple(row["models"])) == (phase, level, models))


def figure(found: dict, name: str, *where: object) -> dict:
    return next(row for row in cell(found, *where)["figures"] if row["figure"] == name)


def keys(found: dict) -> dict:
    return {row["key"]: row for row in found["differences"]}


class Ratios(unittest.TestCase):
    def test_a_doubled_decode_rate_is_the_only_difference_found(self):
        faster = [call(item=one["item"], ttft_ms=one["first_text_ns"] / 1e6, gap_ms=(10 + n / 10) / 2, prompt=200 + n)
                  for n, one in enumerate(calls())]
        found = compared(calls(), faster)
        decode = figure(found, "decode_tok_s")
        self.assertEqual({name: decode[name] for name in ("n", "ratio", "low", "high", "verdict", "says")},
                         {"n": 12, "ratio": 2, "low": 2, "high": 2, "verdict": "faster", "says": "B is 100.0 % faster"})
        for name in ("ttft_ms", "prefill_tok_s"):
            self.assertEqual((figure(found, name)["ratio"], figure(found, name)["verdict"]), (1, "none-shown"))
        self.assertLess(figure(found, "total_ms")["ratio"], 0.6)
        self.assertRegex(figure(found, "total_ms")["says"], r"\AB takes 4\d\.\d % less time\Z")

    def test_more_time_is_slower_and_more_tokens_a_second_are_faster(self):
        for name, stat, expected in (
                ("ttft_ms", (1.25, 1.2, 1.3), ("slower", "B takes 25.0 % more time")),
                ("total_ms", (0.8, 0.7, 0.9), ("faster", "B takes 20.0 % less time")),
                ("decode_tok_s", (0.8, 0.7, 0.9), ("slower", "B is 20.0 % slower")),
                ("wave_tok_s", (1.0004, 1.0002, 1.0006), ("faster", "B is less than 0.1 % faster")),
                ("prefill_tok_s", (1.4, 0.99, 1.8), ("none-shown", "no difference shown")),
                ("prefill_tok_s", (1.4, 1, 1.8), ("none-shown", "no difference shown"))):
            with self.subTest(name=name, stat=stat):
                self.assertEqual(paired_comparison.verdict_on(name, Stat(20, stat[0], 0, 0, 0, 0, *stat[1:])), expected)

    def test_with_fewer_than_six_pairs_no_difference_is_shown(self):
        for n, verdict in ((5, "none-shown"), (6, "faster")):
            with self.subTest(n=n):
                fast = [call(item=item, gap_ms=1, prompt=300) for item in ITEMS[:n]]
                found = figure(compared(calls()[:n], fast), "decode_tok_s")
                self.assertEqual((found["n"], found["verdict"]), (n, verdict))

    def test_six_pairs_are_the_fewest_for_a_95_percent_interval(self):
        self.assertLess(1 - 2 / 2 ** (paired_comparison.MIN_PAIRS - 1), 0.95)
        self.assertGreaterEqual(1 - 2 / 2 ** paired_comparison.MIN_PAIRS, 0.95)

    def test_total_times_of_answers_with_different_lengths_are_not_compared(self):
        longer = [call(item=item, ttft_ms=20 + n, tokens=41 if n < 6 else 21, prompt=200 + n) for n, item in enumerate(ITEMS)]
        found = compared(calls(), longer)
        self.assertEqual((figure(found, "total_ms")["n"], figure(found, "ttft_ms")["n"]), (6, 12))

    def test_short_answers_and_prompts_are_paired_without_rates(self):
        found = compared(calls(tokens=5, prompt=30), calls(tokens=5, prompt=30))
        self.assertEqual([row["n"] for row in cell(found)["figures"]], [12, 0, 0, 12])
        self.assertEqual(figure(found, "decode_tok_s")["says"], "no difference shown: fewer than 6 pairs")

    def test_calls_are_paired_by_repeat_and_pass(self):
        def frozen(first_ms: float, last_ms: float) -> list:
            return [call(gap_ms=gap_ms * repeat, phase="frozen-prompts", item=f"P-{n}", repeat=repeat, **{"pass": pass_})
                    for pass_, gap_ms in (("first", first_ms), ("last", last_ms)) for repeat in (1, 2, 3) for n in range(3)]
        self.assertEqual(figure(compared(frozen(10, 40), frozen(5, 20)), "decode_tok_s", "frozen-prompts")["low"], 2)

    def test_waves_are_compared_by_level(self):
        a, b = ([one for level, waves in ((2, 6), (4, 5)) for number in range(waves) for one in wave(level, number, gap_ms)]
                for gap_ms in (10, 5))
        found = compared(a, b)
        self.assertEqual({(row["level"], row["pairs"]) for row in found["cells"]}, {(2, 12), (4, 20)})
        self.assertEqual([figure(found, "wave_tok_s", "parallel-same", level)["n"] for level in (2, 4)], [6, 5])
        self.assertEqual(figure(found, "wave_tok_s", "parallel-same", 2)["verdict"], "faster")
        self.assertEqual(figure(found, "decode_tok_s", "parallel-same", 2)["ratio"], 2)

    def test_short_waves_and_waves_with_a_failure_have_no_throughput(self):
        good, short = wave(4, 0), wave(4, 1)[:3]
        failed = wave(4, 2)
        failed[1]["outcome"] = "cut"
        found = compared(good + short + failed, good + short + wave(4, 2))
        self.assertEqual(figure(found, "wave_tok_s", "parallel-same", 4)["n"], 1)
        self.assertEqual((cell(found, "parallel-same", 4)["pairs"], cell(found, "parallel-same", 4)["failed_a"]), (11, 1))

    def test_a_wave_of_two_models_has_its_own_cell_and_its_calls_are_with_their_models(self):
        two = [support.record("model", name=name, digest=hashlib.sha256(name.encode()).hexdigest(), format="gguf")
               for name in ("m:1b", "n:3b")]

        def mixed(gap_ms: float) -> list:
            return [call(gap_ms=gap_ms, phase="parallel-mixed", item=f"20M-Q{number}{slot}", level=2, wave=number, slot=slot,
                         model=("m:1b", "n:3b")[slot]) for number in range(7) for slot in range(2)]
        found = compared(mixed(10), mixed(5), one=manifest(models=two), two=other(models=two))
        both = cell(found, "parallel-mixed", 2, ("m:1b", "n:3b"))
        self.assertEqual([(row["figure"], row["n"], row["verdict"]) for row in both["figures"]], [("wave_tok_s", 7, "faster")])
        self.assertEqual([row["figure"] for row in cell(found, "parallel-mixed", 2)["figures"]], list(paired_comparison.RATIOS[:-1]))
        self.assertEqual(figure(found, "decode_tok_s", "parallel-mixed", 2, ("n:3b",))["n"], 7)


class Pairs(unittest.TestCase):
    def test_missing_calls_are_counted_on_the_side_that_has_them(self):
        found = cell(compared(calls()[:10], calls()[3:]))
        self.assertEqual([found[name] for name in ("pairs", "only_a", "only_b", "unlike")], [7, 3, 2, 0])

    def test_failures_are_counted_and_are_in_no_ratio(self):
        broken = calls()
        broken[0]["outcome"], broken[1]["outcome"] = "cut", "timeout"
        found = compared(calls(), broken)
        self.assertEqual([cell(found)[name] for name in ("pairs", "failed_a", "failed_b")], [12, 0, 2])
        self.assertEqual(figure(found, "decode_tok_s")["n"], 10)

    def test_different_prompts_with_the_same_id_are_not_paired(self):
        found = cell(compared(calls(), calls(prompt_sha256="1" * 64)))
        self.assertEqual((found["pairs"], found["unlike"], found["figures"][0]["n"]), (0, 12, 0))

    def test_two_spellings_of_a_model_name_are_the_same_model(self):
        spelt = [{**model, "name": "library/M:1B"} for model in manifest()["models"]]
        found = compared(calls(), calls(model="library/M:1B"), two=other(models=spelt))
        self.assertEqual((cell(found)["pairs"], cell(found)["same_model"]), (12, True))

    def test_the_comparison_can_be_limited_to_one_model(self):
        models = manifest()["models"] + [support.record("model", name="n:3b", digest="1" * 64)]
        both = calls() + wave(2, 0) + calls(model="n:3b") + wave(2, 0, model="n:3b")
        found = compared(both, both, one=manifest(models=models), two=other(models=models), only="n:3b")
        self.assertEqual({(*row["models"], row["phase"]) for row in found["cells"]},
                         {("n:3b", "small-eval"), ("n:3b", "parallel-same")})
        self.assertEqual(figure(found, "wave_tok_s", "parallel-same", 2, ("n:3b",))["n"], 1)

    def test_a_duplicate_call_is_paired_once(self):
        found = cell(compared(calls() + calls(), calls() + calls()))
        self.assertEqual((found["pairs"], found["only_b"]), (12, 12))

    def test_nothing_in_common_is_not_comparable(self):
        for what, b in (("other phase", calls(phase="python-tasks")), ("other items", calls(item="5Q-Q99")), ("no calls", [])):
            with self.subTest(what):
                self.assertFalse(compared(calls(), b)["comparable"])


class Noise(unittest.TestCase):
    HARDWARE = {"system": {"name": {"value": "Debian", "method": "x"}}}

    def test_two_runs_without_a_difference_give_the_noise_floor(self):
        found = compared(calls(), calls(), hardware=(self.HARDWARE, self.HARDWARE))
        self.assertEqual((found["noise_floor"], found["differences"], found["same_run"]), (True, [], False))
        self.assertIn("the intervals above are the noise floor", comparison_text.render(found))
        self.assertIn("The runs have no relevant difference.", comparison_text.render(found))

    def test_unknown_hardware_is_mentioned_with_the_noise_floor(self):
        found = compared(calls(), calls())
        self.assertTrue(found["noise_floor"])
        self.assertEqual([row["effect"] for row in found["differences"]], ["unknown"])
        self.assertIn("as far as the files show: hardware is not known for both", comparison_text.render(found))

    def test_a_run_compared_with_itself_gives_no_noise_floor(self):
        found = compared(calls(), calls(), two=manifest())
        self.assertEqual((found["same_run"], found["noise_floor"], figure(found, "ttft_ms")["ratio"]), (True, False, 1))

    def test_runs_with_a_possible_cause_give_no_noise_floor(self):
        for what, two in (("device", other(device_tag="mac-m2-8gb")), ("harness", other(harness_sha256="1" * 64)),
                          ("python", other(python="3.9.18")), ("field", other(knobs={"think": False, "keep_alive": "1m"}))):
            with self.subTest(what):
                self.assertFalse(compared(calls(), calls(), two=two)["noise_floor"])
        self.assertTrue(compared(calls(), calls(), two=other(repeats=5))["noise_floor"], "more repeats touch no pair")

    def test_the_noise_floor_is_taken_from_the_frozen_prompts(self):
        def frozen(factor: float) -> list:
            return [call(ttft_ms=20 * factor ** (n % 3), phase="frozen-prompts", item=f"P-{n}", **{"pass": "first"})
                    for n in range(9)]
        found = compared(frozen(1) + calls(), frozen(1.5) + calls(ttft_ms=500))
        row = figure(found, "ttft_ms", "frozen-prompts")
        self.assertEqual(paired_comparison.noise(found)["ttft_ms"], max(abs(row["low"] - 1), abs(row["high"] - 1)))


class Answers(unittest.TestCase):
    GRADERS = {item: {"kind": "exact", "accept": ["B"]} for item in ITEMS}

    def test_an_answer_that_changed_is_named_by_its_item(self):
        b = calls()
        b[0]["answer"], b[1]["outcome"], b[2]["outcome"] = "C", "length", "cut"
        found = cell(compared(calls(), b, self.GRADERS))["answers"]
        self.assertEqual([found[name] for name in ("n", "right_a", "right_b", "gained", "lost", "changed")],
                         [10, 10, 9, 0, 1, 3])
        self.assertEqual([(row["item"], row["a"], row["b"]) for row in found["changes"]],
                         [(ITEMS[0], "right", "wrong"), (ITEMS[1], "right", "censored"), (ITEMS[2], "right", "failed")])
        self.assertEqual((found["verdict"], found["says"]), ("none-shown", "no difference shown"))

    def test_many_changes_in_one_direction_are_more_than_chance(self):
        wrong = calls(answer="C")
        self.assertEqual(cell(compared(calls(), wrong, self.GRADERS))["answers"]["verdict"], "fewer-right")
        self.assertEqual(cell(compared(wrong, calls(), self.GRADERS))["answers"]["verdict"], "more-right")

    def test_the_sign_test_is_exact(self):
        for gained, lost, chance in ((0, 0, True), (5, 0, True), (6, 0, False), (0, 6, False), (8, 1, False), (7, 1, True),
                                     (9, 2, True), (10, 2, False), (50, 50, True)):
            changed = gained + lost
            p = min(1.0, 2 * sum(math.comb(changed, k) for k in range(min(gained, lost) + 1)) / 2 ** changed)
            with self.subTest(gained=gained, lost=lost):
                self.assertEqual((paired_comparison.is_chance(gained, lost), p >= 0.05), (chance, chance))

    def test_ungraded_code_counts_as_ungraded_and_ungraded_items_have_no_answers(self):
        graders = {item: {"kind": "python", "entry": "f", "tests": ""} for item in ITEMS}
        found = cell(compared(calls(), calls(), graders))["answers"]
        self.assertEqual((found["n"], found["changed"]), (0, 0))
        self.assertIsNone(cell(compared(calls(), calls()))["answers"])

    def test_listed_changes_are_limited_and_counted_ones_are_not(self):
        most, paired_comparison.MAX_CHANGES = paired_comparison.MAX_CHANGES, 4
        self.addCleanup(setattr, paired_comparison, "MAX_CHANGES", most)
        found = cell(compared(calls(), calls(answer="C"), self.GRADERS))["answers"]
        self.assertEqual((found["changed"], len(found["changes"])), (12, 4))


class Text(unittest.TestCase):
    def test_the_parts_are_in_order_and_every_number_has_its_n(self):
        graders = Answers.GRADERS
        b = calls(answer="C")[:-1]
        b[0]["outcome"] = "cut"
        text = comparison_text.render(compared(calls(), b, graders, two=other(python="3.9.18", device_tag="mac-m2-8gb")))
        places = [text.index(part) for part in ("synthetic: A and B", "A  run-", "Differences:", "effect",
                                                "B/A, the median of n pairs", "TTFT", "Answers:",
                                                "Calls without a ratio:")]
        self.assertEqual(places, sorted(places))
        self.assertIn("5Q-Q02: right in A, wrong in B", text)
        self.assertIn("m:1b, small-eval: 1 only in A, 1 without figures in B", text)
        self.assertRegex(text, r"Of 4 intervals, about 0 may exclude 1 by chance\.")
        self.assertNotIn("None", text)
        self.assertNotIn("by chance", comparison_text.render(compared(calls()[:3], calls()[:3])))

    def test_every_effect_and_figure_has_a_text(self):
        self.assertEqual(set(comparison_text.EFFECTS) | {"left-out"}, set(records.EFFECTS))
        self.assertEqual(set(comparison_text.SHORT), set(records.COMPARED))
        self.assertEqual(paired_comparison.RATIOS[-1], "wave_tok_s")

    def test_changes_that_are_not_listed_are_counted(self):
        most, comparison_text.SHOWN_CHANGES = comparison_text.SHOWN_CHANGES, 5
        self.addCleanup(setattr, comparison_text, "SHOWN_CHANGES", most)
        self.assertIn("  and 7 more", comparison_text.render(compared(calls(), calls(answer="C"), Answers.GRADERS)))


if __name__ == "__main__":
    unittest.main()
