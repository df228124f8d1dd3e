"""Routing: which repository takes the run, which is the contributor's own, and which forge may be asked."""
from __future__ import annotations

import pathlib
from dataclasses import dataclass

from base import git
from base.errors import UserError
from submit import remote_address
from submit.gitea_api import Forge, Unwilling
from submit.methods import Routes
from submit.remote_address import Place


@dataclass(frozen=True)
class Wishes:
    """What the flags say; None is no wish."""
    remote: str | None = None
    upstream: str | None = None
    fork: str | None = None
    forge: str | None = None
    bundle_to: str = "."


def find(clone: pathlib.Path, wishes: Wishes, token: str) -> Routes:
    """Where to; asks the forge what a fork was made from, and with a token whether its owner has one."""
    pages = remote_address.check_forge(wishes.forge) if wishes.forge else ""
    remotes = (git.line(clone, "remote") or "").split()
    upstream = given(clone, remotes, wishes.upstream, pages) if wishes.upstream else (
        of_remote(clone, "upstream", pages) if "upstream" in remotes and not wishes.remote else None)
    fork = given(clone, remotes, wishes.fork, pages) if wishes.fork else None
    if upstream is None and not remotes:
        raise UserError("this clone has no remote", str(clone), "name the repository that takes runs with --upstream URL")
    if remotes and (upstream is None or fork is None):
        near = of_remote(clone, chosen(remotes, wishes), pages)
        upstream = upstream or parent_of(near, token) or near
        fork = fork or (None if same(near, upstream) else near)
    forge = Forge(upstream.web, token) if upstream.web else None
    if fork is None and forge is not None and token:
        fork = own_fork(forge, upstream)
    if fork is not None and upstream.web and fork.web != upstream.web:
        raise UserError("fork and upstream are not on the same forge", fork.shown,
                        "name the right ones with --fork and --upstream")
    return Routes(upstream, fork, forge, pathlib.Path(wishes.bundle_to).resolve())


def chosen(remotes: list, wishes: Wishes) -> str:
    """The remote to go by: the one that is named, else origin, else the only one."""
    if wishes.remote and wishes.remote not in remotes:
        raise UserError(f"no such remote here; there are {', '.join(remotes)}", f"--remote {wishes.remote}",
                        "name one of these")
    if wishes.remote or "origin" in remotes or len(remotes) == 1:
        return wishes.remote or ("origin" if "origin" in remotes else remotes[0])
    raise UserError(f"no remote is called origin; there are {', '.join(remotes)}", "--remote", "name one of these")


def given(clone: pathlib.Path, remotes: list, text: str, pages: str) -> Place:
    """A remote's name, an address, or a folder, which is read from where the caller stands."""
    if text in remotes:
        return of_remote(clone, text, pages)
    place = remote_address.parse(text, forge=pages)
    if place.url != place.shown:
        raise UserError("an address with a password would be seen by every user of this machine", place.shown,
                        "leave the password to git's credential helper")
    is_folder = not place.host and "://" not in text and not remote_address.DRIVE.match(text)
    return remote_address.parse(str(pathlib.Path(text).resolve())) if is_folder else place


def of_remote(clone: pathlib.Path, name: str, pages: str) -> Place:
    """By its name, so that what its address may hold stays out of command lines."""
    url = git.line(clone, "remote", "get-url", "--", name)
    push_url = git.line(clone, "remote", "get-url", "--push", "--", name)
    if not url:
        raise UserError("git knows no address of this remote", name, "name the repositories with --upstream and --fork")
    if push_url != url:
        raise UserError("this remote is read from one address and pushed to another", name,
                        "name the repositories with --upstream and --fork")
    return remote_address.parse(url, spec=name, forge=pages)


def parent_of(near: Place, token: str) -> Place | None:
    """What a fork was made from, as its forge tells; None where it is no fork or nobody can be asked."""
    if not near.web:
        return None
    forge = Forge(near.web, token)
    try:
        forge.version()
        parent = parent_name(forge.repository(near.owner, near.name))
    except Unwilling:
        return None
    return remote_address.sibling(near, *parent) if parent else None


def own_fork(forge: Forge, upstream: Place) -> Place | None:
    """The token owner's fork of the upstream, if it bears the same name; its own repository is no fork of itself."""
    try:
        forge.version()
        login = forge.login()
        parent = parent_name(forge.repository(login, upstream.name))
    except Unwilling:
        return None     # the ladder will say why
    if parent and "/".join(parent).lower() == upstream.full_name.lower():
        return remote_address.sibling(upstream, login, upstream.name)
    return None


def parent_name(repository: dict | None) -> tuple | None:
    """(owner, name) of what a repository is a fork of."""
    parent = repository.get("parent") if repository and repository.get("fork") is True else None
    full = parent.get("full_name") if isinstance(parent, dict) else None
    owner, slash, name = full.partition("/") if isinstance(full, str) else ("", "", "")
    return (owner, name) if slash and "/" not in name else None


def same(one: Place, other: Place) -> bool:
    return (one.web, one.full_name.lower()) == (other.web, other.full_name.lower()) if one.web else one.url == other.url
