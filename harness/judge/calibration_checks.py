"""Calibration: is what was found the same that the call shows? Figures are computed with it."""
from __future__ import annotations

from typing import Iterator

from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor

COPIED = {"one_token_eval_ns": "eval_ns", "one_token_eval_tokens": "eval_tokens", "too_long_prompt_tokens": "prompt_tokens"}


class Calibration(LedgerVisitor):
    """Findings against their own call; the length of the template against the call before it."""

    def __init__(self) -> None:
        self.bare: dict = {}        # model: tokens of a nonce alone, for the template's length

    def see(self, record: dict) -> Iterator[Finding]:
        if record["type"] != "call" or record["role"] != "calibration":
            return
        if record["item"] == "CAL-HEAD-NONCE":
            self.bare[record["model"]] = record["prompt_tokens"]
        found = record["finding"] or {}
        for name, shown in self._shown(record, found):
            if found[name] != shown or type(found[name]) is not type(shown):
                yield Finding("ledger-finding", f"{name} {found[name]}", str(shown), f"/finding/{name}")

    def _shown(self, record: dict, found: dict) -> Iterator[tuple]:
        """(name, what the call shows) of each finding that can be told from it."""
        for name, field in COPIED.items():
            if name in found:
                yield name, record[field]
        if "thinks_by_default" in found:
            yield "thinks_by_default", record["thinking_chunks"] > 0
        if "tells_cached_tokens" in found:
            yield "tells_cached_tokens", record["cached_tokens"] is not None
        bare = self.bare.get(record["model"])
        if "head_tokens" in found and bare is not None and record["prompt_tokens"] is not None:
            yield "head_tokens", max(0, record["prompt_tokens"] - bare) + 1
        for name in found:
            if name.endswith("_tokens_at") and isinstance(found[name], list):
                yield name, [[units, record["prompt_tokens"]] if units == record["material_units"] else [units, tokens]
                             for units, tokens in filter(_is_point, found[name])]


def _is_point(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2
