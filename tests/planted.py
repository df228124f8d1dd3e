"""Machines and models that do not exist, with planted speeds, and the ledger lines that they would leave.

Decode is a share of memory bandwidth over the model's size and falls with the context; prefill follows computing power;
calls at once share the machine. Answers are right by chance, the more often the larger the model.
"""
from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import json
import random
from dataclasses import dataclass
from typing import Iterator

import ledgers
import support

from base import plan, suites

GB, MS = 1_000_000_000, 1_000_000
HEAD_TOKENS = 12
FLOOR = {"streams": 1, "chunks": 243, "ttft_error_us_p50": 60.1, "ttft_error_us_max": 92.5, "gap_error_us_p50": 4.2,
         "gap_error_us_p99": 31.0, "gap_error_us_max": 44.8, "cpu_us_per_chunk": 6.1}
INTERFACES = (("Apple", "metal"), ("NVIDIA", "cuda"), ("AMD", "rocm"))
FROZEN_TOKENS = {"P-EASY": 41, "P-MEDIUM": 330, "P-HARD": 1240}
UNIT_TOKENS = 90                # of material, about


@dataclass(frozen=True)
class Device:
    tag: str
    cpu: str
    accelerator: str | None
    memory_gb: int
    accelerator_gb: int         # 0: it works in main memory, or there is none
    system: str
    bandwidth_gb_s: float
    prefill_gflop_s: float
    slots: int                  # calls that the server works on at once

    @property
    def model_memory_bytes(self) -> int:
        return (self.accelerator_gb or self.memory_gb) * GB


DEVICES = (
    Device("mac-m1-8gb", "Apple M1", "Apple M1", 8, 0, "macOS 15.5", 69, 2000, 2),
    Device("rtx-4090-pc", "AMD Ryzen 9 7950X 16-Core Processor", "NVIDIA GeForce RTX 4090", 64, 24, "Ubuntu 24.04", 1008, 60000, 4),
    Device("ryzen-7950x-cpu", "AMD Ryzen 9 7950X 16-Core Processor", None, 64, 0, "Fedora Linux 42", 83, 1200, 4),
    Device("mac-m2-pro-16gb", "Apple M2 Pro", "Apple M2 Pro", 16, 0, "macOS 15.5", 200, 5000, 4),
    Device("raspberry-pi-5-8gb", "Cortex-A76", None, 8, 0, "Debian 13", 17, 40, 1),
    Device("gtx-1060-6gb", "Intel(R) Core(TM) i5-7400", "NVIDIA GeForce GTX 1060 6GB", 16, 6, "Windows 11", 192, 3500, 2),
    Device("mac-m4-max-64gb", "Apple M4 Max", "Apple M4 Max", 64, 0, "macOS 15.5", 546, 15000, 4),
    Device("pixel-8-pro", "Google Tensor G3", None, 12, 0, "Android 16", 51, 90, 1),
    Device("runpod-h100-pcie", "Intel(R) Xeon(R) Platinum 8480+", "NVIDIA H100 PCIe", 188, 80, "Ubuntu 22.04", 2000, 200000, 8),
    Device("rx-7900-xtx-24gb", "AMD Ryzen 7 7800X3D 8-Core Processor", "AMD Radeon RX 7900 XTX", 32, 24, "Arch Linux", 960, 40000, 4),
    Device("intel-i9-13900k-cpu", "13th Gen Intel(R) Core(TM) i9-13900K", None, 32, 0, "Windows 11", 90, 1100, 4),
    Device("rtx-3060-12gb", "Intel(R) Core(TM) i5-12400F", "NVIDIA GeForce RTX 3060", 32, 12, "Linux Mint 22", 360, 12000, 4),
)


