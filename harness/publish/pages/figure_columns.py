"""The figures by which models and devices are compared: title with unit, meaning, and how each is read from a row."""
from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Optional

from publish import grades, number_format
from publish.charts.axes import Interval
from publish.pages import figure_text


@dataclass(frozen=True)
class Row:
    """One digest of one model on one device."""
    device: dict
    model: dict
    cell: dict
    variant: dict

    @property
    def mark(self) -> str:
        """The beginning of the digest if the cell has several."""
        return self.variant["digest"][:8] if len(self.cell["variants"]) > 1 else ""

    @property
    def page(self) -> str:
        return self.cell["page"] + (f"#{self.mark}" if self.mark else "")

    @property
    def name_of_model(self) -> str:
        return self.cell["model"] + (f" ({self.mark})" if self.mark else "")

    @property
    def name_of_device(self) -> str:
        return self.cell["device_tag"] + (f" ({self.mark})" if self.mark else "")

    @property
    def archived(self) -> int:
        """How many of the runs shown are not to be compared with others."""
        return self.variant["grades"].get(grades.ARCHIVE_ONLY, 0)

    @property
    def is_comparable(self) -> bool:
        """Whether more than half of the runs may be compared: then each median lies between values of such runs."""
        return 2 * self.archived < sum(self.variant["grades"].values())

    @property
    def caveat(self) -> str:
        """What is said beside its figures where they are not to be compared with others."""
        shown = sum(self.variant["grades"].values())
        if self.is_comparable:
            return ""
        return grades.ARCHIVE_ONLY if self.archived == shown else f"{self.archived} of {shown} {grades.ARCHIVE_ONLY}"


@dataclass(frozen=True)
class Column:
    """A figure. `better` is high, low or empty; `title` has the unit, unless `show` writes it."""
    id: str
    title: str
    description: str
    find: Callable[[Row], Optional[Interval]]
    better: str = "high"
    show: Callable[[Optional[float]], str] = number_format.figure
    is_log: bool = True

    @property
    def first(self) -> str:
        return "up" if self.better == "low" else "down"


def rows_of(catalogue: dict) -> List[Row]:
    by_tag = {device["device_tag"]: device for device in catalogue["devices"]}
    by_name = {model["model"]: model for model in catalogue["models"]}
    return [Row(by_tag[cell["device_tag"]], by_name[cell["model"]], cell, variant)
            for cell in catalogue["cells"] for variant in cell["variants"]]


def grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> Dict[str, List[Row]]:
    groups: dict = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _headline(read: Callable[[Optional[dict]], Optional[Interval]], name: str) -> Callable[[Row], Optional[Interval]]:
    return lambda row: read(row.variant["headline"][name])


_spread, _share, _stat = (functools.partial(_headline, read) for read in (figure_text.of_spread, figure_text.of_share, figure_text.of_runs))


def _most(row: Row) -> Optional[Interval]:
    interval, level = figure_text.of_spread(row.variant["headline"]["tok_s_most"]), row.variant["headline"]["most_level"]
    return interval and Interval(interval.value, interval.low, interval.high, f"{level} at once, {number_format.counted(interval.runs or 0, 'run')}",
                              interval.runs)


def _alone(value: Optional[float], runs: Optional[dict]) -> Optional[Interval]:
    """A figure computed from two medians, whose spread is unknown."""
    if value is None:
        return None
    n = runs["over_runs"]["n"] if runs else None
    return Interval(value, value, value, number_format.counted(n, "run") if n else "", n)


def _bound(row: Row) -> Optional[Interval]:
    bound = row.variant["bound"]
    return _alone(bound["share"] if bound else None, row.variant["headline"]["decode_tok_s"])


