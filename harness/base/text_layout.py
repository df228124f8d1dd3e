"""Text that fits the terminal: wrapped lines and tables. Nothing is printed here."""
from __future__ import annotations

import os
import sys
from typing import Collection, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from base import shell
from base.pattern import lazy

# A command at the end of a line.
COMMAND = lazy(r"(?<![\w`/.-])(?:python3? \S.*?\.py\b|git (?:-C |checkout |config |mv |rm |sparse-checkout |[a-z-]+ --?[a-z])).*")
QUOTED = lazy("`[^`]{1,60}`")        # to be copied, so it stays in one line
LEAST_COLUMN = 12       # characters that a column of text keeps, wrapped at words
NAME_COLUMN = 18        # characters of a long name in which it can still be recognised


def terminal_columns() -> int:
    """As shutil.get_terminal_size, whose module takes three kinds of compression along."""
    set_by_user = os.environ.get("COLUMNS", "")
    if set_by_user.isdigit() and int(set_by_user):
        return int(set_by_user)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else -1).columns or 80
    except (ValueError, OSError):
        return 80


def width() -> int:
    """Columns of the terminal; 80 where that is unknown."""
    return max(40, terminal_columns())


def wrapped(text: str) -> str:
    """The text with its long lines wrapped at words; they keep their indentation.

    A command at the end of a long line starts a new line, and is continued by the rules of its shell.
    """
    return "\n".join(part for line in text.split("\n") for part in _wrapped_line(line))


def _wrapped_line(line: str) -> List[str]:
    indent = line[:len(line) - len(line.lstrip(" "))]
    if len(line) <= width() or not line.strip():
        return [line]
    command = COMMAND.search(line)
    if command:
        before = line[:command.start()].rstrip()
        inner = f"{indent}  " if indent and before else indent       # as the other lines of this text
        folded = shell.folded(command.group(), width() - len(inner))
        return (_wrapped_line(before) if before else []) + [part if len(inner + part) > width() else inner + part for part in folded]
    return _filled(line.strip(), indent, indent and f"{indent}  ")


def hanging(prefix: str, text: str) -> List[str]:
    """Lines of a long text behind a prefix, wrapped at words to the terminal's width; longer words stay whole.

    All further lines begin in one column: below the text, or as far to the left as the longest word needs.
    """
    longest = max(map(len, text.split()), default=0)
    return _filled(text, prefix, " " * min(len(prefix), max(0, width() - longest))) or [prefix.rstrip()]


