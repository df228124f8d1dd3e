"""The commit: exactly five files on top of the upstream, and nothing of the clone is touched but one new branch."""
from __future__ import annotations

import unittest
from dataclasses import replace

import gitea
import submitting
from base import files, git
from base.errors import UserError
from submit import commit, remote_access, remote_address
from submit.remote_access import Access, Base


class Made(submitting.Submission):
    def setUp(self):
        super().setUp()
        self.base = Base("main", gitea.git(self.clone, "rev-parse", "origin/main"))
        self.clone_ = commit.CommitClone(self.clone, Access(), remote_address.parse(str(self.upstream)))

    def make(self, **changes: object) -> str:
        return commit.make(self.clone_, self.base, submitting.a_submission(**changes))

    def test_it_holds_the_five_files_as_they_are_on_the_disk(self):
        made = self.make()
        said = gitea.git(self.clone, "diff-tree", "-r", "--no-renames", "--name-status", self.base.commit, made).split("\n")
        self.assertEqual(said, [f"A\t{submitting.PATH}/{name}" for name in submitting.FIVE])
        modes = {line.split(" ")[0] for line in gitea.git(self.clone, "ls-tree", "-r", made, submitting.PATH).split("\n")}
        self.assertEqual(modes, {"100644"})
        for name, data in submitting.contents().items():
            with self.subTest(name):
                blob = commit.git.run(self.clone, "cat-file", "blob", f"{made}:{submitting.PATH}/{name}").out
                self.assertEqual(blob, data)    # the upstream's .gitattributes would have taken out a carriage return

    def test_it_has_one_parent_the_chosen_author_twice_and_no_time_zone(self):
        made = self.make(author="Žana", address="z@noreply.example.org", title="$(touch hit); `x` \"y\"")
        said = gitea.git(self.clone, "show", "-s", "--format=%P|%an|%ae|%ad|%cn|%ce|%cd|%B", "--date=raw", made)
        self.assertEqual(said.split("|"), [self.base.commit, "Žana", "z@noreply.example.org", "1700000000 +0000", "Žana",
                                           "z@noreply.example.org", "1700000000 +0000",
                                           f"$(touch hit); `x` \"y\"\n\n{submitting.PATH}"])

    def test_index_working_tree_and_branch_stay_as_they_were(self):
        (self.clone / "staged").write_text("mine")
        gitea.git(self.clone, "add", "staged")
        (self.clone / "README.md").write_text("changed, not staged")
        self.config("commit.gpgSign", "true")
        self.config("core.autocrlf", "true")
        hook = self.clone / ".git" / "hooks" / "pre-commit"
        hook.parent.mkdir()
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        before = self.state()
        made = self.make()
        self.assertEqual(self.state(), before)
        self.assertEqual(gitea.git(self.clone, "rev-parse", f"refs/heads/run-{submitting.RUN_ID}"), made)

    def state(self) -> tuple:
        return (gitea.git(self.clone, "status", "--porcelain"), gitea.git(self.clone, "symbolic-ref", "HEAD"),
                gitea.git(self.clone, "rev-parse", "HEAD", "origin/main"), (self.clone / ".git" / "index").read_bytes(),
                (self.clone / ".git" / "FETCH_HEAD").exists())

    def test_the_id_of_a_file_is_git_s_in_both_kinds_of_repository(self):
        self.assertEqual(git.blob_id(b"", 40), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
        self.assertEqual(git.blob_id(b"", 64), "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813")

    def test_a_second_call_makes_the_same_commit(self):
        made = self.make()
        self.assertEqual(commit.make(self.clone_, self.base, submitting.a_submission()), made)

    def test_a_branch_of_an_earlier_try_that_was_never_sent_is_replaced(self):
        first = self.make()
        for what, changes in (("another file", {"contents": {**submitting.contents(), "run.md": b"new"}}),
                              ("another author", {"author": "Bob"}), ("another title", {"title": "new"}),
                              ("another address", {"address": "b@noreply.example.org"})):
            with self.subTest(what):
                made = self.make(**changes)
                self.assertNotEqual(made, first)
                self.assertEqual(gitea.git(self.clone, "rev-parse", f"run-{submitting.RUN_ID}", f"{made}^").split(),
                                 [made, self.base.commit])

    def test_the_same_run_is_the_same_commit_in_another_clone_at_another_time(self):
        made = self.make()
        other = self.world / "other"
        gitea.git(self.world, "clone", "-q", "--template=", str(self.upstream), str(other))
        clone = commit.CommitClone(other, Access(), remote_address.parse(str(self.upstream)))
        self.assertEqual(commit.make(clone, self.base, submitting.a_submission()), made)

    def test_a_correction_is_a_further_commit_and_unchanged_files_make_none(self):
        sent = self.make()
        changed = {"contents": {**submitting.contents(), "run.md": b"a better sentence"}}
        made = commit.make(self.clone_, self.base, submitting.a_submission(**changed), sent)
        self.assertEqual(gitea.git(self.clone, "rev-parse", f"{made}^"), sent)
        self.assertEqual(gitea.git(self.clone, "diff-tree", "-r", "--name-status", sent, made),
                         f"M\t{submitting.PATH}/run.md")
        self.assertEqual(commit.make(self.clone_, self.base, submitting.a_submission(**changed), made), made)
        self.assertEqual(commit.same_files(self.clone_, sent, submitting.a_submission(**changed)),
                         set(submitting.FIVE) - {"run.md"})
        self.assertIsNone(commit.same_files(self.clone_, self.base.commit, submitting.a_submission()))

    def test_an_earlier_branch_on_an_older_base_is_used_unless_it_holds_more(self):
        made = self.make()
        work = self.world / "work"
        gitea.git(self.world, "clone", "-q", str(self.upstream), "work")
        (work / "more").write_text("x")
        gitea.git(work, "add", "-A")
        gitea.git(work, "commit", "-q", "-m", "more", **gitea.PERSON)
        gitea.git(work, "push", "-q", str(self.upstream), "HEAD:main")
        newer = Base("main", gitea.git(work, "rev-parse", "HEAD"))
        self.origin(self.upstream)
        remote_access.fetch(self.clone, remote_address.parse(str(self.upstream), spec="origin"), newer, Access())
        self.assertEqual(commit.make(self.clone_, newer, submitting.a_submission()), made)
        self.assertEqual(gitea.git(self.clone, "rev-parse", "origin/main"), self.base.commit)   # a fetch moves nothing either
        more = gitea.git(self.clone, "commit-tree", f"{newer.commit}^{{tree}}", "-p", made,
                         data=submitting.a_submission().message.encode(),
                         **{**gitea.PERSON, "GIT_AUTHOR_NAME": "Ana", "GIT_COMMITTER_NAME": "Ana",
                            "GIT_AUTHOR_EMAIL": "ana@noreply.example.org", "GIT_COMMITTER_EMAIL": "ana@noreply.example.org"})
        gitea.git(self.clone, "update-ref", f"refs/heads/run-{submitting.RUN_ID}", more)
        with self.assertRaisesRegex(UserError, "another branch of this name"):
            commit.make(self.clone_, newer, submitting.a_submission())

    def test_a_run_that_is_upstream_is_not_sent_again(self):
        self.base = replace(self.base, commit=self.make())
        with self.assertRaisesRegex(UserError, "has this run already"):
            self.make()

    def test_a_commit_that_changes_anything_else_is_refused(self):
        made = self.make()
        blobs = {path: gitea.git(self.clone, "rev-parse", f"{made}:{path}") for path in submitting.a_submission().paths}
        commit.check_change(self.clone_, self.base.commit, made, blobs)
        story = f"{submitting.PATH}/run.md"
        with files.temporary_folder() as folder:
            own = {"GIT_INDEX_FILE": str(folder / "index")}
            for what, words in (("another file", ("--add", "--cacheinfo", f"100644,{blobs[story]},README.md")),
                                ("a program", ("--add", "--cacheinfo", f"100755,{blobs[story]},{story}")),
                                ("a link", ("--add", "--cacheinfo", f"120000,{blobs[story]},{story}")),
                                ("a removal", ("--force-remove", "README.md"))):
                gitea.git(self.clone, "read-tree", made, **own)
                gitea.git(self.clone, "update-index", *words, **own)
                tree = gitea.git(self.clone, "write-tree", **own)
                other = gitea.git(self.clone, "commit-tree", tree, "-p", self.base.commit, "-m", "x", **gitea.PERSON)
                with self.subTest(what), self.assertRaisesRegex(UserError, "not add exactly these five"):
                    commit.check_change(self.clone_, self.base.commit, other, blobs)

    def test_an_upstream_file_at_the_same_path_is_not_replaced(self):
        blob = gitea.git(self.clone, "hash-object", "-w", "--stdin", data=b"a file, where a handle's folder would be")
        tree = gitea.git(self.clone, "mktree", data=f"100644 blob {blob}\tana\n".encode())
        tree = gitea.git(self.clone, "mktree", data=f"040000 tree {tree}\tsubmissions\n".encode())
        self.base = Base("main", gitea.git(self.clone, "commit-tree", tree, "-m", "odd", **gitea.PERSON))
        with self.assertRaisesRegex(UserError, "submissions/ana: the commit would not add exactly these five files"):
            self.make()
        self.assertEqual(gitea.git(self.clone, "for-each-ref", "refs/heads/run-*"), "")

    def test_a_git_failure_is_one_line_with_gits_words(self):
        with self.assertRaisesRegex(UserError, "git ls-tree failed .*fatal"):
            commit.make(self.clone_, Base("main", "0" * 40), submitting.a_submission())


if __name__ == "__main__":
    unittest.main()
