"""Ranges: the least and the greatest value of each numeric field, by its name or by the unit at the end of its name.

They are wider than anything that a machine of today could do, and narrow enough that no figure computed from them
overflows or misleads. A field without a range here takes whatever its kind takes.
"""
from __future__ import annotations

from typing import Optional, Tuple, Union

Number = Union[int, float]
Range = Tuple[Number, Number]

YEAR_S = 366 * 24 * 3600
MOST_COUNT = 2 ** 63 - 1        # what a reader with 64-bit integers takes
MOST_BYTES = 2 ** 50
MOST_TOKENS = 2 ** 31 - 1
MOST_CALLS = 10_000_000
MOST_CHARACTERS = 4096          # of a text that the harness wrote; what a model wrote is bounded by its line alone

BY_NAME = {
    # ----- the ledger
    "seq": (0, MOST_CALLS), "session": (0, 10_000), "repeat": (1, 2 ** 20), "level": (1, 64), "wave": (0, MOST_CALLS), "slot": (0, 63),
    "fill": (0, 1), "material_units": (0, 2 ** 20), "http_status": (100, 999),
    "chunks": (0, MOST_TOKENS), "text_chunks": (0, MOST_TOKENS), "thinking_chunks": (0, MOST_TOKENS),
    "planned": (0, MOST_CALLS), "done": (0, MOST_CALLS), "skipped": (0, MOST_CALLS), "outcomes": (0, MOST_CALLS),
    "streams": (1, 1024), "ttft_error_us_p50": (-1e9, 1e9), "ttft_error_us_max": (-1e9, 1e9),
    "gap_error_us_p50": (0, 1e9), "gap_error_us_p99": (0, 1e9), "gap_error_us_max": (0, 1e9), "cpu_us_per_chunk": (0, 1e9),
    "context_length": (1, MOST_TOKENS), "load_average": (0, 1e5), "index": (0, 1023), "slots_seen": (1, 64), "cpu_pressure": (0, 2), "memory_pressure": (0, 2),
    # ----- the manifest
    "planned_calls": (0, MOST_CALLS), "num_ctx": (1, MOST_TOKENS), "context_num_ctx": (1, MOST_TOKENS), "num_predict": (1, MOST_TOKENS),
    "levels": (1, 1024), "partial_from": (1, MOST_TOKENS), "budget": (1, MOST_TOKENS), "repeats": (1, 2 ** 20), "expert_count": (1, 65536), "expert_used_count": (1, 65536),
    # ----- the hardware
    "physical_cores": (1, 65536), "logical_cores": (1, 65536), "usable_cores": (0.001, 65536), "performance_cores": (0, 65536),
    "efficiency_cores": (0, 65536), "cores": (1, 2 ** 20), "speed_mt_s": (1, 1_000_000), "bytes_s": (1, 1e15), "n": (0, MOST_COUNT),
    "threads": (0, 65536),
}
BY_UNIT = {     # the end of the name
    "_ns": (0, YEAR_S * 10 ** 9), "_us": (0, YEAR_S * 10 ** 6), "_s": (0, YEAR_S), "_bytes": (0, MOST_BYTES), "_tokens": (0, MOST_TOKENS),
    "_tokens_at": (0, MOST_TOKENS), "_share": (0, 1), "_c": (-100, 250), "_mhz": (0, 20_000), "_w": (0, 10_000), "_j": (0, 1e12),
}
# Bytes that were swapped since the machine began may be more than it has.
BY_NAME.update(dict.fromkeys(("swapped_in_bytes", "swapped_out_bytes"), (0, MOST_COUNT)))
UNBOUNDED_TEXTS = ("answer", "thinking")


def range_of(name: str, kind: str) -> Optional[Range]:
    """(least, most) of a numeric field, (least, most) characters of a text, or None."""
    if kind == "text" or kind == "list:text" or kind == "text_fact":
        return None if name in UNBOUNDED_TEXTS else (0, MOST_CHARACTERS)
    if kind not in ("count", "number", "list:count", "counts", "count_fact", "number_fact", "list:point"):
        return None
    return BY_NAME.get(name) or next((limits for unit, limits in BY_UNIT.items() if name.endswith(unit)), None)
