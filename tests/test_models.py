"""The choice of models: what is measured, in which order, why the rest is not, and what of it is written down."""
from __future__ import annotations

import hashlib
import json
import unittest
from unittest import mock

import support
import fake_machine

from base import schema
from base.errors import USAGE, UserError
from measure import hardware, models
from measure.endpoint import ModelProblem
from measure.hardware.machine import Platform

VERSIONS = ("0.24.0", "0.30.1", "0.32.15", "0.33.0-rc2")
GB = 10 ** 9


def recorded(version: str, situation: str) -> dict:
    """The answer that a real server of this version gave."""
    path = support.ROOT / "tests" / "recordings" / version / f"{situation}.json"
    response = json.loads(path.read_text(encoding="utf-8"))["exchanges"][0]["response"]
    return json.loads("".join(text for _, text in response["pieces"]))


def row(name: str, size: int = GB, **more: object) -> dict:
    """A model as /api/tags lists it."""
    return {"name": name, "size": size, "digest": hashlib.sha256(name.encode()).hexdigest(), "details": {"format": "gguf"},
            "capabilities": ["completion"], **more}


class Server:
    """What the choice needs of an endpoint. `shown` maps names to what /api/show tells; others are told as little."""

    def __init__(self, *rows: dict, shown: dict | None = None):
        self.rows, self.shown, self.asked, self.pulled = list(rows), shown or {}, [], []

    def models(self) -> list:
        return self.rows

    def show(self, name: str) -> dict | None:
        self.asked.append(name)
        if isinstance(self.shown.get(name), ModelProblem):
            raise self.shown[name]
        return self.shown.get(name, {"capabilities": ["completion"]})

    def pull(self, name: str, tell: object) -> None:
        self.pulled.append(name)
        tell("pulling", 1, 2)


def chosen(server: Server, wanted: list | None = None, memory: int | None = None) -> list:
    return [model["name"] for model in models.choose(server, wanted, memory).models]


class Order(unittest.TestCase):
    def test_the_smallest_comes_first_and_equal_sizes_go_by_name(self):
        server = Server(row("big:70b", 40 * GB), row("b:1b"), row("a:1b"), row("mid:7b", 4 * GB))
        self.assertEqual(chosen(server), ["a:1b", "b:1b", "mid:7b", "big:70b"])

    def test_naming_them_does_not_change_the_order(self):
        server = Server(row("a:1b", 3 * GB), row("b:1b", 2 * GB), row("c:1b", GB))
        self.assertEqual(chosen(server, ["a:1b", "c:1b"]), ["c:1b", "a:1b"])

    def test_a_model_is_named_in_any_spelling_and_once(self):
        server = Server(row("Alpha:latest"))
        for wanted in (["alpha"], ["ALPHA:latest"], ["library/alpha", "alpha:latest"], ["registry.ollama.ai/library/alpha"]):
            with self.subTest(wanted):
                self.assertEqual(chosen(server, wanted), ["Alpha:latest"])


