"""The list of models."""
from __future__ import annotations

from typing import Dict, List

from publish import number_format
from publish.charts import strip
from publish.markup import tag
from publish.pages import layout, lists, tables
from publish.pages.figure_columns import Row
from publish.pages.tables import Head, TableCell, number, table

HEADS = [Head("Model"), *tables.counts("Parameters"), Head("Quantization"),
         *tables.counts("On disk", "Right answers", "Code passed"),
         Head("Decode tok/s", "n", "down", tooltip="slowest to fastest device"), *tables.counts("Devices", "Runs")]
LEAD = ("Each model with its tag, as the server lists it. Right answers are counted over all devices, since a model's "
        "answers hardly depend on the device.")
BILLIONS = {"T": 1000.0, "B": 1.0, "M": 1e-3, "K": 1e-6}


def page(catalogue: dict, by_name: Dict[str, List[Row]]) -> tuple:
    lines = [_line(model, by_name[model["model"]]) for model in catalogue["models"]]
    body = table("Models, by their names", HEADS, lines, "models", "Find a model") if lines else layout.note(
        "No model is shown here yet.")
    return layout.page("models.html", "Models", (), catalogue["synthetic"], tag("h1", "Models"),
                       tag("p", LEAD, class_="lead"),
                       body)


def _line(model: dict, rows: List[Row]) -> list:
    family = tag("small", lists.name(model["family"])) if model["family"] and not model["model"].startswith(model["family"]) else None
    quantizations, size = ", ".join(model["quantizations"]), rows[0].variant["size_bytes"]
    return [TableCell([lists.link("", model["page"], model["model"]), family], model["model"]),
            number(_size(model["parameter_size"]), model["parameter_size"] or number_format.NONE),
            TableCell(lists.name(quantizations or number_format.NONE), quantizations), number(size, number_format.gigabytes(size)),
            _together(rows, "answers"), _together(rows, "code"), _range(rows),
            number(len({row.cell["device_tag"] for row in rows})), number(model["runs"])]


def _together(rows: List[Row], name: str) -> TableCell:
    shares = [row.variant["headline"][name] for row in rows if row.variant["headline"][name]]
    return tables.passed_of(sum(share["passed"] for share in shares), sum(share["n"] for share in shares))


def _range(rows: List[Row]) -> TableCell:
    """From the slowest to the fastest device, sorted by the median."""
    speeds = [point.interval.value for point in lists.device_points(rows, None)]
    if not speeds:
        return tables.empty()
    return number(strip.quartiles(speeds)[1], number_format.between(min(speeds), max(speeds)))


def _size(words: str | None) -> float | None:
    """8B, 600M and the like in billions, as a sort key."""
    try:
        return float(words[:-1]) * BILLIONS[words[-1].upper()] if words else None
    except (KeyError, ValueError):
        return None
