"""The one reader of a ledger: its lines in order, each as a record or as the problems that it has.

A ledger is read as bytes and in one pass, so that a file of any length needs the memory of its longest line. Each line
is parsed once, its fields are checked against the schema, and its place, number and chain against the lines before it.
Whether the records make sense is decided by the checker.
"""
from __future__ import annotations

import hashlib
import json
import os
from typing import BinaryIO, Dict, Iterator, NamedTuple, Optional, Tuple

from base import files, json_text, records, schema
from base.errors import UserError
from base.ledger_records import TYPES, Record, typed

BLOCK_BYTES = 65536
MAX_LINE_BYTES = 64 * 1024 * 1024   # a longer line cannot be a record; reading it would fill the memory
PLAIN = bytes(range(0x20, 0x7f)) + b"\n"       # the bytes that the JSON files of the harness consist of
ORIGINAL = "a ledger is never edited; take the original file"


class LineProblem(NamedTuple):
    """What is wrong with a line. `code` is a key of FIXES, `where` a place in the record as base/schema.py writes it."""
    code: str
    observed: str
    expected: str
    where: str = ""


Problems = Tuple[LineProblem, ...]

# code: what a person can do about it
FIXES = {
    "size": "this file is not a ledger",
    "torn": "nothing before it is lost; go on with --resume",
    "characters": ORIGINAL,
    "json": ORIGINAL,
    "type": "see harness/README.md for the line types",
    "version": "update the clone with git pull",
    "fields": ORIGINAL,
    "order": ORIGINAL,
    "seq": ORIGINAL,
    "chain": ORIGINAL,
    "canonical": ORIGINAL,
}


class LedgerLine(NamedTuple):
    """One line. `fields` and `record` are None where it cannot be read; `fields` is for checks of the line as JSON."""
    number: int                 # from 1
    data: bytes                 # with its line feed, if it has one
    fields: Optional[dict]
    record: Optional[Record]
    problems: Problems


class LedgerReader:
    """An iterator over the lines of a ledger. After the last line `sha256` is the hash of the whole file.

    `is_exact`: a line that is not written as base/json_text.py writes it has a problem, for the checker.
    """

    def __init__(self, path: os.PathLike, max_line_bytes: Optional[int] = None, is_exact: bool = False):
        self.path = path
        self.sha256 = hashlib.sha256()
        self.prev: Optional[str] = None         # the hash of the line that was read last, without its line feed
        self.last_type: Optional[str] = None    # "unknown" if that line could not be read
        self._max_line_bytes, self._is_exact = max_line_bytes or MAX_LINE_BYTES, is_exact

    def __iter__(self) -> Iterator[LedgerLine]:
        with files.explaining_errors(self.path), open(self.path, "rb", BLOCK_BYTES) as source:
            for number, data in enumerate(_lines(source, self._max_line_bytes), 1):
                line = self._line(number, data)
                self.sha256.update(data)
                self.prev = hashlib.sha256(memoryview(data)[:-1]).hexdigest()
                self.last_type = line.fields["type"] if line.fields else "unknown"
                yield line
                del line        # its memory, which is in the processor's cache, is used for the next one

    def _line(self, number: int, data: bytes) -> LedgerLine:
        fields = _quickly_parsed(data, self._is_exact) if len(data) <= self._max_line_bytes else None
        problems: Problems = ()
        if fields is None:
            fields, problems = self._examined(data)
        if fields is None:
            return LedgerLine(number, data, None, None, problems)
        return LedgerLine(number, data, fields, typed(fields), self._place_problems(number, fields) + problems)

    def _examined(self, data: bytes) -> Tuple[Optional[dict], Problems]:
        """(the line as JSON, or None if it cannot be read; what is wrong with it)."""
        if len(data) > self._max_line_bytes:
            return None, (LineProblem("size", f"a line of more than {self._max_line_bytes} bytes", "a shorter one"),)
        if not data.endswith(b"\n"):
            return None, (LineProblem("torn", "the line ends early", "a line feed at its end"),)
        if data.translate(None, PLAIN):
            return None, (LineProblem("characters", "bytes other than printable ASCII", "ASCII, all else escaped"),)
        try:
            fields = json_text.loads(data[:-1])
        except ValueError as problem:
            return None, (LineProblem("json", str(problem), "JSON that every reader understands alike"),)
        problems = _field_problems(fields)
        if problems or not isinstance(fields, dict):
            return None, problems
        if not self._is_exact:
            return fields, ()
        return fields, (LineProblem("canonical", "other white space, escapes or spelling of numbers", "as base/json_text.py writes it"),)

    def _place_problems(self, number: int, fields: dict) -> Problems:
        """The line's place among the others, its number, and the hash of the line before it."""
        problems: Problems = ()
        if (fields["type"] == "meta") != (number == 1):
            problems += (LineProblem("order", f"{fields['type']} as line {number}", "one meta, as line 1", "type"),)
        elif self.last_type == "footer":
            problems += (LineProblem("order", f"{fields['type']} after the footer", "the footer as the last line", "type"),)
        if fields["seq"] != number - 1:
            problems += (LineProblem("seq", f"seq {fields['seq']}", str(number - 1), "seq"),)
        if fields["prev"] != self.prev:
            problems += (LineProblem("chain", f"prev {str(fields['prev'])[:12]}", f"{str(self.prev)[:12]}, the hash of the line before", "prev"),)
        return problems


