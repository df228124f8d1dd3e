"""A client of Gitea's API that sends the token to one server and to nothing else.

The token is sent over https only, loopback excepted, never along a redirect, and is never printed or stored. Unlike the
measuring client it uses the system's proxies, because git uses them for the push.
"""
from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import Any, Callable, Iterator

from base import json_text, schema
from base.errors import FOUND, UserError, printable
from submit import remote_address
from submit.remote_address import Repository

SILENCE_S = 30.0            # connecting, and between two pieces of an answer
ANSWER_S = 60.0             # a whole answer, however slowly it comes
MAX_BODY_BYTES = 4 * 1024 * 1024
PAGE = 50                   # entries a page; the usual limit of the API
MAX_PAGES = 20
Broken = (OSError, http.client.HTTPException)


class ApiError(UserError):
    """The server refused. `status` is the HTTP status; 0: no answer, or not one of this API.

    `message` is the server's own text, which only an API sends.
    """

    def __init__(self, what: str, where: str, now: str, status: int = 0, message: str = ""):
        super().__init__(what, where, now, FOUND)
        self.status, self.message = status, message


@dataclass(frozen=True)
class RepositoryInfo:
    """A repository as the API describes it. `parent` is (owner, name) of what it was forked from, if that can be seen."""
    owner: str
    name: str
    is_fork: bool
    parent: tuple[str, str] | None
    takes_requests: bool = True     # not archived, and pull requests are switched on


@dataclass(frozen=True)
class PullRequest:
    """A pull request as the API describes it. AGit requests have no head branch, and their head is in the upstream."""
    number: int
    page: str
    state: str              # open, closed or merged
    base_branch: str
    base_repository: str
    head_commit: str
    head_branch: str = ""
    head_repository: str = ""
    author: str = ""
    title: str = ""
    body: str = ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None         # the redirect is returned as an answer with its own status


