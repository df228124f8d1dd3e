"""The offer: which runs can be submitted, under whose name, and what a person is shown of it."""
from __future__ import annotations

import pathlib
import tempfile
import unittest

import submitting
import support
from base import json_text
from base.errors import UserError
from submit import submission


class Reading(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = submitting.write_run(pathlib.Path(held.name).resolve() / f"run-{submitting.RUN_ID}")

    def test_five_files_are_read_byte_for_byte(self):
        self.assertEqual(submission.read(self.folder), submitting.contents())
        self.assertEqual(sorted(submission.FILES), submitting.FIVE)

    def test_each_missing_file_names_the_command_that_makes_it(self):
        for name, word in (("hardware.json", "probe_hardware.py"), ("metadata.json", "summarize_run.py"),
                           ("run.md", "summarize_run.py"), ("run.jsonl", "folder of a run"), ("manifest.json", "folder of a run")):
            with self.subTest(name):
                data = (self.folder / name).read_bytes()
                (self.folder / name).unlink()
                with self.assertRaisesRegex(UserError, f"{name}: not found; .*{word}"):
                    submission.read(self.folder)
                (self.folder / name).write_bytes(data)

    def test_a_symbolic_link_is_not_published(self):
        secret = self.folder.parent / "secret"
        secret.write_bytes(b"private")
        (self.folder / "run.md").unlink()
        support.make_link(self.folder / "run.md", secret)
        with self.assertRaisesRegex(UserError, "run.md: not a plain file"):
            submission.read(self.folder)

    def test_a_run_that_nobody_may_submit_is_refused_with_the_reason(self):
        for what, manifest, ledger, words in (
                ("synthetic", {"synthetic": True}, None, "synthetic"),
                ("unfinished", {}, support.record("footer", complete=False), "not complete; .*--resume"),
                ("no footer", {}, support.record("skipped"), "not complete"),
                ("another's manifest", {"run_id": "1b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"}, None, "the folder does not"),
                ("the example", {"run_id": "00000000-0000-0000-0000-000000000000"}, None, "random UUID"),
                ("a broken manifest", {"models": 3}, None, "models: not a list")):
            contents = submitting.contents(**manifest)
            if ledger:
                contents["run.jsonl"] = json_text.dumps(ledger).encode() + b"\n"
            with self.subTest(what), self.assertRaisesRegex(UserError, words):
                submission.manifest_of(contents, self.folder)
        for what, data in (("torn", b'{"type":"foot'), ("empty", b""), ("a number", b"7\n")):
            with self.subTest(what), self.assertRaisesRegex(UserError, "run.jsonl"):
                submission.manifest_of({**submitting.contents(), "run.jsonl": data}, self.folder)


class Ownership(unittest.TestCase):
    SUBMISSIONS = pathlib.Path("clone") / "submissions"

    def owner(self, place: str, told: tuple, wanted: tuple = (None, None)) -> tuple:
        folder = self.SUBMISSIONS / place / "run-x" if place else pathlib.Path("elsewhere") / "run-x"
        return submission.owner_of(folder, self.SUBMISSIONS, {"handle": told[0], "device_tag": told[1]}, wanted)

    def test_folder_manifest_and_flags_say_whose_it_is(self):
        for what, place, told, wanted in (
                ("all agree", "ana/mac-m1-8gb", ("ana", "mac-m1-8gb"), ("ana", "mac-m1-8gb")),
                ("the folder alone", "ana/mac-m1-8gb", (None, None), (None, None)),
                ("the manifest alone", "", ("ana", "mac-m1-8gb"), (None, None)),
                ("the flags alone", "", (None, None), ("ana", "mac-m1-8gb")),
                ("without a handle so far", "unnamed/mac-m1-8gb", (None, "mac-m1-8gb"), ("ana", None)),
                ("deeper than a run lies", "x/ana/mac-m1-8gb", ("ana", "mac-m1-8gb"), (None, None))):
            with self.subTest(what):
                self.assertEqual(self.owner(place, told, wanted), ("ana", "mac-m1-8gb"))

    def test_without_any_owner_the_command_that_sets_it_is_printed(self):
        for place, told in (("unnamed/mac-m1-8gb", (None, "mac-m1-8gb")), ("", (None, "mac-m1-8gb"))):
            with self.subTest(place), self.assertRaisesRegex(
                    UserError, "run_benchmark.py --move .*run-x --handle HANDLE --device-tag mac-m1-8gb"):
                self.owner(place, told)

    def test_two_different_owners_are_an_error_and_never_a_guess(self):
        for place, told, wanted in (("ana/mac-m1-8gb", ("bob", "mac-m1-8gb"), (None, None)),
                                    ("ana/mac-m1-8gb", (None, None), ("bob", None)),
                                    ("ana/mac-m1-8gb", ("ana", "mac-m2-8gb"), (None, None)),
                                    ("", ("ana", "mac-m1-8gb"), (None, "mac-m2-8gb"))):
            with self.subTest((place, told, wanted)), self.assertRaisesRegex(UserError, "do not agree"):
                self.owner(place, told, wanted)

    def test_an_invalid_name_is_refused(self):
        for wanted, words in ((("example", "mac-m1-8gb"), "reserved"), (("../x", "mac-m1-8gb"), "a handle is"),
                              (("ana", "unknown"), "does not identify a machine"), (("ana", "a b"), "a device tag is"),
                              (("$(touch hit)", "mac-m1-8gb"), "a handle is")):
            with self.subTest(wanted), self.assertRaisesRegex(UserError, words):
                self.owner("", (None, None), wanted)


class Words(unittest.TestCase):
    def test_what_git_or_a_forge_would_change_is_refused(self):
        for author, address, title in (("", "a@b", "t"), ("A <x", "a@b", "t"), ("A\nB", "a@b", "t"), ("A", "ab", "t"),
                                       ("A", "a@b@c", "t"), ("A", "a b@c", "t"), ("A", "a@b>", "t"), ("A", "a@b", " "),
                                       ("A", "a@b", "x" * 121), ("A", "a@b", "two\nlines"), ("A", "a@b", "\x1b[2J"),
                                       ("A" * 101, "a@b", "t")):
            with self.subTest((author, address, title)), self.assertRaises(UserError):
                submission.check_words(author, address, title)
        submission.check_words("Žana O'Neill-Müller", "ana@noreply.example.org", "$(touch hit) \"quoted\" & ünïcode")

    def test_marks_that_git_strips_from_a_name_are_stripped_before(self):
        self.assertEqual(submission.as_git_writes(" <Dr. A.> "), "Dr. A")

    def test_a_no_reply_address_can_always_be_made(self):
        for host, found in (("forge.example.org", "ana@noreply.forge.example.org"), ("", "ana@noreply.invalid"),
                            ("[::1]", "ana@noreply.invalid"), ("localhost", "ana@noreply.invalid"),
                            ("192.168.1.7", "ana@noreply.invalid"), ("git.anas-home.lan", "ana@noreply.invalid")):
            with self.subTest(host):
                self.assertEqual(submission.hidden_address("ana", host), found)
                self.assertFalse(submission.is_private(found))
        self.assertTrue(submission.is_private("ana@mail.org"))


class Showing(unittest.TestCase):
    def test_everything_that_becomes_public_is_in_the_list(self):
        shown = submission.format_submission(submitting.a_submission(), "https://h/bench-org/bench, into main", ["agit: x", "bundle: y"])
        for word in submitting.FIVE + [f"{submitting.PATH}/", "46 B", "ana", "mac-m1-8gb", "Ana <ana@noreply.example.org>",
                                       "https://h/bench-org/bench", f"run-{submitting.RUN_ID}", "a title", "1. agit: x",
                                       "2. bundle: y"]:
            with self.subTest(word):
                self.assertIn(word, shown)

    def test_the_code_is_of_exactly_this_list(self):
        made = submitting.a_submission()
        code = submission.code_of(made, ["x"])
        self.assertRegex(code, r"\A[0-9a-f]{12}\Z")
        self.assertEqual(code, submission.code_of(submitting.a_submission(), ["x"]))
        others = [submission.code_of(submitting.a_submission(**change), ["x"]) for change in (
            {"author": "Bob"}, {"address": "b@noreply.example.org"}, {"title": "other"}, {"handle": "bob"},
            {"contents": {**made.contents, "run.md": b"other"}})] + [submission.code_of(made, ["y"])]
        self.assertEqual(len({code, *others}), 7)

    def test_the_text_of_the_request_fits_into_one_push_option(self):
        self.assertNotIn("\n", submitting.a_submission().text)


if __name__ == "__main__":
    unittest.main()
