"""The canonical settings: one table of what every call is sent, why, and what a person may change."""
from __future__ import annotations

import json
import re
from typing import NamedTuple

from base import text_layout
from base.errors import UserError
from base.json_text import Json
from base.pattern import lazy


class Setting(NamedTuple):
    """One canonical value. `kind` option goes into the request's options, setting beside them, plan into the plan."""
    name: str
    value: Json
    kind: str
    reason: str


SETTINGS = (
    Setting("temperature", 0, "option", "the same text each time, so that speed and answers can be repeated"),
    Setting("seed", 42, "option", "has no effect at temperature 0; fixed in case somebody raises it"),
    Setting("top_k", 40, "option", "the server's own value; model files may change it"),
    Setting("top_p", 0.9, "option", "the server's own value; model files may change it"),
    Setting("min_p", 0, "option", "the server's own value; model files may change it"),
    Setting("repeat_penalty", 1.0, "option", "off: older servers default to 1.1, which changes text and speed"),
    Setting("num_batch", 512, "option", "the automatic value follows num_ctx, and prefill speed would follow it"),
    Setting("num_ctx", 4096, "plan", "fits the prompts and answers of the short phases in usual tokenizers"),
    Setting("context_num_ctx", 8192, "plan", "the context phases: long enough to show decay, short enough for a phone"),
    Setting("num_predict", None, "plan", "each item's own, up to 768; never 0 or negative, which some servers take as no limit"),
    Setting("repeats", 3, "plan", "of the frozen prompts in each pass; the suites are asked once"),
    Setting("levels", None, "plan", "concurrency 1, 2, 4 and 8, as the suites say"),
    Setting("thinking_budget", 4096, "plan", "tokens for thoughts, on top of limit and context: with --thinking, and of a model that always thinks"),
    Setting("keep_alive", "30m", "field", "no unloading between calls, however slow they are"),
    Setting("think", False, "field", "thinking spends the limit before the answer begins"),
    Setting("stream", True, "field", "time to first token needs a stream"),
    Setting("truncate", False, "field", "an over-long prompt is refused, not cut silently"),
    Setting("shift", False, "field", "a full context ends the answer instead of dropping the prompt"),
)
# Options of Ollama that are left to the server unless set with --option, with their types.
OTHER_OPTIONS = {
    "num_gpu": int, "num_thread": int, "main_gpu": int, "use_mmap": bool, "num_keep": int, "typical_p": float,
    "repeat_last_n": int, "presence_penalty": float, "frequency_penalty": float, "draft_num_predict": int,
}
FRACTIONS = ("temperature", "min_p")    # canonically 0, but fractions are allowed; Ollama truncates the others to whole numbers
FIXED = ("stream",)     # the measurement depends on it
GO_DURATION = lazy(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h))+\Z")


def canonical(kind: str) -> dict:
    return {setting.name: setting.value for setting in SETTINGS if setting.kind == kind}


def parse_override(text: str) -> tuple:
    """(name, value) of one `--option name=value`; raises UserError for a name or value that would have no effect.

    Ollama silently ignores unknown options.
    """
    name, mark, raw = text.partition("=")
    kinds = {setting.name: type(setting.value) for setting in SETTINGS if setting.kind != "plan"}
    kinds.update(OTHER_OPTIONS, **dict.fromkeys(FRACTIONS, float))
    if not mark or name not in kinds or name in FIXED:
        import difflib
        near = difflib.get_close_matches(name, [kind_name for kind_name in kinds if kind_name not in FIXED], 1)
        advice = f"did you mean {near[0]}=...?" if near else "write name=value, such as num_thread=8"
        if name in canonical("plan"):
            advice = "context, limits, repeats and levels have flags of their own; see --help"
        raise UserError(f"{text!r} is not an option that can be set", "--option", advice)
    return name, _value(name, raw, kinds[name])


def _value(name: str, raw: str, kind: type) -> Json:
    lowered = raw.strip().lower()
    if kind is bool:
        if lowered in ("true", "false"):
            return lowered == "true"
    elif kind is str:       # keep_alive alone: a number is seconds, and as text the server would refuse it
        if GO_DURATION.match(lowered):
            return lowered
        if re.fullmatch("-?[0-9]{1,9}", lowered):
            return int(lowered)
    else:
        try:
            number = float(raw)
            if abs(number) < 2 ** 53 and (number.is_integer() or kind is float):
                return int(number) if number.is_integer() else number
        except ValueError:
            pass
    wanted = {bool: "true or false", str: "a time such as 30m", int: "a whole number", float: "a number"}[kind]
    raise UserError(f"{name} takes {wanted}, not {raw!r}", "--option", f"write {name}=...")


def split(overrides: dict) -> tuple:
    """(options, request fields): the canonical values with the overrides in their places."""
    options, request_fields = canonical("option"), canonical("field")
    for name, value in overrides.items():
        (request_fields if name in request_fields else options)[name] = value
    return options, request_fields


def format_table(overrides: dict) -> str:
    """The table as text, one setting a line; what was overridden is marked."""
    rows = []
    for setting in SETTINGS:
        value = format_value(setting.name, overrides.get(setting.name, setting.value))
        rows += text_layout.hanging(f"  {setting.name:<16} {value:<16} ", ("overridden; " if setting.name in overrides else "") + setting.reason)
    extra = [name for name in overrides if name not in {setting.name for setting in SETTINGS}]
    for name in extra:
        rows += text_layout.hanging(f"  {name:<16} {format_value(name, overrides[name]):<16} ", "set by hand; left to the server otherwise")
    return "\n".join(rows)


def format_value(name: str, value: Json) -> str:
    if value is None:
        return "each suite's own" if name == "levels" else "each item's own"
    return value if isinstance(value, str) else json.dumps(value)
