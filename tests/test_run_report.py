"""The account: every figure of the block has its n, strangers' words cannot become marks, and the command is the run's."""
from __future__ import annotations

import re
import shlex
import unittest

import support
import test_summary as planted

import ledgers
import run_benchmark
from base import plan, records, text_format
from derive import run_md, run_report
from ledgers import call
from measure import options

NUMBER = r"(?<![\w.])\d+(?:\.\d+)?"


def whole() -> tuple:
    """(manifest, metadata) of a run with something of everything."""
    skip = support.record("skipped", role="measured", phase="parallel-mixed", model="m:1b", item="20M-Q01", reason="one-model")
    edge = [call(prompt=prompt, phase="context-edge", item=f"CE-P0{n}", fill=fill, options={"num_ctx": 4096, "num_predict": 96})
            for n, (fill, prompt) in enumerate(((0.25, 1000), (0.5, 2000)), 1)]
    calls = [planted.finding(head_tokens=5), *planted.passes(10, 12.5, prompt=300), call(), call(outcome="cut"), *edge,
             *planted.wave(1, 0, [0]), *planted.wave(2, 0, [0, 0]), skip]
    grader = {"kind": "choice", "options": "ABCD", "answer": "B"}
    found = planted.summarised(*calls, graders={"5Q-Q01": grader})
    rows = [support.record("plan", phase=phase, model="m:1b") for phase in ("frozen-prompts", "small-eval", "context-edge")]
    return ledgers.manifest(plan=rows, repeats=3, num_ctx=4096, context_num_ctx=8192), found


