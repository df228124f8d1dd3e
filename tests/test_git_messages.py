"""What git and a server write on stderr: the line that gives the reason, out of frames and progress."""
from __future__ import annotations

import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import git
from submit import git_messages

# As a Gitea sends it: its words between lines that hold nothing but `error:`.
FRAMED = ("remote: Resolving deltas: 100% (3/3), done.\nremote: \nremote: error:\nremote: error: {}\nremote: error:\nremote: \n"
          "To x\n ! [remote rejected] run-1 -> run-1 (pre-receive hook declined)\nerror: failed to push some refs to 'x'\n")


class Reasons(unittest.TestCase):
    def test_the_servers_words_are_taken_out_of_their_frame(self):
        for words in ("Not allowed to push to protected branch main",
                      "Cannot create pull request because you are blocked by the repository owner."):
            with self.subTest(words):
                self.assertEqual(git_messages.reason(FRAMED.format(words)), f"remote: {words}")
        self.assertEqual(git_messages.reason("remote: error:\nremote: \nfatal: it hung up\n"), "fatal: it hung up")

    def test_the_servers_words_come_before_gits(self):
        said = "remote: \nremote: you are blocked\x1b[2J\nerror: failed to push some refs to 'x'\n"
        done = git.Completed(1, b"To x\n!\tabc:refs/heads/run-1\t[remote rejected] (pre-receive hook declined)\nDone\n", said)
        self.assertEqual(git_messages.push_reason(done),
                         "remote: you are blocked\\x1b[2J; [remote rejected] (pre-receive hook declined)")
        self.assertEqual(git_messages.push_reason(git.Completed(128, b"", "fatal: no\n")), "fatal: no")
        self.assertEqual(git_messages.push_reason(git.Completed(128, b"", "remote: Verify\nfatal: no\n")), "remote: Verify; fatal: no")
        self.assertEqual(git_messages.push_reason(git.Completed(128, b"", "")), "git printed nothing")

    def test_only_a_refusal_of_the_whole_repository_is_final(self):
        for text, is_final in (
                ("This repo is archived. You can view files and clone it, but cannot push or open issues/pull-requests.", True),
                ("Cannot create pull request because you are blocked by the repository owner.", True),
                ("Forgejo: User permission denied for creating pull-request.", True), ("mirror repository is read-only", True),
                ("user is blocked", True), ("Internal Server Error (no message for end users)", False), ("the receiving end does not support push options", False),
                ("Not allowed to push to protected branch main", False), ("Authentication failed", False)):
            with self.subTest(text):
                self.assertEqual(git_messages.is_final_message(text), is_final)
                self.assertEqual(git_messages.is_final(FRAMED.format(text)), is_final)

    def test_the_name_of_a_repository_is_not_a_reason(self):
        said = "fatal: unable to access 'https://x/ana/is-blocked/': 403\nTo https://x/repo is archived\n ! [remote rejected]\n"
        self.assertFalse(git_messages.is_final(said))


if __name__ == "__main__":
    unittest.main()
