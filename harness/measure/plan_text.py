"""The preview as text: which models a server has, what a run would ask them, and how long that takes."""
from __future__ import annotations

from base import names, plan, request_settings, suites, text_format, text_layout
from base.phases import PHASES, PYTHON_TASKS, THINKING_PHASES
from measure import eta, telemetry
from measure.models import ModelChoice, can_think

GUESSED_SPEEDS = ((250, 5000), (100, 2500), (40, 1000), (15, 400), (5, 150))     # tok/s of decode and of prefill
BUSY = "busy: close other programs before you measure (a shared host is never idle: look again, then go on)"
WORK = ["phase", "model", "calls", "answer tokens, at most", "prompt tokens, about"]


def format_models(choice: ModelChoice) -> str:
    """Every model of a server, and whether it is measured by default."""
    rows = [[model["name"], "measured", text_format.format_bytes(model["size_bytes"]), model["parameter_size"],
             model["quantization"], _can_think(model)] for model in choice.models]
    rows += [[row["name"], f"left out: {row['reason']}", None, None, None, None] for row in choice.left_out]
    return text_layout.format_table(["model", "by default", "size", "parameters", "quantization", "can think"], rows, whole=(0,))


def _can_think(model: dict) -> str:
    return {True: "yes", False: "no", None: "unknown"}[can_think(model)]


def format_phases() -> str:
    """The phases in running order."""
    loaded = map(suites.load, PHASES)
    lines = ["phases, in running order:"]
    for suite in loaded:
        lines += text_layout.hanging(f"  {suite.phase:<16}", f"{len(suite.items)} items. {suite.about}")
    lines += text_layout.hanging(f"  {'with --thinking':<16}", f"{', '.join(THINKING_PHASES)}: their items again with thinking on, one call at a "
                                                         "time, for models that can think.")
    return "\n".join(lines)


def format_plan(choice: ModelChoice, phases: list, loaded_suites: dict, settings: plan.Settings) -> str:
    """Models, calls, the time they may take, and settings."""
    rows = [[model["name"], model["quantization"], text_format.format_bytes(model["size_bytes"]), _can_think(model)] for model in choice.models]
    rows += [[name, "to be pulled", "unknown before the pull", "unknown"] for name in choice.missing]
    models = "\n".join([text_layout.format_table(["model", "quantization", "size", "can think"], rows, whole=(0,))]
                       + [f"left out: {row['name']}: {row['reason']}" for row in choice.left_out])
    models_asked = [model["name"] for model in choice.models] + choice.missing
    planned = plan.blocks(models_asked, phases, loaded_suites, settings)
    work = _work(planned, len(models_asked), loaded_suites, settings)
    download = "to download: nothing" if not choice.missing else "the size of the download is known once it starts"
    calls, answers, prompts = (sum(row[column] or 0 for row in work) for column in (2, 3, 4))
    return "\n\n".join((
        models, text_layout.format_table(WORK, by_phase(work)),
        "\n".join(line for text in (
            f"{calls} calls in all, at most {answers} answer tokens, about {prompts} prompt tokens; {download}",
            *_thinking(choice, work, settings), *_always_thinking(choice, planned, loaded_suites, settings), *_contexts(settings),
            "How long that takes if all models are as fast as this, without loading, warm-up and calibration:")
            for line in text_layout.hanging("", text)),
        _times(answers, prompts), f"settings:\n{request_settings.format_table(plan.overrides_of(settings))}"))


def format_circumstances(machine: dict | None, phases: list, limit_s: int | None, grades_code: bool, takes_all_models: bool = False,
                         asks_handle: bool | None = None) -> str:
    """What a person should know before starting: the machine's state now, and what the flags leave open, with the flag that decides it.

    `machine` is telemetry.now(); None: the server is on another machine. `asks_handle`: whether the run asks for the handle; None: it is given.
    """
    limit = ("none; --time-limit 90m would set one" if limit_s is None else
             f"{text_format.format_duration(limit_s)}; the rest of a phase is skipped once its next call does not fit; each later phase still "
             "gets what is left")
    rows = [("machine now", _machine_state(machine))]
    rows += [("models", "all of the above; --models LIST would measure some of them")] if takes_all_models else []
    rows.append(("time limit", limit))
    if asks_handle is not None:
        rows.append(("handle", "the run asks for it; --handle NAME would set it" if asks_handle else
                     f"none yet; put your public name, in lower case, in place of {names.HANDLE_WORD} in the next command"))
    if PYTHON_TASKS in phases:
        rows.append(("code grading", "on: the models' Python answers are run in a sandbox at the end" if grades_code else
                     f"off: answers of {PYTHON_TASKS} get no verdict; --grade-code runs them in a sandbox"))
    return "\n".join(line for name, text in rows for line in text_layout.hanging(f"{name:<14}", text))


