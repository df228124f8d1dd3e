"""Tree layout: which folders and files may be under submissions/, and how they are named."""
from __future__ import annotations

import os
import pathlib
import re
import stat
import unicodedata
from typing import Container, Dict, Iterable, Iterator, NamedTuple

from base import names, run_folder
from base.pattern import lazy
from judge.findings import Finding

EXAMPLE = f"{run_folder.TREE}/EXAMPLE/mac-m1-8gb/run-{names.NIL_RUN_ID}"
BESIDE = (f"{run_folder.TREE}/README.md",)
LEFT_BY_SYSTEMS = (".DS_Store",)        # written into any folder that is looked at; .gitignore keeps them out of commits
GIT_FILES = lazy(r"\.git.*|\.gitea|\.lfsconfig|\.mailmap|codeowners\Z|.*\.gitmodules", re.IGNORECASE)
AGENT_FILES = lazy(
    r"(?:agents?|claude|gemini|qwen|copilot-instructions|warp|conventions)(?:\.local)?\.md\Z|llms(?:-full)?\.txt\Z"
    r"|\.(?:cursor|claude|codex|aider|windsurf|cline|roo|continue|gemini|mcp|vscode|idea|zed|junie|amazonq|kiro|editorconfig"
    r"|pre-commit).*|mcp\.json\Z|skill\.md\Z", re.IGNORECASE)


class TreeEntry(NamedTuple):
    """One file: its path from the repository's root, and what Git would say it is."""
    path: str
    kind: str = "file"          # file, link, submodule or other
    executable: bool = False
    size_bytes: int = 0

    @property
    def parts(self) -> list:
        return self.path.split("/")


class RunPlace(NamedTuple):
    """A run's place: its three folders. `path` is from the repository's root."""
    path: str
    handle: str
    device_tag: str
    name: str

    @property
    def run_id(self) -> str:
        return self.name[len("run-"):] if self.name.startswith("run-") else self.name

    @property
    def is_example(self) -> bool:
        return self.path == EXAMPLE


def place_of(path: str) -> RunPlace | None:
    """The place of the run that this path belongs to; None for a path above all runs."""
    parts = path.split("/")
    return None if len(parts) < 4 else RunPlace("/".join(parts[:4]), *parts[1:4])


def place_of_run(path: str) -> RunPlace:
    """The same of the path of a run's folder, as `runs_in` gives it."""
    return RunPlace(path, *path.split("/")[1:])


def on_disk(top: pathlib.Path, tree_path: str) -> Iterator[TreeEntry]:
    """Every file below a folder, under the names that Git would give them below `tree_path`; links are not followed.

    A repository within it is one entry of kind `submodule`.
    """
    for folder, folders, files in os.walk(top):
        folders.sort()
        below = pathlib.Path(folder).relative_to(top).as_posix()
        here = tree_path if below == "." else f"{tree_path}/{below}"
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name not in links and name not in (".git", "__pycache__")]
        if os.path.lexists(os.path.join(folder, ".git")):
            yield TreeEntry(here, "submodule")
        for name in sorted(files + links):
            if name not in LEFT_BY_SYSTEMS and name != ".git":
                yield _entry(os.path.join(folder, name), f"{here}/{name}")


def _entry(path: str, tree_path: str) -> TreeEntry:
    state = os.lstat(path)
    kind = "file" if stat.S_ISREG(state.st_mode) else "link" if stat.S_ISLNK(state.st_mode) else "other"
    return TreeEntry(tree_path, kind, bool(state.st_mode & 0o111) and os.name != "nt", state.st_size)


def settled_modes(entries: list) -> list:
    """The same entries; where every file is executable, the file system has no modes, and none is reported."""
    if any(not entry.executable for entry in entries if entry.kind == "file"):
        return entries
    return [entry._replace(executable=False) for entry in entries]


def runs_in(entries: Iterable[TreeEntry]) -> dict:
    """path of each run's folder: {name of file: size} of the plain files of the five that are there."""
    result: dict = {}
    for entry in entries:
        place = place_of(entry.path)
        if place is not None and place.name.startswith("run-"):
            sizes = result.setdefault(place.path, {})
            if entry.kind == "file" and len(entry.parts) == 5 and entry.parts[4] in run_folder.FILES:
                sizes[entry.parts[4]] = entry.size_bytes
    return result


