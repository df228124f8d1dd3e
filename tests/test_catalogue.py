"""The catalogue: runs are pooled run by run and call by call, digests stay apart, what is withheld counts and is not told."""
from __future__ import annotations

import statistics
import unittest

import showcase
import support      # noqa: F401  (puts the harness on the path)

from base import json_text, names, schema
from publish import catalogue, device_summary, page_inputs, headline_figures, run_contribution

MACHINE = {"bandwidth_gb_s": 100, "bandwidth_of": "m1", "model_memory_kind": "unified"}


def phase(name: str = "frozen-prompts", values: dict | None = None, **changes: object) -> dict:
    """A contribution's phase with one group of all items before all else."""
    group = {"item": None, "pass": "first", "level": None, "fill": None, "calls": 3, "metrics": {}, "values": values or {}}
    return {"phase": name, "calls": 3, "outcomes": {"ok": 3}, "void": 0, "reattempts": 0, "skips": {}, "prefill_basis": "nonce",
            "quality": None, "drift": None, "groups": [group], "waves": [], **changes}


def given(number: int, *phases: dict, shown: bool = True, **changes: object) -> run_contribution.CellRun:
    """A run's part in a cell; the higher its number, the newer."""
    contribution = {"cell_id": "mac-m1-8gb.m_3a1b", "model": "m:1b", "digest": "a" * 64, "size_bytes": 2_000_000_000, "family": "planted",
                    "parameter_size": "1B", "quantization": "Q4_K_M", "format": "gguf", "context_length": 4096, "memory_bytes": 2_100_000_000,
                    "offload_share": 1, "cold_load_ms": 900, "warnings": [], "verdict": "clean", "phases": list(phases), **changes}
    row = {"handle": "ana", "device_tag": "mac-m1-8gb", "server_versions": ["0.33.0"], "site_grade": "standard"} if shown else None
    return run_contribution.CellRun(f"run-{number}", f"2026-12-{number:02d}T00:00:00Z", row, contribution)


def decode(*values: float) -> dict:
    return phase(values={"decode_tok_s": list(values)})


def wave(level: int, values: list, **changes: object) -> dict:
    return {"level": level, "models": ["m:1b"], "full": len(values), "short": 0, "failed": 0, "tok_s": None, "parallelism": None,
            "start_spread_ms": None, "serialised": None, "values": {"tok_s": values, "parallelism": []}, **changes}


def only(found: dict) -> dict:
    return found["variants"][0]


class Pooling(unittest.TestCase):
    def test_a_run_counts_once_however_often_it_asked_and_a_call_counts_once(self):
        found = only(showcase.pooled_cell([given(1, decode(10, 10, 10)), given(2, decode(20))], MACHINE))
        spread = found["headline"]["decode_tok_s"]
        self.assertEqual((spread["over_runs"]["n"], spread["over_runs"]["median"]), (2, 15))
        self.assertEqual((spread["over_calls"]["n"], spread["over_calls"]["median"], spread["over_calls"]["max"]), (4, 10, 20))

    def test_a_figure_of_one_run_has_no_interval_over_runs(self):
        spread = only(showcase.pooled_cell([given(1, decode(10, 11, 12))], MACHINE))["headline"]["decode_tok_s"]
        self.assertEqual((spread["over_runs"]["n"], spread["over_runs"]["low"], spread["over_calls"]["n"]), (1, None, 3))

    def test_digests_are_variants_and_are_never_pooled(self):
        found = showcase.pooled_cell([given(1, decode(10)), given(2, decode(90), digest="b" * 64), given(3, decode(12))], MACHINE)
        self.assertEqual([variant["digest"][0] for variant in found["variants"]], ["a", "b"])
        self.assertEqual([variant["headline"]["decode_tok_s"]["over_runs"]["max"] for variant in found["variants"]], [12, 90])
        self.assertEqual(found["runs"], 3)

    def test_failures_and_skips_are_added_up(self):
        bad = phase(outcomes={"ok": 1, "timeout": 2}, skips={"time-limit": 4}, void=1, reattempts=2)
        found = only(showcase.pooled_cell([given(1, bad), given(2, bad)], MACHINE))
        self.assertEqual(found["outcomes"], {"ok": 2, "timeout": 4})
        self.assertEqual((found["skips"], found["void"], found["reattempts"], found["calls"]), ({"time-limit": 8}, 2, 4, 6))

    def test_nothing_depends_on_the_order_in_which_runs_come(self):
        runs = [given(1, decode(10, 12)), given(2, decode(30)), given(3, decode(20), digest="b" * 64)]
        self.assertEqual(showcase.pooled_cell(runs, MACHINE), showcase.pooled_cell(runs[::-1], MACHINE))

    def test_the_newest_run_says_what_the_model_is(self):
        found = only(showcase.pooled_cell([given(2, decode(1), quantization="Q8_0"), given(1, decode(1))], MACHINE))
        self.assertEqual((found["quantization"], found["oldest"][8:10], found["newest"][8:10]), ("Q8_0", "01", "02"))


