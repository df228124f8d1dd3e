"""The catalogue: rows of runs and pooled cells put together into one document. Pure: nothing is read or written here."""
from __future__ import annotations

from base.records import CATALOGUE_VERSION
from derive.sample import METHOD
from publish import views

STATISTICS = (f"{METHOD}; over runs: of the runs' own medians; over calls: of the calls of all runs; shares with Wilson's "
              "95 % interval; runs that are not shown count in the figures of a cell")


def document(rows: list, cells: list, machines: dict, withheld: dict, synthetic: bool) -> dict:
    """The `catalogue` record. `rows` are `catalogue_run` records, `cells` those of cells without by_run.

    `machines` maps device tags to their facts, `withheld` to how many of their runs are not shown.
    """
    rows = sorted(rows, key=lambda row: (row["started_at"], row["run_id"]), reverse=True)
    cells = sorted(cells, key=lambda cell: cell["cell_id"])
    return {
        "schema": CATALOGUE_VERSION, "synthetic": synthetic, "statistics": STATISTICS,
        "totals": {"runs": len(rows), "handles": len({row["handle"] for row in rows}),
                   "devices": len({cell["device_tag"] for cell in cells}), "models": len({cell["model"] for cell in cells}),
                   "cells": len(cells), "calls": sum(row["done"] for row in rows)},
        "devices": _devices(rows, cells, machines, withheld), "models": _models(cells), "cells": cells, "runs": rows,
    }


def _devices(rows: list, cells: list, machines: dict, withheld: dict) -> list:
    by_tag: dict = {}
    for row in rows:
        by_tag.setdefault(row["device_tag"], []).append(row)
    return [_device(tag, shown, cells, machines[tag], withheld.get(tag, 0)) for tag, shown in sorted(by_tag.items())]


def _device(tag: str, shown: list, cells: list, machine: dict, withheld: int) -> dict:
    return {"runs": len(shown) + withheld, "withheld": withheld, "device_tag": tag, "page": views.page_of_device(tag), **machine,
            "handles": len({row["handle"] for row in shown}), "newest": shown[0]["started_at"],
            "cells": [cell["cell_id"] for cell in cells if cell["device_tag"] == tag]}


def _models(cells: list) -> list:
    by_name: dict = {}
    for cell in cells:
        by_name.setdefault(cell["model"], []).append(cell)
    return [_model(name, found) for name, found in sorted(by_name.items())]


def _model(name: str, cells: list) -> dict:
    variants = sorted((variant for cell in cells for variant in cell["variants"]),
                      key=lambda found: (found["newest"], found["digest"]), reverse=True)
    return {
        **{count: sum(cell[count] for cell in cells) for count in ("runs", "withheld")},
        "model_id": views.model_id(name), "page": views.page_of_model(name), "model": name,
        **{about: variants[0][about] for about in ("family", "parameter_size")},
        "quantizations": sorted({variant["quantization"] for variant in variants if variant["quantization"]}),
        "digests": list(dict.fromkeys(variant["digest"] for variant in variants)),
        "cells": [cell["cell_id"] for cell in cells],
    }
