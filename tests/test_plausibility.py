"""Physics: how much memory allows, shown as arithmetic, and what is left alone because nobody knows better."""
from __future__ import annotations

import unittest

import support

from base import facts
from base.ledger_records import typed
from base.phases import FROZEN
from judge import clock_checks, plausibility
from judge.plausibility import MachineMemory, Plausibility, Spread


def hardware(processor: str | None = None, cards: tuple = (), main_bytes: int | None = None) -> dict:
    """What physics reads of a hardware.json; a card is (name, memory in bytes or None for unified)."""
    def told(value: object) -> dict:
        return facts.unknown("x") if value is None else facts.known(value, "x")
    accelerators = [{**support.record("accelerator"), "name": told(name), "memory_bytes": told(size), "unified_memory": told(size is None)}
                    for name, size in cards]
    return {"cpu": {"model": told(processor)}, "memory": {"physical_bytes": told(main_bytes)}, "accelerators": told(accelerators)}


def rules(rate: float, size_bytes: int, machine: dict | None, vram_bytes: int = 0, family: str = "llama", **model: object) -> set:
    """What is said of one call that decoded 101 tokens at this rate."""
    row = support.record("model", name="m:1b", size_bytes=size_bytes, format="gguf", family=family, **{"expert_count": None, **model})
    visitor = Plausibility({"models": [row], "options": {"num_batch": 512}}, machine)
    call = support.record("call", role="measured", model="m:1b", outcome="ok", eval_tokens=101, eval_ns=round(100 * 1e9 / rate),
                          placement={"size_bytes": size_bytes, "vram_bytes": vram_bytes, "context_length": 4096, "loaded": []})
    return {one.rule for one in list(visitor.visit(typed(call))) + list(visitor.finish())}


class Clocks(unittest.TestCase):
    def test_the_usual_ratio_is_named_beside_the_allowed_one(self):
        """A maintainer who saw 1.252 where up to 1.25 is allowed took it for a trifle."""
        finding, = clock_checks._decode_finding(("m:1b", FROZEN, "P-EASY"), [1.3] * 6, [1.3] * 6)
        self.assertEqual(finding.expected, "0.8 to 1.25 times; 0.98 to 1.04 is usual")
        wave, = clock_checks._decode_finding(("m:1b", FROZEN, "level 4"), [2.5] * 6, [2.5] * 6)
        self.assertEqual(wave.expected, "0.5 to 2 times")


class Bandwidth(unittest.TestCase):
    def test_names_of_chips_tell_their_bandwidth_and_the_more_particular_wins(self):
        for name, gb_s in (("Apple M1", 69), ("Apple M1 Max", 400), ("NVIDIA GeForce RTX 4090", 1008), ("NVIDIA GeForce GTX 1080 Ti", 484),
                           ("NVIDIA H100 PCIe", 2039), ("NVIDIA H100 80GB HBM3", 3352), ("NVIDIA L40S", None), ("NVIDIA L4", 300), ("AMD Ryzen 9 7950X", None), ("", None)):
            with self.subTest(name=name):
                self.assertEqual((plausibility.known_gb_s(name) or (None,))[0], gb_s)

    def test_cards_add_up_and_one_unknown_card_makes_all_unknown(self):
        two = MachineMemory(hardware(cards=(("RTX 3090", 24), ("RTX 3090", 24))))
        self.assertEqual(two.gb_s(True), (2016, "rtx 3090 + rtx 3090"))
        self.assertGreater(MachineMemory(hardware(cards=(("RTX 3090", 24), ("Card X", 24)))).gb_s(True)[0], 9000)
        self.assertEqual(MachineMemory(None).gb_s(False), (700, "the fastest processor's memory"))

    def test_room_is_known_only_where_every_card_s_memory_is(self):
        self.assertEqual(MachineMemory(hardware(cards=(("RTX 3060", 8), ("NVIDIA A2", 4)))).accelerator_bytes, 12)
        self.assertEqual(MachineMemory(hardware(cards=(("Apple M1", None),), main_bytes=8)).accelerator_bytes, 8)
        for machine in (None, hardware(), hardware(cards=(("Apple M1", None),))):
            self.assertIsNone(MachineMemory(machine).accelerator_bytes)

    def test_the_carve_out_of_an_integrated_accelerator_is_no_bound(self):
        """Strix Halo with 512 MB set aside in the firmware runs models of 60 GB in main memory."""
        self.assertEqual(MachineMemory(hardware(cards=(("AMD Radeon 8060S", 2 ** 29),), main_bytes=64 * 2 ** 30)).accelerator_bytes, 64 * 2 ** 30 + 2 ** 29)
        self.assertIsNone(MachineMemory(hardware(cards=(("AMD Radeon 8060S", 2 ** 29),))).accelerator_bytes)


