"""Sessions: which session wrote which lines, when each began, and whether the footer's counts are right."""
from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Set

from base import schema, text_format
from base.ledger_records import CallRecord, FooterRecord, MetaRecord, Record, SkippedRecord
from base.phases import PYTHON_TASKS, suite_phase
from judge import thresholds
from judge.findings import Finding
from judge.ledger_pass import LedgerVisitor


def epoch_seconds(utc: str) -> float:
    """Seconds since the epoch of a time of day that the schema took."""
    return schema.utc_moment(utc).timestamp()


class SessionChecks(LedgerVisitor):
    """Sessions come in order, each introduced by its first record and listed in the footer."""

    def __init__(self, manifest: dict | None, now_s: float):
        self.planned_at = None if manifest is None or manifest["synthetic"] else epoch_seconds(manifest["started_at"])
        self.now_s = now_s
        self.planned_with = None if manifest is None else {name: manifest[name] for name in ("server_version", "floor")}
        self.number = -1
        self.starts: Dict[int, dict] = {}        # session: its session_start
        self.reached_ns: Dict[int, int] = {}     # session: the latest moment on its clock
        self.listed: List[dict] = []    # the footer's sessions

    def visit(self, record: Record) -> Iterator[Finding]:
        number, start, cut = record.session, record.session_start, record.cut
        if number < self.number or (self.number < 0 and number != 0):
            yield Finding("ledger-sessions", f"session {number} after {self.number}", "sessions in order, from 0",
                          "/session")
        elif (start is None) == (number != self.number):
            yield Finding("ledger-sessions", "no session_start" if start is None else "a second session_start",
                          "one, in a session's first record", "/session_start")
        elif start is not None and len(start["earlier_sessions"]) != number:
            yield Finding("ledger-sessions", f"{len(start['earlier_sessions'])} earlier sessions", str(number),
                          "/session_start/earlier_sessions")
        elif start is not None and number and not self._continues(start["earlier_sessions"]):
            yield Finding("ledger-sessions", "other earlier sessions than were there", "those that this ledger shows",
                          "/session_start/earlier_sessions")
        elif cut is not None and (start is None or (number == 0 and not isinstance(record, MetaRecord)) or not cut["size_bytes"]):
            yield Finding("ledger-sessions", "a cut", "cuts only where a session begins again", "/cut")
        elif isinstance(record, MetaRecord) and self.planned_with is not None:
            wrong = [name for name, value in self.planned_with.items() if record.session_start[name] != value]
            if wrong and self._begins_soon(record):
                yield Finding("ledger-sessions", f"another {wrong[0]} than in the manifest", "the first session's, which wrote the manifest",
                              f"/session_start/{wrong[0]}")
        if start is not None:
            self.starts.setdefault(number, start)
        self.number = max(self.number, number)
        if isinstance(record, CallRecord):
            self.reached_ns[number] = record.start_ns + record.end_ns
        elif isinstance(record, FooterRecord):
            self.listed = record.sessions

    def _begins_soon(self, meta: MetaRecord) -> bool:
        """A run that was planned and begun later may meet another server."""
        return self.planned_at is None or epoch_seconds(meta.session_start["started_at"]) - self.planned_at <= thresholds.value("clock_slack_s")

    def _continues(self, earlier: list) -> bool:
        """Whether the listed sessions are numbered in order and began when their own records say."""
        began = {place: start["started_at"] for place, start in self.starts.items()}
        return all(row["session"] == place and row["started_at"] == began.get(place, row["started_at"])
                   for place, row in enumerate(earlier))

    def finish(self) -> Iterator[Finding]:
        rows = self.listed
        last = self.starts.get(self.number, {})
        if [row["session"] for row in rows] != list(range(self.number + 1)) or not self._continues(rows):
            yield Finding("ledger-sessions", f"the footer lists {len(rows)} sessions", f"{self.number + 1}, as they began",
                          "/sessions")
        elif rows[:-1] != last.get("earlier_sessions", []):
            yield Finding("ledger-sessions", "the footer lists other sessions than the last session_start", "the same",
                          "/sessions")
        else:
            yield from self._clocks(rows)

    def _clocks(self, rows: list) -> Iterator[Finding]:
        """The time of day of each session against the monotonic clock of its records."""
        slack = thresholds.value("clock_slack_s")
        before = None
        if self.planned_at is not None:
            began = epoch_seconds(rows[0]["started_at"])
            late_s, most_s = began - self.planned_at, thresholds.value("first_session_s")
            if not -slack <= late_s <= most_s:
                hours, _ = text_format.distinct(late_s / 3600, (most_s if late_s > 0 else 0) / 3600, 1)
                yield Finding("physics-clock", f"session 0 began {hours} h after the manifest was written",
                              f"within {most_s / 3600:.0f} h", "/sessions/0")
            last = max(epoch_seconds(row["ended_at"] or row["started_at"]) for row in rows)
            if last > self.now_s + thresholds.value("future_slack_s"):
                yield Finding("physics-date", rows[-1]["ended_at"] or rows[-1]["started_at"], "sessions that have ended", "/sessions")
        for place, row in enumerate(rows):
            began, ended = epoch_seconds(row["started_at"]), None if row["ended_at"] is None else epoch_seconds(row["ended_at"])
            needed = self.reached_ns.get(row["session"], 0) / 1e9
            if ended is not None and ended - began < needed - slack:
                yield Finding("physics-clock", f"session {row['session']} took {ended - began:.0f} s by the time of day",
                              f"at least the {needed:.0f} s of its calls", f"/sessions/{place}")
            if before is not None and began < before - slack:
                yield Finding("physics-clock", f"session {row['session']} began before the one before it", "later",
                              f"/sessions/{place}")
            before = began if ended is None else ended


class FooterChecks(LedgerVisitor):
    """The footer against the lines before it."""

    def __init__(self) -> None:
        self.outcomes: Dict[str, int] = {}
        self.skipped = 0
        self.tasks: Set[str] = set()        # seq of answers whose code may have a verdict
        self.footer: Optional[FooterRecord] = None

    def visit(self, record: Record) -> Iterator[Finding]:
        if isinstance(record, SkippedRecord):
            self.skipped += 1
        elif isinstance(record, CallRecord) and record.role == "measured":
            self.outcomes[record.outcome] = self.outcomes.get(record.outcome, 0) + 1
            if suite_phase(record.phase) == PYTHON_TASKS:
                self.tasks.add(str(record.seq))
        elif isinstance(record, FooterRecord):
            self.footer = record
            if not record.complete:
                yield Finding("ledger-unfinished", "complete: false", "true", "/complete")

    def finish(self) -> Iterator[Finding]:
        if self.footer is None:
            return      # another rule reports it
        yield from self._counts(self.footer)
        unexpected = sorted(set(self.footer.code_grades or {}) - self.tasks)
        if unexpected:
            yield Finding("ledger-grades", f"a verdict on line {unexpected[0][:12]}", "answers of the Python tasks", "/code_grades")

    def _counts(self, footer: FooterRecord) -> Iterator[Finding]:
        done = sum(self.outcomes.values())
        for name, stated, counted in (("done", footer.done, done), ("skipped", footer.skipped, self.skipped), ("outcomes", footer.outcomes, self.outcomes)):
            if stated != counted:
                yield Finding("ledger-footer", f"{name} {stated}", str(counted), f"/{name}")
                return
        if footer.complete and footer.planned != done + self.skipped:
            yield Finding("ledger-footer", f"planned {footer.planned}", f"{done} done + {self.skipped} skipped", "/planned")
