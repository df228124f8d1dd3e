"""Plausibility: findings that hold a run for a person to look at, with their arithmetic; none refuses it."""
from __future__ import annotations

import math
import re
from typing import Dict, Iterator, List, Optional, Set, Tuple

from base import schema, text_format
from base.hardware_view import Accelerator, HardwareView
from base.ledger_records import CallRecord, Record
from base.pattern import lazy
from base.phases import CONTEXT_APPEND, FROZEN
from derive import call_metrics
from derive.distribution import median_of
from judge import thresholds
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor

# Families and names of mixtures of experts, for runs whose manifest does not have the counts.
EXPERTS = lazy(r"moe|mixtral|gpt-?oss|deepseek|llama4|dbrx|arctic|grok|qwen3next|minimax|kimi|nemotron_h|glm4|granitehybrid|-a\d+b\b")
DEDICATED = ("nvidia",)     # vendors all of whose cards on a computer's bus have memory of their own
BURST_SHARE = 0.2           # of the mean gap: texts closer than this came out of one step
SAFETENSORS = "safetensors"     # the runner of this format has the context of the model, whatever was asked for
MIN_TURNS = 3           # of a conversation, with more of which the rate of later turns is compared with the first
MOST_TOKENS_A_STEP = 8      # of speculative decoding


class Spread:
    """Mean and deviation of values that are not kept."""

    def __init__(self) -> None:
        self.n, self.mean, self._sum = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        self.n += 1
        before = self.mean
        self.mean += (value - before) / self.n
        self._sum += (value - before) * (value - self.mean)

    @property
    def share(self) -> float:
        """Standard deviation over mean."""
        return math.sqrt(max(0.0, self._sum) / (self.n - 1)) / self.mean if self.n > 1 and self.mean else 0.0


