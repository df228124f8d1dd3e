"""Names: what is allowed, what two spellings have in common, and that no two cells share an id."""
from __future__ import annotations

import random
import re
import unittest
import uuid

import support

from base import names

TAGS = ("mac-m1-8gb", "mac-m2-pro-16gb", "rtx-4090-pc", "ryzen-7950x-cpu", "samsung-s24-ultra", "pixel-8-pro",
        "runpod-h100-pcie", "gtx-1060-6gb", "intel-i9-13900k-cpu", "raspberry-pi-5-8gb", "dell-r740-cpu", "m1x",
        "a" * 48, "apple-m3--24gb")
GOOD_RUN_ID = "0b1c2d3e-4f50-4a6b-8c7d-8e9f00112233"


class Handles(unittest.TestCase):
    def test_what_is_a_handle(self):
        for handle in ("a", "7", "ana", "ana-2", "a--b", "x" * 39, "com10", "examples"):
            with self.subTest(handle):
                self.assertIsNone(names.handle_problem(handle))

    def test_what_is_none_is_told_why(self):
        for handle, word in (("", "1 to 39"), ("x" * 40, "1 to 39"), ("-ana", "hyphens"), ("ana-", "hyphens"),
                             ("Ana", "a-z"), ("ana_b", "a-z"), ("ana\n", "a-z"), ("an\u00e4", "a-z"), ("a.b", "a-z"),
                             ("\u0661", "a-z"), ("a/b", "a-z"), ("..", "a-z"), ("con", "Windows"), ("lpt9", "Windows"),
                             ("com0", "Windows"), ("example", "reserved")):
            with self.subTest(handle):
                self.assertIn(word, names.handle_problem(handle))


class DeviceTags(unittest.TestCase):
    def test_every_tag_that_the_documents_name_passes(self):
        for tag in TAGS:
            with self.subTest(tag):
                self.assertIsNone(names.device_tag_problem(tag))

    def test_placeholders_and_bare_vendors_name_no_machine(self):
        for tag in ("unknown", "n-a", "n--a", "test-pc", "test--pc", "my-laptop", "the-gpu", "nvidia", "intel-cpu",
                    "apple", "apple-mac", "samsung", "dell", "lenovo-laptop", "android-phone", "localhost", "gpu",
                    "default", "todo", "example", "none", "null"):
            with self.subTest(tag):
                self.assertIn("does not identify a machine", names.device_tag_problem(tag))

    def test_a_family_of_processors_alone_is_valid_and_vague(self):
        for tag in ("xeon-24gb", "epyc-8gb", "aarch64-8gb", "x86-64-bit", "x86-64-64-bit", "qemu-version-2gb", "common-kvm-4gb", "core-broadwell-8gb",
                    "apple-silicon-8gb", "xeon-platinum-64gb", "xeon-cpu"):
            with self.subTest(tag):
                self.assertIsNone(names.device_tag_problem(tag))
                self.assertRegex(names.vague_tag_advice(tag) or "", f"the tag {tag} fits many machines.*instance.*processor of the host")
        for tag in (*TAGS, "xeon-e5-2680-v4-8gb", "xeon-8481c-24gb", "aws-m7i-2xlarge", "epyc-7763-8gb", "raspberry-pi-5-8gb", "mac-m1-8gb",
                    "core-7-240h-8gb", "2x-h100-80gb", ""):
            with self.subTest(tag):
                self.assertIsNone(names.vague_tag_advice(tag))

    def test_wrong_alphabet_or_length_is_refused(self):
        for tag in ("", "ab", "a" * 49, "-m1-8gb", "m1-8gb-", "Mac-M1-8GB", "mac_m1", "mac.m1", "mac m1", "mac-m1-8gb\n",
                    "m\u00e4c-m1"):
            with self.subTest(tag):
                self.assertIn("3 to 48", names.device_tag_problem(tag))

    def test_windows_device_names_are_refused(self):
        for tag in ("con", "prn", "aux", "nul", "com1", "com9", "lpt1"):
            with self.subTest(tag):
                self.assertIn("Windows", names.device_tag_problem(tag))


class RunIds(unittest.TestCase):
    def test_new_ones_are_good_and_differ(self):
        made = {names.new_run_id() for _ in range(50)}
        self.assertEqual(len(made), 50)
        self.assertEqual({names.run_id_problem(run_id) for run_id in made}, {None})
        self.assertIsNone(names.run_id_problem(GOOD_RUN_ID))

    def test_the_example_s_id_is_the_nil_one(self):
        self.assertEqual(names.NIL_RUN_ID, "00000000-0000-0000-0000-000000000000")

    def test_every_other_spelling_and_kind_is_refused(self):
        for why, text in {
            "braces": "{" + GOOD_RUN_ID + "}", "urn": "urn:uuid:" + GOOD_RUN_ID, "upper case": GOOD_RUN_ID.upper(),
            "no hyphens": GOOD_RUN_ID.replace("-", ""), "version 1": str(uuid.uuid1()),
            "version 5": str(uuid.uuid5(uuid.NAMESPACE_DNS, "a")), "nil": names.NIL_RUN_ID,
            "wrong variant": "0b1c2d3e-4f50-4a6b-cc7d-8e9f00112233", "line feed": GOOD_RUN_ID + "\n",
            "hyphens elsewhere": "0b1c2d3e4-f50-4a6b-8c7d-8e9f00112233", "empty": "", "a path": "../" + GOOD_RUN_ID,
            "wide digits": GOOD_RUN_ID.replace("0", "\uff10"),
        }.items():
            with self.subTest(why):
                self.assertIn("run id", names.run_id_problem(text))