def _filled(text: str, first_indent: str, indent: str) -> List[str]:
    """Lines of the text; a word that does not fit with its indentation, such as a path, gets a line of its own with as much of it as fits."""
    import textwrap
    text = QUOTED.sub(lambda quoted: quoted.group().replace(" ", "\0"), text)
    lines = textwrap.wrap(text, width(), initial_indent=first_indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return [(line.strip().rjust(width()) if len(line) > width() and line.startswith(indent) else line).replace("\0", " ") for line in lines]


def middle_cut(text: str, columns: int) -> str:
    """A long name with its middle left out, so that both of its ends can be recognised."""
    if len(text) <= columns or columns < 6:
        return text[:columns]
    head = (columns - 3 + 1) // 2
    return f"{text[:head]}...{text[len(text) - (columns - 3 - head):]}"


# ----- tables

def format_table(titles: Sequence[str], rows: Sequence[Sequence], left: Collection[int] = (0, 1), whole: Collection[int] = ()) -> str:
    """A table that fits the terminal; the columns numbered in `left` are aligned to the left, and None is shown as -.

    Where it does not fit, titles and texts wrap at words and long names lose their middle. Names in the columns `whole`
    have to be copied: where one does not fit, it gets a line of its own. If that is not enough, the first column becomes
    headings, and at last each row becomes a block.
    """
    table = _Table(list(titles), [["-" if cell is None else str(cell) for cell in row] for row in rows], left, whole)
    natural = [max(map(len, column)) for column in zip(titles, *table.rows)]
    if _total(natural, 2) <= width():
        return table.text(_Fit(natural, 2))
    return table.fitted(NAME_COLUMN) or table.grouped() or table.fitted(LEAST_COLUMN) or table.blocks()


def without_empty_columns(titles: List[str], rows: List[list]) -> Tuple[List[str], List[list]]:
    """The table without the columns in which no row has a value, such as calls skipped where none was."""
    kept = [n for n in range(len(titles)) if any(row[n] not in ("-", None) for row in rows)]
    return [titles[n] for n in kept], [[row[n] for n in kept] for row in rows]


class _Fit(NamedTuple):
    widths: List[int]
    gap: int            # blanks between two columns


class _Table(NamedTuple):
    titles: List[str]
    rows: List[List[str]]
    left: Collection[int]
    whole: Collection[int]

    def fit(self, columns: int, name: int) -> Optional[_Fit]:
        """Widths with which the table fits so many columns, if names keep at least `name` characters; None: it does not."""
        widths = [max([len(word) for word in title.split()] + [len(row[n]) for row in self.rows]) for n, title in enumerate(self.titles)]
        others = _total([size for n, size in enumerate(widths) if n not in self.whole], 2)
        longest_words = {n: max(len(word) for row in [self.titles, *self.rows] for word in row[n].split() or [""])
                         for n in self.left if n < len(self.titles) and n not in self.whole}
        least = {n: max(min(size, name), LEAST_COLUMN) for n, size in longest_words.items()}
        for gap, share in ((2, 3), (1, 3), (2, 5), (1, 5)):
            narrow = list(widths)
            for n in self.whole:        # a name that gets a line of its own needs no column
                room = max(columns // share, (columns - others) // len(self.whole) - 2, len(self.titles[n]))
                narrow[n] = max(len(text) for text in [self.titles[n], *(row[n] for row in self.rows)] if len(text) <= room)
            _shrink(narrow, columns - gap * (len(widths) - 1), least)
            if _total(narrow, gap) <= columns:
                return _Fit(narrow, gap)
        return None

    def fitted(self, name: int) -> Optional[str]:
        fit = self.fit(width(), name)
        return fit and self.text(fit)

    def text(self, fit: _Fit) -> str:
        return "\n".join([*self._lines(self.titles, fit, ()), *(line for row in self.rows for line in self._lines(row, fit, self.whole))])

    def grouped(self) -> Optional[str]:
        """The first column as headings above the rows that share it; None where the rest does not fit either."""
        rest = _Table(self.titles[1:], [row[1:] for row in self.rows], [n - 1 for n in self.left if n], [n - 1 for n in self.whole if n])
        fit = rest.fit(width() - 2, NAME_COLUMN) if rest.titles else None
        if fit is None:
            return None
        lines, heading = [f"  {line}" for line in rest._lines(rest.titles, fit, ())], ""
        for (name, *_), row in zip(self.rows, rest.rows):
            lines += [name] if name and name != heading else []         # an empty one belongs to the heading above
            heading = name or heading
            lines += [f"  {line}" for line in rest._lines(row, fit, rest.whole)]
        return "\n".join(lines)

    def blocks(self) -> str:
        """One row below the other, each value on a line of its own."""
        longest = max(map(len, self.titles))
        return "\n\n".join("\n".join(line for title, cell in zip(self.titles, row) for line in hanging(f"{title:<{longest}}  ", cell))
                           for row in self.rows)

    def _lines(self, row: Sequence[str], fit: _Fit, whole: Collection[int]) -> Iterator[str]:
        """The lines of one row; a name of the columns `whole` that is too long has a line of its own before it."""
        cells = list(row)
        for n in whole:
            if len(cells[n]) > fit.widths[n]:
                yield cells[n]
                cells[n] = ""
        parts = [_wrapped_cell(cell, columns) for cell, columns in zip(cells, fit.widths)]
        for line in range(max(map(len, parts))):
            texts = [cell[line] if line < len(cell) else "" for cell in parts]
            yield (" " * fit.gap).join(text.ljust(columns) if n in self.left else text.rjust(columns)
                                       for n, (text, columns) in enumerate(zip(texts, fit.widths))).rstrip()


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _shrink(widths: List[int], available: int, least: dict) -> None:
    """Make the widest of these columns narrower, one character at a time, until the table fits or all are at their least."""
    while sum(widths) > available:
        widest = max((n for n in least if widths[n] > least[n]), key=lambda n: widths[n], default=None)
        if widest is None:
            return
        widths[widest] -= 1


def _wrapped_cell(cell: str, columns: int) -> List[str]:
    if len(cell) <= columns:
        return [cell]
    import textwrap
    return textwrap.wrap(" ".join(middle_cut(word, columns) for word in cell.split()), columns, break_on_hyphens=False) or [""]
