"""Site update: the next site is prepared beside the present one, and takes its place in one step.

There are two copies of the site, of hard links. Each build updates the second one, swaps the two, and updates the other.
"""
from __future__ import annotations

import pathlib
from typing import Dict, List

from base import files
from publish import run_changes, site_folder, site_state
from publish.build_cache import BuildCache


class SiteUpdate:
    """The folders of the site and its cache. `left` is how the last build left them."""

    def __init__(self, out: pathlib.Path, cache: pathlib.Path):
        self.out, self.cache, self.new = out, cache, cache / "new"
        self.left = site_state.read(cache)
        self._present: site_folder.FileStates = {}      # the files in the cache when the build began
        self._present_digest = 0

    def look_for_damage(self, kept: BuildCache) -> None:
        """Let the cache forget what has a file that somebody removed or changed."""
        self._present = site_folder.states(self.cache / "files")
        self._present_digest = site_folder.digest(self._present)
        kept.is_as_left = kept.is_as_left and self._present_digest == self.left.files
        if not kept.is_as_left:
            kept.forget_damaged(self._present)

    def is_as_left(self) -> bool:
        return site_state.is_as_left(self.out, self.left.site)

    def is_linked(self, site: Dict[str, site_folder.LinkSource]) -> bool:
        """Whether the present site has these files and no others."""
        present = site_folder.inodes(self.out)
        return present.keys() == site.keys() and all(present[path] == source.inode for path, source in site.items())

    def prepare(self, kept: BuildCache) -> List[str]:
        """Prepare the next site. Returns the paths of its new files."""
        return self._bring_up_to_date(kept, self.left.new)

    def flush(self, paths: List[str]) -> None:
        site_folder.flush(self.new, paths)

    def put_in_place(self, kept: BuildCache, linked: List[str], submissions: pathlib.Path) -> None:
        was_site = self.left.site if self.is_as_left() else {}
        files.swap_folders(self.new, self.out, self.cache / "old")
        self._bring_up_to_date(kept, was_site)
        if sum(path.startswith("raw/") for path in linked) > site_folder.FSYNC_EACH:
            # A new link changes a file's ctime, and git would hash all such files at the next build. This updates its index.
            run_changes.git_state(submissions)
        self._leave(kept)

    def _bring_up_to_date(self, kept: BuildCache, left: site_folder.FolderStates) -> List[str]:
        files.make_folder(self.new)
        if kept.is_as_left and site_state.is_as_left(self.new, left):
            return site_folder.apply(self.new, kept.files.changes())
        site = kept.files.site()
        linked = site_folder.update(self.new, site)
        kept.files.refresh_inodes(linked, site)
        return linked

    def _leave(self, kept: BuildCache) -> None:
        """Write down how this build leaves the folders."""
        changed = kept.files.changed
        before = {path: self._present[path] for path in changed if path in self._present}
        now = {path: state for path in changed for state in [site_folder.state_of(self.cache / "files" / path)] if state is not None}
        folders = site_state.folders_of([*changed, *self.left.site] if kept.is_as_left else kept.files.site())
        site_state.write(self.cache, site_state.SiteState(
            kept.state(), self._present_digest - site_folder.digest(before) + site_folder.digest(now),
            site_folder.folder_states(self.out, folders), site_folder.folder_states(self.new, folders)))
