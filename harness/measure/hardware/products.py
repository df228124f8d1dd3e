"""Memory sizes: under which size a memory is sold, and how much memory a graphics card of a known name has."""
from __future__ import annotations

import re

from base import facts
from base.pattern import lazy

GIB = 2 ** 30
# Sizes in which memory is sold. What a system shows is less: drivers, firmware and error correction keep a part.
MAIN_GB = (1, 2, 3, 4, 6, 8, 10, 11, 12, 16, 18, 20, 24, 32, 36, 40, 48, 64, 80, 96, 128, 144, 160, 192, 256, 288, 384, 512, 768,
           1024, 1536, 2048, 3072, 4096)
PHONE_GB = (1, 2, 3, 4, 6, 8, 12, 16, 18, 24, 32)
CARD_GB = (1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 16, 18, 20, 22, 24, 32, 36, 40, 48, 64, 72, 80, 94, 96, 128, 141, 192, 256, 288)
MAIN_KEPT = 0.07        # GB10 shows 119.6 GiB of 128, AGX Orin 29.8 of 32
CARD_KEPT = 0.095       # a Tesla T4 with error correction shows 14.6 GiB of 16
# (pattern of the name in lower case, GB). Only names that were sold with one size; a size in the name counts before.
SIZES = tuple((lazy(pattern), gb) for pattern, gb in (
    # NVIDIA notebooks first: they have other sizes under the same number.
    (r"rtx 5090 (?:laptop|mobile)", 24), (r"rtx 5080 (?:laptop|mobile)", 16), (r"rtx 5070 ti (?:laptop|mobile)", 12),
    (r"rtx 50[567]0 (?:laptop|mobile)", 8), (r"rtx 4090 (?:laptop|mobile)", 16), (r"rtx 4080 (?:laptop|mobile)", 12),
    (r"rtx 40[67]0 (?:laptop|mobile)", 8), (r"rtx 4050 (?:laptop|mobile)", 6), (r"rtx 3080 ti (?:laptop|mobile)", 16),
    (r"rtx 3070(?: ti)? (?:laptop|mobile)", 8), (r"rtx 3060 (?:laptop|mobile)", 6), (r"rtx 3050 ti (?:laptop|mobile)", 4),
    (r"rtx 2080(?: super)? (?:mobile|with max|max)", 8), (r"rtx 2070(?: super)? (?:mobile|with max|max)", 8),
    (r"rtx 2060 (?:mobile|with max|max)", 6), (r"gtx 1660 ti (?:mobile|with max|max)", 6),
    (r"gtx 1650(?: ti)? (?:mobile|with max|max)", 4), (r"laptop|mobile|max-q", None), (r"rtx 5090 d v2", 24), (r"rtx 5090", 32),
    (r"rtx 5080", 16), (r"rtx 5070 ti", 16), (r"rtx 5070\b", 12), (r"rtx 5060 ti", None), (r"rtx 50[56]0\b", 8),
    (r"rtx 4090", 24), (r"rtx 4080", 16), (r"rtx 4070 ti super", 16), (r"rtx 4070", 12), (r"rtx 4060 ti", None),
    (r"rtx 4060", 8), (r"rtx 3090", 24), (r"rtx 3080 ti", 12), (r"rtx 3080", None), (r"rtx 3070", 8), (r"rtx 3060 ti", 8),
    (r"rtx 3060|rtx 3050", None), (r"rtx 2080 ti", 11), (r"rtx 20[78]0", 8), (r"rtx 2060 super", 8), (r"titan rtx", 24),
    (r"gtx 16[56]0", None), (r"gtx 1080 ti", 11), (r"gtx 10[78]0", 8), (r"gtx 1060", None), (r"gtx 980 ti", 6),
    (r"gtx 9[78]0", 4), (r"titan (?:v|x|xp)\b", 12), (r"rtx pro 6000", 96), (r"rtx pro 5000", None), (r"rtx pro 4500", 32),
    (r"rtx pro 4000", 24), (r"rtx pro 2000", 16), (r"rtx 6000 ada", 48), (r"rtx 5000 ada", 32), (r"rtx 4500 ada", 24),
    (r"rtx 4000 (?:sff )?ada", 20), (r"rtx 2000 ada", 16), (r"rtx a6000", 48), (r"rtx a5500", 24), (r"rtx a5000", 24),
    (r"rtx a4500", 20), (r"rtx a4000", 16), (r"quadro rtx 8000", 48), (r"quadro rtx 6000", 24), (r"quadro rtx 5000", 16),
    (r"quadro rtx 4000", 8), (r"quadro p6000", 24), (r"quadro p5000", 16), (r"quadro p4000", 8), (r"quadro gv100", 32),
    (r"\bgb200\b", 186), (r"\bb200\b", 180), (r"\bh200\b", 141), (r"\bh100 nvl\b", 94), (r"\bh100\b", None),
    (r"\bh20\b", 96), (r"\bl40s?\b|\bl20\b", 48), (r"\bl4\b", 24), (r"\ba100\b", None), (r"\ba40\b", 48), (r"\ba30\b", 24),
    (r"\ba10g?\b", 24), (r"\ba16\b|\ba2\b", 16), (r"tesla t4|\bt4g?\b", 16), (r"\bp40\b", 24), (r"\bp4\b", 8),
    (r"\bm60\b", 8), (r"\bk80\b", 12), (r"\bm40\b|\bp100\b|\bv100\b", None),
    # AMD
    (r"rx 9070 gre", 12), (r"rx 9070", 16), (r"rx 9060 xt", None), (r"rx 7900 xtx", 24), (r"rx 7900 xt\b", 20),
    (r"rx 7900 gre", 16), (r"rx 7900m", 16), (r"rx 7800 xt", 16), (r"rx 7700 xt", 12), (r"rx 7600 xt", 16),
    (r"rx 7600\b", 8), (r"rx 69[05]0 xt", 16), (r"rx 6800(?: xt)?\b", 16), (r"rx 67[05]0 xt", 12), (r"rx 6700\b", 10),
    (r"rx 66[05]0", 8), (r"rx 5[67]00 xt", None), (r"radeon vii\b", 16), (r"radeon pro vii\b", 16),
    (r"rx vega (?:56|64)", 8), (r"ai pro r9700", 32), (r"pro w7900", 48), (r"pro w7800", None), (r"pro w7700", 16),
    (r"pro w6800", 32), (r"mi355x|mi350x", 288), (r"mi325x", 256), (r"mi308x|mi300x", 192), (r"mi250x?|mi210", None),
    (r"mi100\b", 32),
    # Intel
    (r"arc(?: graphics)? b580", 12), (r"arc(?: graphics)? b570", 10), (r"arc(?: graphics)? a750", 8),
    (r"arc(?: graphics)? a580", 8), (r"arc(?: graphics)? a380", 6), (r"arc(?: graphics)? a310", 4),
    (r"arc(?: graphics)? a770m", 16), (r"arc(?: graphics)? a730m", 12), (r"arc pro b[67]5|arc pro b70", 32),
    (r"arc pro b60", 24), (r"arc pro b50", 16), (r"arc pro a60", 12), (r"flex 170", 16), (r"flex 140", 6),
    (r"max 1550", 128), (r"max 1100", 48)))
