"""The model loader: before a call the models of its stage are loaded with its context and warmed up, and all others are unloaded.

After a failed call the server gets a pause, and the models are warmed up again. Loads and warm-ups
have records of their own.
"""
from __future__ import annotations

from typing import Callable, Dict, Optional, Sequence, Set, Tuple

from base import names
from base.context_ladder import reduced_context
from base.errors import UserError
from base.ledger_records import CallRecord
from base.phases import CONTEXT_PHASES, PARALLEL_MIXED, RUNG_PHASES
from base.plan import Settings, Stage, Step
from measure.session import Ask, Session, new_nonce

PAUSE_S = 2.0               # a server that was left in the middle finishes its prompt batch first
PAUSE_PARTS = 4             # progress is drawn between them
SERVER_PATIENCE_S = 30.0    # a server under restart by its service manager is back within this
LOAD_TRIES = 3
LOOK_AROUND_S = 0.2         # Linux counts processor time in hundredths of a second
WARM_UP = "Name the days of the week in order, separated by commas."
WARM_UP_TOKENS = 16
LOADED = ("ok", "length", "empty")
OUT_OF_MEMORY = ("out of memory", "out of device memory", "out-of-memory", "cudamalloc failed", "hipmalloc failed",
                 "failed to allocate", "allocation failed", "not enough memory", "insufficient memory",
                 "requires more system memory", "outofdevicememory", "outofmemory")


class ServerLost(Exception):
    """The server no longer answers; what was measured is written."""


class Unable(Exception):
    """A block or stage cannot be measured; its remaining steps are skipped with `reason`."""

    def __init__(self, reason: str, detail: Optional[str] = None):
        super().__init__(reason)
        self.reason, self.detail = reason, detail


