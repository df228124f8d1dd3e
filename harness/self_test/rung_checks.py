"""Checks of the context ladder: whether what was planted in larger contexts is recovered from metadata.json."""
from __future__ import annotations

from typing import Dict, List, Sequence

from base.context_ladder import Ladder
from base.ledger_records import CallRecord, Record
from base.phases import RUNG_CONTEXTS
from base.records import SPEED_OUTCOMES
from derive import call_metrics
from self_test.checks import FILL_SHARE, PREFILL_SHARE, CheckLine, near, ratio, same

PREDICTED_SHARE = 0.25


def context_ladder(metadata: dict, records: List[Record], models: Sequence[dict], planted: Dict[str, dict]) -> List[CheckLine]:
    """`planted` maps models to fields of their `served_context`."""
    calls = [record for record in records if isinstance(record, CallRecord) and record.is_measured]
    failed = [call for call in calls if call.outcome not in SPEED_OUTCOMES]
    lines = [same("rungs: prompts that were refused, cut or not answered", 0, len(failed) + sum(row["void"] for row in metadata["aggregates"])),
             near("rungs: largest distance from the share of the context that was to be filled", 0.0, max(abs((call_metrics.fill_reached(call) or 0) - (call.fill or 0)) for call in calls), FILL_SHARE)]
    for model in models:
        name = f"rungs, {model['name']}"
        served = next(row["served_context"] for row in metadata["models"] if row["model"] == model["name"])
        rungs = [row for row in metadata["aggregates"] if row["model"] == model["name"] and row["groups"]]
        lines += [same(f"{name}: {field}", expected, served[field]) for field, expected in planted[model["name"]].items()]
        lines += [same(f"{name}: bytes a token of context", model["bytes_per_token"], _bytes_per_token(rungs)),
                  _deepest_prefill(name, model, rungs[-1]),
                  _predicted_line(name, [record for record in records if getattr(record, "model", None) == model["name"]])]
    return lines


def _predicted_line(name: str, records: List[Record]) -> CheckLine:
    """The largest context that was asked: its time as predicted from the smaller ones, against the time that the server took."""
    rung_calls = [record for record in records if isinstance(record, CallRecord) and record.is_measured and record.phase in RUNG_CONTEXTS]
    phase = max((call.phase for call in rung_calls), key=RUNG_CONTEXTS.__getitem__)
    calls = [call for call in rung_calls if call.phase == phase]
    ladder = Ladder()
    for record in records[:records.index(calls[0])]:
        ladder.observe(record)
    predicted_ns = ladder.predicted_ns([(call.prompt_tokens or 0, call.options["num_predict"]) for call in calls], is_loaded=True)
    worked_ns = sum((call.prompt_eval_ns or 0) + (call.eval_ns or 0) for call in calls)
    return ratio(f"{name}: {phase} as predicted by the contexts below, ms", [worked_ns / 1e6], [None if predicted_ns is None else predicted_ns / 1e6],
                 PREDICTED_SHARE)


def _bytes_per_token(rungs: List[dict]) -> int:
    """Between the smallest and the largest context."""
    first, last = rungs[0]["rung"], rungs[-1]["rung"]
    return (last["size_bytes"] - first["size_bytes"]) // max(1, (last["context_length"] - first["context_length"]))


def _deepest_prefill(name: str, model: dict, rung: dict) -> CheckLine:
    metrics = rung["groups"][-1]["metrics"]
    tokens, rate = metrics["prompt_tokens"]["median"], metrics["prefill_tok_s"]["median"]
    planted = model["prefill_tok_s"] / (1 + model["slower_per_1k"] * tokens / 2000)
    return ratio(f"{name}: prefill at {tokens} tokens, tok/s", [planted], [rate], PREFILL_SHARE)
