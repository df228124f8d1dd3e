"""The aggregates of one model in one phase: groups of calls whose metrics may share a median, waves, and answers."""
from __future__ import annotations

import math
from array import array
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from base.ledger_records import CallRecord, SkippedRecord
from base.phases import CONTEXT_APPEND, CONTEXT_EDGE, CONTEXT_PHASES, FROZEN, suite_phase
from base.records import METRICS
from derive import call_metrics, earlier_methods, grading
from derive.distribution import Sample, record_of, rounded
from derive.failures import FailureCounts
from derive.thinking import ThinkingFigures

# Metrics that calls with different prompts may share in one median; in the context phases not even these.
SHARED = ("decode_tok_s", "client_decode_tok_s", "tpot_ms", "icl_p50_ms", "icl_p99_ms", "tokens_per_chunk", "overhead_ms",
          "energy_j_per_tok")
PLACE_OF = {name: place for place, name in enumerate(METRICS)}      # in the metrics of a call
PLACES = ("head", "middle", "tail")     # where context-edge plants its facts, in the order of its terms


class CallMetrics(NamedTuple):
    """The metrics of one call, in the order of base.records.METRICS; None where the call does not support one."""
    ttft_ms: Optional[float]
    first_answer_ms: Optional[float]
    total_ms: Optional[float]
    prefill_tok_s: Optional[float]
    decode_tok_s: Optional[float]
    client_decode_tok_s: Optional[float]
    tpot_ms: Optional[float]
    icl_p50_ms: Optional[float]
    icl_p99_ms: Optional[float]
    tokens_per_chunk: Optional[float]
    overhead_ms: Optional[float]
    prompt_tokens: Optional[float]
    eval_tokens: Optional[float]
    fill_reached: Optional[float]
    energy_j_per_tok: Optional[float]


class GroupKey(NamedTuple):
    """Which calls share a group; `item` None: all items of a pass or level."""
    item: Optional[str]
    pass_: Optional[str]
    level: Optional[int]
    fill: Optional[float]


class Group:
    """Calls whose metrics may share a median. Of each call 120 bytes are kept: its metrics, one after the other."""
    _sampled = tuple(METRICS)

    def __init__(self) -> None:
        self.calls = self.calm_calls = 0
        self._calm = [array("d")]           # of the calls that nothing disturbed, as far as is known
        self._contended = [array("d")]

    def add(self, metrics: CallMetrics | None, is_contended: bool) -> None:
        """`metrics` is None for a call that supports none."""
        self.calls += 1
        self.calm_calls += not is_contended
        if metrics:
            rows, = self._contended if is_contended else self._calm
            rows.fromlist([math.nan if value is None else value for value in metrics])

    def sample(self, name: str) -> Sample:
        return Sample(self._values(PLACE_OF[name], self._calm + self._contended)) if name in self._sampled else Sample()

    def metrics(self) -> dict:
        return self._records(self._calm + self._contended)

    def _records(self, parts: List[array[float]]) -> dict:
        return {name: record_of(sorted(self._values(place, parts))) if name in self._sampled else None for name, place in PLACE_OF.items()}

    def _values(self, place: int, parts: List[array[float]]) -> List[float]:
        return [value for rows in parts for value in rows[place::len(METRICS)] if value == value]

    def uncontended(self) -> dict:
        """The same without contended calls, under its name; {} if that would be the same calls, or none."""
        if not 0 < self.calm_calls < self.calls:
            return {}
        return {"uncontended": {"calls": self.calm_calls, "metrics": self._records(self._calm)}}


class PooledGroup(Group):
    """All calls of several groups, with only the metrics that calls of different prompts may share."""
    _sampled = SHARED

    def __init__(self, groups: List[Group]) -> None:
        super().__init__()
        self.calls = sum(group.calls for group in groups)
        self.calm_calls = sum(group.calm_calls for group in groups)
        self._calm = [rows for group in groups for rows in group._calm]
        self._contended = [rows for group in groups for rows in group._contended]


