"""The ladder: each way when it works, each way that fails and what is tried next, and the request that is read back."""
from __future__ import annotations

import json
import os
import pathlib
import unittest
import urllib.parse
from dataclasses import replace
from unittest import mock

import gitea
import submitting
import support
from base.errors import UserError
from submit import methods, push, remote_address
from submit.gitea_api import GiteaApi, PullRequest
from submit.methods import AGIT, API, BUNDLE, COMPARE, Attempt
from submit.remotes import Destination

PULLS = "/repos/bench-org/bench/pulls"


def refuse(status: int, message: str = "no") -> tuple:
    return status, {"message": message}


class Choice(unittest.TestCase):
    def possible(self, web: str = "https://h", fork: bool = True, token: str = "t", forge: bool = True, url: str = "ssh://h/o/n",
                 zip_only: bool = False) -> list:
        upstream = remote_address.Repository("u", url, "h", web, "o", "n")
        destination = Destination(upstream, replace(upstream, owner="ana") if fork else None,
                        GiteaApi("https://h", token) if forge else None, pathlib.Path(), zip_only=zip_only)
        return [method.name for method in methods.methods(destination, "run-1") if not method.missing]

    def test_the_usable_methods_follow_from_fork_token_and_pages(self):
        for given, found in (({}, [API, AGIT, COMPARE, BUNDLE]), ({"token": ""}, [AGIT, COMPARE, BUNDLE]),
                             ({"fork": False}, [AGIT, BUNDLE]), ({"web": "", "forge": False}, [AGIT, COMPARE, BUNDLE]),
                             ({"zip_only": True}, [BUNDLE])):
            with self.subTest(given):
                self.assertEqual(self.possible(**given), found)

    def test_nothing_is_pushed_to_refs_for_of_a_repository_that_no_server_keeps_requests_for(self):
        for url, possible in (("/srv/bench.git", []), ("../bench.git", []), ("file:///srv/bench.git", []), ("C:/bench.git", []),
                              ("git://forge.example.org/o/n", []), ("git@forge.example.org:o/n", [AGIT]),
                              ("http://forge.example.org/o/n", [AGIT])):
            with self.subTest(url):
                self.assertEqual(self.possible("", False, forge=False, url=url), possible + [BUNDLE])

    def test_without_known_pages_a_fork_can_be_pushed_to_and_the_person_learns_what_to_do(self):
        upstream = remote_address.parse("ssh://git@forge.example.org/o/n.git")
        upstream = replace(upstream, web="")
        listed = methods.methods(Destination(upstream, replace(upstream, owner="ana"), None, pathlib.Path()), "run-1")
        self.assertEqual([method.name for method in listed if not method.missing], [AGIT, COMPARE, BUNDLE])
        self.assertIn("--forge https://HOST", listed[0].missing)

    def test_git_needs_a_login_for_agit_where_there_is_no_token(self):
        upstream = remote_address.parse("https://forge.example.org/o/n")
        for token, needs_login in (("", True), (gitea.TOKEN, False)):
            with self.subTest(token):
                destination = Destination(upstream, None, GiteaApi(upstream.web, token), pathlib.Path())
                about = next(method.about for method in methods.methods(destination, "run-1") if method.name == AGIT)
                self.assertEqual(about.endswith("; git needs a login there"), needs_login)

    def test_each_unusable_method_says_what_is_missing(self):
        for method in methods.methods(Destination(remote_address.Repository("u", "/u"), None, None, pathlib.Path()), "run-1"):
            self.assertEqual(bool(method.missing), method.name != BUNDLE)


