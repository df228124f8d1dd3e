"""The suggested device tag: what a machine might be called in the catalogue; a person may know a better name."""
from __future__ import annotations

import re
from dataclasses import dataclass

from base import names
from base.pattern import lazy
from measure.hardware import nvidia, products
from measure.hardware.machine import Platform

NOISE = lazy(r"\((?:r|tm|c)\)|[\u00ae\u2122]|\(nvgpu\)|\bcpu\b|\bprocessor\b|@.*|\b\w+-cores?\b|\bdesign\b|"
             r"\bw(?:ith\b|/)(?! max-q).*|\bwith\b|\bintel\b|\bamd\b|\bapple\b(?! silicon)|\b\d+th gen\b|\bvirtual\b|\bnvidia\b|"
             r"\bgeforce\b|\bgoogle\b|\bgpu\b|\bgraphics\b|\bmodel [ab]\b|\brev \d[\d.]*|\bv\d+\.\d+[a-z]?\b|\b\d+ ?gb\b|\bhbm\w*\b|\bgeneration\b|\bseries\b|"
             r"\bcore\b(?!(?:\(tm\))?\s*\d)|\bengineering reference\b|\bdev(?:eloper|elopment)?[ -]kit\b|\baccelerator\b|, altivec.*|"
             r"\b(?:radeon )?r\d, \d+ compute cores.*", re.IGNORECASE)
MIN_CARD_GB = 3         # a smaller one holds no model worth naming the machine after
MAX_CHARACTERS = 48
STEAM_DECKS = {"jupiter": "Steam Deck", "galileo": "Steam Deck OLED"}     # what Valve calls them in the firmware
JETSON = lazy(r"\b(?:jetson|orin|xavier|tegra|thor|igx)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Parts:
    """What a tag is made of: a name, and the size of the memory that models live in."""
    name: str
    gb: int | None
    prefix: str = ""
    suffix: str = ""        # in the place of the size


def suggest(record: dict, platform: Platform) -> str:
    """From the parts of a hardware record: the strongest card, or the board, phone or chip, and how much memory it has."""
    cards = [{field: fact["value"] for field, fact in card.items()} for card in record["accelerators"]["value"] or []]
    main = _main_bytes(record["memory"])
    main_gb = products.main_gb(main) if main else None
    card = None if platform.system == "darwin" else _strongest(cards)
    return _tag(card or _shared(cards, record, main, main_gb) or _board_or_chip(record, main, main_gb, platform), platform)


def _strongest(cards: list) -> Parts | None:
    """The card with the most memory of its own that can compute, of two the one with more power; and how many there are of it."""
    able = [(products.card_gb(card["memory_bytes"], card["name"]) if card["memory_bytes"] else None, card["power_limit_w"] or 0, card["name"])
            for card in cards if card["name"] and _computes(card)
            and (card["unified_memory"] is False or card["unified_memory"] is None and re.search("[0-9]", card["name"]))]
    able = [row for row in able if (row[0] >= MIN_CARD_GB if row[0] else products.holds_models(row[2]))]
    if not able:
        return None
    gb, _, name = max(able, key=lambda row: (row[0] or 0, *row[1:]))
    count = sum(other == name for _, _, other in able)
    if nvidia.is_slice(name):       # CUDA uses one slice, however many there are
        return Parts(name if gb else re.sub(r"\bMIG\s*\Z", "", name), gb, suffix="" if gb else "mig")
    # Of `Navi 48 [Radeon RX 9070/9070 XT]` only the chip is certain.
    return Parts(re.sub(r"(.) \[.*/.*\]\Z", r"\1", name), gb, f"{count}x-" if count > 1 else "", "" if gb else "pc")


def _computes(card: dict) -> bool:
    """A card with nouveau or the old radeon driver computes only if some interface for it is known."""
    return card["interface"] != "none" and not (card["interface"] is None and card["driver"] in ("nouveau", "radeon"))


def _shared(cards: list, record: dict, main: int | None, main_gb: int | None) -> Parts | None:
    """NVIDIA's chips that share main memory: a Jetson is known by its board, a GB10 by its chip."""
    chip = next((card["name"] for card in cards if card["vendor"] == "NVIDIA" and card["unified_memory"] and card["name"]), "")
    board = (record["system"]["product"]["value"] or "") if _is_board(record) else ""
    name = board if JETSON.search(board) else chip
    if not chip and not (name and "nvidia" in name.lower()):
        return None
    if not JETSON.search(name):
        return Parts(name, main_gb)
    gb = products.power_of_two_gb(main) if main else None
    return Parts(name if "jetson" in name.lower() else f"Jetson {re.sub('(?i)nvidia', '', name)}", gb)


def _board_or_chip(record: dict, main: int | None, main_gb: int | None, platform: Platform) -> Parts:
    product, chip = record["system"]["product"]["value"], record["cpu"]["model"]["value"]
    deck = next((name for word, name in STEAM_DECKS.items() if product and product.lower() == f"valve {word}"), None)
    if deck:
        return Parts(deck, products.power_of_two_gb(main) if main else None)
    if product and record["surroundings"]["termux"]["value"] not in (None, "none"):
        return Parts(product, products.phone_gb(main) if main else None)
    if product and _is_board(record):
        return Parts(product, main_gb, suffix="512mb" if main and main <= products.GIB // 2 else "")
    vendor = record["cpu"].get("vendor", {}).get("value") or ""
    return Parts(chip or f"{vendor}_{platform.architecture}", main_gb, "mac-" if platform.system == "darwin" else "")


def _is_board(record: dict) -> bool:
    return record["system"]["product"].get("method", "").startswith("/proc/device-tree")


def _main_bytes(memory: dict) -> int | None:
    """What is installed; but a container that may use a part only is measured with that part."""
    usable, method = memory["usable_bytes"]["value"], memory["usable_bytes"].get("method", "")
    limited = method.startswith(("/sys/fs/cgroup", "/proc/meminfo"))
    return usable if limited or not usable else max(usable, memory["physical_bytes"]["value"] or 0)


def _tag(parts: Parts, platform: Platform) -> str:
    last = parts.suffix or (f"{parts.gb}gb" if parts.gb else "64-bit" if platform.architecture.endswith("64") else "32-bit")
    tag = f"{_shortened(parts.prefix + slug(NOISE.sub(' ', parts.name)), MAX_CHARACTERS - len(last) - 1)}-{last}"
    return tag if names.device_tag_problem(tag) is None else f"{slug(platform.architecture)[:32].strip('-') or 'cpu'}-{last}"


def _shortened(text: str, length: int) -> str:
    """Cut between words, unless the first one is longer than that."""
    if len(text) <= length:
        return text.strip("-")
    return (text[:length + 1].rpartition("-")[0] or text[:length]).strip("-")


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
