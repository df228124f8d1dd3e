"""Differences between two runs: each one is listed with its effect, and excludes the figures that it changes."""
from __future__ import annotations

import unittest

import support  # noqa: F401  (puts the harness on the path)
from test_paired_comparison import calls, cell, compared, figure, keys, manifest, other, wave

from base import records
from derive import run_diff

SPEED, ALL = list(run_diff.SPEED), list(records.COMPARED)


def model(**changes: object) -> list:
    return [{**manifest()["models"][0], **changes}]


def suites(**changed: str) -> list:
    """The manifest's suites, some with another hash."""
    return [{**suite, "sha256": changed.get(suite["phase"].replace("-", "_"), suite["sha256"])}
            for suite in manifest()["suites"]]


class Keys(unittest.TestCase):
    def test_keys_of_the_manifest_are_listed_with_both_values_and_their_effect(self):
        options = {"temperature": 0, "num_batch": 512}
        for key, changes, effect, left_out, values in (
                ("server", {"server_name": "other"}, "cause", [], ("ollama", "other")),
                ("device tag", {"device_tag": "mac-m2-8gb"}, "cause", [], ("mac-m1-8gb", "mac-m2-8gb")),
                ("device tag", {"device_tag": None}, "cause", [], ("mac-m1-8gb", None)),
                ("platform", {"platform": "Darwin arm64"}, "cause", [], ("Linux x86_64", "Darwin arm64")),
                ("Python", {"python": "3.9.18"}, "cause", [], ("3.11.7", "3.9.18")),
                ("harness version", {"harness_version": "1.1.0"}, "cause", [], ("1.0.0", "1.1.0")),
                ("harness source", {"harness_sha256": "1" * 64}, "cause", [], ("0" * 12, "1" * 12)),
                ("server's place", {"target": "lan"}, "left-out", list(run_diff.CLIENT), ("this machine", "lan")),
                ("num_ctx", {"num_ctx": 2048}, "left-out", SPEED, ("4096", "2048")),
                ("context_num_ctx", {"context_num_ctx": 4096}, "left-out", ALL, ("8192", "4096")),
                ("num_predict", {"num_predict": 64}, "left-out",
                 ["decode_tok_s", "total_ms", "wave_tok_s", "answers"], (None, "64")),
                ("levels", {"levels": [1, 2]}, "scope", [], (None, "[1,2]")),
                ("repeats", {"repeats": 9}, "scope", [], ("1", "9")),
                ("num_batch", {"options": {**options, "num_batch": 256}}, "left-out", SPEED, ("512", "256")),
                ("temperature", {"options": {**options, "temperature": 0.5}}, "left-out", ["answers"], ("0", "0.5")),
                ("num_thread", {"options": {**options, "num_thread": 4}}, "cause", [], (None, "4")),
                ("think", {"knobs": {"think": True}}, "left-out", ["total_ms", "wave_tok_s", "answers"], ("false", "true"))):
            with self.subTest(key=key, changes=changes):
                row = keys(compared(calls(), calls(), two=other(**changes)))[key]
                self.assertEqual((row["effect"], row["figures"], (row["a"], row["b"])), (effect, left_out, values))

    def test_all_addresses_of_this_machine_are_the_same_place(self):
        self.assertEqual(list(keys(compared(calls(), calls(), two=other(target="http://127.0.0.1:5")))), ["hardware"])

    def test_the_server_version_lists_the_versions_of_all_sessions(self):
        newer = calls()
        newer[0]["session_start"] = {**support.record("session_start"), "server_version": "0.34.0"}
        row = keys(compared(calls(), newer))["server version"]
        self.assertEqual((row["a"], row["b"], row["effect"]), ("0.33.0", "0.33.0, 0.34.0", "cause"))

    def test_differences_that_exclude_figures_come_first(self):
        slower = other(python="3.9.18", num_ctx=2048, options={"temperature": 0, "num_batch": 512, "num_thread": 1})
        self.assertEqual([row["key"] for row in compared(calls(), calls(), two=slower)["differences"]],
                         ["num_ctx", "num_thread", "hardware", "Python"])


