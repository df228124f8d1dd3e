"""Numbers, times and sizes as plain text; the site's pages have a formatter of their own, in HTML."""
from __future__ import annotations

from typing import Tuple

MOST_DECIMALS = 17      # with so many, two floats near 1 that differ are never the same text


def figure(value: float | None) -> str:
    """Three significant digits or more, three decimals below 1, never an exponent; - for unknown."""
    if value is None:
        return "-"
    digits = next((digits for least, digits in ((100, 0), (10, 1), (1, 2)) if abs(value) >= least), 3)
    return f"{value:.{digits}f}"


def median_with_n(stat: dict | None) -> str:
    """The median of a `stat` record and its n."""
    return "-" if stat is None or not stat["n"] else f"{figure(stat['median'])} (n={stat['n']})"


def ratio(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def distinct(value: float, bound: float, decimals: int) -> Tuple[str, str]:
    """A value and the bound that it breaks, with the decimals given, or as many more as it takes until they differ."""
    for places in range(decimals, MOST_DECIMALS + 1):
        texts = f"{value:.{places}f}", f"{bound:.{places}f}"
        if float(texts[0]) != float(texts[1]):
            break
    return texts


def counted(count: int, noun: str) -> str:
    """1 call, 2 calls."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def format_duration(seconds: float) -> str:
    """1h05m, 12m03s, 9s."""
    whole = int(seconds + 0.5)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{whole % 60:02d}s" if minutes else f"{whole}s"


def format_bytes(size_bytes: float) -> str:
    """Decimal units, as model libraries show them."""
    for unit in ("B", "kB", "MB", "GB"):
        if round(size_bytes, 1) < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"
