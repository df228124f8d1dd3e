"""Bring a finished run to a pull request: check it, show what becomes public, ask, then push and open the request.

Nothing leaves this machine before a person has read the list and agreed: on a terminal by answering `yes`, elsewhere by
running the printed command, whose --confirm CODE is valid for exactly the list that was shown. An agent shows its human the list
and waits for their word; it never confirms in their place.

One commit of five files is made on top of the upstream's default branch, without touching your own branch, index and
files. Then the first method that works is used: the server's API (with GITEA_TOKEN in the environment), an AGit push, a
push to your fork and a page to open, or a file to attach. Without an account, --zip makes the file and tries nothing
else. No default branch is ever pushed to, and nothing is overwritten. Run again after a correction, it updates the request
that is open, after showing what changes.

exit codes: 0 the request is open and was read back; 1 it is not, and the last line says what is left to do; 2 wrong
usage; 3 the checker or this script failed; 130 stopped.
"""
from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from base import arguments, console, files, git, run_folder, shell, text_layout
from base.errors import BROKEN, FINE, FOUND, INTERRUPTED, UserError

if TYPE_CHECKING:
    from submit.earlier_request import EarlierRequest
    from submit.methods import Attempt, Outcome
    from submit.remote_access import Access
    from submit.remotes import Destination
    from submit.submission import Submission

CHECK_S = 600               # the checker reads a few MB
SCRIPT = "submit_run.py"
WITHOUT_ACCOUNT = "; without an account: add --zip to the next command"


class CheckFailed(UserError):
    """The checker found errors; `report` is what it printed."""

    def __init__(self, what: str, where: str, now: str, report: str):
        super().__init__(what, where, now, FOUND)
        self.report = report


def main(argv: list[str] | None = None, root: pathlib.Path = run_folder.ROOT) -> int:
    args = parse_args(argv)
    check_clone(root)
    folder = run_folder.find(root / run_folder.TREE, args.run)
    submission = read(args, folder, root)
    report = findings_of(args, folder, submission, root)
    try:
        attempt, earlier = prepare(args, submission, root)
    except UserError as problem:
        if args.dry_run:        # the list is shown even if the server does not answer
            show_offline(args, submission)
        return log_in_again(args, problem)
    if earlier and earlier.number and len(earlier.same) == len(submission.contents) and earlier.is_open:
        return report_open(attempt, earlier)
    code = show(attempt, earlier)
    if args.dry_run:
        return show_commands(args, attempt, earlier) if report is None else not_ready(args, folder, report)
    return ask_and_send(args, attempt, earlier, code)


def check_clone(root: pathlib.Path) -> None:
    if git.line(root, "rev-parse", "--git-dir") is None:
        trust = git.refusal(root)
        if trust:
            raise UserError("git does not trust this clone, because it belongs to another user", str(root), trust)
        raise UserError("not a clone with git", str(root), "make one with `git clone`, and run this in there")


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = arguments.parser(SCRIPT, __doc__)
    parser.add_argument("run", metavar="RUN", help="run-<uuid>, its beginning such as run-1a2b3c4d, or its folder")
    who = parser.add_argument_group("whose run it is")
    who.add_argument("--handle", help="your name in the catalogue, if folder and manifest do not give it")
    who.add_argument("--device-tag", metavar="TAG", help="the machine, if folder and manifest do not give it")
    who.add_argument("--author-name", metavar="NAME", help="of the commit, public for good (default: the handle)")
    who.add_argument("--author-email", metavar="ADDRESS", help="of the commit, public for good (default: a no-reply address "
                                                               "made from the handle)")
    to = parser.add_argument_group("where it goes")
    to.add_argument("--remote", metavar="NAME", help="the clone's remote to start from, upstream or your fork (default: origin)")
    to.add_argument("--upstream", metavar="URL", help="the repository that takes runs (default: the remote `upstream`, else "
                                                      "what your fork was made from, else --remote)")
    to.add_argument("--fork", metavar="URL", help="your own copy, to push to (default: the one that is known)")
    to.add_argument("--forge", metavar="URL", help="the server's web pages, if they are not at https:// and the same host")
    to.add_argument("--title", help="of the commit and the request")
    to.add_argument("--bundle-to", metavar="FOLDER", help="where the .zip of the last method goes (default: the current "
                                                          "folder, or the one that holds the clone)")
    to.add_argument("--zip", action="store_true", help="no account there: make the .zip to attach to an issue, and try nothing else")
    how = parser.add_argument_group("how it proceeds")
    how.add_argument("--dry-run", action="store_true", help="check, and show every method and command; change and send nothing")
    how.add_argument("--anew", action="store_true", help="open a new request although an earlier one of this run was closed")
    how.add_argument("--confirm", metavar="CODE", help="a person has read the list that was printed with this code, and "
                                                       "agrees that it becomes public")
    return parser.parse_args(argv)


