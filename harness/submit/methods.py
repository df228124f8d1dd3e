"""The methods by which a commit becomes a pull request. The first one that works is used, and the request is read back."""
from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Callable

from base import git
from base.errors import FOUND, UserError, printable
from submit import bundle, commit, git_messages, push, remote_access, remote_address
from submit.earlier_request import page_of
from submit.gitea_api import ApiError, GiteaApi, PullRequest
from submit.push import Push
from submit.remote_access import Base
from submit.remote_address import Repository
from submit.remotes import Destination

API, AGIT, COMPARE, BUNDLE = "api", "agit", "compare", "bundle"
READ_TRIES, READ_PAUSE_S = 5, 1.0       # a server computes the files of a request a moment after it was opened
NO_PAGES = "the address of the server's web pages is not known: give it with --forge https://HOST"
# The part of the request's template that is about runs; the part about code is left out.
TEMPLATE = "## A run\n\n{text}\n\n- anything that a reader of the figures should know and that `run.md` does not say:\n"


@dataclass(frozen=True)
class Method:
    """One method. `missing` says why it cannot be used; None: it can be tried."""
    name: str
    about: str
    missing: str | None = None


@dataclass(frozen=True)
class Outcome:
    """`done`: a request is open and was read back. `address` is its page, or where the next step is done.

    `attach_to` is the place where the file at `address` is to be attached; empty: there is no file.
    """
    done: bool
    address: str
    text: str
    attach_to: str = ""


class PushedOnly(UserError):
    """The branch is in the fork, but the request could not be opened."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to send a commit: where to, what, and on top of which commit."""
    destination: Destination
    push: Push
    base: Base
    sleep: Callable[[float], None] = time.sleep

    @property
    def upstream(self) -> Repository:
        return self.destination.upstream


def methods(destination: Destination, branch: str) -> list[Method]:
    """The four methods in their order, or the last one alone."""
    fork, upstream, api = destination.fork, destination.upstream, destination.api
    where = fork.public_url if fork else "a fork"
    no_fork = None if fork else destination.no_fork
    no_server = "the upstream is a folder, not a server" if upstream.is_folder and not upstream.web else None
    no_pages = no_server or (None if upstream.web else NO_PAGES)
    no_token = None if api and api.has_token else "GITEA_TOKEN is not set"
    no_agit = None if upstream.may_have_agit else "the upstream is a plain repository, which opens no requests"
    known = [
        Method(API, f"push {branch} to {where}, and open the request through the API of {upstream.web or 'the server'}, "
                    "which gets the token", no_pages or no_token or no_fork),
        Method(AGIT, f"push to refs/for/ of {upstream.public_url}, which opens the request if the server supports it (AGit)"
                     f"{'; git needs a login there' if no_token and not upstream.is_folder else ''}", no_agit),
        Method(COMPARE, f"push {branch} to {where}, and print {'the page on which' if upstream.web else 'how'} a person opens the request",
               no_server or no_fork),
        Method(BUNDLE, f"write the commit to a .zip in {destination.bundle_folder}, and print where to attach it"
                       f"{'' if destination.zip_only else ' (--zip does this alone)'}"),
    ]
    return known[-1:] if destination.zip_only else known


def may_ask_for_login(attempt: Attempt) -> bool:
    """Whether git may ask a person for a login on one of the ways to the request."""
    usable = {method.name for method in methods(attempt.destination, attempt.push.submission.branch) if not method.missing}
    to = [attempt.upstream] if AGIT in usable else []
    to += [attempt.destination.the_fork()] if usable & {API, COMPARE} else []
    return any(attempt.push.clone.access.may_ask(attempt.push.clone.folder, repository) for repository in to)


def send(attempt: Attempt, say: Callable[[str], None]) -> Outcome:
    """Use the first method that works. A request that an earlier attempt has opened is found and read back instead.

    Stops with Refused where the upstream takes nothing, with LoginRefused where a password was wrong, and with Unsettled where a
    request may have been opened.
    """
    number = already_open(attempt)
    if number is not None:
        say(f"request {number} holds this commit already")
        return read_back(attempt, number)
    pushed = False
    for method in methods(attempt.destination, attempt.push.submission.branch):
        if method.missing or method.name == AGIT and pushed:
            say(f"{method.name}: {method.missing or 'skipped, the branch is in the fork already'}")
            continue
        try:
            return FUNCTIONS[method.name](attempt)
        except (push.Unsettled, push.Refused, remote_access.LoginRefused):
            raise
        except UserError as problem:
            pushed = pushed or isinstance(problem, PushedOnly)
            say(f"{method.name}: {problem}")
    raise UserError("no method worked", attempt.upstream.public_url,
                    f"the commit is here as branch {attempt.push.submission.branch}", FOUND)


