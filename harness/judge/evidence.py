"""Evidence: what a run claims has to be supported by its own ledger, and its commit by this clone."""
from __future__ import annotations

import functools
import pathlib
from typing import Callable, Dict, Iterator, List, Optional, Set

from base import git, names, plan, sources, thoughts
from base.context_ladder import ANSWERED
from base.errors import UserError
from base.ledger_records import CallRecord, Record, SkippedRecord
from base.phases import CONTEXT_APPEND, CONTEXT_PHASES, PARALLEL_MIXED, THINKING_PHASES, suite_phase
from base.suites import Suite
from base.target import is_local
from derive.code_runner import REASONS
from judge import thresholds
from judge.findings import Finding
from judge.git_objects import Clone
from judge.ledger_pass import LedgerVisitor

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALIBRATION = ("CAL-DEFAULT", "CAL-ONE-TOKEN", "CAL-HEAD", "CAL-TOO-LONG", "CAL-SLOTS")
TOKENS_AT = "_tokens_at"
PLENTY_OF_UNITS = 100       # of generated material: more than any phase needs
LF = b"\n"
MOST_CHANGED = 16       # files of another commit; where more have changed, Git is asked for all that are left


class EvidenceChecks(LedgerVisitor):
    """Skips against what happened before them; calibration, loads and conditions of what was measured."""

    def __init__(self, manifest: dict, loaded_suites: Dict[str, Suite], code_grades: Dict[str, dict]):
        self._manifest = manifest
        self._trained = {model["name"]: model["context_length"] for model in manifest["models"]}
        self._is_local = is_local(manifest["target"])
        self._settings = plan.settings_of(manifest)
        self._needed_questions = CALIBRATION + ("CAL-THINKS",) * ("thinking" in manifest)
        self._thinking: Dict[str, dict] = {}    # model: findings about thinking
        self._entries = {item.id: item.grader["entry"] for suite in loaded_suites.values() for item in suite.items
                         if item.grader and item.grader["kind"] == "python"}
        self._grades = code_grades
        self._failed: Set[str] = set()          # models of which a load, a warm-up or a measured call failed
        self._called: Set[tuple] = set()        # (model, phase) of measured calls
        self._waves: Set[tuple] = set()
        self._questions: Dict[str, Set[str]] = {}      # model: calibration items
        self._loads: Set[tuple] = set()         # (session, model)
        self._alone: Set[str] = set()           # models that were measured in a phase of their own
        self._together: Optional[set] = None    # what was loaded after the last warm-up of parallel-mixed
        self._measured = self._skipped = 0
        self._points: Dict[tuple, list] = {}           # (model, plain phase): [units, prompt tokens] of calibration
        self._conditions: Dict[int, Set[bool]] = {}    # session: whether its calls have conditions
        self._reached_ns = 0                    # the end of the last call
        self._longest_ns: Dict[str, int] = {}          # model: its longest call
        self._out_of_time: Set[tuple] = set()   # (session, phase, model, pass) of which a call was skipped for the time limit
        self._apart = False                     # parallel-mixed was asked although its models were not loaded together
        self._not_listed: Dict[str, int] = {}          # model: a call that has its size in memory, and not its name
        self._placements: Dict[str, List[bool]] = {}   # model: whether its calls say where it was loaded

    def visit(self, record: Record) -> Iterator[Finding]:
        if isinstance(record, SkippedRecord):
            self._skipped += 1
            yield from self._skip(record)
        elif isinstance(record, CallRecord):
            yield from self._call(record)

    # ----- calls

    def _call(self, call: CallRecord) -> Iterator[Finding]:
        model, role = call.model, call.role
        self._reached_ns = call.start_ns + call.end_ns
        self._longest_ns[model] = max(self._longest_ns.get(model, 0), call.end_ns)
        if call.outcome not in ANSWERED and role != "calibration":
            self._failed.add(model)
        self._conditions.setdefault(call.session, set()).add(self._has_conditions(call))
        for name, points in (call.finding or {}).items():
            if name.endswith(TOKENS_AT):
                self._points[call.model, name[:-len(TOKENS_AT)]] = points
        if role == "calibration":
            self._questions.setdefault(model, set()).add(call.item)
            self._thinking.setdefault(model, {}).update(call.finding or {})
        elif role == "warmup":
            if call.item == "LOAD":
                self._loads.add((call.session, model))
            if call.phase == PARALLEL_MIXED and call.placement:
                self._together = {names.model_key(name) for name in call.placement["loaded"]}
        else:
            yield from self._measured_call(call)

    def _measured_call(self, call: CallRecord) -> Iterator[Finding]:
        model = call.model
        self._measured += 1
        self._called.add((model, call.phase))
        self._waves.add((call.phase, call.level, call.wave))
        if (call.session, call.phase, None if call.phase == PARALLEL_MIXED else model, call.pass_) in self._out_of_time:
            yield Finding("protocol-skip", f"{call.phase} {call.item} was asked after a call of the phase was skipped for the time limit",
                          "no call of the phase after its time was up", "/item")
        if call.phase == PARALLEL_MIXED and self._were_apart():
            self._apart = True
        if call.has_speed and call.phase != PARALLEL_MIXED:
            placement = call.placement or {}
            self._placements.setdefault(model, []).append(bool(placement.get("size_bytes")))
            if placement.get("size_bytes") and model not in placement["loaded"] and names.model_key(model) not in map(names.model_key, placement["loaded"]):
                self._not_listed.setdefault(model, call.seq)
        if (call.session, model) not in self._loads:
            self._loads.add((call.session, model))       # reported once
            yield Finding("protocol-load", f"no record of loading {model} in session {call.session}", "one before its first measured call", "/model")
        if call.phase != PARALLEL_MIXED and model not in self._alone:
            self._alone.add(model)
            missing = [item for item in self._needed_questions if item not in self._questions.get(model, ())]
            if missing:
                yield Finding("protocol-calibration", f"{model}: no {', '.join(missing)}", "every question of calibration before the first measured call",
                              "/model")
        yield from self._verdict(call)

    def _verdict(self, call: CallRecord) -> Iterator[Finding]:
        grade = self._grades.get(str(call.seq))
        if grade is None or call.item not in self._entries:
            return
        reason = grade["reason"].partition(" ")[0]
        if reason not in REASONS or grade["passed"] != (reason == "passed"):
            yield Finding("ledger-grades", f"passed {str(grade['passed']).lower()}, reason {grade['reason']}", f"one of {', '.join(REASONS)}, and passed only with it")
        elif call.outcome != "ok":
            yield Finding("ledger-grades", f"a verdict on an answer that ended {call.outcome}", "verdicts on answers that ended ok", "/outcome")
        elif grade["passed"]:
            from judge import code_evidence     # needs a parser of Python
            thinks = call.phase in THINKING_PHASES or self._thinks_anyway(call.model)
            wrong = code_evidence.why_not_passed(thoughts.answer_alone(call.answer) if thinks else call.answer, self._entries[call.item], self._manifest["python"])
            if wrong:
                yield Finding("ledger-grades", f"passed, and yet {wrong}", "an answer that could have passed", "/answer")

    def _has_conditions(self, call: CallRecord) -> bool:
        """Linux always says how much memory is free; on other systems every value may be unknown."""
        if call.conditions is None or not self._manifest["platform"].startswith("Linux"):
            return call.conditions is not None
        return any(value is not None for value in call.conditions.values())

    # ----- skips

    def _skip(self, record: SkippedRecord) -> Iterator[Finding]:
        if record.reason == "time-limit":
            self._out_of_time.add((record.session, record.phase, None if record.phase == PARALLEL_MIXED else record.model, record.pass_))
        contradiction: Callable[[SkippedRecord], Optional[str]] = getattr(self, "_" + record.reason.replace("-", "_"), lambda record: None)
        wrong = contradiction(record)
        if record.reason == "time-limit" and self._is_early(record):
            yield Finding("protocol-time-limit", f"{self._reached_ns / 1e9:.0f} s of {self._manifest['time_limit_s']} had passed, and no call of the "
                          f"model had taken more than {self._longest_ns[record.model] / 1e9:.1f} s", "a time limit that was near", "/reason")
        if wrong:
            yield Finding("protocol-skip", f"{record.reason}: {wrong}", "a reason that the ledger supports", "/reason")

    def _has_failed(self, record: SkippedRecord) -> str | None:
        models = set(self._trained) if record.phase == PARALLEL_MIXED else {record.model}
        return None if models & self._failed else "no call of the model failed before"

    _model_missing = _too_big = _load_failed = _cloud_model = _has_failed

    def _one_model(self, record: SkippedRecord) -> str | None:
        if record.phase != PARALLEL_MIXED:
            return f"{record.phase} needs one model"
        return f"{len(self._trained)} models were planned" if len(self._trained) > 1 else None

    def _not_loaded_together(self, record: SkippedRecord) -> str | None:
        if record.phase != PARALLEL_MIXED:
            return f"{record.phase} needs one model"
        if self._together is None:
            return "no warm-up of the phase shows what was loaded"
        return None if self._were_apart() else "both models were loaded after the last warm-up"

    def _were_apart(self) -> bool:
        """Whether the last warm-up of parallel-mixed shows that not both models were loaded."""
        planned = {names.model_key(name) for name in list(self._trained)[:plan.MIXED_MODELS]}
        return self._together is not None and not planned <= self._together

    def _context_too_small(self, record: SkippedRecord) -> str | None:
        phase = record.phase
        models = list(self._trained)[:plan.MIXED_MODELS] if phase == PARALLEL_MIXED else [record.model]
        room = max((self._settings.room_for_thoughts(phase, self._thinks_anyway(model)) for model in models), default=0)
        if phase not in CONTEXT_PHASES and not room:
            return f"{phase} runs in any context"
        needed = self._settings.context_of(phase, any(map(self._thinks_anyway, models)))
        trained = min((self._trained[model] for model in models if self._trained.get(model) is not None), default=None)
        if trained is not None and trained < needed:
            return None
        if not self._asked_material(record):
            return f"trained for {trained} tokens, {needed} are needed"
        fitting = self._units_that_fit(record.model, record.phase, needed)
        return None if fitting is None or fitting < PLENTY_OF_UNITS else f"some {fitting:.0f} units of its material fit into {needed} tokens"

    def _thinks_anyway(self, model: str) -> bool:
        return bool(self._thinking.get(model, {}).get("always_thinks"))

    def _always_thinks(self, record: SkippedRecord) -> str | None:
        if record.phase not in THINKING_PHASES:
            return f"{record.phase} is not asked with thinking"
        if self._thinks_anyway(record.model) and self._settings.thinking is True:
            return None
        return "calibration does not show it, or a level was asked for"

    def _thinking_refused(self, record: SkippedRecord) -> str | None:
        if record.phase not in THINKING_PHASES:
            return f"{record.phase} is not asked with thinking"
        return None if self._thinking.get(record.model, {}).get("takes_thinking") is False else "calibration does not show it"

    def _calibration_failed(self, record: SkippedRecord) -> str | None:
        if record.phase not in CONTEXT_PHASES:
            return f"{record.phase} needs no material"
        if not self._asked_material(record):
            return "its material was not counted"
        return None if self._units_that_fit(record.model, record.phase, 1) is None else "its material was counted"

    def _units_that_fit(self, model: str, phase: str, num_ctx: int) -> float | None:
        """Units of material in a context, by what calibration counted; None where it did not."""
        points = self._points.get((model, suite_phase(phase)), [])
        if len(points) < 2 or points[-1][0] <= points[0][0] or points[-1][1] <= points[0][1]:
            return None
        return num_ctx * (points[-1][0] - points[0][0]) / (points[-1][1] - points[0][1])

    def _asked_material(self, record: SkippedRecord) -> bool:
        return any(item.startswith(f"CAL-{suite_phase(record.phase).upper()}-") for item in self._questions.get(record.model, ()))

    def _time_limit(self, record: SkippedRecord) -> str | None:
        is_limited = record.session > 0 or self._manifest["time_limit_s"] is not None     # a resumed session may have its own limit
        return None if is_limited else "the run has no time limit"

    def _is_early(self, record: SkippedRecord) -> bool:
        """Whether much more time was left than any step of the plan takes. How long a long prompt takes is predicted from shorter ones."""
        longest_ns, limit_s = self._longest_ns.get(record.model), self._manifest["time_limit_s"]
        if record.session > 0 or limit_s is None or longest_ns is None or record.phase in CONTEXT_PHASES:
            return False
        return limit_s * 1e9 > self._reached_ns + thresholds.value("foretold_calls") * record.level * longest_ns

    def _wave_broken(self, record: SkippedRecord) -> str | None:
        is_begun = (record.phase, record.level, record.wave) in self._waves
        return None if record.wave is not None and is_begun else "no call of this wave was recorded"

    def _conversation_broken(self, record: SkippedRecord) -> str | None:
        is_begun = record.phase == CONTEXT_APPEND and (record.model, record.phase) in self._called
        return None if is_begun else "no turn of this conversation was recorded"

    # ----- the whole

    def finish(self) -> Iterator[Finding]:
        if not self._measured and self._skipped:
            yield Finding("protocol-nothing", f"all {self._skipped} planned calls were skipped", "at least one measured call")
        for model, placed in self._placements.items():
            if placed.count(False) > thresholds.value("placement_share") * len(placed):
                yield Finding("protocol-placement", f"{model}: {placed.count(False)} of {len(placed)} calls do not say where it was loaded",
                              f"at most {100 * thresholds.value('placement_share'):.0f} %")
        if self._apart:
            yield Finding("protocol-placement", "parallel-mixed was asked, and its last warm-up shows not both models loaded", "both")
        for model, seq in self._not_listed.items():
            yield Finding("protocol-placement", f"{model}: call {seq} has its size in memory, and its name is not among the loaded models", "both or none")
        for session, kinds in self._conditions.items():
            if len(kinds) > 1:
                yield Finding("protocol-conditions", f"session {session}: some calls have conditions and some have none", "all or none")
            elif self._is_local and session == 0 and kinds == {False}:
                yield Finding("protocol-conditions", "no call has conditions", "the machine's state after each call, since the server is local")