class LeftOut(unittest.TestCase):
    CASES = (
        ("cloud by its name", row("gpt-oss:120b-cloud"), {}, "another machine"),
        ("cloud by its tag", row("big:cloud"), {}, "another machine"),
        ("cloud as /api/tags tells, by host", row("kimi:1t", remote_host="https://ollama.com:443"), {}, "another machine"),
        ("cloud as /api/tags tells, by model", row("kimi:1t", remote_model="kimi"), {}, "another machine"),
        ("cloud as /api/show tells, by host", row("kimi:1t"), {"remote_host": "https://ollama.com:443"}, "another machine"),
        ("cloud as /api/show tells, by model", row("kimi:1t"), {"remote_model": "kimi"}, "another machine"),
        ("an embedding model", row("nomic:1b"), {"capabilities": ["embedding"]}, r"cannot chat \(embedding\)"),
        ("an embedding model by tags alone", row("nomic:1b", capabilities=["embedding"]), {}, "cannot chat"),
        ("an unprintable name", row("a\x1b[2J:1b"), {}, "cannot be printed"),
        ("a name with a line feed", row("a\nb:1b"), {}, "cannot be printed"),
        ("no name", row(""), {}, "cannot be printed"),
        ("no digest", {**row("none:1b"), "digest": None}, {}, "no digest"),
        ("a digest that is none", row("none:1b", digest="../../x"), {}, "no digest"),
        ("broken on the server", row("bad:7b"), ModelProblem("/api/show answers HTTP 500 'open /usr/share/x: no such file'"),
         "cannot read it .*HTTP 500 'open <path>"),
        ("too big", row("big:70b", 40 * GB), {}, r"too big: 40\.0 GB on disk, 16\.0 GB of memory"),
    )

    def test_each_reason_is_told_and_the_rest_is_measured(self):
        for what, listed, shown, reason in self.CASES:
            with self.subTest(what):
                choice = models.choose(Server(listed, row("zeta:1b", 9 * GB), shown={listed["name"]: shown}), None, 16 * GB)
                self.assertEqual([model["name"] for model in choice.models], ["zeta:1b"])
                self.assertEqual([out["name"] for out in choice.left_out], [listed["name"]])
                self.assertRegex(choice.left_out[0]["reason"], reason)
                self.assertEqual(schema.problems(choice.left_out[0], "left_out"), [])

    def test_what_is_left_out_by_default_is_refused_by_name_and_nothing_else_measured(self):
        for what, listed, shown, reason in self.CASES:
            if what in ("too big", "no name"):
                continue
            with self.subTest(what), self.assertRaisesRegex(UserError, "another machine|cannot chat|printed|digest|cannot read") as caught:
                models.choose(Server(listed, row("zeta:1b"), shown={listed["name"]: shown}), ["zeta:1b", listed["name"]], None)
            self.assertEqual(caught.exception.exit_code, USAGE)
            self.assertIn("--models", str(caught.exception))

    def test_what_tags_tell_needs_no_second_question(self):
        server = Server(row("big:cloud"), row("a\tb:1b"), row("kimi:1t", remote_host="h"))
        models.choose(server, None, None)
        self.assertEqual(server.asked, [])

    def test_one_model_under_two_names_is_measured_once_under_the_name_that_sorts_first(self):
        digest = "ab" * 32
        choice = models.choose(Server(row("zeta:1b", digest=digest), row("alpha:1b", digest=digest)), None, None)
        self.assertEqual([model["name"] for model in choice.models], ["alpha:1b"])
        self.assertEqual(choice.left_out, [{"name": "zeta:1b", "reason": "the same model as alpha:1b"}])
        with self.assertRaisesRegex(UserError, "the same model as alpha:1b"):
            models.choose(Server(row("zeta:1b", digest=digest), row("alpha:1b", digest=digest)), ["alpha:1b", "zeta:1b"], None)

    def test_a_model_that_was_left_out_shadows_no_other(self):
        digest = "ab" * 32
        server = Server(row("alpha:1b", digest=digest), row("zeta:1b", digest=digest),
                        shown={"alpha:1b": {"capabilities": ["embedding"]}})
        self.assertEqual(chosen(server), ["zeta:1b"])

    def test_size_rules_only_what_nobody_named(self):
        """Who names a model knows why; the server itself will say if it cannot load it."""
        server = Server(row("big:70b", 40 * GB))
        self.assertEqual(chosen(server, None, 16 * GB), [])
        self.assertEqual(chosen(server, ["big:70b"], 16 * GB), ["big:70b"])
        self.assertEqual(chosen(server, None, None), ["big:70b"], "an unknown memory forbids nothing")

    def test_a_model_that_fits_on_the_card_is_measured_in_a_machine_with_less_main_memory(self):
        """A model of 20 GB was too big for a machine of 16 GB, whatever card was in it."""
        query = "nvidia-smi --query-gpu=..."
        for line, measured in (("00000000:01:00.0, NVIDIA GeForce RTX 4090, 24564, 560.35.03, 450.00", ["a:32b"]), ("", []),
                              ("00000000:01:00.0, [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]", [])):
            with self.subTest(line):
                there = fake_machine.machine(Platform("linux", memory_bytes=16_700_000_000), tools={query: line})
                self.assertEqual(chosen(Server(row("a:32b", 20 * GB)), None, hardware.model_memory_bytes(there)), measured)

    def test_a_model_must_fit_with_its_context_and_not_just_its_file(self):
        for size, fits in ((10 * GB, True), (13 * GB, True), (14 * GB, False), (16 * GB, False)):
            with self.subTest(size=size):
                self.assertEqual(chosen(Server(row("a:1b", size)), None, 16 * GB), ["a:1b"] if fits else [])


