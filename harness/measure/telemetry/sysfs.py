"""Sysfs: the small files in which Linux shows its state, in /proc and /sys."""
from __future__ import annotations

import glob
import os

from base.pattern import lazy

INTEGER = lazy("-?[0-9]{1,18}")


class Files:
    """Reads this machine's files; tests pass another object."""

    def find(self, pattern: str) -> list:
        return sorted(glob.glob(pattern))

    def names(self, folder: str) -> list:
        """The names in a folder; [] if it cannot be read."""
        try:
            return os.listdir(folder)
        except OSError:
            return []

    def text(self, path: str) -> str | None:
        """None: missing, or not readable."""
        try:
            with open(path, "rb") as source:
                return source.read(65536).decode("ascii", "replace").strip()
        except OSError:
            return None


def number(files: Files, path: str) -> int | None:
    """A file that holds one whole number; None for any other."""
    text = files.text(path)
    return int(text) if text and INTEGER.fullmatch(text) else None


def numbers(files: Files, paths: list) -> list:
    """Those of the files that hold a number."""
    values = [number(files, path) for path in paths]
    return [value for value in values if value is not None]