# ----- the harness that measured

def commit_problems(manifest: dict) -> Iterator[Finding]:
    """The harness's commit and source hash: well-formed, and those of this clone where it has the commit."""
    commit, sha256 = manifest["harness_commit"], manifest["harness_sha256"]
    if commit is None:
        if manifest["harness_modified"] is False:
            yield Finding("protocol-commit", "unmodified, of no commit", "the commit that it was not modified from", "/harness_commit")
    elif not _is_hash(commit, (40, 64)):
        yield Finding("protocol-commit", commit[:40], "the full hash of a commit", "/harness_commit")
    elif not _is_hash(sha256, (64,)):
        yield Finding("protocol-commit", sha256[:40], "a hash of the harness's sources", "/harness_sha256")
    elif manifest["harness_modified"] is False:
        known = source_hash_of(commit)
        if known is None and has_history():
            yield Finding("protocol-unknown-commit", f"commit {commit[:12]}", "a commit in the history of this clone", "/harness_commit")
        if known and sha256 != known and sha256 != source_hash_of(commit, b"\r\n"):
            yield Finding("physics-source", f"sources {sha256[:12]}", f"{known[:12]}, those of commit {commit[:12]}", "/harness_sha256")


def _is_hash(text: str, lengths: tuple) -> bool:
    return len(text) in lengths and set(text) <= set("0123456789abcdef") and len(set(text)) > 1


