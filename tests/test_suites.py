"""The suites: frozen bytes, stable ids, honest graders, and material that is the same on every machine."""
from __future__ import annotations

import hashlib
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time
import unittest
from unittest import mock

import support
from base.errors import UserError
from derive import grading
from base import suites
from base.phases import PHASES

SOLUTIONS = support.ROOT / "tests" / "solutions"
ANSWERS = json.loads((SOLUTIONS / "answers.json").read_text(encoding="utf-8"))
JSON_PHASES = tuple(suites.FILES)
MATERIAL_PHASES = ("context-append", "context-edge")
IDS = {"small-eval": ("5Q-Q", 5), "python-tasks": ("PY-T", 12), "parallel-same": ("20Q-Q", 20),
       "context-append": ("CA-T", 8), "context-edge": ("CE-P", 5), "parallel-mixed": ("20M-Q", 20)}
ANSWER_LIMITS = {"small-eval": (32, 96), "python-tasks": (512, 768), "parallel-same": (32, 256),
                 "context-append": (64, 64), "context-edge": (64, 64), "parallel-mixed": (32, 256)}

# Runs many solutions in one process; says for each the first test that failed, or "" if all passed.
BATCH = """
import json, sys
def verdict(code, entry, tests):
    try:
        scope = {}
        exec(compile(code, "answer", "exec"), scope)
        found = {entry: scope[entry]}
        exec(compile(tests, "tests", "exec"), found)
        names = [name for name in found if name.startswith("test_")]
    except Exception as problem:
        return "before the tests: %r" % problem
    for name in names:
        try:
            found[name]()
        except Exception:
            return name
    return "" if names else "no tests"
print(json.dumps([verdict(*job) for job in json.load(sys.stdin)]))
"""


def every_item() -> list:
    return [(suite, item) for suite in map(suites.load, JSON_PHASES) for item in suite.items]


def verdicts(jobs: list) -> list:
    done = subprocess.run([*support.PYTHON, "-I", "-c", BATCH], input=json.dumps(jobs), timeout=60, check=True,
                          stdout=subprocess.PIPE, universal_newlines=True)
    return json.loads(done.stdout)


def rough_tokens(text: str) -> int:
    """About what the common tokenizers make of English and code: words, runs of signs, indents, line ends."""
    return len(re.findall(r" ?[A-Za-z]+|[0-9]{1,3}|\n| +(?= )|[^\sA-Za-z0-9]{1,2}", text))


class FrozenFiles(unittest.TestCase):
    def test_each_file_has_its_pinned_hash(self):
        for file_name, pinned in suites.FILES.values():
            with self.subTest(file_name):
                content = (suites.FOLDER / file_name).read_bytes()
                self.assertEqual(hashlib.sha256(content).hexdigest(), pinned,
                                 "a changed text is a new version: move the old file to suites/superseded/ first")

    def test_six_files_are_pinned_and_nothing_else_lies_beside_them(self):
        self.assertEqual({path.name for path in suites.FOLDER.glob("*.json")}, {file.name for file in suites.FILES.values()})
        self.assertEqual(len(suites.FILES), 6)

    def test_the_files_are_ascii_and_pretty_printed_in_one_way(self):
        for file_name, _ in suites.FILES.values():
            with self.subTest(file_name):
                text = (suites.FOLDER / file_name).read_bytes().decode("ascii")
                self.assertEqual(text, json.dumps(json.loads(text), indent=2, ensure_ascii=True) + "\n")

    def test_a_superseded_file_is_named_by_its_hash(self):
        for path in (suites.FOLDER / "superseded").glob("*.json"):
            self.assertEqual(hashlib.sha256(path.read_bytes()).hexdigest(), path.stem)


