"""Axes: the frame of a chart with grid, ticks and labels, marks and intervals, and text descriptions."""
from __future__ import annotations

import functools
from typing import Callable, Iterable, NamedTuple, Optional

from publish.charts.scale import Scale
from publish.escape import Html
from publish.markup import Child, tag

WIDTH, HEIGHT = 400, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 24, 38
CHARACTER = 6.1         # approximate width of one at the size of labels
REPEATED = 1 << 13     # shapes that are kept: the strips of a model are nearly the same on the pages of all devices
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring")


class Interval(NamedTuple):
    """A figure with its spread; `n` in words, such as `3 runs`; `runs` is their number, if known."""
    value: float
    low: float
    high: float
    n: str = ""
    runs: Optional[int] = None

    @property
    def is_lone(self) -> bool:
        return self.runs == 1


def svg(width: float, height: float, title: str, words: str, *children: Child, class_: str = "chart") -> Html:
    """A drawing with its title and description; it has no links or inputs."""
    return tag("svg", tag("title", title), tag("desc", words), *children, class_=class_,
               viewBox=f"0 0 {width:g} {height:g}",
               width=f"{width:g}", height=f"{height:g}", role="img")


@functools.lru_cache(maxsize=REPEATED)
def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    """Formatted without `tag` for speed, as circles are: a site has many thousands. `class_` is a word of our own."""
    return Html(f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{class_}"></line>')


def label(x: float, y: float, words: str, class_: str = "tick", anchor: str | None = None) -> Html:
    return tag("text", words, x=f"{x:g}", y=f"{y:g}", class_=class_, text_anchor=anchor)


def frame(x: Scale, y: Scale, x_title: str, y_title: str) -> Html:
    """Grid, ticks and titles of both axes. The title of the y axis is above it, horizontal."""
    left, right, bottom, top = x.start, x.end, y.start, y.end
    parts = [line(left, y.at(value), right, y.at(value), "grid") for value in y.ticks]
    parts += [label(max(left - 6, len(y.show(value)) * CHARACTER * 0.92), y.at(value) + 4, y.show(value), "tick", "end") for value in y.ticks]
    parts += [line(x.at(value), bottom, x.at(value), bottom + 4, "axis") for value in x.ticks]
    parts += [label(_label_x(x, value), bottom + 16, x.show(value), "tick", "middle") for value in labelled_ticks(x)]
    parts += [line(left, bottom, right, bottom, "axis"), label(2, top - 11, y_title),
              label(right, bottom + 32, x_title, "tick", "end")]
    return tag("g", parts)


def _label_x(x: Scale, value: float) -> float:
    """The middle of a tick label, moved so that the last one is not cut off."""
    return min(x.at(value), x.end + RIGHT - 1 - len(x.show(value)) * CHARACTER / 2)


def labelled_ticks(x: Scale) -> Iterable[float]:
    """Ticks whose labels do not overlap."""
    taken = -1e9
    for value in x.ticks:
        middle, half = _label_x(x, value), len(x.show(value)) * CHARACTER / 2
        if middle - half > taken + 4:
            taken = middle + half
            yield value


@functools.lru_cache(maxsize=REPEATED)
def mark(shape: str, x: float, y: float, class_: str, size: float = 4.2, title: str = "") -> Html:
    """A point; shapes distinguish series without colour. All have about the same area."""
    words = tag("title", title) if title else None
    if shape in ("circle", "ring"):
        return Html(f'<circle cx="{x:g}" cy="{y:g}" r="{size:g}" class="{class_} {shape}">{words or ""}</circle>')
    if shape == "square":
        side = size * 1.75
        return tag("rect", words, x=f"{x - side / 2:.1f}", y=f"{y - side / 2:.1f}", width=f"{side:.1f}",
                   height=f"{side:.1f}", class_=class_)
    if shape == "cross":
        reach = size * 0.95
        return tag("path", words,
                   d=f"M{x - reach:.1f} {y - reach:.1f}L{x + reach:.1f} {y + reach:.1f}M{x - reach:.1f} {y + reach:.1f}"
                   f"L{x + reach:.1f} {y - reach:.1f}", class_=f"{class_} cross")
    corners = _corners(shape, x, y, size * 1.3)
    return tag("path", words, d="M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in corners) + "Z", class_=class_)


def _corners(shape: str, x: float, y: float, reach: float) -> list:
    if shape == "triangle":
        return [(x, y - reach), (x + reach, y + reach * 0.8), (x - reach, y + reach * 0.8)]
    return [(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)]


def whisker(x: Scale, y: float, interval: Interval, class_: str) -> Html:
    return line(x.at(interval.low), y, x.at(interval.high), y, f"whisker {class_}")


def vertical_whisker(x: float, y: Scale, interval: Interval, class_: str) -> Html:
    return line(x, y.at(interval.low), x, y.at(interval.high), f"whisker {class_}")


@functools.lru_cache(maxsize=REPEATED)
def describe(interval: Interval, show: Callable[[float], str]) -> str:
    spread = "" if show(interval.low) == show(interval.high) else f" ({show(interval.low)} to {show(interval.high)})"
    return f"{show(interval.value)}{spread}" + (f", {interval.n}" if interval.n else "")
