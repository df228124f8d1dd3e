"""The console: the only printer. Results go to stdout; messages go to stderr, an error as one line."""
from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from typing import Callable, Collection, Iterator, TextIO

from base.errors import BROKEN, INTERRUPTED, USAGE, UserError, printable

WINDOWS = os.name == "nt"
VIRTUAL_TERMINAL = 4    # ENABLE_VIRTUAL_TERMINAL_PROCESSING of SetConsoleMode
LEAST_COLUMN = 12       # characters that a column of text keeps, wrapped at words
NAME_COLUMN = 18        # characters of a long name in which it can still be recognised
# Modules that some Pythons are built without, and what does not work then.
OPTIONAL_MODULES = {"ssl": "a server at https:// or sending a run", "sqlite3": "the catalogue",
                    "ctypes": "grading Python answers"}
COLOURS = {"red": "31", "green": "32", "yellow": "33", "dim": "2", "bold": "1"}


def guarded(main: Callable[[], int]) -> int:
    """Run a verb's main; its exit code. What a person can fix becomes one line; a bug shows itself and exits 3."""
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
        note("stopped")
        return INTERRUPTED
    except BrokenPipeError:
        _mute(sys.stdout)       # whoever read our output has left
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


def _bug() -> int:
    import traceback
    traceback.print_exc()
    note("this is a bug in the harness; please report it with the lines above")
    return BROKEN


def say(text: str = "", wrap: bool = False) -> None:
    """A result, on stdout. With `wrap`, long lines wrap at words if that is a terminal."""
    _write(sys.stdout, _plain(wrapped(text, sys.stdout) if wrap else text) + "\n")


def note(text: str) -> None:
    """Something for the person at the keyboard, on stderr. On a terminal long lines wrap at words."""
    _write(sys.stderr, _plain(wrapped(text, sys.stderr)) + "\n")


def paste(text: str) -> None:
    """A command to copy, on stderr: a line of its own that is never wrapped."""
    _write(sys.stderr, _plain(text) + "\n")


def next_step(text: str) -> None:
    """The last line of a command that went well: the one that comes next, ready to be pasted where it is one."""
    paste(f"next: {text}")


def error(problem: UserError) -> None:
    _write(sys.stderr, f"{colour('error:', 'red')} {_plain(str(problem))}\n")


def colour(text: str, name: str) -> str:
    if os.environ.get("NO_COLOR") or not takes_sequences(sys.stderr):
        return text
    return f"\x1b[{COLOURS[name]}m{text}\x1b[0m"


def takes_sequences(stream: TextIO | None) -> bool:
    """Whether control sequences work there: on a terminal, which Windows has to be asked to obey them."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    return not WINDOWS or _enable_sequences(stream)


def _enable_sequences(stream: TextIO) -> bool:
    """Turn control sequences on in a Windows console; False for one that is older than they are."""
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
    _write(sys.stderr, f"{_plain(question)} [{_plain(default)}]: ")
    return (sys.stdin.readline().strip() or default)


def ask_for(question: str, default: str, problem: Callable[[str], str | None]) -> str:
    """The same, again and again until `problem` finds nothing wrong with the answer."""
    while True:
        answer = ask(question, default)
        wrong = problem(answer)
        if not wrong:
            return answer
        note(wrong)


def _plain(text: str) -> str:
    """Line ends stay; everything else that a terminal would obey is shown, not done."""
    return "\n".join(map(printable, text.split("\n")))


def _write(stream, text: str) -> None:
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


def _mute(stream) -> None:
    """Discard the stream's buffer, so that Python does not report the closed stream again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _terminal_columns() -> int:
    import shutil       # what only some outputs need is imported there: most commands write a few lines
    return shutil.get_terminal_size((80, 24)).columns


def width() -> int:
    """Columns of the terminal; 80 where that is unknown."""
    return max(40, _terminal_columns())


def wrapped(text: str, stream: TextIO | None) -> str:
    """The text with its long lines wrapped at words if it goes to a terminal; elsewhere as it is, to be searched by line."""
    if stream is None or not stream.isatty():
        return text
    return "\n".join(part for line in text.split("\n") for part in _wrapped_line(line))


