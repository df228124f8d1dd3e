"""Pushing: to a run's own branch or AGit's door and nowhere else, and what a server makes of it is looked at."""
from __future__ import annotations

import os
import pathlib
import unittest

import gitea
import submitting
from base import git
from base.errors import UserError
from submit import push, remote_address

BRANCH = f"run-{submitting.RUN_ID}"
DOOR = "refs/for/main"


class Guard(unittest.TestCase):
    def test_only_a_runs_own_branch_and_agits_door_are_pushed_to(self):
        for ref, default in ((f"refs/heads/{BRANCH}", "main"), (DOOR, "main"), ("refs/for/release/1", "release/1")):
            push.check_ref(ref, default)
        for ref, default in (("refs/heads/main", "main"), ("refs/heads/master", "main"), ("refs/heads/anything", "main"),
                             ("refs/heads/run-x", "main"), (f"refs/heads/{BRANCH}", BRANCH), (f"refs/heads/{BRANCH}/x", "main"),
                             (f"refs/heads/x/{BRANCH}", "main"), ("refs/for/other", "main"), ("refs/tags/v1", "main"),
                             ("HEAD", "main"), ("", "main"), ("refs/heads/run-00000000-0000-0000-0000-000000000000", "main"),
                             (f"refs/heads/{BRANCH}\n", "main")):
            with self.subTest(ref), self.assertRaisesRegex(UserError, "not pushed to"):
                push.check_ref(ref, default)

    def test_nothing_is_forced_and_no_tags_go_along(self):
        place = remote_address.parse("git@h:a/b")
        offer = submitting.an_offer(title="$(x)")
        for words in (push.branch_words(place, "c", offer), push.agit_words(place, "c", offer, "main")):
            self.assertIn("--no-follow-tags", words)
            self.assertFalse({"--force", "-f", "--mirror", "--all", "--tags"} & set(words))
            self.assertFalse(words[-1].startswith("+"))
            self.assertEqual(words[-3:-1], ("--", "git@h:a/b"))
        self.assertIn("title=$(x)", words)

    def test_no_other_file_of_the_harness_pushes(self):
        for path in submitting.support.HARNESS.rglob("*.py"):
            if '"push"' in path.read_text(encoding="utf-8"):
                self.assertEqual(path.relative_to(submitting.support.HARNESS).as_posix(), "submit/push.py")


