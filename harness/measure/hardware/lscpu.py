"""lscpu: what it lists, with one cluster for each kind of core."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from measure.hardware import text_parsing
from measure.hardware.machine import CommandResult, Machine


@dataclass(frozen=True)
class Lscpu:
    answer: CommandResult
    common: dict = field(default_factory=dict)      # what comes before the first cluster
    clusters: tuple = ()                            # a dict for each `Model name`, and what follows it

    def first(self, name: str) -> str | None:
        """The first value under this name; lscpu writes `-` for unknown."""
        return next(iter(self.every(name)), None)

    def every(self, name: str) -> list:
        """Every different text under this name, in order."""
        texts = (text_parsing.line(part.get(name)) for part in (self.common, *self.clusters))
        return list(dict.fromkeys(text for text in texts if text))


def read(machine: Machine) -> Lscpu:
    """From JSON, or from plain lines where lscpu is too old for it."""
    answer = machine.run("lscpu", "-J")
    tree = text_parsing.json(answer.text)
    if isinstance(tree, dict):
        return _grouped(_flat(tree.get("lscpu")), answer)
    if answer.outcome == "failed":
        answer = machine.run("lscpu")
    return _grouped(list(text_parsing.pairs(answer.text).items()), answer)


def _flat(entries: Any) -> list:
    """[(name, value)]: newer versions nest what belongs to one vendor, model or socket."""
    rows, waiting = [], list(reversed(text_parsing.rows(entries)))
    while waiting:
        entry = waiting.pop()
        name, value = entry.get("field"), entry.get("data")
        if isinstance(name, str) and isinstance(value, str):
            rows.append((name.rstrip(": "), value))
        waiting += reversed(text_parsing.rows(entry.get("children")))
    return rows


def _grouped(rows: list, answer: CommandResult) -> Lscpu:
    common: dict = {}
    clusters: list = []
    for name, value in rows:
        if name == "Model name":
            clusters.append({})
        (clusters[-1] if clusters else common).setdefault(name, value)
    return Lscpu(answer, common, tuple(clusters))


def cores(cluster: dict) -> int | None:
    """Cores of a cluster: of all its sockets, or of its groups where Arm's firmware describes no sockets."""
    for per, groups in (("Core(s) per socket", "Socket(s)"), ("Core(s) per cluster", "Cluster(s)")):
        cores_each, count = (text_parsing.whole(cluster.get(name)) for name in (per, groups))
        if cores_each and count:
            return cores_each * count
    return None


def total_cores(listed: Lscpu) -> int | None:
    counts = [cores({**listed.common, **cluster}) for cluster in listed.clusters or ({},)]
    return sum(filter(None, counts)) if all(counts) else None
