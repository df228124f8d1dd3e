"""The builder: the same input gives the same bytes, what is new alone is made, the old site stays until the new is whole,
and what is redacted leaves no trace."""
from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import tempfile
import threading
import unittest
import unittest.mock
import urllib.error
import urllib.request
from typing import Callable

import corpus
import support

import build_catalogue
from mutants import valid, values
from base import files
from base.errors import UserError
from publish import build, process_pool, process_run, run_changes, serve

PHASES = ("frozen-prompts",)     # and of one model: small runs, since each is built many times
RUNS = 3        # of two machines; the last is of the first one again, and of another person
EVERY = {"catalogue.json", "catalogue.csv", "catalogue.sqlite", "feed.xml", "index.html"}


def tree(folder: pathlib.Path) -> dict:
    """path: bytes of all files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def said(*words: object) -> tuple:
    """(exit code, stdout, stderr) of the verb."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = build_catalogue.console.guarded(lambda: build_catalogue.main([str(word) for word in words]))
    return code, out.getvalue(), err.getvalue()


TOP = tempfile.TemporaryDirectory()


def setUpModule() -> None:
    """A few runs, and a site of them whose cache every test begins with."""
    top = pathlib.Path(TOP.name)
    corpus.write(top, RUNS - 1, PHASES, models=1)
    corpus.write(top, 1, PHASES, first=12, models=1)
    short = unittest.mock.patch("publish.page_files.methodology", lambda: "# Methodology\n\nAs everywhere.\n")
    short.start()       # rendered for every site
    unittest.addModuleCleanup(short.stop)
    shared = unittest.mock.patch.object(process_run, "_check", checked_once(process_run._check))
    shared.start()
    unittest.addModuleCleanup(shared.stop)
    built(top / "submissions", top / "first" / "site")


def checked_once(check: Callable) -> Callable:
    """Check a run's bytes only once: nearly every test builds the same runs again, none of which is of the future."""
    known: dict = {}

    def once(folder: pathlib.Path, place: object, synthetic: bool, now_s: float, holds: tuple) -> object:
        if not folder.is_dir():
            return check(folder, place, synthetic, now_s, holds)
        contents = tuple((path.name, path.lstat().st_mode, path.read_bytes()) for path in sorted(folder.iterdir()) if path.is_file())
        key = (contents, folder.is_symlink(), place, synthetic, holds)
        if key not in known:
            known[key] = check(folder, place, synthetic, now_s, holds)
        return known[key]
    return once


def tearDownModule() -> None:
    TOP.cleanup()


def built(submissions: pathlib.Path, out: pathlib.Path, **changes: object) -> build.BuildReport:
    settings = {"version": "test", "synthetic": True, "now_s": 1.8e9, "jobs": 1, **changes}
    return build.build(build.BuildOptions(submissions, out, **settings))