RECENT = lazy(
    r"\brtx\b|gtx (?:9[78]0|10[5-8]0|16[0-9]0)|\btitan\b|\btesla\b|quadro (?:rtx|[pg]v?[1-6]000?)|\b[abhlgv]{1,2}[0-9]{2,3}s?\b|"
    r"radeon rx|radeon pro [wv]|radeon ai|instinct|\bmi[0-9]{2,3}x?\b|\barc (?:graphics )?(?:pro )?[ab][0-9]|data center gpu|\bmig\b")
SEVERAL_SIZES = {"arc a770": (8, 16), "rtx 3060": (8, 12), "rtx 3080": (10, 12), "rtx 5060 ti": (8, 16), "rtx 4060 ti": (8, 16),
                 "rx 9060 xt": (8, 16), "gtx 1060": (3, 6)}


def main_gb(size_bytes: int) -> int:
    """The size under which a main memory was sold: 23.4 GiB is 24, 62.7 is 64. What is near no such size is rounded up."""
    return _sold(size_bytes, MAIN_GB, MAIN_KEPT)


def phone_gb(size_bytes: int) -> int:
    """The size under which a phone was sold, whose system keeps up to a tenth: 10.9 GiB is 12, 14.7 is 16."""
    return next((gb for gb in PHONE_GB if size_bytes <= gb * GIB), main_gb(size_bytes))


def power_of_two_gb(size_bytes: int) -> int:
    """The size of a board whose firmware keeps up to a quarter of its memory: 6.3 GiB of a Jetson Orin Nano is 8."""
    return 1 << max(0, -(-size_bytes // GIB) - 1).bit_length()


def card_gb(size_bytes: int, name: str = "") -> int:
    """The size under which a card was sold; a size in its name counts if it fits."""
    for words in re.findall(r"([0-9]{1,3}) ?gb\b", name.lower()):
        if abs(int(words) - size_bytes / GIB) <= max(0.6, 0.13 * int(words)):
            return int(words)
    known = card_bytes(name)
    if known and 1 - CARD_KEPT <= size_bytes / known <= 1.03:
        return known // GIB
    return _sold(size_bytes, CARD_GB, CARD_KEPT)


def _sold(size_bytes: int, sizes: tuple, kept: float) -> int:
    size = size_bytes / GIB
    nearest = min((sold for sold in sizes if sold * (1 - kept) <= size <= sold), default=None)
    return nearest or -(-size_bytes // GIB)


def card_bytes(name: str | None) -> int | None:
    """The memory of a card that was sold under this name with one size only."""
    lowered = _plain(name)
    in_name = re.search(r"\b([0-9]{1,3}) ?gb\b", lowered)
    if in_name and int(in_name.group(1)) and "gh200" not in lowered:     # `GH200 480GB` counts the processor's memory
        return int(in_name.group(1)) * GIB
    gb = next((gb for pattern, gb in SIZES if pattern.search(lowered)), None)
    return gb * GIB if gb else None


def memory(name: str | None) -> dict:
    return facts.optional(card_bytes(name), "the size in which this product is sold, by its name", "no size for this name")


def largest_within(name: str | None, window_bytes: int) -> int | None:
    """Of the sizes that a card of this name was sold with, the largest that fits into its memory window."""
    sizes = next((sizes for words, sizes in SEVERAL_SIZES.items() if re.search(rf"\b{words}\b", _plain(name))), ())
    return max((gb * GIB for gb in sizes if gb * GIB <= window_bytes), default=None)


def holds_models(name: str | None) -> bool:
    """Whether a card of this name, whose memory is unknown, has enough for a model: most of its family have 4 GB or more."""
    return RECENT.search(_plain(name)) is not None


def _plain(name: str | None) -> str:
    return " ".join(re.sub(r"\((?:r|tm)\)", " ", (name or "").lower()).split())
