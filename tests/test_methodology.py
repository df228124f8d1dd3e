"""methodology.md says what the code does: every metric, code and threshold, and every column of its queries."""
from __future__ import annotations

import importlib
import re
import unittest

import support

from base import names, plan, records, request_settings, suites
from base.phases import PHASES
from derive import distribution, run_diff
from measure import run_setup

TEXT = (support.HARNESS / "methodology.md").read_text(encoding="utf-8")
DECIDING = ("derive.call_metrics", "derive.warning_rules", "derive.stability")   # in these every number is a threshold


def section(title: str) -> str:
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL).group(1)


def rows(text: str) -> list:
    """The cells of all table rows, titles included, without the lines under titles."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def codes(title: str) -> list:
    """What stands in code at the beginning of a section's rows."""
    return [match.group(1) for row in rows(section(title)) for match in [re.match(r"`([^`]+)`", row[0].strip("| "))] if match]


class Tables(unittest.TestCase):
    def test_every_metric_has_one_row_with_unit_formula_source_and_bias(self):
        found = [row for row in rows(section("Metrics")) if row[0].strip("`| ") in records.METRICS]
        self.assertEqual([row[0].strip("`| ") for row in found], list(records.METRICS))
        for row in found:
            with self.subTest(row[0]):
                self.assertEqual(len(row), 5)
                self.assertTrue(all(row))

    def test_every_warning_verdict_and_piece_of_evidence_has_one_row_and_no_other_has(self):
        self.assertEqual(codes("Warnings"), list(records.WARNINGS))
        found = codes("Drift and the verdict")
        self.assertEqual(sorted(found), sorted([*records.VERDICTS, *records.EVIDENCE]))

    def test_every_threshold_has_the_value_that_the_code_has(self):
        for name, value, _ in rows(section("Thresholds"))[1:]:
            module, _, constant = name.strip("`| ").rpartition(".")
            with self.subTest(name):
                self.assertEqual(float(value), getattr(importlib.import_module(module), constant))

    def test_no_number_that_decides_is_missing(self):
        told = {row[0].strip("`| ") for row in rows(section("Thresholds"))}
        for module in DECIDING:
            own = importlib.import_module(module)
            for name, value in vars(own).items():
                if name.isupper() and type(value) in (int, float):
                    with self.subTest(name):
                        self.assertIn(f"{module}.{name}", told)

    def test_the_numbers_within_the_text_are_those_of_the_table(self):
        told = {row[0].strip("`| ").rpartition(".")[2]: row[1] for row in rows(section("Thresholds"))}
        for title, words in (
                ("Metrics", "null below {MIN_PREFILL_TOKENS} remaining tokens"),
                ("Metrics", "null below {MIN_DECODE_TOKENS} tokens"), ("Metrics", "null below {MIN_TAIL_GAPS} gaps"),
                ("Statistics", "seed {SEED}"), ("Statistics", "Beyond {MAX_RESAMPLED} values"),
                ("Concurrency", "median is below {SERIALISED_BELOW} of that is `serialised`"), ("Contexts", "below {MIN_PREFILL_TOKENS} computed"),
                ("Contexts", "with more than {RECOMPUTED_TOKENS}"), ("Contexts", "fewer than {TRUNCATED_SHARE} of the tokens"),
                ("Drift and the verdict", "further from 1 than {DRIFT_LIMIT}"),
                ("Drift and the verdict", "during the first | {CLOCK_LIMIT} |"),
                ("Drift and the verdict", "running slower | {THROTTLED_LIMIT} |"),
                ("Drift and the verdict", "before loads, median | {BACKGROUND_LIMIT} |"),
                ("Warnings", "fewer than {FEW} calls"), ("Warnings", "than {SPREAD_LIMIT} of the median"),
                ("Warnings", "from 1 than {CLOCKS_LIMIT}"), ("Warnings", "share less than {SERIALISED_BELOW}"),
                ("Warnings", "gaps below {READ_TOGETHER} of"), ("Warnings", "more than {LATE_SHARE} of the time to first text"),
                ("Warnings", "below {COLLAPSE_LIMIT} of the tokens"), ("Warnings", "from the fill than {FILL_LIMIT}"),
                ("Warnings", "{COLD_FACTOR} times this phase's median and {COLD_MS} ms"),
                ("Warnings", "more than {PLACEMENT_SHARE} of the model"),
                ("Timing error", "{FLOOR_CALLS} streams of {FLOOR_CHUNKS} chunks"),
                ("Comparing two runs", "needs {MIN_PAIRS} pairs")):
            with self.subTest(words):
                self.assertIn(words.format(**told), " ".join(section(title).split()))
        for title, number in (("Statistics", f"{distribution.RESAMPLES:,} resamples"),
                              ("Warnings", "5,000 microseconds"), ("Drift and the verdict", "1,000,000")):
            self.assertIn(number, " ".join(section(title).split()))


