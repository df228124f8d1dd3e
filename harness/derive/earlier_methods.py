"""Earlier methods: formulas that have changed, for ledgers of an older format; the derived files of such a run stay the same."""
from __future__ import annotations

from base.ledger_records import CallRecord
from derive.call_metrics import MIN_PREFILL_TOKENS, TRUNCATED_SHARE


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
