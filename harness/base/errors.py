"""The one error that a user can fix: what is wrong, where, and what to do now."""
from __future__ import annotations

FINE, FOUND, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 3, 130


class UserError(Exception):
    """Something the user can fix. Printed as one line; any other exception is a bug and shows its traceback."""

    def __init__(self, what: str, where: str = "", now: str = "", exit_code: int = USAGE):
        self.what, self.where, self.now, self.exit_code = what, where, now, exit_code
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"; {self.now}" if self.now else ""
        return printable(f"{place}{self.what}{advice}")


def printable(text: str) -> str:
    """One line without control characters: text from a server or a stranger may contain escape sequences."""
    return "".join(c if c.isprintable() else " " if c.isspace() else c.encode("unicode_escape").decode("ascii")
                   for c in text)