class Named(unittest.TestCase):
    def test_what_the_server_does_not_have_is_missing_in_the_order_it_was_named(self):
        choice = models.choose(Server(row("alpha:1b")), ["zeta", "alpha:1b", "Beta:3b", "zeta:latest"], None)
        self.assertEqual(choice.missing, ["zeta:latest", "Beta:3b"])     # spelt as it was, for the pull
        self.assertEqual([model["name"] for model in choice.models], ["alpha:1b"])

    def test_by_default_nothing_is_missing(self):
        self.assertEqual(models.choose(Server(), None, None), models.ModelChoice([], [], []))

    def test_a_cloud_name_is_refused_before_the_server_is_asked(self):
        for name in ("gpt-oss:120b-cloud", "kimi:cloud", "KIMI:CLOUD", " kimi:cloud "):
            with self.subTest(name), self.assertRaisesRegex(UserError, "another machine"):
                models.choose(None, ["alpha:1b", name], None)

    def test_pulling_asks_for_each_and_says_which(self):
        server, progress = Server(), mock.Mock()
        models.pull(server, ["a:1b", "b:1b"], progress)
        self.assertEqual(server.pulled, ["a:1b", "b:1b"])
        self.assertEqual(progress.mock_calls, [mock.call.draw("pull a:1b: pulling 50 % of 2 B"), mock.call.draw("pull b:1b: pulling 50 % of 2 B"),
                                               mock.call.clear()])


class Capable(unittest.TestCase):
    def test_older_servers_tell_in_show_alone_and_the_oldest_nowhere(self):
        for what, listed, shown, capable in (
                ("both", ["completion", "vision"], ["completion", "vision"], ["completion", "vision"]),
                ("show alone", None, ["completion", "tools"], ["completion", "tools"]),
                ("tags alone", ["completion"], None, ["completion"]), ("nowhere", None, None, []),
                ("a newer kind of word", None, ["completion", {"name": "x"}, 3], ["completion"])):
            with self.subTest(what):
                found = models.choose(Server(row("a:1b", capabilities=listed), shown={"a:1b": {"capabilities": shown}}),
                                      None, None)
                self.assertEqual([model["capabilities"] for model in found.models], [capable])

    def test_a_model_that_vanished_between_two_questions_is_judged_by_the_list(self):
        self.assertEqual(chosen(Server(row("a:1b"), shown={"a:1b": None})), ["a:1b"])


