#!/usr/bin/env python3
"""Compare two runs call by call: in what they differ, and by how much B is faster or slower than A.

Each figure is the median ratio B/A over calls that asked the same, with its 95 % interval. Two runs of one machine
with the same models and knobs tell its noise floor; a difference below that is none.
"""
from __future__ import annotations

import argparse
import pathlib
from typing import TYPE_CHECKING

from base import console, names
from base.errors import FINE, FOUND, UserError

if TYPE_CHECKING:        # --help must not pay for these
    from derive.run_diff import Side
    from derive.summary import CallObserver


def main(argv: list | None = None) -> int:
    args = parse_args(argv)
    from base import run_folder
    from derive import comparison_text, paired_comparison
    out = pathlib.Path(args.out) if args.out else run_folder.SUBMISSIONS
    folders = [run_folder.find(out, text) for text in (args.a, args.b)]
    manifests = [run_folder.read_manifest(folder) for folder in folders]
    graders, remembered = shared_graders(manifests), paired_comparison.Remembered(wanted_model(args.model, manifests))
    a = side(folders[0], manifests[0], graders, remembered)
    pairs = paired_comparison.Pairs(remembered)
    b = side(folders[1], manifests[1], graders, pairs)
    found = paired_comparison.document(a, b, pairs)
    console.say(text_of(found) if args.json else comparison_text.render(found))
    return close(a, b, found)


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare_runs.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", metavar="A", help="run-<uuid> or its folder: what B is held against")
    parser.add_argument("b", metavar="B", help="the other run")
    parser.add_argument("--model", metavar="NAME", help="only this model (default: all that both have)")
    parser.add_argument("--json", action="store_true", help="the whole comparison as JSON")
    parser.add_argument("--out", metavar="FOLDER", help="where runs are (default: submissions/ of this clone)")
    return parser.parse_args(argv)


def wanted_model(name: str | None, manifests: list) -> str | None:
    """The key of the one model that is asked for; None for all."""
    known = [model["name"] for manifest in manifests for model in manifest["models"]]
    if name is not None and names.model_key(name) not in map(names.model_key, known):
        raise UserError("neither run has this model", f"--model {name}", f"they have {', '.join(dict.fromkeys(known))}")
    return name and names.model_key(name)


def shared_graders(manifests: list) -> dict:
    """item: its grader, in the suites that both runs used; a suite that this clone lacks leaves its answers out."""
    from base import suites
    used = [{(suite["phase"], suite["sha256"]) for suite in manifest["suites"]} for manifest in manifests]
    found: dict = {}
    for phase, sha256 in sorted(used[0] & used[1]):
        try:
            found.update((item.id, item.grader) for item in suites.load_by_sha256(phase, sha256).items)
        except UserError as problem:
            console.note(f"answers of {phase} are not compared: {problem}")
    return found


def side(folder: pathlib.Path, manifest: dict, graders: dict, observer: CallObserver) -> Side:
    """One run, read in one pass, reported to the observer call by call."""
    from derive import derived_files, run_diff
    return run_diff.Side(manifest, derived_files.metadata(folder, manifest, graders, observer), hardware_of(folder))


def hardware_of(folder: pathlib.Path) -> dict | None:
    from base import run_folder
    path = folder / run_folder.HARDWARE
    return run_folder.read_json(path) if path.exists() else None


def text_of(found: dict) -> str:
    from base import schema
    return schema.pretty(found).decode("ascii").rstrip("\n")


def close(a: Side, b: Side, found: dict) -> int:
    """What else is to be known, and the one command that makes sense next; the exit code."""
    for name, here in (("A", a), ("B", b)):
        if not here.metadata["complete"]:
            console.note(f"{name} is not finished: what it has is compared")
    if found["same_run"]:
        console.note("A and B are the same run: this tells nothing but that it equals itself")
    if not found["comparable"]:
        raise UserError("no call of one run may be held against a call of the other", "A and B",
                        "compare runs of the same models, phases and knobs", FOUND)
    console.lead_on(next_command(a, b, found))
    return FINE


def next_command(a: Side, b: Side, found: dict) -> str:
    """To finish what is not finished; else to learn what a difference has to exceed."""
    from derive import run_report
    if found["synthetic"] or found["same_run"]:
        return "name two runs of machines that were measured"
    for name, here in (("A", a), ("B", b)):
        if not here.metadata["complete"]:
            return f"on the machine of {name}: python harness/run_benchmark.py --resume run-{here.metadata['run_id']}"
    if found["noise_floor"]:
        return "hold this machine against another one: python harness/compare_runs.py A B"
    return f"for the noise floor, on the machine of B once more: {run_report.command(b.manifest, b.metadata)}"


if __name__ == "__main__":
    raise SystemExit(console.guarded(main))
