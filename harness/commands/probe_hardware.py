"""Probe this machine: print what it is, each value with its method and each unknown value with the reason.

Nothing is installed, nothing needs root, and nothing leaves this machine. No serial number, UUID, MAC address, user
name or host name is ever recorded. --out writes hardware.json; without it the result is only printed.
"""
from __future__ import annotations

import argparse
import os
import pathlib
from typing import TYPE_CHECKING, Any

# The rooms are imported where they are used: --help must not pay for the client.
from base import arguments, console, facts, files, names, shell, text_format, text_layout
from base.errors import FINE, USAGE, UserError

if TYPE_CHECKING:
    from measure.hardware.machine import Machine
    from measure.server_address import ServerAddress

QUICK_S = 2.0       # a server answers a version request at once


def main(argv: list | None = None, machine: Machine | None = None) -> int:
    args = parse_args(argv)
    out = None if args.out is None else output_path(args.out)
    from measure import hardware
    from measure.server_address import find_target, start_command
    target = find_target(args.target_url, os.environ)
    machine = machine or hardware.here()
    tag = suggested_tag(machine, target) if args.tag or target.is_loopback else ""
    advice = names.vague_tag_advice(tag)
    if args.tag:
        console.say(tag)
        note_on(advice)
        return FINE
    version = server_version(target) if target.is_loopback else None
    record = hardware.probe(machine, version, target.is_loopback, target.port)
    if out is not None:
        write(out, record)
    show(record, args.json)
    if out is not None:
        console.note(f"{out} written")
    note_on(advice)
    if target.is_loopback and version is None and not is_of_run(out):
        console.next_step(start_command())
    else:
        console.next_step(next_command(args, tag, out))
    return FINE


def note_on(advice: str | None) -> None:
    if advice:
        console.note(f"note: {advice}")


def parse_args(argv: list | None) -> argparse.Namespace:
    parser = arguments.parser("probe_hardware.py", __doc__)
    parser.add_argument("--out", metavar="PATH",
                        help="write the record there: a run, a folder (as hardware.json) or a file that ends in .json")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the record itself instead of a table")
    output.add_argument("--tag", action="store_true", help="print only the suggested device tag")
    parser.add_argument("--target-url", metavar="URL", help="the server (default: OLLAMA_HOST, else http://127.0.0.1:11434); "
                                                            "with a server on another machine, nothing is probed")
    return parser.parse_args(argv)


def output_path(out: str) -> pathlib.Path:
    """The file to write. It may replace an earlier hardware record, nothing else."""
    from base import json_text, run_folder
    path = pathlib.Path(out)
    if path.name.startswith(run_folder.PREFIX) and not path.exists():
        path = run_folder.find(run_folder.SUBMISSIONS, out)
    path = path / run_folder.HARDWARE if path.is_dir() else path
    if path.suffix != ".json" or not path.parent.is_dir():
        raise UserError("neither a folder that exists nor a .json file in one", f"--out {out}", "name one of them")
    if path.exists():
        try:
            existing = json_text.loads(path.read_bytes())
        except (OSError, ValueError):
            existing = None
        if not isinstance(existing, dict) or not str(existing.get("schema")).startswith("hardware-"):
            raise UserError("this file is not a hardware record and would be lost", f"--out {out}", "choose another name")
    return path


def server_version(target: ServerAddress) -> str | None:
    """The server's version; None where no server answers, which is not an error here."""
    from measure.connection import TimeLimits
    from measure.endpoint import Endpoint
    try:
        return Endpoint(target, api_key=os.environ.get("OLLAMA_API_KEY")).version(TimeLimits(QUICK_S, QUICK_S, QUICK_S))
    except UserError:
        return None


def suggested_tag(machine: Machine, target: ServerAddress) -> str:
    from measure import hardware
    if not target.is_loopback:
        raise UserError("the server is on another machine, which cannot be probed from here", "--tag",
                        "choose a device tag yourself", USAGE)
    return hardware.suggest_device_tag(machine)


def write(path: pathlib.Path, record: dict) -> None:
    """Refuse to write what the checker rejects. `facts` never lets such a value through, so an error here is a bug."""
    from base import json_text, schema, sensitive
    data = json_text.pretty(record)
    problems = schema.problems(record, "hardware") + facts.problems(record)
    problems += [kind.says for kind, _ in sensitive.find(data.decode("ascii"))]
    if problems:
        raise ValueError(f"a hardware record that the checker refuses: {problems[:3]}")
    files.replace(path, data)


def show(record: dict, as_json: bool) -> None:
    from base import json_text
    if as_json:
        console.say(json_text.pretty(record).decode("ascii").rstrip("\n"))
        return
    if not record["probed"]:
        console.say(f"not probed: {record['why_not_probed']}")
        return
    rows = [[where, f"{format_value(where, fact['value'])}  ({fact.get('method') or fact.get('why')})"]
            for where, fact in facts.walk(record)]
    console.say(text_layout.format_table(["field", "value (method, or reason)"], rows))


def format_value(where: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if where == "accelerators":
        return str(len(value))
    if where.endswith("_bytes"):
        return f"{value / 2 ** 30:.1f} GiB"
    if where.endswith("bytes_s"):
        return f"{text_format.format_bytes(value)}/s, one thread, a lower bound"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items()) or "none set"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def is_of_run(out: pathlib.Path | None) -> bool:
    from base import run_folder
    return out is not None and out.absolute().parent.name.startswith(run_folder.PREFIX)


def next_command(args: argparse.Namespace, tag: str, out: pathlib.Path | None) -> str:
    """The check that asked for the file of a run; else the list of models."""
    from base import run_folder
    if out is not None and is_of_run(out):
        return shell.command("check_submission.py", run_folder.argument(out.absolute().parent))
    words = ["--list"]
    words += ["--target-url", args.target_url] if args.target_url is not None else []
    words += ["--device-tag", tag] if tag else []
    return shell.command("run_benchmark.py", *words)
