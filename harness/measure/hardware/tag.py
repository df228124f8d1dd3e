"""The tag: what a machine might be called in the catalogue; a person may know a better name."""
from __future__ import annotations

import collections
import re

from base import names
from measure.hardware.machine import Platform

NOISE = re.compile(r"\((?:r|tm|c)\)|\bcpu\b|\bprocessor\b|@.*|\b\w+-cores?\b|\bw(?:ith\b|/).*|\bintel\b|\bamd\b|\bapple\b|"
                   r"\bcore\b|\b\d+th gen\b|\bvirtual\b|\bnvidia\b|\bgeforce\b|\bgoogle\b|\bgpu\b|\bgraphics\b|"
                   r"\bmodel [ab]\b|\brev \d[\d.]*|\b\d+ ?gb\b|\bhbm\w*\b|\bgeneration\b", re.IGNORECASE)
GIB = 2 ** 30
# Sizes that memory is sold in. Systems, firmware and error correction keep a part: a T4 of 16 GB shows 15.
SOLD_GB = (1, 2, 3, 4, 6, 8, 10, 11, 12, 16, 18, 20, 24, 32, 36, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1024, 1536,
           2048)
KEPT_SHARE = 0.065
LEAST_CARD_BYTES = 3 * GIB      # a smaller one holds no model worth naming the machine after
MAX_CHARACTERS = 48


def suggest(found: dict, known: Platform) -> str:
    """From the parts of a hardware record: the strongest card, or the board, phone or chip, and how much memory it has."""
    card = _strongest(found["accelerators"]["value"] or [])
    phone_or_board = found["surroundings"]["termux"]["value"] not in (None, "none") or _is_board(found)
    memory = found["memory"]["usable_bytes"]["value"]
    if card and known.system != "darwin":
        name, count, memory = card
        return _tag(f"{count}x-" if count > 1 else "", name, memory, known)
    name = found["system"]["product"]["value"] if phone_or_board else found["cpu"]["model"]["value"]
    return _tag("mac-" if known.system == "darwin" else "", name or "", _built_in(found["memory"], memory), known)


def _is_board(found: dict) -> bool:
    return found["system"]["product"].get("method", "").startswith("/proc/device-tree")


def _built_in(memory: dict, usable: int | None) -> int | None:
    """What is in the machine; but a container that may use a part only is measured with that part."""
    limited = memory["usable_bytes"].get("method", "").startswith("/sys/fs/cgroup")
    return usable if limited or not usable else max(usable, memory["physical_bytes"]["value"] or 0)


def _strongest(cards: list) -> tuple | None:
    """(name, how many of it, bytes of one) of the card with the most memory of its own that can compute.

    Whether an integrated one shares main memory is not always told; but then its name is hardly ever a product's.
    """
    plain = [{field: fact["value"] for field, fact in card.items()} for card in cards]
    able = [(card["memory_bytes"], card["name"]) for card in plain
            if card["interface"] != "none" and (card["memory_bytes"] or 0) >= LEAST_CARD_BYTES and card["name"]
            and (card["unified_memory"] is False or card["unified_memory"] is None and re.search("[0-9]", card["name"]))]
    size, name = max(able, default=(None, None))
    return (name, collections.Counter(name for _, name in able)[name], size) if able else None


def _tag(prefix: str, name: str, memory: int | None, known: Platform) -> str:
    size = f"{sold_gb(memory)}gb" if memory else "64-bit" if known.architecture.endswith("64") else "32-bit"
    chip = slug(NOISE.sub(" ", name))
    tag = f"{prefix}{chip}"[:MAX_CHARACTERS - len(size) - 1].strip("-") + f"-{size}"
    return tag if names.device_tag_problem(tag) is None else f"{slug(known.architecture)[:32].strip('-') or 'cpu'}-{size}"


def sold_gb(size_bytes: int) -> int:
    """23.4 GiB is sold as 24, 62.7 as 64; what is near no such size is rounded up."""
    size = size_bytes / GIB
    return next((sold for sold in SOLD_GB if size <= sold <= size / (1 - KEPT_SHARE)), -(-size_bytes // GIB))


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
