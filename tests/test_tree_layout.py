"""Places: what lies where under submissions/, on disk as in Git."""
from __future__ import annotations

import os
import pathlib
import tempfile
import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import run_folder
from judge import tree_layout
from judge.tree_layout import TreeEntry

RUN = "submissions/ana/mac-m1-8gb/run-0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"


def rules(entry: TreeEntry) -> list:
    return [one.rule for one in tree_layout.problems(entry)]


class Names(unittest.TestCase):
    def test_the_five_files_and_the_readme_may_be_there(self):
        for path in [f"{RUN}/{name}" for name in run_folder.FILES] + ["submissions/README.md"]:
            self.assertEqual(rules(TreeEntry(path)), [], path)

    def test_each_other_path_has_one_thing_wrong_with_it(self):
        for path, rule in (
                (f"{RUN}/notes.txt", "name-file-extra"), (f"{RUN}/sub/run.md", "name-file-extra"), ("submissions/ana/x", "name-layout"),
                ("submissions/x.md", "name-layout"), ("submissions/ana/mac-m1-8gb/x/y", "name-layout"),
                (f"{RUN}/.gitignore", "scope-git-file"), ("submissions/.gitmodules", "scope-git-file"),
                ("submissions/.github/workflows/x.yml", "scope-git-file"), ("submissions/ana/CODEOWNERS", "scope-git-file"),
                (f"{RUN}/CLAUDE.md", "scope-agent-file"), (f"{RUN}/agents.MD", "scope-agent-file"), (f"{RUN}/.cursorrules", "scope-agent-file"),
                ("submissions/ana/.claude/settings.json", "scope-agent-file"), (f"{RUN}/.vscode/tasks.json", "scope-agent-file")):
            with self.subTest(path=path):
                self.assertEqual(rules(TreeEntry(path)), [rule])

    def test_what_is_no_plain_file_is_told_whatever_its_name(self):
        self.assertEqual(rules(TreeEntry(f"{RUN}/run.md", "link")), ["scope-symlink"])
        self.assertEqual(rules(TreeEntry(f"{RUN}/run.md", "other")), ["scope-symlink"])
        self.assertEqual(rules(TreeEntry(f"{RUN}/run.md", "submodule")), ["scope-submodule"])
        self.assertEqual(rules(TreeEntry(f"{RUN}/run.md", executable=True)), ["scope-mode"])

    def test_names_that_are_one_somewhere_collide(self):
        for one, other in (("run.md", "Run.md"), ("caf\u00e9", "cafe\u0301"), ("stra\u00dfe", "STRASSE"), ("\ufb01le", "file")):
            with self.subTest(one=one):
                found = list(tree_layout.collisions([f"{RUN}/{one}", f"{RUN}/{other}"]))
                self.assertEqual([finding.rule for finding in found], ["name-collision"])
        self.assertEqual(list(tree_layout.collisions([f"{RUN}/a", f"{RUN}/b", f"{RUN}/a-b"])), [])

    def test_only_the_paths_that_are_judged_have_problems(self):
        entries = [TreeEntry(f"submissions/a/{tag}/run-1/other.txt") for tag in ("tag", "TAG")]
        for judged, rules in ((None, {"name-file-extra", "name-collision"}), ({entries[0].path}, {"name-file-extra"}),
                              ({"submissions/a/TAG"}, {"name-collision"}), ((), set())):
            with self.subTest(judged):
                self.assertEqual({finding.rule for finding in tree_layout.all_problems(entries, judged)}, rules)

    def test_the_example_is_the_example_and_no_other_is(self):
        self.assertEqual(list(tree_layout.folder_problems(tree_layout.place_of(tree_layout.EXAMPLE + "/run.md"))), [])
        for path in (tree_layout.EXAMPLE.replace("mac-m1", "mac-m2"), tree_layout.EXAMPLE.replace("EXAMPLE", "ana"), tree_layout.EXAMPLE.replace("EXAMPLE", "example")):
            with self.subTest(path=path):
                self.assertTrue(list(tree_layout.folder_problems(tree_layout.place_of(path))))


class Disk(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.root = pathlib.Path(made.name)

    def put(self, path: str, mode: int = 0o644) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(b"x")
        (self.root / path).chmod(mode)

    def test_every_file_is_told_and_what_systems_leave_behind_is_not(self):
        for path in ("a/b", "a/.DS_Store", "a/__pycache__/x.pyc", "c"):
            self.put(path)
        self.assertEqual([entry.path for entry in tree_layout.on_disk(self.root, "t")], ["t/c", "t/a/b"])

    def test_nothing_within_a_repository_is_told_but_that_it_is_one(self):
        self.put("a/.git/config")
        self.put("a/x")
        self.assertEqual([(entry.path, entry.kind) for entry in tree_layout.on_disk(self.root, "t")], [("t/a", "submodule"), ("t/a/x", "file")])

    @unittest.skipIf(os.name == "nt", "needs links, pipes and modes")
    def test_links_are_not_followed_and_pipes_not_opened(self):
        self.put("real/x")
        (self.root / "link").symlink_to(self.root / "real")
        os.mkfifo(self.root / "pipe")
        kinds = {entry.path: entry.kind for entry in tree_layout.on_disk(self.root, "t")}
        self.assertEqual(kinds, {"t/link": "link", "t/pipe": "other", "t/real/x": "file"})

    @unittest.skipIf(os.name == "nt", "needs modes")
    def test_a_file_system_without_modes_has_nothing_to_tell(self):
        self.put("a", 0o755)
        self.put("b", 0o755)
        self.assertFalse(any(entry.executable for entry in tree_layout.settled_modes(list(tree_layout.on_disk(self.root, "t")))))
        self.put("c", 0o644)
        self.assertEqual(sum(entry.executable for entry in tree_layout.settled_modes(list(tree_layout.on_disk(self.root, "t")))), 2)


if __name__ == "__main__":
    unittest.main()
