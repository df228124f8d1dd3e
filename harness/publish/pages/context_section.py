"""Depth of context: what a prompt costs by its tokens, over all contexts that were climbed, and how far the machine serves a model."""
from __future__ import annotations

import dataclasses
from typing import Callable, Iterable, Iterator, List, Optional, Tuple

from base.phases import CONTEXT_EDGE, RUNG_PHASES
from base.records import LADDER_ENDS
from publish import number_format
from publish.charts import curves
from publish.charts.axes import Interval
from publish.charts.curves import Axis, Series
from publish.escape import Html
from publish.markup import tag
from publish.pages import figure_text, layout
from publish.pages.tables import Head, TableCell, empty, interval, passed_of, table

DEPTH = Axis("prompt tokens", is_log=True)
DECODE = Axis("decode, tok/s")
FIRST = Axis("time to first token", is_log=True, show=number_format.milliseconds)
CHARTS = (("Decode against context depth", "decode_tok_s", DECODE), ("Time to first token against context depth", "ttft_ms", FIRST))
WIDE = 20               # a chart whose highest value is so many times its lowest has a logarithmic axis
MAX_SERIES = 6          # of one chart, which has as many shapes; the others are thin lines
CLIFF = "partly off the accelerator"
HEADS = [Head("Context"), Head("Longest prompt", "n"), Head("Decode tok/s", "n"), Head("First token", "n"), Head("Facts recalled", "n"),
         Head("In memory", "n"), Head("On the accelerator", "n"), Head("Load", "n"), Head("Skipped", "n")]
Depth = List[Tuple[float, Interval]]


def _edge_phases(variant: dict) -> Iterator[dict]:
    """context-edge and its rungs, from the smallest context on."""
    by_name = {phase["phase"]: phase for phase in variant["phases"]}
    return (by_name[name] for name in (CONTEXT_EDGE, *RUNG_PHASES) if name in by_name)


def _groups(phase: dict) -> Iterator[dict]:
    return (group for group in phase["groups"] if group["item"] is not None and group["figures"]["prompt_tokens"])


def _tokens(group: dict) -> float:
    return group["figures"]["prompt_tokens"]["over_runs"]["median"]


def points(variant: dict, figure: str) -> Depth:
    """(prompt tokens, figure) of every prompt of context-edge in every context."""
    result = [(_tokens(group), place, interval_) for place, phase in enumerate(_edge_phases(variant)) for group in _groups(phase)
              for interval_ in [figure_text.of_spread(group["figures"][figure])] if interval_]
    return [(tokens, interval_) for tokens, _, interval_ in sorted(result, key=lambda point: point[:2])]


def cliff(variant: dict) -> Optional[float]:
    """The prompt tokens from which on a part of the model is not on the accelerator; None where no prompt shows it, or all do."""
    partial = variant["ladder"] and variant["ladder"]["partial_from"]
    if not partial:
        return None
    beyond: List[float] = []
    within: List[float] = []
    for phase in _edge_phases(variant):
        size = (phase.get("rung") or {}).get("num_ctx")
        (beyond if size and size >= partial["median"] else within).extend(map(_tokens, _groups(phase)))
    return min(beyond) if beyond and within else None


# ----- a cell

def of_cell(variant: dict, level: int) -> Optional[Html]:
    """The section of a cell whose contexts were climbed."""
    if not variant["ladder"]:
        return None
    lines = [_rung(phase) for phase in _edge_phases(variant) if phase.get("rung")]
    drawn = [chart([("measured", variant)], *parts, CLIFF) for parts in CHARTS]
    return layout.section("Depth of context", tag("p", sentence(variant["ladder"]), class_="bound"), tag("div", drawn, class_="charts"),
                          table("Each context size, with its longest prompt", HEADS, lines), level=level, id_=layout.id_at(level, "depth"))


def sentence(ladder: dict) -> str:
    """How far the machine serves the model, in one sentence or two."""
    if not ladder["num_ctx"]:
        return f"No context size was served in full ({_ends(ladder)})."
    rate = f" at {number_format.figure(ladder['decode_tok_s']['median'])} tok/s" if ladder["decode_tok_s"] else ""
    runs = number_format.counted(ladder["num_ctx"]["n"], "run")
    partial = f" From {ladder['partial_from']['median']:,.0f} tokens on, a part of the model is not on the accelerator." if ladder["partial_from"] else ""
    return (f"This machine serves this model up to {ladder['num_ctx']['median']:,.0f} tokens{rate}{_middle(ladder)} ({runs}). "
            f"Why not further: {_ends(ladder)}.{partial}")


