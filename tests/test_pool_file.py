"""The pool file: a pool that was stored and gets one more run has the same record as one of all runs; any damage is seen."""
from __future__ import annotations

import pathlib
import tempfile
import unittest

import showcase

from publish import pool_file, pooling, run_contribution

MACHINE = {"bandwidth_gb_s": 100, "bandwidth_of": "m1", "model_memory_kind": "unified"}
NUMBERS = (0, 12, 24)       # runs of one machine; thinking and a context ladder are among their phases
OTHER_DIGEST = 24           # the run whose model was published anew


class Storing(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.path = pathlib.Path(held.name, "pools", "cell.json")

    def runs(self, hidden: tuple = ()) -> list:
        """(key, contribution to one cell) of each run."""
        result = []
        for number in NUMBERS:
            view, contributions, _ = showcase.taken(number)
            same = {"cell_id": "a-pc.m", "model": "m", "digest": ("b" if number == OTHER_DIGEST else "a") * 64}
            row = None if number in hidden else view.run
            result.append((str(number), run_contribution.CellRun(view.run["run_id"], view.run["started_at"], row, {**contributions[0], **same})))
        return result

    def pooled(self, runs: list, between: object = lambda pool: pool) -> pooling.PooledCell:
        pool = pooling.CellPool()
        for key, run in runs:
            pool.add(key, run)
            pool = between(pool)
        return pool.record(MACHINE)

    def stored(self, pool: pooling.CellPool) -> pooling.CellPool:
        pool_file.write(self.path, pool)
        return pool_file.read(self.path)

    def test_one_more_run_gives_the_same_record_in_any_order_as_all_at_once(self):
        for hidden in ((), NUMBERS[:1], NUMBERS[1:2]):
            with self.subTest(hidden=hidden):
                runs = self.runs(hidden)
                whole = self.pooled(runs)
                names = {name for variant in whole.record["variants"] for phase in variant["phases"] for name in phase}
                self.assertLessEqual({"thinking", "rung"}, names)
                self.assertEqual(len(whole.record["variants"]), 2)
                for order in (runs, runs[::-1], [runs[1], runs[2], runs[0]]):
                    one_by_one = self.pooled(order, self.stored)
                    self.assertEqual(b"".join(one_by_one.data()), b"".join(whole.data()))
                    self.assertEqual(one_by_one.record, whole.record)

    def test_a_pool_knows_its_runs(self):
        pool = pooling.CellPool()
        for key, run in self.runs():
            pool.add(key, run)
        self.assertEqual(self.stored(pool).keys, [str(number) for number in NUMBERS])

    def test_a_file_that_is_missing_cut_or_changed_is_not_used(self):
        self.assertIsNone(pool_file.read(self.path))
        pool = pooling.CellPool()
        pool.add(*self.runs()[0])
        self.stored(pool)
        data = self.path.read_bytes()
        for damaged in (b"", data[:-1], data[:len(data) // 2], data[:70], data.replace(b'"runs":1', b'"runs":2', 1), b"\0" * len(data)):
            with self.subTest(damaged[:20]):
                self.path.write_bytes(damaged)
                self.assertIsNone(pool_file.read(self.path))


if __name__ == "__main__":
    unittest.main()
