"""Checks: does what was planted in the fake server come out of the records again?

Counts must be equal. Times are compared with what the fake server really did, which a busy machine delays as well;
the tolerances are for the scheduler of such a machine, not for the arithmetic.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List

from base import ledger_records
from base.intervals import busy
from base.ledger_records import CallRecord
from base.phases import CONTEXT_APPEND, CONTEXT_EDGE, FROZEN, PARALLEL_SAME
from derive import call_metrics
from derive.distribution import quantile

TTFT_MS = 5.0           # lateness of the first text above what delayed the fake server itself, at the lower quartile: a busy
                        # machine delays some calls, a wrong instrument all of them
GAP_SHARE = 0.10        # of the decode rate by the client's clock, likewise
COUNTER_SHARE = 0.005   # of rates from the server's own counters, which are exact but for rounding
LOAD_MS = 60.0
FILL_SHARE = 0.03
PREFILL_SHARE = 0.02     # which tokens the cache held is known to a token or two
PARALLEL_SHARE = 0.25
BUSY_SHARE = 0.1        # of the processors, used by others while nothing ran
BUSY_MS = 2.0           # lateness of the fake server itself, at the median of the calls' worst
DRIFT_SHARE = 0.01


@dataclass(frozen=True)
class CheckLine:
    """One comparison: what was planted, what was recovered, and whether they agree."""
    name: str
    planted: str
    recovered: str
    passed: bool
    timed: bool = False     # what is compared depends on when the system lets processes run
    group: str = ""         # under which the report counts it


def in_group(group: str, lines: List[CheckLine]) -> List[CheckLine]:
    """These lines, counted under `group` unless they have a group already."""
    return [line if line.group else replace(line, group=group) for line in lines]


def faults(results: list) -> list:
    """Lines for (name, expected, observed) of each fault."""
    return [CheckLine(f"fault: {name}", _words(expected), _words(seen), expected == seen, timed=True)
            for name, expected, seen in results]


def kinds_of_models(metadata: dict, records: list, outcome_left_out: list, models: tuple, reports_count: bool) -> list:
    """Lines for a conversation with hybrid models, a safetensors runner and a broken model.

    With the server's cached count the rate of every hybrid model is recovered; without it only that of the model which
    computes nothing again, and the others have no rate.
    """
    how = "cached count reported" if reports_count else "cached count not reported"
    calls = [record for record in records if isinstance(record, CallRecord)]
    broken = [model["name"] for model in models if model.get("show_error")]
    lines = [same(f"{how}: models left out", ", ".join(broken), ", ".join(row["name"] for row in outcome_left_out)),
             same(f"{how}: planned calls that were skipped", 0, records[-1].skipped)]
    for model in models:
        warnings = {row["code"]: row for row in metadata["warnings"] if row["model"] == model["name"]}
        if "checkpoint_back_tokens" in model:
            lines += _checkpoint_lines(f"{how}, {model['name']}", model, _prefill_medians(metadata, model), warnings,
                                       reports_count)
        elif model.get("format") == "safetensors":
            name, mine = f"{how}, {model['name']}", [call for call in calls if call.model == model["name"]]
            lines += [same(f"{name}: over-long prompt", "answered", _finding(mine, "too_long")),
                      same(f"{name}: warned that num_ctx is ignored", True, "num-ctx-ignored" in warnings),
                      same(f"{name}: loads, the first with a passing 404", ["refused", "empty"],
                            [call.outcome for call in mine if call.item == "LOAD"][:2])]
    return lines


def _prefill_medians(metadata: dict, model: dict) -> list:
    groups = [group for row in metadata["aggregates"] if row["model"] == model["name"] for group in row["groups"]]
    stats = [group["metrics"]["prefill_tok_s"] for group in groups]
    return [stat["median"] for stat in stats if stat]


def _checkpoint_lines(name: str, model: dict, rates: list, warnings: dict, reports_count: bool) -> list:
    back = model["checkpoint_back_tokens"]
    planted = [model["prefill_tok_s"]] if reports_count or not back else []
    again = warnings.get("prefix-recomputed", {}).get("observed")
    # The tokens at the end of the template give way to the next turn, and are computed again as well.
    expected = back + model["tail_tokens"] if reports_count and back else None
    return [ratio(f"{name}: prefill of turns, tok/s", planted or [None], rates or [None], PREFILL_SHARE),
            same(f"{name}: tokens computed again", expected, again),
            same(f"{name}: warned that a rate is unclear", bool(back) and not reports_count, "prefix-unclear" in warnings)]


def busy_share(records: list, log: list) -> float | None:
    """How busy others kept the processors, by what was read while nothing ran; else by how late the fake server was.

    None: the machine was not busy.
    """
    shares = [call.conditions["background_cpu_share"] for call in records if isinstance(call, CallRecord) and call.conditions
              and call.conditions.get("background_cpu_share") is not None]
    share = _median(shares) if shares else 0.0
    late_ms = _median([_disturbed_ns(row) / 1e6 for row in log if row["sent_ns"]])
    return share if share >= BUSY_SHARE or late_ms > BUSY_MS else None


def whole_run(records: list, log: list, models: tuple, slots: int, complete: bool) -> list:
    """Lines for a whole run of every phase against the fake server."""
    calls = [record for record in records if isinstance(record, CallRecord)]
    truth = _matched(calls, log)
    planned = sum(map(ledger_records.is_planned, records))
    lines = [same("run complete, every planned call recorded", planned, records[-1].planned),
             same("run complete, by its footer", True, complete),
             same("calls that failed", 0, sum(1 for call in calls if call.is_measured and not call.has_speed)),
             same("planned calls that were skipped", 0, records[-1].skipped)]
    for model in models:
        mine = [call for call in calls if call.model == model["name"]]
        lines += _model_lines(model, mine, slots)
        for phase in dict.fromkeys(call.phase for call in mine if call.is_measured):
            chosen = [call for call in mine if call.is_measured and call.phase == phase]
            lines += in_group(phase, _phase_lines(model, phase, chosen, truth, _finding(mine, "head_tokens")))
    return lines + _wave_lines(calls, truth, slots)


def derived_files(metadata: dict, records: list, log: list, models: tuple) -> list:
    """Lines for metadata.json: whether what was computed from the ledger is what the fake server planted."""
    calls = [record for record in records if isinstance(record, CallRecord)]
    truth = _matched(calls, log)
    lines = [same("metadata.json: measured calls", sum(call.is_measured for call in calls), metadata["done"]),
             same("metadata.json: synthetic", True, metadata["synthetic"])]
    for model in models:
        cells = {row["phase"]: row for row in metadata["aggregates"] if row["model"] == model["name"]}
        row_of_model = next(row for row in metadata["models"] if row["model"] == model["name"])
        mine = [call for call in calls if call.model == model["name"] and call.phase == FROZEN and call.is_measured
                and call.seq in truth]
        lines += _book_lines(model, cells, row_of_model, mine, [truth[call.seq] for call in mine])
    return lines


def _book_lines(model: dict, cells: dict, row_of_model: dict, calls: list, rows: list) -> list:
    name = f"metadata.json, {model['name']}"
    missing = {FROZEN, PARALLEL_SAME} - set(cells)
    if missing:
        return [same(f"{name}: phases that are missing", "", ", ".join(sorted(missing)))]
    frozen = cells[FROZEN]
    first = next(group["metrics"] for group in frozen["groups"] if (group["item"], group["pass"]) == (None, "first"))
    planted = [row for call, row in zip(calls, rows) if call.pass_ == "first"]
    together = [wave["serialised"] for wave in cells[PARALLEL_SAME]["waves"] if wave["level"] > 1]
    drift = frozen["drift"]["decode"]
    lines = [ratio(f"{name}: decode, tok/s", _rates(planted, "eval_tokens", "eval_ns"), [first["decode_tok_s"]["median"]],
                    COUNTER_SHARE),
             _timed(same(f"{name}: levels served one by one", 0, sum(map(bool, together)))),
             _timed(near(f"{name}: cold load, ms", model["load_ms"], (row_of_model["cold_load_ms"] or {}).get("median"),
                          LOAD_MS))]
    if model.get("drift"):
        lines.append(near(f"{name}: drift of decode", _counter_drift(calls, rows), drift and drift["ratio"], DRIFT_SHARE))
    return lines


def _counter_drift(calls: list, rows: list) -> float:
    """Decode of the last pass over the first, by the counters that the fake server sent."""
    first, last = ([row["eval_ns"] for call, row in zip(calls, rows) if call.pass_ == pass_] for pass_ in ("first", "last"))
    return _median(first) / _median(last)


def _matched(calls: list, log: list) -> dict:
    """seq: the fake server's row of that call. The turns of a conversation share a nonce and come in order."""
    rows: dict = {}
    for row in log:
        if row["eval_tokens"]:      # a request that the fake server refused has nothing to compare with
            rows.setdefault(row["nonce"], []).append(row)
    return {call.seq: rows[call.nonce].pop(0) for call in calls if call.nonce and rows.get(call.nonce)}