class Waves:
    """Calls that were sent together, at one level."""

    def __init__(self, models: List[str]):
        self.models, self.full, self.short, self.failed = models, 0, 0, 0
        self.tok_s, self.parallelism, self.overlap, self.spread_ms = Sample(), Sample(), Sample(), Sample()

    def add(self, wave: List[CallRecord]) -> None:
        rate = call_metrics.wave_tok_s(wave)
        if len(wave) < wave[0].level:
            self.short += 1
        elif rate is None:
            self.failed += 1
        else:
            self.full += 1
            starts = [call.start_ns for call in wave]
            self.tok_s.add(rate)
            self.parallelism.add(call_metrics.effective_parallelism(wave))
            self.overlap.add(call_metrics.overlap(wave))
            self.spread_ms.add((max(starts) - min(starts)) / 1e6)

    @property
    def is_serialised(self) -> bool | None:
        return call_metrics.is_serialised(self.overlap.median())

    def record(self, level: int) -> dict:
        return {"level": level, "models": self.models, "full": self.full, "short": self.short, "failed": self.failed,
                "tok_s": self.tok_s.record(), "parallelism": self.parallelism.record(),
                "start_spread_ms": self.spread_ms.record(), "serialised": self.is_serialised}


def answer_status(outcome: str, is_right: bool | None) -> str:
    """right, wrong, ungraded, censored (cut by a limit) or failed (no answer). `is_right` is None without a verdict."""
    if outcome in ("ok", "empty"):
        return "ungraded" if is_right is None else "right" if is_right else "wrong"
    return "censored" if outcome == "length" else "failed"


