"""Run report: a run's manifest and metadata as Markdown, for the generated block of run.md.

Nothing is computed here: each figure is from metadata.json and is shown with its n.
"""
from __future__ import annotations

import re
import shlex
from typing import Dict, List, Optional

from base import json_text, records, text_layout
from base.context_ladder import RUNG_LIMIT_S
from base.phases import CONTEXT_APPEND, CONTEXT_EDGE, FROZEN, PYTHON_TASKS, suite_phase
from base.target import is_local
from base.text_format import counted, figure, median_with_n
from derive import context_text, earlier_methods, failures, headline, thinking_table

BAR_CHARACTERS = 30
# Of warnings: the units of figures that are not counts or ratios, and those whose second figure is a limit.
UNITS = {"reload": "ms", "collapse": "tok/s", "num-ctx-ignored": "tokens", "slow-instrument": "us"}
WITH_LIMIT = ("reload", "wide-spread", "slow-instrument")


def render(manifest: dict, metadata: dict) -> str:
    """The whole block; the same two documents give the same text."""
    parts = [_synthetic(metadata), _facts(manifest, metadata), _verdict(metadata), _phases(metadata), _failures(metadata), _prompts(metadata),
             _concurrency(metadata), _context(metadata), _thinking(manifest, metadata), _drift(metadata), _warnings(manifest, metadata), _deviations(manifest, metadata),
             _skips(metadata), _reproduction(manifest, metadata)]
    return "\n\n".join(part for part in parts if part)


def _synthetic(metadata: dict) -> str:
    return "**Synthetic: made by a stub or a script. No machine was measured.**" if metadata["synthetic"] else ""


def _facts(manifest: dict, metadata: dict) -> str:
    commit = manifest["harness_commit"]
    state = {True: "modified since", False: "unmodified", None: "whether it was modified is not known"}
    rows = [
        ("run", code(metadata["run_id"])), ("device tag", code(manifest["device_tag"] or "none")),
        ("began", manifest["started_at"]), ("server", code(f"{manifest['server_name']} {manifest['server_version']}")),
        ("harness", f"{code(manifest['harness_version'])}, commit {code(commit[:12]) if commit else 'unknown'}, "
                    f"{state[manifest['harness_modified']]}"),
        ("platform", code(f"{manifest['platform']}, Python {manifest['python']}")),
        ("calls", f"{metadata['planned']} planned, {metadata['done']} made, {metadata['skipped']} skipped, in "
                  f"{counted(metadata['sessions'], 'session')}"),
    ]
    models = [[code(model["name"]), code(model["digest"][:12]), code(model["parameter_size"] or "-"),
               code(model["quantization"] or "-"), earlier_methods.model_size(model["size_bytes"], manifest)] for model in manifest["models"]]
    return "\n\n".join((table(["", "what was measured"], rows),
                        table(["model", "digest", "parameters", "quantization", "size"], models)))


def _verdict(metadata: dict) -> str:
    judgement = metadata["verdict"]
    verdict = f"**{judgement['verdict']}**" if judgement["verdict"] else "**no verdict**"
    rows = [[records.EVIDENCE[row["code"]], code(row["model"]) if row["model"] else "whole run", figure(row["observed"]),
             figure(row["expected"]), row["n"]] for row in judgement["evidence"]]
    evidence = "\n\n" + table(["evidence", "of", "observed", "limit", "n"], rows) if rows else ""
    finished = "" if metadata["complete"] else " The run is not finished."
    return f"### Verdict\n\n{verdict}: {plain(judgement['why'])}.{finished}{evidence}"


def _phases(metadata: dict) -> str:
    rows = []
    for row in metadata["aggregates"]:
        pooled = [group for group in row["groups"] if group["item"] is None]
        alone = [group for group in pooled if group["level"] in (None, 1) and group["pass"] in (None, "first")]
        decode = alone[0]["metrics"]["decode_tok_s"] if alone else None
        rows.append([code(row["model"]), plain(row["phase"]), row["calls"], headline.failed(row), sum(row["skips"].values()), median_with_n(decode),
                     _quality(row["quality"])])
    return "### Phases\n\n" + table(
        ["model", "phase", "calls", "failed", "skipped", "decode tok/s, one call at a time", "answers right"], rows)


def _quality(quality: dict | None) -> str:
    if quality is None:
        return "-"
    parts = [f"{quality['passed']} of {quality['n']}"] if quality["n"] else []
    parts += [f"{quality[name]} {word}" for name, word in (("censored", "cut by a limit"), ("ungraded", "not graded"))
              if quality[name]]
    return ", ".join(parts) or "none to judge"