def _quickly_parsed(data: bytes, is_exact: bool) -> Optional[dict]:
    """The line as JSON if nothing is wrong with it; None if it has to be examined.

    An exact line is written back and compared, which also shows duplicate keys. Numbers that JSON does not have (NaN,
    1e999) are out of range for every field.
    """
    if data[-1:] != b"\n" or b"\r" in data or b"\t" in data or b"\x7f" in data:
        return None
    try:
        text = data[:-1].decode("ascii")
        fields = json.loads(text) if is_exact else json_text.unique_keys(text)
        if not isinstance(fields, dict) or (is_exact and not json_text.is_compact(fields, text, "gaps_us")):
            return None
    except (ValueError, RecursionError):
        return None
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in TYPES or (kind == "meta" and fields.get("schema") not in records.LEDGER_VERSIONS):
        return None
    return fields if schema.tester(kind)(fields) else None


def _field_problems(fields: json_text.Json) -> Problems:
    """What is wrong with a line's type, version and fields, for a line that is JSON."""
    kind = fields.get("type") if isinstance(fields, dict) else None
    if not isinstance(fields, dict) or not isinstance(kind, str) or kind not in TYPES:
        return (LineProblem("type", f"type {kind!r:.40}", ", ".join(TYPES), "type"),)
    version = fields.get("schema")
    if kind == "meta" and isinstance(version, str) and version not in records.LEDGER_VERSIONS:
        return (LineProblem("version", version, " or ".join(records.LEDGER_VERSIONS), "schema"),)
    return tuple(map(_field_problem, schema.problems(fields, kind)))


def _field_problem(sentence: str) -> LineProblem:
    """From a sentence of schema.problems: `place: what`."""
    where, _, observed = sentence.rpartition(": ")
    return LineProblem("fields", observed, "", where)


def _lines(source: BinaryIO, most_bytes: int) -> Iterator[bytes]:
    """The file's lines with their line feeds; a line that is too long is cut, and is the last one."""
    while True:
        line = source.readline(most_bytes + 1)
        if not line:
            return
        yield line
        if len(line) > most_bytes:
            return


def read(path: os.PathLike, reader: Optional[LedgerReader] = None) -> Iterator[Record]:
    """Every record in order; raises UserError with file and line for a torn, edited, foreign or reordered ledger.

    A caller that needs the hash of the whole file gives its own `reader` of that path.
    """
    is_empty = True
    for line in reader or LedgerReader(path):
        record, is_empty = line.record, False
        if line.problems or record is None:
            raise broken(path, line.number, line.problems)
        del line        # as in LedgerReader
        yield record
    if is_empty:
        raise UserError("empty", str(path), "run again with --resume, or start a new run")


def broken(path: os.PathLike, number: int, problems: Problems) -> UserError:
    """The error of a line that has problems: the first three in one sentence, and what to do now."""
    sentences = {
        "json": "not JSON ({})", "type": "not a record of a ledger: {}", "version": "format {}, this harness reads " + " and ".join(records.LEDGER_VERSIONS),
        "seq": "out of order: {}", "order": "out of order: {}", "chain": "the chain is broken: prev is not the hash of the line before",
    }
    first = problems[0]
    if first.code == "fields":
        what = "; ".join(f"{problem.where}: {problem.observed}" for problem in problems[:3])
    else:
        what = sentences.get(first.code, "{}").format(first.observed)
    return UserError(what, f"{path}:{number}", FIXES[first.code])


def last(path: os.PathLike) -> Optional[dict]:
    """The last line as a JSON object, found from the end of the file and not checked; None if it is torn or not an object."""
    with files.explaining_errors(path), open(path, "rb") as source:
        left, data = source.seek(0, os.SEEK_END), b""
        while left and data.rfind(b"\n", 0, -1) < 0 and len(data) <= MAX_LINE_BYTES:
            size = min(left, max(BLOCK_BYTES, len(data)))
            left -= size
            source.seek(left)
            data = source.read(size) + data
    try:
        record = json_text.loads(data[data.rfind(b"\n", 0, -1) + 1:]) if data.endswith(b"\n") else None
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def code_grades(path: os.PathLike) -> Dict[str, dict]:
    """The verdicts of --grade-code by seq, from the footer, which is needed before the calls; {} where there are none."""
    footer = last(path)
    if footer is None or footer.get("type") != "footer" or schema.problems(footer, "footer"):
        return {}
    return footer.get("code_grades") or {}
