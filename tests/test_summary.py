"""The summary: what is planted in a ledger comes out of it, each figure with its n, and nothing is made up."""
from __future__ import annotations

import unittest

import ledgers
import support
from ledgers import MS, call, conditions, footer, meta

from base import records, schema
from derive import stability, summary, warning_rules

EDGE_POINTS = {"context-edge_tokens_at": [[0, 100], [6, 700], [30, 3100]]}


def summarised(*calls: dict, graders: dict | None = None, grades: dict | None = None, manifest: dict | None = None) -> dict:
    """Metadata of a ledger with these calls between its meta line and its footer."""
    counted = [one for one in calls if one["type"] == "skipped" or one["role"] == "measured"]
    skipped = sum(one["type"] == "skipped" for one in counted)
    lines = [meta(), *calls, footer(len(counted) - skipped, skipped)]
    found = summary.summarize(manifest or ledgers.manifest(planned_calls=len(counted)), ledgers.typed(lines),
                              graders or {}, grades)
    return {**found, "ledger_sha256": "0" * 64}


def finding(model: str = "m:1b", **found: object) -> dict:
    return call(role="calibration", phase="calibration", item="CAL", model=model, finding=found)


def frozen(pass_: str, repeat: int, gap_ms: float, item: str = "P-EASY", **changes: object) -> dict:
    return call(gap_ms=gap_ms, phase="frozen-prompts", item=item, repeat=repeat, **{"pass": pass_}, **changes)


def passes(first_ms: float, last_ms: float, **changes: object) -> list:
    """Both passes of three prompts, three times each; decode gaps grow by a thousandth from call to call."""
    return [frozen(pass_, repeat, gap_ms * (1 + n / 1000), item, **changes)
            for pass_, gap_ms in (("first", first_ms), ("last", last_ms))
            for repeat in (1, 2, 3) for n, item in enumerate(("P-EASY", "P-MEDIUM", "P-HARD"))]


def wave(level: int, number: int, starts_ms: list, tokens: int = 21, gap_ms: float = 10, **changes: object) -> list:
    return [call(tokens=tokens, gap_ms=gap_ms, phase="parallel-same", item=f"20Q-Q{slot:02d}", level=level, wave=number,
                 slot=slot, start_ns=round(start * MS), **changes) for slot, start in enumerate(starts_ms)]


def group(found: dict, phase: str = "small-eval", model: str = "m:1b", **key: object) -> dict:
    cell = next(row for row in found["aggregates"] if (row["phase"], row["model"]) == (phase, model))
    return next(row for row in cell["groups"] if all(row[name] == value for name, value in key.items()))


def codes(found: dict) -> list:
    return [row["code"] for row in found["warnings"]]


