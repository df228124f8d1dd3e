"""Progress for a person: the current call, or what is being waited for, and the time left."""
from __future__ import annotations

import time
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

from base import console, text_format, text_layout
from base.ledger_records import CallRecord, Record, SkippedRecord
from base.plan import Step
from base.records import SKIP_REASONS, SPEED_OUTCOMES
from measure import telemetry
from measure.eta import Eta

MODEL_COLUMNS = 12          # of the drawn line, that the model's name keeps before something else is left out
LEAST_MODEL_COLUMNS = 8     # of the same, where it is narrower still
STATE_COLUMNS = len("~1234 tokens")     # room that is kept for what changes while a call runs, so that the rest keeps its place
DURATION_COLUMNS = len("59m59s")
WORK = {"LOAD": "loading", "WARM-UP": "warming up"}      # items of the harness itself
# The time that has passed and the time left, the longest text first; each says whether that is an estimate or the most it can be.
TIMES = ("{0}, about {1} left", "about {1} left", "~{1} left")
LIMITED = ("{0}, at most {1} left (time limit)", "at most {1} left (time limit)", "at most {1} left", "max {1} left")
OVER = ("{0}, time limit reached", "time limit reached", "over limit")
NOTHING_TO_DO = "(a call that fails is recorded as it is, and the run goes on: there is nothing to do now)"
BUSY = "{0:.0f} % of the processors are in use; busy: close other programs; a run on a busy machine may be graded archive-only"


