"""submit_run.py: from a finished run to a pull request, and every point at which it stops before anything leaves."""
from __future__ import annotations

import contextlib
import io
import os
import pathlib
import shlex
import subprocess
import sys
import unittest
from unittest import mock

import gitea
import submitting
import support
import submit_run
from base import console, shell
from submit import run_status

BRANCH = f"run-{submitting.RUN_ID}"


def snapshot(clone: pathlib.Path) -> tuple:
    """What a submission must not touch, and what a stop must leave without any trace."""
    return (gitea.git(clone, "status", "--porcelain"), gitea.git(clone, "for-each-ref"), gitea.git(clone, "symbolic-ref", "HEAD"),
            gitea.git(clone, "count-objects", "-v"))


@unittest.skipUnless(gitea.HAS_GIT, "git is not installed")
class WholeWay(submitting.Submission):
    starts_checker = True

    def test_with_a_token_a_run_becomes_a_request_from_any_folder(self):
        self.token()
        os.chdir(self.world / "repos")
        code, out, said = self.stop_and_confirm()
        self.assertEqual(code, 0, said)
        self.assertTrue(out.endswith(f"{self.url}/bench-org/bench/pulls/1\n"))
        self.assertIn("request 1 is open and was read back: five files, nothing else", said)
        self.assertEqual(gitea.git(self.upstream, "diff", "--name-only", "main", "refs/pull/1/head").split(),
                         [f"{submitting.PATH}/{name}" for name in submitting.FIVE])
        self.assertEqual(gitea.git(self.upstream, "show", "-s", "--format=%an <%ae>%n%s", "refs/pull/1/head").split("\n"),
                         ["ana <ana@noreply.invalid>", "submissions: ana/mac-m1-8gb/run-0b1c2d3e"])
        self.assertEqual(gitea.git(self.clone, "symbolic-ref", "HEAD"), "refs/heads/main")
        self.assertNotIn(gitea.TOKEN, out + said)
        for path in self.world.rglob("*"):
            if path.is_file():
                self.assertNotIn(gitea.TOKEN.encode(), path.read_bytes(), path)

    def test_without_a_token_and_a_login_the_commit_is_written_to_a_file(self):
        code, out, said = self.stop_and_confirm()
        self.assertEqual(code, 1, said)
        self.assertIn("not submitted yet", said)
        self.assertIn("agit: ", said)
        file = self.world / f"{BRANCH}.zip"
        self.assertTrue(file.is_file())
        state = run_status.look(self.run_folder, self.clone)
        self.assertEqual((pathlib.Path(state.file).resolve(), state.place), (file.resolve(), f"a new issue at {self.url}/bench-org/bench/issues"))
        self.assertEqual(list(gitea.references(self.upstream)), ["refs/heads/main"])