class Figures(unittest.TestCase):
    def test_planted_times_and_counts_come_out_as_they_are(self):
        found = summarised(finding(head_tokens=20), call(ttft_ms=35, gap_ms=8, tokens=41, prompt=420, prefill_tok_s=20_000))
        got = {name: stat and stat["median"] for name, stat in group(found, item="5Q-Q01")["metrics"].items()}
        self.assertEqual(got, {
            "ttft_ms": 35, "first_answer_ms": 35, "total_ms": 355,
            "prefill_tok_s": 19047.6,       # 420 tokens less 20 of the template, in 21 ms
            "decode_tok_s": 125, "client_decode_tok_s": 125, "tpot_ms": 8, "icl_p50_ms": 8, "icl_p99_ms": 8,
            "tokens_per_chunk": 1, "overhead_ms": 355 - 2 - 21 - 320, "prompt_tokens": 420,
            "eval_tokens": 41, "fill_reached": None, "energy_j_per_tok": None})

    def test_prompts_of_different_length_share_no_time_to_first_token(self):
        found = summarised(call(ttft_ms=10), call(ttft_ms=90, item="5Q-Q02"))
        pooled = group(found, item=None)["metrics"]
        self.assertIsNone(pooled["ttft_ms"])
        self.assertIsNone(pooled["prompt_tokens"])
        self.assertEqual(pooled["decode_tok_s"]["n"], 2)

    def test_a_failed_call_is_counted_and_supports_no_figure(self):
        for outcome in set(records.OUTCOMES) - set(records.SPEED_OUTCOMES):
            with self.subTest(outcome):
                found = summarised(call(), call(outcome=outcome, item="5Q-Q02"))
                self.assertEqual(found["outcomes"], {"ok": 1, outcome: 1})
                self.assertEqual(group(found, item="5Q-Q02")["metrics"]["decode_tok_s"], None)
                self.assertEqual(group(found, item=None)["metrics"]["decode_tok_s"]["n"], 1)

    def test_what_warms_up_or_calibrates_is_in_no_figure(self):
        found = summarised(finding(), call(role="warmup", item="WARM-UP"), call())
        self.assertEqual((found["done"], len(found["aggregates"])), (1, 1))

    def test_skipped_calls_stand_with_their_reasons(self):
        skip = support.record("skipped", role="measured", phase="context-edge", model="m:1b", item="CE-P01",
                              reason="context-too-small")
        found = summarised(call(), skip, {**skip, "item": "CE-P02"})
        self.assertEqual(found["aggregates"][1]["skips"], {"context-too-small": 2})
        self.assertEqual((found["done"], found["skipped"], found["planned"]), (1, 2, 3))

    def test_energy_is_divided_by_all_tokens_of_a_wave(self):
        state = conditions(energy_j=84.0)
        found = summarised(*wave(2, 0, [0, 0.2], conditions=state))
        self.assertEqual(group(found, "parallel-same", level=2)["metrics"]["energy_j_per_tok"]["median"], 2)

    def test_the_server_s_cached_count_is_used_where_it_tells(self):
        told = summarised(finding(head_tokens=20), call(prompt=420, cached_tokens=120, prompt_eval_ns=100 * MS))
        untold = summarised(finding(head_tokens=20), call(prompt=420, prompt_eval_ns=100 * MS))
        for found, basis, rate in ((told, "server", 3000), (untold, "nonce", 4000)):
            with self.subTest(basis):
                self.assertEqual(found["aggregates"][0]["prefill_basis"], basis)
                self.assertEqual(group(found, item="5Q-Q01")["metrics"]["prefill_tok_s"]["median"], rate)


class Conversation(unittest.TestCase):
    """context-append: what a turn adds is what its prefill is of."""

    def turn(self, number: int, prompt: int, prefill_ms: float, nonce: str = "1" * 18, **changes: object) -> dict:
        return call(prompt=prompt, phase="context-append", item=f"CA-T0{number}", fill=number / 10, nonce=nonce,
                    prompt_eval_ns=round(prefill_ms * MS), **changes)

    def rates(self, *turns: dict) -> list:
        found = summarised(finding(head_tokens=0), *turns)
        return [group(found, "context-append", item=turn["item"])["metrics"]["prefill_tok_s"] for turn in turns]

    def test_a_turn_that_reuses_its_prefix_has_a_rate_of_its_own_tokens(self):
        first, second, third = self.rates(self.turn(1, 1000, 100), self.turn(2, 2000, 100), self.turn(3, 3000, 112.5))
        self.assertIsNone(first)
        self.assertEqual((second["median"], third["median"]), (10_000, 8888.89))

    def test_a_turn_whose_rate_is_not_the_first_turn_s_has_none_and_that_is_said(self):
        """A checkpoint 260, 516 or 1,500 tokens back once gave rates of down to 39 % of the planted one."""
        for back in (260, 516, 1500):
            turns = [self.turn(1, 2000, 200), self.turn(2, 3000, 100 + back / 10), self.turn(3, 4000, 100 + back / 10)]
            with self.subTest(back):
                self.assertEqual(self.rates(*turns)[1:], [None, None])
                warned = summarised(finding(head_tokens=0), *turns)["warnings"]
                self.assertIn(("prefix-unclear", None, 2), [(row["code"], row["observed"], row["n"]) for row in warned])
                self.assertNotIn("prefix-recomputed", [row["code"] for row in warned])

    def test_with_the_server_s_count_the_rate_is_of_what_was_computed_whatever_came_from_the_cache(self):
        for back in (0, 260, 516, 1500):
            turns = [self.turn(1, 2000, 200, cached_tokens=0)] + [
                self.turn(n, 1000 + 1000 * n, 100 + back / 10, cached_tokens=1000 * n - back) for n in (2, 3)]
            with self.subTest(back):
                self.assertEqual([rate["median"] for rate in self.rates(*turns)[1:]], [10_000, 10_000])
                warned = summarised(finding(head_tokens=0), *turns)["warnings"]
                self.assertEqual([(row["observed"], row["n"]) for row in warned if row["code"] == "prefix-recomputed"],
                                 [(back, 2)] if back else [])
                self.assertNotIn("prefix-unclear", [row["code"] for row in warned])

    def test_a_ledger_of_the_first_format_is_judged_by_the_method_of_its_day(self):
        """A turn at four fifths of the first turn's rate: then taken over, now unclear, and no new warning for old runs."""
        turns = [self.turn(1, 1000, 100), self.turn(2, 2000, 125)]
        for version, rate, has_warning in (("ledger-1.0", 8000, False), (records.LEDGER_VERSION, None, True)):
            with self.subTest(version):
                lines = [{**meta(), "schema": version}, finding(head_tokens=0), *turns, footer(2, 0)]
                metadata = summary.summarize(ledgers.manifest(planned_calls=2), ledgers.typed(lines), {}, None)
                stat = group(metadata, "context-append", item="CA-T02")["metrics"]["prefill_tok_s"]
                self.assertEqual(stat and stat["median"], rate)
                self.assertEqual("prefix-unclear" in codes(metadata), has_warning)

    def test_nothing_is_told_of_a_turn_after_a_broken_one_or_of_another_conversation(self):
        broken = self.turn(2, 2000, 100, outcome="cut")
        self.assertEqual(self.rates(self.turn(1, 1000, 100), broken, self.turn(3, 3000, 100))[2], None)
        self.assertEqual(self.rates(self.turn(1, 1000, 100), self.turn(2, 2000, 100, nonce="2" * 18))[1], None)

    def test_a_turn_with_a_shorter_prompt_than_the_one_before_is_void(self):
        found = summarised(finding(head_tokens=0), self.turn(1, 3000, 100), self.turn(2, 2000, 100))
        self.assertEqual(found["aggregates"][0]["void"], 1)
        self.assertIn("truncated", codes(found))


