"""A model page: its facts, and its figures on every device."""
from __future__ import annotations

from typing import List

from publish import number_format
from publish.escape import Html
from publish.markup import tag
from publish.pages import context_section, curve_sections, figure_text, layout, lists, thinking_section
from publish.pages.figure_columns import MAIN, Row


def page(model: dict, rows: List[Row], synthetic: bool) -> tuple:
    path, root = model["page"], layout.root_of(model["page"])
    devices = len({row.cell["device_tag"] for row in rows})
    lead = f"{number_format.counted(model['runs'], 'run')} on {number_format.counted(devices, 'device')}."
    named = [(lists.link(root, row.page, row.name_of_device), row.variant) for row in lists.fastest_first(rows)]
    strip = lists.strip_of(rows, None, "Decode, tok/s", "Decode on every device")
    sections = [layout.section("Decode speed on every device", strip, id_="fast") if strip else None, _devices(root, model, rows),
                thinking_section.of_many(named),
                context_section.of_many([(row.name_of_device, row.variant) for row in lists.fastest_first(rows)]),
                *curve_sections.sections(named)]
    return layout.page(
        path, model["model"], (("models.html", "Models"),), synthetic, tag("h1", lists.name(model["model"])),
        tag("p", lead, class_="lead"), _facts(model, rows), layout.contents_of(sections), sections)


def _facts(model: dict, rows: List[Row]) -> Html:
    sizes = sorted({row.variant["size_bytes"] for row in rows})
    contexts = sorted({row.variant["context_length"] for row in rows if row.variant["context_length"]})
    withheld = f"{number_format.counted(model['withheld'], 'run')} not shown but counted in the figures"
    return layout.facts((
        ("Family", model["family"] and lists.name(model["family"])),
        ("Parameters", model["parameter_size"] and lists.name(model["parameter_size"])),
        ("Quantization", lists.name(", ".join(model["quantizations"])) if model["quantizations"] else None),
        ("On disk", number_format.between(sizes[0], sizes[-1], number_format.gigabytes)),
        ("Trained context", f"{number_format.between(contexts[0], contexts[-1])} tokens" if contexts else None),
        ("Digest" if len(model["digests"]) == 1 else "Digests", _digests(model["digests"])),
        ("Withheld", withheld if model["withheld"] else None)))


def _digests(digests: List[str]) -> list:
    apart = [tag("br"), tag("small", "Figures of different digests are never pooled.")] if len(digests) > 1 else []
    return [part for digest in digests for part in (tag("code", figure_text.short(digest)), " ")] + apart


def _devices(root: str, model: dict, rows: List[Row]) -> Html:
    cells_table = lists.cells(root, rows, MAIN, "device", "Devices with this model, fastest first", "devices", "Find a device")
    more = tag("p", tag("a", "Compare them figure by figure", href=f"{root}compare/{model['page']}"))
    return layout.section("This model on every device", cells_table, lists.column_meanings(MAIN), more, id_="devices")