@functools.lru_cache(maxsize=1)
def has_history() -> bool:
    """Whether this harness is a clone with all of its history: one that lacks a part of it cannot say that a commit does not exist."""
    return git.line(ROOT, "rev-parse", "--is-shallow-repository", "--show-prefix") == "false"


@functools.lru_cache(maxsize=256)
def source_hash_of(commit: str, line_end: bytes = LF) -> Optional[str]:
    """What base/sources.py would give at a commit checked out with these line ends; None if this clone does not have it."""
    clone = Clone(ROOT)
    try:
        blobs = {entry.path[len("harness/"):]: blob for entry, blob in clone.entries(commit, "harness/", needs_size=lambda path: False)
                 if entry.path.endswith(sources.ENDINGS) and "__pycache__" not in entry.parts}
        contents = _contents(clone, blobs)
    except UserError:
        return None
    return sources.combined_sha256({name: contents[blob].replace(LF, line_end) for name, blob in blobs.items()}) if blobs else None


def _contents(clone: Clone, blobs: Dict[str, str]) -> Dict[str, bytes]:
    """What each blob holds; `blobs` are by path in harness/. Git is asked only for those that this checkout does not have as files."""
    contents: Dict[str, bytes] = {}
    others: Set[str] = set()
    for name, blob in blobs.items():
        data = _file(name) if len(others) < MOST_CHANGED else b""
        if git.blob_id(data, len(blob)) == blob:
            contents[blob] = data
        else:
            others.add(blob)
    return {**contents, **clone.contents(sorted(others - contents.keys()))} if others else contents


def _file(name: str) -> bytes:
    """A file of this harness; empty where it has none of this name."""
    try:
        with open(f"{ROOT}/harness/{name}", "rb") as source:
            return source.read()
    except OSError:
        return b""
