"""NVIDIA: what nvidia-smi reports, or the driver's files under /proc where that tool is missing or fails."""
from __future__ import annotations

import re

from base import facts
from base.pattern import lazy
from measure.hardware import gpu, integrated, products, text_parsing
from measure.hardware.machine import SLOW_S, CommandResult, Machine

QUERY = ("pci.bus_id", "name", "memory.total", "driver_version", "power.limit")      # never uuid or serial
QUERY_METHOD = "nvidia-smi --query-gpu"
DRIVER = "/proc/driver/nvidia"
SILENT = "nvidia-smi does not report it"
NO_NUMBER = ("n/a", "[n/a]", "[not supported]")
HIDDEN = "[insufficient permissions]"       # what a container that sees only a MIG slice gets for the memory; or [N/A]
LOST = lazy(r"\[gpu is lost\]|err!|\[gpu requires reset\]", re.IGNORECASE)
# Products that can be split into MIG slices; others are not asked for it.
SPLITTABLE = lazy(r"\b(?:A30|[AH][18]00|H20|H200|GH200|G?B[23]00|RTX PRO [56]000)\b", re.IGNORECASE)
SLICE = lazy(r"\s+MIG (\S+)\s+Device\s+[0-9]+:")


def read(machine: Machine) -> list:
    """[(place, card)]; the place is None where nvidia-smi reports no bus address, as on a Jetson."""
    answer = machine.run("nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader,nounits", limit_s=SLOW_S)
    rows = [[cell.strip() for cell in row.split(",")] for row in answer.text.splitlines()]
    rows = [row for row in rows if len(row) == len(QUERY) and (gpu.slot(row[0]) or _is_without_bus(row))]
    slices = _slices(machine, rows)
    cards = [(gpu.slot(row[0]), _with_slice(_card(row), *slices.get(number, (False, None)))) for number, row in enumerate(rows)]
    return cards or _from_driver(machine, answer)


def _is_without_bus(row: list) -> bool:
    return row[0].lower() in ("n/a", "[n/a]") and text_parsing.line(row[1]) is not None


def _card(row: list) -> dict:
    name, memory_mib = text_parsing.line(row[1]), text_parsing.whole(row[2])
    lost = next((cell for cell in row[1:] if LOST.search(cell)), None)
    shared = not lost and _is_shared(row)
    return {
        "vendor": facts.known("NVIDIA", QUERY_METHOD),
        "name": facts.optional(name, QUERY_METHOD, SILENT),
        "memory_bytes": facts.unknown("it works in main memory") if shared else
        facts.optional(memory_mib and memory_mib << 20, QUERY_METHOD, f"nvidia-smi prints {row[2] or 'nothing'}"),
        "driver": facts.optional(text_parsing.version(row[3]), QUERY_METHOD, SILENT),
        "interface": facts.known("none", f"nvidia-smi prints {lost}") if lost else facts.known("cuda", QUERY_METHOD),
        "unified_memory": facts.known(True, f"{QUERY_METHOD}: it reports no memory of its own") if shared else
        facts.optional(False if memory_mib or _is_hidden(row) else None, f"{QUERY_METHOD}: it has memory of its own", SILENT),
        "power_limit_w": facts.optional(text_parsing.number(row[4]), QUERY_METHOD, f"nvidia-smi prints {row[4] or 'nothing'}"),
    }


def _is_hidden(row: list) -> bool:
    return row[2].lower() == HIDDEN or row[2].lower() in NO_NUMBER and SPLITTABLE.search(row[1]) is not None


def _is_shared(row: list) -> bool:
    """nvidia-smi has no number for the memory of a chip that shares main memory: Jetson, DGX Spark. Nor for a split card."""
    is_card = integrated.by_name(row[1]) is False or SPLITTABLE.search(row[1]) or products.card_bytes(row[1])
    return row[2].lower() in NO_NUMBER and not is_card


# ----- MIG: a card that is split into slices, of which a program gets one

def _slices(machine: Machine, rows: list) -> dict:
    """{number of a card in MIG mode: (True, profile of the slice that CUDA uses, such as 3g.40gb, or None)}."""
    hidden = {number for number, row in enumerate(rows) if _is_hidden(row)}
    if not hidden and not any(SPLITTABLE.search(row[1]) for row in rows):
        return {}
    modes = machine.run("nvidia-smi", "--query-gpu=pci.bus_id,mig.mode.current", "--format=csv,noheader,nounits", limit_s=SLOW_S)
    split = {gpu.slot(place) for place, _, mode in (row.partition(",") for row in modes.text.splitlines())
             if mode.strip().lower() == "enabled"}
    first = _first_slices(machine) if hidden or split else {}
    return {number: (True, first.get(number)) for number, row in enumerate(rows)
            if number in hidden or number in first or gpu.slot(row[0]) in split}


def _first_slices(machine: Machine) -> dict:
    """{number of a card: profile of its first slice} from the list that nvidia-smi prints, whose UUIDs are not read."""
    listed = re.split(r"^GPU [0-9]+:", machine.run("nvidia-smi", "-L", limit_s=SLOW_S).text, flags=re.MULTILINE)[1:]
    return {number: match.group(1) for number, text in enumerate(listed) for match in [SLICE.search(text)] if match}


def _with_slice(card: dict, is_split: bool, profile: str | None) -> dict:
    """The card as a program sees it: one slice of it, of which the profile's name gives the memory."""
    if not is_split:
        return card
    method = f"{QUERY_METHOD} mig.mode.current, nvidia-smi -L"
    size = re.search(r"\.([0-9]{1,3})gb", profile or "")
    words = text_parsing.line(f"{card['name']['value'] or ''} MIG {profile or ''}")
    return {**card, "name": facts.optional(words, method, SILENT),
            "memory_bytes": facts.optional(size and int(size.group(1)) << 30, "nvidia-smi -L: the name of the slice's profile",
                                       "the card is split (MIG), and the slice's memory is not reported"),
            "unified_memory": facts.known(False, method)}


def is_slice(name: str | None) -> bool:
    return re.search(r"\bMIG\b", name or "") is not None


# ----- without nvidia-smi

def _from_driver(machine: Machine, answer: CommandResult) -> list:
    """From the driver's files. nvidia-smi there but failing means a mismatched driver, and then CUDA fails too."""
    version = re.search(r"Kernel Module +(?:for \S+ +)?([0-9.]+)", machine.read(f"{DRIVER}/version") or "")
    method = f"{DRIVER}/gpus/*/information"
    cards = []
    for path in machine.paths(f"{DRIVER}/gpus/*/information"):
        name = text_parsing.line(text_parsing.pairs(machine.read(path)).get("Model"))
        shared = integrated.by_name(name)
        cards.append((path.split("/")[-2].lower(), {
            "vendor": facts.known("NVIDIA", method), "name": facts.optional(name, method, f"{method} does not report it"),
            "driver": facts.optional(version and version.group(1), f"{DRIVER}/version", f"{DRIVER}/version does not report it"),
            "unified_memory": facts.optional(shared, f"{method}: by its name", "the name does not show it"),
            "interface": facts.optional("cuda" if answer.outcome == "missing" else None, f"{DRIVER}/version: the driver is loaded",
                                    answer.why)}))
    return cards
