"""Pushing: to a run's own branch or AGit's door and nowhere else, and what a server makes of it is looked at."""
from __future__ import annotations

import os
import pathlib
import unittest
import zipfile
from dataclasses import replace

import gitea
import submitting
from base.errors import UserError
from submit import bundle, commit, push, remote_address

BRANCH = f"run-{submitting.RUN_ID}"
DOOR = "refs/for/main"


class Guard(unittest.TestCase):
    def test_only_the_branch_of_a_run_and_refs_for_are_pushed_to(self):
        for ref, default in ((f"refs/heads/{BRANCH}", "main"), (DOOR, "main"), ("refs/for/release/1", "release/1")):
            push.check_ref(ref, default)
        for ref, default in (("refs/heads/main", "main"), ("refs/heads/master", "main"), ("refs/heads/anything", "main"),
                             ("refs/heads/run-x", "main"), (f"refs/heads/{BRANCH}", BRANCH), (f"refs/heads/{BRANCH}/x", "main"),
                             (f"refs/heads/x/{BRANCH}", "main"), ("refs/for/other", "main"), ("refs/tags/v1", "main"),
                             ("HEAD", "main"), ("", "main"), ("refs/heads/run-00000000-0000-0000-0000-000000000000", "main"),
                             (f"refs/heads/{BRANCH}\n", "main")):
            with self.subTest(ref), self.assertRaisesRegex(UserError, "only a run.s own branch"):
                push.check_ref(ref, default)

    def test_nothing_is_forced_and_no_tags_go_along(self):
        place = remote_address.parse("git@h:a/b")
        submission = submitting.a_submission(title="$(x)")
        for words in (push.branch_words(place, "c", submission), push.agit_words(place, "c", submission, "main")):
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

    def test_pushing_the_branch_twice_is_fine(self):
        for _ in range(2):
            push.to_branch(self.sender, self.fork_address)
        self.assertEqual(gitea.references(self.fork), {"refs/heads/main": self.base.commit, f"refs/heads/{BRANCH}": self.sender.commit})

    def test_a_default_branch_with_the_name_of_the_run_is_not_pushed_to(self):
        gitea.git(self.fork, "branch", "-m", "main", BRANCH)
        with self.assertRaisesRegex(UserError, "is the default branch of the fork.*settings of the fork"):
            push.to_branch(self.sender, self.fork_address)
        self.assertEqual(gitea.references(self.fork), {f"refs/heads/{BRANCH}": self.base.commit})

    def test_an_older_branch_in_the_fork_is_not_overwritten(self):
        other = gitea.git(self.fork, "commit-tree", "main^{tree}", "-m", "older", **gitea.PERSON)
        gitea.git(self.fork, "update-ref", f"refs/heads/{BRANCH}", other)
        with self.assertRaisesRegex(UserError, f"rejected.*{BRANCH} with something else in it"):
            push.to_branch(self.sender, self.fork_address)
        self.assertEqual(gitea.references(self.fork)[f"refs/heads/{BRANCH}"], other)

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_the_servers_reason_for_a_refusal_is_shown(self):
        self.hook("pre-receive", "echo 'this branch is protected' >&2; exit 1", self.fork)
        with self.assertRaisesRegex(UserError, "rejected .*this branch is protected.*pre-receive hook declined.*log in"):
            push.to_branch(self.sender, self.fork_address)

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_agit_opens_a_request_and_returns_its_number(self):
        gitea.teach_agit(self.upstream)
        self.assertEqual(push.by_agit(self.sender, self.upstream_address), 1)
        self.assertEqual(push.by_agit(self.sender, self.upstream_address), 1)         # the server says that it has this one already
        self.assertEqual(gitea.references(self.upstream), {"refs/heads/main": self.base.commit, "refs/pull/1/head": self.sender.commit})

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_agit_updates_its_request_and_opens_no_second_one(self):
        gitea.teach_agit(self.upstream)
        push.by_agit(self.sender, self.upstream_address)
        changed = submitting.a_submission(contents={**submitting.contents(), "run.md": b"a better sentence"})
        made = commit.make(self.sender.clone, self.base, changed, self.made)
        self.assertEqual(push.by_agit(replace(self.sender, submission=changed, commit=made, update_of=1), self.upstream_address), 1)
        self.assertEqual(gitea.references(self.upstream), {"refs/heads/main": self.base.commit, "refs/pull/1/head": made})
        other = commit.make(self.sender.clone, self.base, replace(changed, title="not on top of it"), None)
        with self.assertRaisesRegex(UserError, "request `force-push` push option"):
            push.by_agit(replace(self.sender, submission=changed, commit=other), self.upstream_address)
        self.assertIn("force-push=true", push.agit_words(self.upstream_address, "c", changed, "main", True))

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_a_request_that_is_not_listed_is_known_from_the_answer_to_the_push(self):
        gitea.teach_agit(self.upstream)
        gitea.git(self.upstream, "config", "transfer.hideRefs", "refs/pull")
        self.assertEqual(push.by_agit(self.sender, self.upstream_address), 1)

    def test_a_server_without_push_options_refuses_and_keeps_nothing(self):
        with self.assertRaisesRegex(UserError, "push options.*may not support AGit") as caught:
            push.by_agit(self.sender, self.upstream_address)
        self.assertNotIsInstance(caught.exception, push.Unsettled)
        self.assertEqual(gitea.references(self.upstream), {"refs/heads/main": self.base.commit})

    def test_a_plain_reference_that_the_server_creates_is_removed(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        with self.assertRaisesRegex(UserError, f"opened no request but created {DOOR}, which was removed again") as caught:
            push.by_agit(self.sender, self.upstream_address)
        self.assertNotIsInstance(caught.exception, push.Unsettled)
        self.assertEqual(gitea.references(self.upstream), {"refs/heads/main": self.base.commit})

    def test_references_that_had_this_commit_before_the_push_are_kept(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        push.to_branch(self.sender, self.upstream_address)
        with self.assertRaisesRegex(UserError, f"created {DOOR}, which was removed again"):
            push.by_agit(self.sender, self.upstream_address)
        self.assertEqual(list(gitea.references(self.upstream)), ["refs/heads/main", f"refs/heads/{BRANCH}"])

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_a_branch_that_the_server_creates_is_removed(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        self.hook("post-receive", "while read old new ref; do case $ref$new in refs/for/main*[1-9]*)\n"
                                  "git update-ref refs/heads/for/main $new; esac; done")
        with self.assertRaisesRegex(UserError, "created refs/for/main, refs/heads/for/main, which was removed again"):
            push.by_agit(self.sender, self.upstream_address)
        self.assertEqual(gitea.references(self.upstream), {"refs/heads/main": self.base.commit})

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_a_branch_that_the_server_keeps_is_reported_and_nothing_else_is_tried(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        self.hook("update", "case $3 in *[1-9a-f]*) exit 0;; esac; exit 1")
        with self.assertRaisesRegex(push.Unsettled, "created refs/for/main instead of a request, and keeps it .*report it to its maintainers"):
            push.by_agit(self.sender, self.upstream_address)

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_a_server_that_puts_it_onto_the_default_branch_is_reported_at_once(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        self.hook("post-receive", f"git update-ref -d {DOOR}; git update-ref refs/heads/main {self.sender.commit}")
        with self.assertRaisesRegex(push.Unsettled, "directly onto refs/heads/main.*its maintainers at once"):
            push.by_agit(self.sender, self.upstream_address)

    @unittest.skipIf(os.name == "nt", "hooks are shell scripts here")
    def test_after_a_push_without_a_visible_result_no_other_method_is_tried(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        self.hook("post-receive", f"git update-ref -d {DOOR}")
        with self.assertRaisesRegex(push.Unsettled, "no request can be seen"):
            push.by_agit(self.sender, self.upstream_address)

    def test_a_reference_that_was_there_before_is_not_removed(self):
        gitea.git(self.upstream, "config", "receive.advertisePushOptions", "true")
        gitea.git(self.upstream, "update-ref", DOOR, self.base.commit)
        with self.assertRaisesRegex(push.Unsettled, f"directly onto {DOOR}"):
            push.by_agit(self.sender, self.upstream_address)
        self.assertIn(DOOR, gitea.references(self.upstream))

    def test_a_bundle_can_be_fetched_into_a_clone_of_the_upstream(self):
        path = bundle.write(self.sender, self.base, self.upstream_address, self.world)
        self.assertEqual(path, bundle.write(self.sender, self.base, self.upstream_address, self.world))
        with zipfile.ZipFile(path) as archive:
            self.assertEqual(archive.namelist(), [f"{BRANCH}.bundle", "HOW-TO-APPLY.txt"])
            archive.extractall(self.world)
            self.assertIn(f"git fetch FOLDER/{BRANCH}.bundle {BRANCH}:{BRANCH}", archive.read("HOW-TO-APPLY.txt").decode())
        gitea.git(self.upstream, "fetch", "-q", str(self.world / f"{BRANCH}.bundle"), f"{BRANCH}:refs/heads/taken")
        self.assertEqual(gitea.git(self.upstream, "rev-parse", "taken"), self.sender.commit)
        with self.assertRaisesRegex(UserError, "no such folder.*--bundle-to"):
            bundle.write(self.sender, self.base, self.upstream_address, self.world / "no such folder")


class Numbers(unittest.TestCase):
    def test_a_request_is_found_by_its_commit_and_the_newest_counts(self):
        found = {"refs/pull/2/head": "a", "refs/pull/10/head": "a", "refs/pull/11/head": "b", "refs/pull/12/merge": "a",
                 "refs/heads/x": "a"}
        self.assertEqual(push.number_of(found, "a"), 10)
        self.assertIsNone(push.number_of(found, "c"))


if __name__ == "__main__":
    unittest.main()
