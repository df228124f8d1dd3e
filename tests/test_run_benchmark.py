"""run_benchmark.py as its users meet it: what a run leaves, the plan and the lists, and one clear line for each mistake."""
from __future__ import annotations

import hashlib
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
from unittest import mock

import runs
import support
from runs import ALPHA, BETA, call_main, measured, records

import run_benchmark
from base import console, json_text, run_folder, shell, suites, text_format
from base.ledger_reader import LedgerReader
from base.phases import PHASES
from judge import call_checks
from judge.findings import Finding
from measure import run_setup, server_address, session
from self_test import thinking_checks
from submit import run_status


class Runs(runs.RunTest):
    def test_a_run_leaves_its_manifest_and_a_sealed_ledger_with_a_record_for_every_planned_call(self):
        self.read_telemetry()
        with mock.patch.object(LedgerReader, "__iter__", autospec=True, side_effect=LedgerReader.__iter__) as reading:
            code, out, err = self.main("--phases", "small-eval", "--handle", "ana", "--device-tag", "mac-m1-8gb",
                                       "--models", "alpha:1b", "--hostname", "box", "--quiet")
        self.assertEqual(code, 0, err)
        self.assertEqual(reading.call_count, 1, "figures, check and grade come from one reading of the ledger")
        folder = self.folder()
        self.assertEqual(folder.parts[-3:-1], ("ana", "mac-m1-8gb"))
        manifest = run_folder.read_manifest(folder)
        self.assertEqual((manifest["handle"], manifest["host_hostname_short"], manifest["planned_calls"]),
                         ("ana", "box", 5))
        self.assertFalse(manifest["synthetic"])
        self.assertEqual(f"run-{manifest['run_id']}", folder.name)
        self.assertGreater(manifest["floor"]["chunks"], 100)
        rows = records(folder)
        self.assertEqual([row["item"] for row in measured(rows)], [f"5Q-Q0{n}" for n in range(1, 6)])
        self.assertEqual({row["outcome"] for row in measured(rows)}, {"ok"})
        self.assertIsNotNone(measured(rows)[0]["conditions"])
        self.assertTrue(rows[-1]["complete"])
        self.assertEqual([session["ended"] for session in rows[-1]["sessions"]], ["complete"])
        self.assertIn("small-eval", out)
        self.assertIn(str(folder), out)

    def test_a_run_with_thinking_ends_with_both_ways_beside_each_other(self):
        self.stub.script({"models": [{**ALPHA, "tokens_per_chunk": 1, "capabilities": ["completion", "thinking"], "thinking_tokens": 12}, BETA]})
        code, out, err = self.main("--phases", "small-eval", "--thinking", "--thinking-budget", "256", "--quiet")
        self.assertEqual(code, 0, err)
        manifest, metadata = run_folder.read_manifest(self.folder()), run_folder.read_json(self.folder() / run_folder.METADATA)
        self.assertEqual((manifest["schema"], manifest["thinking"], manifest["overrides"]),
                         ("manifest-1.1", {"mode": True, "budget": 256}, {"thinking_budget": 256}))
        self.assertEqual(metadata["schema"], "metadata-1.3")       # the fake server gives one answer to all questions, which is a warning
        self.assertRegex(out, r"alpha:1b +small-eval-thinking +0 of 5 +0 of 5 +-0\.40 to \+0\.40 +11\.4")
        self.assertIn("### Thinking", (self.folder() / run_folder.RUN_MD).read_text(encoding="utf-8"))
        self.assertEqual({row["phase"] for row in measured(records(self.folder())) if row["model"] == "beta:1b"}, {"small-eval"})

    def test_every_figure_can_be_traced_to_what_was_sent(self):
        self.main("--phases", "small-eval", "--models", "alpha:1b", "--quiet")
        manifest, rows = run_folder.read_manifest(self.folder()), records(self.folder())
        suite = suites.load("small-eval")
        for row, item in zip(measured(rows), suite.items):
            with self.subTest(item=item.id):
                self.assertEqual(row["prompt_sha256"], hashlib.sha256(item.prompt.encode()).hexdigest())
                self.assertRegex(row["nonce"], r"\A[0-9]{18}\Z")
                self.assertEqual(row["options"]["num_predict"], item.num_predict)
                self.assertEqual({**manifest["options"], "num_ctx": 4096, "num_predict": item.num_predict},
                                 row["options"])
                self.assertEqual(row["knobs"], manifest["knobs"])
        self.assertEqual(len({row["nonce"] for row in measured(rows)}), 5)

    def test_context_prompts_can_be_rebuilt_byte_for_byte(self):
        self.main("--phases", "context-append,context-edge", "--models", "alpha:1b", "--quiet")
        rows = measured(records(self.folder()))
        self.assertEqual(len(rows), 13)
        for row in rows:
            suite = suites.load(row["phase"])
            item = next(item for item in suite.items if item.id == row["item"])
            with self.subTest(item=item.id):
                texts = suites.message_texts(suite, item, row["material_units"])
                self.assertEqual(suites.prompt_sha256(texts), row["prompt_sha256"])
        self.assertEqual(len({row["nonce"] for row in rows if row["phase"] == "context-append"}), 1)
        for row in rows:
            if row["fill"] is not None and row["phase"] == "context-edge":
                room = row["options"]["num_ctx"] - row["options"]["num_predict"]
                self.assertLessEqual(row["prompt_tokens"], room)
                self.assertAlmostEqual(row["prompt_tokens"] / room, row["fill"], delta=0.03)

    def test_without_a_handle_and_a_terminal_the_run_is_unnamed_each_call_has_a_plain_line_and_the_key_is_never_written(self):
        key = "sk-test-0123456789abcdef"
        code, out, err = self.main("--phases", "small-eval", "--models", "alpha:1b", environment={"OLLAMA_API_KEY": key})
        self.assertEqual(code, 0)
        self.assertEqual(self.folder().parts[-3], "unnamed")
        self.assertIsNone(run_folder.read_manifest(self.folder())["handle"])
        self.assertRegex(err, "handle: none given|--handle")
        lines = [line for line in err.splitlines() if line.startswith("[") and "5Q-" in line]
        self.assertEqual([line.split("]")[0] for line in lines], [f"[{n}/5" for n in range(1, 6)])
        self.assertNotIn("\x1b", err)
        written = "".join(path.read_text() for path in self.folder().iterdir())
        self.assertNotIn(key, written + out + err)

    def test_overrides_are_recorded_as_deviations(self):
        self.main("--phases", "small-eval", "--models", "alpha:1b", "--num-ctx", "2048", "--num-predict", "20",
                  "--option", "num_thread=2", "--option", "keep_alive=10m", "--quiet")
        manifest = run_folder.read_manifest(self.folder())
        self.assertEqual(manifest["overrides"], {"num_ctx": 2048, "context_num_ctx": 2048, "num_predict": 20,
                                                 "num_thread": 2, "keep_alive": "10m"})
        row = measured(records(self.folder()))[0]
        self.assertEqual((row["options"]["num_thread"], row["options"]["num_ctx"], row["knobs"]["keep_alive"]),
                         (2, 2048, "10m"))


