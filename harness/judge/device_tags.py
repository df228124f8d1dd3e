"""Device tags: the card, the processor and the memory that a tag names are those of hardware.json.

A tag may say less than hardware.json, and a virtual machine may hide what it runs on: only what contradicts is reported.
"""
from __future__ import annotations

import re
from typing import Iterator, List, NamedTuple, Optional, Pattern

from base.hardware_view import HardwareView
from base.pattern import lazy
from judge import thresholds
from judge.findings import Finding

GIB = 2 ** 30
NUMBER = r"((?!\d+gb\b)[a-z]{0,2}\d{3,5}[a-z]{0,3}\d?[a-z]?)\b"


class Maker(NamedTuple):
    """A maker of processors or boards, by patterns: of a model, and of words in a tag and in hardware.json that name no model."""
    name: str
    model: Pattern[str]
    in_tags: Pattern[str]
    in_hardware: Pattern[str]


MAKERS = tuple(Maker(name, *map(lazy, patterns)) for name, *patterns in (
    ("apple", r"\b(?:mac|macbook|imac|apple)\b.*?\b(m[1-9](?: (?:pro|max|ultra))?)\b", r"(?!)", r"\bapple\b"),
    ("raspberry pi", r"\braspberry pi (?:compute module )?(\d)\b", r"\braspberry pi\b", r"\braspberry pi\b"),
    ("amd", rf"\b(?:ryzen|threadripper|epyc|athlon)(?: (?:threadripper|ai|max|pro|[3579]))* {NUMBER}", r"\b(?:ryzen|threadripper|epyc|athlon)\b",
     r"\bamd\b"),
    ("intel", rf"\b(?:i[3579]|ultra [579]) {NUMBER}", r"\b(?:xeon|celeron|pentium)\b", r"\bintel\b")))
NO_VIRTUAL_MACHINE = "none"     # of hardware.json
MEMORY = lazy(r"\b(\d{1,4})gb\b")


def problems(device_tag: str, hardware: HardwareView) -> Iterator[Finding]:
    words = device_tag.replace("-", " ")
    yield from _card(words, device_tag, hardware)
    yield from _processor(words, device_tag, hardware)
    yield from _memory(words, device_tag, hardware)


def _card(words: str, device_tag: str, hardware: HardwareView) -> Iterator[Finding]:
    """A tag that names a graphics card, against the cards that were found."""
    wanted, accelerators = thresholds.card_in(words), hardware.accelerators
    if wanted is None or accelerators is None:
        return
    names = [card.name for card in accelerators if card.name is not None]
    if len(names) == len(accelerators) and not any(thresholds.same_card(wanted, name) for name in names):
        yield Finding("physics-tag", f"{device_tag}, where hardware.json has {', '.join(names) or 'no accelerator'}", f"a machine with a {wanted}",
                      "/accelerators")


def _processor(words: str, device_tag: str, hardware: HardwareView) -> Iterator[Finding]:
    """A tag that names a processor, against the one that was found: another maker, or another model of the same maker."""
    text = _plain(f"{hardware.value('system', 'product', str) or ''} {hardware.cpu_model or ''}")
    wanted = next(((maker, model) for maker in MAKERS for model in [_model_in(words, maker, maker.in_tags)] if model is not None), None)
    actual = next(((maker, model) for maker in MAKERS for model in [_model_in(text, maker, maker.in_hardware)] if model is not None), None)
    if wanted is None or actual is None:
        return
    (maker, model), (its_maker, its_model) = wanted, actual
    if not its_model and hardware.value("surroundings", "virtual_machine", str) != NO_VIRTUAL_MACHINE:
        return      # what a virtual machine shows may be a name for all processors
    if maker != its_maker or (model and its_model and not its_model.startswith(model)):
        yield Finding("physics-tag", f"{device_tag}, where hardware.json has {hardware.cpu_model or its_maker.name}",
                      f"a machine with {maker.name} {model}".rstrip(), "/cpu/model")


def _model_in(text: str, maker: Maker, words: Pattern[str]) -> Optional[str]:
    """The model of a maker that a text names; empty where it names the maker alone, None where it names neither."""
    match = maker.model.search(text)
    return match.group(1) if match else "" if words.search(text) else None


def _plain(name: str) -> str:
    """A processor's name in the words of a tag."""
    return re.sub(r"[^a-z0-9]+", " ", re.sub(r"\((?:r|tm|c)\)", " ", name.lower()))


def _memory(words: str, device_tag: str, hardware: HardwareView) -> Iterator[Finding]:
    """A tag that names much more memory than the machine, or any of its cards, has."""
    main, accelerators = hardware.physical_bytes or hardware.usable_bytes, hardware.accelerators
    sizes: List[Optional[int]] = [main, *(card.own_bytes for card in accelerators or ())]
    if accelerators is None or None in sizes:
        return
    most = sum(filter(None, sizes)) / GIB
    for number in map(int, MEMORY.findall(words)):
        if number > most * thresholds.value("tag_memory"):
            yield Finding("physics-tag", f"{device_tag}, where hardware.json has {most:.0f} GB of memory in all", f"a machine with {number} GB",
                          "/memory")
