"""Escaping and markup: a stranger's text stays a text, whatever place it is put in."""
from __future__ import annotations

import html.parser
import unittest

import support      # noqa: F401  (puts the harness on the path)
import hostile

from publish import escape
from publish.escape import Html
from publish.markup import joined, tag


class Seen(html.parser.HTMLParser):
    """What a browser would see of a piece of HTML."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, name: str, attributes: list) -> None:
        self.tags.append((name, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


class Texts(unittest.TestCase):
    def test_every_hostile_text_is_read_back_as_the_same_text_and_as_nothing_else(self):
        for words in hostile.TEXTS:
            with self.subTest(words=words[:40]):
                found = Seen(f'<p title="{escape.escaped(words)}">{escape.text(words)}</p>')
                self.assertEqual([name for name, _ in found.tags], ["p"])
                self.assertEqual(list(found.tags[0][1]), ["title"])
                self.assertEqual("".join(found.text), escape.reveal_hidden(words))
                self.assertEqual(found.tags[0][1]["title"], escape.reveal_hidden(words))

    def test_what_cannot_be_seen_is_shown_by_its_number(self):
        for hidden in ("\x00", "\x1b", "\x7f", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\ud800", "\U000e0041"):
            with self.subTest(hidden=ascii(hidden)):
                self.assertEqual(escape.text(f"a{hidden}b"), f"a[U+{ord(hidden):04X}]b")

    def test_lines_tabs_and_letters_of_every_script_stay(self):
        for words in ("a\tb\nc", "\u0428\u043b\u0458\u0438\u0432\u0430", "\u05e9\u05dc\u05d5\u05dd", "\u6a21\u578b",
                      "\U0001f680"):
            with self.subTest(words=words):
                self.assertEqual(escape.text(words), words)

    def test_html_is_not_escaped_twice_but_as_a_value_it_is_a_text(self):
        made = escape.text("<b>")
        self.assertEqual(escape.text(made), "&lt;b&gt;")
        self.assertEqual(escape.escaped(Html('"')), "&quot;")


class Addresses(unittest.TestCase):
    def test_links_lead_by_https_within_the_page_or_to_a_file_of_the_site(self):
        for address in ("https://example.org", "https://example.org:8443/a/b?c=d#e", "index.html", "../runs/a.html",
                        "cells/a.b_3a.html#0123abcd",
                        "#content", "../raw/x/run.jsonl.txt#:~:text=%22seq%22%3A12%2C"):
            with self.subTest(address=address):
                self.assertTrue(escape.is_address(address))

    def test_every_other_address_is_none(self):
        for address in hostile.ADDRESSES:
            with self.subTest(address=address):
                self.assertFalse(escape.is_address(address))
                with self.assertRaises(ValueError):
                    tag("a", "x", href=address)


class Markup(unittest.TestCase):
    def test_children_and_values_are_escaped_unless_they_were_made_here(self):
        self.assertEqual(tag("p", "<i>", tag("b", "&"), title='"'), '<p title="&quot;">&lt;i&gt;<b>&amp;</b></p>')

    def test_lists_are_walked_and_nothing_is_nothing(self):
        self.assertEqual(joined(["a", None, ("b", ["c", 1, 2.5]), (part for part in ("d",))]), "abc12.5d")

    def test_attributes_are_left_out_given_bare_or_renamed(self):
        self.assertEqual(tag("input", class_="a", hidden=True, title=None, id=False, data_n="1"),
                         '<input class="a" hidden data-n="1">')

    def test_no_handler_and_no_style_can_be_written(self):
        for name in ("onclick", "style", "onLoad", 'x"y'):
            with self.subTest(name=name), self.assertRaises(ValueError):
                tag("p", **{name: "1"})


if __name__ == "__main__":
    unittest.main()
