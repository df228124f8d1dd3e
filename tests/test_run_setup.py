"""The run on disk: where it goes, what its manifest says, and what of an unfinished one is taken up again."""
from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
import tempfile
import types
import unittest
from unittest import mock

import support

from base import json_text, ledger, names, plan, records, request_settings, run_folder, schema, suites
from base.errors import USAGE, UserError
from measure import models, run_setup
from support import record

RUN_ID = "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
OTHER_ID = "1b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"
FACTS = {"handle": None, "device_tag": None, "started_at": "2026-01-02T03:04:05Z", "target": "http://127.0.0.1:11434",
         "server_version": "0.33.0", "host_hostname_short": "box", "floor": None, "time_limit_s": None}
START = support.record("session_start", server_version="0.33.0")
DIED = {"session": 0, "started_at": "2026-01-02T03:04:05Z", "ended_at": None, "ended": "died"}
STOPPED = {**DIED, "ended_at": "2026-01-02T03:05:05Z", "ended": "interrupted"}


def model(name: str, digest: str = "ab" * 32) -> dict:
    return models.described({"name": name, "digest": digest, "size": 5}, {})


def manifest(run_id: str = RUN_ID, settings: plan.Settings = plan.Settings(), phases: tuple = ("small-eval",),
             chosen: tuple = ("alpha:1b",), **changes: object) -> dict:
    choice = models.ModelChoice([model(name) for name in chosen], [{"name": "x:cloud", "reason": "cloud"}], [])
    found = run_setup.manifest(run_id, FACTS, choice, list(phases), settings, {phase: suites.load(phase) for phase in phases},
                         plan.overrides_of(settings))
    return {**found, **changes}


def plain(kind: str, **changes: object) -> dict:
    """A record as a session hands it over: seq and prev are the writer's."""
    return {name: value for name, value in record(kind, **changes).items() if name not in ("seq", "prev")}


def meta(run_id: str = RUN_ID) -> dict:
    return plain("meta", run_id=run_id, session_start=START)