class Sending(submitting.Committed):
    def send(self, token: str = gitea.TOKEN, fork: bool = True, pages: bool = True, **more: object) -> methods.Outcome:
        self.said = []
        upstream = self.upstream_address if pages else replace(self.upstream_address, web="", url=self.url)
        destination = Destination(upstream, self.fork_address if fork else None, GiteaApi(self.url, token) if pages else None, self.world)
        return methods.send(Attempt(destination, self.sender, self.base, more.get("sleep", lambda s: None)), self.said.append)

    def opened(self) -> list:
        return [json.loads(body) for method, path, _, body in self.server.log if method == "POST" and path.endswith("/pulls")]

    def test_the_api_opens_it_and_it_is_read_back_over_all_pages(self):
        ending = self.send()
        self.assertEqual((ending.done, ending.address), (True, f"{self.url}/bench-org/bench/pulls/1"))
        self.assertEqual(self.opened(), [{"head": "ana:" + self.sender.submission.branch, "base": "main", "title": "a title",
                                          "body": self.sender.submission.text}])
        asked = [path for method, path, _, _ in self.server.log if "/files" in path]
        self.assertEqual([path.split("?")[1][:6] for path in asked], ["page=1", "page=2", "page=3", "page=4"])

    def test_a_second_call_finds_the_open_request_and_opens_nothing(self):
        self.send()
        self.assertTrue(self.send().done)
        self.assertEqual(len(self.opened()), 1)
        self.assertIn("request 1 holds this commit already", self.said)

    def test_after_a_token_failure_before_the_push_the_next_method_is_tried(self):
        for status, word in ((401, "not accepted"), (403, "not allowed"), (429, "overloaded"), (503, "overloaded or failing")):
            self.server.answers = {"GET /user": refuse(status)}
            gitea.git(self.fork, "update-ref", "-d", f"refs/heads/{self.sender.submission.branch}")
            with self.subTest(status):
                ending = self.send()
                self.assertEqual((ending.done, ending.address), (False, self.compare()))
                self.assertRegex("\n".join(self.said), f"(?s)api: .*{word}.*agit: .*push options")
        self.assertEqual(self.opened(), [])

    def compare(self) -> str:
        form = urllib.parse.quote(methods.TEMPLATE.format(text=self.sender.submission.text), safe="")
        return (f"{self.url}/bench-org/bench/compare/main...ana/bench:{self.sender.submission.branch}?expand=1&title=a%20title&"
                f"body={form}")

    def test_after_a_refusal_behind_the_push_the_compare_page_is_shown_and_no_second_request_is_opened(self):
        gitea.teach_agit(self.upstream)
        for answer, word in ((refuse(403), "not allowed"), (refuse(409), "already"),
                             (refuse(422, "bad head"), "bad head"), (refuse(500), "overloaded or failing"),
                             (support.whole(b"<html>", 201, "text/html"), "instead of JSON"),
                             (b"HTTP/1.1 307 X\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n", "redirected"),
                             (b"HTTP/1.1", "no usable answer")):
            self.server.answers = {f"POST {PULLS}": answer}
            with self.subTest(answer):
                ending = self.send()
                self.assertEqual((ending.done, ending.address), (False, self.compare()))
                self.assertRegex("\n".join(self.said), f"(?s)api: .*{word}.*agit: skipped, the branch is in the fork already")
        self.assertEqual(list(gitea.references(self.upstream)), ["refs/heads/main"])

    def test_a_fork_of_a_fork_opens_its_request_by_agit_since_the_api_takes_direct_forks_only(self):
        gitea.teach_agit(self.upstream)
        self.server.parents["ana/bench"] = "bob/bench"
        self.assertEqual(self.send().address, f"{self.url}/bench-org/bench/pulls/1")
        self.assertRegex("\n".join(self.said), "api: .*GetForkedRepo")

    def test_a_request_that_was_opened_in_spite_of_an_error_is_found(self):
        def opens_and_dies(body: bytes) -> bytes:
            self.server._open("bench-org", "bench", json.loads(body))
            return b"HTTP/1.1"

        def opens_and_refuses(body: bytes) -> tuple:
            self.server._open("bench-org", "bench", json.loads(body))
            return refuse(409, "pull request already exists")
        for answer in (opens_and_dies, opens_and_refuses):
            self.server.answers = {f"POST {PULLS}": answer}
            with self.subTest(answer.__name__):
                self.assertTrue(self.send().done)
                gitea.git(self.upstream, "update-ref", "-d", "refs/pull/1/head")

    def test_a_request_that_differs_on_the_server_is_never_reported_as_done(self):
        sha = self.made
        told = {"number": 1, "state": "open", "base": {"ref": "main", "repo": {"full_name": "bench-org/bench"}}, "head": {"sha": sha}}
        wanted = [{"filename": path, "status": "added"} for path in self.sender.submission.paths]
        for what, change, files, word in (
                ("another commit", {"head": {"sha": "0" * 40}}, wanted, "another commit"),
                ("another branch", {"base": {"ref": "old", "repo": {"full_name": "bench-org/bench"}}}, wanted, "not open against"),
                ("another repository", {"base": {"ref": "main", "repo": {"full_name": "x/y"}}}, wanted, "not open against"),
                ("closed", {"state": "closed"}, wanted, "not open"),
                ("one more", {}, wanted + [{"filename": "README.md", "status": "changed"}], "other files: README.md"),
                ("one less", {}, wanted[1:], "other files: .*hardware.json"),
                ("one changed", {}, [{**wanted[0], "status": "changed"}] + wanted[1:], "other files: .*hardware.json"),
                ("none", {}, [], "other files")):
            def pages(_: bytes) -> tuple:
                return 200, files if "page=1&" in self.server.log[-1][1] else []
            self.server.answers = {f"GET {PULLS}/1": (200, {**told, **change}), f"GET {PULLS}/1/files": pages,
                                   f"POST {PULLS}": (201, {**told, "head": {"sha": sha}})}
            with self.subTest(what), self.assertRaisesRegex(push.Unsettled, f"{word}.*close it there"):
                self.send()
        self.assertEqual([said for said in self.said if said.startswith("agit")], [])

    def test_a_server_that_needs_a_moment_is_asked_again(self):
        waits = []
        self.server.answers = {f"GET {PULLS}/1/files": lambda _: (200, []) if len(waits) < 2 else None}
        self.assertTrue(self.send(sleep=waits.append).done)
        self.assertEqual(waits, [methods.READ_PAUSE_S] * 2)

    @unittest.skipIf(os.name == "nt", "the hook is a script with a first line")
    def test_agit_works_without_a_token_and_is_read_back_by_the_api_or_git(self):
        gitea.teach_agit(self.upstream)
        for what, pages in (("by the API", True), ("by git", False)):
            with self.subTest(what):
                ending = self.send(token="", pages=pages)
                self.assertTrue(ending.done)
                self.assertEqual(list(gitea.references(self.upstream)), ["refs/heads/main", "refs/pull/1/head"])
                gitea.git(self.upstream, "update-ref", "-d", "refs/pull/1/head")
        self.assertNotIn(f"refs/heads/{self.sender.submission.branch}", gitea.references(self.fork))

    @unittest.skipIf(os.name == "nt", "the hook is a script with a first line")
    def test_an_agit_request_with_another_commit_is_not_reported_as_done(self):
        gitea.teach_agit(self.upstream)
        with mock.patch.dict(os.environ, {"BENCH_WRONG_HEAD": self.base.commit}):
            with self.assertRaisesRegex(push.Unsettled, "no request is to be seen|another commit"):
                self.send(token="", pages=False)

    def test_no_address_of_a_page_is_guessed(self):
        upstream, fork = (replace(address, web="", url=f"ssh://git@forge.example.org/{address.full_name}.git")
                          for address in (self.upstream_address, self.fork_address))
        destination = Destination(upstream, fork, None, self.world)
        with mock.patch.object(methods.push, "by_agit", side_effect=UserError("no AGit", "x", "y")):
            ending = methods.send(Attempt(destination, self.sender, self.base), lambda line: None)
        self.assertEqual((ending.done, ending.address), (False, "ssh://git@forge.example.org/ana/bench.git"))
        self.assertRegex(ending.text, "(?s)open the fork's page in a browser.*pull request from that branch to main of bench-org/bench.*"
                                      "a title.*--forge https://HOST")
        self.assertIn(f"refs/heads/{self.sender.submission.branch}", gitea.references(self.fork))

    def test_if_nothing_can_be_pushed_the_commit_is_written_to_a_file(self):
        ending = self.send(token="", fork=False)
        self.assertFalse(ending.done)
        bundle = pathlib.Path(ending.address)
        self.assertTrue(bundle.is_file())
        for word in ("attach this file", "a title", f"{self.url}/bench-org/bench/issues", "No account there?"):
            self.assertIn(word, ending.text)
        self.assertEqual(gitea.references(self.upstream), {"refs/heads/main": self.base.commit})

    def test_if_the_fork_refuses_the_commit_is_written_to_a_file(self):
        os.rename(self.fork, f"{self.fork}.gone")
        ending = self.send()
        self.assertEqual(pathlib.Path(ending.address).suffix, ".zip")
        self.assertRegex("\n".join(self.said), "(?s)api: .*cannot be read.*agit: .*compare: .*cannot be read")

    def test_if_no_method_works_the_branch_is_named(self):
        destination = Destination(replace(self.upstream_address, web=""), None, None, self.world / "no such folder")
        with self.assertRaisesRegex(UserError, f"no method worked.*{self.sender.submission.branch}"):
            methods.send(Attempt(destination, self.sender, self.base), lambda text: None)


class Judging(unittest.TestCase):
    def test_a_request_is_ours_only_if_commit_branch_state_and_repository_match(self):
        upstream = remote_address.Repository("u", "u", "h", "https://h", "Bench-Org", "bench")
        told = PullRequest(1, "p", "open", "main", "bench-org/bench", "c")
        self.assertTrue(methods.is_ours(told, upstream, "main", "c"))
        for change in ({"state": "merged"}, {"base_branch": "x"}, {"base_repository": "x/y"}, {"head_commit": "d"}):
            with self.subTest(change):
                self.assertFalse(methods.is_ours(replace(told, **change), upstream, "main", "c"))


if __name__ == "__main__":
    unittest.main()
