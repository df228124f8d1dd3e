"""compare_runs.py: what two folders have in common, said on stdout; what to do about it on stderr; the exit code."""
from __future__ import annotations

import contextlib
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

import ledgers
from ledgers import call, footer, meta
from test_paired_comparison import OTHER_ID, manifest as test_manifest

from base import console, json_text, ledger, other_runs, run_folder, schema, suites
from derive import derived_files
import compare_runs

PHASES = ("small-eval", "frozen-prompts")


def manifest(run_id: str = ledgers.RUN_ID, **changes: object) -> dict:
    """A manifest that names suites of this clone."""
    used = [{"phase": suite.phase, "suite_id": suite.suite_id, "version": suite.version, "file": suite.file_name,
             "sha256": suite.sha256} for suite in map(suites.load, PHASES)]
    plan = [{"phase": phase, "model": "m:1b", "planned_calls": 9} for phase in PHASES]
    return test_manifest(**{"run_id": run_id, "suites": used, "plan": plan, "synthetic": False, **changes})


def calls(gap_ms: float = 10.0, **changes: object) -> list:
    frozen = [call(gap_ms=gap_ms, phase="frozen-prompts", item=f"P-{name}", repeat=repeat, prompt=300, **{"pass": "first"},
                   **changes) for repeat in (1, 2, 3) for name in ("EASY", "MEDIUM", "HARD")]
    return frozen + [call(gap_ms=gap_ms, **changes)]