class Context(unittest.TestCase):
    def edge(self, units: int, prompt: int, fill: float = 0.5, **changes: object) -> dict:
        return call(prompt=prompt, phase="context-edge", item=f"CE-P{units:02d}", fill=fill, material_units=units,
                    options={"num_ctx": 4096, "num_predict": 96}, **changes)

    def test_a_prompt_that_arrived_shorter_than_its_material_is_void(self):
        found = summarised(finding(**EDGE_POINTS), self.edge(20, 2100), self.edge(39, 2050, 0.98))
        self.assertEqual(found["aggregates"][0]["void"], 1)
        self.assertEqual(group(found, "context-edge", item="CE-P39")["metrics"]["ttft_ms"], None)
        self.assertEqual(group(found, "context-edge", item="CE-P20")["metrics"]["ttft_ms"]["n"], 1)

    def test_the_fill_that_was_reached_stands_beside_the_one_asked_for(self):
        found = summarised(finding(**EDGE_POINTS), self.edge(19, 2000), self.edge(20, 2300, 0.5, repeat=1))
        self.assertEqual(group(found, "context-edge", item="CE-P19")["metrics"]["fill_reached"]["median"], 0.5)
        self.assertEqual([(row["observed"], row["expected"]) for row in found["warnings"] if row["code"] == "fill-missed"],
                         [(0.575, 0.5)])

    def test_facts_that_came_back_are_counted_by_place(self):
        grader = {"kind": "contains_all", "terms": ["alpha", "beta", "gamma"]}
        found = summarised(finding(), self.edge(19, 2000, answer="alpha, gamma"), self.edge(20, 2000, answer="gamma"),
                           graders={"CE-P19": grader, "CE-P20": grader})
        recall = {row["place"]: (row["found"], row["n"]) for row in found["aggregates"][0]["quality"]["recall"]}
        self.assertEqual(recall, {"head": (1, 2), "middle": (0, 2), "tail": (2, 2)})