class Shows(runs.RunTest):
    def test_a_dry_run_shows_the_plan_and_sends_nothing_but_reads(self):
        before = len(self.stub.log())
        code, out, _ = self.main("--dry-run")
        self.assertEqual(code, 0)
        self.assertIn("336 calls in all", out)
        self.assertIn("to download: nothing", out)
        answers, prompts = map(int, re.search(r"at most (\d+) answer tokens, about (\d+) prompt tokens", out).groups())
        self.assertRegex(out, rf"\n +40 +1000 +{text_format.format_duration(answers / 40 + prompts / 1000)}\n")
        for word in ("alpha:1b", "parallel-mixed", "temperature", "repeat_penalty", "machine now", "time limit    none", "code grading  off"):
            self.assertIn(word, out)
        asked = {(row["method"], row["path"]) for row in self.stub.log()[before:]}
        self.assertLessEqual(asked, {("GET", "/api/version"), ("GET", "/api/tags"), ("POST", "/api/show")})
        self.assertEqual(list(self.out.iterdir()), [])

    def test_a_dry_run_of_one_model_says_that_the_mixed_phase_will_be_skipped_and_counts_no_tokens_of_it(self):
        _, out, _ = self.main("--dry-run", "--models", "alpha:1b", "--phases", "small-eval,parallel-mixed")
        self.assertRegex(out, r"parallel-mixed +skipped: it needs 2 models +80 +- +-\n")
        self.assertRegex(out, r"\n85 calls in all, at most 416 answer tokens")

    def test_a_dry_run_shows_what_thinking_adds(self):
        self.stub.script({"models": [{**ALPHA, "capabilities": ["completion", "thinking"]}, BETA]})
        _, plain, _ = self.main("--dry-run", "--phases", "small-eval,parallel-same")
        _, out, _ = self.main("--dry-run", "--phases", "small-eval,parallel-same", "--thinking", "--thinking-budget", "1024")
        self.assertRegex(out, r"\nsmall-eval-thinking +alpha:1b +5 +5536 ")
        self.assertRegex(out, r"\nparallel-same-thinking +alpha:1b +20 ")
        self.assertIn("of these with thinking: 25 calls", out)
        calls, answers = map(int, re.search(r"(\d+) calls in all, at most (\d+) answer tokens", out).groups())
        calls_before, answers_before = map(int, re.search(r"(\d+) calls in all, at most (\d+) answer tokens", plain).groups())
        self.assertEqual((calls - calls_before, answers - answers_before),
                         (25, int(re.search(r"25 calls, (\d+) answer tokens", out).group(1))))
        self.assertNotIn("thinking:", plain)
        _, out, _ = self.main("--dry-run", "--models", "beta:1b", "--thinking")
        self.assertIn("none of these models can think", out)

    def test_the_list_names_models_and_phases(self):
        embed = {"name": "embed", "capabilities": ["embedding"]}
        self.stub.script({"models": [ALPHA, embed, {"name": "far:cloud", "remote_host": "https://cloud.example"}]})
        code, out, _ = self.main("--list")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"alpha:1b +measured")
        self.assertRegex(out, r"embed:latest +left out: cannot chat")
        self.assertRegex(out, r"far:cloud +left out: .*another machine")
        for phase in PHASES:
            self.assertIn(phase, out)

    def test_the_version_is_told(self):
        code, out, _ = call_main("--version")
        self.assertEqual((code, out.strip()), (0, f"run_benchmark.py {run_setup.VERSION}"))

    def test_the_help_is_the_docstring(self):
        code, out, _ = call_main("--help")
        self.assertEqual(code, 0)
        self.assertIn(run_benchmark.__doc__.strip().splitlines()[0], out)

    def test_models_too_big_for_the_memory_are_left_out_by_default_and_measured_when_named(self):
        self.stub.script({"models": [ALPHA, {**ALPHA, "name": "huge:9t", "size_bytes": 10 ** 15}]})
        _, out, _ = self.main("--dry-run")
        self.assertIn("left out: huge:9t: too big", out)
        _, out, _ = self.main("--dry-run", "--models", "huge:9t")
        self.assertNotIn("left out", out)

    def test_missing_models_are_pulled_when_asked(self):
        self.stub.script({"models": [ALPHA, {**BETA, "present": False}]})
        code, out, _ = self.main("--dry-run", "--models", "beta:1b", "--pull")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"beta:1b +to be pulled")
        code, _, err = self.main("--models", "beta:1b", "--pull", "--phases", "small-eval", "--quiet")
        self.assertEqual(code, 0, err)
        self.assertEqual(run_folder.read_manifest(self.folder())["models"][0]["name"], "beta:1b")


    def test_a_pull_shows_how_far_it_is_and_clears_its_line_whether_or_not_it_works(self):
        self.stub.script({"models": [ALPHA, {**BETA, "present": False}]})
        for name, code in (("beta:1b", 0), ("nobody:1b", 1)):
            with self.subTest(name), mock.patch.object(console, "Progress") as made:
                made.return_value.columns = 80
                found, _, err = self.main("--models", name, "--pull", "--phases", "small-eval")
                self.assertEqual(found, code, err)
                drawn = [call.args[0] for call in made.return_value.draw.call_args_list if call.args[0].startswith("pull ")]
                self.assertIn(f"pull {name}: pulling manifest", drawn)
                made.return_value.clear.assert_called()
                if not code:
                    self.assertRegex("\n".join(drawn), r"pull beta:1b: pulling [0-9a-f]{12} \d+ % of 2\.0 MB")


