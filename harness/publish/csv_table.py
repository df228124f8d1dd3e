"""catalogue.csv: one row for each device, model and digest, for spreadsheets.

Spreadsheets evaluate text that begins like a formula, and a formula can send data anywhere. Such text gets an apostrophe
in front; numbers are written as numbers.
"""
from __future__ import annotations

import csv
import io

from derive import headline
from publish import table_columns
from publish.table_columns import Value

# First characters of a formula in any spreadsheet, their full-width forms, and white space before them.
FORMULA = tuple("=+-@|%'\"\t\r\n \u00a0\u3000\uff1d\uff0b\uff0d\uff20")
CELL = ("cell_id", "device_tag", "model")
DEVICE = ("label", "model_memory_bytes", "model_memory_kind", "memory_class_gb", "bandwidth_gb_s")


def data(document: dict) -> bytes:
    """The file; document is a `catalogue` record."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(titles())
    devices = {device["device_tag"]: device for device in document["devices"]}
    for cell in document["cells"]:
        device = devices[cell["device_tag"]]
        for variant in cell["variants"]:
            row = (int(document["synthetic"]), *(cell[name] for name in CELL), *(device[name] for name in DEVICE),
                   sum(variant["skips"].values()), headline.failed(variant), *table_columns.values("variant", variant))
            writer.writerow([safe(value) for value in row])
    return out.getvalue().encode("utf-8")


def titles() -> list:
    return ["synthetic", *CELL, *DEVICE, "skipped_calls", "failed_calls", *(name for name, _, _ in table_columns.columns("variant"))]


def safe(value: Value) -> Value:
    """The value in a form that no spreadsheet evaluates; None is an empty cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value if value.isprintable() else "".join(c if c.isprintable() else " " for c in value)
        return f"'{text}" if text.startswith(FORMULA) else text
    return value
