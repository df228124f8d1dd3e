"""Tables: rows of cells with their headings. site.js sorts those that are `live` by what each cell holds as its key."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterable, List, Optional, Union

from publish import number_format
from publish.charts.axes import Interval
from publish.escape import Html
from publish.markup import tag
from publish.pages import figure_text


@dataclass(frozen=True)
class Cell:
    """What is shown, by what it is sorted (None: last), and how it is set."""
    shown: object
    key: Union[str, float, None] = None
    class_: Optional[str] = None


@dataclass(frozen=True)
class Head:
    """A column's title; `first` is the direction in which it is sorted first; a `plain` column cannot be sorted."""
    title: Union[str, Html]
    class_: str = ""
    first: str = "up"
    is_plain: bool = False
    says: str = ""


def words(*titles: str) -> List[Head]:
    """Columns of words."""
    return [Head(title) for title in titles]


def counts(*titles: str) -> List[Head]:
    """Columns of numbers, the largest of which is wanted first."""
    return [Head(title, "n", "down") for title in titles]


def nothing(class_: str = "n") -> Cell:
    return Cell(tag("span", number_format.NONE, class_="none"), None, class_)


def number(value: Optional[float], shown: object = None) -> Cell:
    """A plain number."""
    return Cell(number_format.figure(value) if shown is None else shown, value, "n")


def interval(found: Optional[Interval], show: Callable = number_format.figure) -> Cell:
    return nothing() if found is None else Cell(figure_text.shown(found, show), found.value, "n")


def right(passed: int, n: int) -> Cell:
    """Right answers as a share and as what they are."""
    if not n:
        return nothing()
    shown = tag("span", tag("b", number_format.percent(passed / n)), tag("small", f"{passed:,} of {n:,}"), class_="figure")
    return Cell(shown, passed / n, "n")


def share(found: Optional[dict]) -> Cell:
    """The same of a `share` record."""
    return nothing() if found is None else right(found["passed"], found["n"])


def text(shown: object, key: str) -> Cell:
    return Cell(shown, key)


def table(caption: str, heads: List[Head], rows: Iterable[List[Cell]], live: str = "", find: str = "",
          class_: str = "cells") -> Html:
    """The first cell of a row names it. `live` is the name under which the address keeps how it is sorted and filtered."""
    head = tag("tr", (tag("th", one.title, scope="col", class_=one.class_ or None, title=one.says or None,
                          data_first=one.first if live and not one.is_plain else None) for one in heads))
    body = [tag("tr", tag("th", row[0].shown, scope="row", data_key=_key(row[0], live)),
                (tag("td", cell.shown, class_=cell.class_, data_key=_key(cell, live)) for cell in row[1:]))
            for row in rows]
    made = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body),
               class_=f"live {class_}" if live else class_, data_name=live or None, data_find=find or None)
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _key(cell: Cell, live: str) -> str | None:
    """Numbers as such, texts in lower case; what a table does not sort by is left out."""
    if not live or cell.key is None:
        return None
    return f"{cell.key:.8g}" if isinstance(cell.key, (int, float)) else cell.key.lower()[:80]
