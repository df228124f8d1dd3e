"""The review: one page for the maintainer who decides. What no rule can decide is asked as a question."""
from __future__ import annotations

import pathlib
from collections import Counter
from typing import TYPE_CHECKING, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from base import names, run_folder, text_format, text_layout
from base.errors import UserError
from base.hardware_view import HardwareView
from base.phases import FROZEN
from base.records import SPEED_OUTCOMES, WARNINGS
from derive import context_text, failures, headline, run_report, thinking_table
from derive.headline import HEADLINE, ModelFigures
from derive.run_md import answers as answers_of
from judge import json_documents, tree_layout
from judge.findings import FindingList, shown
from judge.report import REFUSED, verdicts_of
from judge.rules import RULES

if TYPE_CHECKING:       # imported where it is used: only a review compares runs
    from derive.run_diff import ComparedRun

ANSWER_CHARACTERS = 2000        # shown of each section of run.md
NOTE_CHARACTERS = 400
SHORT_ID = len("run-01234567")
TITLES = ["model", "run", *(HEADLINE[name].title for name in headline.SHOWN), "this / that"]
NOTHING_NEAR = "no other run of this model in submissions/ of this checkout to compare with"
HELD = "held for you"
TELLING_SETS = ("AVX-512", "AVX10", "AMX", "SVE", "SME")     # only some processors have them
MOST_PLACES = 4         # of one warning that are shown with their figures
ALWAYS = (
    "Does the device tag name the machine that hardware.json describes, in the way that others would name it?",
    "Can processor, kernel, cores, instruction sets and copy rate (`probed`) belong to one machine, and to this one?",
    "Do the contributor's words agree with the machine and the verdict?",
    "Did the person who measured write run.md, and is it fit to be public?",
    "Does the handle imitate somebody else?",
)
QUESTIONS = {       # rule: what only a person can decide about its finding
    "name-removed": "Why was this run removed, and does its owner want it back?",
    "physics-duplicate": "Which of the two was measured? Neither their order nor their dates show it, and a copy is never merged.",
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


class ReviewSheet(NamedTuple):
    """What a maintainer sees of one run. `facts` are pairs of name and value, `answers` of heading and text."""
    place: tree_layout.RunPlace
    facts: Tuple[Tuple[str, str], ...]
    figures: Tuple[ModelFigures, ...]
    answers: Tuple[Tuple[str, str], ...] = ()
    source: Union[pathlib.Path, ComparedRun, None] = None      # where its files are, or what they hold


def sheet(place: tree_layout.RunPlace, manifest: Optional[dict], hardware: Optional[dict], metadata: Optional[dict],
          run_md: Optional[str] = None, folder: Optional[pathlib.Path] = None) -> ReviewSheet:
    """The sheet of a run; a file that could not be read is None."""
    facts: List[Tuple[str, str]] = []
    if manifest is not None:
        state = {False: "unmodified", True: "modified", None: "not known whether modified"}[manifest["harness_modified"]]
        server = f"{manifest['server_name']} {manifest['server_version']} at {manifest['target']}"
        facts += [("began", manifest["started_at"]), ("server", server), ("harness", f"{manifest['harness_version']}, {state}"),
                  ("host name", manifest["host_hostname_short"])]
    if hardware is not None and hardware["cpu"]:
        facts += [("machine", _machine(HardwareView(hardware))), ("probed", _probed(HardwareView(hardware)))]
    if manifest is not None and metadata is not None:
        deviations = [line[2:] for line in run_report.deviations(manifest, metadata)]
        facts += [("deviation", line) for line in deviations or ["none: the canonical settings, in one session"]]
    if metadata is not None:
        facts.append(("verdict", f"{metadata['verdict']['verdict'] or 'none'}: {metadata['verdict']['why']}"))
        facts += [("thinking", line) for line in thinking_table.lines(metadata)]
        facts += [("context", f"{model}: {sentence}") for model, sentence in context_text.lines(metadata)]
        facts.append(("calls", _calls(metadata["aggregates"])))
        facts += [("failed", f"{failure.model}: {failure.text}: {failure.error or 'no message'}") for failure in failures.of_run(metadata)]
        facts += [("warning", line) for line in _warnings(metadata["warnings"])] or [("warnings", "none")]
    heading = (run_md or "").lstrip().partition("\n")[0]
    if run_md is not None and place.device_tag not in heading:
        facts.append(("heading", f"of run.md, which does not name {place.device_tag}: {heading}"))
    answers = {} if run_md is None else answers_of(run_md)
    return ReviewSheet(place, tuple(facts), tuple(headline.figures_of(place.path, metadata) if metadata is not None else ()),
                       tuple((heading, text[:4 * ANSWER_CHARACTERS]) for heading, text in answers.items()), folder)


def _machine(view: HardwareView) -> str:
    """Processor, cards, cores, memory, and what is between the system and the machine."""
    cores, memory_bytes = view.value("cpu", "physical_cores", int), view.physical_bytes or view.usable_bytes
    between = {"virtual machine": view.value("surroundings", "virtual_machine", str), "container": view.value("surroundings", "container", str)}
    return ", ".join([" + ".join([view.cpu_model or "processor unknown", *(card.name or "a card without a name" for card in view.accelerators or [])]),
                      "cores unknown" if cores is None else text_format.counted(cores, "core"),
                      "memory unknown" if memory_bytes is None else f"{text_format.figure(memory_bytes / 2 ** 30)} GiB of memory",
                      *(f"{name}: {value or 'unknown'}" for name, value in between.items() if value != "none")])


def _probed(view: HardwareView) -> str:
    """What shows whether a machine is the one that it is said to be: kernel, product, kinds of core, newest instruction sets, copy speed."""
    sets = [name for name in view.value("cpu", "instruction_sets", list) or [] if name.startswith(TELLING_SETS)]
    copied = view.value("copy_bandwidth", "bytes_s", int)
    kinds = view.value("cpu", "core_kinds", list) or ["one kind of core, or unknown"]
    return "; ".join([f"kernel {view.value('system', 'kernel', str) or 'unknown'}", f"product {view.value('system', 'product', str) or 'unknown'}",
                      " + ".join(map(str, kinds)), ", ".join(sets) or f"no {', '.join(TELLING_SETS)}",
                      "copies at an unknown rate" if copied is None else f"one thread copies {text_format.figure(copied / 1e9)} GB/s"])


def _calls(rows: List[dict]) -> str:
    """How many calls were measured, and where how many of them failed."""
    places = [f"{row['model']} {row['phase']}: " + ", ".join(f"{count} {outcome}" for outcome, count in row["outcomes"].items() if outcome not in SPEED_OUTCOMES)
              for row in rows if headline.failed(row)]
    failed = f"{sum(map(headline.failed, rows))} failed ({'; '.join(places)})" if places else "none failed"
    return f"{sum(sum(row['outcomes'].values()) for row in rows)} measured, {failed}"


def _warnings(rows: List[dict]) -> Iterator[str]:
    """Each warning once, with its figures in each place and what it means."""
    for code in dict.fromkeys(row["code"] for row in rows):
        places = [_warning_place(row) for row in rows if row["code"] == code]
        more = [f"and {len(places) - MOST_PLACES} more"] if len(places) > MOST_PLACES else []
        yield f"{code}: {'; '.join(places[:MOST_PLACES] + more)}: {WARNINGS[code]}"


def _warning_place(row: dict) -> str:
    """Such as: a:1b frozen-prompts 0.790 (expected 1.00), n=9."""
    where = [row["model"] or "run", row["phase"] or "", f"x{row['level']}" if row["level"] else ""]
    figures = [] if row["observed"] is None else [text_format.figure(row["observed"])]
    bound = "" if row["observed"] is None or row["expected"] is None else f" (expected {text_format.figure(row['expected'])})"
    return f"{' '.join(filter(None, where + figures))}{bound}, n={row['n']}"


def compared_run(folder: pathlib.Path) -> Optional[ComparedRun]:
    """The files that decide which figures of a run can be compared; None where they cannot be read."""
    from derive.run_diff import ComparedRun
    paths = [folder / name for name in (run_folder.MANIFEST, run_folder.METADATA, run_folder.HARDWARE)]
    try:
        if any(True for path in paths for _ in json_documents.size_problems(path.name, path.stat().st_size)):
            return None
        run = ComparedRun(run_folder.read_manifest(folder), run_folder.read_record(paths[1], "metadata"), run_folder.read_json(paths[2]))
    except (UserError, OSError):
        return None
    return run if set(run.models) <= set(run.calibrated) else None


def nearest(mine: ModelFigures, others: List[ModelFigures], most: int = 3) -> List[ModelFigures]:
    """Runs of the same cell first, then of the same model on other machines; runs with the same digest come first."""
    key = names.model_key(mine.model)
    same = [other for other in others if other.run != mine.run
            and (other.cell_id == mine.cell_id or names.model_key(other.model) == key)]
    return sorted(same, key=lambda other: (other.cell_id != mine.cell_id, other.digest != mine.digest, other.run))[:most]


def render(sheets: List[ReviewSheet], findings: FindingList, report_text: str, tree: pathlib.Path) -> str:
    comparison = Comparison(sheets, findings, tree)
    parts = ["Runs\n"] if sheets else []
    for run_sheet in sheets:
        parts.append("  " + shown(run_sheet.place.path))
        facts = (*run_sheet.facts, ("findings", counts(findings, run_sheet.place.path)))
        parts += [line for name, value in facts for line in text_layout.hanging(f"    {name:<10}", shown(str(value), NOTE_CHARACTERS))]
        for heading, text in run_sheet.answers:
            parts += [f"    {heading}:", *text_layout.hanging(" " * 6, shown(text, ANSWER_CHARACTERS) or "(not filled in)")]
        if run_sheet.figures:
            parts += ["", *comparison.lines(run_sheet)]
        parts.append("")
    parts += ["Findings\n", report_text]
    listed = [f"  - {question}" for question in questions(findings, bool(sheets))]
    return "\n".join(parts + (["", "Questions for a person\n", *listed] if listed else []))


def counts(findings: FindingList, run: str) -> str:
    """What was found in one run, such as `refused: 1 error, 2 holds`."""
    of_run = Counter(finding.severity for finding in findings if finding.path == run or finding.path.startswith(f"{run}/"))
    verdict = REFUSED if of_run["error"] else HELD if of_run["hold"] else "passed"
    listed = ", ".join(text_format.counted(of_run[severity], severity) for severity in ("error", "hold", "warning") if of_run[severity])
    return f"{verdict}: {listed}" if listed else verdict


class Comparison:
    """The runs of a review beside their nearest runs."""

    def __init__(self, sheets: List[ReviewSheet], findings: FindingList, tree: pathlib.Path):
        self._sheets = {run_sheet.place.path: run_sheet for run_sheet in sheets}
        self._findings, self._tree, self._verdicts = findings, tree, verdicts_of(findings)
        self._others = [figures for run, metadata in headline.measured_runs(tree, self._sheets) for figures in headline.figures_of(run, metadata)]
        self._others += [figures for run_sheet in sheets for figures in run_sheet.figures]

    def lines(self, run_sheet: ReviewSheet) -> List[str]:
        """A table of all models, and what is not compared in it. The last column has the ratios of the three figures before it."""
        rows: List[List[Optional[str]]] = []
        notes: List[str] = []
        for mine in run_sheet.figures:
            near = nearest(mine, self._others)
            notes += [] if near else [f"{shown(mine.model)}: {NOTHING_NEAR}"]
            rows.append([shown(mine.model), "this run", *map(text_format.median_with_n, mine.stats.values()), None])
            for other, label in zip(near, self._labels(mine, near)):
                reasons = self._reasons(mine, other)
                refused = "this run" if self._is_refused(mine) else "the other run" if self._is_refused(other) else None
                ratios = None if refused else _ratios(mine, other, reasons)
                rows.append(["", label, *map(text_format.median_with_n, other.stats.values()), ratios])
                notes += [f"{shown(mine.model)}, {label}: no ratios, since {refused} is refused"] if refused else []
                notes += _notes(f"{shown(mine.model)}, {label}", reasons)
        columns = len(TITLES) if any(row[1] != "this run" for row in rows) else len(TITLES) - 1      # no pair, no ratios
        table = text_layout.format_table(TITLES[:columns], [row[:columns] for row in rows], whole=(0, 1))
        return [table, *(line for note in notes for line in text_layout.hanging("    ", note))]

    def _labels(self, mine: ModelFigures, near: List[ModelFigures]) -> Iterator[str]:
        """Handle and device tag of each; the run's id where they are those of another run here, and what is wrong with it."""
        places = ["/".join(figures.run.split("/")[1:3]) for figures in (mine, *near)]
        for place, other in zip(places[1:], near):
            run_id = f" {other.run.split('/')[3][:SHORT_ID]}" if places.count(place) > 1 else ""
            verdict = counts(self._findings, other.run).partition(":")[0] if other.run in self._sheets else ""
            marks = ["another digest"] * (other.digest != mine.digest) + [verdict] * (verdict in (REFUSED, HELD))
            yield shown(", ".join([place + run_id, *marks]))

    def _is_refused(self, figures: ModelFigures) -> bool:
        """Figures of a run that breaks a rule are shown and compared with nothing."""
        return self._verdicts.get(figures.run) == REFUSED

    def _reasons(self, mine: ModelFigures, other: ModelFigures) -> Dict[str, str]:
        """figure: why it is not compared. The same differences exclude it as in compare_runs.py."""
        from derive import paired_comparison, run_diff
        a, b = self._files_of(mine.run), self._files_of(other.run)
        if a is None or b is None:
            return dict.fromkeys(headline.SHOWN, "not compared: the files of one of the two cannot be read")
        rows, models = run_diff.differences(a, b), (names.model_key(mine.model), names.model_key(other.model))
        excluded = run_diff.exclusions(rows, FROZEN, models)
        values = {row["key"]: f"{row['key']} is {row['a'] or 'not set'} in this run, {row['b'] or 'not set'} in the other"
                  for row in rows if row["model"] is None or names.model_key(row["model"]) in models}
        return {name: f"{paired_comparison.not_compared(excluded[name])} ({'; '.join(values[key] for key in excluded[name])})"
                for name in headline.SHOWN if name in excluded}

    def _files_of(self, run: str) -> Optional[ComparedRun]:
        source = self._sheets[run].source if run in self._sheets else self._tree.joinpath(*run.split("/")[1:])
        return compared_run(source) if isinstance(source, pathlib.Path) else source


def _notes(pair: str, reasons: Dict[str, str]) -> Iterator[str]:
    """One sentence for each reason, with all figures that it excludes."""
    for reason in dict.fromkeys(reasons.values()):
        titles = [HEADLINE[name].title for name in reasons if reasons[name] == reason]
        yield shown(f"{pair}: {', '.join(titles)} {reason}", NOTE_CHARACTERS)


def _ratios(mine: ModelFigures, other: ModelFigures, reasons: Dict[str, str]) -> Optional[str]:
    """The ratio of each figure in the order of the columns, - where there is none; None without any."""
    ratios = [None if name in reasons else _ratio(mine.stats[name], other.stats[name]) for name in headline.SHOWN]
    return " ".join(ratio or "-" for ratio in ratios) if any(ratios) else None


def _ratio(this: Optional[dict], that: Optional[dict]) -> Optional[str]:
    return f"{this['median'] / that['median']:.2f}" if this and that and that["median"] else None


def questions(findings: FindingList, has_runs: bool = True) -> Iterator[str]:
    """What the maintainer has to decide, each question once."""
    yield from ALWAYS if has_runs else ()
    for rule in dict.fromkeys(finding.rule for finding in findings):
        if rule in QUESTIONS:
            yield f"{rule}: {QUESTIONS[rule]}"
        elif RULES[rule].severity == "hold":
            yield f"{rule}: What explains it? Expected: {RULES[rule].says}"
