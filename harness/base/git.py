"""Git: the one place that starts it, with words in a list and never a shell, and with a limit on its time."""
from __future__ import annotations

import hashlib
import os
import subprocess
from typing import Any, Dict, Mapping, NamedTuple

from base import console
from base.errors import FOUND, UserError

LOCAL_S = 60        # for what needs no network; a cold disk with a large clone is slow
# A hook or a worktree's tool sets these for its own repository; here `-C` says which one is meant.
REPOSITORY_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
          "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_QUARANTINE_PATH")
SECRETS = ("GITEA_TOKEN",)      # git and its hooks get it only from calls that pass it


class Completed(NamedTuple):
    """How one command ended: 0 is success; `out` is its output as bytes, `stderr` its messages as text."""
    code: int
    out: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "replace").strip()


def run(folder: os.PathLike, *words: str, data: bytes | None = None, more: Mapping[str, str] | None = None,
        limit_s: float = LOCAL_S) -> Completed:
    """Run one command in a repository. A failure is a value; raises UserError if git is missing or does not end."""
    stdin: Dict[str, Any] = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, timeout=limit_s,
                              env=environment(os.environ, more or {}), **stdin)
    except FileNotFoundError:
        raise UserError("not installed, or not on the path", "git", "install it, then run this again", FOUND) from None
    except subprocess.TimeoutExpired:
        raise UserError(f"did not end within {limit_s:.0f} s", f"git {command_of(words)}", "check the network and the "
                        "server, then run this again", FOUND) from None
    return Completed(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def line(folder: os.PathLike, *words: str) -> str | None:
    """The output of a command; None if it failed or git is missing."""
    try:
        done = run(folder, *words)
    except (UserError, OSError):
        return None
    return done.text if done.code == 0 else None


def refusal(folder: os.PathLike) -> str | None:
    """The command that makes git trust this folder, if git refuses it because it belongs to another user; else None."""
    try:
        done = run(folder, "rev-parse", "HEAD")
    except (UserError, OSError):
        return None
    if done.code == 0 or "dubious ownership" not in done.stderr:
        return None
    return next((text.strip() for text in done.stderr.splitlines() if "safe.directory" in text),
                f"git config --global --add safe.directory {folder}")


def environment(present: Mapping[str, str], more: Mapping[str, str]) -> dict:
    """English messages, no other repository, no secrets, and no password prompt without a terminal."""
    kept = {name: value for name, value in present.items() if name not in REPOSITORY_VARIABLES + SECRETS}
    kept.update(LC_ALL="C", LANGUAGE="C")
    if not console.is_terminal():
        kept["GIT_TERMINAL_PROMPT"] = "0"
    return {**kept, **more}


def command_of(words: tuple) -> str:
    """The name of the git command among these words, such as fetch."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0] == "-c" else 1:]
    return rest[0] if rest else ""


def blob_id(data: bytes, digits: int) -> str:
    """git's id of a file with this content, in a repository whose ids have so many digits: 40 of SHA-1, or 64 of SHA-256."""
    return hashlib.new("sha1" if digits == 40 else "sha256", b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()
