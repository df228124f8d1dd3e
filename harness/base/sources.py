"""Sources: one hash of the harness's code and suites, which identifies what made a run or a cache."""
from __future__ import annotations

import hashlib
from typing import Dict

from base import run_folder

ENDINGS = (".py", ".json")


def source_sha256() -> str:
    """Of the files as they are now."""
    return combined_sha256({path.relative_to(run_folder.HARNESS).as_posix(): path.read_bytes() for path in run_folder.HARNESS.rglob("*")
                            if path.suffix in ENDINGS and path.is_file() and "__pycache__" not in path.parts})


def combined_sha256(contents: Dict[str, bytes]) -> str:
    """SHA-256 of lines `<sha256>  <path>` in order of path."""
    rows = [f"{hashlib.sha256(contents[path]).hexdigest()}  {path}\n" for path in sorted(contents, key=lambda path: path.split("/"))]
    return hashlib.sha256("".join(rows).encode("utf-8")).hexdigest()
