"""The documents are true: what they take from the code is what the code says, and their commands are run."""
from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

import forked
import gitea
import support

import documents
from source_trees import nodes, sources
from base import errors, plan, records, sensitive, suites
from base.phases import PHASES
from judge.rules import RULES
from mutants import valid
from publish import moderation

RUNBOOK = "CLAUDE.md"
EXECUTED = ("README.md", "CONTRIBUTING.md", RUNBOOK, "submissions/README.md")
ALL = (*EXECUTED, "AGENTS.md", "harness/README.md", "harness/MAINTAINING.md", "harness/fields.md", "harness/methodology.md",
       "harness/suites/README.md")
MOST_CHARACTERS = 28000     # some agents' tools cut a longer file
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Commands in `sh` fences that are not run here, each with its reason.
NOT_RUN = {
    "python harness/run_benchmark.py --self-test": "test_run_benchmark runs it",
    "python -m unittest discover -s tests": "is what runs this",
    "ollama pull llama3.2:1b": "needs Ollama, and downloads",
}
OTHERS_FLAGS = {"--write": "tests/documents.py", "--filter": "git", "--sparse": "git", "--no-index": "git"}      # flags that belong to no verb
# Before any command, so that each finds the checker's patterns compiled.
CHECK_ONCE = f"""import pathlib, time
from judge import findings, run_check, tree_layout
folder = pathlib.Path({str(support.ROOT)!r}, tree_layout.EXAMPLE)
sizes = {{path.name: path.stat().st_size for path in folder.iterdir()}}
run_check.inspect(folder, tree_layout.place_of_run(tree_layout.EXAMPLE), sizes, findings.FindingList(), time.time())
"""
LOOKS_AT_NO_REFS = re.compile("check_submission|summarize_run")
LOOKS_AT_RUNS = re.compile(r"\bRUN\b|--status")
MODEL = {"name": "llama3.2:1b", "size_bytes": 1_000_000, "prefill_tok_s": 400_000.0, "decode_gap_ms": 0.3,
         "answer_tokens": 20, "tokens_per_chunk": 5, "load_ms": 5.0}


def text_of(path: str) -> str:
    return (support.ROOT / path).read_text(encoding="utf-8")


def section(number: int) -> str:
    """A numbered section of the runbook."""
    found = re.search(rf"^## {number}\. .*?(?=^## \d|\Z)", text_of(RUNBOOK), re.MULTILINE | re.DOTALL)
    return found.group()


def commands(path: str) -> list:
    """Every line of every `sh` fence, in order."""
    fences = [inside for kind, inside in FENCE.findall(text_of(path)) if kind == "sh"]
    return [line for inside in fences for line in inside.splitlines() if line.strip()]


class Made(unittest.TestCase):
    def test_what_is_taken_from_the_code_is_what_the_code_says(self):
        for path, text in documents.made().items():
            with self.subTest(path=path):
                self.assertEqual(text_of(path), text, "run: python tests/documents.py --write")

    def test_every_field_of_every_record_is_explained(self):
        told = text_of("harness/fields.md")
        for kind, fields in records.RECORDS.items():
            with self.subTest(kind=kind):
                if kind.endswith("_fact"):
                    self.assertEqual([field.name for field in fields], ["value", "method", "why"])
                else:
                    self.assertIn(f"### `{kind}`\n\n{documents.fields_of(kind)}\n", told)

    def test_the_picture_says_that_it_is_synthetic_and_asks_nobody_for_anything(self):
        drawn = text_of(documents.picture.PATH)
        self.assertIn("SYNTHETIC: planted figures, no machine was measured", drawn)
        self.assertEqual(re.findall(r"https?://[^\"]+|<script|<image|@import|url\(", drawn), ["http://www.w3.org/2000/svg"])
        self.assertIn(f"({documents.picture.PATH})", text_of("README.md"))


