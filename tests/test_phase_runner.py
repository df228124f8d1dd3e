"""The walk through the plan: what is loaded and warmed when, and that whatever happens each step has one record."""
from __future__ import annotations

import io
import pathlib
import tempfile
import unittest
from unittest import mock

import ledgers
import runs
import support
from runs import ALPHA, BETA

from base import console, json_text, ledger, names, plan, records, run_folder, schema, suites
from base.ledger_records import typed
from measure import calibration, http_call, model_loader, models, phase_runner, run_session, run_setup, session, telemetry
from self_test import scenarios
from measure.connection import TimeLimits
from measure.eta import Deadline
from measure.endpoint import Endpoint
from measure.eta import Eta, weights
from measure.server_address import parse_host

PATIENT = TimeLimits(10.0, 60.0, 60.0)      # a busy machine answers late
ASK_ALL = calibration.Calibration.ask_all
QUICK = TimeLimits(10.0, 4.0, 4.0)          # for a server that falls silent


class Case(runs.RunTest):
    calibrates = False      # whether models are calibrated; else nothing is asked, and nothing is known about them

    def setUp(self):
        super().setUp()
        if not self.calibrates:
            self.patch(calibration.Calibration, "ask_all", lambda asked: asked.findings.update(slots_seen=None))

    def calibrate(self):
        self.patch(calibration.Calibration, "ask_all", ASK_ALL)
        for name, value in (("PAUSE_S", 0.01), ("SERVER_PATIENCE_S", 1.0), ("LOOK_AROUND_S", 0.0)):
            self.patch(model_loader, name, value)

    def carry_out(self, script: dict, chosen: list, settings: plan.Settings = plan.Settings(), limit_s=None,
                  waits: TimeLimits = PATIENT) -> list:
        """The records of a run of the chosen phases against a stub with this script."""
        self.stub.script(script)
        endpoint = Endpoint(parse_host(self.stub.url), waits)
        choice = models.choose(endpoint, None, None)
        loaded = {phase: suites.load(phase) for phase in chosen}
        facts = {"handle": None, "device_tag": None, "started_at": session.utc_now(), "target": self.stub.url,
                 "server_version": endpoint.version(), "host_hostname_short": "x", "floor": None, "time_limit_s": None}
        manifest = run_setup.manifest(names.new_run_id(), facts, choice, chosen, settings, loaded, {})
        self.assertEqual(schema.problems(manifest, "manifest"), [])
        earlier = run_setup.Earlier(self.out, manifest, ledger.Tail(), b"", [])
        self.manifest = manifest
        run_session.carry_out(endpoint, earlier, loaded, limit_s, http_call.Stop(), console.Progress(True, io.StringIO()))
        rows = ledgers.lines(self.out / run_folder.LEDGER)
        self.assertTrue(rows[-1]["complete"])
        self.assertEqual(rows[-1]["planned"], rows[-1]["done"] + rows[-1]["skipped"])
        return rows

    def resume(self, rows: list, keep: int, script: dict) -> list:
        """Cut the ledger to its first `keep` lines and carry on."""
        path = self.out / run_folder.LEDGER
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:keep]))
        self.stub.script(script)
        endpoint = Endpoint(parse_host(self.stub.url), PATIENT)
        (self.out / run_folder.MANIFEST).write_bytes(json_text.pretty({**self.manifest, "floor": None}))
        earlier = run_setup.reopen(self.out)
        run_session.carry_out(endpoint, earlier, run_folder.suites_of(self.manifest), None, http_call.Stop(),
                              console.Progress(True, io.StringIO()))
        return ledgers.lines(path)


def short(rows: list) -> list:
    """(role or reason, item) of each call and skipped record."""
    return [(row["role"] if row["type"] == "call" else row["reason"], row["item"]) for row in rows
            if row["type"] in ("call", "skipped") and row["phase"] != "calibration"]


def reasons(rows: list) -> set:
    return {row["reason"] for row in rows if row["type"] == "skipped"}


def calls(rows: list, **wanted: object) -> list:
    return [row for row in rows if row["type"] == "call" and all(row[name] == value for name, value in wanted.items())]


