"""The largest context in which a machine serves a model, from the rungs of the context ladder."""
from __future__ import annotations

from typing import Dict, List, Optional

from base.context_ladder import RUNG_FILLS
from base.ledger_records import CallRecord, SkippedRecord
from base.phases import CONTEXT_EDGE, RUNG_CONTEXTS, suite_phase
from derive.aggregate import CallMetrics
from derive.call_metrics import MIN_DECODE_TOKENS
from derive.distribution import rounded


class RungFigures:
    """What was seen in one context. The plain phase is the first rung."""

    def __init__(self, phase: str, num_ctx: int) -> None:
        self.phase = phase
        self.num_ctx = num_ctx          # that its prompts fill: without the room that thoughts have on top
        self.placement: dict = {}
        self.load_ms: Optional[float] = None
        self.skipped: Optional[SkippedRecord] = None        # the first one
        self.has_failed = False
        self.answers: List[CallRecord] = []                 # in which the prompt was read whole
        self.fullest: Optional[CallMetrics] = None          # of the fullest prompt, once it was answered
        self.has_middle: Optional[bool] = None              # whether its answer holds the fact in the middle
        self.middle_tokens = 0                              # of the longest prompt whose middle was found

    def warm_up(self, call: CallRecord) -> None:
        self.placement = call.placement or self.placement
        if call.item == "LOAD" and call.done_ns is not None:
            self.load_ms = call.done_ns / 1e6

    def call(self, call: CallRecord, metrics: Optional[CallMetrics], has_middle: Optional[bool]) -> None:
        """A measured call; `metrics` None: it was not answered, or its prompt was cut."""
        self.placement = call.placement or self.placement
        if metrics is None:
            self.has_failed = self.has_failed or call.outcome != "interrupted"
            return
        self.answers.append(call)
        if has_middle:
            self.middle_tokens = max(self.middle_tokens, call.prompt_tokens or 0)
        if call.fill is not None and call.fill >= RUNG_FILLS[-1]:
            self.fullest, self.has_middle = metrics, has_middle

    @property
    def is_served(self) -> bool:
        """Whether the fullest prompt was answered with the whole context loaded, as far as the server reports it."""
        loaded = self.placement.get("context_length")
        return self.fullest is not None and (loaded is None or loaded >= self.num_ctx)

    @property
    def is_partial(self) -> bool:
        """Whether only a part of the model and its context is on the accelerator."""
        size, vram = self.placement.get("size_bytes"), self.placement.get("vram_bytes")
        return bool(size and vram is not None and vram < size)

    def decode_tok_s(self, model_format: Optional[str]) -> Optional[float]:
        """Of the fullest prompt; where its answer was too short for a rate, of all answers of the rung together."""
        if self.fullest is not None and self.fullest.decode_tok_s is not None:
            return self.fullest.decode_tok_s
        timed = [(call.eval_tokens, call.eval_ns) for call in self.answers if call.eval_tokens and call.eval_ns]
        tokens = sum(eval_tokens for eval_tokens, _ in timed)
        if tokens < MIN_DECODE_TOKENS:
            return None
        lost = 0 if model_format == "safetensors" else len(timed)       # of each answer the first token is in the prefill
        return (tokens - lost) * 1e9 / sum(eval_ns for _, eval_ns in timed)

    def record(self) -> dict:
        """The `rung` of its aggregate."""
        return {"num_ctx": self.num_ctx, "context_length": self.placement.get("context_length"),
                "size_bytes": self.placement.get("size_bytes"), "vram_bytes": self.placement.get("vram_bytes"),
                "load_ms": rounded(self.load_ms), "stopped_by": self.skipped.reason if self.skipped else None,
                "detail": self.skipped.detail if self.skipped else None}


class ServedContext:
    """The rungs of one model, as the ledger shows them. `plain_num_ctx` is the context of the plain phase."""

    def __init__(self, plain_num_ctx: int) -> None:
        self.plain_num_ctx = plain_num_ctx
        self.rungs: Dict[str, RungFigures] = {}

    def rung(self, phase: str) -> Optional[RungFigures]:
        """None: the phase is not part of the ladder."""
        if suite_phase(phase) != CONTEXT_EDGE:
            return None
        return self.rungs.setdefault(phase, RungFigures(phase, RUNG_CONTEXTS.get(phase, self.plain_num_ctx)))

    def record(self, planned: List[str], trained: Optional[int], model_format: Optional[str]) -> dict:
        """`planned` are the ladder's phases of this model, `trained` is its trained context."""
        rungs = [self.rungs[phase] for phase in planned if phase in self.rungs]
        served = [rung for rung in rungs if rung.is_served]
        top = served[-1] if served else None
        figures = top.fullest if top else None
        on_accelerator = any(rung.placement.get("vram_bytes") for rung in rungs)
        partial = next((rung.num_ctx for rung in rungs if rung.is_partial), None)
        stop = next((rung.skipped for rung in rungs if rung.skipped), None)
        return {
            "num_ctx": top.num_ctx if top else None,
            "prompt_tokens": figures.prompt_tokens if figures else None,
            "prefill_tok_s": rounded(figures.prefill_tok_s) if figures else None,
            "decode_tok_s": rounded(top.decode_tok_s(model_format)) if top else None,
            "ttft_ms": rounded(figures.ttft_ms) if figures else None,
            "middle_found": top.has_middle if top else None,
            "middle_found_tokens": max((rung.middle_tokens for rung in rungs), default=0) or None,
            "partial_from": partial if on_accelerator else None,
            "ended_by": stop.reason if stop else _end(rungs, planned, trained),
            "detail": stop.detail if stop else None,
        }


def _end(rungs: List[RungFigures], planned: List[str], trained: Optional[int]) -> Optional[str]:
    """Why the ladder ended where nothing was skipped; None where the run is not finished, or was interrupted there."""
    if len(rungs) < len(planned):
        return None
    if not rungs[-1].is_served:
        return "rung-failed" if rungs[-1].has_failed else None
    higher = [num_ctx for num_ctx in RUNG_CONTEXTS.values() if num_ctx > max(rung.num_ctx for rung in rungs)]
    if not higher:
        return "largest-rung"
    return "trained-context" if trained is not None and trained < higher[0] else "not-asked"