def read(args: argparse.Namespace, folder: pathlib.Path, root: pathlib.Path) -> Submission:
    """The submission without author and title."""
    from submit import submission
    contents = submission.read(folder)
    manifest = submission.manifest_of(contents, folder)
    handle, device_tag = submission.owner_of(folder, root / "submissions", manifest, (args.handle, args.device_tag))
    return submission.Submission(handle, device_tag, manifest["run_id"], contents, submission.dated(manifest))


def find_destination(args: argparse.Namespace, root: pathlib.Path) -> tuple[Destination, Access]:
    """(destination, access): where it goes, and how git logs in there."""
    from submit import remote_access, remotes
    token = os.environ.get("GITEA_TOKEN", "").strip()
    flags = remotes.RemoteFlags(args.remote, args.upstream, args.fork, args.forge, args.bundle_to, args.zip)
    destination = remotes.find(root, flags, token)
    return destination, remote_access.Access(token, destination.upstream.web)


def with_author(args: argparse.Namespace, submission: Submission, name: str, address: str) -> Submission:
    from submit import submission as words
    author, address = words.as_git_writes(name), words.as_git_writes(address)
    title = args.title or words.title_of(submission.handle, submission.device_tag, submission.run_id)
    words.check_words(author, address, title)
    return replace(submission, author=author, address=address, title=title)


def author_of(args: argparse.Namespace, handle: str, host: str) -> tuple[str, str]:
    """(name, address) of the commit. Those of git's settings are not used, because a commit publishes them for good."""
    from submit import submission as words
    hidden = words.hidden_address(handle, host)
    address = args.author_email or hidden
    if words.is_private(address):
        console.note(f"the address {address} will be public for good; {hidden} would keep it private")
    return args.author_name or handle, address


def with_asked_author(args: argparse.Namespace, attempt: Attempt) -> Attempt:
    """The same with the author that a person names at the terminal, after the list was shown; flags are not asked for again."""
    from submit import submission as words
    before = attempt.push.submission
    name = args.author_name or console.ask("\nAuthor of the commit, public for good", before.author)
    address = args.author_email or console.ask("Address of the author, public for good", before.address)
    submission = with_author(args, before, name, address)
    if submission != before:
        console.say(f"  author      {submission.author} <{submission.address}>")
        if submission.address != before.address and words.is_private(submission.address):
            console.note(f"the address {submission.address} will be public for good; {before.address} would keep it private")
    return replace(attempt, push=replace(attempt.push, submission=submission))


def prepare(args: argparse.Namespace, submission: Submission, root: pathlib.Path) -> tuple[Attempt, EarlierRequest | None]:
    """(attempt, what was sent of this run before or None). Raises UserError where it cannot or must not be sent."""
    from submit import commit, earlier_request, methods, push, remote_access
    destination, access = find_destination(args, root)
    methods.check_upstream(destination)
    submission = with_author(args, submission, *author_of(args, submission.handle, destination.upstream.host))
    base = remote_access.default_branch(root, destination.upstream, access)
    clone = commit.CommitClone(root, access, destination.upstream)
    earlier = earlier_request.find(destination, clone, submission)
    if earlier:
        earlier_request.check(earlier, destination, args.anew)
    number = earlier.number if earlier else 0
    is_open = earlier is not None and earlier.is_open
    sending = push.Push(clone, submission, "", update_of=number if is_open else 0, closed_until=0 if is_open else number)
    return methods.Attempt(destination, sending, base), earlier


def show_offline(args: argparse.Namespace, submission: Submission) -> None:
    from submit import submission as words
    title = args.title or words.title_of(submission.handle, submission.device_tag, submission.run_id)
    preview = replace(submission, author=args.author_name or submission.handle, address=args.author_email or "not chosen yet",
                    title=title)
    console.say(words.format_submission(preview, "not known now, see the error below", []))


def findings_of(args: argparse.Namespace, folder: pathlib.Path, submission: Submission, root: pathlib.Path) -> str | None:
    """The checker's report if it found errors. Only a dry run continues then, since a person looks at the list before agreeing."""
    try:
        check(folder, submission, root)
    except CheckFailed as problem:
        if not args.dry_run:
            raise
        return problem.report
    return None


def check(folder: pathlib.Path, submission: Submission, root: pathlib.Path) -> None:
    """Run the checker on exactly the bytes that would be sent. Raises UserError unless it finds no error."""
    from submit import submission as reader
    if folder == root / pathlib.PurePosixPath(submission.folder):
        report = verdict(root, folder, str(folder))
    else:
        with files.temporary_folder() as temporary:
            staged = temporary / pathlib.PurePosixPath(submission.folder)
            files.make_folder(staged)
            for name, data in submission.contents.items():
                files.replace(staged / name, data)
            report = verdict(root, folder, str(staged))
    if reader.read(folder) != submission.contents:
        raise UserError("the run changed while it was checked", str(folder), "leave it alone, and run this again", FOUND)
    if report:
        console.note(f"{report}\n")


