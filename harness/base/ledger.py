"""The ledger's writer: one JSON object per line, each with the hash of the line before; appended, never rewritten."""
from __future__ import annotations

import hashlib
import os
import pathlib
from dataclasses import dataclass, field

from base import files, json_text, ledger_reader, run_folder, schema
from base.ledger_reader import LedgerReader


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Tail:
    """The whole lines of a ledger, and the torn one that may follow them."""
    records: list = field(default_factory=list)
    whole_bytes: int = 0
    last_sha256: str | None = None
    last_line: bytes = b""
    torn: bytes = b""

    def drop_last(self) -> bytes:
        """Remove the last record from the tail, but not from the file; its bytes."""
        self.whole_bytes -= len(self.last_line)
        self.last_sha256 = self.records.pop()["prev"]
        return self.last_line


class Writer:
    """Appends records in order: fills in seq and prev, and flushes each to disk before it returns."""

    def __init__(self, folder: os.PathLike):
        self.path = pathlib.Path(folder) / run_folder.LEDGER
        self._appender = files.Appender(self.path)
        self._seq = 0
        self._prev: str | None = None
        self._cut_at: int | None = None
        self._cut: dict | None = None

    def append(self, record: dict) -> dict:
        """Write one record; returns it as written. What a resume has to cut off is cut just before the first record."""
        line = {"type": record["type"], "seq": self._seq, "prev": self._prev, **record}
        if self._cut_at is not None:
            line["cut"] = self._cut
        if schema.problems(line, line["type"]):
            line = schema.bounded(line, line["type"])
        wrong = schema.problems(line, line["type"])
        if wrong:
            raise ValueError(f"a record that the schema refuses: {wrong[:3]}")
        data = json_text.dumps(line).encode("ascii")
        if self._cut_at is not None:
            self._appender.cut(self._cut_at)
        self._appender.append(data + b"\n")
        self._seq, self._prev, self._cut_at, self._cut = self._seq + 1, sha256(data), None, None
        return line

    def follow(self, tail: Tail, removed: bytes) -> None:
        """Continue after `tail`; `removed` are the bytes after it, which are cut off when the next record is written."""
        self._seq, self._prev = len(tail.records), tail.last_sha256
        if removed:
            self._cut_at = tail.whole_bytes
            self._cut = {"size_bytes": len(removed), "sha256": sha256(removed)}

    def close(self) -> None:
        self._appender.close()


def tail(path: os.PathLike) -> Tail:
    """All whole records and what follows them, for a resume. A torn end is a value here, not an error."""
    read_so_far = Tail()
    for line in LedgerReader(path):
        if line.problems and line.problems[0].code == "torn":
            read_so_far.torn = line.data
        elif line.problems:
            raise ledger_reader.broken(path, line.number, line.problems)
        else:
            read_so_far.records.append(line.fields)
            read_so_far.whole_bytes += len(line.data)
            read_so_far.last_sha256, read_so_far.last_line = sha256(line.data[:-1]), line.data
    return read_so_far
