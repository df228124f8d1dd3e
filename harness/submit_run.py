#!/usr/bin/env python3
"""Bring a finished run to a pull request: check it, show what will be public, ask, then push and open the request.

Nothing leaves this machine before a person has read the list and agreed: on a terminal by answering `yes`, elsewhere by
running the printed command, whose --confirm CODE stands for exactly what was shown. An agent shows its human the list
and waits for their word; it never confirms in their place.

One commit of five files is made on top of the upstream's default branch, beside your own branch, index and files. Then
the first way is taken that works: the API of the forge (with GITEA_TOKEN in the environment), an AGit push, a push to
your fork and the page to open, or a file to send. No default branch is ever pushed to, and nothing is overwritten.

exit codes: 0 the request is open and was read back; 1 it is not, and the last line says what is left to do; 2 wrong
usage; 3 the checker or this script failed; 130 stopped.
"""
from __future__ import annotations

import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import time
from dataclasses import replace

from base import console, files, git, names
from base.errors import BROKEN, FINE, FOUND, UserError

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECK_S = 600               # the checker reads a few MB; longer is no verdict


def main(argv: list | None = None, root: pathlib.Path = ROOT) -> int:
    args = parse_args(argv)
    if git.line(root, "rev-parse", "--git-dir") is None:
        raise UserError("this is no clone with git", str(root), "make one with `git clone`, and run this in there")
    from submit import methods, push
    folder = find(args.run, root)
    offer = read(args, folder, root)
    is_clean = is_checked(args, folder, offer, root)
    routes, access = route(args, root)
    offer = sign(args, offer, routes)
    base = base_of(args, offer, routes, root, access)
    sender = push.Sender(root, access, offer, "")
    code = show(offer, routes, base)
    if args.dry_run:
        return show_commands(args, methods.commands(routes, sender, base)) if is_clean else not_ready(args)
    return send(routes, sender, base) if agreed(args, code) else FOUND


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="submit_run.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", metavar="RUN", help="the folder of a run, or run-<uuid> under submissions/")
    who = parser.add_argument_group("whose it is")
    who.add_argument("--handle", help="your name in the catalogue, where folder and manifest do not say it")
    who.add_argument("--device-tag", metavar="TAG", help="the machine, where folder and manifest do not say it")
    who.add_argument("--author-name", metavar="NAME", help="of the commit, for ever public (default: the handle)")
    who.add_argument("--author-email", metavar="ADDRESS", help="of the commit, for ever public (default: one of the handle's "
                                                               "that leads nowhere)")
    to = parser.add_argument_group("where it goes")
    to.add_argument("--remote", metavar="NAME", help="the clone's remote to go by, upstream or your fork (default: origin)")
    to.add_argument("--upstream", metavar="URL", help="the repository that takes runs (default: the remote `upstream`, else "
                                                      "what your fork was made from, else --remote)")
    to.add_argument("--fork", metavar="URL", help="your own copy, to push to (default: what is known of it)")
    to.add_argument("--forge", metavar="URL", help="the forge's pages, where they are not at https:// and the same host")
    to.add_argument("--title", help="of the commit and the request")
    to.add_argument("--bundle-to", metavar="FOLDER", default=".", help="where the file of the last way goes (default: here)")
    how = parser.add_argument_group("how it goes on")
    how.add_argument("--dry-run", action="store_true", help="check, and show every way and command; change and send nothing")
    how.add_argument("--confirm", metavar="CODE", help="a person has read the list that was printed with this code, and "
                                                       "agrees that it becomes public")
    return parser.parse_args(argv)


def find(text: str, root: pathlib.Path) -> pathlib.Path:
    """The folder that is meant; raises UserError where there is none."""
    named = pathlib.Path(text)
    if named.is_dir():
        return named.resolve()
    is_id = named.name.startswith("run-") and names.run_id_problem(named.name[4:]) is None
    found = sorted((root / "submissions").glob(f"*/*/{named.name}")) if is_id else []
    if len(found) != 1:
        raise UserError("there are several runs of this name" if found else "no such run", text, "name its folder")
    return found[0].resolve()


