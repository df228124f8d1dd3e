"""Contrast: whether every ink of a style sheet can be read on every ground that it may lie on, in both sets of colours.

    python tests/contrast.py [FILE]        prints each pair and its ratio; exit 1 if one is too low

A rule that sets both colours is a pair of its own. An ink that is set alone may lie on any ground that is set alone. Marks of
charts (strokes and fills) need less than words do; lines of the grid and grounds may be faint.
"""
from __future__ import annotations

import pathlib
import re
import sys
from dataclasses import dataclass

STYLE = pathlib.Path(__file__).resolve().parent.parent / "harness" / "publish" / "assets" / "site.css"
WORDS, MARKS = 4.5, 3.0         # WCAG 2.2, AA: text of any size, and drawings that carry meaning
# What a reader loses nothing by not seeing: the grid, rulers between rows, single runs behind their median, grounds.
QUIET = ("rule", "faint", "half", "page", "strong-rule")


@dataclass(frozen=True)
class Pair:
    theme: str
    where: str
    ink: str
    ground: str
    ratio: float
    least: float

    @property
    def is_enough(self) -> bool:
        return self.ratio >= self.least


def themes(style: str) -> dict:
    """light and dark: name of a colour to its value; what dark does not say is as in light."""
    blocks = re.findall(r":root\s*{([^}]*)}", style)
    light, dark = (dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-f]{6})", block)) for block in blocks)
    return {"light": light, "dark": {**light, **dark}}


def rules(style: str) -> list:
    """(selector, {property: value}) of every rule but those that name the colours."""
    bare = re.sub(r"/\*.*?\*/", "", style, flags=re.S)
    bare = re.sub(r"@media[^{]*{", "", bare)
    return [(selector.strip(), dict((name.strip(), value.strip()) for name, _,
                                    value in (part.partition(":") for part in body.split(";")) if value))
            for selector, body in re.findall(r"([^{}]+){([^{}]*)}", bare) if ":root" not in selector]


def named(value: str) -> str | None:
    found = re.search(r"var\(--([a-z0-9-]+)\)", value or "")
    return found.group(1) if found else None


def pairs(style: str) -> list:
    found = rules(style)
    grounds = {named(body.get("background", "")) for _, body in found if named(body.get("color", "")) is None} - {None}
    wanted: dict = {}
    for selector, body in found:
        ink, ground = named(body.get("color", "")), named(body.get("background", ""))
        if ink and ground:
            wanted[selector, ink, ground] = WORDS
        elif ink:
            wanted.update({(selector, ink, one): WORDS for one in grounds})
        is_words = "text" in selector
        for mark in (named(body.get("fill", "")), None if is_words else named(body.get("stroke",
            ""))):     # a letter's stroke is its halo
            if mark and (is_words or mark not in QUIET):
                wanted.update({(selector, mark, one): WORDS if is_words else MARKS for one in grounds})
    return [Pair(theme, where, ink, ground, ratio(colours[ink], colours[ground]), least)
            for theme, colours in themes(style).items() for (where, ink, ground), least in wanted.items()]


def ratio(one: str, other: str) -> float:
    """By the formula of WCAG: 1 for the same colour, 21 for black on white."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place:place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def main(argv: list) -> int:
    style = pathlib.Path(argv[0]) if argv else STYLE
    found = sorted(pairs(style.read_text(encoding="utf-8")), key=lambda pair: pair.ratio / pair.least)
    for pair in found:
        print(f"{'ok ' if pair.is_enough else 'LOW'} {pair.ratio:5.2f} of {pair.least} {pair.theme:5} {pair.ink} on "
              f"{pair.ground}: {pair.where}")
    return 0 if all(pair.is_enough for pair in found) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
