"""Page files: what pages include beside the records: style, script and icon, and the text of the methodology."""
from __future__ import annotations

import pathlib

from base import run_folder

ASSETS = pathlib.Path(__file__).resolve().parent / "assets"


def methodology() -> str:
    return (run_folder.HARNESS / "methodology.md").read_text(encoding="utf-8")
