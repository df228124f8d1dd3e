"""The review: one page for the maintainer who decides. What no rule can decide is asked as a question."""
from __future__ import annotations

import pathlib
from collections import Counter
from typing import Collection, Dict, Iterator, List, NamedTuple, Optional, Tuple

from base import names, run_folder, text_format, text_layout
from base.errors import UserError
from base.hardware_view import HardwareView
from base.phases import FROZEN
from derive import headline, context_text, thinking_table
from derive.headline import HEADLINE
from judge import tree_layout
from judge.findings import FindingList, shown
from judge.rules import RULES

TITLES = ["model", "run", *(HEADLINE[name].title for name in headline.SHOWN), "decode, this / that"]
ALWAYS = (
    "Does the device tag name the machine that hardware.json describes, in the way that others would name it?",
    "Did the person who measured write run.md, and is it fit to be public?",
    "Does the handle imitate somebody else?",
)
QUESTIONS = {       # rule: what only a person can decide about its finding
    "physics-duplicate": "Is this a copy of another run, or of a part of one, under a new name?",
    "physics-date": "Was the machine's clock wrong, and does it matter?",
    "physics-clock": "Was the machine's clock set, or did it sleep, while it was measured?",
    "privacy-answer": "Did the model invent this, or did it get it from a prompt?",
    "privacy-answer-key": "Did the model invent this address or key, or does it belong to somebody?",
    "privacy-author": "Does the author know that the address stays public forever?",
    "privacy-host-name": "Does the contributor want this host name to be public?",
    "runmd-agent": "Is this text written for a person, or does it give orders to an agent?",
    "protocol-forwarded": "On which machine does the server run?",
    "protocol-unknown-commit": "Which harness measured: a fork's, or one whose commit is not there any more?",
    "protocol-harness": "What was changed in the harness, and does it change a figure?",
    "protocol-anchor": "Without the frozen prompts drift cannot be seen: is the run worth keeping?",
}


class ReviewFigures(NamedTuple):
    """The headline figures of one model of a run, by their names."""
    run: str
    cell_id: Optional[str]
    model: str
    digest: str
    stats: Dict[str, Optional[dict]]


class ReviewSheet(NamedTuple):
    """What a maintainer sees of one run. `facts` are pairs of name and value."""
    place: tree_layout.RunPlace
    facts: Tuple[Tuple[str, str], ...]
    figures: Tuple[ReviewFigures, ...]


def sheet(place: tree_layout.RunPlace, manifest: Optional[dict], hardware: Optional[dict],
          metadata: Optional[dict]) -> ReviewSheet:
    """The sheet of a run; a file that could not be read is None."""
    facts: List[Tuple[str, str]] = []
    if manifest is not None:
        state = {False: "unmodified", True: "modified", None: "not known whether modified"}[manifest["harness_modified"]]
        server = f"{manifest['server_name']} {manifest['server_version']} at {manifest['target']}"
        facts += [("began", manifest["started_at"]), ("server", server), ("harness", f"{manifest['harness_version']}, {state}"),
                  ("host name", manifest["host_hostname_short"])]
    if hardware is not None and hardware["cpu"]:
        view = HardwareView(hardware)
        cards = [card.name or "a card without a name" for card in view.accelerators or []]
        facts.append(("machine", " + ".join([view.cpu_model or "processor unknown", *cards])))
    if metadata is not None:
        facts.append(("verdict", f"{metadata['verdict']['verdict'] or 'none'}: {metadata['verdict']['why']}"))
        facts += [("thinking", f"{row[0]}, {row[1]}: {row[3]} right plainly, {row[4]} with thinking ({row[2]}), difference {row[5]}")
                  for row in thinking_table.rows(metadata)]
        facts += [("context", f"{model}: {sentence}") for model, sentence in context_text.lines(metadata)]
        facts.append(("warnings", ", ".join(dict.fromkeys(row["code"] for row in metadata["warnings"])) or "none"))
    return ReviewSheet(place, tuple(facts), tuple(figures_of(place.path, metadata) if metadata is not None else ()))