class InFolder(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.out = pathlib.Path(made.name).resolve()

    def link(self, link: pathlib.Path, target: pathlib.Path) -> None:
        link.parent.mkdir(parents=True, exist_ok=True)
        support.make_link(link, target)


class Settings(unittest.TestCase):
    def test_the_canonical_settings_override_nothing(self):
        self.assertEqual(plan.overrides_of(plan.Settings()), {})

    def test_whatever_differs_is_named_with_its_value(self):
        options, beside = request_settings.split({"seed": 7, "num_thread": 8, "temperature": 0, "keep_alive": "10m"})
        settings = plan.Settings(2048, 8192, 20, (1, 4), 5, options, beside)
        self.assertEqual(plan.overrides_of(settings), {"num_ctx": 2048, "num_predict": 20, "levels": [1, 4], "repeats": 5,
                                                      "seed": 7, "num_thread": 8, "keep_alive": "10m"})

    def test_every_setting_can_be_seen_to_differ(self):
        for setting in request_settings.SETTINGS:
            with self.subTest(setting.name):
                changed = {"levels": (1, 2), "num_predict": 9}.get(setting.name, "other")
                settings = plan.Settings(**{setting.name: changed}) if setting.kind == "plan" else plan.Settings(
                    options={**request_settings.canonical("option"), **({setting.name: changed} if setting.kind == "option" else {})},
                    request_fields={**request_settings.canonical("field"), **({setting.name: changed} if setting.kind == "field" else {})})
                self.assertEqual(list(plan.overrides_of(settings)), [setting.name])

    def test_a_manifest_gives_back_the_settings_it_was_planned_with(self):
        options, beside = request_settings.split({"num_thread": 8, "think": True, "temperature": 0.5})
        for settings in (plan.Settings(), plan.Settings(2048, 2048, 20, (1, 4), 5, options, beside)):
            with self.subTest(settings):
                written = json_text.loads(json_text.pretty(manifest(settings=settings)))
                self.assertEqual(schema.problems(written, "manifest"), [])
                self.assertEqual(plan.settings_of(written), settings)
                self.assertEqual(written["overrides"], plan.overrides_of(settings))


class Manifest(unittest.TestCase):
    def test_it_holds_what_will_be_measured_and_with_which_texts(self):
        found = manifest(phases=("frozen-prompts", "small-eval", "parallel-mixed"), chosen=("alpha:1b", "beta:3b"))
        self.assertEqual([(row["phase"], row["model"], row["planned_calls"]) for row in found["plan"]], [
            ("frozen-prompts", "alpha:1b", 18), ("small-eval", "alpha:1b", 5), ("frozen-prompts", "beta:3b", 18),
            ("small-eval", "beta:3b", 5), ("parallel-mixed", None, 80)])
        self.assertEqual(found["planned_calls"], 18 + 5 + 18 + 5 + 80)
        self.assertEqual({row["phase"]: row["sha256"] for row in found["suites"]},
                         {row["phase"]: suites.current_sha256(row["phase"]) for row in found["suites"]})
        self.assertEqual([out["name"] for out in found["models_left_out"]], ["x:cloud"])
        self.assertEqual((found["synthetic"], found["schema"], found["run_id"]), (False, records.MANIFEST_VERSION, RUN_ID))
        self.assertEqual(schema.problems(found, "manifest"), [])

    def test_the_suites_it_names_can_be_loaded_again_and_no_others(self):
        found = manifest(phases=("frozen-prompts", "small-eval"))
        self.assertEqual(run_folder.suites_of(found), {phase: suites.load(phase) for phase in ("frozen-prompts", "small-eval")})
        found["suites"][1]["sha256"] = "0" * 64
        with self.assertRaisesRegex(UserError, "no small-eval suite"):
            run_folder.suites_of(found)

    def test_whether_the_harness_was_changed_is_known_only_in_a_clone_of_its_own(self):
        for what, answers, found in (
                ("no git", {}, (None, None)),
                ("a clone as it came", {"rev-parse HEAD": "abc", "--show-prefix": "", "status": ""}, ("abc", False)),
                ("a clone that was changed", {"rev-parse HEAD": "abc", "--show-prefix": "", "status": " M harness/x.py"},
                 ("abc", True)),
                ("a copy within another repository", {"rev-parse HEAD": "abc", "--show-prefix": "vendor/bench/", "status": ""},
                 (None, None)),
                ("a status that fails", {"rev-parse HEAD": "abc", "--show-prefix": ""}, ("abc", None))):
            with self.subTest(what), mock.patch.object(run_setup.git, "line", lambda root, *words: next(
                    (said for part, said in answers.items() if part in " ".join(words)), None)):
                self.assertEqual(run_setup.git_state(), found)


class SourceHash(InFolder):
    def setUp(self):
        super().setUp()
        self.copy = self.out / "harness"
        for name in ("measure", "suites"):
            shutil.copytree(support.HARNESS / name, self.copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        patch = mock.patch.object(run_folder, "HARNESS", self.copy)
        patch.start()
        self.addCleanup(patch.stop)
        self.before = run_setup.source_sha256()

    def test_a_changed_new_renamed_or_missing_source_or_suite_is_another_harness(self):
        def rename(path: pathlib.Path) -> None:
            path.rename(path.with_name("renamed.py"))
        for what, path, change in (
                ("a source", "measure/http_call.py", lambda path: path.write_bytes(path.read_bytes() + b"\n")),
                ("a suite", "suites/small_model_eval_questions.json", lambda path: path.write_bytes(b"{}")),
                ("a new file", "measure/new.py", lambda path: path.write_bytes(b"")),
                ("a missing one", "measure/eta.py", pathlib.Path.unlink),
                ("one under another name", "measure/progress_report.py", rename)):
            with self.subTest(what):
                before = run_setup.source_sha256()
                change(self.copy / path)
                self.assertNotEqual(run_setup.source_sha256(), before)

    def test_what_is_no_source_does_not_count(self):
        (self.copy / "measure" / "__pycache__").mkdir()
        (self.copy / "measure" / "__pycache__" / "x.py").write_bytes(b"1")
        (self.copy / "README.md").write_bytes(b"another text")
        (self.copy / "measure" / "notes.txt").write_bytes(b"1")
        (self.copy / "folder.py").mkdir()
        self.assertEqual(run_setup.source_sha256(), self.before)

    def test_it_can_be_computed_by_hand(self):
        shutil.rmtree(self.copy)
        (self.copy / "b").mkdir(parents=True)
        for name, data in (("b/a.py", b"1"), ("a.json", b"2"), ("b.py", b"3")):
            (self.copy / name).write_bytes(data)
        lines = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n"
                        for name, data in (("a.json", b"2"), ("b/a.py", b"1"), ("b.py", b"3")))
        self.assertEqual(run_setup.source_sha256(), hashlib.sha256(lines.encode()).hexdigest())


class Folders(InFolder):
    def test_a_run_goes_under_its_handle_and_its_device(self):
        for handle, first in (("ana", "ana"), (None, names.UNNAMED)):
            with self.subTest(handle=handle):
                self.assertEqual(run_setup.folder_for(self.out, handle, "mac-m1-8gb", RUN_ID),
                                 self.out / first / "mac-m1-8gb" / f"run-{RUN_ID}")

    def test_runs_may_go_right_under_the_root(self):
        """`--out /` was refused: behind the root stands no second separator."""
        root = pathlib.Path(self.out.anchor)
        self.assertEqual(run_setup.folder_for(root, "ana", "mac-m1-8gb", RUN_ID).parts[0], self.out.anchor)

    def test_a_link_that_leads_out_is_refused_at_every_level(self):
        for parts in (("ana",), ("ana", "mac-m1-8gb"), ("ana", "mac-m1-8gb", f"run-{RUN_ID}")):
            with self.subTest(parts=parts), tempfile.TemporaryDirectory() as elsewhere:
                link = self.out.joinpath(*parts)
                self.link(link, pathlib.Path(elsewhere))
                with self.assertRaisesRegex(UserError, "a link leads out of the output folder"):
                    run_setup.folder_for(self.out, "ana", "mac-m1-8gb", RUN_ID)
                link.unlink()

    def test_a_neighbour_whose_name_begins_alike_is_outside_too(self):
        out, neighbour = self.out / "runs", self.out / "runs-of-others"
        neighbour.mkdir()
        self.link(out / "ana", neighbour)
        with self.assertRaises(UserError):
            run_setup.folder_for(out, "ana", "mac-m1-8gb", RUN_ID)

    def test_links_that_stay_inside_or_lie_above_do_no_harm(self):
        (self.out / "real").mkdir()
        self.link(self.out / "ana", self.out / "real")
        self.link(self.out / "runs", self.out / "real")
        for out, handle in ((self.out, "ana"), (self.out / "runs", "bob")):
            with self.subTest(handle):
                self.assertEqual(run_setup.folder_for(out, handle, "mac-m1-8gb", RUN_ID).name, f"run-{RUN_ID}")

    def test_a_folder_that_can_be_written_is_made_and_left_empty(self):
        out = self.out / "new" / "runs"
        run_setup.check_writable(out)
        self.assertEqual(list(out.iterdir()), [])

    def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(self):
        (self.out / "file").write_bytes(b"")
        for out in (self.out / "file", self.out / "file" / "below"):
            with self.subTest(out.name), self.assertRaisesRegex(UserError, "--out"):
                run_setup.check_writable(out)
        with mock.patch("tempfile.mkstemp", side_effect=PermissionError(13, "Permission denied")), \
                self.assertRaisesRegex(UserError, "Permission denied.*--out"):
            run_setup.check_writable(self.out)

    def test_a_disk_that_is_nearly_full_is_refused(self):
        for free, enough in ((run_setup.NEEDED_BYTES, True), (run_setup.NEEDED_BYTES - 1, False), (0, False)):
            with self.subTest(free=free), mock.patch.object(
                    run_setup.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=free)):
                if enough:
                    run_setup.check_writable(self.out)
                else:
                    with self.assertRaisesRegex(UserError, f"only {free // 1_000_000} MB are free"):
                        run_setup.check_writable(self.out)


