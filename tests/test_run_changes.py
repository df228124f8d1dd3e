"""Which runs have changed: told by git where there is a clone, else by the states of the files; never too few."""
from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import support

from publish import run_changes

RUNS = [f"submissions/ana/a-pc/run-{name}" for name in ("one", "two", "three")]
QUIET = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


@unittest.skipUnless(shutil.which("git"), "git is not installed")
class Clone(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.top = pathlib.Path(held.name).resolve()
        self.submissions = self.top / "submissions"
        self.git("init", "-q")
        for run in RUNS:
            self.put(f"{run}/run.jsonl", "first")
        self.put("submissions/README.md", "about")
        self.put(".gitignore", "*.log\nprivate/\n")
        self.commit()

    def git(self, *words: str) -> None:
        subprocess.run(["git", "-C", str(self.top), "-c", "user.name=a", "-c", "user.email=a@example.org", *words], check=True,
                       env=QUIET, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def put(self, path: str, text: str) -> None:
        (self.top / path).parent.mkdir(parents=True, exist_ok=True)
        (self.top / path).write_text(text, encoding="ascii")

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    def state(self) -> run_changes.GitState:
        return run_changes.git_state(self.submissions)

    def changed(self, before: run_changes.GitState) -> set:
        found = run_changes.changed_since(self.submissions, before, self.state())
        return None if found is None else found & set(RUNS + ["submissions/ana/a-pc/run-new", "submissions/bora/b-pc/run-new"])


class Git(Clone):
    def test_nothing_new_is_no_change(self):
        self.assertEqual(self.state().dirty, ())
        self.assertEqual(self.changed(self.state()), set())

    def test_each_way_in_which_a_run_can_change_is_seen(self):
        first = subprocess.run(["git", "-C", str(self.top), "rev-parse", "HEAD"], check=True, stdout=subprocess.PIPE).stdout.decode().strip()
        ways = {
            "edited": (lambda: self.put(f"{RUNS[0]}/run.jsonl", "other"), {RUNS[0]}),
            "another file": (lambda: self.put(f"{RUNS[1]}/notes.txt", "x"), {RUNS[1]}),
            "an ignored file": (lambda: self.put(f"{RUNS[2]}/debug.log", "x"), {RUNS[2]}),
            "an ignored folder": (lambda: self.put(f"{RUNS[2]}/private/x", "x"), {RUNS[2]}),
            "removed": (lambda: (self.top / RUNS[0] / "run.jsonl").unlink(), {RUNS[0]}),
            "new": (lambda: self.put("submissions/bora/b-pc/run-new/run.jsonl", "x"), {"submissions/bora/b-pc/run-new"}),
        }
        for name, (change, expected) in ways.items():
            with self.subTest(name):
                before = self.state()
                change()
                self.assertEqual(self.changed(before), expected)
                self.commit()
                self.assertEqual(self.changed(before), expected)
            self.git("reset", "-q", "--hard", first)
            self.git("clean", "-q", "-d", "-x", "-f")

    def test_a_change_that_was_taken_back_is_one(self):
        self.put(f"{RUNS[0]}/run.jsonl", "other")
        before = self.state()
        self.git("checkout", "-q", "--", ".")
        self.assertEqual(self.changed(before), {RUNS[0]})

    def test_same_size_and_time_do_not_hide_an_edit(self):
        before, path = self.state(), self.top / RUNS[0] / "run.jsonl"
        state = path.stat()
        path.write_text("FIRST", encoding="ascii")
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        if os.name != "nt":
            self.assertEqual(self.changed(before), {RUNS[0]})

    def test_where_git_cannot_tell_nothing_is_claimed(self):
        self.assertIsNone(run_changes.changed_since(self.submissions, None, self.state()))
        self.assertIsNone(run_changes.changed_since(self.submissions, run_changes.GitState("0" * 40, ()), self.state()))
        self.put("submissions/private/b-pc/run-new/run.jsonl", "x")     # a whole ignored folder: runs may be in it
        self.assertIsNone(self.changed(self.state()))
        with tempfile.TemporaryDirectory() as elsewhere:
            self.assertIsNone(run_changes.git_state(pathlib.Path(elsewhere)))


class Files(Clone):
    def test_all_runs_are_listed_in_order_and_those_behind_links_marked(self):
        runs, linked = run_changes.all_runs(self.submissions)
        self.assertEqual((list(runs), linked), (sorted(RUNS), set()))
        support.make_link(self.submissions / "bora", self.submissions / "ana")
        runs, linked = run_changes.all_runs(self.submissions)
        self.assertEqual((len(runs), linked), (6, {path for path in runs if "/bora/" in path}))

    def test_states_and_contents_change_with_the_files(self):
        folder = str(self.top / RUNS[0])
        states, contents = run_changes.states(folder), run_changes.contents(folder)
        os.utime(pathlib.Path(folder, "run.jsonl"), ns=(1, 1))
        self.assertNotEqual(run_changes.states(folder), states)
        self.assertEqual(run_changes.contents(folder), contents)
        self.put(f"{RUNS[0]}/run.jsonl", "other")
        self.assertNotEqual(run_changes.contents(folder), contents)


if __name__ == "__main__":
    unittest.main()
