"""The methodology page: methodology.md, and the conditions of the grades from the table in the code."""
from __future__ import annotations

import pathlib

from publish import grades, markdown
from publish.markup import tag
from publish.pages import layout

FILE = pathlib.Path(__file__).resolve().parent.parent.parent / "methodology.md"
MISSING = "# Methodology\n\nmethodology.md is missing; the harness itself documents how a run is made and judged."


def page(catalogue: dict, source: str) -> tuple:
    """`source` is Markdown whose first line is its title."""
    title, _, rest = source.strip().partition("\n")
    body = [tag("h1", title.lstrip("# ") or "Methodology"), markdown.render(rest, 2, own_links=True)]
    if not all(condition.id in source for condition in grades.CONDITIONS):
        body.append(layout.section("Grades", markdown.render(grades.as_markdown(), 3), id_="grades"))
    body.append(layout.section("Of this catalogue", tag("p", catalogue["statistics"], "."), id_="of-this-catalogue"))
    return layout.page("methodology.html", "Methodology", (), catalogue["synthetic"], tag("div", body, class_="prose"))


def source() -> str:
    try:
        return FILE.read_text(encoding="utf-8")
    except FileNotFoundError:
        return MISSING