class Block(unittest.TestCase):
    def setUp(self):
        self.manifest, self.metadata = whole()
        self.text = run_report.render(self.manifest, self.metadata)

    def test_it_tells_of_everything(self):
        for heading in ("Verdict", "Phases", "Frozen prompts, before all else", "Concurrency", "Context", "Drift", "Warnings",
                        "Deviations", "Skipped", "The same run again"):
            with self.subTest(heading):
                self.assertIn(f"### {heading}\n", self.text)

    def test_no_rate_and_no_time_stands_without_its_n(self):
        for line in self.text.splitlines():
            cells = [cell.strip() for cell in line.split("|")]
            for cell in cells:
                if re.search(NUMBER + r" (?:ms|tok/s)\b", cell):
                    with self.subTest(line):
                        self.assertRegex(cell, r"\(n=\d+\)")
        for title in ("TTFT ms", "prefill tok/s", "decode tok/s"):
            for cell in self.column(title):
                with self.subTest(title):
                    self.assertRegex(cell, rf"\A(?:-|{NUMBER} \(n=\d+\))\Z")

    def column(self, title: str) -> list:
        """Cells below a title, of every table that has it."""
        found, place = [], None
        for line in self.text.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not line.startswith("|"):
                place = None
            elif title in cells:
                place = cells.index(title)
            elif place is not None and not set(line) <= set("| -"):
                found.append(cells[place])
        self.assertTrue(found, title)
        return found

    def warnings(self, rows: list, version: str) -> list:
        manifest, metadata = {**self.manifest, "harness_version": version}, {**self.metadata, "warnings": rows}
        return run_report.render(manifest, metadata).partition("### Warnings\n\n")[2].partition("\n\n###")[0].splitlines()

    def test_each_kind_of_warning_is_explained_once_with_every_model_and_phase_that_has_it(self):
        # A run of two models once had the same sentence eleven times.
        rows = [{"code": "few-samples", "model": model, "phase": phase, "level": level, "observed": 3, "expected": 5, "n": 3}
                for model, phase, level in (("a:1b", "context-append", None), ("a:1b", "parallel-mixed", 2), ("b:1b", "context-append", None))]
        rows += [{"code": code, "model": None, "phase": None, "level": None, "observed": None, "expected": None, "n": 7}
                 for code in ("on-battery", "remote-server")]
        self.assertEqual(self.warnings(rows, "1.1.0"), [
            "- few-samples: Too few calls for a spread that means something. `a:1b`: context-append (observed 3.00, expected 5.00, n=3), "
            "parallel-mixed x2 (observed 3.00, expected 5.00, n=3); `b:1b`: context-append (observed 3.00, expected 5.00, n=3).",
            "- on-battery: The machine ran on battery. Whole run (n=7).",
            "- remote-server: The server was on another machine, whose state is not known. Whole run (n=7)."])
        self.assertEqual(self.warnings([], "1.1.0"), ["None."])

    def test_a_run_of_an_earlier_version_keeps_its_line_for_each_warning(self):
        row = {"code": "few-samples", "model": "a:1b", "phase": "parallel-mixed", "level": 2, "observed": 3, "expected": 5, "n": 3}
        line = ("- few-samples (`a:1b`, parallel-mixed, 2 at once): observed 3.00, expected 5.00, n=3. Too few calls for a spread that "
                "means something.")
        self.assertEqual(self.warnings([row, row], "1.0.0"), [line, line])

    def test_a_long_load_is_not_called_a_reload_except_in_runs_that_said_so(self):
        row = {"code": "reload", "model": "a:1b", "phase": "parallel-same", "level": None, "observed": 1174, "expected": 200, "n": 31}
        self.assertIn("or calls waited for its runner", self.warnings([row], "1.2.0")[0])
        self.assertIn("- reload: The model was loaded anew in the middle of a phase. `a:1b`", self.warnings([row], "1.1.0")[0])

    def test_the_figures_of_a_warning_have_their_unit_and_a_limit_is_called_so_except_in_runs_of_earlier_versions(self):
        for warning, observed, expected, words in (("reload", 259, 200, "observed 259 ms, limit 200 ms"), ("wide-spread", 0.5, 0.25, "observed 0.500, limit 0.250"),
                                                   ("collapse", 3, 12, "observed 3.00 tok/s, expected 12.0 tok/s"),
                                                   ("num-ctx-ignored", 5000, None, "observed 5000 tokens"), ("fill-missed", 0.5, 0.75, "observed 0.500, expected 0.750")):
            row = {"code": warning, "model": "a:1b", "phase": "context-edge", "level": None, "observed": observed, "expected": expected, "n": 1}
            with self.subTest(warning):
                self.assertIn(f"({words}, n=1)", self.warnings([row], "1.3.0")[0])
                for unit in run_report.UNITS.values():
                    words = words.replace(f" {unit}", "")
                self.assertIn(f"({words.replace('limit', 'expected')}, n=1)", self.warnings([row], "1.2.0")[0])

    def test_a_small_model_has_its_size_in_mb_but_in_runs_of_earlier_versions(self):
        """A model of 3.89 MB had 0.00 GB."""
        for size, version, words in ((3_890_000, "1.2.0", "3.89 MB"), (3_890_000, "1.1.0", "0.00 GB"), (10_000_000, "1.2.0", "0.01 GB"), (48_080_000, "1.2.0", "0.05 GB"), (48_080_000, "1.3.0", "48.08 MB"), (100_000_000, "1.3.0", "0.10 GB"),
                                     (4_920_000_000, "1.2.0", "4.92 GB")):
            manifest = {**self.manifest, "harness_version": version, "models": [{**self.manifest["models"][0], "size_bytes": size}]}
            with self.subTest(size=size, version=version):
                self.assertIn(f"| {words} |", run_report.render(manifest, self.metadata))

    def test_every_warning_of_a_run_has_its_n(self):
        section = self.text.partition("### Warnings")[2].partition("###")[0]
        self.assertEqual(len(re.findall(r"\bn=\d+", section)), len(self.metadata["warnings"]))

    def test_what_is_synthetic_says_so_first(self):
        self.assertTrue(self.text.startswith("**Synthetic"))
        self.assertNotIn("Synthetic", run_report.render(self.manifest, {**self.metadata, "synthetic": False}))

    def test_it_is_ascii_without_raw_html_or_images(self):
        self.assertTrue(self.text.isascii())
        self.assertIsNone(re.search(r"<[a-zA-Z/!]|!\[", self.text))

    def test_a_run_that_was_broken_off_anywhere_has_an_account_too(self):
        """A run stopped before its last pass once ended in a traceback: its drift had no ratio to show."""
        calls = [planted.finding(head_tokens=5), *planted.passes(10, 10), *planted.wave(2, 0, [0, 0]), call(outcome="cut")]
        for made in range(len(calls) + 1):
            with self.subTest(made=made):
                self.assertIn("### Verdict", run_report.render(self.manifest, planted.summarised(*calls[:made])))
        self.assertIn("no verdict", run_report.render(self.manifest, planted.summarised()))

    def test_drift_that_was_not_judged_says_why(self):
        # A model that moved between the passes has no ratios, and its account once ended in a traceback.
        moved = {"decode": None, "prefill": None, "ttft": None, "why": "the model's placement changed in between"}
        for row in self.metadata["aggregates"]:
            row["drift"] = moved if row["phase"] == "frozen-prompts" else None
        self.assertIn("| - | - | - | the model's placement changed in between |", run_report.render(self.manifest, self.metadata))

    def test_a_time_limit_says_what_it_left_out(self):
        manifest = {**self.manifest, "time_limit_s": 600}
        self.assertIn("- a time limit of 600 s; it left out no call\n", run_report.render(manifest, self.metadata))
        self.metadata["aggregates"][0]["skips"] = {"time-limit": 3, "one-model": 5}
        self.assertIn("- a time limit of 600 s; it left out 3 calls\n", run_report.render(manifest, self.metadata))

    def test_where_no_answer_could_be_judged_there_is_no_share_of_right_ones(self):
        counts = {"n": 0, "passed": 0, "censored": 0, "ungraded": 0}
        for changed, words in (({"censored": 5}, "5 cut by a limit"), ({}, "none to judge"), ({"n": 4, "passed": 1}, "1 of 4")):
            with self.subTest(words):
                self.assertEqual(run_report._quality({**counts, **changed}), words)

    def test_every_warning_code_has_its_sentence(self):
        for code in records.WARNINGS:
            row = {"code": code, "model": None, "phase": None, "level": None, "observed": 1.5, "expected": None, "n": 2}
            with self.subTest(code):
                self.assertRegex(self.warnings([row], "1.1.0")[0], rf"^- {code}: [A-Z].*\. Whole run \(observed 1.50, n=2\)\.$")


