"""The phases: walk the plan, block by block, and see that each planned call gets exactly one record.

Before a stage the right models are loaded with the right options and warmed; after a call that went wrong the server
is given a pause and warmed again. What cannot be done is skipped with its reason. Loads and warm-ups, such as the
reload at the start of a phase, have records of their own.
"""
from __future__ import annotations

from typing import Callable

from base import names, suites
from base.context_ladder import Rung, reduced_context
from base.errors import UserError
from base.phases import CONTEXT_APPEND, CONTEXT_PHASES, PARALLEL_MIXED, PHASES, RUNG_PHASES, THINKING_PHASES, suite_phase
from base.plan import Block, Settings, Stage, Step
from measure.calibration import Calibration, material_finding
from measure.deadline import Deadline
from measure.eta import Eta, weights
from measure.session import Ask, Session, new_nonce
from measure.http_call import UNSETTLED

PAUSE_S = 2.0               # a server that was left in the middle finishes its prompt batch first
SERVER_PATIENCE_S = 30.0    # a server under restart by its service manager is back within this
LOAD_TRIES = 3
LOOK_AROUND_S = 0.2         # Linux counts processor time in hundredths of a second
RESERVE = 1.2               # the last pass may be slower than the first; that is what it is there to show
FOR_THE_WHOLE_MODEL = ("model-missing", "too-big", "load-failed", "cloud-model")
FOR_A_LARGER_CONTEXT = ("too-big", "load-failed")       # of a phase that is not plain: the model may still load with the plain one
WARM_UP = "Name the days of the week in order, separated by commas."
WARM_UP_TOKENS = 16
OUT_OF_MEMORY = ("out of memory", "out of device memory", "out-of-memory", "cudamalloc failed", "hipmalloc failed",
                 "failed to allocate", "allocation failed", "not enough memory", "insufficient memory",
                 "requires more system memory", "outofdevicememory", "outofmemory")


class ServerLost(Exception):
    """The server no longer answers; what was measured is written."""


class Unable(Exception):
    """A block or stage cannot be measured; its remaining steps are skipped with `reason`."""

    def __init__(self, reason: str, detail: str | None = None):
        super().__init__(reason)
        self.reason, self.detail = reason, detail


