"""The ladder: from a commit to a pull request by the first way that works, and the request read back before it counts."""
from __future__ import annotations

import pathlib
import time
from dataclasses import dataclass
from typing import Callable

from base import git
from base.errors import FOUND, UserError, printable
from submit import commit, push, remote_access, remote_address
from submit.gitea_api import Forge, Request, Unwilling
from submit.submission import Submission

API, AGIT, COMPARE, BUNDLE = "api", "agit", "compare", "bundle"
READ_TRIES, READ_PAUSE_S = 5, 1.0       # a forge works out what a request changes a moment after it is opened


@dataclass(frozen=True)
class Routes:
    """Where a run goes and by which ways it may. `forge` is None where no pages can be asked."""
    upstream: remote_address.Place
    fork: remote_address.Place | None
    forge: Forge | None
    bundle_to: pathlib.Path


@dataclass(frozen=True)
class Rung:
    """One way. `missing` says why it cannot be taken; None: it can be tried."""
    name: str
    says: str
    missing: str | None = None


@dataclass(frozen=True)
class Ending:
    """How it came out: `done` means that a request is open and was read back; `address` is its page, or the next step."""
    done: bool
    address: str
    says: str


def rungs(routes: Routes, branch: str) -> list:
    """The four ways in their order; pure."""
    fork, upstream = routes.fork, routes.upstream
    where = fork.shown if fork else "a fork"
    no_fork = None if fork else "no fork is known: make one on the upstream's page and pass --fork URL"
    no_pages = None if upstream.web else "the upstream's address has no pages"
    no_token = None if routes.forge and routes.forge.has_token else "GITEA_TOKEN is not set, or no forge is known"
    return [
        Rung(API, f"push {branch} to {where}, and open the request by the API of {upstream.web or 'a forge'}, "
                  "which is sent the token", no_token or no_pages or no_fork),
        Rung(AGIT, f"push to {upstream.shown} as refs/for/, which opens the request where the server is a forge (AGit)"),
        Rung(COMPARE, f"push {branch} to {where}, and print the page on which a person opens the request",
             no_pages or no_fork),
        Rung(BUNDLE, f"leave the commit as a file in {routes.bundle_to}, and print the text to send with it"),
    ]


def climb(routes: Routes, sender: push.Sender, base: remote_access.Base, say: Callable[[str], None],
          sleep: Callable[[float], None] = time.sleep) -> Ending:
    """Take the first way that works. What an earlier try has already opened is found and read back instead."""
    there = already(routes, sender)
    if there is not None:
        say(f"request {there} holds this commit already")
        return read_back(routes, sender, base, there, sleep)
    pushed = False
    for rung in rungs(routes, sender.offer.branch):
        if rung.missing or rung.name == AGIT and pushed:
            say(f"{rung.name}: {rung.missing or 'left out, the branch is in the fork already'}")
            continue
        try:
            return WAYS[rung.name](routes, sender, base, sleep)
        except Pushed as no:
            pushed = True
            say(f"{rung.name}: {no}")
        except push.Unsettled:
            raise
        except UserError as no:
            say(f"{rung.name}: {no}")
    raise UserError("no way worked", routes.upstream.shown, f"the commit is here as branch {sender.offer.branch}", FOUND)


class Pushed(UserError):
    """The branch is in the fork, and the request could not be opened."""


def by_api(routes: Routes, sender: push.Sender, base: remote_access.Base, sleep: Callable[[float], None]) -> Ending:
    forge, upstream, fork = routes.forge, routes.upstream, routes.fork
    forge.version()
    forge.login()               # before anything is pushed: does the token hold?
    push.to_branch(sender, fork)
    is_own = fork.full_name.lower() == upstream.full_name.lower()
    head = sender.offer.branch if is_own else f"{fork.owner}:{sender.offer.branch}"
    try:
        number = forge.open_request(upstream, head, base.branch, sender.offer.title, sender.offer.text).number
    except Unwilling as no:
        # 409 says that there is one; no answer, or one that makes no sense, may mean that there is one all the same.
        is_plain_no = 400 <= no.status < 500 and no.status != 409
        number = None if is_plain_no else found_late(routes, sender, sleep)
        if number is None:
            raise Pushed(no.what, no.where, no.now, FOUND) from None
    return read_back(routes, sender, base, number, sleep)


def by_agit(routes: Routes, sender: push.Sender, base: remote_access.Base, sleep: Callable[[float], None]) -> Ending:
    return read_back(routes, sender, base, push.by_agit(sender, routes.upstream), sleep)


def by_compare(routes: Routes, sender: push.Sender, base: remote_access.Base, _: Callable[[float], None]) -> Ending:
    push.to_branch(sender, routes.fork)
    page = remote_address.compare_page(routes.upstream, routes.fork, base.branch, sender.offer.branch)
    return Ending(False, page, "the branch is in your fork; open this page and press the button that creates the request")


def by_bundle(routes: Routes, sender: push.Sender, base: remote_access.Base, _: Callable[[float], None]) -> Ending:
    target = push.bundle(sender.clone, base.commit, sender.offer, routes.bundle_to)
    text = (f"title: {sender.offer.title}\n{sender.offer.text}\n"
            f"To take it: git fetch {sender.offer.branch}.bundle {sender.offer.branch}")
    return Ending(False, str(target), f"attach this file to an issue of {routes.upstream.shown}, with this text:\n\n{text}")


