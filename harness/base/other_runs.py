"""The runs of others in this clone: whether they are here, left out of a sparse clone, or not there yet."""
from __future__ import annotations

from base import git, run_folder

HERE, LEFT_OUT, NONE = "here", "left out", "none"
TO_GET_THEM = "git sparse-checkout set harness submissions"
EXAMPLE = f"{run_folder.TREE}/EXAMPLE/"         # the synthetic run that every clone has


def state() -> str:
    """HERE, LEFT_OUT (a sparse clone without submissions) or NONE, as git's index has them; without git, as the folder has them."""
    listed = git.line(run_folder.ROOT, "ls-files", "-t", "--", run_folder.TREE)
    if listed is None:
        return HERE if any(EXAMPLE not in folder.as_posix() for folder in run_folder.all_in(run_folder.SUBMISSIONS)) else NONE
    marks = {line[:1] for line in listed.splitlines() if not line[2:].startswith(EXAMPLE) and line.endswith(run_folder.MANIFEST)}
    return HERE if marks - {"S"} else LEFT_OUT if marks else NONE