class Order(Case):
    def test_what_else_the_machine_does_is_looked_at_before_each_load_and_only_there(self):
        self.read_telemetry()
        self.patch(model_loader, "LOOK_AROUND_S", 0.1)
        rows = calls(self.carry_out({"models": [ALPHA, BETA]}, ["small-eval"]))
        has_share = [row["conditions"]["background_cpu_share"] is not None for row in rows]
        is_known = telemetry.reader(True)._system.processor_ticks() is not None
        self.assertEqual(has_share, [row["item"] == "LOAD" and is_known for row in rows])

    def test_a_reload_at_the_boundary_of_a_phase_is_paid_by_a_warm_up(self):
        rows = self.carry_out({"models": [ALPHA]}, ["frozen-prompts", "small-eval", "context-edge"], plan.Settings(repeats=1))
        loads = calls(rows, item="LOAD")
        self.assertEqual([(row["phase"], row["pass"], row["options"]["num_ctx"]) for row in loads], [
            ("frozen-prompts", "first", 4096), ("context-edge", None, 8192), ("frozen-prompts", "last", 4096)])
        for row in calls(rows, role="measured"):
            self.assertLess(row["load_ns"], 4_000_000, "a measured call paid for a load")

    def test_a_model_that_was_loaded_before_is_loaded_anew(self):
        self.stub.script({"models": [{**ALPHA, "load_ms": 30.0}]})
        with mock.patch.object(self.stub, "script", lambda script: None):
            warm = {"model": "alpha:1b", "messages": [], **plan.Settings().request_fields,
                    "options": plan.Settings().options_for(4096, 16)}
            self.stub.ask("/api/chat", warm)
            rows = self.carry_out({}, ["small-eval"])
        self.assertGreater(calls(rows, item="LOAD")[0]["done_ns"], 25_000_000)

    def test_warm_up_and_measured_calls_carry_the_same_options(self):
        rows = self.carry_out({"models": [ALPHA]}, ["small-eval"])
        alike = [{**row["options"], "num_predict": None} for row in calls(rows) if row["phase"] == "small-eval"]
        self.assertTrue(all(options == alike[0] for options in alike))
        self.assertEqual(len({str(row["knobs"]) for row in calls(rows) if row["phase"] == "small-eval"}), 1)

    def test_models_are_unloaded_between_and_mixed_comes_last_with_both_loaded(self):
        rows = self.carry_out({"models": [BETA, ALPHA]}, ["small-eval", "parallel-mixed"], plan.Settings(levels=(4,)))
        measured = calls(rows, role="measured")
        self.assertEqual([row["model"] for row in measured[:10]], ["alpha:1b"] * 5 + ["beta:1b"] * 5)
        for row in measured[:10]:
            self.assertEqual(row["placement"]["loaded"], [row["model"]])
        for row in measured[10:]:
            self.assertEqual(set(row["placement"]["loaded"]), {"alpha:1b", "beta:1b"})
        self.assertEqual([row["model"] for row in measured[10:14]], ["alpha:1b", "beta:1b"] * 2)

    def test_what_others_keep_loaded_is_waited_for_once(self):
        loaded, asked = Endpoint.loaded, []

        def loaded_beside(endpoint: Endpoint) -> list:
            return loaded(endpoint) + [{"name": "assistant:8b"}]

        def unload(endpoint: Endpoint, name: str, sleep: object = None) -> bool:
            asked.append(name)
            endpoint.ask("/api/generate", {"model": name, "keep_alive": 0})
            return name != "assistant:8b"
        with mock.patch.object(Endpoint, "loaded", loaded_beside), mock.patch.object(Endpoint, "unload", unload):
            rows = self.carry_out({"models": [BETA, ALPHA]}, ["frozen-prompts", "context-edge"], plan.Settings(repeats=1))
        self.assertEqual(asked.count("assistant:8b"), 1)
        self.assertTrue(all("assistant:8b" in row["placement"]["loaded"] for row in calls(rows, role="measured")))

    def test_a_wave_starts_together_and_stands_in_slot_order(self):
        slow = {**ALPHA, "decode_gap_ms": 20.0}
        rows = self.carry_out({"models": [slow], "slots": 4}, ["parallel-same"], plan.Settings(levels=(8,)))
        waves: dict = {}
        for row in calls(rows, role="measured"):
            waves.setdefault(row["wave"], []).append(row)
        self.assertEqual([len(wave) for wave in waves.values()], [8, 8, 4])
        for wave in waves.values():
            self.assertEqual([row["slot"] for row in wave], list(range(len(wave))))
            # An answer takes 400 ms; tests/benchmarks/fidelity.py measures how close together the calls really start.
            self.assertLess(max(row["start_ns"] for row in wave), min(row["start_ns"] + row["done_ns"] for row in wave))


