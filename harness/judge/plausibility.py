"""Physics: is it plausible? What is found here is held for a person to look at, with the arithmetic shown; never refused."""
from __future__ import annotations

import math
import re
from typing import Iterator

from base import schema
from base.ledger_records import CallRecord, typed
from base.phases import CONTEXT_APPEND, FROZEN
from derive import call_metrics
from judge import thresholds
from judge.call_checks import is_for_speed
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor

# Families of which a token reads a few experts and not the whole file, as servers name them.
EXPERTS = ("moe", "mixtral", "gptoss", "gpt-oss", "deepseek2", "deepseek3", "llama4", "dbrx", "arctic", "grok", "qwen3next",
           "minimax", "kimi", "nemotron_h", "glm4")


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


class Physics(LedgerVisitor):
    """The fastest of each model against what memory allows, and times against what times look like."""

    def __init__(self, manifest: dict, hardware: dict | None):
        self.models = {model["name"]: model for model in manifest["models"]}
        batch = manifest["options"].get("num_batch")
        self.batch = batch if schema.is_count(batch) and batch else 512
        self.memory = Memory(hardware)
        self.decode: dict = {}          # model: (rate, on accelerators)
        self.prefill: dict = {}
        self.placed: dict = {}          # model: the most on accelerators
        self.heads: dict = {}
        self.spreads: dict = {}         # (model, item): Spread of decode rates
        self.twins: set = set()

    def see(self, record: dict) -> Iterator[Finding]:
        if record["type"] != "call":
            return
        model = record["model"]
        if record["finding"]:
            head = record["finding"].get("head_tokens")
            self.heads[model] = head if schema.is_count(head) else self.heads.get(model)
        if model in self.models and is_for_speed(record):
            self._rates(typed(record), model)
            yield from self._gaps(record["gaps_us"])

    def _rates(self, call: CallRecord, model: str) -> None:
        placement = call.placement or {}
        video = placement.get("vram_bytes")
        self.placed[model] = max(self.placed.get(model, 0), video or 0)
        decode = call_metrics.decode_tok_s(call, self.models[model]["format"])
        if decode is not None:
            self.decode[model] = max(self.decode.get(model, (0.0, False)), (decode, bool(video)))
            if call.phase == FROZEN:
                self.spreads.setdefault((model, call.item), Spread()).add(decode)
        prefill = None if call.phase == CONTEXT_APPEND else call_metrics.prefill_tok_s(call, self.heads.get(model))
        if prefill is not None:
            self.prefill[model] = max(self.prefill.get(model, (0.0, False)), (prefill, bool(video)))

    def _gaps(self, gaps: list) -> Iterator[Finding]:
        """Gaps of 0 are texts that were heard in one read; of these a busy machine has many, and they are all alike."""
        told = len(gaps) - gaps.count(0)
        if told == len(gaps) >= thresholds.value("clean_gaps") and gaps[0] == gaps[1] == gaps[-1] and set(gaps) == {gaps[0]}:
            yield Finding("physics-too-clean", f"{len(gaps)} gaps, each of {gaps[0]} us", "gaps that differ by microseconds",
                          "/gaps_us")
        elif told >= thresholds.value("twin_gaps"):
            twin = hash(tuple(gaps))
            if twin in self.twins:
                yield Finding("physics-duplicate", f"the {len(gaps)} gaps of an earlier call", "times of its own",
                              "/gaps_us")
            self.twins.add(twin)

    def end(self) -> Iterator[Finding]:
        for name, (rate, on_accelerator) in self.decode.items():
            yield from self._bound("physics-decode", name, rate, 1, on_accelerator)
        for name, (rate, on_accelerator) in self.prefill.items():
            yield from self._bound("physics-prefill", name, rate, self.batch, on_accelerator)
        room = self.memory.accelerator_bytes
        for name, size in self.placed.items():
            if room is not None and size > room * thresholds.value("placement_margin"):
                yield Finding("physics-placement", f"{name}: {size / 1e9:.1f} GB on accelerators",
                              f"at most {room / 1e9:.1f} GB, their memory by hardware.json")
        for (model, item), spread in self.spreads.items():
            if spread.n >= thresholds.value("clean_calls") and spread.share < thresholds.value("clean_share"):
                yield Finding("physics-too-clean",
                              f"{model} {item}: {spread.n} decode rates whose standard deviation is {100 * spread.share:.4f} % of their mean",
                              f"{100 * thresholds.value('clean_share'):.2f} % or more")
            elif spread.n > 2 and spread.share > thresholds.value("spread_share"):
                yield Finding("physics-spread",
                              f"{model} {item}: {spread.n} decode rates whose standard deviation is {100 * spread.share:.0f} % of their mean",
                              f"up to {100 * thresholds.value('spread_share'):.0f} %")

    def _bound(self, rule: str, name: str, rate: float, tokens_at_once: int, on_accelerator: bool) -> Iterator[Finding]:
        """Each step reads what it needs of the weights once, for `tokens_at_once` tokens."""
        model = self.models[name]
        share = thresholds.value("expert_share") if has_experts(model) else 1
        step_gb = model["size_bytes"] * share / 1e9
        if model["size_bytes"] < thresholds.value("small_model_bytes"):
            return
        gb_s, whose = self.memory.gb_s(on_accelerator)
        needed, most = rate * step_gb / tokens_at_once, gb_s * thresholds.value("decode_margin")
        if needed > most:
            batch = f" / {tokens_at_once} tokens at once" if tokens_at_once > 1 else ""
            yield Finding(rule, f"{name}: {rate:.1f} tok/s x {step_gb:.2f} GB{batch} = {needed:.0f} GB/s",
                          f"at most {gb_s} GB/s ({whose}) x {thresholds.value('decode_margin')}")


def has_experts(model: dict) -> bool:
    said = f"{model['family'] or ''} {model['name']}".lower()
    return any(word in said for word in EXPERTS) or "x" in (model["parameter_size"] or "").lower()


class Memory:
    """What hardware.json says of the memory that models are read from."""

    def __init__(self, hardware: dict | None):
        parts = hardware or {}
        self.processor = _value((parts.get("cpu") or {}).get("model")) or ""
        self.accelerators = _value(parts.get("accelerators")) or []
        self.main_bytes = _value((parts.get("memory") or {}).get("physical_bytes"))

    @property
    def accelerator_bytes(self) -> int | None:
        """What fits onto all accelerators together; None where one of them does not tell."""
        sizes = [self.main_bytes if _value(one["unified_memory"]) else _value(one["memory_bytes"])
                 for one in self.accelerators]
        return None if not sizes or None in sizes else sum(sizes)

    def gb_s(self, on_accelerator: bool) -> tuple:
        """(GB/s, whose) that the names of the chips tell of, else of the fastest of its kind; several accelerators add up."""
        if not on_accelerator:
            return known_gb_s(self.processor) or (thresholds.value("cpu_gb_s"), "the fastest processor's memory")
        known = [known_gb_s(_value(one["name"]) or "") for one in self.accelerators]
        if not known or None in known:
            return max(1, len(known)) * thresholds.value("accelerator_gb_s"), "the fastest accelerator"
        return sum(gb_s for gb_s, _ in known), " + ".join(words for _, words in known)


def _value(fact: dict | None) -> object:
    return None if fact is None else fact["value"]


def known_gb_s(name: str) -> tuple | None:
    """(GB/s, words) of the first row whose words stand in a chip's name; the more particular ones come first."""
    return next(((gb_s, words) for words, gb_s in thresholds.bandwidths() if re.search(rf"\b{words}\b", name.lower())), None)
