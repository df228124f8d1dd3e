"""What the tests of a submission share: a clone with a finished run in it, an upstream, a fork, and a scripted Gitea."""
from __future__ import annotations

import atexit
import contextlib
import functools
import io
import os
import pathlib
import re
import shutil
import tempfile
import unittest
from dataclasses import replace
from unittest import mock

import gitea
import support
import submit_run
from base import console, json_text
from submit import commit, push, remote_address, submission
from submit.remote_access import Access, Base

RUN_ID = "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
DATED = 1700000000
HANDLE, TAG = "ana", "mac-m1-8gb"
PATH = f"submissions/{HANDLE}/{TAG}/run-{RUN_ID}"
FIVE = ["hardware.json", "manifest.json", "metadata.json", "run.jsonl", "run.md"]
# Finds an error in a run.md that says BAD, fails at a hardware.json that does, and refuses commits of an author called Bad.
CHECKER = '''import os, sys
assert "GITEA_TOKEN" not in os.environ
if sys.argv[1] == "--base":
    import subprocess
    said = subprocess.run(["git", "-C", os.path.dirname(__file__), "show", "-s", "--format=%an", sys.argv[4]],
                          capture_output=True, text=True).stdout
    print("checked a commit of", said)
    sys.exit(1 if "Bad" in said else 0)
run = sys.argv[1]
print("checked", run)
for name, code in (("run.md", 1), ("hardware.json", 3)):
    path = os.path.join(run, name)
    if b"BAD" in open(path, "rb").read():
        print("error R-001", path, "is bad")
        if b"UNTICKED" in open(path, "rb").read():
            print("ready for the person whose run it is: 1 run, 1 error")
        sys.exit(code)
'''


def contents(**manifest: object) -> dict:
    """The five files of a finished run, no more of each than a submission looks at."""
    record = support.record("manifest", **{"run_id": RUN_ID, "handle": HANDLE, "device_tag": TAG, **manifest})
    lines = [support.record("meta", run_id=RUN_ID), support.record("footer", complete=True)]
    return {"manifest.json": json_text.pretty(record), "hardware.json": b"{}\n", "metadata.json": b"{}\n",
            "run.jsonl": b"".join(json_text.dumps(line).encode() + b"\n" for line in lines),
            "run.md": "# Läuft\r\nwith bytes that no filter may touch\n".encode()}


def write_run(folder: pathlib.Path, **manifest: object) -> pathlib.Path:
    folder.mkdir(parents=True)
    for name, data in contents(**manifest).items():
        (folder / name).write_bytes(data)
    return folder


def a_submission(**changes: object) -> submission.Submission:
    made = submission.Submission(HANDLE, TAG, RUN_ID, contents(), DATED, "Ana", "ana@noreply.example.org", "a title")
    return replace(made, **changes)


@functools.lru_cache(maxsize=None)
def first_world() -> pathlib.Path:
    """The upstream, the fork and a clone with a run in it; made once, since it takes two dozen processes of git."""
    held = tempfile.TemporaryDirectory(prefix="a world ")
    atexit.register(held.cleanup)
    world = pathlib.Path(held.name)
    upstream = gitea.new_bare(world / "repos" / "bench-org" / "bench.git", {
        "README.md": "bench\n", "harness/check_submission.py": CHECKER, "submissions/README.md": "runs\n",
        ".gitattributes": "* text=auto eol=lf\n"})
    (world / "repos" / gitea.LOGIN).mkdir()
    gitea.git(upstream, "gc", "-q")        # each test copies and removes all this: few files are fast
    gitea.git(world, "clone", "-q", "--bare", "--template=", str(upstream), f"repos/{gitea.LOGIN}/bench.git")
    gitea.git(world, "clone", "-q", "--template=", str(upstream), "clone")
    for config in (world / "repos" / gitea.LOGIN / "bench.git" / "config", world / "clone" / ".git" / "config"):
        gitea.without_upkeep(config)
    with open(world / "clone" / ".git" / "config", "a", encoding="utf-8") as settings:
        settings.write("[user]\n\tname = Ana\n\temail = ana@noreply.example.org\n")
    write_run(world / "clone" / PATH)
    return world


