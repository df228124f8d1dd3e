"""Run the plan, block by block: each planned call gets exactly one record; what cannot be measured is skipped with the reason."""
from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from base import suites
from base.context_ladder import Rung
from base.errors import UserError
from base.phases import CONTEXT_APPEND, CONTEXT_PHASES, PHASES, RUNG_PHASES, THINKING_PHASES, suite_phase
from base.plan import Block, Settings, Stage, Step
from base.suites import Item, Suite
from measure.calibration import Calibration, material_finding
from measure.eta import Deadline, Eta, weights
from measure.http_call import UNSETTLED
from measure.model_loader import ModelLoader, Unable
from measure.session import Ask, Session, new_nonce

RESERVE = 1.2               # the last pass may be slower than the first: it is made to show that
FOR_THE_WHOLE_MODEL = ("model-missing", "too-big", "load-failed", "cloud-model")
FOR_A_LARGER_CONTEXT = ("too-big", "load-failed")       # of a phase that is not plain: the model may still load with the plain one


class Material(NamedTuple):
    """What fills the prompts of a context phase."""
    units: Dict[str, int]               # of generated text, by item
    nonce: Optional[str] = None         # of a conversation, whose turns share it


class PhaseRunner:
    """Works through the plan.

    `recorded` maps the keys of steps that have a record to the record's type, `findings` models to what calibration
    found, `trained` models to their trained context in tokens (or None). The first two grow as the run goes on, and
    `eta` learns from it.
    """

    def __init__(self, session: Session, settings: Settings, loaded_suites: Dict[str, Suite], recorded: Dict[tuple, str],
                 findings: Dict[str, Dict[str, Any]], trained: Dict[str, Optional[int]], deadline: Deadline, eta: Eta):
        self.session, self.settings, self.suites, self.eta = session, settings, loaded_suites, eta
        self.recorded, self.findings, self.deadline = recorded, findings, deadline
        self.loader = ModelLoader(session, settings, trained, self._always_thinks, deadline.now)
        self.conversing = False                 # the server holds the prefix of the present conversation
        self.reserve_ns = 0                     # what the last pass of the present block will take

    def run(self, planned: List[Block]) -> None:
        """Raises Stopped or ServerLost with everything written up to there."""
        for block in planned:
            self._block(block)

    def _block(self, block: Block) -> None:
        left = [step for step in block.steps if step.key not in self.recorded]
        if not left:
            return
        self.loader.begin_block()
        # If an earlier session made the first pass, its calls show what the last one will take.
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

    # ----- what is known about the models

    def _findings(self, model: str) -> Dict[str, Any]:
        return self.findings.setdefault(model, {})

    def _always_thinks(self, model: str) -> bool:
        return bool(self._findings(model).get("always_thinks"))

    def _calibrate(self, block: Block) -> None:
        """Once for each model; a resumed run uses what the earlier session found."""
        if "slots_seen" in self._findings(block.models[0]) or not self.deadline.leaves(0):
            return
        self.loader.prepare(block.stages[0])
        self._ask_calibration(block.stages[0], Calibration.ask_all)

    def _ask_calibration(self, stage: Stage, question: Callable[[Calibration], None]) -> None:
        """In the loaded context: another context would reload the model just before the next measured call."""
        model = stage.models[0]
        calibration = Calibration(self.session, model, self.settings, self.loader.num_ctx(stage, model), self._findings(model))
        question(calibration)
        if calibration.unsettled:
            self._settle()

    def _reweigh(self, block: Block) -> None:
        """A model that always thinks takes longer than planned."""
        always = frozenset(model for model in block.models if self._always_thinks(model))
        if always:
            self.eta.reweigh(weights([block], self.suites, self.settings, always))

    # ----- stages

    def _stage(self, stage: Stage) -> None:
        if all(step.key in self.recorded for step in stage.steps):
            return
        began_ns = self.deadline.now()
        try:
            self._check_thinking(stage)
            self._check_rung(stage)
            self._groups(stage, 0 if stage.pass_ == "last" else self.reserve_ns)
        except Unable as problem:
            self._skip(stage.steps, problem.reason, problem.detail)
            if stage.phase in RUNG_PHASES:
                self.session.ladders[stage.models[0]].end(problem.reason, problem.detail)
            if problem.reason in FOR_THE_WHOLE_MODEL and (stage.phase in PHASES or problem.reason not in FOR_A_LARGER_CONTEXT):
                raise
        if stage.pass_ == "first":
            self.reserve_ns = int(RESERVE * (self.deadline.now() - began_ns + self.loader.load_ns))

    def _check_thinking(self, stage: Stage) -> None:
        if stage.phase not in THINKING_PHASES:
            return
        finding = self._findings(stage.models[0])
        if finding.get("always_thinks") and self.settings.thinking is True:
            raise Unable("always-thinks")
        if finding.get("takes_thinking") is False:
            raise Unable("thinking-refused")

    def _rung(self, stage: Stage) -> Optional[Rung]:
        """The stage as a rung of the context ladder; None if it is not a rung."""
        if stage.phase not in RUNG_PHASES:
            return None
        limits = {step.item: self._limit(step) for step in stage.steps}
        model = stage.models[0]
        return Rung(self.session.ladders[model], stage.steps, self.loader.num_ctx(stage, model), limits, self.recorded)

    def _check_rung(self, stage: Stage) -> None:
        """Raise Unable if the rung, or the rest of it, is not tried."""
        rung = self._rung(stage)
        stop = rung.stop(self.settings.rung_limit_s) if rung else None
        if stop:
            raise Unable(*stop)

    def _groups(self, stage: Stage, reserve_ns: int) -> None:
        """Make the stage's groups; time is up when the next one, and what is kept free, no longer fit.

        The next is taken to be as long as the longest so far, or as the calls of this model predict if that is more.
        The last pass is what time was kept free for: once begun it is made whole.
        """
        longest_ns, has_begun = 0, False
        material: Optional[Material] = None
        if stage.pass_ == "last":
            self.loader.require_warm_up()       # like the first pass
        self.conversing = False
        for group in stage.groups:
            if not self._is_due(stage, group):
                continue
            self._check_rung(stage)
            needed_ns = self._needed_ns(stage, group, longest_ns)
            if not (has_begun and stage.pass_ == "last") and not self.deadline.leaves(needed_ns + reserve_ns):
                raise Unable("time-limit")
            has_begun = True
            material = self._material(stage) if material is None or stage.phase in RUNG_PHASES else material
            self.loader.prepare(stage)
            started_ns = self.deadline.now()
            if stage.pass_ != "last" and not self.deadline.leaves(self._needed_ns(stage, group, longest_ns) + reserve_ns):
                raise Unable("time-limit")      # loading or counting material took longer than expected
            self._make(stage, group, material)
            longest_ns = max(longest_ns, self.deadline.now() - started_ns)

    def _needed_ns(self, stage: Stage, group: Sequence[Step], longest_ns: int) -> int:
        rung = self._rung(stage)
        if rung:
            return rung.predicted_ns() or longest_ns
        return max(longest_ns, self._expected_ns(group) + self._preparing_ns(stage))

    def _expected_ns(self, steps: Sequence[Step]) -> int:
        """Steps of several models are made side by side, at worst one after the other."""
        return sum(self.eta.expected_ns(step.model, step.key) for step in steps)

    def _preparing_ns(self, stage: Stage) -> int:
        """What comes before the stage's next group: loading, and counting material, which is like one more such call."""
        loading_ns = 0 if self.loader.is_ready(stage) else self.loader.load_ns
        counts = stage.phase in CONTEXT_PHASES and len(self._points(stage)) < 2
        return loading_ns + (self._expected_ns(stage.groups[-1]) if counts else 0)

    def _is_due(self, stage: Stage, group: Sequence[Step]) -> bool:
        """Whether to make the whole group; the rest of a broken wave or conversation is skipped here."""
        missing = [step for step in group if step.key not in self.recorded]
        if missing and len(missing) < len(group):
            self._skip(missing, "wave-broken")
            return False
        has_begun = any(self.recorded.get(step.key) == "call" for step in stage.steps)
        if missing and stage.is_conversation and has_begun and not self.conversing:
            self._skip(missing, "conversation-broken")
            return False
        return bool(missing)

    # ----- calls

    def _make(self, stage: Stage, group: Sequence[Step], material: Material) -> None:
        calls = self.session.make([self._ask(stage, step, material) for step in group])
        self.recorded.update((step.key, "call") for step in group)
        self.conversing = stage.is_conversation
        not_found = next((call for call in calls if call.http_status == 404), None)
        if not_found or any(call.outcome in UNSETTLED for call in calls):
            self._settle()
        if any(call.error and "remote_host" in call.error for call in calls):
            raise Unable("cloud-model", "an answer came from another machine")
        if not_found and self.loader.is_missing(not_found.model):
            raise Unable("model-missing", not_found.error)

    def _settle(self) -> None:
        self.conversing = False
        self.loader.settle()

    def _ask(self, stage: Stage, step: Step, material: Material) -> Ask:
        suite, item, units = self.suites[suite_phase(step.phase)], self._item(step), material.units.get(step.item)
        options = self.settings.options_for(self.loader.num_ctx(stage, step.model), self._limit(step))
        return Ask(step, "measured", tuple(suites.message_texts(suite, item, units)), options, self.settings.request_fields_for(step.phase),
                   material.nonce or new_nonce(), units)

    def _item(self, step: Step) -> Item:
        return next(item for item in self.suites[suite_phase(step.phase)].items if item.id == step.item)

    def _limit(self, step: Step) -> int:
        """Of the step's own model: of two that are loaded together one may think always."""
        return self.settings.limit(self._item(step).num_predict, self.settings.room_for_thoughts(step.phase, self._always_thinks(step.model)))

    def _material(self, stage: Stage) -> Material:
        """As much as calibration counted that the stage's prompts need."""
        if stage.phase not in CONTEXT_PHASES:
            return Material({})
        suite, rung = self.suites[suite_phase(stage.phase)], self._rung(stage)
        if len(self._points(stage)) < 2:
            self.loader.prepare(stage)
            self._ask_calibration(stage, lambda calibration: calibration.material(suite))
        try:
            units = rung.units(suite.material or {}) if rung else _units(suite, stage.num_ctx, self._points(stage))
        except (UserError, ValueError) as problem:
            raise Unable("calibration-failed", str(problem)) from problem
        if min(units.values()) < (len(suite.items) if stage.is_conversation else 1):
            raise Unable("context-too-small", f"the text around the material leaves it no room in {stage.num_ctx} tokens")
        return Material(units, new_nonce() if stage.is_conversation else None)

    def _points(self, stage: Stage) -> List[List[int]]:
        """[units, prompt tokens] as calibration counted them for the stage's material."""
        return self._findings(stage.models[0]).get(material_finding(suite_phase(stage.phase)), [])

    def _skip(self, steps: Sequence[Step], reason: str, detail: Optional[str] = None) -> None:
        for step in steps:
            if step.key not in self.recorded:
                self.session.skip(step, reason, detail)
                self.recorded[step.key] = "skipped"


def _units(suite: Suite, num_ctx: int, points: List[List[int]]) -> Dict[str, int]:
    """Units of material by item; raises UserError or ValueError where the counted points do not suffice."""
    units = {item.id: suites.units_for(suites.target_tokens(item.fill or 0.0, num_ctx, item.num_predict), points) for item in suite.items}
    return dict.fromkeys(units, units[suite.items[-1].id]) if suite.phase == CONTEXT_APPEND else units     # of the whole conversation