class Quality(unittest.TestCase):
    GRADERS = {"5Q-Q01": {"kind": "choice", "options": "ABCD", "answer": "B"}, "PY-T01": {"kind": "python"}, "20Q-Q07": None}

    def quality(self, *calls: dict, grades: dict | None = None) -> dict:
        return summarised(*calls, graders=self.GRADERS, grades=grades)["aggregates"][0]["quality"]

    def test_right_wrong_cut_and_failed_are_told_apart(self):
        found = self.quality(call(), call(answer="C"), call(answer="", outcome="empty"), call(outcome="length"),
                             call(outcome="stalled"))
        self.assertEqual({name: found[name] for name in ("n", "passed", "censored", "ungraded", "failed")},
                         {"n": 3, "passed": 1, "censored": 1, "ungraded": 0, "failed": 1})

    def test_code_has_the_footer_s_verdict_or_none(self):
        asked = call(phase="python-tasks", item="PY-T01")
        verdicts = {"1": {"passed": True, "reason": "passed"}, "2": {"passed": False, "reason": "wrong"}}
        found = self.quality(asked, asked, asked, grades=verdicts)
        self.assertEqual((found["n"], found["passed"], found["ungraded"]), (2, 1, 1))

    def test_right_answers_a_minute_count_the_time_of_the_wrong_ones(self):
        found = self.quality(call(end_ns=1000 * MS), call(answer="C", end_ns=2000 * MS))
        self.assertEqual((found["correct_per_minute"], found["time_to_correct_ms"]["n"]), (20, 1))

    def test_a_phase_without_right_answers_has_no_quality(self):
        self.assertIsNone(self.quality(call(item="20Q-Q07")))


class Waves(unittest.TestCase):
    def waves(self, *calls: dict) -> dict:
        return {row["level"]: row for row in summarised(*calls)["aggregates"][0]["waves"]}

    def test_calls_that_decode_together_are_parallel(self):
        found = self.waves(*wave(4, 0, [0, 0.1, 0.2, 0.3]), *wave(4, 1, [900, 900, 900, 900]))[4]
        self.assertEqual((found["full"], found["serialised"]), (2, False))
        self.assertAlmostEqual(found["parallelism"]["median"], 4, delta=0.02)
        self.assertEqual(found["start_spread_ms"]["max"], 0.3)
        # 21 tokens each, done 220 ms after the start: 84 tokens in 220.3 ms and in 220 ms.
        self.assertAlmostEqual(found["tok_s"]["median"], 84 / 0.22015, delta=0.2)

    def test_one_after_the_other_is_said_to_be_serialised(self):
        calls = [call(ttft_ms=20 + 250 * slot, phase="parallel-same", item=f"20Q-Q{slot:02d}", level=4, wave=0, slot=slot)
                 for slot in range(4)]
        found = summarised(*calls)
        self.assertTrue(found["aggregates"][0]["waves"][0]["serialised"])
        self.assertEqual([(row["level"], row["n"]) for row in found["warnings"] if row["code"] == "serialised"], [(4, 1)])

    def test_short_and_broken_waves_are_left_out_and_counted(self):
        found = self.waves(*wave(2, 0, [0, 0]), *wave(2, 1, [0, 0], outcome="cut"), *wave(2, 2, [0]))[2]
        self.assertEqual((found["full"], found["failed"], found["short"], found["tok_s"]["n"]), (1, 1, 1, 1))

    def test_waves_of_the_same_number_but_of_two_models_are_two(self):
        found = summarised(*wave(2, 0, [0, 0]), *wave(2, 0, [0, 0], model="n:3b"))
        self.assertEqual([row["waves"][0]["full"] for row in found["aggregates"]], [1, 1])

    def test_a_mixed_wave_stands_with_each_of_its_models(self):
        mixed = [{**one, "phase": "parallel-mixed", "model": model}
                 for one, model in zip(wave(2, 0, [0, 0]), ("m:1b", "n:3b"))]
        found = summarised(*mixed)
        self.assertEqual([row["waves"][0]["models"] for row in found["aggregates"]], [["m:1b", "n:3b"]] * 2)
        self.assertEqual([row["calls"] for row in found["aggregates"]], [1, 1])

    def test_together_slower_than_alone_is_a_collapse(self):
        found = summarised(*wave(1, 0, [0]), *wave(2, 0, [0, 0], gap_ms=90))
        row = next(row for row in found["warnings"] if row["code"] == "collapse")
        self.assertLess(row["observed"], row["expected"])