def check_commit(attempt: Attempt) -> None:
    """Check the commit itself as the pull request will be checked: with its author, and together with all other runs."""
    verdict(attempt.push.clone.folder, attempt.push.submission.branch, "--base", attempt.base.commit, "--head",
            attempt.push.commit)


def verdict(root: pathlib.Path, where: str | pathlib.Path, *words: str) -> str:
    """Run the checker as the contributor would; its report. Only exit code 0 is a pass."""
    script = root / "harness" / "check_submission.py"
    if not script.is_file():
        raise UserError("the checker is missing, so nothing was checked or sent", str(script), "update the clone", BROKEN)
    environ = {name: value for name, value in os.environ.items() if name not in git.SECRETS}
    environ["COLUMNS"] = str(text_layout.width())
    place = shell.path(where) if isinstance(where, pathlib.Path) else where
    try:
        done = subprocess.run([sys.executable, "-S", str(script), *words], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=CHECK_S, env=environ)
    except subprocess.TimeoutExpired:
        raise UserError(f"the checker did not end within {CHECK_S} s", str(where), "report it", BROKEN) from None
    has_verdict = done.returncode in (FINE, FOUND)      # then stderr only holds the checker's own `next:` line
    output = done.stdout if has_verdict else done.stdout + done.stderr
    report = output.decode("utf-8", "replace").replace("\r\n", "\n").replace(words[-1], place).replace(shell.path(words[-1]), place).strip()
    if done.returncode == FINE:
        return report
    console.note(f"{report}\n")
    if done.returncode == FOUND:
        raise CheckFailed("the checker found errors; nothing was sent", place, "fix them, then run this again", report)
    raise UserError(f"the checker failed (exit code {done.returncode}); nothing was sent", str(where),
                    "report it with the lines above", BROKEN)


def report_open(attempt: Attempt, earlier: EarlierRequest) -> int:
    """The open request holds exactly these files: nothing to send."""
    from submit import earlier_request, methods
    if earlier.state == earlier_request.UNKNOWN:
        console.say(earlier.page)
        console.note(f"request {earlier.number} holds these five files already; whether it is still open cannot be read from here")
        console.next_step("open the page above and look")
        return FOUND
    outcome = methods.read_back(replace(attempt, push=replace(attempt.push, commit=earlier.commit)), earlier.number)
    return finish(outcome, attempt)


def show(attempt: Attempt, earlier: EarlierRequest | None) -> str:
    """Print the list for the person who decides; returns its confirmation code."""
    from submit import earlier_request, methods, submission as words
    destination, submission = attempt.destination, attempt.push.submission
    update_of = attempt.push.update_of
    target = f"{destination.upstream.public_url}, as a request to merge into {attempt.base.branch}"
    known = methods.methods(destination, submission.branch)
    how = [f"{method.name}: {method.about}" + (f" [not now: {method.missing}]" if method.missing else "")
             for method in known]
    if update_of:
        of = f" of {earlier.owner}" if earlier and earlier.owner else ""
        target = f"{target}: request {update_of}{of}, which is updated"
        how = ["a further commit on the branch of the open request"]
    console.say(words.format_submission(submission, target, how))
    if earlier and earlier.is_open and len(earlier.same) < len(submission.contents):
        console.say("\n" + earlier_request.format_changes(earlier, attempt.push.clone, submission))
    to = [repository.public_url for repository in (destination.upstream, destination.fork) if repository]
    usable = [method.name for method in known if not method.missing]
    return words.code_of(submission, to + [attempt.base.branch, earlier.commit if earlier else ""] + usable)


def show_commands(args: argparse.Namespace, attempt: Attempt, earlier: EarlierRequest | None) -> int:
    from submit import methods
    console.say("\nWithout --dry-run, these commands would run:")
    is_agit = earlier.is_agit if attempt.push.update_of and earlier else None
    for step, commands in methods.commands(attempt, is_agit, earlier.commit if earlier else None):
        console.say(f"\n  {step}:")
        for words in commands:
            console.say("    " + shell.join(words), wrap=True)
    console.say("\nNothing was changed or sent.")
    console.next_step("if all of this may become public (an agent asks its human first): " + shell.command(SCRIPT, *understood(args)))
    return FINE


