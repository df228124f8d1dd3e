"""Gather: what the records of one model and phase come to, in one pass and in memory that does not grow with it."""
from __future__ import annotations

import collections

from base.records import METRICS
from derive import call_metrics, grading
from derive.distribution import Sample, rounded

APPEND, EDGE, FROZEN = "context-append", "context-edge", "frozen-prompts"
CONTEXT = (APPEND, EDGE)
# What calls may share whatever their prompt was; in the context phases not even these.
SHARED = ("decode_tok_s", "client_decode_tok_s", "tpot_ms", "icl_p50_ms", "icl_p99_ms", "tokens_per_chunk", "overhead_ms",
          "energy_j_per_tok")
PLACES = ("head", "middle", "tail")     # where context-edge plants its facts, in the order of its terms
ROWS = 512                              # calls whose figures wait to be sorted into samples
MAX_PAIRS = 10_000                      # prompts of a first pass that wait for their second

Figures = collections.namedtuple("Figures", METRICS)


class Group:
    """Calls that may share a median: their figures in the order of METRICS."""

    def __init__(self) -> None:
        self.calls = 0
        self._samples = [Sample() for _ in METRICS]
        self._rows: list = []

    def add(self, values: Figures | None) -> None:
        """None: a call that supports no figure."""
        self.calls += 1
        if values:
            self._rows.append(values)
            if len(self._rows) > ROWS:
                self._turn()

    def _turn(self) -> None:
        """Rows of figures become columns, which costs less than telling each sample of each value."""
        for sample, column in zip(self._samples, zip(*self._rows)):
            sample.extend(column)
        self._rows = []

    def sample(self, name: str) -> Sample:
        self._turn()
        return self._samples[Figures._fields.index(name)]

    def metrics(self) -> dict:
        return {name: self.sample(name).stat() for name in METRICS}


def pooled(groups: list) -> Group:
    """One group of all their calls, with the figures alone that calls of different prompts may share."""
    found = Group()
    found.calls = sum(group.calls for group in groups)
    for name in SHARED:
        for group in groups:
            found.sample(name).merge(group.sample(name))
    return found


class Waves:
    """Calls that were sent together, at one level."""

    def __init__(self, models: list):
        self.models, self.full, self.short, self.failed = models, 0, 0, 0
        self.tok_s, self.parallelism, self.overlap, self.spread_ms = Sample(), Sample(), Sample(), Sample()

    def add(self, wave: list, level: int) -> None:
        rate = call_metrics.wave_tok_s(wave)
        if len(wave) < level:
            self.short += 1
        elif rate is None:
            self.failed += 1
        else:
            self.full += 1
            starts = [record["start_ns"] for record in wave]
            self.tok_s.add(rate)
            self.parallelism.add(call_metrics.effective_parallelism(wave))
            self.overlap.add(call_metrics.overlap(wave))
            self.spread_ms.add((max(starts) - min(starts)) / 1e6)

    def record(self, level: int) -> dict:
        return {"level": level, "models": self.models, "full": self.full, "short": self.short, "failed": self.failed,
                "tok_s": self.tok_s.stat(), "parallelism": self.parallelism.stat(),
                "start_spread_ms": self.spread_ms.stat(),
                "serialised": call_metrics.is_serialised(self.overlap.median())}


def mark(outcome: str, verdict: bool | None) -> str:
    """How an answer fared: right, wrong, ungraded, censored or failed."""
    if outcome in ("ok", "empty"):
        return "ungraded" if verdict is None else "right" if verdict else "wrong"
    return "censored" if outcome == "length" else "failed"