def _finding(calls: list, name: str) -> object:
    return next((call.finding[name] for call in calls if call.finding and name in call.finding), None)


def _model_lines(model: dict, calls: list, slots: int) -> list:
    name = model["name"]
    loads = [call.done_ns / 1e6 for call in calls if call.item == "LOAD" and call.done_ns]
    points = _finding(calls, "context-edge_tokens_at")
    return [
        same(f"{name}: template tokens before the nonce", model["head_tokens"], _finding(calls, "head_tokens")),
        _timed(same(f"{name}: slots", slots, _finding(calls, "slots_seen"))),
        same(f"{name}: thinks by default", bool(model.get("thinking_tokens")), _finding(calls, "thinks_by_default")),
        same(f"{name}: over-long prompt", "refused", _finding(calls, "too_long")),
        same(f"{name}: decode time of a one-token answer, ns", 1000, _finding(calls, "one_token_eval_ns")),
        same(f"{name}: material was counted", True, bool(points)),
        _timed(near(f"{name}: cold load, ms", model["load_ms"], min(loads, default=None), LOAD_MS)),
    ]


def _phase_lines(model: dict, phase: str, calls: list, truth: dict, head_tokens: int | None) -> list:
    name = f"{model['name']} {phase}"
    rows = [truth.get(call.seq) for call in calls]
    if not calls or None in rows:
        return [CheckLine(f"{name}: calls known to the fake server", str(len(calls)), str(len(calls) - rows.count(None)), False)]
    lines = [
        same(f"{name}: prompt tokens", sum(row["prompt_tokens"] for row in rows),
              sum(call.prompt_tokens or 0 for call in calls)),
        same(f"{name}: answer tokens", sum(row["eval_tokens"] for row in rows),
              sum(call.eval_tokens or 0 for call in calls)),
        _ttft_line(name, calls, rows),
        ratio(f"{name}: decode by the server's counters, tok/s", _rates(rows, "eval_tokens", "eval_ns"),
               [call_metrics.decode_tok_s(call) for call in calls], COUNTER_SHARE),
        _clock_line(name, calls, rows),
    ]
    if phase == CONTEXT_APPEND:
        return lines + [_reuse_line(name, calls, rows)]
    if phase == CONTEXT_EDGE:
        lines += _fill_lines(name, calls)
    lines.append(ratio(f"{name}: prefill, tok/s", [model["prefill_tok_s"]],
                        [call_metrics.prefill_tok_s(call, head_tokens) for call in calls], PREFILL_SHARE))
    if model.get("drift") and phase == FROZEN:
        lines.append(_drift_line(name, calls, rows))
    return lines


