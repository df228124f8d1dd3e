"""A run page: grade and verdict, figures, findings, the contributor's account, every call, and the five files."""
from __future__ import annotations

from typing import Iterator, List, Optional, Union

from base import json_text, run_folder
from base.records import EVIDENCE, WARNINGS
from derive import run_report
from publish import draft, markdown, number_format, page_inputs
from publish.escape import Html
from publish.markup import tag
from publish.pages import calls_page, figure_text, layout, lists, phase_tables, tables
from publish.pages.tables import Head, TableCell, interval, number, table

TITLES = {"manifest.json": "plan and settings", "run.jsonl": "the ledger: every call", "hardware.json": "the machine",
          "metadata.json": "figures computed from the ledger", "run.md": "the contributor's account"}
SECTION_OF = {"manifest.json": "#manifest", "run.jsonl": "#calls", "hardware.json": "#hardware", "metadata.json": "#phases",
         "run.md": "#account"}
MOST_JSON = 60_000      # characters of one file


def page(inputs: page_inputs.RunPageInput) -> tuple:
    run = inputs.run
    path, root = run["page"], layout.root_of(run["page"])
    device = page_inputs.page_of_device(run["device_tag"])
    title = "Draft: run of" if draft.is_draft(run) else "Run of"
    return layout.page(
        path, f"{title} {run['started_at'][:10]} on {run['device_tag']}",
        (("devices.html", "Devices"), (device, run["device_tag"])), inputs.synthetic or run["synthetic"],
        tag("h1", title, " ", figure_text.day(run["started_at"]), lists.muted(" on "), lists.name(run["device_tag"])),
        tag("p", tag("code", run["run_id"]), " by ", lists.name(run["handle"]), class_="lead"),
        _draft(run), _superseded(root, run), _maintainer_notes(run), _grade_and_verdict(run, inputs.metadata), _facts(inputs), _contents(),
        _models(root, run), _findings(inputs.findings), _warnings(inputs.metadata["warnings"]),
        _files(root, inputs), _account(root, inputs), _phases(inputs), _calls(root, inputs), _documents(root, inputs))


def _contents() -> Html:
    return layout.contents(*((words.lower(), words) for words in (
        "Figures", "Findings", "Warnings", "Files", "Account", "Phases", "Calls", "Manifest", "Hardware", "Metadata")))


def _draft(run: dict) -> Optional[Html]:
    return tag("p", tag("b", "Draft. "), " ".join(run["notes"]), class_="banner") if draft.is_draft(run) else None


def _superseded(root: str, run: dict) -> Optional[Html]:
    if run["superseded_by"] is None:
        return None
    return tag("p", "A later run replaces this one: ",
               tag("a", run["superseded_by"], href=root + page_inputs.page_of_run(run["superseded_by"])),
               ". Both count in the figures of the cell.", class_="banner")


def _maintainer_notes(run: dict) -> list:
    """What the overlay adds."""
    blurb = tag("div", markdown.render(run["blurb_md"], 2), tag("p", "Janie, for the catalogue", class_="note"),
                class_="blurb") if run["blurb_md"] else None
    texts = [] if draft.is_draft(run) else run["notes"]
    notes = tag("ul", (tag("li", note, dir="auto") for note in texts), class_="notes") if texts else None
    return [blurb, tag("div", tag("p", tag("b", "Maintainer's notes")), notes, class_="banner") if notes else None]


def _grade_and_verdict(run: dict, metadata: dict) -> Html:
    unmet = run["unmet"]
    why: List[Union[Html, str]] = ["Every condition of every grade is met."]
    if unmet:
        why = ["Not ", figure_text.grade(unmet["grade"]), ". First unmet condition (", tag("code", unmet["condition"]),
               f"): {unmet['says']}. Observed: ", tag("b", lists.name(unmet["observed"])), ". ", tag("code", f"python harness/check_submission.py {run_folder.PREFIX}{run['run_id'][:8]}"),
               " lists all unmet conditions."]
    judged = metadata["verdict"]
    because = tag("p", judged["why"][:1].upper() + judged["why"][1:], ".")
    return tag("div", tag("div", tag("h2", "Grade: ", figure_text.grade(run["site_grade"])), tag("p", why)),
               tag("div", tag("h2", "Verdict: ", figure_text.verdict(judged["verdict"])), because,
                   _evidence(judged["evidence"])),
               class_="standing")


