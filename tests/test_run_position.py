"""Where one run ranks: each device and model counts once, less time is better, and noise is not called a difference."""
from __future__ import annotations

import unittest

import support  # noqa: F401  (puts the harness on the path)

from derive import run_position
from derive.headline import ModelFigures
from derive.run_position import DEVICES, MODELS


def stat(median: float, reach: float | None = 1.0) -> dict:
    low, high = (None, None) if reach is None else (median - reach, median + reach)
    return {"n": 9, "median": median, "low": low, "high": high}


def figures(device: str, decode: float, ttft: float = 50.0, model: str = "m:1b", digest: str = "a", reach: float | None = 1.0) -> ModelFigures:
    return ModelFigures("run", None, model, digest, {"decode_tok_s": stat(decode, reach), "ttft_ms": stat(ttft), "prefill_tok_s": None}, device)


class Ranking(unittest.TestCase):
    MINE = figures("mine", 40.0)

    def position(self, *others: ModelFigures, figure: str = "decode_tok_s", group: str = DEVICES) -> run_position.Position:
        peers = run_position.peers_of(self.MINE, list(others))[group]
        return next(row for row in run_position.positions(self.MINE, peers) if row.figure == figure)

    def test_the_nearest_on_both_sides_and_the_share_of_slower_ones(self):
        row = self.position(figures("a", 10.0), figures("b", 39.5), figures("c", 44.0), figures("d", 90.0))
        self.assertEqual((row.peers, row.slower_peers, row.slower.name, row.faster.name), (4, 2, "b", "c"))
        self.assertEqual([run_position.is_noise(row.stat, beside) for beside in (row.slower, row.faster)], [True, False])

    def test_less_time_is_better(self):
        row = self.position(figures("a", 10.0, 90.0), figures("b", 10.0, 20.0), figure="ttft_ms")
        self.assertEqual((row.slower_peers, row.slower.name, row.faster.name), (1, "a", "b"))

    def test_a_device_counts_once_with_the_median_of_its_runs_whose_noise_is_not_known(self):
        row = self.position(figures("a", 10.0), figures("a", 30.0), figures("a", 20.0))
        self.assertEqual((row.peers, row.slower.median, run_position.is_noise(row.stat, row.slower)), (1, 20.0, None))

    def test_the_same_model_has_the_same_digest_and_this_device_the_same_tag(self):
        others = [figures("a", 1.0, model="other-name"), figures("b", 1.0, digest="b"), figures("mine", 1.0),
                  figures("mine", 2.0, model="n:2b", digest="c")]
        groups = run_position.peers_of(self.MINE, others)
        self.assertEqual((list(groups[DEVICES]), list(groups[MODELS])), (["a"], ["n:2b"]))

    def test_figures_that_one_of_them_lacks_are_left_out(self):
        peers = run_position.peers_of(self.MINE, [figures("a", 1.0)])[DEVICES]
        self.assertEqual([row.figure for row in run_position.positions(self.MINE, peers)], ["decode_tok_s", "ttft_ms"])


if __name__ == "__main__":
    unittest.main()
