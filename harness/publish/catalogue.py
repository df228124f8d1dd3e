"""The catalogue: rows of runs and pooled cells put together into one document. Pure: nothing is read or written here."""
from __future__ import annotations

from typing import Sequence

from base.records import CATALOGUE_VERSION
from derive.distribution import METHOD
from publish import page_inputs

STATISTICS = (f"{METHOD}; over runs: of the runs' own medians; over calls: of the calls of all runs; shares with Wilson's "
              "95 % interval; runs that are not shown count in the figures of a cell")


class Census:
    """What there is to be counted of the runs, however many they are; told of each, newest first."""

    def __init__(self) -> None:
        self.shown = self.withheld = self.calls = 0
        self.handles: set = set()
        self.devices: dict = {}         # device tag: the `device` record as far as runs make it, but for its handles

    def add(self, started_at: str, device_tag: str, handle: str, done: int | None, machine: dict | None) -> None:
        """A run; one that is not shown has neither calls nor a machine. A device's facts are of its newest run that has any."""
        here = self.devices.setdefault(device_tag, {"shown": 0, "withheld": 0, "handles": set(), "newest": None, "machine": None})
        if machine is None:
            self.withheld += 1
            here["withheld"] += 1
            return
        self.shown += 1
        self.calls += done
        self.handles.add(handle)
        here["shown"] += 1
        here["handles"].add(handle)
        here["newest"] = here["newest"] or started_at
        if here["machine"] is None or here["machine"]["label"] is None:
            here["machine"] = machine


def document(rows: Sequence, cells: list, census: Census, synthetic: bool) -> dict:
    """The `catalogue` record. `rows` are `catalogue_run` records, newest first, `cells` those of cells without by_run."""
    cells = sorted(cells, key=lambda cell: cell["cell_id"])
    return {
        "schema": CATALOGUE_VERSION, "synthetic": synthetic, "statistics": STATISTICS,
        "totals": {"runs": census.shown, "handles": len(census.handles), "devices": len({cell["device_tag"] for cell in cells}),
                   "models": len({cell["model"] for cell in cells}), "cells": len(cells), "calls": census.calls},
        "devices": [_device(tag, found, cells) for tag, found in sorted(census.devices.items()) if found["shown"]],
        "models": _models(cells), "cells": cells, "runs": rows,
    }


def _device(tag: str, found: dict, cells: list) -> dict:
    return {"runs": found["shown"] + found["withheld"], "withheld": found["withheld"], "device_tag": tag,
            "page": page_inputs.page_of_device(tag), **found["machine"], "handles": len(found["handles"]), "newest": found["newest"],
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
        "model_id": page_inputs.model_id(name), "page": page_inputs.page_of_model(name), "model": name,
        **{about: variants[0][about] for about in ("family", "parameter_size")},
        "quantizations": sorted({variant["quantization"] for variant in variants if variant["quantization"]}),
        "digests": list(dict.fromkeys(variant["digest"] for variant in variants)),
        "cells": [cell["cell_id"] for cell in cells],
    }