def sizes_in(folder: pathlib.Path) -> Dict[str, int]:
    """The same of one run's folder as it is now."""
    paths = {name: folder / name for name in run_folder.FILES}
    return {name: os.lstat(path).st_size for name, path in paths.items() if path.is_file() and not path.is_symlink()}


def problems(entry: TreeEntry) -> Iterator[Finding]:
    """What is wrong with one file's kind, name or place: the first that applies, since one thing is to be done about it."""
    def breach(rule: str, observed: str, expected: str = "") -> Iterator[Finding]:
        yield Finding(rule, observed, expected, path=entry.path)
    git = next((part for part in entry.parts[1:] if GIT_FILES.fullmatch(part)), None)
    agent = next((part for part in entry.parts[1:] if AGENT_FILES.match(part)), None)
    if entry.kind == "submodule":
        return breach("scope-submodule", "a repository of its own")
    if entry.kind in ("link", "other"):
        return breach("scope-symlink", "a symbolic link" if entry.kind == "link" else "a pipe or a device", "a file")
    if git:
        return breach("scope-git-file", git)
    if agent:
        return breach("scope-agent-file", agent)
    if entry.path in BESIDE:
        return iter(())
    if len(entry.parts) < 5 or not entry.parts[3].startswith("run-"):
        return breach("name-layout", "a file outside of a run", "<handle>/<device-tag>/run-<uuid>/<file>")
    if len(entry.parts) > 5 or entry.parts[4] not in run_folder.FILES:
        return breach("name-file-extra", "/".join(entry.parts[4:]), ", ".join(run_folder.FILES))
    return breach("scope-mode", "executable (100755)", "100644") if entry.executable else iter(())


def all_problems(entries: list, judged: Container[str] | None = None) -> Iterator[Finding]:
    """What is wrong with each entry, or else that its name collides with another one; with `judged` only of these paths."""
    collided = {finding.path: finding for finding in collisions(entry.path for entry in entries) if judged is None or finding.path in judged}
    for entry in entries:
        if judged is None or entry.path in judged:
            yield from [collided[entry.path]] if entry.path in collided else problems(entry)
    paths = {entry.path for entry in entries}
    yield from (finding for path, finding in collided.items() if path not in paths)


def folder_problems(place: RunPlace) -> Iterator[Finding]:
    """What is wrong with the names of a run's three folders; the EXAMPLE's are what they are."""
    if place.is_example:
        return
    for rule, name, problem in (
            ("name-handle", place.handle, names.handle_problem(place.handle)),
            ("name-device-tag", place.device_tag, names.device_tag_problem(place.device_tag)),
            ("name-run-id", place.name, None if place.name.startswith("run-") else "a run's folder is called run-<uuid>"),
            ("name-run-id", place.name, names.run_id_problem(place.run_id))):
        if problem:
            yield Finding(rule, f"{name}: {problem}", path=place.path)
            return


def missing(place: RunPlace, wanted: Iterable[str], present: Iterable[str]) -> Iterator[Finding]:
    for name in wanted:
        if name not in present:
            yield Finding("name-file-missing", "not there", name, path=f"{place.path}/{name}")


def collisions(paths: Iterable[str]) -> Iterator[Finding]:
    """Names in one folder that are one name to a system that ignores case or composes letters."""
    known: dict = {}
    # Small letters first: names are written in them, and the other spelling is reported.
    for path in sorted(paths, key=lambda path: (not path.startswith(EXAMPLE), path != path.lower(), path)):
        parts = path.split("/")
        for depth in range(2, len(parts) + 1):
            real = "/".join(parts[:depth])
            folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", real).casefold())
            if known.setdefault(folded, real) != real:
                yield Finding("name-collision", parts[depth - 1], f"one of it and {known[folded].split('/')[-1]}", path=real)
                break


def twice(places: Iterable[str]) -> Iterator[Finding]:
    """Runs whose id is that of another run elsewhere in the tree; `places` are paths of run folders."""
    known: dict = {}
    for path in places:
        name = path.split("/")[-1]
        if known.setdefault(name.casefold(), path) != path:
            yield Finding("name-twice", name, f"only {known[name.casefold()]}", path=path)