@dataclass(frozen=True)
class Model:
    name: str
    family: str
    parameters: float           # billions
    quantization: str
    size_bytes: int
    right: float                # how often an answer is right
    context_length: int = 32768
    edition: int = 1            # published again under the same name: another digest

    def again(self) -> "Model":
        return dataclasses.replace(self, edition=2, size_bytes=self.size_bytes + 11 * MS)

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"planted {self.name} {self.edition}".encode("ascii")).hexdigest()

    def record(self) -> dict:
        return support.record("model", name=self.name, digest=self.digest, size_bytes=self.size_bytes, format="gguf",
                              family=self.family, parameter_size=f"{self.parameters:g}B", quantization=self.quantization,
                              context_length=self.context_length, capabilities=["completion"], template_sha256="7e" * 32)


MODELS = (
    Model("pebble:0.6b", "pebble", 0.6, "Q4_K_M", 520 * MS, 0.35),
    Model("pebble:1.7b", "pebble", 1.7, "Q4_K_M", 1_400 * MS, 0.5, context_length=4096),
    Model("cobble:3b-q4_K_M", "cobble", 3.2, "Q4_K_M", 2_000 * MS, 0.62),
    Model("cobble:3b-q8_0", "cobble", 3.2, "Q8_0", 3_400 * MS, 0.66),
    Model("boulder:8b-q4_K_M", "boulder", 8.0, "Q4_K_M", 4_900 * MS, 0.76),
    Model("boulder:8b-q8_0", "boulder", 8.0, "Q8_0", 8_500 * MS, 0.78),
    Model("hill:14b", "hill", 14.8, "Q4_K_M", 9_000 * MS, 0.85),
    Model("planted.example/mesa/ridge:32b", "ridge", 32.8, "Q4_K_M", 19_800 * MS, 0.92),
)


