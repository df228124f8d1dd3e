"""The script: what models there are, how fast they are, and which requests go wrong. Times are in milliseconds."""
from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from . import faults, versions


@dataclasses.dataclass(frozen=True)
class Model:
    """One model. Its speed and its answer are planted; a measurement must find them again."""

    name: str                             # ":latest" is added where there is no tag
    size_bytes: int = 400_000_000         # of the file, as /api/tags has it
    digest: str = ""                      # 64 hex digits; empty: made from the name
    family: str = "llama"
    parameter_size: str = "1.2B"
    quantization_level: str = "Q4_K_M"
    format: str = "gguf"                  # or "safetensors": another runner, which counts differently and ignores num_ctx
    context_length: int = 32768           # tokens the model was trained for; num_ctx is capped to it
    capabilities: tuple[str, ...] = ("completion",)
    template: str | None = None           # None: chat goes the native path; a text: the rendered path
    remote_host: str | None = None        # a cloud model
    remote_model: str | None = None
    present: bool = True                  # False: unknown until /api/pull
    head_tokens: int = 12                 # of the template before the user's text, the BOS included
    tail_tokens: int = 5                  # of the template behind it
    load_ms: float = 50.0                 # a cold load
    load_error: str | None = None         # text of the failure of every load,
    load_error_above: int = 0             # or only of loads with a larger context
    reduced_context: int | None = None    # tokens to which the server silently reduces a larger num_ctx
    bytes_per_token: int = 0              # of context, in memory
    vram_limit_bytes: int = 0             # what the accelerator takes of the model and its context
    slower_per_1k: float = 0.0            # share of a token's prefill and of a gap added by each 1,000 tokens before it
    recalls: bool = False                 # answers a question for planted constants with their values,
    forgets_middle_above: int | None = None     # but in a longer prompt not with those in its middle
    overhead_ms: float = 1.0              # load_duration of a warm request
    prefill_tok_s: float = 100_000.0      # tokens a second, cached ones excepted
    decode_gap_ms: float = 1.0            # between two tokens
    gap_pattern_ms: tuple[float, ...] | None = None     # gaps, used in turn over and over, in place of decode_gap_ms
    answer_tokens: int = 40               # shown ones; then the end token. 0: the answer never ends
    answer_text: str | None = None        # an answer in words, in place of numbers
    thinking_tokens: int = 0              # before the answer, opening and closing tag included
    level_tokens: dict[str, int] | None = None      # the same by level of thinking, other levels are refused; None: a level is as true
    thinks_always: bool = False           # also if the request forbids it
    tags_in_answer: bool = False          # thoughts come within the answer, between tags
    tokens_per_chunk: int = 1
    drift: float = 0.0                    # share of a gap added by each request served before
    checkpoint_back_tokens: int = 0       # hybrid models: cached prefixes end this far before the end of what was read
    show_error: str | None = None         # what /api/show answers with HTTP 500: a model that is broken on the server

    @property
    def is_safetensors(self) -> bool:
        return self.format == "safetensors"

    def gap_ns(self, index: int, depth: int = 0) -> float:
        """The undisturbed gap before token index + 2 of an answer to a prompt of so many tokens."""
        pattern = self.gap_pattern_ms or (self.decode_gap_ms,)
        return pattern[index % len(pattern)] * 1e6 * (1 + self.slower_per_1k * depth / 1000)

    def prefill_ns(self, tokens: int, cached_tokens: int) -> int:
        """The undisturbed time to read a prompt: each token costs more the more tokens precede it."""
        computed = tokens - cached_tokens
        return round(computed / self.prefill_tok_s * 1e9 * (1 + self.slower_per_1k * (tokens + cached_tokens) / 2000))

    def loaded_size(self, num_ctx: int) -> tuple[int, int]:
        """(bytes in memory, of these on an accelerator)."""
        size = self.size_bytes + self.bytes_per_token * num_ctx
        return size, min(size, self.vram_limit_bytes)


@dataclasses.dataclass(frozen=True)
class FaultRule:
    """Which requests go wrong, and how. All conditions given must hold."""

    active_faults: dict                            # fault -> its parameters, all filled in
    path: str | None = None
    method: str | None = None
    model: str | None = None              # with or without its tag
    contains: str | None = None           # anywhere in the joined messages or the prompt
    think: bool | None = None             # whether the request asks for thinking
    nth: int | None = None                # only the nth of the requests for which the rest holds, from 1
    times: int | None = None              # how often at most; None: always

    def covers(self, method: str, path: str, model: str, text: str, thinks: bool) -> bool:
        return (self.think in (None, thinks) and self.path in (None, path) and self.method in (None, method)
                and (self.model is None or full_name(self.model) == full_name(model))
                and (self.contains is None or self.contains in text))

    def is_due(self, met: int, applied: int) -> bool:
        """Whether it acts now: on the `met`th request that it covers, after it acted on `applied` of them."""
        return self.nth in (None, met) and (self.times is None or applied < self.times)


@dataclasses.dataclass(frozen=True)
class Script:
    """Everything that is planted."""

    speak: str = "0.33.0-rc2"             # a key of versions.DIALECTS
    exact: bool = False                   # spin before a byte is due: exact to some microseconds, at a processor's cost
    slots: int = 1                        # requests that one model decodes at once (OLLAMA_NUM_PARALLEL)
    max_loaded: int = 3                   # models in memory at once (OLLAMA_MAX_LOADED_MODELS)
    unload_lag_ms: float = 0.0            # how long /api/ps still shows a model that was unloaded
    models: tuple[Model, ...] = ()                    # newest first, as /api/tags lists them
    rules: tuple[FaultRule, ...] = ()                     # the first that applies wins


def read(data: Any) -> Script:
    """The script in a JSON value; raises ValueError or TypeError for a field or value that the server does not know."""
    script = Script(**{**data, "models": tuple(map(model, data.get("models", ()))),
                       "rules": tuple(rule(**entry) for entry in data.get("rules", ()))})
    if script.speak not in versions.DIALECTS:
        raise ValueError(f"speak: {script.speak!r} is none of {', '.join(versions.DIALECTS)}")
    return script


def model(data: dict) -> Model:
    planted = Model(**data)
    name = full_name(planted.name)
    return dataclasses.replace(planted, name=name, digest=planted.digest or hashlib.sha256(name.encode()).hexdigest(),
                               capabilities=tuple(planted.capabilities), gap_pattern_ms=tuple(planted.gap_pattern_ms or ()) or None)


def rule(do: dict | list[dict], when: dict | None = None, times: int | None = None) -> FaultRule:
    """A rule as a script writes it; `do` is one fault or several."""
    return FaultRule(dict(map(fault, do if isinstance(do, list) else [do])), times=times, **(when or {}))


def fault(data: dict) -> tuple[str, dict]:
    """One fault and its parameters, those left out filled in."""
    name = data.get("fault")
    if name not in faults.FAULTS:
        raise ValueError(f"fault: {name!r} is none of {', '.join(faults.FAULTS)}")
    given = {key: value for key, value in data.items() if key != "fault"}
    known = faults.FAULTS[name].parameters
    unknown = ", ".join(sorted(set(given) - set(known)))
    if unknown:
        raise ValueError(f"fault {name}: takes {', '.join(known) or 'nothing'}, not {unknown}")
    return name, {**known, **given}


def full_name(name: str) -> str:
    """A model's name with its tag and without the default registry."""
    for default in ("registry.ollama.ai/", "library/"):
        name = name[len(default):] if name.startswith(default) else name
    return name if ":" in name.rpartition("/")[2] else name + ":latest"
