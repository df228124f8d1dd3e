"""Phase tables: the figures of each phase, group by group, with failures; of a cell or of one run."""
from __future__ import annotations

from typing import Callable, Iterable, List, Optional

from base.phases import suite_phase
from base.records import METRICS, SKIP_REASONS
from derive import headline
from publish import number_format
from publish.escape import Html
from publish.markup import tag
from publish.pages import figure_text, layout, lists
from publish.pages.tables import Head, TableCell, interval, number, table

TITLES = {"frozen-prompts": "Frozen prompts", "small-eval": "Small evaluation", "python-tasks": "Python tasks",
          "parallel-same": "Parallel, one model", "context-append": "Context, growing conversation",
          "context-edge": "Context, single long prompts", "parallel-mixed": "Parallel, several models"}
WAYS = {"-thinking": ", thinking", **{f"-{size}k": f", {size}k" for size in (16, 32, 64, 128, 256)}}     # ending of a phase: of its title
SHOWN = (("ttft_ms", "First token", number_format.milliseconds), ("prefill_tok_s", "Prefill tok/s", number_format.figure),
         ("decode_tok_s", "Decode tok/s", number_format.figure), ("total_ms", "Whole call", number_format.milliseconds),
         ("icl_p99_ms", "Token gap, p99", number_format.milliseconds), ("prompt_tokens", "Prompt tokens", number_format.figure),
         ("energy_j_per_tok", "J/token", number_format.figure))
WAVE_HEADS = [Head("Calls at once"), Head("Total tok/s", "n"),
              Head("Parallel", "n", tooltip="calls that decode at the same time, on average"), Head("Full waves", "n"),
              Head("Short", "n", tooltip="waves with fewer calls than the level; not counted"),
              Head("Failed", "n", tooltip="waves in which a call failed; not counted"),
              Head("Serialised", tooltip="processed one after the other")]
LEFT_OUT = (("censored", "cut by a limit, neither right nor wrong"), ("ungraded", "not graded: the code was not run"),
            ("failed", "without an answer"))


def of_cell(variant: dict, level: int) -> List[Html]:
    return [_phase(phase, "figures", figure_text.of_spread, _levels(phase["levels"], figure_text.of_spread), phase["runs"], level)
            for phase in variant["phases"]]


def of_run(aggregates: Iterable[dict], level: int) -> List[Html]:
    return [_phase(row, "metrics", figure_text.of_calls, _levels(row["waves"], lambda stat: figure_text.of_calls(stat, "wave")),
                   None, level) for row in aggregates]


def _phase(phase: dict, part: str, read: Callable, levels: Optional[Html], runs: Optional[int], level: int) -> Html:
    groups = [group for group in phase["groups"] if group["calls"]]
    columns = [(name, title, show) for name, title, show in SHOWN if any(group[part].get(name) for group in groups)]
    heads = [Head("Item"), *(Head(title, "n", tooltip=METRICS[name]) for name, title, _ in columns),
             Head("Calls", "n")]
    lines = [[TableCell(group_name(group)), *(interval(read(group[part].get(name)), show) for name, _, show in columns),
              number(group["calls"])] for group in groups]
    title = title_of(phase["phase"])
    body = table(f"{title}: medians, quartiles and n", heads, lines) if lines else layout.note("No call of this phase has figures.")
    return layout.section([title, " ", tag("code", phase["phase"])], _work(phase, runs), _quality(phase["quality"]), levels,
                          body, _recall(phase["quality"]), level=level, class_="phase")


def title_of(phase: str) -> str:
    """The title of the plain phase, and what is different."""
    suite = suite_phase(phase)
    return TITLES.get(suite, suite) + WAYS.get(phase[len(suite):], "")


def group_name(group: dict) -> str:
    parts = [group["item"] or "all items"]
    parts += [{"first": "first pass", "last": "last pass"}[group["pass"]]] if group["pass"] else []
    parts += [f"{group['level']} at once"] if group["level"] else []
    parts += [f"{number_format.percent(group['fill'])} full"] if group["fill"] is not None else []
    return ", ".join(parts)


