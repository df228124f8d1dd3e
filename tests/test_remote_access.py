"""The remote: how git logs in with the token and who never sees it, what a server tells of itself, and git's own words."""
from __future__ import annotations

import pathlib
import unittest
from unittest import mock

import gitea
import submitting
import support
from base import console, git
from base.errors import UserError
from submit import git_messages, remote_access, remote_address

WEB = "https://forge.example.org"


class Login(unittest.TestCase):
    def test_the_token_is_offered_to_the_server_of_the_web_pages_only(self):
        access = remote_access.Access(gitea.TOKEN, WEB + "/sub")
        for url, fits in (("https://forge.example.org/a/b.git", True), ("https://Forge.example.org/a/b", True),
                          ("https://ana@forge.example.org/a/b", True), ("https://forge.example.org:3000/a/b", False),
                          ("https://forge.example.org.evil.example/a/b", False), ("https://evil.example/forge.example.org/b", False),
                          ("git@forge.example.org:a/b.git", False), ("ssh://git@forge.example.org/a/b", False),
                          ("http://forge.example.org/a/b", False), ("../b.git", False)):
            with self.subTest(url):
                self.assertEqual(bool(access.words(remote_address.parse(url))), fits)
        self.assertEqual(remote_access.Access("", WEB).words(remote_address.parse("https://forge.example.org/a/b")), ())

    def test_the_command_line_names_the_variable_and_never_the_token(self):
        words = remote_access.Access(gitea.TOKEN, WEB).words(remote_address.parse("https://forge.example.org/a/b.git"))
        self.assertNotIn(gitea.TOKEN, " ".join(words))
        # The empty one comes first: it takes out every helper of the system, which would store what works.
        self.assertEqual(words[:2], ("-c", "credential.https://forge.example.org.helper="))
        self.assertIn('"$GITEA_TOKEN"', words[3])


@unittest.skipUnless(gitea.HAS_GIT, "git is not installed")
class OverHttp(submitting.Submission):
    def setUp(self):
        super().setUp()
        self.place = remote_address.parse(f"{self.url}/bench-org/bench.git", spec="origin")
        self.commit = gitea.git(self.clone, "rev-parse", "HEAD")
        self.ref = f"{self.commit}:refs/heads/run-x"

    def test_a_push_logs_in_with_the_token_and_no_credential_store_saves_it(self):
        store = self.world / "store"
        self.config("credential.helper", f"!f() {{ echo \"$1\" >> '{store.as_posix()}'; cat >> '{store.as_posix()}'; }}; f")
        access = remote_access.Access(gitea.TOKEN, self.url)
        done = access.run(self.clone, self.place, "push", "--", "origin", self.ref)
        self.assertEqual(done.code, 0, done.stderr)
        self.assertFalse(store.exists())
        self.assertTrue(any("authorization" in headers for method, _, headers, _ in self.server.log if method == "POST"))
        self.assertNotIn(gitea.TOKEN, str([row[:2] for row in self.server.log]))     # no address holds it

    def test_a_wrong_or_missing_token_fails_without_a_question(self):
        words = ("push", "--", "origin", self.ref)
        with self.assertRaisesRegex(remote_access.LoginProblem, "wants a login, and none was given"):
            remote_access.Access("", self.url).run(self.clone, self.place, *words)
        done = remote_access.Access("wrong", self.url).run(self.clone, self.place, *words)
        self.assertNotEqual(done.code, 0)
        self.assertRegex(git_messages.reason(done.stderr), "could not read Username|Authentication failed")

    def test_git_may_ask_a_person_who_has_neither_a_token_nor_a_stored_login(self):
        bare, private = remote_access.Access(), remote_address.parse(f"{self.url.replace('//', '//ana:secret@')}/bench-org/bench.git")
        over_ssh = remote_address.parse("ssh://git@forge.example.org/a/b")
        cases = (("nothing is known", True, bare, self.place, True), ("no terminal", False, bare, self.place, False),
                 ("a token", True, remote_access.Access(gitea.TOKEN, self.url), self.place, False),
                 ("a login in the address", True, bare, private, False), ("ssh", True, bare, over_ssh, False))
        for what, has_terminal, access, place, may_ask in cases:
            with self.subTest(what), mock.patch.object(console, "is_terminal", lambda has=has_terminal: has):
                self.assertEqual(access.may_ask(self.clone, place), may_ask)
        self.config("credential.helper", "!f() { test \"$1\" = get && echo username=ana && echo password=secret; }; f")
        with mock.patch.object(console, "is_terminal", lambda: True):
            self.assertFalse(bare.may_ask(self.clone, self.place))

    @unittest.skipUnless(pathlib.Path("/proc/self/cmdline").exists(), "processes cannot be looked at here")
    def test_no_process_of_a_push_has_the_token_on_its_command_line(self):
        seen = []

        def look(request: bytes) -> None:
            for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(path.read_bytes())
                except OSError:
                    pass
        told = self.server._git
        self.server._git = lambda *given: (look(given[-1]), told(*given))[1]
        remote_access.Access(gitea.TOKEN, self.url).run(self.clone, self.place, "push", "--", "origin", self.ref)
        self.assertTrue(any(b"receive-pack" in line or b"\0push\0" in line for line in seen))
        self.assertFalse([line for line in seen if gitea.TOKEN.encode() in line])

    def test_the_token_is_removed_from_what_a_server_repeats(self):
        said = f"remote: your token is {gitea.TOKEN}\n"
        self.server.answers["git /bench-org/bench.git/info/refs"] = support.whole(said.encode(), 403, "text/plain")
        done = remote_access.Access(gitea.TOKEN, self.url).run(self.clone, self.place, "ls-remote", "--", "origin")
        self.assertNotEqual(done.code, 0)
        self.assertNotIn(gitea.TOKEN, done.stderr)


