"""AMD: what amd-smi or rocm-smi reports, and the kernel's own list of what can compute."""
from __future__ import annotations

from typing import Any, Callable

from base import facts
from measure.hardware import gpu, pci, text_parsing
from measure.hardware.machine import SLOW_S, CommandResult, Machine

LIMITS = (("limit", "socket_power"), ("limit", "ppt0", "socket_power_limit"), ("limit", "max_power"))    # by version
STATIC = ("amd-smi", "static", "--asic", "--bus", "--vram", "--driver")
NODES = "/sys/class/kfd/kfd/topology/nodes/*/properties"
SILENT = "amd-smi does not report it"


def read(machine: Machine) -> list:
    """[(place, card)]: from the newer tool first, since rocm-smi is being retired."""
    return _amd_smi(machine) or _rocm_smi(machine)


def _amd_smi(machine: Machine) -> list:
    document = text_parsing.json(_static(machine).text)
    rows = text_parsing.rows(document.get("gpu_data") if isinstance(document, dict) and "gpu_data" in document else document)
    return [(gpu.slot(_inside(row, "bus", "bdf")), _of_amd_smi(row)) for row in rows if isinstance(row.get("asic"), dict)]


def _static(machine: Machine) -> CommandResult:
    """In a virtual machine amd-smi refuses --limit, and the whole call with it."""
    answer = machine.run(*STATIC, "--limit", "--json", limit_s=SLOW_S)
    return machine.run(*STATIC, "--json", limit_s=SLOW_S) if answer.outcome == "failed" else answer


def _of_amd_smi(row: dict) -> dict:
    """Its names for things change between versions, so that several are tried."""
    method = "amd-smi static"
    kind = (text_parsing.line(_inside(row, "vram", "type")) or "").upper()
    limit = next(filter(None, (_measure(_inside(row, *path), text_parsing.number) for path in LIMITS)), None)
    driver = _inside(row, "driver", "version") or _inside(row, "driver", "driver_version")
    return {
        "vendor": facts.known("AMD", method),
        "name": facts.optional(pci.product(_product_name(_inside(row, "asic", "market_name"))), method, SILENT),
        "memory_bytes": facts.optional(_measure(_inside(row, "vram", "size"), text_parsing.size_bytes), method, SILENT),
        "cores": facts.optional(text_parsing.whole(_inside(row, "asic", "num_compute_units")), method, SILENT),
        "driver": facts.optional(text_parsing.version(driver), method, SILENT),
        "interface": facts.known("rocm", method),
        "unified_memory": facts.optional(not kind.startswith(("GDDR", "HBM")) if kind else None,
                                     f"{method}: its memory is {kind}", SILENT),
        "power_limit_w": facts.optional(limit, method, SILENT),
    }


def _product_name(text: Any) -> str | None:
    """A bare number such as 0x1586 is the device id of a product that the tool does not know."""
    name = text_parsing.line(text)
    return None if name is None or name.lower().startswith("0x") else name


def _inside(part: Any, *names: str) -> Any:
    for name in names:
        part = part.get(name) if isinstance(part, dict) else None
    return part


def _measure(value: Any, convert: Callable) -> Any:
    """`{"value": 24560, "unit": "MB"}` or `24560 MB`."""
    return convert(f"{value.get('value')} {value.get('unit', '')}" if isinstance(value, dict) else str(value))


def _rocm_smi(machine: Machine) -> list:
    answer = machine.run("rocm-smi", "--showproductname", "--showbus", "--showmeminfo", "vram", "--showmaxpower",
                         "--showdriverversion", "--json", limit_s=SLOW_S)
    document = text_parsing.json(answer.text)
    rows = {name: {key.lower(): value for key, value in row.items()} for name, row in document.items() if isinstance(row, dict)} \
        if isinstance(document, dict) else {}
    driver = text_parsing.version(rows.get("system", {}).get("driver version"))
    return [(gpu.slot(row.get("pci bus")), _of_rocm_smi(row, driver)) for name, row in rows.items()
            if name.startswith("card")]


def _of_rocm_smi(row: dict, driver: str | None) -> dict:
    method, silent = "rocm-smi", "rocm-smi does not report it"
    names = [pci.product(_product_name(row.get(key))) for key in ("card series", "card model", "device name")]
    return {
        "vendor": facts.known("AMD", method),
        "name": facts.optional(next(filter(None, names), None), method, silent),
        "memory_bytes": facts.optional(text_parsing.whole(row.get("vram total memory (b)")), method, silent),
        "driver": facts.optional(driver, method, silent),
        "interface": facts.known("rocm", method),
        "power_limit_w": facts.optional(text_parsing.number(row.get("max graphics package power (w)")), method, silent),
    }


def kernel_list(machine: Machine) -> dict:
    """{place: card} of what the kernel's compute driver offers; a processor's node has no SIMD units."""
    cards = {}
    for path in machine.paths(NODES):
        values = {name: text_parsing.whole(value) for name, value in text_parsing.pairs(machine.read(path), " ").items()}
        units, location = values.get("simd_count") or 0, values.get("location_id")
        if not units or not location:
            continue
        bus, number = location >> 8, location & 0xFF
        per_core = values.get("simd_per_cu") or 0
        cards[f"{values.get('domain') or 0:04x}:{bus:02x}:{number >> 3:02x}.{number & 7}"] = {
            "interface": facts.known("rocm", NODES),
            "cores": facts.optional(units // per_core if per_core else None, NODES, f"{NODES} does not report it")}
    return cards
