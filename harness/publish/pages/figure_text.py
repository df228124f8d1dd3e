"""Statistics of the catalogue as intervals, table cells and short texts."""
from __future__ import annotations

from typing import Callable, Optional

from base.records import GRADES, VERDICTS
from publish import number_format
from publish.charts.axes import Interval
from publish.escape import Html, escaped
from publish.markup import tag

ENOUGH_RUNS = 3     # with fewer, quartiles over runs are just the runs


def of_spread(spread: Optional[dict]) -> Optional[Interval]:
    """The median over runs with quartiles: over runs if there are three or more, else over their calls."""
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
    if share is None or share["share"] is None:
        return None
    return Interval(share["share"], share["low"], share["high"], f"{share['passed']:,} of {share['n']:,}", share["runs"])


def render(interval: Optional[Interval], show: Callable = number_format.figure) -> Html:
    """The figure, with its spread and n below it."""
    if interval is None:
        return tag("span", number_format.NONE, class_="none")
    # Formatted without `tag` for speed: a site has many thousands of figures. What `show` writes has no characters to escape.
    low, high = show(interval.low), show(interval.high)
    spread = f"{number_format.joined(low, high)}<br>" if low != high else ""
    n = f'<span class="lone">{escaped(interval.n)}</span>' if interval.is_lone else escaped(interval.n)
    return Html(f'<span class="figure"><b>{show(interval.value)}</b><small>{spread}{n}</small></span>')


def run_count(number: Optional[int]) -> Html:
    """Such as `3 runs`; a single one is marked."""
    return tag("span", number_format.counted(number or 0, "run"), class_="lone" if number == 1 else None)


def grade(word: str) -> Html:
    return tag("span", word, class_=f"badge {word}", title=GRADES.get(word))


def verdict(word: Optional[str]) -> Html:
    return tag("span", word or "no verdict", class_=f"badge {word or 'unknown'}", title=VERDICTS.get(word or ""))


def day(utc: str) -> Html:
    """The day; the full time is in the attribute."""
    return tag("time", utc[:10], datetime=utc)


def moment(utc: Optional[str]) -> Optional[Html]:
    return tag("time", f"{utc[:10]} {utc[11:16]} UTC", datetime=utc) if utc else None


def counts(by_name: dict) -> str:
    """Such as `ok 40, length 2`; `none` if there is nothing."""
    return ", ".join(f"{name} {number:,}" for name, number in sorted(by_name.items(), key=lambda pair: (-pair[1], pair[0]))
                     if number) or "none"


def short(digest: str) -> str:
    return digest[:12]
