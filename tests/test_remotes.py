"""Routing: what the remotes, the flags and the forge say of where a run goes, and what is asked where they do not."""
from __future__ import annotations

import unittest
from dataclasses import replace

import gitea
import submitting
import support
from base.errors import UserError
from submit import remote_address, remotes
from submit.remotes import Wishes


class Found(submitting.Submission):
    def find(self, token: str = "", **wishes: str) -> tuple:
        """(upstream, fork) as owner/name or address, None where there is none."""
        routes = remotes.find(self.clone, Wishes(**wishes), token)
        return tuple(place and (place.full_name if place.owner else place.url) for place in (routes.upstream, routes.fork))

    def remote(self, name: str, owner: str) -> None:
        gitea.git(self.clone, "remote", "add", name, f"{self.url}/{owner}/bench.git")

    def test_origin_may_be_the_upstream_or_a_fork_and_the_forge_knows_which(self):
        self.assertEqual(self.find(), ("bench-org/bench", None))
        self.assertEqual(self.find(gitea.TOKEN), ("bench-org/bench", "ana/bench"))
        self.origin(f"{self.url}/ana/bench.git")
        self.assertEqual(self.find(), ("bench-org/bench", "ana/bench"))
        self.assertEqual(self.find(gitea.TOKEN), ("bench-org/bench", "ana/bench"))

    def test_a_remote_called_upstream_is_it(self):
        self.origin(f"{self.url}/ana/bench.git")
        self.remote("upstream", "bench-org")
        self.assertEqual(self.find(), ("bench-org/bench", "ana/bench"))
        self.assertEqual(self.server.log, [])       # nobody had to be asked
        self.assertEqual(remotes.find(self.clone, Wishes(), "").upstream.spec, "upstream")

    def test_flags_come_first_as_a_remotes_name_an_address_or_a_folder(self):
        self.remote("mine", "ana")
        url = f"{self.url}/bench-org/bench"
        for wishes, found in (({"fork": "mine"}, ("bench-org/bench", "ana/bench")),
                              ({"upstream": url, "fork": "mine"}, ("bench-org/bench", "ana/bench")),
                              ({"remote": "mine"}, ("bench-org/bench", "ana/bench")),
                              ({"upstream": "repos/bench-org/bench.git", "fork": "repos/ana/bench.git"},
                               (str(self.upstream), str(self.fork)))):
            with self.subTest(wishes):
                self.assertEqual(self.find(**wishes), found)

    def test_the_only_remote_is_taken_whatever_its_name(self):
        gitea.git(self.clone, "remote", "rename", "origin", "theirs")
        self.assertEqual(self.find(), ("bench-org/bench", None))

    def test_what_is_not_clear_is_a_question_and_no_guess(self):
        self.remote("b", "ana")
        for wishes, words in (({"remote": "none"}, "no such remote here; there are b, origin"),
                              ({"fork": "https://ana:pw@forge.example.org/ana/bench"}, "would be seen by every user"),
                              ({"fork": "https://other.example.org/ana/bench"}, "not on the same forge"),
                              ({"fork": "ext::sh -c x"}, "no address of a repository"),
                              ({"forge": "http://forge.example.org"}, "only https")):
            with self.subTest(wishes), self.assertRaisesRegex(UserError, words) as caught:
                self.find(**wishes)
            self.assertNotIn("pw", str(caught.exception))
        gitea.git(self.clone, "remote", "rename", "origin", "a")
        with self.assertRaisesRegex(UserError, "no remote is called origin; there are a, b"):
            self.find()
        for name in ("a", "b"):
            gitea.git(self.clone, "remote", "remove", name)
        with self.assertRaisesRegex(UserError, "this clone has no remote.*--upstream"):
            self.find()

    def test_a_remote_that_is_pushed_to_elsewhere_is_not_taken(self):
        self.config("remote.origin.pushurl", f"{self.url}/ana/bench.git")
        with self.assertRaisesRegex(UserError, "read from one address and pushed to another"):
            self.find()

    def test_a_password_in_a_remote_stays_behind_its_name(self):
        self.origin(f"{self.url.replace('//', '//ana:s3cret@')}/bench-org/bench.git")
        upstream = remotes.find(self.clone, Wishes(), "").upstream
        self.assertEqual((upstream.spec, upstream.shown), ("origin", f"{self.url}/bench-org/bench.git"))

    def test_a_forge_that_does_not_answer_leaves_what_git_knows(self):
        for what, answers in (("no gitea", {"GET /version": (404, {})}), ("a failure", {"GET /repos/ana/bench": (500, {})}),
                              ("no fork", {"GET /repos/ana/bench": (200, {"fork": False})}),
                              ("a fork of another", {"GET /repos/ana/bench": (200, {"fork": True, "parent": {"full_name": "x/y"}})}),
                              ("a wrong token", {"GET /user": (401, {"message": "no"})})):
            self.server.answers = answers
            with self.subTest(what):
                self.assertEqual(self.find(gitea.TOKEN), ("bench-org/bench", None))

    def test_the_token_goes_only_where_a_gitea_has_shown_itself(self):
        self.server.answers = {"GET /version": support.whole(b"<html>", 200, "text/html")}
        self.find(gitea.TOKEN)
        self.assertFalse([row for row in self.server.log if "authorization" in row[2]])


class Parents(unittest.TestCase):
    def test_only_a_fork_that_names_its_parent_has_one(self):
        self.assertEqual(remotes.parent_name({"fork": True, "parent": {"full_name": "o/n"}}), ("o", "n"))
        for told in (None, {"fork": True}, {"fork": True, "parent": None}, {"fork": True, "parent": {"full_name": 3}},
                     {"fork": True, "parent": {"full_name": "a/b/c"}}, {"fork": False, "parent": {"full_name": "o/n"}},
                     {"fork": 1, "parent": {"full_name": "o/n"}}):
            with self.subTest(told):
                self.assertIsNone(remotes.parent_name(told))

    def test_two_places_are_the_same_whatever_their_transport_and_case(self):
        one = remote_address.parse("https://h.org/Bench-Org/bench.git")
        self.assertTrue(remotes.same(one, remote_address.parse("git@h.org:bench-org/bench")))
        self.assertFalse(remotes.same(one, replace(one, owner="ana")))
        self.assertFalse(remotes.same(remote_address.parse("/a"), remote_address.parse("/b")))


if __name__ == "__main__":
    unittest.main()
