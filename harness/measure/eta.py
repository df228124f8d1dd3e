"""Pace: how long the rest of a run will take, from how long its calls took so far."""
from __future__ import annotations

import collections

from base import plan
from base.phases import THINKING_PHASES, suite_phase

PROMPT_SHARE = 0.1          # prefill of a token costs about a tenth of its decoding; only the first guess depends on it
CHARACTERS_PER_TOKEN = 4    # of English text and of code, about

Load = collections.namedtuple("Load", "prompt_tokens answer_tokens")    # to be read, about; to be written, at most


class Eta:
    """Each planned group has a weight. Time per weight is learnt for each model and for its thinking phases, whose
    answers take another share of their limits; where one is new, it is that of the model, or of all models."""

    def __init__(self, weights: dict):
        self._left = dict(weights)                  # (model, key) of a step: its weight
        self._spent_ns: dict = {}                   # (model, whether it thinks): time of its calls
        self._weighed: dict = {}                    # the same: weight of its calls

    def reweigh(self, weights: dict) -> None:
        """Other weights for steps that are left."""
        self._left.update((step, weight) for step, weight in weights.items() if step in self._left)

    def done(self, model: str, keys: list, elapsed_ns: int) -> None:
        weight = sum(self._left.pop((model, key), 0.0) for key in keys)
        way = _way(model, keys[0])
        self._spent_ns[way] = self._spent_ns.get(way, 0) + elapsed_ns
        self._weighed[way] = self._weighed.get(way, 0.0) + weight

    def expected_ns(self, model: str, keys: list) -> int:
        """What these steps of a model will take, judged by its calls so far; 0 before any."""
        return int(sum(self._left.get((model, key), 0.0) * (self._pace(model, key) or 0.0) for key in keys))

    def drop(self, model: str, key: tuple) -> None:
        self._left.pop((model, key), None)

    def left_s(self) -> float | None:
        """Seconds still to go; None before anything was learnt."""
        if not any(self._weighed.values()):
            return None
        overall = sum(self._spent_ns.values()) / sum(self._weighed.values())
        return sum(weight * (self._pace(*step) or overall) for step, weight in self._left.items()) / 1e9

    def _pace(self, model: str, key: tuple) -> float | None:
        """Nanoseconds for each unit of weight; None where the model has made no call yet."""
        for way in (_way(model, key), (model, False)):
            if self._weighed.get(way):
                return self._spent_ns[way] / self._weighed[way]
        return None


def _way(model: str, key: tuple) -> tuple:
    return model, key[0] in THINKING_PHASES


def weights(planned: list, suites: dict, settings: plan.Settings, always_thinking: frozenset = frozenset()) -> dict:
    """(model, key) of each planned step: how much of the run it is, in tokens of decoding."""
    return {step: load.answer_tokens + PROMPT_SHARE * load.prompt_tokens
            for step, load in loads(planned, suites, settings, always_thinking).items()}


def loads(planned: list, suites: dict, settings: plan.Settings, always_thinking: frozenset = frozenset()) -> dict:
    """(model, key) of each planned step: its Load. Of a conversation each turn reads what it adds; the rest is cached.

    `always_thinking` are the models that think whatever they are told.
    """
    found = {}
    for block in planned:
        for stage in block.stages:
            items = {item.id: item for item in suites[suite_phase(stage.phase)].items}
            earlier = 0
            for step in stage.steps:
                item = items[step.item]
                prompt = int(stage.num_ctx * item.fill) if item.fill else len(item.prompt) // CHARACTERS_PER_TOKEN
                found[step.model, step.key] = Load(prompt - earlier, settings.limit(
                    item.num_predict, settings.room_for_thoughts(stage.phase, step.model in always_thinking)))
                earlier = prompt if stage.is_conversation else 0
    return found