class Facts(unittest.TestCase):
    def test_levels_fills_and_counts_are_those_of_the_suites(self):
        fills = [f"{100 * item.fill:.0f}" for item in suites.load("context-edge").items]
        self.assertIn(f"{', '.join(fills[:-1])} and {fills[-1]} %", section("Contexts"))
        self.assertEqual((plan.LEVELS, suites.load("parallel-same").levels), ((1, 2, 4, 8),) * 2)
        self.assertIn("levels 1, 2, 4 and 8", section("Concurrency"))
        self.assertEqual((plan.MIXED_MODELS, len(suites.load("parallel-same").items)), (2, 20))

    def test_what_leaves_figures_out_of_a_comparison_is_what_the_code_leaves_out(self):
        said = {row[0]: row[1] for row in rows(section("Comparing two runs"))}
        short = {"decode_tok_s": "decode", "total_ms": "total", "wave_tok_s": "waves", "answers": "answers", "ttft_ms": "TTFT"}
        for key, figures in ((" `num_predict` set by hand", run_diff.EXCLUDED["num_predict"]),
                             (" `think`", run_diff.EXCLUDED["think"]),
                             (" this machine against another one over a network", run_diff.CLIENT),
                             (" temperature, seed and the other sampling options", run_diff.EXCLUDED["temperature"])):
            with self.subTest(key):
                row = next(value for name, value in said.items() if name.strip("| ") == key.strip())
                self.assertEqual(row.strip(" |"), ", ".join(short[name] for name in figures))
        self.assertEqual(run_diff.EXCLUDED["num_batch"], run_diff.SPEED)

    def test_sampling_options_are_all_there_are(self):
        known = {setting.name for setting in request_settings.SETTINGS} | set(request_settings.OTHER_OPTIONS)
        self.assertLessEqual(set(run_diff.EXCLUDED), known)

    def test_the_present_version_of_the_harness_is_in_the_history(self):
        self.assertIn(run_setup.VERSION, [row[1] for row in rows(section("Changes of method"))])

    def test_every_section_is_in_the_contents_and_every_link_has_its_section(self):
        titles = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
        self.assertEqual(set(re.findall(r"\(#([^)]+)\)", TEXT)), anchors)

    def test_the_marks_of_the_grades_stand_once_each_and_in_order(self):
        marks = re.findall(r"^<!-- grades: (\w+) -->$", section("Grades"), re.MULTILINE)
        self.assertEqual(marks, ["begin", "end"])

    def test_files_that_it_names_are_there(self):
        for name in re.findall(r"`((?:derive|judge|base)/[\w./]*)`", TEXT):
            with self.subTest(name):
                self.assertTrue((support.HARNESS / name).exists())
        for name in set(re.findall(r"(?:python harness/|`)(\w+_\w+\.py)", TEXT)):
            with self.subTest(name):
                self.assertTrue((support.HARNESS / name).exists())


class Queries(unittest.TestCase):
    """They were run once by hand in both engines; what can change under them is the ledger's fields."""

    SQL = "\n".join(re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL))
    KINDS = {"text": ("VARCHAR", "STRING"), "count": ("BIGINT",), "bool": ("BOOLEAN",), "number": ("DOUBLE",),
             "choice": ("VARCHAR", "STRING"), "list": ("BIGINT[]", "ARRAY<BIGINT>"), "run_id": ("VARCHAR", "STRING")}

    def fields(self) -> dict:
        return {field.name: field for kind in ("meta", "call", "skipped", "footer") for field in records.RECORDS[kind]}

    def test_every_column_is_a_field_of_the_ledger_and_of_its_kind(self):
        duck = re.findall(r"(\w+): '([A-Z\[\]]+)'", self.SQL.split("VIEW models")[0])
        spark = re.findall(r"(\w+) ((?:STRING|BIGINT|DOUBLE|BOOLEAN|ARRAY<BIGINT>))(?=[,)])",
                           self.SQL.split("VIEW lines (")[1].split("USING")[0])
        self.assertEqual([name for name, _ in duck], [name for name, _ in spark])
        self.assertGreater(len(duck), 20)
        for name, kind in duck + spark:
            with self.subTest(name=name, kind=kind):
                self.assertIn(kind, self.KINDS[self.fields()[name].kind.partition(":")[0]])

    def test_fields_of_the_manifest_are_there(self):
        self.assertLessEqual({"run_id", "device_tag", "models"}, {field.name for field in records.RECORDS["manifest"]})
        self.assertLessEqual({"name", "digest", "format"}, {field.name for field in records.RECORDS["model"]})

    def test_the_values_that_they_look_for_are_values_that_occur(self):
        self.assertEqual(set(re.findall(r"outcome IN \(([^)]*)\)", self.SQL)), {", ".join(map(repr, records.SPEED_OUTCOMES))})
        self.assertIn("'measured'", self.SQL)
        self.assertIn("measured", records.ROLES)
        self.assertIn("'parallel-mixed'", self.SQL)
        self.assertIn("parallel-mixed", PHASES)

    def test_the_run_s_id_is_found_in_a_folder_s_name(self):
        pattern = re.search(r"'(run-\([^']*)'", self.SQL).group(1)
        run_id = names.new_run_id()
        self.assertEqual(re.search(pattern, f"submissions/a/b/run-{run_id}/run.jsonl").group(1), run_id)


if __name__ == "__main__":
    unittest.main()
