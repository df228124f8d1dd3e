"""Thinking against plain as rows of text: for the end of a run, run.md and the review. Nothing is computed but a model's total."""
from __future__ import annotations

from typing import Dict, List, Union

from base.text_format import figure, median_with_n
from derive import paired_answers

TITLES = ["model", "phase", "thinking", "right, plain", "right, thinking", "difference, 95 % interval", "thinking tokens",
          "share of the budget", "cut by the budget", "first answer ms", "correct after ms, plain", "correct after ms, thinking"]
SHORT_TITLES = ["model", "phase", "right, plain", "right, thinking on", "difference, 95 %", "thinking tokens", "time to correct"]    # fit a terminal
ALWAYS = "always"
THINKS = {ALWAYS: "always thinks", "on": "with thinking"}
COUNTS = ("pairs", "right_plain", "right_thinking", "gained", "lost")


def rows(metadata: dict) -> List[list]:
    """Rows of TITLES, one for each model and phase with a budget for thoughts; after a model's phases one of all of them."""
    by_model: Dict[str, list] = {}
    for aggregate in metadata["aggregates"]:
        if "thinking" in aggregate and aggregate["calls"]:
            by_model.setdefault(aggregate["model"], []).append(aggregate)
    return [row for model, aggregates in by_model.items() for row in [*map(_row, aggregates), *_total(model, aggregates)]]


def lines(metadata: dict) -> List[str]:
    """The same as sentences, for the review. What was not asked plainly too has no difference."""
    return [f"{model}, {phase}: " + (f"{plain} right plainly, {thinking} with thinking ({mode}), difference {difference}" if plain != "-" else
                                     f"{THINKS.get(mode, f'thinking {mode}')}: {f'{thinking} right' if thinking != '-' else 'nothing graded'}")
            for model, phase, mode, plain, thinking, difference, *_ in rows(metadata)]


def short_rows(metadata: dict) -> List[list]:
    """Rows of SHORT_TITLES, one for each model and phase; times are thinking over plain."""
    short = []
    for aggregate in metadata["aggregates"]:
        if "thinking" in aggregate and aggregate["calls"]:
            tokens, answers = aggregate["thinking"]["tokens"], aggregate["thinking"]["answers"] or {"pairs": 0, "time_ratio": None}
            interval = f"{answers['low']:+.2f} to {answers['high']:+.2f}" if answers["pairs"] else None
            times = f"{figure(answers['time_ratio']['ratio'])} x" if answers["time_ratio"] else None
            short.append([aggregate["model"], aggregate["phase"], *_row(aggregate)[3:5], interval, tokens and figure(tokens["median"]), times])
    return short


def _row(aggregate: dict) -> list:
    thinking, quality = aggregate["thinking"], aggregate["quality"] or {"passed": 0, "n": 0, "time_to_correct_ms": None}
    answers = thinking["answers"]
    compared = _compared(answers) if answers else ["-", f"{quality['passed']} of {quality['n']}" if quality["n"] else "-", "-"]
    times = ([answers["time_to_correct_plain_ms"], answers["time_to_correct_thinking_ms"]] if answers else
             [None, quality["time_to_correct_ms"]])
    return [aggregate["model"], aggregate["phase"], _mode(thinking["mode"]), *compared, _with_basis(thinking),
            median_with_n(thinking["budget_share"]), thinking["cut_by_budget"], median_with_n(thinking["first_answer_ms"]),
            *map(median_with_n, times)]


def _total(model: str, aggregates: list) -> List[list]:
    answers = [aggregate["thinking"]["answers"] for aggregate in aggregates if aggregate["thinking"]["answers"]]
    if len(answers) < 2:
        return []
    counts = {name: sum(row[name] for row in answers) for name in COUNTS}
    compared = _compared({**counts, **paired_answers.difference(counts["pairs"], counts["gained"], counts["lost"])})
    return [[model, "all of these", "-", *compared, *["-"] * (len(TITLES) - 6)]]


def _mode(mode: Union[bool, str, None]) -> str:
    return ALWAYS if mode is None else "on" if mode is True else str(mode)


def _compared(answers: dict) -> list:
    pairs = answers["pairs"]
    if not pairs:
        return ["-", "-", "no pairs"]
    interval = f"{answers['difference']:+.2f} ({answers['low']:+.2f} to {answers['high']:+.2f})"
    return [f"{answers['right_plain']} of {pairs}", f"{answers['right_thinking']} of {pairs}", interval]


def _with_basis(thinking: dict) -> str:
    if thinking["tokens"] is None:
        return "none"
    basis = f"by {thinking['tokens_basis']}" if thinking["tokens_basis"] else "by chunks and text"
    return f"{figure(thinking['tokens']['median'])} {basis} (n={thinking['tokens']['n']})"