class Mistakes(runs.RunTest):
    """Each is one line on stderr, exit code 2, and nothing was measured."""

    def refused(self, *arguments: str, says: tuple, **more) -> None:
        before = len([row for row in self.stub.log() if row["path"] == "/api/chat"])
        code, out, err = self.main(*arguments, **more)
        self.assertEqual(code, 2, (out, err))
        lines = [line for line in err.splitlines() if line.startswith("error: ") or "error:" in line]
        self.assertEqual(len(lines), 1, err)
        self.assertNotIn("Traceback", err)
        for words in says:
            self.assertIn(words, lines[0])
        self.assertEqual(len([row for row in self.stub.log() if row["path"] == "/api/chat"]), before)
        self.assertEqual([path for path in self.out.rglob("run.jsonl")], [])

    def test_mistakes_in_the_words_of_a_call(self):
        table = (
            (["--phases", "small"], ("no such phase", "small-eval")),
            (["--phases", ","], ("the list is empty",)),
            (["--handle", "Ana"], ("handle", "a-z")),
            (["--handle", "../x"], ("handle",)),
            (["--handle", "example"], ("reserved",)),
            (["--device-tag", "unknown"], ("does not identify a machine",)),
            (["--device-tag", "../../etc"], ("device tag",)),
            (["--device-tag", "con"], ("Windows",)),
            (["--models", "nobody"], ("does not have this model", "--list", "ollama pull nobody:latest")),
            (["--models", "gpt-oss:120b-cloud"], ("cloud",)),
            (["--num-ctx", "1000"], ("not a multiple of 256",)),
            (["--num-ctx", "0"], ("out of range",)),
            (["--thinking", "deep"], ("not a level of thinking", "low, medium, high, max")),
            (["--thinking", "--option", "think=true"], ("plain phases would think as well",)),
            (["--thinking", "--phases", "frozen-prompts,context-edge"], ("none of these phases", "small-eval")),
            (["--phases", "small-eval-thinking"], ("its own flag", "--thinking")),
            (["--thinking-budget", "1000"], ("not a multiple of 256", "1024")),
            (["--thinking-budget", "0"], ("out of range",)),
            (["--num-predict", "-1"], ("out of range",)),
            (["--repeats", "0"], ("out of range",)),
            (["--concurrency", "1,two"], ("not a list of levels",)),
            (["--option", "temprature=1"], ("did you mean temperature",)),
            (["--option", "num_gpu=lots"], ("takes a whole number",)),
            (["--option", "stream=false"], ("not an option that can be set",)),
            (["--time-limit", "soon"], ("is not a time", "90m")),
            (["--resume", "run-123"], ("UUID",)),
            (["--resume", "run-0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"], ("no such run",)),
            (["--no-such-flag"], ("unrecognized arguments",)),
            (["--num-ctx", "many"], ("invalid int value",)),
        )
        for arguments, says in table:
            with self.subTest(arguments=arguments):
                self.refused(*arguments, says=says)

    def test_flags_are_checked_before_a_server_is_asked(self):
        nowhere = ("--target-url", f"http://127.0.0.1:{support.closed_port()}", "--out", str(self.out))
        for flag, value in (("--handle", "Ana"), ("--phases", "small"), ("--device-tag", "unknown"), ("--time-limit", "soon")):
            with self.subTest(flag):
                code, _, err = call_main(*nowhere, flag, value)
                self.assertEqual(code, 2)
                self.assertIn(value, err)
                self.assertNotIn("nothing listens there", err)

    def test_no_server(self):
        code, _, err = call_main("--target-url", f"http://127.0.0.1:{support.closed_port()}", "--out", str(self.out))
        self.assertEqual(code, 2)
        self.assertIn("nothing listens there", err)
        self.assertIn("ollama serve", err)

    def test_something_else_on_the_port(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def answer() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            threading.Thread(target=answer, daemon=True).start()
            code, _, err = call_main("--target-url", f"http://127.0.0.1:{listener.getsockname()[1]}", "--out", str(self.out))
        self.assertEqual(code, 2)
        self.assertIn("is not Ollama", err)

    def test_no_models(self):
        self.stub.script({"models": []})
        self.refused(says=("no model to measure", "ollama pull"))
        self.stub.script({"models": [{"name": "embed", "capabilities": ["embedding"]}]})
        self.refused(says=("no model to measure",))
        self.refused("--models", "embed", says=("cannot chat",))

    def test_a_remote_model_that_looks_local(self):
        self.stub.script({"models": [{**ALPHA, "remote_host": "https://cloud.example", "remote_model": "x"}]})
        self.refused("--models", "alpha:1b", says=("another machine",))

    def test_a_scheme_that_is_not_spoken(self):
        code, _, err = call_main("--out", str(self.out), environment={"OLLAMA_HOST": "ftp://127.0.0.1"})
        self.assertEqual(code, 2)
        self.assertIn("OLLAMA_HOST", err)

    def test_a_folder_that_cannot_be_written(self):
        blocked = self.out / "file"
        blocked.write_bytes(b"")
        self.refused("--out", str(blocked / "runs"), says=(str(blocked),))
        self.refused("--out", str(blocked), says=(str(blocked), "this is a file"))

    def test_what_cannot_be_meant_is_refused_before_anything_is_pulled(self):
        self.stub.script({"models": [ALPHA, {**BETA, "present": False}]})
        for mistake in (["--time-limit", "90"], ["--num-ctx", "1000"], ["--device-tag", "con"], ["--phases", "none"]):
            with self.subTest(mistake):
                self.refused("--models", "beta:1b", "--pull", *mistake, says=())
        self.assertNotIn("/api/pull", {row["path"] for row in self.stub.log()})

    def test_a_full_disk(self):
        usage = shutil.disk_usage(self.out)._replace(free=1_000_000)
        with mock.patch.object(run_setup.shutil, "disk_usage", lambda path: usage):
            self.refused("--phases", "small-eval", says=("MB are free", "--out"))

    def test_a_path_that_leaves_the_output_folder_through_a_link(self):
        elsewhere = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, elsewhere, True)
        support.make_link(self.out / "ana", pathlib.Path(elsewhere))
        self.refused("--handle", "ana", "--device-tag", "mac-m1-8gb", says=("leads out of the output folder",))

    def test_a_suite_file_that_was_changed(self):
        copy = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, copy, True)
        shutil.copytree(support.HARNESS / "suites", copy / "harness" / "suites")
        damaged = copy / "harness" / "suites" / suites.FILES["small-eval"].name
        damaged.write_bytes(damaged.read_bytes().replace(b"the", b"teh", 1))
        with mock.patch.object(suites, "FOLDER", copy / "harness" / "suites"):
            self.refused("--phases", "small-eval", says=("SHA-256", "git checkout"))


