"""The frozen prompts: their texts never change, and their lengths are what they are said to be."""
from __future__ import annotations

import hashlib
import unittest
from unittest import mock

import support
import prompts
from base import suites
from base.errors import UserError

# The same hashes once more, so that a changed text cannot be made good by a changed pin in one file alone.
FROZEN = {
    "P-EASY": "6772741fcce350c95c464062d0bbc6933412d25a6c653f2a3a0b64e9f5ef0cef",
    "P-MEDIUM": "f2992f20277dcc04f88c464693dca1fab3512f86f033cd2cc43481b250a6cc2b",
    "P-HARD": "0d96797a820647f0e3296607d17abb5e077eb155146ebde1f4a48d9902d67e8b",
}
WORDS = {"P-EASY": (20, 35), "P-MEDIUM": (150, 210), "P-HARD": (750, 950)}
NUM_PREDICT = {"P-EASY": 128, "P-MEDIUM": 256, "P-HARD": 512}


class FrozenPrompts(unittest.TestCase):
    def test_the_texts_are_the_frozen_ones(self):
        self.assertEqual({prompt.id: prompt.sha256 for prompt in prompts.PROMPTS}, FROZEN)
        for prompt in prompts.PROMPTS:
            self.assertEqual(hashlib.sha256(prompt.text.encode("utf-8")).hexdigest(), FROZEN[prompt.id])

    def test_lengths_and_limits(self):
        for prompt in prompts.PROMPTS:
            low, high = WORDS[prompt.id]
            with self.subTest(prompt.id):
                self.assertTrue(low <= len(prompt.text.split()) <= high)
                self.assertTrue(prompt.text.isascii())
                self.assertEqual(prompt.text, prompt.text.strip())
                self.assertEqual(prompt.num_predict, NUM_PREDICT[prompt.id])

    def test_records_cannot_be_changed(self):
        with self.assertRaises(AttributeError):
            prompts.PROMPTS[0].text = "other"

    def test_they_load_as_a_suite_whose_hash_is_over_the_three_hashes(self):
        suite = suites.load("frozen-prompts")
        joined = "\n".join(FROZEN[name] for name in ("P-EASY", "P-MEDIUM", "P-HARD"))
        self.assertEqual(suite.sha256, hashlib.sha256(joined.encode("ascii")).hexdigest())
        self.assertEqual(suite.file_name, "prompts.py")
        self.assertEqual([item.id for item in suite.items], ["P-EASY", "P-MEDIUM", "P-HARD"])
        self.assertEqual([item.grader for item in suite.items], [None] * 3)

    def test_a_changed_text_is_refused_with_the_way_out(self):
        changed = (prompts.PROMPTS[0]._replace(text="Say hello."),) + prompts.PROMPTS[1:]
        with mock.patch.object(prompts, "PROMPTS", changed):
            with self.assertRaisesRegex(UserError, "P-EASY.*git checkout -- harness/prompts.py"):
                suites.load("frozen-prompts")


if __name__ == "__main__":
    unittest.main()