def _work(phase: dict, runs: Optional[int]) -> Html:
    """Calls by outcome, and planned calls that were not made; failures are included."""
    skips = [tag("li", f"{number_format.counted(count, 'planned call')} not made, {reason}: {SKIP_REASONS.get(reason, '')}")
             for reason, count in phase["skips"].items() if count]
    parts = [f"{number_format.counted(phase['calls'], 'call')}" + (f" in {number_format.counted(runs, 'run')}" if runs else ""),
             f"outcomes: {figure_text.counts(phase['outcomes'])}"]
    parts += [f"{phase['void']:,} void, since their prompt was cut"] if phase["void"] else []
    parts += [f"{phase['reattempts']:,} made by a resumed session"] if phase["reattempts"] else []
    bases = phase.get("prefill_bases") or [phase.get("prefill_basis")]
    parts += [f"cached prompt tokens determined by {', '.join(bases)}"] if any(bases) else []
    failed = headline.failed(phase)
    alarm = [" ", tag("span", f"{failed:,} failed", class_="badge failed")] if failed else None
    return tag("div", tag("p", "; ".join(parts), ".", alarm), tag("ul", skips) if skips else None, class_="work")


def _quality(quality: Optional[dict]) -> Optional[Html]:
    if quality is None:
        return None
    more = [f"; {quality[name]:,} {meaning}" for name, meaning in LEFT_OUT if quality[name]]
    time = quality["time_to_correct_ms"]
    more += [f"; {number_format.milliseconds(time['median'])} to a right answer (median)"] if time else []
    return tag("p", _share(quality) if quality["n"] else "No answer was graded", more, ".")


def _share(quality: dict) -> list:
    return [tag("b", f"{quality['passed']:,} of {quality['n']:,}"), " right "
            f"({number_format.percent(quality['passed'] / quality['n'])}{_interval(quality)})"]


def _interval(quality: dict) -> str:
    """Only cells have one."""
    if quality.get("low") is None:
        return ""
    return f"; 95 % interval {number_format.between(quality['low'], quality['high'], number_format.percent)}"


def _levels(levels: List[dict], read: Callable) -> Optional[Html]:
    if not levels:
        return None
    lines = [[TableCell(_level_name(row)), interval(read(row["tok_s"])), interval(read(row["parallelism"])),
              number(row["full"]), number(row["short"]), number(row["failed"]), TableCell(_serialised(row))] for row in levels]
    return table("Calls sent together", WAVE_HEADS, lines)


def _level_name(row: dict) -> list:
    others = [", ", lists.name(" + ".join(row["models"]))] if len(row["models"]) > 1 else []
    return [f"{row['level']} at once", *others]


def _serialised(row: dict) -> str:
    if "runs" in row:       # of a cell
        return f"in {row['serialised']} of {number_format.counted(row['runs'], 'run')}" if row["serialised"] else "no"
    return {True: "yes", False: "no", None: number_format.NONE}[row["serialised"]]


def _recall(quality: Optional[dict]) -> Optional[Html]:
    if not quality or not quality["recall"]:
        return None
    places = [place for place in ("head", "middle", "tail") if any(row["place"] == place for row in quality["recall"])]
    fills = sorted({row["fill"] for row in quality["recall"]})
    by_key = {(row["fill"], row["place"]): row for row in quality["recall"]}
    lines = [[TableCell(f"{number_format.percent(fill)} full"), *(_recalled(by_key.get((fill, place))) for place in places)]
             for fill in fills]
    return table("Recalled facts, by their place in the context",
                 [Head("Context"), *(Head(place, "n") for place in places)], lines)


def _recalled(row: Optional[dict]) -> TableCell:
    return TableCell(number_format.NONE if row is None else f"{row['found']:,} of {row['n']:,}", None, "n")
