"""The differences between two runs, and which figures that leaves comparable.

A difference that changes what a figure measures excludes the figure. One whose influence a person may want to know, such as
another server version, is listed, and the figure is compared. The figures themselves play no part in this.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from base import json_text, names, plan
from base.hardware_view import part, value_of
from base.phases import CONTEXT_PHASES, FROZEN, PARALLEL_MIXED, PHASES, THINKING_PHASES, suite_phase
from base.records import COMPARED
from base.json_text import Json
from base.target import is_local
from derive import stability

ALL = tuple(COMPARED)
ANSWERS = ("answers",)
SPEED = tuple(name for name in COMPARED if name != "answers")
CLIENT = ("ttft_ms", "total_ms", "wave_tok_s")      # they include the time on the network
MEMORY_SHARE = 0.01         # usable memory differs a little from one kernel to the next

# The figures that an option or setting excludes where it differs; any other option may be the cause of a difference.
EXCLUDED: Dict[str, Tuple[str, ...]] = {
    "num_batch": SPEED,     # how many prompt tokens are computed at once, and how much memory is free
    "num_predict": ("decode_tok_s", "total_ms", "wave_tok_s", "answers"),   # answers of other lengths
    "think": ("total_ms", "wave_tok_s", "answers"),                         # another text
    **dict.fromkeys(("temperature", "seed", "top_k", "top_p", "min_p", "typical_p", "repeat_penalty", "repeat_last_n",
                     "presence_penalty", "frequency_penalty"), ANSWERS),    # answers are sampled by other rules
}
MODEL_FACTS = ("quantization", "parameter_size", "family", "format", "context_length", "template_sha256")
HARDWARE = {
    "system": ("name", "version", "kernel", "architecture", "product"),
    "cpu": ("model", "physical_cores", "logical_cores", "usable_cores", "max_mhz"),
    "memory": ("usable_bytes", "type", "speed_mt_s"),
    "power": ("source", "mode", "governor"),
    "surroundings": ("container", "virtual_machine", "wsl", "termux"),
    "ollama": ("environment",),
}
ACCELERATOR = ("vendor", "name", "memory_bytes", "driver", "interface", "power_limit_w")


@dataclass(frozen=True)
class ComparedRun:
    """One of the two runs: its manifest, its metadata, and the content of hardware.json (None: there is none)."""
    manifest: dict
    metadata: dict
    hardware: Json = None

    @property
    def models(self) -> Dict[str, dict]:
        """model_key: the manifest's record of the model."""
        return {names.model_key(model["name"]): model for model in self.manifest["models"]}

    @property
    def calibrated(self) -> Dict[str, dict]:
        """model_key: what calibration found."""
        return {names.model_key(model["model"]): model for model in self.metadata["models"]}

    @property
    def suites(self) -> Dict[str, dict]:
        """phase: the manifest's record of its suite."""
        return {suite["phase"]: suite for suite in self.manifest["suites"]}

    @property
    def thinking(self) -> dict:
        """The `thinking_plan` record of the manifest, or the canonical one."""
        return self.manifest.get("thinking") or {"mode": None, "budget": plan.THINKING_BUDGET}

    @property
    def together(self) -> Tuple[str, ...]:
        """The keys of the models of the phase that needs several."""
        return tuple(self.models)[:plan.MIXED_MODELS]


def differences(a: ComparedRun, b: ComparedRun) -> List[dict]:
    """All `difference` records; those that exclude figures come first."""
    rows = [*_suites(a, b), *_models(a, b), *_request_settings(a, b), *_calibration(a, b), *_machine(a, b), *_harness(a, b)]
    return sorted(rows, key=lambda row: row["effect"] not in ("left-out", "other-model"))


def exclusions(rows: List[dict], phase: str, models: Tuple[str, ...]) -> Dict[str, List[str]]:
    """figure: the keys that exclude it in this phase of these models."""
    keys: Dict[str, List[str]] = {}
    for row in rows:
        if (row["phases"] and not {phase, suite_phase(phase)} & set(row["phases"])) or (row["model"] and names.model_key(row["model"]) not in models):
            continue
        for figure in row["figures"]:
            keys.setdefault(figure, []).append(row["key"])
    return keys


def is_same_model(a: ComparedRun, b: ComparedRun, models: Sequence[str]) -> bool:
    """Whether both runs have all of these models, with equal digests."""
    return all(model in side.models for model in models for side in (a, b)) and all(
        a.models[model]["digest"] == b.models[model]["digest"] for model in models)


