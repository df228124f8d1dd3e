"""Number formatting for people: three significant digits, thousands separated, with the unit."""
from __future__ import annotations

from typing import Callable, Optional

NONE = "\u2013"         # shown where there is no figure
THIN = "\u202f"         # narrow no-break space, between a number and its unit


def figure(value: Optional[float]) -> str:
    """At least three significant digits, commas between thousands, no exponent for usual sizes."""
    if value is None:
        return NONE
    size = abs(value)
    if size >= 99.95 or float(value).is_integer():
        return f"{value:,.0f}"
    digits = 1 if size >= 9.995 else 2 if size >= 0.9995 else 3
    return f"{value:.{digits}f}" if size >= 0.0005 else f"{value:.1g}" if value else "0"


def milliseconds(value: Optional[float]) -> str:
    """In ms below a second, then in s, then in min."""
    if value is None:
        return NONE
    if value < 999.5:
        return f"{figure(value)}{THIN}ms"
    if value < 599_500:
        return f"{figure(value / 1000)}{THIN}s"
    return f"{figure(value / 60_000)}{THIN}min"


def gigabytes(value: Optional[float]) -> str:
    """Bytes in GB (10^9) or smaller units, as model sizes are usually given."""
    if value is None:
        return NONE
    for least, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= least:
            return f"{figure(value / least)}{THIN}{unit}"
    return f"{value:.0f}{THIN}bytes"


def memory(value: Optional[float]) -> str:
    """Bytes of memory in GiB (2^30) or smaller units: a memory sold as 24 GB has 24 GiB."""
    if value is None:
        return NONE
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if value >= 2 ** power:
            return f"{figure(value / 2 ** power)}{THIN}{unit}"
    return f"{value:.0f}{THIN}bytes"


def percent(share: Optional[float]) -> str:
    return NONE if share is None else f"{100 * share:.0f}{THIN}%"


def counted(number: int, noun: str, plural: Optional[str] = None) -> str:
    """1 run, 2 runs, 1,000 runs."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def between(low: Optional[float], high: Optional[float], show: Callable[[float], str] = figure) -> str:
    """An interval; one number if both ends look the same."""
    return NONE if low is None or high is None else joined(show(low), show(high))


def joined(first: str, last: str) -> str:
    """Both ends of an interval as text, with a common unit written once."""
    if first == last:
        return last
    head, space, unit = first.partition(THIN)
    return f"{head}\u2013{last}" if space and last.endswith(space + unit) else f"{first}\u2013{last}"
