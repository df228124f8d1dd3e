"""Compute metadata.json and the generated block of run.md from a run's ledger.

Every figure comes from run.jsonl, so anybody gets the same bytes; what its contributor wrote into run.md stays. A
ledger that is torn or was edited is refused, and nothing is written.
"""
from __future__ import annotations

import argparse
import pathlib

from base import arguments, console, run_folder, shell
from base.errors import FINE, FOUND


def main(argv: list | None = None) -> int:
    args = parse_args(argv)
    folder = run_folder.find(pathlib.Path(args.out) if args.out else run_folder.SUBMISSIONS, args.run)
    manifest = run_folder.read_manifest(folder)
    graders = run_folder.graders_of(run_folder.suites_of(manifest))
    return check(folder, manifest, graders) if args.check else write(folder, manifest, graders)


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = arguments.parser("summarize_run.py", __doc__)
    parser.add_argument("run", metavar="RUN", help="run-<uuid>, its beginning such as run-1a2b3c4d, or its folder")
    parser.add_argument("--out", metavar="FOLDER", help="where runs are (default: submissions/ of this clone)")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; exit 1 where a file differs from what the ledger gives")
    return parser.parse_args(argv)


def write(folder: pathlib.Path, manifest: dict, graders: dict) -> int:
    from derive import derived_files
    from submit import run_status
    derived = derived_files.DerivedFiles(folder, manifest, graders)
    state = run_status.look(folder, run_folder.ROOT, derived.renew)
    metadata = derived.metadata()
    console.say(f"{folder / run_folder.METADATA}\n{folder / run_folder.RUN_MD}")
    console.note(f"{metadata['done']} calls, {metadata['skipped']} skipped; verdict: {metadata['verdict']['verdict'] or 'none'}; "
                 f"{len(metadata['warnings'])} warnings")
    console.next_step(run_status.next_step(state))
    return FINE


def check(folder: pathlib.Path, manifest: dict, graders: dict) -> int:
    from derive import derived_files
    stale = derived_files.stale(folder, manifest, derived_files.metadata(folder, manifest, graders))
    for name in stale:
        console.say(f"{folder / name}: does not match the ledger")
    console.note("nothing was written" + ("" if stale else "; both files match the ledger"))
    console.next_step(shell.command(f"{'summarize_run' if stale else 'check_submission'}.py", run_folder.argument(folder)))
    return FOUND if stale else FINE
