"""Checks: whether what was planted in the fake server is recovered from the records and from metadata.json.

Counts must be equal. Times are compared with when the fake server really sent, which a busy machine delays as well. The
tolerances allow for the scheduler of such a machine, not for errors of arithmetic.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from base import ledger_records
from base.intervals import busy
from base.ledger_records import CallRecord, FooterRecord, Record
from base.phases import CONTEXT_APPEND, CONTEXT_EDGE, FROZEN, PARALLEL_SAME
from derive import call_metrics
from derive.distribution import quantile

TTFT_MS = 5.0           # delay of the first text beyond that of the fake server itself, at the lower quartile: a busy machine
                        # delays some calls, a wrong instrument all of them
GAP_SHARE = 0.10        # of the decode rate by the client's clock, at the lower quartile too
COUNTER_SHARE = 0.005   # of rates from the server's own counters, which are exact but for rounding
LOAD_MS = 60.0
FILL_SHARE = 0.03
PREFILL_SHARE = 0.02     # which tokens the cache held is known to a token or two
PARALLEL_SHARE = 0.25
BUSY_SHARE = 0.1        # of the processors, used by other programs while no call ran
BUSY_MS = 2.0           # delay of the fake server itself: the worst of each answer, at the median
DRIFT_SHARE = 0.01


@dataclass(frozen=True)
class CheckLine:
    """One comparison: what was planted, what was recovered, and whether they agree."""
    name: str
    planted: str
    recovered: str
    passed: bool
    timed: bool = False     # it depends on the scheduler
    group: str = ""         # under which the report counts it


def in_group(group: str, lines: List[CheckLine]) -> List[CheckLine]:
    """These lines, counted under `group` unless they have a group already."""
    return [line if line.group else replace(line, group=group) for line in lines]


def faults(results: List[Tuple[str, dict, dict]]) -> List[CheckLine]:
    """Lines for (name, expected, observed) of each fault."""
    return [CheckLine(f"fault: {name}", _words(expected), _words(observed), expected == observed, timed=True)
            for name, expected, observed in results]


def kinds_of_models(metadata: dict, records: List[Record], left_out: List[dict], models: Sequence[dict],
                    reports_count: bool) -> List[CheckLine]:
    """Lines for a conversation with hybrid models, a safetensors runner and a broken model.

    With the server's cached count the rate of every hybrid model is recovered; without it only the rate of the model that
    recomputes no prefix.
    """
    version = "cached count reported" if reports_count else "cached count not reported"
    calls = [record for record in records if isinstance(record, CallRecord)]
    broken = [model["name"] for model in models if model.get("show_error")]
    lines = [same(f"{version}: models left out", ", ".join(broken), ", ".join(row["name"] for row in left_out)),
             same(f"{version}: planned calls that were skipped", 0, _footer(records).skipped)]
    for model in models:
        warnings = {row["code"]: row for row in metadata["warnings"] if row["model"] == model["name"]}
        name, own_calls = f"{version}, {model['name']}", [call for call in calls if call.model == model["name"]]
        if "checkpoint_back_tokens" in model:
            lines += _checkpoint_lines(name, model, _prefill_medians(metadata, model), warnings,
                                       reports_count)
        elif model.get("format") == "safetensors":
            lines += [same(f"{name}: over-long prompt", "answered", _finding(own_calls, "too_long")),
                      same(f"{name}: warned that num_ctx is ignored", True, "num-ctx-ignored" in warnings),
                      same(f"{name}: loads, the first with a passing 404", ["refused", "empty"],
                            [call.outcome for call in own_calls if call.item == "LOAD"][:2])]
    return lines


def _prefill_medians(metadata: dict, model: dict) -> List[float]:
    groups = [group for row in metadata["aggregates"] if row["model"] == model["name"] for group in row["groups"]]
    stats = [group["metrics"]["prefill_tok_s"] for group in groups]
    return [stat["median"] for stat in stats if stat]


def _checkpoint_lines(name: str, model: dict, rates: List[float], warnings: Dict[str, dict], reports_count: bool) -> List[CheckLine]:
    back = model["checkpoint_back_tokens"]
    planted = [model["prefill_tok_s"]] if reports_count or not back else []
    recomputed = warnings.get("prefix-recomputed", {}).get("observed")
    # The next turn replaces the tokens at the end of the template, which are computed again as well.
    expected = back + model["tail_tokens"] if reports_count and back else None
    return [ratio(f"{name}: prefill of turns, tok/s", planted, rates, PREFILL_SHARE),
            same(f"{name}: tokens computed again", expected, recomputed),
            same(f"{name}: warned that a rate is unclear", bool(back) and not reports_count, "prefix-unclear" in warnings)]


def busy_share(records: List[Record], log: List[dict]) -> Optional[float]:
    """How busy other programs kept the processors while no call ran; None: the machine was not busy.

    A machine on which the fake server was late was busy as well.
    """
    shares = [call.conditions["background_cpu_share"] for call in records if isinstance(call, CallRecord) and call.conditions
              and call.conditions.get("background_cpu_share") is not None]
    share = _median(shares) if shares else 0.0
    late_ms = _median([_delay_ns(row) / 1e6 for row in log if row["sent_ns"]])
    return share if share >= BUSY_SHARE or late_ms > BUSY_MS else None


def whole_run(records: List[Record], log: List[dict], models: Sequence[dict], slots: int, complete: bool) -> List[CheckLine]:
    """Lines for a whole run of every phase against the fake server."""
    calls = [record for record in records if isinstance(record, CallRecord)]
    truth = _matched(calls, log)
    footer, planned = _footer(records), sum(map(ledger_records.is_planned, records))
    lines = [same("run complete, every planned call recorded", planned, footer.planned),
             same("run complete, by its footer", True, complete),
             same("calls that failed", 0, sum(1 for call in calls if call.is_measured and not call.has_speed)),
             same("planned calls that were skipped", 0, footer.skipped)]
    for model in models:
        own_calls = [call for call in calls if call.model == model["name"]]
        lines += _model_lines(model, own_calls, slots)
        for phase in dict.fromkeys(call.phase for call in own_calls if call.is_measured):
            measured = [call for call in own_calls if call.is_measured and call.phase == phase]
            lines += in_group(phase, _phase_lines(model, phase, measured, truth, _finding(own_calls, "head_tokens")))
    return lines + _wave_lines(calls, truth)


def derived_files(metadata: dict, records: List[Record], log: List[dict], models: Sequence[dict]) -> List[CheckLine]:
    """Lines for metadata.json: whether its figures are those that the fake server planted."""
    calls = [record for record in records if isinstance(record, CallRecord)]
    truth = _matched(calls, log)
    lines = [same("metadata.json: measured calls", sum(call.is_measured for call in calls), metadata["done"]),
             same("metadata.json: synthetic", True, metadata["synthetic"])]
    for model in models:
        aggregates = {row["phase"]: row for row in metadata["aggregates"] if row["model"] == model["name"]}
        calibrated = next(row for row in metadata["models"] if row["model"] == model["name"])
        frozen = [call for call in calls if call.model == model["name"] and call.phase == FROZEN and call.is_measured
                and call.seq in truth]
        lines += _metadata_lines(model, aggregates, calibrated, frozen, [truth[call.seq] for call in frozen])
    return lines


def _metadata_lines(model: dict, aggregates: Dict[str, dict], calibrated: dict, calls: List[CallRecord], rows: List[dict]) -> List[CheckLine]:
    name = f"metadata.json, {model['name']}"
    missing = {FROZEN, PARALLEL_SAME} - set(aggregates)
    if missing:
        return [same(f"{name}: phases that are missing", "", ", ".join(sorted(missing)))]
    frozen = aggregates[FROZEN]
    first = next(group["metrics"] for group in frozen["groups"] if (group["item"], group["pass"]) == (None, "first"))
    planted = [row for call, row in zip(calls, rows) if call.pass_ == "first"]
    together = [wave["serialised"] for wave in aggregates[PARALLEL_SAME]["waves"] if wave["level"] > 1]
    drift = frozen["drift"]["decode"]
    lines = [ratio(f"{name}: decode, tok/s", _counter_rates(planted), [first["decode_tok_s"]["median"]],
                    COUNTER_SHARE),
             timed(same(f"{name}: levels served one by one", 0, sum(map(bool, together)))),
             timed(near(f"{name}: cold load, ms", model["load_ms"], (calibrated["cold_load_ms"] or {}).get("median"),
                          LOAD_MS))]
    if model.get("drift"):
        lines.append(near(f"{name}: drift of decode", _last_over_first(calls, list(map(_counter_rate, rows))), drift and drift["ratio"], DRIFT_SHARE))
    return lines


def _matched(calls: List[CallRecord], log: List[dict]) -> Dict[int, dict]:
    """seq: the fake server's row of that call. The turns of a conversation share a nonce and are in order."""
    rows: Dict[str, List[dict]] = {}
    for row in log:
        if row["eval_tokens"]:      # a request that the fake server refused has nothing to compare with
            rows.setdefault(row["nonce"], []).append(row)
    return {call.seq: rows[call.nonce].pop(0) for call in calls if call.nonce and rows.get(call.nonce)}


