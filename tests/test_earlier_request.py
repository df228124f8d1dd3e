"""A run that was sent before: it is found, never sent twice, corrected on request, and a closed request is reported."""
from __future__ import annotations

import os
import unittest

import gitea
import support
import submitting
from submit import commit, push, remote_address
from submit.remote_access import Access, Base

BRANCH = f"run-{submitting.RUN_ID}"


@unittest.skipUnless(gitea.HAS_GIT, "git is not installed")
class SentBefore(submitting.Submission):
    @classmethod
    def setUpClass(cls):
        """The run's commit, its branch in the fork and request 1 are in the template that each test copies."""
        super().setUpClass()
        clone, repos = cls.template / "clone", cls.template / "repos"
        upstream, fork = repos / "bench-org" / "bench.git", repos / gitea.LOGIN / "bench.git"
        base = Base("main", gitea.git(clone, "rev-parse", "HEAD"))
        cls.first = commit.make(commit.CommitClone(clone, Access(), remote_address.parse(str(upstream))), base, submitting.a_submission())
        gitea.git(clone, "push", "-q", str(fork), BRANCH)
        gitea.git(upstream, "fetch", "-q", str(fork), f"+refs/heads/{BRANCH}:refs/pull/1/head")

    def setUp(self):
        super().setUp()
        self.token()
        self.server.pulls[1] = {"head": f"ana:{BRANCH}", "base": "main", "title": "a title", "body": "one run", "owner": "ana"}

    def head(self, number: int) -> str:
        return self.server._head("bench-org", "bench", number)

    def requests(self) -> list:
        return [ref for ref in gitea.references(self.upstream) if ref.startswith("refs/pull/")]

    def correct(self, text: str = "a better sentence\n") -> None:
        (self.run_folder / "run.md").write_text(text, encoding="utf-8")

    def merge_something(self) -> None:
        """The upstream's default branch moves on, so that a new commit on top of it would have another id."""
        made = gitea.git(self.upstream, "commit-tree", "main^{tree}", "-p", "main", "-m", "more", **gitea.PERSON)
        gitea.git(self.upstream, "update-ref", "refs/heads/main", made)

    def fresh_clone(self) -> None:
        support.remove_tree(self.clone / ".git")
        fresh = self.world / "fresh"
        gitea.git(self.world, "clone", "-q", "--template=", "--no-checkout", str(self.upstream), str(fresh))
        os.rename(fresh / ".git", self.clone / ".git")
        self.origin(f"{self.url}/bench-org/bench.git")

    def test_the_same_run_is_not_sent_again_from_a_fresh_clone_on_a_newer_base(self):
        self.merge_something()
        self.fresh_clone()
        code, out, said = self.submit()
        self.assertEqual((code, out), (0, f"{self.url}/bench-org/bench/pulls/1\n"), said)
        self.assertIn("request 1 is open and was read back", said)
        self.assertEqual((self.requests(), self.head(1)), (["refs/pull/1/head"], self.first))

    def test_a_correction_shows_what_changes_asks_and_updates_the_open_request(self):
        self.correct()
        for _ in range(2):
            self.merge_something()
            self.fresh_clone()
        code, out, said = self.submit()
        self.assertEqual(code, 1)
        for words in ("What changes in request 1", "+a better sentence", "-# L", "request 1 of ana, which is updated",
                      "unchanged: hardware.json, manifest.json"):
            self.assertIn(words, out)
        self.assertEqual(self.head(1), self.first)
        shown = self.submit("--dry-run")[1]
        for words in (f"git read-tree {self.first}\n", f"commit-tree TREE -p {self.first} -F -\n"):
            self.assertIn(words, shown)
        code, out, said = self.submit(f"--confirm={self.code_in(said)}")
        self.assertEqual((code, self.requests()), (0, ["refs/pull/1/head"]), said)
        self.assertEqual(gitea.git(self.upstream, "rev-parse", f"{self.head(1)}^"), self.first)
        self.assertEqual(gitea.git(self.upstream, "show", "-s", "--format=%s", self.head(1)),
                         "submissions: ana/mac-m1-8gb/run-0b1c2d3e: correction of run.md")
        self.assertEqual(gitea.git(self.upstream, "show", f"{self.head(1)}:{submitting.PATH}/run.md"), "a better sentence")

    def test_a_closed_request_is_reported_with_what_to_do_and_opened_anew_only_when_asked_for(self):
        self.server.close(1)
        code, out, said = self.submit()
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(said, "pulls/1: the request of this run was closed .*reopens.*--anew opens a new one")
        code, out, said = self.agree("--anew")
        self.assertEqual((code, self.requests()), (0, ["refs/pull/1/head", "refs/pull/2/head"]), said)
        self.assertTrue(out.endswith("/pulls/2\n"))

    def test_an_open_request_of_this_run_from_another_account_is_not_changed(self):
        self.server.pulls[1]["owner"] = "bob"
        os.rename(self.fork.parent, self.server.bare("bob").parent)
        code, _, said = self.submit("--fork", f"{self.url}/ana/bench.git")
        self.assertEqual(code, 1)
        self.assertIn("there is an open request of this run already, from bob", said)

    def test_a_request_that_only_mentions_this_run_is_ignored(self):
        gitea.git(self.fork, "update-ref", "-d", f"refs/heads/{BRANCH}")
        gitea.git(self.upstream, "update-ref", "refs/pull/1/head", "main")
        self.server.pulls[1]["head"] = "ana:other"
        code, _, said = self.agree()
        self.assertEqual((code, self.requests()), (0, ["refs/pull/1/head", "refs/pull/2/head"]), said)

    def test_a_branch_in_the_fork_without_a_request_is_used_again(self):
        gitea.git(self.upstream, "update-ref", "-d", "refs/pull/1/head")
        self.server.pulls.clear()
        self.merge_something()
        self.fresh_clone()
        code, _, said = self.agree()
        self.assertEqual((code, self.head(1)), (0, self.first), said)

    def test_if_only_git_can_be_asked_the_state_is_unknown(self):
        self.server.answers = {"GET /repos/bench-org/bench/pulls": (500, {})}
        self.fresh_clone()
        code, out, said = self.submit()
        self.assertEqual((code, out), (1, f"{self.url}/bench-org/bench/pulls/1\n"), said)
        self.assertIn("whether it is still open cannot be read from here", said)


