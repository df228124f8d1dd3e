"""A comparison as text tables."""
from __future__ import annotations

from base import console
from base.text_format import ratio
from derive import paired_comparison

SHOWN_CHANGES = 40          # answers that are named one by one; the record holds more
SHORT = {"ttft_ms": "TTFT", "prefill_tok_s": "prefill", "decode_tok_s": "decode", "total_ms": "total",
         "wave_tok_s": "all calls at once", "answers": "answers"}
FOLLOWS = {"other-model": "two models, compared as such", "cause": "compared; may be a cause",
           "scope": "only what both have is compared", "unknown": "cannot be told"}


def render(comparison: dict) -> str:
    """The whole `comparison` record but for what is told apart from it, such as unfinished runs."""
    parts = [_synthetic(comparison), _runs(comparison), _differences(comparison["differences"]), _ratios(comparison["cells"]),
             _answers(comparison["cells"]), _alone(comparison["cells"]), _noise(comparison)]
    return "\n\n".join(part for part in parts if part)


def _synthetic(comparison: dict) -> str:
    which = [name.upper() for name in ("a", "b") if comparison[name]["synthetic"]]
    return f"synthetic: {' and '.join(which)} made by a stub or a script; no machine was measured" if which else ""


def _runs(comparison: dict) -> str:
    rows = [[name.upper(), f"run-{run['run_id']}", run["device_tag"], run["started_at"],
             f"{run['done']} of {run['planned']}", run["verdict"]] for name, run in (("a", comparison["a"]), ("b", comparison["b"]))]
    return console.format_table(["", "run", "device tag", "began", "calls", "verdict"], rows, range(6))


def _differences(rows: list) -> str:
    if not rows:
        return "They differ in nothing that matters."
    table = [[row["key"], _of(row), _short(row["a"]), _short(row["b"]), _follows(row)] for row in rows]
    return "In what they differ:\n" + console.format_table(["key", "of", "A", "B", "what follows"], table, range(5))


def _of(row: dict) -> str:
    return ", ".join(([row["model"]] if row["model"] else []) + row["phases"]) or "all"


def _short(text: str | None, width: int = 40) -> str | None:
    return text if text is None or len(text) <= width else text[:width - 3] + "..."


def _follows(row: dict) -> str:
    if row["effect"] != "left-out":
        return FOLLOWS[row["effect"]]
    all_figures = len(row["figures"]) == len(SHORT)
    return "nothing is compared" if all_figures else "not compared: " + ", ".join(SHORT[name] for name in row["figures"])


def _ratios(cells: list) -> str:
    rows = [[_models(cell), place(cell), SHORT[row["figure"]], row["n"], ratio(row["ratio"]),
             f"{ratio(row['low'])} to {ratio(row['high'])}" if row["low"] else None, row["says"]]
            for cell in cells if cell["pairs"] for row in cell["figures"]]
    if not rows:
        return ""
    intervals = sum(row[3] >= paired_comparison.MIN_PAIRS for row in rows)
    chance = f"\nOf {intervals} intervals, about {intervals / 20:.0f} may leave 1 out by chance alone." if intervals else ""
    return "B/A, the median of n pairs with its 95 % interval:\n" + console.format_table(
        ["model", "phase", "figure", "n", "ratio", "interval", "what that shows"], rows, (0, 1, 2, 6)) + chance


def _answers(cells: list) -> str:
    graded = [(cell, cell["answers"]) for cell in cells if cell["answers"]]
    if not graded:
        return ""
    rows = [[_models(cell), place(cell), row["n"], row["right_a"], row["right_b"], row["gained"], row["lost"],
             row["says"]] for cell, row in graded]
    table = "Answers:\n" + console.format_table(
        ["model", "phase", "graded", "right in A", "right in B", "gained", "lost", "what that shows"], rows, (0, 1, 7))
    changes = [f"  {cell['models'][0]}, {place(cell)}, {_asked(change)}: {change['a']} in A, {change['b']} in B"
               for cell, row in graded for change in row["changes"]]
    more = sum(row["changed"] for _, row in graded) - SHOWN_CHANGES
    return "\n".join([table, *changes[:SHOWN_CHANGES], *([f"  and {more} more"] if more > 0 else [])])


def _asked(change: dict) -> str:
    return change["item"] + (f" {change['pass']} {change['repeat']}" if change["pass"] else "")


def _alone(cells: list) -> str:
    """Calls that are in no pair, and pairs without figures."""
    lines = []
    for cell in cells:
        counts = ((cell["only_a"], "in A alone"), (cell["only_b"], "in B alone"), (cell["unlike"], "with other prompts"),
                  (cell["failed_a"], "without figures in A"), (cell["failed_b"], "without figures in B"))
        parts = [f"{count} {reason}" for count, reason in counts if count]
        if parts:
            lines.append(f"  {' + '.join(cell['models'])}, {place(cell)}: {', '.join(parts)}")
    return "Calls that no ratio is of:\n" + "\n".join(lines) if lines else ""


def _noise(comparison: dict) -> str:
    if not comparison["noise_floor"]:
        return ""
    reach = [f"{100 * share:.1f} % of {SHORT[name]}" for name, share in paired_comparison.noise(comparison).items()]
    unknown = [row["key"] for row in comparison["differences"] if row["effect"] == "unknown"]
    doubt = f" as far as the files tell ({', '.join(unknown)} is not known of both)" if unknown else ""
    reach_text = f" For the frozen prompts it reaches {', '.join(reach)}." if reach else ""
    return (f"Nothing that matters differs{doubt}: the intervals above are the noise floor.{reach_text} A difference between "
            "other runs of this machine that is no larger than these is none.")


def _models(cell: dict) -> str:
    return " + ".join(cell["models"]) + ("" if cell["same_model"] else " (two models)")


def place(cell: dict) -> str:
    return cell["phase"] if cell["level"] is None else f"{cell['phase']} x{cell['level']}"