class Pushed(submitting.Committed):
    """Against bare repositories on the disk, with git as it is."""

    def hook(self, name: str, script: str, bare: pathlib.Path | None = None) -> None:
        path = (bare or self.upstream) / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def test_the_branch_arrives_and_once_more_is_as_good(self):
        for _ in range(2):
            push.to_branch(self.sender, self.fork_place)
        self.assertEqual(self.refs(self.fork), {"refs/heads/main": self.base.commit, f"refs/heads/{BRANCH}": self.sender.commit})

    def test_a_default_branch_that_is_called_like_the_run_is_not_pushed_to(self):
        gitea.git(self.fork, "branch", "-m", "main", BRANCH)
        with self.assertRaisesRegex(UserError, "not pushed to"):
            push.to_branch(self.sender, self.fork_place)
        self.assertEqual(self.refs(self.fork), {f"refs/heads/{BRANCH}": self.base.commit})

    def test_an_older_try_in_the_fork_is_not_overwritten(self):
        other = gitea.git(self.fork, "commit-tree", "main^{tree}", "-m", "older", **gitea.PERSON)
        gitea.git(self.fork, "update-ref", f"refs/heads/{BRANCH}", other)
        with self.assertRaisesRegex(UserError, f"rejected.*--delete {BRANCH}"):
            push.to_branch(self.sender, self.fork_place)
        self.assertEqual(self.refs(self.fork)[f"refs/heads/{BRANCH}"], other)

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_a_server_that_says_no_is_heard_in_its_own_words(self):
        self.hook("pre-receive", "echo 'this branch is protected' >&2; exit 1", self.fork)
        with self.assertRaisesRegex(UserError, "rejected .*this branch is protected.*pre-receive hook declined.*log in"):
            push.to_branch(self.sender, self.fork_place)

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_agit_opens_a_request_and_tells_its_number_again(self):
        gitea.teach_agit(self.upstream)
        self.assertEqual(push.by_agit(self.sender, self.upstream_place), 1)
        self.assertEqual(push.by_agit(self.sender, self.upstream_place), 1)         # the server says that it has this one already
        self.assertEqual(self.refs(self.upstream), {"refs/heads/main": self.base.commit, "refs/pull/1/head": self.sender.commit})

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_a_request_that_the_server_hides_is_known_by_the_servers_answer(self):
        gitea.teach_agit(self.upstream)
        gitea.git(self.upstream, "config", "transfer.hideRefs", "refs/pull")
        self.assertEqual(push.by_agit(self.sender, self.upstream_place), 1)

    def test_a_server_without_push_options_refuses_and_holds_nothing(self):
        with self.assertRaisesRegex(UserError, "push options.*may not know AGit") as caught:
            push.by_agit(self.sender, self.upstream_place)
        self.assertNotIsInstance(caught.exception, push.Unsettled)
        self.assertEqual(self.refs(self.upstream), {"refs/heads/main": self.base.commit})

    def test_a_server_that_silently_makes_a_reference_of_it_is_put_right(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        with self.assertRaisesRegex(UserError, f"opens no request but makes {DOOR}, which was removed again") as caught:
            push.by_agit(self.sender, self.upstream_place)
        self.assertNotIsInstance(caught.exception, push.Unsettled)
        self.assertEqual(self.refs(self.upstream), {"refs/heads/main": self.base.commit})

    def test_what_was_there_with_this_commit_before_the_push_stays(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        push.to_branch(self.sender, self.upstream_place)
        with self.assertRaisesRegex(UserError, f"makes {DOOR}, which was removed again"):
            push.by_agit(self.sender, self.upstream_place)
        self.assertEqual(list(self.refs(self.upstream)), ["refs/heads/main", f"refs/heads/{BRANCH}"])

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_what_it_makes_a_branch_of_is_removed_as_well(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        self.hook("post-receive", "while read old new ref; do case $ref$new in refs/for/main*[1-9]*)\n"
                                  "git update-ref refs/heads/for/main $new; esac; done")
        with self.assertRaisesRegex(UserError, "makes refs/for/main, refs/heads/for/main, which was removed again"):
            push.by_agit(self.sender, self.upstream_place)
        self.assertEqual(self.refs(self.upstream), {"refs/heads/main": self.base.commit})

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_a_branch_that_the_server_keeps_is_reported_and_nothing_else_is_tried(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        self.hook("update", "case $3 in *[1-9a-f]*) exit 0;; esac; exit 1")
        with self.assertRaisesRegex(push.Unsettled, "made refs/for/main instead of a request, and keeps it .*tell its maintainers"):
            push.by_agit(self.sender, self.upstream_place)

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_a_server_that_puts_it_onto_the_default_branch_is_reported_at_once(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        self.hook("post-receive", f"git update-ref -d {DOOR}; git update-ref refs/heads/main {self.sender.commit}")
        with self.assertRaisesRegex(push.Unsettled, "straight onto refs/heads/main.*maintainers at once"):
            push.by_agit(self.sender, self.upstream_place)

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_a_push_that_leaves_no_trace_is_not_sent_another_way(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        self.hook("post-receive", f"git update-ref -d {DOOR}")
        with self.assertRaisesRegex(push.Unsettled, "no request is to be seen"):
            push.by_agit(self.sender, self.upstream_place)

    def test_a_reference_that_was_there_before_is_not_removed(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        gitea.git(self.upstream, "update-ref", DOOR, self.base.commit)
        with self.assertRaisesRegex(push.Unsettled, f"straight onto {DOOR}"):
            push.by_agit(self.sender, self.upstream_place)
        self.assertIn(DOOR, self.refs(self.upstream))

    def test_a_bundle_gives_the_branch_to_whoever_has_the_upstream(self):
        target = push.bundle(self.clone, self.base.commit, self.sender.offer, self.world)
        gitea.git(self.upstream, "fetch", "-q", str(target), f"{BRANCH}:refs/heads/taken")
        self.assertEqual(gitea.git(self.upstream, "rev-parse", "taken"), self.sender.commit)
        with self.assertRaisesRegex(UserError, "cannot be written.*--bundle-to"):
            push.bundle(self.clone, self.base.commit, self.sender.offer, self.world / "no such folder")


class Words(unittest.TestCase):
    def test_the_servers_words_come_before_gits(self):
        said = "remote: \nremote: you are blocked\x1b[2J\nerror: failed to push some refs to 'x'\n"
        done = git.Done(1, b"To x\n!\tabc:refs/heads/run-1\t[remote rejected] (pre-receive hook declined)\nDone\n", said)
        self.assertEqual(push.why(done), "remote: you are blocked\\x1b[2J; [remote rejected] (pre-receive hook declined)")
        self.assertEqual(push.why(git.Done(128, b"", "fatal: no\n")), "fatal: no")
        self.assertEqual(push.why(git.Done(128, b"", "")), "git says nothing")

    def test_a_request_is_found_by_its_commit_and_the_newest_counts(self):
        found = {"refs/pull/2/head": "a", "refs/pull/10/head": "a", "refs/pull/11/head": "b", "refs/pull/12/merge": "a",
                 "refs/heads/x": "a"}
        self.assertEqual(push.number_of(found, "a"), 10)
        self.assertIsNone(push.number_of(found, "c"))


if __name__ == "__main__":
    unittest.main()