class GiteaApi:
    """One server, with or without a token."""

    def __init__(self, web: str, token: str = "", clock: Callable[[], float] = time.monotonic,
                 silence_s: float = SILENCE_S, answer_s: float = ANSWER_S):
        self.web, self._token, self._clock = remote_address.check_forge(web), clean(token), clock
        self._silence_s, self._answer_s = silence_s, answer_s
        host = urllib.parse.urlsplit(self.web).hostname or ""
        own = [urllib.request.ProxyHandler({})] if remote_address.is_loopback(host) else []
        self._opener = urllib.request.build_opener(_NoRedirect, *own)

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    def version(self) -> str:
        """The server's version, asked without the token: the server must prove to be a Gitea before it gets the token.

        A server that requires sign-in refuses with a message of its API and does not give its version: "unknown".
        """
        try:
            answer = self._json("GET", "/version", with_token=False)
        except ApiError as problem:
            if problem.status not in (401, 403) or not problem.message:
                raise
            return "unknown"
        version = answer.get("version") if isinstance(answer, dict) else None
        if not isinstance(version, str):
            raise ApiError("not a Gitea server", self.web, "give its address with --forge https://host")
        return printable(version)[:40]

    def login(self) -> str:
        """The account that the token belongs to."""
        user = self._json("GET", "/user")
        login = user.get("login") if isinstance(user, dict) else None
        if not isinstance(login, str) or not remote_address.NAME.match(login):
            raise self._unexpected("/user")
        return login

    def repository(self, owner: str, name: str) -> RepositoryInfo | None:
        """None if the repository does not exist or cannot be seen. A renamed one is returned under its new name."""
        path = f"/repos/{remote_address.quoted(owner)}/{remote_address.quoted(name)}"
        try:
            record = self._json("GET", path, follow=True)
        except ApiError as problem:
            if problem.status == 404:
                return None
            raise
        names = _owner_and_name(record)
        if names is None:
            raise self._unexpected(path)
        is_fork = record.get("fork") is True
        return RepositoryInfo(*names, is_fork, _owner_and_name(record.get("parent")) if is_fork else None,
                              record.get("archived") is not True and record.get("has_pull_requests") is not False)

    def open_request(self, upstream: Repository, head: str, base: str, title: str, text: str) -> PullRequest:
        fields = {"head": head, "base": base, "title": title, "body": text}
        return self._request(self._json("POST", _pulls(upstream), fields), upstream)

    def request(self, upstream: Repository, number: int) -> PullRequest:
        return self._request(self._json("GET", f"{_pulls(upstream)}/{number}"), upstream)

    def requests(self, upstream: Repository, state: str, pages: int) -> Iterator[PullRequest]:
        """Requests in a state (open or closed), the most recently changed first, from at most so many pages."""
        for page in range(1, pages + 1):
            path = f"{_pulls(upstream)}?state={state}&sort=recentupdate&page={page}&limit={PAGE}"
            rows = self._rows(path)
            for row in rows:
                with contextlib.suppress(ApiError):     # one odd request must not hide the others
                    yield self._request(row, upstream)
            if not rows:        # a server may return fewer a page than asked for
                return

    def files(self, upstream: Repository, number: int) -> list[tuple[str, str]]:
        """(path, status) of every file that a request changes, over all pages."""
        path, files = f"{_pulls(upstream)}/{number}/files", []
        for page in range(1, MAX_PAGES + 1):
            rows = self._rows(f"{path}?page={page}&limit={PAGE}")
            files += [(str(row.get("filename")), str(row.get("status"))) for row in rows]
            if not rows:
                break
        return files

    def _rows(self, path: str) -> list[dict]:
        rows = self._json("GET", path)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._unexpected(path)
        return rows

    def _request(self, record: Any, upstream: Repository) -> PullRequest:
        try:
            number, base, head = record["number"], record["base"], record["head"]
            state = "merged" if record.get("merged") is True else record["state"]
            required = (state, base["ref"], base["repo"]["full_name"], head["sha"])
        except (KeyError, TypeError, AttributeError):
            raise self._unexpected(_pulls(upstream)) from None
        if not schema.is_count(number) or not all(isinstance(text, str) for text in required):
            raise self._unexpected(_pulls(upstream))
        head_repository = head.get("repo") if isinstance(head.get("repo"), dict) else {}
        user = record.get("user") if isinstance(record.get("user"), dict) else {}
        optional = (head.get("label"), head_repository.get("full_name"), user.get("login"), record.get("title"), record.get("body"))
        return PullRequest(number, f"{upstream.page}/pulls/{number}", *required,
                           *(text if isinstance(text, str) else "" for text in optional))

    def _json(self, method: str, path: str, fields: dict | None = None, with_token: bool = True,
              follow: bool = False) -> Any:
        """The JSON of a successful answer; raises ApiError with what to do about any other.

        With `follow`, a redirect to another path of this very server is followed once, and without the token.
        """
        status, headers, data = self._exchange(method, path, fields, with_token)
        moved_to = self._moved_to(headers) if follow and 300 <= status < 400 else None
        if moved_to:
            return self._json(method, moved_to, with_token=False)
        try:
            value = json_text.loads(data) if data else None
        except ValueError:
            value = None
            if status < 300:
                kind = printable(headers.get("Content-Type", "no content type"))[:60]
                raise ApiError(f"the answer is {kind} instead of JSON", self._where(path), "check whether a login page or "
                               "a proxy is in between, or give the server's address with --forge", status) from None
        if 200 <= status < 300:
            return value
        raise self._refusal(status, headers, value, path)

    def _refusal(self, status: int, headers: Message, value: Any, path: str) -> ApiError:
        text = value.get("message") if isinstance(value, dict) else None
        message = self.without_token(printable(text.strip()))[:200] if isinstance(text, str) else ""
        what, now = refusal(status, headers, self.web, message, self.has_token)
        return ApiError(f"{what} ({message})" if message else what, self._where(path), now, status, message)

    def _moved_to(self, headers: Message) -> str | None:
        """The path under /api/v1 that a redirect names, if it is on this very server."""
        target = urllib.parse.urljoin(f"{self.web}/api/v1/", headers.get("Location", ""))
        return target[len(self.web) + 7:] if target.startswith(f"{self.web}/api/v1/") and target.isprintable() else None

    def _exchange(self, method: str, path: str, fields: dict | None, with_token: bool) -> tuple[int, Message, bytes]:
        """(status, headers, body) of one request, whatever its status."""
        body = None if fields is None else json.dumps(fields).encode("ascii")
        request = urllib.request.Request(f"{self.web}/api/v1{path}", data=body, method=method,
                                         headers={"Accept": "application/json", "Content-Type": "application/json"})
        if with_token and self._token:
            request.add_unredirected_header("Authorization", f"token {self._token}")
        try:
            with self._answer(request) as answer:
                return answer.status or 0, answer.headers, self._body(answer)
        except Broken as problem:
            raise self._unreachable(problem, path) from None

    def _answer(self, request: urllib.request.Request) -> http.client.HTTPResponse | urllib.error.HTTPError:
        try:
            return self._opener.open(request, timeout=self._silence_s)
        except urllib.error.HTTPError as answer:
            return answer

    def _body(self, answer: http.client.HTTPResponse | urllib.error.HTTPError) -> bytes:
        data, until = bytearray(), self._clock() + self._answer_s
        while len(data) <= MAX_BODY_BYTES and self._clock() < until:
            piece = answer.read1(65536)
            if not piece:
                return bytes(data)
            data += piece
        raise http.client.HTTPException("the answer does not end")

    def _unreachable(self, problem: BaseException, path: str) -> ApiError:
        reason = getattr(problem, "reason", problem)
        late = isinstance(reason, (socket.timeout, TimeoutError))
        what = "no answer in time" if late else f"no usable answer ({self.without_token(printable(str(reason)))[:160]})"
        return ApiError(what, self._where(path), "check the network and the server, then run this again")

    def _unexpected(self, path: str) -> ApiError:
        return ApiError("not an answer of Gitea's API", self._where(path), "give the server's address with "
                        "--forge, or open the request by hand")

    def _where(self, path: str) -> str:
        return f"{self.web}/api/v1{path.partition('?')[0]}"

    def without_token(self, text: str) -> str:
        """A server or a proxy may repeat what it received."""
        return text.replace(self._token, "<token>") if self._token else text