class Folders(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.out = pathlib.Path(temporary.name)
        self.a = self.folder(calls())
        self.b = self.folder(calls(5.0), OTHER_ID)

    def folder(self, made: list, run_id: str = ledgers.RUN_ID, complete: bool | None = True, synthetic: bool = False,
               **changes: object) -> pathlib.Path:
        """A run's folder; `complete` None: without a footer."""
        folder = self.out / "ana" / "mac-m1-8gb" / f"run-{run_id}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_bytes(json_text.pretty(manifest(run_id, synthetic=synthetic, **changes)))
        ending = [] if complete is None else [footer(len(made), complete=complete)]
        (folder / run_folder.LEDGER).write_bytes(ledgers.data([meta(run_id=run_id, synthetic=synthetic), *made, *ending]))
        return folder

    def compare(self, *words: object) -> tuple:
        """(exit code, stdout, stderr)."""
        said, told = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
            code = console.guarded(lambda: compare_runs.main([str(word) for word in words] or [str(self.a), str(self.b)]))
        return code, said.getvalue(), told.getvalue()


class Compared(Folders):
    def test_two_runs_are_compared_and_the_next_command_is_named(self):
        code, said, told = self.compare()
        self.assertEqual(code, 0)
        self.assertRegex(said, r"m:1b +frozen-prompts +decode +9 +2\.000 +2\.000 to 2\.000 +B is 100\.0 % faster\n")
        self.assertRegex(said, r"m:1b +frozen-prompts +TTFT +9 +1\.000 +1\.000 to 1\.000 +no difference shown\n")
        self.assertNotIn("synthetic", said)

    def test_the_next_command_finishes_a_run_or_measures_the_noise_floor_or_names_another_machine(self):
        machine = {"system": {"name": {"value": "Debian", "method": "x"}}}
        for folder in (self.a, self.b):
            (folder / "hardware.json").write_bytes(json_text.pretty(machine))
        self.assertEqual(self.compare()[2], "next: compare this machine with another one: python harness/compare_runs.py A B\n")
        self.b = self.folder(calls(5.0), OTHER_ID, device_tag="mac-m2-8gb")
        self.assertRegex(self.compare()[2], r"\Anext: for the noise floor, on the machine of B once more: python "
                                            r"harness/run_benchmark\.py --phases small-eval,frozen-prompts .*\n\Z")
        for complete in (False, None):
            with self.subTest(complete=complete):
                self.b = self.folder(calls(5.0), OTHER_ID, complete)
                code, _, told = self.compare()
                self.assertEqual((code, told), (0, (
                    "B is not finished: only the calls that it has are compared\nnext: on the machine of B: python harness/run_benchmark.py "
                    f"--resume run-{OTHER_ID}\n")))

    def test_json_is_the_record_and_the_same_each_time(self):
        code, said, _ = self.compare(self.a, self.b, "--json")
        found = json_text.loads(said.encode("ascii"))
        self.assertEqual((code, schema.problems(found, "comparison"), found["synthetic"]), (0, [], False))
        self.assertEqual(found["a"]["ledger_sha256"], ledger.sha256((self.a / run_folder.LEDGER).read_bytes()))
        self.assertEqual(self.compare(self.a, self.b, "--json")[1], said)

    def test_runs_are_found_by_their_ids(self):
        self.assertEqual(self.compare(f"run-{ledgers.RUN_ID}", OTHER_ID, "--out", self.out)[0], 0)

    def test_a_run_against_itself_says_so(self):
        code, said, told = self.compare(self.a, self.a)
        self.assertEqual(code, 0)
        self.assertEqual(told, "A and B are the same run, so nothing can differ\nnext: name two different runs\n")
        self.assertNotIn("noise floor", said)

    def test_synthetic_runs_are_marked_as_text_and_as_json(self):
        self.b = self.folder(calls(), OTHER_ID, synthetic=True)
        _, said, told = self.compare()
        self.assertTrue(said.startswith("synthetic: B made by a stub or a script; no machine was measured\n"), said)
        self.assertEqual(told, "next: name two runs of machines that were measured\n")
        self.assertTrue(json.loads(self.compare(self.a, self.b, "--json")[1])["synthetic"])

    def test_the_comparison_can_be_limited_to_one_model(self):
        self.assertEqual(self.compare(self.a, self.b, "--model", "M:1B")[0], 0)

    def test_answers_are_graded_by_the_suite_of_their_run(self):
        self.b = self.folder(calls(answer="no idea"), OTHER_ID)
        found = json.loads(self.compare(self.a, self.b, "--json")[1])
        answers = [cell["answers"] for cell in found["cells"]]
        self.assertEqual([one and one["n"] for one in answers], [None, 1], "frozen prompts have no right answers")

    def test_a_missing_suite_excludes_only_its_answers(self):
        unknown = [{**row, "sha256": "1" * 64} for row in manifest()["suites"]]
        self.a, self.b = self.folder(calls(), suites=unknown), self.folder(calls(), OTHER_ID, suites=unknown)
        code, said, told = self.compare()
        self.assertEqual(code, 0)
        self.assertIn("answers of small-eval are not compared", told)
        self.assertNotIn("Answers:", said)

    def test_nothing_is_written(self):
        before = sorted(path.name for path in self.out.rglob("*"))
        self.compare()
        self.assertEqual(sorted(path.name for path in self.out.rglob("*")), before)


class OneRun(Folders):
    def with_metadata(self, folder: pathlib.Path, **changes: object) -> None:
        metadata = derived_files.metadata(folder, run_folder.read_manifest(folder), {})
        (folder / "metadata.json").write_bytes(json_text.pretty({**metadata, **changes}))

    def test_one_run_is_ranked_among_the_same_model_on_other_devices(self):
        self.b = self.folder(calls(5.0), OTHER_ID)
        self.with_metadata(self.b, device_tag="rtx-4090-24gb")
        code, said, told = self.compare(self.a, "--out", self.out)
        self.assertEqual(code, 0, told)
        self.assertIn("m:1b\n\nthe same model on other devices (1 device):", said)
        self.assertRegex(said, r"decode tok/s +\S+ \(n=9\) +2 of 2 +0 % +- +rtx-4090-24gb 200,\s+more\s+than\s+noise")
        self.assertIn("other models on this device: none yet", said)
        self.assertRegex(told, r"next: to see it as a page: python.*build_catalogue.py --with .* --serve\n")

    def test_without_other_runs_only_a_sparse_clone_is_told_how_to_get_them(self):
        for state, words in ((other_runs.LEFT_OUT, "git sparse-checkout set harness submissions"),
                             (other_runs.NONE, "no other run is in this clone")):
            with mock.patch.object(other_runs, "state", return_value=state), mock.patch.object(run_folder, "SUBMISSIONS", self.out.resolve()):
                code, said, told = self.compare(self.a)
            self.assertEqual(code, 0)
            self.assertIn(words, told)
        self.assertIn("no other runs in this folder", self.compare(self.a, "--out", self.out)[2])


class Refused(Folders):
    def test_runs_without_a_common_call_are_not_comparable_and_their_differences_are_listed(self):
        self.b = self.folder([call(phase="small-eval", item="5Q-Q05")], OTHER_ID)
        code, said, told = self.compare()
        self.assertEqual(code, 1)
        self.assertIn("Differences:", said)
        self.assertRegex(told, r"\Aerror: A and B: no call of one run can be compared with .*; compare runs of the same models")

    def test_a_damaged_ledger_is_named_with_its_line(self):
        path = self.b / run_folder.LEDGER
        whole = path.read_bytes()
        for what, data, says in (("torn", whole[:-9], "the line ends early"), ("binary", b"\0\xff\n", ":1: "),
                                 ("edited", whole.replace(b'"B"', b'"C"', 1), ":3: "), ("empty", b"", "empty"),
                                 ("missing", None, run_folder.LEDGER)):
            path.unlink() if data is None else path.write_bytes(data)
            with self.subTest(what):
                code, said, told = self.compare()
                self.assertEqual((code, said, told.count("\n")), (1, "", 1))
                self.assertIn(str(self.b), told)
                self.assertIn(says, told)

    def test_a_file_that_is_not_json_is_named(self):
        for name in ("hardware.json", "manifest.json"):
            (self.b / name).write_bytes(b"{")
            with self.subTest(name):
                code, said, told = self.compare()
                self.assertEqual((code, said, told.count("\n")), (1, "", 1))
                self.assertIn(name, told)

    def test_a_ledger_of_another_run_than_its_manifest_is_refused(self):
        (self.b / run_folder.LEDGER).write_bytes((self.a / run_folder.LEDGER).read_bytes())
        code, _, told = self.compare()
        self.assertEqual(code, 1)
        self.assertIn("of another run", told)

    def test_impossible_combinations_are_wrong_usage(self):
        for words, says in (((self.a, "latest"), "is a UUID"), ((self.a, "1" + OTHER_ID[1:-1] + "0"), "no such run"),
                            ((self.a, self.b, "--model", "x:1b"), "neither run has this model")):
            with self.subTest(words=words):
                code, said, told = self.compare(*words)
                self.assertEqual((code, said), (2, ""))
                self.assertIn(says, told)
        with self.assertRaises(SystemExit) as caught:
            self.compare(self.a, "--json")
        self.assertEqual(caught.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
