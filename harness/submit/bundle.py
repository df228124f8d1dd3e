"""The file to attach where nothing can be pushed: the run's commit and how to apply it, in a .zip that servers accept."""
from __future__ import annotations

import io
import pathlib
import zipfile

from base import files, git, text_format
from base.errors import FOUND, UserError
from submit import git_messages
from submit.push import Push
from submit.remote_access import Base
from submit.remote_address import Repository

HOW_TO = "HOW-TO-APPLY.txt"
DATE = (1980, 1, 1, 0, 0, 0)        # the first that a .zip can hold; fixed, so that the same run makes the same file


def words(base: str, push: Push, folder: pathlib.Path) -> tuple[str, ...]:
    branch = push.submission.branch
    return ("bundle", "create", "--quiet", str(folder / f"{branch}.bundle"), f"refs/heads/{branch}", f"^{base}")


def target(push: Push, folder: pathlib.Path) -> pathlib.Path:
    return folder / f"{push.submission.branch}.zip"


def commands(base: str, push: Push, folder: pathlib.Path) -> list[tuple[str, ...]]:
    """The steps of `write` for a person to read; the .bundle is only in a temporary folder."""
    temporary = pathlib.Path("TEMPORARY")
    return [("git", *words(base, push, temporary)),
            ("zip", str(target(push, folder)), str(temporary / f"{push.submission.branch}.bundle"), str(temporary / HOW_TO))]


def write(push: Push, base: Base, upstream: Repository, folder: pathlib.Path) -> pathlib.Path:
    """Write the .zip; raises UserError where that is not possible."""
    with files.temporary_folder() as temporary:
        done = git.run(push.clone.folder, *words(base.commit, push, temporary))
        if done.code != 0:
            raise UserError(f"git bundle failed ({git_messages.reason(done.stderr)})", str(push.clone.folder),
                            "fix what git names, then run this again", FOUND)
        bundle = (temporary / f"{push.submission.branch}.bundle").read_bytes()
    path = target(push, folder)
    if not folder.is_dir():
        raise UserError("no such folder", str(folder), "name another one with --bundle-to", FOUND)
    with files.explaining_errors(path):
        files.replace(path, zipped({f"{push.submission.branch}.bundle": bundle,
                                    HOW_TO: how_to_apply(push, base, upstream).encode("utf-8")}))
    return path


def zipped(contents: dict[str, bytes]) -> bytes:
    """A .zip of these files, the same for the same contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def how_to_apply(push: Push, base: Base, upstream: Repository) -> str:
    """The text for the maintainer, which is in the .zip."""
    branch = push.submission.branch
    return f"""{push.submission.title}

{push.submission.text}

For a maintainer of {upstream.public_url}, in an up-to-date clone of it (FOLDER is where this .zip is unpacked):

    git fetch FOLDER/{branch}.bundle {branch}:{branch}
    python harness/check_submission.py --review --base origin/{base.branch} --head {branch}
    git push origin {branch}

The last command publishes the branch; open a pull request from it and merge that without squashing.
"""


def place(upstream: Repository) -> str:
    """Where the file is to be attached."""
    return f"a new issue at {upstream.page}/issues" if upstream.web else f"an issue of {upstream.public_url}"


def advice(push: Push, upstream: Repository, path: pathlib.Path) -> str:
    """What the contributor does with the file."""
    size = text_format.format_bytes(path.stat().st_size)
    return (f"attach this file ({size}) to {place(upstream)}, with this title:\n\n  {push.submission.title}\n\n"
            "No account there? Ask somebody who has one to attach it: the file is complete, and it holds how to apply it.")
