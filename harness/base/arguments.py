"""Arguments: the parser of a command, whose help fits the terminal."""
from __future__ import annotations

import argparse
from typing import Any

from base import text_layout


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """The paragraphs of the description stay, and their lines are filled to the width."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, width=text_layout.terminal_columns() - 2, **options)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap
        return "\n\n".join(textwrap.fill(part, width, break_long_words=False, break_on_hyphens=False)
                           for part in text.split("\n\n"))


def parser(script: str, description: str | None, usage: str | None = None) -> argparse.ArgumentParser:
    """`description` is the docstring of the command."""
    return argparse.ArgumentParser(prog=script, usage=usage, description=description, formatter_class=_Formatter)
