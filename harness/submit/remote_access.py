"""The remote: git speaking to another repository: how it logs in, what is there, and what went wrong in its own words."""
from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass

from base import git
from base.errors import FOUND, UserError, printable
from submit.remote_address import Place, without_credentials

REMOTE_S = 300              # a slow line, and a person who types a password
# A line that has died is given up, one that is merely slow is not.
PATIENCE = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60")


class Access:
    """How git logs in: as it always does, and with the token where that belongs to the very server that is asked.

    The token goes to git through the environment. On the command line stands only the name of the variable.
    """

    HELPER = ('!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" token "$GITEA_TOKEN"; }; f')

    def __init__(self, token: str = "", web: str = ""):
        self._token, self._web = token, web

    def words(self, place: Place) -> tuple:
        """Settings for this command alone. An empty helper first, so that no store of the system is told the token."""
        if not self._fits(place):
            return ()
        key = f"credential.{place.url.split('://')[0]}://{self._server(place.url)}.helper"
        return ("-c", f"{key}=", "-c", f"{key}={self.HELPER}")

    def run(self, clone: pathlib.Path, place: Place, *words: str) -> git.Done:
        more = {"GITEA_TOKEN": self._token} if self._fits(place) else {}
        done = git.run(clone, *PATIENCE, *self.words(place), *words, more=more, limit_s=REMOTE_S)
        said = done.said.replace(self._token, "<token>") if self._token else done.said
        return git.Done(done.code, done.out, without_credentials(said))

    def _fits(self, place: Place) -> bool:
        return bool(self._token and place.web and "://" in place.url and not place.url.startswith("ssh")
                    and f"{place.url.split('://')[0]}://{self._server(place.url)}" == self._web_server())

    def _web_server(self) -> str:
        return f"{self._web.split('://')[0]}://{self._server(self._web)}"

    @staticmethod
    def _server(url: str) -> str:
        return url.split("://", 1)[1].split("/")[0].rpartition("@")[2].lower()


@dataclass(frozen=True)
class Base:
    """The upstream's default branch and the commit it stands at."""
    branch: str
    commit: str


def default_branch(clone: pathlib.Path, place: Place, access: Access) -> Base:
    """What the server calls its default branch; raises UserError where it does not say or has no commit."""
    return look(clone, place, access, "HEAD")[0]


def look(clone: pathlib.Path, place: Place, access: Access, *patterns: str) -> tuple:
    """(default branch, {reference: commit}) in one question, which has to cover HEAD."""
    told = _listed(clone, place, access, "--symref", "--", place.spec, *patterns)
    branch = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", told, re.MULTILINE)
    found = _pairs(told)
    if not branch or "HEAD" not in found:
        raise UserError("it tells no default branch", place.shown, "check the address: is it empty?", FOUND)
    return Base(branch.group(1), found["HEAD"]), found


def fetch(clone: pathlib.Path, place: Place, base: Base, access: Access) -> None:
    """Bring the base commit into the clone's store; no branch, tag or FETCH_HEAD is touched."""
    done = access.run(clone, place, *fetch_words(place, base))
    if done.code != 0 or git.line(clone, "cat-file", "-e", f"{base.commit}^{{commit}}") is None:
        raise refused("cannot be fetched", place, done, "run this again; the branch may just have moved")


def fetch_words(place: Place, base: Base) -> tuple:
    return ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", "--no-auto-gc", "--no-recurse-submodules",
            "--", place.spec, f"refs/heads/{base.branch}")


def refs(clone: pathlib.Path, place: Place, access: Access, *patterns: str) -> dict:
    """{reference: commit} of what the server shows."""
    return _pairs(_listed(clone, place, access, "--", place.spec, *patterns))


def _listed(clone: pathlib.Path, place: Place, access: Access, *words: str) -> str:
    done = access.run(clone, place, "ls-remote", *words)
    if done.code != 0:
        raise refused("cannot be read", place, done, "check the address, and that git can log in there")
    return done.text


def _pairs(told: str) -> dict:
    lines = (re.fullmatch(r"([0-9a-f]{40,64})\t(\S+)", line) for line in told.split("\n"))
    return {line.group(2): line.group(1) for line in lines if line}


def reason(said: str) -> str:
    """The line of git's words that says why."""
    lines = [line.strip() for line in said.split("\n") if line.strip()]
    for mark in ("! [", "remote: error:", "fatal: ", "error: "):
        for line in lines:
            if line.startswith(mark):
                return printable(line)[:300]
    return printable(lines[-1])[:300] if lines else "git says nothing"


def refused(what: str, place: Place, done: git.Done, now: str) -> UserError:
    return UserError(f"{what} ({reason(done.said)})", place.shown, now, FOUND)