def _evidence(rows: List[dict]) -> Optional[Html]:
    lines = [[TableCell(EVIDENCE.get(row["code"], row["code"])), TableCell(_about(row)), number(row["observed"]),
              number(row["expected"]),
              number(row["n"])] for row in rows]
    heads = tables.words("Evidence", "About") + [Head(title, "n") for title in ("Observed", "Limit", "n")]
    return layout.details("Evidence", table("Evidence", heads, lines)) if rows else None


def _facts(inputs: page_inputs.RunPageInput) -> Html:
    run, manifest = inputs.run, inputs.manifest
    overrides = [part for name, value in manifest["overrides"].items() for part in (", ", tag("code", f"{name} = {value}"))][1:]
    modified = {True: "modified", False: "unmodified", None: "not known whether modified"}[run["harness_modified"]]
    versions = [part for version in run["server_versions"] for part in (" ", tag("code", version))]
    ending = "" if run["complete"] else "; not finished"
    return layout.facts((
        ("Started", figure_text.moment(run["started_at"])), ("Ended", figure_text.moment(run["ended_at"])),
        ("Calls", f"{run['planned']:,} planned, {run['done']:,} made, {run['skipped']:,} skipped{ending}"),
        ("Outcomes", figure_text.counts(run["outcomes"])), ("Sessions", f"{run['sessions']:,}"),
        ("Server", [tag("bdi", manifest["server_name"]), versions]),
        ("Harness", [tag("code", run["harness_version"]), f", {modified}"]), ("Platform", lists.name(manifest["platform"])),
        ("Changed settings", overrides or "none"),
        ("Time limit", "none" if manifest["time_limit_s"] is None else f"{manifest['time_limit_s']:,} s"),
        ("Phases", ", ".join(run["phases"]))))


def _models(root: str, run: dict) -> Html:
    titles = ("Decode tok/s", "First token", "Prefill tok/s", "Right answers", "Code passed", "Peak total tok/s")
    heads = [Head("Model"), *(Head(title, "n") for title in titles)]
    models_table = table("Medians over calls of this run, with quartiles", heads,
                  (_model(root, model) for model in run["models"]))
    return layout.section("Figures", models_table, id_="figures")


def _model(root: str, model: dict) -> List[TableCell]:
    below = tag("small", tag("code", figure_text.short(model["digest"])))
    return [TableCell([lists.link(root, page_inputs.page_of_cell(model["cell_id"]), model["model"]), below]),
            interval(figure_text.of_calls(model["decode_tok_s"])),
            interval(figure_text.of_calls(model["ttft_ms"]), number_format.milliseconds),
            interval(figure_text.of_calls(model["prefill_tok_s"])), tables.share(model["answers"]), tables.share(model["code"]),
            interval(figure_text.of_calls(model["tok_s_most"], f"wave of {model['most_level']}", f"waves of {model['most_level']}"))]


def _findings(findings: List[dict]) -> Html:
    heads = tables.words("Rule", "Severity", "Where", "Observed", "Expected", "What must be true")
    body = table("Findings", heads, map(_finding, findings), class_="cells wordy") if findings else layout.note("None.")
    return layout.section("Findings of the checker", body, id_="findings")


def _finding(finding: dict) -> List[TableCell]:
    severity = tag("span", finding["severity"], class_=f"badge {finding['severity']}")
    where = finding["path"].rpartition("/")[2] + (f":{finding['line']}" if finding["line"] else "") + (
        f" {finding['pointer']}" if finding["pointer"] else "")
    return [TableCell(tag("code", finding["rule"])), TableCell(severity), TableCell(lists.name(where)), TableCell(lists.name(finding["observed"])),
            TableCell(lists.name(finding["expected"] or "")), TableCell(finding["says"])]


def _warnings(rows: List[dict]) -> Html:
    heads = tables.words("Warning", "About") + [Head(title, "n") for title in ("Observed", "Expected or limit", "n")]
    body = table("Warnings about the figures", heads, _warning_rows(rows), class_="cells wordy") if rows else layout.note("None.")
    return layout.section("Warnings", body, id_="warnings")


