"""Progress for a person: the current call, or what is being waited for, and the time left."""
from __future__ import annotations

import time
from typing import Callable, List, Optional, Sequence, Tuple, Union

from base import console, text_format, text_layout
from base.ledger_records import CallRecord, Record, SkippedRecord
from base.plan import Step
from base.records import SPEED_OUTCOMES
from measure.eta import Eta

MODEL_COLUMNS = 12          # of the drawn line, that the model's name keeps before something else is left out
WORK = {"LOAD": "loading", "WARM-UP": "warming up"}      # items of the harness itself


class ProgressReport:
    """Draws one line on a terminal, from what the session reports; elsewhere prints a line for each finished call."""

    def __init__(self, progress: console.Progress, eta: Eta, total: int, clock: Callable[[], float] = time.monotonic):
        self.progress, self.eta, self.total, self._clock = progress, eta, total, clock
        self.finished = 0
        self._started = clock()
        self._model, self._label, self._began = "", "", self._started
        self._work: Optional[str] = None                        # of the harness itself, such as loading
        self._skipping: Optional[Tuple[str, str]] = None        # (phase, reason) of the calls that are being skipped

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
        step, wave = steps[0], f" x{len(steps)}" if len(steps) > 1 else ""
        self._model, self._work = step.model, WORK.get(step.item)
        self._label = "" if self._work else f" {step.phase} {step.item}{wave}"
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

    def skip(self, record: SkippedRecord) -> None:
        """Of calls that are skipped one after the other for one reason only the first has its line."""
        self._skipped(record)
        phase_and_reason = record.phase, record.reason      # models may take turns
        if phase_and_reason != self._skipping:
            self.progress.line(f"{self._place(record)}: skipped from here on, {record.reason}")
        self._skipping = phase_and_reason

    def _place(self, record: Union[CallRecord, SkippedRecord]) -> str:
        model = text_layout.middle_cut(record.model, 2 * MODEL_COLUMNS) if self.progress.is_live else record.model
        return f"[{self.finished}/{self.total}] {model} {record.phase} {record.item}"

    def _line(self, chunks: int) -> str:
        """Where it is narrow the model's name is cut first, then the time that has passed is left out."""
        elapsed, left = text_format.format_duration(self._clock() - self._started), self.eta.left_s()
        if self._work == WORK["LOAD"]:
            state = text_format.format_duration(self._clock() - self._began)
        else:
            state = f"~{chunks} tokens" if chunks else "waiting"
        head = f"call {min(self.finished + 1, self.total)} of {self.total}  {f'{self._work} ' if self._work else ''}"
        rest = "" if left is None else f"{text_format.format_duration(left)} left"
        for times in (f"{elapsed}, about {rest}", f"about {rest}", rest) if rest else (elapsed,):
            tail = f"{self._label}  {state}  {times}"
            room = self.progress.columns - len(head) - len(tail)
            if room >= min(MODEL_COLUMNS, len(self._model)):
                break
        return head + text_layout.middle_cut(self._model, max(room, 8)) + tail


def _result(call: CallRecord) -> str:
    """How a call ended, in words."""
    if call.item == "LOAD" and call.done_ns is not None:
        return f"loaded in {call.done_ns / 1e6:.0f} ms"
    first_text = None if call.first_text_ns is None else f"first text {call.first_text_ns / 1e6:.0f} ms"
    tokens = None if call.eval_tokens is None else f"{call.eval_tokens} tokens"
    return ", ".join(part for part in (call.outcome, first_text, tokens, call.error) if part)