class PhaseRunner:
    """Works through the plan.

    `recorded` maps the keys of steps that have a record to the record's type, `findings` models to what calibration
    found, `trained` models to their trained context in tokens (or None). The first two grow as the run goes on, and
    `pace` learns from it.
    """

    def __init__(self, session: Session, settings: Settings, loaded_suites: dict, recorded: dict, findings: dict,
                 trained: dict, deadline: Deadline, pace: Eta):
        self.session, self.settings, self.suites, self.pace = session, settings, loaded_suites, pace
        self.recorded, self.findings, self.trained, self.deadline = recorded, findings, trained, deadline
        self.ready: tuple | None = None         # (model, num_ctx) of those that are loaded and warm
        self.fresh = True                       # a block begins: even its own models are to be loaded anew
        self.unsettled = False                  # the last call went wrong, so nothing is known to be warm
        self.conversing = False                 # the server holds the prefix of the conversation under way
        self.staying: set = set()               # models of others that the server did not unload when asked
        self.load_ns = 0                        # what loading and warming took the last time
        self.reserve_ns = 0                     # what the last pass of the present block will take

    def run(self, planned: list) -> None:
        """Raises Stopped or ServerLost with everything written up to there."""
        for block in planned:
            self._block(block)

    def _block(self, block: Block) -> None:
        left = [step for step in block.steps if step.key not in self.recorded]
        if not left:
            return
        self.ready, self.fresh = None, True
        # Where an earlier session made the first pass, its calls tell what the last one will take.
        self.reserve_ns = int(RESERVE * self._expected_ns([step for step in left if step.pass_ == "last"]))
        try:
            if block.is_together and len(block.models) < 2:
                raise Unable("one-model", "install a second model, or name two with --models")
            if not block.is_together:
                self._calibrate(block)
            self._reweigh(block)
            for stage in block.stages:
                self._stage(stage)
        except Unable as problem:
            self._skip(block.steps, problem.reason, problem.detail)

    def _calibrate(self, block: Block) -> None:
        """Once for each model; a resumed run uses what the earlier session found."""
        if "slots_seen" in self._findings(block.models[0]) or not self.deadline.leaves(0):
            return
        self._prepare(block.stages[0])
        self._ask_calibration(block.stages[0], Calibration.ask_all)

    def _reweigh(self, block: Block) -> None:
        """A model that always thinks takes longer than planned."""
        always = frozenset(model for model in block.models if self._always_thinks(model))
        if always:
            self.pace.reweigh(weights([block], self.suites, self.settings, always))

    def _findings(self, model: str) -> dict:
        return self.findings.setdefault(model, {})

    def _always_thinks(self, model: str) -> bool:
        return bool(self._findings(model).get("always_thinks"))

    def _num_ctx(self, stage: Stage, model: str) -> int:
        """The context that the stage loads the model with."""
        return self.settings.context_of(stage.phase, self._always_thinks(model))

    def _ask_calibration(self, stage: Stage, question: Callable[[Calibration], None]) -> None:
        """In the context that is loaded: another one would reload, and the next measured call would pay for it."""
        model = stage.models[0]
        calibration = Calibration(self.session, model, self.settings, self._num_ctx(stage, model), self._findings(model))
        question(calibration)
        if calibration.unsettled:
            self._settle()

    def _stage(self, stage: Stage) -> None:
        if all(step.key in self.recorded for step in stage.steps):
            return
        began = self.deadline.now()
        try:
            self._can_think(stage)
            self._check_rung(stage)
            self._groups(stage, 0 if stage.pass_ == "last" else self.reserve_ns)
        except Unable as problem:
            self._skip(stage.steps, problem.reason, problem.detail)
            if stage.phase in RUNG_PHASES:
                self.session.ladders[stage.models[0]].end(problem.reason, problem.detail)
            if problem.reason in FOR_THE_WHOLE_MODEL and (stage.phase in PHASES or problem.reason not in FOR_A_LARGER_CONTEXT):
                raise
        if stage.pass_ == "first":
            self.reserve_ns = int(RESERVE * (self.deadline.now() - began + self.load_ns))

    def _can_think(self, stage: Stage) -> None:
        if stage.phase not in THINKING_PHASES:
            return
        finding = self._findings(stage.models[0])
        if finding.get("always_thinks") and self.settings.thinking is True:
            raise Unable("always-thinks")
        if finding.get("takes_thinking") is False:
            raise Unable("thinking-refused")

    def _rung(self, stage: Stage) -> Rung | None:
        """The stage as a rung of the context ladder; None if it is none."""
        if stage.phase not in RUNG_PHASES:
            return None
        limits = {step.item: self._limit(stage, self._item(step)) for step in stage.steps}
        model = stage.models[0]
        return Rung(self.session.ladders[model], stage.steps, self._num_ctx(stage, model), limits, self.recorded)

    def _check_rung(self, stage: Stage) -> None:
        """Raise Unable where the rung, or what is left of it, is not to be tried."""
        rung = self._rung(stage)
        stop = rung.stop(self.settings.rung_limit_s) if rung else None
        if stop:
            raise Unable(*stop)

    def _groups(self, stage: Stage, reserve_ns: int) -> None:
        """Make the stage's groups; time is up when the next one, and what is kept free, no longer fit.

        The next is taken to be as long as the longest so far, or as the pace of this model foretells if that is more.
        The last pass is what time was kept free for: once begun it is made whole.
        """
        longest_ns, context, begun = 0, None, False
        if stage.pass_ == "last":
            self.ready = None       # the anchor's second half is warmed like the first
        self.conversing = False
        for group in stage.groups:
            if not self._is_due(stage, group):
                continue
            self._check_rung(stage)
            needed_ns = self._needed_ns(stage, group, longest_ns)
            if not (begun and stage.pass_ == "last") and not self.deadline.leaves(needed_ns + reserve_ns):
                raise Unable("time-limit")
            begun = True
            context = self._material(stage) if context is None or stage.phase in RUNG_PHASES else context
            self._prepare(stage)
            started = self.deadline.now()
            if stage.pass_ != "last" and not self.deadline.leaves(self._needed_ns(stage, group, longest_ns) + reserve_ns):
                raise Unable("time-limit")      # loading or counting material took longer than expected
            self._make(stage, group, context)
            longest_ns = max(longest_ns, self.deadline.now() - started)

    def _needed_ns(self, stage: Stage, group: tuple, longest_ns: int) -> int:
        rung = self._rung(stage)
        if rung:
            return rung.foretold_ns() or longest_ns
        return max(longest_ns, self._expected_ns(group) + self._preparing_ns(stage))

    def _expected_ns(self, steps: list) -> int:
        """Steps of several models are made side by side, at worst one after the other."""
        return sum(self.pace.expected_ns(step.model, [step.key]) for step in steps)

    def _preparing_ns(self, stage: Stage) -> int:
        """What comes before the stage's next group: loading, and counting material, which is like one more such call."""
        loading_ns = 0 if self._is_ready(stage) else self.load_ns
        counts = stage.phase in CONTEXT_PHASES and len(self._points(stage)) < 2
        return loading_ns + (self._expected_ns(stage.groups[-1]) if counts else 0)

    def _is_due(self, stage: Stage, group: tuple) -> bool:
        """Whether the whole group is to be made; the rest of a broken wave or conversation is skipped here."""
        missing = [step for step in group if step.key not in self.recorded]
        if missing and len(missing) < len(group):
            self._skip(missing, "wave-broken")
            return False
        begun = any(self.recorded.get(step.key) == "call" for step in stage.steps)
        if missing and stage.is_conversation and begun and not self.conversing:
            self._skip(missing, "conversation-broken")
            return False
        return bool(missing)

    def _make(self, stage: Stage, group: tuple, context: dict) -> None:
        records = self.session.make([self._ask(stage, step, context) for step in group])
        self.recorded.update((step.key, "call") for step in group)
        self.conversing = stage.is_conversation
        not_found = next((record for record in records if record["http_status"] == 404), None)
        if not_found or any(record["outcome"] in UNSETTLED for record in records):
            self._settle()
        if any(record["error"] and "remote_host" in record["error"] for record in records):
            raise Unable("cloud-model", "an answer came from another machine")
        if not_found and self._is_missing(not_found["model"]):
            raise Unable("model-missing", not_found["error"])

    def _ask(self, stage: Stage, step: Step, context: dict) -> Ask:
        suite, item, units = self.suites[suite_phase(step.phase)], self._item(step), context.get(step.item)
        return Ask(step, "measured", tuple(suites.message_texts(suite, item, units)),
                   self.settings.options_for(self._num_ctx(stage, step.model), self._limit(stage, item)), self.settings.knobs_for(step.phase),
                   context.get("nonce") or new_nonce(), units)

    def _item(self, step: Step) -> suites.Item:
        return next(item for item in self.suites[suite_phase(step.phase)].items if item.id == step.item)

    def _limit(self, stage: Stage, item: suites.Item) -> int:
        return self.settings.limit(item.num_predict, self.settings.room_for_thoughts(stage.phase, self._always_thinks(stage.models[0])))

    def _material(self, stage: Stage) -> dict:
        """Units of material by item, from what calibration counted; and the one nonce of a conversation."""
        if stage.phase not in CONTEXT_PHASES:
            return {}
        suite, rung = self.suites[suite_phase(stage.phase)], self._rung(stage)
        if len(self._points(stage)) < 2:
            self._prepare(stage)
            self._ask_calibration(stage, lambda calibration: calibration.material(suite))
        try:
            units = rung.units(suite.material) if rung else _units(suite, stage.num_ctx, self._points(stage))
        except (UserError, ValueError) as problem:
            raise Unable("calibration-failed", str(problem)) from problem
        if min(units.values()) < (len(suite.items) if stage.is_conversation else 1):
            raise Unable("context-too-small", f"the text around the material leaves it no room in {stage.num_ctx} tokens")
        return {**units, "nonce": new_nonce()} if stage.is_conversation else units

    def _points(self, stage: Stage) -> list:
        """[units, prompt tokens] as calibration counted them for the stage's material."""
        return self._findings(stage.models[0]).get(material_finding(suite_phase(stage.phase)), [])

    def _prepare(self, stage: Stage) -> None:
        """Load and warm the stage's models unless they are; whatever else is loaded goes first."""
        if self._is_ready(stage):
            return
        self._context_fits(stage)
        self.ready = None
        began = self.deadline.now()
        for attempt in range(1, LOAD_TRIES + 1):
            try:
                self._load(stage)
                break
            except Unable as problem:
                if problem.reason != "load-failed" or attempt == LOAD_TRIES:
                    raise
                self._pause()
        self.ready, self.unsettled = self._wanted(stage), False
        self.load_ns = self.deadline.now() - began
        if stage.phase == PARALLEL_MIXED:
            self._loaded_together(stage)

    def _is_ready(self, stage: Stage) -> bool:
        return self.ready == self._wanted(stage) and not self.unsettled

    def _wanted(self, stage: Stage) -> tuple:
        return tuple((model, self._num_ctx(stage, model)) for model in stage.models)

    def _context_fits(self, stage: Stage) -> None:
        """A short phase fits into any context; where it has room for thoughts, the server would cut them."""
        for model in stage.models:
            trained, needed = self.trained.get(model), self._num_ctx(stage, model)
            has_room = self.settings.room_for_thoughts(stage.phase, self._always_thinks(model)) > 0
            if (stage.phase in CONTEXT_PHASES or has_room) and trained is not None and trained < needed:
                flag = "--thinking-budget" if has_room else "--num-ctx"
                advice = "" if stage.phase in RUNG_PHASES else f"; a smaller {flag} makes it run"
                raise Unable("context-too-small", f"trained for {trained} tokens, the phase needs {needed}{advice}")

    def _load(self, stage: Stage) -> None:
        self._unload_others(() if self.fresh else stage.models)
        self.fresh = False
        for model in stage.models:
            self.session.look_around(LOOK_AROUND_S)
            step = Step(stage.phase, model, "LOAD", stage.pass_)
            self._check(self.session.make([self._harness_ask(stage, step, ())])[0], ("empty", "ok", "length"))
            step = Step(stage.phase, model, "WARM-UP", stage.pass_)
            warmed = self.session.make([self._harness_ask(stage, step, (("user", WARM_UP),))])[0]
            self._check(warmed, ("ok", "length", "empty"))
            reduced = reduced_context(warmed["placement"], warmed["options"])
            if stage.phase in RUNG_PHASES and reduced:
                raise Unable("context-reduced", reduced)

    def _harness_ask(self, stage: Stage, step: Step, texts: tuple) -> Ask:
        options = self.settings.options_for(self._num_ctx(stage, step.model), WARM_UP_TOKENS)
        return Ask(step, "warmup", texts, options, self.settings.knobs, new_nonce() if texts else None)

    def _check(self, record: dict, right: tuple) -> None:
        """Raise Unable, with the reason, for a load or a warm-up that did not work; ServerLost if nobody is there."""
        if record["outcome"] in right:
            return
        self._alive()
        error = (record["error"] or record["outcome"]).lower()
        if record["http_status"] == 404 and self._is_missing(record["model"]):
            raise Unable("model-missing", record["error"])
        if "remote_host" in error or ("cloud" in error and record["http_status"] == 403):
            raise Unable("cloud-model", record["error"])
        if any(words in error for words in OUT_OF_MEMORY):
            raise Unable("too-big", record["error"])
        raise Unable("load-failed", record["error"])

    def _is_missing(self, model: str) -> bool:
        """Whether the server no longer lists the model. Loaded models and proxies were seen to answer a passing 404."""
        try:
            return not self.session.endpoint.has(model)
        except UserError:
            return False

    def _unload_others(self, models: tuple) -> None:
        mine = {names.model_key(model) for model in models}
        for row in self.session.loaded() or []:
            name = str(row.get("name", ""))
            if name and names.model_key(name) not in mine | self.staying:
                self._unload(name)

    def _unload(self, name: str) -> None:
        """What others keep loaded is waited for once."""
        def sleep(seconds: float) -> None:
            self.session.watch.wait(f"{name} to be unloaded")
            self.session.sleep(seconds)
        try:
            if not self.session.endpoint.unload(name, sleep):
                self.staying.add(names.model_key(name))
                self.session.watch.remark(f"{name} stays loaded, because another program uses it; the run goes on beside it")
        except UserError:
            self._alive()

    def _loaded_together(self, stage: Stage) -> None:
        loaded = {names.model_key(str(row.get("name", ""))) for row in self.session.loaded() or []}
        if not {names.model_key(model) for model in stage.models} <= loaded:
            raise Unable("not-loaded-together", f"/api/ps shows {len(loaded)} of {len(stage.models)} models")

    def _settle(self) -> None:
        """After a call that went wrong: see that the server is there, pause, and have the next call warm up first."""
        self.unsettled, self.conversing = True, False
        self._alive()
        self._pause()

    def _pause(self) -> None:
        self.session.watch.wait("the server, after a failed call")
        self.session.sleep(PAUSE_S)

    def _alive(self) -> None:
        for _ in range(int(SERVER_PATIENCE_S)):
            if self.session.endpoint.is_alive():
                return
            if self.session.stop.soon:
                break
            self.session.watch.wait("the server to answer")
            self.session.sleep(1.0)
        raise ServerLost

    def _skip(self, steps: list, reason: str, detail: str | None = None) -> None:
        for step in steps:
            if step.key not in self.recorded:
                self.session.skip(step, reason, detail)
                self.recorded[step.key] = "skipped"


def _units(suite: suites.Suite, num_ctx: int, points: list) -> dict:
    """Units of material by item; raises UserError or ValueError where the counted points do not tell."""
    if suite.phase == CONTEXT_APPEND:
        together = suites.units_for(suites.target_tokens(suite.items[-1], num_ctx), points)
        return {item.id: together for item in suite.items}
    return {item.id: suites.units_for(suites.target_tokens(item, num_ctx), points) for item in suite.items}