def update(attempt: Attempt, is_agit: bool) -> Outcome:
    """Correct the open request: a further commit on its branch."""
    number = attempt.push.update_of
    if attempt.destination.zip_only:
        return by_bundle(attempt)
    if is_agit:
        opened = push.by_agit(attempt.push, attempt.upstream)
        if opened != number:
            raise push.Unsettled(f"this opened request {opened} beside request {number}, which another account opened",
                                 page_of(attempt.destination, opened), "close one of the two", FOUND)
    else:
        push.to_branch(attempt.push, attempt.destination.the_fork())
    return read_back(attempt, number)


def by_api(attempt: Attempt) -> Outcome:
    api, upstream, fork = attempt.destination.the_api(), attempt.upstream, attempt.destination.the_fork()
    submission = attempt.push.submission
    api.version()
    api.login()               # before anything is pushed: is the token accepted?
    check_takes_requests(api, upstream)
    push.to_branch(attempt.push, fork)
    is_own = fork.full_name.lower() == upstream.full_name.lower()
    head = submission.branch if is_own else f"{fork.owner}:{submission.branch}"
    try:
        opened = api.open_request(upstream, head, attempt.base.branch, submission.title, submission.text).number
    except ApiError as problem:
        if problem.status == 423 or problem.status == 403 and git_messages.is_final_message(problem.message):
            raise push.Refused(problem.what, problem.where, "ask the upstream's maintainers where runs go", FOUND) from None
        if problem.status == 404:       # from a fork of a fork; nothing was opened, and AGit needs no fork
            raise
        # 409 says that there is one; with no answer, or one that makes no sense, there may be one all the same.
        is_refused = 400 <= problem.status < 500 and problem.status != 409
        number = None if is_refused else appears_late(attempt)
        if number is None:
            raise PushedOnly(problem.what, problem.where, problem.now, FOUND) from None
        opened = number
    return read_back(attempt, opened)


def check_upstream(destination: Destination) -> None:
    """Raises push.Refused if the upstream takes no requests, as far as the server can be asked; before anybody is asked."""
    with contextlib.suppress(ApiError):
        check_takes_requests(destination.the_api(), destination.upstream)


def check_takes_requests(api: GiteaApi, upstream: Repository) -> None:
    """Raises Refused for an archived upstream, or one without pull requests."""
    info = api.repository(upstream.owner, upstream.name)
    if info and not info.takes_requests:
        raise push.Refused("the upstream is archived, or its pull requests are switched off", upstream.page,
                           "ask its maintainers where runs go", FOUND)


def by_agit(attempt: Attempt) -> Outcome:
    return read_back(attempt, push.by_agit(attempt.push, attempt.upstream))


def by_compare(attempt: Attempt) -> Outcome:
    submission, fork = attempt.push.submission, attempt.destination.the_fork()
    push.to_branch(attempt.push, fork)
    if not attempt.upstream.web:
        return Outcome(False, fork.public_url, f"the branch {submission.branch} is in your fork; open the fork's page in a browser, and create "
                       f"a pull request from that branch to {attempt.base.branch} of {attempt.upstream.full_name}, with this title:\n\n"
                       f"  {submission.title}\n\nTo have the address of the form printed, add --forge https://HOST of the server's pages")
    page = remote_address.compare_page(attempt.upstream, fork, attempt.base.branch, submission.branch, submission.title,
                                       TEMPLATE.format(text=submission.text))
    return Outcome(False, page, "the branch is in your fork; open this page and press the button that creates the request")


def by_bundle(attempt: Attempt) -> Outcome:
    path = bundle.write(attempt.push, attempt.base, attempt.upstream, attempt.destination.bundle_folder)
    return Outcome(False, str(path), bundle.advice(attempt.push, attempt.upstream, path), bundle.place(attempt.upstream))


FUNCTIONS = {API: by_api, AGIT: by_agit, COMPARE: by_compare, BUNDLE: by_bundle}


def already_open(attempt: Attempt) -> int | None:
    """The number of a request whose head is our commit, as the upstream's repository shows it."""
    heads = remote_access.refs(attempt.push.clone.folder, attempt.upstream, attempt.push.clone.access, "refs/pull/*/head")
    return push.number_of(heads, attempt.push.commit, attempt.push.closed_until)


def appears_late(attempt: Attempt) -> int | None:
    """The number of a request with our commit, which may become visible a moment later; None where it does not."""
    for turn in range(READ_TRIES):
        try:
            number = already_open(attempt)
        except UserError:
            number = None
        if number is not None:
            return number
        if turn < READ_TRIES - 1:
            attempt.sleep(READ_PAUSE_S)
    return None


