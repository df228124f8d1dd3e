"""A run: its grade and why, its figures, what its contributor says of it, and all five files, each shown and linked raw."""
from __future__ import annotations

from typing import List, Optional

from base.records import EVIDENCE, WARNINGS
from publish import markdown, number_format, page_inputs
from publish.escape import Html
from publish.markup import tag
from publish.pages import calls_page, figure_text, json_view, layout, lists, phase_tables, tables
from publish.pages.tables import Cell, Head, interval, number, table

TITLES = {"manifest.json": "what was planned, with what", "run.jsonl": "the ledger: every call",
          "hardware.json": "what the machine is", "metadata.json": "what the ledger comes to",
          "run.md": "the account, in words"}
SHOWN = {"manifest.json": "#manifest", "run.jsonl": "#calls", "hardware.json": "#hardware", "metadata.json": "#phases",
         "run.md": "#account"}


def page(view: dict) -> tuple:
    run = view["run"]
    path, root = run["page"], layout.root_of(run["page"])
    device = page_inputs.page_of_device(run["device_tag"])
    return layout.page(
        path, f"Run of {run['started_at'][:10]} on {run['device_tag']}",
        (("devices.html", "Devices"), (device, run["device_tag"])), view["synthetic"] or run["synthetic"],
        tag("h1", "Run of ", figure_text.day(run["started_at"]), lists.soft(" on "), lists.name(run["device_tag"])),
        tag("p", tag("code", run["run_id"]), " by ", lists.name(run["handle"]), class_="lead"),
        _superseded(root, run), _said(run), _standing(run, view["metadata"]), _facts(view), _contents(),
        _models(root, run), _findings(view["findings"]), _warnings(view["metadata"]["warnings"]),
        _files(root, view), _account(root, view), _phases(view), _calls(root, view), _documents(root, view))


def _contents() -> Html:
    return layout.contents(*((words.lower(), words) for words in (
        "Figures", "Findings", "Warnings", "Files", "Account", "Phases", "Calls", "Manifest", "Hardware", "Metadata")))


def _superseded(root: str, run: dict) -> Optional[Html]:
    if run["superseded_by"] is None:
        return None
    return tag("p", "A later run should be looked at in place of this one: ",
               tag("a", run["superseded_by"], href=root + page_inputs.page_of_run(run["superseded_by"])),
               ". Both count in the figures of the cell.", class_="banner")


def _said(run: dict) -> list:
    """What the maintainer's overlay adds."""
    blurb = tag("div", markdown.render(run["blurb_md"], 2), tag("p", "Janie, for the catalogue", class_="note"),
                class_="blurb") if run["blurb_md"] else None
    notes = tag("ul", (tag("li", note, dir="auto") for note in run["notes"]), class_="notes") if run["notes"] else None
    return [blurb, tag("div", tag("p", tag("b", "Notes of the maintainer")), notes, class_="banner") if notes else None]


def _standing(run: dict, metadata: dict) -> Html:
    """Grade with the first condition not met, and verdict with its evidence."""
    unmet = run["unmet"]
    why = "Every condition of every grade is met."
    if unmet:
        why = ["Not ", figure_text.grade(unmet["grade"]), " because of the condition ", tag("code", unmet["condition"]),
               f": {unmet['says']}. Seen instead: ", tag("b", lists.name(unmet["observed"])), "."]
    judged = metadata["verdict"]
    because = tag("p", judged["why"][:1].upper() + judged["why"][1:], ".")
    return tag("div", tag("div", tag("h2", "Grade: ", figure_text.grade(run["site_grade"])), tag("p", why)),
               tag("div", tag("h2", "Verdict: ", figure_text.verdict(judged["verdict"])), because,
                   _evidence(judged["evidence"])),
               class_="standing")


def _evidence(rows: List[dict]) -> Optional[Html]:
    lines = [[Cell(EVIDENCE.get(row["code"], row["code"])), Cell(_about(row)), number(row["observed"]),
              number(row["expected"]),
              number(row["n"])] for row in rows]
    heads = tables.words("Evidence", "Of") + [Head(title, "n") for title in ("Observed", "Limit", "n")]
    return layout.details("The figures behind it", table("Evidence", heads, lines)) if rows else None


def _facts(view: dict) -> Html:
    run, manifest = view["run"], view["manifest"]
    overrides = [part for name, value in manifest["overrides"].items() for part in (tag("code", f"{name} = {value}"), " ")]
    modified = {True: "modified", False: "unmodified", None: "not known whether modified"}[run["harness_modified"]]
    versions = [part for version in run["server_versions"] for part in (" ", tag("code", version))]
    ending = "" if run["complete"] else "; not finished"
    return layout.facts((
        ("Began", figure_text.moment(run["started_at"])), ("Ended", figure_text.moment(run["ended_at"])),
        ("Calls", f"{run['planned']:,} planned, {run['done']:,} made, {run['skipped']:,} skipped{ending}"),
        ("Outcomes", figure_text.counts(run["outcomes"])), ("Sessions", f"{run['sessions']:,}"),
        ("Server", [tag("bdi", manifest["server_name"]), versions]),
        ("Harness", [tag("code", run["harness_version"]), f", {modified}"]), ("Platform", lists.name(manifest["platform"])),
        ("Deviations", overrides or "none: canonical knobs"), ("Phases", ", ".join(run["phases"]))))


