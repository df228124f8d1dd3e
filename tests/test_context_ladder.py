"""The context ladder's rules: how much material a prompt gets, how long a rung will take, and what ends the ladder."""
from __future__ import annotations

import random
import unittest
from types import SimpleNamespace

import support

from base import suites
from base.context_ladder import Ladder, Rung, LadderEnd, line, parabola, rung_name
from base.ledger_records import typed
from base.phases import CONTEXT_EDGE, RUNG_CONTEXTS

MATERIAL = suites.load(CONTEXT_EDGE).material
TOKENS_A_UNIT = 61


def record(phase: str = "context-edge", **changes: object) -> dict:
    return support.record("call", **{"role": "measured", "phase": phase, "model": "m:1b", "item": "CE-P05", "outcome": "ok", "finding": None,
                                     "options": {"num_ctx": RUNG_CONTEXTS.get(phase, 8192)}, "cached_tokens": None, "placement": None, **changes})


def prompt(tokens: int, phase: str = "context-edge", **changes: object) -> dict:
    """An answered prompt on a server that reads 1,000 tokens in 1 s and, with depth, 1 ms more for each 1,000 tokens of each."""
    return record(phase, **{"prompt_tokens": tokens, "material_units": tokens // TOKENS_A_UNIT, "eval_tokens": 21,
                            "eval_ns": 20 * int(2e7 + 1000 * tokens), "prompt_eval_ns": int(tokens * 1e6 + tokens ** 2 * 50), **changes})


def climbed(*records: dict) -> Ladder:
    ladder = Ladder()
    counted = {"context-edge_tokens_at": [[0, 50], [6, 50 + 6 * TOKENS_A_UNIT]]}
    for row in (record(role="calibration", phase="calibration", item="CAL-CONTEXT-EDGE-6", finding=counted, prompt_tokens=None), *records):
        ladder.observe(typed(row))
    return ladder


