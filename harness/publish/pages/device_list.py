"""The list of devices."""
from __future__ import annotations

from typing import Dict, List

from publish import number_format
from publish.markup import tag
from publish.pages import figure_text, layout, lists, ranking, tables
from publish.pages.figure_columns import BY_ID, Row
from publish.pages.tables import Head, TableCell, number, table

HEADS = [Head("Device"), Head("Memory for models", first="down"),
         Head("Bandwidth", "n", "down", tooltip="of that memory, by the chip table"), Head(ranking.QUICK, first="down"),
         Head("Fastest decode", first="down"), *tables.counts("Models", "Runs"), Head("System"),
         Head("Newest", first="down")]


def page(catalogue: dict, by_tag: Dict[str, List[Row]]) -> tuple:
    lines = [_line(device, by_tag.get(device["device_tag"], [])) for device in catalogue["devices"]]
    body = table("Devices, by their tags", HEADS, lines, "devices", "Find a device") if lines else layout.note("No device is shown here yet.")
    lead = tag("p", "Every measured device, by the tag that its contributors gave it.", class_="lead")
    return layout.page("devices.html", "Devices", (), catalogue["synthetic"], tag("h1", "Devices"), lead, body)


def _line(device: dict, rows: List[Row]) -> list:
    best, *_, fastest = ranking.choices(rows)
    label = tag("small", lists.name(device["label"] or "not known"))
    system, bandwidth = device["system"] or "", device["bandwidth_gb_s"]
    return [TableCell([lists.link("", device["page"], device["device_tag"]), label], device["device_tag"]),
            TableCell(ranking.class_name(device), device["memory_class_gb"]),
            number(bandwidth, f"{number_format.figure(bandwidth)} GB/s" if bandwidth else number_format.NONE), _best(best),
            _fastest(fastest), number(len({row.cell["model"] for row in rows})), number(device["runs"]),
            TableCell(lists.name(system or number_format.NONE), system), TableCell(figure_text.day(device["newest"]), device["newest"])]


def _best(choice: ranking.BestRow) -> TableCell:
    answers = BY_ID["answers"].find(choice.row) if choice.row else None
    if choice.row is None or answers is None:
        return tables.empty("")
    below = tag("small", f"{number_format.percent(answers.value)} ({answers.n})", lists.archived(choice.row))
    return TableCell([lists.link("", choice.row.page, choice.row.name_of_model), below], answers.low)


def _fastest(choice: ranking.BestRow) -> TableCell:
    decode = BY_ID["decode"].find(choice.row) if choice.row else None
    if choice.row is None or decode is None:
        return tables.empty("")
    below = tag("small", f"{number_format.figure(decode.value)} tok/s, ", figure_text.run_count(decode.runs), lists.archived(choice.row))
    return TableCell([lists.link("", choice.row.page, choice.row.name_of_model), below], decode.value)