class Servers(submitting.Submission):
    def test_the_default_branch_is_the_one_that_the_server_names(self):
        gitea.git(self.upstream, "branch", "-m", "main", "trunk/x")
        found = remote_access.default_branch(self.clone, remote_address.parse(str(self.upstream)), remote_access.Access())
        self.assertEqual(found, remote_access.Base("trunk/x", gitea.git(self.upstream, "rev-parse", "trunk/x")))

    def test_an_empty_missing_or_odd_repository_gives_a_one_line_error(self):
        empty = self.world / "empty.git"
        empty.mkdir()
        gitea.git(empty, "init", "-q", "--bare")
        for where, words in ((empty, "has no default branch"), (self.world / "none.git", "cannot be read .*fatal"),
                             (self.world / "clone" / "README.md", "cannot be read")):
            with self.subTest(where.name), self.assertRaisesRegex(UserError, words):
                remote_access.default_branch(self.clone, remote_address.parse(str(where)), remote_access.Access())
        with self.assertRaisesRegex(UserError, "cannot be read"):
            remote_access.refs(self.clone, remote_address.parse(str(self.world / "none.git")), remote_access.Access())

    def test_a_base_that_has_moved_meanwhile_is_reported(self):
        with self.assertRaisesRegex(UserError, "cannot be fetched.*run this again"):
            remote_access.fetch(self.clone, remote_address.parse(str(self.upstream)), remote_access.Base("main", "1" * 40), remote_access.Access())


class Words(unittest.TestCase):
    def test_the_line_with_the_reason_is_chosen(self):
        for said, why in (
                ("warning: x\nfatal: unable to access 'u': 403\nhelp\n", "fatal: unable to access 'u': 403"),
                ("To x\n ! [rejected]  a -> b (fetch first)\nerror: failed to push\n", "! [rejected]  a -> b (fetch first)"),
                ("one\ntwo\n", "two"), ("", "git printed nothing"), ("fatal: \x1b[2J\n", "fatal: \\x1b[2J")):
            with self.subTest(said):
                self.assertEqual(git_messages.reason(said), why)

    def test_a_password_in_an_address_is_not_repeated(self):
        place = remote_address.parse("https://ana:s3cret@127.0.0.1:1/a/b.git")
        shown = str(remote_access.refused("cannot be read", place, git.Completed(1, b"", "fatal: x"), "do y"))
        self.assertEqual(shown, "https://127.0.0.1:1/a/b.git: cannot be read (fatal: x); do y")


if __name__ == "__main__":
    unittest.main()
