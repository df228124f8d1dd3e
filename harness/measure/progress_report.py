"""Progress for a person: the current call, or what is being waited for, and the time left."""
from __future__ import annotations

import time
from typing import Callable

from base import console, plan
from measure.eta import Eta


MODEL_COLUMNS = 12          # of the drawn line, for the model's name, before something else is left out
WORK = {"LOAD": "loading", "WARM-UP": "warming up"}      # items of the harness itself


class ProgressReport:
    """Draws one line on a terminal, from what the session reports; elsewhere prints a line for each finished call."""

    def __init__(self, progress: console.Progress, pace: Eta, total: int, clock: Callable[[], float] = time.monotonic):
        self.progress, self.pace, self.total, self._clock = progress, pace, total, clock
        self.finished = 0
        self._started = clock()
        self._model, self._label, self._began = "", "", self._started
        self._work: str | None = None         # what the harness itself does, such as loading
        self._skipping: tuple | None = None

    def already(self, record: dict) -> None:
        """A record of an earlier session. The calls of a wave shared its time."""
        if record["type"] == "skipped":
            self.pace.drop(record["model"], plan.record_key(record))
        elif record["type"] == "call" and record["role"] == "measured":
            self.pace.done(record["model"], [plan.record_key(record)], record["end_ns"] // record["level"])
        else:
            return
        self.finished += 1

    def begin(self, asks: list) -> None:
        step, wave = asks[0].step, f" x{len(asks)}" if len(asks) > 1 else ""
        self._model, self._work = step.model, WORK.get(step.item)
        self._label = "" if self._work else f" {step.phase} {step.item}{wave}"
        self._began = self._clock()
        self.progress.draw(self._line(0))

    def wait(self, what: str) -> None:
        """No call is made, and this is why; repeated while it lasts."""
        elapsed = console.format_duration(self._clock() - self._started)
        self.progress.draw(f"call {min(self.finished + 1, self.total)} of {self.total}  waiting for {what}  {elapsed}")

    def remark(self, text: str) -> None:
        """A line that stays."""
        self.progress.stay(text)

    def tick(self, chunks: int) -> None:
        self.progress.draw(self._line(chunks))

    def end(self, records: list) -> None:
        """Records of one group, as written."""
        mine = [record for record in records if record["type"] == "skipped" or record["role"] == "measured"]
        elapsed_ns = int((self._clock() - self._began) * 1e9)
        for record in mine:
            if record["type"] == "skipped":
                self.pace.drop(record["model"], plan.record_key(record))
        made = [record for record in mine if record["type"] == "call"]
        if made:
            self.pace.done(made[0]["model"], [plan.record_key(record) for record in made], elapsed_ns)
        for record in records:
            self.finished += record["type"] == "skipped" or record["role"] == "measured"
            self._report(record)

    def _report(self, record: dict) -> None:
        """Of calls that are skipped one after the other for one reason only the first has its line."""
        skipped = record["type"] == "skipped" and (record["phase"], record["reason"])     # models may take turns
        if skipped and skipped == self._skipping:
            return
        self._skipping = skipped
        text = self._sentence(record)
        troubled = record["type"] == "call" and record["role"] == "measured" and record["outcome"] not in (
            "ok", "length")
        if troubled and self.progress.is_live:
            self.progress.stay(text)
        else:
            self.progress.line(text)

    def _sentence(self, record: dict) -> str:
        model = console.middle_cut(record["model"], 2 * MODEL_COLUMNS) if self.progress.is_live else record["model"]
        head = f"[{self.finished}/{self.total}] {model} {record['phase']} {record['item']}"
        if record["type"] == "skipped":
            return f"{head}: skipped from here on, {record['reason']}"
        if record["item"] == "LOAD" and record["done_ns"] is not None:
            return f"{head}: loaded in {record['done_ns'] / 1e6:.0f} ms"
        first = record["first_text_ns"]
        shown = [record["outcome"], None if first is None else f"first text {first / 1e6:.0f} ms",
                 None if record["eval_tokens"] is None else f"{record['eval_tokens']} tokens", record["error"]]
        return f"{head}: {', '.join(part for part in shown if part)}"

    def _line(self, chunks: int) -> str:
        """Where it is narrow the model's name is cut first, then the time that has passed is left out."""
        elapsed, left = console.format_duration(self._clock() - self._started), self.pace.left_s()
        if self._work == WORK["LOAD"]:
            state = console.format_duration(self._clock() - self._began)
        else:
            state = f"~{chunks} tokens" if chunks else "waiting"
        head = f"call {min(self.finished + 1, self.total)} of {self.total}  {f'{self._work} ' if self._work else ''}"
        rest = "" if left is None else f"{console.format_duration(left)} left"
        for times in (f"{elapsed}, about {rest}", f"about {rest}", rest) if rest else (elapsed,):
            tail = f"{self._label}  {state}  {times}"
            room = self.progress.columns - len(head) - len(tail)
            if room >= min(MODEL_COLUMNS, len(self._model)):
                break
        return head + console.middle_cut(self._model, max(room, 8)) + tail
