"""The engine: loads models one at a time, lends their slots in order of arrival, remembers what each has read."""
from __future__ import annotations

import contextlib
import threading
import time
from typing import Iterator, NamedTuple

from . import tokenizer, versions
from .script import Model, Script
from .http_wire import Client

KEEP_ALIVE_NS = 5 * 60 * 10**9            # Ollama's default
FOREVER_NS = 2**63 - 1                    # what a negative keep_alive means: 292 years
WAIT_S = 0.02                             # how often a waiting request looks whether its client is still there
LIKE_ENOUGH = 0.1                         # share of a prompt that a slot must hold to be preferred for it


class Launch(NamedTuple):
    """The options that a runner is started with; another value of any of them means a reload."""

    num_ctx: int
    num_batch: int | None
    num_gpu: int
    main_gpu: int | None
    use_mmap: bool | None
    num_thread: int
    shift: bool


class Slot:
    """A place to decode in, with the tokens that it evaluated last."""

    def __init__(self, number: int):
        self.number, self.tokens, self.busy, self.used_ns = number, [], False, 0


class LoadedModel:
    """A model in memory."""

    def __init__(self, model: Model, launch: Launch, slots: int):
        self.model, self.launch = model, launch
        self.slots = [Slot(number) for number in range(slots)]
        self.line: list = []              # tickets of requests that wait for a slot
        self.lent = 0                     # requests that hold the runner
        self.keep_alive_ns = KEEP_ALIVE_NS
        self.expires_ns = time.perf_counter_ns() + KEEP_ALIVE_NS

    def busy_slots(self) -> int:
        return sum(slot.busy for slot in self.slots)

    def best_slot(self, tokens: list[str]) -> Slot:
        """Of the idle slots the one that knows most of the prompt, else the one idle for longest."""
        idle = [slot for slot in self.slots if not slot.busy]
        liked = max(idle, key=lambda slot: tokenizer.common_prefix(slot.tokens, tokens))
        if tokenizer.common_prefix(liked.tokens, tokens) > LIKE_ENOUGH * len(tokens):
            return liked
        return min(idle, key=lambda slot: slot.used_ns)


class Loan(NamedTuple):
    """A runner for the time of one request; ready_ns is when loading, or the warm overhead, is over."""

    runner: LoadedModel
    ready_ns: int


class Seat(NamedTuple):
    """A slot for the time of one answer."""

    slot: Slot
    cached_tokens: int
    waited: bool