def read(args: argparse.Namespace, folder: pathlib.Path, root: pathlib.Path) -> object:
    """The offer as far as the run itself says it."""
    from submit import submission as offers
    contents = offers.read(folder)
    manifest = offers.manifest_of(contents, folder)
    handle, device_tag = offers.owner_of(folder, root / "submissions", manifest, (args.handle, args.device_tag))
    return offers.Submission(handle, device_tag, manifest["run_id"], contents)


def route(args: argparse.Namespace, root: pathlib.Path) -> tuple:
    """(routes, access): where it goes, and how git logs in there."""
    from submit import remote_access, remotes
    token = os.environ.get("GITEA_TOKEN", "").strip()
    routes = remotes.find(root, remotes.Wishes(args.remote, args.upstream, args.fork, args.forge, args.bundle_to), token)
    return routes, remote_access.Access(token, routes.upstream.web)


def sign(args: argparse.Namespace, offer: object, routes: object) -> object:
    """The offer with its author and title."""
    from submit import submission as offers
    author, address = author_of(args, offer.handle, routes.upstream.host)
    title = args.title or offers.title_of(offer.handle, offer.device_tag, offer.run_id)
    offers.check_words(author, address, title)
    return replace(offer, author=author, address=address, title=title)


def author_of(args: argparse.Namespace, handle: str, host: str) -> tuple:
    """(name, address) of the commit. Name and mailbox of git's settings are not used: a commit shows them for ever."""
    from submit import submission as offers
    hidden = offers.hidden_address(handle, host)
    name, address = args.author_name or handle, args.author_email or hidden
    if console.is_terminal() and not args.confirm:
        name = args.author_name or console.ask("Author of the commit, for ever public", name)
        address = args.author_email or console.ask("Address of the author, for ever public", address)
    if offers.is_private(address):
        console.note(f"the address {address} will be public for ever; {hidden} would keep it out")
    return offers.as_git_writes(name), offers.as_git_writes(address)


def base_of(args: argparse.Namespace, offer: object, routes: object, root: pathlib.Path, access: object) -> object:
    """The default branch that the commit goes on top of. A dry run shows what it can although nobody answers there."""
    from submit import remote_access, submission as offers
    try:
        return remote_access.default_branch(root, routes.upstream, access)
    except UserError:
        if args.dry_run:
            console.say(offers.format_offer(offer, f"{routes.upstream.shown}, which does not answer now", []))
        raise


def is_checked(args: argparse.Namespace, folder: pathlib.Path, offer: object, root: pathlib.Path) -> bool:
    """Whether the checker passes it; only a dry run goes on without, since a person looks at the list before agreeing."""
    try:
        check(folder, offer, root)
    except UserError as problem:
        if not args.dry_run or problem.exit_code != FOUND:
            raise
        console.note("not ready: the checker names above what is left; the list follows all the same")
        return False
    return True


def check(folder: pathlib.Path, offer: object, root: pathlib.Path) -> None:
    """Ask the checker about exactly the bytes that would be sent. Raises UserError for all but a clean verdict."""
    from submit import submission as offers
    if folder == root / pathlib.PurePosixPath(offer.folder):
        told = verdict(root, folder, str(folder))
    else:
        with files.temporary_folder() as there:
            staged = there / pathlib.PurePosixPath(offer.folder)
            files.make_folder(staged)
            for name, data in offer.contents.items():
                files.replace(staged / name, data)
            told = verdict(root, folder, str(staged))
    if offers.read(folder) != offer.contents:
        raise UserError("the run changed while it was checked", str(folder), "leave it alone, and run this again", FOUND)
    if told:
        console.note(told)


def check_commit(sender: object, base: object) -> None:
    """Once more, of the very commit, as the pull request will be judged: with its author, and beside all other runs."""
    verdict(sender.clone, sender.offer.branch, "--base", base.commit, "--head", sender.commit)