class Runbook(unittest.TestCase):
    def test_it_is_short_enough_to_be_read_to_its_end(self):
        self.assertLess(len(text_of(RUNBOOK)), MOST_CHARACTERS)

    def test_its_sections_are_numbered_from_1_to_10_and_the_shortest_path_comes_first(self):
        headings = re.findall(r"^## (.*)", FENCE.sub("", text_of(RUNBOOK)), re.MULTILINE)
        self.assertEqual([heading.split(".")[0] for heading in headings], ["The shortest path", *map(str, range(1, 11))])
        self.assertEqual(re.findall(r"^### (\w+)", text_of(RUNBOOK), re.MULTILINE), ["6a", "6b"])

    def test_every_exit_code_is_told(self):
        told = re.findall(r"^\| (\d+) \|", section(10), re.MULTILINE)
        known = [errors.FINE, errors.FOUND, errors.USAGE, errors.BROKEN, errors.INTERRUPTED]
        self.assertEqual([int(code) for code in told], known)

    def test_every_message_that_is_quoted_is_one_that_a_command_prints(self):
        constants = [node.value for path in sources() for node in nodes(path).get(ast.Constant, ())]
        printed = {value for value in constants if isinstance(value, str)}
        quoted = re.findall(r"^\| `([^`]+)` \|", section(10).partition("the line says")[2], re.MULTILINE)
        self.assertGreater(len(quoted), 8)
        for message in quoted:
            with self.subTest(message=message):
                self.assertTrue(any(message in text for text in printed))

    def test_every_word_of_a_closed_list_is_one(self):
        told = text_of(RUNBOOK)
        for before, known in (("warnings?", records.WARNINGS), ("verdict", records.VERDICTS), ("skipped as", records.SKIP_REASONS),
                              ("outcomes", records.OUTCOMES), ("ids such as", RULES)):
            words = before + r" ((?:`[a-z-]+`(?:, | or |, or )?)+)"
            found = [word for group in re.findall(words, told) for word in re.findall("`([a-z-]+)`", group)]
            with self.subTest(words):
                self.assertTrue(found)
                self.assertLessEqual(set(found), set(known))

    def test_its_sums_of_tokens_are_those_of_the_suites(self):
        loaded = {phase: suites.load(phase) for phase in PHASES}
        limits = {(phase, item.id): item.num_predict for phase, suite in loaded.items() for item in suite.items}
        blocks = plan.blocks(["a", "b"], list(PHASES), loaded, plan.Settings())
        steps = [step for block in blocks for step in block.steps]
        alone = sum(limits[step.phase, step.item] for step in steps if step.model == "a" and step.phase != "parallel-mixed")
        mixed = sum(limits[step.phase, step.item] for step in steps if step.phase == "parallel-mixed")
        self.assertEqual((round(alone, -3), round(mixed, -2)), (22_000, 8_200))
        self.assertIn("at most 22,000 answer tokens", text_of(RUNBOOK).replace("\n", " "))
        self.assertIn("adds 8,200 tokens", text_of(RUNBOOK).replace("\n", " "))


class Redaction(unittest.TestCase):
    def test_every_document_says_alike_what_happens_to_a_run_that_is_taken_back(self):
        """One said that the folder stays, another that everything is removed."""
        for name in ("CONTRIBUTING.md", "submissions/README.md", "harness/MAINTAINING.md", ".gitea/ISSUE_TEMPLATE/redaction.md"):
            text = " ".join((support.ROOT / name).read_text(encoding="utf-8").split())
            for words in ("no longer shown from the next build of the site on", "leave `main` too if", "or if something private was in them",
                          "in Git's history stay, unless the history is rewritten", "for private things only"):
                with self.subTest((name, words)):
                    self.assertIn(words, text)

    def test_maintainers_find_every_key_of_the_overlay(self):
        text = (support.ROOT / "harness/MAINTAINING.md").read_text(encoding="utf-8")
        self.assertEqual(re.findall(r"(?m)^\| `(\w+)` \|", text.partition("| key of an entry |")[2]), list(moderation.KINDS))


