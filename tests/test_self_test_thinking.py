"""Thinking in the self-test: everything planted is recovered, and each line fails where something else comes out."""
from __future__ import annotations

import copy
import unittest

import runs

from self_test import thinking_checks


class Planted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lines, cls.seen = runs.thinking_part()

    def test_all_of_it_is_recovered(self):
        self.assertEqual([line for line in self.lines if not line.passed and not line.timed], [])
        self.assertEqual(len({line.name for line in self.lines}), len(self.lines))

    def failed(self, name: str, change) -> set:
        """Lines that no longer hold once `change` was done to the metadata of that model."""
        model, mode, calls, metadata = next(row for row in self.seen if row[0]["name"] == name)
        metadata = copy.deepcopy(metadata)
        change({row["phase"]: row for row in metadata["aggregates"] if row["model"] == name}, metadata)
        lines = thinking_checks._asked(model, mode, calls, metadata) + thinking_checks._figures(model, mode, calls, metadata)
        return {line.name.rpartition(": ")[2] for line in lines if not line.passed and not line.timed}

    def test_each_line_fails_where_something_else_comes_out(self):
        phase = thinking_checks.PHASE
        cases = (
            ("thinks:1b", lambda rows, _: rows[phase]["thinking"]["tokens"].update(median=30), "thinking tokens by chunks"),
            ("tags:1b", lambda rows, _: rows["small-eval"]["thinking"]["tokens"].update(median=80), "thinking tokens by text"),
            ("tags:1b", lambda rows, _: rows["small-eval"]["quality"].update(passed=0), "right answers of the plain phase"),
            ("thinks:1b", lambda rows, _: rows[phase]["thinking"]["answers"].update(gained=1), "right answers with thinking"),
            ("endless:1b", lambda rows, _: rows[phase]["thinking"].update(cut_by_budget=0), "answers cut by the budget"),
            ("endless:1b", lambda rows, _: rows[phase]["thinking"]["answers"].update(pairs=5), "pairs of answers"),
            ("always:1b", lambda _, metadata: [row.update(always_thinks=False) for row in metadata["models"]], "always thinks"),
            ("always:1b", lambda rows, _: rows[phase].update(skips={"time-limit": 5}), "thinking phase"),
            ("plain:1b", lambda rows, metadata: metadata["aggregates"].append({**rows["small-eval"], "phase": phase}), "thinking phase"),
            ("levels:1b", lambda rows, _: rows[phase]["thinking"]["tokens"].update(median=thinking_checks.HIGH), "thinking tokens by chunks"),
            ("refuses:1b", lambda rows, _: rows[phase].update(calls=5), "thinking phase"),
        )
        for name, change, line in cases:
            with self.subTest(name=name, line=line):
                self.assertEqual(self.failed(name, change), {line})

    def test_limits_without_room_are_seen(self):
        model, mode, calls, metadata = next(row for row in self.seen if row[0]["name"] == "always:1b")
        cut = [call._replace(options={**call.options, "num_predict": 32}) for call in calls]
        lines = thinking_checks._asked(model, mode, cut, metadata)
        self.assertEqual([line.name for line in lines if not line.passed], ["thinking, always:1b: room for thoughts in context and limits"])


if __name__ == "__main__":
    unittest.main()