class Loading(unittest.TestCase):
    def copied_folder(self) -> pathlib.Path:
        root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)
        folder = root / "harness" / "suites"
        shutil.copytree(suites.FOLDER, folder)
        patch = mock.patch.object(suites, "FOLDER", folder)
        patch.start()
        self.addCleanup(patch.stop)
        return folder

    def test_every_phase_loads_in_run_order(self):
        loaded = [suites.load(phase) for phase in PHASES]
        self.assertEqual([suite.phase for suite in loaded], list(PHASES))
        self.assertEqual([suite.licence for suite in loaded], ["CC-BY-4.0"] * 7)
        self.assertEqual([suite.version for suite in loaded], ["1.0"] * 7)
        self.assertEqual(len({suite.suite_id for suite in loaded}), 7)

    def test_only_the_parallel_suites_have_levels(self):
        levels = {phase: suites.load(phase).levels for phase in PHASES}
        self.assertEqual({phase for phase in levels if levels[phase]}, {"parallel-same", "parallel-mixed"})
        self.assertEqual(levels["parallel-same"], (1, 2, 4, 8))

    def test_a_damaged_suite_is_refused_with_the_way_out(self):
        folder = self.copied_folder()
        path = folder / suites.FILES["small-eval"].name
        damages = {
            "pinned is": path.read_bytes().replace(b"18 GB", b"19 GB"),
            "CRLF": path.read_bytes().replace(b"\n", b"\r\n"),
            "SHA-256": b"",
        }
        for words, content in damages.items():
            with self.subTest(words):
                path.write_bytes(content)
                with self.assertRaises(UserError) as caught:
                    suites.load("small-eval")
                for part in (words, path.name, "git checkout -- harness/suites/"):
                    self.assertIn(part, str(caught.exception))

    def test_a_missing_suite_is_refused_with_the_way_out(self):
        (self.copied_folder() / suites.FILES["context-edge"].name).unlink()
        with self.assertRaisesRegex(UserError, "cannot be read.*git checkout"):
            suites.load("context-edge")

    def test_a_hash_finds_the_current_suite(self):
        for phase in PHASES:
            self.assertEqual(suites.load_by_sha256(phase, suites.current_sha256(phase)), suites.load(phase))

    def test_a_hash_finds_a_superseded_suite(self):
        folder = self.copied_folder()
        older = (folder / suites.FILES["small-eval"].name).read_bytes().replace(b'"1.0"', b'"0.9"')
        sha256 = hashlib.sha256(older).hexdigest()
        (folder / "superseded").mkdir(exist_ok=True)
        (folder / "superseded" / f"{sha256}.json").write_bytes(older)
        suite = suites.load_by_sha256("small-eval", sha256)
        self.assertEqual((suite.version, suite.sha256, len(suite.items)), ("0.9", sha256, 5))
        with self.assertRaisesRegex(UserError, "is a small-eval suite"):
            suites.load_by_sha256("python-tasks", sha256)
        (folder / "superseded" / f"{sha256}.json").write_bytes(older + b" ")
        with self.assertRaisesRegex(UserError, "SHA-256"):
            suites.load_by_sha256("small-eval", sha256)

    def test_an_unknown_or_hostile_hash_is_refused(self):
        for sha256 in ("0" * 64, "", "../small_model_eval_questions", "A" * 64, "\udc80", "x" * 10_000):
            with self.subTest(sha256[:20]), self.assertRaisesRegex(UserError, "no small-eval suite"):
                suites.load_by_sha256("small-eval", sha256)

    def test_nothing_is_read_when_the_module_is_imported(self):
        code = ("import sys, builtins, io; sys.path.insert(0, sys.argv[1]); import pathlib; "
                "pathlib.Path.read_bytes = pathlib.Path.open = None; import base.suites; "
                "print('prompts' in sys.modules)")
        done = subprocess.run([*support.PYTHON, "-c", code, str(support.HARNESS)], stdout=subprocess.PIPE, check=True)
        self.assertEqual(done.stdout.strip(), b"False")