WAYS = {API: by_api, AGIT: by_agit, COMPARE: by_compare, BUNDLE: by_bundle}


def already(routes: Routes, sender: push.Sender) -> int | None:
    """The number of a request whose head is our commit, by what the upstream's own repository shows."""
    return push.number_of(remote_access.refs(sender.clone, routes.upstream, sender.access, "refs/pull/*/head"), sender.commit)


def found_late(routes: Routes, sender: push.Sender, sleep: Callable[[float], None]) -> int | None:
    """The number of a request with our commit, which may show a moment later; None where it does not."""
    for turn in range(READ_TRIES):
        try:
            number = already(routes, sender)
        except UserError:
            number = None
        if number is not None:
            return number
        if turn < READ_TRIES - 1:
            sleep(READ_PAUSE_S)
    return None


def read_back(routes: Routes, sender: push.Sender, base: remote_access.Base, number: int, sleep: Callable[[float], None]) -> Ending:
    """What the server now holds under this number, against what was sent. Raises push.Unsettled where they differ."""
    upstream = routes.upstream
    page = f"{upstream.page}/pulls/{number}" if upstream.web else f"request {number} of {upstream.shown}"
    wanted = sorted(sender.offer.paths)
    for turn in range(READ_TRIES):
        found = _told(routes, sender, base, number, page)
        if found == (True, wanted):
            return Ending(True, page, f"request {number} is open and was read back: five files, nothing else")
        if turn < READ_TRIES - 1:
            sleep(READ_PAUSE_S)
    what = "holds another commit, or is not open against the default branch" if not found[0] else "shows other files: " + (
        ", ".join(printable(path) for path in sorted(set(found[1]) ^ set(wanted))[:6]) or "none")
    raise push.Unsettled(f"the request {what}", page, "look at it, and close it there if it is wrong", FOUND)


def _told(routes: Routes, sender: push.Sender, base: remote_access.Base, number: int, page: str) -> tuple:
    try:
        return _by_forge(routes, sender, base, number)
    except Unwilling:           # a private forge without a token, or one that cannot be asked
        pass
    try:
        return _by_git(routes, sender, base, number)
    except UserError as no:
        raise push.Unsettled(f"the request was sent and cannot be read back ({no})", page, "look there", FOUND) from None


def _by_forge(routes: Routes, sender: push.Sender, base: remote_access.Base, number: int) -> tuple:
    """(whether it is the request that was meant, its files) as the API tells."""
    if routes.forge is None:
        raise Unwilling("no forge is known", routes.upstream.shown, "")
    told = routes.forge.request(routes.upstream, number)
    right = is_ours(told, routes.upstream, base.branch, sender.commit)
    return right, sorted(path if status == "added" else f"{path} ({status})"
                         for path, status in routes.forge.files(routes.upstream, number))


def is_ours(told: Request, upstream: remote_address.Place, branch: str, head: str) -> bool:
    return (told.head_commit, told.base_branch, told.state, told.base_repository.lower()) == (
        head, branch, "open", upstream.full_name.lower())


def _by_git(routes: Routes, sender: push.Sender, base: remote_access.Base, number: int) -> tuple:
    """The same from the reference that the server keeps for the request, brought here once more."""
    ref = f"refs/pull/{number}/head"
    at = remote_access.refs(sender.clone, routes.upstream, sender.access, ref).get(ref)
    if at != sender.commit:
        return False, []
    since = git.line(sender.clone, "merge-base", base.commit, at) or base.commit
    return True, sorted(path if kind == "A" else f"{path} ({kind})"
                        for kind, _, _, path in commit.change(sender.clone, since, at))


def commands(routes: Routes, sender: push.Sender, base: remote_access.Base) -> list:
    """Every command that changes something, in order, as tuples of words, for --dry-run."""
    branch = f"refs/heads/{sender.offer.branch}"
    lines = [("git", *remote_access.fetch_words(routes.upstream, base)),
             ("git", "hash-object", "-w", "--stdin"),
             ("git", "read-tree", base.commit),
             ("git", "update-index", "-z", "--index-info"),
             ("git", "write-tree", "--missing-ok"),
             ("git", "commit-tree", "TREE", "-p", base.commit, "-F", "-"),
             ("git", "update-ref", branch, "COMMIT")]
    for rung in rungs(routes, sender.offer.branch):
        if not rung.missing:
            lines += _commands_of(rung.name, routes, sender, base)
    return lines


def _commands_of(name: str, routes: Routes, sender: push.Sender, base: remote_access.Base) -> list:
    if name == BUNDLE:
        return [("git", *push.bundle_words(base.commit, sender.offer, routes.bundle_to))]
    to = routes.upstream if name == AGIT else routes.fork
    words = (push.agit_words(to, "COMMIT", sender.offer, base.branch) if name == AGIT
             else push.branch_words(to, "COMMIT", sender.offer))
    lines = [("git", *sender.access.words(to), *words)]
    if name == API:
        lines.append(("POST", f"{routes.forge.web}/api/v1/repos/{routes.upstream.full_name}/pulls"))
    return lines