class Calibration(Case):
    calibrates = True

    def test_a_model_is_loaded_warmed_and_calibrated_before_anything_is_measured(self):
        rows = self.carry_out({"models": [ALPHA]}, ["small-eval"])
        roles = [row["role"] for row in calls(rows)]
        self.assertEqual(roles, sorted(roles, key=("warmup", "calibration", "measured").index))
        self.assertEqual([row["item"] for row in calls(rows, role="warmup")], ["LOAD", "WARM-UP"])
        self.assertEqual(calls(rows, item="LOAD")[0]["done_reason"], "load")
        self.assertGreater(calls(rows, item="LOAD")[0]["done_ns"], 4_000_000)

    def test_a_run_of_context_phases_alone_is_calibrated_in_their_context(self):
        rows = self.carry_out({"models": [ALPHA]}, ["context-append", "context-edge"])
        self.assertEqual({row["options"]["num_ctx"] for row in calls(rows)}, {8192})
        self.assertEqual(len(calls(rows, item="LOAD")), 1)

    def test_a_resumed_run_warms_up_again_and_calibrates_only_what_it_lacks(self):
        script = {"models": [ALPHA]}
        rows = self.carry_out(script, ["small-eval"])
        fourth = next(row["seq"] for row in rows if row.get("item") == "5Q-Q04")
        rows = self.resume(rows, fourth, script)
        later = [row for row in rows if row["session"] == 1 and row["type"] == "call"]
        self.assertEqual([row["item"] for row in later], ["LOAD", "WARM-UP", "5Q-Q04", "5Q-Q05"])
        self.assertEqual(later[0]["session_start"]["earlier_sessions"][0]["ended"], "died")
        self.assertIsNone(later[1]["session_start"])

    def findings(self, script: dict, chosen: list) -> dict:
        findings: dict = {}
        for row in self.carry_out(script, chosen):
            if row["type"] == "call" and row["finding"]:
                findings.update(row["finding"])
        return findings

    def test_what_a_server_does_is_found_by_behaviour_in_every_version(self):
        self.ask_for_slots()
        table = (("0.24.0", None, "refused"), ("0.30.1", 1000, "refused"), ("0.33.0-rc2", 1000, "refused"))
        for version, one_token_ns, too_long in table:
            with self.subTest(version=version):
                self.empty()
                slow = {**ALPHA, "decode_gap_ms": 2.0}
                findings = self.findings({"speak": version, "models": [slow], "slots": 2, "rules": [scenarios.COUNTING]}, ["small-eval"])
                self.assertEqual(findings["one_token_eval_ns"], one_token_ns)
                self.assertEqual(findings["too_long"], too_long)
                self.assertEqual(findings["slots_seen"], 2)
                self.assertFalse(findings["tells_cached_tokens"])

    def test_cached_counts_are_used_where_the_server_tells_them(self):
        findings = self.findings({"speak": "next", "models": [ALPHA]}, ["small-eval"])
        self.assertTrue(findings["tells_cached_tokens"])

    def test_thinking_by_default_is_seen_and_does_not_touch_the_measured_calls(self):
        thinker = {**ALPHA, "capabilities": ["completion", "thinking"], "thinking_tokens": 6, "template": "{{ .Prompt }}"}
        findings = self.findings({"models": [thinker]}, ["small-eval"])
        self.assertTrue(findings["thinks_by_default"])
        rows = ledgers.lines(self.out / run_folder.LEDGER)
        self.assertEqual({row["thinking_chunks"] for row in calls(rows, role="measured")}, {0})

    def test_the_head_of_the_template_is_counted(self):
        for template in (None, "{{ .Prompt }}"):
            with self.subTest(template=template):
                self.empty()
                findings = self.findings({"models": [{**ALPHA, "template": template, "head_tokens": 23}]}, ["small-eval"])
                self.assertEqual((findings["head_tokens"], findings["head_method"]), (23, "rendered"))

    def test_a_server_that_renders_nothing_gives_an_upper_bound(self):
        rule = {"when": {"contains": "zzz"}, "do": []}
        with mock.patch("measure.calibration.Calibration._rendered", lambda self, nonce: None):
            findings = self.findings({"models": [{**ALPHA, "head_tokens": 23, "tail_tokens": 4}], "rules": [rule]}, ["small-eval"])
        self.assertEqual((findings["head_tokens"], findings["head_method"]), (27, "upper-bound"))

    def test_a_prompt_that_is_cut_in_silence_is_found_out(self):
        rule = {"when": {"contains": "nine ten"}, "do": [{"fault": "silent_truncation", "to": 600}]}
        findings = self.findings({"models": [ALPHA], "rules": [rule]}, ["small-eval"])
        self.assertEqual((findings["too_long"], findings["too_long_prompt_tokens"]), ("cut", 600))


