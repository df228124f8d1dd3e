"""The forge: the client of a Gitea server's API, which sees to it that a token goes to that server and nowhere else.

It follows no redirect, because the token would follow too; it takes https alone, but for this very machine; it keeps
and prints no token. Unlike the measuring client it uses the system's proxies, as git does for the push beside it: where
the one gets through, so must the other. Loopback needs none.
"""
from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Callable

from base import schema
from base.errors import FOUND, UserError, printable
from submit import remote_address

SILENCE_S = 30.0            # connecting, and between two pieces of an answer
ANSWER_S = 60.0             # a whole answer; a forge that drips must not hold us
MAX_BODY_BYTES = 4 * 1024 * 1024
PAGE = 50                   # files a page; the usual limit of the API
MAX_PAGES = 20
Broken = (OSError, http.client.HTTPException)


class Unwilling(UserError):
    """The forge answered, and it is no. `status` is its HTTP status; 0: it could not be reached or understood.
    `spoke`: the answer was one of an API, with a message."""

    def __init__(self, what: str, where: str, now: str, status: int = 0, spoke: bool = False):
        super().__init__(what, where, now, FOUND)
        self.status, self.spoke = status, spoke


@dataclass(frozen=True)
class Request:
    """A pull request as the forge tells it."""
    number: int
    page: str
    state: str
    base_branch: str
    base_repository: str
    head_commit: str


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None         # it then comes back as an answer with its own status


class Forge:
    """One server, with a token or without."""

    def __init__(self, web: str, token: str = "", clock: Callable[[], float] = time.monotonic,
                 silence_s: float = SILENCE_S, answer_s: float = ANSWER_S):
        self.web, self._token, self._clock = remote_address.check_forge(web), clean(token), clock
        self._silence_s, self._answer_s = silence_s, answer_s
        host = urllib.parse.urlsplit(self.web).hostname or ""
        own = [urllib.request.ProxyHandler({})] if remote_address.is_loopback(host) else []
        self._opener = urllib.request.build_opener(_Stay, *own)

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    def version(self) -> str:
        """What answers here, asked without the token: it must be a Gitea before the token is sent.

        One that shows nothing to strangers says so in its API's own form, and does not tell its version.
        """
        try:
            answer = self._want("GET", "/version", with_token=False)
        except Unwilling as no:
            if no.status not in (401, 403) or not no.spoke:
                raise
            return "unknown"
        found = answer.get("version") if isinstance(answer, dict) else None
        if not isinstance(found, str):
            raise Unwilling("what answers is no Gitea", self.web, "name the forge with --forge https://host")
        return printable(found)[:40]

    def login(self) -> str:
        """Whose token this is."""
        found = self._want("GET", "/user")
        login = found.get("login") if isinstance(found, dict) else None
        if not isinstance(login, str) or not remote_address.NAME.match(login):
            raise self._odd("/user")
        return login

    def repository(self, owner: str, name: str) -> dict | None:
        """A repository as the API tells it, or None where there is none to see."""
        path = f"/repos/{remote_address.quoted(owner)}/{remote_address.quoted(name)}"
        try:
            found = self._want("GET", path)
        except Unwilling as no:
            if no.status == 404:
                return None
            raise
        if not isinstance(found, dict):
            raise self._odd(path)
        return found

    def open_request(self, upstream: remote_address.Place, head: str, base: str, title: str, text: str) -> Request:
        found = self._want("POST", _pulls(upstream), {"head": head, "base": base, "title": title, "body": text})
        return self._request(found, upstream)

    def request(self, upstream: remote_address.Place, number: int) -> Request:
        return self._request(self._want("GET", f"{_pulls(upstream)}/{number}"), upstream)

    def files(self, upstream: remote_address.Place, number: int) -> list:
        """(path, status) of every file that a request changes, over all pages."""
        path, found = f"{_pulls(upstream)}/{number}/files", []
        for page in range(1, MAX_PAGES + 1):
            rows = self._want("GET", f"{path}?page={page}&limit={PAGE}")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise self._odd(path)
            found += [(str(row.get("filename")), str(row.get("status"))) for row in rows]
            if not rows:        # a server may give fewer a page than asked for
                break
        return found

    def _request(self, found: object, upstream: remote_address.Place) -> Request:
        try:
            number, base = found["number"], found["base"]
            told = Request(number, f"{upstream.page}/pulls/{number}", found["state"], base["ref"], base["repo"]["full_name"],
                           found["head"]["sha"])
        except (KeyError, TypeError):
            raise self._odd(_pulls(upstream)) from None
        if not schema.is_count(number) or not all(isinstance(text, str) for text in (
                told.state, told.base_branch, told.base_repository, told.head_commit)):
            raise self._odd(_pulls(upstream))
        return told

    def _want(self, method: str, path: str, fields: dict | None = None, with_token: bool = True) -> object:
        """The JSON of a successful answer; raises Unwilling with what to do about any other."""
        status, headers, data = self._exchange(method, path, fields, with_token)
        try:
            value = schema.loads(data) if data else None
        except ValueError:
            value = None
            if status < 300:
                kind = printable(headers.get("Content-Type", "nothing that has a name"))[:60]
                raise Unwilling(f"it answers {kind} instead of JSON", self._where(path), "see whether a login page or a "
                                "proxy stands before it, or name the forge with --forge", status) from None
        if 200 <= status < 300:
            return value
        told = value.get("message") if isinstance(value, dict) else None
        what, now = refusal(status, headers, self.web)
        spoke = isinstance(told, str) and bool(told.strip())
        if spoke:
            what += f" ({self.without_token(printable(told.strip()))[:200]})"
        raise Unwilling(what, self._where(path), now, status, spoke)

    def _exchange(self, method: str, path: str, fields: dict | None, with_token: bool) -> tuple:
        """(status, headers, body) of one request, whatever its status."""
        body = None if fields is None else json.dumps(fields).encode("ascii")
        asked = urllib.request.Request(f"{self.web}/api/v1{path}", data=body, method=method,
                                       headers={"Accept": "application/json", "Content-Type": "application/json"})
        if with_token and self._token:
            asked.add_unredirected_header("Authorization", f"token {self._token}")
        try:
            with self._answer(asked) as answer:
                return answer.status, answer.headers, self._body(answer)
        except Broken as problem:
            raise self._unreachable(problem, path) from None

    def _answer(self, asked: urllib.request.Request) -> http.client.HTTPResponse:
        try:
            return self._opener.open(asked, timeout=self._silence_s)
        except urllib.error.HTTPError as answer:
            return answer

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        data, until = bytearray(), self._clock() + self._answer_s
        while len(data) <= MAX_BODY_BYTES and self._clock() < until:
            piece = answer.read1(65536)
            if not piece:
                return bytes(data)
            data += piece
        raise http.client.HTTPException("an answer without end")

    def _unreachable(self, problem: BaseException, path: str) -> Unwilling:
        reason = getattr(problem, "reason", problem)
        late = isinstance(reason, (socket.timeout, TimeoutError))
        what = "no answer in time" if late else f"no usable answer ({self.without_token(printable(str(reason)))[:160]})"
        return Unwilling(what, self._where(path), "see that the network and the server are well, then run this again")

    def _odd(self, path: str) -> Unwilling:
        return Unwilling("the answer is not what Gitea's API says", self._where(path), "name the forge with --forge, or "
                         "open the request by hand")

    def _where(self, path: str) -> str:
        return f"{self.web}/api/v1{path.partition('?')[0]}"

    def without_token(self, text: str) -> str:
        """A server or a proxy may repeat what it was sent."""
        return text.replace(self._token, "<token>") if self._token else text


