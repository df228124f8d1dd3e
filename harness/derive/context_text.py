"""The context ladder in words: the largest context that is served as one sentence, and a table of all rungs."""
from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from base import records
from base.context_ladder import RUNG_FILLS
from base.text_format import figure

METRICS = ("prompt_tokens", "prefill_tok_s", "decode_tok_s", "ttft_ms")
TITLES = ["model", "context", "in memory", "on the accelerator", "prompt tokens", "prefill tok/s", "decode tok/s", "TTFT ms", "facts found"]


def lines(metadata: dict) -> List[Tuple[str, str]]:
    """(model, what the machine serves of it) for each model whose contexts were climbed."""
    return [(row["model"], sentence(row["served_context"])) for row in metadata["models"] if row.get("served_context")]


def sentence(served: dict) -> str:
    """Such as: this machine serves this model up to 65,536 tokens at 12.3 tok/s and still finds a fact in the middle."""
    if served["num_ctx"] is None:
        return f"this machine served no context of the ladder whole{_reason(served, ', because ')}"
    rate = f" at {figure(served['decode_tok_s'])} tok/s" if served["decode_tok_s"] is not None else ""
    return (f"this machine serves this model up to {served['num_ctx']:,} tokens{rate}{_middle(served)}{_reason(served, '. It stops there because ')}"
            f"{_offload(served)}")


def _middle(served: dict) -> str:
    if served["middle_found"] is None:
        return ". The answer was cut by a limit, so recall is unknown"
    if served["middle_found"]:
        return " and still finds a fact in the middle"
    if served["middle_found_tokens"] is None:
        return " but does not find a fact in the middle"
    return f" but finds a fact in the middle only up to {served['middle_found_tokens']:,}"


def _reason(served: dict, because: str) -> str:
    if served["ended_by"] is None:
        return ""
    detail = f" ({served['detail']})" if served["detail"] else ""
    return f"{because}{records.LADDER_ENDS[served['ended_by']]}{detail}"


def _offload(served: dict) -> str:
    return "" if served["partial_from"] is None else f". From {served['partial_from']:,} tokens on, a part of it is not on the accelerator"


def cells(aggregate: dict) -> Iterator[list]:
    """Rows of TITLES but the model: the half full and the fullest prompt of one context."""
    rung = aggregate["rung"]
    size, vram = rung["size_bytes"], rung["vram_bytes"]
    memory = "-" if not size else f"{size / 1e9:.2f} GB"
    share = "-" if not size or vram is None else f"{100 * vram / size:.0f} %"
    for group in aggregate["groups"]:
        if group["fill"] in RUNG_FILLS:
            metrics = group["metrics"]
            yield [rung["num_ctx"], memory, share, *(figure(metrics[name] and metrics[name]["median"]) for name in METRICS), _recalled(aggregate["quality"], group["fill"])]


def _recalled(quality: Optional[dict], fill: float) -> str:
    """The places whose fact one answer contains."""
    rows = [row for row in (quality or {"recall": []})["recall"] if row["fill"] == fill]
    return ", ".join(row["place"] for row in rows if row["found"]) or ("none" if rows else "-")
