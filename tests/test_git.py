"""Git: one way to start it, in the repository that is meant, without a shell, a question or an end that never comes."""
from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
import unittest
from unittest import mock

import support
from base import git
from base.errors import UserError


@unittest.skipUnless(shutil.which("git"), "git is not installed")
class Git(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="a folder with spaces ")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        git.run(self.folder, "init", "-q", "-b", "main")

    def test_words_reach_git_as_they_are_and_never_a_shell(self):
        hostile = "$(touch hit); `touch hit` && touch hit | \"'\n*"
        git.run(self.folder, "config", "bench.word", hostile)
        self.assertEqual(git.run(self.folder, "config", "-z", "bench.word").out, hostile.encode() + b"\0")
        self.assertFalse((self.folder / "hit").exists())

    def test_a_failure_is_a_value_with_its_words(self):
        done = git.run(self.folder, "rev-parse", "--verify", "no-such-thing")
        self.assertEqual(done.code, 128)
        self.assertIn("fatal:", done.stderr)

    def test_what_goes_in_and_comes_out_is_bytes(self):
        data = b"\r\n\x00\xff not text\n"
        number = git.run(self.folder, "hash-object", "-w", "--stdin", data=data).text
        self.assertEqual(git.run(self.folder, "cat-file", "blob", number).out, data)

    def test_a_clone_that_git_does_not_trust_has_the_command_that_changes_it(self):
        with mock.patch.dict(os.environ, {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}):
            if git.run(self.folder, "rev-parse", "HEAD").stderr.find("dubious") < 0:
                self.skipTest("this git is older than the check of ownership")
            self.assertIn("git config --global --add safe.directory", git.refusal(self.folder))
        git.run(self.folder, "-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "-q", "--allow-empty", "-m", "x")
        self.assertIsNone(git.refusal(self.folder))
        self.assertIsNone(git.refusal(self.folder / "not there"))

    def test_one_line_is_the_line_or_nothing(self):
        self.assertEqual(git.line(self.folder, "rev-parse", "--show-prefix"), "")
        self.assertIsNone(git.line(self.folder, "no-such-command"))
        with mock.patch.object(git.subprocess, "run", side_effect=FileNotFoundError("git")):
            self.assertIsNone(git.line(self.folder, "rev-parse", "HEAD"))

    def test_no_git_is_a_line_that_says_what_to_do(self):
        with mock.patch.object(git.subprocess, "run", side_effect=FileNotFoundError("git")):
            with self.assertRaisesRegex(UserError, "not installed.*install it"):
                git.run(self.folder, "status")

    @unittest.skipIf(os.name == "nt", "an alias that sleeps needs a POSIX shell")
    def test_a_command_without_end_is_given_up_and_named_without_its_settings(self):
        with self.assertRaisesRegex(UserError, "git nap: did not end within"):
            git.run(self.folder, "-c", "alias.nap=!exec sleep 30", "nap", limit_s=0.3)


class Environment(unittest.TestCase):
    def test_another_repository_and_a_secret_are_left_behind_and_english_is_asked_for(self):
        present = {"GIT_DIR": "elsewhere/.git", "GIT_INDEX_FILE": "x", "GITEA_TOKEN": "s3cret", "LC_ALL": "de_DE.UTF-8",
                   "LANGUAGE": "de", "PATH": "p", "GIT_SSH_COMMAND": "ssh -4"}
        found = git.environment(present, {"GIT_INDEX_FILE": "mine"})
        self.assertEqual(found["GIT_INDEX_FILE"], "mine")
        self.assertEqual((found["LC_ALL"], found["LANGUAGE"], found["PATH"], found["GIT_SSH_COMMAND"]),
                         ("C", "C", "p", "ssh -4"))
        self.assertNotIn("GIT_DIR", found)
        self.assertNotIn("GITEA_TOKEN", found)

    def test_git_asks_for_a_password_only_where_somebody_can_answer(self):
        for terminal, found in ((True, None), (False, "0")):
            with self.subTest(terminal=terminal), mock.patch.object(git.console, "is_terminal", lambda: terminal):
                self.assertEqual(git.environment({}, {}).get("GIT_TERMINAL_PROMPT"), found)

    @unittest.skipUnless(shutil.which("git"), "git is not installed")
    def test_the_repository_that_is_named_is_meant_even_inside_a_hook(self):
        with tempfile.TemporaryDirectory() as one, mock.patch.dict(os.environ, {"GIT_DIR": str(pathlib.Path(one) / "none")}):
            self.assertEqual(git.run(pathlib.Path(one), "init", "-q").code, 0)
            self.assertTrue((pathlib.Path(one) / ".git").is_dir())


if __name__ == "__main__":
    unittest.main()