class Strangers(unittest.TestCase):
    HOSTILE = ("a|b", "`x`", "<script>alert(1)</script>", "[x](javascript:1)", "![x](y)", "a\nb", "\x1b[2J", "\u202egnp.exe",
               "**bold**", "~~~\n", "```\ntext", run_md.END)

    def test_their_words_become_no_mark_of_markdown(self):
        for word in self.HOSTILE:
            for shown in (run_report.code(word), run_report.plain(word)):
                with self.subTest(word):
                    self.assertTrue(shown.isascii())
                    self.assertEqual(shown.count("\n"), 0)
                    self.assertIsNone(re.search(r"(?<!\\)\|", shown))
            self.assertEqual(run_report.code(word).count("`"), 2)

    def test_a_fence_is_longer_than_any_within(self):
        for word in ("plain", "```", "`````x"):
            lines = run_report.fenced(word).splitlines()
            with self.subTest(word):
                self.assertNotIn(lines[-1], word)

    def test_a_model_s_name_cannot_end_the_block(self):
        manifest, metadata = whole()
        for name in self.HOSTILE:
            renamed = {**manifest, "models": [{**manifest["models"][0], "name": name}]}
            text = run_md.new("Run", run_report.render(renamed, metadata))
            with self.subTest(name):
                self.assertTrue(run_md.block_of(text, "run.md"))


class Command(unittest.TestCase):
    def settings(self, manifest: dict, metadata: dict) -> tuple:
        words = shlex.split(run_report.command(manifest, metadata))
        self.assertEqual(words[:2], ["python", "harness/run_benchmark.py"])
        args = run_benchmark.parse_args(words[2:])
        return options.settings(args), args

    def test_it_plans_what_the_manifest_planned(self):
        manifest, metadata = whole()
        for words in ([], ["--num-ctx", "2048"], ["--num-predict", "32"], ["--repeats", "5"], ["--concurrency", "1,3"],
                      ["--option", "num_thread=4"], ["--option", "keep_alive=5m"], ["--option", "use_mmap=true"],
                      ["--option", "temperature=0.5", "--option", "think=true"]):
            with self.subTest(words):
                settings = options.settings(run_benchmark.parse_args(words))
                asked = {**manifest, "num_ctx": settings.num_ctx, "context_num_ctx": settings.context_num_ctx,
                         "num_predict": settings.num_predict, "repeats": settings.repeats,
                         "levels": None if settings.levels is None else list(settings.levels),
                         "options": dict(settings.options), "knobs": dict(settings.request_fields), "overrides": plan.overrides_of(settings)}
                again, args = self.settings(asked, metadata)
                self.assertEqual(again, settings)
                self.assertEqual(args.phases, "frozen-prompts,small-eval,context-edge")
                self.assertEqual(args.models, "m:1b")

    def test_a_strange_name_stays_one_word(self):
        manifest, metadata = whole()
        manifest["models"][0]["name"] = "x; rm -rf $HOME:latest"
        words = shlex.split(run_report.command(manifest, metadata))
        self.assertIn("x; rm -rf $HOME:latest", words)


class Numbers(unittest.TestCase):
    def test_figures_have_three_digits_and_no_exponent(self):
        for value, told in ((None, "-"), (0, "0.000"), (0.80321, "0.803"), (1.0, "1.00"), (12.345, "12.3"), (123.45, "123"),
                            (1234567, "1234567"), (-0.5, "-0.500")):
            with self.subTest(value):
                self.assertEqual(text_format.figure(value), told)

    def test_a_bar_is_as_long_as_its_share_and_an_unknown_one_keeps_its_line(self):
        stat = {"n": 3, "median": 10}
        lines = run_report.bars([("a", stat), ("bb", {"n": 1, "median": 5}), ("c", None)], "tok/s").splitlines()[1:-1]
        self.assertEqual([line.count("#") for line in lines], [run_report.BAR_CHARACTERS, run_report.BAR_CHARACTERS // 2, 0])
        self.assertTrue(lines[2].endswith("- (n=0)"))


if __name__ == "__main__":
    unittest.main()