class Items(unittest.TestCase):
    def test_ids_are_stable_unique_and_counted_from_one(self):
        for phase, (prefix, count) in IDS.items():
            found = [item.id for item in suites.load(phase).items]
            self.assertEqual(found, [f"{prefix}{number:02d}" for number in range(1, count + 1)])

    def test_titles_prompts_and_limits(self):
        for suite, item in every_item():
            with self.subTest(item.id):
                low, high = ANSWER_LIMITS[suite.phase]
                self.assertTrue(low <= item.num_predict <= high, item.num_predict)
                self.assertTrue(0 < len(item.title) <= 60)
                self.assertTrue(6 <= len(item.prompt.split()) <= 330)
                self.assertEqual(item.prompt, item.prompt.strip())

    def test_no_two_items_ask_the_same(self):
        prompts = [item.prompt for _, item in every_item()]
        titles = [item.title for _, item in every_item()]
        self.assertEqual((len(set(prompts)), len(set(titles))), (len(prompts), len(titles)))

    def test_the_parallel_suites_mix_lengths_of_prompts_and_answers(self):
        for phase in ("parallel-same", "parallel-mixed"):
            items = suites.load(phase).items
            self.assertGreaterEqual(len({item.num_predict for item in items}), 5)
            words = [len(item.prompt.split()) for item in items]
            self.assertGreater(max(words), 4 * min(words))
            self.assertGreaterEqual(sum(item.grader is not None for item in items), 18)

    def test_every_kind_of_grader_is_used_and_known(self):
        kinds = {item.grader["kind"] for _, item in every_item() if item.grader}
        self.assertEqual(kinds, set(grading.KINDS) | {"python"})

    def test_no_text_holds_an_address_a_link_or_a_home_folder(self):
        hostile = re.compile(r"https?:|www\.|\w@\w|\b\d{1,3}(?:\.\d{1,3}){3}\b|/home/|/Users/|[A-Z]:\\")
        for file_name, _ in suites.FILES.values():
            self.assertIsNone(hostile.search((suites.FOLDER / file_name).read_text(encoding="ascii")), file_name)


class Graders(unittest.TestCase):
    def test_every_text_grader_accepts_right_and_refuses_wrong_answers(self):
        for suite, item in every_item():
            if item.grader is None or suite.phase in MATERIAL_PHASES + ("python-tasks",):
                continue
            for answer in ANSWERS[item.id]["right"]:
                with self.subTest(item.id, right=answer):
                    self.assertTrue(grading.grade(item.grader, answer))
            for answer in ANSWERS[item.id]["wrong"]:
                with self.subTest(item.id, wrong=answer):
                    self.assertFalse(grading.grade(item.grader, answer))

    def test_no_grader_accepts_nothing_or_its_own_question(self):
        for suite, item in every_item():
            if item.grader is None or suite.phase == "python-tasks":
                continue
            with self.subTest(item.id):
                self.assertFalse(grading.grade(item.grader, ""))
                self.assertFalse(grading.grade(item.grader, "I am sorry, but I cannot help with that."))

    def test_patterns_stay_linear_on_hostile_answers(self):
        hostile = ("Fix " * 9000, "grep " * 9000, "- a\n" * 9000, "select id , days_late from " * 900, " " * 20_000,
                   "\n" * 20_000, "2031-03-07" * 2000, "-" * 20_000)
        graders = [item.grader for _, item in every_item() if item.grader and item.grader["kind"] == "regex"]
        started = time.perf_counter()
        for grader in graders:
            for answer in hostile:
                grading.grade(grader, answer)
        self.assertLess(time.perf_counter() - started, 5)


class PythonTasks(unittest.TestCase):
    def test_right_solutions_pass_and_plausible_wrong_ones_fail(self):
        tasks = {item.id: item.grader for item in suites.load("python-tasks").items}
        paths = sorted(SOLUTIONS.glob("PY-T*/*.py"))
        jobs = [[path.read_text(encoding="ascii"), tasks[path.parent.name]["entry"], tasks[path.parent.name]["tests"]]
                for path in paths]
        for path, failed in zip(paths, verdicts(jobs)):
            with self.subTest(f"{path.parent.name}/{path.name}"):
                if path.name == "right.py":
                    self.assertEqual(failed, "")
                else:
                    self.assertTrue(failed.startswith("test_"), failed or "passed, but is wrong")

    def test_each_task_has_one_right_and_at_least_one_wrong_solution(self):
        for item in suites.load("python-tasks").items:
            names = [path.name for path in (SOLUTIONS / item.id).glob("*.py")]
            self.assertIn("right.py", names, item.id)
            self.assertGreaterEqual(len(names), 2, item.id)

    def test_the_prompt_names_the_entry_and_hides_the_tests(self):
        for item in suites.load("python-tasks").items:
            with self.subTest(item.id):
                self.assertRegex(item.prompt, rf"(def|class) {item.grader['entry']}\b")
                self.assertNotIn("assert", item.prompt)
                self.assertNotIn("test_", item.prompt)

    def test_reference_answers_fit_their_limit(self):
        for item in suites.load("python-tasks").items:
            solution = (SOLUTIONS / item.id / "right.py").read_text(encoding="ascii")
            self.assertLess(rough_tokens(solution), 0.75 * item.num_predict, item.id)


