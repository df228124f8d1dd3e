"""The ledger pass: a ledger is read once, in constant memory, and every check of its records visits them on the way.

A visitor gets each record in order (`visit`), and then the end of the ledger (`finish`); both give findings. A visitor
that compares records stops at the first line that cannot be read: what it would find after that line may be the fault
of that line. A visitor that looks at each record alone goes on.
"""
from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import Iterator, List, Protocol

from base import schema
from base.ledger_records import Record, typed
from judge import json_documents, text_encoding, thresholds
from judge.findings import Finding, FindingList

TYPES = ("meta", "call", "skipped", "footer")


class LedgerVisitor(Protocol):
    """A check of the records of one ledger."""
    compares_records: bool = True

    def visit(self, record: dict) -> Iterator[Finding]:
        """Findings about one record."""

    def finish(self) -> Iterator[Finding]:
        """Findings about the ledger as a whole; only asked for where every line could be read."""
        return iter(())


class LedgerPass:
    """An iterator over the well-formed records of a ledger; whatever is wrong is added to `findings` on the way."""

    def __init__(self, path: pathlib.Path, visitors: List[LedgerVisitor], findings: FindingList, shown: str):
        self.path, self.visitors, self.findings, self.shown = path, visitors, findings, shown
        self.is_whole = True            # every line could be read
        self.has_failed = False         # a visitor raised, not the consumer of the records
        self.sha256 = hashlib.sha256()
        self._unreadable = 0
        self._prev: str | None = None
        self._last_type: str | None = None

    def __iter__(self) -> Iterator[Record]:
        number = 0
        for number, line in enumerate(_lines(self.path), 1):
            self.sha256.update(line)
            record = self._record(number, line)
            self._prev = hashlib.sha256(line[:-1]).hexdigest()
            self._last_type = record["type"] if record else "unknown"
            if record is None:
                self.is_whole = False
                self._unreadable += 1
                if self._unreadable >= thresholds.value("unreadable_lines"):
                    self._refuse(number, Finding("bytes-size", f"{self._unreadable} lines that cannot be read",
                                                 "a ledger; the lines after this one were not looked at"))
                    return
            else:
                self._visit(record, number)
                yield typed(record)
        if self._last_type not in ("footer", "unknown"):
            self._refuse(max(1, number), Finding("ledger-unfinished", f"the last line is {self._last_type or 'missing'}", "a footer"))
            self.is_whole = False
        if self.is_whole:
            self._finish(number)

    def _visit(self, record: dict, number: int) -> None:
        self.has_failed = True
        for visitor in self.visitors:
            if self.is_whole or not visitor.compares_records:
                self.findings.add(visitor.visit(record), self.shown, number)
        self.has_failed = False

    def _finish(self, number: int) -> None:
        self.has_failed = True
        for visitor in self.visitors:
            of_ledger = list(visitor.finish())
            self.findings.add((finding for finding in of_ledger if finding.pointer), self.shown, number)      # of the footer
            self.findings.add((finding for finding in of_ledger if not finding.pointer), self.shown)
        self.has_failed = False

    def _record(self, number: int, line: bytes) -> dict | None:
        """The line as a record that can be checked further, or None."""
        limit = thresholds.value("line_bytes")
        if len(line) > limit:
            return self._refuse(number, Finding("bytes-size", f"a line of more than {limit} bytes", "a shorter one"))
        if not line.endswith(b"\n"):
            return self._refuse(number, Finding("ledger-torn", "the line ends early", "a line feed at its end"))
        text = line[:-1]
        problems = [dataclasses.replace(finding, line=number) for finding in text_encoding.json_problems(text)]
        if problems:
            return self._refuse(number, *problems)
        try:
            value = schema.loads(text)
        except ValueError as problem:
            return self._refuse(number, Finding("json-strict", str(problem), "JSON that every reader understands alike"))
        record_type = value.get("type") if isinstance(value, dict) else None
        if record_type not in TYPES:
            return self._refuse(number, Finding("ledger-order", f"type {record_type!r}", ", ".join(TYPES), "/type"))
        problems = list(json_documents.version_problems(value, record_type)) if record_type == "meta" else []
        problems = problems or list(json_documents.field_problems(value, record_type))
        if problems:
            return self._refuse(number, *problems)
        self.findings.add(self._place(number, value, record_type), self.shown, number)
        if schema.dumps(value).encode("ascii") != text:
            self._refuse(number, Finding("json-canonical", "other white space, escapes or spelling of numbers",
                                         "as base/schema.py writes it"))
        return value

    def _refuse(self, number: int, *findings: Finding) -> None:
        self.findings.add(findings, self.shown, number)

    def _place(self, number: int, record: dict, record_type: str) -> Iterator[Finding]:
        """Its place among the lines, its number, and the hash of the line before it."""
        if (record_type == "meta") != (number == 1):
            yield Finding("ledger-order", f"{record_type} as line {number}", "one meta, as line 1", "/type")
        elif self._last_type == "footer":
            yield Finding("ledger-order", f"{record_type} after the footer", "the footer as the last line", "/type")
        if record["seq"] != number - 1:
            yield Finding("ledger-seq", f"seq {record['seq']}", str(number - 1), "/seq")
        if record["prev"] != self._prev:
            yield Finding("ledger-chain", f"prev {str(record['prev'])[:12]}",
                          f"{str(self._prev)[:12]}, the hash of the line before", "/prev")


def _lines(path: pathlib.Path) -> Iterator[bytes]:
    """The file's lines; a line that is too long is cut there, and is the last one."""
    most = thresholds.value("line_bytes")
    with open(path, "rb") as source:
        while True:
            line = source.readline(most + 1)
            if not line:
                return
            yield line
            if len(line) > most:
                return
