"""The context ladder: context-edge in larger and larger contexts, rung by rung, until the machine or the model ends it.

Pure: the prompts of a rung, its expected time and the end of the ladder follow from the records of the ledger alone, so
that the checker can reproduce each decision of the harness.
"""
from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Optional, Protocol, Tuple

from base import suites
from base.ledger_records import CallRecord, Record, SkippedRecord
from base.phases import CONTEXT_EDGE, RUNG_CONTEXTS, suite_phase
from base.records import SPEED_OUTCOMES

FIRST = "8k"                # the plain phase, which every ladder starts with
AUTO = "auto"
NAMES = {phase[len(CONTEXT_EDGE) + 1:]: phase for phase in RUNG_CONTEXTS}       # such as 16k: its phase
RUNG_LIMIT_S = 600
RUNG_FILLS = (0.5, 0.98)    # of the rung; lower ones are known from the rungs below
MIN_PREFILL_TOKENS = 64     # the fixed cost of a shorter prompt hides what its tokens cost
MOST_CACHED_SHARE = 0.1     # of a prompt: what a template has before the nonce
ANSWERED = SPEED_OUTCOMES + ("empty",)
PASSING_STATUSES = (404, 502, 503)      # from a loaded model once, or a proxy while the server restarts: not the edge of its memory


class LadderEnd(NamedTuple):
    """Why no higher rung is tried."""
    reason: str             # one of base.records.SKIP_REASONS
    detail: Optional[str]


class Ladder:
    """What the records of one model have shown about its contexts; `stop` is why no larger one is tried."""

    def __init__(self) -> None:
        self.stop: Optional[LadderEnd] = None
        self._counted: List[List[int]] = []                     # [units, prompt tokens] of calibration
        self._deepest: Optional[Tuple[int, int]] = None         # the same, of the longest prompt that was answered
        self._prefill: List[Tuple[float, float]] = []           # (prompt tokens, ns)
        self._decode: List[Tuple[float, float]] = []            # (prompt tokens, ns between two tokens)
        self._answer_tokens = 0                                 # of the longest answer
        self._load_ns = self._loading_ns = 0
        self._failed_load: Optional[str] = None                 # of a rung: what the last attempt ended with

    def observe(self, record: Record) -> None:
        """Each record of the model, in the order of the ledger."""
        if isinstance(record, SkippedRecord) and record.phase in RUNG_CONTEXTS:
            self.end(record.reason, record.detail)
        elif isinstance(record, CallRecord):
            self._call(record)

    def _call(self, call: CallRecord) -> None:
        self._counted = (call.finding or {}).get(f"{CONTEXT_EDGE}_tokens_at", self._counted)
        is_edge = suite_phase(call.phase) == CONTEXT_EDGE
        if is_edge and call.role == "warmup":
            self._warm_up(call)
        elif call.outcome in SPEED_OUTCOMES and call.material_units is not None and (
                is_edge or call.item.startswith(f"CAL-{CONTEXT_EDGE.upper()}-")):
            self._answered(call, is_edge)
        problem = self._problem(call) if call.is_measured and call.phase in RUNG_CONTEXTS else None
        if problem:
            self.end(*problem)

    def end(self, reason: str, detail: Optional[str]) -> None:
        """The first reason counts."""
        self.stop = self.stop or LadderEnd(reason, detail)

    def resume(self) -> None:
        """If a session died while it loaded a rung, the next one does not try that rung again."""
        if self._failed_load is not None:
            self.end("load-failed", self._failed_load)

    def _warm_up(self, call: CallRecord) -> None:
        """Loading a rung is its LOAD and its WARM-UP together."""
        if call.phase in RUNG_CONTEXTS:
            has_failed = call.outcome not in (*ANSWERED, "interrupted")
            self._failed_load = (call.error or call.outcome) if has_failed else None
        if call.item == "LOAD":
            self._loading_ns = call.end_ns
        else:
            self._load_ns = self._loading_ns + call.end_ns

    def _answered(self, call: CallRecord, is_measured: bool) -> None:
        tokens = call.prompt_tokens or 0
        if self.is_cut(call) or tokens < MIN_PREFILL_TOKENS:
            return
        if is_measured and (self._deepest is None or tokens > self._deepest[1]):
            self._deepest = call.material_units or 0, tokens
        if call.prompt_eval_ns and (call.cached_tokens or 0) <= MOST_CACHED_SHARE * tokens:
            self._prefill.append((tokens, call.prompt_eval_ns))
        if is_measured and call.eval_ns and call.eval_tokens and call.eval_tokens > 1:
            self._decode.append((tokens, call.eval_ns / (call.eval_tokens - 1)))
            self._answer_tokens = max(self._answer_tokens, call.eval_tokens)

    # ----- material

    def points(self) -> List[List[int]]:
        """[units, prompt tokens] of the shortest and of the longest prompt: a line from one to the other is the count."""
        if len(self._counted) < 2:
            return []
        deepest = self._deepest or (0, 0)
        return [self._counted[0], max(self._counted[-1], list(deepest), key=lambda point: point[1])]

    def units(self, material: dict, target_tokens: int) -> int:
        """Units of material for a prompt of so many tokens, none of them twice; raises as suites.units_for does."""
        return min(suites.units_for(target_tokens, self.points()), suites.distinct_units(material))

    def is_cut(self, call: CallRecord) -> bool:
        """Whether a prompt reached the model shorter than it was sent."""
        points = self.points()
        if call.material_units is None or not call.prompt_tokens or len(points) < 2 or points[1][0] <= points[0][0]:
            return False
        return call.prompt_tokens < suites.TRUNCATED_SHARE * suites.tokens_of(call.material_units, points)

    # ----- what ends the ladder

    def _problem(self, call: CallRecord) -> Optional[LadderEnd]:
        """Why the ladder ends with this measured call of a rung; None if it was answered."""
        if call.outcome == "interrupted" or call.http_status in PASSING_STATUSES:
            return None
        if call.outcome not in ANSWERED:
            return LadderEnd("rung-failed", call.error)
        reduced = reduced_context(call.placement, call.options)
        if reduced is not None:
            return LadderEnd("context-reduced", reduced)
        if self.is_cut(call):
            return LadderEnd("context-reduced", f"a prompt of {call.material_units} units reached the model as {call.prompt_tokens} tokens")
        return None

    def predicted_ns(self, prompts: Iterable[Tuple[int, int]], is_loaded: bool = False) -> Optional[int]:
        """How long loading and prompts of (prompt tokens, answer tokens at most) will take; None before any was timed."""
        if not self._prefill:
            return None
        prefill, decode = parabola(self._prefill), line(self._decode)
        total = 0.0 if is_loaded else float(self._load_ns)
        for tokens, limit in prompts:
            linear, square = prefill
            answer = min(limit, self._answer_tokens or limit)
            total += tokens * (linear + square * tokens) + answer * (decode[0] + decode[1] * tokens)
        return int(total)


