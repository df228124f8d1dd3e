"""Products by PCI id: from the database that lspci reads, else a short table of common cards, for systems without lspci."""
from __future__ import annotations

import re

from measure.hardware import text_parsing
from measure.hardware.machine import Machine

DATABASES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids")
# Ids that belong to one product each.
COMMON = {
    0x10DE: {
        0x2B85: "GeForce RTX 5090", 0x2C02: "GeForce RTX 5080", 0x2C05: "GeForce RTX 5070 Ti", 0x2F04: "GeForce RTX 5070",
        0x2D04: "GeForce RTX 5060 Ti", 0x2D05: "GeForce RTX 5060", 0x2684: "GeForce RTX 4090", 0x2704: "GeForce RTX 4080",
        0x2702: "GeForce RTX 4080 SUPER", 0x2782: "GeForce RTX 4070 Ti", 0x2705: "GeForce RTX 4070 Ti SUPER",
        0x2786: "GeForce RTX 4070", 0x2783: "GeForce RTX 4070 SUPER", 0x2803: "GeForce RTX 4060 Ti", 0x2805: "GeForce RTX 4060 Ti 16GB",
        0x2882: "GeForce RTX 4060", 0x2203: "GeForce RTX 3090 Ti", 0x2204: "GeForce RTX 3090", 0x2208: "GeForce RTX 3080 Ti",
        0x2206: "GeForce RTX 3080", 0x2216: "GeForce RTX 3080", 0x2482: "GeForce RTX 3070 Ti", 0x2484: "GeForce RTX 3070",
        0x2488: "GeForce RTX 3070", 0x2486: "GeForce RTX 3060 Ti", 0x2489: "GeForce RTX 3060 Ti", 0x2503: "GeForce RTX 3060",
        0x2504: "GeForce RTX 3060", 0x1E04: "GeForce RTX 2080 Ti", 0x1E07: "GeForce RTX 2080 Ti", 0x1E81: "GeForce RTX 2080 SUPER",
        0x1E87: "GeForce RTX 2080", 0x1F02: "GeForce RTX 2070", 0x1F08: "GeForce RTX 2060", 0x1B06: "GeForce GTX 1080 Ti",
        0x1B80: "GeForce GTX 1080", 0x1B81: "GeForce GTX 1070", 0x1B82: "GeForce GTX 1070 Ti", 0x1C03: "GeForce GTX 1060 6GB",
        0x1C02: "GeForce GTX 1060 3GB", 0x2BB1: "RTX PRO 6000 Blackwell Workstation Edition", 0x26B1: "RTX 6000 Ada Generation",
        0x2230: "RTX A6000", 0x2231: "RTX A5000", 0x24B0: "RTX A4000", 0x2330: "H100 80GB HBM3", 0x2331: "H100 PCIe",
        0x20B0: "A100-SXM4-40GB", 0x20B2: "A100-SXM4-80GB", 0x20B5: "A100 80GB PCIe", 0x20F1: "A100-PCIE-40GB", 0x26B9: "L40S",
        0x26B5: "L40", 0x27B8: "L4", 0x2235: "A40", 0x2236: "A10", 0x2237: "A10G", 0x1EB8: "Tesla T4", 0x1B38: "Tesla P40"},
    0x8086: {
        0x56A0: "Arc A770", 0x56A1: "Arc A750", 0x56A2: "Arc A580", 0x56A5: "Arc A380", 0x56A6: "Arc A310", 0x5690: "Arc A770M",
        0x5691: "Arc A730M", 0x5692: "Arc A550M", 0x5693: "Arc A370M", 0x5694: "Arc A350M", 0x56B3: "Arc Pro A60",
        0x56C0: "Data Center GPU Flex 170", 0x56C1: "Data Center GPU Flex 140", 0xE20B: "Arc B580", 0xE20C: "Arc B570",
        0xE211: "Arc Pro B60", 0xE212: "Arc Pro B50"},
}


def product(machine: Machine, ids: tuple) -> str | None:
    """The name as lspci would print it: a chip and a product in brackets, or the product alone."""
    for path in DATABASES:
        vendor = re.search(rf"^{ids[0]:04x}  .*\n((?:(?:\t|#).*\n)*)", machine.read(path) or "", re.MULTILINE)
        device = vendor and re.search(rf"^\t{ids[1]:04x}  (.+)$", vendor.group(1), re.MULTILINE)
        if device:
            return text_parsing.line(device.group(1))
    return COMMON.get(ids[0], {}).get(ids[1])