class Models(unittest.TestCase):
    def test_two_spellings_of_one_model_have_one_key(self):
        for one, other in (
                ("llama3.2", "llama3.2:latest"), ("LLaMA3.2:1B", "llama3.2:1b"), (" llama3.2 ", "llama3.2:latest"),
                ("library/llama3.2", "llama3.2"), ("registry.ollama.ai/library/llama3.2:1b", "llama3.2:1b"),
                ("registry.ollama.ai/ana/own", "ana/own:latest"), ("hf.co/a/B-GGUF:Q4_K_M", "hf.co/a/b-gguf:q4_k_m"),
                ("Registry.Ollama.AI/Library/x", "x:latest")):
            with self.subTest(one):
                self.assertEqual(names.model_key(one), names.model_key(other))

    def test_different_models_have_different_keys(self):
        several = ["llama3.2:1b", "llama3.2:3b", "llama3.2", "ana/llama3.2", "hf.co/library/llama3.2", "llama3_2",
                   "localhost:5000/library/llama3.2", "other.example/library/llama3.2"]
        self.assertEqual(len({names.model_key(name) for name in several}), len(several))

    def test_a_port_is_no_tag(self):
        self.assertEqual(names.full_name("localhost:5000/ana/own"), "localhost:5000/ana/own:latest")

    def test_the_full_name_is_its_own_full_name(self):
        for name in ("a", "library/a:b", "x/y", "registry.ollama.ai/library/a", "h:1/x/y:z"):
            with self.subTest(name):
                self.assertEqual(names.full_name(names.full_name(name)), names.full_name(name))

    def test_cloud_names_by_every_rule(self):
        for name, is_cloud in {
            "gpt-oss:cloud": True, "gpt-oss:CLOUD": True, "gpt-oss:120b-cloud": True, "gpt-oss:120b-Cloud": True,
            "ana/own:cloud": True, "hf.co/a/b:x-cloud": True, " gpt-oss:cloud ": True, "host:5000/x:cloud": True,
            "gpt-oss:local": False, "my-cloud-model": False, "my-cloud": False, "cloud": False, "cloud:latest": False,
            "gpt-oss:cloudy": False, "gpt-oss:mycloud": False, "gpt-oss:cloud-1": False, "host:5000/my-cloud": False,
            "gpt-oss:120b-cloud:local": False, "gpt-oss": False, "": False,
        }.items():
            with self.subTest(name):
                self.assertIs(names.is_cloud_name(name), is_cloud)


class Cells(unittest.TestCase):
    def test_the_form_never_changes(self):
        for tag, model, cell in (
                ("mac-m1-8gb", "llama3.2:1b", "mac-m1-8gb.llama3_2e2_3a1b"),
                ("mac-m1-8gb", "registry.ollama.ai/library/llama3.2:1b", "mac-m1-8gb.llama3_2e2_3a1b"),
                ("pixel-8-pro", "qwen3", "pixel-8-pro.qwen3_3alatest"),
                ("rtx-4090-pc", "hf.co/a/B_c:Q4", "rtx-4090-pc.hf_2eco_2fa_2f_42_5fc_3a_514"),
                ("rtx-4090-pc", "\u00e9", "rtx-4090-pc._c3_a9_3alatest")):
            with self.subTest(model):
                self.assertEqual(names.cell_id(tag, model), cell)

    def test_an_id_leads_back_to_one_tag_and_one_model(self):
        dice = random.Random(7)
        seen: dict = {}
        for _ in range(20000):
            tag = "-".join("".join(dice.choice("ab2-") for _ in range(dice.randint(1, 3))) for _ in range(2))
            model = "".join(dice.choice("aAb2e._-:/%+\u00e9") for _ in range(dice.randint(1, 6)))
            cell = names.cell_id(tag, model)
            pair = (tag, names.full_name(model))
            self.assertEqual(seen.setdefault(cell, pair), pair)
            self.assertEqual(pair, self.decoded(cell))

    def decoded(self, cell: str) -> tuple:
        tag, _, rest = cell.partition(".")
        parts = re.split("_([0-9a-f]{2})", rest)
        model = b"".join(bytes.fromhex(part) if n % 2 else part.encode("ascii") for n, part in enumerate(parts))
        return tag, model.decode("utf-8")

    def test_case_is_kept_where_the_file_system_would_not(self):
        self.assertNotEqual(names.cell_id("m1x", "Own").lower(), names.cell_id("m1x", "own").lower())

    def test_an_id_is_safe_in_a_url_and_a_file_name(self):
        for model in ("a", "A:b", "x/y/z:Q4_K_M", "../..", "a b", "a%2f", 'q"<>|?*\\', "\u65e5\u672c", "con", "a."):
            with self.subTest(model):
                self.assertRegex(names.cell_id("mac-m1-8gb", model), r"\A[a-z0-9-]+\.[a-z0-9_-]+\Z")


if __name__ == "__main__":
    unittest.main()