class PlannedStep(Protocol):
    """The fields of a step that a rung uses."""
    item: str
    fill: Optional[float]
    key: tuple


class Rung:
    """One larger context of one model, and the steps that are planned in it.

    `limits` maps items to the tokens that their answers may take, `recorded` the keys of steps that have a record to the
    record's type; it grows while the rung is climbed.
    """

    def __init__(self, ladder: Ladder, steps: List[PlannedStep], num_ctx: int, limits: Dict[str, int], recorded: Dict[tuple, str]):
        self.ladder, self.recorded = ladder, recorded
        self._steps, self._num_ctx, self._limits = steps, num_ctx, limits

    def units(self, material: dict) -> Dict[str, int]:
        """Units of material by item; raises UserError or ValueError where nothing was counted."""
        return {step.item: self.ladder.units(material, self._target(step)) for step in self._steps}

    def predicted_ns(self) -> Optional[int]:
        """How long the steps that are left will take, and loading where none was made; None before anything was timed."""
        left = [(self._target(step), self._limits[step.item]) for step in self._steps if step.key not in self.recorded]
        is_loaded = any(self.recorded.get(step.key) == "call" for step in self._steps)
        return self.ladder.predicted_ns(left, is_loaded)

    def stop(self, limit_s: int) -> Optional[LadderEnd]:
        """Why this rung, or the rest of it, is not tried; None if it is."""
        predicted_ns = self.predicted_ns()
        if self.ladder.stop is None and predicted_ns is not None and predicted_ns > limit_s * 1e9:
            # The checker compares this text with that of older records.
            return LadderEnd("rung-limit", f"foretold to take {predicted_ns / 1e9:.0f} s, the limit is {limit_s} s")
        return self.ladder.stop

    def _target(self, step: PlannedStep) -> int:
        return suites.target_tokens(step.fill or 0.0, self._num_ctx, self._limits[step.item])


def reduced_context(placement: Optional[dict], options: dict) -> Optional[str]:
    """A message that the server loaded less than num_ctx; None if it did not, or does not report it."""
    loaded, asked = (placement or {}).get("context_length"), options.get("num_ctx")
    if loaded is None or not isinstance(asked, int) or loaded >= asked:
        return None
    return f"loaded with {loaded} tokens instead of {asked}"


def rung_name(phase: str) -> str:
    """Such as 16k; 8k for the plain phase."""
    return next((name for name, rung in NAMES.items() if rung == phase), FIRST)


def parabola(points: List[Tuple[float, float]]) -> Tuple[float, float]:
    """(a, b) of a n + b n^2 through (n, value), neither below 0: reading costs more with depth, never less."""
    n2, n3, n4 = (sum(n ** power for n, _ in points) for power in (2, 3, 4))
    v1, v2 = (sum(value * n ** power for n, value in points) for power in (1, 2))
    spread = n2 * n4 - n3 * n3
    linear = (v1 * n4 - v2 * n3) / spread if spread > 0 else -1.0
    square = (v2 * n2 - v1 * n3) / spread if spread > 0 else -1.0
    if square < 0:
        return v1 / n2, 0.0
    return (linear, square) if linear >= 0 else (0.0, v2 / n4)


def line(points: List[Tuple[float, float]]) -> Tuple[float, float]:
    """(a, b) of a + b n through (n, value), b not below 0; (0, 0) without any."""
    if not points:
        return 0.0, 0.0
    mean_n, mean = (sum(column) / len(points) for column in zip(*points))
    spread = sum((n - mean_n) ** 2 for n, _ in points)
    slope = sum((n - mean_n) * (value - mean) for n, value in points) / spread if spread else 0.0
    return (mean - slope * mean_n, slope) if slope > 0 else (mean, 0.0)
