"""Pace: how long the rest of a run will take, from how long its calls took so far."""
from __future__ import annotations

import collections

from base import plan

PROMPT_SHARE = 0.1          # prefill of a token costs about a tenth of its decoding; only the first guess depends on it
CHARACTERS_PER_TOKEN = 4    # of English text and of code, about

Load = collections.namedtuple("Load", "prompt_tokens answer_tokens")    # to be read, about; to be written, at most


class Eta:
    """Each planned group has a weight; time per weight is learnt for each model, and from all where one is new."""

    def __init__(self, weights: dict):
        self._left = dict(weights)                  # (model, key) of a step: its weight
        self._spent_ns: dict = {}                   # model: time of its calls
        self._weighed: dict = {}                    # model: weight of its calls

    def done(self, model: str, keys: list, elapsed_ns: int) -> None:
        weight = sum(self._left.pop((model, key), 0.0) for key in keys)
        self._spent_ns[model] = self._spent_ns.get(model, 0) + elapsed_ns
        self._weighed[model] = self._weighed.get(model, 0.0) + weight

    def expected_ns(self, model: str, keys: list) -> int:
        """What these steps of a model will take, judged by its calls so far; 0 before any."""
        known = self._weighed.get(model)
        return int(sum(self._left.get((model, key), 0.0) for key in keys) * self._spent_ns[model] / known) if known else 0

    def drop(self, model: str, key: tuple) -> None:
        self._left.pop((model, key), None)

    def left_s(self) -> float | None:
        """Seconds still to go; None before anything was learnt."""
        if not any(self._weighed.values()):
            return None
        overall = sum(self._spent_ns.values()) / sum(self._weighed.values())
        total_ns = 0.0
        for (model, _), weight in self._left.items():
            known = self._weighed.get(model)
            total_ns += weight * (self._spent_ns[model] / known if known else overall)
        return total_ns / 1e9


def weights(planned: list, suites: dict, settings: plan.Settings) -> dict:
    """(model, key) of each planned step: how much of the run it is, in tokens of decoding."""
    return {step: load.answer_tokens + PROMPT_SHARE * load.prompt_tokens
            for step, load in loads(planned, suites, settings).items()}


def loads(planned: list, suites: dict, settings: plan.Settings) -> dict:
    """(model, key) of each planned step: its Load. Of a conversation each turn reads what it adds; the rest is cached."""
    found = {}
    for block in planned:
        for stage in block.stages:
            items = {item.id: item for item in suites[stage.phase].items}
            earlier = 0
            for step in stage.steps:
                item = items[step.item]
                prompt = int(stage.num_ctx * item.fill) if item.fill else len(item.prompt) // CHARACTERS_PER_TOKEN
                found[step.model, step.key] = Load(prompt - earlier, settings.limit(item.num_predict))
                earlier = prompt if stage.is_conversation else 0
    return found
