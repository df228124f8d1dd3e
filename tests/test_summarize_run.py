"""summarize_run.py and the books it closes: the same bytes everywhere, the owner's words kept, nothing written of a bad ledger."""
from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import ledgers
import support
from ledgers import call, footer, meta

from base import console, json_text, ledger, ledger_reader, records, run_folder, schema
from base.ledger_reader import LedgerReader
from derive import run_md
from mutants import valid
import summarize_run

CALLS = [call(item=f"5Q-Q0{n}", gap_ms=10 + n) for n in range(1, 6)]


class Folder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.out = pathlib.Path(temporary.name)
        self.folder = self.out / "ana" / "mac-m1-8gb" / f"run-{ledgers.RUN_ID}"
        self.folder.mkdir(parents=True)
        self.manifest = ledgers.manifest(planned_calls=5)
        (self.folder / "manifest.json").write_bytes(json_text.pretty(self.manifest))
        self.write([meta(), *CALLS, footer(5, outcomes={"ok": 5})])

    def write(self, lines: list) -> None:
        (self.folder / run_folder.LEDGER).write_bytes(ledgers.data(lines))

    def run_it(self, *words: str) -> tuple:
        """(exit code, stdout, stderr)."""
        said, told = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
            code = console.guarded(lambda: summarize_run.main([*words]))
        return code, said.getvalue(), told.getvalue()

    def files(self) -> dict:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


class Writing(Folder):
    def test_both_files_are_written_and_the_next_command_is_named(self):
        code, said, told = self.run_it(str(self.folder))
        self.assertEqual(code, 0)
        self.assertEqual(set(self.files()), {"manifest.json", "run.jsonl", "metadata.json", "run.md"})
        self.assertIn("metadata.json", said)
        self.assertIn("next: ", told)

    def test_the_next_step_is_what_run_md_still_asks_or_else_the_way_to_submit(self):
        files = valid.Run().files()
        story = files["run.md"].decode("utf-8")
        for name, told, step in (("whole", story, "next: python harness/submit_run.py"),
                                 ("boxes open", story.replace("- [x] ", run_md.BOX), "next: look through the five files"),
                                 ("a question open", story.replace(next(iter(valid.STORY.values())), f"{run_md.PROMPT} what"),
                                  "next: fill in what run.md asks, then")):
            folder = valid.laid_out(self.out / name / valid.Run().place, {**files, "run.md": told.encode("utf-8")})
            with self.subTest(name):
                with mock.patch.object(LedgerReader, "__iter__", autospec=True, side_effect=LedgerReader.__iter__) as reading:
                    code, _, said = self.run_it(str(folder))
                self.assertEqual((code, said.splitlines()[-1][:len(step)]), (0, step))
                self.assertEqual(reading.call_count, 1)

    def test_a_run_is_found_by_its_id(self):
        self.assertEqual(self.run_it(f"run-{ledgers.RUN_ID}", "--out", str(self.out))[0], 0)

    def test_what_is_written_is_what_the_schema_says_with_the_ledger_s_hash(self):
        self.run_it(str(self.folder))
        data = self.files()["metadata.json"]
        found = json_text.loads(data)
        self.assertEqual(schema.problems(found, "metadata"), [])
        self.assertEqual(list(found), [field.name for field in records.RECORDS["metadata"]])
        self.assertEqual(found["ledger_sha256"], ledger.sha256(self.files()["run.jsonl"]))

    def test_another_python_gives_the_same_bytes(self):
        self.run_it(str(self.folder))
        before = self.files()
        others = sorted(pathlib.Path.home().glob(".pyenv/versions/3.*/bin/python"))
        usable = [path for path in others if path.parts[-3].split(".")[1] in ("9", "10", "11", "12", "13", "14")]
        for python in {usable[0], usable[-1]} if usable else {pathlib.Path(sys.executable)}:
            with self.subTest(python=python.parts[-3]):
                done = subprocess.run([str(python), "-S", str(support.HARNESS / "summarize_run.py"), str(self.folder)],
                                      env={**os.environ, "PYTHONHASHSEED": "7"}, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, timeout=60)
                self.assertEqual((done.returncode, self.files()), (0, before), done.stderr)

    def test_the_owner_s_words_stay_and_the_block_is_made_anew(self):
        self.run_it(str(self.folder))
        path = self.folder / run_folder.RUN_MD
        text = path.read_text(encoding="utf-8")
        mine = text.replace(f"{run_md.PROMPT} what stands", "A fan as loud as a kettle. Was: what stands", 1).replace(
            "### Verdict", "### Hand-made verdict")
        path.write_bytes(mine.encode("utf-8"))
        self.assertEqual(self.run_it(str(self.folder))[0], 0)
        after = path.read_text(encoding="utf-8")
        self.assertIn("A fan as loud as a kettle.", after)
        self.assertNotIn("Hand-made", after)

    def test_a_run_md_without_its_marks_is_left_alone_and_so_is_the_metadata(self):
        (self.folder / run_folder.RUN_MD).write_bytes(b"only my words\n")
        code, _, told = self.run_it(str(self.folder))
        self.assertEqual(code, 1)
        self.assertIn("marks", told)
        self.assertNotIn("metadata.json", self.files())
        self.assertEqual(self.files()["run.md"], b"only my words\n")

    def test_the_same_holds_where_the_checker_has_nothing_against_the_ledger(self):
        files = {**valid.Run().files(), "run.md": b"only my words\n"}
        folder = valid.laid_out(self.out / "words" / valid.Run().place, {name: data for name, data in files.items() if name != "metadata.json"})
        code, _, told = self.run_it(str(folder))
        self.assertEqual((code, sorted(path.name for path in folder.iterdir())), (1, ["hardware.json", "manifest.json", "run.jsonl", "run.md"]))
        self.assertIn("marks", told)
        self.assertNotIn("bug", told)