class Machine:
    """The lines of one run's ledger, in order and without seq and prev. `one` is a corpus.Spec."""

    def __init__(self, one: object, manifest: dict, loaded: dict):
        self.one, self.manifest, self.suites = one, manifest, loaded
        self.models = {model.name: model for model in one.models}
        self.chance = random.Random(f"machine {one.number}")
        self.speed = self.chance.uniform(0.92, 1.05)        # no two runs of a machine are quite alike
        self.now_ns, self.session, self.nonce = 5 * MS, 0, 10 ** 17 + 1000 * one.number
        self.starts: list = []
        self.loaded: dict = {}
        self.seq = 0
        self.made = 0
        self.outcomes: dict = {}
        self.skipped = 0
        self.grades: dict = {}

    def records(self) -> Iterator[dict]:
        yield self._numbered(support.record("meta", run_id=self.one.run_id, synthetic=True, session_start=self._start()))
        settings = self.one.settings
        blocks = plan.blocks(list(self.models), list(self.one.phases), self.suites, settings)
        for block in blocks:
            for stage in block.stages:
                for group in stage.groups:
                    for record in self._group(stage, group):
                        yield self._numbered(record)
        yield self._footer()

    def _numbered(self, record: dict) -> dict:
        record["session"] = self.session
        if record["type"] == "call" and record["role"] == "measured":
            self.outcomes[record["outcome"]] = self.outcomes.get(record["outcome"], 0) + 1
            if record["phase"] == "python-tasks" and record["outcome"] == "ok" and self.one.quirk != "ungraded":
                passed = self.chance.random() < self.models[record["model"]].right - 0.15
                self.grades[str(self.seq)] = {"passed": passed, "reason": "passed" if passed else "wrong"}
        self.skipped += record["type"] == "skipped"
        self.seq += 1
        return record

    # ----- sessions

    def _start(self) -> dict:
        return support.record("session_start", started_at=utc(self._began()), server_version="0.33.0", floor=FLOOR,
                              earlier_sessions=list(self.starts), energy_unknown="synthetic: no counter was read, values are planted")

    def _began(self) -> datetime.datetime:
        return self.one.started + self.session * datetime.timedelta(hours=3)

    def _row(self, ended: str, is_known: bool) -> dict:
        until = utc(self._began() + datetime.timedelta(seconds=self.now_ns // 10 ** 9 + 1)) if is_known else None
        return {"session": self.session, "started_at": utc(self._began()), "ended_at": until, "ended": ended}

    def _resume(self) -> None:
        self.starts.append(self._row("died", False))
        self.session, self.now_ns = self.session + 1, 5 * MS
        self.loaded = {}

    def _footer(self) -> dict:
        footer = ledgers.footer(sum(self.outcomes.values()), self.skipped, outcomes=self.outcomes, session=self.session,
                                planned=self.manifest["planned_calls"], sessions=self.starts + [self._row("complete", True)])
        return {**footer, "code_grades": self.grades} if self.grades else footer

    # ----- calls

    def _group(self, stage: plan.Stage, group: tuple) -> Iterator[dict]:
        self.made += len(group)
        start = {}
        if self.one.quirk == "resumed" and self.session == 0 and self.made > 12 and len(group) == 1 and not stage.is_conversation:
            self._resume()
            start = {"session_start": self._start()}
        first = True
        for record in self._records(stage, group):
            yield {**record, **start} if first else record
            first = False

    def _records(self, stage: plan.Stage, group: tuple) -> Iterator[dict]:
        if stage.phase.startswith("context") and self.models[group[0].model].context_length < stage.num_ctx:
            for step in group:
                yield {**support.record("skipped", **_place(step)), "reason": "context-too-small", "detail": None}
            return
        if stage.phase == "parallel-mixed" and len(self.models) < 2:
            for step in group:
                yield {**support.record("skipped", **_place(step)), "reason": "one-model", "detail": None}
            return
        for model in stage.models:
            yield from self._load(model, stage)
        began_ns = self.now_ns
        calls, ends = [], [0.0] * self.one.device.slots
        for step in group:
            calls.append(self._call(step, stage, began_ns, ends, len(group)))
        self.now_ns = max(call["start_ns"] + call["end_ns"] for call in calls) + 3 * MS
        yield from calls

    def _load(self, name: str, stage: plan.Stage) -> Iterator[dict]:
        if self.loaded.get(name) == stage.num_ctx:
            return
        if len(stage.models) == 1:
            self.loaded = {}
        is_new = name not in self.loaded
        self.loaded[name] = stage.num_ctx
        model, options = self.models[name], self._options(stage.num_ctx, 16)
        load_ms = model.size_bytes / 1e6 / 2.5
        around = {"role": "warmup", "phase": stage.phase, "model": name, "options": options, "pass": stage.pass_}
        yield self._said(load_ms, 0, 0, 0, load_ns=int(load_ms * MS), item="LOAD", outcome="empty", **around)
        yield self._said(30, 5, 8, 20, load_ns=2 * MS, item="WARM-UP", outcome="ok", **around)
        if is_new and self.session == 0:
            asked = {**around, "role": "calibration", "phase": "calibration", "pass": None, "load_ns": 2 * MS, "outcome": "ok"}
            yield {**self._said(30, 5, 2, 20, item="CAL-HEAD-NONCE", **asked), "prompt_tokens": 9}
            yield {**self._said(30, 5, 2, 20, item="CAL-HEAD", **asked), "prompt_tokens": 8 + HEAD_TOKENS, "finding": {
                "head_tokens": HEAD_TOKENS, "head_method": "rendered", "slots_seen": self.one.device.slots}}

    def _options(self, num_ctx: int, num_predict: int) -> dict:
        return self.one.settings.options_for(num_ctx, num_predict)

    def _call(self, step: plan.Step, stage: plan.Stage, began_ns: int, ends: list, at_once: int) -> dict:
        item = _item(step.phase, step.item)
        model, device = self.models[step.model], self.one.device
        prompt, units = self._prompt_tokens(step, item)
        is_right = self.chance.random() < model.right * (0.9 if (step.fill or 0) > 0.8 else 1)
        answer, tokens = _answer(step, is_right, self.one.settings.limit(item.num_predict))
        busy = min(at_once, device.slots)
        decode_s = 0.7 * self._pace(step) * device.bandwidth_gb_s * GB / model.size_bytes / (1 + prompt / 20000) / busy ** 0.45
        prefill_s = self._pace(step) * device.prefill_gflop_s / (2 * model.parameters)
        slot = ends.index(min(ends))
        wait_ms, prefill_ms = ends[slot], prompt / prefill_s * 1000 * busy ** 0.8
        placed = {**_place(step), "role": "measured", "options": self._options(stage.num_ctx, self.one.settings.limit(item.num_predict)),
                  "prompt_sha256": _prompt_sha256(step.phase, step.item, units), "material_units": units}
        outcome = self._outcome(answer, tokens, placed["options"]["num_predict"])
        record = self._said(wait_ms + prefill_ms + 3, prompt, tokens, 1000 / decode_s, load_ns=2 * MS, prefill_ns=int(prefill_ms * MS),
                            answer=answer, outcome=outcome, began_ns=began_ns + 20_000 * step.slot, **placed)
        if step.phase == "context-append":
            record["nonce"] = f"{10 ** 17 + hash_number(self.one.run_id + step.model) % 10 ** 17:018d}"
        ends[slot] = record["end_ns"] / MS
        return record

    def _pace(self, step: plan.Step) -> float:
        """The machine's own speed at this moment."""
        last = step.pass_ == "last"
        slower = {"throttled": 0.75, "drifting": 0.88}.get(self.one.quirk, 1.0) if last else 1.0
        return self.speed * slower * self.chance.uniform(0.97, 1.03)

    def _prompt_tokens(self, step: plan.Step, item: suites.Item) -> tuple:
        """(tokens, units of material or None)."""
        if item.fill is not None:
            room = self.one.settings.context_num_ctx - item.num_predict
            fullest = suite_of(step.phase).items[-1].fill if step.phase == "context-append" else item.fill
            return int(item.fill * room), max(1, int(fullest * room) // UNIT_TOKENS)
        return FROZEN_TOKENS.get(step.item, 20 + len(item.prompt) // 4), None

    def _outcome(self, answer: str, tokens: int, limit: int) -> str:
        if self.one.quirk == "failures" and self.chance.random() < 0.12:
            return self.chance.choice(("timeout", "error", "stalled", "cut"))
        if tokens >= limit:
            return "length"
        return "ok"

    def _said(self, first_ms: float, prompt: int, tokens: int, gap_ms: float, load_ns: int, prefill_ns: int | None = None,
              answer: str = "Yes, that is how it is here.", outcome: str = "ok", began_ns: int | None = None, **place: object) -> dict:
        """A call that came to this; every stamp and counter agrees with the others."""
        start_ns = self.now_ns if began_ns is None else began_ns
        texts = min(tokens if outcome == "length" else tokens - 1, 2 * len(answer)) if tokens else 0
        gaps = [int(gap_ms * 1000 * noise) for noise in _noise(self.chance.randrange(900), texts - 1)]
        first_ns = int(first_ms * MS)
        last_ns = first_ns + 1000 * sum(gaps)
        done_ns = last_ns + int(gap_ms * MS * (outcome != "length")) + 60_000
        record = {**_call_template(), **place, "outcome": outcome, "reattempt": place["role"] == "measured" and self.session > 0, "start_ns": start_ns, "sent_ns": 30_000,
                  "headers_ns": first_ns, "first_chunk_ns": first_ns, "done_ns": done_ns, "end_ns": done_ns + 90_000,
                  "gaps_us": gaps, "chunks": texts + 1, "text_chunks": texts, "total_ns": done_ns - 100_000,
                  "load_ns": min(load_ns, first_ns), "prompt_tokens": prompt or None, "eval_tokens": tokens or None,
                  "prompt_eval_ns": (prefill_ns or int(first_ms * MS * 0.8)) if prompt else None,
                  "eval_ns": last_ns - first_ns + int(gap_ms * MS * (outcome != "length")) if tokens else None,
                  "done_reason": {"length": "length", "empty": "load"}.get(outcome, "stop"), "answer": answer if texts else "",
                  "nonce": self._nonce(), "placement": self._placement(place["model"]), "conditions": self._conditions()}
        if texts:
            record.update(first_text_ns=first_ns, first_answer_ns=first_ns, last_text_ns=last_ns)
        if began_ns is None:
            self.now_ns = start_ns + record["end_ns"] + 2 * MS
        return _failed(record) if outcome in ("timeout", "error", "stalled", "cut") else record

    def _nonce(self) -> str:
        self.nonce += 1
        return f"{self.nonce * 314159265358979 % 10 ** 18:018d}"

    def _placement(self, name: str) -> dict:
        size = self.models[name].size_bytes + 50_000 * self.loaded[name]
        fits = min(size, self.one.device.model_memory_bytes * 9 // 10)
        return {"size_bytes": size, "vram_bytes": fits if self.one.device.accelerator else 0, "context_length": self.loaded[name],
                "loaded": sorted(self.loaded)}

    def _conditions(self) -> dict:
        quirk = self.one.quirk
        return support.record(
            "conditions", power_source="battery" if quirk == "battery" else "ac", load_average=0.5, free_memory_bytes=5 * GB,
            background_cpu_share=0.4 if quirk == "contended" else 0.01, swap_used_bytes=0, swapped_in_bytes=0, swapped_out_bytes=0,
            energy_j=round(self.chance.uniform(0.8, 1.2) * 40, 2) if self.one.device.tag == "rtx-4090-pc" else None,
            throttled=["thermal"] if quirk == "throttled" and self.chance.random() < 0.5 else [])


def utc(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def hash_number(text: str) -> int:
    return int(hashlib.sha256(text.encode("ascii")).hexdigest(), 16)


def hardware(device: Device) -> dict:
    """hardware.json of a machine that nobody looked at; what is not planted is unknown."""
    unknown = _fact(None)
    interface = next((found for word, found in INTERFACES if word in (device.accelerator or "")), None)
    card = {"vendor": unknown, "name": _fact(device.accelerator), "memory_bytes": _fact(device.accelerator_gb * GB or None),
            "cores": unknown, "driver": unknown, "interface": _fact(interface), "unified_memory": _fact(not device.accelerator_gb),
            "power_limit_w": unknown}
    name, _, version = device.system.rpartition(" ")
    return {
        "schema": "hardware-1.0", "synthetic": True, "probed": True, "why_not_probed": None,
        "system": {"name": _fact(name), "version": _fact(version), "kernel": unknown, "architecture": unknown, "product": unknown},
        "cpu": {"model": _fact(device.cpu), **dict.fromkeys((
            "vendor", "physical_cores", "logical_cores", "usable_cores", "performance_cores", "efficiency_cores", "max_mhz",
            "instruction_sets"), unknown)},
        "memory": {"usable_bytes": _fact(device.memory_gb * GB), "physical_bytes": _fact(device.memory_gb * GB), "type": unknown,
                   "speed_mt_s": unknown},
        "accelerators": _fact([card] if device.accelerator else []),
        "power": dict.fromkeys(("source", "mode", "governor"), unknown),
        "surroundings": dict.fromkeys(("container", "virtual_machine", "wsl", "termux"), unknown),
        "ollama": {"version": _fact("0.33.0"), "process": unknown, "environment": unknown},
        "copy_bandwidth": {"bytes_s": unknown, "buffer_bytes": None, "n": None, "threads": 1}, "sources": [],
    }


def _fact(value: object) -> dict:
    return {"value": None, "why": "synthetic: no machine was looked at"} if value is None else {"value": value, "method": "planted"}


def _place(step: plan.Step) -> dict:
    return {"phase": step.phase, "model": step.model, "item": step.item, "pass": step.pass_, "repeat": step.repeat,
            "level": step.level, "wave": step.wave, "slot": step.slot, "fill": step.fill}


@functools.lru_cache(maxsize=1)
def _blank_call() -> dict:
    from base import request_settings
    return support.record("call", repeat=1, level=1, endpoint="/api/chat", knobs=request_settings.canonical("field"), http_status=200,
                          connect_ns=80_000, prompt_sha256=hashlib.sha256(b"a prompt").hexdigest(), cached_tokens=None)


def _call_template() -> dict:
    return dict(_blank_call())


def _failed(record: dict) -> dict:
    """The same call, broken off: only the line that says done has counters."""
    outcome = record["outcome"]
    for name in ("done_ns", "total_ns", "load_ns", "prompt_tokens", "prompt_eval_ns", "eval_tokens", "eval_ns", "done_reason"):
        record[name] = None
    record["error"] = f"planted: {outcome}"
    if outcome in ("timeout", "error"):
        for name in ("first_chunk_ns", "first_text_ns", "first_answer_ns", "last_text_ns", "headers_ns"):
            record[name] = None
        record.update(answer="", gaps_us=[], chunks=0, text_chunks=0, http_status=None)
    else:
        record["chunks"] = record["text_chunks"]
        if not record["chunks"]:
            record["first_chunk_ns"] = None
    return record


@functools.lru_cache(maxsize=None)
def suite_of(phase: str) -> suites.Suite:
    return suites.load(phase)


@functools.lru_cache(maxsize=None)
def _item(phase: str, name: str) -> suites.Item:
    return next(item for item in suite_of(phase).items if item.id == name)


@functools.lru_cache(maxsize=None)
def _prompt_sha256(phase: str, item: str, units: int | None) -> str:
    return suites.prompt_sha256(suites.message_texts(suite_of(phase), _item(phase, item), units))


def _answer(step: plan.Step, is_right: bool, limit: int) -> tuple:
    """(text, tokens)."""
    if step.phase == "frozen-prompts":
        return "A computer wakes up step by step, and each step hands over to the next one. " * 2, 33
    if step.phase == "python-tasks":
        return "```python\ndef solve(values):\n    return sorted(values)\n```", 24
    text = _right_answer(step.phase, step.item) if is_right else "That I do not know, and so I had better not guess at it now."
    return text, min(limit, 2 + len(text) // 3)


@functools.lru_cache(maxsize=None)
def _right_answer(phase: str, name: str) -> str:
    grader = _item(phase, name).grader or {"kind": "none"}
    kind = grader["kind"]
    if kind == "exact":
        return grader["accept"][0]
    if kind == "choice":
        return f"{grader['answer']}. It follows from what is said in the first lines of the text."
    if kind == "number":
        return f"Step by step through the lines of the text, and then the sum of them.\nAnswer: {grader['value']}"
    if kind == "contains_all":
        terms = [term if isinstance(term, str) else term[0] for term in grader["terms"]]
        return "It is said in the text, at three places in all: " + ", ".join(terms)
    if kind == "json":
        return json.dumps(grader["expected"])
    return PATTERNS.get(name, "An answer of a few words for which there is no pattern at hand.")


PATTERNS = {"20Q-Q06": "2031-03-07", "20Q-Q20": "Fix the count of retries in the mail queue",
            "20Q-Q10": "SELECT id, days_late FROM parcel WHERE days_late > 3 ORDER BY days_late DESC LIMIT 10"}


@functools.lru_cache(maxsize=None)
def _noises() -> tuple:
    chance = random.Random("noise")
    return tuple(chance.uniform(0.93, 1.07) for _ in range(2000))


def _noise(first: int, count: int) -> tuple:
    return _noises()[first:first + count] if count > 0 else ()