class Material(unittest.TestCase):
    def test_no_unit_comes_twice_in_the_largest_context(self):
        count = suites.distinct_units(MATERIAL)
        texts = [suites.unit_text(MATERIAL, index) for index in range(count)]
        self.assertEqual(len(set(texts)), count)
        self.assertEqual(len({text.split("(")[0].rpartition(" ")[2] for text in texts}), count, "names")
        # No tokenizer is known to put more than six bytes of Python into a token on average; these would even last for eight.
        self.assertGreater(sum(map(len, texts)), 8 * max(RUNG_CONTEXTS.values()))

    def test_where_a_tokenizer_needs_more_units_than_there_are_the_prompt_is_shorter(self):
        ladder = Ladder()
        ladder.observe(typed(record(role="calibration", finding={"context-edge_tokens_at": [[0, 50], [6, 170]]})))
        self.assertEqual(ladder.units(MATERIAL, 256_000), suites.distinct_units(MATERIAL))

    def test_the_count_goes_by_the_longest_prompt_so_far(self):
        ladder = climbed(prompt(4000), prompt(8000, material_units=100), prompt(6000, material_units=1))
        self.assertEqual(ladder.points(), [[0, 50], [100, 8000]])
        self.assertEqual(ladder.units(MATERIAL, 16_000), (16_000 - 50) * 100 // 7950)

    def test_a_tokenizer_whose_units_grow_still_gets_prompts_that_fit(self):
        """Counted at half of a rung, its fullest prompt is off by what half a rung more changes."""
        def tokens(units: int) -> int:
            return 50 + sum(58 + index // 1000 for index in range(units))
        ladder, chance = climbed(), random.Random(1)
        for phase, num_ctx in {"context-edge": 8192, **RUNG_CONTEXTS}.items():
            for fill in (0.5, 0.98):
                target = int(fill * (num_ctx - 64))
                units = ladder.units(MATERIAL, target)
                reached = tokens(units) + chance.randrange(-20, 20)
                self.assertLess(reached, num_ctx - 64, (phase, fill))
                self.assertGreater(reached / (num_ctx - 64), fill - 0.05, (phase, fill))
                ladder.observe(typed(prompt(reached, phase, material_units=units)))

    def test_without_a_count_there_are_no_units(self):
        with self.assertRaises(ValueError):
            Ladder().units(MATERIAL, 8000)


class Foretold(unittest.TestCase):
    def test_depth_is_extrapolated_within_a_tenth(self):
        ladder = climbed(*(prompt(int(8128 * fill)) for fill in (0.25, 0.5, 0.75, 0.9, 0.98)))
        for num_ctx in (16384, 32768, 131072):
            wanted = sum(prompt(tokens)["prompt_eval_ns"] + prompt(tokens)["eval_ns"] for tokens in (num_ctx // 2, num_ctx))
            self.assertAlmostEqual(ladder.predicted_ns([(num_ctx // 2, 64), (num_ctx, 64)]) / wanted, 1, delta=0.1)

    def test_loading_counts_where_nothing_is_loaded_yet(self):
        ladder = climbed(prompt(8000), record(role="warmup", item="LOAD", end_ns=5_000, outcome="empty"),
                         record(role="warmup", item="WARM-UP", end_ns=700, prompt_tokens=30))
        self.assertEqual(ladder.predicted_ns([], is_loaded=False), 5_700)
        self.assertEqual(ladder.predicted_ns([], is_loaded=True), 0)

    def test_nothing_is_predicted_before_anything_was_timed(self):
        self.assertIsNone(climbed().predicted_ns([(8000, 64)]))

    def test_a_cached_prompt_tells_nothing_about_prefill(self):
        self.assertIsNone(climbed(prompt(8000, cached_tokens=7000)).predicted_ns([(8000, 64)]))
        self.assertIsNotNone(climbed(prompt(8000, cached_tokens=14)).predicted_ns([(8000, 64)]))

    def test_noise_never_makes_depth_cheaper(self):
        self.assertEqual(parabola([(100, 200), (200, 390)])[1], 0)
        self.assertEqual(parabola([(100, 10_000), (200, 40_000)]), (0.0, 1.0))
        self.assertEqual(parabola([(100, 200)]), (2.0, 0.0))
        self.assertEqual(line([(100, 7), (200, 5)]), (6, 0))
        self.assertEqual(line([]), (0, 0))

    def test_a_rung_beyond_the_limit_is_not_begun_nor_its_rest(self):
        steps = [SimpleNamespace(item="CE-P02", fill=0.5, key=1), SimpleNamespace(item="CE-P05", fill=0.98, key=2)]
        rung = Rung(climbed(prompt(8000)), steps, 16384, {"CE-P02": 64, "CE-P05": 64}, {})
        took_s = rung.predicted_ns() / 1e9
        self.assertIsNone(rung.stop(int(took_s) + 1))
        self.assertEqual(rung.stop(int(took_s)), LadderEnd("rung-limit", f"foretold to take {took_s:.0f} s, the limit is {int(took_s)} s"))
        rung.recorded[1] = "call"
        self.assertIsNone(rung.stop(int(took_s)))


class Ends(unittest.TestCase):
    def test_what_ends_the_ladder(self):
        reduced = {"context_length": 4096, "size_bytes": 1, "vram_bytes": 0, "loaded": []}
        table = (
            (prompt(8000, "context-edge-16k"), None),
            (prompt(8000, "context-edge-16k", outcome="length"), None),
            (prompt(8000, "context-edge-16k", outcome="interrupted"), None),
            (prompt(8000, "context-edge-16k", outcome="empty"), None),
            (prompt(8000, "context-edge-16k", placement=reduced), "context-reduced"),
            (prompt(600, "context-edge-16k", material_units=130), "context-reduced"),
            (record("context-edge-16k", outcome="error", error="out of memory"), "rung-failed"),
            (record("context-edge-16k", outcome="refused", error="too long"), "rung-failed"),
            (record("context-edge", outcome="error", error="of the plain phase"), None),
            (record("context-edge-16k", outcome="refused", http_status=404, error="not found"), None),
            (record("context-edge-16k", outcome="error", http_status=503, error="restarting"), None),
            (support.record("skipped", phase="context-edge-64k", model="m:1b", reason="time-limit", detail=None), "time-limit"),
            (support.record("skipped", phase="context-edge", model="m:1b", reason="time-limit", detail=None), None),
        )
        for row, reason in table:
            with self.subTest(reason=reason, outcome=row.get("outcome")):
                ladder = climbed(prompt(7900), row)
                self.assertEqual(ladder.stop and ladder.stop.reason, reason)

    def test_the_first_reason_counts(self):
        ladder = climbed()
        ladder.end("too-big", "first")
        ladder.end("time-limit", None)
        self.assertEqual(ladder.stop, ("too-big", "first"))

    def test_a_load_that_killed_the_session_is_not_tried_again(self):
        for rows, reason in (
                ([record("context-edge-64k", role="warmup", item="LOAD", outcome="error", error="gone")], "load-failed"),
                ([record("context-edge-64k", role="warmup", item="LOAD", outcome="interrupted", error=None)], None),
                ([record("context-edge-64k", role="warmup", item="LOAD", outcome="error", error="gone"),
                  record("context-edge-64k", role="warmup", item="LOAD", outcome="empty", error=None)], None)):
            ladder = climbed(*rows)
            ladder.resume()
            self.assertEqual(ladder.stop and ladder.stop.reason, reason)

    def test_rungs_have_names(self):
        self.assertEqual([rung_name(phase) for phase in ("context-edge", *RUNG_CONTEXTS)], ["8k", "16k", "32k", "64k", "128k", "256k"])


if __name__ == "__main__":
    unittest.main()