class Rates(unittest.TestCase):
    def test_a_rate_above_what_memory_gives_is_held_and_one_below_is_not(self):
        mac = hardware("Apple M1", (("Apple M1", None),), 8 * 2 ** 30)
        for rate, held in ((12.0, False), (15.0, False), (20.0, True), (200.0, True)):     # 5 GB at 69 GB/s: 13.8, with the margin 15.9
            with self.subTest(rate=rate):
                self.assertEqual("physics-decode" in rules(rate, 5_000_000_000, mac, 5_000_000_000), held)

    def test_where_the_chip_is_not_known_only_the_impossible_is_held(self):
        self.assertEqual(rules(100.0, 5_000_000_000, None), set())
        self.assertEqual(rules(300.0, 5_000_000_000, None), {"physics-decode"})
        self.assertEqual(rules(300.0, 5_000_000_000, None, vram_bytes=5_000_000_000), set())

    def test_models_in_caches_and_mixtures_of_experts_read_less(self):
        self.assertEqual(rules(5000.0, 300_000_000, None), set())
        self.assertEqual(rules(300.0, 13_000_000_000, None, family="gptoss"), set())
        self.assertEqual(rules(300.0, 26_000_000_000, None, parameter_size="8x7B"), set())

    def test_the_counts_of_experts_decide_where_the_server_tells_them(self):
        card = hardware("Ryzen", (("NVIDIA GeForce RTX 3090", 24 << 30),), 64 << 30)
        counts = {"expert_count": 128, "expert_used_count": 8}
        self.assertEqual(rules(120.0, 18_000_000_000, card, 18_000_000_000, family="gemma4", **counts), set())
        self.assertEqual(rules(2000.0, 18_000_000_000, card, 18_000_000_000, family="gemma4", **counts), {"physics-decode"})
        self.assertEqual(rules(120.0, 18_000_000_000, card, 18_000_000_000, family="gemma4"), {"physics-decode"})

    def test_a_manifest_from_before_the_counts_is_held_only_for_what_no_mixture_and_no_draft_could_do(self):
        card = hardware("Ryzen", (("NVIDIA GeForce RTX 4090", 24 << 30),), 64 << 30)
        for rate, held in ((110.0, False), (500.0, True)):
            row = support.record("model", name="m:27b", size_bytes=17_000_000_000, format="gguf", family="qwen35")
            visitor = Plausibility({"models": [row], "options": {"num_batch": 512}}, card)
            visitor.decode["m:27b"] = (rate, True)
            self.assertEqual([finding.rule for finding in visitor.finish()], ["physics-decode"] if held else [])

    def test_speculative_decoding_makes_several_tokens_of_one_step(self):
        """Multi-token prediction: four texts come together, then the next step takes its time."""
        call = typed(support.record("call", eval_tokens=101, gaps_us=[0, 0, 0, 40_000] * 25))
        self.assertAlmostEqual(plausibility.tokens_a_step(call), 100 / 26)
        self.assertEqual(plausibility.tokens_a_step(call._replace(gaps_us=[9_000, 11_000] * 50)), 1.0)


class Spreads(unittest.TestCase):
    def test_they_are_those_of_the_values(self):
        spread = Spread()
        for value in (1.0, 2.0, 3.0, 4.0):
            spread.add(value)
        self.assertAlmostEqual(spread.mean, 2.5)
        self.assertAlmostEqual(spread.share, 1.2909944 / 2.5)
        self.assertEqual(Spread().share, 0.0)


class Gaps(unittest.TestCase):
    def test_gaps_that_are_all_alike_are_too_clean_but_an_answer_that_came_at_once_is_not(self):
        """A busy machine hears a whole answer in one read: honest, warned of as bunched, and no reason to hold a run."""
        visitor = Plausibility({"models": [], "options": {"num_batch": 512}}, None)
        for gaps, held in (([5000] * 40, True), ([0] * 40, False), ([5000, 5001] * 20, False), ([5000] * 3, False)):
            with self.subTest(gaps[:2]):
                self.assertEqual([one.rule for one in visitor._gaps(gaps)], ["physics-too-clean"] if held else [])

    def test_the_times_of_another_call_are_held_but_answers_that_came_at_once_are_not_each_other_s(self):
        visitor = Plausibility({"models": [], "options": {"num_batch": 512}}, None)
        for gaps, held in ((list(range(1, 41)), True), ([0] * 40, False), ([0] * 40 + [812], False), (list(range(1, 9)), False)):
            with self.subTest(gaps[:2]):
                self.assertEqual([one.rule for gaps in (gaps, gaps) for one in visitor._gaps(gaps)],
                                 ["physics-duplicate"] if held else [])


if __name__ == "__main__":
    unittest.main()
