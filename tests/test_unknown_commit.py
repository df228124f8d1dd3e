"""The harness's commit: unknown to a clone with its whole history it is remarked on; a shallow clone cannot say."""
from __future__ import annotations

import pathlib
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

import support  # noqa: F401  (puts the harness on the path)

from judge import evidence
from mutants import changes

UNKNOWN = {"harness_commit": "ab12" * 10, "harness_sha256": "c0" * 32, "harness_modified": False}


@unittest.skipUnless(shutil.which("git"), "git is not installed")
class Commits(unittest.TestCase):
    def rules(self, clone: pathlib.Path) -> list:
        for cached in (evidence.has_history, evidence.source_hash_of):
            cached.cache_clear()
            self.addCleanup(cached.cache_clear)
        with mock.patch.object(evidence, "ROOT", clone):
            return [finding.rule for finding in evidence.commit_problems(UNKNOWN)]

    def test_only_a_clone_with_its_whole_history_says_that_a_commit_is_not_there(self):
        with tempfile.TemporaryDirectory() as folder:
            whole, shallow, unpacked = (pathlib.Path(folder) / name for name in ("whole", "shallow", "unpacked"))
            whole.mkdir()
            changes.base(whole)
            changes.commit(whole, "a second one")
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", whole.as_uri(), str(shallow)], check=True, capture_output=True)
            unpacked.mkdir()
            self.assertEqual(self.rules(whole), ["protocol-unknown-commit"])
            self.assertEqual(self.rules(whole / "harness"), [])     # unpacked within somebody else's repository
            self.assertEqual(self.rules(shallow), [])
            self.assertEqual(self.rules(unpacked), [])


if __name__ == "__main__":
    unittest.main()
