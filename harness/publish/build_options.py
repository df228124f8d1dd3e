"""Build options and report: what a build is asked for, and what it did."""
from __future__ import annotations

import pathlib
from dataclasses import dataclass, field
from typing import Dict, List, Optional

from publish.run_changes import digest


@dataclass(frozen=True)
class BuildOptions:
    submissions: pathlib.Path
    out: pathlib.Path
    version: str                    # see `build.version`; with another one everything is rebuilt
    overlay: Optional[dict] = None  # entries by run id; None: no overlay is named
    synthetic: bool = False         # accept synthetic runs
    now_s: float = 0.0
    jobs: int = 1
    afresh: bool = False
    raw_base: Optional[str] = None  # URL of the clone's root: raw files are linked there instead of being on the site

    @property
    def cache(self) -> pathlib.Path:
        return self.out.with_name(f"{self.out.name}.cache")

    @property
    def entries(self) -> dict:
        return self.overlay or {}

    @property
    def settings(self) -> str:
        """A hash of what decides, beside the runs, what the site has."""
        return digest(self.entries, self.synthetic, self.raw_base, str(self.submissions))


@dataclass
class BuildReport:
    shown: int = 0
    withheld: int = 0
    redacted_absent: List[str] = field(default_factory=list)    # ids of redacted runs that are not in the tree
    cells: int = 0
    files: int = 0
    runs_made: int = 0              # the others were reused from cache
    cells_made: int = 0
    rejected: Dict[str, List[dict]] = field(default_factory=dict)     # run folder: its errors
