"""DuplicateSearch: a copy of a run is known by its times, and two busy machines are not each other's copies."""
from __future__ import annotations

import pathlib
import random
import tempfile
import unittest

import ledgers
import support  # noqa: F401  (puts the harness on the path)
from ledgers import call, footer, meta

from base import run_folder
from judge.duplicates import DuplicateSearch

OWN = [15_000 + 37 * place for place in range(40)]


class Marks(unittest.TestCase):
    def found(self, *calls_of_each: list) -> list:
        """What is said of runs with these calls, one run after the other."""
        search = DuplicateSearch()
        with tempfile.TemporaryDirectory() as folder:
            said = []
            for number, calls in enumerate(calls_of_each):
                path = pathlib.Path(folder) / f"run-{number}" / run_folder.LEDGER
                path.parent.mkdir()
                path.write_bytes(ledgers.data([meta(), *calls, footer(len(calls))]))
                said.append([pair.of_run.rule for pair in search.add(f"submissions/ana/a-pc/run-{number}", path)])
        return said

    def test_the_same_times_under_other_nonces_are_those_of_another_run(self):
        mine, copied = call(nonce="1" * 18, gaps_us=OWN), call(nonce="2" * 18, gaps_us=OWN)
        self.assertEqual(self.found([mine], [copied]), [[], ["physics-duplicate"]])

    def test_answers_that_were_heard_in_one_read_are_alike_on_every_machine(self):
        for gaps in ([0] * 40, [0] * 40 + [900, 1100]):
            with self.subTest(gaps[-2:]):
                self.assertEqual(self.found([call(nonce="1" * 18, gaps_us=gaps)], [call(nonce="2" * 18, gaps_us=gaps)]), [[], []])

    def measured(self, seed: int, jitter: int = 0, model: str = "m:1b", factor: float = 1.0) -> list:
        """Twelve calls with times by chance; the same seed gives the same but for a jitter of so many microseconds."""
        chance, noise = random.Random(seed), random.Random(seed + 1000 * jitter)
        return [call(nonce=f"{(chance.randrange(10 ** 18) + jitter * noise.randrange(10 ** 17)) % 10 ** 18:018d}", model=model,
                     gaps_us=[round(factor * chance.gauss(20_000, 900)) + noise.randint(-jitter, jitter) for _ in range(60)])
                for _ in range(12)]

    def test_a_jitter_of_a_microsecond_under_other_nonces_hides_nothing(self):
        self.assertEqual(self.found(self.measured(1), self.measured(1, jitter=1)), [[], ["physics-duplicate"]])

    def test_a_model_s_half_of_a_run_is_a_copy_too(self):
        self.assertEqual(self.found(self.measured(1) + self.measured(2), self.measured(3) + self.measured(2)), [[], ["physics-duplicate"]])

    def test_a_jitter_of_a_hundredth_and_a_factor_on_all_times_hide_nothing_either(self):
        for changes in ({"jitter": 200}, {"jitter": 1, "factor": 0.7}, {"jitter": 100, "factor": 1.02}):
            with self.subTest(changes):
                self.assertEqual(self.found(self.measured(1), self.measured(1, **changes)), [[], ["physics-duplicate"]])

    def frozen(self, seed: int, jitter: float = 0.0, cut: int = 0, shuffled: bool = False) -> list:
        """Six calls of a frozen prompt, whose gaps are changed by up to this share, cut at their end or put into another order."""
        chance, noise, calls = random.Random(seed), random.Random(seed + 1), []
        for number in range(6):
            gaps = [round(chance.gauss(20_000, 900) * (1 + noise.uniform(-jitter, jitter))) for _ in range(140)]
            if shuffled:
                noise.shuffle(gaps)
            calls.append(call(nonce=f"{(chance.randrange(10 ** 18) + noise.randrange(10 ** 17)) % 10 ** 18:018d}", phase="frozen-prompts", item="P-HARD",
                              **{"pass": "first" if number < 3 else "last"}, repeat=number % 3 + 1, gaps_us=gaps[:140 - cut]))
        return calls

    def test_a_jitter_larger_than_the_noise_hides_no_copy_and_neither_does_another_order_or_a_cut(self):
        original = self.frozen(1)
        for changes in ({"jitter": 0.1}, {"jitter": 0.05, "cut": 5}, {"shuffled": True}, {"cut": 1}):
            with self.subTest(changes):
                copied = self.frozen(1, **changes)
                for number, record in enumerate(copied):
                    record["nonce"] = f"{number + 7:018d}"
                self.assertEqual(self.found(original, copied), [[], ["physics-duplicate"]])
        self.assertEqual(self.found(original, *(self.frozen(seed) for seed in range(20, 40, 2))), [[]] * 11)

    def test_a_half_with_a_jitter_is_a_copy_too(self):
        self.assertEqual(self.found(self.measured(1) + self.measured(2), self.measured(3) + self.measured(2, jitter=100)), [[], ["physics-duplicate"]])

    def test_what_a_machine_does_in_the_same_way_each_time_is_no_copy(self):
        """Every gap follows the same rhythm on all machines of a kind, and in all calls of a run."""
        def rhythmic(seed: int) -> list:
            chance = random.Random(seed)
            rhythm = random.Random(0)
            steps = [rhythm.randrange(20_000, 40_000) for _ in range(60)]
            return [call(nonce=f"{chance.randrange(10 ** 18):018d}", gaps_us=[step + chance.randint(-300, 300) for step in steps]) for _ in range(12)]
        self.assertEqual(self.found(rhythmic(1), rhythmic(2)), [[], []])

    def test_seventeen_nonces_and_a_few_gaps_that_were_changed_leave_a_copy(self):
        changed = self.measured(1)
        for record in changed[:7]:
            record.update(nonce=f"{record['seq'] + 5:018d}", gaps_us=[gap + 100 for gap in record["gaps_us"]])
        self.assertEqual(self.found(self.measured(1), changed), [[], ["physics-duplicate"]])

    def test_two_measurements_are_not_each_other_s_copies(self):
        self.assertEqual(self.found(self.measured(1), self.measured(2), self.measured(3)), [[], [], []])

    def test_a_nonce_is_nobody_else_s(self):
        self.assertEqual(self.found([call(nonce="1" * 18)], [call(nonce="1" * 18)]), [[], ["physics-duplicate"]])


if __name__ == "__main__":
    unittest.main()