def _machine_state(machine: dict | None) -> str:
    if machine is None:
        return "the server is on another machine, whose state cannot be read from here"
    share, load = machine["busy_share"], machine["load_average"]
    parts = ["use of the processors unknown" if share is None else f"{100 * share:.0f} % of the processors are in use"]
    parts += [] if load is None else [f"load average {load:.2f} over the last minute"]
    parts += [BUSY] if share is not None and share >= telemetry.BUSY_SHARE else []
    parts += ["on battery: plug it in"] if machine["power_source"] == "battery" else []
    return "; ".join(parts)


def _work(planned: list, models: int, loaded_suites: dict, settings: plan.Settings) -> list:
    """Rows of WORK; a phase that will be skipped has calls and no tokens."""
    rows, loads = [], eta.loads(planned, loaded_suites, settings)
    for phase, model, calls in plan.summary(planned):
        here = [load for (whose, key), load in loads.items() if key[0] == phase and model in (whose, None)]
        tokens: list[int | None] = [sum(load.answer_tokens for load in here), sum(load.prompt_tokens for load in here)]
        together = f"the {plan.MIXED_MODELS} smallest at once"
        if model is None and models < plan.MIXED_MODELS:
            together, tokens = f"skipped: it needs {plan.MIXED_MODELS} models", [None, None]
        rows.append([phase, model or together, calls, *tokens])
    return rows


def by_phase(work: list) -> list:
    """The same with one row for models that have the same work in a phase."""
    models: dict[tuple, list[str]] = {}
    for phase, model, *numbers in work:
        models.setdefault((phase, *numbers), []).append(model)
    phases = list(dict.fromkeys(row[0] for row in work))
    return [[phase, names[0] if len(names) == 1 else f"each of {len(names)} models",
             *(None if number is None else number * len(names) for number in numbers)]
            for (phase, *numbers), names in sorted(models.items(), key=lambda row: phases.index(row[0][0]))]


def _thinking(choice: ModelChoice, work: list, settings: plan.Settings) -> list[str]:
    """What --thinking adds; one sentence, or none."""
    added = [row for row in work if row[0] in THINKING_PHASES]
    if added:
        return [f"of these with thinking: {sum(row[2] for row in added)} calls, {sum(row[3] for row in added)} answer tokens at most; a "
                "model that always thinks skips them"]
    if settings.thinking is None:
        return []
    return ["which of the models to be pulled can think is known after the pull" if choice.missing else
            "none of these models can think: --thinking adds nothing"]


def _always_thinking(choice: ModelChoice, planned: list, loaded_suites: dict, settings: plan.Settings) -> list[str]:
    """What is added if the models that can think always do, which only calibration shows; one sentence, or none."""
    thinkers = [model["name"] for model in choice.models if can_think(model)]
    plain, always = eta.loads(planned, loaded_suites, settings), eta.loads(planned, loaded_suites, settings, frozenset(thinkers))
    more = sum(always[call].answer_tokens - load.answer_tokens for call, load in plain.items() if call[1][0] not in THINKING_PHASES)
    if not more:
        return []
    return [f"More than that if a model thinks although it is told not to, as some do that can think ({', '.join(thinkers)}): up to "
            f"{settings.thinking_budget} answer tokens for each call but those of the frozen prompts, {more} in all"]


def _contexts(settings: plan.Settings) -> list:
    """A warning: the times assume one speed for all prompts, so larger contexts take longer than shown."""
    if not settings.contexts:
        return []
    limit = text_format.format_duration(settings.rung_limit_s)
    return [f"Prefill slows down with depth, so the larger contexts take longer than this; one that is predicted to take more than {limit} is skipped."]


def _times(answers: int, prompts: int) -> str:
    """The speed of the machine is not known yet, so the time is shown for several speeds."""
    return text_layout.format_table(["decode tok/s", "prefill tok/s", "at most"], [
        [decode, prefill, text_format.format_duration(answers / decode + prompts / prefill)]
        for decode, prefill in GUESSED_SPEEDS], ())