class Exclusions(unittest.TestCase):
    def test_a_different_suite_excludes_its_phase_only(self):
        found = compared(calls() + calls(phase="python-tasks"), calls() + calls(phase="python-tasks"),
                         two=other(suites=suites(small_eval="1" * 64)))
        self.assertEqual([row["phase"] for row in found["cells"]], ["python-tasks"])
        self.assertEqual((keys(found)["suite"]["phases"], keys(found)["suite"]["figures"]), (["small-eval"], ALL))

    def test_runs_with_different_suites_are_not_comparable(self):
        self.assertFalse(compared(calls(), calls(), two=other(suites=suites(small_eval="1" * 64)))["comparable"])

    def test_an_excluded_figure_has_a_reason_and_no_number(self):
        found = compared(calls(), calls(), two=other(num_ctx=2048))
        row = figure(found, "decode_tok_s")
        self.assertEqual((row["n"], row["ratio"], row["verdict"], row["says"]),
                         (0, None, "not-compared", "not compared: num_ctx differs"))

    def test_all_keys_that_exclude_a_figure_are_named(self):
        found = compared(calls(), calls(), two=other(num_ctx=2048, options={"temperature": 0, "num_batch": 64}))
        self.assertEqual(figure(found, "decode_tok_s")["says"], "not compared: num_batch, num_ctx differ")

    def test_answers_are_excluded_if_they_were_sampled_by_other_rules(self):
        graders = {one["item"]: {"kind": "exact", "accept": ["B"]} for one in calls()}
        found = compared(calls(), calls(answer="C"), graders, two=other(options={"temperature": 0.8, "num_batch": 512}))
        answers = cell(found)["answers"]
        self.assertEqual((answers["n"], answers["verdict"], answers["says"], answers["changes"]),
                         (0, "not-compared", "not compared: temperature differs", []))
        self.assertEqual(figure(found, "decode_tok_s")["n"], 12)

    def test_num_ctx_concerns_short_phases_and_context_num_ctx_context_phases(self):
        both = calls() + calls(phase="context-edge", fill=0.5)
        short, long = (compared(both, both, two=other(**change)) for change in ({"num_ctx": 2048}, {"context_num_ctx": 4096}))
        self.assertEqual(figure(short, "decode_tok_s", "context-edge")["n"], 12)
        self.assertEqual([row["phase"] for row in long["cells"]], ["small-eval"])

    def test_phases_and_models_of_only_one_run_are_listed(self):
        more = manifest()["models"] + [support.record("model", name="n:3b", digest="1" * 64)]
        found = compared(calls() + calls(model="n:3b"), calls(), one=manifest(models=more), two=other(suites=suites()[:2]))
        self.assertEqual({(row["key"], row["a"], row["b"]) for row in found["differences"] if row["effect"] == "scope"},
                         {("phase", phase, None) for phase in ("parallel-same", "parallel-mixed", "context-edge")}
                         | {("model", "n:3b", None)})

    def test_a_different_mix_of_models_excludes_the_mixed_phase(self):
        names = ("m:1b", "n:3b", "o:7b")
        three = [support.record("model", name=name, digest=str(n) * 64) for n, name in enumerate(names)]
        mixed = calls() + [{**one, "phase": "parallel-mixed"} for one in wave(2, 0)]
        found = compared(mixed, mixed, one=manifest(models=three[:2]), two=other(models=[three[0], three[2]]))
        self.assertEqual(keys(found)["models at once"]["phases"], ["parallel-mixed"])
        self.assertEqual({row["phase"] for row in found["cells"]}, {"small-eval"})


