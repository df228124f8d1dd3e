"""Routing: what the remotes, the flags and the forge say of where a run goes, and what is asked where they do not."""
from __future__ import annotations

import os
import unittest
from dataclasses import replace

import gitea
import submitting
import support
from base.errors import UserError
from submit import remote_address, remotes
from submit.remotes import RemoteFlags


class Found(submitting.Submission):
    def find(self, token: str = "", **wishes: str) -> tuple:
        """(upstream, fork) as owner/name or address, None where there is none."""
        destination = remotes.find(self.clone, RemoteFlags(**wishes), token)
        return tuple(place and (place.full_name if place.owner else place.url) for place in (destination.upstream, destination.fork))

    def remote(self, name: str, owner: str) -> None:
        gitea.git(self.clone, "remote", "add", name, f"{self.url}/{owner}/bench.git")

    def test_the_server_says_whether_origin_is_the_upstream_or_a_fork(self):
        self.assertEqual(self.find(), ("bench-org/bench", None))
        self.assertEqual(self.find(gitea.TOKEN), ("bench-org/bench", "ana/bench"))
        self.origin(f"{self.url}/ana/bench.git")
        self.assertEqual(self.find(), ("bench-org/bench", "ana/bench"))
        self.assertEqual(self.find(gitea.TOKEN), ("bench-org/bench", "ana/bench"))

    def test_a_remote_called_upstream_is_the_upstream(self):
        self.origin(f"{self.url}/ana/bench.git")
        self.remote("upstream", "bench-org")
        self.assertEqual(self.find(), ("bench-org/bench", "ana/bench"))
        self.assertEqual(self.server.log, [])       # nobody had to be asked
        self.assertEqual(remotes.find(self.clone, RemoteFlags(), "").upstream.spec, "upstream")

    def test_flags_take_the_name_of_a_remote_an_address_or_a_folder(self):
        self.remote("mine", "ana")
        url = f"{self.url}/bench-org/bench"
        for wishes, found in (({"fork": "mine"}, ("bench-org/bench", "ana/bench")),
                              ({"upstream": url, "fork": "mine"}, ("bench-org/bench", "ana/bench")),
                              ({"remote": "mine"}, ("bench-org/bench", "ana/bench")),
                              ({"upstream": "repos/bench-org/bench.git", "fork": "repos/ana/bench.git"},
                               (str(self.upstream), str(self.fork)))):
            with self.subTest(wishes):
                self.assertEqual(self.find(**wishes), found)

    def test_the_only_remote_is_used_whatever_its_name(self):
        gitea.git(self.clone, "remote", "rename", "origin", "theirs")
        self.assertEqual(self.find(), ("bench-org/bench", None))

    def test_unclear_cases_are_an_error_and_never_a_guess(self):
        self.remote("b", "ana")
        for wishes, words in (({"remote": "none"}, "no such remote here; there are b, origin"),
                              ({"fork": "https://ana:pw@forge.example.org/ana/bench"}, "would be visible to every user"),
                              ({"fork": "https://other.example.org/ana/bench"}, "not on the same server"),
                              ({"fork": "ext::sh -c x"}, "not the address of a repository"),
                              ({"forge": "http://forge.example.org"}, "https is required")):
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

    def test_a_remote_with_another_push_address_is_refused(self):
        self.config("remote.origin.pushurl", f"{self.url}/ana/bench.git")
        with self.assertRaisesRegex(UserError, "read from one address and pushed to another"):
            self.find()

    def test_a_remote_without_an_address_is_refused(self):
        self.config("remote.empty.tagopt", "--no-tags")
        with self.assertRaisesRegex(UserError, "empty.*this remote has no address"):
            self.find(remote="empty")

    def test_a_remote_of_a_partial_clone_has_its_address(self):
        self.config("remote.origin.partialclonefilter", "blob:none")
        self.assertEqual(self.find(), ("bench-org/bench", None))

    def test_a_password_in_the_address_of_a_remote_is_not_shown(self):
        self.origin(f"{self.url.replace('//', '//ana:s3cret@')}/bench-org/bench.git")
        upstream = remotes.find(self.clone, RemoteFlags(), "").upstream
        self.assertEqual((upstream.spec, upstream.public_url), ("origin", f"{self.url}/bench-org/bench.git"))

    def test_it_stops_if_it_cannot_find_out_whether_origin_is_a_fork(self):
        """Requests were once opened in the contributor's own fork, where no maintainer looks."""
        self.origin(f"{self.url}/ana/bench.git")
        hidden = (200, {"full_name": "ana/bench", "fork": True, "parent": None})
        for what, answers, token, words in (
                ("no gitea", {"GET /version": (404, {})}, "", "not found"),
                ("a failure", {"GET /repos/ana/bench": (500, {})}, "", "overloaded or failing"),
                ("a private fork", {"GET /repos/ana/bench": (404, {})}, "", "not visible without a token"),
                ("an expired token", {}, "0" * 40, "the token is not accepted"),
                ("a hidden parent", {"GET /repos/ana/bench": hidden}, "", "does not show"),
                ("a parent that cannot be read", {"GET /repos/bench-org/bench": (404, {})}, "", "not visible")):
            self.server.answers = answers
            with self.subTest(what):
                with self.assertRaisesRegex(UserError, f"whether this is a fork .*{words}.*--upstream URL") as caught:
                    self.find(token)
                self.assertEqual(caught.exception.exit_code, 1)
                self.assertEqual(self.find(token, upstream=f"{self.url}/bench-org/bench"), ("bench-org/bench", "ana/bench"))
        self.server.answers, self.server.sign_in_required = {}, True
        with self.assertRaisesRegex(UserError, "whether this is a fork .*sign-in is required.*GITEA_TOKEN.*--upstream URL"):
            self.find()
        self.assertEqual(self.find(gitea.TOKEN), ("bench-org/bench", "ana/bench"))
        self.origin("ssh://git@127.0.0.1:1/ana/bench.git")      # its pages are not at https://127.0.0.1
        with self.assertRaisesRegex(UserError, "whether this is a fork .*web pages with --forge .*--upstream URL"):
            self.find()

    def test_an_address_without_an_api_is_not_used_as_the_upstream(self):
        for url in ("http://forge.example.org/ana/bench.git", "git://forge.example.org/ana/bench.git"):
            self.origin(url)
            with self.subTest(url), self.assertRaisesRegex(UserError, "whether this is a fork .*no API.*--upstream URL"):
                self.find()
        self.origin("ssh://git@127.0.0.1/ana/bench.git")       # its pages are not at https:// and this host
        with self.assertRaisesRegex(UserError, "whether this is a fork .*no usable answer.*--upstream URL"):
            self.find()
        self.assertEqual(self.find(forge=self.url), ("bench-org/bench", "ana/bench"))

    def test_the_pages_behind_an_ssh_address_are_used_only_if_a_gitea_answers_there(self):
        """The address of a page was once guessed and printed, although no server answered there."""
        self.origin("ssh://git@127.0.0.1:1/ana/bench.git")
        upstream = "ssh://git@127.0.0.1:1/bench-org/bench.git"
        destination = remotes.find(self.clone, RemoteFlags(upstream=upstream), "")
        self.assertEqual((destination.upstream.web, destination.fork.web, destination.api), ("", "", None))
        self.assertEqual((destination.upstream.full_name, destination.fork.full_name), ("bench-org/bench", "ana/bench"))
        destination = remotes.find(self.clone, RemoteFlags(upstream=upstream, forge=self.url), "")
        self.assertEqual((destination.upstream.web, destination.fork.web), (self.url, self.url))

    def test_a_renamed_fork_is_known_by_its_present_name(self):
        self.server.renamed = {"ana/old": "ana/bench"}
        self.origin(f"{self.url}/ana/old.git")
        for token in ("", gitea.TOKEN):
            with self.subTest(token):
                self.assertEqual(self.find(token), ("bench-org/bench", "ana/bench"))
        self.server.private = {"ana/bench"}
        with self.assertRaisesRegex(UserError, "whether this is a fork .*not found"):
            self.find(gitea.TOKEN)      # the redirect is followed without the token

    def test_a_fork_of_a_fork_goes_to_the_root(self):
        self.server.bare("bob").mkdir(parents=True)
        self.server.parents = {"ana/bench": "bob/bench", "bob/bench": "bench-org/bench"}
        self.origin(f"{self.url}/ana/bench.git")
        self.assertEqual(self.find(), ("bench-org/bench", "ana/bench"))
        self.server.parents["bench-org/bench"] = "ana/bench"        # it never ends
        with self.assertRaisesRegex(UserError, "whether this is a fork .*a fork of a fork"):
            self.find()

    def test_the_reason_why_no_fork_is_known_is_shown(self):
        upstream = f"{self.url}/bench-org/bench"
        for what, answers, words in (("a bad token", {"GET /user": (401, {"message": "no"})}, "token is not accepted"),
                                     ("no fork", {"GET /repos/ana/bench": (404, {})}, "ana has no fork called bench"),
                                     ("a fork of another", {"GET /repos/ana/bench": (200, {
                                         "full_name": "ana/bench", "fork": True, "parent": {"full_name": "x/y"}})}, "has no fork")):
            self.server.answers = answers
            with self.subTest(what):
                destination = remotes.find(self.clone, RemoteFlags(upstream=upstream, remote="origin"), gitea.TOKEN)
                self.assertIsNone(destination.fork)
                self.assertRegex(destination.no_fork, words)

    def test_the_token_is_sent_only_to_a_server_that_proved_to_be_a_gitea(self):
        self.server.answers = {"GET /version": support.whole(b"<html>", 200, "text/html")}
        with self.assertRaises(UserError):
            self.find(gitea.TOKEN)
        self.assertFalse([row for row in self.server.log if "authorization" in row[2]])

    def test_the_file_to_attach_is_written_outside_the_clone(self):
        for where, flag, found in ((self.clone, None, self.world), (self.clone / "submissions", None, self.world),
                                   (self.world / "repos", None, self.world / "repos"), (self.clone, "x", self.clone / "x")):
            os.chdir(where)
            with self.subTest((where, flag)):
                self.assertEqual(remotes.bundle_folder(self.clone, flag), found)


class Addresses(unittest.TestCase):
    def test_two_addresses_of_one_repository_are_the_same_whatever_transport_and_case(self):
        one = remote_address.parse("https://h.org/Bench-Org/bench.git")
        self.assertTrue(remote_address.is_same(one, remote_address.parse("git@h.org:bench-org/bench")))
        self.assertFalse(remote_address.is_same(one, replace(one, owner="ana")))
        self.assertFalse(remote_address.is_same(remote_address.parse("/a"), remote_address.parse("/b")))


if __name__ == "__main__":
    unittest.main()
