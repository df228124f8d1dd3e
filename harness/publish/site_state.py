"""Site state: what the folders of the site and its cache looked like when the last build ended.

As long as they look the same, nothing in them has to be searched for changes. A file that is added, removed or renamed
changes its folder; of the files in the cache, which the site links, size and time are compared as well.
"""
from __future__ import annotations

import dataclasses
import json
import pathlib
from dataclasses import dataclass, field
from typing import Iterable, List, Optional

from base import files, json_text
from publish import site_folder
from publish.site_folder import FolderStates

NAME = "folders.json"


@dataclass(frozen=True)
class SiteState:
    """`index` is the state of the index of the cache, `files` a number for those of the files in the cache."""
    index: Optional[List[int]] = None
    files: int = 0
    site: FolderStates = field(default_factory=dict)
    new: FolderStates = field(default_factory=dict)


def read(cache: pathlib.Path) -> SiteState:
    """An empty one where there is none, or none that can be read."""
    try:
        return SiteState(**json.loads((cache / NAME).read_bytes()))
    except (OSError, ValueError, TypeError):
        return SiteState()


def write(cache: pathlib.Path, state: SiteState) -> None:
    files.replace(cache / NAME, json_text.dumps(dataclasses.asdict(state)).encode("ascii"))


def is_as_left(folder: pathlib.Path, left: FolderStates) -> bool:
    """Whether no file was added, removed or renamed since."""
    return bool(left) and site_folder.folder_states(folder, left) == left


def folders_of(paths: Iterable[str]) -> List[str]:
    """The folders of these files, and the top."""
    return sorted({"", *(path.rpartition("/")[0] for path in paths)})
