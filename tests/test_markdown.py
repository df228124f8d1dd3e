"""Markdown: the small part that pages need; everything else is shown as it was written, and nothing of it can do anything."""
from __future__ import annotations

import time
import unittest

import support      # noqa: F401  (puts the harness on the path)
import hostile
from test_escape import Seen

from publish import escape, markdown

HARMLESS = {"p", "h2", "h3", "h4", "h5", "h6", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "div",
            "table", "thead",
            "tbody", "tr", "th", "td", "a", "span"}
HARMLESS_ATTRIBUTES = {"href", "rel", "class", "scope", "dir", "tabindex", "role", "aria-label"}


def render(source: str) -> str:
    """Without the attributes that every paragraph has."""
    return markdown.render(source).replace(' dir="auto"', "")


class Blocks(unittest.TestCase):
    def test_each_block_becomes_what_it_means(self):
        for source, wanted in (
                ("one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"),
                ("# A\n\ntext", "<h2>A</h2><p>text</p>"),
                ("# C# and # more ##", "<h2>C# and # more</h2>"),
                ("- a\n- b\n\nafter", "<ul><li>a</li><li>b</li></ul><p>after</p>"),
                ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
                ("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
                ("- a\n  goes on", "<ul><li>a\ngoes on</li></ul>"),
                ("> said\n> twice", "<blockquote><p>said\ntwice</p></blockquote>"),
                ("---", "<hr>"),
                ("a\n## b", "<p>a</p><h2>b</h2>"),
                ("#no heading", "<p>#no heading</p>"),
                ("a | b", "<p>a | b</p>")):
            with self.subTest(source=source):
                self.assertEqual(render(source), wanted)

    def test_code_is_kept_to_the_letter(self):
        self.assertEqual(render("```text\n<b> *x*\n\n# y\n```\nafter"),
                         '<pre tabindex="0"><code>&lt;b&gt; *x*\n\n# y</code></pre><p>after</p>')
        self.assertEqual(render("```\nnever closed"), '<pre tabindex="0"><code>never closed</code></pre>')

    def test_a_table_has_as_many_cells_in_a_row_as_titles(self):
        found = render("| a | b |\n|---|:-:|\n| 1 | `x|y` | 3 |\n| 2 |")
        self.assertIn('<thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>', found)
        self.assertIn("<tr><td>1</td><td><code>x|y</code></td></tr><tr><td>2</td><td></td></tr>", found)

    def test_levels_of_headings_begin_where_the_page_wants_and_none_is_jumped_over(self):
        found = Seen(markdown.render("### a\n###### b\n# c\n## d", 3))
        self.assertEqual([name for name, _ in found.tags], ["h3", "h4", "h3", "h3"])

    def test_boxes_say_whether_they_are_ticked(self):
        self.assertIn('aria-label="yes"', render("- [x] done"))
        self.assertIn('aria-label="no"', render("- [ ] open"))

    def test_the_marks_around_the_generated_block_show_nothing(self):
        self.assertEqual(render('[//]: # "generated: begin"\n\nx'), "<p>x</p>")

    def test_what_is_too_deep_is_plain_text(self):
        found = Seen(markdown.render("> " * 50 + "deep"))
        self.assertEqual([name for name, _ in found.tags].count("blockquote"), markdown.MAX_DEPTH)


class Inlines(unittest.TestCase):
    def test_each_mark_becomes_what_it_means(self):
        for source, wanted in (
                ("*a* **b** `c`", "<em>a</em> <strong>b</strong> <code>c</code>"),
                ("**a *b* c**", "<strong>a <em>b</em> c</strong>"),
                ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
                ("q4_K_M, __all__", "q4_K_M, <strong>all</strong>"),
                ("a * b", "a * b"), ("**open", "**open"), ("``a`b``", "<code>a`b</code>"), ("`open", "`open"),
                (r"\*not\* \<b>", "*not* &lt;b&gt;"),
                ("**a *b** c*", "<strong>a <em>b** c</em></strong>")):
            with self.subTest(source=source):
                self.assertEqual(render(source), f"<p>{wanted}</p>")

    def test_links_lead_by_https_and_from_our_own_documents_to_our_own_files(self):
        self.assertIn('<a href="https://example.org/a" rel="nofollow noopener noreferrer ugc" class="out">x</a>',
                      render("[x](https://example.org/a)"))
        self.assertIn('href="https://example.org/"', render("<https://example.org/>"))
        self.assertEqual(render("[x](models.html)"), "<p>[x](models.html)</p>")
        self.assertIn('<a href="models.html#a">x</a>', markdown.render("[x](models.html#a)", own_links=True))

    def test_every_other_address_is_shown_and_not_linked(self):
        for address in hostile.ADDRESSES:
            for own in (False, True):
                with self.subTest(address=address, own=own):
                    if own and escape.FRAGMENT.match(address):
                        continue
                    found = Seen(markdown.render(f"[x]({address})", own_links=own))
                    self.assertNotIn("a", [name for name, _ in found.tags])


class Hostility(unittest.TestCase):
    def test_no_text_becomes_anything_but_harmless_elements(self):
        for words in hostile.TEXTS:
            for source in (words, f"- {words}", f"| a |\n|---|\n| {words} |", f"# {words}", f"> {words}", f"*{words}*",
                           f"[{words}](https://a.example)"):
                with self.subTest(source=source[:60]):
                    for name, attributes in Seen(markdown.render(source)).tags:
                        self.assertIn(name, HARMLESS)
                        self.assertLessEqual(set(attributes), HARMLESS_ATTRIBUTES)
                        self.assertTrue(attributes.get("href", "https://").startswith("https://"))

    def test_every_element_that_is_opened_is_closed_in_order(self):
        for source in [*hostile.TEXTS, "*a **b* c**", "**a\n\nb**", "_a *b_ c*", "- *a\n- b*", "> **a\n\nb**"]:
            with self.subTest(source=source[:60]):
                opened: list = []
                parser = Seen("")
                parser.handle_starttag = lambda name, _: name in ("hr",) or opened.append(name)
                parser.handle_endtag = lambda name: self.assertEqual(opened.pop(), name)
                parser.feed(markdown.render(source))
                parser.close()
                self.assertEqual(opened, [])

    def test_the_time_it_takes_grows_with_the_text_and_not_with_its_square(self):
        for piece in ("*", "_", "**a", "`", "``", "[", "[a](", "<", "- ", "> ", "| ", "|-", "# ", " ", "a\n", "- a\n",
                      "  - a\n", "\\", "```\n", "1. a\n\n"):
            with self.subTest(piece=piece):
                begun = time.process_time()
                markdown.render(piece * (50_000 // len(piece)))
                self.assertLess(time.process_time() - begun, 1)


if __name__ == "__main__":
    unittest.main()
