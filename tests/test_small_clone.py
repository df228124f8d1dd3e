"""The clone that stays small: partial and sparse, as CONTRIBUTING.md shows it, with real git and many runs upstream."""
from __future__ import annotations

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import gitea
import support
from mutants import valid

MODEL = {"name": "llama3.2:1b", "size_bytes": 1_000_000, "prefill_tok_s": 400_000.0, "decode_gap_ms": 0.3, "answer_tokens": 20,
         "load_ms": 5.0}
OTHERS = 30             # runs of other people, each with a file that must never be fetched
FOLDERS = ("harness",)  # what CONTRIBUTING.md names


@unittest.skipUnless(gitea.HAS_GIT, "git is not installed")
@unittest.skipIf(os.name == "nt", "the scripted AGit hook is a script with a first line")
class SmallClone(unittest.TestCase):
    """The upstream is private: everything that git fetches later has to come with the token alone."""

    @classmethod
    def setUpClass(cls):
        held = tempfile.TemporaryDirectory(prefix="small clone ")
        cls.addClassCleanup(held.cleanup)
        cls.world = pathlib.Path(held.name).resolve()
        upstream = gitea.new_bare(cls.world / "repos" / "bench-org" / "bench.git", cls.files())
        for name in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
            gitea.git(upstream, "config", name, "true")
        (cls.world / "repos" / gitea.LOGIN).mkdir()
        gitea.git(cls.world, "clone", "-q", "--bare", "--template=", str(upstream), f"repos/{gitea.LOGIN}/bench.git")
        context = gitea.gitea(cls.world / "repos")
        cls.server, url = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        cls.server.parents["ana/bench"] = "bench-org/bench"
        cls.clone, cls.url = cls.world / "clone", f"{url}/bench-org/bench.git"
        gitea.git(cls.world, "clone", "-q", "--filter=blob:none", "--sparse", "--template=", cls.url, str(cls.clone))
        gitea.git(cls.clone, "sparse-checkout", "set", *FOLDERS)
        cls.compiled = cls.world / "compiled"
        cls.copy_compiled()
        cls.server.private = {"bench-org/bench", "ana/bench"}

    @staticmethod
    def files() -> dict:
        """This repository as far as a contributor uses it, and runs of others."""
        listed = gitea.git(support.ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "harness", "submissions")
        files = {path: support.file_of_a_clone(path).decode("utf-8") for path in listed.split("\0")
                 if path and (support.ROOT / path).is_file()}
        for number in range(OTHERS):
            files[f"submissions/other-{number}/mac-m1-8gb/run-{number:08d}-4f50-4a6b-8c7d-8e9f00112233/run.jsonl"] = f"{number}\n" * 9999
        return {"README.md": "bench\n", **files}

    @classmethod
    def copy_compiled(cls) -> None:
        """What is compiled here already is for the clone too: Python knows it by the time and the size of its source."""
        for path in (cls.clone / "harness").rglob("*.py"):
            source = support.ROOT / path.relative_to(cls.clone)
            shutil.copystat(source, path)
            here = pathlib.Path(importlib.util.cache_from_source(str(source)))
            with mock.patch.object(sys, "pycache_prefix", str(cls.compiled)):
                there = pathlib.Path(importlib.util.cache_from_source(str(path)))
            if here.exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(here, there)

    def run_here(self, script: str, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, "HOME": str(self.world), "GIT_CONFIG_NOSYSTEM": "1", "GITEA_TOKEN": "", "COLUMNS": "200",
                       "GIT_TERMINAL_PROMPT": "0", "PYTHONPYCACHEPREFIX": str(self.compiled), **environment}
        done = subprocess.run([*support.PYTHON, f"harness/{script}", *words], cwd=self.clone, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def missing(self) -> int:
        """Objects that were never fetched."""
        listed = gitea.git(self.clone, "rev-list", "--objects", "--missing=print", "origin/main")
        return sum(line.startswith("?") for line in listed.split("\n"))

    def test_it_measures_checks_shows_the_status_and_submits_without_the_runs_of_others(self):
        self.assertGreaterEqual(self.missing(), OTHERS)
        with support.stub({"models": [MODEL]}) as stub:
            self.run_here("run_benchmark.py", "--phases", "small-eval", "--handle", "ana", "--device-tag", "mac-m1-8gb", "--hostname",
                          "other", "--quiet", "--target-url", stub.url)
        run = next((self.clone / "submissions" / "ana" / "mac-m1-8gb").iterdir())
        run_md = run / "run.md"
        run_md.write_text(valid.filled_in(run_md.read_text(encoding="utf-8"), valid.STORY), encoding="utf-8")
        self.run_here("check_submission.py", str(run))
        self.assertIn("complete and checked", self.run_here("run_benchmark.py", "--status").stdout)
        stopped = self.run_here("submit_run.py", run.name, code=1, GITEA_TOKEN=gitea.TOKEN)
        code = stopped.stderr.partition("--confirm=")[2].split()[0]
        done = self.run_here("submit_run.py", run.name, "--confirm", code, GITEA_TOKEN=gitea.TOKEN)
        self.assertTrue(done.stdout.endswith("/pulls/1\n"), done.stdout + done.stderr)
        self.assertGreaterEqual(self.missing(), OTHERS)
        self.assertEqual(gitea.git(self.clone, "status", "--porcelain"), "?? submissions/ana/")

    def test_the_document_names_the_same_folders(self):
        text = (support.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        self.assertIn("git clone --filter=blob:none --sparse", text)
        self.assertIn(f"git sparse-checkout set {' '.join(FOLDERS)}\n", text)


if __name__ == "__main__":
    unittest.main()