class Plausibility(LedgerVisitor):
    """The fastest calls of each model against memory bandwidth, placements against memory sizes, and times among each other."""

    def __init__(self, manifest: dict, hardware: Optional[dict]):
        self.models = {model["name"]: model for model in manifest["models"]}
        batch = manifest["options"].get("num_batch")
        self.batch = batch if schema.is_count(batch) and batch else 512
        self.memory = MachineMemory(hardware)
        self.decode: Dict[str, Tuple[float, bool]] = {}     # model: (steps a second, on accelerators)
        self.prefill: Dict[str, Tuple[float, bool]] = {}
        self.turns: Dict[str, List[float]] = {}        # prefill rates of a conversation, where the server reports the cached count
        self.placed: Dict[str, int] = {}        # model: the most on accelerators
        self.loaded: Dict[str, int] = {}        # model: the most in memory
        self.overfull: Dict[str, Tuple[int, int]] = {}     # model: tokens of a prompt that is longer than the context it was loaded with
        self.contexts: Dict[str, int] = {}      # model: the largest context or prompt
        self.heads: Dict[str, Optional[int]] = {}
        self.spreads: Dict[tuple, Spread] = {}         # (model, item): of decode rates
        self._timings: Set[int] = set()

    def visit(self, record: Record) -> Iterator[Finding]:
        if not isinstance(record, CallRecord):
            return
        model = record.model
        if record.finding:
            head = record.finding.get("head_tokens")
            self.heads[model] = head if head is not None else self.heads.get(model)
        if model in self.models and record.has_speed:
            self._rates(record, model)
            self._place(record, model)
            yield from self._gaps(record.gaps_us)

    def _rates(self, call: CallRecord, model: str) -> None:
        video = bool((call.placement or {}).get("vram_bytes"))
        rate = call_metrics.decode_tok_s(call, self.models[model]["format"])
        if rate is not None:
            fastest = self.decode.get(model, (0.0, False))
            if rate > fastest[0]:
                self.decode[model] = max(fastest, (rate / tokens_a_step(call), video))
            if call.phase == FROZEN and not call_metrics.is_contended(call):
                self.spreads.setdefault((model, call.item), Spread()).add(rate)
        prefill = call_metrics.prefill_tok_s(call, self.heads.get(model))
        if call.phase == CONTEXT_APPEND:
            if prefill is not None and call.cached_tokens is not None:
                self.turns.setdefault(model, []).append(prefill)
        elif prefill is not None:
            self.prefill[model] = max(self.prefill.get(model, (0.0, False)), (prefill, video))

    def _place(self, call: CallRecord, model: str) -> None:
        placement = call.placement or {}
        self.placed[model] = max(self.placed.get(model, 0), placement.get("vram_bytes") or 0)
        self.loaded[model] = max(self.loaded.get(model, 0), placement.get("size_bytes") or 0)
        context, tokens, asked = placement.get("context_length") or 0, call.prompt_tokens or 0, call.options.get("num_ctx")
        self.contexts[model] = max(self.contexts.get(model, 0), context, tokens)
        is_reduced = schema.is_count(asked) and 0 < context < asked and self.models[model]["format"] != SAFETENSORS
        if is_reduced and tokens > context + thresholds.value("context_slack_tokens"):
            self.overfull.setdefault(model, (tokens, context))

    def _gaps(self, gaps: list) -> Iterator[Finding]:
        """Gaps of 0 are texts that were read together; a busy machine has many of these, and they are all alike."""
        distinct = len(gaps) - gaps.count(0)
        if distinct == len(gaps) >= thresholds.value("clean_gaps") and gaps[0] == gaps[1] == gaps[-1] and set(gaps) == {gaps[0]}:
            yield Finding("physics-too-clean", f"{len(gaps)} gaps, each of {gaps[0]} us", "gaps that differ by microseconds", "/gaps_us")
        elif distinct >= thresholds.value("twin_gaps"):
            timing = hash(tuple(gaps))
            if timing in self._timings:
                yield Finding("physics-duplicate", f"the {len(gaps)} gaps of an earlier call", "times of its own", "/gaps_us")
            self._timings.add(timing)

    def finish(self) -> Iterator[Finding]:
        for name, (steps, on_accelerator) in self.decode.items():
            yield from self._bandwidth("physics-decode", name, steps, 1, on_accelerator)
        for name, (rate, on_accelerator) in self.prefill.items():
            yield from self._bandwidth("physics-prefill", name, rate, self.batch, on_accelerator)
        for name, rates in self.turns.items():
            later, most = median_of(rates[1:]) if len(rates) > MIN_TURNS else 0.0, rates[0] * thresholds.value("turn_rate")
            if later > most:
                later_text, limit = text_format.distinct(later, most, 1)
                yield Finding("physics-prefill", f"{name}: later turns of a conversation at {later_text} tok/s, by the cached tokens that the server reports",
                              f"at most {limit}, {thresholds.value('turn_rate')} times the first turn's rate")
        yield from self._memory()
        for name, tokens in self.contexts.items():
            trained = self.models[name]["context_length"]
            if trained is not None and tokens > trained + thresholds.value("context_slack_tokens"):
                yield Finding("physics-context", f"{name}: {tokens} tokens of context", f"at most the {trained} that it was trained for")
        for name, (tokens, context) in self.overfull.items():
            yield Finding("physics-context", f"{name}: a prompt of {tokens} tokens, loaded with a context of {context}", "a context that holds the prompt")
        yield from self._rate_spreads()

    def _memory(self) -> Iterator[Finding]:
        room, total = self.memory.accelerator_bytes, self.memory.total_bytes
        for name, size in self.placed.items():
            loaded = self.loaded.get(name, 0)
            if room is not None and size > room * thresholds.value("placement_margin"):
                yield _placement(name, size, "on accelerators", room, "at most {} GB, their memory by hardware.json")
            elif total is not None and loaded > total * thresholds.value("memory_margin"):
                yield _placement(name, loaded, "loaded", total * thresholds.value("memory_margin"),
                                 f"at most {{}} GB, {thresholds.value('memory_margin')} times the machine's memory by hardware.json")
            elif 0 < loaded * thresholds.value("placement_margin") < size:
                yield _placement(name, size, "on accelerators", loaded, "at most the {} GB that are loaded")
            elif 0 < loaded < self.models[name]["size_bytes"] * thresholds.value("loaded_share"):
                yield _placement(name, loaded, "loaded", self.models[name]["size_bytes"] * thresholds.value("loaded_share"),
                                 f"at least {{}} GB, {thresholds.value('loaded_share')} of its size on disk")

    def _rate_spreads(self) -> Iterator[Finding]:
        for (model, item), spread in self.spreads.items():
            sentence = f"{model} {item}: {spread.n} decode rates whose standard deviation is"
            if spread.n >= thresholds.value("clean_calls") and spread.share < thresholds.value("clean_share"):
                percent, limit = text_format.distinct(100 * spread.share, 100 * thresholds.value("clean_share"), 2)
                yield Finding("physics-too-clean", f"{sentence} {percent} % of their mean", f"{limit} % or more")
            elif spread.n > 2 and spread.share > thresholds.value("spread_share"):
                percent, limit = text_format.distinct(100 * spread.share, 100 * thresholds.value("spread_share"), 0)
                yield Finding("physics-spread", f"{sentence} {percent} % of their mean", f"up to {limit} %")

    def _bandwidth(self, rule: str, name: str, rate: float, tokens_at_once: int, on_accelerator: bool) -> Iterator[Finding]:
        """Each step reads what it needs of the weights once, for `tokens_at_once` tokens."""
        model = self.models[name]
        step_gb = model["size_bytes"] * weight_share(model) / 1e9
        if model["size_bytes"] < thresholds.value("small_model_bytes"):
            return
        gb_s, whose = self.memory.gb_s(on_accelerator)
        needed, most = rate * step_gb / tokens_at_once, gb_s * thresholds.value("decode_margin")
        if needed > most:
            batch = f" / {tokens_at_once} tokens at once" if tokens_at_once > 1 else ""
            needed_text, limit = text_format.distinct(needed, most, 0)
            yield Finding(rule, f"{name}: {rate:.1f} {'tok/s' if batch else 'steps/s'} x {step_gb:.2f} GB{batch} = {needed_text} GB/s",
                          f"at most {limit} GB/s: {gb_s} ({whose}) x {thresholds.value('decode_margin')}")


