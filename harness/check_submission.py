#!/usr/bin/env python3
"""Judge runs by every rule: one run, a handle's, the whole tree, or a pull request. No network is used.

Errors are what must not be merged, and lead to exit code 1. Holds are for a maintainer to look at, warnings and infos
to be known; neither changes the exit code. 2: wrong usage. 3: the checker itself failed, which is never a pass.
The verdict is that of the checkout this script stands in: to judge a stranger's branch, stay on the default branch,
fetch theirs, and name it with --head.
"""
from __future__ import annotations

import argparse
import pathlib
import time

from base import console, shell
from base.errors import FINE, FOUND

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main(argv: list | None = None) -> int:
    args = parse_args(argv)
    from judge import report
    if args.rules:
        console.say(report.rules())
        console.lead_on(shell.command("run_benchmark.py", "--status"))
        return FINE
    from judge import findings
    docket = findings.FindingList()
    judged = change(args, docket) if args.base else folders(args, docket)
    said = report.as_json(docket, judged) if args.json else report.as_text(docket, judged)
    if args.review:
        from judge import review
        said = review.render(judged, docket, said, ROOT / "submissions")
    console.say(said)
    console.lead_on(next_step(args, judged, docket))
    return FOUND if docket.has_errors else FINE


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="check_submission.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", metavar="FOLDER",
                        help="a run's folder, a handle's, or a whole tree (default: submissions/ of this clone)")
    parser.add_argument("--base", metavar="REV", help="judge a change: what --head adds since it left this branch or commit")
    parser.add_argument("--head", metavar="REV", default="HEAD", help="the last commit of the change (default: HEAD)")
    parser.add_argument("--repository", metavar="FOLDER", help="the clone that holds both (default: this one)")
    parser.add_argument("--fix", action="store_true",
                        help="first mend what is safe to mend: metadata.json, the generated block of run.md, a host name "
                             "that tells too much; nothing that was measured is touched")
    parser.add_argument("--hostname", metavar="NAME", help="with --fix: write this host name into the manifest")
    parser.add_argument("--json", action="store_true", help="the verdict as JSON, for agents and workflows")
    parser.add_argument("--review", action="store_true",
                        help="for maintainers: the runs beside their nearest cells, the findings, and what a person has to "
                             "answer")
    parser.add_argument("--rules", action="store_true", help="show every rule and exit")
    args = parser.parse_args(argv)
    if args.base and (args.paths or args.fix):
        parser.error("--base judges commits: it takes no folder, and nothing in a commit can be mended")
    if args.review and args.json:
        parser.error("--review is for people, --json for programs")
    if args.hostname is not None and not args.fix:
        parser.error("--hostname belongs to --fix")
    return args


def change(args: argparse.Namespace, docket: object) -> list:
    from judge import change as pull_request
    from judge.git_objects import Clone
    clone = Clone(pathlib.Path(args.repository) if args.repository else ROOT)
    return pull_request.check(clone, args.base, args.head, ROOT / "submissions", docket, time.time())


def folders(args: argparse.Namespace, docket: object) -> list:
    from judge import tree
    parts = [tree.part_of(pathlib.Path(path)) for path in args.paths or [ROOT / "submissions"]]
    judged = []
    for part in parts:
        if args.fix:
            fix(part, args.hostname)
        judged += tree.check(part, docket, time.time())
    return judged


def next_step(args: argparse.Namespace, judged: list, docket: object) -> str:
    """What an error's own advice leaves open: to come back; else to submit the one run that was judged."""
    if docket.has_errors:
        return f"apply the fixes above, then rerun: {again(args)}"
    if len(judged) != 1 or len(args.paths) != 1 or judged[0].place.is_example:
        return shell.command("run_benchmark.py", "--status")
    place = judged[0].place
    named = args.paths[0] if pathlib.Path(args.paths[0]).resolve().name == place.name else shell.path(ROOT / place.path)
    return shell.command("submit_run.py", named, "--dry-run")


def again(args: argparse.Namespace) -> str:
    return shell.command("check_submission.py", *args.paths, *(["--base", args.base, "--head", args.head] if args.base else []))


def fix(part: object, hostname: str | None) -> None:
    """Mend each run as far as that is safe; what could not be mended is said, and then judged."""
    from judge import autofix
    for line in autofix.part(part, hostname):
        console.note(line)


if __name__ == "__main__":
    raise SystemExit(console.guarded(main))
