"""The ledger: one JSON object per line, each naming the hash of the line before; appended, never rewritten.

It reads a ledger as bytes and in one pass, so that a file of any length needs the memory of its longest line. It does
not judge what the records say; the checker does.
"""
from __future__ import annotations

import hashlib
import os
import pathlib
from dataclasses import dataclass, field
from typing import Iterator

from base import files, records, run_folder, schema
from base.errors import UserError
from base.ledger_records import TYPES, Record, typed

BLOCK_BYTES = 65536
MAX_LINE_BYTES = 64 * 1024 * 1024   # a longer line is no record of ours; reading it would fill the memory


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Tail:
    """What a file of lines ends with: whole lines, then maybe a torn one."""
    records: list = field(default_factory=list)
    whole_bytes: int = 0
    last_sha256: str | None = None
    last_line: bytes = b""
    torn: bytes = b""

    def drop_last(self) -> bytes:
        """Take the last record back out of the tail (the file stays as it is); its bytes."""
        self.whole_bytes -= len(self.last_line)
        self.last_sha256 = self.records.pop()["prev"]
        return self.last_line


class Writer:
    """Appends records in order: fills in seq and prev, and flushes each to disk before it returns."""

    def __init__(self, folder: os.PathLike):
        self.path = pathlib.Path(folder) / run_folder.LEDGER
        self._appender = files.Appender(self.path)
        self._seq, self._prev, self._cut_at, self._cut = 0, None, None, None

    def append(self, record: dict) -> dict:
        """Write one record; returns it as written. What a resume has to cut off goes just before the first one."""
        line = {"type": record["type"], "seq": self._seq, "prev": self._prev, **record}
        if self._cut_at is not None:
            line["cut"] = self._cut
        if schema.problems(line, line["type"]):
            line = schema.bounded(line, line["type"])
        wrong = schema.problems(line, line["type"])
        if wrong:
            raise ValueError(f"a record that the schema refuses: {wrong[:3]}")
        data = schema.dumps(line).encode("ascii")
        if self._cut_at is not None:
            self._appender.cut(self._cut_at)
        self._appender.append(data + b"\n")
        self._seq, self._prev, self._cut_at, self._cut = self._seq + 1, sha256(data), None, None
        return line

    def follow(self, tail: Tail, removed: bytes) -> None:
        """Go on after what `tail` holds; `removed` are the bytes after it, cut off when the next record is written."""
        self._seq, self._prev = len(tail.records), tail.last_sha256
        if removed:
            self._cut_at = tail.whole_bytes
            self._cut = {"size_bytes": len(removed), "sha256": sha256(removed)}

    def close(self) -> None:
        self._appender.close()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lines(path: os.PathLike) -> Iterator[bytes]:
    """The file's lines with their line feeds; the last may lack it."""
    with files.explaining_errors(path), open(path, "rb") as source:
        while True:
            line = source.readline(MAX_LINE_BYTES + 1)
            if not line:
                return
            if len(line) > MAX_LINE_BYTES:
                raise UserError(f"a line of more than {MAX_LINE_BYTES} bytes", str(path), "this is no ledger of ours")
            yield line


def read(path: os.PathLike, whole: hashlib._Hash | None = None) -> Iterator[Record]:
    """Every record in order; raises UserError with file and line for a torn, edited, foreign or reordered ledger.

    `whole` is a hash that is fed every byte.
    """
    prev, number = None, 0
    for number, line in enumerate(lines(path), 1):
        if whole is not None:
            whole.update(line)
        if not line.endswith(b"\n"):
            raise broken(path, number, "the line ends early", "nothing before it is lost; go on with --resume")
        record = parse(path, number, line)
        if record["prev"] != prev:
            raise broken(path, number, "the chain is broken: prev is not the hash of the line before",
                         "a ledger is never edited; take the original file")
        prev = sha256(line[:-1])
        yield typed(record)
    if number == 0:
        raise UserError("empty", str(path), "run again with --resume, or start a new run")


def last(path: os.PathLike) -> dict | None:
    """The last line's record, found from the end of the file; None if that line is torn or is no JSON object."""
    with files.explaining_errors(path), open(path, "rb") as source:
        left, data = source.seek(0, os.SEEK_END), b""
        while left and data.rfind(b"\n", 0, -1) < 0 and len(data) <= MAX_LINE_BYTES:
            size = min(left, max(BLOCK_BYTES, len(data)))
            left -= size
            source.seek(left)
            data = source.read(size) + data
    try:
        record = schema.loads(data[data.rfind(b"\n", 0, -1) + 1:]) if data.endswith(b"\n") else None
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def parse(path: os.PathLike, number: int, line: bytes) -> dict:
    """One line of a ledger as a record whose fields are known and of the right kind."""
    try:
        record = schema.loads(line.rstrip(b"\n"))
    except ValueError as problem:
        raise broken(path, number, f"not JSON ({problem})", "a ledger is never edited; take the original file") from None
    kind = record.get("type") if isinstance(record, dict) else None
    if not isinstance(record, dict) or kind not in TYPES:
        raise broken(path, number, "no record of a ledger", "see harness/README.md for the line types")
    if kind == "meta" and record.get("schema") not in records.LEDGER_VERSIONS:
        raise broken(path, number, f"format {record.get('schema')!r}, this harness reads {' and '.join(records.LEDGER_VERSIONS)}",
                     "update the clone with git pull")
    wrong = schema.problems(record, kind)
    if wrong:
        raise broken(path, number, "; ".join(wrong[:3]), "a ledger is never edited; take the original file")
    if record["seq"] != number - 1 or (kind == "meta") != (number == 1):
        raise broken(path, number, "out of order", "a ledger is never edited; take the original file")
    return record


def broken(path: os.PathLike, number: int, what: str, now: str) -> UserError:
    return UserError(what, f"{path}:{number}", now)


def tail(path: os.PathLike) -> Tail:
    """All whole records and what follows them, for a resume. A torn end is a value here, not an error."""
    read_so_far = Tail()
    for number, line in enumerate(lines(path), 1):
        if not line.endswith(b"\n"):
            read_so_far.torn = line
            break
        record = parse(path, number, line)
        if record["prev"] != read_so_far.last_sha256:
            raise broken(path, number, "the chain is broken", "a ledger is never edited; take the original file")
        read_so_far.records.append(record)
        read_so_far.whole_bytes += len(line)
        read_so_far.last_sha256, read_so_far.last_line = sha256(line[:-1]), line
    return read_so_far
