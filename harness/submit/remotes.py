"""Which repository takes the run, which is the contributor's fork, and which server can be asked.

A run must never be sent to the contributor's own fork as if that were the upstream: if it cannot be found out whether a
repository is a fork, the command stops instead of guessing.
"""
from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass, replace

from base import git
from base.errors import FOUND, UserError
from submit import remote_address
from submit.gitea_api import ApiError, GiteaApi, RepositoryInfo
from submit.remote_address import Repository

MAX_FORKS = 5           # forks of forks that are followed to their root

Addresses = dict[str, set[str]]     # of each remote


@dataclass(frozen=True)
class RemoteFlags:
    """What the flags say; None: the flag was not given."""
    remote: str | None = None
    upstream: str | None = None
    fork: str | None = None
    forge: str | None = None
    bundle_to: str | None = None
    zip_only: bool = False


@dataclass(frozen=True)
class Destination:
    """Where a run goes. `api` is None where there is no server to ask; `no_fork` is the reason if `fork` is None."""
    upstream: Repository
    fork: Repository | None
    api: GiteaApi | None
    bundle_folder: pathlib.Path
    no_fork: str = "no fork is known: make one on the upstream's page and pass --fork URL"
    zip_only: bool = False      # nothing is pushed

    def the_fork(self) -> Repository:
        """The fork; raises UserError where none is known."""
        if self.fork is None:
            raise UserError(self.no_fork, self.upstream.public_url, "pass --fork URL", FOUND)
        return self.fork

    def the_api(self) -> GiteaApi:
        """The API; raises ApiError where no server can be asked."""
        if self.api is None:
            raise ApiError("no server with an API is known", self.upstream.public_url, "give its address with --forge https://host")
        return self.api


def find(clone: pathlib.Path, flags: RemoteFlags, token: str) -> Destination:
    """Raises UserError where something is wrong, ambiguous or unknown."""
    pages = remote_address.check_forge(flags.forge) if flags.forge else ""
    remotes = addresses(clone)
    upstream = given(remotes, flags.upstream, pages) if flags.upstream else (
        of_remote(remotes, "upstream", pages) if "upstream" in remotes and not flags.remote else None)
    fork = given(remotes, flags.fork, pages) if flags.fork else None
    if upstream is None and not remotes:
        raise UserError("this clone has no remote", str(clone), "name the repository that takes runs with --upstream URL")
    if upstream is None:
        near, upstream = with_root(of_remote(remotes, chosen(remotes, flags), pages), token)
        fork = fork or (None if remote_address.is_same(near, upstream) else near)
    else:
        if fork is None and remotes:
            near = of_remote(remotes, chosen(remotes, flags), pages)
            fork = None if remote_address.is_same(near, upstream) else near
        if upstream.web and not pages and not upstream.url.startswith("http"):
            upstream, fork = with_known_pages(upstream, fork)
    api = GiteaApi(upstream.web, token) if upstream.web else None
    destination = Destination(upstream, fork, api, bundle_folder(clone, flags.bundle_to), zip_only=flags.zip_only)
    if fork is None and api is not None and token:
        destination = with_own_fork(destination, api)
    if fork is not None and upstream.web and fork.web != upstream.web:
        raise UserError("fork and upstream are not on the same server", fork.public_url,
                        "name the right ones with --fork and --upstream")
    return destination


def addresses(clone: pathlib.Path) -> Addresses:
    """The remotes in git's order, each with the different addresses that it is read from and pushed to."""
    remotes: Addresses = {}
    for row in (git.line(clone, "remote", "-v") or "").splitlines():
        name, _, rest = row.partition("\t")
        url = re.sub(r" \((fetch|push)\)( \[[^]]*\])?$", "", rest)
        remotes.setdefault(name, set()).update([url] if url else [])
    return remotes


def chosen(remotes: Addresses, flags: RemoteFlags) -> str:
    """The remote to use: the one that is named, else origin, else the only one."""
    if flags.remote and flags.remote not in remotes:
        raise UserError(f"no such remote here; there are {', '.join(remotes)}", f"--remote {flags.remote}",
                        "name one of these")
    if flags.remote or "origin" in remotes or len(remotes) == 1:
        return flags.remote or ("origin" if "origin" in remotes else next(iter(remotes)))
    raise UserError(f"no remote is called origin; there are {', '.join(remotes)}", "--remote", "name one of these")