def _wrapped_line(line: str) -> list[str]:
    indent = line[:len(line) - len(line.lstrip(" "))]
    if len(line) <= width() or not line.strip():
        return [line]
    import textwrap
    return textwrap.wrap(line.strip(), width(), initial_indent=indent, subsequent_indent=indent and f"{indent}  ",
                         break_long_words=False, break_on_hyphens=False)


def hanging(prefix: str, text: str) -> list[str]:
    """Lines of a long text behind a prefix, wrapped at words to the terminal's width; longer words stay whole."""
    import textwrap
    return textwrap.wrap(text, width(), initial_indent=prefix, subsequent_indent=" " * len(prefix),
                         break_long_words=False, break_on_hyphens=False) or [prefix.rstrip()]


def middle_cut(text: str, columns: int) -> str:
    """A long name with its middle left out, so that both of its ends can be recognised."""
    if len(text) <= columns or columns < 6:
        return text[:columns]
    head = (columns - 3 + 1) // 2
    return f"{text[:head]}...{text[len(text) - (columns - 3 - head):]}"


def format_table(titles: list, rows: list, left: Collection = (0, 1), whole: Collection = ()) -> str:
    """A table that fits the terminal; the columns numbered in `left` are aligned to the left, and None is shown as -.

    Where it does not fit, titles and texts wrap at words and long names lose their middle. Names in the columns `whole`
    have to be copied: where one does not fit, it gets a line of its own. If that is not enough, the first column becomes
    headings, and at last each row becomes a block.
    """
    cells = [["-" if cell is None else str(cell) for cell in row] for row in rows]
    natural = [max(map(len, column)) for column in zip(titles, *cells)]
    if _total(natural, 2) <= width():
        return _table(titles, cells, natural, left, whole, 2)
    fitted = _fitted(titles, cells, left, whole, width(), NAME_COLUMN)
    if fitted:
        return _table(titles, cells, fitted[0], left, whole, fitted[1])
    return _grouped(titles, cells, left, whole) or _squeezed(titles, cells, left, whole) or _blocks(titles, cells)


def _squeezed(titles: list, cells: list, left: Collection, whole: Collection) -> str | None:
    fitted = _fitted(titles, cells, left, whole, width(), LEAST_COLUMN)
    return _table(titles, cells, fitted[0], left, whole, fitted[1]) if fitted else None