class Words(unittest.TestCase):
    def test_every_flag_in_a_document_exists(self):
        known = {verb: {name for action in documents.actions_of(verb) for name in action.option_strings} | {"--help"}
                 for verb in documents.VERBS}
        everybody = set().union(*known.values()) | set(OTHERS_FLAGS)
        for path in (*EXECUTED, "harness/README.md"):
            for line in re.split(r"\n|`", text_of(path)):
                found = re.match(r"(?:python harness/)?(\w+)\.py ", line)
                allowed = known.get(found.group(1), everybody) if found else everybody
                with self.subTest(path=path, line=line):
                    self.assertLessEqual(set(FLAG.findall(line)), allowed)

    def test_every_flag_that_exists_is_documented(self):
        told = text_of("harness/README.md")
        for verb in documents.VERBS:
            for action in documents.actions_of(verb):
                for name in action.option_strings:
                    with self.subTest(verb=verb, flag=name):
                        self.assertRegex(told, rf"`{name}[ `]")

    def test_every_command_is_named_in_the_readme_and_has_its_flags_listed(self):
        for verb in documents.VERBS:
            with self.subTest(verb=verb):
                self.assertIn(f"`{verb}.py`", text_of("README.md"))
                self.assertIn(f"### `{verb}.py`", text_of("harness/README.md"))

    def test_every_phase_is_explained_in_the_readme_in_running_order(self):
        told = re.findall(r"^\| `([a-z-]+)` \|", text_of("README.md").partition("## What is measured")[2], re.MULTILINE)
        self.assertEqual(told, list(PHASES))

    def test_every_relative_link_resolves(self):
        for path in ALL:
            here = support.ROOT / path
            for target in LINK.findall(FENCE.sub("", text_of(path))):
                if "://" in target:
                    continue
                with self.subTest(path=path, target=target):
                    file, _, anchor = target.partition("#")
                    there = here.parent / file if file else here
                    self.assertTrue(there.exists())
                    self.assertTrue(not anchor or anchor in anchors(there))

    def test_no_document_tells_anything_private(self):
        for path in ALL:
            with self.subTest(path=path):
                self.assertEqual([found for _, found in sensitive.find(text_of(path))], [])

    def test_fences_are_either_run_or_only_shown(self):
        for path in EXECUTED:
            with self.subTest(path=path):
                self.assertLessEqual({kind for kind, _ in FENCE.findall(text_of(path))}, {"sh", "text"})

    def test_what_is_not_run_stands_in_a_document(self):
        told = {line for path in EXECUTED for line in commands(path)}
        self.assertLessEqual(set(NOT_RUN), told)


