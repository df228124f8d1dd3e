"""The console: the only printer. Results go to stdout; messages go to stderr, an error as one line.

On a terminal long lines wrap at words; elsewhere a line stays whole, so that it can be searched for.
"""
from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from typing import Callable, Iterator, TextIO

from base import text_format, text_layout
from base.errors import BROKEN, INTERRUPTED, USAGE, UserError, printable

WINDOWS = os.name == "nt"
VIRTUAL_TERMINAL = 4    # ENABLE_VIRTUAL_TERMINAL_PROCESSING of SetConsoleMode
# Modules that some Pythons are built without, and what does not work then.
OPTIONAL_MODULES = {"ssl": "a server at https:// or sending a run", "sqlite3": "the catalogue",
                    "ctypes": "grading Python answers"}


def guarded(main: Callable[[], int]) -> int:
    """Run a command's main and return its exit code. A UserError becomes one line; a bug prints its traceback and exits 3."""
    try:
        try:
            return main()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()      # also what argparse printed: at exit it would be too late to handle a closed pipe
    except UserError as problem:
        error(problem)
        return problem.exit_code
    except KeyboardInterrupt:
        end_interrupted_line()
        note("stopped")
        return INTERRUPTED
    except BrokenPipeError:
        _mute(sys.stdout)       # the reader of our output is gone
        return INTERRUPTED
    except ImportError as problem:
        module = (problem.name or "").lstrip("_")
        if module not in OPTIONAL_MODULES:
            return _bug()
        error(UserError(f"this Python has no {module}", sys.executable,
                        f"only {OPTIONAL_MODULES[module]} needs it: use another Python for that"))
        return USAGE
    except Exception:   # the one place that catches all: exit code 1 would read as a finding
        return _bug()


def end_interrupted_line() -> None:
    """End the line in which a terminal shows ^C; the next line may be as long as the terminal is wide."""
    if is_terminal():
        _write(sys.stderr, "\n")


def _bug() -> int:
    import traceback
    traceback.print_exc()
    note("this is a bug in the harness; please report it with the lines above")
    return BROKEN


def say(text: str = "", wrap: bool = False) -> None:
    """A result, on stdout. With `wrap`, long lines wrap at words if that is a terminal."""
    _write(sys.stdout, _plain(wrapped(text, sys.stdout) if wrap else text) + "\n")


def note(text: str) -> None:
    """A message for the person at the keyboard, on stderr. On a terminal long lines wrap at words."""
    _write(sys.stderr, _plain(wrapped(text, sys.stderr)) + "\n")


def next_step(text: str) -> None:
    """The last line of a command that succeeded: the next command, ready to be pasted."""
    note(f"next: {text}")


def wrapped(text: str, stream: TextIO | None) -> str:
    """The text with its long lines wrapped at words if it goes to a terminal; elsewhere as it is, to be searched by line."""
    return text if stream is None or not stream.isatty() else text_layout.wrapped(text)


def error(problem: UserError) -> None:
    """One line; on a terminal it wraps at words."""
    text = _plain(wrapped(f"error: {problem}", sys.stderr))
    if takes_sequences(sys.stderr) and not os.environ.get("NO_COLOR"):
        text = text.replace("error:", "\x1b[31merror:\x1b[0m", 1)     # red
    _write(sys.stderr, text + "\n")


def takes_sequences(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal that obeys control sequences; on Windows they are switched on first."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    return not WINDOWS or _enable_sequences(stream)


def _enable_sequences(stream: TextIO) -> bool:
    """Turn control sequences on in a Windows console; False if it does not support them."""
    if sys.platform != "win32":
        return False
    try:
        import ctypes
        import msvcrt
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
        mode, kernel = ctypes.c_ulong(), ctypes.windll.kernel32
        return bool(kernel.GetConsoleMode(handle, ctypes.byref(mode))
                    and kernel.SetConsoleMode(handle, mode.value | VIRTUAL_TERMINAL))
    except (ImportError, AttributeError, OSError, ValueError):
        return False


def is_terminal() -> bool:
    """Whether a person can be asked: questions go to stderr and answers come from stdin."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()


def ask(question: str, default: str) -> str:
    """One line from the terminal; the default for an empty one or at the end of input."""
    _write(sys.stderr, f"{_plain(question)}{f' [{_plain(default)}]' if default else ''}: ")
    return (sys.stdin.readline().strip() or default)


def ask_for(question: str, default: str, problem: Callable[[str], str | None]) -> str:
    """Ask until `problem` returns None for the answer."""
    while True:
        answer = ask(question, default)
        wrong = problem(answer)
        if not wrong:
            return answer
        note(wrong)


def _plain(text: str) -> str:
    """Line ends stay; other control characters become visible text."""
    return "\n".join(map(printable, text.split("\n")))


def _write(stream: TextIO | None, text: str) -> None:
    """Text that the terminal cannot show is escaped, not raised: a Windows console may know 256 characters."""
    if stream is None:
        return      # closed before we started
    encoding = getattr(stream, "encoding", None) or "ascii"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as problem:
        if stream is not sys.stderr:
            if problem.errno == errno.EINVAL:       # how Windows reports a pipe whose reader has left
                raise BrokenPipeError(problem.errno, problem.strerror) from problem
            raise
        _mute(stream)   # nobody reads it any more; the run goes on, and the exit code still counts


def _mute(stream: TextIO) -> None:
    """Discard the stream's buffer, so that Python does not report the closed stream again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Progress:
    """One line that is redrawn on a terminal; elsewhere a plain line for each finished item."""

    def __init__(self, quiet: bool, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic):
        self._stream = stream or sys.stderr
        self._quiet, self._clock = quiet, clock
        self.is_live = not quiet and takes_sequences(self._stream)
        self._drawn = False

    @property
    def columns(self) -> int:
        """How long the drawn line can be."""
        return max(20, text_layout.terminal_columns() - 1)

    def draw(self, text: str) -> None:
        """Replace the drawn line; without a terminal nothing is drawn."""
        if self.is_live:
            _write(self._stream, "\r\x1b[2K" + printable(text)[:self.columns])
            self._drawn = True

    @contextlib.contextmanager
    def working(self, text: str, every_s: float = 0.5) -> Iterator[None]:
        """Draw what is being done and for how long. It uses a thread, so never while something is measured."""
        done, began = threading.Event(), self._clock()
        self.draw(text)

        def redraw() -> None:
            while not done.wait(every_s):
                self.draw(f"{text}  {text_format.format_duration(self._clock() - began)}")
        thread = threading.Thread(target=redraw, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self.clear()

    def line(self, text: str) -> None:
        """A finished line: on a terminal only for what should stay, see `stay`."""
        if not self._quiet and not self.is_live:
            _write(self._stream, _plain(text) + "\n")

    def stay(self, text: str) -> None:
        """A line that stays on the screen, above the drawn line; on a terminal it wraps at words."""
        if not self._quiet:
            self.clear()
            _write(self._stream, _plain(wrapped(text, self._stream)) + "\n")

    def clear(self) -> None:
        if self._drawn:
            _write(self._stream, "\r\x1b[2K")
            self._drawn = False
