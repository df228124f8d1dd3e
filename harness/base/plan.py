"""The plan: which calls a run will make, in which order. Pure: the same settings, models and suites give the same plan.

A run is blocks, one for each model and one for all of them together; a block is stages, one for each phase; a stage
is groups of steps that start at one moment; a step is one planned call.
"""
from __future__ import annotations

from types import MappingProxyType
from typing import Iterable, Mapping, NamedTuple

from base import request_settings
from base.context_ladder import AUTO, NAMES, RUNG_FILLS, RUNG_LIMIT_S
from base.json_text import Json
from base.phases import (CONTEXT_APPEND, CONTEXT_EDGE, FROZEN, KINDS, PARALLEL_MIXED, PARALLEL_SAME, PYTHON_TASKS, RUNG_CONTEXTS, SMALL_EVAL,
                         THINKING_PHASES, suite_phase)
from base.suites import Item, Suite

MIXED_MODELS = 2      # always the two smallest, so that the figure does not depend on how many models are installed
LEVELS = (1, 2, 4, 8)
THINKING_LEVELS = (1,)      # thinking is measured one call at a time
THINKING_BUDGET = 4096      # tokens; most models of 2026 end a thought about such questions within it


class Step(NamedTuple):
    """One planned call. `key` is the same in the plan and in its record."""
    phase: str
    model: str
    item: str
    pass_: str | None = None
    repeat: int = 1
    level: int = 1
    wave: int | None = None
    slot: int = 0
    fill: float | None = None

    @property
    def key(self) -> tuple:
        return (self.phase, self.model, self.item, self.pass_, self.repeat, self.level)


class Stage(NamedTuple):
    """One phase of a block. A conversation's groups need each other; other groups are independent.

    `num_ctx` is without the extra room of a model that always thinks; see Settings.context_of.
    """
    phase: str
    models: tuple
    num_ctx: int
    groups: tuple
    pass_: str | None = None

    @property
    def steps(self) -> list:
        return [step for group in self.groups for step in group]

    @property
    def is_conversation(self) -> bool:
        return self.phase == CONTEXT_APPEND


class Block(NamedTuple):
    models: tuple
    stages: tuple

    @property
    def steps(self) -> list:
        return [step for stage in self.stages for step in stage.steps]

    @property
    def is_together(self) -> bool:
        """Whether it is the block of the phase that needs several models."""
        return self.stages[0].phase == PARALLEL_MIXED


class Settings(NamedTuple):
    """What the flags can change; the defaults are the canonical settings."""
    num_ctx: int = 4096
    context_num_ctx: int = 8192
    num_predict: int | None = None      # None: each item's own
    levels: tuple | None = None         # None: each suite's own
    repeats: int = 3
    options: Mapping[str, Json] = MappingProxyType(request_settings.canonical("option"))
    request_fields: Mapping[str, Json] = MappingProxyType(request_settings.canonical("field"))
    thinking: bool | str | None = None      # `think` of the thinking phases: True or a level; None: they are not planned
    thinking_budget: int = THINKING_BUDGET
    thinking_models: tuple = ()             # names of the models that can think
    contexts: tuple = ()                    # rungs of the context ladder by name, or "auto"; (): it is not climbed
    rung_limit_s: int = RUNG_LIMIT_S        # a rung that is predicted to take longer is not begun
    trained: dict = {}                      # model: its trained context, where the server reports it

    def room_for_thoughts(self, phase: str, always_thinks: bool = False) -> int:
        """Tokens on top of each item's limit and of the context. The frozen prompts are the same for every model."""
        return self.thinking_budget if phase in THINKING_PHASES or (always_thinks and phase != FROZEN) else 0

    def limit(self, item_num_predict: int, room: int = 0) -> int:
        return (self.num_predict or item_num_predict) + room

    def options_for(self, num_ctx: int, num_predict: int) -> dict:
        return {**self.options, "num_ctx": num_ctx, "num_predict": num_predict}

    def request_fields_for(self, phase: str) -> dict:
        return {**self.request_fields, **({"think": self.thinking} if phase in THINKING_PHASES else {})}

    def context_of(self, phase: str, always_thinks: bool = False) -> int:
        """The context that a phase is asked in. A fill is a share of the context without the room for thoughts."""
        if phase in RUNG_CONTEXTS:
            return RUNG_CONTEXTS[phase]     # a rung is what the machine holds, so thoughts take their room from the prompt
        plain = self.context_num_ctx if KINDS.get(phase) == "context" else self.num_ctx
        return plain + self.room_for_thoughts(phase, always_thinks)

    def with_models(self, models: list) -> Settings:
        """The same, knowing which of the manifest's models can think."""
        able = tuple(model["name"] for model in models if "thinking" in model["capabilities"])
        return self._replace(thinking_models=able, trained={model["name"]: model["context_length"] for model in models if model["context_length"]})

    def rungs_of(self, model: str) -> list:
        """Phases of the context ladder above the plain one. `auto` leaves out what the model was not trained for."""
        trained = self.trained.get(model)
        return [phase for name, phase in NAMES.items() if name in self.contexts
                or (AUTO in self.contexts and (trained is None or RUNG_CONTEXTS[phase] <= trained))]