def is_alike(rows: List[dict]) -> bool:
    """Whether the two runs have no relevant difference, as far as the files show."""
    return all(row["effect"] in ("scope", "unknown") for row in rows)


def _row(key: str, a: Json, b: Json, effect: str, figures: Tuple[str, ...] = (), phases: Tuple[str, ...] = (),
         model: Optional[str] = None) -> dict:
    """A `difference` record; where it excludes figures, its effect is `left-out`."""
    return {"key": key, "model": model, "phases": list(phases), "a": _text(a), "b": _text(b),
            "effect": "left-out" if figures else effect, "figures": list(figures)}


def _text(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else json_text.dumps(value)


def _suites(a: ComparedRun, b: ComparedRun) -> Iterator[dict]:
    for phase in dict.fromkeys([*a.suites, *b.suites]):
        suite_a, suite_b = a.suites.get(phase), b.suites.get(phase)
        if suite_a is None or suite_b is None:
            yield _row("phase", suite_a and phase, suite_b and phase, "scope", phases=(phase,))
        elif suite_a["sha256"] != suite_b["sha256"]:
            yield _row("suite", _version(suite_a), _version(suite_b), "left-out", ALL, (phase,))


def _version(suite: dict) -> str:
    return f"{suite['version']} {suite['sha256'][:12]}"


def _models(a: ComparedRun, b: ComparedRun) -> Iterator[dict]:
    for key in dict.fromkeys([*a.models, *b.models]):
        model_a, model_b = a.models.get(key, {}), b.models.get(key, {})
        if not model_a or not model_b:
            yield _row("model", model_a.get("name"), model_b.get("name"), "scope", model=(model_a or model_b)["name"])
        elif model_a["digest"] != model_b["digest"]:
            yield _row("model digest", model_a["digest"][:12], model_b["digest"][:12], "other-model", model=model_a["name"])
            for name in MODEL_FACTS:
                if model_a[name] != model_b[name]:
                    yield _row(f"model {name}", model_a[name], model_b[name], "other-model", model=model_a["name"])
    if PARALLEL_MIXED in a.suites and PARALLEL_MIXED in b.suites and set(a.together) != set(b.together):
        yield _row("models at once", " + ".join(a.together), " + ".join(b.together), "left-out", ALL, (PARALLEL_MIXED,))


def _request_settings(a: ComparedRun, b: ComparedRun) -> Iterator[dict]:
    for group in ("options", "knobs"):
        fields_a, fields_b = a.manifest[group], b.manifest[group]
        for name in dict.fromkeys([*fields_a, *fields_b]):
            if fields_a.get(name) != fields_b.get(name):
                yield _row(name, fields_a.get(name), fields_b.get(name), "cause", EXCLUDED.get(name, ()))
    short = tuple(phase for phase in dict.fromkeys([*a.suites, *b.suites]) if phase not in CONTEXT_PHASES)
    for name, effect, figures, phases in (
            ("num_ctx", "left-out", SPEED, short), ("context_num_ctx", "left-out", ALL, tuple(phase for phase in CONTEXT_PHASES if phase in PHASES)),
            ("num_predict", "left-out", EXCLUDED["num_predict"], ()), ("levels", "scope", (), ()),
            ("repeats", "scope", (), ())):
        if a.manifest[name] != b.manifest[name]:
            yield _row(name, a.manifest[name], b.manifest[name], effect, figures, phases)
    contexts_a, contexts_b = (",".join(side.manifest.get("contexts", {}).get("asked", ())) or None for side in (a, b))
    if contexts_a != contexts_b:
        yield _row("contexts", contexts_a, contexts_b, "scope")
    mode_a, mode_b = (side.thinking["mode"] for side in (a, b))
    if mode_a != mode_b:
        yield _row("thinking", mode_a, mode_b, "scope", () if None in (mode_a, mode_b) else ALL, THINKING_PHASES)
    if a.thinking["budget"] != b.thinking["budget"]:
        yield _row("thinking_budget", a.thinking["budget"], b.thinking["budget"], "left-out", ALL, THINKING_PHASES)


def _calibration(a: ComparedRun, b: ComparedRun) -> Iterator[dict]:
    """What calibration found for each model that is the same in both runs."""
    for key in a.models:
        if not is_same_model(a, b, (key,)):
            continue
        model_a, model_b = a.calibrated[key], b.calibrated[key]
        for name, figures in (("head_tokens", ("prefill_tok_s",)), ("tells_cached_tokens", ("prefill_tok_s",)),
                              ("slots_seen", ()), ("thinks_by_default", ())):
            if None not in (model_a[name], model_b[name]) and model_a[name] != model_b[name]:
                yield _row(name, model_a[name], model_b[name], "cause", figures, model=model_a["model"])
        # A model that always thinks is asked with the budget in all plain phases but the frozen prompts.
        budget_a, budget_b = (side.thinking["budget"] if model.get("always_thinks") else None
                              for side, model in ((a, model_a), (b, model_b)))
        if budget_a != budget_b:
            phases = tuple(phase for phase in dict.fromkeys([*a.suites, *b.suites]) if phase != FROZEN)
            yield _row("budget of a model that always thinks", budget_a, budget_b, "left-out", ALL, phases, model_a["model"])
        yield from _placement(model_a["model"], model_a["placement"] or {}, model_b["placement"] or {})


def _placement(model: str, placement_a: dict, placement_b: dict) -> Iterator[dict]:
    if placement_a.get("size_bytes") and placement_b.get("size_bytes"):
        share_a, share_b = map(stability.share_on_accelerators, (placement_a, placement_b))
        if stability.is_other_place(share_a, share_b):
            yield _row("share on accelerators", round(share_a, 3), round(share_b, 3), "cause", model=model)
    length_a, length_b = placement_a.get("context_length"), placement_b.get("context_length")
    if None not in (length_a, length_b) and length_a != length_b:
        yield _row("loaded context", length_a, length_b, "cause", SPEED, model=model)


def _machine(a: ComparedRun, b: ComparedRun) -> Iterator[dict]:
    manifest_a, manifest_b = a.manifest, b.manifest
    place_a, place_b = ("this machine" if is_local(side["target"]) else side["target"] for side in (manifest_a, manifest_b))
    if place_a != place_b:
        yield _row("server's place", place_a, place_b, "cause", CLIENT)
    version_a, version_b = (", ".join(side.metadata["server_versions"]) for side in (a, b))
    for key, value_a, value_b in (("synthetic", a.metadata["synthetic"], b.metadata["synthetic"]),
                            ("server", manifest_a["server_name"], manifest_b["server_name"]), ("server version", version_a, version_b),
                            ("device tag", manifest_a["device_tag"], manifest_b["device_tag"]),
                            ("platform", manifest_a["platform"], manifest_b["platform"])):
        if value_a != value_b:
            yield _row(key, value_a, value_b, "cause")
    yield from _hardware(facts(a.hardware), facts(b.hardware))


def _hardware(facts_a: dict, facts_b: dict) -> Iterator[dict]:
    if not facts_a or not facts_b:
        yield _row("hardware", "known" if facts_a else None, "known" if facts_b else None, "unknown")
        return
    for key in dict.fromkeys([*facts_a, *facts_b]):
        if key in facts_a and key in facts_b and not _is_same(key, facts_a[key], facts_b[key]):
            yield _row(key, facts_a[key], facts_b[key], "cause")


def _is_same(key: str, value_a: Json, value_b: Json) -> bool:
    if key == "memory usable_bytes" and isinstance(value_a, int) and isinstance(value_b, int):
        return abs(value_a - value_b) <= MEMORY_SHARE * max(value_a, value_b)
    return value_a == value_b


def facts(hardware: Json) -> Dict[str, Json]:
    """`section name`: value, for every known value of hardware.json. The file may be malformed."""
    values: Dict[str, Json] = {}
    for section, keys in HARDWARE.items():
        for key in keys:
            values[f"{section} {key}"] = value_of(part(part(hardware, section), key))
    devices = value_of(part(hardware, "accelerators"))
    if isinstance(devices, list):
        values["accelerators"] = len(devices)
        for number, device in enumerate(devices):
            values.update({f"accelerator {number} {key}": value_of(part(device, key)) for key in ACCELERATOR})
    return {key: value for key, value in values.items() if value is not None}


def _harness(a: ComparedRun, b: ComparedRun) -> Iterator[dict]:
    for key, name in (("harness version", "harness_version"), ("harness source", "harness_sha256"), ("Python", "python")):
        value_a, value_b = a.manifest[name], b.manifest[name]
        if value_a != value_b:
            length = 12 if name == "harness_sha256" else None
            yield _row(key, value_a[:length], value_b[:length], "cause")
