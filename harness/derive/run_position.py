"""Where one run's figures are among those of other runs: the same model on other devices, other models on this device.

Each device and model counts once, with the median of its runs. A difference is called more than noise only where the
95 % intervals of both medians do not overlap.
"""
from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional

from base import names, text_format, text_layout
from derive import headline
from derive.distribution import median_of
from derive.headline import HEADLINE, ModelFigures

DEVICES, MODELS = "the same model on other devices", "other models on this device"
LESS_IS_BETTER = ("ttft_ms",)
TITLES = ["figure", "this run", "rank", "faster than", "next slower", "next faster"]


@dataclass(frozen=True)
class Neighbour:
    """A device or model that is listed with this run: its median, and the interval of its one run (None: several runs, or too few calls)."""
    name: str
    median: float
    low: Optional[float]
    high: Optional[float]


@dataclass(frozen=True)
class Position:
    """One figure among its peers. `slower` and `faster` are the nearest ones on both sides; None: there is none."""
    figure: str
    stat: dict
    peers: int
    slower_peers: int
    slower: Optional[Neighbour]
    faster: Optional[Neighbour]


def others_in(tree: pathlib.Path, run_id: str) -> Iterator[ModelFigures]:
    """The figures of all other complete runs of a tree, from their own metadata.json."""
    for path, metadata in headline.measured_runs(tree):
        if metadata["complete"] and metadata["run_id"] != run_id:
            yield from headline.figures_of(path, metadata)


def peers_of(mine: ModelFigures, others: List[ModelFigures]) -> Dict[str, Dict[str, List[ModelFigures]]]:
    """group: {device or model: its figures}. The same model has the same digest, whatever it is called."""
    groups: Dict[str, Dict[str, List[ModelFigures]]] = {DEVICES: {}, MODELS: {}}
    for other in others:
        if other.digest == mine.digest and other.device_tag != mine.device_tag:
            groups[DEVICES].setdefault(other.device_tag or "no device tag", []).append(other)
        elif other.digest != mine.digest and other.device_tag == mine.device_tag:
            groups[MODELS].setdefault(names.model_key(other.model), []).append(other)
    return groups


def positions(mine: ModelFigures, peers: Dict[str, List[ModelFigures]]) -> Iterator[Position]:
    """The position of each headline figure that this run has among the peers that have it."""
    for figure, stat in mine.stats.items():
        neighbours = [neighbour for name, runs in peers.items() for neighbour in [_neighbour(figure, name, runs)] if neighbour]
        if stat is None or not neighbours:
            continue
        sign = -1 if figure in LESS_IS_BETTER else 1
        slower = [peer for peer in neighbours if sign * peer.median < sign * stat["median"]]
        faster = [peer for peer in neighbours if sign * peer.median >= sign * stat["median"]]
        yield Position(figure, stat, len(neighbours), len(slower),
                       max(slower, key=lambda peer: sign * peer.median, default=None),
                       min(faster, key=lambda peer: sign * peer.median, default=None))


def _neighbour(figure: str, name: str, runs: List[ModelFigures]) -> Optional[Neighbour]:
    stats = [stat for stat in (run.stats[figure] for run in runs) if stat]
    if not stats:
        return None
    low, high = (stats[0]["low"], stats[0]["high"]) if len(stats) == 1 else (None, None)
    return Neighbour(name, median_of([stat["median"] for stat in stats]), low, high)


def is_noise(stat: dict, neighbour: Neighbour) -> Optional[bool]:
    """Whether the difference is within the noise of the calls; None: one of the two intervals is not known."""
    if None in (stat["low"], stat["high"], neighbour.low, neighbour.high):
        return None
    return stat["low"] <= neighbour.high and neighbour.low <= stat["high"]


def render(metadata: dict, others: List[ModelFigures]) -> str:
    own, parts = list(headline.figures_of(metadata["run_id"], metadata)), []
    for mine in own:
        parts.append(mine.model)
        for group, peers in peers_of(mine, others + [other for other in own if other is not mine]).items():
            rows = [_row(position) for position in positions(mine, peers)]
            count = text_format.counted(len(peers), "device" if group == DEVICES else "model")
            parts.append(f"{group} ({count}):\n{text_layout.format_table(TITLES, rows, (0, 4, 5))}" if rows else f"{group}: none yet")
    return "\n\n".join(parts)


def _row(position: Position) -> list:
    share = 100 * position.slower_peers / position.peers
    return [HEADLINE[position.figure].title, text_format.median_with_n(position.stat),
            f"{position.peers - position.slower_peers + 1} of {position.peers + 1}", f"{share:.0f} %",
            _beside(position, position.slower), _beside(position, position.faster)]


def _beside(position: Position, neighbour: Optional[Neighbour]) -> Optional[str]:
    if neighbour is None:
        return None
    noise = {True: "within noise", False: "more than noise", None: "noise not known"}[is_noise(position.stat, neighbour)]
    return f"{neighbour.name} {text_format.figure(neighbour.median)}, {noise}"
