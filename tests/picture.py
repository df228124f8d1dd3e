"""The picture of the README: one result as bars and a line, made from a run of a machine that does not exist.

    python tests/documents.py --write

draws it anew. Every figure is computed by the harness from a synthetic ledger; the picture says so.
"""
from __future__ import annotations

import support  # noqa: F401  (puts the harness on the path)

from base import json_text, plan
from base.phases import PHASES
from mutants import valid

PATH = "harness/assets/synthetic-result.svg"
WIDTH, HEIGHT = 960, 344
LEFT, TOP, PANEL_WIDTH, AXIS, GAP = 24, 96, 282, 168, 33
COLOURS = ("#2f6f9f", "#c2702a")
STYLE = """text{font-family:system-ui,sans-serif;fill:#24292f}
.t{font-size:20px;font-weight:600}.s{font-size:13px;fill:#57606a}
.h{font-size:14px;font-weight:600}.n{font-size:12px}.p{fill:#fff;stroke:#d0d7de}.a{stroke:#8c959f;stroke-width:1}
.e{stroke:#24292f;stroke-width:1.5}.l{fill:none;stroke-width:2.5}"""


def result() -> dict:
    """metadata.json of a synthetic run of all phases with two models."""
    run = valid.Run(plan.Settings(), tuple(PHASES), 2)
    return json_text.loads(run.files()["metadata.json"])


def render() -> str:
    found = result()
    names = [row["model"] for row in found["models"]]
    bars = [(name, group_of(found, name, "frozen-prompts")["metrics"]["decode_tok_s"]) for name in names]
    waves = [[(str(wave["level"]), wave["tok_s"]["median"]) for wave in row["waves"]]
             for row in rows(found, names, "parallel-same")]
    fills = [[(f"{100 * group['fill']:.0f} %", group["metrics"]["ttft_ms"]["median"] / 1000)
              for group in row["groups"] if group["fill"]] for row in rows(found, names, "context-edge")]
    panels = [panel(0, "One answer at a time", "decode, tokens a second, with 95 % interval", bars_of(bars)),
              panel(1, "Several at once", "tokens a second of all together", lines_of(waves)),
              panel(2, "A long prompt", "seconds to the first text, by context filled", lines_of(fills))]
    legend = "".join(f'<rect x="{LEFT + 250 * n}" y="{HEIGHT - 40}" width="12" height="12" fill="{COLOURS[n]}"/>'
                     f'{text("n", LEFT + 250 * n + 18, HEIGHT - 30, name)}' for n, name in enumerate(names))
    calls = f"{found['done']} calls, verdict {found['verdict']['verdict']}"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="A synthetic result">',
        f"<style>{STYLE}</style>", f'<rect class="p" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="6"/>',
        text("t", LEFT, 36, "What a run shows"),
        text("s", LEFT, 58, f"SYNTHETIC: planted figures, no machine was measured. {calls}."), *panels, legend, "</svg>", ""])


def rows(found: dict, names: list, phase: str) -> list:
    return [next(row for row in found["aggregates"] if (row["model"], row["phase"]) == (name, phase)) for name in names]


def group_of(found: dict, name: str, phase: str) -> dict:
    """What all items of the first pass share."""
    groups = rows(found, [name], phase)[0]["groups"]
    return next(group for group in groups if group["item"] is None and group["pass"] == "first")


def panel(number: int, title: str, subtitle: str, inside: str) -> str:
    x = LEFT + number * (PANEL_WIDTH + GAP)
    return (f'<g transform="translate({x},{TOP})">{text("h", 0, 0, title)}{text("n", 0, 18, subtitle)}{inside}'
            f'<line class="a" x1="0" y1="{AXIS}" x2="{PANEL_WIDTH}" y2="{AXIS}"/></g>')


def text(style: str, x: float, y: float, said: str, anchor: str = "start") -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'


def height(value: float, most: float) -> float:
    """y of a value; 0 stands on the axis."""
    return AXIS - (AXIS - 52) * value / most


def bars_of(found: list) -> str:
    most, parts = max(stat["high"] for _, stat in found), []
    for n, (_, stat) in enumerate(found):
        x, y = 40 + 120 * n, height(stat["median"], most)
        low, high = height(stat["low"], most), height(stat["high"], most)
        parts.append(f'<rect x="{x}" y="{y:.1f}" width="72" height="{AXIS - y:.1f}" fill="{COLOURS[n]}"/>'
                     f'<line class="e" x1="{x + 36}" x2="{x + 36}" y1="{low:.1f}" y2="{high:.1f}"/>'
                     + text("n", x + 36, y - 8, f"{stat['median']:.1f} (n={stat['n']})", "middle"))
    return "".join(parts)


def lines_of(series: list) -> str:
    """One line for each model; `series` are lists of (label, value) over the same labels."""
    most = max(value for points in series for _, value in points)
    xs = [24 + n * (PANEL_WIDTH - 48) / (len(series[0]) - 1) for n in range(len(series[0]))]
    parts = [text("n", x, AXIS + 16, label, "middle") for x, (label, _) in zip(xs, series[0])]
    for colour, points in zip(COLOURS, series):
        places = [(x, height(value, most)) for x, (_, value) in zip(xs, points)]
        points_told = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="l" stroke="{colour}" points="{points_told}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
        parts.append(text("n", places[-1][0], places[-1][1] - 9, f"{points[-1][1]:.1f}", "end"))
    return "".join(parts)