def given(remotes: Addresses, text: str, pages: str) -> Repository:
    """A flag's value: a remote's name, an address, or a folder relative to the current one."""
    if text in remotes:
        return of_remote(remotes, text, pages)
    repository = remote_address.parse(text, forge=pages)
    if repository.url != repository.public_url:
        raise UserError("an address with a password would be visible to every user of this machine", repository.public_url,
                        "leave the password to git's credential helper")
    is_path = not repository.host and "://" not in text and not remote_address.DRIVE.match(text)
    return remote_address.parse(str(pathlib.Path(text).resolve())) if is_path else repository


def of_remote(remotes: Addresses, name: str, pages: str) -> Repository:
    """A remote, used by its name so that what its address may contain stays out of command lines."""
    if not remotes[name]:
        raise UserError("this remote has no address", name, "name the repositories with --upstream and --fork")
    if len(remotes[name]) > 1:
        raise UserError("this remote is read from one address and pushed to another", name,
                        "name the repositories with --upstream and --fork")
    return remote_address.parse(next(iter(remotes[name])), spec=name, forge=pages)


def with_root(near: Repository, token: str) -> tuple[Repository, Repository]:
    """(the repository under its present name, the root of its forks, which takes the runs).

    Raises UserError if it cannot be found out whether it is a fork: nobody would see a run pushed into a fork.
    """
    if near.is_folder:
        return near, near
    if not near.web:
        raise unknown(near, "it has no API that can be asked over https")
    try:
        api = GiteaApi(near.web, token)
        api.version()
        info = api.repository(near.owner, near.name)
        if info is None:
            raise unknown(near, f"not found, or not visible {'with this token' if token else 'without a token'}")
        near = renamed(near, info)
        return near, root_of(api, near, info)
    except ApiError as problem:
        raise unknown(near, f"{problem.what}; {problem.now}") from None


def with_known_pages(upstream: Repository, fork: Repository | None) -> tuple[Repository, Repository | None]:
    """Both without the address of web pages that was guessed from ssh, unless Gitea answers there."""
    try:
        GiteaApi(upstream.web).version()
    except ApiError:
        return replace(upstream, web=""), fork and replace(fork, web="")
    return upstream, fork


def root_of(api: GiteaApi, near: Repository, info: RepositoryInfo) -> Repository:
    """Follow forks to the repository that is not a fork."""
    current = near
    for _ in range(MAX_FORKS):
        if not info.is_fork:
            return current
        if info.parent is None:
            raise unknown(current, "it is a fork of something that the server does not show")
        current = remote_address.sibling(near, *info.parent)
        parent = api.repository(current.owner, current.name)
        if parent is None:
            raise unknown(current, "not visible, and so is what it may be a fork of")
        current, info = renamed(current, parent), parent
    raise unknown(current, f"a fork of a fork, {MAX_FORKS} times")


def renamed(repository: Repository, info: RepositoryInfo) -> Repository:
    """The repository under the name that the server gives it now."""
    if (info.owner.lower(), info.name.lower()) == (repository.owner.lower(), repository.name.lower()):
        return repository
    return replace(repository, owner=info.owner, name=info.name)


def unknown(repository: Repository, why: str) -> UserError:
    pages = "" if repository.url.startswith("http") else "give the address of the server's web pages with --forge https://host, or "
    return UserError(f"cannot find out whether this is a fork ({why})", repository.public_url,
                     f"{pages}name the repository that takes runs with --upstream URL", FOUND)


def with_own_fork(destination: Destination, api: GiteaApi) -> Destination:
    """The destination with the fork of the token's owner, if there is one of the same name; else with the reason."""
    upstream = destination.upstream
    try:
        api.version()
        login = api.login()
        info = api.repository(login, upstream.name)
    except ApiError as problem:
        return replace(destination, no_fork=str(problem))
    if info and info.parent and "/".join(info.parent).lower() == upstream.full_name.lower():
        return replace(destination, fork=remote_address.sibling(upstream, login, upstream.name))
    return replace(destination, no_fork=f"{login} has no fork called {upstream.name}: make one at {upstream.page}, or pass "
                                        "--fork URL")


def bundle_folder(clone: pathlib.Path, flag: str | None) -> pathlib.Path:
    """Where the file to attach goes: outside the clone, so that it is never committed by accident."""
    if flag is not None:
        return pathlib.Path(flag).resolve()
    here, root = pathlib.Path.cwd().resolve(), clone.resolve()
    return root.parent if here == root or root in here.parents else here