class WithoutAccount(submitting.Submission):
    """A person at a terminal, and an upstream that asks for a login before each push."""

    def at_a_terminal(self, *words: str) -> tuple:
        with mock.patch.object(console, "is_terminal", lambda: True), mock.patch.object(console, "ask", lambda question, default: default), \
                mock.patch.dict(os.environ, {"GIT_TERMINAL_PROMPT": "0"}):
            return self.agree(*words, run=BRANCH)

    def test_before_git_may_ask_for_a_login_it_is_said_what_to_do_without_one(self):
        code, out, said = self.at_a_terminal()
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"(?s)git may now ask for your login .* press Enter each time.*agit: ")
        self.assertTrue(out.endswith(f"{BRANCH}.zip\n"))
        self.assertRegex(said.splitlines()[-1], r"^next: attach that file \(run_benchmark.py --status")

    def answering(self, name: str, password: str) -> None:
        """git asks a script instead of a person."""
        script = self.world / "answer"
        script.write_text(f"#!/bin/sh\ncase $1 in User*) echo '{name}';; *) echo '{password}';; esac\n", encoding="utf-8")
        script.chmod(0o755)
        self.enter(mock.patch.dict(os.environ, {"GIT_ASKPASS": str(script)}))

    @unittest.skipIf(os.name == "nt", "the answers come from a shell script")
    def test_after_a_wrong_password_no_other_method_is_tried_and_the_command_is_printed_again(self):
        self.answering("ana", "wrong")
        code, _, said = self.at_a_terminal()
        self.assertEqual(code, 1, said)
        self.assertRegex(said, rf"error: {self.url}/bench-org/bench.git: the forge refused the login; wrong user name or password "
                               rf"\(with two-factor login, .*\)\nnext: python\S* \S*submit_run.py {BRANCH}\n\Z")
        self.assertEqual(list(self.world.glob("*.zip")), [])

    @unittest.skipIf(os.name == "nt", "the answers come from a shell script")
    def test_with_both_answers_empty_the_commit_is_written_to_a_file(self):
        self.answering("", "")
        code, out, said = self.at_a_terminal()
        self.assertIn("bench.git: the forge wants a login, and none was given", said)
        self.assertTrue(out.endswith(f"{BRANCH}.zip\n"))

    @unittest.skipIf(os.name == "nt", "the answers come from a shell script")
    def test_a_wrong_password_for_a_private_upstream_ends_with_the_same_command(self):
        self.server.private.add("bench-org/bench")
        self.answering("ana", "wrong")
        url = f"--upstream={self.url}/bench-org/bench.git"
        for words in ((url,), (url, "--dry-run")):
            code, _, said = self.at_a_terminal(*words)
            self.assertEqual(code, 1, said)
            self.assertRegex(said, rf"the forge refused the login; .*\nnext: python.*submit_run.py {' '.join((BRANCH, *words))}\n\Z")

    @unittest.skipIf(os.name == "nt", "the answers come from a shell script")
    def test_a_correction_without_the_right_login_ends_with_the_same_command(self):
        gitea.teach_agit(self.upstream)
        self.answering("token", gitea.TOKEN)
        self.assertEqual(self.at_a_terminal()[0], 0)
        with open(self.run_folder / "run.md", "ab") as text:
            text.write(b"a better sentence\n")
        for name, password, words in (("ana", "wrong", "refused the login"), ("", "", "wants a login, and none was given")):
            self.answering(name, password)
            with self.subTest(words):
                code, _, said = self.at_a_terminal()
                self.assertEqual(code, 1)
                self.assertRegex(said, rf"error: .*{words}; .*\nnext: python\S* \S*submit_run.py {BRANCH}\n\Z")
        self.assertEqual(list(self.world.glob("*.zip")), [])

    def test_with_zip_only_the_file_is_made_and_no_push_is_tried(self):
        code, out, said = self.at_a_terminal("--zip")
        self.assertEqual(code, 1, said)
        self.assertTrue((self.world / f"{BRANCH}.zip").is_file())
        self.assertIn("\nHow:\n  1. bundle: ", out)
        self.assertNotIn("git may now ask", said)
        self.assertFalse([path for _, path, *_ in self.server.log if "receive-pack" in path])

    def test_stopped_at_gits_question_it_ends_with_the_same_command_and_offers_the_file(self):
        for words, token, offer, ending in (((), "", "; without an account: add --zip to the next command", ""),
                                            (("--zip",), "", "", " --zip"), (("--title=t",), gitea.TOKEN, "", " --title=t")):
            with self.subTest(words), mock.patch("submit.methods.send", side_effect=KeyboardInterrupt), mock.patch.dict(
                    os.environ, {"GITEA_TOKEN": token}):
                code, _, said = self.at_a_terminal(*words)
                self.assertEqual(code, 130)
                self.assertRegex(said, rf"\n\nstopped{offer}\nnext: python\S* \S*submit_run.py {BRANCH}{ending}\n\Z")

    def test_stopped_at_a_question_of_its_own_it_ends_with_the_same_command(self):
        for address in (f"{self.url}/bench-org/bench.git", self.upstream):
            self.origin(address)
            with self.subTest(address), mock.patch.object(console, "is_terminal", lambda: True), \
                    mock.patch.object(console, "ask", side_effect=KeyboardInterrupt):
                code, _, said = self.submit("--title=t", run=BRANCH)
            self.assertEqual(code, 130)
            self.assertRegex(said, rf"\nstopped\nnext: python\S* \S*submit_run.py {BRANCH} --title=t\n\Z")
        self.assertEqual(gitea.git(self.clone, "for-each-ref", f"refs/heads/{BRANCH}"), "")


