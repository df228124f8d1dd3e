"""Graphics without a bus, as on boards and phones: a part of the chip, which the device tree names."""
from __future__ import annotations

from base import facts
from base.pattern import lazy
from measure.hardware import gpu, text_parsing
from measure.hardware.machine import Machine

UEVENT = "/sys/class/drm/renderD*/device/uevent"
COMPATIBLE = "/proc/device-tree/compatible"
# Qualcomm's graphics have no render node of their own and share the display's.
QUALCOMM_DISPLAY = lazy(r"qcom,.*(?:mdss|dpu)")
# Nodes that show pictures or decode video beside the graphics.
NOT_GRAPHICS = lazy(r"display|host1x|[-,](?:vic|nvdec|nvenc|dc|dpu|hdmi)\b|vop")
# NVIDIA's chips for boards, by the word in the device tree, and memory sizes in GB of its modules by part number.
TEGRA = {"tegra210": "Tegra X1", "tegra186": "Tegra X2", "tegra194": "Xavier", "tegra234": "Orin", "tegra264": "Thor"}
MODULE_GB = {"p3448-0003": 2, "p3448": 4, "p3310": 8, "p3489-0888": 4, "p3489": 8, "p3636": 4, "p2888-0001": 16, "p2888-0005": 64,
             "p2888": 32, "p3668-0003": 16, "p3668": 8, "p3767-0000": 16, "p3767-0001": 8, "p3767-0002": 16, "p3767-0004": 4,
             "p3767": 8, "p3701-0005": 64, "p3701-0008": 64, "p3701": 32, "p3834": 128}


def cards(machine: Machine) -> list:
    """The fields of every graphics unit on the chip."""
    gpus = {}
    for path in machine.paths(UEVENT):
        values = text_parsing.pairs(machine.read(path), "=")
        name = text_parsing.line(values.get("OF_COMPATIBLE_0"))
        name = "Qualcomm Adreno" if QUALCOMM_DISPLAY.match(name or "") else name
        if name and "PCI_SLOT_NAME" not in values and not NOT_GRAPHICS.search(name):
            vendor, driver = gpu.vendor_of(name) or name.partition(",")[0], text_parsing.line(values.get("DRIVER"))
            gpus[name] = {"vendor": facts.optional(vendor, UEVENT, "no vendor in the device tree"), "name": facts.known(name, UEVENT),
                           "driver": facts.optional(driver, UEVENT, "it has no driver"), **shared(UEVENT)}
    if not any(card["vendor"]["value"] == "NVIDIA" for card in gpus.values()):
        gpus.update({name: _tegra(name) for word, name in TEGRA.items() if word in compatible(machine)})
    return list(gpus.values())


def _tegra(name: str) -> dict:
    return {"vendor": facts.known("NVIDIA", COMPATIBLE), "name": facts.known(f"NVIDIA {name}", f"the chip in {COMPATIBLE}"),
            **shared(COMPATIBLE)}


def shared(method: str) -> dict:
    return {"unified_memory": facts.known(True, f"{method}: a part of the chip"),
            "memory_bytes": facts.unknown("it works in main memory")}


def compatible(machine: Machine) -> str:
    return (machine.read(COMPATIBLE) or "").replace("\0", " ")


def module_bytes(machine: Machine) -> int | None:
    """The memory that is soldered to an NVIDIA module, by its part number."""
    board = compatible(machine)
    return next((gb << 30 for part, gb in MODULE_GB.items() if part in board), None)
