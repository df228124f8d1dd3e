"""Numbers as plain text, for reports and tables; the site's pages have a formatter of their own, in HTML."""
from __future__ import annotations


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


def counted(count: int, noun: str) -> str:
    """1 call, 2 calls."""
    return f"{count} {noun}" + ("" if count == 1 else "s")
