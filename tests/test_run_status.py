"""Standing: how far a run has come is told in words, and followed by the one command that brings it on."""
from __future__ import annotations

import pathlib
import tempfile
import unittest

import gitea
import support  # noqa: F401  (puts the harness on the path)

from derive import run_md
from submit import run_status
from submit.run_status import Seen
from mutants import valid

NAME = f"run-{valid.RUN_ID}"


class Words(unittest.TestCase):
    def test_each_state_has_its_words_and_its_command(self):
        named = {"handle": "ana", "device_tag": "mac-m1-8gb"}
        for seen, words, command in (
                (Seen("r", **named), "not finished", "python harness/run_benchmark.py --resume r"),
                (Seen("r", **named, calls=3, planned=9), "not finished: 3 of 9 calls",
                 "python harness/run_benchmark.py --resume r"),
                (Seen("r", complete=True, device_tag="mac-m1-8gb", open_points=7), "complete; it goes under no handle yet",
                 "mkdir -p submissions/YOUR-HANDLE/mac-m1-8gb && mv r submissions/YOUR-HANDLE/mac-m1-8gb/"),
                (Seen("r", **named, complete=True, errors=2, open_points=7), "complete; the checker finds 2 errors",
                 "python harness/check_submission.py r"),
                (Seen("r", **named, complete=True, errors=1), "complete; the checker finds 1 error",
                 "python harness/check_submission.py r"),
                (Seen("r", **named, complete=True, open_points=1), "complete; run.md has 1 open point",
                 "fill in what run.md asks, then python harness/check_submission.py r"),
                (Seen("r", **named, complete=True), "complete and checked", "python harness/submit_run.py r --dry-run"),
                (Seen("r", **named, complete=True, has_branch=True), "complete and checked; its commit is made",
                 "python harness/submit_run.py r --dry-run"),
                (Seen("r", **named, complete=True, synthetic=True), "complete and checked",
                 "python harness/run_benchmark.py --list")):
            with self.subTest(seen):
                self.assertEqual((run_status.told(seen), run_status.next_step(seen)), (words, command))


class Looking(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        held = tempfile.TemporaryDirectory(prefix="a clone ", dir=gitea.memory())
        cls.addClassCleanup(held.cleanup)
        cls.upstream = gitea.new_bare(pathlib.Path(held.name) / "upstream.git", {"submissions/README.md": "runs\n"})
        cls.kept = pathlib.Path(held.name)

    def setUp(self):
        self.root = self.kept / self.id().rpartition(".")[2]
        gitea.git(self.kept, "clone", "-q", "--template=", str(self.upstream), str(self.root))
        self.files = valid.Run().files()
        self.out = self.root / "submissions"

    def lay(self, name: str = NAME, handle: str = valid.HANDLE) -> pathlib.Path:
        return valid.laid_out(self.out / handle / valid.DEVICE_TAG / name, self.files)

    def told(self, folder: pathlib.Path) -> str:
        return run_status.told(run_status.look(folder, self.root))

    def test_what_its_contributor_left_open_is_told_apart_from_errors(self):
        text = self.files["run.md"].decode()
        self.files["run.md"] = text.replace("- [x] ", run_md.BOX).encode()
        folder = self.lay()
        self.assertEqual(self.told(folder), "complete; run.md has 3 open points")
        (folder / "metadata.json").unlink()
        self.assertEqual(self.told(folder), "complete; the checker finds 1 error")

    def test_a_whole_run_waits_for_its_submission_until_the_commit_is_made(self):
        folder = self.lay()
        self.assertEqual(self.told(folder), "complete and checked")
        self.assertEqual(run_status.look(folder, self.root).folder, folder.relative_to(self.root).as_posix())
        gitea.git(self.root, "branch", NAME)
        self.assertEqual(self.told(folder), "complete and checked; its commit is made")

    def test_a_ledger_that_is_torn_broken_or_not_there_is_not_finished(self):
        folder = self.lay()
        for data in (self.files["run.jsonl"][:-9], b"{}\n", b"[]\n", b'{"type":"footer","complete":true}\n', b"", None):
            with self.subTest(data=data and data[-20:]):
                (folder / "run.jsonl").unlink()
                if data is not None:
                    (folder / "run.jsonl").write_bytes(data)
                self.assertEqual(self.told(folder), "not finished")
                (folder / "run.jsonl").touch()

    def test_only_runs_that_are_in_no_commit_are_ones_own_the_latest_last(self):
        theirs, mine = self.lay(handle="other"), self.lay(f"run-{valid.RUN_ID[:-1]}4")
        gitea.git(self.root, "add", "submissions/other")
        self.assertEqual(run_status.own_runs(self.out, self.root), [mine.resolve()])
        gitea.git(self.root, "rm", "-q", "-r", "--cached", "submissions/other")
        self.assertEqual(set(run_status.own_runs(self.out, self.root)), {theirs.resolve(), mine.resolve()})


if __name__ == "__main__":
    unittest.main()