class Material(unittest.TestCase):
    # Change these only together with a new version of the suite.
    SAMPLES = {
        "context-append": "d0ef3ce18018a5be232a0838773951942bfb68c3b999d07ef6e1c627fed68485",
        "context-edge": "f9e5942da83db05c974bd6817f83171802e27f5a6f24ae3383420764b395d4eb",
    }

    def units(self, phase: str, count: int) -> list:
        material = suites.load(phase).material
        return [suites.unit_text(material, index) for index in range(count)]

    def test_a_sample_of_the_material_never_changes(self):
        for phase, pinned in self.SAMPLES.items():
            with self.subTest(phase):
                sample = "\n\n".join(self.units(phase, 200)).encode("ascii")
                self.assertEqual(hashlib.sha256(sample).hexdigest(), pinned)

    def test_units_are_python_and_differ_from_each_other(self):
        for phase in MATERIAL_PHASES:
            units = self.units(phase, 2000)
            for unit in units[:60]:
                compile(unit, phase, "exec")
            names = [re.search(r"def (\w+)", unit).group(1) for unit in units]
            self.assertEqual(len(set(names)), len(names))

    def test_names_repeat_only_after_every_combination(self):
        for phase in MATERIAL_PHASES:
            material = suites.load(phase).material
            sizes = [len(material["words"][slot]) for slot in material["unique"]]
            combinations = sizes[0] * sizes[1] * sizes[2]
            self.assertEqual(len({index * material["stride"] % combinations for index in range(combinations)}),
                             combinations)

    def test_units_are_of_one_length(self):
        # The fill of a context is found by a line through two calibration points; it is as straight as this.
        for phase in MATERIAL_PHASES:
            with self.subTest(phase):
                lengths = [rough_tokens(unit) for unit in self.units(phase, 600)]
                mean = statistics.mean(lengths)
                self.assertLess(statistics.pstdev(lengths) / mean, 0.08)
                for first in range(0, 570, 30):
                    self.assertLess(abs(statistics.mean(lengths[first:first + 30]) / mean - 1), 0.01)

    def test_more_units_extend_the_text_and_change_nothing_before(self):
        for phase in MATERIAL_PHASES:
            material = suites.load(phase).material
            longer = suites.material_text(material, 0, 90, ())
            for units in (0, 1, 7, 89):
                self.assertTrue(longer.startswith(suites.material_text(material, 0, units, ())))

    def test_a_planted_value_stands_nowhere_else(self):
        for phase in MATERIAL_PHASES:
            suite = suites.load(phase)
            units = "\n".join(self.units(phase, 2000))
            facts = [fact for item in suite.items for fact in item.facts]
            for fact in facts:
                with self.subTest(fact["name"]):
                    self.assertNotIn(fact["value"], units)
                    self.assertNotIn(fact["name"], units)
                    self.assertEqual("\n".join(fact["code"]).count(fact["value"]), 1)
            self.assertEqual(len({fact["value"] for fact in facts}), len(facts))
            self.assertEqual(len({fact["name"] for fact in facts}), len(facts))