class Loads(unittest.TestCase):
    def test_a_cold_load_is_told_from_a_warm_one(self):
        load = call(role="warmup", item="LOAD", outcome="empty", done_ns=1_500 * MS)
        found = summarised(load, {**load, "done_ns": 9 * MS}, call(load_ns=4 * MS))
        told = found["models"][0]
        self.assertEqual((told["cold_load_ms"]["median"], told["warm_load_ms"]["median"]), (1500, 9))

    def test_a_reload_in_the_middle_of_a_phase_is_a_warning(self):
        found = summarised(*[call(item=f"5Q-Q0{n}", load_ns=3 * MS) for n in range(1, 5)], call(item="5Q-Q05", load_ns=900 * MS))
        self.assertEqual([(row["observed"], row["n"]) for row in found["warnings"] if row["code"] == "reload"], [(900, 1)])

    def test_a_busy_machine_s_look_at_a_loaded_model_is_no_reload(self):
        found = summarised(*[call(item=f"5Q-Q0{n}", load_ns=3 * MS) for n in range(1, 5)], call(item="5Q-Q05", load_ns=110 * MS))
        self.assertNotIn("reload", codes(found))


class Verdicts(unittest.TestCase):
    def judged(self, *calls: dict) -> tuple:
        found = summarised(*calls)
        return found["verdict"]["verdict"], found

    def test_the_same_speed_at_the_end_is_clean(self):
        verdict_, found = self.judged(*passes(10, 10.1))
        self.assertEqual(verdict_, "clean")
        self.assertIn("is as at the start", found["verdict"]["why"])

    def test_slower_at_the_end_is_drifting_and_the_ratio_is_the_planted_one(self):
        verdict_, found = self.judged(*passes(10, 12.5))
        self.assertEqual(verdict_, "drifting")
        self.assertEqual(found["aggregates"][0]["drift"]["decode"], {"n": 9, "ratio": 0.8, "low": 0.8, "high": 0.8})
        self.assertIn("drift", codes(found))

    def test_a_difference_within_the_noise_is_none(self):
        noisy = [frozen(pass_, repeat, gap, item) for pass_, gaps in (("first", (10, 14, 9)), ("last", (13, 9, 13)))
                 for repeat in (1, 2, 3) for item, gap in zip(("P-EASY", "P-MEDIUM", "P-HARD"), gaps)]
        verdict_, found = self.judged(*noisy)
        self.assertEqual(verdict_, "clean")
        self.assertIn("differs from the start by no more than chance gives", found["verdict"]["why"])

    def test_slower_with_a_lower_clock_is_throttled(self):
        calls = [{**one, "conditions": conditions(clock_mhz=4000.0 if one["pass"] == "first" else 3000.0)}
                 for one in passes(10, 12.5)]
        self.assertEqual(self.judged(*calls)[0], "throttled")

    def test_the_system_s_own_word_makes_it_throttled(self):
        calls = [{**one, "conditions": conditions(throttled=["thermal"])} for one in passes(10, 10)]
        verdict_, found = self.judged(*calls)
        self.assertEqual(verdict_, "throttled")
        row = next(row for row in found["verdict"]["evidence"] if row["code"] == "throttle-flags")
        self.assertEqual((row["observed"], row["n"]), (1, 18))

    def test_somebody_else_at_work_makes_it_contended(self):
        load = call(role="warmup", item="LOAD", conditions=conditions(background_cpu_share=0.4))
        self.assertEqual(self.judged(load, *passes(10, 12.5))[0], "contended")

    def test_somebody_else_who_left_or_came_in_between_makes_a_drift_contended(self):
        """One look of eight saw it; the median of all never would."""
        def looks(before: float, after: float, first_ms: float, last_ms: float) -> list:
            calls = passes(first_ms, last_ms)
            look = [call(role="warmup", item="LOAD", conditions=conditions(background_cpu_share=share))
                    for share in (before, *[0.0] * 6, after)]
            state = {"conditions": conditions()}
            return [look[0], *[{**one, **state} for one in calls[:9]], *look[1:], *[{**one, **state} for one in calls[9:]]]
        for given, verdict_ in (((0.95, 0.0, 12.5, 10), "contended"), ((0.0, 0.95, 10, 12.5), "contended"), ((0.05, 0.0, 10, 12.5), "drifting"),
                                ((0.95, 0.0, 10, 10), "clean")):
            with self.subTest(given):
                self.assertEqual(self.judged(*looks(*given))[0], verdict_)
        self.assertIn("others used this machine for a part", self.judged(*looks(0.95, 0.0, 10, 10))[1]["verdict"]["why"])
        rows = {row["code"]: row for row in self.judged(*looks(0.95, 0.0, 12.5, 10))[1]["verdict"]["evidence"]}
        self.assertEqual((rows["background-shift"]["observed"], rows["background-shift"]["n"], rows["background-load"]["observed"]), (-0.95, 2, 0))

    def test_others_at_work_during_the_calls_make_it_contended_and_a_model_on_all_cores_does_not(self):
        def during(share: float | None, calls: int, **more: object) -> list:
            state, calm = conditions(others_cpu_share=share, **more), conditions(others_cpu_share=0.02)
            return [{**one, "conditions": state if n < calls else calm} for n, one in enumerate(passes(10, 10))]
        for name, calls, verdict_ in (("all the time", during(0.6, 18), "contended"), ("one call", during(0.6, 1), "clean"),
                                      ("hardly", during(0.1, 18), "clean"), ("unknown", during(None, 18), "clean")):
            with self.subTest(name):
                self.assertEqual(self.judged(*calls)[0], verdict_)
        found = self.judged(*during(0.6, 18))[1]
        self.assertIn("during 18 of 18 calls", found["verdict"]["why"])
        row = next(row for row in found["verdict"]["evidence"] if row["code"] == "contended-calls")
        self.assertEqual((row["observed"], row["expected"], row["n"]), (1, stability.CONTENDED_LIMIT, 18))

    def test_others_on_the_accelerator_and_sleep_count_too(self):
        card = {**support.record("accelerator_state"), "others_busy_share": 0.7}
        for name, state in (("a game", conditions(others_cpu_share=0.0, accelerators=[card])),
                            ("sleep", conditions(others_cpu_share=0.0, suspended_s=30.0))):
            with self.subTest(name):
                self.assertEqual(self.judged(*[{**one, "conditions": state} for one in passes(10, 10)])[0], "contended")

    def test_a_drift_says_whether_a_reason_could_have_been_seen(self):
        for state, words in ((conditions(others_cpu_share=0.0), "no reason was seen"), (conditions(), "no reason was seen"),
                             (conditions(others_cpu_share=None), "could not be seen")):
            with self.subTest(words):
                found = self.judged(*[{**one, "conditions": state} for one in passes(10, 12.5)])[1]
                self.assertEqual(found["verdict"]["verdict"], "drifting")
                self.assertIn(words, found["verdict"]["why"])

    def test_figures_stand_with_and_without_contended_calls(self):
        calls = [call(item=f"5Q-Q0{n}", gap_ms=gap, conditions=conditions(others_cpu_share=share))
                 for n, (gap, share) in enumerate(((10, 0.0), (10, 0.0), (40, 0.5)), 1)]
        found = summarised(*calls)
        pooled = group(found, item=None)
        self.assertEqual((pooled["calls"], pooled["metrics"]["decode_tok_s"]["n"]), (3, 3))
        self.assertEqual((pooled["uncontended"]["calls"], pooled["uncontended"]["metrics"]["decode_tok_s"]["min"]), (2, 100))
        self.assertNotIn("uncontended", group(found, item="5Q-Q01"))
        self.assertNotIn("uncontended", group(found, item="5Q-Q03"), "no call is left")
        self.assertEqual(schema.problems(found, "metadata"), [])

    def test_a_machine_that_swaps_is_contended(self):
        state = conditions(swapped_in_bytes=1 << 24, swapped_out_bytes=0)
        self.assertEqual(self.judged(*[{**one, "conditions": state} for one in passes(10, 10)])[0], "contended")

    def test_without_the_second_pass_there_is_no_verdict_and_the_reason_is_said(self):
        verdict_, found = self.judged(*[frozen("first", n, 10) for n in (1, 2, 3)])
        self.assertIsNone(verdict_)
        self.assertIsNone(found["aggregates"][0]["drift"]["decode"])
        self.assertTrue(found["aggregates"][0]["drift"]["why"])

    def test_a_model_that_lies_elsewhere_afterwards_has_no_drift(self):
        moved = {"placement": ledgers.placement(vram_bytes=500_000_000)}
        calls = [{**one, **(moved if one["pass"] == "last" else {})} for one in passes(10, 20)]
        verdict_, found = self.judged(*calls)
        self.assertIsNone(verdict_)
        self.assertIn("placement", found["aggregates"][0]["drift"]["why"])
        self.assertIn("placement-changed", codes(found))

    def test_every_verdict_and_every_evidence_code_is_reached_by_a_test(self):
        with open(__file__, encoding="utf-8") as source:
            text = source.read()
        for word in list(records.VERDICTS) + list(records.EVIDENCE):
            with self.subTest(word):
                self.assertIn(f'"{word}"', text)

    def test_evidence_names_its_limits(self):
        state = conditions(background_cpu_share=0.01, throttled=[], swapped_in_bytes=0, swapped_out_bytes=0, clock_mhz=3000.0)
        found = summarised(call(role="warmup", item="LOAD", conditions=state),
                           *[{**one, "conditions": state} for one in passes(10, 10)])
        limits = {row["code"]: row["expected"] for row in found["verdict"]["evidence"]}
        self.assertEqual(limits, {"decode-drift": 1 + stability.DRIFT_LIMIT, "clock-drop": stability.CLOCK_LIMIT,
                                  "throttle-flags": stability.THROTTLED_LIMIT, "background-load": stability.BACKGROUND_LIMIT,
                                  "background-shift": stability.BACKGROUND_LIMIT,
                                  "swapping": stability.SWAP_LIMIT_BYTES})