def _placement(name: str, size_bytes: int, where: str, bound_bytes: float, expected: str) -> Finding:
    """`expected` has a place for the bound."""
    size, bound = text_format.distinct(size_bytes / 1e9, bound_bytes / 1e9, 1)
    return Finding("physics-placement", f"{name}: {size} GB {where}", expected.format(bound))


def tokens_a_step(call: CallRecord) -> float:
    """Tokens that came out of one pass over the weights: more than 1 with speculative decoding, whose texts come in bursts."""
    gaps, tokens = call.gaps_us, call.eval_tokens or 0
    if not gaps or tokens < 2:
        return 1.0
    near_us = BURST_SHARE * sum(gaps) / len(gaps)
    steps = sum(gap > near_us for gap in gaps)
    return min(MOST_TOKENS_A_STEP, max(1.0, (tokens - 1) / (steps + 1)))


def has_experts(model: dict) -> bool:
    """Whether a token reads a few experts and not the whole file."""
    if model.get("expert_count") is not None:
        return model["expert_count"] > 1
    names = f"{model['family'] or ''} {model['name']}".lower()
    return EXPERTS.search(names) is not None or "x" in (model["parameter_size"] or "").lower()


def weight_share(model: dict) -> float:
    """The least share of the weights that one step reads."""
    if model.get("expert_count") is not None:
        used = model.get("expert_used_count") or 1
        return min(1.0, thresholds.value("expert_slack") * used / model["expert_count"])
    if has_experts(model):
        return thresholds.value("expert_share")
    # A manifest without the counts was written before they were asked for, or by a server that does not have them.
    return 1.0 if "expert_count" in model else thresholds.value("unknown_share")


class MachineMemory:
    """The memory that models are read from, as in hardware.json."""

    def __init__(self, hardware: Optional[dict]):
        view = HardwareView(hardware)
        self.processor = view.cpu_model or ""
        self.accelerators = view.accelerators or []
        self.main_bytes = view.physical_bytes

    @property
    def accelerator_bytes(self) -> Optional[int]:
        """What fits onto all accelerators together; None where one is unknown.

        An accelerator that is not surely a card with memory of its own may use main memory as well: the part that is
        set aside for an integrated one is not a limit.
        """
        if not self.accelerators:
            return None
        own_bytes = self._own_bytes
        if own_bytes is None or all(map(_is_dedicated, self.accelerators)):
            return own_bytes
        return None if self.main_bytes is None else self.main_bytes + own_bytes

    @property
    def total_bytes(self) -> Optional[int]:
        """Main memory and the accelerators' own; None where any of it is unknown."""
        return None if self.main_bytes is None or self._own_bytes is None else self.main_bytes + self._own_bytes

    @property
    def _own_bytes(self) -> Optional[int]:
        """Memory that accelerators do not share with the processor; None where any of it is unknown."""
        known = [card.own_bytes for card in self.accelerators if card.own_bytes is not None]
        return sum(known) if len(known) == len(self.accelerators) else None

    def gb_s(self, on_accelerator: bool) -> Tuple[float, str]:
        """(GB/s, whose) by the names of the chips, else of the fastest of its kind; several accelerators add up."""
        if not on_accelerator:
            return known_gb_s(self.processor) or (thresholds.value("cpu_gb_s"), "the fastest processor's memory")
        fastest = max(1, len(self.accelerators)) * thresholds.value("accelerator_gb_s"), "the fastest accelerator"
        return summed_gb_s([card.name for card in self.accelerators]) or fastest


def _is_dedicated(card: Accelerator) -> bool:
    """Whether a card has all of its memory to itself."""
    if card.unified_memory is not False:
        return False
    vendor, name = card.vendor or "", card.name or ""
    return known_gb_s(name) is not None or any(word in f"{vendor} {name}".lower() for word in DEDICATED)


def summed_gb_s(names: List[Optional[str]]) -> Optional[Tuple[float, str]]:
    """(GB/s, words) of these chips together; None if one of them is not known."""
    known = [row for row in (known_gb_s(name or "") for name in names) if row is not None]
    return (sum(gb_s for gb_s, _ in known), " + ".join(words for _, words in known)) if known and len(known) == len(names) else None


def known_gb_s(name: str) -> Optional[Tuple[float, str]]:
    """(GB/s, words) of the first row whose words are in a chip's name; the more particular ones come first."""
    lowered = name.lower()
    return next(((gb_s, words) for words, gb_s in thresholds.bandwidths() if words in lowered and re.search(rf"\b{words}\b", lowered)), None)