class Stops(submitting.Submission):
    starts_checker = True

    """Against repositories on the disk; each stop leaves server and clone as they were."""

    def setUp(self):
        super().setUp()
        self.origin(self.upstream)
        self.before = snapshot(self.clone)

    def assert_nothing_happened(self) -> None:
        self.assertEqual(snapshot(self.clone), self.before)
        self.assertEqual(list(gitea.references(self.upstream)), ["refs/heads/main"])
        self.assertEqual(list(self.world.glob("*.zip")), [])

    def test_without_a_terminal_it_shows_the_list_and_the_command_for_a_person(self):
        code, out, said = self.submit()
        self.assertEqual(code, 1)
        for word in submitting.FIVE + ["ana <ana@noreply.invalid>", str(self.upstream), BRANCH, "for good"]:
            self.assertIn(word, out)
        self.assertRegex(said, r"A person has to read .*\n.*waits for an answer.\nnext: only with a person's yes: python .* --confirm=[0-9a-f]{12}\n\Z")
        self.assert_nothing_happened()

    def test_the_code_of_another_list_is_refused(self):
        _, _, said = self.submit()
        code = self.code_in(said)
        for what, words in (("made up", ["--confirm=000000000000"]), ("empty", ["--confirm="]),
                            ("another author", [f"--confirm={code}", "--author-name=Bob"]),
                            ("another title", [f"--confirm={code}", "--title=other"])):
            with self.subTest(what):
                exit_code, _, said = self.submit(*words)
                self.assertEqual(exit_code, 1)
                self.assertIn("does not belong to the list above", said)
        (self.run_folder / "run.md").write_text("changed since it was read")
        self.assertIn("does not belong to the list above", self.submit(f"--confirm={code}")[2])
        self.assertEqual(list(gitea.references(self.upstream)), ["refs/heads/main"])

    def test_no_flag_agrees_in_the_place_of_a_person(self):
        for flag in ("--yes", "-y", "--force", "--confirm"):
            with self.subTest(flag), self.assertRaises(SystemExit) as caught, contextlib.redirect_stderr(io.StringIO()):
                submit_run.main([str(self.run_folder), flag], root=self.clone)
            self.assertEqual(caught.exception.code, 2)

    def test_on_a_terminal_only_yes_is_yes(self):
        for answer, code in (("", 1), ("n", 1), ("y", 1), ("yes please", 1), ("yes", 1)):
            asked = []

            def ask(question: str, default: str) -> str:
                asked.append((question, default))
                return (answer or default) if "public? Type yes" in question else default
            with self.subTest(answer), mock.patch.object(console, "is_terminal", lambda: True), mock.patch.object(console, "ask", ask):
                found, _, said = self.submit()
                self.assertEqual(found, code)
                self.assertEqual(asked[-1][1], "no")
                self.assertEqual("the commit is" in said, answer == "yes")
                if answer != "yes":
                    self.assertIn("nothing was sent", said)
                    self.assert_nothing_happened()

    def test_a_dry_run_shows_every_command_and_changes_nothing(self):
        code, out, said = self.submit("--dry-run", "--title=$(touch hit); 'x'")
        self.assertEqual(code, 0, said)
        self.assertRegex(out, r"\n    zip .*run-\S+\.zip'? TEMPORARY/run-\S+\.bundle TEMPORARY/HOW-TO-APPLY\.txt\n")
        self.assertRegex(out, r"(?s)\n  make the commit:\n.*\n  bundle:\n    git bundle create")
        for word in ("fetch", "read-tree", "commit-tree", "update-ref", "bundle create", "a plain repository, which opens no requests",
                     "Nothing was changed or sent", "[not now:"):
            self.assertIn(word, " ".join(out.split()))
        self.assertIn("'--title=$(touch hit); '\"'\"'x'\"'\"''", said)       # as it can be pasted
        self.assertRegex(said.splitlines()[-1], r"^next: if all of this may become public \(an agent asks its human first\): python\S* \S*submit_run\.py ")
        self.assert_nothing_happened()

    def test_every_failed_check_stops_it(self):
        for what, act, code, word in (
                ("a finding", lambda: (self.run_folder / "run.md").write_bytes(b"BAD"), 1, "found errors"),
                ("the checker's own failure", lambda: (self.run_folder / "hardware.json").write_bytes(b"BAD"), 3, "nothing was sent"),
                ("a checker that is missing", lambda: os.remove(self.clone / "harness" / "check_submission.py"), 3,
                 "nothing was checked")):
            with self.subTest(what):
                act()
                found, out, said = self.submit()
                self.assertEqual((found, out), (code, ""))
                self.assertIn(word, said)
                if what != "a checker that is missing":
                    self.assertIn("error R-001", said)
                for name, data in submitting.contents().items():
                    (self.run_folder / name).write_bytes(data)

    def test_a_dry_run_shows_the_list_of_a_run_with_errors(self):
        """Whoever is to agree looks at the list first; an unticked box once kept it from being shown."""
        (self.run_folder / "run.md").write_bytes(b"BAD")
        code, out, said = self.submit("--dry-run")
        self.assertEqual(code, 1)
        self.assertIn("What becomes public", out)
        self.assertIn("not ready", said)
        self.assertRegex(said.splitlines()[-1], r"^next: fix them: python .*harness/check_submission.py clone/submissions/.*$")
        (self.run_folder / "run.md").write_bytes(submitting.contents()["run.md"])
        (self.run_folder / "hardware.json").write_bytes(b"BAD")     # makes the stand-in for the checker fail
        self.assertEqual(self.submit("--dry-run")[:2], (3, ""))
        self.assert_nothing_happened()

    def test_a_dry_run_with_open_boxes_says_that_the_person_whose_run_it_is_comes_next(self):
        (self.run_folder / "run.md").write_bytes(b"UNTICKED BAD")
        code, out, said = self.submit("--dry-run")
        self.assertEqual(code, 1)
        self.assertIn("What becomes public", out)
        self.assertIn("not ready: only the boxes", said)
        self.assertRegex(said.splitlines()[-1], r"^next: look through the five files, and tick the boxes .*submit_run\.py .* --dry-run$")
        for word in ("above", "follows", "Fix the checker"):
            self.assertNotIn(word, said)
        self.assert_nothing_happened()

    def test_a_dry_run_shows_the_list_if_the_upstream_does_not_answer(self):
        self.origin(f"http://127.0.0.1:{support.closed_port()}/a/b.git")
        code, out, said = self.submit("--dry-run")
        self.assertEqual(code, 1, said)
        self.assertIn("not known now", out)
        self.assertIn("cannot find out whether this is a fork", said)
        self.assert_nothing_happened()

    def test_the_commit_itself_is_checked_before_it_is_sent(self):
        code, _, said = self.agree("--author-name=Bad")
        self.assertEqual(code, 1)
        self.assertIn("checked a commit of Bad", said)
        self.assertIn(f"{BRANCH}: the checker found errors; nothing was sent", said)
        self.assertEqual(list(gitea.references(self.upstream)), ["refs/heads/main"])

    def test_a_run_that_changes_while_it_is_checked_is_not_sent(self):
        checker = self.clone / "harness" / "check_submission.py"
        checker.write_text("import pathlib, sys\n(pathlib.Path(sys.argv[1]) / 'run.md').write_text('sly')\n")
        code, _, said = self.submit()
        self.assertEqual(code, 1)
        self.assertIn("changed while it was checked", said)

    def test_a_checker_that_does_not_end_is_a_failure(self):
        (self.clone / "harness" / "check_submission.py").write_text("import time\ntime.sleep(60)\n")
        with mock.patch.object(submit_run, "CHECK_S", 0.3):
            code, _, said = self.submit()
        self.assertEqual(code, 3)
        self.assertIn("did not end", said)

    def test_each_error_in_the_run_is_one_line(self):
        for run, code, word in (("no-such-folder", 2, "is a UUID"), (f"run-{submitting.RUN_ID[:-1]}0", 2, "no such run"),
                                ("run-*", 2, "is a UUID"),
                                (str(self.clone), 2, "is a UUID")):
            with self.subTest(run):
                found, _, said = self.submit(run=run)
                self.assertEqual(found, code)
                self.assertIn(word, said)
                self.assertEqual(said.count("\n"), 1)

    def test_outside_of_a_clone_it_says_how_to_get_one(self):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = console.guarded(lambda: submit_run.main([str(self.run_folder)], root=self.world))
        self.assertEqual(code, 2)
        self.assertIn("git clone", said.getvalue())