def _warning_rows(rows: List[dict]) -> Iterator[List[TableCell]]:
    """The rows by kind of warning; the first of each kind explains it."""
    for code in dict.fromkeys(row["code"] for row in rows):
        name_and_meaning = TableCell([tag("code", code), tag("small", WARNINGS.get(code, ""))])
        for row in rows:
            if row["code"] == code:
                yield [name_and_meaning, TableCell(_about(row)), _figure(row, "observed"), _figure(row, "expected"), number(row["n"])]
                name_and_meaning = TableCell(tag("code", code))


def _figure(row: dict, name: str) -> TableCell:
    """A figure of a warning with its unit, as in run.md."""
    value, unit = row[name], run_report.UNITS.get(row["code"])
    word = "limit " if name == "expected" and row["code"] in run_report.WITH_LIMIT else ""
    return number(value) if value is None else number(value, f"{word}{number_format.figure(value)}{f' {unit}' if unit else ''}")


def _about(row: dict) -> list:
    phase, level = row.get("phase"), row.get("level")
    return [lists.name(row["model"]) if row["model"] else "the whole run", f", {phase}" if phase else "",
            f", {level} at once" if level else ""]


# ----- the five files

def _files(root: str, inputs: page_inputs.RunPageInput) -> Html:
    lines = [[TableCell(tag("a", name, href=lists.raw_href(root, where))),
              TableCell([TITLES[name], ", ", tag("a", "shown below", href=SECTION_OF[name])]),
              number(inputs.sizes.get(name), number_format.gigabytes(inputs.sizes.get(name)))]
             for name, where in inputs.run["raw"].items()]
    heads = tables.words("File", "Content") + [Head("Size", "n")]
    return layout.section("The five files", table("Raw files, served as text", heads, lines),
                          tag("p", "In the repository: ", tag("code", inputs.run["folder"])), id_="files")


def _account(root: str, inputs: page_inputs.RunPageInput) -> Html:
    raw = tag("a", "Raw", href=lists.raw_href(root, inputs.run["raw"]["run.md"]))
    note = layout.note("run.md as submitted: the harness generated the block of figures, the contributor wrote the rest. ",
                       raw)
    words = tag("div", markdown.render(inputs.run_md, 3), class_="prose account")
    return layout.section("Contributor's account", note, words, id_="account")


def _phases(inputs: page_inputs.RunPageInput) -> Html:
    by_model: dict = {}
    for row in inputs.metadata["aggregates"]:
        by_model.setdefault(row["model"], []).append(row)
    parts = [layout.details([lists.name(model), lists.muted(f" {number_format.counted(len(rows), 'phase')}")],
                            phase_tables.of_run(rows, 3))
             for model, rows in by_model.items()]
    return layout.section("Phase by phase", layout.note("Recomputed from the ledger; metadata.json is not used."),
                          parts,
                          id_="phases", class_="phases")


def _calls(root: str, inputs: page_inputs.RunPageInput) -> Html:
    raw = lists.raw_href(root, inputs.run["raw"]["run.jsonl"])
    note = layout.note("The line numbers link to the ", tag("a", "raw ledger", href=raw),
                       ". Warm-up and calibration calls have no figures.")
    return layout.section("Every call", note, calls_page.render(inputs.calls, raw), id_="calls")


def _documents(root: str, inputs: page_inputs.RunPageInput) -> list:
    rest = {name: value for name, value in inputs.metadata.items() if name not in ("aggregates", "warnings", "verdict")}
    return [_document(root, inputs, "manifest.json", "Manifest", inputs.manifest),
            _document(root, inputs, "hardware.json", "Hardware", inputs.hardware),
            _document(root, inputs, "metadata.json", "Other metadata", rest)]


def _document(root: str, inputs: page_inputs.RunPageInput, name: str, title: str, value: Optional[dict]) -> Html:
    content = layout.note("Missing or not readable.") if value is None else layout.details(["Show ", TITLES[name]], *_json(value))
    raw = tag("p", tag("a", f"{name}, raw", href=lists.raw_href(root, inputs.run["raw"][name])))
    return layout.section(title, content, raw, id_=name.partition(".")[0])


def _json(value: dict) -> List[Html]:
    shown = json_text.pretty(value).decode("ascii")
    cut = [layout.note(f"{len(shown) - MOST_JSON:,} more characters are in the raw file.")] if len(shown) > MOST_JSON else []
    return [tag("pre", shown[:MOST_JSON], class_="document"), *cut]
