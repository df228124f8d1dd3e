"""Was this run sent before? Finds its pull request through the API or git, and the commit that it holds."""
from __future__ import annotations

import difflib
import itertools
from dataclasses import dataclass, replace

from base import git, text_layout
from base.errors import FOUND, UserError, printable
from submit import commit, remote_access
from submit.commit import CommitClone
from submit.gitea_api import ApiError, PullRequest
from submit.push import PULL
from submit.remotes import Destination
from submit.submission import Submission

OPEN, CLOSED, MERGED, UNKNOWN = "open", "closed", "merged", "unknown"
PAGES = {OPEN: 20, CLOSED: 4}       # of requests that are looked through, newest first
DIFF_LINES = 60                     # of a changed file that are shown


@dataclass(frozen=True)
class EarlierRequest:
    """A pull request of this run, or, with number 0, only its branch in the fork. `same` names the unchanged files."""
    number: int
    page: str
    state: str
    commit: str
    is_agit: bool = False
    owner: str = ""             # whose fork or account it came from; empty where only git could be asked
    same: frozenset[str] = frozenset()
    beside: EarlierRequest | None = None        # another open request of the same run

    @property
    def is_open(self) -> bool:
        return self.state in (OPEN, UNKNOWN)


def find(destination: Destination, clone: CommitClone, submission: Submission) -> EarlierRequest | None:
    """The open request, else a closed one or the run's branch in the fork, fetched; None: the run was never sent."""
    branch_head = _fork_head(destination, clone, submission)
    try:
        matches = _by_api(destination, clone, submission)
    except ApiError:
        matches = _by_git(destination, clone, submission, branch_head)
    if matches:
        return replace(matches[0], beside=matches[1] if len(matches) > 1 else None)
    if branch_head:
        return _fetched(destination, clone, submission, EarlierRequest(0, "", UNKNOWN, branch_head))
    return None


def _by_api(destination: Destination, clone: CommitClone, submission: Submission) -> list[EarlierRequest]:
    """The newest open request of this run, and another one if there are several; where none is open, the newest closed one."""
    api = destination.the_api()
    for state, pages in PAGES.items():
        requests = (_of_api(request, destination) for request in api.requests(destination.upstream, state, pages)
                    if is_of(request, submission))
        fetched = (_fetched(destination, clone, submission, request) for request in requests)
        matches = list(itertools.islice(filter(None, fetched), 2 if state == OPEN else 1))
        if matches:
            return matches
    return []


def is_of(request: PullRequest, submission: Submission) -> bool:
    """Whether a request seems to bring this run; its commit decides."""
    return request.head_branch.rpartition(":")[2] == submission.branch or submission.folder in request.body


def _of_api(request: PullRequest, destination: Destination) -> EarlierRequest:
    is_agit = not request.head_branch
    owner = request.author if is_agit else request.head_repository.partition("/")[0]
    return EarlierRequest(request.number, request.page, request.state, request.head_commit, is_agit, owner)


def _by_git(destination: Destination, clone: CommitClone, submission: Submission,
            branch_head: str | None) -> list[EarlierRequest]:
    """The newest request whose head is a commit of ours. git does not say whether it is open."""
    known = {branch_head, git.line(clone.folder, "rev-parse", "--verify", "--quiet", f"refs/heads/{submission.branch}")}
    heads = remote_access.refs(clone.folder, destination.upstream, clone.access, "refs/pull/*/head")
    numbers = {int(match.group(1)): head for match, head in ((PULL.match(ref), head) for ref, head in heads.items())
               if match and head in known}
    requests = (EarlierRequest(number, page_of(destination, number), UNKNOWN, head, is_agit=head != branch_head)
                for number, head in sorted(numbers.items(), reverse=True))
    fetched = (_fetched(destination, clone, submission, request) for request in requests)
    return list(itertools.islice(filter(None, fetched), 1))


def page_of(destination: Destination, number: int) -> str:
    upstream = destination.upstream
    return f"{upstream.page}/pulls/{number}" if upstream.web else f"request {number} of {upstream.public_url}"


def _fork_head(destination: Destination, clone: CommitClone, submission: Submission) -> str | None:
    """The commit of the run's branch in the fork; None where there is none, or the fork cannot be read."""
    ref = f"refs/heads/{submission.branch}"
    try:
        return remote_access.refs(clone.folder, destination.fork, clone.access, ref).get(ref) if destination.fork else None
    except UserError:
        return None


def _fetched(destination: Destination, clone: CommitClone, submission: Submission,
             request: EarlierRequest) -> EarlierRequest | None:
    """The request with its commit fetched and compared; None where the commit does not hold this run."""
    repository = destination.upstream if request.number else destination.the_fork()
    ref = f"refs/pull/{request.number}/head" if request.number else f"refs/heads/{submission.branch}"
    remote_access.fetch_whole(clone.folder, repository, ref, clone.access)
    same = commit.same_files(clone, request.commit, submission)
    return None if same is None else replace(request, same=frozenset(same))


def check(request: EarlierRequest, destination: Destination, anew: bool) -> None:
    """Raises UserError where this run must not be sent, with what to do instead."""
    if request.state == MERGED:
        raise UserError("this run was merged", request.page, "there is nothing left to do", FOUND)
    if request.state == CLOSED and not anew:
        raise UserError("the request of this run was closed without a merge", request.page, "read there why; if a "
                        "maintainer reopens it, this command updates it, and --anew opens a new one", FOUND)
    if request.beside:
        raise UserError(f"this run has two open requests: {_named(request.beside)} and {_named(request)}", request.page,
                        "close one of the two, or ask a maintainer to, then run this again", FOUND)
    if request.state == OPEN and request.owner and request.owner.lower() != _own_account(destination, request).lower():
        raise UserError(f"there is an open request of this run already, from {printable(request.owner)}", request.page,
                        "if that account is yours, name its fork with --fork; else ask there", FOUND)


def _named(request: EarlierRequest) -> str:
    return f"{request.number} of {printable(request.owner)}" if request.owner else str(request.number)


def _own_account(destination: Destination, request: EarlierRequest) -> str:
    """The account that would update this request; for AGit without a token only git knows it, and it is assumed to match."""
    if not request.is_agit:
        return destination.fork.owner if destination.fork else ""
    try:
        return destination.the_api().login() if destination.the_api().has_token else request.owner
    except ApiError:
        return request.owner


def format_changes(request: EarlierRequest, clone: CommitClone, submission: Submission) -> str:
    """What an update changes in the open request, as text."""
    where = f"request {request.number} ({request.page})" if request.number else "the branch in your fork"
    lines = [f"What changes in {where}:", ""]
    for name, data in sorted(submission.contents.items()):
        if name in request.same:
            continue
        lines.append(f"  {name}")
        if name.endswith(".md"):
            before = clone.git("cat-file", "blob", f"{request.commit}:{submission.folder}/{name}").out
            lines += [f"    {line}" for line in _diff(before, data)]
    unchanged = ", ".join(sorted(request.same))
    return "\n".join(lines + ([*text_layout.hanging("  unchanged: ", unchanged)] if unchanged else []))


def _diff(before: bytes, after: bytes) -> list[str]:
    old, new = (data.decode("utf-8", "replace").splitlines() for data in (before, after))
    lines = [line for line in difflib.unified_diff(old, new, lineterm="", n=1) if not line.startswith(("---", "+++"))]
    return lines[:DIFF_LINES] + ([f"... and {len(lines) - DIFF_LINES} lines more"] if len(lines) > DIFF_LINES else [])