def settings_of(manifest: dict) -> Settings:
    """The settings that a manifest was planned with."""
    thinking = manifest.get("thinking") or {"mode": None, "budget": THINKING_BUDGET}
    contexts = manifest.get("contexts") or {"asked": (), "rung_limit_s": RUNG_LIMIT_S}
    return Settings(manifest["num_ctx"], manifest["context_num_ctx"], manifest["num_predict"],
                    None if manifest["levels"] is None else tuple(manifest["levels"]), manifest["repeats"],
                    manifest["options"], manifest["knobs"], thinking["mode"], thinking["budget"],
                    contexts=tuple(contexts["asked"]), rung_limit_s=contexts["rung_limit_s"]).with_models(manifest["models"])


def overrides_of(settings: Settings) -> dict:
    """Everything that differs from the canonical settings, by name."""
    values = {**settings.options, **settings.request_fields, "num_ctx": settings.num_ctx, "repeats": settings.repeats,
              "context_num_ctx": settings.context_num_ctx, "num_predict": settings.num_predict,
              "thinking_budget": settings.thinking_budget,
              "levels": None if settings.levels is None else list(settings.levels)}
    canonical = {setting.name: setting.value for setting in request_settings.SETTINGS}
    return {name: value for name, value in values.items() if name not in canonical or value != canonical[name]}


def blocks(models: list, phases: list, suites: dict, settings: Settings) -> list:
    """Blocks in running order: each model alone, in the order given, then the phase that needs several.

    `suites` maps a phase to its Suite. With fewer than two models parallel-mixed is planned for the one there is, so
    that the run can say why it was skipped.
    """
    alone = [Block((model,), tuple(_stages(model, phases, suites, settings))) for model in models]
    together = []
    if PARALLEL_MIXED in phases and models:
        chosen = tuple(models[:MIXED_MODELS])
        together = [Block(chosen, (_waves(PARALLEL_MIXED, chosen, suites[PARALLEL_MIXED], settings),))]
    return [block for block in alone + together if block.stages]


def _stages(model: str, phases: list, suites: dict, settings: Settings) -> list:
    stages = []
    for phase in (SMALL_EVAL, PYTHON_TASKS, PARALLEL_SAME, CONTEXT_APPEND, CONTEXT_EDGE):
        if phase not in phases:
            continue
        if phase == PARALLEL_SAME:
            stages.append(_waves(phase, (model,), suites[phase], settings))
        else:
            stages.append(_singles(phase, model, suites[phase].items, settings))
    if CONTEXT_EDGE in phases:
        items = [item for item in suites[CONTEXT_EDGE].items if item.fill in RUNG_FILLS]    # lower fills are known from the rungs below
        stages += [_singles(phase, model, items, settings) for phase in settings.rungs_of(model)]
    if settings.thinking is not None and model in settings.thinking_models:
        stages += [_thinking(phase, model, suites[suite_phase(phase)], settings) for phase in THINKING_PHASES if suite_phase(phase) in phases]
    if FROZEN in phases:
        frozen = suites[FROZEN]
        stages = [_frozen(model, frozen, settings, "first")] + stages + [_frozen(model, frozen, settings, "last")]
    return stages


def _singles(phase: str, model: str, items: Iterable[Item], settings: Settings) -> Stage:
    groups = tuple((Step(phase, model, item.id, fill=item.fill),) for item in items)
    return Stage(phase, (model,), settings.context_of(phase), groups)


def _thinking(phase: str, model: str, suite: Suite, settings: Settings) -> Stage:
    """The items of a plain phase again, one call at a time."""
    if KINDS[phase] == "parallel":
        return _waves(phase, (model,), suite, settings._replace(levels=THINKING_LEVELS))
    return _singles(phase, model, suite.items, settings)


def _frozen(model: str, suite: Suite, settings: Settings, pass_: str) -> Stage:
    """Repeat by repeat, not prompt by prompt, so that a slow drift touches every prompt alike."""
    groups = tuple((Step(FROZEN, model, item.id, pass_, repeat),)
                   for repeat in range(1, settings.repeats + 1) for item in suite.items)
    return Stage(FROZEN, (model,), settings.num_ctx, groups, pass_)


def _waves(phase: str, models: tuple, suite: Suite, settings: Settings) -> Stage:
    """At each level all items, level at a time; the last wave may be short. Models take turns, item by item."""
    groups = []
    for level in settings.levels or suite.levels:
        for wave, begin in enumerate(range(0, len(suite.items), level)):
            groups.append(tuple(
                Step(phase, models[(begin + slot) % len(models)], item.id, level=level, wave=wave, slot=slot)
                for slot, item in enumerate(suite.items[begin:begin + level])))
    return Stage(phase, models, settings.context_of(phase), tuple(groups))


def summary(planned: list) -> list:
    """Rows of (phase, model or None for several, planned calls) in running order."""
    rows: dict = {}
    for block in planned:
        model = None if block.is_together else block.models[0]
        for stage in block.stages:
            rows[stage.phase, model] = rows.get((stage.phase, model), 0) + len(stage.steps)
    return [(phase, model, calls) for (phase, model), calls in rows.items()]