class Troubles(Case):
    def fault(self, fault: dict, nth: int = 2, model: str | None = None) -> dict:
        question = suites.load("small-eval").items[nth - 1].prompt[:40]
        when = {"contains": question, **({"model": model} if model else {})}
        return {"when": when, "do": [fault]}

    def test_after_a_call_that_went_wrong_the_model_is_warmed_again(self):
        for fault, outcome in (({"fault": "error_line"}, "error"), ({"fault": "reset"}, "cut"),
                               ({"fault": "end_without_done"}, "cut"), ({"fault": "silence", "ms": 60_000}, "timeout"),
                               ({"fault": "stall", "ms": 60_000}, "stalled")):
            with self.subTest(fault=fault["fault"]):
                self.empty()
                rows = self.carry_out({"models": [ALPHA], "rules": [self.fault(fault)]}, ["small-eval"],
                                      waits=QUICK if "ms" in fault else PATIENT)
                self.assertEqual([row["outcome"] for row in calls(rows, role="measured")],
                                 ["ok", outcome, "ok", "ok", "ok"])
                self.assertEqual(short(rows)[-6:], [("measured", "5Q-Q02"), ("warmup", "LOAD"), ("warmup", "WARM-UP"),
                                                    ("measured", "5Q-Q03"), ("measured", "5Q-Q04"), ("measured", "5Q-Q05")])

    def test_a_refusal_is_a_result_and_needs_no_new_warm_up(self):
        rows = self.carry_out({"models": [ALPHA], "rules": [self.fault({"fault": "nested_json_400"})]}, ["small-eval"])
        self.assertEqual([row["outcome"] for row in calls(rows, role="measured")], ["ok", "refused", "ok", "ok", "ok"])
        self.assertEqual(len(calls(rows, item="LOAD")), 1)

    def test_a_model_that_cannot_be_loaded_is_skipped_and_the_next_one_measured(self):
        for text, reason in (("llama-server reported out-of-memory during startup: cudaMalloc failed", "too-big"),
                             ("llama-server process has terminated: exit status 1", "load-failed")):
            with self.subTest(reason=reason):
                self.empty()
                rows = self.carry_out({"models": [{**ALPHA, "load_error": text}, BETA]}, ["small-eval"])
                self.assertEqual(reasons(rows), {reason})
                self.assertEqual({row["model"] for row in rows if row["type"] == "skipped"}, {"alpha:1b"})
                self.assertEqual([row["model"] for row in calls(rows, role="measured")], ["beta:1b"] * 5)
                loads = calls(rows, item="LOAD", model="alpha:1b")
                self.assertEqual(len(loads), 1 if reason == "too-big" else model_loader.LOAD_TRIES)

    def test_a_model_that_vanishes_is_skipped_from_there_on(self):
        gone = {"when": {"path": "/api/tags", "nth": 2}, "do": [{"fault": "status", "code": 200, "body": '{"models":[]}'}]}
        rows = self.carry_out({"models": [ALPHA], "rules": [gone, self.fault(
            {"fault": "status", "code": 404, "error": "model 'alpha:1b' not found"})]}, ["small-eval", "python-tasks"])
        self.assertEqual(reasons(rows), {"model-missing"})
        self.assertEqual(rows[-1]["skipped"], 15)

    def test_a_passing_404_502_or_503_costs_one_call_and_no_model(self):
        """One 404 for a loaded model once ended it: all its other calls were skipped, and a resume refused."""
        for code, body in ((404, None), (404, "404 page not found"), (502, "<html><title>502 Bad Gateway</title>"), (503, "")):
            with self.subTest(code=code, body=body):
                self.empty()
                rows = self.carry_out({"models": [ALPHA], "rules": [
                    self.fault({"fault": "status", "code": code, "error": "model 'alpha:1b' not found", "body": body})]}, ["small-eval"])
                self.assertEqual([row["outcome"] for row in calls(rows, role="measured")],
                                 ["ok", "refused" if code == 404 else "error", "ok", "ok", "ok"])
                self.assertEqual((reasons(rows), len(calls(rows, item="WARM-UP"))), (set(), 2))

    def test_a_passing_404_for_a_load_is_tried_again(self):
        rule = {"when": {"path": "/api/chat", "nth": 1}, "do": [{"fault": "status", "code": 404, "error": "not found"}]}
        rows = self.carry_out({"models": [ALPHA], "rules": [rule]}, ["small-eval"])
        self.assertEqual((reasons(rows), [row["outcome"] for row in calls(rows, item="LOAD")]), (set(), ["refused", "empty"]))

    def test_answers_from_another_machine_end_the_model(self):
        rows = self.carry_out({"models": [ALPHA], "rules": [self.fault({"fault": "remote_chunks"})]}, ["small-eval"])
        self.assertEqual(reasons(rows), {"cloud-model"})
        self.assertEqual([row["outcome"] for row in calls(rows, role="measured")], ["ok", "error"])

    def test_mixed_needs_two_models_and_both_in_memory(self):
        rows = self.carry_out({"models": [ALPHA]}, ["parallel-mixed"], plan.Settings(levels=(2,)))
        self.assertEqual((reasons(rows), rows[-1]["skipped"]), ({"one-model"}, 20))
        self.empty()
        rows = self.carry_out({"models": [ALPHA, BETA], "max_loaded": 1}, ["parallel-mixed"], plan.Settings(levels=(2,)))
        self.assertEqual((reasons(rows), rows[-1]["skipped"]), ({"not-loaded-together"}, 20))

    def test_a_context_that_the_model_does_not_have_is_not_pretended(self):
        rows = self.carry_out({"models": [{**ALPHA, "context_length": 4096}]}, ["context-edge", "small-eval"])
        self.assertEqual(reasons(rows), {"context-too-small"})
        self.assertEqual(len(calls(rows, role="measured")), 5)
        self.empty()
        rows = self.carry_out({"models": [ALPHA]}, ["context-append"], plan.Settings(num_ctx=768, context_num_ctx=768))
        self.assertLessEqual(reasons(rows), {"context-too-small", "calibration-failed"})
        self.assertEqual(rows[-1]["skipped"], 8)

    def test_material_that_cannot_be_counted_is_not_guessed(self):
        rule = {"when": {"contains": suites.load("context-edge").items[-1].prompt[:60]},
                "do": [{"fault": "status", "code": 400, "error": "no"}]}
        rows = self.carry_out({"models": [ALPHA], "rules": [rule]}, ["context-edge"])
        self.assertEqual((reasons(rows), rows[-1]["skipped"]), ({"calibration-failed"}, 5))

    def test_a_server_that_is_gone_ends_the_session_and_the_ledger_is_sealed(self):
        with support.stub({"models": [ALPHA]}) as mortal:
            endpoint = Endpoint(parse_host(mortal.url), PATIENT)
            here = mock.Mock(endpoint=endpoint, stop=http_call.Stop(), sleep=lambda seconds: None)
            runner = phase_runner.PhaseRunner(here, plan.Settings(), {}, {}, {}, {}, Deadline(endpoint.clock, None), Eta({}))
            runner.loader.check_alive()
            mortal.process.kill()
            mortal.process.wait()
            with self.assertRaises(model_loader.ServerLost):
                runner.loader.check_alive()


