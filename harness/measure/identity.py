"""Handle, device tag and host name of a new run: from the flags, else asked on a terminal."""
from __future__ import annotations

from base import console, names
from base.errors import UserError
from measure import hardware
from measure.hardware.machine import Machine

HOSTNAME = "other"          # written if a person does not want to publish the machine's own name


def choose(handle: str | None, device_tag: str | None, hostname: str | None, machine: Machine | None, asks: bool) -> tuple:
    """(handle or None, device tag, host name or None); None: not given, and nobody was asked.

    `machine` is the measured machine; None: the server is on another machine, which only a person can name.
    """
    if device_tag is None and machine is None:
        raise UserError("the server is on another machine, whose name is not known here", "--device-tag",
                        "name that machine, such as --device-tag rtx-4090-pc")
    suggestion = device_tag or hardware.suggest_device_tag(machine)
    advice = None if device_tag else names.vague_tag_advice(suggestion)
    if asks:
        handle = handle or console.ask_for("Your handle in the catalogue", names.UNNAMED,
                                           lambda word: None if word == names.UNNAMED else names.handle_problem(word))
        if advice:
            console.note(f"note: {advice}")
        device_tag = device_tag or console.ask_for("Device tag", suggestion, names.device_tag_problem)
        if hostname is None:
            hostname = console.ask("Host name of this machine, as it will be public", HOSTNAME)
    if device_tag is None:
        console.note(f"device tag: {suggestion} (a suggestion; --device-tag sets another)" + (f"; note: {advice}" if advice else ""))
    if handle in (None, names.UNNAMED):
        handle = None
        console.note(f"handle: none given, so this run goes under {names.UNNAMED}/; before you submit it, "
                     "the command that is printed at its end gives it one")
    return handle, device_tag or suggestion, hostname
