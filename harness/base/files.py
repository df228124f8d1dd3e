"""Files: the only writer. Whole files are replaced in one step; a ledger's lines are appended and never rewritten."""
from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import sys
import time
from typing import Callable, Iterable, Iterator, Union

from base.errors import UserError

Path = Union[str, "os.PathLike[str]"]
# O_BINARY exists on Windows alone, where a text-mode descriptor would turn \n into \r\n.
APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
# A byte that no ledger reaches: Windows locks are mandatory, and a locked byte inside the file could not be read.
# Seeking further than a file can grow fails there.
LOCK_OFFSET = 2 ** 31 - 2
BUFFER_BYTES = 1 << 20      # of a file that is written in many pieces
# Waits between attempts to rename: on Windows a virus scanner, an indexer or OneDrive holds a new file for a moment.
RENAME_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0)


@contextlib.contextmanager
def explaining_errors(path: Path) -> Iterator[None]:
    """Inside, an OSError of the file system becomes the one line that a person can act on."""
    try:
        yield
    except OSError as problem:
        raise user_error(problem, path) from problem


def user_error(problem: OSError, path: Path) -> UserError:
    advice = {
        errno.ENOSPC: "free some space, then repeat the command; a run goes on with --resume",
        getattr(errno, "EDQUOT", -1): "free some of your quota, then go on with --resume",
        errno.EACCES: "make the folder writable or choose another with --out",
        errno.EPERM: "make the folder writable or choose another with --out",
        errno.EROFS: "choose a writable folder with --out",
        errno.ENOTDIR: "a part of this path is a file; choose another folder with --out",
        errno.EEXIST: "this is a file; choose a folder with --out",
    }.get(problem.errno, "see that the folder exists and is writable, or choose another with --out")
    return UserError(problem.strerror or str(problem), str(path), advice)


def make_folder(path: os.PathLike) -> None:
    with explaining_errors(path):
        pathlib.Path(path).mkdir(parents=True, exist_ok=True)