class Quality:
    """Answers and the verdicts on them: True, False or None for an answer that nobody judged."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("n", "passed", "censored", "ungraded", "failed"), 0)
        self.busy_ns = 0
        self.has_levels = False
        self.time_ms = Sample()
        self.recall: dict = {}

    def add(self, record: dict, grader: dict, verdict: bool | None) -> str:
        """The mark of the answer."""
        self.busy_ns += record["end_ns"]
        self.has_levels = self.has_levels or record["wave"] is not None
        found = mark(record["outcome"], verdict)
        is_judged = found in ("right", "wrong")
        self.counts["n" if is_judged else found] += 1
        if found == "right":
            self.counts["passed"] += 1
            self.time_ms.add(call_metrics.total_ms(record))
        if is_judged and record["phase"] == EDGE:
            self._recall(record, grader)
        return found

    def _recall(self, record: dict, grader: dict) -> None:
        for place, found in zip(PLACES, grading.terms_found(grader, record["answer"])):
            counts = self.recall.setdefault((record["fill"], place), [0, 0])
            counts[0] += 1
            counts[1] += found

    def record(self) -> dict | None:
        if not any(self.counts.values()):
            return None
        passed, judged = self.counts["passed"], self.counts["n"]
        per_minute = passed * 60e9 / self.busy_ns if judged and self.busy_ns and not self.has_levels else None
        return {**self.counts, "correct_per_minute": rounded(per_minute), "time_to_correct_ms": self.time_ms.stat(),
                "recall": [{"fill": fill, "place": place, "n": n, "found": found}
                           for (fill, place), (n, found) in self.recall.items()]}


class Cell:
    """One model in one phase. Told of each record in the order of the ledger; of a wave's when it is whole."""

    def __init__(self, model: str, phase: str, model_format: str | None):
        self.model, self.phase, self.format = model, phase, model_format
        self.calls = self.void = self.reattempts = 0
        self.outcomes: dict = {}
        self.skips: dict = {}
        self.bases: set = set()
        self._groups: dict = {}
        self.waves: dict = {}
        self.quality = Quality()
        self.clock_ratio, self.load_ms = Sample(), Sample()
        self.thinking_spent = self.thinking_uncalled = self.context_reduced = self.partial = self.bunched = 0
        self.pairs: dict = {}
        self.ratios = {name: Sample() for name in ("decode", "prefill", "ttft")}
        self._turn: tuple | None = None     # (record, its nonce's first rate) of the conversation under way

    @property
    def groups(self) -> dict:
        """Groups by (item, pass, level, fill): those of each item, and after them one of all items of a pass.

        Where calls are sent together all items of a level are one group from the start, since each level asks the
        same ones; in the context phases, where the fill decides the speed, nothing is pooled.
        """
        found = dict(self._groups)
        for pass_ in dict.fromkeys(key[1] for key in found if key[0] is not None and self.phase not in CONTEXT):
            found[None, pass_, None, None] = pooled([group for key, group in self._groups.items() if key[1] == pass_])
        return found

    def skip(self, record: dict) -> None:
        self.skips[record["reason"]] = self.skips.get(record["reason"], 0) + 1

    def add(self, record: dict, finding: dict, energy_j: float | None) -> Figures | None:
        """A measured call; its figures. `energy_j` is its share of what its wave took."""
        self.calls += 1
        self.reattempts += record["reattempt"]
        self.outcomes[record["outcome"]] = self.outcomes.get(record["outcome"], 0) + 1
        values = self._values(record, finding, energy_j)
        key = (None, None, record["level"], None) if record["wave"] is not None else (
            record["item"], record["pass"], None, record["fill"])
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group()
        group.add(values)
        self._remark(record, values)
        if self.phase == FROZEN and values:
            self._pair(record, values)
        return values

    def _values(self, record: dict, finding: dict, energy_j: float | None) -> Figures | None:
        """Every figure of METRICS; None for a call that supports none."""
        if not call_metrics.counts(record):
            self._turn = None
            return None
        if self._is_truncated(record, finding):
            self.void += 1
            self._turn = None
            return None
        kind, tokens = self.format, record["eval_tokens"]
        client = call_metrics.client_decode_tok_s(record, kind)
        p50_ms, p99_ms = call_metrics.icl_ms(record)
        return Figures(
            call_metrics.ttft_ms(record), call_metrics.first_answer_ms(record), call_metrics.total_ms(record),
            self._prefill(record, finding), call_metrics.decode_tok_s(record, kind), client, 1000 / client if client else None,
            p50_ms, p99_ms, call_metrics.tokens_per_chunk(record, kind), call_metrics.overhead_ms(record),
            record["prompt_tokens"], tokens, call_metrics.fill_reached(record),
            energy_j / tokens if energy_j is not None and tokens else None)

    def _is_truncated(self, record: dict, finding: dict) -> bool:
        if self.phase == APPEND:
            return self._goes_on(record) and (record["prompt_tokens"] or 0) < (self._turn[0]["prompt_tokens"] or 0)
        return call_metrics.is_truncated(record, finding.get(f"{self.phase}_tokens_at", []))

    def _goes_on(self, record: dict) -> bool:
        """Whether a turn belongs to the conversation under way, whose turns share a nonce."""
        return self._turn is not None and self._turn[0]["nonce"] == record["nonce"]

    def _prefill(self, record: dict, finding: dict) -> float | None:
        head = finding.get("head_tokens")
        if self.phase != APPEND:
            self.bases.add(call_metrics.prefill_basis(record))
            return call_metrics.prefill_tok_s(record, head)
        self.bases.add(call_metrics.prefill_basis(record, appended=True))
        if not self._goes_on(record):
            self._turn = record, call_metrics.prefill_tok_s(record, head)
            return None         # the first turn has nothing before it, and its rate is of another kind
        rate = call_metrics.appended_tok_s(record, *self._turn)
        self._turn = record, self._turn[1]
        return rate

    def _remark(self, record: dict, values: Figures | None) -> None:
        """What warnings are made of."""
        if record["load_ns"] is not None:
            self.load_ms.add(record["load_ns"] / 1e6)
        if values and values.decode_tok_s and values.client_decode_tok_s:
            self.clock_ratio.add(values.client_decode_tok_s / values.decode_tok_s)
        self.bunched += call_metrics.is_bunched(record)
        self.thinking_spent += record["outcome"] == "length" and not record["answer"] and bool(record["thinking"])
        self.thinking_uncalled += record["thinking_chunks"] > 0 and record["knobs"].get("think") is False
        place = record["placement"] or {}
        if place.get("context_length") is not None:
            self.context_reduced += place["context_length"] < record["options"].get("num_ctx", 0)
        if place.get("vram_bytes") and place["size_bytes"]:
            self.partial += place["vram_bytes"] < place["size_bytes"]

    def _pair(self, record: dict, values: Figures) -> None:
        """The second time a prompt is asked beside the first: same prompt, same repeat."""
        key = record["item"], record["repeat"]
        now = {"decode": values.decode_tok_s, "prefill": values.prefill_tok_s, "ttft": values.ttft_ms}
        if record["pass"] == "first":
            if len(self.pairs) < MAX_PAIRS:
                self.pairs[key] = now
            return
        before = self.pairs.pop(key, {})
        for name, ratios in self.ratios.items():
            if before.get(name) and now[name]:
                ratios.add(now[name] / before[name])

    def wave(self, records: list, models: list) -> None:
        """A wave in which this model took part."""
        level = records[0]["level"]
        self.waves.setdefault(level, Waves(models)).add(records, level)