def _disturbed_ns(row: dict) -> int:
    """How late the fake server was at its worst within an answer: what delays it delays us as well."""
    return max(sent - planned for sent, planned in zip(row["sent_ns"], row["planned_ns"]))


def _ttft_line(name: str, calls: list, rows: list) -> CheckLine:
    heard = [(call_metrics.ttft_ms(call) - row["sent_ns"][0] / 1e6, _disturbed_ns(row) / 1e6) for call, row in zip(calls, rows)
             if call_metrics.ttft_ms(call) is not None]
    late, planted = _median([late for late, _ in heard]), _median([row["sent_ns"][0] / 1e6 for row in rows])
    return CheckLine(f"{name}: TTFT, ms at the median", f"{planted:.2f}", f"{planted + late:.2f}",
                late >= -0.05 and _least([late - disturbed for late, disturbed in heard]) <= TTFT_MS, timed=True)


def _clock_line(name: str, calls: list, rows: list) -> CheckLine:
    """Medians are shown; judged is how far each call is from what the fake server really did for it."""
    name = f"{name}: decode by the client's clock, tok/s"
    planted, recovered = [_sent_rate(row) for row in rows], [call_metrics.client_decode_tok_s(call) for call in calls]
    if all(value is None for value in planted + recovered):
        return CheckLine(name, "none", "none", True)
    apart = [abs(ours / theirs - 1) - _disturbed_ns(row) / (row["sent_ns"][-2] - row["sent_ns"][0])
             for theirs, ours, row in zip(planted, recovered, rows) if theirs and ours]
    return CheckLine(name, f"{_median(planted):.1f}", f"{_median(recovered):.1f}", _least(apart) <= GAP_SHARE, timed=True)


