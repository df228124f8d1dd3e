"""The engine: loads models one at a time, gives out their slots in order of arrival, remembers what each slot has read."""
from __future__ import annotations

import contextlib
import threading
import time
from typing import Iterator, NamedTuple

from . import tokenizer, versions
from .http_wire import Client
from .script import Model, Script

KEEP_ALIVE_NS = 5 * 60 * 10**9            # Ollama's default
FOREVER_NS = 2**63 - 1                    # what a negative keep_alive means: 292 years
WAIT_S = 0.02                             # how often a waiting request looks whether its client is still there
PREFERRED_SHARE = 0.1                     # of a prompt, which a slot must hold to be preferred for it


class LaunchOptions(NamedTuple):
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
        self.number, self.busy, self.used_ns = number, False, 0
        self.tokens: list[str] = []


class LoadedModel:
    """A model in memory."""

    def __init__(self, model: Model, launch: LaunchOptions, slots: int):
        self.model, self.launch = model, launch
        self.slots = [Slot(number) for number in range(slots)]
        self.queue: list[object] = []     # tickets of requests that wait for a slot
        self.users = 0                    # requests that hold it in memory
        self.keep_alive_ns = KEEP_ALIVE_NS
        self.expires_ns = time.perf_counter_ns() + KEEP_ALIVE_NS

    def best_slot(self, tokens: list[str]) -> Slot:
        """Of the idle slots the one that holds most of the prompt, else the one idle for longest."""
        idle = [slot for slot in self.slots if not slot.busy]
        best = max(idle, key=lambda slot: tokenizer.common_prefix(slot.tokens, tokens))
        if tokenizer.common_prefix(best.tokens, tokens) > PREFERRED_SHARE * len(tokens):
            return best
        return min(idle, key=lambda slot: slot.used_ns)


class ModelUse(NamedTuple):
    """A loaded model for the time of one request; ready_ns is when loading, or the warm overhead, is over."""

    loaded: LoadedModel
    ready_ns: int


class SlotUse(NamedTuple):
    """A slot for the time of one answer."""

    slot: Slot
    cached_tokens: int
    waited: bool


