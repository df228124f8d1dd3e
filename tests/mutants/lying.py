"""Mutants that lie where or as what they must not: (rule, what is wrong, what makes it so), one rule each.

What makes it so gets the root above submissions/ and the folder of a valid run, and changes what is on disk.
"""
from __future__ import annotations

import pathlib
import shutil

from mutants import valid


def beside(name: str, text: str = "x\n"):
    """One more file in the run's folder."""
    def mutate(root: pathlib.Path, run: pathlib.Path) -> None:
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_bytes(text.encode("utf-8"))
    return mutate


def link(root: pathlib.Path, run: pathlib.Path) -> None:
    (run / "more.md").symlink_to("run.md")


def linked_folder(root: pathlib.Path, run: pathlib.Path) -> None:
    (root / "submissions" / "elsewhere").symlink_to(root)


def repository(root: pathlib.Path, run: pathlib.Path) -> None:
    (run / ".git").mkdir()


def executable(root: pathlib.Path, run: pathlib.Path) -> None:
    (run / "run.md").chmod(0o755)


def stray(root: pathlib.Path, run: pathlib.Path) -> None:
    (run.parent.parent / "notes.txt").write_bytes(b"x\n")


def again(root: pathlib.Path, run: pathlib.Path) -> None:
    """The same run under two device tags; its manifest names none."""
    shutil.rmtree(run)
    made = valid.Run()
    made.manifest["device_tag"] = None
    for made.device_tag in ("synthetic-cpu-8gb", "synthetic-cpu-16gb"):
        made.write(root)


def under_a_new_name(root: pathlib.Path, run: pathlib.Path) -> None:
    """The same calls once more, as another run of somebody else."""
    made = valid.Run()
    made.rename("9c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
    made.handle = made.manifest["handle"] = "plagiarist"
    made.write(root)


ROWS = (
    ("scope-symlink", "a link", link),
    ("scope-symlink", "a linked folder", linked_folder),
    ("scope-submodule", "a repository within", repository),
    ("scope-mode", "a file that can be run", executable),
    ("scope-git-file", "attributes", beside(".gitattributes", "* -text\n")),
    ("scope-git-file", "a workflow", beside(".gitea/workflows.yml")),
    ("scope-agent-file", "orders to an agent", beside("AGENTS.md")),
    ("scope-agent-file", "rules of an editor", beside(".cursorrules")),
    ("name-layout", "a file outside of a run", stray),
    ("name-file-extra", "a sixth file", beside("notes.txt")),
    ("name-file-extra", "a folder within", beside("more/run.md")),
    ("name-twice", "one run under two device tags", again),
    ("physics-duplicate", "one run under two ids", under_a_new_name),
    ("name-collision", "two names that are one on a Mac", beside("Run.md")),
)
