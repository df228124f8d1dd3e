"""Tables: rows of cells with headings. site.js sorts those that are `live` by the keys of their cells."""
from __future__ import annotations

import itertools
from typing import Callable, Iterable, List, NamedTuple, Optional, Union

from publish import number_format
from publish.charts.axes import Interval
from publish.escape import Html, text
from publish.markup import Child, joined, tag
from publish.pages import figure_text

LONG = 25           # rows of a table that is scrolled in a box of its own, below its headings
SEARCHED = 12       # rows of a live table that gets a search field
CHOSEN = 7          # columns of a live table whose columns can be hidden


class TableCell(NamedTuple):
    """Content, sort key (None sorts last) and CSS class."""
    content: Child
    key: Union[str, float, None] = None
    class_: Optional[str] = None


class Head(NamedTuple):
    """A column's title; `first` is the direction of the first sort; a plain column cannot be sorted."""
    title: Union[str, Html]
    class_: str = ""
    first: str = "up"
    is_plain: bool = False
    tooltip: str = ""


def words(*titles: str) -> List[Head]:
    return [Head(title) for title in titles]


def counts(*titles: str) -> List[Head]:
    """Number columns that are sorted with the largest first."""
    return [Head(title, "n", "down") for title in titles]


def empty(class_: str = "n") -> TableCell:
    return TableCell(tag("span", number_format.NONE, class_="none"), None, class_)


def number(value: Optional[float], text: Child = None) -> TableCell:
    return TableCell(number_format.figure(value) if text is None else text, value, "n")


def interval(value: Optional[Interval], show: Callable = number_format.figure) -> TableCell:
    return empty() if value is None else TableCell(figure_text.render(value, show), value.value, "n")


def passed_of(passed: int, n: int) -> TableCell:
    """Right answers as a share and as counts."""
    if not n:
        return empty()
    figure = tag("span", tag("b", number_format.percent(passed / n)), tag("small", f"{passed:,} of {n:,}"), class_="figure")
    return TableCell(figure, passed / n, "n")


def share(record: Optional[dict]) -> TableCell:
    return empty() if record is None else passed_of(record["passed"], record["n"])


def table(caption: str, heads: List[Head], rows: Iterable[List[TableCell]], live: str = "", find: str = "",
          class_: str = "cells") -> Html:
    """The first cell of a row is its heading. `live` names the table in the URL, which keeps its sorting and filter; `find` is
    the label of its search field, which it has if it is long enough."""
    head = tag("tr", (_head(column, bool(live)) for column in heads))
    body = [_row(row, bool(live)) for row in rows]
    html = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body),
               class_=f"live {class_}" if live else class_, data_name=live or None)
    region = tag("div", html, class_="scroll long" if len(body) >= LONG else "scroll", tabindex="0", role="region", aria_label=caption)
    return joined((_tools(len(heads), find if len(body) >= SEARCHED else ""), region)) if live else region


def _head(column: Head, is_live: bool) -> Html:
    """A column's heading; what sorts is a button."""
    is_sorted = is_live and not column.is_plain
    return tag("th", tag("button", column.title, type="button") if is_sorted else column.title, scope="col", class_=column.class_ or None,
               title=column.tooltip or None, data_first=column.first if is_sorted else None)


def _tools(columns: int, find: str) -> Optional[Html]:
    """What site.js works with. It is part of the page, so that nothing moves when the script starts."""
    field = [tag("input", type="search", placeholder=find, aria_label=find), tag("output")] if find else []
    chooser = [tag("details", tag("summary", "Columns"))] if columns >= CHOSEN else []
    return tag("div", field, chooser, class_="tools") if field or chooser else None


def _row(cells: List[TableCell], is_live: bool) -> Html:
    """Formatted without `tag` for speed: a site has many thousands of cells. Contents and keys are escaped."""
    keys = map(_key, cells) if is_live else itertools.repeat("")
    parts = [(f' class="{cell.class_}"' if cell.class_ else "", key, cell.content if type(cell.content) is Html else joined((cell.content,))) for cell, key in zip(cells, keys)]
    _, key, heading = parts[0]
    return Html(f'<tr><th scope="row"{key}>{heading}</th>' + "".join([f"<td{class_}{key}>{content}</td>" for class_, key, content in parts[1:]]) + "</tr>")


def _key(cell: TableCell) -> str:
    """The attribute by which site.js sorts: numbers as they are, text in lower case."""
    if cell.key is None:
        return ""
    key = f"{cell.key:.8g}" if isinstance(cell.key, (int, float)) else text(cell.key.lower()[:80])
    return f' data-key="{key}"'
