"""Figures: how a statistic of the catalogue becomes an interval, a cell of a table, or a few words."""
from __future__ import annotations

from typing import Callable, Optional

from base.records import GRADES, VERDICTS
from publish import number_format
from publish.charts.axes import Interval
from publish.escape import Html
from publish.markup import tag

ENOUGH_RUNS = 3     # below that, quartiles over runs are no more than the runs themselves


def of_spread(spread: Optional[dict]) -> Optional[Interval]:
    """The median over runs with the middle half: of the runs where there are three or more, else of their calls."""
    if spread is None:
        return None
    runs, calls = spread["over_runs"], spread["over_calls"]
    half = runs if runs["n"] >= ENOUGH_RUNS else calls
    n = number_format.counted(runs["n"], "run") + ("" if half is runs else f", {number_format.counted(calls['n'], 'call')}")
    return Interval(runs["median"], min(half["q1"], runs["median"]), max(half["q3"], runs["median"]), n, runs["n"])


def of_runs(stat: Optional[dict]) -> Optional[Interval]:
    """A statistic whose n counts runs."""
    if stat is None:
        return None
    return Interval(stat["median"], stat["q1"], stat["q3"], number_format.counted(stat["n"], "run"), stat["n"])


def of_calls(stat: Optional[dict], noun: str = "call", plural: Optional[str] = None) -> Optional[Interval]:
    """A statistic of one run, whose n counts calls."""
    if stat is None:
        return None
    return Interval(stat["median"], stat["q1"], stat["q3"], number_format.counted(stat["n"], noun, plural))


def of_share(share: Optional[dict]) -> Optional[Interval]:
    """Right answers, with the 95 % interval of their share."""
    if share is None or share["share"] is None:
        return None
    return Interval(share["share"], share["low"], share["high"], f"{share['passed']:,} of {share['n']:,}", share["runs"])


def shown(found: Optional[Interval], show: Callable = number_format.figure) -> Html:
    """The figure, and below it what it is uncertain by and its n."""
    if found is None:
        return tag("span", number_format.NONE, class_="none")
    spread = number_format.between(found.low, found.high, show) if show(found.low) != show(found.high) else ""
    parts = [tag("span", spread), " "] if spread else []
    n = tag("span", found.n, class_="lone" if found.is_lone else None)
    return tag("span", tag("b", show(found.value)), tag("small", parts, n), class_="figure")


def runs(number: int) -> Html:
    """3 runs; one alone is marked."""
    return tag("span", number_format.counted(number, "run"), class_="lone" if number == 1 else None)


def grade(word: str) -> Html:
    return tag("span", word, class_=f"badge {word}", title=GRADES.get(word))


def verdict(word: Optional[str]) -> Html:
    return tag("span", word or "no verdict", class_=f"badge {word or 'unknown'}", title=VERDICTS.get(word or ""))


def day(utc: str) -> Html:
    """The day alone; the moment is in the attribute."""
    return tag("time", utc[:10], datetime=utc)


def moment(utc: Optional[str]) -> Optional[Html]:
    return tag("time", f"{utc[:10]} {utc[11:16]} UTC", datetime=utc) if utc else None


def counts(found: dict) -> str:
    """ok 40, length 2; none where there is nothing."""
    return ", ".join(f"{name} {number:,}" for name, number in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
                     if number) or "none"


def short(digest: str) -> str:
    return digest[:12]