class Machine:
    """A session without a server, for the time limit: each call takes the time that its prompt and its answer need."""

    def __init__(self, prefill_tok_s: float, decode_tok_s: float):
        self.prefill_tok_s, self.decode_tok_s, self.now_ns = prefill_tok_s, decode_tok_s, 0
        self.made, self.skipped, self.pace, self.counting_factor = [], [], None, 1
        self.endpoint = mock.Mock(ask=lambda path, fields: mock.Mock(value=None))
        self.stop, self.sleep, self.loaded = http_call.Stop(), lambda seconds: None, lambda: []
        self.look_around = self.sleep

    def make(self, asks: list, finding_of: object = None) -> list:
        before_ns, rows = self.now_ns, []
        for ask in asks:
            prompt_tokens = sum(len(text) for _, text in ask.texts) // 4
            took_s = prompt_tokens / self.prefill_tok_s + ask.options["num_predict"] / self.decode_tok_s
            self.now_ns += int(took_s * 1e9 * (self.counting_factor if ask.units is not None and ask.role == "calibration" else 1))
            rows.append(typed(support.record("call", outcome="length", prompt_tokens=prompt_tokens)))
        if finding_of:
            rows[-1] = rows[-1]._replace(finding=finding_of(rows))
        measured = [ask.step for ask in asks if ask.role == "measured"]
        if measured:
            self.made += measured
            self.pace.done(measured[0].model, [step.key for step in measured], self.now_ns - before_ns)
        return rows

    def skip(self, step: plan.Step, reason: str, detail: str | None) -> None:
        self.skipped.append((step, reason))

    def work(self, chosen: list, limit_s: float, made_before: tuple = (), settings: plan.Settings = plan.Settings(repeats=1)) -> None:
        """The chosen phases within the limit; of passes in `made_before` an earlier session has made every call."""
        loaded = {phase: suites.load(phase) for phase in chosen}
        planned = plan.blocks(["alpha:1b"], chosen, loaded, settings)
        self.pace = Eta(weights(planned, loaded, settings))
        recorded = {}
        for step in (step for block in planned for step in block.steps if step.pass_ in made_before):
            item = next(item for item in loaded[step.phase].items if item.id == step.item)
            took_s = len(item.prompt) / 4 / self.prefill_tok_s + item.num_predict / self.decode_tok_s
            recorded[step.key] = "call"
            self.pace.done(step.model, [step.key], int(took_s * 1e9))
        deadline = Deadline(lambda: self.now_ns, limit_s)
        phase_runner.PhaseRunner(self, settings, loaded, recorded, {}, {}, deadline, self.pace).run(planned)


