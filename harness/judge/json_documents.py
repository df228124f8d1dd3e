"""JSON documents: manifest.json, hardware.json and metadata.json, from bytes to a value whose every field is known."""
from __future__ import annotations

import functools
import pathlib
from typing import Any, Callable, Iterator, List, Tuple, Union

from base import facts, json_text, ledger_records, records, run_folder, schema
from base.ledger_records import Record
from base.pattern import lazy
from judge import text_encoding, thresholds
from judge.findings import Finding, FindingList

LIMITS = {run_folder.MANIFEST: "manifest_bytes", run_folder.HARDWARE: "hardware_bytes", run_folder.METADATA: "metadata_bytes",
          run_folder.RUN_MD: "run_md_bytes", run_folder.LEDGER: "ledger_bytes"}
MOST_TIMES_WANTED = 8
OWN_TEXT = ("answer", "thinking")       # what a model wrote may hold any character
KIND_OF = {record_type: kind for kind, record_type in ledger_records.TYPES.items()}
_PLACE = lazy(r"[^.\[\]]+")


def size_problems(name: str, size_bytes: int) -> Iterator[Finding]:
    limit = thresholds.value(LIMITS[name])
    if size_bytes > limit:
        yield Finding("bytes-size", f"{size_bytes} bytes", f"at most {limit}")


def read(path: pathlib.Path, findings: FindingList, tree_path: str, wanted: dict | None = None) -> dict | None:
    """The document, or None where it cannot be judged further; whatever is wrong goes onto the findings.

    Where it is known what the document must be, it is `wanted` itself that comes back for a file of just those bytes, and
    a file of many times their size is not parsed.
    """
    data = path.read_bytes()
    if wanted is not None:
        expected = json_text.pretty(wanted)
        if data == expected:
            return wanted
        if len(data) > MOST_TIMES_WANTED * len(expected):
            findings.add([Finding("bytes-size", f"{len(data)} bytes", f"{len(expected)}, what the ledger gives")], tree_path)
            return None
    problems = list(text_encoding.json_problems(data))
    document = None
    if not any(problem.rule in text_encoding.UNREADABLE for problem in problems):
        document, more = _document(data, run_folder.RECORD_OF[path.name])
        problems += more
    findings.add(problems, tree_path)
    return document


def _document(data: bytes, kind: str) -> tuple:
    """(document or None, findings) of bytes that are text."""
    try:
        value = json_text.loads(data)
    except ValueError as problem:
        return None, [Finding("json-strict", str(problem), "JSON that every reader understands alike")]
    problems = list(version_problems(value, kind)) or list(field_problems(value, kind)) or list(fact_problems(value, kind))
    if problems:
        return None, problems
    if data.isascii() and data != json_text.pretty(value):
        problems.append(Finding("json-canonical", "other white space, escapes or spelling of numbers",
                             "as base/json_text.py writes it"))
    return value, problems


def version_problems(value: json_text.Json, kind: str) -> Iterator[Finding]:
    version = value.get("schema") if isinstance(value, dict) else None
    known = records.VERSIONS[kind]
    if isinstance(version, str) and version not in known:
        yield Finding("json-version", version, " or ".join(known), "/schema")


def field_problems(value: json_text.Json, kind: str) -> Iterator[Finding]:
    for sentence in schema.problems(value, kind):
        where, _, what = sentence.rpartition(": ")
        yield Finding("json-fields", what, "", pointer(where) if isinstance(value, dict) else None)


def fact_problems(value: dict, kind: str) -> Iterator[Finding]:
    for sentence in facts.problems(value) if kind == "hardware" else ():
        where, _, what = sentence.rpartition(": ")
        yield Finding("json-facts", what, "a value with its method, or null with its reason", pointer(where))


def pointer(where: str) -> str:
    """A place as base/schema.py writes it (a.b[3].c) as a JSON pointer (/a/b/3/c)."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in _PLACE.findall(where))


def texts(value: json_text.Json, where: str = "") -> Iterator[tuple]:
    """(pointer, text) of every text and every key in a value."""
    waiting = [(where, value)]
    while waiting:
        where, here = waiting.pop()
        if isinstance(here, str):
            yield where, here
        elif isinstance(here, dict):
            for name, child in here.items():
                yield f"{where}/{name}", name
                if isinstance(child, (str, dict, list)):
                    waiting.append((f"{where}/{name}", child))
        elif isinstance(here, list):
            waiting.extend((f"{where}/{n}", child) for n, child in enumerate(here) if isinstance(child, (str, dict, list)))


def free_texts(document: dict, kind: str, where: str = "") -> Iterator[Tuple[str, str]]:
    """(pointer, text) of the texts of a document that its fields do not bound.

    Keys, hashes, times and words of a closed list can say nothing; numbers are not looked at.
    """
    for name, shape in _shapes(kind):
        value = document.get(name)
        if value is not None:
            yield from _texts_of_field(value, shape, f"{where}/{name}")


def texts_of_record(record: Record) -> Iterator[Tuple[str, str]]:
    """The same of a record of the ledger, but for what a model wrote."""
    for name, shape in _shapes(KIND_OF[type(record)]):
        value = getattr(record, name, None)      # the record's type is its class
        if value is not None:
            yield from _texts_of_field(value, shape, f"/{name}")


def words_of(record: Record) -> List[str]:
    """The texts of texts_of_record without their places, which takes a third of the time."""
    words: List[str] = []
    for name, add in _adders(KIND_OF[type(record)]):
        value = getattr(record, name, None)
        if value is not None:       # most are
            add(words, value)
    return words


Adder = Callable[[List[str], Any], None]        # adds the texts in a value of a field to a list


@functools.lru_cache(maxsize=None)
def _adders(kind: str) -> Tuple[Tuple[str, Adder], ...]:
    """What adds the texts of each field of a record that can hold free text."""
    return tuple((name, list.append if shape == "text" else _add_all if shape == "any" else functools.partial(_add_records, _adders(shape)))
                 for name, shape in _shapes(kind))


def _add_all(words: List[str], value: json_text.Json) -> None:
    """Every text and every key in a value."""
    if isinstance(value, str):
        words.append(value)
    elif isinstance(value, dict):
        words += value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            if type(part) in (str, dict, list):
                _add_all(words, part)


def _add_records(adders: Tuple[Tuple[str, Adder], ...], words: List[str], value: Union[dict, List[dict]]) -> None:
    for record in value if isinstance(value, list) else [value]:
        for name, add in adders:
            part = record.get(name)
            if part is not None:
                add(words, part)


def _texts_of_field(value: json_text.Json, shape: str, pointer: str) -> Iterator[Tuple[str, str]]:
    if shape == "text" and isinstance(value, str):
        yield pointer, value
    elif shape not in records.RECORDS:
        yield from texts(value, pointer)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from free_texts(part, shape, f"{pointer}/{place}")
    elif isinstance(value, dict):
        yield from free_texts(value, shape, pointer)


@functools.lru_cache(maxsize=None)
def _shapes(kind: str) -> tuple:
    """(name, "text", "any" or a record) of the fields of a record that can hold free text."""
    shapes = []
    for field in records.RECORDS[kind]:
        shape = field.kind[len("list:"):] if field.kind.startswith("list:") else field.kind
        if shape in records.RECORDS and _shapes(shape):
            shapes.append((field.name, shape))
        elif field.kind == "text" and field.name not in OWN_TEXT:
            shapes.append((field.name, "text"))
        elif field.kind == "list:text" or shape in ("object", "counts", "settings") or shape.startswith("by-line:"):
            shapes.append((field.name, "any"))
    return tuple(shapes)