def figures_of(run: str, metadata: dict) -> Iterator[ReviewFigures]:
    """The figures of each model that answered the frozen prompts."""
    digests = {model["model"]: model["digest"] for model in metadata["models"]}
    for row in metadata["aggregates"]:
        if row["phase"] == FROZEN:
            stats = {name: headline.stat_of(name, {FROZEN: row}) for name in headline.SHOWN}
            yield ReviewFigures(run, row["cell_id"], row["model"], digests.get(row["model"], ""), stats)


def existing(tree: pathlib.Path, leave_out: Collection[str]) -> Iterator[ReviewFigures]:
    """The figures of the runs in the tree, from their own metadata.json; unreadable ones are skipped."""
    for path in sorted(tree.glob(f"*/*/run-*/{run_folder.METADATA}")):
        run = f"{run_folder.TREE}/{path.parent.relative_to(tree).as_posix()}"
        if run in leave_out:
            continue
        try:
            metadata = run_folder.read_record(path, "metadata")
        except UserError:
            continue
        if not metadata["synthetic"]:
            yield from figures_of(run, metadata)


def nearest(mine: ReviewFigures, others: List[ReviewFigures], most: int = 3) -> List[ReviewFigures]:
    """Runs of the same cell first, then of the same model on other machines; runs with the same digest come first."""
    key = names.model_key(mine.model)
    same = [other for other in others if other.run != mine.run
            and (other.cell_id == mine.cell_id or names.model_key(other.model) == key)]
    return sorted(same, key=lambda other: (other.cell_id != mine.cell_id, other.digest != mine.digest, other.run))[:most]


def render(sheets: List[ReviewSheet], findings: FindingList, report_text: str, tree: pathlib.Path) -> str:
    others = [*existing(tree, {run_sheet.place.path for run_sheet in sheets}),
              *(figures for run_sheet in sheets for figures in run_sheet.figures)]
    parts = ["Runs\n"]
    for run_sheet in sheets:
        parts.append("  " + shown(run_sheet.place.path))
        facts = (*run_sheet.facts, ("findings", counts(findings, run_sheet.place.path)))
        parts += [line for name, value in facts for line in text_layout.hanging(f"    {name:<10}", shown(str(value)))]
        if run_sheet.figures:
            parts.append("\n" + text_layout.format_table(TITLES, [row for mine in run_sheet.figures for row in _rows(mine, others)],
                                                     whole=(0, 1)))
        parts.append("")
    parts += ["Findings\n", report_text, "", "Questions for a person\n"]
    return "\n".join(parts + [f"  - {question}" for question in questions(findings)])


def counts(findings: FindingList, run: str) -> str:
    """What was found in one run, such as `refused: 1 error, 2 holds`."""
    of_run = Counter(finding.severity for finding in findings if finding.path == run or finding.path.startswith(f"{run}/"))
    verdict = "refused" if of_run["error"] else "held for you" if of_run["hold"] else "passed"
    listed = ", ".join(text_format.counted(of_run[severity], severity) for severity in ("error", "hold", "warning") if of_run[severity])
    return f"{verdict}: {listed}" if listed else verdict


def _rows(mine: ReviewFigures, others: List[ReviewFigures]) -> Iterator[List[Optional[str]]]:
    yield [shown(mine.model), "this run", *map(text_format.median_with_n, mine.stats.values()), None]
    near = nearest(mine, others)
    for other in near:
        where = "/".join(other.run.split("/")[1:3]) + ("" if other.digest == mine.digest else ", another digest")
        yield ["", shown(where), *map(text_format.median_with_n, other.stats.values()),
               _ratio(mine.stats["decode_tok_s"], other.stats["decode_tok_s"])]
    if not near:
        yield ["", "nothing to compare with", None, None, None, None]


def _ratio(this: Optional[dict], that: Optional[dict]) -> Optional[str]:
    return f"{this['median'] / that['median']:.2f}" if this and that and that["median"] else None


def questions(findings: FindingList) -> Iterator[str]:
    """What the maintainer has to decide, each question once."""
    yield from ALWAYS
    for rule in dict.fromkeys(finding.rule for finding in findings):
        if rule in QUESTIONS:
            yield f"{rule}: {QUESTIONS[rule]}"
        elif RULES[rule].severity == "hold":
            yield f"{rule}: What explains it? Expected: {RULES[rule].says}"
