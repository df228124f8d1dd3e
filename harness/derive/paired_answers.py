"""Answers to the same items in two ways: how many were right in each, and whether the difference is more than chance."""
from __future__ import annotations

import math
from typing import Dict, NamedTuple, Optional

from derive.distribution import Sample, rounded

CHANCE = 20                 # one in so many equal runs may show a difference of answers by chance
GRADED = ("right", "wrong")


class ItemAnswer(NamedTuple):
    """The status of an item's answer (derive/aggregate.answer_status), and how long the call took."""
    status: str
    total_ms: Optional[float]


def is_chance(gained: int, lost: int) -> bool:
    """Whether so many answers of `gained` + `lost` that changed may well go one way by chance: the two-sided sign test."""
    changed, tail, ways = gained + lost, 1, 1
    for fewer in range(min(gained, lost)):      # ways to choose; from the one before, as there may be thousands
        ways = ways * (changed - fewer) // (fewer + 1)
        tail += ways
    return 2 * tail * CHANCE >= 2 ** changed


def difference(pairs: int, gained: int, lost: int) -> dict:
    """Share of right answers in the second way less that in the first, with its 95 % interval; null without pairs.

    The interval is the adjusted Wald one of Bonett and Price: one answer gained and one lost are added, so that few pairs
    without any change do not look certain. Whole-number arithmetic, so every machine finds the same.
    """
    if not pairs:
        return {"difference": None, "low": None, "high": None}
    n, net, changed = pairs + 2, gained - lost, gained + lost + 2
    reach = math.isqrt(38416 * 10 ** 8 * (changed * n - net * net) // n) / (10 ** 6 * n)      # 1.96 standard errors
    return {"difference": rounded(net / pairs), "low": rounded(max(-1.0, net / n - reach)), "high": rounded(min(1.0, net / n + reach))}


def record(plain: Dict[str, ItemAnswer], thinking: Dict[str, ItemAnswer]) -> dict:
    """The `paired_answers` record of items that were asked plainly and with thinking."""
    pairs = [(plain[item], answer) for item, answer in thinking.items()
             if item in plain and plain[item].status in GRADED and answer.status in GRADED]
    gained = sum(before.status == "wrong" and after.status == "right" for before, after in pairs)
    lost = sum(before.status == "right" and after.status == "wrong" for before, after in pairs)
    both = [(before, after) for before, after in pairs if before.status == after.status == "right"]
    ratios = Sample(after.total_ms / before.total_ms for before, after in both if before.total_ms and after.total_ms).stat()
    return {
        "pairs": len(pairs), "unpaired": len({**plain, **thinking}) - len(pairs),
        "right_plain": sum(before.status == "right" for before, _ in pairs),
        "right_thinking": sum(after.status == "right" for _, after in pairs), "gained": gained, "lost": lost,
        **difference(len(pairs), gained, lost),
        "time_to_correct_plain_ms": _times(plain), "time_to_correct_thinking_ms": _times(thinking),
        "time_ratio": None if ratios is None else {"n": ratios.n, "ratio": ratios.median, "low": ratios.low, "high": ratios.high},
    }


def _times(answers: Dict[str, ItemAnswer]) -> dict | None:
    return Sample(answer.total_ms for answer in answers.values() if answer.status == "right").record()
