"""A small catalogue with all that its pages are told, made of the corpus in memory: nothing is judged, written or read."""
from __future__ import annotations

import functools
import json

import corpus

from base import ledger_records
from derive import paired_answers
from judge import tree_layout
from publish import catalogue, device_summary, grades, page_inputs, pooling, run_contribution


# Runs of the corpus: of seven machines, one of which has three runs; thinking, contexts that were climbed, failures, drift, throttling.
NUMBERS = (0, 1, 3, 4, 6, 8, 9, 12, 24)
FEW = (0, 12)       # both of one machine and of the same models


@functools.lru_cache(maxsize=None)
def taken(number: int) -> tuple:
    """(run view, contributions, machine) of a run of the corpus."""
    one = corpus.spec(number)
    made = corpus.made(one)
    sizes = {name: len(data) for name, data in made.files().items()}
    given = [with_ways(contribution, number) for contribution in
             run_contribution.contributions(one.device.tag, made.manifest, made.metadata, made.cells)]
    counts = {"error": 0, "hold": 0, "warning": 0, "info": 0}
    grade, unmet = grades.grade_of(grades.GradeInput(made.manifest, made.metadata, made.hardware, made.story, 0))
    row = run_contribution.run_row(tree_layout.place_of(one.folder), made.manifest, made.metadata, counts, grade, unmet, {}, given)
    calls = [page_inputs.call_row(ledger_records.typed(record)) for record in made.lines if record["type"] in ("call", "skipped")]
    view = page_inputs.RunPageInput(row, made.manifest, made.metadata, made.hardware, made.story, [],
                                    page_inputs.with_rates(calls, made.manifest), sizes, True)
    return view, given, device_summary.facts(made.hardware)


def with_ways(contribution: dict, number: int) -> dict:
    """The same contribution, of a run that also asked with thinking and climbed contexts. The figures are planted here."""
    phases = {phase["phase"]: phase for phase in contribution["phases"]}
    if "context-edge" not in phases or number % 4 == 2:
        return contribution
    always = "8b" in contribution["model"]
    if always:
        phases["small-eval"] = {**phases["small-eval"], "thinking": thinking(None, None)}
    else:
        pairs = {"pairs": 5, "unpaired": 0, "right_plain": 2, "right_thinking": 4, "gained": 3, "lost": 1, **paired_answers.difference(5, 3, 1),
                 "time_to_correct_plain_ms": stat(900), "time_to_correct_thinking_ms": stat(8_100),
                 "time_ratio": {"n": 1, "ratio": 9, "low": None, "high": None}}
        phases["small-eval-thinking"] = {**phases["small-eval"], "phase": "small-eval-thinking", "thinking": thinking(True, pairs)}
    for depth, size in ((1, 8), (2, 16), (4, 32)):
        phase = phases["context-edge"]
        phases["context-edge" if depth == 1 else f"context-edge-{size}k"] = {
            **phase, "phase": "context-edge" if depth == 1 else f"context-edge-{size}k", "groups": [deeper(group, depth) for group in phase["groups"]],
            "rung": {"num_ctx": 1024 * size, "context_length": 1024 * size, "size_bytes": contribution["size_bytes"] + 10 ** 8 * size,
                     "vram_bytes": contribution["size_bytes"] + 10 ** 8 * min(size, 20), "load_ms": 900 + size, "stopped_by": None, "detail": None}}
    served = {"num_ctx": 32_768, "prompt_tokens": 32_000, "prefill_tok_s": 500, "decode_tok_s": 8, "ttft_ms": 64_000, "middle_found": number % 3 > 0,
              "middle_found_tokens": 16_000, "partial_from": 32_768, "ended_by": "trained-context", "detail": None}
    return {**contribution, "always_thinks": always, "served_context": served, "phases": list(phases.values())}


def stat(value: float) -> dict:
    return {"n": 3, "median": value, "q1": value * 0.9, "q3": value * 1.1, "min": value * 0.8, "max": value * 1.2, "low": value * 0.8, "high": value * 1.2}


def thinking(mode: object, answers: dict | None) -> dict:
    return {"mode": mode, "budget": 4096, "thought": 5, "tokens_basis": "chunks", "tokens": stat(700), "budget_share": stat(0.17),
            "first_answer_ms": stat(7_700), "cut_by_budget": 1, "cut_otherwise": 0, "answers": answers}


def deeper(group: dict, depth: int) -> dict:
    """The same prompts with so many times the tokens, and slower."""
    factors = {"prompt_tokens": depth, "decode_tok_s": 1 / depth ** 0.5, "ttft_ms": depth}
    values = {name: [value * factors.get(name, 1) for value in listed] for name, listed in group["values"].items()}
    metrics = {name: stat and {**stat, "median": stat["median"] * factors.get(name, 1)} for name, stat in group["metrics"].items()}
    return {**group, "values": values, "metrics": metrics}


def pooled_cell(cell_runs: list, machine: dict) -> dict | None:
    """The `cell` record of these runs, with by_run; None where none is shown."""
    pool = pooling.CellPool()
    for number, run in enumerate(cell_runs):
        pool.add(str(number), run)
    cell = pool.record(machine)
    return cell and json.loads(b"".join(cell.data()))


@functools.lru_cache(maxsize=None)
def whole(numbers: tuple = NUMBERS, hidden: frozenset = frozenset()) -> tuple:
    """(catalogue, cell views, run views) of these runs of the corpus; the hidden ones are withheld."""
    found = {number: taken(number) for number in numbers}
    shown = [number for number in numbers if number not in hidden]
    machines = {found[number][0].run["device_tag"]: found[number][2] for number in shown}
    devices_of, by_cell = {}, {}
    for number, (view, given, machine) in sorted(found.items(), key=lambda pair: pair[1][0].run["started_at"], reverse=True):
        run = view.run
        device_runs = devices_of.setdefault(run["device_tag"], catalogue.DeviceRuns(run["device_tag"], machine))
        if number in hidden:
            device_runs.withheld += 1
        else:
            device_runs.add_shown(1, run["done"], run["handle"], run["started_at"])
    for number, (view, given, _) in found.items():
        run = view.run
        for one in given:
            by_cell.setdefault(one["cell_id"], []).append(
                run_contribution.CellRun(run["run_id"], run["started_at"], None if number in hidden else run, one))
    pooled = [cell for cell in (pooled_cell(given, machines.get(given[0].contribution["cell_id"].partition(".")[0], {}))
                                for given in by_cell.values() if any(one.row for one in given)) if cell]
    bare = [{**cell, "variants": [{name: value for name, value in variant.items() if name != "by_run"} for variant in cell["variants"]]}
            for cell in pooled]
    rows = sorted((found[number][0].run for number in shown), key=lambda run: (run["started_at"], run["run_id"]), reverse=True)
    document = catalogue.document(rows, bare, devices_of.values(), True)
    devices, models = ({record[name]: record for record in document[part]} for part, name in (("devices", "device_tag"), ("models", "model")))
    cell_views = [page_inputs.cell_page_input(cell, devices[cell["device_tag"]], models[cell["model"]], [
        run for run in document["runs"] if any(one["cell_id"] == cell["cell_id"] for one in run["models"])], True)
        for cell in sorted(pooled, key=lambda cell: cell["cell_id"])]
    return document, cell_views, [found[number][0] for number in shown]