class Next(runs.RunTest):
    """Every ending that is no error names the one command that comes next, as its last line on stderr."""

    def next(self, *arguments: str, code: int = 0, **more) -> str:
        found, _, err = self.main(*arguments, **more)
        self.assertEqual(found, code, err)
        self.assertTrue(err.splitlines()[-1].startswith("next: "), err)
        return err.splitlines()[-1][len("next: "):]

    def test_a_run_with_failed_calls_says_why_at_its_end_and_in_its_files(self):
        _, _, err = self.main("--phases", "frozen-prompts", "--models", "alpha:1b", "--num-ctx", "1024", "--repeats", "1", "--handle", "ana",
                              "--device-tag", "mac-m1-8gb", "--quiet")
        self.assertRegex(err, r"(?m)^alpha:1b: 2 calls refused \(frozen-prompts\): .*exceeds the available context size.*; in this model's "
                              r"tokenizer .* with --num-ctx \d+, as a separate run \(--num-ctx is a deviation\)$")
        metadata = json_text.loads((self.folder() / run_folder.METADATA).read_bytes())
        self.assertEqual([(row["outcome"], row["n"]) for row in metadata["aggregates"][0]["failures"]], [("refused", 2)])
        self.assertIn("### Failed calls", (self.folder() / run_folder.RUN_MD).read_text(encoding="utf-8"))

    def test_from_the_list_over_the_plan_to_the_run_and_its_story(self):
        where = f"--target-url {self.stub.url}"
        self.assertEqual(self.next("--list"), f"python harness/run_benchmark.py {where} --out {self.out} --dry-run")
        words = ["--phases", "small-eval", "--models", "alpha:1b", "--device-tag", "mac-m1-8gb"]
        line = self.next("--dry-run", *words)
        self.assertEqual(line, "python harness/run_benchmark.py --phases small-eval --models alpha:1b "
                               f"{where} --handle HANDLE --device-tag mac-m1-8gb --hostname other --out {self.out}")
        with mock.patch.object(console, "is_terminal", lambda: True):       # there the run asks for what is left out
            self.assertEqual(self.next("--dry-run", *words), line.replace(" --handle HANDLE", ""))
        _, out, err = self.main(*words, "--handle", "ana", "--quiet")
        told = err.splitlines()[-1][len("next: "):]
        self.assertRegex(out, r"\ngrade in the catalogue: archive-only \(.*\)\nfor the grade standard:\n(  .*\n)+\n")
        self.assertIn("  - each model has decode rates from the frozen prompts", out)
        self.assertEqual(told, f"fill in what run.md asks, then python harness/check_submission.py {self.folder()}")

    def test_a_run_that_the_checker_refuses_ends_with_its_errors_and_the_command_that_shows_them(self):
        real = call_checks.problems

        def problems(*record):
            yield from real(*record)
            yield Finding("ledger-stamps", "early", "late")
        with mock.patch.object(call_checks, "problems", problems):
            code, out, err = self.main("--phases", "small-eval", "--models", "alpha:1b", "--handle", "ana", "--device-tag", "mac-m1-8gb", "--quiet")
        self.assertEqual(code, 0, err)
        calls = sum(row["type"] == "call" for row in records(self.folder()))
        self.assertIn("\n\ngrade in the catalogue: none while there are errors\n"
                      f"the checker refuses this run: ledger-stamps ({calls})\n\n{self.folder()}\n", out)
        self.assertNotIn("build_catalogue.py", err)
        self.assertEqual(err.splitlines()[-1], f"next: python harness/check_submission.py {self.folder()}")

    def test_the_plan_of_the_guides_ends_with_the_command_that_they_measure_with(self):
        """A guide once had to say that its own command was meant, and not the shorter one that the plan printed."""
        for name in ("CONTRIBUTING.md", "README.md"):
            text = (support.ROOT / name).read_text(encoding="utf-8").replace("MODELS", "alpha:1b").replace("TIME", "90m")
            lines = re.findall(r"(?m)^python harness/run_benchmark\.py (.*)$", text)
            planning, = (line for line in lines if line.startswith("--dry-run"))
            measuring, = (line for line in lines if "--hostname other" in line)
            with self.subTest(name):
                line = self.next(*planning.split(), "--target-url", self.stub.url)
                for added in (f" --target-url {self.stub.url}", f" --out {self.out}"):
                    line = line.replace(added, "")
                self.assertEqual(re.sub("--device-tag [a-z0-9-]+ ", "--device-tag TAG ", line), f"python harness/run_benchmark.py {measuring}")

    def test_the_placeholder_of_a_handle_is_refused_and_the_rest_of_the_line_is_understood(self):
        self.assertEqual(self.main(*support.words_of(self.next("--dry-run"))[2:])[0], 2)
        line = self.next("--dry-run", "--option", "num_thread=2", "--option", "top_k=3", "--handle", "ana")
        self.assertIn(shell.join(["--option", "num_thread=2", "--option", "top_k=3"]), line)
        self.assertEqual(self.main(*support.words_of(line)[2:], "--dry-run")[0], 0)

    def test_a_run_of_nobody_is_to_be_moved_first(self):
        line = self.next("--phases", "small-eval", "--models", "alpha:1b", "--device-tag", "mac-m1-8gb", "--quiet")
        self.assertEqual(line, f"python harness/run_benchmark.py --move {self.folder()} --handle HANDLE "
                               "--device-tag mac-m1-8gb")
        code, out, err = self.main(*support.words_of(line.replace("HANDLE", "ana"))[2:])
        self.assertEqual(code, 0, err)
        self.assertEqual(out.strip(), str(self.folder()))
        self.assertEqual(self.folder().parts[-3:-1], ("ana", "mac-m1-8gb"))
        self.assertEqual(self.main("--move", str(self.folder()))[0], 2)

    def test_where_there_is_no_model_one_is_to_be_pulled(self):
        self.stub.script({"models": []})
        for words in (["--list"], ["--status"]):
            with self.subTest(words):
                self.assertEqual(self.next(*words), "ollama pull llama3.2:1b")

    def test_a_run_stopped_before_its_first_call_prints_no_empty_table(self):
        with mock.patch.object(session.Session, "make", side_effect=session.Stopped):
            code, out, err = self.main("--phases", "small-eval", "--models", "alpha:1b", "--handle", "ana", "--device-tag", "mac-m1-8gb")
        self.assertEqual(code, 130, err)
        self.assertNotIn("decode tok/s", out)


