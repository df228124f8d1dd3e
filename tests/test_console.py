"""The console: exit codes, one line for what a person can mend, and text that every terminal takes."""
from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import subprocess
import sys
import threading
import unittest
from unittest import mock

import support

from base import console, errors, text_format, text_layout
from base.errors import UserError

TALK = """
import sys
import threading
sys.path.insert(0, sys.argv[1])
from base import console
def main():
    for _ in range(100000):
        console.say("a line of the result")
    return 0
raise SystemExit(console.guarded(main))
"""
WAIL = """
import sys
import threading
sys.path.insert(0, sys.argv[1])
from base import console, errors
def main():
    sys.stdin.readline()
    for _ in range(3):
        console.note("a warning")
    console.Progress(False).line("a call")
    raise errors.UserError("wrong")
raise SystemExit(console.guarded(main))
"""


TAKE_TURNS = """
import sys
sys.path.insert(0, sys.argv[1])
from base import console
def main():
    for number in range(50):
        console.say(f"result {number}")
        console.note(f"message {number}")
    return 0
raise SystemExit(console.guarded(main))
"""


class Stream(io.TextIOWrapper):
    """A stream as a console has it: bytes underneath, an encoding, and maybe a terminal at its end."""

    def __init__(self, encoding: str = "utf-8", terminal: bool = False):
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    @property
    def said(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@contextlib.contextmanager
def console_of(terminal: bool = False, encoding: str = "utf-8", windows: bool = False, **environment: str):
    """(stdout, stderr) of a console; nothing but `environment` says how it likes its colours. One of Windows has to be asked."""
    out, err = Stream(encoding, terminal), Stream(encoding, terminal)
    with mock.patch.multiple(sys, stdout=out, stderr=err), mock.patch.dict(os.environ, environment), \
            mock.patch.object(console, "WINDOWS", windows):
        for name in {"NO_COLOR", "TERM"} - set(environment):
            os.environ.pop(name, None)
        yield out, err


def raising(problem: BaseException):
    def main() -> int:
        raise problem
    return main


class Order(unittest.TestCase):
    def test_results_and_messages_keep_their_order_where_both_go_to_one_pipe_or_file(self):
        written = subprocess.run([*support.PYTHON, "-c", TAKE_TURNS, str(support.HARNESS)], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, timeout=60).stdout
        self.assertEqual(written.splitlines(), [f"{kind} {number}" for number in range(50) for kind in ("result", "message")])


class ExitCodes(unittest.TestCase):
    def test_every_kind_of_ending_has_its_exit_code(self):
        for why, main, code, word in (
                ("fine", lambda: errors.FINE, 0, ""), ("a finding", lambda: errors.FOUND, 1, ""),
                ("an error of the user", raising(UserError("wrong", "here", "mend it")), 2, "error: here: wrong; mend it\n"),
                ("an error that is a finding", raising(UserError("lost", exit_code=errors.FOUND)), 1, "error: lost\n"),
                ("a bug", raising(ZeroDivisionError("division")), 3, "ZeroDivisionError: division"),
                ("an error of the system", raising(OSError("odd")), 3, "this is a bug in the harness"),
                ("Ctrl-C", raising(KeyboardInterrupt()), 130, "stopped\n")):
            with self.subTest(why), console_of() as (out, err):
                self.assertEqual(console.guarded(main), code)
                self.assertIn(word, err.said)
                self.assertEqual(out.said, "")
                if code in (1, 2):
                    self.assertNotIn("Traceback", err.said)
                    self.assertLessEqual(err.said.count("\n"), 1)

    def test_after_the_ctrl_c_that_a_terminal_shows_comes_a_new_line(self):
        """Two columns were taken by ^C, so that a line as long as the terminal is wide was folded once more."""
        with mock.patch.object(console, "is_terminal", lambda: True), console_of() as (_, err):
            console.guarded(raising(KeyboardInterrupt()))
        self.assertEqual(err.said, "\nstopped\n")

    def test_a_bug_shows_its_traceback(self):
        with console_of() as (_, err):
            console.guarded(raising(KeyError("x")))
        self.assertIn("Traceback (most recent call last)", err.said)

    def test_leaving_early_on_purpose_is_left_alone(self):
        with console_of(), self.assertRaises(SystemExit) as caught:
            console.guarded(raising(SystemExit(2)))
        self.assertEqual(caught.exception.code, 2)

    def test_a_reader_that_leaves_ends_it_quietly(self):
        process = subprocess.Popen([*support.PYTHON, "-c", TALK, str(support.HARNESS)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(), errors.INTERRUPTED)
        self.assertEqual(said, b"")

    def test_a_listener_that_leaves_ends_nothing(self):
        process = subprocess.Popen([*support.PYTHON, "-c", WAIL, str(support.HARNESS)], stdin=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stderr.close()
        process.stdin.close()
        self.assertEqual(process.wait(), errors.USAGE)


class Errors(unittest.TestCase):
    def test_what_where_and_what_now_in_one_line(self):
        for problem, line in ((UserError("wrong"), "wrong"), (UserError("wrong", "here"), "here: wrong"),
                              (UserError("wrong", now="mend it"), "wrong; mend it"),
                              (UserError("wrong", "here", "mend it"), "here: wrong; mend it"),
                              (UserError("a\nb\r\nc\u2028d"), "a b  c d"), (UserError("\u00e9 \u65e5"), "\u00e9 \u65e5")):
            with self.subTest(line):
                self.assertEqual(str(problem), line)

    def test_a_stranger_s_words_cannot_steer_the_terminal(self):
        line = str(UserError("\x1b[2Jgone\x07\x9b1m\u202e", "\x00\ud800"))
        self.assertEqual(line, r"\x00\ud800: \x1b[2Jgone\x07\x9b1m\u202e")
        self.assertTrue(line.isprintable())

    def test_nor_can_a_result_a_note_a_question_or_the_progress_line(self):
        steer, plain = "a\x1b[2J\u202eb", "a\\x1b[2J\\u202eb"
        with console_of() as (out, err), mock.patch.object(sys, "stdin", io.StringIO("\n")):
            console.say(f"{steer}\n{steer}")
            console.note(steer)
            console.ask(steer, "yes")
            progress = console.Progress(quiet=False)
            progress.line(steer)
            progress.stay(steer)
        self.assertEqual(out.said, f"{plain}\n{plain}\n")
        self.assertEqual(err.said, f"{plain}\n{plain} [yes]: {plain}\n{plain}\n")
        with console_of(terminal=True) as (out, err):
            console.Progress(quiet=False).draw(steer)
        self.assertEqual(err.said, f"\r\x1b[2K{plain}")


class Text(unittest.TestCase):
    def test_results_go_to_stdout_and_words_to_people_to_stderr(self):
        with console_of() as (out, err):
            console.say("result")
            console.say()
            console.note("note")
        self.assertEqual((out.said, err.said), ("result\n\n", "note\n"))

    def test_words_are_there_at_once(self):
        for speak in (console.say, console.note):
            with self.subTest(speak.__name__), console_of() as streams:
                speak("half")
                self.assertIn(b"half\n", [stream.buffer.getvalue() for stream in streams])

    def test_a_narrow_terminal_gets_escapes_and_never_an_error(self):
        for encoding, said in (("ascii", "\\u2713 \\xe9 \\U0001f600 \\ud800\n"), ("cp1252", "\\u2713 \u00e9 \\U0001f600 \\ud800\n"),
                               ("utf-8", "\u2713 \u00e9 \U0001f600 \\ud800\n")):
            with self.subTest(encoding), console_of(encoding=encoding) as (out, err):
                console.say("\u2713 \u00e9 \U0001f600 \ud800")
                self.assertEqual(out.said, said)
                self.assertEqual(console.guarded(raising(UserError("\u2713"))), 2)

    def test_a_stream_without_an_encoding_gets_ascii(self):
        stream = io.StringIO()
        with mock.patch.object(sys, "stdout", stream):
            console.say("\u2713")
        self.assertEqual(stream.getvalue(), "\\u2713\n")

    def test_colour_only_where_a_terminal_wants_it(self):
        for terminal, environment, coloured in ((True, {}, True), (True, {"NO_COLOR": ""}, True), (False, {}, False),
                                                (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False),
                                                (True, {"TERM": "xterm"}, True)):
            with self.subTest(f"{terminal} {environment}"), console_of(terminal, **environment) as (_, err):
                console.error(UserError("wrong"))
                self.assertEqual("\x1b" in err.said, coloured)
                self.assertEqual(err.said.replace("\x1b[31m", "").replace("\x1b[0m", ""), "error: wrong\n")


class Asking(unittest.TestCase):
    def test_a_person_can_be_asked_only_at_a_terminal(self):
        for at_input, at_output in ((True, True), (True, False), (False, True)):
            with self.subTest(f"{at_input} {at_output}"), console_of(at_output), \
                    mock.patch.object(sys, "stdin", Stream(terminal=at_input)):
                self.assertEqual(console.is_terminal(), at_input and at_output)
        with console_of(True), mock.patch.object(sys, "stdin", None):
            self.assertFalse(console.is_terminal())

    def test_the_default_stands_for_an_empty_line_and_the_end_of_input(self):
        for typed, answer in (("ana\n", "ana"), ("  ana \n", "ana"), ("\n", "bob"), ("   \n", "bob"), ("", "bob")):
            with self.subTest(typed), console_of() as (out, err), mock.patch.object(sys, "stdin", io.StringIO(typed)):
                self.assertEqual(console.ask("Who", "bob"), answer)
                self.assertEqual((out.said, err.said), ("", "Who [bob]: "))

    def test_a_person_is_asked_until_nothing_is_wrong_with_the_answer(self):
        """The default has to pass as well: one that did not was once asked for without an end."""
        answers = io.StringIO("No Good\n\n")
        with console_of(terminal=True) as (out, err), mock.patch.object(sys, "stdin", answers):
            found = console.ask_for("Who", "bob", lambda word: "no blanks" if " " in word else None)
        self.assertEqual(found, "bob")
        self.assertEqual(err.said, "Who [bob]: no blanks\nWho [bob]: ")


class Formats(unittest.TestCase):
    def test_a_table_has_words_to_the_left_and_numbers_to_the_right(self):
        table = text_layout.format_table(["phase", "model", "calls", "tok/s"],
                                     [["small-eval", "a:1b", 5, 12.5], ["x", None, 12, None]])
        self.assertEqual(table, "phase       model  calls  tok/s\n"
                                "small-eval  a:1b       5   12.5\n"
                                "x           -         12      -")

    def test_a_table_without_rows_is_its_titles(self):
        self.assertEqual(text_layout.format_table(["a", "b"], []), "a  b")

    def test_a_table_fits_the_terminal(self):
        """Texts wrap at words, long names lose their middle, and what has to be copied gets a line of its own."""
        name = "hf.co/somebody/A-Very-Long-Model-Name-Indeed-GGUF:Q4_K_M"
        rows = [[name, "left out: it does not fit into the memory of this machine", 5], ["m:1b", None, 12]]
        titles = ["model", "by default", "answer tokens, at most"]
        for columns in (60, 80, 140):
            with self.subTest(columns), mock.patch.dict(os.environ, {"COLUMNS": str(columns)}):
                table = text_layout.format_table(titles, rows)
                self.assertLessEqual(max(map(len, table.split("\n"))), columns)
                self.assertEqual(name in table, columns == 140)
                whole = text_layout.format_table(titles, rows, whole=(0,))
                self.assertIn(name, whole.split("\n") if columns < 140 else whole)
        with mock.patch.dict(os.environ, {"COLUMNS": "60"}):
            self.assertEqual(text_layout.format_table(["a", "b"], [["x", "word " * 20]]).split("\n")[1:3],
                             ["x  " + ("word " * 11).strip(), "   " + ("word " * 9).strip()])

    def test_where_a_name_would_be_unreadable_it_becomes_a_heading(self):
        rows = [["hf.co/somebody/a-model:q4", "small-eval", 123456789], ["hf.co/somebody/a-model:q4", "python-tasks", 1], ["m:1b", "x", 2],
                ["", "y", 3]]
        with mock.patch.dict(os.environ, {"COLUMNS": "40"}):
            self.assertEqual(text_layout.format_table(["model", "phase", "calls"], rows, (0, 1)).split("\n"), [
                "  phase             calls", "hf.co/somebody/a-model:q4", "  small-eval    123456789", "  python-tasks          1", "m:1b",
                "  x                     2", "  y                     3"])

    def test_on_a_terminal_long_lines_wrap_at_words_and_keep_their_indentation(self):
        text = "  fix: " + "word " * 9 + "\n" + "x" * 50
        with mock.patch.dict(os.environ, {"COLUMNS": "40"}):
            self.assertEqual(console.wrapped(text, Stream()), text)
            self.assertEqual(console.wrapped(text, Stream(terminal=True)).split("\n"),
                             ["  fix: word word word word word word", "    word word word", "x" * 50])

    def test_on_a_terminal_an_error_wraps_at_words_and_elsewhere_it_is_one_line(self):
        problem = UserError("the answer has " + "many words " * 12, "here", "name another")
        with console_of(terminal=True, NO_COLOR="1", COLUMNS="60") as (_, err):
            console.error(problem)
        self.assertGreater(err.said.count("\n"), 2)
        self.assertLessEqual(max(map(len, err.said.splitlines())), 60)
        self.assertEqual(err.said.split(), f"error: {problem}".split())
        with console_of(COLUMNS="60") as (_, err):
            console.error(problem)
        self.assertEqual(err.said, f"error: {problem}\n")

    def test_on_a_terminal_a_command_that_does_not_fit_can_still_be_copied(self):
        command = "python harness/run_benchmark.py --models tiny-story,tiny-think --handle ana --hostname other"
        with console_of(terminal=True, COLUMNS="60") as (_, err):
            console.next_step(f"read what it says, then {command}")
        self.assertEqual(err.said, "next: read what it says, then\npython harness/run_benchmark.py --models \\\n  tiny-story,tiny-think "
                                   "--handle ana --hostname other\n")
        with console_of(terminal=True, COLUMNS="130") as (_, err):
            console.next_step(f"read what it says, then {command}")
        self.assertEqual(err.said, f"next: read what it says, then {command}\n")

    def test_a_command_in_backticks_stays_in_one_line_within_its_sentence(self):
        with mock.patch.dict(os.environ, {"COLUMNS": "60"}):
            text = text_layout.wrapped("nothing listens there; start Ollama with its command `ollama serve`, or name the server")
            self.assertEqual(text.split("\n"), ["nothing listens there; start Ollama with its command", "`ollama serve`, or name the server"])
            text = text_layout.wrapped("there are no others (a clone gets them with `git checkout -- submissions`)")
            self.assertEqual(text.split("\n"), ["there are no others (a clone gets them with", "`git checkout -- submissions`)"])

    def test_a_table_that_cannot_fit_becomes_blocks(self):
        with mock.patch.dict(os.environ, {"COLUMNS": "40"}):
            table = text_layout.format_table([f"column{n}" for n in range(6)], [["1234567890123"] * 6] * 2, ())
        self.assertEqual(table.split("\n\n")[1].split("\n")[0], "column0  1234567890123")

    def test_a_long_name_keeps_both_ends(self):
        for text, columns, found in (("abcdefghij", 10, "abcdefghij"), ("abcdefghijk", 10, "abcd...ijk"), ("abcdefghijk", 7, "ab...jk")):
            with self.subTest(columns):
                self.assertEqual(text_layout.middle_cut(text, columns), found)

    def test_long_text_hangs_behind_its_prefix(self):
        with mock.patch.dict(os.environ, {"COLUMNS": "40"}):
            self.assertEqual(text_layout.hanging("  1. ", "word " * 10), ["  1. word word word word word word word", "     word word word"])
            self.assertEqual(text_layout.hanging("to  ", "x" * 50), ["to  " + "x" * 50])     # a path is not broken

    def test_a_word_that_does_not_fit_with_its_indentation_keeps_as_much_of_it_as_fits(self):
        path = "submissions/" + "x" * 66
        with mock.patch.dict(os.environ, {"COLUMNS": "80"}):
            self.assertEqual(text_layout.wrapped(f"      fix: edit {path} now").split("\n"), ["      fix: edit", f"  {path}", "        now"])
            self.assertEqual(text_layout.hanging("  text        ", f"files under {'x' * 67}, and more")[1:],
                             [" " * 12 + "x" * 67 + ",", " " * 12 + "and more"])        # in one column

    def test_a_command_is_indented_as_the_other_lines_of_its_text(self):
        with mock.patch.dict(os.environ, {"COLUMNS": "60"}):
            self.assertEqual(text_layout.wrapped("      fix: if there is no explanation at all, measure again: python harness/run_benchmark.py").split("\n")[-1],
                             "        python harness/run_benchmark.py")

    def test_durations(self):
        for seconds, text in ((0, "0s"), (0.4, "0s"), (0.5, "1s"), (9, "9s"), (59.4, "59s"), (59.6, "1m00s"),
                              (723, "12m03s"), (3599.7, "1h00m"), (3900, "1h05m"), (90000, "25h00m")):
            with self.subTest(seconds):
                self.assertEqual(text_format.format_duration(seconds), text)

    def test_sizes(self):
        for size, text in ((0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_940, "999.9 kB"), (999_960, "1.0 MB"),
                           (1_320_000_000, "1.3 GB"), (999_990_000_000, "1.0 TB"), (5 * 10 ** 15, "5000.0 TB")):
            with self.subTest(size):
                self.assertEqual(text_format.format_bytes(size), text)


class ProgressLine(unittest.TestCase):
    def shown(self, terminal: bool, quiet: bool = False, windows: bool = False, **environment: str) -> str:
        stream = Stream(terminal=terminal)
        with console_of(True, windows=windows, **environment), mock.patch("os.get_terminal_size", return_value=os.terminal_size((40, 9))):
            progress = console.Progress(quiet, stream)
            progress.draw("half done " * 9)
            progress.line("one done")
            progress.stay("a warning")
            progress.draw("more")
            progress.clear()
            progress.clear()
        return stream.said

    def test_a_terminal_gets_one_line_drawn_over_and_over(self):
        self.assertEqual(self.shown(True), "\r\x1b[2K" + ("half done " * 9)[:39] + "\r\x1b[2K" + "a warning\n"
                                           + "\r\x1b[2Kmore" + "\r\x1b[2K")

    def test_work_that_takes_long_shows_for_how_long(self):
        stream, ticks, drawn = Stream(terminal=True), itertools.count(0, 7), threading.Event()

        def clock() -> float:
            now = next(ticks)
            if now > 7:
                drawn.set()
            return now
        with console_of(True), console.Progress(False, stream, clock).working("looking at the hardware", 0.001):
            drawn.wait(60)
        self.assertIn("looking at the hardware  7s", stream.said)
        self.assertTrue(stream.said.endswith("\r\x1b[2K"))

    def test_elsewhere_there_are_plain_lines_and_nothing_is_drawn(self):
        for terminal, environment in ((False, {}), (True, {"TERM": "dumb"})):
            with self.subTest(f"{terminal} {environment}"):
                self.assertEqual(self.shown(terminal, **environment), "one done\na warning\n")

    def test_a_windows_console_that_does_not_obey_sequences_gets_plain_lines(self):
        with mock.patch.object(console, "_enable_sequences", lambda stream: False):
            self.assertEqual(self.shown(True, windows=True), "one done\na warning\n")
        with mock.patch.object(console, "_enable_sequences", lambda stream: True):
            self.assertIn("\x1b[2K", self.shown(True, windows=True))

    @unittest.skipIf(os.name == "nt", "Windows may have a console, which takes control sequences")
    def test_without_a_windows_console_sequences_are_not_turned_on(self):
        self.assertFalse(console._enable_sequences(Stream(terminal=True)))

    def test_quiet_is_quiet(self):
        for terminal in (False, True):
            with self.subTest(terminal):
                self.assertEqual(self.shown(terminal, quiet=True), "")


# Scripts, one after the other, under a Python without ssl, sqlite3 and ctypes.
WITHOUT = """import contextlib, io, json, os, runpy, sys
harness, commands = sys.argv[1:]
sys.path.insert(0, harness)
for name in ("ssl", "_ssl", "sqlite3", "_sqlite3", "ctypes", "_ctypes"):
    sys.modules[name] = None
results = []
for script, *words in json.loads(commands):
    sys.argv, out, err = [os.path.join(harness, script), *words], io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            results.append((end.code, out.getvalue(), err.getvalue()))
print(json.dumps(results))
"""


class BareSystem(unittest.TestCase):
    def test_without_the_optional_modules_help_and_checks_work_and_grading_is_refused_before_anything_is_measured(self):
        """It was refused after the last call, and left a run without its last two files."""
        examples = [("check_submission.py", str(folder)) for folder in (support.ROOT / "submissions" / "EXAMPLE").glob("*/run-*")]
        commands = [("run_benchmark.py", "--help"), ("submit_run.py", "--help"), ("build_catalogue.py", "--help"), ("probe_hardware.py", "--tag"),
                    ("check_submission.py", "--rules"), *examples, ("run_benchmark.py", "--grade-code", "--target-url", "http://127.0.0.1:1")]
        done = subprocess.run([*support.PYTHON, "-c", WITHOUT, str(support.HARNESS), json.dumps(commands)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.stderr, "")
        *others, (code, out, err) = json.loads(done.stdout)
        self.assertEqual(len(others), len(commands) - 1)
        for command, (exit_code, _, message) in zip(commands, others):
            with self.subTest(command):
                self.assertIn(exit_code, (0, 1), message)
        self.assertEqual((code, out, err.count("\n")), (2, "", 1))
        self.assertIn("this Python has no ctypes; only grading Python answers needs it", err)

    def test_an_older_python_gets_one_line(self):
        code = "import sys; sys.version_info = (3, 8, 20, 'final', 0); sys.path.insert(0, sys.argv[1]); import base"
        done = subprocess.run([*support.PYTHON, "-c", code, str(support.HARNESS)], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1))
        self.assertIn("Python 3.8: this harness needs 3.9 or newer", done.stderr)

    def test_what_needs_a_missing_module_is_one_line(self):
        for name, words in (("sqlite3", "the catalogue"), ("_ctypes", "grading"), ("ssl", "https")):
            def main(name: str = name) -> int:
                raise ImportError(f"no {name}", name=name)
            with self.subTest(name), mock.patch("sys.stderr", io.StringIO()) as err:
                self.assertEqual(console.guarded(main), 2)
                self.assertEqual(err.getvalue().count("\n"), 1)
                self.assertIn(f"this Python has no {name.lstrip('_')}", err.getvalue())
                self.assertIn(words, err.getvalue())

    @unittest.skipUnless(os.name == "posix", "needs a POSIX shell, to close a file descriptor")
    def test_output_that_nobody_reads_is_no_traceback(self):
        for end in ("| true", ">&-", "2>&-", ">&- 2>&-"):
            for words in ("--help", "--rules"):
                with self.subTest(end=end, words=words):
                    done = subprocess.run(["sh", "-c", f'"$0" -S "$1" {words} {end}', sys.executable, str(support.HARNESS / "check_submission.py")],
                                          stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL, timeout=60)
                    self.assertNotIn("Traceback", done.stderr)
                    self.assertNotIn("Exception ignored", done.stderr)


if __name__ == "__main__":
    unittest.main()
