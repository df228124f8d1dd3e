"""Sources: one hash of the harness's own code and suites. What a run or a cache was made by is known by it."""
from __future__ import annotations

import hashlib

from base import run_folder

ENDINGS = (".py", ".json")


def source_sha256() -> str:
    """SHA-256 of lines `<sha256>  <path>` in order of path."""
    rows = []
    for path in sorted(run_folder.HARNESS.rglob("*")):
        if path.suffix in ENDINGS and path.is_file() and "__pycache__" not in path.parts:
            rows.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(run_folder.HARNESS).as_posix()}\n")
    return hashlib.sha256("".join(rows).encode("utf-8")).hexdigest()