class Here(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(TOP.name)
        self.submissions = self.top / "submissions"
        own = tempfile.TemporaryDirectory()
        self.addCleanup(own.cleanup)
        self.own = pathlib.Path(own.name)
        self.out = self.own / "site"
        shutil.copytree(self.top / "first" / "site.cache", self.own / "site.cache")

    def build(self, submissions: pathlib.Path | None = None, out: pathlib.Path | None = None, **changes: object) -> build.BuildReport:
        return built(submissions or self.submissions, out or self.out, **changes)

    def copied(self) -> pathlib.Path:
        """Submissions of the test's own."""
        target = self.own / "clone" / "submissions"
        shutil.copytree(self.submissions, target)
        return target


class OddNames(unittest.TestCase):
    def test_a_model_named_like_a_flag_or_in_other_letters_is_held_and_ends_no_build(self):
        """A model named -dash:1b passed the checker and ended the build of the whole catalogue with exit code 3."""
        names = ("-dash:1b", "mod\u00e8le:1b", "a b:1b", "x" * 200 + ":1b", "con:1b", "..:1b")
        with tempfile.TemporaryDirectory() as top:
            for number, name in enumerate(names):
                run = valid.Run(phases=PHASES)
                values.renamed_model(name)(run)
                run.rename(f"{number}c9c2d3e-4f50-4a6b-8c7d-8e9f00112233")
                run.write(pathlib.Path(top))
            code, _, err = said("--submissions", f"{top}/submissions", "--out", f"{top}/site")
            document = json.loads(pathlib.Path(top, "site", "catalogue.json").read_bytes())
            self.assertEqual(code, 0, err)
            self.assertEqual(len(document["runs"]), len(names))
            self.assertEqual({run["site_grade"] for run in document["runs"]}, {"archive-only"})
            for page in [run["page"] for run in document["runs"]] + [cell["page"] for cell in document["cells"]]:
                self.assertTrue(pathlib.Path(top, "site", page).is_file(), page)


class Building(Here):
    def test_a_site_has_every_file_and_each_run_its_five_as_text(self):
        report = self.build()
        self.assertEqual((report.shown, report.withheld, report.rejected), (RUNS, 0, {}))
        found = tree(self.out)
        self.assertLessEqual(EVERY, set(found))
        document = json.loads(found["catalogue.json"])
        for run in document["runs"]:
            self.assertIn(run["page"], found)
            for name, path in run["raw"].items():
                self.assertTrue(path.endswith(".txt"))
                self.assertEqual(found[path], (self.top / run["folder"] / name).read_bytes())
        for cell in document["cells"]:
            self.assertIn(cell["page"], found)
            whole = json.loads(found[cell["data"]])
            self.assertTrue(all(variant.pop("by_run") for variant in whole["variants"]))
            self.assertEqual(whole, cell)
        for one in document["devices"] + document["models"]:
            self.assertIn(one["page"], found)
        self.assertEqual(sorted(os.listdir(self.own)), ["site", "site.cache"])

    def test_the_same_runs_give_the_same_bytes_afresh_from_before_and_with_many_processes(self):
        first = tree(self.top / "first" / "site")
        again = self.build()
        self.assertEqual((again.runs_made, again.cells_made), (0, 0))
        self.assertEqual(tree(self.out), first)
        self.assertEqual(self.build(afresh=True).runs_made, RUNS)
        self.assertEqual(tree(self.out), first)
        with unittest.mock.patch("publish.process_pool.MIN_TASKS", 1):
            self.build(out=self.out.with_name("other"), jobs=2)
        self.assertEqual(tree(self.out.with_name("other")), first)

    def test_a_platform_without_processes_builds_alone(self):
        with unittest.mock.patch("publish.process_pool.MIN_TASKS", 1), unittest.mock.patch("multiprocessing.get_context", side_effect=OSError("none")):
            self.assertEqual(self.build(afresh=True, jobs=2).runs_made, RUNS)
        self.assertEqual(tree(self.out), tree(self.top / "first" / "site"))

    def test_only_so_many_tasks_are_under_way_and_results_keep_their_order(self):
        under_way, most = [], []

        class Pool:
            def submit(self, function: object, task: int) -> object:
                under_way.append(task)
                most.append(len(under_way))
                return unittest.mock.Mock(result=lambda: under_way.pop(0))
        self.assertEqual(list(process_pool._in_order(Pool(), None, iter(range(100)), 8)), list(range(100)))
        self.assertEqual(max(most), 8)

    def test_after_one_more_run_only_it_and_its_cells_are_made(self):
        submissions = self.copied()
        newest = corpus.spec(12)
        shutil.rmtree(submissions.parent / newest.folder)
        before = self.build(submissions)
        self.assertEqual(before.shown, RUNS - 1)
        shutil.copytree(self.top / newest.folder, submissions.parent / newest.folder)
        after = self.build(submissions)
        self.assertEqual((after.shown, after.runs_made, after.cells_made), (RUNS, 1, 1))
        self.assertEqual(tree(self.out), tree(self.top / "first" / "site"))

    def test_a_run_that_is_gone_leaves_nothing(self):
        submissions = self.copied()
        self.build(submissions)
        gone = corpus.spec(12)
        shutil.rmtree(submissions.parent / gone.folder)
        self.build(submissions)
        self.assertNotIn(gone.run_id.encode(), b"".join(tree(self.out).values()))
        self.assertFalse(any(gone.run_id in path for path in tree(self.out.with_name("site.cache"))))

    def test_another_version_of_the_harness_makes_everything_anew(self):
        self.build()
        self.assertEqual(self.build(version="other").runs_made, RUNS)

    def test_a_changed_style_or_methodology_is_another_version(self):
        before = build.version("source")
        self.assertEqual(build.version("source"), before)
        self.assertNotEqual(build.version("other source"), before)
        with unittest.mock.patch("publish.page_files.methodology", lambda: "# Another"):
            self.assertNotEqual(build.version("source"), before)
        with unittest.mock.patch("publish.page_files.ASSETS", self.own):
            self.assertNotEqual(build.version("source"), before)

    def test_a_file_of_the_site_that_somebody_changed_is_made_again(self):
        self.build()
        first = tree(self.out)
        page = next(path for path in first if path.startswith("runs/"))
        (self.out / page).write_bytes(b"changed by hand")
        self.assertEqual(self.build().runs_made, 1)
        self.assertEqual(tree(self.out), first)

    def test_an_edited_file_is_seen_even_where_size_and_time_are_as_before(self):
        submissions = self.copied()
        self.build(submissions)
        path = submissions.parent / corpus.spec(0).folder / "run.md"
        state = path.stat()
        data = path.read_bytes()
        path.write_bytes(data.replace(b"nothing stands on a desk", b"anything stands on a bar"[:24]))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        self.assertEqual(path.stat().st_size, state.st_size)
        if os.name != "nt":         # the time of the last change of state cannot be set back
            self.assertEqual(self.build(submissions).runs_made, 1)
        self.assertEqual(self.build(submissions, afresh=True).runs_made, RUNS)

    def test_raw_files_are_links_to_the_submissions_and_not_second_copies(self):
        self.build()
        row = json.loads((self.out / "catalogue.json").read_bytes())["runs"][0]
        for name, path in row["raw"].items():
            self.assertTrue(os.path.samefile(self.out / path, self.top / row["folder"] / name))

    def test_with_a_base_address_raw_files_are_left_to_the_forge(self):
        base = "https://forge.example/bench/raw/branch/main"
        self.build(raw_base=base)
        self.assertFalse(any(path.startswith("raw/") for path in tree(self.out)))
        row = json.loads((self.out / "catalogue.json").read_bytes())["runs"][0]
        self.assertEqual(row["raw"]["run.jsonl"], f"{base}/{row['folder']}/run.jsonl")
        page = (self.out / row["page"]).read_text(encoding="utf-8")
        self.assertIn(f'href="{base}/{row["folder"]}/run.jsonl#:~:text=', page)
        self.build()
        self.assertEqual(tree(self.out), tree(self.top / "first" / "site"))

    def test_a_broken_cache_costs_time_and_nothing_else(self):
        self.build()
        first, cache = tree(self.out), self.out.with_name("site.cache")
        for damage in (lambda: (cache / "index.sqlite").write_bytes(b"{"), lambda: shutil.rmtree(cache / "files"), lambda: shutil.rmtree(cache / "runs")):
            damage()
            self.build()
            self.assertEqual(tree(self.out), first)


class Refusing(Here):
    def test_synthetic_runs_are_let_in_only_where_a_test_asks(self):
        report = self.build(synthetic=False)
        self.assertEqual((report.shown, len(report.rejected)), (0, RUNS))
        self.assertEqual({row["rule"] for rows in report.rejected.values() for row in rows}, {"name-synthetic"})
        self.assertEqual(json.loads((self.out / "catalogue.json").read_bytes())["runs"], [])
        self.build()
        for path, data in tree(self.out).items():
            if path.endswith((".html", ".xml")):
                with self.subTest(path):
                    self.assertIn(b"synthetic", data.lower())

    def test_the_example_is_never_let_in(self):
        submissions = self.copied()
        example = support.ROOT / "submissions" / "EXAMPLE"
        if not example.is_dir():
            self.skipTest("the example is not here")
        shutil.copytree(example, submissions / "EXAMPLE")
        report = self.build(submissions)
        self.assertEqual((report.shown, report.rejected), (RUNS, {}))
        self.assertNotIn(b"00000000-0000-0000-0000-000000000000", b"".join(tree(self.out).values()))

    def test_a_run_that_the_checker_refuses_is_left_out_with_its_errors(self):
        submissions = self.copied()
        bad = corpus.spec(1)
        path = submissions.parent / bad.folder / "run.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"eval_tokens":33', b'"eval_tokens":34', 1))
        report = self.build(submissions)
        self.assertEqual(list(report.rejected), [bad.folder])
        self.assertIn("ledger-chain", {row["rule"] for row in report.rejected[bad.folder]})
        self.assertEqual(report.shown, RUNS - 1)
        self.assertNotIn(bad.run_id.encode(), b"".join(tree(self.out).values()))

    def test_metadata_that_lies_is_not_believed(self):
        submissions = self.copied()
        path = submissions.parent / corpus.spec(1).folder / "metadata.json"
        path.write_bytes(path.read_bytes().replace(b'"median": ', b'"median": 9', 1))
        self.assertIn("sum-metadata", {row["rule"] for rows in self.build(submissions).rejected.values() for row in rows})

    def test_a_run_in_two_places_is_shown_once(self):
        submissions = self.copied()
        one = corpus.spec(1)
        shutil.copytree(submissions.parent / one.folder, submissions / "zoe" / one.device.tag / f"run-{one.run_id}")
        report = self.build(submissions)
        self.assertTrue(report.rejected)
        self.assertLess(len(json.loads((self.out / "catalogue.json").read_bytes())["runs"]), RUNS + 1)

    def test_a_run_behind_a_link_is_no_submission(self):
        submissions = self.copied()
        (self.own / "elsewhere").mkdir()
        for number, link in ((0, lambda folder: folder), (1, lambda folder: folder.parent.parent)):
            place = link(submissions.parent / corpus.spec(number).folder)
            shutil.move(str(place), str(self.own / "elsewhere" / str(number)))
            support.make_link(place, self.own / "elsewhere" / str(number))
        report = self.build(submissions)
        self.assertEqual({row["rule"] for rows in report.rejected.values() for row in rows}, {"scope-symlink"})
        self.assertEqual(set(report.rejected), {corpus.spec(number).folder for number in (0, 1)})

    def test_a_folder_that_is_no_site_of_ours_is_never_replaced(self):
        self.out.mkdir()
        (self.out / "letters.txt").write_text("dear all", encoding="utf-8")
        with self.assertRaises(UserError) as caught:
            self.build()
        self.assertIn("something else", str(caught.exception))
        self.assertEqual(os.listdir(self.out), ["letters.txt"])
        with self.assertRaises(UserError):
            self.build(out=self.out / "letters.txt")
        (self.own / "other.cache").mkdir()
        (self.own / "other.cache" / "letters.txt").write_text("dear all", encoding="utf-8")
        with self.assertRaises(UserError) as caught:
            self.build(out=self.own / "other")
        self.assertIn("our cache", str(caught.exception))
        self.assertEqual(os.listdir(self.own / "other.cache"), ["letters.txt"])
        shutil.rmtree(self.own / "other.cache")
        self.assertEqual(sorted(os.listdir(self.own)), ["site", "site.cache"])

    def test_two_builders_do_not_meet(self):
        self.build()
        with files.exclusive(self.out.with_name("site.cache") / "lock"), self.assertRaises(UserError) as caught:
            self.build()
        self.assertIn("another process", str(caught.exception))


class InOneStep(Here):
    def failing(self, name: str, **changes: object) -> None:
        """A build in which this function breaks."""
        with unittest.mock.patch(name, side_effect=OSError("planted")), self.assertRaises((OSError, UserError)):
            self.build(**changes)

    def test_whatever_breaks_the_old_site_stays_whole(self):
        submissions = self.copied()
        shutil.rmtree(submissions.parent / corpus.spec(1).folder)
        self.build(submissions)
        first = tree(self.out)
        for name, afresh in (("base.files.link_or_copy", True), ("base.files.swap_folders", True), ("publish.database.pieces", True),
                             ("publish.pages.site_pages", True), ("publish.pooling.CellPool.record", True), ("publish.page_update.put_file", True),
                             ("publish.process_run.process", True)):
            with self.subTest(name):
                self.failing(name, submissions=submissions, afresh=afresh)
                self.assertEqual(tree(self.out), first)
        self.assertEqual(self.build(submissions).shown, RUNS - 1)
        self.assertEqual(tree(self.out), first)
        self.assertEqual(sorted(os.listdir(self.own)), ["clone", "site", "site.cache"])

    def test_a_crash_between_the_two_renamings_is_mended(self):
        self.build()
        first = tree(self.out)
        cache = self.own / "site.cache"
        os.rename(self.out, cache / "old")
        self.failing("publish.run_changes.all_runs")
        self.assertEqual(tree(self.out), first)
        os.rename(self.out, cache / "old")
        os.rename(cache / "new", self.out)
        self.failing("publish.run_changes.all_runs")
        self.assertEqual((tree(self.out), tree(cache / "new"), (cache / "old").exists()), (first, first, False))

    def test_where_the_new_folder_cannot_take_its_place_the_old_one_comes_back(self):
        self.build()
        first, real, moved = tree(self.out), os.rename, []

        def rename(source: object, target: object) -> None:
            moved.append(source)
            if target == self.out and str(source) != str(self.own / "site.cache" / "old"):  # as on Windows while somebody reads in the folder
                raise PermissionError(13, "planted")
            real(source, target)
        with unittest.mock.patch("os.rename", rename), unittest.mock.patch("time.sleep"), self.assertRaises(UserError):
            self.build(afresh=True)
        self.assertEqual(tree(self.out), first)

    def test_a_run_that_vanishes_while_it_is_read_is_one_error_and_leaves_the_old_site(self):
        submissions = self.copied()
        self.build(submissions)
        first, gone, real = tree(self.out), corpus.spec(1), run_changes.contents

        def contents(folder: str) -> str:
            found = real(folder)
            if gone.run_id in folder:
                shutil.rmtree(folder)
            return found
        with unittest.mock.patch("publish.run_changes.contents", contents), self.assertRaises(UserError) as caught:
            self.build(submissions, afresh=True)
        self.assertIn("vanished", str(caught.exception))
        self.assertEqual(tree(self.out), first)

    def test_a_file_system_without_links_gets_copies(self):
        self.build()
        with unittest.mock.patch("os.link", side_effect=OSError("no links")):
            self.build(out=self.out.with_name("copies"))
            self.build(out=self.out.with_name("copies"))
        self.assertEqual(tree(self.out.with_name("copies")), tree(self.out))


class Redacting(Here):
    def test_a_redacted_run_leaves_no_trace_and_still_counts(self):
        submissions = self.copied()
        hidden = corpus.spec(12)        # of the machine of run 0, by a person with no other run
        folder = submissions.parent / hidden.folder
        self.assertNotIn(hidden.handle, {corpus.spec(number).handle for number in range(RUNS - 1)})
        open_report = self.build(submissions)
        counted = json.loads((self.out / "catalogue.json").read_bytes())
        unique = [hidden.run_id, json.loads((folder / "metadata.json").read_bytes())["ledger_sha256"], "run number 12",
                  json.loads((folder / "manifest.json").read_bytes())["started_at"], hidden.handle]
        unique += re.findall('"nonce":"([0-9]{18})"', (folder / "run.jsonl").read_text(encoding="ascii"))[:3]
        needles = [re.compile(rf"(?<![a-z0-9-]){re.escape(text)}(?![a-z0-9-])".encode()) for text in unique]
        open_bytes = b"\n".join(tree(self.out).values())
        self.assertTrue(all(needle.search(open_bytes) for needle in needles))
        needles.append(re.compile(b"unique words of a note"))
        report = self.build(submissions, overlay={hidden.run_id: {"visibility": "redacted", "notes": ["unique words of a note"]}})
        self.assertEqual((report.shown, report.withheld), (open_report.shown - 1, 1))
        for path, data in tree(self.out).items():
            for needle in needles:
                with self.subTest(path=path, needle=needle.pattern):
                    self.assertIsNone(needle.search(data))
                    self.assertIsNone(needle.search(path.encode()))
        shown = json.loads((self.out / "catalogue.json").read_bytes())
        by_id = {cell["cell_id"]: cell for cell in shown["cells"]}
        self.assertTrue(by_id)
        for cell in counted["cells"]:
            variant = cell["variants"][0]
            if cell["cell_id"] in by_id:
                found = by_id[cell["cell_id"]]
                self.assertEqual((found["runs"], found["variants"][0]["headline"]["decode_tok_s"]), (cell["runs"], variant["headline"]["decode_tok_s"]))
        self.assertTrue(any(cell["withheld"] == 1 for cell in shown["cells"]))
        self.assertEqual(shown["totals"]["handles"], counted["totals"]["handles"] - 1)

    def test_a_build_that_forgets_the_overlay_shows_nothing_again(self):
        """The command's own next step once left --overlay out, and whatever was hidden came back."""
        hidden = corpus.spec(0)
        self.build(overlay={hidden.run_id: {"visibility": "redacted"}})
        first = tree(self.out)
        for changes in ({}, {"afresh": True}, {"version": "another harness"}):
            with self.subTest(changes), self.assertRaises(UserError) as caught:
                self.build(**changes)
            self.assertIn("the overlay of the last build withholds 1 run, and this build has no overlay", str(caught.exception))
            self.assertEqual(tree(self.out), first)
        self.assertEqual(self.build(overlay={}).withheld, 0)
        self.assertEqual(self.build().shown, RUNS)

    def test_reuse_is_reported_only_where_something_was_reused(self):
        """The first build of all reported `the rest reused from cache`."""
        for made, cells_made, is_reused in ((3, 2, False), (3, 1, True), (1, 2, True), (0, 0, True)):
            report = build.BuildReport(shown=2, withheld=1, cells=2, runs_made=made, cells_made=cells_made)
            with self.subTest(made=made, cells_made=cells_made), contextlib.redirect_stdout(io.StringIO()), \
                    contextlib.redirect_stderr(io.StringIO()) as err:
                build_catalogue.print_report(report, pathlib.Path("site"))
            self.assertEqual("reused" in err.getvalue(), is_reused)
            self.assertIn("rebuilt", err.getvalue())

    def test_a_redacted_run_may_be_removed_and_stays_hidden_if_it_is_sent_again(self):
        submissions, hidden = self.copied(), corpus.spec(0)
        overlay = {hidden.run_id: {"visibility": "redacted"}}
        self.build(submissions, overlay=overlay)
        folder, away = submissions.parent / hidden.folder, self.own / "away"
        folder.rename(away)
        for _ in range(2):      # the second build has nothing new
            report = self.build(submissions, overlay=overlay)
            self.assertEqual((report.shown, report.withheld, report.redacted_absent), (RUNS - 1, 0, [hidden.run_id]))
        with self.assertRaises(UserError):
            self.build(submissions)
        away.rename(folder)
        report = self.build(submissions, overlay=overlay)
        self.assertEqual((report.shown, report.withheld, report.redacted_absent), (RUNS - 1, 1, []))
        self.assertNotIn(hidden.run_id.encode(), b"".join(tree(self.out).values()))

    def test_a_cell_of_redacted_runs_alone_is_not_shown(self):
        alone = corpus.spec(1)
        self.build(overlay={alone.run_id: {"visibility": "redacted"}})
        self.assertNotIn(alone.device.tag.encode(), b"".join(tree(self.out).values()))

    def test_a_run_that_names_another_in_its_story_is_refused_by_the_checker(self):
        submissions = self.copied()
        hidden, teller = corpus.spec(0), corpus.spec(1)
        path = submissions.parent / teller.folder / "run.md"
        path.write_bytes(path.read_bytes().replace(b"nothing stands", f"better than {hidden.run_id}, nothing stands".encode(), 1))
        report = self.build(submissions, overlay={hidden.run_id: {"visibility": "redacted"}})
        self.assertEqual((list(report.rejected), report.withheld), ([teller.folder], 1))
        self.assertNotIn(hidden.run_id.encode(), b"".join(tree(self.out).values()))

    def test_what_the_maintainer_says_stands_with_the_run(self):
        one, newer = corpus.spec(0), corpus.spec(12)
        self.build(overlay={one.run_id: {"janie_blurb_md": "Small *and* fast.", "notes": ["Lid closed."], "superseded_by": newer.run_id}})
        row = next(run for run in json.loads((self.out / "catalogue.json").read_bytes())["runs"] if run["run_id"] == one.run_id)
        self.assertEqual((row["blurb_md"], row["notes"], row["superseded_by"]), ("Small *and* fast.", ["Lid closed."], newer.run_id))
        page = (self.out / row["page"]).read_text(encoding="utf-8")
        for words in ("Lid closed.", newer.run_id):
            self.assertIn(words, page)
        self.build()
        self.assertNotIn("Lid closed.", (self.out / row["page"]).read_text(encoding="utf-8"))


class Verb(Here):
    def setUp(self):
        super().setUp()
        sources = unittest.mock.patch.object(build_catalogue.sources, "source_sha256", return_value="c0" * 32)     # read for each call
        sources.start()
        self.addCleanup(sources.stop)

    def test_exit_codes_say_what_happened(self):
        overlay = self.own / "overlay.json"
        overlay.write_text('{"schema": "overlay-1.0", "runs": {"x": {}}}', encoding="utf-8")
        base = ("--submissions", self.submissions, "--out", self.out, "--jobs", 1)
        for words, code, told in ((("--include-synthetic",), 0, f"{RUNS} runs shown"), ((), 0, "rejected: submissions/"), (("--strict",), 1, "name-synthetic"),
                                  (("--strict", "--include-synthetic"), 0, "0 rejected"), (("--overlay", overlay), 2, "UUID"),
                                  (("--overlay", overlay.with_name("none")), 2, "none")):
            with self.subTest(words):
                found, out, err = said(*base, *words)
                self.assertEqual(found, code, err)
                self.assertIn(told, err)
                self.assertEqual(err.splitlines()[-1].startswith("next: "), code < 2)
                self.assertEqual(out.strip(), str(self.out) if code < 2 else "")
        self.assertEqual(said("--submissions", self.out / "none")[0], 2)
        overlay.write_text('{"schema": "overlay-1.0", "runs": {}}', encoding="utf-8")
        _, _, err = said(*base, "--include-synthetic", "--overlay", overlay)
        self.assertEqual(err.splitlines()[-1], f"next: python harness/build_catalogue.py --submissions {self.submissions} --out {self.out} "
                                               f"--overlay {overlay} --jobs 1 --include-synthetic --serve")
        absent = valid.RUN_ID
        overlay.write_text(json.dumps({"schema": "overlay-1.0", "runs": {absent: {"visibility": "redacted"}}}), encoding="utf-8")
        for _ in range(2):
            code, _, err = said(*base, "--include-synthetic", "--overlay", overlay)
            self.assertEqual(code, 0)
            self.assertIn(f"the overlay hides run {absent}, which is not there", err)
        overlay.write_text('{"schema": "overlay-1.0", "runs": {}}', encoding="utf-8")
        code, _, err = said(*base, "--serve", 99_999, "--overlay", overlay)
        self.assertEqual(code, 2)
        self.assertIn("cannot listen", err)
        with self.assertRaises(SystemExit) as caught:
            said("--nonsense")
        self.assertEqual(caught.exception.code, 2)


class Serving(Here):
    def test_it_is_shown_on_loopback_alone_and_raw_files_as_text(self):
        self.build()
        with serve.server(self.out, 0) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            self.addCleanup(thread.join, 5)
            self.addCleanup(server.shutdown)
            host, port = server.server_address[:2]
            self.assertEqual(host, "127.0.0.1")
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            raw = next(path for path in tree(self.out) if path.startswith("raw/"))
            for path, kind in (("", "text/html"), (raw, "text/plain"), ("feed.xml", "application/atom+xml"), ("catalogue.json", "application/json")):
                with self.subTest(path), opener.open(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
                    self.assertTrue(answer.read())
                    self.assertTrue(answer.headers["Content-Type"].startswith(kind))
                    self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
                    self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            for path in ("raw/", "../site.cache/index.sqlite", "%2e%2e/site.cache/index.sqlite"):
                with self.subTest(path), self.assertRaises(urllib.error.HTTPError) as caught:
                    opener.open(f"http://127.0.0.1:{port}/{path}", timeout=10)
                self.assertEqual(caught.exception.code, 404)
                caught.exception.close()


if __name__ == "__main__":
    unittest.main()