def refusal(status: int, headers: Message, web: str, message: str, has_token: bool) -> tuple[str, str]:
    """(what it means, what to do now) of a status that is not a success."""
    if 300 <= status < 400:
        target = printable(remote_address.without_credentials(headers.get("Location", "nowhere")))[:200]
        return (f"redirected (HTTP {status} to {target}), and the token is not sent there",
                "give the present address with --upstream, --fork or --forge")
    if status == 429 or status >= 500:
        wait = printable(headers.get("Retry-After", ""))[:40]
        return (f"the server is overloaded or failing (HTTP {status})", f"run this again after {wait} s" if wait.isdigit()
                else "run this again later")
    if status in (401, 403) and not has_token:
        return (f"sign-in is required (HTTP {status})", f"make a token at {web}/user/settings/applications and set GITEA_TOKEN")
    scope = missing_scope(message)
    token = "with this token" if has_token else "without a token"
    known = {
        400: ("the server does not understand the request (HTTP 400)", "report this line"),
        401: ("the token is not accepted (HTTP 401)", f"make a new one at {web}/user/settings/applications with the scopes "
                                                      "write:repository and read:user, and set GITEA_TOKEN"),
        403: ("not allowed (HTTP 403)", f"make a token with the scopes write:repository and read:user at {web}/user/settings/"
                                        f"applications{f' (this one lacks {scope})' if scope else ''}; its account must be "
                                        "allowed to see the upstream"),
        404: (f"not found, or not visible {token} (HTTP 404)", "check --upstream and --fork"),
        409: ("there is such a request already (HTTP 409)", "look at the open requests of the upstream"),
        422: ("the server finds the request invalid (HTTP 422)", "open it by hand on the compare page"),
        423: ("the repository is archived (HTTP 423)", "ask its maintainers where runs go now"),
    }
    return known.get(status, (f"HTTP {status}", "read the server's own words, or open the request by hand"))


def missing_scope(message: str) -> str:
    """The scope that the server's message names as missing, such as `write:repository`; empty where it names none."""
    named = re.search(r"required scope\(s\)(?:, required=|: )\[([a-z:, ]+)\]", message)
    return named.group(1).strip() if named else ""


def clean(token: str) -> str:
    """The token as it can be sent. http.client refuses others too, and would print the token."""
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UserError("it contains characters that cannot be sent", "GITEA_TOKEN", "copy it again")
    return token


def _owner_and_name(record: Any) -> tuple[str, str] | None:
    """(owner, name) out of a record's `full_name`."""
    full_name = record.get("full_name") if isinstance(record, dict) else None
    owner, _, name = full_name.partition("/") if isinstance(full_name, str) else ("", "", "")
    return (owner, name) if remote_address.NAME.match(owner) and remote_address.NAME.match(name) else None


def _pulls(upstream: Repository) -> str:
    return f"/repos/{remote_address.quoted(upstream.owner)}/{remote_address.quoted(upstream.name)}/pulls"
