"""Wishes: what a person asked for in words, read into settings; what cannot be meant is refused before anything runs."""
from __future__ import annotations

import argparse
import re

from base import names, plan, request_settings
from base.errors import UserError
from base.phases import PHASES

DURATION = re.compile(r"(?=.)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?\Z")
LARGEST = 2 ** 20
MAX_LEVEL = 64
PLAN_FLAGS = ("phases", "models", "num_ctx", "num_predict", "concurrency", "repeats", "option", "handle", "device_tag",
              "hostname", "record_target", "pull")


def seconds(text: str | None, flag: str) -> int | None:
    """1h30m, 90m, 45s as seconds; None stays None."""
    if text is None:
        return None
    found = DURATION.match(text.strip().lower())
    total = sum(int(part or 0) * unit for part, unit in zip(found.groups(), (3600, 60, 1))) if found else 0
    if not total:
        raise UserError(f"{text!r} is no time", flag, "write it like 90m, 2h or 1h30m")
    return total


def listed(text: str, flag: str) -> list:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise UserError("names nothing", flag, "give a comma-separated list")
    return parts


def phases(text: str | None) -> list:
    """Phases in running order, whatever order they were named in."""
    asked = ["all"] if text is None else listed(text, "--phases")
    if asked == ["all"]:
        return list(PHASES)
    for phase in asked:
        if phase not in PHASES:
            raise UserError("no such phase", f"--phases {phase}", f"choose from {', '.join(PHASES)}, or all")
    return [phase for phase in PHASES if phase in asked]


def settings(args: argparse.Namespace) -> plan.Settings:
    """What the flags of the driver say; its help tells what each means."""
    options, request_knobs = request_settings.split(dict(request_settings.parse_override(text) for text in args.option or []))
    for flag, value, least in (("--num-ctx", args.num_ctx, 512), ("--num-predict", args.num_predict, 1),
                               ("--repeats", args.repeats, 1)):
        if value is not None and not least <= value <= LARGEST:
            raise UserError(f"{value} is out of range", flag, f"give a whole number from {least} up")
    if args.num_ctx is not None and args.num_ctx % 256:
        raise UserError(f"{args.num_ctx} is no multiple of 256", "--num-ctx", "servers round it up, and fills would be off")
    standard = plan.Settings()
    return plan.Settings(
        args.num_ctx or standard.num_ctx, args.num_ctx or standard.context_num_ctx, args.num_predict,
        levels(args.concurrency), args.repeats or standard.repeats, options, request_knobs)


def levels(text: str | None) -> tuple | None:
    """Sorted concurrency levels; None for the suites' own."""
    if text is None:
        return None
    parts = listed(text, "--concurrency")
    if not all(part.isdigit() and 1 <= int(part) <= MAX_LEVEL for part in parts):
        raise UserError(f"{text!r} is no list of levels", "--concurrency",
                        f"write it like 1,2,4; each from 1 to {MAX_LEVEL}")
    found = tuple(sorted({int(part) for part in parts}))
    return None if found == plan.LEVELS else found


def check_same_plan(args: argparse.Namespace, manifest: dict) -> None:
    """A flag of the plan may be repeated, but it cannot change an unfinished run."""
    wanted = settings(args)
    before = plan.settings_of(manifest)
    planned = {row["phase"] for row in manifest["plan"]}
    same = {
        "phases": lambda: set(phases(args.phases)) == planned,
        "models": lambda: {names.model_key(name) for name in listed(args.models, "--models")} == {
            names.model_key(model["name"]) for model in manifest["models"]},
        "num_ctx": lambda: (wanted.num_ctx, wanted.context_num_ctx) == (before.num_ctx, before.context_num_ctx),
        "num_predict": lambda: wanted.num_predict == before.num_predict,
        "concurrency": lambda: wanted.levels == before.levels,
        "repeats": lambda: wanted.repeats == before.repeats,
        "option": lambda: (wanted.options, wanted.knobs) == (before.options, before.knobs),
        "handle": lambda: args.handle == manifest["handle"],
        "device_tag": lambda: args.device_tag == manifest["device_tag"],
    }
    for flag in PLAN_FLAGS:
        if getattr(args, flag) is not None and not same.get(flag, lambda: True)():
            raise UserError("differs from what the run was planned with", "--" + flag.replace("_", "-"),
                            "leave it out to go on, or start a new run")
