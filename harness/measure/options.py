"""The flags of a run as settings; wrong ones are refused before anything runs."""
from __future__ import annotations

import argparse

from base import names, plan, request_settings
from base.errors import UserError
from base.context_ladder import AUTO, FIRST, NAMES, RUNG_LIMIT_S
from base.pattern import lazy
from base.phases import CONTEXT_EDGE, PHASES, RUNG_PHASES, THINKING_PHASES, suite_phase
from base.schema import THINK_LEVELS

DURATION = lazy(r"(?=.)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?\Z")
LARGEST = 2 ** 20
MAX_LEVEL = 64
PLAN_FLAGS = ("phases", "models", "thinking", "thinking_budget", "contexts", "rung_limit", "num_ctx", "num_predict", "concurrency", "repeats", "option", "handle",
              "device_tag", "hostname", "record_target", "pull")
ROUNDED_TO = 256            # servers round a context up to a multiple of it, and fills would be off


def seconds(text: str | None, flag: str) -> int | None:
    """1h30m, 90m, 45s as seconds; None stays None."""
    if text is None:
        return None
    parts = DURATION.match(text.strip().lower())
    total = sum(int(part or 0) * unit for part, unit in zip(parts.groups(), (3600, 60, 1))) if parts else 0
    if not total:
        raise UserError(f"{text!r} is not a time", flag, "write it like 90m, 2h or 1h30m")
    return total


def listed(text: str, flag: str) -> list:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise UserError("the list is empty", flag, "give a comma-separated list")
    return parts


def phases(text: str | None) -> list:
    """Phases in running order."""
    asked = ["all"] if text is None else listed(text, "--phases")
    if asked == ["all"]:
        return list(PHASES)
    for phase in asked:
        if phase in THINKING_PHASES:
            raise UserError("this phase has its own flag", f"--phases {phase}", f"name {suite_phase(phase)}, and add --thinking")
        if phase in RUNG_PHASES:
            raise UserError("this phase has its own flag", f"--phases {phase}", f"add --contexts {phase[len(CONTEXT_EDGE) + 1:]}")
        if phase not in PHASES:
            raise UserError("no such phase", f"--phases {phase}", f"choose from {', '.join(PHASES)}, or all")
    return [phase for phase in PHASES if phase in asked]


def planned_phases(args: argparse.Namespace) -> list:
    """The same with the plain phase that every context ladder starts with."""
    asked = phases(args.phases)
    return [phase for phase in PHASES if phase in asked or (phase == CONTEXT_EDGE and args.contexts is not None)]


def settings(args: argparse.Namespace) -> plan.Settings:
    """What the flags of the driver say; its help explains each."""
    options, request_fields = request_settings.split(dict(request_settings.parse_override(text) for text in args.option or []))
    for flag, value, least in (("--num-ctx", args.num_ctx, 512), ("--num-predict", args.num_predict, 1),
                               ("--repeats", args.repeats, 1), ("--thinking-budget", args.thinking_budget, ROUNDED_TO)):
        if value is not None and not least <= value <= LARGEST:
            raise UserError(f"{value} is out of range", flag, f"give a whole number from {least} up")
    for flag, value in (("--num-ctx", args.num_ctx), ("--thinking-budget", args.thinking_budget)):
        if value is not None and value % ROUNDED_TO:
            raise UserError(f"{value} is not a multiple of {ROUNDED_TO}", flag, f"give {value + -value % ROUNDED_TO}: servers round contexts up")
    standard = plan.Settings()
    return plan.Settings(
        args.num_ctx or standard.num_ctx, args.num_ctx or standard.context_num_ctx, args.num_predict,
        levels(args.concurrency), args.repeats or standard.repeats, options, request_fields,
        thinking(args, request_fields), args.thinking_budget or standard.thinking_budget,
        contexts=contexts(args), rung_limit_s=seconds(args.rung_limit, "--rung-limit") or RUNG_LIMIT_S)


def thinking(args: argparse.Namespace, request_fields: dict) -> bool | str | None:
    """`think` of the thinking phases; None: they are not asked for."""
    if args.thinking is None:
        return None
    if request_fields["think"] is not False:
        raise UserError("the plain phases would think as well", "--option think=...", "leave one of the two out")
    if args.thinking is not True and args.thinking not in THINK_LEVELS:
        raise UserError(f"{args.thinking!r} is not a level of thinking", "--thinking", f"leave it out, or give {', '.join(THINK_LEVELS)}")
    if args.phases is not None and not {suite_phase(phase) for phase in THINKING_PHASES} & set(phases(args.phases)):
        raise UserError("none of these phases is asked with thinking", f"--phases {args.phases}",
                        f"add one of {', '.join(map(suite_phase, THINKING_PHASES))}")
    return args.thinking


def contexts(args: argparse.Namespace) -> tuple:
    """Names of the context ladder's rungs in ascending order, or ("auto",); () without --contexts."""
    if args.contexts is None:
        if args.rung_limit is not None:
            raise UserError("without --contexts there are no rungs", "--rung-limit", "add --contexts auto")
        return ()
    asked = [name.lower() for name in listed(args.contexts, "--contexts")]
    known = (FIRST, *NAMES)
    if asked == [AUTO]:
        return (AUTO,)
    for name in asked:
        if name not in known:
            raise UserError(f"{name!r} is not a rung", "--contexts", f"choose from {', '.join(known)}, or {AUTO} alone")
    return tuple(name for name in known if name in asked)


def levels(text: str | None) -> tuple | None:
    """Sorted concurrency levels; None for the suites' own."""
    if text is None:
        return None
    parts = listed(text, "--concurrency")
    if not all(part.isdigit() and 1 <= int(part) <= MAX_LEVEL for part in parts):
        raise UserError(f"{text!r} is not a list of levels", "--concurrency",
                        f"write it like 1,2,4; each from 1 to {MAX_LEVEL}")
    chosen = tuple(sorted({int(part) for part in parts}))
    return None if chosen == plan.LEVELS else chosen


def check_same_plan(args: argparse.Namespace, manifest: dict) -> None:
    """A flag of the plan may be repeated, but it cannot change an unfinished run."""
    wanted = settings(args)
    before = plan.settings_of(manifest)
    planned = {row["phase"] for row in manifest["suites"]}
    same = {
        "phases": lambda: set(planned_phases(args)) == planned,
        "models": lambda: {names.model_key(name) for name in listed(args.models, "--models")} == {
            names.model_key(model["name"]) for model in manifest["models"]},
        "thinking": lambda: wanted.thinking == before.thinking,
        "thinking_budget": lambda: wanted.thinking_budget == before.thinking_budget,
        "contexts": lambda: wanted.contexts == before.contexts,
        "rung_limit": lambda: wanted.rung_limit_s == before.rung_limit_s,
        "num_ctx": lambda: (wanted.num_ctx, wanted.context_num_ctx) == (before.num_ctx, before.context_num_ctx),
        "num_predict": lambda: wanted.num_predict == before.num_predict,
        "concurrency": lambda: wanted.levels == before.levels,
        "repeats": lambda: wanted.repeats == before.repeats,
        "option": lambda: (wanted.options, wanted.request_fields) == (before.options, before.request_fields),
        "handle": lambda: args.handle == manifest["handle"],
        "device_tag": lambda: args.device_tag == manifest["device_tag"],
    }
    for flag in PLAN_FLAGS:
        if getattr(args, flag) is not None and not same.get(flag, lambda: True)():
            raise UserError("differs from what the run was planned with", "--" + flag.replace("_", "-"),
                            "leave it out to continue, or start a new run")