@unittest.skipUnless(gitea.HAS_GIT, "git is not installed")
class Submission(unittest.TestCase):
    """Each test has a world of its own: server, upstream `bench-org/bench`, fork `ana/bench`, and a clone."""
    starts_checker = False      # else every run passes, without a process

    @classmethod
    def setUpClass(cls) -> None:
        held = tempfile.TemporaryDirectory(prefix="a world ")
        cls.addClassCleanup(held.cleanup)
        cls.template = pathlib.Path(shutil.copytree(first_world(), pathlib.Path(held.name) / "template"))

    def setUp(self) -> None:
        held = tempfile.TemporaryDirectory(prefix="a world ")
        self.addCleanup(held.cleanup)
        self.world = pathlib.Path(held.name).resolve() / "here"
        shutil.copytree(self.template, self.world)
        self.clone, self.run_folder = self.world / "clone", self.world / "clone" / PATH
        self.server, self.url = self.enter(gitea.gitea(self.world / "repos"))
        self.upstream, self.fork = self.server.bare("bench-org"), self.server.bare(gitea.LOGIN)
        self.server.parents["ana/bench"] = "bench-org/bench"
        self.origin(f"{self.url}/bench-org/bench.git")
        home = {"HOME": str(self.world), "XDG_CONFIG_HOME": str(self.world), "GIT_CONFIG_NOSYSTEM": "1", "http_proxy": "",
                "GITEA_TOKEN": ""}
        self.enter(mock.patch.dict(os.environ, home))
        self.enter(mock.patch.object(console, "is_terminal", lambda: False))
        self.enter(mock.patch("submit.methods.READ_PAUSE_S", 0.0))
        if not self.starts_checker:
            self.enter(mock.patch.object(submit_run, "verdict", lambda root, where, *words: f"checked {where}"))
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.world)

    def enter(self, context: object) -> object:
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        return stack.enter_context(context)

    def origin(self, url: str) -> None:
        settings = self.clone / ".git" / "config"
        said = settings.read_text(encoding="utf-8")
        settings.write_text(re.sub(r"\n\turl = .*", lambda _: "\n\turl = " + str(url).replace("\\", "/"), said), encoding="utf-8")

    def config(self, name: str, value: str) -> None:
        gitea.git(self.clone, "config", name, value)

    def token(self, token: str = gitea.TOKEN) -> None:
        self.enter(mock.patch.dict(os.environ, {"GITEA_TOKEN": token}))

    def submit(self, *words: str, run: str | None = None) -> tuple:
        """(exit code, stdout, stderr) of one call."""
        out, said = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = console.guarded(lambda: submit_run.main([run or str(self.run_folder), *words], root=self.clone))
        return code, out.getvalue(), said.getvalue()

    def agree(self, *words: str, run: str | None = None) -> tuple:
        """A call by a person who agrees to the list."""
        with mock.patch.object(submit_run, "agreed", return_value=True):
            return self.submit(*words, run=run)

    def stop_and_confirm(self, *words: str, run: str | None = None) -> tuple:
        """The call that stops at the list, then the one that it prints."""
        code, _, said = self.submit(*words, run=run)
        self.assertEqual(code, 1, said)
        return self.submit(*words, f"--confirm={self.code_in(said)}", run=run)

    def code_in(self, said: str) -> str:
        self.assertIn("--confirm=", said)
        return said.split("--confirm=")[1].split()[0]

    def pushed(self) -> list:
        """What was asked for with the right to write."""
        return [row for row in self.server.log if row[0] == "POST"]


class Committed(Submission):
    """With the commit made already, and both repositories reached on the disk: the forge alone is asked over HTTP."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        clone = cls.template / "clone"
        cls.base = Base("main", gitea.git(clone, "rev-parse", "HEAD"))
        cls.made = commit.make(commit.CommitClone(clone, Access(), remote_address.parse(str(clone))), cls.base, a_submission())

    def setUp(self) -> None:
        super().setUp()
        self.upstream_address = self.address(self.upstream, "bench-org")
        self.fork_address = self.address(self.fork, gitea.LOGIN)
        self.sender = push.Push(commit.CommitClone(self.clone, Access(), self.upstream_address), a_submission(), self.made)

    def address(self, bare: pathlib.Path, owner: str) -> remote_address.Repository:
        return remote_address.Repository(str(bare), str(bare), "127.0.0.1", self.url, owner, "bench")