def verdict(root: pathlib.Path, where: object, *words: str) -> str:
    """Run the checker as the contributor would; what it says. Only exit code 0 is a pass."""
    script = root / "harness" / "check_submission.py"
    if not script.is_file():
        raise UserError("the checker is not there, so nothing was checked or sent", str(script), "update the clone", BROKEN)
    kept = {name: value for name, value in os.environ.items() if name not in git.SECRETS}
    try:
        done = subprocess.run([sys.executable, str(script), *words], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=CHECK_S, env=kept)
    except subprocess.TimeoutExpired:
        raise UserError(f"the checker did not end within {CHECK_S} s", str(where), "report it", BROKEN) from None
    is_verdict = done.returncode in (FINE, FOUND)      # then stderr only says what the checker's own caller would do next
    said = done.stdout if is_verdict else done.stdout + done.stderr
    told = said.decode("utf-8", "replace").replace(words[-1], str(where)).strip()
    if done.returncode == FINE:
        return told
    console.note(told)
    if done.returncode == FOUND:
        raise UserError("the checker found errors; nothing was sent", str(where), "mend them, then run this again", FOUND)
    raise UserError(f"the checker failed (exit code {done.returncode}), which is no pass; nothing was sent", str(where),
                    "report it with the lines above", BROKEN)


def show(offer: object, routes: object, base: object) -> str:
    """The list, for the person who decides; the code that stands for it."""
    from submit import methods, submission as offers
    ways = [f"{rung.name}: {rung.says}" + (f" [not now: {rung.missing}]" if rung.missing else "")
            for rung in methods.rungs(routes, offer.branch)]
    console.say(offers.format_offer(offer, f"{routes.upstream.shown}, as a request to merge into {base.branch}", ways))
    to = [place.shown for place in (routes.upstream, routes.fork) if place]
    possible = [rung.name for rung in methods.rungs(routes, offer.branch) if not rung.missing]
    return offers.code_of(offer, to + [base.branch] + possible)


def show_commands(args: argparse.Namespace, commands: list) -> int:
    console.say("\nCommands, were this not a dry run:")
    for words in commands:
        console.say("  " + shlex.join(words))
    console.say("\nNothing was changed or sent.")
    console.lead_on(command(sys.argv[0], understood(args)))
    return FINE


def not_ready(args: argparse.Namespace) -> int:
    console.note("\nNothing was changed or sent. What the checker named comes first; a box of the attestation waits for the yes "
                 "of the person whose run it is.")
    console.lead_on(f"python harness/check_submission.py {shlex.quote(args.run)}")
    return FOUND


def agreed(args: argparse.Namespace, code: str) -> bool:
    """A person's word for exactly this list: the answer `yes`, or the code that was printed with it."""
    if args.confirm is not None:
        if args.confirm != code:
            raise UserError("this code is not of the list above: something has changed since it was printed",
                            f"--confirm {args.confirm}", f"read the list again; its code is {code}", FOUND)
        return True
    if console.is_terminal():
        if console.ask("\nMay all of this become public? Type yes", "no").lower() == "yes":
            return True
        console.note("nothing was sent")
        console.lead_on(command(sys.argv[0], understood(args)))
        return False
    console.note("\nStopped: nothing was sent. A person has to read the list above, and the five files, and agree that they "
                 "become public.\nAn agent shows both to its human and waits for their word.")
    console.lead_on("only with a person's yes: " + command(sys.argv[0], understood(args) + [f"--confirm={code}"]))
    return False


def understood(args: argparse.Namespace) -> list:
    """The words of this very call, as they were understood, without what only holds for this once."""
    words = [args.run]
    for name, value in vars(args).items():
        if name not in ("run", "confirm", "dry_run") and value is not None and (name, value) != ("bundle_to", "."):
            words.append(f"--{name.replace('_', '-')}={value}")
    return words


def command(script: str, words: list) -> str:
    """A line that can be pasted into this system's shell."""
    whole = ["python", script, *words]
    return subprocess.list2cmdline(whole) if os.name == "nt" else shlex.join(whole)


def send(routes: object, sender: object, base: object) -> int:
    from submit import commit, methods, remote_access
    remote_access.fetch(sender.clone, routes.upstream, base, sender.access)
    sender = replace(sender, commit=commit.make(sender.clone, base, sender.offer, int(time.time())))
    check_commit(sender, base)
    console.note(f"the commit is {sender.commit[:12]}, on branch {sender.offer.branch} of this clone")
    ending = methods.climb(routes, sender, base, console.note)
    console.say(ending.address)
    console.note(ending.says)
    if not ending.done:
        console.note("not submitted yet")
    console.lead_on("wait for a maintainer: nothing merges by itself" if ending.done else "the step above")
    return FINE if ending.done else FOUND


if __name__ == "__main__":
    raise SystemExit(console.guarded(main))
