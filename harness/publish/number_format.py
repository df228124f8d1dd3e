"""Numbers: how figures are written for people: three digits that count, thousands apart, the unit never far."""
from __future__ import annotations

from typing import Optional

NONE = "\u2013"         # where there is no figure
THIN = "\u202f"         # a narrow space that does not break, between a number and its unit


def figure(value: Optional[float]) -> str:
    """Three significant digits or more, thousands apart by commas, never an exponent."""
    if value is None:
        return NONE
    size = abs(value)
    if size >= 99.95 or float(value).is_integer():
        return f"{value:,.0f}"
    digits = 1 if size >= 9.995 else 2 if size >= 0.9995 else 3
    return f"{value:.{digits}f}" if size >= 0.0005 else f"{value:.1g}" if value else "0"


def milliseconds(value: Optional[float]) -> str:
    """With its unit: milliseconds below a second, then seconds, then minutes."""
    if value is None:
        return NONE
    if value < 999.5:
        return f"{figure(value)}{THIN}ms"
    if value < 599_500:
        return f"{figure(value / 1000)}{THIN}s"
    return f"{figure(value / 60_000)}{THIN}min"


def gigabytes(value: Optional[float]) -> str:
    """Bytes in units of 10^9 or smaller, as models are told."""
    if value is None:
        return NONE
    for least, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= least:
            return f"{figure(value / least)}{THIN}{unit}"
    return f"{value:.0f}{THIN}bytes"


def percent(share: Optional[float], digits: int = 0) -> str:
    return NONE if share is None else f"{100 * share:.{digits}f}{THIN}%"


def counted(number: int, noun: str, plural: Optional[str] = None) -> str:
    """1 run, 2 runs, 1,000 runs."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def between(low: Optional[float], high: Optional[float], shown: object = figure) -> str:
    """An interval; one number where both ends look alike. A unit that both have is said once."""
    if low is None or high is None:
        return NONE
    first, last = shown(low), shown(high)
    if first == last:
        return last
    head, space, unit = first.partition(THIN)
    return f"{head}\u2013{last}" if space and last.endswith(space + unit) else f"{first}\u2013{last}"