class Warnings(unittest.TestCase):
    """One case for each code that is not reached above; and its neighbour that must not be warned about."""

    def test_each_warning_comes_where_it_should_and_not_beside(self):
        five = [call(item=f"5Q-Q0{n}") for n in range(1, 6)]
        floor = {name: 0 for name in ("streams", "chunks")}
        late = support.record("floor", **floor, ttft_error_us_max=warning_rules.LATE_US * 2)
        cases = {
            "few-samples": ([call()], five),
            "wide-spread": ([call(gap_ms=gap, item=f"5Q-Q0{gap}") for gap in (5, 6, 10, 20, 30)], five),
            "clocks-disagree": ([{**one, "eval_ns": one["eval_ns"] // 2} for one in five], five),
            "context-reduced": ([call(placement=ledgers.placement(context_length=2048))], [call()]),
            "num-ctx-ignored": ([finding(too_long="answered", too_long_prompt_tokens=5000), call()],
                                [finding(too_long="cut", too_long_prompt_tokens=2050), call()]),
            "bunched": ([call(last_text_ns=20 * MS)], [call(), call(last_text_ns=20 * MS, eval_tokens=5)]),
            "thinking-spent": ([call(outcome="length", answer="", thinking="hm")], [call(outcome="length")]),
            "always-thinks": ([finding(always_thinks=True), call()], [finding(always_thinks=False), call()]),
            "thinking-uncalled": ([call(thinking_chunks=3)], [call(thinking_chunks=3, knobs={"think": True})]),
            "contended-calls": ([call(conditions=conditions(others_cpu_share=0.3))], [call(conditions=conditions(others_cpu_share=0.1))]),
            "suspended": ([call(conditions=conditions(suspended_s=5.0))], [call(conditions=conditions(suspended_s=0.0))]),
            "other-model-loaded": (
                [call(placement=ledgers.placement(loaded=["m:1b", "other:8b"]), conditions=conditions(others_cpu_share=0.0))] * 2,
                [call(placement=ledgers.placement(loaded=loaded), conditions=conditions(others_cpu_share=0.0))
                 for loaded in (["m:1b", "other:8b"], ["m:1b"])]),
            "partial-offload": ([call(placement=ledgers.placement(vram_bytes=1000))],
                                [call(placement=ledgers.placement(vram_bytes=0))]),
            "on-battery": ([call(conditions=conditions(power_source="battery"))], [call(conditions=conditions(power_source="ac"))]),
            "servers-differ": ([call(), call(session=1, session_start=ledgers.session_start(server_version="0.34.0"))],
                               [call(), call(session=1, session_start=ledgers.session_start())]),
            "slow-instrument": ([call(session=1, session_start=ledgers.session_start(floor=late))], [call()]),
        }
        for code, (bad, good) in cases.items():
            with self.subTest(code):
                self.assertIn(code, codes(summarised(*bad)))
                self.assertNotIn(code, codes(summarised(*good)))

    def test_one_answer_to_all_questions_is_a_warning(self):
        """A broken prompt template makes a model answer everything alike, and its speed looks like any other."""
        for answers, n in ((["B", "B", "B"], 3), (["", " GGGG\n", "GG", "GGGGGG"], 3), (["B", "B", "C"], 0), (["B", "B"], 0), (["B", "BC", "BD"], 0)):
            calls = [call(item=f"Q{number}", answer=answer, outcome="length" if answer == "GG" else "ok") for number, answer in enumerate(answers)]
            graders = {f"Q{number}": {"kind": "exact", "accept": ["x"]} for number in range(len(answers))}
            with self.subTest(answers):
                manifest = ledgers.manifest(planned_calls=len(calls), harness_version="1.3.0")
                metadata = summarised(*calls, graders=graders, manifest=manifest)
                self.assertEqual([row["n"] for row in metadata["warnings"] if row["code"] == "same-answer"], [n] if n else [])
                self.assertEqual((metadata["schema"], schema.problems(metadata, "metadata")), ("metadata-1.3" if n else "metadata-1.0", []))
                self.assertNotIn("same-answer", codes(summarised(*calls, manifest=manifest)))       # nobody can say whether they should differ
                before = summarised(*calls, graders=graders, manifest={**manifest, "harness_version": "1.2.0"})
                self.assertEqual((before["schema"], "same-answer" in codes(before)), ("metadata-1.0", False))

    def test_several_tokens_at_once_are_usual_for_a_model_with_a_draft(self):
        bunched = call(last_text_ns=20 * MS)
        model = ledgers.manifest()["models"][0]
        for draft, warned in ((None, True), ("draft model", False), ("3 prediction layers", False)):
            with self.subTest(draft):
                found = summarised(bunched, manifest=ledgers.manifest(planned_calls=1, models=[{**model, "draft": draft}]))
                self.assertEqual("bunched" in codes(found), warned)

    def test_a_server_elsewhere_is_said(self):
        self.assertIn("remote-server", codes(summarised(call(), manifest=ledgers.manifest(target="lan", planned_calls=1))))
        self.assertNotIn("remote-server", codes(summarised(call())))

    def test_every_warning_is_reached_by_a_test(self):
        with open(__file__, encoding="utf-8") as source:
            text = source.read()
        for code in records.WARNINGS:
            with self.subTest(code):
                self.assertIn(f'"{code}"', text)


class Whole(unittest.TestCase):
    def everything(self) -> dict:
        grader = {"kind": "choice", "options": "ABCD", "answer": "B"}
        skip = support.record("skipped", role="measured", phase="parallel-mixed", model="m:1b", item="20M-Q01", reason="one-model")
        load = call(role="warmup", item="LOAD", conditions=conditions(background_cpu_share=0.3))
        return summarised(finding(head_tokens=5, slots_seen=2), load, *passes(10, 12.5), call(), call(outcome="cut"),
                          *wave(2, 0, [0, 0]), skip, graders={"5Q-Q01": grader})

    def test_it_is_what_its_schema_says(self):
        self.assertEqual(schema.problems(self.everything(), "metadata"), [])

    def test_no_figure_stands_without_its_n(self):
        def walk(value: object, where: str) -> None:
            if isinstance(value, dict):
                if "median" in value or "ratio" in value or "observed" in value:
                    self.assertIsInstance(value.get("n"), int, where)
                    self.assertGreater(value["n"], 0, where)
                for name, child in value.items():
                    walk(child, f"{where}.{name}")
            elif isinstance(value, list):
                for child in value:
                    walk(child, where)
            elif isinstance(value, float):
                self.assertRegex(where, r"\.(median|q1|q3|min|max|low|high|ratio|observed|expected|fill|correct_per_minute)\Z")
        walk(self.everything(), "metadata")

    def test_a_ledger_without_a_footer_is_summarised_as_unfinished(self):
        found = summary.summarize(ledgers.manifest(planned_calls=9), ledgers.typed([meta(), call()]), {}, None)
        self.assertEqual((found["complete"], found["planned"], found["done"], found["ended_at"]), (False, 9, 1, None))

    def test_cells_are_named_after_device_and_model(self):
        self.assertEqual(summarised(call())["aggregates"][0]["cell_id"], "mac-m1-8gb.m_3a1b")
        nameless = summarised(call(), manifest=ledgers.manifest(device_tag=None, planned_calls=1))
        self.assertIsNone(nameless["aggregates"][0]["cell_id"])


if __name__ == "__main__":
    unittest.main()