class Find(InFolder):
    def setUp(self):
        super().setUp()
        self.folder = self.out / "ana" / "mac-m1-8gb" / f"run-{RUN_ID}"
        self.folder.mkdir(parents=True)
        (self.folder / run_folder.MANIFEST).write_bytes(b"{}")

    def test_a_run_is_found_by_its_id_its_folder_s_name_or_its_path(self):
        for text in (RUN_ID, f"run-{RUN_ID}", str(self.folder), str(self.folder) + os.sep, f"elsewhere/run-{RUN_ID}"):
            with self.subTest(text):
                self.assertEqual(run_folder.find(self.out, text), self.folder)

    def test_the_beginning_of_a_run_s_name_is_enough_where_only_one_begins_so(self):
        for text in (f"run-{RUN_ID[:8]}", RUN_ID[:8], f"run-{RUN_ID[:4]}", f"run-{RUN_ID[:20]}", f"run-{RUN_ID[:-1]}"):
            with self.subTest(text):
                self.assertEqual(run_folder.find(self.out, text), self.folder)
        second = self.folder.with_name(f"run-{RUN_ID[:8]}-0000-4000-8000-000000000000")
        second.mkdir()
        with self.assertRaisesRegex(UserError, f"several runs have this name; .*{second.name}.*{self.folder.name}"):
            run_folder.find(self.out, f"run-{RUN_ID[:8]}")
        self.assertEqual(run_folder.find(self.out, f"run-{RUN_ID}"), self.folder)

    def test_a_command_names_a_run_of_this_clone_by_the_beginning_of_its_name_unless_two_begin_so(self):
        self.assertEqual(pathlib.Path(run_folder.argument(self.folder)).resolve(), self.folder)
        with mock.patch.object(run_folder, "SUBMISSIONS", self.out):
            self.assertEqual(run_folder.argument(self.folder), f"run-{RUN_ID[:8]}")
            self.folder.with_name(f"run-{RUN_ID[:8]}-0000-4000-8000-000000000000").mkdir()
            self.assertEqual(pathlib.Path(run_folder.argument(self.folder)).resolve(), self.folder)

    def test_a_path_is_taken_wherever_it_leads_and_whatever_it_is_called(self):
        copy = self.out / "copy"
        shutil.copytree(self.folder, copy)
        self.assertEqual(run_folder.find(self.out / "nothing", str(copy)), copy)
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        self.assertEqual(run_folder.find(self.out / "nothing", "."), self.folder)

    def test_what_is_no_run_is_refused_with_the_reason(self):
        for text, says in ((OTHER_ID, "no such run here"), (f"run-{OTHER_ID}", "no such run here"),
                           (RUN_ID.upper(), "lower case"), ("latest", "is a UUID"), ("", "is a UUID"), ("..", "is a UUID"),
                           ("*", "is a UUID"), (str(self.folder.parent), "is a UUID"), (names.NIL_RUN_ID, "version 4"),
                           (f"run-{RUN_ID}*", "is a UUID"), (f"run-{RUN_ID[:3]}", "is a UUID"), (OTHER_ID[:8], "no such run here"), ("a\0b", "is a UUID")):
            with self.subTest(text), self.assertRaisesRegex(UserError, says) as caught:
                run_folder.find(self.out, text)
            self.assertEqual(caught.exception.exit_code, USAGE)
            self.assertRegex(str(caught.exception), r"this lists your runs: python\S* \S*run_benchmark\.py --status")


