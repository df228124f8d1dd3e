"""A machine out of a text: what its tools say and its files hold, as machines/*.txt tell it; nothing is patched.

All are synthetic, written after what each tool documents. A sample begins with a sentence about it. Then come sections,
each under a line `=== KIND WHAT`:
  platform            name: value, one a line; `environment NAME: value` is a variable
  file PATH           the file's text, in which \\0 is a byte of zero
  each PATH           one line for each file, in which # is the number, from 0
  link PATH           where it points
  run COMMAND         what the command says; `...` at its end stands for any rest, `(failed)` for an exit code of 1
"""
from __future__ import annotations

import fnmatch
import pathlib

import support

from measure.hardware.machine import CommandResult, Machine, Platform, recorded_command

FOLDER = pathlib.Path(__file__).parent / "machines"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))
OUTCOMES = ("(late)", "(too-much)", "(failed)")
NUMBERS = ("memory_bytes", "logical_cores", "allowed_cores")


def load(name: str) -> Machine:
    return parse((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))


def parse(text: str) -> Machine:
    found, files, links, tools = Platform("linux"), {}, {}, {}
    for section in text.split("\n=== ")[1:]:
        head, _, body = section.partition("\n")
        kind, _, what = head.partition(" ")
        if kind == "platform":
            found = _platform(body)
        elif kind == "each":
            files.update({what.replace("#", str(number)): line for number, line in enumerate(body.splitlines())})
        else:
            text = {"file": body.replace("\\0", "\0"), "link": body.strip(), "run": body}[kind]
            {"file": files, "link": links, "run": tools}[kind][what] = text
    return machine(found, files, tools, links)


def _platform(body: str) -> Platform:
    told: dict = {"environment": {}}
    for line in body.splitlines():
        name, _, value = line.partition(":")
        value = value.strip()
        if name.startswith("environment "):
            told["environment"][name.split(" ")[1]] = value
        elif name == "windows_features":
            told[name] = frozenset(map(int, value.split()))
        elif name == "own_words":
            told[name] = tuple(value.split())
        elif name:
            told[name] = int(value) if name in NUMBERS else value
    return Platform(**told)


def machine(found: Platform = Platform("linux"), files: dict | None = None, tools: dict | None = None,
            links: dict | None = None, copy: object = lambda size_bytes: (50_000_000, 9)) -> Machine:
    """`tools` maps a command to what it says, or to an outcome in brackets such as (late)."""
    files, links, tools = files or {}, links or {}, tools or {}
    there = {"/"}
    for path in (*files, *links):
        while path not in there:        # else its folders are there too
            there.add(path)
            path = path.rpartition("/")[0] or "/"

    def run(words: list, limit_s: float) -> CommandResult:
        command, told = " ".join(words), recorded_command(words)
        for key, said in tools.items():
            bare = key.replace(" (failed)", "")
            if bare == command or bare.endswith("...") and command.startswith(bare[:-3]):
                if said in OUTCOMES:
                    return CommandResult(told, said[1:-1], "", limit_s)
                return CommandResult(told, "answered" if bare == key else "failed", said, limit_s)
        return CommandResult(told, "missing", "", limit_s)

    def paths(pattern: str) -> list:
        return sorted(path for path in there if path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern))
    return Machine(found, run, files.get, paths, links.get, copy)