def not_ready(args: argparse.Namespace, folder: pathlib.Path, report: str) -> int:
    """The last lines of a dry run in which the checker found errors."""
    from judge.report import READY, TICK
    if any(line.startswith(f"{READY}:") for line in report.splitlines()):
        console.note("\nnot ready: only the boxes of the attestation are open. Nothing was changed or sent.")
        console.next_step(f"{TICK}: {shell.command(SCRIPT, *understood(args), '--dry-run')}")
        return FOUND
    console.note("\nnot ready: the checker found errors in this run. Nothing was changed or sent.")
    console.next_step(f"fix them: {shell.command('check_submission.py', run_folder.argument(folder))}")
    return FOUND


def agreed(args: argparse.Namespace, code: str) -> bool:
    """A person's agreement to exactly this list: the answer `yes`, or the code that was printed with it."""
    if args.confirm is not None:
        if args.confirm != code:
            raise UserError("this code does not belong to the list above: something has changed since it was printed",
                            f"--confirm {args.confirm}", f"read the list again; its code is {code}", FOUND)
        return True
    if console.is_terminal():
        if console.ask("\nMay all of this become public? Type yes", "no").lower() == "yes":
            return True
        console.note("nothing was sent; only the whole word yes sends")
        console.next_step(shell.command(SCRIPT, *understood(args)))
        return False
    console.note("\nStopped: nothing was sent. A person has to read the list above, and the five files, and agree that they "
                 "become public.\nAn agent shows both to its human and waits for an answer.")
    console.next_step("only with a person's yes: " + shell.command(SCRIPT, *understood(args), f"--confirm={code}"))
    return False


def understood(args: argparse.Namespace) -> list[str]:
    """The words of this call as they were parsed, without those that are for one call only."""
    words = [args.run]
    for name, value in vars(args).items():
        if name not in ("run", "confirm", "dry_run") and value not in (None, False):
            flag = f"--{name.replace('_', '-')}"
            words.append(flag if value is True else f"{flag}={value}")
    return words


def ask_and_send(args: argparse.Namespace, attempt: Attempt, earlier: EarlierRequest | None, code: str) -> int:
    """Ctrl-C at any question, git's own included, ends with the command that goes on."""
    is_sending = False
    try:
        if console.is_terminal() and args.confirm is None:
            attempt = with_asked_author(args, attempt)
        is_sending = agreed(args, code)
        return send(attempt, earlier) if is_sending else FOUND
    except KeyboardInterrupt:
        console.end_interrupted_line()
        console.note(f"stopped{WITHOUT_ACCOUNT if is_sending and needs_account(attempt) else ''}")
        console.next_step(shell.command(SCRIPT, *understood(args)))
        return INTERRUPTED
    except UserError as problem:
        return log_in_again(args, problem)


def needs_account(attempt: Attempt) -> bool:
    """Whether git asks for a login that nothing has shown to exist; who corrects a request has an account."""
    from submit import methods
    return not attempt.push.update_of and methods.may_ask_for_login(attempt)


def log_in_again(args: argparse.Namespace, problem: UserError) -> int:
    """Print what was wrong with the login, and this command again. Raises every other problem."""
    from submit import remote_access
    if not isinstance(problem, remote_access.LoginProblem):
        raise problem
    console.error(problem)
    console.next_step(shell.command(SCRIPT, *understood(args), *["--dry-run"] * args.dry_run))
    return problem.exit_code


def send(attempt: Attempt, earlier: EarlierRequest | None) -> int:
    from submit import commit, methods, remote_access
    clone, base = attempt.push.clone, attempt.base
    remote_access.fetch(clone.folder, attempt.upstream, base, clone.access)
    previous = earlier.commit if earlier else None
    made = commit.make(clone, base, attempt.push.submission, previous)
    attempt = replace(attempt, push=replace(attempt.push, commit=made))
    check_commit(attempt)
    console.note(f"the commit is {made[:12]}, on branch {attempt.push.submission.branch} of this clone")
    if methods.may_ask_for_login(attempt):
        console.note("git may now ask for your login on the forge" + ("" if attempt.push.update_of else
                     "; without an account press Enter each time, and the run becomes a .zip to attach"))
    outcome = methods.update(attempt, earlier.is_agit) if attempt.push.update_of and earlier else methods.send(attempt, console.note)
    return finish(outcome, attempt)


def finish(outcome: Outcome, attempt: Attempt) -> int:
    from submit import run_status
    clone, branch = attempt.push.clone.folder, attempt.push.submission.branch
    if outcome.done:
        run_status.remember(clone, branch, page=outcome.address, sent=run_status.hashes_of(attempt.push.submission.contents))
    elif outcome.attach_to:
        run_status.remember(clone, branch, file=outcome.address, place=outcome.attach_to)
    console.say(outcome.address)
    console.note(outcome.text)
    step = "wait for a maintainer: nothing merges by itself"
    if not outcome.done:
        console.note("not submitted yet")
        step = ("attach that file (run_benchmark.py --status shows this again)" if outcome.attach_to
                else "open the request as described above")
    console.next_step(step)
    return FINE if outcome.done else FOUND