class Reopen(InFolder):
    def begin(self, *records: dict, torn: bytes = b"", found: dict | None = None) -> bytes:
        """A run's folder with these records and a torn end; the ledger's bytes."""
        (self.out / run_folder.MANIFEST).write_bytes(json_text.pretty(found or manifest()))
        with contextlib.closing(ledger.Writer(self.out)) as writer:
            for one in records:
                writer.append(one)
        with open(self.out / run_folder.LEDGER, "ab") as out:
            out.write(torn)
        return (self.out / run_folder.LEDGER).read_bytes()

    def test_an_unfinished_run_is_taken_up_with_all_its_records_and_the_file_stays_as_it_is(self):
        data = self.begin(meta(), plain("call", role="measured"), plain("skipped"))
        found = run_setup.reopen(self.out)
        self.assertEqual([one["type"] for one in found.tail.records], ["meta", "call", "skipped"])
        self.assertEqual((found.removed, found.sessions, found.folder), (b"", [DIED], self.out))
        self.assertEqual(found.manifest, manifest())
        self.assertEqual((self.out / run_folder.LEDGER).read_bytes(), data)

    def test_a_complete_run_is_refused(self):
        self.begin(meta(), plain("footer", complete=True, sessions=[STOPPED]))
        with self.assertRaisesRegex(UserError, "this run is complete"):
            run_setup.reopen(self.out)

    def test_the_footer_of_an_unfinished_run_goes_and_its_sessions_stay(self):
        data = self.begin(meta(), plain("skipped"), plain("footer", complete=False, sessions=[STOPPED]))
        lines = data.splitlines(keepends=True)
        for torn in (b"", b'{"type":"ca'):
            with self.subTest(torn=torn):
                with open(self.out / run_folder.LEDGER, "ab") as out:
                    out.write(torn)
                found = run_setup.reopen(self.out)
                self.assertEqual((found.sessions, found.removed), ([STOPPED], lines[2] + torn))
                self.assertEqual([one["type"] for one in found.tail.records], ["meta", "skipped"])
                self.assertEqual(found.tail.whole_bytes, len(lines[0] + lines[1]))
                self.assertEqual(found.tail.last_sha256, hashlib.sha256(lines[1][:-1]).hexdigest())

    def test_a_torn_end_is_set_aside_and_the_session_had_died(self):
        self.begin(meta(), plain("skipped"), torn=b'{"type":"call","seq"')
        found = run_setup.reopen(self.out)
        self.assertEqual((found.removed, found.sessions), (b'{"type":"call","seq"', [DIED]))

    def test_a_file_without_a_whole_line_or_no_file_begins_anew(self):
        self.begin(torn=b'{"type":"me')
        self.assertEqual((run_setup.reopen(self.out).removed, run_setup.reopen(self.out).sessions), (b'{"type":"me', []))
        (self.out / run_folder.LEDGER).unlink()
        self.assertEqual((run_setup.reopen(self.out).removed, run_setup.reopen(self.out).tail.records), (b"", []))

    def test_a_session_that_died_stands_behind_those_before_it(self):
        later = {**START, "started_at": "2026-01-03T00:00:00Z", "earlier_sessions": [STOPPED]}
        self.begin(meta(), plain("skipped"), plain("skipped", session=1, session_start=later), plain("skipped", session=1))
        self.assertEqual(run_setup.reopen(self.out).sessions, [STOPPED, {
            "session": 1, "started_at": "2026-01-03T00:00:00Z", "ended_at": None, "ended": "died"}])

    def test_what_does_not_belong_together_or_is_damaged_is_refused(self):
        data = self.begin(meta(OTHER_ID), plain("skipped"), plain("skipped"))
        with self.assertRaisesRegex(UserError, "of different runs"):
            run_setup.reopen(self.out)
        lines = data.splitlines(keepends=True)
        (self.out / run_folder.LEDGER).write_bytes(lines[0] + lines[2])
        with self.assertRaisesRegex(UserError, r"run\.jsonl:2: "):
            run_setup.reopen(self.out)

    def test_a_manifest_that_cannot_be_used_is_refused_with_the_reason(self):
        whole = json_text.pretty(manifest())
        for data, says in ((whole[:-20], "not JSON"), (b"", "not JSON"), (b"[]", "not an object"),
                           (whole.replace(b'"run_id"', b'"run"'), "run: unknown field"),
                           (whole.replace(b'"repeats": 3', b'"repeats": -3'), "repeats: not a count"),
                           (whole.replace(b'"repeats": 3', b'"repeats": NaN'), "not JSON")):
            with self.subTest(says):
                (self.out / run_folder.MANIFEST).write_bytes(data)
                with self.assertRaisesRegex(UserError, says) as caught:
                    run_setup.reopen(self.out)
                self.assertIn("manifest.json", str(caught.exception))
        (self.out / run_folder.MANIFEST).unlink()
        with self.assertRaisesRegex(UserError, "manifest.json"):
            run_setup.reopen(self.out)

    def test_a_run_that_was_killed_before_its_manifest_was_written_says_so(self):
        (self.out / run_folder.HARDWARE).write_bytes(b"{}")
        with self.assertRaisesRegex(UserError, "nothing was measured.*start a new run"):
            run_setup.reopen(self.out)


