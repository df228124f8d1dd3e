"""ETA: how long the rest of a run will take, from how long its calls took so far; and the time limit of a session."""
from __future__ import annotations

from typing import Callable, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Tuple

from base import plan
from base.phases import THINKING_PHASES, suite_phase
from base.suites import Suite

PROMPT_SHARE = 0.1          # prefill of a token costs about a tenth of its decoding; only the first guess depends on it
CHARACTERS_PER_TOKEN = 4    # of English text and of code, about

PlannedCall = Tuple[str, tuple]         # model and key of a step
Way = Tuple[str, bool]                  # a model, and whether it thinks


class Load(NamedTuple):
    """The work of a call."""
    prompt_tokens: int          # to be read, about
    answer_tokens: int          # to be written, at most


class Eta:
    """Each planned call has a weight. The time per weight is measured for each model, and separately for its thinking phases,
    whose answers use another share of their limits; before the first such call it is that of the model, or of all models."""

    def __init__(self, weights: Dict[PlannedCall, float]):
        self._left = dict(weights)
        self._left_by_way: Dict[Way, float] = {}    # the sum of them, since a progress line asks for it many times a second
        self._add_up()
        self._spent_ns: Dict[Way, int] = {}
        self._done: Dict[Way, float] = {}           # weight of the calls that took that time

    def reweigh(self, weights: Dict[PlannedCall, float]) -> None:
        """Other weights for calls that are left."""
        self._left.update((step, weight) for step, weight in weights.items() if step in self._left)
        self._add_up()

    def _add_up(self) -> None:
        self._left_by_way = {}
        for (model, key), weight in self._left.items():
            way = _way(model, key)
            self._left_by_way[way] = self._left_by_way.get(way, 0.0) + weight

    def done(self, model: str, keys: List[tuple], elapsed_ns: int) -> None:
        weight = sum(self.drop(model, key) for key in keys)
        way = _way(model, keys[0])
        self._spent_ns[way] = self._spent_ns.get(way, 0) + elapsed_ns
        self._done[way] = self._done.get(way, 0.0) + weight

    def expected_ns(self, model: str, key: tuple) -> int:
        """What this call will take, by the model's calls so far; 0 before any."""
        return int(self._left.get((model, key), 0.0) * (self._ns_per_weight(_way(model, key)) or 0.0))

    def drop(self, model: str, key: tuple) -> float:
        """The weight of a call that is no longer left."""
        weight = self._left.pop((model, key), 0.0)
        if weight:
            self._left_by_way[_way(model, key)] -= weight
        return weight

    def left_s(self) -> Optional[float]:
        """Seconds still to go; None before any call."""
        if not any(self._done.values()):
            return None
        overall = sum(self._spent_ns.values()) / sum(self._done.values())
        return sum(weight * (self._ns_per_weight(way) or overall) for way, weight in self._left_by_way.items()) / 1e9

    def _ns_per_weight(self, own: Way) -> Optional[float]:
        """None where the model has made no call yet."""
        for way in (own, (own[0], False)):
            if self._done.get(way):
                return self._spent_ns[way] / self._done[way]
        return None


def _way(model: str, key: tuple) -> Way:
    return model, key[0] in THINKING_PHASES


class Deadline:
    """The time limit of a session, with time kept free for the frozen prompts at the end of a block."""

    def __init__(self, clock: Callable[[], int], limit_s: float | None):
        self._clock, self._ends = clock, None if limit_s is None else clock() + int(limit_s * 1e9)

    def now(self) -> int:
        return self._clock()

    def leaves(self, needed_ns: int) -> bool:
        return self._ends is None or self._clock() + needed_ns <= self._ends

    def left_s(self) -> Optional[float]:
        """Seconds of the limit that are left, 0 once it is used up; None without a limit."""
        return None if self._ends is None else max(0, self._ends - self._clock()) / 1e9


def weights(planned: Iterable[plan.Block], suites: Dict[str, Suite], settings: plan.Settings,
            always_thinking: FrozenSet[str] = frozenset()) -> Dict[PlannedCall, float]:
    """How much of the run each planned call is, in tokens of decoding."""
    return {step: load.answer_tokens + PROMPT_SHARE * load.prompt_tokens
            for step, load in loads(planned, suites, settings, always_thinking).items()}


def loads(planned: Iterable[plan.Block], suites: Dict[str, Suite], settings: plan.Settings,
          always_thinking: FrozenSet[str] = frozenset()) -> Dict[PlannedCall, Load]:
    """The load of each planned call. Of a conversation each turn reads what it adds; the rest is cached.

    `always_thinking` are the models that think although `think` is false.
    """
    planned_loads = {}
    for block in planned:
        for stage in block.stages:
            items = {item.id: item for item in suites[suite_phase(stage.phase)].items}
            earlier = 0
            for step in stage.steps:
                item = items[step.item]
                prompt = int(stage.num_ctx * item.fill) if item.fill else len(item.prompt) // CHARACTERS_PER_TOKEN
                planned_loads[step.model, step.key] = Load(prompt - earlier, settings.limit(
                    item.num_predict, settings.room_for_thoughts(stage.phase, step.model in always_thinking)))
                earlier = prompt if stage.is_conversation else 0
    return planned_loads