def _failures(metadata: dict) -> str:
    """Why calls failed; no section where none did, or where the run is of an earlier version."""
    lines = [f"- {code(failure.model)}: {plain(failure.text)}. " + (f"The message: {code(failure.error)}. " if failure.error else "")
             + sentence(failure.advice) for failure in failures.of_run(metadata)]
    return "### Failed calls\n\n" + "\n".join(lines) if lines else ""


def _prompts(metadata: dict) -> str:
    """The frozen prompts, which every machine answers: the figures to compare machines by."""
    rows = []
    for row in metadata["aggregates"]:
        first = [group for group in row["groups"] if group["item"] is not None and group["pass"] == "first"]
        for group in first if row["phase"] == FROZEN else []:
            metrics = group["metrics"]
            rows.append([code(row["model"]), plain(group["item"]), median_with_n(metrics["prompt_tokens"]), median_with_n(metrics["ttft_ms"]),
                         median_with_n(metrics["prefill_tok_s"]), median_with_n(metrics["decode_tok_s"])])
    if not rows:
        return ""
    return "### Frozen prompts, before all else\n\nMedians, each with its number of calls.\n\n" + table(
        ["model", "prompt", "prompt tokens", "TTFT ms", "prefill tok/s", "decode tok/s"], rows)


def _concurrency(metadata: dict) -> str:
    charts = []
    for row in metadata["aggregates"]:
        waves = row["waves"]
        if not waves or row["model"] != waves[-1]["models"][0]:
            continue        # waves of several models are in the record of each of them; one is enough here
        names = " + ".join(waves[-1]["models"])
        lines = [(_level(wave, waves[-1]["models"]), wave["tok_s"]) for wave in waves]
        charts.append(f"Answer tokens a second of all calls together: {code(names)}, {row['phase']}; n counts waves.\n\n"
                      + bars(lines, "tok/s"))
    return "### Concurrency\n\n" + "\n\n".join(charts) if charts else ""


def _level(wave: dict, all_models: list) -> str:
    label = f"{wave['level']} at once"
    if wave["models"] != all_models:
        label += f", {' + '.join(wave['models'])}"
    return label + (", one by one" if wave["serialised"] else "")


def _context(metadata: dict) -> str:
    charts = []
    for phase in (CONTEXT_APPEND, CONTEXT_EDGE):
        for row in metadata["aggregates"]:
            groups = [group for group in row["groups"] if group["item"] is not None]
            if row["phase"] != phase or not groups:
                continue
            for metric, title, unit in (("ttft_ms", "Time to first text", "ms"), ("decode_tok_s", "Decode", "tok/s")):
                lines = [(_place(group), group["metrics"].get(metric)) for group in groups]
                charts.append(f"{title}: {code(row['model'])}, {phase}; n counts calls.\n\n" + bars(lines, unit))
    served = [f"- {code(model)}: {plain(sentence)}." for model, sentence in context_text.lines(metadata)]
    parts = (["\n".join(served)] if served else []) + _rungs(metadata) + charts
    return "### Context\n\n" + "\n\n".join(parts) if parts else ""


def _rungs(metadata: dict) -> list:
    rows = [[code(row["model"]), *cells] for row in metadata["aggregates"] if row.get("rung") for cells in context_text.cells(row)]
    return [table(context_text.TITLES, rows)] if rows else []


def _thinking(manifest: dict, metadata: dict) -> str:
    """Thinking compared with plain answers; no section unless the run was to compare them."""
    rows = [[code(row[0]), plain(row[1]), *row[2:]] for row in thinking_table.rows(metadata)]
    if rows and earlier_methods.has_failures(manifest) and all(row[2] == thinking_table.ALWAYS for row in rows):
        about = ("Models that always think: their items were asked with thoughts on top of their limits, and never plainly; medians with "
                 "their number of calls.")
        return f"### Thinking\n\n{about}\n\n" + table(*text_layout.without_empty_columns(thinking_table.TITLES, rows))
    if rows:
        about = ("The same items plainly and with thoughts on top of their limits; medians with their number of calls. The difference is "
                 "that of the shares of right answers, over items that were graded in both ways.")
        return f"### Thinking\n\n{about}\n\n" + table(thinking_table.TITLES, rows)
    if manifest.get("thinking", {}).get("mode") is None:
        return ""
    return "### Thinking\n\nAsked for, but no model of this run was asked with thinking."


