"""The style sheet: every ink can be read on every ground in both sets of colours, and every class of a page is known."""
from __future__ import annotations

import re
import unittest

import support      # noqa: F401  (puts the harness on the path)
import contrast
from test_pages import parsed

STYLE = contrast.STYLE.read_text(encoding="utf-8")
# Classes that say what something is without looking any different.
MUTE = {"cells", "runs", "live", "circle", "square", "phases", "variant", "pick", "tick", "out", "notes", "box", "d1",
        "standard", "archive-only", "unknown", "info"}


class Contrast(unittest.TestCase):
    def test_every_ink_can_be_read_on_every_ground(self):
        found = contrast.pairs(STYLE)
        self.assertEqual([pair for pair in found if not pair.is_enough], [])
        self.assertEqual({pair.theme for pair in found}, {"light", "dark"})
        self.assertGreater(len(found), 200)

    def test_the_formula_is_that_of_the_guidelines(self):
        for one, other, wanted in (("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48),
                                   ("#767676", "#ffffff", 4.54), ("#123456", "#123456", 1.0)):
            with self.subTest(one=one):
                self.assertAlmostEqual(contrast.ratio(one, other), wanted, places=2)

    def test_an_ink_that_is_too_faint_is_found(self):
        for change in (("--soft: #59606a", "--soft: #9a9fa6"), ("--s2: #ff9b59", "--s2: #4a2f1e"),
                       ("--warn-ground: #fbeeda", "--warn-ground: #a86a20")):
            with self.subTest(change=change):
                self.assertIn(change[0], STYLE)
                self.assertTrue([pair for pair in contrast.pairs(STYLE.replace(*change)) if not pair.is_enough])

    def test_colours_are_named_in_one_place_alone(self):
        rules = STYLE.partition("/* ----- ground */")[2]
        self.assertEqual(re.findall(r"#[0-9a-fA-F]{3,8}\b(?!:)(?=[;\s])|rgba?\(|hsla?\(", rules), [])


class Classes(unittest.TestCase):
    def test_every_class_on_the_pages_is_known_to_the_style(self):
        known = set(re.findall(r"\.([a-z][a-z0-9-]*)", STYLE)) | MUTE
        used = {name for page in parsed().values() for _, attributes,
                _ in page.elements for name in (attributes.get("class") or "").split()}
        self.assertLessEqual(used - known, set())

    def test_focus_can_be_seen_and_hiding_is_never_undone(self):
        self.assertRegex(STYLE, r":focus-visible { outline: 3px solid var\(--s1\)")
        self.assertNotRegex(re.sub(r"main:focus { outline: none; }", "", STYLE), r"outline:\s*(none|0)")
        self.assertIn("[hidden] { display: none !important; }", STYLE)


if __name__ == "__main__":
    unittest.main()