class TimeLimit(unittest.TestCase):
    """The last pass is what makes drift visible: its time is kept free, whatever else has to go."""

    def test_a_long_call_that_would_eat_the_time_of_the_last_pass_is_not_begun(self):
        """Each stage once began its first call without a guess of it: a context call took what was kept free."""
        for prefill, decode in ((400.0, 20.0), (60.0, 10.0), (4000.0, 100.0)):
            whole, passes = Machine(prefill, decode), Machine(prefill, decode)
            whole.work(["frozen-prompts", "context-edge"], 10 ** 6)
            passes.work(["frozen-prompts"], 10 ** 6)
            self.assertEqual((len(whole.made), len(passes.made)), (11, 6))
            for share in (0.1, 0.3, 0.5, 0.7, 0.9):
                limit_s = (passes.now_ns + share * (whole.now_ns - passes.now_ns)) / 1e9
                with self.subTest(prefill=prefill, share=share):
                    here = Machine(prefill, decode)
                    here.work(["frozen-prompts", "context-edge"], limit_s)
                    self.assertEqual(len([step for step in here.made if step.pass_ == "last"]), 3)
                    self.assertEqual({reason for _, reason in here.skipped}, {"time-limit"})
                    self.assertLess(here.now_ns / 1e9, 1.1 * limit_s)

    def test_a_resumed_run_keeps_it_free_though_another_session_made_the_first_pass(self):
        whole = Machine(400.0, 20.0)
        whole.work(["frozen-prompts", "python-tasks"], 10 ** 6, ("first",))
        for share in (0.6, 0.8):
            with self.subTest(share=share):
                here = Machine(400.0, 20.0)
                here.work(["frozen-prompts", "python-tasks"], share * whole.now_ns / 1e9, ("first",))
                self.assertEqual(len([step for step in here.made if step.pass_ == "last"]), 3)
                self.assertEqual({(step.phase, reason) for step, reason in here.skipped}, {("python-tasks", "time-limit")})

    def test_a_conversation_is_not_begun_where_counting_its_material_took_the_time_for_it(self):
        whole = Machine(400.0, 20.0)
        whole.work(["frozen-prompts", "context-append"], 10 ** 6)
        here = Machine(400.0, 20.0)
        here.counting_factor = 8
        here.work(["frozen-prompts", "context-append"], 0.8 * whole.now_ns / 1e9)
        self.assertEqual([step.phase for step in here.made if step.phase != "frozen-prompts"], [])
        self.assertEqual({(step.phase, reason) for step, reason in here.skipped if step.phase != "frozen-prompts"},
                         {("context-append", "time-limit")})

    def test_where_no_time_is_left_even_for_the_last_pass_it_is_skipped_as_well(self):
        here = Machine(400.0, 20.0)
        here.work(["frozen-prompts"], 1.0)
        self.assertEqual({reason for _, reason in here.skipped}, {"time-limit"})


class Broken(Case):
    def test_the_rest_of_a_wave_that_was_broken_off_is_skipped(self):
        script = {"models": [ALPHA], "slots": 4}
        rows = self.carry_out(script, ["parallel-same"], plan.Settings(levels=(4,)))
        third = next(row["seq"] for row in rows if row.get("wave") == 2 and row.get("role") == "measured" and row["slot"] == 2)
        rows = self.resume(rows, third, script)
        skipped = [row for row in rows if row["type"] == "skipped"]
        self.assertEqual([(row["wave"], row["slot"], row["reason"]) for row in skipped],
                         [(2, 2, "wave-broken"), (2, 3, "wave-broken")])
        self.assertEqual(len(calls(rows, role="measured")), 18)
        self.assertTrue(rows[-1]["complete"])

    def test_a_wave_without_any_record_is_made_again(self):
        script = {"models": [ALPHA], "slots": 4}
        rows = self.carry_out(script, ["parallel-same"], plan.Settings(levels=(4,)))
        first = next(row["seq"] for row in rows if row.get("wave") == 2 and row.get("role") == "measured")
        rows = self.resume(rows, first, script)
        self.assertEqual(reasons(rows), set())
        self.assertEqual([row["reattempt"] for row in calls(rows, role="measured")], [False] * 8 + [True] * 12)

    def test_the_rest_of_a_conversation_that_was_broken_off_is_skipped(self):
        script = {"models": [ALPHA]}
        rows = self.carry_out(script, ["context-append"])
        fourth = next(row["seq"] for row in rows if row.get("item") == "CA-T04")
        rows = self.resume(rows, fourth, script)
        self.assertEqual(reasons(rows), {"conversation-broken"})
        self.assertEqual(rows[-1]["skipped"], 5)

    def test_a_turn_that_goes_wrong_ends_the_conversation(self):
        turn = suites.load("context-append").items[2].prompt[:60]
        # Calibration asks the whole conversation three times; the fourth to hold this turn is the turn itself.
        rule = {"when": {"contains": turn, "nth": 4}, "do": [{"fault": "reset"}]}
        rows = self.carry_out({"models": [ALPHA], "rules": [rule]}, ["context-append"])
        self.assertEqual([row["outcome"] for row in calls(rows, role="measured")], ["ok", "ok", "cut"])
        self.assertEqual((reasons(rows), rows[-1]["skipped"]), ({"conversation-broken"}, 5))


