"""Compare two runs call by call: how they differ, and by how much B is faster or slower than A; or show where one run ranks.

With two runs, each figure is the median ratio B/A over calls that asked the same, with its 95 % interval. Two runs of one
machine with the same models and settings show its noise floor; a smaller difference means nothing.

With one run, its figures are shown among the runs of this clone: the same models on other devices, and other models on this
device.
"""
from __future__ import annotations

import argparse
import pathlib
from typing import TYPE_CHECKING

from base import arguments, console, names, run_folder, shell
from base.errors import FINE, FOUND, UserError

if TYPE_CHECKING:        # --help must not pay for these
    from derive.run_diff import ComparedRun
    from derive.summary import CallObserver


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from base import json_text
    from derive import comparison_text, paired_comparison
    out = pathlib.Path(args.out) if args.out else run_folder.SUBMISSIONS
    if args.b is None:
        return show_position(run_folder.find(out, args.a), out)
    folders = [run_folder.find(out, text) for text in (args.a, args.b)]
    manifests = [run_folder.read_manifest(folder) for folder in folders]
    graders, baseline = shared_graders(manifests), paired_comparison.BaselineCalls(wanted_model(args.model, manifests))
    a = side(folders[0], manifests[0], graders, baseline)
    pairs = paired_comparison.PairedCalls(baseline)
    b = side(folders[1], manifests[1], graders, pairs)
    comparison = paired_comparison.document(a, b, pairs)
    as_json = json_text.pretty(comparison).decode("ascii").rstrip("\n") if args.json else ""
    console.say(as_json or comparison_text.render(comparison), wrap=not args.json)
    return close(a, b, comparison)


def show_position(folder: pathlib.Path, tree: pathlib.Path) -> int:
    from derive import derived_files, run_position
    manifest = run_folder.read_manifest(folder)
    metadata = derived_files.metadata(folder, manifest, {})
    others = list(run_position.others_in(tree, metadata["run_id"]))
    text = run_position.render(metadata, others)
    console.say(text or "no figures: this run did not measure the frozen prompts")
    if metadata["synthetic"]:
        console.note("synthetic: no machine was measured")
    if not others:
        console.note(no_others(tree))
    console.next_step(f"to see it as a page: {shell.command('build_catalogue.py', '--with', run_folder.argument(folder), '--serve')}")
    return FINE


def no_others(tree: pathlib.Path) -> str:
    """Why there is nothing to compare with, and the command that changes it if there is one."""
    from base import other_runs
    if tree.resolve() != run_folder.SUBMISSIONS:
        return "there are no other runs in this folder"
    if other_runs.state() == other_runs.LEFT_OUT:
        return f"the runs of others are not in this sparse clone; this gets them: {other_runs.TO_GET_THEM}"
    return "no other run is in this clone"


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = arguments.parser("compare_runs.py", __doc__)
    parser.add_argument("a", metavar="A", help="run-<uuid>, its beginning, or its folder: the baseline run, or the only one")
    parser.add_argument("b", metavar="B", nargs="?", help="the run that is compared with A (default: show where A ranks)")
    parser.add_argument("--model", metavar="NAME", help="only this model (default: all that both have)")
    parser.add_argument("--json", action="store_true", help="the whole comparison as JSON")
    parser.add_argument("--out", metavar="FOLDER", help="where runs are (default: submissions/ of this clone)")
    args = parser.parse_args(argv)
    if args.b is None and (args.json or args.model):
        parser.error("--json and --model need two runs")
    return args


def wanted_model(name: str | None, manifests: list[dict]) -> str | None:
    """The key of the one model that is asked for; None for all."""
    known = [model["name"] for manifest in manifests for model in manifest["models"]]
    if name is not None and names.model_key(name) not in map(names.model_key, known):
        raise UserError("neither run has this model", f"--model {name}", f"they have {', '.join(dict.fromkeys(known))}")
    return name and names.model_key(name)


def shared_graders(manifests: list[dict]) -> dict[str, dict | None]:
    """item: its grader, in the suites that both runs used; a suite that this clone lacks leaves its answers out."""
    from base import suites
    used = [{(suite["phase"], suite["sha256"]) for suite in manifest["suites"]} for manifest in manifests]
    graders: dict[str, dict | None] = {}
    for phase, sha256 in sorted(used[0] & used[1]):
        try:
            graders.update((item.id, item.grader) for item in suites.load_by_sha256(phase, sha256).items)
        except UserError as problem:
            console.note(f"answers of {phase} are not compared: {problem}")
    return graders


def side(folder: pathlib.Path, manifest: dict, graders: dict, observer: CallObserver) -> ComparedRun:
    """One run, read in one pass, reported to the observer call by call."""
    from derive import derived_files, run_diff
    path = folder / run_folder.HARDWARE
    hardware = run_folder.read_json(path) if path.exists() else None
    return run_diff.ComparedRun(manifest, derived_files.metadata(folder, manifest, graders, observer), hardware)


def close(a: ComparedRun, b: ComparedRun, comparison: dict) -> int:
    """Notes, and the one command that comes next; the exit code."""
    for name, run in (("A", a), ("B", b)):
        if not run.metadata["complete"]:
            console.note(f"{name} is not finished: only the calls that it has are compared")
    if comparison["same_run"]:
        console.note("A and B are the same run, so nothing can differ")
    if not comparison["comparable"]:
        raise UserError("no call of one run can be compared with a call of the other", "A and B",
                        "compare runs of the same models, phases and settings", FOUND)
    console.next_step(next_command(a, b, comparison))
    return FINE


def next_command(a: ComparedRun, b: ComparedRun, comparison: dict) -> str:
    """Finish what is not finished, else measure the noise floor."""
    from derive import run_report
    if comparison["same_run"]:
        return "name two different runs"
    if comparison["synthetic"]:
        return "name two runs of machines that were measured"
    for name, run in (("A", a), ("B", b)):
        if not run.metadata["complete"]:
            return f"on the machine of {name}: python harness/run_benchmark.py --resume run-{run.metadata['run_id']}"
    if comparison["noise_floor"]:
        return f"compare this machine with another one: {shell.command('compare_runs.py', 'A', 'B')}"
    return f"for the noise floor, on the machine of B once more: {run_report.command(b.manifest, b.metadata)}"
