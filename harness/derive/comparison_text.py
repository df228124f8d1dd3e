"""A comparison as text tables."""
from __future__ import annotations

from typing import List, Optional

from base import text_layout
from base.text_format import ratio
from derive import paired_comparison

SHORT_CHARACTERS = 40       # of a value that differs
SHOWN_CHANGES = 40          # changed answers that are listed; the record holds more
SHORT = {"ttft_ms": "TTFT", "prefill_tok_s": "prefill", "decode_tok_s": "decode", "total_ms": "total",
         "wave_tok_s": "all calls at once", "answers": "answers"}
EFFECTS = {"other-model": "two different models are compared", "cause": "compared; may explain a difference",
           "scope": "only what both runs have is compared", "unknown": "not known"}


def render(comparison: dict) -> str:
    parts = [_synthetic(comparison), _runs(comparison), _differences(comparison["differences"]), _ratios(comparison["cells"]),
             _answers(comparison["cells"]), _unpaired(comparison["cells"]), _noise(comparison)]
    return "\n\n".join(part for part in parts if part)


def _synthetic(comparison: dict) -> str:
    which = [name.upper() for name in ("a", "b") if comparison[name]["synthetic"]]
    return f"synthetic: {' and '.join(which)} made by a stub or a script; no machine was measured" if which else ""


def _runs(comparison: dict) -> str:
    """Two lines for each run; its id is whole, to be copied."""
    lines = []
    for name, run in (("A", comparison["a"]), ("B", comparison["b"])):
        lines.append(f"{name}  run-{run['run_id']}")
        lines += text_layout.hanging("   ", f"{run['device_tag'] or 'no device tag'}, began {run['started_at']}, {run['done']} of {run['planned']} calls, "
                                        f"verdict {run['verdict'] or 'none'}")
    return "\n".join(lines)


def _differences(rows: List[dict]) -> str:
    if not rows:
        return "The runs have no relevant difference."
    table = [[row["key"], _scope(row), _short(row["a"]), _short(row["b"]), _effect(row)] for row in rows]
    return "Differences:\n" + text_layout.format_table(["key", "of", "A", "B", "effect"], table, range(5))


def _scope(row: dict) -> str:
    return ", ".join(([row["model"]] if row["model"] else []) + row["phases"]) or "all"


def _short(text: Optional[str]) -> Optional[str]:
    return text if text is None or len(text) <= SHORT_CHARACTERS else text[:SHORT_CHARACTERS - 3] + "..."


def _effect(row: dict) -> str:
    if row["effect"] != "left-out":
        return EFFECTS[row["effect"]]
    all_figures = len(row["figures"]) == len(SHORT)
    return "nothing is compared" if all_figures else "not compared: " + ", ".join(SHORT[name] for name in row["figures"])


def _ratios(cells: List[dict]) -> str:
    rows = [[_models(cell), place(cell), SHORT[row["figure"]], row["n"], ratio(row["ratio"]),
             f"{ratio(row['low'])} to {ratio(row['high'])}" if row["low"] else None, row["says"]]
            for cell in cells if cell["pairs"] for row in cell["figures"]]
    if not rows:
        return ""
    intervals = sum(row[3] >= paired_comparison.MIN_PAIRS for row in rows)
    chance = f"\nOf {intervals} intervals, about {intervals / 20:.0f} may exclude 1 by chance." if intervals else ""
    return "B/A, the median of n pairs with its 95 % interval:\n" + text_layout.format_table(
        ["model", "phase", "figure", "n", "ratio", "interval", "result"], rows, (0, 1, 2, 6)) + chance


def _answers(cells: List[dict]) -> str:
    graded = [(cell, cell["answers"]) for cell in cells if cell["answers"]]
    if not graded:
        return ""
    rows = [[_models(cell), place(cell), row["n"], row["right_a"], row["right_b"], row["gained"], row["lost"],
             row["says"]] for cell, row in graded]
    table = "Answers:\n" + text_layout.format_table(
        ["model", "phase", "graded", "right in A", "right in B", "gained", "lost", "result"], rows, (0, 1, 7))
    changes = [f"  {cell['models'][0]}, {place(cell)}, {_item(change)}: {change['a']} in A, {change['b']} in B"
               for cell, row in graded for change in row["changes"]]
    more = sum(row["changed"] for _, row in graded) - SHOWN_CHANGES
    return "\n".join([table, *changes[:SHOWN_CHANGES], *([f"  and {more} more"] if more > 0 else [])])


def _item(change: dict) -> str:
    return change["item"] + (f" {change['pass']} {change['repeat']}" if change["pass"] else "")


def _unpaired(cells: List[dict]) -> str:
    """Calls without a pair, and pairs without figures."""
    lines = []
    for cell in cells:
        counts = ((cell["only_a"], "only in A"), (cell["only_b"], "only in B"), (cell["unlike"], "with different prompts"),
                  (cell["failed_a"], "without figures in A"), (cell["failed_b"], "without figures in B"))
        parts = [f"{count} {reason}" for count, reason in counts if count]
        if parts:
            lines.append(f"  {' + '.join(cell['models'])}, {place(cell)}: {', '.join(parts)}")
    return "Calls without a ratio:\n" + "\n".join(lines) if lines else ""


def _noise(comparison: dict) -> str:
    if not comparison["noise_floor"]:
        return ""
    reach = [f"{100 * share:.1f} % of {SHORT[name]}" for name, share in paired_comparison.noise(comparison).items()]
    unknown = [row["key"] for row in comparison["differences"] if row["effect"] == "unknown"]
    doubt = f" (as far as the files show: {', '.join(unknown)} is not known for both)" if unknown else ""
    reach_text = f" For the frozen prompts it reaches {', '.join(reach)}." if reach else ""
    return (f"Both runs are of the same machine, with the same settings{doubt}: the intervals above are the noise floor.{reach_text} "
            "A difference between other runs of this machine means something only if it is larger.")


def _models(cell: dict) -> str:
    return " + ".join(cell["models"]) + ("" if cell["same_model"] else " (two models)")


def place(cell: dict) -> str:
    return cell["phase"] if cell["level"] is None else f"{cell['phase']} x{cell['level']}"
