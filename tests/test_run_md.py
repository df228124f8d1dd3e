"""run.md: the block is ours and made anew, every other word is the contributor's and stays."""
from __future__ import annotations

import re
import unittest

import support  # noqa: F401  (puts the harness on the path)

from base.errors import FOUND, UserError
from derive import run_md

BLOCK = "| model |\n|---|\n| a |"
OWN = "## Machine and cooling\n\nA fan as loud as a kettle.\n"


class New(unittest.TestCase):
    def setUp(self):
        self.text = run_md.new("Run 1", BLOCK)

    def test_it_holds_the_title_the_block_every_question_and_every_box(self):
        self.assertTrue(self.text.startswith("# Run 1\n\n" + run_md.BEGIN + "\n\n" + BLOCK + "\n\n" + run_md.END + "\n"))
        for heading, question in run_md.SECTIONS:
            self.assertIn(f"## {heading}\n\n{run_md.PROMPT} {question}\n", self.text)
        for line in run_md.ATTESTATION:
            self.assertIn(f"\n- [ ] {line}\n", self.text)

    def test_it_is_ascii_without_raw_html_and_ends_with_one_line_feed(self):
        self.assertTrue(self.text.isascii())
        self.assertIsNone(re.search(r"<[a-zA-Z/!]", self.text))
        self.assertRegex(self.text, r"[^\n]\n\Z")

    def test_the_marks_show_nothing_on_a_page(self):
        for mark in (run_md.BEGIN, run_md.END):
            self.assertRegex(mark, r'\A\[//\]: # "[^"\\]+"\Z')

    def test_the_block_is_found_again(self):
        self.assertEqual(run_md.block_of(self.text, "run.md"), BLOCK)


class Renewed(unittest.TestCase):
    def test_only_the_block_changes(self):
        text = "Mine above.\n\n" + run_md.new("Run 1", BLOCK).replace("- [ ]", "- [x]") + OWN
        self.assertEqual(run_md.renewed(text, "new\n\nblock", "run.md"), text.replace(BLOCK, "new\n\nblock"))

    def test_renewing_with_the_same_block_changes_nothing(self):
        text = run_md.new("Run 1", BLOCK) + OWN
        self.assertEqual(run_md.renewed(text, BLOCK, "run.md"), text)

    def test_what_a_person_wrote_into_the_block_is_lost_as_its_mark_says(self):
        text = run_md.new("Run 1", BLOCK)
        self.assertEqual(run_md.renewed(text.replace("| a |", "| faster |"), BLOCK, "run.md"), text)

    def test_marks_that_are_no_pair_lose_nothing(self):
        whole = run_md.new("Run 1", BLOCK)
        for what, text in (("no mark", OWN), ("no end", whole.replace(run_md.END, "")),
                           ("no begin", whole.replace(run_md.BEGIN, "")), ("two blocks", whole + whole),
                           ("the wrong way round", f"{run_md.END}\n{run_md.BEGIN}\n"),
                           ("a mark within a line", whole.replace(run_md.END, "see " + run_md.END)), ("empty", "")):
            with self.subTest(what), self.assertRaises(UserError) as caught:
                run_md.renewed(text, BLOCK, "here/run.md")
            self.assertEqual((caught.exception.exit_code, caught.exception.where), (FOUND, "here/run.md"))


if __name__ == "__main__":
    unittest.main()