class Places(submitting.Submission):
    starts_checker = True

    def setUp(self):
        super().setUp()
        self.origin(self.upstream)

    def elsewhere(self, **manifest: object) -> pathlib.Path:
        return submitting.write_run(self.world / "out put" / "unnamed" / submitting.TAG / f"run-{submitting.RUN_ID}", **manifest)

    def test_a_run_is_named_by_its_id_alone(self):
        self.assertEqual(self.submit("--dry-run", run=BRANCH)[0], 0)

    def test_a_run_without_a_handle_is_refused_with_the_command_that_sets_it(self):
        folder = self.elsewhere(handle=None)
        code, _, said = self.submit(run=str(folder))
        self.assertEqual(code, 2)
        self.assertIn(f"run_benchmark.py --move '{shell.path(folder)}' --handle HANDLE --device-tag mac-m1-8gb\n", said)

    def test_a_run_outside_the_clone_is_checked_in_its_place_and_shown_by_its_path(self):
        folder = self.elsewhere(handle=None)
        code, out, said = self.submit("--handle=ana", "--dry-run", run=str(folder))
        self.assertEqual(code, 0, said)
        self.assertIn(f"  {submitting.PATH}/\n", out)
        self.assertIn(f"checked {shell.path(folder)}\n", said)

    @unittest.skipIf(os.name == "nt", "the line is quoted for PowerShell or cmd there, and read here as a POSIX shell reads it")
    def test_the_printed_command_repeats_this_call_and_works_as_printed(self):
        folder = self.elsewhere(handle=None)
        words = ["--handle=ana", "--title=$(touch hit) \"two\" words", "--author-name=O'Neill", "--author-email=o@noreply.example.org"]
        _, _, said = self.submit(*words, run=str(folder))
        given = shlex.split(said.partition("next: only with a person's yes: ")[2])[2:]
        _, _, said = self.submit(*given[1:], run=given[0])
        self.assertIn("the commit is", said)
        self.assertFalse((self.world / "hit").exists())
        self.assertEqual(gitea.git(self.clone, "show", "-s", "--format=%an|%ae|%s", BRANCH),
                         "O'Neill|o@noreply.example.org|$(touch hit) \"two\" words")