class Status(runs.RunTest):
    def status(self, *words: str) -> tuple:
        code, out, err = self.main("--status", *words)
        self.assertEqual(code, 0, err)
        return out, err.splitlines()[-1]

    def test_without_a_server_it_is_no_error_and_says_how_to_start_or_get_one(self):
        for installed, says in (("/usr/bin/ollama", "next: ollama serve"), (None, "next: install Ollama from ")):
            with self.subTest(installed), mock.patch.object(server_address.shutil, "which", return_value=installed):
                out, last = self.status("--target-url", f"http://127.0.0.1:{support.closed_port()}")
                self.assertIn("nothing listens there", out)
                self.assertTrue(last.startswith(says), last)

    def test_with_nothing_measured_the_plan_comes_next(self):
        out, last = self.status()
        self.assertRegex(out, r"server +Ollama .* at http://127.0.0.1:\d+, 2 models to measure\n")
        self.assertRegex(out, r"runs of yours +0 under ")
        self.assertEqual(last, f"next: python harness/run_benchmark.py --target-url {self.stub.url} --out {self.out} "
                               "--dry-run")

    def test_a_run_is_told_with_how_far_it_has_come(self):
        self.main("--phases", "small-eval", "--models", "alpha:1b", "--handle", "ana", "--device-tag", "mac-m1-8gb",
                  "--quiet")
        out, last = self.status()
        self.assertRegex(out, rf"{re.escape(str(self.folder()))} +complete; run.md has 5 open points\n")
        self.assertEqual(last, f"next: fill in what run.md asks, then python harness/check_submission.py {self.folder()}")
        path = self.folder() / run_folder.LEDGER
        path.write_bytes(b"".join(path.read_bytes().splitlines(True)[:-1]))
        out, last = self.status()
        self.assertRegex(out, rf"{re.escape(str(self.folder()))} +not finished\n")
        self.assertEqual(last, f"next: python harness/run_benchmark.py --resume {self.folder()}")

    def test_a_file_to_attach_is_named_beside_an_unfinished_run_which_may_be_deleted(self):
        made = run_status.RunState(self.out / "run-1", complete=True, handle="ana", file="/t/run-1.zip", place="a new issue")
        begun = run_status.RunState(self.out / "run-2", handle="ana")
        with mock.patch.object(run_status, "own_runs", return_value=[made, begun]), mock.patch.object(run_status, "look", lambda run, _: run):
            code, out, err = self.main("--status")
        self.assertEqual([line.partition(":")[0] for line in err.splitlines()],
                         ["also left to do", "you can delete the folder of an unfinished run that you do not want", "next"])
        self.assertIn("attach /t/run-1.zip to a new issue", err)
        self.assertIn("--resume", err.splitlines()[-1])


