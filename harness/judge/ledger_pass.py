"""Reading: one pass over a ledger, in memory that its length does not change. All that looks at records looks on here.

A witness is told each record in order (`see`) and then that there are no more (`end`); both give findings. One that
compares records is told of a ledger only up to the first line that cannot be read: what it would find behind that line
may be its fault. One that looks at each record alone goes on.
"""
from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import Iterator

from base import schema
from base.ledger_records import Record, typed
from judge import json_documents, text_encoding, thresholds
from judge.findings import FindingList, Finding

TYPES = ("meta", "call", "skipped", "footer")


class LedgerVisitor:
    """Looks on while a ledger is read."""
    compares = True         # records with each other

    def see(self, record: dict) -> Iterator[Finding]:
        raise ValueError("a witness that sees nothing")

    def end(self) -> Iterator[Finding]:
        return iter(())


class Reading:
    """An iterator over the good records of a ledger; what is wrong goes onto the docket on the way."""

    def __init__(self, path: pathlib.Path, witnesses: list, docket: FindingList, shown: str):
        self.path, self.witnesses, self.docket, self.shown = path, witnesses, docket, shown
        self.is_whole = True            # every line could be read
        self.has_failed = False         # here, not in what the records are read for
        self.sha256 = hashlib.sha256()
        self._prev: str | None = None
        self._last: str | None = None   # the type of the line before

    def __iter__(self) -> Iterator[Record]:
        number = 0
        for number, line in enumerate(_lines(self.path), 1):
            self.sha256.update(line)
            record = self._record(number, line)
            self._prev = hashlib.sha256(line[:-1]).hexdigest()
            self._last = record["type"] if record else "unknown"
            self.is_whole = self.is_whole and record is not None
            if record is not None:
                self._tell(record, number)
                yield typed(record)
        if self._last not in ("footer", "unknown"):
            self.docket.add([Finding("ledger-unfinished", f"the last line is {self._last or 'not there'}", "a footer")],
                            self.shown, max(1, number))
            self.is_whole = False
        if self.is_whole:
            for witness in self.witnesses:
                found = list(witness.end())
                self.docket.add((one for one in found if one.pointer), self.shown, number)      # what the footer says
                self.docket.add((one for one in found if not one.pointer), self.shown)

    def _tell(self, record: dict, number: int) -> None:
        self.has_failed = True
        for witness in self.witnesses:
            if self.is_whole or not witness.compares:
                self.docket.add(witness.see(record), self.shown, number)
        self.has_failed = False

    def _record(self, number: int, line: bytes) -> dict | None:
        """The line as a record that can be judged further, or None."""
        if len(line) > thresholds.value("line_bytes"):
            return self._refused(number, Finding("bytes-size", f"a line of more than {thresholds.value('line_bytes')} bytes",
                                                 "a shorter one"))
        if not line.endswith(b"\n"):
            return self._refused(number, Finding("ledger-torn", "the line ends early", "a line feed at its end"))
        text = line[:-1]
        found = [dataclasses.replace(one, line=number) for one in text_encoding.json_problems(text)]
        if found:
            return self._refused(number, *found)
        try:
            value = schema.loads(text)
        except ValueError as problem:
            return self._refused(number, Finding("json-strict", str(problem), "JSON that every reader understands alike"))
        kind = value.get("type") if isinstance(value, dict) else None
        if kind not in TYPES:
            return self._refused(number, Finding("ledger-order", f"type {kind!r}", ", ".join(TYPES), "/type"))
        found = list(json_documents.version_problems(value, kind)) if kind == "meta" else []
        found = found or list(json_documents.field_problems(value, kind))
        if found:
            return self._refused(number, *found)
        self.docket.add(self._place(number, value, kind), self.shown, number)
        if schema.dumps(value).encode("ascii") != text:
            self.docket.add([Finding("json-canonical", "other white space, escapes or spelling of numbers",
                                     "as base/schema.py writes it")], self.shown, number)
        return value

    def _refused(self, number: int, *found: Finding) -> None:
        self.docket.add(found, self.shown, number)

    def _place(self, number: int, record: dict, kind: str) -> Iterator[Finding]:
        """Its place among the lines, its number, and the hash of the line before it."""
        if (kind == "meta") != (number == 1):
            yield Finding("ledger-order", f"{kind} as line {number}", "one meta, as line 1", "/type")
        elif self._last == "footer":
            yield Finding("ledger-order", f"{kind} after the footer", "the footer as the last line", "/type")
        if record["seq"] != number - 1:
            yield Finding("ledger-seq", f"seq {record['seq']}", str(number - 1), "/seq")
        if record["prev"] != self._prev:
            yield Finding("ledger-chain", f"prev {str(record['prev'])[:12]}",
                          f"{str(self._prev)[:12]}, the hash of the line before",
                          "/prev")


def _lines(path: pathlib.Path) -> Iterator[bytes]:
    """The file's lines; one that is too long is cut there, and ends the file."""
    most = thresholds.value("line_bytes")
    with open(path, "rb") as source:
        while True:
            line = source.readline(most + 1)
            if not line:
                return
            yield line
            if len(line) > most:
                return


