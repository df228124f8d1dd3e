"""Check runs against every rule: one run, a handle's, the whole tree, or pull requests. No network is used.

Errors must not be merged, and lead to exit code 1. Holds are for a maintainer to look at; holds, warnings and infos do
not change the exit code. 2: wrong usage. 3: the checker itself failed, at least on one run, which is never a pass.
The rules are those of the checkout that this script is in: to check a stranger's branch, stay on the default branch,
fetch theirs, and name it with --head.
"""
from __future__ import annotations

import argparse
import pathlib
import time
from typing import TYPE_CHECKING, Callable, Dict, Iterable, List, Tuple

from base import arguments, console, git, run_folder, shell
from base.errors import BROKEN, FINE, FOUND

if TYPE_CHECKING:       # imported where they are used: --help must not pay for the checker
    from judge.findings import Finding, FindingList, HeadVerdicts
    from judge.git_objects import Clone
    from judge.review import ReviewSheet
    from judge.run_check import RunDocuments
    Keep = Callable[[RunDocuments], None]
GradeTexts = Tuple[str, str]        # of a run without a hold, and of the same run with one

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main(argv: list | None = None) -> int:
    args = parse_args(argv)
    from judge import report
    if args.rules:
        console.say(report.rules())
        console.next_step(shell.command("run_benchmark.py", "--status"))
        return FINE
    from judge.findings import FindingList, HeadVerdicts
    findings = FindingList()
    documents: List[RunDocuments] = []      # of the run, if a single one is checked
    verdicts = HeadVerdicts([], {})
    grades: Dict[str, GradeTexts] = {}      # by run id, for a review
    keep = grade_keeper(grades) if args.review else keep_nothing
    judged = change(args, findings, verdicts, keep) if args.base else folders(args, findings, documents, keep)
    judged = with_grades(judged, grades, findings) if args.review else judged
    if args.json:
        console.say(report.as_json(findings, judged, base_of(args)))
    elif judged or any(findings.counts.values()):
        console.say(with_real_paths(readable(args, judged, findings), places(args)), wrap=True)
    if documents and not args.json:
        console.say("\n".join(grade(documents[0], findings, findings.counts["hold"])), wrap=True)
    if args.base and not judged and not findings.has_errors:
        note_heads_without_runs(args)
    console.next_step(next_step(args, judged, findings, verdicts))
    return BROKEN if findings.has_crashed else FOUND if findings.has_errors else FINE


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = arguments.parser("check_submission.py", __doc__)
    parser.add_argument("paths", nargs="*", metavar="FOLDER",
                        help="a run (run-<uuid>, its beginning such as run-1a2b3c4d, or its folder), a handle's folder, or a whole "
                             "tree (default: submissions/ of this clone)")
    parser.add_argument("--base", metavar="REV", help="check a change: what --head adds since it left this branch or commit")
    parser.add_argument("--head", metavar="REV", action="append",
                        help="the last commit of the change (default: HEAD); repeat it to check several changes together")
    parser.add_argument("--repository", metavar="FOLDER", help="the clone that holds both (default: this one)")
    parser.add_argument("--fix", action="store_true",
                        help="first fix what is safe to fix: metadata.json, the generated block of run.md, a host name "
                             "that identifies somebody; no measurement is touched")
    parser.add_argument("--hostname", metavar="NAME", help="with --fix: write this host name into the manifest")
    parser.add_argument("--json", action="store_true", help="the findings as JSON, for agents and workflows")
    parser.add_argument("--review", action="store_true",
                        help="for maintainers: the runs beside their nearest cells, the findings, and the questions for a "
                             "person")
    parser.add_argument("--rules", action="store_true", help="show every rule and exit")
    args = parser.parse_args(argv)
    if args.base and (args.paths or args.fix):
        parser.error("--base judges commits: it takes no folder, and nothing in a commit can be fixed")
    if args.review and args.json:
        parser.error("--review is for people, --json for programs")
    if args.hostname is not None and not args.fix:
        parser.error("--hostname belongs to --fix")
    return args


def readable(args: argparse.Namespace, judged: list, findings: FindingList) -> str:
    """The report for people, with --review within the maintainer's page."""
    from judge import report
    text = report.as_text(findings, judged, is_tracked, args.review, base_of(args))
    if not args.review:
        return text
    from judge import review
    return review.render(judged, findings, text, ROOT / "submissions")


def keep_nothing(documents: RunDocuments) -> None:
    """Outside of a review nothing that was read is needed any more."""


def base_of(args: argparse.Namespace) -> str:
    """The base as a command names it."""
    from judge.findings import BASE
    return shell.join([args.base]) if args.base else BASE


def places(args: argparse.Namespace) -> List[pathlib.Path]:
    """The folders that were named, by a path or by the beginning of a run's name."""
    named = [pathlib.Path(text) for text in args.paths]
    return [run_folder.find(ROOT / run_folder.TREE, str(path)) if str(path).startswith(run_folder.PREFIX) and not path.exists() else path
            for path in named]