class Earlier(unittest.TestCase):
    def earlier(self, *records: dict) -> run_setup.Earlier:
        return run_setup.Earlier(pathlib.Path(), {}, ledger.Tail(list(records)), b"", [])

    def test_only_planned_calls_and_skipped_ones_are_recorded(self):
        place = {"phase": "small-eval", "model": "alpha:1b", "repeat": 1, "level": 1}
        found = self.earlier(record("meta"), record("call", role="measured", item="a", outcome="interrupted", **place),
                             record("call", role="warmup", item="b", **place),
                             record("call", role="calibration", item="c", **place), record("skipped", item="d", **place))
        self.assertEqual(found.recorded, {plan.Step("small-eval", "alpha:1b", "a").key: "call",
                                          plan.Step("small-eval", "alpha:1b", "d").key: "skipped"})

    def test_findings_are_gathered_for_each_model_and_the_last_word_counts(self):
        found = self.earlier(record("meta"), record("call", model="a", finding={"head_tokens": 3, "too_long": "cut"}),
                             record("call", model="b", finding={"head_tokens": 9}), record("call", model="c"),
                             record("call", model="a", finding={"head_tokens": 4}), record("skipped", model="a"))
        self.assertEqual(found.findings, {"a": {"head_tokens": 4, "too_long": "cut"}, "b": {"head_tokens": 9}})


class SameModels(unittest.TestCase):
    def check(self, *rows: dict) -> None:
        run_setup.check_same_models(types.SimpleNamespace(models=lambda: list(rows)), {"models": [model("alpha:latest")]})

    def test_the_same_name_and_digest_is_the_same_model_in_any_spelling(self):
        for name, digest in (("alpha:latest", "ab" * 32), ("Alpha", "ab" * 32), ("alpha:latest", "sha256:" + "ab" * 32)):
            with self.subTest(name=name, digest=digest[:8]):
                self.check({"name": "beta:1b"}, {"name": name, "digest": digest})

    def test_a_model_that_is_gone_or_changed_is_refused(self):
        for rows, says in (([], "no longer has this model"), ([{"name": "alpha:1b", "digest": "ab" * 32}], "no longer has"),
                           ([{"name": "alpha", "digest": "cd" * 32}], "another version"),
                           ([{"name": "alpha"}], "another version")):
            with self.subTest(says, rows=rows), self.assertRaisesRegex(UserError, says):
                self.check(*rows)


if __name__ == "__main__":
    unittest.main()
