"""The headline: one row for each model and phase, computed from the records in one pass."""
from __future__ import annotations

from typing import Iterable

from base.ledger_records import CallRecord, Record, SkippedRecord, is_planned
from derive import call_metrics
from derive.distribution import quantile
from derive.aggregate import CONTEXT

TITLES = ["model", "phase", "calls", "failed", "skipped", "TTFT ms", "prefill tok/s", "decode tok/s"]


def rows(records: Iterable[Record], formats: dict) -> list:
    """Rows of TITLES in the order in which model and phase first appear; medians, each with its n, or None.

    `formats` tells of each model whether it is gguf or safetensors, which count their steps differently.
    Figures are of calls that ran alone, of the frozen prompts' first pass, and of no context phase, where the fill decides
    the speed. Prompts of all lengths of a phase share a row here, so this tells at a glance and proves nothing.
    """
    found: dict = {}
    heads: dict = {}
    for record in records:
        if isinstance(record, CallRecord) and record.finding:
            heads[record.model] = record.finding.get("head_tokens", heads.get(record.model))
        if is_planned(record):
            key = record.model, record.phase
            _add(found.setdefault(key, _empty()), record, heads.get(record.model), formats.get(record.model))
    return [[model, phase, row["calls"], row["failed"], row["skipped"], *(_median(row[name]) for name in
             ("ttft", "prefill", "decode"))] for (model, phase), row in found.items()]


def _empty() -> dict:
    return {"calls": 0, "failed": 0, "skipped": 0, "ttft": [], "prefill": [], "decode": []}


def _add(row: dict, record: Record, head_tokens: int | None, model_format: str | None) -> None:
    if isinstance(record, SkippedRecord):
        row["skipped"] += 1
        return
    row["calls"] += 1
    if not record.has_speed:
        row["failed"] += 1
        return
    if record.level > 1 or record.pass_ == "last" or record.phase in CONTEXT:
        return
    for name, value in (("ttft", call_metrics.ttft_ms(record)), ("decode", call_metrics.decode_tok_s(record, model_format)),
                        ("prefill", call_metrics.prefill_tok_s(record, head_tokens))):
        if value is not None:
            row[name].append(value)


def _median(values: list) -> str | None:
    if not values:
        return None
    middle = quantile(sorted(values), 0.5)
    return f"{middle:.1f} (n={len(values)})"
