"""The catalogue document: rows of runs and pooled cells combined into one record. Pure: reads and writes nothing."""
from __future__ import annotations

from typing import Sequence

from base.records import CATALOGUE_VERSION
from derive.distribution import METHOD
from publish import page_inputs

STATISTICS = (f"{METHOD}; over runs: of the runs' own medians; over calls: of the calls of all runs; shares with Wilson's "
              "95 % interval; runs that are not shown count in the figures of a cell")


class RunTotals:
    """Counts over all runs; add them newest first."""

    def __init__(self) -> None:
        self.shown = self.withheld = self.calls = 0
        self.handles: set = set()
        self.devices: dict = {}         # device tag: counts, handles and facts for its `device` record

    def add(self, started_at: str, device_tag: str, handle: str, done: int | None, machine: dict | None) -> None:
        """A withheld run has neither calls nor a machine. A device's facts are those of the newest run that has any."""
        device = self.devices.setdefault(device_tag, {"shown": 0, "withheld": 0, "handles": set(), "newest": None, "machine": None})
        if machine is None:
            self.withheld += 1
            device["withheld"] += 1
            return
        self.shown += 1
        self.calls += done
        self.handles.add(handle)
        device["shown"] += 1
        device["handles"].add(handle)
        device["newest"] = device["newest"] or started_at
        if device["machine"] is None or device["machine"]["label"] is None:
            device["machine"] = machine


def document(rows: Sequence, cells: list, totals: RunTotals, synthetic: bool) -> dict:
    """The `catalogue` record. `rows` are `catalogue_run` records, newest first, `cells` those of cells without by_run."""
    cells = sorted(cells, key=lambda cell: cell["cell_id"])
    return {
        "schema": CATALOGUE_VERSION, "synthetic": synthetic, "statistics": STATISTICS,
        "totals": {"runs": totals.shown, "handles": len(totals.handles), "devices": len({cell["device_tag"] for cell in cells}),
                   "models": len({cell["model"] for cell in cells}), "cells": len(cells), "calls": totals.calls},
        "devices": [_device(tag, counts, cells) for tag, counts in sorted(totals.devices.items()) if counts["shown"]],
        "models": _models(cells), "cells": cells, "runs": rows,
    }


def _device(tag: str, counts: dict, cells: list) -> dict:
    return {"runs": counts["shown"] + counts["withheld"], "withheld": counts["withheld"], "device_tag": tag,
            "page": page_inputs.page_of_device(tag), **counts["machine"], "handles": len(counts["handles"]), "newest": counts["newest"],
            "cells": [cell["cell_id"] for cell in cells if cell["device_tag"] == tag]}


def _models(cells: list) -> list:
    by_name: dict = {}
    for cell in cells:
        by_name.setdefault(cell["model"], []).append(cell)
    return [_model(name, cells_of_model) for name, cells_of_model in sorted(by_name.items())]


def _model(name: str, cells: list) -> dict:
    variants = sorted((variant for cell in cells for variant in cell["variants"]),
                      key=lambda variant: (variant["newest"], variant["digest"]), reverse=True)
    return {
        **{count: sum(cell[count] for cell in cells) for count in ("runs", "withheld")},
        "model_id": page_inputs.model_id(name), "page": page_inputs.page_of_model(name), "model": name,
        **{about: variants[0][about] for about in ("family", "parameter_size")},
        "quantizations": sorted({variant["quantization"] for variant in variants if variant["quantization"]}),
        "digests": list(dict.fromkeys(variant["digest"] for variant in variants)),
        "cells": [cell["cell_id"] for cell in cells],
    }