def refusal(status: int, headers: object, web: str) -> tuple:
    """(what it means, what to do now) of a status that is no success."""
    if 300 <= status < 400:
        to = printable(remote_address.without_credentials(headers.get("Location", "nowhere")))[:200]
        return (f"it sends us elsewhere (HTTP {status} to {to}), and the token does not go there",
                "give the present address with --upstream, --fork or --forge")
    if status == 429 or status >= 500:
        wait = printable(headers.get("Retry-After", ""))[:40]
        return (f"the server is busy or ill (HTTP {status})", f"run this again after {wait} s" if wait.isdigit() else
                "run this again later")
    known = {
        400: ("it does not understand the request (HTTP 400)", "report it with this line"),
        401: ("the token is not accepted (HTTP 401)", f"make a new one at {web}/user/settings/applications with the scopes "
                                                      "write:repository and read:user, and set GITEA_TOKEN"),
        403: ("it is not allowed (HTTP 403)", "give the token the scopes write:repository and read:user; its account "
                                              "must be allowed to see the upstream"),
        404: ("not there, or not to be seen with this token (HTTP 404)", "check --upstream and --fork"),
        409: ("there is such a request already (HTTP 409)", "look among the open requests of the upstream"),
        422: ("the forge finds the request invalid (HTTP 422)", "open it by hand on the compare page"),
        423: ("the repository is archived (HTTP 423)", "ask its maintainers where runs go now"),
    }
    return known.get(status, (f"HTTP {status}", "see the server's own words, or open the request by hand"))


def clean(token: str) -> str:
    """A token as it can be sent. http.client would refuse others too, with the token in its words."""
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UserError("it holds characters that cannot be sent", "GITEA_TOKEN", "copy it once more")
    return token


def _pulls(upstream: remote_address.Place) -> str:
    return f"/repos/{remote_address.quoted(upstream.owner)}/{remote_address.quoted(upstream.name)}/pulls"
