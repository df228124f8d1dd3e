"""The forge's own files: workflows that use no secret, pin what they use and end in time, and whose lines do what they say."""
from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import textwrap
import unittest

import gitea
import support

FORGE = support.ROOT / ".gitea"
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yml"))
# Speaks in place of the checker: which copy of it runs, what it was told, and what of the request it can see.
WITNESS = '''import subprocess, sys
def git(*words): return subprocess.run(("git",) + words, capture_output=True, text=True).stdout
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
changed = git("diff", "--name-only", args["--base"] + "..." + args["--head"]).split()
print("checker of", WHOSE, "sees", *changed)
sys.exit(1 if any(path.endswith("bad") for path in changed) else 0)
'''


def text(name: str) -> str:
    return (FORGE / "workflows" / name).read_text(encoding="utf-8")


def without_comments(said: str) -> str:
    return "\n".join(line for line in said.split("\n") if not line.lstrip().startswith("#"))


def scripts(name: str) -> list:
    """The shell lines of each step, in order: what stands deeper than its `run: |`."""
    found = []
    lines = text(name).split("\n")
    for number, line in enumerate(lines):
        if line.strip() == "run: |":
            depth = len(line) - len(line.lstrip())
            block = []
            for inner in lines[number + 1:]:
                if inner.strip() and len(inner) - len(inner.lstrip()) <= depth:
                    break
                block.append(inner)
            found.append(textwrap.dedent("\n".join(block)))
    return found


class Promises(unittest.TestCase):
    def test_there_is_one_for_the_checker_and_one_for_the_tests(self):
        self.assertEqual([path.name for path in WORKFLOWS], ["check.yml", "tests.yml"])

    def test_no_workflow_uses_a_secret_or_may_write(self):
        for path in WORKFLOWS:
            said = without_comments(path.read_text(encoding="utf-8"))
            with self.subTest(path.name):
                self.assertNotRegex(said, r"(?i)secrets|\btoken\b|pull_request_target")
                self.assertEqual(re.findall(r"permissions:\n((?:  .*\n)+)", said), ["  contents: read\n"])

    def test_no_foreign_action_is_used_unless_its_full_hash_is_named(self):
        for path in WORKFLOWS:
            for used in re.findall(r"uses:\s*(\S+)", without_comments(path.read_text(encoding="utf-8"))):
                with self.subTest(path.name, used=used):
                    self.assertRegex(used, r"@[0-9a-f]{40}\Z")

    def test_every_job_and_every_command_that_could_hang_has_a_limit(self):
        for path in WORKFLOWS:
            said = without_comments(path.read_text(encoding="utf-8"))
            with self.subTest(path.name):
                self.assertEqual(said.count("runs-on:"), len(re.findall(r"timeout-minutes: [0-9]+", said)))
                for line in "\n".join(scripts(path.name)).split("\n"):
                    if re.search(r"git fetch|check_submission|[.]ci/run", line):
                        self.assertRegex(line, r"^timeout [0-9]+ ")

    def test_what_a_stranger_can_choose_reaches_the_shell_only_as_a_quoted_variable(self):
        for path in WORKFLOWS:
            for script in scripts(path.name):
                with self.subTest(path.name, script=script.split("\n")[1]):
                    self.assertNotIn("${{", script)
                    self.assertNotRegex(re.sub(r'"[^"]*"|\'[^\']*\'', "", script), r"\$[A-Z]")

    def test_the_checker_that_runs_is_the_base_branchs(self):
        first, last = scripts("check.yml")
        checkouts = re.findall(r"git checkout .*", first + "\n" + last)
        self.assertEqual(checkouts, ["git checkout --quiet --detach refs/check/base"])
        self.assertNotRegex(first + "\n" + last, r"git (?:worktree|reset|merge|pull|archive|restore|switch|read-tree)")

    def test_the_tests_run_by_the_command_that_is_used_everywhere(self):
        self.assertIn(".ci/run", scripts("tests.yml")[1])
        self.assertTrue(os.access(support.ROOT / ".ci" / "run", os.X_OK) or os.name == "nt")


@unittest.skipUnless(shutil.which("bash") and shutil.which("timeout") and shutil.which("python3"),
                     "the runner's shell commands are not here")
