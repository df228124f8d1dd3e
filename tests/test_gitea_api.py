"""The forge's client: what it asks, what every answer means to a person, and where the token never goes."""
from __future__ import annotations

import json
import os
import unittest
from unittest import mock

import support
from base.errors import FOUND, UserError
from submit import gitea_api, remote_address

TOKEN = "t0ken-that-nobody-may-see"
UPSTREAM = remote_address.Repository("u", "u", "h", "https://h", "bench-org", "bench")
PULL = {"number": 7, "state": "open", "base": {"ref": "main", "repo": {"full_name": "bench-org/bench"}}, "head": {"sha": "a" * 40}}


def said(value: object, status: int = 200) -> bytes:
    return support.whole(json.dumps(value).encode(), status)


def header(request: bytes, name: str) -> str | None:
    lines = request.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return next((line.partition(":")[2].strip() for line in lines if line.lower().startswith(name.lower() + ":")), None)


class Asking(unittest.TestCase):
    def test_a_request_is_opened_with_title_text_and_the_token_in_a_header(self):
        with support.listener(said(PULL, 201)) as here:
            request = gitea_api.GiteaApi(here.url, TOKEN).open_request(UPSTREAM, "ana:run-1", "main", "a \"title\" & more", "text")
        self.assertEqual(request, gitea_api.PullRequest(7, "https://h/bench-org/bench/pulls/7", "open", "main", "bench-org/bench", "a" * 40))
        request = here.requests[0]
        self.assertEqual(request.split(b" ")[:2], [b"POST", b"/api/v1/repos/bench-org/bench/pulls"])
        self.assertEqual(header(request, "Authorization"), f"token {TOKEN}")
        self.assertEqual(json.loads(request.split(b"\r\n\r\n")[1]),
                         {"head": "ana:run-1", "base": "main", "title": "a \"title\" & more", "body": "text"})

    def test_the_server_must_prove_to_be_a_gitea_before_it_gets_the_token(self):
        with support.listener(said({"version": "1.22.2"})) as here:
            self.assertEqual(gitea_api.GiteaApi(here.url, TOKEN).version(), "1.22.2")
        self.assertIsNone(header(here.requests[0], "Authorization"))
        for what, answer in (("no version", said({})), ("a list", said([])), ("another's words", said({"message": "Not Found"}, 404)),
                             ("a login page", support.whole(b"<html>", 403, "text/html"))):
            with self.subTest(what), support.listener(answer) as here, self.assertRaises(gitea_api.ApiError):
                gitea_api.GiteaApi(here.url, TOKEN).version()

    def test_a_server_that_requires_sign_in_is_recognised(self):
        with support.listener(said({"message": "Only signed in user is allowed to call APIs."}, 403)) as here:
            self.assertEqual(gitea_api.GiteaApi(here.url, TOKEN).version(), "unknown")

    def test_files_are_read_over_all_pages_to_the_empty_one(self):
        pages = {1: [{"filename": "a", "status": "added"}, {"filename": "b", "status": "added"}],
                 2: [{"filename": "c", "status": "deleted"}]}

        def answer(connection, request):
            page = int(request.split(b"page=")[1].split(b"&")[0])
            connection.sendall(said(pages.get(page, [])))
        with support.listener(answer) as here:
            self.assertEqual(gitea_api.GiteaApi(here.url).files(UPSTREAM, 7), [("a", "added"), ("b", "added"), ("c", "deleted")])

    def test_names_are_quoted_in_the_path(self):
        with support.listener(said({"full_name": "c/d"})) as here:
            gitea_api.GiteaApi(here.url).repository("a/../b?", "c#d")
        self.assertEqual(here.requests[0].split(b" ")[1], b"/api/v1/repos/a%2F..%2Fb%3F/c%23d")

    def test_a_repository_is_read_with_what_it_was_forked_from(self):
        for record, found in (
                ({"full_name": "o/n", "fork": True, "parent": {"full_name": "p/n"}}, ("o", "n", True, ("p", "n"), True)),
                ({"full_name": "o/n", "fork": True, "parent": None}, ("o", "n", True, None, True)),
                ({"full_name": "o/n", "fork": True, "parent": {"full_name": "a/b/c"}}, ("o", "n", True, None, True)),
                ({"full_name": "o/n", "fork": False, "parent": {"full_name": "p/n"}}, ("o", "n", False, None, True)),
                ({"full_name": "o/n", "fork": 1}, ("o", "n", False, None, True)),
                ({"full_name": "o/n", "archived": True}, ("o", "n", False, None, False)),
                ({"full_name": "o/n", "has_pull_requests": False}, ("o", "n", False, None, False))):
            with self.subTest(record), support.listener(said(record)) as here:
                self.assertEqual(gitea_api.GiteaApi(here.url).repository("o", "n"), gitea_api.RepositoryInfo(*found))

    def test_a_renamed_repository_is_followed_on_the_same_server_without_the_token(self):
        def answer(connection, request):
            path = request.split(b" ")[1]
            connection.sendall(said({"full_name": "ana/new"}) if path == b"/api/v1/repositories/12" else
                               b"HTTP/1.1 301 Moved\r\nLocation: /api/v1/repositories/12\r\nContent-Length: 0\r\n\r\n")
        with support.listener(answer) as here:
            info = gitea_api.GiteaApi(here.url, TOKEN).repository("ana", "old")
        self.assertEqual((info.owner, info.name), ("ana", "new"))
        self.assertEqual([header(request, "Authorization") for request in here.requests], [f"token {TOKEN}", None])

    def test_requests_are_listed_over_all_pages_and_an_odd_one_hides_no_other(self):
        def answer(connection, request):
            page = int(request.split(b"page=")[1].split(b"&")[0])
            connection.sendall(said({1: [PULL, {"number": 8}], 2: [{**PULL, "number": 9, "head": {
                "sha": "b" * 40, "label": "run-1", "repo": {"full_name": "ana/bench"}}}]}.get(page, [])))
        with support.listener(answer) as here:
            found = list(gitea_api.GiteaApi(here.url).requests(UPSTREAM, "open", 9))
        self.assertEqual([(request.number, request.head_branch, request.head_repository) for request in found],
                         [(7, "", ""), (9, "run-1", "ana/bench")])
        self.assertIn(b"state=open&sort=recentupdate&page=1", here.requests[0].split(b" ")[1])

    def test_a_missing_repository_is_none(self):
        with support.listener(said({"message": "Not Found"}, 404)) as here:
            self.assertIsNone(gitea_api.GiteaApi(here.url).repository("a", "b"))