COLUMNS = (
    Column("decode", "Decode tok/s",
           "Answer tokens per second, one call at a time: the three frozen prompts, first pass.",
           _spread("decode_tok_s")),
    Column("ttft", "First token",
           "Time from the request to the first text, for a prompt of about 300 tokens and a loaded model.",
           _spread("ttft_ms"), "low", number_format.milliseconds),
    Column("prefill", "Prefill tok/s", "Prompt tokens read per second, for a prompt of about 1,200 tokens.",
           _spread("prefill_tok_s")),
    Column("answers", "Right answers",
           "Right answers to short questions, with the 95 % interval; repeats of a question count.",
           _share("answers"), show=number_format.percent, is_log=False),
    Column("code", "Code passed", "Python tasks whose hidden tests the program passed, with the 95 % interval.",
           _share("code"), show=number_format.percent, is_log=False),
    Column("recall", "Facts recalled", "Facts planted in a filled context that the answer recalled, with the 95 % interval.",
           _share("recall"),
           show=number_format.percent, is_log=False),
    Column("pace", "Right answers/min", "Right answers per minute to the five short questions: speed and quality in one figure.",
           _stat("correct_per_minute")),
    Column("most", "Peak total tok/s",
           "Answer tokens per second of all concurrent calls together, at the level with the highest total.",
           _most),
    Column("gain", "Parallel speedup", "Peak total tokens per second, divided by those of one call at a time.",
           lambda row: _alone(row.variant["headline"]["concurrency_gain"], row.variant["headline"]["tok_s_most"]),
           show=lambda value: number_format.figure(value) + ("" if value is None else "\u00d7"), is_log=False),
    Column("cost", "Full-context slowdown",
           "How much slower decode is in a context that is 98 % full than in one that is 25 % full.",
           lambda row: _alone(row.variant["headline"]["context_cost"], row.variant["headline"]["decode_full"]), "low",
           number_format.percent, False),
    Column("context", "Largest context", "The largest context, in tokens, whose longest prompt was answered.",
           _stat("largest_context"), is_log=True),
    Column("correct", "Time to right answer", "From the request to the end of a right answer to one of the five short questions.",
           _stat("time_to_correct_ms"), "low", number_format.milliseconds),
    Column("thinking", "Right, thinking on", "Right answers to the same short questions with thinking on, with the 95 % interval.",
           _share("answers_thinking"), show=number_format.percent, is_log=False),
    Column("correct-thinking", "Time, thinking on", "From the request to the end of a right answer with thinking on.",
           _stat("time_to_correct_thinking_ms"), "low", number_format.milliseconds),
    Column("bound", "Of bandwidth limit",
           "Decode as a share of what memory bandwidth allows: bandwidth divided by the size of the weights.",
           _bound, show=number_format.percent, is_log=False),
    Column("drift", "Last/first pass",
           "Decode in the last pass divided by decode in the first: 1 is steady; below 1, the machine slowed down.",
           _stat("drift"), "", show=lambda value: number_format.NONE if value is None else f"{value:.2f}", is_log=False),
    Column("energy", "J/token", "Energy per answer token by the machine's own counters, prefill included.",
           _spread("energy_j_per_tok"), "low"),
    Column("load", "Cold load", "Time to load a model that was not in memory, from disk or from the system's page cache.",
           lambda row: figure_text.of_runs(row.variant["cold_load_ms"]), "low",
           number_format.milliseconds),
    Column("memory", "In memory", "The size of the loaded model, as the server reports it.",
           lambda row: figure_text.of_runs(row.variant["memory_bytes"]), "low",
           number_format.gigabytes),
)
BY_ID = {column.id: column for column in COLUMNS}
MAIN = tuple(BY_ID[name] for name in ("decode", "ttft", "prefill", "answers", "code", "most", "cost", "context", "bound"))
OPTIONAL = ("context", "thinking", "correct-thinking")      # columns of tables in which a row has them


def used(columns: Iterable[Column], rows: List[Row]) -> List[Column]:
    """The columns without those optional ones that no row has."""
    return [column for column in columns if column.id not in OPTIONAL or any(column.find(row) for row in rows)]
