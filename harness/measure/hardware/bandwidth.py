"""Bandwidth: how fast one thread copies memory, in about a second, with the standard library alone.

A lower bound: one thread cannot fill the memory bus of most machines, and an accelerator has a bus of its own. Each byte
that is copied counts twice, once read and once written; what the processor reads additionally in order to write does not.
"""
from __future__ import annotations

from base import facts
from measure.hardware import cpu, memory
from measure.hardware.machine import Machine

MIN_BYTES, COMMON_BYTES, MAX_BYTES = 8 << 20, 128 << 20, 512 << 20
SHARE = 8           # one buffer takes at most this part of the free memory; there are two


def buffer_bytes(free_bytes: int | None, cache_bytes: int | None) -> int | None:
    """Four times the cache at best, twice at least: a smaller buffer would measure the cache. None: not enough memory."""
    wanted = min(MAX_BYTES, max(COMMON_BYTES, 4 * (cache_bytes or 0)))
    least = max(MIN_BYTES, 2 * cache_bytes) if cache_bytes else COMMON_BYTES // 4
    size = min(wanted, (free_bytes or 0) // SHARE)
    return size if size >= least else None


def read(machine: Machine) -> dict:
    size = buffer_bytes(memory.free_bytes(machine), cpu.cache_bytes(machine))
    if size is None:
        return _reading(facts.unknown("too little free memory for buffers that are larger than the cache"), None, None)
    try:
        fastest_ns, copies = machine.copy(size)
    except MemoryError:
        return _reading(facts.unknown("the system refused the memory for the buffers"), None, None)
    rate = round(2 * size / fastest_ns * 1e9) if fastest_ns > 0 else None
    return _reading(facts.optional(rate, "copies between two buffers by one thread, read plus written, the fastest of n",
                               "the clock is too coarse"), size, copies)


def _reading(rate: dict, size_bytes: int | None, copies: int | None) -> dict:
    return {"bytes_s": rate, "buffer_bytes": size_bytes, "n": copies, "threads": 1}
