"""AMD: what amd-smi tells, or rocm-smi, and the kernel's own list of what can compute."""
from __future__ import annotations

from base import facts
from measure.hardware import cards, pci, texts
from measure.hardware.machine import SLOW_S, Machine

LIMITS = (("limit", "socket_power"), ("limit", "ppt0", "socket_power_limit"), ("limit", "max_power"))    # by version
NODES = "/sys/class/kfd/kfd/topology/nodes/*/properties"


def read(machine: Machine) -> list:
    """[(slot, card)] of the tools; the newer one first, since the older one is on its way out."""
    return _amd_smi(machine) or _rocm_smi(machine)


def _amd_smi(machine: Machine) -> list:
    answer = machine.run("amd-smi", "static", "--asic", "--bus", "--vram", "--driver", "--limit", "--json", limit_s=SLOW_S)
    told = texts.json(answer.text)
    rows = texts.rows(told.get("gpu_data") if isinstance(told, dict) and "gpu_data" in told else told)
    return [(cards.slot(_inside(row, "bus", "bdf")), _of_amd_smi(row)) for row in rows if isinstance(row.get("asic"), dict)]


def _of_amd_smi(row: dict) -> dict:
    """Its names for things change between versions, so that several are tried."""
    method, silent = "amd-smi static", "amd-smi does not tell it"
    kind = (texts.line(_inside(row, "vram", "type")) or "").upper()
    limit = next(filter(None, (_measure(_inside(row, *path), texts.number) for path in LIMITS)), None)
    driver = _inside(row, "driver", "version") or _inside(row, "driver", "driver_version")
    return {
        "vendor": facts.known("AMD", method),
        "name": facts.told(pci.product(texts.line(_inside(row, "asic", "market_name"))), method, silent),
        "memory_bytes": facts.told(_measure(_inside(row, "vram", "size"), texts.size_bytes), method, silent),
        "cores": facts.told(texts.whole(_inside(row, "asic", "num_compute_units")), method, silent),
        "driver": facts.told(texts.line(driver), method, silent),
        "interface": facts.known("rocm", method),
        "unified_memory": facts.told(not kind.startswith(("GDDR", "HBM")) if kind else None,
                                     f"{method}: its memory is {kind}", silent),
        "power_limit_w": facts.told(limit, method, silent),
    }


def _inside(part: object, *names: str) -> object:
    for name in names:
        part = part.get(name) if isinstance(part, dict) else None
    return part


def _measure(told: object, convert) -> object:
    """`{"value": 24560, "unit": "MB"}` or `24560 MB`."""
    return convert(f"{told.get('value')} {told.get('unit', '')}" if isinstance(told, dict) else str(told))


def _rocm_smi(machine: Machine) -> list:
    answer = machine.run("rocm-smi", "--showproductname", "--showbus", "--showmeminfo", "vram", "--showmaxpower",
                         "--showdriverversion", "--json", limit_s=SLOW_S)
    told = texts.json(answer.text)
    rows = {name: {key.lower(): value for key, value in row.items()} for name, row in told.items() if isinstance(row, dict)} \
        if isinstance(told, dict) else {}
    driver = texts.line(rows.get("system", {}).get("driver version"))
    return [(cards.slot(row.get("pci bus")), _of_rocm_smi(row, driver)) for name, row in rows.items()
            if name.startswith("card")]


def _of_rocm_smi(row: dict, driver: str | None) -> dict:
    method, silent = "rocm-smi", "rocm-smi does not tell it"
    names = [pci.product(row[key]) for key in ("card series", "card model", "device name") if isinstance(row.get(key), str)]
    return {
        "vendor": facts.known("AMD", method),
        "name": facts.told(next((name for name in names if name and not name.startswith("0x")), None), method, silent),
        "memory_bytes": facts.told(texts.whole(row.get("vram total memory (b)")), method, silent),
        "driver": facts.told(driver, method, silent),
        "interface": facts.known("rocm", method),
        "power_limit_w": facts.told(texts.number(row.get("max graphics package power (w)")), method, silent),
    }


def kernel_list(machine: Machine) -> dict:
    """{slot: card} of what the kernel's compute driver offers; a processor's node has no SIMD units."""
    found = {}
    for path in machine.paths(NODES):
        told = {name: texts.whole(value) for name, value in texts.pairs(machine.read(path), " ").items()}
        units, place = told.get("simd_count") or 0, told.get("location_id")
        if not units or not place:
            continue
        bus, number = place >> 8, place & 0xFF
        per_core = told.get("simd_per_cu") or 0
        found[f"{told.get('domain') or 0:04x}:{bus:02x}:{number >> 3:02x}.{number & 7}"] = {
            "interface": facts.known("rocm", NODES),
            "cores": facts.told(units // per_core if per_core else None, NODES, f"{NODES} does not tell it")}
    return found