class Thinking(unittest.TestCase):
    ASKED = {"thinking": {"mode": True, "budget": 4096}, "schema": "manifest-1.1"}

    def both(self) -> list:
        return calls() + calls(phase="small-eval-thinking", knobs={"think": True})

    def test_runs_that_were_asked_to_think_in_the_same_way_are_compared_phase_by_phase(self):
        found = compared(self.both(), self.both(), one=manifest(**self.ASKED), two=other(**self.ASKED))
        self.assertEqual([row["phase"] for row in found["cells"]], ["small-eval", "small-eval-thinking"])
        self.assertNotIn("thinking", keys(found))

    def test_another_level_or_budget_excludes_the_thinking_phases_alone(self):
        for changed, key in (({"mode": "low", "budget": 4096}, "thinking"), ({"mode": True, "budget": 8192}, "thinking_budget")):
            with self.subTest(key):
                found = compared(self.both(), self.both(), one=manifest(**self.ASKED), two=other(**{**self.ASKED, "thinking": changed}))
                self.assertEqual([row["phase"] for row in found["cells"]], ["small-eval"])
                self.assertEqual(keys(found)[key]["figures"], ALL)

    def test_thinking_in_one_run_alone_is_listed_and_excludes_nothing(self):
        found = compared(self.both(), calls(), one=manifest(**self.ASKED))
        self.assertEqual((keys(found)["thinking"]["effect"], keys(found)["thinking"]["figures"]), ("scope", []))
        self.assertEqual(figure(found, "decode_tok_s")["n"], 12)

    def test_another_suite_excludes_its_thinking_phase_too(self):
        found = compared(self.both(), self.both(), one=manifest(**self.ASKED), two=other(**self.ASKED, suites=suites(small_eval="1" * 64)))
        self.assertEqual(found["cells"], [])

    def test_a_model_that_always_thinks_with_another_budget_is_compared_by_its_frozen_prompts_alone(self):
        found_by = [{**calls()[0], "role": "calibration", "phase": "calibration", "item": "CAL-THINKS", "finding": {"always_thinks": True}}]
        both = found_by + calls() + calls(phase="frozen-prompts", **{"pass": "first"})
        found = compared(both, both, two=other(thinking={"mode": None, "budget": 8192}))
        self.assertEqual([row["phase"] for row in found["cells"]], ["frozen-prompts"])
        found = compared(both, both[1:])
        self.assertEqual([row["phase"] for row in found["cells"]], ["frozen-prompts"], "found in one run alone")


class Models(unittest.TestCase):
    def test_models_with_different_digests_are_compared_as_two_models(self):
        found = compared(calls(), calls(), two=other(models=model(digest="1" * 64, quantization="Q8_0")))
        self.assertEqual({row["key"]: row["effect"] for row in found["differences"] if row["key"] != "hardware"},
                         {"model digest": "other-model", "model quantization": "other-model"})
        self.assertFalse(cell(found)["same_model"])
        self.assertEqual(figure(found, "decode_tok_s")["n"], 12)
        self.assertFalse(found["noise_floor"])

    def test_calibration_is_compared_for_equal_models_only(self):
        def found_by(**finding: object) -> list:
            return [{**calls()[0], "role": "calibration", "phase": "calibration", "finding": finding}] + calls()
        a = found_by(head_tokens=20, slots_seen=1, tells_cached_tokens=False)
        b = found_by(head_tokens=22, slots_seen=4, tells_cached_tokens=True)
        found = keys(compared(a, b))
        self.assertEqual({key: (row["a"], row["b"], row["figures"]) for key, row in found.items() if key != "hardware"},
                         {"head_tokens": ("20", "22", ["prefill_tok_s"]), "slots_seen": ("1", "4", []),
                          "tells_cached_tokens": ("false", "true", ["prefill_tok_s"])})
        self.assertNotIn("head_tokens", keys(compared(a, b, two=other(models=model(digest="1" * 64)))))

    def test_a_difference_of_one_model_excludes_nothing_of_another(self):
        both = manifest()["models"] + [support.record("model", name="n:3b", digest="1" * 64, format="gguf")]

        def found_by(head_tokens: int) -> list:
            head = {**calls()[0], "role": "calibration", "model": "n:3b", "finding": {"head_tokens": head_tokens}}
            return [head] + calls() + calls(model="n:3b")
        found = compared(found_by(10), found_by(12), one=manifest(models=both), two=other(models=both))
        self.assertEqual([figure(found, "prefill_tok_s", "small-eval", None, (name,))["n"] for name in ("m:1b", "n:3b")],
                         [12, 0])

    def test_a_call_in_a_mixed_wave_belongs_to_all_its_models(self):
        two = manifest()["models"] + [support.record("model", name="n:3b", digest="1" * 64)]
        mixed = [{**one, "phase": "parallel-mixed"} for one in wave(2, 0)]
        mixed[1]["model"] = "n:3b"
        found = compared(mixed, mixed, one=manifest(models=two), two=other(models=[two[0], {**two[1], "digest": "2" * 64}]))
        self.assertEqual({row["same_model"] for row in found["cells"]}, {False})

    def test_the_placement_of_the_model_is_compared(self):
        half = {"size_bytes": 10 ** 9, "vram_bytes": 5 * 10 ** 8, "context_length": 2048, "loaded": ["m:1b"]}
        found = keys(compared(calls(), calls(placement=half)))
        self.assertEqual((found["share on accelerators"]["a"], found["share on accelerators"]["b"]), ("1.0", "0.5"))
        self.assertEqual(found["loaded context"]["figures"], SPEED)


