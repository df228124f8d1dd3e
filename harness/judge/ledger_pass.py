"""The ledger pass: a ledger is read once, in constant memory, and every check of its records visits them on the way.

A visitor gets each record in order (`visit`), and then the end of the ledger (`finish`); both give findings. A visitor
that compares records stops at the first line that cannot be read: what it would find after that line may be the fault
of that line. A visitor that looks at each record alone goes on.
"""
from __future__ import annotations

import pathlib
from typing import Iterable, Iterator, List, Protocol

from base.ledger_reader import LedgerLine, LedgerReader, LineProblem
from base.ledger_records import Record
from judge import json_documents, text_encoding, thresholds
from judge.findings import Finding, FindingList

RULE_OF = {"size": "bytes-size", "torn": "ledger-torn", "json": "json-strict", "type": "ledger-order", "version": "json-version",
         "fields": "json-fields", "canonical": "json-canonical", "order": "ledger-order", "seq": "ledger-seq", "chain": "ledger-chain"}     # of base/ledger_reader.py's problems


class LedgerVisitor(Protocol):
    """A check of the records of one ledger."""
    compares_records: bool = True

    def visit(self, record: Record) -> Iterable[Finding]:
        """Findings about one record."""

    def finish(self) -> Iterable[Finding]:
        """Findings about the ledger as a whole, from a visitor that compares records only where every line could be read."""
        return ()


class LedgerPass:
    """An iterator over the well-formed records of a ledger; whatever is wrong is added to `findings` on the way."""

    def __init__(self, path: pathlib.Path, visitors: List[LedgerVisitor], findings: FindingList, tree_path: str):
        self.path, self.visitors, self.findings, self.tree_path = path, visitors, findings, tree_path
        self.is_whole = True            # every line could be read
        self.has_failed = False         # a visitor raised, not the consumer of the records
        self.reader = LedgerReader(path, thresholds.value("line_bytes"), is_exact=True)
        self._unreadable = 0

    def __iter__(self) -> Iterator[Record]:
        number = 0
        for line in self.reader:
            number = line.number
            self._add_problems(line)
            if line.record is not None:
                self._visit(line.record, number)
                yield line.record
                continue
            self.is_whole = False
            self._unreadable += 1
            if self._unreadable >= thresholds.value("unreadable_lines"):
                self.findings.add([Finding("bytes-size", f"{self._unreadable} lines that cannot be read",
                                             "a ledger; the lines after this one were not looked at")], self.tree_path, number)
                break
        if self.reader.last_type not in ("footer", "unknown"):
            self.findings.add([Finding("ledger-unfinished", f"the last line is {self.reader.last_type or 'missing'}", "a footer")],
                              self.tree_path, max(1, number))
            self.is_whole = False
        self._finish(number)

    def _visit(self, record: Record, number: int) -> None:
        self.has_failed = True
        for visitor in self.visitors:
            if self.is_whole or not visitor.compares_records:
                for finding in visitor.visit(record):       # nearly always none
                    self.findings.add([finding], self.tree_path, number)
        self.has_failed = False

    def _finish(self, number: int) -> None:
        self.has_failed = True
        for visitor in self.visitors:
            of_ledger = list(visitor.finish()) if self.is_whole or not visitor.compares_records else []
            self.findings.add((finding for finding in of_ledger if finding.pointer), self.tree_path, number)      # of the footer
            self.findings.add((finding for finding in of_ledger if not finding.pointer), self.tree_path)
        self.has_failed = False

    def _add_problems(self, line: LedgerLine) -> None:
        if not line.problems:
            return
        of_bytes = text_encoding.json_problems(line.data.rstrip(b"\n")) if line.problems[0].code in ("characters", "json") else ()
        self.findings.add([finding._replace(line=line.number) for finding in of_bytes] or map(_finding, line.problems),
                          self.tree_path, line.number)


def _finding(problem: LineProblem) -> Finding:
    return Finding(RULE_OF[problem.code], problem.observed, problem.expected, json_documents.pointer(problem.where) if problem.where else None)
