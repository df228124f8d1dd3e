"""Arguments: the parser of a command, whose help fits the terminal and whose errors name the flag that was meant."""
from __future__ import annotations

import argparse
from typing import Any, NoReturn

from base import console, text_layout
from base.errors import USAGE


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """The paragraphs of the description stay, and their lines are filled to the width."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, width=text_layout.terminal_columns() - 2, **options)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap
        return "\n\n".join(textwrap.fill(part, width, break_long_words=False, break_on_hyphens=False)
                           for part in text.split("\n\n"))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        console.note(self.format_usage().rstrip("\n"))
        console.note(f"{self.prog}: error: {message}; {self._meant(message)}--help lists all flags")
        self.exit(USAGE)

    def _meant(self, message: str) -> str:
        """The flags that are most like those which are unknown, as a question."""
        if not message.startswith("unrecognized arguments: "):
            return ""
        import difflib
        flags = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
        meant = [match for flag in flags for match in difflib.get_close_matches(flag, self._option_string_actions, 1)]
        return f"did you mean {' and '.join(meant)}? " if meant else ""


def parser(script: str, description: str | None, usage: str | None = None) -> argparse.ArgumentParser:
    """`description` is the docstring of the command."""
    return _Parser(prog=script, usage=usage, description=description, formatter_class=_Formatter)