def with_real_paths(text: str, paths: List[pathlib.Path]) -> str:
    """The report of runs that are not in submissions/ of this clone, with the paths where they are."""
    from judge import tree
    for part in map(tree.part_of, paths):
        if part.path.count("/") == 3 and part.folder != ROOT / part.path:
            text = text.replace(part.path, shell.path(part.folder))
    return text


def is_tracked(path: str) -> bool:
    """Whether git has this file; paths of findings begin at the clone's root."""
    return git.line(ROOT, "ls-files", "--error-unmatch", "--", path) is not None


def change(args: argparse.Namespace, findings: FindingList, verdicts: HeadVerdicts, keep: Keep) -> list:
    from judge import change as pull_request
    clone = clone_of(args)
    leave_out_merged(clone, args)
    return pull_request.check_all(clone, args.base, args.head or ["HEAD"], ROOT / "submissions", findings, time.time(), verdicts, keep)


def clone_of(args: argparse.Namespace) -> Clone:
    from judge.git_objects import Clone
    return Clone(pathlib.Path(args.repository) if args.repository else ROOT)


def note_heads_without_runs(args: argparse.Namespace) -> None:
    from judge import change as pull_request
    for head in args.head or ["HEAD"]:
        console.note(pull_request.without_runs(clone_of(args), args.base, head))


def leave_out_merged(clone: Clone, args: argparse.Namespace) -> None:
    """Name the heads that were merged since they were last reviewed together; --head keeps the others."""
    from judge import change as pull_request
    heads = args.head or []
    merged = [head for head in heads if clone.is_merged(head, args.base)] if len(heads) > 1 else []
    if len(merged) < len(heads):
        for head in merged:
            console.note(pull_request.without_runs(clone, args.base, head))
        if merged:
            console.note("")        # the review follows
        args.head = [head for head in heads if head not in merged]


def folders(args: argparse.Namespace, findings: FindingList, documents: List[RunDocuments], keep: Keep) -> list:
    from judge import autofix, tree, tree_layout
    parts = [tree.part_of(path) for path in places(args) or [ROOT / run_folder.TREE]]
    for part in parts if args.fix else ():
        for line in autofix.host_names(part, args.hostname):
            console.note(line)
    is_one_run = len(parts) == 1 and parts[0].path.count("/") == 3 and parts[0].path != tree_layout.EXAMPLE
    keepers: List[Keep] = [keep] + ([documents.append] if is_one_run else [])

    def keep_all(run_documents: RunDocuments) -> None:
        for keeper in keepers:
            keeper(run_documents)
    return tree.check_all(parts, findings, time.time(), keep_all, fix_derived_files if args.fix else None)


def grade_keeper(grades: Dict[str, GradeTexts]) -> Keep:
    """What puts the grades that each run of a review can have into `grades`: a hold may be found after the run was checked."""
    from publish import run_grade

    def keep(documents: RunDocuments) -> None:
        if documents.manifest is not None:
            grades[documents.manifest["run_id"]] = run_grade.in_short(documents, False), run_grade.in_short(documents, True)
    return keep


def with_grades(judged: List[ReviewSheet], grades: Dict[str, GradeTexts], findings: FindingList) -> List[ReviewSheet]:
    """The sheets with the grades of the runs that could be read."""
    from judge.findings import run_of
    from judge.rules import CONTRIBUTOR_RULES
    from publish.run_grade import NO_GRADE
    refused = {run_of(finding) for finding in findings if finding.severity == "error" and finding.rule not in CONTRIBUTOR_RULES}
    held = {run_of(finding) for finding in findings if finding.severity == "hold"}
    sheets = []
    for sheet in judged:
        path, texts = sheet.place.path, grades.get(sheet.place.run_id, ("", ""))
        text = texts[path in held] and (NO_GRADE if path in refused else texts[path in held])
        sheets.append(sheet._replace(facts=(*sheet.facts, ("grade", text))) if text else sheet)
    return sheets


def grade(documents: RunDocuments, findings: Iterable[Finding], holds: int) -> List[str]:
    """What the catalogue would make of the run, if only the contributor's own words are missing."""
    from judge.rules import CONTRIBUTOR_RULES
    from publish import run_grade
    if any(finding.severity == "error" and finding.rule not in CONTRIBUTOR_RULES for finding in findings):
        return [f"grade in the catalogue: {run_grade.NO_GRADE}"]
    return run_grade.lines(documents, holds)


