"""Command lines to be pasted: quoted for the shell that is in use, with paths that work from the current folder."""
from __future__ import annotations

import argparse
import os
import pathlib
import re
import shlex
from typing import Any, List, Mapping

from base.pattern import lazy

HARNESS = pathlib.Path(__file__).resolve().parent.parent
POSIX, CMD, POWERSHELL, PWSH = "posix", "cmd", "powershell", "pwsh"     # the last is PowerShell 7
# PowerShell splits words at a comma, and a flag at a full stop or colon.
PLAIN = lazy(r"-*[A-Za-z0-9_/\\][A-Za-z0-9_/\\-]*|(?:\.\.?[/\\])*[A-Za-z0-9_/\\][A-Za-z0-9_/\\.:-]*")
MAGIC = lazy(r"[$`\u201c\u201d\u201e]")        # what PowerShell replaces or ends a text at within double quotes
SINGLE = lazy(r"(['\u2018\u2019\u201a\u201b])")    # what PowerShell takes for a single quote; two of them stand for one
WORDS = lazy(r"""(?:[^\s'"]|'[^']*'|"[^"]*"|['"])+""")
CONTINUED = {POSIX: "\\", CMD: "^", POWERSHELL: "`", PWSH: "`"}      # at a line's end: the command goes on in the next line
CARET = lazy(r'([()!^"<>&|]|(?<=%)[^%])')        # what cmd obeys; behind a %, so that no variable has that name


def kind(environ: Mapping[str, str] = os.environ, system: str = os.name) -> str:
    """The shell that this process was started from, as far as the environment shows."""
    if system != "nt" or "MSYSTEM" in environ or "SHELL" in environ:
        return POSIX
    home, modules = environ.get("USERPROFILE", "").lower(), environ.get("PSModulePath", "").lower()
    if "PROMPT" in environ and not (home and home in modules):
        return CMD
    return PWSH if "\\powershell\\7" in modules else POWERSHELL


def quote(word: str, shell: str) -> str:
    """One word as this shell takes it."""
    if shell == POSIX:
        return shlex.quote(word)
    if PLAIN.fullmatch(word):
        return word
    if shell == PWSH:       # since 7.3 it quotes for the program by itself
        return "'" + SINGLE.sub(r"\1\1", word) + "'"
    text = re.sub(r'(\\*)"', r'\1\1\\"', word)          # the program itself takes backslashes before a quote in pairs
    text = re.sub(r"(\\+)\Z", r"\1\1", text)
    if shell == POWERSHELL:
        if not word:
            return "'\"\"'"     # a plain empty text would be dropped
        return "'" + SINGLE.sub(r"\1\1", text) + "'" if MAGIC.search(text) or '"' in text else f'"{text}"'
    if '"' in word:         # cmd would take the text behind it for unquoted
        return CARET.sub(r"^\1", f'"{text}"')
    return '"' + re.sub(r"(\\*)%", r'\1\1"%"', text) + '"'      # no variable has a name with quotes around it


def join(words: list | tuple) -> str:
    """A whole command line."""
    shell = kind()
    return " ".join(quote(word, shell) for word in words)


def command(script: str, *words: str) -> str:
    """The command line that starts one of this harness's scripts from the current folder."""
    return join([python(), path(HARNESS / script), *words])


def folded(line: str, columns: int) -> List[str]:
    """A command line in lines of at most so many columns, which can be copied together; a longer word keeps its own line."""
    sign = CONTINUED[kind()]
    lines: List[str] = []
    for word in WORDS.findall(line):
        if lines and len(lines[-1]) + len(word) + len(sign) + 2 <= columns:
            lines[-1] += f" {word}"
        else:
            lines.append(f"  {word}" if lines and len(word) + len(sign) + 3 <= columns else word)
    return [f"{part} {sign}" for part in lines[:-1]] + lines[-1:]


def same_command(script: str, flags: argparse.Namespace, **changes: Any) -> str:
    """The call with these flags as a line to paste, some of them changed; None leaves one out."""
    words: list = []
    for name, values in {**vars(flags), **changes}.items():
        for value in values if isinstance(values, list) else [values]:
            if value is not None and value is not False:
                words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return command(script, *words)


def python() -> str:
    """The name under which Python 3 can be started: many Linux systems have no `python`."""
    return "python3" if not _is_on_path("python") and _is_on_path("python3") else "python"


def _is_on_path(program: str) -> bool:
    """Whether a program can be started by its name. Windows tries suffixes, which only shutil knows; its import takes long."""
    if os.name == "nt":
        import shutil
        return shutil.which(program) is not None
    files = (os.path.join(folder, program) for folder in os.get_exec_path())
    return any(os.access(file, os.X_OK) and os.path.isfile(file) for file in files)


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