class Engine:
    """All that is in memory under one script. A new script gets a new engine."""

    def __init__(self, script: Script):
        self.script, self.dialect = script, versions.DIALECTS[script.speak]
        self.changed = threading.Condition()
        self.loaded: dict[str, LoadedModel] = {}
        self.unloading: list[tuple[LoadedModel, int]] = []      # unloaded, but still listed until then
        self.load_queue: list[object] = []                      # tickets of requests that need a load; the first one has it
        self.served: dict[str, int] = {}

    # ----- models

    @contextlib.contextmanager
    def model_use(self, model: Model, launch: LaunchOptions, keep_alive_ns: int | None, client: Client,
                  received_ns: int) -> Iterator[ModelUse]:
        """The model in memory, loaded if need be; it cannot be unloaded inside the with block."""
        use = self._acquire(model, launch, client, received_ns)
        loaded = use.loaded
        if keep_alive_ns is not None:     # it also applies to later requests without one
            loaded.keep_alive_ns = keep_alive_ns
        try:
            yield use
        finally:
            with self.changed:
                loaded.users -= 1
                loaded.expires_ns = time.perf_counter_ns() + loaded.keep_alive_ns
                self._expire()
                self.changed.notify_all()

    def _acquire(self, model: Model, launch: LaunchOptions, client: Client, received_ns: int) -> ModelUse:
        ticket = object()
        with self.changed:
            loaded = self._if_loaded(model, launch)
            if loaded:
                return ModelUse(loaded, received_ns + round(model.overhead_ms * 1e6))
            self.load_queue.append(ticket)
        try:
            with self.changed:
                while not (self.load_queue[0] is ticket and self._make_room(model, launch)):
                    loaded = self._if_loaded(model, launch)     # another request has loaded it meanwhile
                    if loaded:
                        return ModelUse(loaded, time.perf_counter_ns())
                    self._wait(client)
                loaded = self._if_loaded(model, launch)
                if loaded:
                    return ModelUse(loaded, time.perf_counter_ns())
            return self._load(model, launch, client)
        finally:
            with self.changed:
                self.load_queue.remove(ticket)
                self.changed.notify_all()

    def _load(self, model: Model, launch: LaunchOptions, client: Client) -> ModelUse:
        """Takes its time outside the lock: models already loaded go on serving. A client that leaves ends it."""
        ready_ns = time.perf_counter_ns() + round(model.load_ms * 1e6)
        client.wait_until(ready_ns)
        if model.load_error is not None and launch.num_ctx > model.load_error_above:
            raise versions.Refusal(500, model.load_error)
        with self.changed:
            loaded = self.loaded[model.name] = LoadedModel(model, launch, self.script.slots)
            loaded.users += 1
        return ModelUse(loaded, ready_ns)

    def _if_loaded(self, model: Model, launch: LaunchOptions) -> LoadedModel | None:
        """The model, with one more user, if it is loaded with these options."""
        self._expire()
        loaded = self.loaded.get(model.name)
        if loaded is None or not self._fits(loaded.launch, launch):
            return None
        loaded.users += 1
        return loaded

    def _fits(self, present: LaunchOptions, wanted: LaunchOptions) -> bool:
        if wanted.num_gpu < 0:
            wanted = wanted._replace(num_gpu=present.num_gpu)
        if not self.dialect.has_runner_process:
            wanted = wanted._replace(shift=present.shift)       # no launch flag yet
        return present == wanted

    def _make_room(self, model: Model, launch: LaunchOptions) -> bool:
        """Unload models to make room; False while one of them is in use."""
        self._expire()
        old = self.loaded.get(model.name)
        if old and not self._fits(old.launch, launch):
            if old.users:
                return False
            self._unload(old)
        while model.name not in self.loaded and len(self.loaded) >= self.script.max_loaded:
            idle = [loaded for loaded in self.loaded.values() if not loaded.users]
            if not idle:
                return False
            self._unload(min(idle, key=lambda loaded: loaded.expires_ns))
        return True

    def unload(self, model: Model) -> None:
        """At once if it is idle, else after its last request."""
        with self.changed:
            loaded = self.loaded.get(model.name)
            if loaded:
                loaded.keep_alive_ns = 0
                loaded.expires_ns = time.perf_counter_ns()
                self._expire()

    def _expire(self) -> None:
        now_ns = time.perf_counter_ns()
        for loaded in list(self.loaded.values()):
            if not loaded.users and loaded.expires_ns <= now_ns:
                self._unload(loaded)

    def _unload(self, loaded: LoadedModel) -> None:
        del self.loaded[loaded.model.name]
        self.unloading.append((loaded, time.perf_counter_ns() + round(self.script.unload_lag_ms * 1e6)))

    def listed(self) -> list[LoadedModel]:
        """What /api/ps lists, the last to expire first."""
        with self.changed:
            self._expire()
            now_ns = time.perf_counter_ns()
            self.unloading = [(loaded, until_ns) for loaded, until_ns in self.unloading if until_ns > now_ns]
            lagging = [loaded for loaded, _ in self.unloading if loaded.model.name not in self.loaded]
            return sorted([*self.loaded.values(), *lagging], key=lambda loaded: -loaded.expires_ns)

    # ----- slots

    @contextlib.contextmanager
    def slot_use(self, loaded: LoadedModel, tokens: list[str], client: Client) -> Iterator[SlotUse]:
        """A slot of the model, first come first served; it keeps the prompt for the next one."""
        use = self._wait_for_slot(loaded, tokens, client)
        try:
            yield use
        finally:
            with self.changed:
                use.slot.busy, use.slot.used_ns = False, time.perf_counter_ns()
                self.served[loaded.model.name] = self.served.get(loaded.model.name, 0) + 1
                self.changed.notify_all()

    def _wait_for_slot(self, loaded: LoadedModel, tokens: list[str], client: Client) -> SlotUse:
        ticket = object()
        with self.changed:
            loaded.queue.append(ticket)
            waited = False
            try:
                while loaded.queue[0] is not ticket or all(slot.busy for slot in loaded.slots):
                    waited = True
                    self._wait(client)
                slot = loaded.best_slot(tokens)
                # The last token is always read again: an answer needs its logits.
                cached = min(tokenizer.common_prefix(slot.tokens, tokens) - loaded.model.checkpoint_back_tokens, len(tokens) - 1)
                slot.busy, slot.tokens = True, tokens
                return SlotUse(slot, max(0, cached), waited)
            finally:
                loaded.queue.remove(ticket)
                self.changed.notify_all()

    def gap_ns(self, loaded: LoadedModel, index: int, depth: int) -> float:
        """The present gap after token number `index` of an answer to a prompt of `depth` tokens."""
        return loaded.model.gap_ns(index, depth) * (1 + loaded.model.drift * self.served.get(loaded.model.name, 0))

    def _wait(self, client: Client) -> None:
        """Until something changed, or for a moment; raises Gone if the client has left."""
        self.changed.wait(WAIT_S)
        client.look()