def anchors(path: pathlib.Path) -> set:
    """The anchors that a forge makes of a document's headings."""
    headings = re.findall(r"^#+ (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@unittest.skipIf(os.name == "nt", "the fences are for a POSIX shell")
@unittest.skipUnless(gitea.HAS_GIT, "git is not installed")
class Run(unittest.TestCase):
    """Every document from top to bottom, in one clone of an upstream on a scripted Gitea, against the stub.

    Words in capitals are filled in as their reader would; a person fills in run.md when the checker asks for it, and
    agrees to what is shown.
    """

    @classmethod
    def setUpClass(cls):
        cls.world = pathlib.Path(cls.entered(tempfile.TemporaryDirectory(prefix="documents-"))).resolve()
        cls.stub = cls.entered(support.stub({"models": [MODEL]}))
        cls.server, url = cls.entered(gitea.gitea(cls.world / "repos"))
        cls.server.private_git = False
        upstream = gitea.new_bare(cls.world / "repos" / "bench-org" / "bench.git", {"submissions/.keep": ""})
        gitea.teach_agit(upstream)
        cls.clone = cls.world / "clone"
        gitea.git(cls.world, "clone", "-q", "--template=", str(upstream), str(cls.clone))
        cls.fill(cls.clone)
        gitea.git(cls.clone, "remote", "set-url", "origin", f"{url}/bench-org/bench.git")
        cls.shim(cls.world / "bin" / "python")
        cls.environment = {"PATH": f"{cls.world / 'bin'}{os.pathsep}{os.environ['PATH']}", "HOME": str(cls.world),
                           "OLLAMA_HOST": cls.stub.url, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        cls.code, cls.ran, cls.done = "", {}, set()
        cls.commands = cls.entered(contextlib.closing(forked.Commands(cls.clone / "harness", CHECK_ONCE)))

    @classmethod
    def entered(cls, context: object) -> object:
        value = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        return value

    @classmethod
    def fill(cls, clone: pathlib.Path) -> None:
        """The upstream's first real commit: this repository without its tests."""
        listed = gitea.git(support.ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        compiled = [path.relative_to(support.ROOT).as_posix() for path in support.HARNESS.rglob("*.pyc")]    # git ignores them
        for path in {path for path in listed + compiled if path and not path.startswith("tests/") and (support.ROOT / path).is_file()}:
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            (clone / path).write_bytes(support.file_of_a_clone(path))
            shutil.copystat(support.ROOT / path, clone / path)      # what is compiled is known again by time and size
        (clone / "submissions" / ".keep").unlink()
        gitea.git(clone, "add", "-A")
        gitea.git(clone, "commit", "-q", "-m", "the benchmark", **gitea.PERSON)
        gitea.git(clone, "push", "-q", "origin", "HEAD:refs/heads/main")

    @staticmethod
    def shim(path: pathlib.Path) -> None:
        """`python`, whatever this one is called."""
        path.parent.mkdir()
        path.write_text(f'#!/bin/sh\nexec {shlex.join(support.PYTHON)} "$@"\n', encoding="utf-8")
        path.chmod(0o755)

    def test_every_command_of_every_document_does_what_is_said(self):
        for path in EXECUTED:
            for line in commands(path):
                if line not in NOT_RUN:
                    with self.subTest(path=path, command=line):
                        self.carry_out(line)
        done = " ".join(self.ran)
        for verb in ("run_benchmark", "probe_hardware", "summarize_run", "check_submission", "submit_run"):
            self.assertIn(f"harness/{verb}.py", done)
        self.assertEqual(len(gitea.git(self.server.bare("bench-org"), "for-each-ref", "refs/pull").splitlines()), 1)

    def carry_out(self, line: str) -> None:
        command = self.filled_in(line)
        if line in self.ran and not LOOKS_AT_RUNS.search(line):
            return      # what looks at no run, or makes one, does so once for all documents
        if (command, self.state(line)) in self.done:
            return      # the same command on the same runs and requests
        done = self.shell(command)
        if done.returncode == errors.FOUND and "check_submission" in line:
            self.assertIn("still to be filled in", done.stdout)
            self.tell_the_story()
            done = self.shell(command)
        is_sent = bool(gitea.git(self.server.bare("bench-org"), "for-each-ref", "refs/pull"))
        stops = "submit_run" in line and not {"--dry-run", "--confirm"} & {word.partition("=")[0] for word in line.split()} and not is_sent
        self.assertEqual(done.returncode, errors.FOUND if stops else errors.FINE, done.stdout + done.stderr)
        if stops:
            type(self).code = done.stderr.partition("--confirm=")[2].split()[0]
        if "harness/" in line and "--tag" not in line:
            self.assertRegex(done.stderr.splitlines()[-1], r"\Anext: \S")
        self.done.add((command, self.state(line)))
        self.ran[line] = done

    def state(self, line: str) -> str:
        """A hash of what a command looks at: every run in the clone, and for most the refs of the clone and its upstream."""
        state = hashlib.sha256()
        for path in sorted((self.clone / "submissions").rglob("run-*/*")):
            state.update(path.read_bytes())
        for repository in () if LOOKS_AT_NO_REFS.search(line) else (self.clone, self.server.bare("bench-org")):
            state.update(gitea.git(repository, "for-each-ref").encode())
        return state.hexdigest()

    def shell(self, command: str) -> subprocess.CompletedProcess:
        """The first command is typed into a shell; the others need no start-up."""
        program, script, *words = shlex.split(command)
        if self.done and program == "python":
            return self.commands.run(script.removeprefix("harness/"), *words, cwd=self.clone, env=self.environment)
        return subprocess.run(["sh", "-c", command], cwd=self.clone, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300)

    def filled_in(self, line: str) -> str:
        runs = sorted((self.clone / "submissions").glob("ana/*/run-*"), key=lambda path: path.stat().st_mtime)
        values = {"HANDLE": "ana", "TAG": "mac-m1-8gb", "MODELS": MODEL["name"], "TIME": "90m", "CODE": self.code,
                  "RUN": runs[-1].relative_to(self.clone).as_posix() if runs else None}
        return re.sub(r"\b[A-Z]{3,}\b", lambda found: values[found.group()], line)

    def tell_the_story(self) -> None:
        for path in (self.clone / "submissions").glob("ana/*/run-*/run.md"):
            path.write_text(valid.filled_in(path.read_text(encoding="utf-8"), valid.STORY), encoding="utf-8")


if __name__ == "__main__":
    unittest.main()
