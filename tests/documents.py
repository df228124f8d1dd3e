"""What the documents take from the code: tables, a template and a picture, between marks that show nothing on a page.

    python tests/documents.py --write

makes all of it anew. Tests compare what stands in the documents with what is made here.
"""
from __future__ import annotations

import argparse
import importlib
import re
import sys
from typing import Callable
from unittest import mock

import support

import picture
from base import records, request_settings
from derive import run_md

VERBS = sorted(path.stem for path in support.HARNESS.glob("*_*.py"))
BEGIN = '[//]: # "generated: {} (tests/documents.py --write)"'
END = '[//]: # "generated: up to here"'       # not the mark of run.md, which the runbook shows
FLAGS_OF_SETTINGS = {"num_ctx": "`--num-ctx N` (both)", "context_num_ctx": "`--num-ctx N` (both)",
                  "num_predict": "`--num-predict N`", "repeats": "`--repeats N`", "levels": "`--concurrency LIST`",
                  "thinking_budget": "`--thinking-budget N`"}
LEDGER = ("meta", "call", "skipped", "footer", "session_start", "session", "cut", "floor", "placement", "conditions",
          "accelerator_state")
MANIFEST = ("manifest", "model", "left_out", "plan", "suite")
FACTS = "_fact"         # hardware's values with how they were found: all of one shape, told once


def table(titles: list, rows: list) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


# ----- the settings and the two records that an agent reads most

def setting_table() -> str:
    rows = []
    for setting in request_settings.SETTINGS:
        change = "not at all" if setting.name in request_settings.FIXED else FLAGS_OF_SETTINGS.get(setting.name, "`--option`")
        rows.append([f"`{setting.name}`", request_settings.format_value(setting.name, setting.value), setting.reason, change])
    return table(["setting", "value", "why", "changed with"], rows)


def top_fields(kind: str) -> str:
    return table(["field", "what it says"], [[f"`{field.name}`", field.says] for field in records.RECORDS[kind]])


def story() -> str:
    block = "(figures, warnings, deviations and the command that repeats the run)"
    return f"```text\n{run_md.new('TITLE', block).rstrip()}\n```"


# ----- every field

def every_field() -> str:
    """The whole of harness/fields.md."""
    parts = ["# Every field",
             "Made from `base/records/` by `python tests/documents.py --write`. A kind that ends in `?` may be null, which is unknown; "
             "`0` was measured. One in `[]` is a list. `~` marks what may be absent. Durations are nanoseconds unless the name says "
             "otherwise, sizes are bytes, times of day are UTC."]
    for title, kinds in groups().items():
        parts.append(f"## {title}")
        parts += [f"### `{kind}`\n\n{fields_of(kind)}" for kind in kinds]
    parts.append("## Words from closed lists")
    for name, found in records.CHOICES.items():
        parts.append(f"### `{name}`\n\n" + table(["word", "what it means"], [[f"`{word}`", says] for word, says in found.items()]))
    return "\n\n".join(parts) + "\n"


def groups() -> dict:
    """title: kinds of records. Every kind is in one; what stands in no group of its own belongs to the last."""
    facts = [kind for kind in records.hardware_fields.RECORDS if kind.endswith(FACTS)]
    named = {
        "manifest.json": [*MANIFEST], "run.jsonl": [*LEDGER],
        "hardware.json": [kind for kind in records.hardware_fields.RECORDS if kind not in facts] + facts[:1],
        "metadata.json": [*records.metadata_fields.RECORDS], "What compare_runs.py --json prints": [*records.comparison_fields.RECORDS],
    }
    seen = {kind for kinds in named.values() for kind in kinds} | set(facts)
    rest = [kind for kind in records.RECORDS if kind not in seen]
    return {**named, "The catalogue": rest} if rest else named


def fields_of(kind: str) -> str:
    found = table(["field", "kind", "what it says"],
                  [[f"`{field.name}`", kind_of(field), field.says] for field in records.RECORDS[kind]])
    others = "\n\nThe same for every other kind of value: `count_fact`, `number_fact` and so on."
    return found + (others if kind.endswith(FACTS) else "")


def kind_of(field: object) -> str:
    head, _, rest = field.kind.partition(":")
    name = rest if head in ("list", "by-line", "choice") else field.kind
    linked = f"[{name}](#{name})" if name in records.RECORDS and not name.endswith(FACTS) or head == "choice" else name
    many = {"list": "[]", "by-line": " by line"}.get(head, "")
    limits = f", {field.range[0]:,} to {field.range[1]:,}" if field.range and "text" not in field.kind else ""
    return f"{linked}{many}{'?' if field.null else ''}{'~' if field.absent else ''}{limits}"


# ----- every flag

class _Found(Exception):
    """Carries a parser out of a verb."""


def parser_of(verb: str) -> argparse.ArgumentParser:
    def stop(parser: argparse.ArgumentParser, *_: object) -> None:
        raise _Found(parser)
    with mock.patch.object(argparse.ArgumentParser, "parse_args", stop):
        try:
            importlib.import_module(verb).parse_args([])
        except _Found as found:
            return found.args[0]
    raise AssertionError(f"{verb} reads no arguments")


def actions_of(verb: str) -> list:
    return [action for action in parser_of(verb)._actions if action.dest != "help"]


def every_flag() -> str:
    parts = []
    for verb in VERBS:
        rows = []
        for action in actions_of(verb):
            name = action.option_strings[0] if action.option_strings else ""
            value = "" if action.nargs == 0 else action.metavar or action.dest.upper()
            rows.append([f"`{' '.join(filter(None, (name, value)))}`", action.help.replace("%%", "%")])
        parts.append(f"### `{verb}.py`\n\n" + table(["flag", "what it does"], rows))
    return "\n\n".join(parts)


# ----- into the documents

BLOCKS: dict = {
    "CLAUDE.md": {"settings": setting_table, "hardware": lambda: top_fields("hardware"), "metadata": lambda: top_fields("metadata"),
                  "run.md": story},
    "harness/README.md": {"flags": every_flag},
}
WHOLE: dict = {"harness/fields.md": every_field, picture.PATH: picture.render}
COPIES = {"AGENTS.md": "CLAUDE.md"}


def made() -> dict:
    """path: the text that it ought to have."""
    found = {path: make() for path, make in WHOLE.items()}
    for path, blocks in BLOCKS.items():
        found[path] = filled(support.ROOT.joinpath(path).read_text(encoding="utf-8"), blocks)
    return {**found, **{path: found[source] for path, source in COPIES.items()}}


def filled(text: str, blocks: dict) -> str:
    """The text with each block made anew; a block without its marks is an error."""
    for name, make in blocks.items():
        text = _with_block(text, name, make)
    return text


def _with_block(text: str, name: str, make: Callable[[], str]) -> str:
    begin = BEGIN.format(name)
    pattern = re.compile(re.escape(begin) + r"\n.*?" + re.escape(END), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise AssertionError(f"the marks of {name} are not there once")
    return pattern.sub(lambda _: f"{begin}\n\n{make()}\n\n{END}", text)


def main(argv: list) -> int:
    """1 where something is not as it ought to be and was not written."""
    stale = {path: text for path, text in made().items()
             if not (support.ROOT / path).exists() or (support.ROOT / path).read_text(encoding="utf-8") != text}
    for path, text in stale.items():
        print(path)
        if "--write" in argv:
            (support.ROOT / path).parent.mkdir(exist_ok=True)
            (support.ROOT / path).write_bytes(text.encode("utf-8"))
    return 1 if stale and "--write" not in argv else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
