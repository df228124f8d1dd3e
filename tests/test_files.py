"""Files: whole or not at all, appended or not at all, and held by one process."""
from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import stat
import subprocess
import tempfile
import unittest
from unittest import mock

import support

from base import files
from base.errors import UserError
from judge import thresholds

HOLD = """
import sys
sys.path.insert(0, sys.argv[1])
from base import files
held = files.Appender(sys.argv[2])
held.append(b"theirs\\n")
print("held", flush=True)
sys.stdin.read()
"""


class InFolder(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = pathlib.Path(made.name)
        self.path = self.folder / "a.json"

    def mode(self, path: pathlib.Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)


class Replace(InFolder):
    def test_a_new_file_and_an_old_one_get_the_bytes_and_nothing_else_is_left(self):
        for data in (b"old", b"", b"\x00\r\n" * 100000):
            files.replace(self.path, data)
            self.assertEqual(self.path.read_bytes(), data)
            self.assertEqual(os.listdir(self.folder), ["a.json"])

    def test_a_write_that_fails_leaves_the_old_file_and_no_temporary_one(self):
        files.replace(self.path, b"old")
        full = OSError(errno.ENOSPC, "No space left on device")
        for step in ("os.fsync", "os.chmod", "os.replace"):
            for problem in (full, KeyboardInterrupt()):
                with self.subTest(f"{step} {problem!r}"), mock.patch(f"base.files.{step}", side_effect=problem):
                    with self.assertRaises((UserError, KeyboardInterrupt)):
                        files.replace(self.path, b"new")
                self.assertEqual(self.path.read_bytes(), b"old")
                self.assertEqual(os.listdir(self.folder), ["a.json"])

    def test_a_rename_that_is_denied_for_a_moment_is_tried_again(self):
        """On Windows a virus scanner, an indexer or OneDrive may hold a file for a moment."""
        denied = PermissionError(errno.EACCES, "Access is denied")
        for failures, written in ((1, b"new"), (len(files.RENAME_WAITS_S), b"new"), (len(files.RENAME_WAITS_S) + 1, b"old")):
            files.replace(self.path, b"old")
            attempts, real = [denied] * failures, os.replace

            def replace(source: str, target: str) -> None:
                if attempts:
                    raise attempts.pop()
                real(source, target)
            with self.subTest(failures=failures), mock.patch("base.files.os.replace", replace), \
                    mock.patch("base.files.time.sleep") as slept:
                if written == b"old":
                    self.assertRaises(UserError, files.replace, self.path, b"new")
                else:
                    files.replace(self.path, b"new")
                self.assertEqual(self.path.read_bytes(), written)
                self.assertEqual([call.args[0] for call in slept.call_args_list], list(files.RENAME_WAITS_S[:failures]))
                self.assertEqual(os.listdir(self.folder), ["a.json"])
        self.assertTrue(3 <= sum(files.RENAME_WAITS_S) <= 10)

    def test_the_old_bytes_are_there_until_the_last_step(self):
        files.replace(self.path, b"old")
        seen = []
        real = os.replace

        def look(source, target):
            seen.append((self.path.read_bytes(), pathlib.Path(source).read_bytes(), pathlib.Path(source).parent))
            real(source, target)
        with mock.patch("base.files.os.replace", look):
            files.replace(self.path, b"new")
        self.assertEqual(seen, [(b"old", b"new", self.folder)])

    def test_the_new_bytes_are_on_disk_before_they_get_their_name(self):
        seen = []

        def look(number):
            part, = (path for path in self.folder.iterdir() if path != self.path)
            seen.append((part.read_bytes(), self.path.exists()))
        with mock.patch("base.files.os.fsync", look), mock.patch("base.files.sync_folder") as flushed:
            files.replace(self.path, b"new")
        self.assertEqual(seen, [(b"new", False)])
        flushed.assert_called_once_with(self.folder)

    @unittest.skipIf(os.name == "nt", "there is no such mode on Windows")
    def test_everyone_may_read_the_file_whatever_the_umask(self):
        before = os.umask(0o077)
        try:
            files.replace(self.path, b"x")
        finally:
            os.umask(before)
        self.assertEqual(self.mode(self.path), 0o644)

    def test_a_folder_that_is_not_there_or_is_a_file_is_explained(self):
        (self.folder / "file").write_bytes(b"")
        for path in (self.folder / "none" / "a", self.folder / "file" / "a"):
            with self.subTest(path.parent.name), self.assertRaises(UserError) as caught:
                files.replace(path, b"x")
            self.assertIn(str(path), str(caught.exception))
            self.assertIn("--out", str(caught.exception))


class Append(InFolder):
    def test_lines_are_added_and_flushed_to_disk_one_by_one(self):
        self.path.write_bytes(b"before\n")
        with contextlib.closing(files.Appender(self.path)) as appender:
            with mock.patch("base.files.os.fsync", wraps=os.fsync) as flushed:
                appender.append(b"one\r\n")
                appender.append(b"two\n")
            self.assertEqual(flushed.call_count, 2)
            self.assertEqual(self.path.read_bytes(), b"before\none\r\ntwo\n")

    def test_a_line_is_one_write(self):
        with contextlib.closing(files.Appender(self.path)) as appender, mock.patch("base.files.os.write", wraps=os.write) as written:
            appender.append(b"x" * 10 ** 6 + b"\n")
        self.assertEqual(written.call_count, 1)

    def test_a_short_write_is_taken_back_and_raised(self):
        real = os.write
        with contextlib.closing(files.Appender(self.path)) as appender:
            appender.append(b"whole\n")
            with mock.patch("base.files.os.write", lambda number, data: real(number, data[:3])):
                with self.assertRaisesRegex(UserError, "--resume"):
                    appender.append(b"torn line\n")
            self.assertEqual(self.path.read_bytes(), b"whole\n")
            appender.append(b"next\n")
        self.assertEqual(self.path.read_bytes(), b"whole\nnext\n")

    def test_a_line_that_could_not_be_flushed_is_taken_back(self):
        with contextlib.closing(files.Appender(self.path)) as appender:
            appender.append(b"whole\n")
            with mock.patch("base.files.os.fsync", side_effect=OSError(errno.EIO, "Input/output error")):
                with self.assertRaisesRegex(UserError, "Input/output error"):
                    appender.append(b"lost\n")
            self.assertEqual(self.path.read_bytes(), b"whole\n")

    @unittest.skipUnless(os.name == "posix" and os.path.exists("/dev/full"), "needs /dev/full")
    def test_a_full_disk_is_one_line_with_advice(self):
        with contextlib.closing(files.Appender("/dev/full")) as appender:
            with self.assertRaises(UserError) as caught:
                appender.append(b"line\n")
        self.assertRegex(str(caught.exception), r"\A/dev/full: No space left on device; free some space")

    def test_a_cut_shortens_the_file_and_appending_goes_on_there(self):
        self.path.write_bytes(b"one\ntwo\nto")
        with contextlib.closing(files.Appender(self.path)) as appender:
            with mock.patch("base.files.os.fsync", wraps=os.fsync) as flushed:
                appender.cut(4)
            self.assertEqual((self.path.read_bytes(), flushed.call_count), (b"one\n", 1))
            appender.append(b"three\n")
        self.assertEqual(self.path.read_bytes(), b"one\nthree\n")

    @unittest.skipIf(os.name == "nt", "there is no such mode on Windows")
    def test_a_new_file_may_be_read_by_everyone(self):
        before = os.umask(0o022)
        try:
            files.Appender(self.path).close()
        finally:
            os.umask(before)
        self.assertEqual(self.mode(self.path), 0o644)

    @unittest.skipIf(os.name == "nt", "Windows cannot open a folder")
    def test_a_new_file_s_name_is_flushed_to_disk_with_its_folder(self):
        flushed = []
        with mock.patch("base.files.os.fsync", lambda number: flushed.append(os.fstat(number).st_ino)):
            with mock.patch("base.files.os.close", wraps=os.close) as closed:
                appender = files.Appender(self.path)
        appender.close()
        self.assertEqual((flushed, closed.call_count), ([self.folder.stat().st_ino], 1))

    def test_a_folder_that_cannot_be_flushed_is_no_error(self):
        files.sync_folder(self.folder / "none")

    def test_closing_twice_is_no_harm(self):
        appender = files.Appender(self.path)
        appender.close()
        appender.close()


class Lock(InFolder):
    def hold(self) -> subprocess.Popen:
        """Another process that holds the file, until it is told to end or is killed."""
        process = subprocess.Popen([*support.PYTHON, "-c", HOLD, str(support.HARNESS), str(self.path)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end, process)
        self.assertEqual(process.stdout.readline().strip(), b"held")
        return process

    def end(self, process: subprocess.Popen) -> None:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def test_a_second_process_is_refused_and_changes_nothing(self):
        self.hold()
        with self.assertRaises(UserError) as caught:
            files.Appender(self.path)
        self.assertRegex(str(caught.exception), "another process is writing this run; wait for it, or stop it")
        self.assertEqual(self.path.read_bytes(), b"theirs\n")

    def test_a_process_that_is_killed_lets_go(self):
        process = self.hold()
        self.assertRaises(UserError, files.Appender, self.path)
        process.kill()          # SIGKILL where there are signals: nothing of it can run any more
        process.wait()
        with contextlib.closing(files.Appender(self.path)) as mine:
            mine.append(b"mine\n")
        self.assertEqual(self.path.read_bytes(), b"theirs\nmine\n")

    def test_the_locked_byte_lies_beyond_every_ledger_and_within_what_any_system_can_seek(self):
        self.assertTrue(thresholds.value("ledger_bytes") < files.LOCK_OFFSET < 2 ** 31 - 1)
        with open(self.path, "wb") as out:
            self.assertEqual(out.seek(files.LOCK_OFFSET), files.LOCK_OFFSET)

    def test_closing_lets_go(self):
        for _ in range(2):
            files.Appender(self.path).close()

    def test_being_refused_leaks_no_file(self):
        with contextlib.closing(files.Appender(self.path)), mock.patch("base.files.os.close", wraps=os.close) as closed:
            self.assertRaises(UserError, files.Appender, self.path)
            self.assertEqual(closed.call_count, 1)

    @unittest.skipIf(os.name == "nt", "fcntl is not there on Windows")
    def test_a_file_system_without_locks_is_used_without(self):
        with mock.patch("fcntl.flock", side_effect=OSError(errno.ENOLCK, "No locks available")):
            with contextlib.closing(files.Appender(self.path)) as appender:
                appender.append(b"line\n")
        self.assertEqual(self.path.read_bytes(), b"line\n")


class Explained(InFolder):
    def test_every_error_is_one_line_with_place_and_advice(self):
        for code, word in ((errno.ENOSPC, "free some space"), (errno.EDQUOT, "quota"), (errno.EACCES, "writable"),
                           (errno.EPERM, "writable"), (errno.EROFS, "writable folder"), (errno.ENOTDIR, "is a file"),
                           (errno.EIO, "exists and is writable")):
            with self.subTest(errno.errorcode[code]):
                line = str(files.user_error(OSError(code, os.strerror(code)), "some/run.jsonl"))
                self.assertTrue(line.startswith(f"some/run.jsonl: {os.strerror(code)}; "), line)
                self.assertIn(word, line)
                self.assertNotIn("\n", line)

    def test_an_error_without_a_number_still_says_something(self):
        self.assertRegex(str(files.user_error(OSError("odd"), "x")), r"\Ax: odd; see")

    @unittest.skipIf(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, "needs modes that bind: not on Windows, and not root")
    def test_a_folder_that_may_not_be_written_is_explained(self):
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o755)
        for act in (lambda: files.replace(self.path, b"x"), lambda: files.Appender(self.path),
                    lambda: files.make_folder(self.folder / "new" / "deep")):
            with self.assertRaisesRegex(UserError, "make the folder writable or choose another with --out"):
                act()

    def test_folders_are_made_with_their_parents_and_twice(self):
        for _ in range(2):
            files.make_folder(self.folder / "a" / "b")
        self.assertTrue((self.folder / "a" / "b").is_dir())
        self.path.write_bytes(b"")
        with self.assertRaisesRegex(UserError, "--out"):
            files.make_folder(self.path / "b")
        with self.assertRaisesRegex(UserError, "this is a file; choose a folder with --out"):
            files.make_folder(self.path)

    def test_other_errors_pass_as_they_are(self):
        with self.assertRaises(ZeroDivisionError), files.explaining_errors("x"):
            raise ZeroDivisionError


if __name__ == "__main__":
    unittest.main()
