"""The largest context that is served: what the rungs of a ledger come to, and the sentence that it is told in."""
from __future__ import annotations

import unittest
from types import SimpleNamespace

import support  # noqa: F401  (puts the harness on the path)

from base import records
from base.phases import RUNG_CONTEXTS
from derive import context_text
from derive.served_context import ServedContext

PHASES = ("context-edge", *RUNG_CONTEXTS)


def placement(num_ctx: int, vram: float = 1.0, loaded: int | None = None) -> dict:
    size = 10 ** 9 + 1000 * num_ctx
    return {"size_bytes": size, "vram_bytes": int(vram * size), "context_length": loaded or num_ctx, "loaded": ["m:1b"]}


def answer(num_ctx: int, fill: float, decode_tok_s: float | None = 20.0, **changes: object) -> tuple:
    """(call, metrics) of an answered prompt."""
    tokens = int(fill * num_ctx)
    call = SimpleNamespace(**{"fill": fill, "outcome": "ok", "options": {"num_ctx": num_ctx}, "placement": placement(num_ctx), "prompt_tokens": tokens,
                              "eval_tokens": 10, "eval_ns": 9 * 50_000_000, **changes})
    return call, SimpleNamespace(prompt_tokens=tokens, prefill_tok_s=900.0, decode_tok_s=decode_tok_s, ttft_ms=1234.5678)


def climbed(rungs: int, middle: bool | None = True, **changes: object) -> ServedContext:
    """The first so many rungs, all of them answered."""
    served = ServedContext(8192)
    for phase, num_ctx in list(zip(PHASES, (8192, *RUNG_CONTEXTS.values())))[:rungs]:
        for fill in (0.5, 0.98):
            served.rung(phase).call(*answer(num_ctx, fill, **changes), middle)
    return served


def skip(reason: str, detail: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(reason=reason, detail=detail)


class Figures(unittest.TestCase):
    def record(self, served: ServedContext, rungs: int = 6, trained: int | None = None, model_format: str = "gguf") -> dict:
        return served.record(list(PHASES[:rungs]), trained, model_format)

    def test_the_largest_context_whose_fullest_prompt_was_answered(self):
        served = climbed(3)
        served.rung("context-edge-64k").call(*answer(65536, 0.5), True)
        record = self.record(served, 4)
        self.assertEqual((record["num_ctx"], record["prompt_tokens"], record["decode_tok_s"], record["ttft_ms"]), (32768, 32112, 20, 1234.57))
        self.assertEqual((record["middle_found"], record["middle_found_tokens"]), (True, 32768))

    def test_the_room_of_a_model_that_always_thinks_is_no_context_that_was_filled(self):
        served = ServedContext(8192)
        served.rung("context-edge").call(*answer(8192, 0.98, options={"num_ctx": 12288}, placement=placement(12288)), True)
        self.assertEqual(self.record(served, 1)["num_ctx"], 8192)

    def test_a_context_that_the_server_made_smaller_is_not_served(self):
        served = climbed(2)
        served.rung("context-edge-32k").call(*answer(32768, 0.98, placement=placement(32768, loaded=20_000)), True)
        self.assertEqual(self.record(served)["num_ctx"], 16384)

    def test_short_answers_have_a_rate_together(self):
        self.assertEqual(self.record(climbed(2, decode_tok_s=None))["decode_tok_s"], 20)
        self.assertEqual(self.record(climbed(2, decode_tok_s=None), model_format="safetensors")["decode_tok_s"], 22.2222)
        self.assertIsNone(self.record(climbed(2, decode_tok_s=None, eval_tokens=7))["decode_tok_s"])

    def test_why_it_ended(self):
        reduced = climbed(2)
        reduced.rung("context-edge-32k").skipped = skip("context-reduced", "loaded with 20000 tokens")
        failed = climbed(2)
        failed.rung("context-edge-32k").call(answer(32768, 0.98, outcome="error")[0], None, None)
        passing = climbed(4)
        passing.rung("context-edge-16k").call(answer(16384, 0.98, outcome="refused")[0], None, None)
        interrupted = climbed(2)
        interrupted.rung("context-edge-32k").call(answer(32768, 0.5, outcome="interrupted")[0], None, None)
        for served, rungs, trained, ended_by in (
                (passing, 4, 65536, "trained-context"), (reduced, 4, None, "context-reduced"), (failed, 3, None, "rung-failed"), (interrupted, 3, None, None),
                (climbed(2), 3, None, None), (climbed(2), 2, 20_000, "trained-context"), (climbed(2), 2, 32768, "not-asked"),
                (climbed(2), 2, None, "not-asked"), (climbed(6), 6, 2 ** 20, "largest-rung"), (ServedContext(8192), 2, None, None)):
            with self.subTest(ended_by=ended_by, trained=trained):
                self.assertEqual(self.record(served, rungs, trained)["ended_by"], ended_by)
                self.assertIn(ended_by, (None, *records.LADDER_ENDS))

    def test_where_a_part_leaves_the_accelerator(self):
        for shares, partial_from in (((1, 1, 1), None), ((1, 1, 0.7), 32768), ((1, 0.9, 0.7), 16384), ((0.5, 0.4, 0.3), 8192), ((1, 0, 0), 16384),
                                     ((0, 0, 0), None)):
            served = ServedContext(8192)
            for phase, num_ctx, share in zip(PHASES, (8192, 16384, 32768), shares):
                served.rung(phase).call(*answer(num_ctx, 0.98, placement=placement(num_ctx, share)), True)
            with self.subTest(shares=shares):
                self.assertEqual(self.record(served, 3)["partial_from"], partial_from)

    def test_other_phases_are_no_rungs(self):
        self.assertIsNone(ServedContext(8192).rung("context-append"))


class Sentence(unittest.TestCase):
    SERVED = {"num_ctx": 65536, "prompt_tokens": 64160, "prefill_tok_s": 900, "decode_tok_s": 12.34, "ttft_ms": 70_000, "middle_found": True,
              "middle_found_tokens": 64160, "partial_from": None, "ended_by": None, "detail": None}

    def test_what_people_want_to_know(self):
        start = "this machine serves this model up to 65,536 tokens"
        for changes, text in (
                ({}, f"{start} at 12.3 tok/s and still finds a fact in the middle"),
                ({"middle_found": False, "middle_found_tokens": 16_100}, f"{start} at 12.3 tok/s but finds a fact in the middle only up to 16,100"),
                ({"middle_found": False, "middle_found_tokens": None}, f"{start} at 12.3 tok/s but does not find a fact in the middle"),
                ({"middle_found": None, "decode_tok_s": None}, f"{start}. The answer was cut by a limit, so recall is unknown"),
                ({"ended_by": "too-big", "detail": "out of memory"}, f"{start} at 12.3 tok/s and still finds a fact in the middle. It stops "
                 "there because the model does not fit in this machine's memory (out of memory)"),
                ({"partial_from": 32768}, f"{start} at 12.3 tok/s and still finds a fact in the middle. From 32,768 tokens on, a part of it is "
                 "not on the accelerator"),
                ({"num_ctx": None, "ended_by": "load-failed"},
                 "this machine served no context of the ladder whole, because the server could not load the model")):
            with self.subTest(changes):
                self.assertEqual(context_text.sentence({**self.SERVED, **changes}), text)

    def test_every_reason_can_follow_because(self):
        for reason, meaning in records.LADDER_ENDS.items():
            self.assertRegex(meaning, r"^(the|a|this|there|no|how|thoughts) ", reason)


if __name__ == "__main__":
    unittest.main()