def _middle(ladder: dict) -> str:
    if not ladder["middle_asked"]:
        return ""
    if ladder["middle_found"] == ladder["middle_asked"]:
        return " and still finds a fact in the middle"
    deepest = ladder["middle_found_tokens"]
    up_to = f" only up to {deepest['median']:,.0f} tokens" if deepest else " at no depth"
    return f" and finds a fact in the middle{up_to}" if not ladder["middle_found"] else (
        f" and found a fact in the middle in {ladder['middle_found']} of {number_format.counted(ladder['middle_asked'], 'run')}")


def _ends(ladder: dict) -> str:
    return "; ".join(LADDER_ENDS.get(reason, reason) for reason in ladder["ended_by"]) or "the run is not finished"


def _rung(phase: dict) -> List[TableCell]:
    rung, groups = phase["rung"], sorted(_groups(phase), key=_tokens)
    fullest = groups[-1]["figures"] if groups else {}
    words = f"{rung['num_ctx']:,}" if rung["num_ctx"] else phase["phase"]
    loaded = rung["context_length"]
    reduced = tag("small", f"loaded: {loaded['median']:,.0f}") if loaded and loaded["median"] != rung["num_ctx"] else None
    recall = (phase["quality"] or {}).get("recall") or []
    return [TableCell([words, reduced]), _figure(fullest, "prompt_tokens"), _figure(fullest, "decode_tok_s"),
            _figure(fullest, "ttft_ms", number_format.milliseconds),
            passed_of(sum(row["found"] for row in recall), sum(row["n"] for row in recall)) if recall else empty(),
            interval(figure_text.of_runs(rung["size_bytes"]), number_format.gigabytes),
            interval(figure_text.of_runs(rung["offload_share"]), number_format.percent),
            interval(figure_text.of_runs(rung["load_ms"]), number_format.milliseconds), TableCell(figure_text.counts(rung["stopped_by"]), None, "tight")]


def _figure(figures: dict, name: str, show: Callable[[Optional[float]], str] = number_format.figure) -> TableCell:
    return interval(figure_text.of_spread(figures.get(name)), show)


# ----- charts

def chart(named: List[tuple], title: str, figure: str, axis: Axis, words: str = "") -> Optional[Html]:
    """One chart of several variants: the first ones as series, the others as thin lines. `words` label a cliff."""
    lines = [(kind, name, depth, variant) for kind, (name, variant) in enumerate(named, 1) for depth in [points(variant, figure)] if depth]
    if not lines:
        return None
    series = [Series(name, tuple(depth), kind) for kind, name, depth, _ in lines if kind <= MAX_SERIES]
    others = [[(tokens, interval_.value) for tokens, interval_ in depth] for kind, _, depth, _ in lines if kind > MAX_SERIES]
    cliffs = [curves.Cliff(tokens, words, kind) for kind, _, _, variant in lines if kind <= MAX_SERIES for tokens in [cliff(variant)] if tokens]
    more = f"The {len(series)} with the most runs are named; thin lines are the other {len(others)}." if others else None
    drawn = curves.chart(series, others, DEPTH, _fitting(axis, [interval_ for _, _, depth, _ in lines for _, interval_ in depth]), title,
                         cliffs=cliffs)
    return layout.figure(drawn, [title, None if words else curves.legend(series)], layout.note(more) if more else None)


def _fitting(axis: Axis, values: List[Interval]) -> Axis:
    """The same axis, logarithmic where a linear one would press most lines together."""
    low, high = min(interval_.low for interval_ in values), max(interval_.high for interval_ in values)
    return dataclasses.replace(axis, is_log=axis.is_log or 0 < low * WIDE < high)


def of_many(named: Iterable[tuple]) -> Optional[Html]:
    """The section of a device's or a model's page: all variants in one chart for each figure. `named` are (name, variant)."""
    climbed = [(name, variant) for name, variant in named if any(len(points(variant, figure)) > 1 for _, figure, _ in CHARTS)]
    if len(climbed) > MAX_SERIES:
        climbed.sort(key=lambda pair: -pair[1]["runs"])
    drawn = [chart(climbed, *parts) for parts in CHARTS]
    if not any(drawn):
        return None
    note = ("Single prompts in contexts of all measured sizes, by their tokens. A dashed vertical line marks the depth from which a part of "
            "the model is not on the accelerator.")
    return layout.section("Speed against depth of context", layout.note(note), tag("div", drawn, class_="charts"), id_="depth")