class Thinking(Case):
    """A small budget, so that a context of 1,024 tokens has room for it."""
    calibrates = True
    SETTINGS = plan.Settings(num_ctx=768, thinking=True, thinking_budget=256)
    THINKER = {**ALPHA, "capabilities": ["completion", "thinking"], "thinking_tokens": 10, "tokens_per_chunk": 1}

    def test_graded_items_are_asked_once_more_with_thinking_in_a_context_with_room(self):
        rows = self.carry_out({"models": [self.THINKER]}, ["small-eval", "parallel-same"], self.SETTINGS._replace(levels=(1, 2)))
        for phase in ("small-eval", "parallel-same"):
            plain = {row["item"]: row for row in calls(rows, phase=phase, level=1, role="measured")}
            thinking = {row["item"]: row for row in calls(rows, phase=f"{phase}-thinking", role="measured")}
            self.assertEqual(list(plain), list(thinking))
            for item, row in thinking.items():
                self.assertEqual((row["knobs"]["think"], row["options"]["num_ctx"], row["thinking_chunks"], row["level"]), (True, 1024, 9, 1))
                self.assertEqual(row["options"]["num_predict"], plain[item]["options"]["num_predict"] + 256)
                self.assertEqual(row["prompt_sha256"], plain[item]["prompt_sha256"])
                self.assertEqual((plain[item]["knobs"]["think"], plain[item]["thinking_chunks"]), (False, 0))
        self.assertEqual({row["item"]: row["finding"]["takes_thinking"] for row in calls(rows, item="CAL-THINKING")}, {"CAL-THINKING": True})

    def test_a_model_that_cannot_think_has_no_thinking_phases(self):
        rows = self.carry_out({"models": [ALPHA]}, ["small-eval"], self.SETTINGS)
        self.assertEqual({row["phase"] for row in calls(rows, role="measured")}, {"small-eval"})
        self.assertEqual(calls(rows, item="CAL-THINKING"), [])
        self.assertEqual(self.manifest["thinking"], {"mode": True, "budget": 256})

    def test_a_level_is_sent_as_it_is(self):
        thinker = {**self.THINKER, "level_tokens": {"low": 6, "high": 20}}
        rows = self.carry_out({"models": [thinker]}, ["small-eval"], self.SETTINGS._replace(thinking="low"))
        self.assertEqual({row["knobs"]["think"] for row in calls(rows, phase="small-eval-thinking", role="measured")}, {"low"})
        self.assertEqual({row["thinking_chunks"] for row in calls(rows, phase="small-eval-thinking", role="measured")}, {5})

    def test_a_level_that_the_server_refuses_is_found_by_calibration_and_skips_the_phase(self):
        thinker = {**self.THINKER, "level_tokens": {"low": 6}}
        rows = self.carry_out({"models": [thinker]}, ["small-eval"], self.SETTINGS._replace(thinking="high"))
        self.assertEqual(reasons(rows), {"thinking-refused"})
        self.assertEqual(len(calls(rows, phase="small-eval", outcome="ok")), 5)

    def test_a_model_that_always_thinks_is_asked_its_plain_items_with_the_budget_wherever_its_thoughts_come(self):
        for tags in (False, True):
            with self.subTest(tags_in_answer=tags):
                thinker = {**self.THINKER, "thinks_always": True, "tags_in_answer": tags}
                rows = self.carry_out({"models": [thinker]}, ["frozen-prompts", "small-eval"], self.SETTINGS._replace(repeats=1))
                self.assertEqual([row["finding"]["always_thinks"] for row in calls(rows, item="CAL-THINKS")], [True])
                self.assertEqual({row["options"]["num_ctx"] for row in calls(rows, phase="small-eval")}, {1024})
                self.assertEqual([row["options"]["num_predict"] for row in calls(rows, phase="small-eval", role="measured")],
                                 [256 + item.num_predict for item in suites.load("small-eval").items])
                self.assertEqual({row["options"]["num_ctx"] for row in calls(rows, phase="frozen-prompts")}, {768}, "they stay as they are")
                self.assertEqual(reasons(rows), {"always-thinks"})
                self.out = pathlib.Path(tempfile.mkdtemp(dir=self.out))

    def test_a_level_is_another_way_even_for_a_model_that_always_thinks(self):
        thinker = {**self.THINKER, "thinks_always": True, "level_tokens": {"low": 4}}
        rows = self.carry_out({"models": [thinker]}, ["small-eval"], self.SETTINGS._replace(thinking="low"))
        self.assertEqual(len(calls(rows, phase="small-eval-thinking", role="measured")), 5)

    def test_fills_refer_to_the_context_without_the_room_for_thoughts(self):
        rows = self.carry_out({"models": [{**self.THINKER, "thinks_always": True}]}, ["context-edge"], self.SETTINGS._replace(context_num_ctx=4096))
        plain = {item.id: item for item in suites.load("context-edge").items}
        for row in calls(rows, role="measured"):
            room = 4096 - plain[row["item"]].num_predict
            self.assertAlmostEqual(row["prompt_tokens"] / room, row["fill"], delta=0.05)
            self.assertEqual((row["options"]["num_ctx"], row["options"]["num_predict"]), (4352, plain[row["item"]].num_predict + 256))

    def test_of_two_models_at_once_only_the_one_that_always_thinks_gets_room(self):
        """The room is in the context, and in the limit of each answer, whichever of the two is loaded first."""
        own = {item.id: item.num_predict for item in suites.load("parallel-mixed").items}
        for thinker, plain in ((BETA, ALPHA), (ALPHA, BETA)):
            with self.subTest(thinker=thinker["name"]):
                rows = self.carry_out({"models": [{**thinker, "thinking_tokens": 10, "thinks_always": True}, plain]},
                                      ["small-eval", "parallel-mixed"], self.SETTINGS._replace(thinking=None, levels=(2,)))
                asked = calls(rows, phase="parallel-mixed", role="measured")
                self.assertEqual({(row["model"], row["options"]["num_ctx"], row["options"]["num_predict"] - own[row["item"]]) for row in asked},
                                 {(thinker["name"], 1024, 256), (plain["name"], 768, 0)})
                self.assertEqual({row["outcome"] for row in asked}, {"ok"})
                (self.out / run_folder.LEDGER).unlink()

    def test_a_model_that_was_not_trained_for_the_room_is_not_asked_with_thinking(self):
        rows = self.carry_out({"models": [{**self.THINKER, "context_length": 896}]}, ["small-eval"], self.SETTINGS)
        self.assertEqual(reasons(rows), {"context-too-small"})
        self.assertIn("--thinking-budget", next(row["detail"] for row in rows if row["type"] == "skipped"))
        self.assertEqual(len(calls(rows, phase="small-eval", role="measured")), 5)

    def test_a_context_with_room_that_does_not_load_ends_the_thinking_phases_alone(self):
        rows = self.carry_out({"models": [self.THINKER], "rules": [{"when": {"path": "/api/chat", "contains": "days of the week", "nth": 2}, "do": {
            "fault": "status", "code": 500, "error": "cudaMalloc failed: out of memory"}}]}, ["frozen-prompts", "small-eval"],
            self.SETTINGS._replace(repeats=1))
        self.assertEqual({(row["phase"], row["reason"]) for row in rows if row["type"] == "skipped"}, {("small-eval-thinking", "too-big")})
        self.assertEqual(len(calls(rows, phase="frozen-prompts", role="measured")), 6)


class Coverage(unittest.TestCase):
    def test_every_skip_reason_has_a_test(self):
        here = pathlib.Path(__file__)
        text = here.read_text(encoding="utf-8") + here.with_name("test_rungs.py").read_text(encoding="utf-8")
        for reason in records.SKIP_REASONS:
            with self.subTest(reason=reason):
                self.assertIn(f'"{reason}"', text)

    def test_every_outcome_is_rehearsed(self):
        self.assertEqual({expected["outcome"] for _, _, expected in scenarios.FAULTS}, set(records.OUTCOMES))


if __name__ == "__main__":
    unittest.main()
