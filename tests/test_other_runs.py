"""The runs of others: here, left out of a sparse clone, or not there yet."""
from __future__ import annotations

import unittest
from unittest import mock

import support  # noqa: F401  (puts the harness on the path)

from base import git, other_runs

EXAMPLE, OTHER = "submissions/EXAMPLE/a/run-0/manifest.json", "submissions/ana/mac/run-1/manifest.json"


class State(unittest.TestCase):
    def test_a_sparse_clone_without_submissions_leaves_them_out_and_the_example_is_nobody_s(self):
        for listed, state in ((f"H {EXAMPLE}", other_runs.NONE), (f"S {EXAMPLE}", other_runs.NONE), ("", other_runs.NONE),
                              (f"S {EXAMPLE}\nS {OTHER}", other_runs.LEFT_OUT), (f"H {EXAMPLE}\nH {OTHER}", other_runs.HERE)):
            with self.subTest(listed), mock.patch.object(git, "line", return_value=listed):
                self.assertEqual(other_runs.state(), state)


if __name__ == "__main__":
    unittest.main()
