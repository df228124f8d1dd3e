"""Build the catalogue from submissions/: catalogue.json, .csv and .sqlite, a feed and a static site.

Each run is checked as check_submission.py checks it, and every figure is recomputed from its ledger. Rejected runs are
skipped and listed. What has not changed since the last build is reused from <out>.cache, which may be deleted. The old
site is replaced only when the new one is complete.

Exit codes: 0 the site was built, even if runs were rejected; 1 with --strict a run was rejected, or with --with this run;
2 wrong usage, or the site could not be written; 3 a bug in the builder.
"""
from __future__ import annotations

import argparse
import pathlib
import time
from typing import TYPE_CHECKING

from base import arguments, console, run_folder, shell, sources, text_format
from base.errors import BROKEN, FINE, FOUND, UserError

if TYPE_CHECKING:
    from publish import build

DEFAULTS = {"submissions": run_folder.SUBMISSIONS, "out": run_folder.ROOT / "site"}
MAX_LISTED = 20     # rejected runs that are listed


def main(argv: list | None = None) -> int:
    args = parse_args(argv)
    from publish import build
    run = run_folder.find(args.submissions, args.with_run) if args.with_run else None
    draft_id, notes = stage_draft(args, run) if run else ("", [])
    report = build.build(build_options(args, {draft_id: {"notes": notes}} if run else None))
    print_report(report, args.out)
    page = f"runs/{draft_id}.html" if draft_id else ""
    is_refused = any(pathlib.PurePath(folder).name == f"{run_folder.PREFIX}{draft_id}" for folder in report.rejected)
    if is_refused:
        console.note("the draft does not show this run, since the check refuses it")
    elif args.serve is not None:
        serve(args.out, args.serve, page)
    elif draft_id:
        console.say(shell.path(args.out / page))
    console.next_step(next_step_of_run(run) if run and not is_refused else next_step(args, report))
    if any(error["rule"] == "checker-failed" for errors in report.rejected.values() for error in errors):
        return BROKEN
    return FOUND if is_refused or args.strict and report.rejected else FINE


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = arguments.parser("build_catalogue.py", __doc__)
    parser.add_argument("--submissions", type=pathlib.Path, metavar="FOLDER", default=DEFAULTS["submissions"],
                        help="the tree of runs (default: submissions/ of this clone)")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER", default=DEFAULTS["out"],
                        help="the site (default: site/ of this clone)")
    parser.add_argument("--overlay", type=pathlib.Path, metavar="FILE", help="the maintainer's remarks on runs, as JSON")
    parser.add_argument("--with", dest="with_run", metavar="RUN", help="build a draft with this run, which need not be submitted or "
                        "described yet, in site.draft/ beside the site; the published site stays as it is")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a run was rejected")
    parser.add_argument("--afresh", action="store_true", help="ignore the cache of earlier builds")
    parser.add_argument("--jobs", type=int, metavar="N", help="number of processes (default: one for each processor)")
    parser.add_argument("--raw-base", metavar="URL", help="leave the raw files out of the site, and link to them below this https "
                        "address of the clone's root on a forge")
    parser.add_argument("--serve", type=int, metavar="PORT", nargs="?", const=8000,
                        help="then serve the site at http://127.0.0.1:PORT (default: 8000) until Ctrl-C")
    parser.add_argument("--include-synthetic", action="store_true",
                        help="for tests: accept synthetic runs; every page and file says that it is synthetic")
    return parser.parse_args(argv)


def stage_draft(args: argparse.Namespace, run: pathlib.Path) -> tuple[str, list[str]]:
    """Prepare the tree of the draft and let the build use it; the id of its run, and the notes that mark it."""
    from publish import draft
    folder = (run_folder.ROOT / draft.FOLDER if args.out == DEFAULTS["out"] else args.out).absolute()
    if (folder / "catalogue.json").exists():
        raise UserError("this folder is a published site, and a draft must not become a part of it", str(folder),
                        "name another folder with --out")
    if run_folder.read_manifest(run)["synthetic"] and not args.include_synthetic:
        raise UserError("a synthetic run, which measured no machine", args.with_run, "name a measured run, or add --include-synthetic")
    args.submissions, run_id, notes = draft.stage(run, args.submissions.resolve(), folder)
    args.out = folder / "site"
    return run_id, notes


def build_options(args: argparse.Namespace, marked: dict | None = None) -> build.BuildOptions:
    from publish import build, escape, moderation, process_pool
    if not args.submissions.is_dir():
        raise UserError("no such folder", str(args.submissions), "name the tree of runs with --submissions")
    if args.raw_base is not None and not escape.HTTPS.match(args.raw_base):
        raise UserError("not an https address", args.raw_base, "name the folder on the forge that has submissions/, with --raw-base")
    overlay = moderation.read(args.overlay) if args.overlay else None
    if marked:
        overlay = {**(overlay or {}), **marked}
    jobs = args.jobs if args.jobs is not None else process_pool.cores()
    return build.BuildOptions(args.submissions.resolve(), args.out.absolute(), build.version(sources.source_sha256()), overlay,
                       args.include_synthetic, time.time(), jobs, args.afresh, args.raw_base)


def print_report(report: build.BuildReport, out: pathlib.Path) -> None:
    console.say(str(out))
    for folder, errors in list(report.rejected.items())[:MAX_LISTED]:
        console.note(f"rejected: {folder}: {', '.join(dict.fromkeys(error['rule'] for error in errors))}")
    if len(report.rejected) > MAX_LISTED:
        console.note(f"and {len(report.rejected) - MAX_LISTED} more")
    for run_id in report.redacted_absent:
        console.note(f"the overlay hides run {run_id}, which is not there: correct the id; if the run was removed, add "
                     '"removed": true to its entry')
    counted = text_format.counted
    is_reused = report.runs_made < report.shown + report.withheld or report.cells_made < report.cells
    console.note(f"{counted(report.shown, 'run')} shown, {report.withheld} withheld, {len(report.rejected)} rejected; "
                 f"{counted(report.cells, 'cell')}, {counted(report.files, 'file')}; {counted(report.runs_made, 'run')} and "
                 f"{counted(report.cells_made, 'cell')} rebuilt{', the rest reused from cache' if is_reused else ''}")


def next_step_of_run(run: pathlib.Path) -> str:
    """The next step of the run in the draft, as --status names it."""
    from submit import run_status
    return run_status.next_step(run_status.look(run.absolute(), run_folder.ROOT))


def next_step(args: argparse.Namespace, report: build.BuildReport) -> str:
    if report.rejected:
        return shell.command("check_submission.py", args.with_run or next(iter(report.rejected)))
    if args.serve is not None:
        return f"publish {args.out} as it is, without the cache beside it"
    defaults = {name: None for name, value in DEFAULTS.items() if getattr(args, name) == value}
    return shell.same_command("build_catalogue.py", args, **defaults, afresh=None, serve=None) + " --serve"


def serve(out: pathlib.Path, port: int, page: str = "") -> None:
    from publish import serve as preview
    try:
        server = preview.server(out, port)
    except (OSError, OverflowError) as problem:
        raise UserError(f"cannot listen ({getattr(problem, 'strerror', None) or problem})", f"127.0.0.1:{port}",
                        "choose another port with --serve PORT") from None
    with server:
        console.note(f"http://127.0.0.1:{server.server_address[1]}/{page}\nCtrl-C stops it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.end_interrupted_line()
