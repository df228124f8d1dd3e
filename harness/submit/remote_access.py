"""git talking to a remote repository: how it logs in, and which references and commits are there."""
from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass
from typing import Mapping

from base import console, git
from base.errors import FOUND, UserError
from base.pattern import lazy
from submit import git_messages
from submit.remote_address import Repository, without_credentials

REMOTE_S = 300              # a slow line, and a person who types a password
FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", "--no-auto-gc", "--no-recurse-submodules")
UNATTENDED = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "GCM_INTERACTIVE": "never"}     # git asks nobody
NO_LOGIN = lazy(r"fatal: (?:Authentication failed for |could not read (?:Username|Password) for )")
# Dead connections are dropped, slow ones are not.
PATIENCE = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60")
# git fails with the same words where a login was wrong and where both answers were empty. It has its helpers erase a login that a
# server refused; this one stores nothing and reports only whether there was a user name.
REFUSED_LOGIN = "submit_run.py: the server refused a user name"
WATCHER = ("-c", f'credential.helper=!f() {{ test "$1" = erase && grep -q "^username=." && echo "{REFUSED_LOGIN}" >&2; }}; f')


class LoginProblem(UserError):
    """The server did nothing for want of a login; the same command may be run again."""


class LoginRefused(LoginProblem):
    """A user name and password were given, and the server refused them."""


class Access:
    """How git logs in: with its own settings, and with the token where the token is for the server that is contacted.

    git gets the token through the environment; the command line holds only the name of the variable.
    """

    HELPER = ('!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" token "$GITEA_TOKEN"; }; f')

    def __init__(self, token: str = "", web: str = ""):
        self._token, self._web = token, web

    def words(self, repository: Repository) -> tuple[str, ...]:
        """Settings for this command alone. The empty helper comes first, so that no credential store of the system saves the token."""
        if not self.uses_token(repository):
            return ()
        key = f"credential.{_server(repository.url)}.helper"
        return ("-c", f"{key}=", "-c", f"{key}={self.HELPER}")

    def uses_token(self, repository: Repository) -> bool:
        """Whether git logs in there with the token, which is for one server alone."""
        return bool(self._token and repository.web) and _server(repository.url) == _server(self._web)

    def may_ask(self, clone: pathlib.Path, repository: Repository) -> bool:
        """Whether git may ask a person at the terminal for a login there, as far as its stored logins show."""
        if not console.is_terminal() or not repository.url.startswith("http") or self.uses_token(repository):
            return False
        try:
            return git.run(clone, "credential", "fill", data=f"url={repository.url}\n\n".encode(), more=UNATTENDED).code != 0
        except UserError:       # a program that keeps the logins did not end
            return True

    def run(self, clone: pathlib.Path, repository: Repository, *words: str, data: bytes | None = None,
            more: Mapping[str, str] | None = None) -> git.Completed:
        """One git command that may contact the server: a fetch, a push, or a local one in a clone that lacks objects.

        Raises LoginProblem if the server wants another login.
        """
        token = {"GITEA_TOKEN": self._token} if self.uses_token(repository) else {}
        done = git.run(clone, *PATIENCE, *WATCHER, *self.words(repository), *words, data=data, more={**(more or {}), **token},
                       limit_s=REMOTE_S)
        stderr = done.stderr.replace(self._token, "<token>") if self._token else done.stderr
        if done.code != 0 and not self.uses_token(repository):
            check_login(stderr, repository)
        return git.Completed(done.code, done.out, without_credentials(stderr))


def check_login(stderr: str, repository: Repository) -> None:
    """Raises LoginProblem if git failed for want of a login."""
    if REFUSED_LOGIN in stderr:
        raise LoginRefused("the forge refused the login", repository.public_url,
                           "wrong user name or password (with two-factor login, use a token in place of the password)", FOUND)
    if NO_LOGIN.search(stderr):
        raise LoginProblem("the forge wants a login, and none was given", repository.public_url,
                           "check the address, and that git can log in there", FOUND)


def _server(url: str) -> str:
    """Scheme and host of an address, without user and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.split('/')[0].rpartition('@')[2].lower()}"


@dataclass(frozen=True)
class Base:
    """The upstream's default branch and its newest commit."""
    branch: str
    commit: str


def default_branch(clone: pathlib.Path, repository: Repository, access: Access) -> Base:
    """The default branch; raises UserError where the server has none, or no commit on it."""
    return look(clone, repository, access, "HEAD")[0]


def look(clone: pathlib.Path, repository: Repository, access: Access, *patterns: str) -> tuple[Base, dict[str, str]]:
    """(default branch, {reference: commit}) in one request; `patterns` have to include HEAD."""
    listed = _listed(clone, repository, access, "--symref", "--", repository.spec, *patterns)
    branch = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", listed, re.MULTILINE)
    commits = _pairs(listed)
    if not branch or "HEAD" not in commits:
        raise UserError("it has no default branch", repository.public_url, "check the address: is it empty?", FOUND)
    return Base(branch.group(1), commits["HEAD"]), commits


def fetch(clone: pathlib.Path, repository: Repository, base: Base, access: Access) -> None:
    """Fetch the base commit into the clone; no branch, tag or FETCH_HEAD changes."""
    done = access.run(clone, repository, *fetch_words(repository, base))
    if done.code != 0 or git.line(clone, "cat-file", "-e", f"{base.commit}^{{commit}}") is None:
        raise refused("cannot be fetched", repository, done, "run this again; the branch may just have moved")


def fetch_words(repository: Repository, base: Base) -> tuple[str, ...]:
    return FETCH + ("--", repository.spec, f"refs/heads/{base.branch}")


def fetch_whole(clone: pathlib.Path, repository: Repository, ref: str, access: Access) -> None:
    """Fetch one reference with all its new files, also in a partial clone. Raises UserError."""
    done = access.run(clone, repository, *FETCH, "--no-filter", "--", repository.spec, ref)
    if done.code != 0:
        raise refused(f"{ref} cannot be fetched", repository, done, "run this again")


def refs(clone: pathlib.Path, repository: Repository, access: Access, *patterns: str) -> dict[str, str]:
    """{reference: commit} of what the server shows."""
    return _pairs(_listed(clone, repository, access, "--", repository.spec, *patterns))


def _listed(clone: pathlib.Path, repository: Repository, access: Access, *words: str) -> str:
    done = access.run(clone, repository, "ls-remote", *words)
    if done.code != 0:
        raise refused("cannot be read", repository, done, "check the address, and that git can log in there")
    return done.text


def _pairs(listed: str) -> dict[str, str]:
    lines = (re.fullmatch(r"([0-9a-f]{40,64})\t(\S+)", line) for line in listed.split("\n"))
    return {line.group(2): line.group(1) for line in lines if line}


def refused(what: str, repository: Repository, done: git.Completed, now: str) -> UserError:
    return UserError(f"{what} ({git_messages.reason(done.stderr)})", repository.public_url, now, FOUND)
