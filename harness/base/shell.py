"""Command lines to be pasted: quoted for the shell that is in use, with paths that work from the current folder."""
from __future__ import annotations

import os
import pathlib
import re
import shlex
import shutil
from typing import Mapping

HARNESS = pathlib.Path(__file__).resolve().parent.parent
POSIX, CMD, POWERSHELL = "posix", "cmd", "powershell"
# PowerShell splits words at a comma, and a flag at a full stop or colon.
PLAIN = re.compile(r"-*[A-Za-z0-9_/\\][A-Za-z0-9_/\\-]*|[A-Za-z0-9_/\\][A-Za-z0-9_/\\.:-]*")
MAGIC = re.compile(r"[$`\u201c\u201d\u201e]")        # what PowerShell replaces or ends a text at within double quotes


def kind(environ: Mapping[str, str] = os.environ, system: str = os.name) -> str:
    """Which shell this process was started from, as far as its environment tells."""
    if system != "nt" or "MSYSTEM" in environ or "SHELL" in environ:
        return POSIX
    home = environ.get("USERPROFILE", "")
    from_powershell = home and home.lower() in environ.get("PSModulePath", "").lower()
    return CMD if "PROMPT" in environ and not from_powershell else POWERSHELL


def quote(word: str, shell: str) -> str:
    """One word as this shell takes it."""
    if shell == POSIX:
        return shlex.quote(word)
    if PLAIN.fullmatch(word):
        return word
    text = re.sub(r'(\\*)"', r'\1\1\\"', word)          # the program itself takes backslashes before a quote in pairs
    text = re.sub(r"(\\+)\Z", r"\1\1", text)
    if shell == POWERSHELL and (MAGIC.search(text) or '"' in text):
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def join(words: list | tuple) -> str:
    """A whole command line."""
    shell = kind()
    return " ".join(quote(word, shell) for word in words)


def command(script: str, *words: str) -> str:
    """The command line that starts one of this harness's scripts from the current folder."""
    return join([python(), path(HARNESS / script), *words])


def python() -> str:
    """The name under which Python 3 can be started: many Linux systems have no `python`."""
    return "python3" if shutil.which("python") is None and shutil.which("python3") else "python"


def path(target: os.PathLike | str) -> str:
    """A path as it works from the current folder: relative where it is below or near, else absolute."""
    absolute = pathlib.Path(os.path.abspath(target))
    try:
        relative = os.path.relpath(absolute, pathlib.Path.cwd())
    except (ValueError, OSError):       # another drive, or a folder that is gone
        return str(absolute)
    above = relative.split(os.sep).count("..")
    if above > 2 or above and len(relative) > len(str(absolute)):
        return str(absolute)
    return relative.replace(os.sep, "/")