class Hardware(unittest.TestCase):
    @staticmethod
    def fact(value: object) -> dict:
        return {"value": value, "method": "by hand"}

    def machine(self, **changes: object) -> dict:
        return {"schema": "hardware-1.0", "system": {"name": self.fact("Debian"), "kernel": self.fact("6.1")},
                "cpu": {"model": self.fact("A"), "max_mhz": {"value": None, "why": "not told"}},
                "memory": {"usable_bytes": self.fact(16 * 10 ** 9)},
                "accelerators": self.fact([{"name": self.fact("G"), "driver": self.fact("550")}]), **changes}

    def differences(self, a: object, b: object) -> dict:
        return keys(compared(calls(), calls(), hardware=(a, b)))

    def test_facts_known_in_both_runs_are_compared(self):
        other_machine = self.machine(cpu={"model": self.fact("B"), "max_mhz": self.fact(4000)},
                                     accelerators=self.fact([{"name": self.fact("H"), "driver": self.fact("550")}]))
        found = self.differences(self.machine(), other_machine)
        self.assertEqual({key: (row["a"], row["b"], row["effect"]) for key, row in found.items()},
                         {"cpu model": ("A", "B", "cause"), "accelerator 0 name": ("G", "H", "cause")})

    def test_the_number_of_accelerators_is_compared(self):
        self.assertEqual(self.differences(self.machine(), self.machine(accelerators=self.fact([])))["accelerators"]["b"], "0")

    def test_a_little_less_usable_memory_is_the_same_machine(self):
        for size, same in ((15_900_000_000, True), (15_000_000_000, False)):
            with self.subTest(size=size):
                found = self.differences(self.machine(), self.machine(memory={"usable_bytes": self.fact(size)}))
                self.assertEqual("memory usable_bytes" not in found, same)

    def test_missing_unprobed_and_malformed_hardware_is_unknown(self):
        for what, found in (("missing", None), ("not probed", {"probed": False, "system": None}), ("a list", [1]),
                            ("a text", "x"),
                            ("facts that are none", {"system": {"name": "Debian"}, "cpu": 7, "accelerators": {"value": 3}})):
            with self.subTest(what):
                row = self.differences(self.machine(), found)["hardware"]
                self.assertEqual((row["a"], row["b"], row["effect"]), ("known", None, "unknown"))


if __name__ == "__main__":
    unittest.main()
