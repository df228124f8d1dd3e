"""Pushing: the only place that sends anything to a repository, and never to a default branch.

A push goes to the run's own branch or to AGit's refs/for/, creates and never overwrites, and takes no tags along.
"""
from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass

from base import git, names
from base.errors import FOUND, UserError, printable
from submit.submission import Submission
from submit.remote_address import Place
from submit.remote_access import Access, default_branch, look, reason, refs

PULL = re.compile(r"refs/pull/([0-9]{1,9})/head\Z")
PLAIN = ("push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no")


@dataclass(frozen=True)
class Sender:
    """One commit that may be sent, and what sends it."""
    clone: pathlib.Path
    access: Access
    offer: Submission
    commit: str


class Unsettled(UserError):
    """Something was sent and may have become a request; another way could open a second one, so none is tried."""


def check_ref(ref: str, default: str) -> None:
    """Refuse whatever is not the branch of one run, or AGit's door; by what may be pushed, not by what may not."""
    branch = ref[len("refs/heads/"):] if ref.startswith("refs/heads/") else None
    is_run = branch is not None and branch.startswith("run-") and names.run_id_problem(branch[4:]) is None
    if not (is_run and branch != default or ref == f"refs/for/{default}"):
        raise UserError("this is not pushed to: only a run's own branch and refs/for/ are", ref, "report this line", FOUND)


def branch_words(place: Place, commit: str, offer: Submission) -> tuple:
    return PLAIN + ("--", place.spec, f"{commit}:refs/heads/{offer.branch}")


def agit_words(place: Place, commit: str, offer: Submission, default: str) -> tuple:
    options = (f"topic={offer.branch}", f"title={offer.title}", f"description={offer.text}")
    return PLAIN + tuple(word for option in options for word in ("-o", option)) + (
        "--", place.spec, f"{commit}:refs/for/{default}")


def to_branch(sender: Sender, place: Place) -> None:
    """The run's branch in the contributor's fork. That it is there already with this commit is as good."""
    base = default_branch(sender.clone, place, sender.access)
    check_ref(f"refs/heads/{sender.offer.branch}", base.branch)
    done = sender.access.run(sender.clone, place, *branch_words(place, sender.commit, sender.offer))
    if done.code != 0:
        advice = "check that you may push there, and that git can log in"
        if "fetch first" in done.said + done.text or "non-fast-forward" in done.said + done.text:
            advice = f"an older try is there; to be rid of it: `git push {place.shown} --delete {sender.offer.branch}`"
        raise _rejected(place, done, advice)


def by_agit(sender: Sender, upstream: Place) -> int:
    """Open a request by a push to refs/for/; its number. A server that makes a plain reference of it is put right again."""
    base, before = look(sender.clone, upstream, sender.access)
    check_ref(f"refs/for/{base.branch}", base.branch)
    try:
        done = sender.access.run(sender.clone, upstream, *agit_words(upstream, sender.commit, sender.offer, base.branch))
        after = refs(sender.clone, upstream, sender.access)
    except UserError as no:
        raise Unsettled(f"the push was sent, and what became of it cannot be seen ({no})", upstream.shown,
                        "look among its requests, then run this again", FOUND) from None
    stray = sorted(ref for ref, commit in after.items() if commit == sender.commit and before.get(ref) != commit
                   and ref != "HEAD" and not PULL.match(ref))
    if stray:
        undo(sender, upstream, base.branch, stray, before)
    number = number_of(after, sender.commit) or number_told(done.text)
    if number is None and done.code != 0:
        raise _rejected(upstream, done, "the server may not know AGit, or you may not push there")
    if number is None and stray:
        raise UserError(f"it opens no request but makes {', '.join(stray)}, which was removed again", upstream.shown,
                        "it does not know AGit", FOUND)
    if number is None:
        raise Unsettled("it takes the push, and no request is to be seen", upstream.shown, "look among its requests", FOUND)
    return number


def undo(sender: Sender, place: Place, default: str, stray: list, before: dict) -> None:
    """Remove what our own push has just made, and only while it still is what we made. Raises Unsettled if it stays."""
    for ref in stray:
        if ref in before or ref == f"refs/heads/{default}":
            raise Unsettled(f"the server put the run straight onto {ref}", place.shown,
                            "tell its maintainers at once; nothing here can take that back", FOUND)
        done = sender.access.run(sender.clone, place, "push", "--porcelain", f"--force-with-lease={ref}:{sender.commit}",
                                 "--", place.spec, f":{ref}")
        if done.code != 0:
            raise Unsettled(f"the server made {ref} instead of a request, and keeps it ({why(done)})", place.shown,
                            "tell its maintainers", FOUND)


def number_told(text: str) -> int | None:
    """The request that the server itself names, for one that hides these references."""
    found = re.search(r"^[*+= -]\t[0-9a-f]+:refs/pull/([0-9]{1,9})/head\t", text, re.MULTILINE)
    return int(found.group(1)) if found else None


def number_of(found: dict, commit: str) -> int | None:
    """The request whose head is a commit; the newest, should there be several."""
    numbers = [int(PULL.match(ref).group(1)) for ref, at in found.items() if at == commit and PULL.match(ref)]
    return max(numbers, default=None)


def bundle_words(base: str, offer: Submission, folder: pathlib.Path) -> tuple:
    return ("bundle", "create", "--quiet", str(folder / f"{offer.branch}.bundle"), f"refs/heads/{offer.branch}", f"^{base}")


def bundle(clone: pathlib.Path, base: str, offer: Submission, folder: pathlib.Path) -> pathlib.Path:
    """The branch in one file, for whoever can push it; it needs the upstream's own commits beside it."""
    words = bundle_words(base, offer, folder)
    done = git.run(clone, *words)
    if done.code != 0:
        raise UserError(f"cannot be written ({reason(done.said)})", words[3], "name another folder with --bundle-to", FOUND)
    return pathlib.Path(words[3])


def _rejected(place: Place, done: git.Done, now: str) -> UserError:
    return UserError(f"the push is rejected ({why(done)})", place.shown, now, FOUND)


def why(done: git.Done) -> str:
    """git tells what became of each reference on its output, behind an exclamation mark; the server's words come first."""
    lines = [line.split("\t")[-1] for line in done.text.split("\n") if line.startswith("!")] or [reason(done.said)]
    remote = [line.strip() for line in done.said.split("\n") if line.startswith("remote: ") and line[8:].strip()]
    return printable("; ".join(remote[:1] + lines[:1]))[:300]
