"""Layout: what every page has: its head and policy, the way to all others, and a word on what it is made of."""
from __future__ import annotations

from typing import Iterable, Tuple

from publish.escape import Html
from publish.markup import joined, tag

NAME = "Local models, measured"
POLICY = ("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
          "require-trusted-types-for 'script'; trusted-types 'none'")
PAGES = (("devices.html", "Devices"), ("models.html", "Models"), ("compare.html", "Compare"),
         ("methodology.html", "Methodology"))
DATA = (("catalogue.json", "JSON"), ("catalogue.csv", "CSV"), ("catalogue.sqlite", "SQLite"), ("feed.xml", "Atom feed"))
SYNTHETIC = "Synthetic: made by a script for tests. No machine was measured, and no figure here is of any use."


def root_of(path: str) -> str:
    """What leads from a page back to the site's root."""
    return "../" * path.count("/")


def page(path: str, title: str, trail: Iterable[Tuple[str, str]], synthetic: bool, *body: object,
         wide: bool = False) -> tuple:
    """(path, bytes) of a whole page. `trail` are (path, words) of the pages above it; `body` begins with its only h1."""
    root = root_of(path)
    whole = tag("html", _head(root, title), tag(
        "body", tag("a", "Skip to the content", href="#content", class_="skip"), _header(root, path),
        tag("main", _trail(root, trail), tag("p", SYNTHETIC, class_="synthetic", role="note") if synthetic else None, *body,
            id="content", tabindex="-1"),
        _footer(root), class_="wide" if wide else None), lang="en")
    return path, f"<!DOCTYPE html>\n{whole}\n".encode("utf-8")


def _head(root: str, title: str) -> Html:
    return tag("head", tag("meta", charset="utf-8"), tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
               tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
               tag("meta", name="referrer", content="no-referrer"), tag("meta", name="color-scheme", content="light dark"),
               tag("title", title if title == NAME else f"{title} \u2013 {NAME}"),
               tag("link", rel="icon", href=f"{root}icon.svg", type="image/svg+xml"),
               tag("link", rel="stylesheet", href=f"{root}site.css"),
               tag("link", rel="alternate", type="application/atom+xml", title="Newest runs", href=f"{root}feed.xml"),
               tag("script", src=f"{root}site.js", defer=True))


def _header(root: str, path: str) -> Html:
    home = tag("a", _logo(), NAME, href=f"{root}index.html", class_="home",
               aria_current="page" if path == "index.html" else None)
    links = [tag("li", tag("a", words, href=root + where, aria_current="page" if path == where else None)) for where,
             words in PAGES]
    return tag("header", home, tag("nav", tag("ul", links), aria_label="Pages"))


def _logo() -> Html:
    """Three figures with their intervals."""
    bars = [tag("path", d=f"M{x} {low}V{high}") for x, low, high in ((4, 19, 11), (12, 15, 6), (20, 10, 3))]
    dots = [tag("circle", cx=x, cy=y, r="2.6") for x, y in ((4, 15), (12, 10), (20, 6))]
    return tag("svg", bars, dots, viewBox="0 0 24 22", width="24", height="22", class_="logo", aria_hidden="true")


def _trail(root: str, trail: Iterable[Tuple[str, str]]) -> Html | None:
    links = [tag("li", tag("a", tag("bdi", words), href=root + where)) for where, words in trail]
    return tag("nav", tag("ol", links), class_="trail", aria_label="Above this page") if links else None


def _footer(root: str) -> Html:
    files = joined(part for where, words in DATA for part in (tag("a", words, href=root + where), " "))
    return tag("footer", tag("p", "The same data as files: ", files, class_="files"),
               tag("p", "Data: CC-BY-4.0. Every figure is computed anew from the ledgers that contributors submitted; "
                   "how, says the ",
                   tag("a", "methodology", href=f"{root}methodology.html"), "."))


def contents(*links: tuple) -> Html:
    """The way to the parts of a long page; pairs of (id, words)."""
    return tag("nav", tag("ul", (tag("li", tag("a", words, href=f"#{id_}")) for id_, words in links)), class_="contents",
               aria_label="On this page")


def section(title: object, *body: object, level: int = 2, id_: str | None = None, class_: str | None = None) -> Html:
    """A part of a page with its heading."""
    return tag("section", tag(f"h{level}", title), *body, id=id_, class_=class_)


def note(*words: object) -> Html:
    return tag("p", *words, class_="note")


def facts(rows: Iterable[tuple]) -> Html:
    """Pairs of words and what they are; what is not known is left out."""
    return tag("dl", (tag("div", tag("dt", name), tag("dd", value)) for name, value in rows if value is not None),
               class_="facts")


def figure(chart: object, title: object, *below: object) -> Html:
    """A chart with the words above and below it."""
    return tag("figure", tag("figcaption", title), chart, *below)


def details(summary: object, *body: object) -> Html:
    return tag("details", tag("summary", summary), *body)