@unittest.skipUnless(gitea.HAS_GIT, "git is not installed")
class Agit(submitting.Submission):
    @unittest.skipIf(os.name == "nt", "the hook is a script with a first line")
    def test_an_agit_request_is_found_updated_and_reported_as_closed(self):
        gitea.teach_agit(self.upstream)
        self.server.private_git = False
        self.assertEqual(self.agree()[0], 0)
        self.assertEqual(self.submit()[0], 0)
        (self.run_folder / "run.md").write_text("a better sentence\n", encoding="utf-8")
        code, _, said = self.agree()
        self.assertEqual(code, 0, said)
        self.assertEqual(len([ref for ref in gitea.references(self.upstream) if ref.startswith("refs/pull/")]), 1)
        self.assertIn(b"force-push=true", b"".join(row[3] for row in self.pushed()))
        self.token()
        self.server.answers = {"GET /user": (200, {"login": "bob"})}
        (self.run_folder / "run.md").write_text("a sentence of somebody else\n", encoding="utf-8")
        code, _, said = self.submit()
        self.assertEqual(code, 1)
        self.assertIn("there is an open request of this run already, from ana", said)
        self.server.close(1)
        code, _, said = self.submit()
        self.assertEqual(code, 1)
        self.assertIn("was closed", said)


    @unittest.skipIf(os.name == "nt", "the hook is a script with a first line")
    def test_two_open_requests_of_one_run_are_an_error_however_often_it_is_sent(self):
        """Without a token nobody knows the account before the push; a second call once reported the second request as sent."""
        gitea.teach_agit(self.upstream)
        self.server.private_git = False
        self.assertEqual(self.agree()[0], 0)
        (self.run_folder / "run.md").write_text("a sentence of somebody else\n", encoding="utf-8")
        self.server.account = "bob"
        code, _, said = self.agree()
        self.assertEqual(code, 1)
        self.assertRegex(said, "this opened request 2 beside request 1.*close one of the two")
        for _ in range(2):
            code, _, said = self.submit()
            self.assertEqual(code, 1)
            self.assertRegex(said, "/pulls/2: this run has two open requests: 1 of ana and 2 of bob; close one of the two")
        self.server.close(1)
        self.assertEqual(self.submit()[0], 0)


@unittest.skipUnless(gitea.HAS_GIT, "git is not installed")
class Refused(submitting.Submission):
    def test_a_final_refusal_of_the_upstream_ends_it_with_the_reason(self):
        self.token()
        gitea.teach_agit(self.upstream)
        for what, act in (("known before", lambda: None), ("pull requests are off", lambda: None),
                          ("said when the request is opened", lambda: self.server.answers.update(
                              {"POST /repos/bench-org/bench/pulls": (423, {"message": "Repo is archived"})})),
                          ("blocked", lambda: self.server.answers.update(
                              {"POST /repos/bench-org/bench/pulls": (403, {"message": "user is blocked"})}))):
            self.server.archived = {"bench-org/bench"} if what == "known before" else set()
            self.server.without_requests = {"bench-org/bench"} if what == "pull requests are off" else set()
            act()
            with self.subTest(what):
                is_early = what in ("known before", "pull requests are off")     # nobody is asked to agree
                code, out, said = self.submit() if is_early else self.agree()
                self.assertEqual(code, 1, said)
                self.assertRegex(said.splitlines()[-1], "error: .*(archived|blocked).*; ask .*maintainers")
                self.assertNotIn("bundle", said)
        self.assertEqual(list(gitea.references(self.upstream)), ["refs/heads/main"])

    def test_the_missing_scope_of_a_token_is_named(self):
        self.token()
        for scopes, reason in (({"read:user"}, "api: .*remote: Forbidden.*the token may not push: make one with the scopes write:repo"),
                               ({"write:repository"}, r"api: .*required=\[read:user\].*make a token .*this one lacks read:user")):
            self.server.scopes = scopes
            with self.subTest(scopes):
                code, out, said = self.agree()
                self.assertEqual(code, 1)
                self.assertRegex(said, reason)

    def test_the_file_to_attach_is_of_a_kind_that_servers_accept(self):
        self.origin(str(self.upstream))
        code, out, said = self.agree()
        path = out.splitlines()[-1]
        self.assertEqual((code, path), (1, str(self.world / f"{BRANCH}.zip")), said)
        name = os.path.basename(path)
        for ending, status in (("zip", 201), ("bundle", 422)):
            self.assertEqual(self.server._attach(f"name={name[:-3]}{ending}")[0], status)


class Matching(unittest.TestCase):
    def test_a_request_with_our_commit_that_was_closed_before_does_not_count(self):
        heads = {"refs/pull/2/head": "a", "refs/pull/10/head": "a"}
        self.assertEqual([push.number_of(heads, "a", above) for above in (0, 2, 10)], [10, 10, None])


if __name__ == "__main__":
    unittest.main()