class ContextEdge(unittest.TestCase):
    def setUp(self):
        self.suite = suites.load("context-edge")

    def test_the_fills(self):
        self.assertEqual([item.fill for item in self.suite.items], [0.25, 0.50, 0.75, 0.90, 0.98])

    def test_facts_stand_at_head_middle_and_tail_of_the_material(self):
        for item in self.suite.items:
            ((role, content),) = suites.message_texts(self.suite, item, 40)
            shares = [content.index(fact["value"]) / len(content) for fact in item.facts]
            with self.subTest(item.id):
                self.assertEqual(role, "user")
                self.assertEqual([fact["place"] for fact in item.facts], list(suites.PLACES))
                self.assertTrue(shares[0] < 0.10 and 0.40 < shares[1] < 0.60 and shares[2] > 0.85, shares)

    def test_facts_keep_their_order_and_stand_once_however_short_the_material(self):
        for item in self.suite.items:
            for units in (0, 1, 2, 3, 4, 5):
                ((_, content),) = suites.message_texts(self.suite, item, units)
                places = [content.index(fact["value"]) for fact in item.facts]
                self.assertEqual(places, sorted(places))
                self.assertEqual(content.count("def "), units)

    def test_the_head_stands_after_the_first_unit_and_the_tail_before_the_last(self):
        item = self.suite.items[0]
        ((_, content),) = suites.message_texts(self.suite, item, 10)
        files = [part for part in content.split("\n\n") if part.startswith("# file: ")]
        values = [fact["value"] for fact in item.facts]
        self.assertEqual([next(i for i, part in enumerate(files) if value in part) for value in values], [1, 6, 11])

    def test_the_grader_asks_for_the_planted_values_in_the_order_of_their_places(self):
        for item in self.suite.items:
            values = [fact["value"] for fact in item.facts]
            self.assertEqual(item.grader, {"kind": "contains_all", "terms": values})
            self.assertTrue(grading.grade(item.grader, ", ".join(values)))
            self.assertEqual(grading.terms_found(item.grader, values[0] + " and " + values[2]), (True, False, True))
            for fact in item.facts:
                self.assertIn(fact["name"], item.prompt)
                self.assertNotIn(fact["value"], item.prompt)


class ContextAppend(unittest.TestCase):
    def setUp(self):
        self.suite = suites.load("context-append")
        self.last = self.suite.items[-1]

    def test_turns_alternate_and_the_replies_come_from_the_suite(self):
        messages = suites.message_texts(self.suite, self.last, 24)
        self.assertEqual([role for role, _ in messages], ["user", "assistant"] * 7 + ["user"])
        self.assertEqual([content for role, content in messages if role == "assistant"],
                         [item.reply for item in self.suite.items[:-1]])

    def test_each_turn_begins_with_the_whole_turn_before(self):
        for units in (40, 43):
            earlier = []
            for item in self.suite.items:
                messages = suites.message_texts(self.suite, item, units)
                self.assertEqual(messages[:len(earlier)], earlier)
                self.assertEqual(len(messages), len(earlier) + (1 if not earlier else 2))
                earlier = messages

    def test_every_turn_adds_its_share_of_the_units(self):
        """Whole units in each turn once left the last fill up to nine per cent short of what was asked for."""
        for units, shares in ((32, [4] * 8), (35, [4, 4, 5, 4, 4, 5, 4, 5]), (39, [4] + [5] * 7), (8, [1] * 8), (3, [0, 0, 1, 0, 0, 1, 0, 1])):
            with self.subTest(units):
                messages = suites.message_texts(self.suite, self.last, units)
                names = [re.findall(r"def (\w+)", content) for role, content in messages if role == "user"]
                self.assertEqual([len(found) for found in names], shares)
                self.assertEqual(len(set(sum(names, []))), units)

    def test_replies_are_true_and_their_graders_accept_them(self):
        planted = {fact["name"]: fact["value"] for item in self.suite.items for fact in item.facts}
        for item in self.suite.items:
            asked = [name for name in planted if re.search(rf"\b{name}\b", item.prompt)]
            with self.subTest(item.id):
                self.assertEqual({planted[name] for name in asked}, set(item.grader["terms"]))
                self.assertEqual(item.reply, ", ".join(item.grader["terms"]))
                self.assertTrue(grading.grade(item.grader, item.reply))

    def test_no_value_is_asked_for_that_an_earlier_reply_or_question_gave_away(self):
        for number, item in enumerate(self.suite.items):
            messages = suites.message_texts(self.suite, item, 48)
            for value in item.grader["terms"]:
                self.assertEqual("\n".join(content for _, content in messages).count(value), 1, (item.id, value))

    def test_later_turns_ask_about_new_and_old_files(self):
        for number, item in enumerate(self.suite.items[1:], 1):
            new = {fact["value"] for fact in item.facts}
            old = {fact["value"] for earlier in self.suite.items[:number] for fact in earlier.facts}
            asked = set(item.grader["terms"])
            self.assertTrue(asked & new and asked & old and asked <= new | old, item.id)

    def test_the_fill_grows_evenly_to_95_per_cent(self):
        self.assertEqual([item.fill for item in self.suite.items], [round(0.95 * k / 8, 3) for k in range(1, 9)])


