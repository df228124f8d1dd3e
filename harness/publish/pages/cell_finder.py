"""The search for a cell: a field, and the lists of devices and models that site.js searches. Without scripts the lists are links."""
from __future__ import annotations

from typing import Dict, List

from publish.escape import Html
from publish.markup import joined, tag
from publish.pages import layout, lists

PLACEHOLDER = "Device, model, or both"
LABEL = "Find a device, a model, or a model on a device"


def render(catalogue: dict, below: str, devices_title: str, models_title: str) -> Html:
    """`below` is the folder whose pages the lists link to: compare/ or none."""
    field = tag("div", tag("input", type="search", placeholder=PLACEHOLDER, aria_label=LABEL, autocomplete="off"), tag("output"),
                tag("div", class_="hits"), id="find-cell", class_="tools", role="search")
    return joined((field, _list(devices_title, _devices(catalogue, below), "devices"), _list(models_title, _models(catalogue, below), "models")))


def _devices(catalogue: dict, below: str) -> List[Html]:
    """Each device has `number:runs` of its models, from which site.js makes the path of a cell's page.

    Models with names too long for that path are found on the device's own page.
    """
    numbers = {model["model"]: number for number, model in enumerate(catalogue["models"])}
    by_tag: Dict[str, List[str]] = {}
    for cell in catalogue["cells"]:
        if cell["page"] == f"cells/{cell['device_tag']}.{cell['model_id']}.html":
            by_tag.setdefault(cell["device_tag"], []).append(f"{numbers[cell['model']]}:{cell['runs']}")
    return [tag("li", lists.link(below, device["page"], device["device_tag"]), data_name=device["device_tag"], data_label=device["label"],
                data_page=device["page"], data_cells=" ".join(by_tag.get(device["device_tag"], ()))) for device in catalogue["devices"]]


def _models(catalogue: dict, below: str) -> List[Html]:
    return [tag("li", lists.link(below, model["page"], model["model"]), data_name=model["model"], data_id=model["model_id"],
                data_page=model["page"]) for model in catalogue["models"]]


def _list(title: str, links: List[Html], id_: str) -> Html:
    return layout.details(f"{title} ({len(links)})", tag("ul", links, class_="ways", id=id_))
