"""The catalogue document: rows of runs and pooled cells combined into one record. Pure: reads and writes nothing."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Set

from base.records import CATALOGUE_VERSION
from derive.distribution import METHOD
from publish import page_inputs

STATISTICS = (f"{METHOD}; over runs: of the runs' own medians; over calls: of the calls of all runs; shares with Wilson's "
              "95 % interval; runs that are not shown count in the figures of a cell")


@dataclass
class DeviceRuns:
    """What the runs of a device add up to. A device's facts are those of its newest run that knows what it is."""
    device_tag: str
    machine: dict
    shown: int = 0
    withheld: int = 0
    calls: int = 0
    handles: Set[str] = field(default_factory=set)
    newest: str = ""        # start of the newest run shown

    def add_shown(self, runs: int, calls: int, handle: str, newest: str) -> None:
        """Runs of one person."""
        self.shown += runs
        self.calls += calls
        self.handles.add(handle)
        self.newest = max(self.newest, newest)


def document(rows: Iterable[dict], cells: List[dict], devices: Iterable[DeviceRuns], synthetic: bool) -> dict:
    """The `catalogue` record. `rows` are `catalogue_run` records, newest first, `cells` those of cells without by_run."""
    cells = sorted(cells, key=lambda cell: cell["cell_id"])
    shown = sorted((device for device in devices if device.shown), key=lambda device: device.device_tag)
    cells_of: Dict[str, List[str]] = {}
    for cell in cells:
        cells_of.setdefault(cell["device_tag"], []).append(cell["cell_id"])
    return {
        "schema": CATALOGUE_VERSION, "synthetic": synthetic, "statistics": STATISTICS,
        "totals": {"runs": sum(device.shown for device in shown), "handles": len(set().union(*(device.handles for device in shown))),
                   "devices": len(cells_of), "models": len({cell["model"] for cell in cells}), "cells": len(cells),
                   "calls": sum(device.calls for device in shown)},
        "devices": [_device(device, cells_of.get(device.device_tag, [])) for device in shown],
        "models": _models(cells), "cells": cells, "runs": rows,
    }


def _device(device: DeviceRuns, cell_ids: List[str]) -> dict:
    return {"runs": device.shown + device.withheld, "withheld": device.withheld, "device_tag": device.device_tag,
            "page": page_inputs.page_of_device(device.device_tag), **device.machine, "handles": len(device.handles),
            "newest": device.newest, "cells": cell_ids}


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