class Filling(unittest.TestCase):
    def test_a_line_through_the_calibration_says_how_many_units_fit(self):
        points = [(10, 900), (30, 2300)]  # 200 tokens and 70 for each unit
        for target, units in ((200, 0), (269, 0), (270, 1), (900, 10), (8127, 113), (8180, 114), (8179, 113)):
            self.assertEqual(suites.units_for(target, points), units, target)

    def test_a_tiny_context_takes_no_units(self):
        for target in (0, 1, 199, -50):
            self.assertEqual(suites.units_for(target, [(10, 900), (30, 2300)]), 0)

    def test_more_than_two_points_are_fitted_and_their_order_does_not_matter(self):
        points = [(10, 905), (20, 1595), (30, 2305), (40, 2995)]
        self.assertEqual(suites.units_for(7200, points), 100)
        self.assertEqual(suites.units_for(7200, points[::-1]), 100)

    def test_counts_that_do_not_grow_are_refused(self):
        with self.assertRaisesRegex(UserError, "does not grow.*num_ctx"):
            suites.units_for(5000, [(10, 2050), (30, 2050)])
        with self.assertRaises(ValueError):
            suites.units_for(5000, [(10, 900), (10, 900)])

    def test_a_fill_leaves_room_for_the_answer(self):
        self.assertEqual(suites.target_tokens(1.0, 8192, 64), 8128)
        item = suites.load("context-edge").items[-1]
        self.assertEqual(suites.target_tokens(item.fill, 8192, item.num_predict), 7965)
        self.assertEqual(suites.target_tokens(item.fill, 32, item.num_predict), 0)

    def test_every_fill_is_met_within_one_per_cent_and_one_step(self):
        for num_ctx in (4096, 8192, 32768):
            for phase in MATERIAL_PHASES:
                suite = suites.load(phase)
                for item in suite.items if phase == "context-edge" else suite.items[-1:]:
                    with self.subTest(item.id, num_ctx=num_ctx):
                        self.check_fill(suite, item, num_ctx)

    def check_fill(self, suite: suites.Suite, item: suites.Item, num_ctx: int):
        def tokens(units: int) -> int:
            return rough_tokens("\n".join(content for _, content in suites.message_texts(suite, item, units)))
        units = suites.units_for(suites.target_tokens(item.fill, num_ctx, item.num_predict), [(12, tokens(12)), (36, tokens(36))])
        step = tokens(36) // 36
        target = suites.target_tokens(item.fill, num_ctx, item.num_predict)
        slack = 0.01 * (num_ctx - item.num_predict)
        self.assertLessEqual(tokens(units), target + slack)
        self.assertGreaterEqual(tokens(units), target - slack - step)


class Messages(unittest.TestCase):
    def test_items_without_material_are_one_user_message(self):
        for phase in PHASES:
            suite = suites.load(phase)
            if suite.material is None:
                for item in suite.items:
                    self.assertEqual(suites.message_texts(suite, item), [("user", item.prompt)])

    def test_material_needs_a_number_of_units(self):
        for phase in MATERIAL_PHASES:
            suite = suites.load(phase)
            with self.assertRaisesRegex(ValueError, "how many units"):
                suites.message_texts(suite, suite.items[0])

    def test_the_prompt_hash_is_of_the_contents_joined_by_line_feeds(self):
        texts = [("user", "one"), ("assistant", "two"), ("user", "three")]
        self.assertEqual(suites.prompt_sha256(texts), hashlib.sha256(b"one\ntwo\nthree").hexdigest())

    def test_messages_hold_no_placeholder_and_only_ascii(self):
        for phase in MATERIAL_PHASES:
            suite = suites.load(phase)
            for item in suite.items:
                for _, content in suites.message_texts(suite, item, 12):
                    self.assertTrue(content.isascii())
                    self.assertNotIn("$", content)


if __name__ == "__main__":
    unittest.main()