def read_back(attempt: Attempt, number: int) -> Outcome:
    """Compare what the server now holds under this number with what was sent. Raises push.Unsettled where they differ."""
    page, wanted = page_of(attempt.destination, number), sorted(attempt.push.submission.paths)
    for turn in range(READ_TRIES):
        is_right, changed = _request_of(attempt, number, page)
        if is_right and changed == wanted:
            return Outcome(True, page, f"request {number} is open and was read back: five files, nothing else")
        if turn < READ_TRIES - 1:
            attempt.sleep(READ_PAUSE_S)
    what = "holds another commit, or is not open against the default branch" if not is_right else "shows other files: " + (
        ", ".join(printable(path) for path in sorted(set(changed) ^ set(wanted))[:6]) or "none")
    raise push.Unsettled(f"the request {what}", page, "look at it, and close it there if it is wrong", FOUND)


def _request_of(attempt: Attempt, number: int, page: str) -> tuple[bool, list[str]]:
    """(whether it is our request, open and unchanged; the files that it changes)."""
    try:
        return _by_api(attempt, number)
    except ApiError:           # a private repository without a token, or no API
        pass
    try:
        return _by_git(attempt, number)
    except UserError as problem:
        raise push.Unsettled(f"the request was sent and cannot be read back ({problem})", page, "look there", FOUND) from None


def _by_api(attempt: Attempt, number: int) -> tuple[bool, list[str]]:
    api, upstream = attempt.destination.the_api(), attempt.upstream
    is_right = is_ours(api.request(upstream, number), upstream, attempt.base.branch, attempt.push.commit)
    return is_right, sorted(path if status == "added" else f"{path} ({status})" for path, status in api.files(upstream, number))


def is_ours(request: PullRequest, upstream: Repository, branch: str, head: str) -> bool:
    return (request.head_commit, request.base_branch, request.state, request.base_repository.lower()) == (
        head, branch, "open", upstream.full_name.lower())


def _by_git(attempt: Attempt, number: int) -> tuple[bool, list[str]]:
    """The same from the reference that the server keeps for the request."""
    clone, ref = attempt.push.clone, f"refs/pull/{number}/head"
    head = remote_access.refs(clone.folder, attempt.upstream, clone.access, ref).get(ref)
    if head != attempt.push.commit:
        return False, []
    since = git.line(clone.folder, "merge-base", attempt.base.commit, head) or attempt.base.commit
    return True, sorted(path if status == "A" else f"{path} ({status})"
                        for status, _, _, path in commit.change(clone, since, head))


def commands(attempt: Attempt, is_agit: bool | None = None, previous: str | None = None) -> list[tuple[str, list[tuple[str, ...]]]]:
    """Every command that changes something, in order, for --dry-run: (step, its commands as tuples of words).

    `is_agit`: how an update is sent; None: nothing is open yet, and the steps after the first are tried in turn.
    `previous` is the commit that was sent before, as for `commit.make`.
    """
    submission, parent = attempt.push.submission, previous or attempt.base.commit
    commit_words = [("git", *remote_access.fetch_words(attempt.upstream, attempt.base)), ("git", "hash-object", "-w", "--no-filters", "--stdin-paths"),
                    ("git", "read-tree", parent), ("git", "update-index", "-z", "--index-info"),
                    ("git", "write-tree", "--missing-ok"), ("git", "commit-tree", "TREE", "-p", parent, "-F", "-"),
                    ("git", "update-ref", f"refs/heads/{submission.branch}", "COMMIT")]
    steps = [("make the commit", commit_words)]
    if is_agit is not None and not attempt.destination.zip_only:
        return steps + [("update the request", _commands_of(AGIT if is_agit else COMPARE, attempt))]
    usable = [method.name for method in methods(attempt.destination, submission.branch) if not method.missing]
    return steps + [(name if name == usable[0] else f"{name}, if that fails", _commands_of(name, attempt)) for name in usable]


def _commands_of(name: str, attempt: Attempt) -> list[tuple[str, ...]]:
    sending, base = attempt.push, attempt.base
    if name == BUNDLE:
        return bundle.commands(base.commit, sending, attempt.destination.bundle_folder)
    to = attempt.upstream if name == AGIT else attempt.destination.the_fork()
    words = (push.agit_words(to, "COMMIT", sending.submission, base.branch, bool(sending.update_of)) if name == AGIT
             else push.branch_words(to, "COMMIT", sending.submission))
    lines = [("git", *sending.clone.access.words(to), *words)]
    if name == API:
        lines.append(("POST", f"{attempt.upstream.web}/api/v1/repos/{attempt.upstream.full_name}/pulls"))
    return lines
