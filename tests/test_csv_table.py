"""The table: what a spreadsheet reads is what was meant, and no text in it is a formula."""
from __future__ import annotations

import csv
import io
import unittest

import showcase
import support      # noqa: F401  (puts the harness on the path)

from publish import csv_table, feed

HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "|cmd", "%0A", "\uff1d1", '"=1', "'=1", "\u3000=1")


class Table(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = showcase.whole()[0]
        cls.rows = list(csv.DictReader(io.StringIO(csv_table.data(cls.document).decode("utf-8"), newline="")))

    def test_there_is_a_row_for_each_digest_of_each_cell_with_its_figures(self):
        variants = [(cell, variant) for cell in self.document["cells"] for variant in cell["variants"]]
        self.assertEqual([(row["cell_id"], row["digest"]) for row in self.rows], [(cell["cell_id"], variant["digest"]) for cell, variant in variants])
        for row, (_, variant) in zip(self.rows, variants):
            decode = variant["headline"]["decode_tok_s"]
            self.assertEqual((float(row["decode_tok_s"]), int(row["decode_tok_s_runs"]), int(row["decode_tok_s_calls"])),
                             (decode["over_runs"]["median"], decode["over_runs"]["n"], decode["over_calls"]["n"]))
            self.assertEqual(int(row["skipped_calls"]), sum(variant["skips"].values()))

    def test_no_figure_stands_without_its_n(self):
        titles = csv_table.titles()
        self.assertEqual(len(titles), len(set(titles)))
        for title in titles:
            if title.endswith("_q1"):
                self.assertTrue({f"{title[:-3]}_n", f"{title[:-3]}_runs"} & set(titles), title)

    def test_an_unknown_value_is_an_empty_cell(self):
        self.assertTrue(any(row["energy_j_per_tok"] == "" for row in self.rows))
        self.assertFalse(any(value in ("None", "null", "nan") for row in self.rows for value in row.values()))

    def test_it_says_that_it_is_synthetic(self):
        self.assertEqual({row["synthetic"] for row in self.rows}, {"1"})

    def test_no_text_begins_like_a_formula(self):
        for text in HOSTILE:
            with self.subTest(text):
                self.assertEqual(csv_table.safe(text)[0], "'")
        self.assertEqual((csv_table.safe("m:1b"), csv_table.safe(-0.5), csv_table.safe(None), csv_table.safe("a\x07b")), ("m:1b", -0.5, "", "a b"))

    def test_a_hostile_name_stays_in_its_cell(self):
        document = {"synthetic": False, "devices": self.document["devices"], "cells": [
            {**cell, "model": text} for cell, text in zip(self.document["cells"], [*HOSTILE, 'a","b\r\nc'])]}
        rows = list(csv.DictReader(io.StringIO(csv_table.data(document).decode("utf-8"), newline="")))
        self.assertEqual(len(rows), sum(len(cell["variants"]) for cell in document["cells"]))
        for row in rows:
            self.assertFalse(row["model"].startswith(tuple("=+-@\t\r\n |%\uff1d\"")), row["model"])
            self.assertIsNone(row.get(None))


class Feed(unittest.TestCase):
    def parsed(self, document: dict) -> object:
        import xml.etree.ElementTree as tree
        return tree.fromstring(feed.data(document))

    def test_it_is_atom_with_an_entry_for_each_run(self):
        document, space = showcase.whole()[0], "{http://www.w3.org/2005/Atom}"
        root = self.parsed(document)
        self.assertEqual(root.tag, f"{space}feed")
        entries = root.findall(f"{space}entry")
        self.assertEqual([entry.find(f"{space}id").text for entry in entries], [f"urn:uuid:{run['run_id']}" for run in document["runs"]][:feed.NEWEST])
        for part in [root, *entries]:
            for name in ("id", "title", "updated"):
                self.assertEqual(len(part.findall(space + name)), 1)
        updated = [entry.find(f"{space}updated").text for entry in entries]
        self.assertEqual(root.find(f"{space}updated").text, max(updated))
        self.assertIn("SYNTHETIC", root.find(f"{space}title").text)
        self.assertEqual(entries[0].find(f"{space}link").get("href"), document["runs"][0]["page"])

    def test_a_strangers_text_stays_text(self):
        document = showcase.whole()[0]
        for text in ("</title><script>", "]]>", "&amp;", "\x00\x1b[2J", "\u202eevil", "\ud800", "\ufffe", "'\"<"):
            row = document["runs"][0]
            model = {**row["models"][0], "model": text}
            with self.subTest(text):
                root = self.parsed({**document, "runs": [{**row, "models": [model], "handle": text, "page": text}]})
                title = root.findall(".//{http://www.w3.org/2005/Atom}title")[1].text
                self.assertTrue(title.startswith(row["device_tag"]) and title.isprintable(), title)

    def test_a_feed_without_runs_is_one_too(self):
        self.assertIsNotNone(self.parsed({"synthetic": False, "runs": []}))


if __name__ == "__main__":
    unittest.main()
