"""A draft: one run that was not submitted, on pages of its own, marked, and never in the published site."""
from __future__ import annotations

import contextlib
import io
import pathlib
import tempfile
import unittest

import support  # noqa: F401  (puts the harness on the path)

import build_catalogue
from base import console
from derive import run_md
from mutants import valid
from publish import draft
from submit import run_status


class Draft(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.root = pathlib.Path(held.name).resolve()
        self.contents = valid.Run().files()
        self.tree, self.run_folder = self.root / "submissions", self.root / "out" / "unnamed" / valid.DEVICE_TAG / f"run-{valid.RUN_ID}"
        self.tree.mkdir()

    def build(self, *words: object) -> tuple:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = console.guarded(lambda: build_catalogue.main(["--submissions", str(self.tree), "--jobs", "1", *map(str, words)]))
        return code, out.getvalue(), err.getvalue()

    def test_a_run_that_is_neither_described_nor_submitted_has_its_page_marked_as_a_draft(self):
        text = self.contents["run.md"].decode().replace("- [x] ", run_md.BOX)
        question = run_md.SECTIONS[0][1]
        self.contents["run.md"] = text.replace(valid.STORY[run_md.SECTIONS[0][0]], f"{run_md.PROMPT} {question}").encode()
        valid.laid_out(self.run_folder, self.contents)
        before = {path.name: path.read_bytes() for path in self.run_folder.iterdir()}
        code, out, err = self.build("--with", self.run_folder, "--out", self.root / "draft")
        self.assertEqual(code, 0, err)
        page = pathlib.Path(out.splitlines()[-1])
        text = page.read_text(encoding="utf-8")
        self.assertIn(f"<b>Draft. </b>{draft.NOTE} {draft.GRADE_NOTE} {draft.BOXES_NOTE}</p>", text)
        self.assertIn("<title>Draft: run of ", text)
        self.assertNotIn("Maintainer", text)
        self.assertIn(draft.UNANSWERED, text)
        self.assertEqual(page, self.root / "draft" / "site" / "runs" / f"{valid.RUN_ID}.html")
        self.assertEqual({path.name: path.read_bytes() for path in self.run_folder.iterdir()}, before)
        self.assertEqual(list(self.tree.iterdir()), [])

    def test_the_next_step_is_that_of_the_run_as_status_names_it(self):
        """It was once a check, also of a run that had been checked or sent."""
        described, checked = (self.root / name / valid.HANDLE / valid.DEVICE_TAG / self.run_folder.name for name in ("described", "checked"))
        open_boxes = self.contents["run.md"].decode().replace("- [x] ", run_md.BOX).encode()
        for folder, text, step in ((self.run_folder, self.contents["run.md"], "--move"), (described, open_boxes, "look through the five files"),
                                   (checked, self.contents["run.md"], "submit_run.py")):
            with self.subTest(step):
                manifest = self.contents["manifest.json"]
                if folder == self.run_folder:
                    manifest = manifest.replace(f'"handle": "{valid.HANDLE}"'.encode(), b'"handle": null')
                valid.laid_out(folder, {**self.contents, "manifest.json": manifest, "run.md": text})
                code, _, err = self.build("--with", folder, "--out", self.root / "draft")
                self.assertEqual((code, err.splitlines()[-1]), (0, f"next: {run_status.next_step(run_status.look(folder, self.root))}"))
                self.assertIn(step, err.splitlines()[-1])

    def test_a_run_that_the_check_refuses_has_no_page_that_is_named(self):
        valid.laid_out(self.run_folder, {**self.contents, "hardware.json": b"{}"})
        code, out, err = self.build("--with", self.run_folder, "--out", self.root / "draft")
        self.assertEqual(code, 1)
        self.assertIn("the draft does not show this run", err)
        self.assertNotIn(".html", out)

    def test_a_synthetic_run_is_no_draft(self):
        example, = (support.HARNESS.parent / "submissions" / "EXAMPLE").glob("*/run-*")
        code, _, err = self.build("--with", example, "--out", self.root / "draft")
        self.assertEqual(code, 2)
        self.assertIn("a synthetic run, which measured no machine", err)

    def test_a_published_site_is_not_overwritten_with_a_draft(self):
        valid.laid_out(self.run_folder, self.contents)
        site = self.root / "site"
        self.assertEqual(self.build("--out", site)[0], 0)
        before = sorted(path.name for path in site.rglob("*"))
        code, _, err = self.build("--with", self.run_folder, "--out", site)
        self.assertEqual(code, 2)
        self.assertIn("a draft must not become a part of it", err)
        self.assertEqual(sorted(path.name for path in site.rglob("*")), before)

    def test_a_submitted_run_is_there_once_in_its_own_draft(self):
        folder = valid.laid_out(self.tree / valid.HANDLE / valid.DEVICE_TAG / f"run-{valid.RUN_ID}", self.contents)
        tree, run_id, notes = draft.stage(folder, self.tree, self.root / "draft")
        self.assertEqual(notes, [draft.NOTE])     # no question is open
        self.assertEqual((run_id, [path.name for path in tree.rglob("run-*") if path.is_dir()]), (valid.RUN_ID, [folder.name]))


if __name__ == "__main__":
    unittest.main()