def _footer(records: List[Record]) -> FooterRecord:
    footer = records[-1]
    assert isinstance(footer, FooterRecord)
    return footer


def _finding(calls: List[CallRecord], name: str) -> Any:
    return next((call.finding[name] for call in calls if call.finding and name in call.finding), None)


def _model_lines(model: dict, calls: List[CallRecord], slots: int) -> List[CheckLine]:
    name = model["name"]
    loads = [call.done_ns / 1e6 for call in calls if call.item == "LOAD" and call.done_ns]
    points = _finding(calls, "context-edge_tokens_at")
    return [
        same(f"{name}: template tokens before the nonce", model["head_tokens"], _finding(calls, "head_tokens")),
        timed(same(f"{name}: slots", slots, _finding(calls, "slots_seen"))),
        same(f"{name}: thinks by default", bool(model.get("thinking_tokens")), _finding(calls, "thinks_by_default")),
        same(f"{name}: over-long prompt", "refused", _finding(calls, "too_long")),
        same(f"{name}: decode time of a one-token answer, ns", 1000, _finding(calls, "one_token_eval_ns")),
        same(f"{name}: material was counted", True, bool(points)),
        timed(near(f"{name}: cold load, ms", model["load_ms"], min(loads, default=None), LOAD_MS)),
    ]