class Refusals(unittest.TestCase):
    def test_each_status_is_one_line_of_what_where_and_what_to_do(self):
        for status, what, now in (
                (400, "does not understand", "report"), (401, "not accepted", "/user/settings/applications"),
                (403, "not allowed", "write:repository"), (404, "not found", "--upstream"), (409, "already", "open requests"),
                (418, "HTTP 418", "by hand"), (422, "invalid", "by hand"), (423, "archived", "maintainers"),
                (429, "overloaded", "later"), (500, "overloaded or failing", "later"), (503, "overloaded or failing", "later")):
            with self.subTest(status), support.listener(said({"message": f"told {TOKEN}\x1b[2J\nmore"}, status)) as here:
                with self.assertRaises(gitea_api.ApiError) as caught:
                    gitea_api.GiteaApi(here.url, TOKEN).login()
                line = str(caught.exception)
                for word in (what, now, f"{here.url}/api/v1/user", str(status)):
                    self.assertIn(word, line)
                self.assertNotIn("\n", line)
                self.assertNotIn("\x1b", line)
                self.assertNotIn(TOKEN, line)
                self.assertEqual((caught.exception.status, caught.exception.exit_code), (status, FOUND))

    def test_the_missing_scope_is_named_in_the_forms_of_gitea_and_forgejo(self):
        for message in ("token does not have at least one of required scope(s), required=[write:repository], "
                        "token scope=read:repository,read:user",
                        "token does not have at least one of required scope(s): [write:repository]"):
            with self.subTest(message), support.listener(said({"message": message}, 403)) as here:
                with self.assertRaisesRegex(gitea_api.ApiError, "not allowed .*this one lacks write:repository"):
                    gitea_api.GiteaApi(here.url, TOKEN).login()

    def test_without_a_token_a_refusal_asks_for_one(self):
        for status in (401, 403):
            with self.subTest(status), support.listener(said({"message": "no"}, status)) as here:
                with self.assertRaisesRegex(gitea_api.ApiError, "sign-in is required .*set GITEA_TOKEN"):
                    gitea_api.GiteaApi(here.url).repository("a", "b")

    def test_the_waiting_time_that_the_server_names_is_shown(self):
        answer = b"HTTP/1.1 429 Said\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n"
        with support.listener(answer) as here, self.assertRaisesRegex(gitea_api.ApiError, "run this again after 17 s"):
            gitea_api.GiteaApi(here.url, TOKEN).login()

    def test_a_redirect_is_not_followed_and_the_token_is_not_sent_there(self):
        with support.listener(said({"login": "thief"})) as other:
            for status in (301, 302, 303, 307, 308):
                answer = (f"HTTP/1.1 {status} Said\r\nLocation: {other.url}/api/v1/user\r\nContent-Length: 0\r\n\r\n").encode()
                with self.subTest(status), support.listener(answer) as here:
                    with self.assertRaisesRegex(gitea_api.ApiError, f"redirected.*{other.port}.*--forge"):
                        gitea_api.GiteaApi(here.url, TOKEN).login()
            self.assertEqual(other.requests, [])

    def test_an_answer_that_is_not_json_or_not_of_the_api_is_reported(self):
        for what, answer, words in (
                ("a login page", support.whole(b"<html>", 200, "text/html; charset=utf-8"), "text/html.* instead of JSON"),
                ("half of it", support.whole(b'{"login": "a', 200), "instead of JSON"),
                ("twice the same", support.whole(b'{"login":"a","login":"b"}', 200), "instead of JSON"),
                ("nothing", support.whole(b"", 200), "not an answer of Gitea's API"),
                ("no login", said({"id": 1}), "not an answer of Gitea's API"),
                ("a login that is a path", said({"login": "../x"}), "not an answer of Gitea's API")):
            with self.subTest(what), support.listener(answer) as here, self.assertRaisesRegex(gitea_api.ApiError, words):
                gitea_api.GiteaApi(here.url, TOKEN).login()

    def test_a_malformed_request_is_refused(self):
        for what, changes in (("no number", {"number": None}), ("a number in words", {"number": "7"}), ("no head", {"head": None}),
                              ("a true number", {"number": True}), ("a list", {"base": []})):
            with self.subTest(what), support.listener(said({**PULL, **changes})) as here:
                with self.assertRaisesRegex(gitea_api.ApiError, "not an answer of Gitea's API"):
                    gitea_api.GiteaApi(here.url).request(UPSTREAM, 7)

    def test_a_silent_slow_or_missing_server_ends_in_time(self):
        def silent(connection, request):
            here.over.wait(10)

        def drips(connection, request):
            connection.sendall(support.head(200, "application/json", "Content-Length: 1000"))
            while not here.over.wait(0.02):
                connection.sendall(b" ")
        for what, answer, silence_s, words in (("silent", silent, 0.2, "no answer in time"),
                                               ("drips", drips, 10, "the answer does not end"),
                                               ("hangs up", lambda connection, request: None, 10, "no usable answer")):
            with self.subTest(what), support.listener(answer) as here, self.assertRaisesRegex(gitea_api.ApiError, words):
                gitea_api.GiteaApi(here.url, TOKEN, silence_s=silence_s, answer_s=0.3).login()
        with self.assertRaisesRegex(gitea_api.ApiError, "no usable answer.*network"):
            gitea_api.GiteaApi(f"http://127.0.0.1:{support.closed_port()}", TOKEN).login()


