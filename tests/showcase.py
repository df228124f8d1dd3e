"""A small catalogue with all that its pages are told, made of the corpus in memory: nothing is judged, written or read."""
from __future__ import annotations

import functools

import corpus

from base import ledger_records
from judge import tree_layout
from publish import catalogue, device_summary, grades, page_inputs, pooling, run_contribution


@functools.lru_cache(maxsize=None)
def taken(number: int) -> tuple:
    """(run view, contributions, machine) of a run of the corpus."""
    one = corpus.spec(number)
    made = corpus.made(one)
    sizes = {name: len(data) for name, data in made.files().items()}
    given = run_contribution.contributions(one.device.tag, made.manifest, made.metadata, made.cells)
    counts = {"error": 0, "hold": 0, "warning": 0, "info": 0}
    grade, unmet = grades.grade_of(grades.GradeInput(made.manifest, made.metadata, made.hardware, made.story, 0))
    row = run_contribution.run_row(tree_layout.place_of(one.folder), made.manifest, made.metadata, counts, grade, unmet, {}, given)
    calls = [page_inputs.call_row(ledger_records.typed(record)) for record in made.lines if record["type"] in ("call", "skipped")]
    view = page_inputs.RunPageInput(row, made.manifest, made.metadata, made.hardware, made.story, [],
                                    page_inputs.with_rates(calls, made.manifest), sizes, True)
    return view, given, device_summary.facts(made.hardware)


@functools.lru_cache(maxsize=None)
def whole(count: int = 26, hidden: frozenset = frozenset()) -> tuple:
    """(catalogue, cell views, run views) of the first runs of the corpus, but for the hidden numbers, which are withheld."""
    found = [taken(number) for number in range(count)]
    shown = [number for number in range(count) if number not in hidden]
    machines = {found[number][0].run["device_tag"]: found[number][2] for number in shown}
    totals, by_cell = catalogue.RunTotals(), {}
    for number, (view, given, machine) in sorted(enumerate(found), key=lambda pair: pair[1][0].run["started_at"], reverse=True):
        run = view.run
        totals.add(run["started_at"], run["device_tag"], run["handle"], run["done"], None if number in hidden else machine)
    for number, (view, given, _) in enumerate(found):
        run = view.run
        for one in given:
            by_cell.setdefault(one["cell_id"], []).append(
                pooling.CellRun(run["run_id"], run["started_at"], None if number in hidden else run, one))
    pooled = [cell for cell in (pooling.cell(given, machines.get(given[0].contribution["cell_id"].partition(".")[0], {}))
                                for given in by_cell.values() if any(one.is_shown for one in given)) if cell]
    bare = [{**cell, "variants": [{name: value for name, value in variant.items() if name != "by_run"} for variant in cell["variants"]]}
            for cell in pooled]
    rows = sorted((found[number][0].run for number in shown), key=lambda run: (run["started_at"], run["run_id"]), reverse=True)
    document = catalogue.document(rows, bare, totals, True)
    devices, models = ({record[name]: record for record in document[part]} for part, name in (("devices", "device_tag"), ("models", "model")))
    cell_views = [page_inputs.cell_page_input(cell, devices[cell["device_tag"]], models[cell["model"]], [
        run for run in document["runs"] if any(one["cell_id"] == cell["cell_id"] for one in run["models"])], True)
        for cell in sorted(pooled, key=lambda cell: cell["cell_id"])]
    return document, cell_views, [found[number][0] for number in shown]