def _place(group: dict) -> str:
    if group["fill"] is None:
        return group["item"]
    return f"{group['item']}, {100 * group['fill']:.0f} % full"


def _drift(metadata: dict) -> str:
    rows = []
    for row in metadata["aggregates"]:
        drift = row["drift"]
        if drift is not None:
            ratios = [_ratio(drift[name]) for name in ("decode", "prefill", "ttft")]
            rows.append([code(row["model"]), *ratios, plain(drift["why"] or "")])
    if not rows:
        return ""
    return "### Drift\n\nThe frozen prompts after all else, over the same before: ratio with its 95 % interval.\n\n" + table(
        ["model", "decode", "prefill", "TTFT", "not judged because"], rows)


def _ratio(ratio: dict | None) -> str:
    if ratio is None:
        return "-"
    return f"{figure(ratio['ratio'])} ({figure(ratio['low'])} to {figure(ratio['high'])}, n={ratio['n']})"


def _warnings(manifest: dict, metadata: dict) -> str:
    if manifest["harness_version"] in earlier_methods.VERSIONS_WITH_A_LINE_PER_WARNING:
        lines = [_line_of_warning(manifest, row) for row in metadata["warnings"]]
    else:
        lines = [_line_of_code(manifest, rows[0]["code"], rows) for rows in _grouped(metadata["warnings"], "code").values()]
    return "### Warnings\n\n" + ("\n".join(lines) if lines else "None.")


def _line_of_code(manifest: dict, warning: str, rows: List[dict]) -> str:
    """What the warning means, once, and then every model and phase that has it."""
    has_units = earlier_methods.has_units(manifest)
    models = [f"{code(model) if model else 'Whole run'}{_places(of_model, has_units)}" for model, of_model in _grouped(rows, "model").items()]
    return f"- {warning}: {sentence(earlier_methods.warning_text(manifest, warning))} {'; '.join(models)}."


def _places(rows: List[dict], has_units: bool) -> str:
    places = [(plain(row["phase"]) if row["phase"] else "") + (f" x{row['level']}" if row["level"] else "") for row in rows]
    listed = [f"{place} ({_figures_of(row, has_units)})".strip() for place, row in zip(places, rows)]
    return (": " if any(places) else " ") + ", ".join(listed)


def _grouped(rows: List[dict], name: str) -> Dict[Optional[str], List[dict]]:
    groups: Dict[Optional[str], List[dict]] = {}
    for row in rows:
        groups.setdefault(row[name], []).append(row)
    return groups


def _figures_of(row: dict, has_units: bool = True) -> str:
    unit = f" {UNITS[row['code']]}" if has_units and row["code"] in UNITS else ""
    bound = "limit" if has_units and row["code"] in WITH_LIMIT else "expected"
    figures = [f"{name} {figure(value)}{unit}" for name, value in (("observed", row["observed"]), (bound, row["expected"])) if value is not None]
    return ", ".join([*figures, f"n={row['n']}"])


def _line_of_warning(manifest: dict, row: dict) -> str:
    """The layout of earlier versions: the meaning is repeated for each model and phase."""
    where = [code(row["model"])] if row["model"] else []
    where += [plain(row["phase"])] if row["phase"] else []
    where += [f"{row['level']} at once"] if row["level"] else []
    place = f" ({', '.join(where)})" if where else ""
    return f"- {row['code']}{place}: {_figures_of(row, has_units=False)}. {sentence(earlier_methods.warning_text(manifest, row['code']))}"


def deviations(manifest: dict, metadata: dict) -> List[str]:
    """A line of Markdown for each difference from a canonical run."""
    lines = [f"- {code(name)} is {code(json_text.dumps(value))}" for name, value in manifest["overrides"].items()]
    if manifest["time_limit_s"] is not None:
        left_out = sum(row["skips"].get("time-limit", 0) for row in metadata["aggregates"])
        lines.append(f"- a time limit of {manifest['time_limit_s']} s; it left out "
                     f"{counted(left_out, 'call') if left_out else 'no call'}")
    if manifest["harness_modified"]:
        lines.append("- the harness was modified")
    if metadata["sessions"] > 1:
        lines.append(f"- the run was broken off and resumed: {metadata['sessions']} sessions")
    if not is_local(manifest["target"]):
        lines.append(f"- the server was on another machine ({manifest['target']})")
    return lines