class ModelLoader:
    """Keeps track of what the server has in memory. `trained` maps models to their trained context in tokens (or None)."""

    def __init__(self, session: Session, settings: Settings, trained: Dict[str, Optional[int]], always_thinks: Callable[[str], bool],
                 now_ns: Callable[[], int]):
        self.session, self.settings, self.trained = session, settings, trained
        self._always_thinks, self._now_ns = always_thinks, now_ns
        self._ready: Optional[Tuple[Tuple[str, int], ...]] = None   # (model, num_ctx) of those that are loaded and warm
        self._is_first_load = True              # of a block: even its own models are loaded again
        self._is_unsettled = False              # the last call failed, so nothing is known to be warm
        self._staying: Set[str] = set()         # other programs' models, which the server did not unload when asked
        self.load_ns = 0                        # what the last loading and warming took

    def begin_block(self) -> None:
        self._ready, self._is_first_load = None, True

    def require_warm_up(self) -> None:
        """Before the next call, although the models are loaded."""
        self._ready = None

    def num_ctx(self, stage: Stage, model: str) -> int:
        """The context that the stage loads the model with."""
        return self.settings.context_of(stage.phase, self._always_thinks(model))

    def is_ready(self, stage: Stage) -> bool:
        return self._ready == self._wanted(stage) and not self._is_unsettled

    def _wanted(self, stage: Stage) -> Tuple[Tuple[str, int], ...]:
        return tuple((model, self.num_ctx(stage, model)) for model in stage.models)

    # ----- loading

    def prepare(self, stage: Stage) -> None:
        """Load and warm the stage's models unless they are ready; all other models are unloaded first. Raises Unable."""
        if self.is_ready(stage):
            return
        self._check_trained_context(stage)
        self._ready = None
        began_ns = self._now_ns()
        for attempt in range(1, LOAD_TRIES + 1):
            try:
                self._load(stage)
                break
            except Unable as problem:
                if problem.reason != "load-failed" or attempt == LOAD_TRIES:
                    raise
                self._pause()
        self._ready, self._is_unsettled = self._wanted(stage), False
        self.load_ns = self._now_ns() - began_ns
        if stage.phase == PARALLEL_MIXED:
            self._check_loaded_together(stage)

    def _check_trained_context(self, stage: Stage) -> None:
        """A short phase fits into any context; where it has room for thoughts, the server would cut them."""
        for model in stage.models:
            trained, needed = self.trained.get(model), self.num_ctx(stage, model)
            has_room = self.settings.room_for_thoughts(stage.phase, self._always_thinks(model)) > 0
            if (stage.phase in CONTEXT_PHASES or has_room) and trained is not None and trained < needed:
                flag = "--thinking-budget" if has_room else "--num-ctx"
                advice = "" if stage.phase in RUNG_PHASES else f"; a smaller {flag} makes it run"
                raise Unable("context-too-small", f"trained for {trained} tokens, the phase needs {needed}{advice}")

    def _load(self, stage: Stage) -> None:
        self._unload_others(() if self._is_first_load else stage.models)
        self._is_first_load = False
        for model in stage.models:
            self.session.look_around(LOOK_AROUND_S)
            self._checked_call(stage, Step(stage.phase, model, "LOAD", stage.pass_), ())
            warmed = self._checked_call(stage, Step(stage.phase, model, "WARM-UP", stage.pass_), (("user", WARM_UP),))
            reduced = reduced_context(warmed.placement, warmed.options)
            if stage.phase in RUNG_PHASES and reduced:
                raise Unable("context-reduced", reduced)

    def _checked_call(self, stage: Stage, step: Step, texts: Tuple[Tuple[str, str], ...]) -> CallRecord:
        """A load or a warm-up. Raises Unable, with the reason, if it did not work; ServerLost if nobody answers."""
        options = self.settings.options_for(self.num_ctx(stage, step.model), WARM_UP_TOKENS)
        call, = self.session.make([Ask(step, "warmup", texts, options, self.settings.request_fields, new_nonce() if texts else None)])
        if call.outcome in LOADED:
            return call
        self.check_alive()
        error = (call.error or call.outcome).lower()
        if call.http_status == 404 and self.is_missing(call.model):
            raise Unable("model-missing", call.error)
        if "remote_host" in error or ("cloud" in error and call.http_status == 403):
            raise Unable("cloud-model", call.error)
        raise Unable("too-big" if any(words in error for words in OUT_OF_MEMORY) else "load-failed", call.error)

    def _check_loaded_together(self, stage: Stage) -> None:
        loaded = {names.model_key(str(row.get("name", ""))) for row in self.session.loaded() or []}
        if not {names.model_key(model) for model in stage.models} <= loaded:
            raise Unable("not-loaded-together", f"/api/ps shows {len(loaded)} of {len(stage.models)} models")

    # ----- unloading

    def _unload_others(self, models: Sequence[str]) -> None:
        kept = {names.model_key(model) for model in models} | self._staying
        for row in self.session.loaded() or []:
            name = str(row.get("name", ""))
            if name and names.model_key(name) not in kept:
                self._unload(name)

    def _unload(self, name: str) -> None:
        """Wait only once for a model that another program keeps loaded."""
        def sleep(seconds: float) -> None:
            self.session.progress.wait(f"{name} to be unloaded")
            self.session.sleep(seconds)
        try:
            if not self.session.endpoint.unload(name, sleep):
                self._staying.add(names.model_key(name))
                self.session.progress.remark(f"{name} stays loaded, because another program uses it; the run goes on beside it")
        except UserError:
            self.check_alive()

    # ----- after a failed call

    def settle(self) -> None:
        """Check that the server is alive, pause, and require a warm-up before the next call."""
        self._is_unsettled = True
        self.check_alive()
        self._pause()

    def _pause(self) -> None:
        for _ in range(PAUSE_PARTS):
            self.session.progress.wait("the server, after a failed call")
            self.session.sleep(PAUSE_S / PAUSE_PARTS)

    def check_alive(self) -> None:
        """Wait until the server answers; raises ServerLost if it does not."""
        for _ in range(int(SERVER_PATIENCE_S)):
            if self.session.endpoint.is_alive():
                return
            if self.session.stop.soon:
                break
            self.session.progress.wait("the server to answer")
            self.session.sleep(1.0)
        raise ServerLost

    def is_missing(self, model: str) -> bool:
        """Whether the server no longer lists the model. A temporary 404 has been seen from loaded models and from proxies."""
        try:
            return not self.session.endpoint.has(model)
        except UserError:
            return False
