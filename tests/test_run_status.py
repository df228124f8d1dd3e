"""How far a run has come, in words, and the one command that comes next."""
from __future__ import annotations

import os
import pathlib
import re
import tempfile
import unittest
from unittest import mock

import gitea
import support  # noqa: F401  (puts the harness on the path)

from base import console, run_folder, shell
from base.errors import UserError
from derive import run_md
from submit import run_status
from submit.run_status import RunState
from mutants import valid

NAME = f"run-{valid.RUN_ID}"


class Words(unittest.TestCase):
    def test_each_state_has_its_words_and_its_command(self):
        named = {"handle": "ana", "device_tag": "mac-m1-8gb"}
        page = "https://h/o/n/pulls/3"
        for state, words, command in (
                (RunState(pathlib.Path("r"), **named), "not finished", "run_benchmark.py --resume r"),
                (RunState(pathlib.Path("r"), **named, has_plan=False),
                 "stopped before it had a plan; nothing was measured, so its folder can be removed", "run_benchmark.py --dry-run"),
                (RunState(pathlib.Path("r"), **named, calls=3, planned=9), "not finished: 3 of 9 calls", "run_benchmark.py --resume r"),
                (RunState(pathlib.Path("r"), complete=True, device_tag="mac-m1-8gb", open_points=7), "complete; no handle set",
                 "run_benchmark.py --move r --handle HANDLE --device-tag mac-m1-8gb"),
                (RunState(pathlib.Path("r"), **named, complete=True, errors=2, open_points=7), "complete; the checker finds 2 errors, and run.md has 7 open points",
                 "check_submission.py r"),
                (RunState(pathlib.Path("r"), complete=True, errors=1), "complete; the checker finds 1 error", "check_submission.py r"),
                (RunState(pathlib.Path("r"), **named, complete=True, errors=1), "complete; the checker finds 1 error", "check_submission.py r"),
                (RunState(pathlib.Path("r"), **named, complete=True, open_points=1), "complete; run.md has 1 open point",
                 "fill in what run.md asks, then check_submission.py r"),
                (RunState(pathlib.Path("r"), **named, complete=True), "complete and checked", "submit_run.py r --dry-run"),
                (RunState(pathlib.Path("r"), **named, complete=True, has_branch=True),
                 "complete and checked; its commit is made but not sent", "submit_run.py r --dry-run"),
                (RunState(pathlib.Path("r"), **named, complete=True, has_branch=True, page=page, request="open"),
                 f"sent; the request is open: {page}", f"nothing to do for this run; its page is {page}"),
                (RunState(pathlib.Path("r"), **named, complete=True, page=page, request="open", changed=("metadata.json", "run.md")),
                 f"sent; metadata.json, run.md have changed since: {page}", "submit_run.py r"),
                (RunState(pathlib.Path("r"), **named, complete=True, page=page, request="unknown", changed=("run.md",), open_points=1),
                 f"sent; run.md has changed since: {page}", "check_submission.py r"),
                (RunState(pathlib.Path("r"), **named, complete=True, page=page, request="merged", changed=("run.md",)), f"sent and merged: {page}",
                 f"nothing to do for this run; its page is {page}"),
                (RunState(pathlib.Path("r"), **named, complete=True, page=page, request="closed"), f"sent; the request was closed: {page}",
                 f"read at {page} why it was closed; to send it again: submit_run.py r --anew --dry-run"),
                (RunState(pathlib.Path("r"), **named, complete=True, page=page, request="unknown"),
                 f"sent; its state cannot be read now: {page}", "submit_run.py r --dry-run"),
                (RunState(pathlib.Path("r"), **named, complete=True, has_branch=True, file="/t/run-1.zip", place="a new issue at https://h/i"),
                 "complete and checked; the file to attach is made: /t/run-1.zip",
                 "attach /t/run-1.zip to a new issue at https://h/i, unless you have done so"),
                (RunState(pathlib.Path("r"), **named, complete=True, synthetic=True), "complete and checked", "run_benchmark.py --list")):
            command = re.sub(r"(\w+\.py.*)", lambda match: shell.command(*match.group().split()), command)
            with self.subTest(state):
                self.assertEqual((run_status.describe(state), run_status.next_step(state)), (words, command))


    def test_after_a_request_there_is_nothing_to_do_but_to_wait(self):
        sent, merged = (RunState(pathlib.Path("r"), "ana", "t", complete=True, request=request) for request in ("open", "merged"))
        for states, step in (([merged, sent], "wait for a maintainer; to measure more: plan"), ([merged], "plan"), ([], "plan")):
            self.assertEqual(run_status.step_after_all(states, "plan"), step)

    def test_at_a_terminal_the_command_leaves_out_the_handle_which_is_asked_for(self):
        with mock.patch.object(console, "is_terminal", lambda: True):
            step = run_status.next_step(RunState(pathlib.Path("r"), complete=True, device_tag="mac-m1-8gb"))
        self.assertEqual(step, shell.command("run_benchmark.py", "--move", "r", "--device-tag", "mac-m1-8gb"))


