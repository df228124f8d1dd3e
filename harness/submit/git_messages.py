"""What git and the server wrote on stderr: the one line that gives the reason, and whether another method may work."""
from __future__ import annotations

from base import git
from base.errors import printable
from base.pattern import lazy

MAX_LENGTH = 300
# Gitea frames its words between empty lines and lines that hold only `error:`.
REMOTE = lazy(r"remote:\s*(?:(?:error|fatal):)?\s*(.*)")
PROGRESS = lazy(r"(?:Resolving deltas|Processing|Counting objects|Compressing objects|Enumerating objects|Total )|\. Processing")
# The repository accepts no run from this account, by any method.
FINAL = lazy(r"(?i)\b(?:is|are|been) (?:archived|blocked)\b|pull[- ]requests? (?:are|is) (?:disabled|not (?:allowed|enabled))|"
             r"denied for creating pull-request|read-only mirror|mirror repository is read-only")


def reason(stderr: str) -> str:
    """The line of git's stderr that says why; the server's own words come first."""
    lines = [line.strip() for line in stderr.split("\n") if line.strip()]
    marks = ("! [", "fatal: ", "error: ")
    chosen = [f"remote: {words}" for words in server_words(stderr)[:1]]
    chosen += [line for mark in marks for line in lines if line.startswith(mark)]
    return printable((chosen or lines[-1:] or ["git printed nothing"])[0])[:MAX_LENGTH]


def server_words(stderr: str) -> list[str]:
    """The lines that the server sent for a person, without frames and progress."""
    matches = (REMOTE.match(line.strip()) for line in stderr.split("\n"))
    words = [match.group(1).strip() for match in matches if match]
    return [line for line in words if line and not PROGRESS.match(line)]


def push_reason(done: git.Completed) -> str:
    """Why a push failed. git prints the result of each reference on stdout, after an exclamation mark."""
    rejected = [line.split("\t")[-1] for line in done.text.split("\n") if line.startswith("!")]
    server = [f"remote: {words}" for words in server_words(done.stderr)[:1]]
    fatal = [line for line in done.stderr.split("\n") if line.startswith("fatal: ")]
    return printable("; ".join(server + (rejected or fatal or ([] if server else [reason(done.stderr)]))[:1]))[:MAX_LENGTH]


def is_final(stderr: str) -> bool:
    """Whether the server's refusal of a push holds for every method. Only its own words count, since a repository may be
    called `archived`."""
    return any(is_final_message(words) for words in server_words(stderr))


def is_final_message(text: str) -> bool:
    """The same for a message of its API."""
    return FINAL.search(text) is not None
