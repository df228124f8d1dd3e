"""Earlier methods: formulas and layouts that have changed; the derived files of an older run stay the same."""
from __future__ import annotations

from typing import List

from base.ledger_records import CallRecord
from base.records import WARNINGS
from derive.call_metrics import MIN_PREFILL_TOKENS, TRUNCATED_SHARE

VERSIONS_WITH_A_LINE_PER_WARNING = ("1.0.0",)       # of the harness: run.md had one, not one per kind of warning
VERSIONS_WITHOUT_FAILURES = ("1.0.0", "1.1.0")      # metadata.json and run.md did not say why calls failed
VERSIONS_WITHOUT_SAME_ANSWER = ("1.0.0", "1.1.0", "1.2.0")      # no warning about a model that gives one answer to all questions
VERSIONS_WITHOUT_UNITS = VERSIONS_WITHOUT_SAME_ANSWER           # figures of warnings in run.md; limits were called expected
LEAST_IN_GB = {"1.0.0": 0, "1.1.0": 0, "1.2.0": 10_000_000}        # bytes, by version; a smaller model has its size in MB
LEAST_IN_GB_NOW = 100_000_000
TEXTS_UNTIL_1_1 = {"reload": "the model was loaded anew in the middle of a phase"}     # of warnings that have another text since


def warning_text(manifest: dict, warning: str) -> str:
    """What a warning means, in the words of the harness that made the run."""
    earlier = TEXTS_UNTIL_1_1 if manifest["harness_version"] in VERSIONS_WITHOUT_FAILURES else {}
    return earlier.get(warning) or WARNINGS[warning]


def warnings_of(manifest: dict, warnings: List[dict]) -> List[dict]:
    """These warnings without those that the harness that made the run did not know."""
    if manifest["harness_version"] in VERSIONS_WITHOUT_SAME_ANSWER:
        return [row for row in warnings if row["code"] != "same-answer"]
    return warnings


def has_units(manifest: dict) -> bool:
    """Whether the warnings in run.md have the units of their figures."""
    return manifest["harness_version"] not in VERSIONS_WITHOUT_UNITS


def has_failures(manifest: dict) -> bool:
    """Whether the derived files of this run say why calls failed."""
    return manifest["harness_version"] not in VERSIONS_WITHOUT_FAILURES


def model_size(size_bytes: int, manifest: dict) -> str:
    """The size of a model in run.md; in MB where two decimals of a GB would not be enough."""
    if size_bytes >= LEAST_IN_GB.get(manifest["harness_version"], LEAST_IN_GB_NOW):
        return f"{size_bytes / 1e9:.2f} GB"
    return f"{size_bytes / 1e6:.2f} MB"


def appended_tok_s(call: CallRecord, before: CallRecord, first_turn_tok_s: float | None) -> float | None:
    """Prefill rate of a turn's appended tokens in ledger-1.0; None unless the whole turn before was served from the cache.

    Without a cached count the rate decides: its cube, as a multiple of the first turn's, against the square of the
    appended share. A model that goes on from an earlier checkpoint passes this test with too low a rate.
    """
    tokens, duration, earlier = call.prompt_tokens, call.prompt_eval_ns, before.prompt_tokens
    if not tokens or not duration or not earlier or tokens - earlier < MIN_PREFILL_TOKENS:
        return None
    rate = (tokens - earlier) * 1e9 / duration
    if call.cached_tokens is not None:
        return rate if call.cached_tokens >= TRUNCATED_SHARE * earlier else None
    if first_turn_tok_s is None:
        return None
    ratio, share = rate / first_turn_tok_s, (tokens - earlier) / tokens
    return rate if ratio * ratio * ratio >= share * share else None