@unittest.skipUnless(gitea.HAS_GIT, "git is not installed")
class Looking(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        held = tempfile.TemporaryDirectory(prefix="a clone ")
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

    def state(self, folder: pathlib.Path) -> str:
        return run_status.describe(run_status.look(folder, self.root))

    def test_open_questions_are_counted_apart_from_errors(self):
        text = self.files["run.md"].decode()
        self.files["run.md"] = text.replace("- [x] ", run_md.BOX).encode()
        folder = self.lay()
        self.assertEqual(self.state(folder), "complete; only the boxes of the attestation are open")
        step = run_status.next_step(run_status.look(folder, self.root))
        self.assertRegex(step, r"^look through the five files, and tick the boxes .*submit_run\.py .* --dry-run$")
        (folder / "metadata.json").unlink()
        self.assertRegex(self.state(folder), "^complete; the checker finds 1 error, and run.md has [0-9]+ open points?$")

    def test_a_complete_run_waits_until_it_was_sent(self):
        folder = self.lay()
        self.assertEqual(self.state(folder), "complete and checked")
        gitea.git(self.root, "branch", NAME)
        self.assertEqual(self.state(folder), "complete and checked; its commit is made but not sent")
        with gitea.gitea(self.kept) as (server, url):
            pulls = f"{url}/bench-org/bench/pulls/1"
            run_status.remember(self.root, NAME, page=pulls)
            for state, words in (("open", "the request is open"), ("closed", "the request was closed")):
                server.answers = {"GET /repos/bench-org/bench/pulls/1": (200, {
                    "number": 1, "state": state, "base": {"ref": "main", "repo": {"full_name": "bench-org/bench"}},
                    "head": {"sha": "a" * 40}})}
                self.assertEqual(self.state(folder), f"sent; {words}: {pulls}")
            server.answers = {}
            self.assertEqual(self.state(folder), f"sent; its state cannot be read now: {pulls}")

    def test_a_run_that_was_changed_after_it_was_sent_waits_until_it_is_sent_again(self):
        folder = self.lay()
        sent = run_status.hashes_of({path.name: path.read_bytes() for path in folder.iterdir()})
        run_status.remember(self.root, NAME, page="https://h/o/n/pulls/1", sent=sent)
        with mock.patch.object(run_status, "request_state", return_value="open"):
            self.assertFalse(run_status.is_waiting(run_status.look(folder, self.root)))
            with open(folder / "run.md", "ab") as text:
                text.write(b"a better sentence\n")
            state = run_status.look(folder, self.root)
        self.assertEqual(state.changed, ("run.md",))
        self.assertTrue(run_status.is_waiting(state))

    def test_the_file_that_was_left_is_known_until_the_run_is_changed_or_the_file_is_gone(self):
        folder, file = self.lay(), self.kept / f"{NAME}.zip"
        file.write_bytes(b"zip")
        run_status.remember(self.root, NAME, file=str(file), place="a new issue at https://h/o/n/issues")
        made = f"complete and checked; the file to attach is made: {file}"
        self.assertEqual(self.state(folder), made)
        self.assertEqual(run_status.look(folder, self.root).place, "a new issue at https://h/o/n/issues")
        newest = max(path.stat().st_mtime for path in folder.iterdir())
        os.utime(file, (newest - 9, newest - 9))
        self.assertEqual(self.state(folder), "complete and checked")
        os.utime(file, (newest + 9, newest + 9))
        self.assertEqual(self.state(folder), made)
        file.unlink()
        self.assertEqual(self.state(folder), "complete and checked")

    def test_a_run_without_a_handle_can_be_moved_unless_its_manifest_disagrees(self):
        folder = self.lay(handle="unnamed")
        for handle, tag, words in (("example", valid.DEVICE_TAG, "reserved"), ("bob", valid.DEVICE_TAG, "never changed"),
                                   (valid.HANDLE, "mac-m9-8gb", "never changed"), ("a b", valid.DEVICE_TAG, "a handle is")):
            with self.subTest((handle, tag)), self.assertRaisesRegex(UserError, words):
                run_folder.move(folder, self.out, handle, tag)
        moved = run_folder.move(folder, self.out, valid.HANDLE, valid.DEVICE_TAG)
        self.assertEqual((moved, folder.exists()), ((self.out / valid.HANDLE / valid.DEVICE_TAG / NAME).resolve(), False))
        self.assertEqual(run_folder.move(moved, self.out, valid.HANDLE, valid.DEVICE_TAG), moved)
        with self.assertRaisesRegex(UserError, "exists"):
            run_folder.move(self.lay(handle="unnamed"), self.out, valid.HANDLE, valid.DEVICE_TAG)

    def test_a_torn_broken_or_missing_ledger_is_not_finished(self):
        folder = self.lay()
        for data in (self.files["run.jsonl"][:-9], b"{}\n", b"[]\n", b'{"type":"footer","complete":true}\n', b"", None):
            with self.subTest(data=data and data[-20:]):
                (folder / "run.jsonl").unlink()
                if data is not None:
                    (folder / "run.jsonl").write_bytes(data)
                self.assertEqual(self.state(folder), "not finished")
                (folder / "run.jsonl").touch()

    def test_a_folder_with_hardware_alone_has_no_plan(self):
        with tempfile.TemporaryDirectory() as root:
            folder = pathlib.Path(root, "ana", "mac-m1-8gb", NAME)
            folder.mkdir(parents=True)
            (folder / run_folder.HARDWARE).write_bytes(b"{}")
            self.assertFalse(run_status.look(folder, pathlib.Path(root)).has_plan)
            (folder / run_folder.MANIFEST).write_bytes(b"{}")
            self.assertTrue(run_status.look(folder, pathlib.Path(root)).has_plan)

    def test_own_runs_are_those_without_a_commit_oldest_first(self):
        theirs, mine = self.lay(handle="other"), self.lay(f"run-{valid.RUN_ID[:-1]}4")
        gitea.git(self.root, "add", "submissions/other")
        self.assertEqual(run_status.own_runs(self.out, self.root), [mine.resolve()])
        gitea.git(self.root, "rm", "-q", "-r", "--cached", "submissions/other")
        self.assertEqual(set(run_status.own_runs(self.out, self.root)), {theirs.resolve(), mine.resolve()})


if __name__ == "__main__":
    unittest.main()