class SelfTest(unittest.TestCase):
    def test_the_self_test_recovers_all_that_was_planted(self):
        with mock.patch.object(thinking_checks, "lines", lambda *given: runs.thinking_part(*given[2:])[0]):
            code, out, err = call_main("--self-test")
        self.assertEqual([line for line in out.splitlines() if line.startswith("WRONG")], [])
        self.assertLess(len(out.splitlines()), 40)
        self.assertIn("synthetic", out)
        for phase in PHASES:
            self.assertIn(phase, out)
        if code:        # while others use the processors, what is timed may be undecided, and it says so
            self.assertRegex(out, r"self-test undecided: the machine was busy \(others used \d+ %")
            return
        self.assertRegex(out, r"self-test passed: (\d+) of \1 recovered")
        self.assertEqual(err.splitlines()[-1], "next: python harness/probe_hardware.py")

    def test_a_planted_error_in_the_harness_is_found(self):
        from measure import http_call
        from self_test import full_test, scenarios
        honest = http_call.record_fields

        def one_token_short(came):
            fields = honest(came)
            fields["eval_tokens"] = fields["eval_tokens"] and fields["eval_tokens"] - 1
            return fields
        others = dict.fromkeys(("_kinds_of_models", "_thinking", "_context_ladder", "_faults"), lambda *_: [])     # parts of the self-test
        with mock.patch.object(http_call, "record_fields", one_token_short), mock.patch.multiple(full_test, **others), \
                mock.patch.object(scenarios, "PHASES", ("small-eval",)):
            code, out, _ = call_main("--self-test")
        self.assertEqual(code, 1)
        self.assertRegex(out, r"WRONG .*answer tokens")
        self.assertIn("self-test failed", out)


class Cost(unittest.TestCase):
    def test_help_reads_no_more_than_it_needs(self):
        """Asking for help must not load the client; how long it takes is for tests/benchmarks to say."""
        code = "import sys; sys.argv = ['x', '--help']; sys.path.insert(0, sys.argv.pop() and %r); sys.argv = ['x', '--help']\n" \
               "import run_benchmark\ntry:\n    run_benchmark.main()\nexcept SystemExit:\n    pass\n" \
               "print(sorted(name for name in sys.modules if name.startswith('measure.')), file=sys.stderr)"
        done = subprocess.run([*support.PYTHON, "-c", code % str(support.HARNESS)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr.strip(), "[]")


if __name__ == "__main__":
    unittest.main()