class Withheld(unittest.TestCase):
    def test_a_withheld_run_counts_in_figures_and_is_not_named(self):
        found = showcase.pooled_cell([given(1, decode(10)), given(2, decode(20), shown=False)], MACHINE)
        self.assertEqual((found["runs"], found["withheld"]), (2, 1))
        variant = only(found)
        self.assertEqual(variant["headline"]["decode_tok_s"]["over_runs"]["median"], 15)
        self.assertEqual(variant["verdicts"], {"clean": 2})
        self.assertEqual([one["run_id"] for one in variant["by_run"]], ["run-1"])
        self.assertEqual((variant["newest"][8:10], variant["grades"], variant["handles"]), ("01", {"standard": 1}, 1))

    def test_a_cell_and_a_variant_of_withheld_runs_alone_are_not_shown(self):
        self.assertIsNone(showcase.pooled_cell([given(1, decode(10), shown=False)], MACHINE))
        found = showcase.pooled_cell([given(1, decode(10)), given(2, decode(20), shown=False, digest="b" * 64)], MACHINE)
        self.assertEqual((len(found["variants"]), found["runs"], found["withheld"]), (1, 1, 0))

    def test_what_only_a_withheld_run_has_is_not_told(self):
        edge = phase("context-edge", {"decode_tok_s": [5]})
        edge["groups"][0].update({"item": "CE-P01", "pass": None, "fill": 0.25})
        own = phase("parallel-same", waves=[wave(1, [10]), wave(16, [99])])
        public = phase("parallel-same", waves=[wave(1, [20])])
        variant = only(showcase.pooled_cell([given(1, decode(10), public), given(2, decode(20), own, edge, shown=False)], MACHINE))
        self.assertEqual([one["phase"] for one in variant["phases"]], ["frozen-prompts", "parallel-same"])
        self.assertEqual([(level["level"], level["runs"]) for level in variant["phases"][1]["levels"]], [(1, 2)])
        figure = phase(values={"decode_tok_s": [1], "energy_j_per_tok": [2]})
        variant = only(showcase.pooled_cell([given(1, decode(10)), given(2, figure, shown=False)], MACHINE))
        self.assertIsNone(variant["headline"]["energy_j_per_tok"])


class Headline(unittest.TestCase):
    def test_concurrency_is_measured_against_one_call_alone(self):
        same = phase("parallel-same", waves=[wave(1, [10, 10]), wave(2, [19]), wave(4, [25]), wave(8, [24], failed=2, serialised=True)])
        variant = only(showcase.pooled_cell([given(1, same)], MACHINE))
        headline = variant["headline"]
        self.assertEqual((headline["most_level"], headline["concurrency_gain"]), (4, 2.5))
        self.assertEqual([(level["failed"], level["serialised"]) for level in variant["phases"][0]["levels"]][-1], (2, 1))

    def test_what_context_costs_is_the_fullest_against_the_emptiest(self):
        edge = phase("context-edge")
        edge["groups"] = [{"item": f"CE-P0{n}", "pass": None, "level": None, "fill": fill, "calls": 1, "metrics": {},
                           "values": {"decode_tok_s": [rate]} if rate else {}} for n, (fill, rate) in
                          enumerate(((0.5, 15), (0.25, 20), (0.9, 12), (0.98, None)), 1)]
        headline = only(showcase.pooled_cell([given(1, edge)], MACHINE))["headline"]
        self.assertEqual((headline["full_fill"], headline["context_cost"]), (0.9, 0.4))

    def test_answers_of_two_phases_are_one_share_and_code_another(self):
        def answers(n: int, passed: int, **changes: int) -> dict:
            return {"n": n, "passed": passed, "censored": 0, "ungraded": 0, "failed": 0, "correct_per_minute": None, "time_to_correct_ms": None,
                    "recall": [], **changes}
        run = given(1, phase("small-eval", quality=answers(5, 4)), phase("parallel-same", quality=answers(15, 12, censored=2)),
                    phase("python-tasks", quality=answers(0, 0, ungraded=12)))
        headline = only(showcase.pooled_cell([run], MACHINE))["headline"]
        self.assertEqual((headline["answers"]["n"], headline["answers"]["share"], headline["answers"]["censored"]), (20, 0.8, 2))
        self.assertEqual((headline["code"]["share"], headline["code"]["ungraded"]), (None, 12))

    def test_decode_stands_beside_what_the_memory_allows_with_its_arithmetic(self):
        self.assertEqual(only(showcase.pooled_cell([given(1, decode(40))], MACHINE))["bound"],
                         {"bandwidth_gb_s": 100, "bandwidth_of": "m1", "size_bytes": 2_000_000_000, "bound_tok_s": 50, "decode_tok_s": 40, "share": 0.8})

    def test_there_is_no_bound_where_not_all_weights_are_read_from_the_memory_that_is_known(self):
        card = {**MACHINE, "model_memory_kind": "accelerator"}
        for title, machine, changes in (("no table", {**MACHINE, "bandwidth_gb_s": None}, {}), ("partly elsewhere", card, {"offload_share": 0.6}),
                                        ("place unknown", card, {"offload_share": None}), ("experts", MACHINE, {"family": "qwen3moe"}),
                                        ("in caches", MACHINE, {"size_bytes": 90_000_000})):
            with self.subTest(title):
                self.assertIsNone(only(showcase.pooled_cell([given(1, decode(40), **changes)], machine))["bound"])
        self.assertIsNotNone(only(showcase.pooled_cell([given(1, decode(40))], card))["bound"])

    def test_of_a_few_right_answers_the_interval_says_how_few_they_are(self):
        for passed, n, low, high in ((5, 5, 0.565518, 1), (0, 10, 0, 0.277533), (50, 100, 0.403832, 0.596168)):
            with self.subTest(passed=passed, n=n):
                self.assertEqual(headline_figures.wilson(passed, n), (low, high))


