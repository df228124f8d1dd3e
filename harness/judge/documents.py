"""Documents: manifest.json, hardware.json and metadata.json, from bytes to a value whose every field is known."""
from __future__ import annotations

import pathlib
import re
from typing import Iterator

from base import facts, records, schema
from judge import characters, places, thresholds
from judge.findings import Finding

KINDS = {places.MANIFEST: "manifest", places.HARDWARE: "hardware", places.METADATA: "metadata"}
LIMITS = {places.MANIFEST: "manifest_bytes", places.HARDWARE: "hardware_bytes", places.METADATA: "metadata_bytes",
          places.STORY: "run_md_bytes", places.LEDGER: "ledger_bytes"}
OWN_TEXT = ("answer", "thinking")       # what a model wrote may hold any character
_PLACE = re.compile(r"[^.\[\]]+")


def size_problems(name: str, size_bytes: int) -> Iterator[Finding]:
    limit = thresholds.value(LIMITS[name])
    if size_bytes > limit:
        yield Finding("bytes-size", f"{size_bytes} bytes", f"at most {limit}")


def read(path: pathlib.Path, docket: object, shown: str) -> dict | None:
    """The document, or None where it cannot be judged further; whatever is wrong goes onto the docket."""
    data = path.read_bytes()
    found = list(characters.json_problems(data))
    document = None
    if not any(one.rule in characters.UNREADABLE for one in found):
        document, more = _document(data, KINDS[path.name])
        found += more
    docket.add(found, shown)
    return document


def _document(data: bytes, kind: str) -> tuple:
    """(document or None, findings) of bytes that are text."""
    try:
        value = schema.loads(data)
    except ValueError as problem:
        return None, [Finding("json-strict", str(problem), "JSON that every reader understands alike")]
    found = list(version_problems(value, kind)) or list(field_problems(value, kind)) or list(fact_problems(value, kind))
    if found:
        return None, found
    if data.isascii() and data != schema.pretty(value):
        found.append(Finding("json-canonical", "other white space, escapes or spelling of numbers", "as base/schema.py writes it"))
    return value, found


def version_problems(value: object, kind: str) -> Iterator[Finding]:
    said = value.get("schema") if isinstance(value, dict) else None
    known = records.VERSIONS[kind]
    if isinstance(said, str) and said != known:
        yield Finding("json-version", said, known, "/schema")


def field_problems(value: object, kind: str) -> Iterator[Finding]:
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


def texts(value: object, leave_out: tuple = ()) -> Iterator[tuple]:
    """(pointer, text) of every text and every key in a value, but for the top-level fields that are left out."""
    waiting = [("", value)]
    while waiting:
        where, here = waiting.pop()
        if isinstance(here, str):
            yield where, here
        elif isinstance(here, dict):
            for name, child in here.items():
                if where or name not in leave_out:
                    yield f"{where}/{name}", name
                    if isinstance(child, (str, dict, list)):
                        waiting.append((f"{where}/{name}", child))
        elif isinstance(here, list):
            waiting.extend((f"{where}/{n}", child) for n, child in enumerate(here) if isinstance(child, (str, dict, list)))
