"""The review: one page for the maintainer who decides, with what no rule can decide put as questions."""
from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Dict, Iterator, Optional

from base import console, names, run_folder, schema, text_format
from base.phases import FROZEN
from derive import headline
from derive.headline import HEADLINE
from judge import tree_layout
from judge.findings import FindingList, shown
from judge.rules import RULES

TITLES = ["model", "beside", *(HEADLINE[name].title for name in headline.SHOWN), "decode, this / that"]
ALWAYS = (
    "Does the device tag name the machine that hardware.json describes, and as others would name it?",
    "Is run.md written by the person who ran it, and fit to be public?",
    "Does the handle pass for somebody else?",
)
ASKED = {       # what a finding of a rule leaves to a person
    "physics-duplicate": "Is this another run, or a part of one, under a new name?",
    "physics-date": "Was the machine's clock wrong, and does it matter?",
    "physics-clock": "Was the machine's clock set, or did it sleep, while it was measured?",
    "privacy-answer": "Did the model make this up, or was it told?",
    "privacy-answer-key": "Did the model make this address or key up, or is it somebody's?",
    "privacy-author": "Does the author know that the address stays public for ever?",
    "privacy-host-name": "Does the contributor want this host name to be public?",
    "runmd-agent": "Whom does this text speak to, and why?",
    "protocol-forwarded": "On which machine does the server run?",
    "protocol-harness": "What was changed in the harness, and does it touch a figure?",
    "protocol-anchor": "Without the frozen prompts nothing tells of drift: is the run worth keeping?",
}


@dataclass(frozen=True)
class ReviewFigures:
    """The headline figures of one model of a run: name and statistic."""
    run: str
    cell_id: str | None
    model: str
    digest: str
    stats: Dict[str, Optional[dict]]


@dataclass(frozen=True)
class ReviewSheet:
    """What a maintainer is shown of one run."""
    place: tree_layout.RunPlace
    facts: tuple            # (what, value)
    figures: tuple          # of Figures


def sheet(place: tree_layout.RunPlace, manifest: dict | None, hardware: dict | None, metadata: dict | None) -> ReviewSheet:
    """Of whatever could be read of a run."""
    facts: list = []
    if manifest is not None:
        state = {False: "unmodified", True: "modified", None: "not known whether modified"}[manifest["harness_modified"]]
        server = f"{manifest['server_name']} {manifest['server_version']} at {manifest['target']}"
        facts += [("began", manifest["started_at"]), ("server", server), ("harness", f"{manifest['harness_version']}, {state}"),
                  ("host name", manifest["host_hostname_short"])]
    if hardware is not None and hardware["cpu"]:
        cards = [card["name"]["value"] or "a card without a name"
                 for card in (hardware["accelerators"] or {}).get("value") or []]
        facts.append(("machine", " + ".join([hardware["cpu"]["model"]["value"] or "processor unknown", *cards])))
    if metadata is not None:
        facts.append(("verdict", f"{metadata['verdict']['verdict'] or 'none'}: {metadata['verdict']['why']}"))
        facts.append(("warnings", ", ".join(dict.fromkeys(row["code"] for row in metadata["warnings"])) or "none"))
    return ReviewSheet(place, tuple(facts), tuple(figures_of(place.path, metadata) if metadata is not None else ()))


def figures_of(run: str, metadata: dict) -> Iterator[ReviewFigures]:
    """The figures of each model that answered the frozen prompts."""
    digests = {model["model"]: model["digest"] for model in metadata["models"]}
    for row in metadata["aggregates"]:
        if row["phase"] == FROZEN:
            stats = {name: headline.stat_of(name, {FROZEN: row}) for name in headline.SHOWN}
            yield ReviewFigures(run, row["cell_id"], row["model"], digests.get(row["model"], ""), stats)


def existing(tree: pathlib.Path, leave_out: set) -> Iterator[ReviewFigures]:
    """The figures of the runs that are in the tree already, from their own metadata; what cannot be read has none."""
    for path in sorted(tree.glob(f"*/*/run-*/{run_folder.METADATA}")):
        run = f"{run_folder.TREE}/{path.parent.relative_to(tree).as_posix()}"
        try:
            record = schema.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if run not in leave_out and not schema.problems(record, "metadata") and not record["synthetic"]:
            yield from figures_of(run, record)


def nearest(mine: ReviewFigures, others: list, most: int = 3) -> list:
    """Runs of the same cell first, then of the same model on other machines; the same digest before another one."""
    key = names.model_key(mine.model)
    same = [other for other in others if other.cell_id == mine.cell_id or names.model_key(other.model) == key]
    return sorted(same, key=lambda other: (other.cell_id != mine.cell_id, other.digest != mine.digest, other.run))[:most]


def render(sheets: list, findings: FindingList, report_text: str, tree: pathlib.Path) -> str:
    others = list(existing(tree, {run_sheet.place.path for run_sheet in sheets}))
    parts = ["Runs\n"]
    for run_sheet in sheets:
        parts.append("  " + shown(run_sheet.place.path))
        parts += [f"    {name:<10}{shown(str(value))}" for name, value in run_sheet.facts]
        if run_sheet.figures:
            parts.append("\n" + console.format_table(TITLES, [row for mine in run_sheet.figures for row in _rows(mine, others)],
                                                     whole=(0, 1)))
        parts.append("")
    parts += ["Findings\n", report_text, "", "Questions for a person\n"]
    return "\n".join(parts + [f"  - {question}" for question in questions(findings)])


def _rows(mine: ReviewFigures, others: list) -> Iterator[list]:
    yield [shown(mine.model), "this run", *map(text_format.median_with_n, mine.stats.values()), None]
    near = nearest(mine, others)
    for other in near:
        where = "/".join(other.run.split("/")[1:3]) + ("" if other.digest == mine.digest else ", another digest")
        yield ["", shown(where), *map(text_format.median_with_n, other.stats.values()),
               _ratio(mine.stats["decode_tok_s"], other.stats["decode_tok_s"])]
    if not near:
        yield ["", "nothing to compare with", None, None, None, None]


def _ratio(this: dict | None, that: dict | None) -> str | None:
    return f"{this['median'] / that['median']:.2f}" if this and that and that["median"] else None


def questions(findings: FindingList) -> Iterator[str]:
    yield from ALWAYS
    for rule in dict.fromkeys(finding.rule for finding in findings):
        if rule in ASKED:
            yield f"{rule}: {ASKED[rule]}"
        elif RULES[rule].severity == "hold":
            yield f"{rule}: How can this be? {RULES[rule].says}"