def _phase_lines(model: dict, phase: str, calls: List[CallRecord], truth: Dict[int, dict], head_tokens: Optional[int]) -> List[CheckLine]:
    name = f"{model['name']} {phase}"
    rows = [truth[call.seq] for call in calls if call.seq in truth]
    if not rows or len(rows) < len(calls):
        return [CheckLine(f"{name}: calls known to the fake server", str(len(calls)), str(len(rows)), False)]
    lines = [
        same(f"{name}: prompt tokens", sum(row["prompt_tokens"] for row in rows),
              sum(call.prompt_tokens or 0 for call in calls)),
        same(f"{name}: answer tokens", sum(row["eval_tokens"] for row in rows),
              sum(call.eval_tokens or 0 for call in calls)),
        _ttft_line(name, calls, rows),
        ratio(f"{name}: decode by the server's counters, tok/s", _counter_rates(rows),
               [call_metrics.decode_tok_s(call) for call in calls], COUNTER_SHARE),
        _clock_line(name, calls, rows),
    ]
    if phase == CONTEXT_APPEND:
        return lines + [_reuse_line(name, calls, rows)]
    if phase == CONTEXT_EDGE:
        lines += [near(f"{name}: fill", call.fill or 0.0, call_metrics.fill_reached(call), FILL_SHARE) for call in calls]
    lines.append(ratio(f"{name}: prefill, tok/s", [model["prefill_tok_s"]],
                        [call_metrics.prefill_tok_s(call, head_tokens) for call in calls], PREFILL_SHARE))
    if model.get("drift") and phase == FROZEN:
        recovered = _last_over_first(calls, [call_metrics.decode_tok_s(call) for call in calls])
        lines.append(near(f"{name}: drift of decode, last over first", _last_over_first(calls, list(map(_counter_rate, rows))), recovered,
                          DRIFT_SHARE))
    return lines


def _delay_ns(row: dict) -> int:
    """The fake server's longest delay within an answer: what delays it delays the harness as well."""
    return max(sent - planned for sent, planned in zip(row["sent_ns"], row["planned_ns"]))


def _ttft_line(name: str, calls: List[CallRecord], rows: List[dict]) -> CheckLine:
    pairs = [(call_metrics.ttft_ms(call), row) for call, row in zip(calls, rows)]
    delays = [(ttft_ms - row["sent_ns"][0] / 1e6, _delay_ns(row) / 1e6) for ttft_ms, row in pairs if ttft_ms is not None]
    late, planted = _median([late for late, _ in delays]), _median([row["sent_ns"][0] / 1e6 for row in rows])
    return CheckLine(f"{name}: TTFT, ms at the median", f"{planted:.2f}", f"{planted + late:.2f}",
                     late >= -0.05 and _lower_quartile([late - own for late, own in delays]) <= TTFT_MS, timed=True)


def _clock_line(name: str, calls: List[CallRecord], rows: List[dict]) -> CheckLine:
    """Shows medians; each call is compared with what the fake server really did for it."""
    name = f"{name}: decode by the client's clock, tok/s"
    planted, recovered = [_sent_rate(row) for row in rows], [call_metrics.client_decode_tok_s(call) for call in calls]
    if all(value is None for value in planted + recovered):
        return CheckLine(name, "none", "none", True)
    apart = [abs(ours / theirs - 1) - _delay_ns(row) / (row["sent_ns"][-2] - row["sent_ns"][0])
             for theirs, ours, row in zip(planted, recovered, rows) if theirs and ours]
    return CheckLine(name, f"{_median(planted):.1f}", f"{_median(recovered):.1f}", _lower_quartile(apart) <= GAP_SHARE, timed=True)