def _total(widths: list, gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _fitted(titles: list, cells: list, left: Collection, whole: Collection, columns: int, name: int) -> tuple[list, int] | None:
    """(widths, gap) with which the table fits so many columns, if names keep at least `name` characters; None: it does not."""
    widths = [max([len(word) for word in title.split()] + [len(row[n]) for row in cells]) for n, title in enumerate(titles)]
    others = _total([size for n, size in enumerate(widths) if n not in whole], 2)
    for n in whole:         # a name that gets a line of its own needs no column
        room = max(columns // 3, (columns - others) // len(whole) - 2, len(titles[n]))
        widths[n] = max(len(text) for text in [titles[n], *(row[n] for row in cells)] if len(text) <= room)
    least = {n: min(max(len(word) for row in [titles, *cells] for word in row[n].split() or [""]), name) for n in left if n < len(titles)}
    for gap in (2, 1):
        narrow = list(widths)
        _shrink(narrow, columns - gap * (len(titles) - 1), {n: max(size, LEAST_COLUMN) for n, size in least.items() if n not in whole})
        if _total(narrow, gap) <= columns:
            return narrow, gap
    return None


def _shrink(widths: list, available: int, least: dict) -> None:
    """Make the widest of these columns narrower, one character at a time, until the table fits or all are at their least."""
    while sum(widths) > available:
        widest = max((n for n in least if widths[n] > least[n]), key=lambda n: widths[n], default=None)
        if widest is None:
            return
        widths[widest] -= 1


def _table(titles: list, cells: list, widths: list, left: Collection, whole: Collection, gap: int) -> str:
    return "\n".join(line for number, row in enumerate([titles, *cells])
                     for line in _row_lines(row, widths, left, whole if number else (), " " * gap))


def _grouped(titles: list, cells: list, left: Collection, whole: Collection) -> str | None:
    """The first column as headings above the rows that share it; None where the rest does not fit either."""
    rest, rows = titles[1:], [row[1:] for row in cells]
    left, whole = [n - 1 for n in left if n], [n - 1 for n in whole if n]
    fitted = _fitted(rest, rows, left, whole, width() - 2, NAME_COLUMN) if rest else None
    if fitted is None:
        return None
    lines, heading = [f"  {line}" for line in _row_lines(rest, fitted[0], left, (), " " * fitted[1])], None
    for row in cells:
        lines += [row[0]] if row[0] and row[0] != heading else []       # an empty one belongs to the heading above
        heading = row[0] or heading
        lines += [f"  {line}" for line in _row_lines(row[1:], fitted[0], left, whole, " " * fitted[1])]
    return "\n".join(lines)


def _row_lines(row: list, widths: list, left: Collection, whole: Collection, gap: str) -> Iterator[str]:
    """The lines of one row; a name of the columns `whole` that is too long has a line of its own before it."""
    row = list(row)
    for n in whole:
        if len(row[n]) > widths[n]:
            yield row[n]
            row[n] = ""
    parts = [_wrapped_cell(cell, columns) for cell, columns in zip(row, widths)]
    for line in range(max(map(len, parts))):
        texts = [cell[line] if line < len(cell) else "" for cell in parts]
        yield gap.join(text.ljust(columns) if n in left else text.rjust(columns)
                       for n, (text, columns) in enumerate(zip(texts, widths))).rstrip()


def _wrapped_cell(cell: str, columns: int) -> list[str]:
    if len(cell) <= columns:
        return [cell]
    words = " ".join(middle_cut(word, columns) for word in cell.split())
    import textwrap
    return textwrap.wrap(words, columns, break_on_hyphens=False) or [""]


def _blocks(titles: list, cells: list) -> str:
    """One row below the other, each value on a line of its own."""
    longest = max(map(len, titles))
    return "\n\n".join("\n".join(line for title, cell in zip(titles, row) for line in hanging(f"{title:<{longest}}  ", cell))
                       for row in cells)


def format_duration(seconds: float) -> str:
    """1h05m, 12m03s, 9s."""
    whole = int(seconds + 0.5)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{whole % 60:02d}s" if minutes else f"{whole}s"


def format_bytes(size_bytes: float) -> str:
    """Decimal units, as model libraries show them."""
    for unit in ("B", "kB", "MB", "GB"):
        if round(size_bytes, 1) < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


class Progress:
    """One line that is drawn over and over on a terminal; elsewhere one plain line for each that is finished."""

    def __init__(self, quiet: bool, stream=None, clock: Callable[[], float] = time.monotonic):
        self._stream = stream or sys.stderr
        self._quiet, self._clock = quiet, clock
        self.is_live = not quiet and takes_sequences(self._stream)
        self._drawn = False

    @property
    def columns(self) -> int:
        """How long the drawn line can be."""
        return max(20, _terminal_columns() - 1)

    def draw(self, text: str) -> None:
        """Show this line in the place of the one before; nothing where there is no terminal."""
        if self.is_live:
            _write(self._stream, "\r\x1b[2K" + printable(text)[:self.columns])
            self._drawn = True

    @contextlib.contextmanager
    def working(self, text: str, every_s: float = 0.5) -> Iterator[None]:
        """Draw what is done and for how long. It uses a thread, so never while something is measured."""
        done, began = threading.Event(), self._clock()
        self.draw(text)

        def redraw() -> None:
            while not done.wait(every_s):
                self.draw(f"{text}  {format_duration(self._clock() - began)}")
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
        """A line that stays on the screen, above the one that is drawn."""
        if not self._quiet:
            self.clear()
            _write(self._stream, _plain(text) + "\n")

    def clear(self) -> None:
        if self._drawn:
            _write(self._stream, "\r\x1b[2K")
            self._drawn = False