class Author(submitting.Submission):
    def setUp(self):
        super().setUp()
        self.origin(self.upstream)

    def test_name_and_address_from_gits_settings_are_not_used(self):
        for known, words, found in (
                ("ana@noreply.example.org", [], "ana <ana@noreply.invalid>"), ("ana@mail.org", [], "ana <ana@noreply.invalid>"),
                ("ana@mail.org", ["--author-email=ana@mail.org"], "ana <ana@mail.org>"),
                ("ana@mail.org", ["--author-name=A. N.", "--author-email=x@noreply.example.org"], "A. N <x@noreply.example.org>")):
            self.config("user.email", known)
            with self.subTest((known, words)):
                _, out, said = self.submit("--dry-run", *words)
                self.assertIn(f"author      {found}\n", out)
                self.assertEqual("will be public for good" in said, "ana@mail.org" in found)

    def on_a_terminal(self, answers: dict, *words: str) -> tuple:
        """(out, err, the questions with their defaults and with what was printed on stdout before each)."""
        asked = []

        def ask(question: str, default: str) -> str:
            asked.append((question, default, sys.stdout.getvalue()))
            return next((answer for begin, answer in answers.items() if begin in question), default)
        with mock.patch.object(console, "is_terminal", lambda: True), mock.patch.object(console, "ask", ask):
            _, out, said = self.submit(*words)
        return out, said, asked

    def test_on_a_terminal_name_and_address_are_asked_for_after_the_list_and_with_safe_defaults(self):
        self.config("user.email", "ana@mail.org")
        out, said, asked = self.on_a_terminal({"Author of": "Zana"})
        self.assertEqual([default for _, default, _ in asked], ["ana", "ana@noreply.invalid", "no"])
        self.assertIn("author      ana <ana@noreply.invalid>", asked[0][2])
        self.assertNotIn("ana@mail.org", out + said)
        self.assertIn("author      Zana <ana@noreply.invalid>", out)

    def test_the_author_that_was_named_is_the_author_of_the_commit(self):
        _, said, _ = self.on_a_terminal({"Author of": "Zana", "Address of": "zana@mail.org", "Type yes": "yes"})
        self.assertIn("zana@mail.org will be public for good; ana@noreply.invalid would keep it private", said)
        self.assertEqual(gitea.git(self.clone, "show", "-s", "--format=%an <%ae>", BRANCH), "Zana <zana@mail.org>")

    def test_a_dry_run_asks_nothing(self):
        _, _, asked = self.on_a_terminal({}, "--dry-run")
        self.assertEqual(asked, [])


class Command(unittest.TestCase):
    def test_its_help_names_what_it_asks_and_what_it_never_does(self):
        done = subprocess.run([*support.PYTHON, str(support.HARNESS / "submit_run.py"), "--help"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)
        text = " ".join(done.stdout.split())
        for word in ("An agent shows its human", "--confirm CODE", "No default branch is ever pushed to", "GITEA_TOKEN",
                     "--dry-run", "exit codes"):
            self.assertIn(word, text)

    def test_wrong_usage_is_exit_code_2(self):
        done = subprocess.run([*support.PYTHON, str(support.HARNESS / "submit_run.py")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