class Execution(unittest.TestCase):
    """The lines themselves, against a repository with a request in it. No word of the request's own code may run."""

    def setUp(self):
        held = tempfile.TemporaryDirectory(prefix="a runner ")
        self.addCleanup(held.cleanup)
        self.folder = pathlib.Path(held.name)
        self.bare = gitea.new_bare(self.folder / "bench-org" / "bench.git", {
            "harness/check_submission.py": WITNESS.replace("WHOSE", "'base'"), "README.md": "x\n"})
        self.work = self.folder / "work"
        gitea.git(self.folder, "clone", "-q", "--no-checkout", "--template=", str(self.bare), str(self.work))

    def request(self, files: dict) -> str:
        """A request with these files on top of main; its head commit."""
        gitea.git(self.work, "checkout", "-q", "-B", "theirs", "origin/main")
        for path, said in files.items():
            (self.work / path).parent.mkdir(parents=True, exist_ok=True)
            (self.work / path).write_text(said, encoding="utf-8")
        gitea.git(self.work, "add", "-A")
        gitea.git(self.work, "commit", "-q", "-m", "theirs", **gitea.PERSON)
        gitea.git(self.work, "push", "-q", "origin", "+HEAD:refs/pull/7/head")
        return gitea.git(self.work, "rev-parse", "HEAD")

    def carry_out(self, name: str, **environment: str) -> tuple:
        """(exit code, what was said, workspace) of the steps, each in a shell of its own, until one fails."""
        workspace = self.folder / "workspace"
        workspace.mkdir()
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        said = ""
        for script in scripts(name):
            done = subprocess.run(["bash", "-e", "-c", script], cwd=workspace, capture_output=True, text=True,
                                  env={**kept, "REPOSITORY": str(self.bare), "HOME": str(self.folder), **environment})
            said += done.stdout + done.stderr
            if done.returncode:
                return done.returncode, said, workspace
        return 0, said, workspace

    def test_the_bases_checker_judges_and_nothing_of_the_request_is_on_the_disk(self):
        head = self.request({"submissions/ana/x/good": "1", "harness/check_submission.py": "print('hostile')",
                             "harness/sitecustomize.py": "print('hostile')", "subprocess.py": "print('hostile')"})
        code, said, workspace = self.carry_out("check.yml", BASE="main", NUMBER="7", HEAD=head)
        self.assertEqual(code, 0, said)
        self.assertIn("checker of base sees harness/check_submission.py harness/sitecustomize.py submissions/ana/x/good", said)
        self.assertNotIn("hostile", said)
        self.assertEqual({path.name for path in workspace.iterdir()}, {".git", "README.md", "harness"})
        self.assertEqual({path.name for path in (workspace / "harness").iterdir()}, {"check_submission.py"})

    def test_a_finding_a_crash_and_a_missing_commit_all_fail_the_job(self):
        for what, files, head in (("a finding", {"submissions/bad": "1"}, None), ("no such commit", {"x": "2"}, "0" * 40),
                                  ("a commit that is no hash", {"x": "3"}, "$(touch hit)")):
            with self.subTest(what):
                found = self.request(files)
                code, said, workspace = self.carry_out("check.yml", BASE="main", NUMBER="7", HEAD=head or found)
                self.assertNotEqual(code, 0, said)
                self.assertFalse((workspace / "hit").exists())
                shutil.rmtree(workspace)

    def test_the_tests_run_on_the_very_commit_of_the_event(self):
        self.request({".ci/run": "#!/bin/sh\necho tests of $(git rev-parse HEAD)\n"})
        gitea.git(self.work, "update-index", "--chmod=+x", ".ci/run")
        gitea.git(self.work, "commit", "-q", "-m", "mode", **gitea.PERSON)
        gitea.git(self.work, "push", "-q", "origin", "+HEAD:refs/pull/7/head")
        head = gitea.git(self.work, "rev-parse", "HEAD")
        code, said, _ = self.carry_out("tests.yml", REF="refs/pull/7/head", HEAD=head)
        self.assertEqual((code, said.strip()), (0, f"tests of {head}"))


class Templates(unittest.TestCase):
    def test_there_is_a_template_for_each_kind_of_issue_with_the_head_that_a_forge_reads(self):
        for name, words in (("bug", "self-test"), ("question", "submissions/<handle>"), ("redaction", "do not repeat it")):
            said = (FORGE / "ISSUE_TEMPLATE" / f"{name}.md").read_text(encoding="utf-8")
            with self.subTest(name):
                self.assertRegex(said, r"\A---\nname: .+\nabout: .+\ntitle: \".+\"\nlabels:\n  - [a-z]+\n---\n\n")
                self.assertIn(words, said)
        self.assertEqual(len(list((FORGE / "ISSUE_TEMPLATE").iterdir())), 3)

    def test_the_requests_template_speaks_of_both_kinds(self):
        said = (FORGE / "PULL_REQUEST_TEMPLATE.md").read_text(encoding="utf-8")
        for word in ("## A run", "## A change", "run.md", "comparable", "fix: submissions/EXAMPLE/"):
            self.assertIn(word, said)


class Owners(unittest.TestCase):
    def rules(self) -> list:
        lines = (FORGE / "CODEOWNERS").read_text(encoding="utf-8").split("\n")
        return [line.split(" ") for line in lines if line and not line.startswith("#")]

    def owners(self, path: str) -> set:
        return {owner for pattern, *people in self.rules() if re.fullmatch(pattern, path) for owner in people}

    def test_every_part_has_the_people_whom_the_readme_names(self):
        for path, people in (
                ("README.md", {"@sloba"}), ("harness/run_benchmark.py", {"@sloba", "@bane"}),
                (".gitea/workflows/check.yml", {"@sloba", "@bane"}), (".ci/run", {"@sloba", "@bane"}),
                ("harness/methodology.md", {"@sloba", "@bane", "@ben"}),
                ("harness/commands/build_catalogue.py", {"@sloba", "@bane", "@ben"}), ("harness/suites/x.json", {"@sloba", "@bane", "@ben"}),
                ("submissions/ana/x/run-1/run.md", {"@sloba", "@janie"})):
            with self.subTest(path):
                self.assertEqual(self.owners(path), people)

    def test_no_pattern_holds_a_backslash_which_a_forge_reads_twice(self):
        self.assertFalse([rule for rule in self.rules() if "\\" in rule[0]])


if __name__ == "__main__":
    unittest.main()