def _reuse_line(name: str, calls: List[CallRecord], rows: List[dict]) -> CheckLine:
    """Turns that found more than a quarter of their prompt in the cache."""
    reused = [call for call, row in zip(calls[1:], rows[1:])
              if call.prompt_tokens and row["cached_tokens"] > call.prompt_tokens // 4]
    return same(f"{name}: turns that reuse the prefix", len(rows) - 1, len(reused))


def _last_over_first(calls: List[CallRecord], values: Sequence[Optional[float]]) -> float:
    """Of a figure of each call: the last pass over the first, by their medians."""
    first, last = ([value for call, value in zip(calls, values) if call.pass_ == pass_] for pass_ in ("first", "last"))
    return _median(last) / _median(first)


def _wave_lines(calls: List[CallRecord], truth: Dict[int, dict]) -> List[CheckLine]:
    """Effective parallelism of full waves, against the fake server's own decode spans."""
    waves: Dict[Tuple[str, int], List[List[CallRecord]]] = {}
    for wave in ledger_records.waves(call for call in calls if call.is_measured and call.wave is not None):
        waves.setdefault((wave[0].phase, wave[0].level), []).append(wave)
    lines = []
    for (phase, level), same_level in waves.items():
        full = [wave for wave in same_level if len(wave) == level and all(call.seq in truth for call in wave)]
        ours = [call_metrics.effective_parallelism(wave) for wave in full]
        theirs = [_true_parallelism([truth[call.seq] for call in wave]) for wave in full]
        planted, recovered = _median(theirs), _median(ours)
        lines.append(CheckLine(f"{phase} at {level}: calls decoding at once", f"{planted:.2f}", f"{recovered:.2f}",
                               abs(recovered - planted) <= PARALLEL_SHARE * planted, timed=True, group=phase))
    return lines


def _true_parallelism(rows: List[dict]) -> float:
    spans = [(row["received_ns"] + row["sent_ns"][0], row["received_ns"] + row["sent_ns"][-2]) for row in rows
             if len(row["sent_ns"]) > 2]
    return sum(end - start for start, end in spans) / max(1, busy(spans))


def _counter_rate(row: dict) -> float:
    """Decode by the counters that the fake server sent, which no busy machine disturbs."""
    return (row["eval_tokens"] - 1) * 1e9 / row["eval_ns"]


def _counter_rates(rows: List[dict]) -> List[float]:
    return [_counter_rate(row) for row in rows if row["eval_tokens"] >= call_metrics.MIN_DECODE_TOKENS]


def _sent_rate(row: dict) -> Optional[float]:
    """Tokens after the first over first to last text, as the fake server really sent them."""
    texts = row["sent_ns"][:-1]
    if row["eval_tokens"] < call_metrics.MIN_DECODE_TOKENS or len(texts) < 2:
        return None
    return (len(texts) - 1) * 1e9 / (texts[-1] - texts[0])


def _median(values: Sequence[Optional[float]]) -> float:
    known = [value for value in values if value is not None]
    return quantile(sorted(known), 0.5) if known else float("nan")


def _lower_quartile(values: List[float]) -> float:
    return quantile(sorted(values), 0.25) if values else float("nan")


def same(name: str, planted: Any, recovered: Any) -> CheckLine:
    return CheckLine(name, str(planted), str(recovered), planted == recovered)


def timed(line: CheckLine) -> CheckLine:
    return replace(line, timed=True)


def near(name: str, planted: float, recovered: Optional[float], within: float) -> CheckLine:
    passed = recovered is not None and abs(recovered - planted) <= within
    return CheckLine(name, f"{planted:.3g}", "none" if recovered is None else f"{recovered:.3g}", passed)


def ratio(name: str, planted: Sequence[Optional[float]], recovered: Sequence[Optional[float]], within: float) -> CheckLine:
    """Medians that agree within a share; none planted and none recovered agree as well."""
    if all(value is None for value in (*planted, *recovered)):
        return CheckLine(name, "none", "none", True)
    before, after = _median(planted), _median(recovered)
    return CheckLine(name, f"{before:.1f}", f"{after:.1f}", abs(after - before) <= within * before)


def _words(values: dict) -> str:
    return ", ".join(f"{name} {value}" if name != "outcome" else str(value) for name, value in values.items())
