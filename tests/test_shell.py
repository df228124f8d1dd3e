"""What is printed to be pasted: quoted for the shell in use, with paths that work from the current folder."""
from __future__ import annotations

import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import support

from base import shell

ODD = ["a b", "it's", 'say "x"', "$(touch hit)", "`x`", "--models=llama3.2:1b,b", "a;b", "%PATH%", "C:\\some folder\\", "", "ünï", "a&b", "-x.y"]


class Shells(unittest.TestCase):
    def test_the_shell_is_known_by_its_environment(self):
        home = {"USERPROFILE": "C:\\Users\\ana"}
        for what, system, environ, found in (
                ("Linux", "posix", {"PROMPT": "x"}, shell.POSIX), ("Git's bash", "nt", {"MSYSTEM": "MINGW64"}, shell.POSIX),
                ("cmd", "nt", {**home, "PROMPT": "$P$G", "PSModulePath": "C:\\Windows\\Modules"}, shell.CMD),
                ("PowerShell", "nt", {**home, "PSModulePath": "C:\\Users\\Ana\\Documents\\PowerShell\\Modules"}, shell.POWERSHELL),
                ("PowerShell 7", "nt", {**home, "PSModulePath": "C:\\Users\\ana\\Documents\\PowerShell\\Modules;C:\\Program Files\\"
                                                                "PowerShell\\7\\Modules"}, shell.PWSH),
                ("PowerShell in cmd", "nt", {**home, "PROMPT": "$P$G", "PSModulePath": "C:\\Users\\ana\\Documents"}, shell.POWERSHELL)):
            with self.subTest(what):
                self.assertEqual(shell.kind(environ, system), found)

    def test_each_shell_gets_its_own_quotes(self):
        for word, posix, cmd, powershell, pwsh in (
                ("plain-1", "plain-1", "plain-1", "plain-1", "plain-1"), ("a b", "'a b'", '"a b"', '"a b"', "'a b'"),
                ("../a/b.py", "../a/b.py", "../a/b.py", "../a/b.py", "../a/b.py"),
                ("small-eval,x", "small-eval,x", '"small-eval,x"', '"small-eval,x"', "'small-eval,x'"),
                ("--models=llama3.2:1b", "--models=llama3.2:1b", '"--models=llama3.2:1b"', '"--models=llama3.2:1b"',
                 "'--models=llama3.2:1b'"),
                ("C:\\a\\run-1", "'C:\\a\\run-1'", "C:\\a\\run-1", "C:\\a\\run-1", "C:\\a\\run-1"),
                ("C:\\a b\\", "'C:\\a b\\'", '"C:\\a b\\\\"', '"C:\\a b\\\\"', "'C:\\a b\\'"),
                ("$(x)", "'$(x)'", '"$(x)"', "'$(x)'", "'$(x)'"),
                ('"x" & y', "'\"x\" & y'", '^"\\^"x\\^" ^& y^"', "'\\\"x\\\" & y'", "'\"x\" & y'"),
                ("50 % of %PATH%", "'50 % of %PATH%'", '"50 "%" of "%"PATH"%""', '"50 % of %PATH%"', "'50 % of %PATH%'"),
                ("it's $x", "'it'\"'\"'s $x'", '"it\'s $x"', "'it''s $x'", "'it''s $x'"),
                ("it\u2019s $x", "'it\u2019s $x'", '"it\u2019s $x"', "'it\u2019\u2019s $x'", "'it\u2019\u2019s $x'"),
                ("", "''", '""', "'\"\"'", "''")):
            with self.subTest(word):
                self.assertEqual([shell.quote(word, name) for name in (shell.POSIX, shell.CMD, shell.POWERSHELL, shell.PWSH)],
                                 [posix, cmd, powershell, pwsh])

    @unittest.skipIf(os.name == "nt", "needs a POSIX shell")
    def test_a_posix_shell_takes_every_word_back_as_it_was(self):
        code = "import sys; print(sys.argv[1:])"
        line = " ".join([shlex.quote(sys.executable), "-S", "-c", shlex.quote(code), *(shell.quote(word, shell.POSIX) for word in ODD)])
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, encoding="utf-8",
                              env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"})
        self.assertEqual(done.stdout.strip(), str(ODD))

    @unittest.skipIf(os.name == "nt", "needs a POSIX shell")
    def test_a_folded_command_is_still_the_same_command(self):
        code = "import sys; print(sys.argv[1:])"
        line = " ".join([shlex.quote(sys.executable), "-S", "-c", shlex.quote(code), *(shell.quote(word, shell.POSIX) for word in ODD)])
        lines = shell.folded(line, 40)
        done = subprocess.run(["sh", "-c", "\n".join(lines)], capture_output=True, text=True, encoding="utf-8",
                              env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"})
        self.assertEqual(done.stdout.strip(), str(ODD))
        self.assertGreater(len(lines), 4)
        self.assertEqual(shell.folded("python a.py --models llama3.2:1b --dry-run", 30), ["python a.py --models \\", "  llama3.2:1b --dry-run"])
        self.assertEqual(shell.folded("python a.py", 30), ["python a.py"])
        self.assertEqual(shell.folded("git checkout -- submissions/ana/mac-m1", 22), ["git checkout -- \\", "submissions/ana/mac-m1"])

    def test_each_shell_has_its_own_sign_of_continuation(self):
        for name, sign in ((shell.POSIX, "\\"), (shell.CMD, "^"), (shell.POWERSHELL, "`"), (shell.PWSH, "`")):
            with self.subTest(name), mock.patch.object(shell, "kind", lambda name=name: name):
                self.assertEqual(shell.folded("python harness/a.py --status", 22), [f"python harness/a.py {sign}", "  --status"])

    @unittest.skipUnless(os.name == "nt", "needs Windows' own rules for command lines")
    def test_windows_takes_every_word_back_as_it_was(self):
        code = "import sys; print(ascii(sys.argv[1:]))"
        line = " ".join(shell.quote(word, shell.CMD) for word in (sys.executable, "-S", "-c", code, *ODD))
        done = subprocess.run(f'cmd /d /s /c "{line}"', capture_output=True, text=True)
        self.assertEqual(done.stdout.strip(), ascii(ODD))

    def test_the_word_for_python_is_one_that_can_be_started(self):
        for known, found in (({"python", "python3"}, "python"), ({"python3"}, "python3"), (set(), "python")):
            with self.subTest(known), mock.patch.object(shell, "_is_on_path", lambda name: name in known):
                self.assertEqual(shell.python(), found)

    def test_a_program_is_on_the_path_where_a_shell_would_start_it(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, PATH=folder):
            for name, mode in (("runs", 0o755), ("text", 0o644)):
                path = pathlib.Path(folder) / (name + ".bat" * (os.name == "nt"))
                path.write_text("", encoding="ascii")
                path.chmod(mode)
            (pathlib.Path(folder) / "folder").mkdir()
            self.assertEqual([shell._is_on_path(name) for name in ("runs", "folder", "missing")], [True, False, False])
            self.assertEqual(shell._is_on_path("text"), os.name == "nt")


class Paths(unittest.TestCase):
    def test_a_path_works_from_the_folder_where_it_is_printed(self):
        self.addCleanup(os.chdir, os.getcwd())
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            target = root / "submissions" / "ana"
            (root / "a" / "b" / "c" / "d").mkdir(parents=True)
            for where, found in ((root, "submissions/ana"), (root / "a", "../submissions/ana"), (root / "a" / "b" / "c" / "d", str(target))):
                os.chdir(where)
                with self.subTest(where):
                    self.assertEqual(shell.path(target), found)
            os.chdir(support.ROOT)

    def test_a_command_names_the_script_from_there(self):
        self.addCleanup(os.chdir, os.getcwd())
        for where, found in ((support.ROOT, "harness/submit_run.py"), (support.ROOT / "harness", "submit_run.py"),
                             (support.ROOT / "tests", "../harness/submit_run.py")):
            os.chdir(where)
            with self.subTest(where):
                self.assertEqual(shell.command("submit_run.py", "run-1"), f"{shell.python()} {found} run-1")


if __name__ == "__main__":
    unittest.main()
