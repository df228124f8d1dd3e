#!/usr/bin/env python3
"""Build the catalogue: submissions/ becomes catalogue.json, .csv and .sqlite, a feed and a static site.

Each run is judged as check_submission.py judges it, and every figure is computed anew from its ledger. A run that is
refused is left out and said. What has not changed since the build before is kept (in <out>.cache, which may be
deleted); the old site stays until the new one is whole.

Exit codes: 0 the site is there, whatever was left out; 1 with --strict, a run was refused; 2 wrong usage, or the site
could not be written; 3 the builder itself failed.
"""
from __future__ import annotations

import argparse
import contextlib
import pathlib
import shlex
import time

from base import console
from base.errors import FINE, FOUND, UserError

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFAULTS = {"submissions": ROOT / "submissions", "out": ROOT / "site"}
SHOWN = 20          # refused runs that are named one by one


def main(argv: list | None = None) -> int:
    args = parse_args(argv)
    from publish import build
    report = build.build(order_of(args))
    tell(report, args.out)
    if args.serve is not None:
        serve(args.out, args.serve)
    console.lead_on(next_step(args, report))
    return FOUND if args.strict and report.refused else FINE


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="build_catalogue.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=pathlib.Path, metavar="FOLDER", default=DEFAULTS["submissions"],
                        help="the tree of runs (default: submissions/ of this clone)")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER", default=DEFAULTS["out"],
                        help="the site (default: site/ of this clone)")
    parser.add_argument("--overlay", type=pathlib.Path, metavar="FILE", help="what the maintainer says about runs, as JSON")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a run was refused")
    parser.add_argument("--afresh", action="store_true", help="keep nothing of the build before")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one for each processor)")
    parser.add_argument("--serve", type=int, metavar="PORT", nargs="?", const=8000,
                        help="then show the site at http://127.0.0.1:PORT (default: 8000) until Ctrl-C")
    parser.add_argument("--include-synthetic", action="store_true",
                        help="for tests: let in runs of no machine; every page and file says that it is synthetic")
    return parser.parse_args(argv)


def order_of(args: argparse.Namespace) -> object:
    from measure import run_setup
    from publish import build, moderation, process_pool
    if not args.submissions.is_dir():
        raise UserError("no such folder", str(args.submissions), "name the tree of runs with --submissions")
    said = moderation.read(args.overlay) if args.overlay else None
    jobs = args.jobs if args.jobs is not None else process_pool.cores()
    return build.Order(args.submissions.resolve(), args.out.absolute(), build.version(run_setup.source_sha256()), said,
                       args.include_synthetic, time.time(), jobs, args.afresh)


def tell(report: object, out: pathlib.Path) -> None:
    console.say(str(out))
    for folder, errors in list(report.refused.items())[:SHOWN]:
        console.note(f"refused: {folder}: {', '.join(dict.fromkeys(error['rule'] for error in errors))}")
    if len(report.refused) > SHOWN:
        console.note(f"and {len(report.refused) - SHOWN} more")
    shown = f"{report.shown} run{'' if report.shown == 1 else 's'} shown"
    console.note(f"{shown}, {report.withheld} withheld, {len(report.refused)} refused; {report.cells} cells, "
                 f"{report.files} files; {report.runs_made} runs and {report.cells_made} cells were worked on, others kept")


def next_step(args: argparse.Namespace, report: object) -> str:
    if report.refused:
        return f"python harness/check_submission.py {shlex.quote(next(iter(report.refused)))}"
    if args.serve is not None:
        return f"publish {args.out} as it is, and nothing beside it"
    words = ["python", "harness/build_catalogue.py"]
    for name, value in vars(args).items():
        if name not in ("serve", "afresh") and value not in (None, False, DEFAULTS.get(name)):
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return " ".join(map(shlex.quote, [*words, "--serve"]))


def serve(out: pathlib.Path, port: int) -> None:
    from publish import serve as loopback
    try:
        server = loopback.server(out, port)
    except (OSError, OverflowError) as problem:
        raise UserError(f"cannot listen there ({getattr(problem, 'strerror', None) or problem})", f"127.0.0.1:{port}",
                        "choose another port with --serve PORT") from None
    with server, contextlib.suppress(KeyboardInterrupt):
        console.note(f"http://127.0.0.1:{server.server_address[1]}/  Ctrl-C ends it")
        server.serve_forever()


if __name__ == "__main__":
    raise SystemExit(console.guarded(main))
