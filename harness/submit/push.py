"""Pushing: the only place that sends anything to a repository, and never to a default branch.

A push goes to the run's own branch or to AGit's refs/for/, overwrites nothing and takes no tags along.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

from base import git, names
from base.errors import FOUND, UserError
from base.pattern import lazy
from submit import git_messages
from submit.commit import CommitClone
from submit.remote_access import LoginProblem, default_branch, look, refs
from submit.remote_address import Repository
from submit.submission import Submission

PULL = lazy(r"refs/pull/([0-9]{1,9})/head\Z")
PLAIN = ("push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no")


@dataclass(frozen=True)
class Push:
    """One commit that may be sent. `update_of` is the number of the open request that it corrects, 0 for a new one.

    Requests up to `closed_until` that hold the same commit are closed, and a new request is wanted all the same.
    """
    clone: CommitClone
    submission: Submission
    commit: str
    update_of: int = 0
    closed_until: int = 0


class Unsettled(UserError):
    """Something was sent and may have opened a request; no other method is tried, since it could open a second one."""


class Refused(UserError):
    """The upstream accepts no run from this account, by any method."""


def check_ref(ref: str, default: str) -> None:
    """Allow the branch of one run and AGit's reference, and nothing else."""
    branch = ref[len("refs/heads/"):] if ref.startswith("refs/heads/") else None
    is_run = branch is not None and branch.startswith("run-") and names.run_id_problem(branch[4:]) is None
    if not (is_run and branch != default or ref == f"refs/for/{default}"):
        raise UserError("only a run's own branch and refs/for/ may be pushed to", ref, "report this line", FOUND)


def branch_words(repository: Repository, commit: str, submission: Submission) -> tuple[str, ...]:
    return PLAIN + ("--", repository.spec, f"{commit}:refs/heads/{submission.branch}")


def agit_words(repository: Repository, commit: str, submission: Submission, default: str,
               is_update: bool = False) -> tuple[str, ...]:
    options: tuple[str, ...] = (f"topic={submission.branch}", f"title={submission.title}", f"description={submission.text}")
    options += ("force-push=true",) if is_update else ()
    return PLAIN + tuple(word for option in options for word in ("-o", option)) + (
        "--", repository.spec, f"{commit}:refs/for/{default}")


def to_branch(push: Push, fork: Repository) -> None:
    """Push the run's branch to the contributor's fork; it may be there already."""
    base = default_branch(push.clone.folder, fork, push.clone.access)
    if base.branch == push.submission.branch:       # a server does that to the first branch of an empty repository
        raise UserError("the run's branch is the default branch of the fork", fork.public_url,
                        "choose its default branch in the settings of the fork, then run this again", FOUND)
    check_ref(f"refs/heads/{push.submission.branch}", base.branch)
    done = push.clone.access.run(push.clone.folder, fork, *branch_words(fork, push.commit, push.submission))
    if done.code != 0:
        advice = _token_advice(push, fork, done) or "check that you may push there, and that git can log in"
        if "fetch first" in done.stderr + done.text or "non-fast-forward" in done.stderr + done.text:
            advice = (f"the fork has a branch {push.submission.branch} with something else in it: rename that branch on its "
                      "page, then run this again")
        raise UserError(f"the push is rejected ({git_messages.push_reason(done)})", fork.public_url, advice, FOUND)


def by_agit(push: Push, upstream: Repository) -> int:
    """Open or update a request by a push to refs/for/; its number. A plain reference made by mistake is removed again."""
    folder, access = push.clone.folder, push.clone.access
    base, before = look(folder, upstream, access)
    check_ref(f"refs/for/{base.branch}", base.branch)
    words = agit_words(upstream, push.commit, push.submission, base.branch, bool(push.update_of))
    try:
        done = access.run(folder, upstream, *words)
        after = refs(folder, upstream, access)
    except LoginProblem:        # the next try finds the request if the push was accepted before
        raise
    except UserError as problem:
        raise Unsettled(f"the push was sent, and its result cannot be read ({problem})", upstream.public_url,
                        "look at its open requests, then run this again", FOUND) from None
    stray = sorted(ref for ref, commit in after.items() if commit == push.commit and before.get(ref) != commit
                   and ref != "HEAD" and not PULL.match(ref))
    if stray:
        undo(push, upstream, base.branch, stray, before)
    number = number_of(after, push.commit, push.closed_until) or number_in(done.text)
    if number is None:
        raise _no_request(push, upstream, done, stray)
    return number


def _token_advice(push: Push, repository: Repository, done: git.Completed) -> str:
    """What to do if the server forbids the push that was made with the token; it does not say that a scope is missing."""
    is_forbidden = re.search(r"\bForbidden\b|error: 403\b", done.stderr)
    return ("the token may not push: make one with the scopes write:repository and read:user" if is_forbidden
            and push.clone.access.uses_token(repository) else "")


def _no_request(push: Push, upstream: Repository, done: git.Completed, stray: list[str]) -> UserError:
    """The error for a push to refs/for/ after which no request can be seen."""
    if done.code != 0:
        reason = git_messages.push_reason(done)
        if git_messages.is_final(done.stderr):
            return Refused(f"the push is rejected ({reason})", upstream.public_url, "ask its maintainers where runs go", FOUND)
        return UserError(f"the push is rejected ({reason})", upstream.public_url,
                         _token_advice(push, upstream, done) or "the server may not support AGit, or you may not push there", FOUND)
    if stray:
        return UserError(f"the server opened no request but created {', '.join(stray)}, which was removed again",
                         upstream.public_url, "it does not support AGit", FOUND)
    return Unsettled("the push was accepted, but no request can be seen", upstream.public_url, "look at its open requests", FOUND)


def undo(push: Push, upstream: Repository, default: str, stray: list[str], before: dict[str, str]) -> None:
    """Remove the references that our own push has just created, as long as nobody changed them. Raises Unsettled if one stays."""
    for ref in stray:
        if ref in before or ref == f"refs/heads/{default}":
            raise Unsettled(f"the server put the run directly onto {ref}", upstream.public_url,
                            "report it to its maintainers at once; it cannot be undone from here", FOUND)
        done = push.clone.access.run(push.clone.folder, upstream, "push", "--porcelain",
                                     f"--force-with-lease={ref}:{push.commit}", "--", upstream.spec, f":{ref}")
        if done.code != 0:
            raise Unsettled(f"the server created {ref} instead of a request, and keeps it ({git_messages.push_reason(done)})",
                            upstream.public_url, "report it to its maintainers", FOUND)


def number_in(text: str) -> int | None:
    """The request that the server's answer to the push names; some servers do not list these references."""
    match = re.search(r"^[*+= -]\t[0-9a-f]+:refs/pull/([0-9]{1,9})/head\t", text, re.MULTILINE)
    return int(match.group(1)) if match else None


def number_of(commits: dict[str, str], commit: str, above: int = 0) -> int | None:
    """The newest request whose head is this commit, among those with a higher number than `above`."""
    matches = ((PULL.match(ref), head) for ref, head in commits.items())
    numbers = [int(match.group(1)) for match, head in matches if match and head == commit]
    return max((number for number in numbers if number > above), default=None)
