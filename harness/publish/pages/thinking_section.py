"""Answers with and without thinking: right answers, tokens and times of both ways of asking."""
from __future__ import annotations

from typing import Iterable, Iterator, List, Optional, Tuple

from base.phases import KINDS, THINKING_PHASES, suite_phase
from publish import number_format
from publish.charts import pareto
from publish.charts.axes import Interval
from publish.escape import Html
from publish.markup import tag
from publish.pages import figure_text, layout, phase_tables
from publish.pages.figure_columns import Row
from publish.pages.tables import Head, TableCell, empty, interval, number, table

TITLE = "Answers with and without thinking"
EXPLAINED = ("The same items were asked without thinking (plain) and with it, then with a token budget on top of each item's limit. The "
             "difference covers the items graded in both ways, with its 95 % interval: if that includes 0, thinking may make no difference.")
ALWAYS = ("This model thinks even when thinking is switched off. All its items were asked with the token budget on top of their limit, so "
          "it has no plain answers to compare with.")
BADGE = "always thinks"
ASKED = tuple(phase for phase in KINDS if phase in THINKING_PHASES or phase in map(suite_phase, THINKING_PHASES))
MAX_LINES, MAX_POINTS = 40, 60      # with some 3 and 1 kB each
MINUS = "\u2212"
HEADS = [Head("Asked"), Head("Right, plain", "n"), Head("Right, thinking", "n"), Head("Difference", "n", tooltip="thinking minus plain, paired by item"),
         Head("Thinking tokens", "n", tooltip="of an answer with thoughts"), Head("First answer text", "n", tooltip="from the request to the first text of the answer"),
         Head("Time, plain", "n", "up", tooltip="from the request to the end of a right answer"), Head("Time, thinking", "n", "up", tooltip="from the request to the end of a right answer"),
         Head("Time ratio", "n", "up", tooltip="thinking divided by plain, for items right in both ways"), Head("Budget used", "n"),
         Head("Cut", "n", tooltip="answers cut because thoughts had used up the budget")]
Named = List[Tuple[Html, dict]]         # (link to a variant, the variant)


def of_cell(variant: dict, level: int) -> Optional[Html]:
    return _section([(None, variant)], level, layout.note(ALWAYS if variant["always_thinks"] else EXPLAINED))


def of_many(named: Named) -> Optional[Html]:
    """The section of a device's or model's page: each line names its variant."""
    return _section(named, 2, layout.note(EXPLAINED))


def _section(named: Iterable[tuple], level: int, note: Html) -> Optional[Html]:
    lines = [line for name, variant in named for line in _lines(name, variant)]
    if not lines:
        return None
    cut = layout.note(f"The first {MAX_LINES} of {len(lines)} lines; the others are on the pages of their cells.") if len(lines) > MAX_LINES else None
    shown = table("Right answers and times, plain and with thinking", HEADS, lines[:MAX_LINES])
    return layout.section(TITLE, note, shown, cut, level=level, id_=layout.id_at(level, "thinking"))


def _lines(name: Optional[Html], variant: dict) -> Iterator[List[TableCell]]:
    phases = {phase["phase"]: phase for phase in variant["phases"]}
    for phase_name in ASKED:
        phase = phases.get(phase_name)
        if phase and phase.get("thinking") and phase["calls"]:
            is_pair = phase_name in THINKING_PHASES
            yield _line(name, variant, phase, phases.get(suite_phase(phase_name)) if is_pair else None)


def _line(name: Optional[Html], variant: dict, phase: dict, plain: Optional[dict]) -> List[TableCell]:
    thinking = phase["thinking"]
    words = phase_tables.title_of(suite_phase(phase["phase"]))
    badge = [" ", tag("span", BADGE, class_="badge")] if name is not None and variant["always_thinks"] else []
    first = words if name is None else [name, *badge, tag("small", words)]
    plain_time = figure_text.of_runs(thinking["time_to_correct_plain_ms"])
    thinking_time = figure_text.of_runs(thinking["time_to_correct_thinking_ms"] or (phase["quality"] or {}).get("time_to_correct_ms"))
    return [TableCell(first), _right(plain), _right(phase), _difference(thinking), interval(figure_text.of_runs(thinking["tokens"])),
            interval(figure_text.of_runs(thinking["first_answer_ms"]), number_format.milliseconds),
            interval(plain_time, number_format.milliseconds), interval(thinking_time, number_format.milliseconds),
            interval(figure_text.of_runs(thinking["time_ratio"])), interval(figure_text.of_runs(thinking["budget_share"]), number_format.percent),
            number(thinking["cut_by_budget"])]


def _right(phase: Optional[dict]) -> TableCell:
    return interval(_share(phase), number_format.percent)


def _share(phase: Optional[dict]) -> Optional[Interval]:
    return figure_text.of_share({**phase["quality"], "runs": phase["runs"]}) if phase and phase["quality"] else None


def _difference(thinking: dict) -> TableCell:
    if thinking["difference"] is None:
        return empty()
    spread = f"{_points(thinking['difference_low'])} to {_points(thinking['difference_high'])}"
    counts = f"{thinking['pairs']:,} pairs: {thinking['gained']:,} gained, {thinking['lost']:,} lost"
    return TableCell(tag("span", tag("b", _points(thinking["difference"])), tag("small", spread, tag("br"), counts), class_="figure"),
                     thinking["difference"], "n")


def _points(share: float) -> str:
    """Percentage points with their sign."""
    sign = "+" if share > 0 else MINUS if share < 0 else ""
    return f"{sign}{abs(100 * share):.0f}{number_format.THIN}%"


# ----- quality against the time to a right answer

def pareto_points(rows: Iterable[Row]) -> List[pareto.Point]:
    """Right answers to the short questions against the time to one, plain and with thinking; of many the best."""
    points = []
    for row in rows:
        phases = {phase["phase"]: phase for phase in row.variant["phases"]}
        for name, ending in (("small-eval", BADGE if row.variant["always_thinks"] else ""), ("small-eval-thinking", "thinking")):
            phase = phases.get(name)
            time = figure_text.of_runs(phase["quality"]["time_to_correct_ms"]) if phase and phase["quality"] else None
            share = _share(phase)
            if time and share:
                points.append(pareto.Point(f"{row.name_of_model}, {ending}" if ending else row.name_of_model, time, share, row.caveat))
    points.sort(key=lambda point: (-point.quality.value, point.speed.value, point.name))
    return points[:MAX_POINTS]
