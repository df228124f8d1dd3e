"""The methodology page: methodology.md, and how this catalogue computes its statistics."""
from __future__ import annotations

from publish import markdown
from publish.markup import tag
from publish.pages import layout


def page(catalogue: dict, source: str) -> tuple:
    """`source` is Markdown whose first line is its title."""
    title, _, rest = source.strip().partition("\n")
    body = [tag("h1", title.lstrip("# ") or "Methodology"), markdown.render(rest, 2, own_links=True)]
    body.append(layout.section("Of this catalogue", tag("p", catalogue["statistics"], "."), id_="of-this-catalogue"))
    return layout.page("methodology.html", "Methodology", (), catalogue["synthetic"], tag("div", body, class_="prose"))