def next_step(args: argparse.Namespace, judged: list, findings: FindingList, verdicts: HeadVerdicts) -> str:
    """After errors: run this again; after a change: review it; else submit the one run that was checked, or have its boxes ticked."""
    from judge import report
    if args.base and not judged and not findings.has_errors:
        heads = [head for head in args.head or ["HEAD"] if not clone_of(args).is_merged(head, args.base)]
        return f"look at what it changes: git diff {shell.join([f'{args.base}...{heads[0]}'])}" if heads else "close the request, if it is still open"
    if findings.has_errors and only_removes_runs(findings):
        return ('if this redacts a run, an administrator merges it although the check refuses it: "Redacting a run" in '
                f"harness/MAINTAINING.md; if not, apply the fixes above, then rerun: {again(args)}")
    if args.review:
        return after_review(args, findings, verdicts if args.base else verdicts_of_runs(judged, findings))
    is_one_run = len(judged) == 1 and len(args.paths) == 1
    if findings.has_errors and not (is_one_run and findings.waits_for_person):
        return f"apply the fixes above, then rerun: {again(args)}"
    if args.base:
        return again(args, is_review=True)
    if not is_one_run or judged[0].place.is_example:
        return shell.command("run_benchmark.py", "--status")
    place = judged[0].place
    named = places(args)[0].resolve()
    folder = named if named.name == place.name else ROOT / place.path
    base = merged_to(folder)
    if base and not findings.has_errors:
        return f"nothing to do: {base} has this run"
    command = shell.command("submit_run.py", run_folder.argument(folder), "--dry-run")
    return f"{report.TICK}: {command}" if findings.has_errors else command


def merged_to(folder: pathlib.Path) -> str:
    """The main branch that has this run with the same files; empty where there is none."""
    if not folder.is_relative_to(ROOT):
        return ""
    path = folder.relative_to(ROOT).as_posix()
    has_upstream = "upstream" in (git.line(ROOT, "remote") or "").split()
    base = "upstream/main" if has_upstream else git.line(ROOT, "rev-parse", "--abbrev-ref", "origin/HEAD") or "main"
    has_run = bool(git.line(ROOT, "ls-tree", "--name-only", base, "--", path))
    return base if has_run and git.line(ROOT, "diff", "--quiet", base, "--", path) is not None else ""


def only_removes_runs(findings: FindingList) -> bool:
    """Whether every error is a whole run that is removed, as in a redaction."""
    from judge.findings import removes_a_run
    return all(removes_a_run(finding) for finding in findings if finding.severity == "error")


def verdicts_of_runs(judged: List[ReviewSheet], findings: FindingList) -> HeadVerdicts:
    """The verdicts of runs that are reviewed in a folder, by the beginnings of their names."""
    from judge.findings import HeadVerdicts, run_of
    verdicts = HeadVerdicts([], {})
    for place in [sheet.place for sheet in judged]:
        verdicts.add(place.name[:run_folder.SHORT_NAME], [finding for finding in findings if run_of(finding) == place.path])
    return verdicts


def after_review(args: argparse.Namespace, findings: FindingList, verdicts: HeadVerdicts) -> str:
    """What a maintainer does with each head, or with each run of a folder: merge it, have its holds explained, or review it again."""
    heads = args.head or ["HEAD"]
    refused, held = verdicts.refused, {head: rules for head, rules in verdicts.held.items() if head not in verdicts.refused}
    removed = [head for head, rules in held.items() if "name-removed" in rules]
    unexplained = [f"{head} ({', '.join(rule for rule in rules if rule != 'name-removed')})" for head, rules in held.items() if rules != ["name-removed"]]
    good = [head for head in heads if head not in refused and head not in held] if args.base else ["the others"]
    steps = []
    if good:
        which = f" {', '.join(good)}" if refused or held else ""
        steps.append(f"answer the questions above, then merge{which} with a merge commit, or ask in the request")
    if unexplained:
        steps.append(f"do not merge {', '.join(unexplained)} before that is explained: ask in the request{'s' if len(unexplained) > 1 else ''}")
    if removed:
        steps.append(f'do not merge {", ".join(removed)} before you know why {args.base} removed the run: "Redacting a run" in harness/MAINTAINING.md')
    if findings.has_errors:
        whom = f"the contributor{'s' if len(refused) > 1 else ''} of {', '.join(refused)}" if len(heads) > 1 else "the contributor"
        fetched = " ".join(f"refs/pull/N/head:{head}" for head in refused)
        fetch = f"git fetch origin {fetched}, then " if args.base else ""
        steps.append(f"ask {whom} for the fixes above; after an update: {fetch}{again(args, refused)}")
    return "; ".join(steps)


def again(args: argparse.Namespace, heads: List[str] | None = None, is_review: bool = False) -> str:
    """The same check once more, of these heads; or the review that follows it."""
    heads = heads or args.head or ["HEAD"]
    changes = ["--base", args.base, *(word for head in heads for word in ("--head", head))] if args.base else []
    changes += ["--repository", args.repository] if args.repository else []
    return shell.command("check_submission.py", *(["--review"] if args.review or is_review else []), *args.paths, *changes)


def fix_derived_files(folder: pathlib.Path, metadata: dict | None) -> None:
    """Fix a run's derived files as far as that is safe; the rest is reported, and then checked."""
    from judge import autofix
    for line in autofix.derived(folder, metadata):
        console.note(line)