class Engine:
    """All that is in memory under one script. A new script gets a new engine."""

    def __init__(self, script: Script):
        self.script = script
        self.changed = threading.Condition()
        self.runners: dict[str, LoadedModel] = {}
        self.leaving: list[tuple[LoadedModel, int]] = []   # unloaded, but still shown until then
        self.loads: list = []                         # tickets of requests that need a load; the first one has it
        self.served: dict[str, int] = {}

    # ----- models

    @contextlib.contextmanager
    def loan(self, model: Model, launch: Launch, keep_alive_ns: int | None, client: Client,
             received_ns: int) -> Iterator[Loan]:
        """The model in memory, loaded if need be; it cannot be unloaded inside the with block."""
        loan = self._borrow(model, launch, client, received_ns)
        runner = loan.runner
        if keep_alive_ns is not None:     # it sticks to the runner for requests that do not say
            runner.keep_alive_ns = keep_alive_ns
        try:
            yield loan
        finally:
            with self.changed:
                runner.lent -= 1
                runner.expires_ns = time.perf_counter_ns() + runner.keep_alive_ns
                self._expire()
                self.changed.notify_all()

    def _borrow(self, model: Model, launch: Launch, client: Client, received_ns: int) -> Loan:
        ticket = object()
        with self.changed:
            if self._lend(model, launch):
                return Loan(self.runners[model.name], received_ns + round(model.overhead_ms * 1e6))
            if len(self.loads) > self.script.max_queue:     # the first one is not waiting but loading
                raise versions.Refusal(503, versions.BUSY)
            self.loads.append(ticket)
        try:
            with self.changed:
                while not (self.loads[0] is ticket and self._make_room(model, launch)):
                    if self._lend(model, launch):           # another request has loaded it meanwhile
                        return Loan(self.runners[model.name], time.perf_counter_ns())
                    self._wait(client)
                if self._lend(model, launch):
                    return Loan(self.runners[model.name], time.perf_counter_ns())
            return self._load(model, launch, client)
        finally:
            with self.changed:
                self.loads.remove(ticket)
                self.changed.notify_all()

    def _load(self, model: Model, launch: Launch, client: Client) -> Loan:
        """Takes its time outside the lock: models already loaded go on serving. A client that leaves ends it."""
        ready_ns = time.perf_counter_ns() + round(model.load_ms * 1e6)
        client.wait_until(ready_ns)
        if model.load_error is not None and launch.num_ctx > model.load_error_above:
            raise versions.Refusal(500, model.load_error)
        with self.changed:
            self.runners[model.name] = LoadedModel(model, launch, self.script.slots)
            self._lend(model, launch)
        return Loan(self.runners[model.name], ready_ns)

    def _lend(self, model: Model, launch: Launch) -> bool:
        self._expire()
        runner = self.runners.get(model.name)
        fits = runner is not None and self._fits(runner.launch, launch)
        if fits:
            runner.lent += 1
        return fits

    def _fits(self, loaded: Launch, wanted: Launch) -> bool:
        if wanted.num_gpu < 0:
            wanted = wanted._replace(num_gpu=loaded.num_gpu)
        if not versions.DIALECTS[self.script.speak].has_runner_process:
            wanted = wanted._replace(shift=loaded.shift)    # no launch flag yet
        return loaded == wanted

    def _make_room(self, model: Model, launch: Launch) -> bool:
        """Unload models to make room; False while one of them is in use."""
        self._expire()
        old = self.runners.get(model.name)
        if old and not self._fits(old.launch, launch):
            if old.lent:
                return False
            self._unload(old)
        while model.name not in self.runners and len(self.runners) >= self.script.max_loaded:
            idle = [runner for runner in self.runners.values() if not runner.lent]
            if not idle:
                return False
            self._unload(min(idle, key=lambda runner: runner.expires_ns))
        return True

    def unload(self, model: Model) -> None:
        """At once if it is idle, else after its last request."""
        with self.changed:
            runner = self.runners.get(model.name)
            if runner:
                runner.keep_alive_ns = 0
                runner.expires_ns = time.perf_counter_ns()
                self._expire()

    def _expire(self) -> None:
        now_ns = time.perf_counter_ns()
        for runner in list(self.runners.values()):
            if not runner.lent and runner.expires_ns <= now_ns:
                self._unload(runner)

    def _unload(self, runner: LoadedModel) -> None:
        del self.runners[runner.model.name]
        shown_until_ns = time.perf_counter_ns() + round(self.script.unload_lag_ms * 1e6)
        self.leaving.append((runner, shown_until_ns))

    def shown(self) -> list[LoadedModel]:
        """What /api/ps lists, the last to expire first."""
        with self.changed:
            self._expire()
            now_ns = time.perf_counter_ns()
            self.leaving = [(runner, until_ns) for runner, until_ns in self.leaving if until_ns > now_ns]
            ghosts = [runner for runner, _ in self.leaving if runner.model.name not in self.runners]
            return sorted([*self.runners.values(), *ghosts], key=lambda runner: -runner.expires_ns)

    # ----- slots

    @contextlib.contextmanager
    def seat(self, runner: LoadedModel, tokens: list[str], client: Client) -> Iterator[Seat]:
        """A slot of the runner, first come first served; it keeps the prompt for the next one."""
        seat = self._sit(runner, tokens, client)
        try:
            yield seat
        finally:
            with self.changed:
                seat.slot.busy, seat.slot.used_ns = False, time.perf_counter_ns()
                self.served[runner.model.name] = self.served.get(runner.model.name, 0) + 1
                self.changed.notify_all()

    def _sit(self, runner: LoadedModel, tokens: list[str], client: Client) -> Seat:
        ticket = object()
        with self.changed:
            runner.line.append(ticket)
            waited = False
            try:
                while runner.line[0] is not ticket or runner.busy_slots() == len(runner.slots):
                    waited = True
                    self._wait(client)
                slot = runner.best_slot(tokens)
                # The last token is always read again: an answer needs its logits.
                cached = min(tokenizer.common_prefix(slot.tokens, tokens) - runner.model.checkpoint_back_tokens, len(tokens) - 1)
                slot.busy, slot.tokens = True, tokens
                return Seat(slot, max(0, cached), waited)
            finally:
                runner.line.remove(ticket)
                self.changed.notify_all()

    def gap_ns(self, runner: LoadedModel, index: int, depth: int) -> float:
        """The gap behind token number index of an answer to a prompt of so many tokens, as things are now."""
        model = runner.model
        crowd = 1 + model.slowdown_per_busy_slot * (runner.busy_slots() - 1)
        return model.gap_ns(index, depth) * crowd * (1 + model.drift * self.served.get(model.name, 0))

    def _wait(self, client: Client) -> None:
        """Until something changed, or for a moment; raises Gone if the client has left."""
        self.changed.wait(WAIT_S)
        client.look()