def _models(root: str, run: dict) -> Html:
    titles = ("Decode tok/s", "First token", "Prefill tok/s", "Answers right", "Code right", "Most tok/s in all")
    heads = [Head("Model"), *(Head(title, "n") for title in titles)]
    found = table("Medians over calls of this run alone, with quartiles", heads,
                  (_model(root, one) for one in run["models"]))
    return layout.section("Figures", found, id_="figures")


def _model(root: str, one: dict) -> List[Cell]:
    below = tag("small", tag("code", figure_text.short(one["digest"])))
    return [Cell([lists.link(root, page_inputs.page_of_cell(one["cell_id"]), one["model"]), below]),
            interval(figure_text.of_calls(one["decode_tok_s"])),
            interval(figure_text.of_calls(one["ttft_ms"]), number_format.milliseconds),
            interval(figure_text.of_calls(one["prefill_tok_s"])), tables.share(one["answers"]), tables.share(one["code"]),
            interval(figure_text.of_calls(one["tok_s_most"], f"wave of {one['most_level']}", f"waves of {one['most_level']}"))]


def _findings(found: List[dict]) -> Html:
    body = layout.note("Nothing.")
    if found:
        heads = tables.words("Rule", "Severity", "Where", "Observed", "Expected", "What it says")
        body = table("Findings", heads, map(_finding, found), class_="cells wordy")
    return layout.section("What the checker found", body, id_="findings")


def _finding(one: dict) -> List[Cell]:
    severity = tag("span", one["severity"], class_=f"badge {one['severity']}")
    where = one["path"].rpartition("/")[2] + (f":{one['line']}" if one["line"] else "") + (
        f" {one['pointer']}" if one["pointer"] else "")
    return [Cell(tag("code", one["rule"])), Cell(severity), Cell(lists.name(where)), Cell(lists.name(one["observed"])),
            Cell(lists.name(one["expected"] or "")), Cell(one["says"])]


def _warnings(rows: List[dict]) -> Html:
    body = layout.note("None.")
    if rows:
        heads = tables.words("Warning", "Of") + [Head(title, "n") for title in ("Observed", "Expected", "n")]
        body = table("What a reader should know before trusting a figure", heads, map(_warning, rows), class_="cells wordy")
    return layout.section("Warnings", body, id_="warnings")


def _warning(row: dict) -> List[Cell]:
    return [Cell([tag("code", row["code"]), tag("small", WARNINGS.get(row["code"], ""))]), Cell(_about(row)),
            number(row["observed"]), number(row["expected"]), number(row["n"])]


def _about(row: dict) -> list:
    """Of what a warning or a piece of evidence is."""
    phase, level = row.get("phase"), row.get("level")
    return [lists.name(row["model"]) if row["model"] else "the whole run", f", {phase}" if phase else "",
            f", {level} at once" if level else ""]


# ----- the five files

def _files(root: str, view: dict) -> Html:
    lines = [[Cell(tag("a", name, href=root + where)),
              Cell([TITLES[name], ", ", tag("a", "shown below", href=SHOWN[name])]),
              number(view["sizes"].get(name), number_format.gigabytes(view["sizes"].get(name)))]
             for name, where in view["run"]["raw"].items()]
    heads = tables.words("File", "What it is") + [Head("Size", "n")]
    return layout.section("The five files, as they were submitted", table("Raw files, served as text", heads, lines),
                          tag("p", "In the repository: ", tag("code", view["run"]["folder"])), id_="files")


def _account(root: str, view: dict) -> Html:
    raw = tag("a", "Raw", href=root + view["run"]["raw"]["run.md"])
    says = layout.note("run.md as it was submitted: the block of figures is the harness's, the words are the contributor's. ",
                       raw)
    words = tag("div", markdown.render(view["story"], 3), class_="prose account")
    return layout.section("The account", says, words, id_="account")


def _phases(view: dict) -> Html:
    by_model: dict = {}
    for row in view["metadata"]["aggregates"]:
        by_model.setdefault(row["model"], []).append(row)
    parts = [layout.details([lists.name(model), lists.soft(f" {number_format.counted(len(rows), 'phase')}")],
                            phase_tables.of_run(rows, 3))
             for model, rows in by_model.items()]
    return layout.section("Phase by phase", layout.note("Computed anew from the ledger, whatever metadata.json says."),
                          parts,
                          id_="phases", class_="phases")


def _calls(root: str, view: dict) -> Html:
    raw = root + view["run"]["raw"]["run.jsonl"]
    says = layout.note("The number of a line leads to it in the ", tag("a", "raw ledger", href=raw),
                       ". Warm-up and calibration support no figure.")
    return layout.section("Every call", says, calls_page.render(view["calls"], raw), id_="calls")


def _documents(root: str, view: dict) -> list:
    rest = {name: value for name, value in view["metadata"].items() if name not in ("aggregates", "warnings", "verdict")}
    return [_document(root, view, "manifest.json", "Manifest", view["manifest"]),
            _document(root, view, "hardware.json", "Hardware", view["hardware"]),
            _document(root, view, "metadata.json", "Metadata, the rest of it", rest)]


def _document(root: str, view: dict, name: str, title: str, value: Optional[dict]) -> Html:
    shown = layout.note("There is none that can be read.") if value is None else layout.details(
        ["Show ", TITLES[name]], json_view.render(value))
    raw = tag("p", tag("a", f"{name}, raw", href=root + view["run"]["raw"][name]))
    return layout.section(title, shown, raw, id_=name.partition(".")[0])
