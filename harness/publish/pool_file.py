"""Pool file: a cell's pool in the build cache, so that one more run is added without reading the others again.

The first line is a checksum and the number of stored texts; then come the pool as JSON, the texts, one a line, and all
numbers as 64-bit floats. A file that is incomplete or damaged is not used, and the cell is pooled from its runs.
"""
from __future__ import annotations

import hashlib
import json
import pathlib
from array import array
from typing import Any, Dict, List, Optional, Type

from base import files
from publish import context_figures, phase_totals, pooling, thinking_figures

KIND, NUMBERS, TEXT = "/kind", "/numbers", "/text"      # no field and no name of an outcome, reason or code has a slash
KINDS: Dict[str, Type[Any]] = {kind.__name__: kind for kind in (
    pooling.CellPool, pooling.VariantTotals, phase_totals.PhaseTotals, phase_totals.CallCounts, phase_totals.Figure,
    phase_totals.GroupTotals, phase_totals.LevelTotals, phase_totals.QualityTotals, phase_totals.DriftTotals,
    context_figures.LadderTotals, context_figures.RungTotals, thinking_figures.ThinkingTotals)}


def read(path: pathlib.Path) -> Optional[pooling.CellPool]:
    """None where there is no such file, or it is damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head, _, body = data.partition(b"\n")
    checksum, _, count = head.partition(b" ")
    if hashlib.sha256(body).hexdigest().encode("ascii") != checksum:
        return None
    text, *texts, tail = body.split(b"\n", int(count) + 1)
    numbers = array("d")
    numbers.frombytes(tail)

    def whole(record: Dict[str, Any]) -> Any:
        if NUMBERS in record:
            begin, end = record[NUMBERS]
            return numbers[begin:end]
        if TEXT in record:
            return texts[record[TEXT]]
        kind = record.pop(KIND, None)
        return KINDS[kind](**record) if kind else record
    return json.loads(text, object_hook=whole)


def write(path: pathlib.Path, pool: pooling.CellPool) -> None:
    numbers, texts = array("d"), []      # type: array[float], List[bytes]

    def plain(part: Any) -> Dict[str, Any]:
        if isinstance(part, array):
            numbers.extend(part)
            return {NUMBERS: [len(numbers) - len(part), len(numbers)]}
        if isinstance(part, bytes):
            texts.append(part)
            return {TEXT: len(texts) - 1}
        return {KIND: type(part).__name__, **vars(part)}
    text = json.dumps(pool, default=plain, separators=(",", ":")).encode("ascii")
    body = b"\n".join([text, *texts, numbers.tobytes()])
    files.write(path, [f"{hashlib.sha256(body).hexdigest()} {len(texts)}\n".encode("ascii"), body])