class Document(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document, cls.cell_views, cls.run_views = showcase.whole()

    def test_it_is_what_the_schema_says(self):
        self.assertEqual(schema.problems(self.document, "catalogue"), [])
        for view in self.cell_views:
            self.assertEqual(schema.problems(view.cell, "cell"), [])

    def test_all_that_is_named_is_there(self):
        found = self.document
        runs, tags = {run["run_id"] for run in found["runs"]}, {device["device_tag"] for device in found["devices"]}
        variants = {(cell["cell_id"], variant["digest"]) for cell in found["cells"] for variant in cell["variants"]}
        for run in found["runs"]:
            self.assertIn(run["device_tag"], tags)
            self.assertLessEqual({(model["cell_id"], model["digest"]) for model in run["models"]}, variants)
        for group in (found["devices"], found["models"]):
            self.assertEqual(sorted(cell_id for one in group for cell_id in one["cells"]), [cell["cell_id"] for cell in found["cells"]])
        self.assertEqual({one["run_id"] for view in self.cell_views for variant in view.cell["variants"] for one in variant["by_run"]}, runs)

    def test_a_manifest_without_a_device_tag_is_placed_by_its_folder(self):
        one = showcase.corpus.spec(2)
        made = showcase.corpus.made(one)
        metadata = {**made.metadata, "models": [{**model, "cell_id": None} for model in made.metadata["models"]]}
        found = run_contribution.contributions(one.device.tag, {**made.manifest, "device_tag": None}, metadata, made.cells)
        self.assertEqual([given["cell_id"] for given in found], [model["cell_id"] for model in made.metadata["models"]])

    def test_totals_and_counts_are_those_of_the_rows(self):
        found = self.document
        self.assertEqual(found["totals"]["runs"], len(found["runs"]))
        self.assertEqual(found["totals"]["calls"], sum(run["done"] for run in found["runs"]))
        self.assertEqual(sum(device["runs"] for device in found["devices"]), len(found["runs"]))
        self.assertEqual(sum(cell["runs"] for cell in found["cells"]), sum(len(run["models"]) for run in found["runs"]))

    def test_medians_over_runs_are_medians_of_what_each_run_says_of_itself(self):
        by_cell: dict = {}
        for view in self.run_views:
            for row in view.metadata["aggregates"]:
                for group in row["groups"] if row["phase"] == "frozen-prompts" else ():
                    if (group["item"], group["pass"]) == ("P-MEDIUM", "first") and group["metrics"]["ttft_ms"]:
                        digest = next(model["digest"] for model in view.manifest["models"] if model["name"] == row["model"])
                        by_cell.setdefault((row["cell_id"], digest), []).append(group["metrics"]["ttft_ms"])
        self.assertGreater(max(map(len, by_cell.values())), 1)
        for cell in self.document["cells"]:
            for variant in cell["variants"]:
                stats = by_cell[cell["cell_id"], variant["digest"]]
                found = variant["headline"]["ttft_ms"]
                self.assertAlmostEqual(found["over_runs"]["median"], statistics.median(stat["median"] for stat in stats), delta=1e-5 * stats[0]["median"])
                self.assertEqual((found["over_runs"]["n"], found["over_calls"]["n"]), (len(stats), sum(stat["n"] for stat in stats)))

    def test_the_newest_run_stands_first(self):
        days = [run["started_at"] for run in self.document["runs"]]
        self.assertEqual(days, sorted(days, reverse=True))

    def test_hidden_runs_leave_no_name_and_still_count(self):
        hidden = frozenset([0, 4])
        told, cell_views, _ = showcase.whole((*showcase.FEW, 4), hidden)
        whole = json_text.dumps([told, [vars(view) for view in cell_views]])
        for number in hidden:
            self.assertNotIn(showcase.corpus.spec(number).run_id, whole)
        before = {cell["cell_id"]: cell["runs"] for cell in self.document["cells"]}
        self.assertTrue(any(cell["withheld"] for cell in told["cells"]))
        for cell in told["cells"]:
            self.assertEqual(cell["runs"], before[cell["cell_id"]])
            self.assertGreater(cell["runs"], cell["withheld"])

    def test_an_empty_catalogue_is_one_too(self):
        found = catalogue.document([], [], [], False)
        self.assertEqual(schema.problems(found, "catalogue"), [])
        self.assertEqual(set(found["totals"].values()), {0})


class Places(unittest.TestCase):
    def test_a_page_of_a_long_name_is_short_enough_for_every_file_system_and_its_own(self):
        pages = {page_inputs.page_of_cell(names.cell_id("mac-m1-8gb", "hf.co/" + "x" * 200 + ending)) for ending in ("a:1b", "b:1b")}
        self.assertEqual(len(pages), 2)
        self.assertTrue(all(len(page.split("/")[1]) < 230 for page in pages))

    def test_names_of_any_kind_make_paths_within_the_site(self):
        for model in ("../../etc/passwd", "con", "a b<c>\"'&", "\u202e.exe", "M:1B", ".hidden", "-x"):
            with self.subTest(model):
                self.assertRegex(page_inputs.page_of_cell(names.cell_id("mac-m1-8gb", model)), r"\Acells/[a-z0-9][a-z0-9._-]*\.html\Z")
                self.assertRegex(page_inputs.page_of_model(model), r"\Amodels/[a-z0-9_-][a-z0-9._-]*\.html\Z")


class Devices(unittest.TestCase):
    def machine(self, *cards: dict, memory_gib: int = 16) -> dict:
        def fact(value: object) -> dict:
            return {"value": value}
        listed = [{name: fact(value) for name, value in card.items()} for card in cards]
        return {"cpu": {"model": fact("AMD Ryzen 7 7800X3D")}, "memory": {"physical_bytes": fact(memory_gib * 2 ** 30)}, "accelerators": fact(listed),
                "system": {"name": fact("Arch Linux"), "version": fact(None)}}

    def test_models_live_in_the_memory_of_what_computes(self):
        card = {"name": "NVIDIA GeForce RTX 4090", "interface": "cuda", "unified_memory": False, "memory_bytes": 24564 * 2 ** 20}
        shared = {"name": "AMD Radeon Graphics", "interface": "vulkan", "unified_memory": True, "memory_bytes": 2 ** 29}
        apple = {"name": "Apple M2 Pro", "interface": "metal", "unified_memory": True}
        for title, cards, kind, memory_gb, bandwidth in (("a card", (card, shared), "accelerator", 24, 1008), ("two cards", (card, card), "accelerator", 48, 2016),
                                                         ("unified", (apple,), "unified", 16, 200), ("graphics alone", (shared,), "main", 16, None),
                                                         ("none", (), "main", 16, None)):
            with self.subTest(title):
                found = device_summary.facts(self.machine(*cards))
                self.assertEqual((found["model_memory_kind"], found["memory_class_gb"], found["bandwidth_gb_s"]), (kind, memory_gb, bandwidth))

    def test_a_document_that_tells_nothing_tells_nothing(self):
        for document in (None, {}, {"cpu": []}, {"cpu": {"model": {"value": 7}}, "accelerators": {"value": ["x", {"name": "y"}]}}):
            with self.subTest(document):
                found = device_summary.facts(document)
                self.assertEqual((found["label"], found["memory_class_gb"], found["model_memory_kind"]), (None, None, None))

    def test_memory_is_told_as_it_is_sold(self):
        for size, sold in ((None, None), (7_900_000_000, 8), (8 * 2 ** 30, 8), (23.4 * 2 ** 30, 24), (11.6 * 2 ** 30, 12), (2 ** 50, 2048)):
            with self.subTest(size=size):
                self.assertEqual(device_summary.memory_class_gb(size), sold)


if __name__ == "__main__":
    unittest.main()