class Checking(Folder):
    def test_check_writes_nothing_and_tells_which_file_is_stale(self):
        code, said, _ = self.run_it("--check", str(self.folder))
        self.assertEqual((code, set(self.files())), (1, {"manifest.json", "run.jsonl"}))
        self.run_it(str(self.folder))
        self.assertEqual(self.run_it("--check", str(self.folder))[0], 0)
        found = json.loads(self.files()["metadata.json"])
        found["aggregates"][0]["calls"] += 1
        (self.folder / "metadata.json").write_bytes(json_text.pretty(found))
        code, said, _ = self.run_it("--check", str(self.folder))
        self.assertEqual(code, 1)
        self.assertIn("metadata.json", said)
        self.assertNotIn("run.md", said)


class BadLedgers(Folder):
    def spoilt(self) -> dict:
        """What is wrong: (bytes of the ledger, a word that the one line must hold, the line it must name)."""
        whole = ledgers.data([meta(), *CALLS, footer(5)])
        lines = whole.splitlines(keepends=True)
        newer = ledgers.data([meta(schema="ledger-9.0"), *CALLS])
        return {
            "torn": (whole[:-20], "ends early", 7), "edited": (whole.replace(b'"answer":"B"', b'"answer":"C"', 1), "chain", 3),
            "out of order": (b"".join([lines[0], lines[2], lines[1], *lines[3:]]), "chain|order", 2),
            "newer": (newer, "ledger-9.0", 1), "empty": (b"", "empty", None), "no JSON": (b"{\n" + whole, "not JSON", 1),
            "binary": (bytes(range(256)) * 40 + b"\n", "printable ASCII", 1), "a call missing": (lines[0] + b"".join(lines[2:]), "out of order", 2),
            "a field missing": (ledgers.data([meta(), {**CALLS[0], "surprise": 1}]), "surprise", 2),
            "one endless line": (b"[" * 100_000, "ends early|nested", 1),
        }

    def test_each_is_one_line_with_file_and_line_number_and_nothing_is_written(self):
        for name, (data, word, line) in self.spoilt().items():
            (self.folder / run_folder.LEDGER).write_bytes(data)
            with self.subTest(name):
                code, said, told = self.run_it(str(self.folder))
                self.assertEqual((code, said), (1, ""))
                self.assertEqual(told.count("\n"), 1, told)
                self.assertRegex(told, word)
                self.assertIn(f"run.jsonl:{line}:" if line else "run.jsonl:", told)
                self.assertEqual(set(self.files()), {"manifest.json", "run.jsonl"})

    def test_a_ledger_of_another_run_is_refused(self):
        self.write([meta(run_id="1b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"), *CALLS])
        code, _, told = self.run_it(str(self.folder))
        self.assertEqual(code, 1)
        self.assertIn("another run", told)

    def test_a_line_without_end_is_not_read_into_memory(self):
        with mock.patch.object(ledger_reader, "MAX_LINE_BYTES", 1000):
            (self.folder / run_folder.LEDGER).write_bytes(b"[" * 5000)
            code, _, told = self.run_it(str(self.folder))
        self.assertEqual(code, 1)
        self.assertIn("more than 1000 bytes", told)

    def test_wrong_usage_is_no_finding(self):
        for words in (["run-nonsense"], [f"run-{ledgers.RUN_ID}", "--out", str(self.folder)]):
            with self.subTest(words):
                self.assertEqual(self.run_it(*words)[0], 2)


class LastLine(Folder):
    def test_the_last_record_is_found_from_the_end_whatever_its_length(self):
        path = self.folder / run_folder.LEDGER
        for length in (0, 10, ledger_reader.BLOCK_BYTES - 400, ledger_reader.BLOCK_BYTES, 3 * ledger_reader.BLOCK_BYTES):
            with self.subTest(length):
                self.write([meta(), footer(0, code_grades={"1": {"passed": True, "reason": "x" * length}})])
                self.assertEqual(len(ledger_reader.last(path)["code_grades"]["1"]["reason"]), length)

    def test_what_is_torn_or_no_object_is_none(self):
        path = self.folder / run_folder.LEDGER
        for data in (b"", b"{}", b"\n", b"[1]\n", b"x\n", b'{"a":1}\n{"b"'):
            with self.subTest(data):
                path.write_bytes(data)
                self.assertIsNone(ledger_reader.last(path))


if __name__ == "__main__":
    unittest.main()