class ProgressReport:
    """Draws one line on a terminal, from what the session reports; elsewhere prints a line for each finished call."""

    def __init__(self, progress: console.Progress, eta: Eta, total: int, clock: Callable[[], float] = time.monotonic,
                 limit_left_s: Callable[[], Optional[float]] = lambda: None):
        self.progress, self.eta, self.total, self._clock, self._limit_left_s = progress, eta, total, clock, limit_left_s
        self.finished = 0
        self._started = clock()
        self._model, self._began = "", self._started
        self._labels: Sequence[str] = ("",)     # what is asked, the longest text first
        self._work: Optional[str] = None                        # of the harness itself, such as loading
        self._skipping: Optional[Tuple[str, str]] = None        # (phase, reason) of the calls that are being skipped
        self._skips: Dict[str, List[str]] = {}                  # reason: the model of each call skipped since the last call
        self._has_looked_around = self._has_failed = False

    def already(self, record: Record) -> None:
        """A record of an earlier session. The calls of a wave shared its time."""
        if isinstance(record, SkippedRecord):
            self._skipped(record)
        elif isinstance(record, CallRecord) and record.is_measured:
            self.finished += 1
            self.eta.done(record.model, [record.key], record.end_ns // record.level)

    def _skipped(self, record: SkippedRecord) -> None:
        self.finished += 1
        self.eta.drop(record.model, record.key)

    def begin(self, steps: Sequence[Step]) -> None:
        self.report_skips()
        step, wave = steps[0], f" x{len(steps)}" if len(steps) > 1 else ""
        self._model, self._work = step.model, WORK.get(step.item)
        self._labels = ("",) if self._work else (f" {step.phase} {step.item}{wave}", f" {step.item}{wave}", "")
        self._began = self._clock()
        self.progress.draw(self._line(0))

    def wait(self, what: str) -> None:
        """Show why no call is being made; called repeatedly while waiting."""
        elapsed = text_format.format_duration(self._clock() - self._started)
        self.progress.draw(f"call {min(self.finished + 1, self.total)} of {self.total}  waiting for {what}  {elapsed}")

    def remark(self, text: str) -> None:
        """A line that stays."""
        self.progress.stay(text)

    def tick(self, chunks: int) -> None:
        self.progress.draw(self._line(chunks))

    def end(self, calls: List[CallRecord]) -> None:
        """The records of one group, as written."""
        measured = [call for call in calls if call.is_measured]
        if measured:
            self.eta.done(measured[0].model, [call.key for call in measured], int((self._clock() - self._began) * 1e9))
        self._skipping = None
        for call in calls:
            self.finished += call.is_measured
            is_failed = call.is_measured and call.outcome not in SPEED_OUTCOMES
            show = self.progress.stay if is_failed and self.progress.is_live else self.progress.line
            show(f"{self._place(call)}: {_result(call)}")
            self._reassure(is_failed and call.outcome != "interrupted")
            self._warn_if_busy(call)

    def _reassure(self, is_failed: bool) -> None:
        """The server's message may ask for something; a person who watches is told once that nothing has to be done."""
        if is_failed and self.progress.is_live and not self._has_failed:
            self._has_failed = True
            self.progress.stay(NOTHING_TO_DO)

    def _warn_if_busy(self, call: CallRecord) -> None:
        """Before a load nothing runs here, so what is in use is used by other programs. Said at most once."""
        share = (call.conditions or {}).get("background_cpu_share") if call.item == "LOAD" else None
        if share is not None and not self._has_looked_around:
            self._has_looked_around = True
            if share >= telemetry.BUSY_SHARE:
                self.progress.stay(BUSY.format(100 * share))

    def report_skips(self) -> None:
        """On a terminal, one line for each reason for which calls were skipped since the last call; elsewhere see `skip`."""
        for reason, models in self._skips.items():
            distinct = list(dict.fromkeys(models))
            names = " and ".join(distinct) if len(distinct) <= 2 else f"{len(distinct)} models"
            why = "they do not fit in the time limit" if reason == "time-limit" else SKIP_REASONS[reason]
            if self.progress.is_live:
                self.progress.stay(f"{text_format.counted(len(models), 'call')} of {names} skipped: {why}")
        self._skips = {}

    def skip(self, record: SkippedRecord) -> None:
        """Of calls that are skipped one after the other for one reason only the first has its line."""
        self._skipped(record)
        self._skips.setdefault(record.reason, []).append(record.model)
        phase_and_reason = record.phase, record.reason      # models may take turns
        if phase_and_reason != self._skipping:
            self.progress.line(f"{self._place(record)}: skipped from here on, {record.reason}")
        self._skipping = phase_and_reason

    def _place(self, record: Union[CallRecord, SkippedRecord]) -> str:
        model = text_layout.middle_cut(_short(record.model), 2 * MODEL_COLUMNS) if self.progress.is_live else record.model
        times = "" if self.progress.is_live or self.eta.left_s() is None else f" {self._times(self.progress.columns)} "
        return f"[{self.finished}/{self.total}]{times} {model} {record.phase} {record.item}"

    def _line(self, chunks: int) -> str:
        """Where it is narrow the model's name is cut first, then other parts are shortened or left out, and the time left last.

        What is left out depends on the room that numbers may take, and not on what they take now.
        """
        number = min(self.finished + 1, self.total)
        growth, work, name = len(str(self.total)) - len(str(number)), f"{self._work} " if self._work else "", _short(self._model)
        long, short = f"call {number} of {self.total}  {work}", f"{number}/{self.total}  {work}"
        state = f"  {self._state(chunks)}", STATE_COLUMNS + 2
        layouts = [(long, self._labels[0], *state), *((short, label, *state) for label in self._labels), (short, "", "", 0)]
        for head, label, shown_state, state_columns in layouts:
            room = self.progress.columns - len(head) - growth - len(label) - state_columns - 2
            if room - SHORTEST_TIMES >= min(LEAST_MODEL_COLUMNS, len(name)):
                break
        else:
            return f"{number}/{self.total}  {self._times(0)}"
        sizes = [*map(_columns, TIMES[:-1]), SHORTEST_TIMES]
        widest = next((size for size in sizes if room - size >= min(MODEL_COLUMNS, len(name))), SHORTEST_TIMES)
        name = text_layout.middle_cut(name, max(room - widest, LEAST_MODEL_COLUMNS))
        return f"{head}{name}{label}{shown_state}  {self._times(room - len(name))}"

    def _state(self, chunks: int) -> str:
        if self._work == WORK["LOAD"]:
            return text_format.format_duration(self._clock() - self._began)
        return f"~{chunks} tokens" if chunks else "waiting"

    def _times(self, room: int) -> str:
        """The time that has passed and the time left, which is never more than what is left of the time limit."""
        elapsed_s, left_s, limit_s = self._clock() - self._started, self.eta.left_s(), self._limit_left_s()
        texts: Sequence[str] = ("{0}",) if left_s is None else TIMES
        if limit_s is not None and (left_s is None or left_s > limit_s):
            texts, left_s = LIMITED if limit_s > 0 else OVER, limit_s
        text = next((text for text in texts if _columns(text) <= room), texts[-1])
        return text.format(text_format.format_duration(elapsed_s), text_format.format_duration(left_s or 0.0))


def _columns(times: str) -> int:
    """The most columns that this text takes."""
    return len(times.format("0" * DURATION_COLUMNS, "0" * DURATION_COLUMNS))


SHORTEST_TIMES = max(_columns(TIMES[-1]), _columns(LIMITED[-1]))


def _short(model: str) -> str:
    """The tag that a name without one means is left out."""
    return model[:-len(":latest")] if model.endswith(":latest") else model


def _result(call: CallRecord) -> str:
    """How a call ended, in words."""
    if call.item == "LOAD" and call.done_ns is not None:
        return f"loaded in {call.done_ns / 1e6:.0f} ms"
    if call.item == "CAL-TOO-LONG" and call.outcome == "refused":
        return "refused, as intended: the prompt is longer than the context"
    first_text = None if call.first_text_ns is None else f"first text {call.first_text_ns / 1e6:.0f} ms"
    tokens = None if call.eval_tokens is None else f"{call.eval_tokens} tokens"
    return ", ".join(part for part in (call.outcome, first_text, tokens, call.error) if part)