def _deviations(manifest: dict, metadata: dict) -> str:
    lines = deviations(manifest, metadata)
    return "### Deviations\n\n" + ("\n".join(lines) if lines else "None.")


def _skips(metadata: dict) -> str:
    lines = [f"- {code(row['model'])}, {plain(row['phase'])}: {counted(count, 'call')}, {reason}: {records.SKIP_REASONS[reason]}"
             for row in metadata["aggregates"] for reason, count in row["skips"].items()]
    return "### Skipped\n\n" + ("\n".join(lines) if lines else "Nothing.")


def _reproduction(manifest: dict, metadata: dict) -> str:
    lines = [command(manifest, metadata)]
    if manifest["harness_commit"]:
        lines.insert(0, f"git checkout {shlex.quote(manifest['harness_commit'])}")
    return "### The same run again\n\n" + fenced("\n".join(lines))


def command(manifest: dict, metadata: dict) -> str:
    """The command line that plans the same calls; what is canonical is left out."""
    words = ["python", "harness/run_benchmark.py",
             "--phases", ",".join(dict.fromkeys(suite_phase(row["phase"]) for row in manifest["plan"])),
             "--models", ",".join(model["name"] for model in manifest["models"])]
    if manifest["num_ctx"] == manifest["context_num_ctx"]:
        words += ["--num-ctx", str(manifest["num_ctx"])]        # the flag sets both; canonically they differ
    mode = manifest.get("thinking", {}).get("mode")
    contexts = manifest.get("contexts")
    if contexts is not None:
        words += ["--contexts", ",".join(contexts["asked"])]
        words += ["--rung-limit", f"{contexts['rung_limit_s']}s"] if contexts["rung_limit_s"] != RUNG_LIMIT_S else []
    words += ["--thinking"] * (mode is not None) + [mode] * isinstance(mode, str)
    flags = {"num_predict": "--num-predict", "repeats": "--repeats", "levels": "--concurrency", "thinking_budget": "--thinking-budget"}
    for name, value in manifest["overrides"].items():
        if name in flags:
            words += [flags[name], ",".join(map(str, value)) if isinstance(value, list) else str(value)]
        elif name not in ("num_ctx", "context_num_ctx"):
            words += ["--option", f"{name}={value if isinstance(value, str) else json_text.dumps(value)}"]
    if manifest["time_limit_s"] is not None:
        words += ["--time-limit", f"{manifest['time_limit_s']}s"]
    if any(row["phase"] == PYTHON_TASKS and row["quality"] and row["quality"]["n"] for row in metadata["aggregates"]):
        words.append("--grade-code")
    words += ["--device-tag", manifest["device_tag"]] if manifest["device_tag"] else []
    words += ["--hostname", "other"]        # the machine that repeats it has another host name, which need not be published
    return " ".join(map(shlex.quote, words))


def bars(rows: list, unit: str) -> str:
    """A chart of (label, stat) in characters, from 0; a label without a value keeps its line."""
    labelled = [(_one_line(label), None if stat is None or not stat["n"] else stat) for label, stat in rows]
    longest = max((stat["median"] for _, stat in labelled if stat), default=0)
    width = max(len(label) for label, _ in labelled)
    lines = []
    for label, stat in labelled:
        filled = round(BAR_CHARACTERS * stat["median"] / longest) if stat and longest else 0
        value = f"{figure(stat['median'])} {unit} (n={stat['n']})" if stat else "- (n=0)"
        lines.append(f"{label:<{width}} |{'#' * filled:<{BAR_CHARACTERS}}| {value}")
    return fenced("\n".join(lines))


def table(titles: list, rows: list) -> str:
    """A Markdown table; what is in the cells must not hold a bare bar or a line end."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def code(text: str) -> str:
    """A stranger's text as Markdown code: it cannot end its span, its cell or its line."""
    return "`" + _one_line(text).replace("`", "'").replace("|", "\\|") + "`"


def plain(text: str) -> str:
    """A stranger's text as plain text: everything that Markdown would interpret is escaped."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&])", r"\\\1", _one_line(text))


def fenced(text: str) -> str:
    """A block of code; its fence is longer than any within."""
    longest = max((len(ticks) for ticks in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _one_line(text: str) -> str:
    """ASCII alone, and no controls: the block has the same bytes everywhere, and is never interpreted."""
    visible = "".join(c if c.isprintable() else " " for c in str(text))
    return visible.encode("ascii", "backslashreplace").decode("ascii")