def replace(path: os.PathLike, data: bytes) -> None:
    """Write a whole file: readers see the old bytes or the new ones, never a part."""
    import tempfile     # imported where it is used, as shutil is: a check writes nothing
    target = pathlib.Path(path)
    with explaining_errors(target):
        number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=str(target.parent))
        try:
            with os.fdopen(number, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(name, 0o644)
            retried(os.replace, name, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        sync_folder(target.parent)


def retried(rename: Callable[[Path, Path], None], source: Path, target: Path) -> None:
    """os.replace or os.rename; while permission is denied, again for some seconds."""
    for wait_s in RENAME_WAITS_S:
        with contextlib.suppress(PermissionError):
            return rename(source, target)
        time.sleep(wait_s)
    return rename(source, target)


@contextlib.contextmanager
def temporary_folder() -> Iterator[pathlib.Path]:
    """An empty temporary folder; it is removed with its contents when the block ends."""
    import shutil
    import tempfile
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError, RecursionError):
            _make_removable(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _make_removable(top: pathlib.Path) -> None:
    """Make everything in a folder removable, also what was made unreadable; links are not followed."""
    os.chmod(top, 0o700)
    for folder, inside, _ in os.walk(top):
        for path in (os.path.join(folder, name) for name in inside):
            if not os.path.islink(path):
                os.chmod(path, 0o700)


def sync_folder(path: os.PathLike) -> None:
    """A new name survives a power cut only once its folder is flushed; Windows cannot open a folder, and need not."""
    with contextlib.suppress(OSError):
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


class Appender:
    """One file, held by one process, that only grows (but for `cut`, with which a resume begins)."""

    def __init__(self, path: os.PathLike):
        self.path = pathlib.Path(path)
        with explaining_errors(self.path):
            self._number = os.open(self.path, APPEND, 0o644)
        try:
            lock(self._number, self.path)
        except BaseException:
            self.close()
            raise
        sync_folder(self.path.parent)

    def append(self, line: bytes) -> None:
        """One write, then flushed to disk. A short write (a full disk) is taken back and raised."""
        with explaining_errors(self.path):
            before = os.fstat(self._number).st_size
            try:
                written = os.write(self._number, line)
                if written != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(self._number)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._number, before)
                raise

    def cut(self, size_bytes: int) -> None:
        with explaining_errors(self.path):
            os.ftruncate(self._number, size_bytes)
            os.fsync(self._number)

    def close(self) -> None:
        if self._number >= 0:
            os.close(self._number)
            self._number = -1


def lock(number: int, path: os.PathLike) -> None:
    """Hold the file for this process until it is closed or the process is gone, however it goes."""
    busy = UserError("another process is writing this run", str(path), "wait for it, or stop it, then continue with --resume")
    if sys.platform == "win32":
        import msvcrt
        os.lseek(number, LOCK_OFFSET, os.SEEK_SET)
        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError as problem:
            raise busy from problem
        return
    import fcntl
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        raise busy from problem
    except OSError:
        pass    # some network and phone file systems know no locks; refusing to measure there would help nobody


# ----- whole folders, for the published site

def write(path: os.PathLike, data: bytes | Iterable[bytes]) -> None:
    """Write a file that nobody reads yet, and its folders. An old file gives way first: other names of it stay as they are.

    What is too large to be held may come in pieces.
    """
    buffering = -1 if isinstance(data, bytes) else BUFFER_BYTES
    with explaining_errors(path):
        try:
            out = open(path, "xb", buffering)
        except FileExistsError:
            os.unlink(path)
            out = open(path, "xb", buffering)
        except FileNotFoundError:
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            out = open(path, "xb", buffering)
        with out:
            out.writelines([data] if isinstance(data, bytes) else data)


def remove_file(path: os.PathLike) -> None:
    """Remove a file of ours, if it is there."""
    with explaining_errors(path), contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link to a file, or a copy if the file system has none. The target's folder exists."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise ValueError(f"two files would be called {target}") from None
    except OSError:
        import shutil
        with explaining_errors(target):
            shutil.copyfile(source, target)
            shutil.copystat(source, target)


def move_folder(source: os.PathLike, target: os.PathLike) -> None:
    """Move a folder to where nothing is yet; also to another drive."""
    with explaining_errors(target):
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        import shutil
        make_folder(pathlib.Path(target).parent)
        shutil.move(str(source), str(target))


def remove_folder(path: os.PathLike) -> None:
    """A folder of ours with all that is in it; links within are not followed."""
    if os.path.lexists(path):
        import shutil
        with explaining_errors(path):
            shutil.rmtree(path)


def flush(paths: Iterable[os.PathLike]) -> None:
    """Flush these files to disk, so that they survive a power cut."""
    for path in paths:
        with explaining_errors(path):
            number = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
            try:
                os.fsync(number)
            finally:
                os.close(number)


def flush_all() -> None:
    if hasattr(os, "sync"):
        os.sync()


def swap_folders(new: pathlib.Path, target: pathlib.Path, old: pathlib.Path) -> None:
    """Two folders change places: `new`, which is complete and flushed, becomes the target, and the target becomes `new`.

    A power cut between the renamings leaves `old`; `repair_swap` repairs that. All are on one file system.
    """
    with explaining_errors(target):
        if target.exists():
            retried(os.rename, target, old)
        try:
            retried(os.rename, new, target)
        except OSError:
            if old.exists():
                retried(os.rename, old, target)
            raise
        sync_folder(target.parent)
        if old.exists():
            retried(os.rename, old, new)


def repair_swap(new: pathlib.Path, target: pathlib.Path, old: pathlib.Path) -> None:
    """Complete or undo a `swap_folders` that was interrupted."""
    if old.exists():
        with explaining_errors(target):
            if not target.exists():
                retried(os.rename, old, target)
            elif not new.exists():
                retried(os.rename, old, new)
            else:
                remove_folder(old)


@contextlib.contextmanager
def exclusive(path: os.PathLike) -> Iterator[None]:
    """Inside, no other process is inside with the same file."""
    with explaining_errors(path):
        number = os.open(path, APPEND, 0o644)
    try:
        try:
            lock(number, path)
        except UserError as problem:
            raise UserError("another process is building this site", str(path), "wait for it, or stop it") from problem
        yield
    finally:
        os.close(number)