class Token(unittest.TestCase):
    def test_it_is_never_sent_over_plain_http_nor_shown_in_an_error(self):
        with self.assertRaisesRegex(UserError, "https is required"):
            gitea_api.GiteaApi("http://forge.example.org", TOKEN)
        for token in ("two words", "a\nb", "schl\u00fcssel"):
            with self.subTest(token), self.assertRaisesRegex(UserError, "GITEA_TOKEN: it contains") as caught:
                gitea_api.GiteaApi("https://forge.example.org", token)
            self.assertNotIn(token, str(caught.exception))

    def test_the_printed_server_does_not_contain_it(self):
        self.assertNotIn(TOKEN, repr(gitea_api.GiteaApi("https://forge.example.org", TOKEN)))

    def test_a_proxy_is_used_for_a_distant_forge_as_git_does_and_never_for_this_machine(self):
        def proxy(connection, request):
            connection.sendall(b"HTTP/1.1 403 Said\r\nContent-Length: 0\r\n\r\n")
        with support.listener(proxy) as between, support.listener(said({"login": "ana"})) as here:
            with mock.patch.dict(os.environ, {"https_proxy": between.url, "http_proxy": between.url, "no_proxy": ""}):
                self.assertEqual(gitea_api.GiteaApi(here.url, TOKEN).login(), "ana")
                self.assertEqual(between.requests, [])
                with self.assertRaises(gitea_api.ApiError):
                    gitea_api.GiteaApi("https://forge.example.org", TOKEN).login()
        self.assertTrue(between.requests[0].startswith(b"CONNECT forge.example.org:443"))
        self.assertNotIn(TOKEN.encode(), between.requests[0])


if __name__ == "__main__":
    unittest.main()