class Quality:
    """Results of the answers to questions with a grader."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("n", "passed", "censored", "ungraded", "failed"), 0)
        self.busy_ns = 0
        self.has_waves = False
        self.time_ms = Sample()
        self.recall: Dict[Tuple[Optional[float], str], List[int]] = {}     # (fill, place): [asked, recalled]
        self._items: Set[str] = set()       # that have an answer with a word
        self._longest_answer = ""
        self._has_different_answers = False

    @property
    def same_answers(self) -> int:
        """How many questions got one answer, which a limit may have cut for some of them; 0 where two answers differ."""
        return 0 if self._has_different_answers else len(self._items)

    def add(self, call: CallRecord, grader: dict, is_right: bool | None) -> str:
        """The status of the answer."""
        self.busy_ns += call.end_ns
        self.has_waves = self.has_waves or call.wave is not None
        status = answer_status(call.outcome, is_right)
        if status != "failed" and not self._has_different_answers:
            self._compare(call)
        is_graded = status in ("right", "wrong")
        self.counts["n" if is_graded else status] += 1
        if status == "right":
            self.counts["passed"] += 1
            self.time_ms.add(call_metrics.total_ms(call))
        if is_graded and suite_phase(call.phase) == CONTEXT_EDGE:
            self._recall(call, grader)
        return status

    def _compare(self, call: CallRecord) -> None:
        answer = call.answer.strip()
        if answer:
            self._items.add(call.item)
            shorter, self._longest_answer = sorted((self._longest_answer, answer), key=len)
            self._has_different_answers = not self._longest_answer.startswith(shorter)

    def _recall(self, call: CallRecord, grader: dict) -> None:
        for place, is_recalled in zip(PLACES, grading.terms_found(grader, call.answer)):
            counts = self.recall.setdefault((call.fill, place), [0, 0])
            counts[0] += 1
            counts[1] += is_recalled

    def record(self) -> dict | None:
        if not any(self.counts.values()):
            return None
        passed, graded = self.counts["passed"], self.counts["n"]
        per_minute = passed * 60e9 / self.busy_ns if graded and self.busy_ns and not self.has_waves else None
        return {**self.counts, "correct_per_minute": rounded(per_minute), "time_to_correct_ms": self.time_ms.record(),
                "recall": [{"fill": fill, "place": place, "n": n, "found": recalled}
                           for (fill, place), (n, recalled) in self.recall.items()]}


class Conversation(NamedTuple):
    """The conversation under way: its last turn, and the prefill rate of its first."""
    last_turn: CallRecord
    first_turn_tok_s: Optional[float]


class Aggregate:
    """One model in one phase. Records are added in the order of the ledger; those of a wave once it is complete."""

    def __init__(self, model: str, phase: str, model_format: str | None, has_draft: bool = False,
                 is_first_format: bool = False):
        self.model, self.phase, self.format, self.has_draft = model, phase, model_format, has_draft
        self.is_first_format = is_first_format      # of a ledger-1.0, whose turns are judged by the method of its day
        self.calls = self.void = self.reattempts = 0
        self.outcomes: Dict[str, int] = {}
        self.skips: Dict[str, int] = {}
        self.bases: Set[str] = set()
        self._groups: Dict[GroupKey, Group] = {}
        self.waves: Dict[int, Waves] = {}
        self.quality = Quality()
        self.failures = FailureCounts()
        self.clock_ratio, self.load_ms = Sample(), Sample()
        self.thinking_spent = self.thinking_uncalled = self.context_reduced = self.partial = self.bunched = 0
        self.contended = 0
        self.ratios = {name: Sample() for name in ("decode", "prefill", "ttft")}
        self._first_pass: Dict[Tuple[str, int], CallMetrics] = {}       # (item, repeat), until its second pass
        self._conversation: Conversation | None = None
        self.recomputed = Sample()      # tokens of the turn before that a turn computed again, where they were many
        self.turns_unclear = 0          # turns whose number of computed tokens is unknown
        self.thinking: ThinkingFigures | None = None    # where the calls have a budget for thoughts

    @property
    def groups(self) -> Dict[GroupKey, Group]:
        """The groups of each item, and after them one of all items of a pass.

        Where calls are sent together all items of a level are one group from the start, since each level asks the
        same ones; in the context phases, where the fill decides the speed, nothing is pooled.
        """
        groups = dict(self._groups)
        passes = dict.fromkeys(key.pass_ for key in groups if key.item is not None and self.phase not in CONTEXT_PHASES)
        for pass_ in passes:
            groups[GroupKey(None, pass_, None, None)] = PooledGroup(
                [group for key, group in self._groups.items() if key.pass_ == pass_])
        return groups

    def skip(self, skipped: SkippedRecord) -> None:
        self.skips[skipped.reason] = self.skips.get(skipped.reason, 0) + 1

    def add(self, call: CallRecord, finding: dict, energy_j: float | None) -> CallMetrics | None:
        """A measured call; its metrics. `energy_j` is its share of what its wave took."""
        self.calls += 1
        self.reattempts += call.reattempt
        self.outcomes[call.outcome] = self.outcomes.get(call.outcome, 0) + 1
        metrics = self._metrics(call, finding, energy_j)
        key = (GroupKey(None, None, call.level, None) if call.wave is not None else
               GroupKey(call.item, call.pass_, None, call.fill))
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group()
        is_contended = bool(call_metrics.is_contended(call))
        self.contended += is_contended
        group.add(metrics, is_contended)
        self._count_for_warnings(call, metrics)
        if self.phase == FROZEN and metrics:
            self._pair(call, metrics)
        return metrics

    def _metrics(self, call: CallRecord, finding: dict, energy_j: float | None) -> CallMetrics | None:
        if not call.has_speed:
            self.failures.add(call)
            self._conversation = None
            return None
        if self._is_truncated(call, finding):
            self.void += 1
            self._conversation = None
            return None
        kind, tokens = self.format, call.eval_tokens
        client = call_metrics.client_decode_tok_s(call, kind)
        p50_ms, p99_ms = call_metrics.icl_ms(call)
        return CallMetrics(
            call_metrics.ttft_ms(call), call_metrics.first_answer_ms(call), call_metrics.total_ms(call),
            self._prefill(call, finding), call_metrics.decode_tok_s(call, kind), client, 1000 / client if client else None,
            p50_ms, p99_ms, call_metrics.tokens_per_chunk(call, kind), call_metrics.overhead_ms(call),
            call.prompt_tokens, tokens, call_metrics.fill_reached(call),
            energy_j / tokens if energy_j is not None and tokens else None)

    def _is_truncated(self, call: CallRecord, finding: dict) -> bool:
        if self.phase == CONTEXT_APPEND:
            before = self._turn_before(call)
            return before is not None and (call.prompt_tokens or 0) < (before.last_turn.prompt_tokens or 0)
        return call_metrics.is_truncated(call, finding.get(f"{suite_phase(self.phase)}_tokens_at", []))

    def _turn_before(self, call: CallRecord) -> Conversation | None:
        """The conversation under way, if this turn belongs to it: its turns share a nonce."""
        current = self._conversation
        return current if current is not None and current.last_turn.nonce == call.nonce else None

    def _prefill(self, call: CallRecord, finding: dict) -> float | None:
        head = finding.get("head_tokens")
        if self.phase != CONTEXT_APPEND:
            self.bases.add(call_metrics.prefill_basis(call))
            return call_metrics.prefill_tok_s(call, head)
        self.bases.add(call_metrics.prefill_basis(call, appended=True))
        before = self._turn_before(call)
        if before is None:
            self._conversation = Conversation(call, call_metrics.prefill_tok_s(call, head))
            return None         # the first turn has nothing before it, and its rate is of another kind
        self._conversation = Conversation(call, before.first_turn_tok_s)
        if self.is_first_format:
            return earlier_methods.appended_tok_s(call, *before)
        self._count_turn(call, before)
        return call_metrics.appended_tok_s(call, *before)

    def _count_turn(self, call: CallRecord, before: Conversation) -> None:
        recomputed = call_metrics.recomputed_tokens(call, before.last_turn)
        if recomputed is None:
            self.turns_unclear += not call_metrics.agrees_with_first_turn(call, *before)
        elif recomputed > call_metrics.RECOMPUTED_TOKENS:
            self.recomputed.add(recomputed)

    def _count_for_warnings(self, call: CallRecord, metrics: CallMetrics | None) -> None:
        if call.load_ns is not None:
            self.load_ms.add(call.load_ns / 1e6)
        if metrics and metrics.decode_tok_s and metrics.client_decode_tok_s:
            self.clock_ratio.add(metrics.client_decode_tok_s / metrics.decode_tok_s)
        self.bunched += not self.has_draft and call_metrics.is_bunched(call)    # a draft gives several tokens at once
        self.thinking_spent += call.outcome == "length" and not call.answer and bool(call.thinking)
        self.thinking_uncalled += call.thinking_chunks > 0 and call.knobs.get("think") is False and self.thinking is None
        if self.thinking is not None:
            self.thinking.add(call)
        placement = call.placement or {}
        if placement.get("context_length") is not None:
            self.context_reduced += placement["context_length"] < call.options.get("num_ctx", 0)
        if placement.get("vram_bytes") and placement["size_bytes"]:
            self.partial += placement["vram_bytes"] < placement["size_bytes"]

    def _pair(self, call: CallRecord, metrics: CallMetrics) -> None:
        """Ratios of the last pass over the first: same prompt, same repeat."""
        key = call.item, call.repeat
        if call.pass_ == "first":
            self._first_pass[key] = metrics
            return
        before = self._first_pass.pop(key, None)
        for name, ratios in self.ratios.items():
            metric = "ttft_ms" if name == "ttft" else f"{name}_tok_s"
            then, now = before and getattr(before, metric), getattr(metrics, metric)
            if then and now:
                ratios.add(now / then)

    def wave(self, wave: List[CallRecord], models: List[str]) -> None:
        """A wave in which this model took part."""
        self.waves.setdefault(wave[0].level, Waves(models)).add(wave)