class Described(unittest.TestCase):
    def test_of_what_real_servers_tell_all_that_matters_is_taken(self):
        for version in VERSIONS:
            listed = {one["name"]: one for one in recorded(version, "tags")["models"]}
            for name, situation, capable in (("count:latest", "show", ["completion"]),
                                             ("think:latest", "show-thinking", ["completion", "thinking"])):
                with self.subTest(version=version, model=name):
                    shown = recorded(version, situation)
                    found = models.described(listed[name], shown)
                    self.assertEqual(schema.problems(found, "model"), [])
                    self.assertEqual(
                        (found["name"], found["digest"], found["size_bytes"], found["format"], found["family"]),
                        (name, listed[name]["digest"], listed[name]["size"], "gguf", "llama"))
                    self.assertEqual((found["quantization"], found["context_length"], found["capabilities"]),
                                     ("F16", 32768, capable))
                    self.assertRegex(found["parameter_size"], r"\A[0-9.]+M\Z")
                    self.assertEqual(found["template_sha256"], hashlib.sha256(shown["template"].encode()).hexdigest())

    def test_no_path_of_the_server_s_disk_is_taken(self):
        """0.24.0 tells one in details.parent_model and in the modelfile; details may come from either answer."""
        self.assertIn("/home/", recorded("0.24.0", "show")["details"]["parent_model"])
        for version in VERSIONS:
            shown = recorded(version, "show")
            self.assertIn("/home/", shown["modelfile"])
            for listed in (recorded(version, "tags")["models"][0], {"name": "count:latest", "digest": "0" * 64}):
                with self.subTest(version=version, details="details" in listed):
                    text = json.dumps(models.described(listed, shown))
                    self.assertNotIn("/", text)
                    self.assertNotIn("blobs", text)

    def test_every_model_that_a_real_server_lists_is_chosen(self):
        for version in VERSIONS:
            with self.subTest(version):
                server = Server(*recorded(version, "tags")["models"], shown={
                    "count:latest": recorded(version, "show"), "think:latest": recorded(version, "show-thinking")})
                self.assertEqual(chosen(server), ["small:latest", "think:latest", "count:latest", "prose:latest"])

    def test_what_is_not_told_is_null(self):
        found = models.described({"name": "a:1b", "digest": "sha256:" + "ab" * 32}, {})
        self.assertEqual(schema.problems(found, "model"), [])
        self.assertEqual(found["digest"], "ab" * 32)
        self.assertEqual({name for name, value in found.items() if value is None}, {
            "format", "family", "parameter_size", "quantization", "context_length", "template_sha256", "draft",
            "expert_count", "expert_used_count"})

    def test_only_the_trained_context_is_taken_for_it(self):
        for information, context in (
                ({"llama.context_length": 8192}, 8192), ({"general.architecture": "llama"}, None), ({}, None),
                ({"llama.rope.scaling.original_context_length": 4096, "llama.context_length": 131072}, 131072),
                ({"llama.rope.scaling.original_context_length": 4096}, None),
                ({"llama.context_length": 0}, None), ({"llama.context_length": "8192"}, None),
                ({"llama.context_length": 8192.0}, None), ({"llama.context_length": None}, None)):
            with self.subTest(information):
                self.assertEqual(models.described(row("a:1b"), {"model_info": information})["context_length"], context)

    def test_a_row_of_odd_shapes_is_read_as_far_as_it_goes(self):
        odd = {**row("a:1b"), "size": 2.5e9, "details": 5, "capabilities": "completion"}
        found = models.choose(Server(odd, shown={"a:1b": {"details": None, "model_info": [], "capabilities": 7, "template": {}}}),
                              None, None).models[0]
        self.assertEqual((found["size_bytes"], found["capabilities"], found["format"]), (2_500_000_000, [], None))
        self.assertEqual(schema.problems(found, "model"), [])

    def test_what_guesses_tokens_ahead_is_recorded_without_its_path(self):
        for shown, draft in (({"model_info": {"qwen35.nextn_predict_layers": 1}}, "1 prediction layers"),
                             ({"model_info": {"qwen35.nextn_predict_layers": 0}}, None),
                             ({"modelfile": "FROM /x/y\nDRAFT /home/user/.ollama/blobs/sha256-1\n"}, "draft model"),
                             ({"parameters": "draft_num_predict              4\nstop \"x\""}, "draft model"),
                             ({"modelfile": "FROM /x/y\nSYSTEM a draft of a letter"}, None), ({}, None)):
            with self.subTest(shown):
                self.assertEqual(models.described(row("a:1b"), shown)["draft"], draft)

    def test_an_empty_template_is_none(self):
        for template in ("", None, 7):
            with self.subTest(template=template):
                self.assertIsNone(models.described(row("a:1b"), {"template": template})["template_sha256"])


if __name__ == "__main__":
    unittest.main()