def _fill_lines(name: str, calls: list) -> list:
    """Share of the fillable context that the prompt took, against what it was to take."""
    rooms = [call.options["num_ctx"] - call.options["num_predict"] for call in calls]
    fills = [call.prompt_tokens and call.prompt_tokens / room for call, room in zip(calls, rooms)]
    return [near(f"{name}: fill", call.fill, fill, FILL_SHARE) for call, fill in zip(calls, fills)]


def _reuse_line(name: str, calls: list, rows: list) -> CheckLine:
    """Turns whose prompt was taken over from the turn before, for a good part."""
    reused = [call for call, row in zip(calls[1:], rows[1:])
              if call.prompt_tokens and row["cached_tokens"] > call.prompt_tokens // 4]
    return same(f"{name}: turns that reuse the prefix", len(rows) - 1, len(reused))


def _drift_line(name: str, calls: list, rows: list) -> CheckLine:
    """Decode of the last pass over the first by the server's counters, which no busy machine disturbs."""
    def share(values: list) -> float:
        first = [value for call, value in zip(calls, values) if call.pass_ == "first"]
        last = [value for call, value in zip(calls, values) if call.pass_ == "last"]
        return _median(last) / _median(first)
    planted = share([(row["eval_tokens"] - 1) * 1e9 / row["eval_ns"] for row in rows])
    return near(f"{name}: drift of decode, last over first", planted, share([call_metrics.decode_tok_s(call) for call in calls]),
                 DRIFT_SHARE)


def _wave_lines(calls: list, truth: dict, slots: int) -> list:
    """Effective parallelism of full waves, against the fake server's own decode spans."""
    waves: dict = {}
    for wave in ledger_records.waves(call for call in calls if call.is_measured and call.wave is not None):
        waves.setdefault((wave[0].phase, wave[0].level), []).append(wave)
    lines = []
    for (phase, level), together in waves.items():
        full = [wave for wave in together if len(wave) == level and all(call.seq in truth for call in wave)]
        ours = [call_metrics.effective_parallelism(wave) for wave in full]
        theirs = [_true_parallelism([truth[call.seq] for call in wave]) for wave in full]
        planted, seen = _median(theirs), _median(ours)
        lines.append(CheckLine(f"{phase} at {level}: calls decoding at once", f"{planted:.2f}", f"{seen:.2f}",
                               abs(seen - planted) <= PARALLEL_SHARE * planted, timed=True, group=phase))
    return lines


def _true_parallelism(rows: list) -> float:
    spans = [(row["received_ns"] + row["sent_ns"][0], row["received_ns"] + row["sent_ns"][-2]) for row in rows
             if len(row["sent_ns"]) > 2]
    return sum(end - start for start, end in spans) / max(1, busy(spans))


def _rates(rows: list, tokens: str, duration: str) -> list:
    return [(row[tokens] - 1) * 1e9 / row[duration] for row in rows if row[tokens] >= call_metrics.MIN_DECODE_TOKENS]


def _sent_rate(row: dict) -> float | None:
    """Tokens after the first over first to last text, as the fake server really sent them."""
    texts = row["sent_ns"][:-1]
    if row["eval_tokens"] < call_metrics.MIN_DECODE_TOKENS or len(texts) < 2:
        return None
    return (len(texts) - 1) * 1e9 / (texts[-1] - texts[0])


def _median(values: list) -> float:
    known = [value for value in values if value is not None]
    return quantile(sorted(known), 0.5) if known else float("nan")


def _least(values: list) -> float:
    return quantile(sorted(values), 0.25) if values else float("nan")


def same(name: str, planted: object, recovered: object) -> CheckLine:
    return CheckLine(name, str(planted), str(recovered), planted == recovered)


def _timed(line: CheckLine) -> CheckLine:
    return replace(line, timed=True)


def near(name: str, planted: float, recovered: float | None, within: float) -> CheckLine:
    passed = recovered is not None and abs(recovered - planted) <= within
    return CheckLine(name, f"{planted:.3g}", "none" if recovered is None else f"{recovered:.3g}", passed)


def ratio(name: str, planted: list, recovered: list, within: float) -> CheckLine:
    """Medians that agree within a share; none planted and none recovered agree as well."""
    if all(value is None for value in planted + recovered):
        return CheckLine(name, "none", "none", True)
    before, after = _median(planted), _median(recovered)
    return CheckLine(name, f"{before:.1f}", f"{after:.1f}", abs(after - before) <= within * before)


def _words(values: dict) -> str:
    return ", ".join(f"{name} {value}" if name != "outcome" else str(value) for name, value in values.items())
