"""Pages: whole, honest and safe: what is linked is there, headings are in order, and a stranger's text stays a text."""
from __future__ import annotations

import copy
import dataclasses
import functools
import html.parser
import posixpath
import re
import unittest

import support      # noqa: F401  (puts the harness on the path)
import hostile
import showcase

from derive import headline
from publish import cell_sketch, page_inputs, pages
from publish.charts import pareto
from publish.charts.axes import Interval
from publish.markup import joined
from publish.pages import cell_page, compare_page, context_section, curve_sections, device_page, figure_columns, front_page, layout, lists, ranking, run_page
from publish.pages.figure_columns import rows_of

DATA = {"catalogue.json", "catalogue.csv", "catalogue.sqlite", "feed.xml"}
VOID = {"meta", "link", "br", "hr", "input", "wbr"}


class Page(html.parser.HTMLParser):
    """A page as a tree of what matters here."""

    def __init__(self, data: bytes):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.wrong, self.texts = [], [], [], []
        self.feed(data.decode("utf-8"))
        self.close()
        self.wrong += [f"{name} is never closed" for name in self.open]

    def updatepos(self, i: int, j: int) -> int:
        return j        # lines are not counted: nobody asks for them, and they cost a sixth of the time

    def handle_starttag(self, name: str, attributes: list) -> None:
        by_name = dict(attributes)
        self.elements.append((name, by_name, tuple(self.open)))
        if len(by_name) != len(attributes):
            self.wrong.append(f"an attribute twice in {name}")
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        if not self.open or self.open.pop() != name:
            self.wrong.append(f"</{name}> where another was open")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, *names: str) -> list:
        return [attributes for name, attributes, _ in self.elements if name in names]

    @functools.cached_property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


@functools.lru_cache(maxsize=None)
def built() -> dict:
    """path: bytes of the whole site but for the raw files and the data, which are named."""
    return made(*showcase.whole())


def site(document: dict) -> list:
    return [page.render() for page in pages.site_pages(document, document["runs"], {})]


def made(document: dict, cells: list, runs: list) -> dict:
    found: dict = {}
    for path, data in (*site(document), *map(cell_page.page, cells), *map(run_page.page, runs)):
        assert path not in found, path
        found[path] = data
    for path in (*DATA, *(view.cell["data"] for view in cells),
                 *(raw for view in runs for raw in view.run["raw"].values())):
        found[path] = b""
    return found


@functools.lru_cache(maxsize=None)
def parsed() -> dict:
    """Of pages of runs only some: they are large."""
    some = {view.run["page"] for view in shown_runs()}
    return {path: Page(data) for path, data in built().items() if path.endswith(".html")
            and (path in some or not path.startswith("runs/"))}


def shown_runs() -> list:
    return showcase.whole()[2][1:4]


def graded(row: figure_columns.Row, grades: dict, factor: float) -> figure_columns.Row:
    """The same cell with runs of these grades, and with so many times its decode rate."""
    headline_figures = copy.deepcopy(row.variant["headline"])
    for stat in (headline_figures["decode_tok_s"][over] for over in ("over_runs", "over_calls")):
        stat.update({name: stat[name] * factor for name in ("median", "q1", "q3", "min", "max")})
    return dataclasses.replace(row, variant={**row.variant, "grades": grades, "headline": headline_figures})


class Wholeness(unittest.TestCase):
    def test_there_is_a_page_of_every_kind(self):
        kinds = {posixpath.dirname(path) for path in parsed()}
        self.assertLessEqual({"", "devices", "models", "cells", "runs", "compare/devices", "compare/models"}, kinds)
        self.assertLessEqual({"index.html", "devices.html", "models.html", "compare.html", "methodology.html", "site.css",
                              "site.js", "icon.svg"}, set(built()))

    def test_every_element_is_closed_where_it_should_be(self):
        for path, page in parsed().items():
            with self.subTest(path=path):
                self.assertEqual(page.wrong, [])

    def test_every_link_leads_to_a_file_of_the_site_and_to_a_place_in_it(self):
        ids = {path: {attributes["id"] for _, attributes, _ in page.elements if "id" in attributes} for path,
               page in parsed().items()}
        for path, page in parsed().items():
            for attributes in page.all("a", "link", "script"):
                address = attributes.get("href") or attributes.get("src")
                where, _, place = address.partition("#")
                target = posixpath.normpath(posixpath.join(posixpath.dirname(path), where)) if where else path
                with self.subTest(path=path, address=address):
                    self.assertIn(target, built())
                    if place and not place.startswith(":~:"):
                        self.assertIn(place, ids[target])

    def test_no_id_is_given_twice_in_a_page(self):
        for path, page in parsed().items():
            ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
            with self.subTest(path=path):
                self.assertEqual(len(ids), len(set(ids)))

    def test_digests_that_both_thought_share_no_id(self):
        inputs = next(view for view in showcase.whole()[1] if any("thinking" in phase for phase in view.cell["variants"][0]["phases"]))
        variant = inputs.cell["variants"][0]
        cell = {**inputs.cell, "variants": [variant, {**variant, "digest": "f" * 64, "by_run": []}]}
        _, data = cell_page.page(dataclasses.replace(inputs, cell=cell))
        ids = [attributes["id"] for _, attributes, _ in Page(data).elements if "id" in attributes]
        self.assertEqual(len(ids), len(set(ids)))

    def test_long_pages_begin_with_links_to_their_sections(self):
        for path, page in parsed().items():
            if path.startswith(("devices/", "models/", "cells/", "compare/", "runs/")):
                with self.subTest(path):
                    self.assertIn("On this page", [attributes.get("aria-label") for attributes in page.all("nav")])

    def test_the_front_page_has_one_row_for_each_class_of_device(self):
        rows = rows_of(showcase.whole()[0])
        classes = {(ranking.kind_name(row.device), ranking.size_name(row.device)) for row in rows}
        tables = re.findall(r'<table class="cells picked">.*?</table>', built()["index.html"].decode("utf-8"))
        self.assertEqual((len(tables), sum(table.count("<tr>") - 1 for table in tables)), (len({kind for kind, _ in classes}), len(classes)))

    def test_the_front_page_has_no_column_for_a_rule_that_chooses_no_model(self):
        row = next(row for row in rows_of(showcase.whole()[0]) if row.variant["headline"]["answers"])
        silent = dataclasses.replace(row, variant={**row.variant, "headline": {**row.variant["headline"], "answers": None}})
        for of_rows, titles in (([row], 5), ([silent], 3)):
            html = front_page.page(showcase.whole()[0], of_rows)[1].decode("utf-8")
            table = re.search(r'<table class="cells picked">.*?</thead>', html, re.DOTALL).group()
            self.assertEqual(table.count("<th"), titles + 1, table)      # and the head itself

    def test_the_same_records_give_the_same_bytes(self):
        few = showcase.whole(showcase.FEW)
        self.assertEqual(made(*few), made(*copy.deepcopy(few)))

    def test_an_empty_catalogue_is_a_site_too(self):
        document = {**showcase.whole()[0], "devices": [], "models": [], "cells": [], "runs": [],
                    "totals": dict.fromkeys(showcase.whole()[0]["totals"], 0)}
        found = {path: Page(data) for path, data in site(document) if path.endswith(".html")}
        self.assertIn("No run is shown here yet", found["index.html"].text)
        self.assertNotIn("0 runs by 0 people", found["index.html"].text)
        self.assertEqual([page.wrong for page in found.values() if page.wrong], [])


class ChangingParts(unittest.TestCase):
    def test_the_strips_of_a_device_are_replaced_alone_and_give_the_same_page(self):
        document = showcase.whole()[0]
        devices = [page for page in pages.site_pages(document, document["runs"], {}) if page.part]
        self.assertEqual({page.path for page in devices}, {device["page"] for device in document["devices"]})
        replaced = 0
        for page in devices:
            data = page.render()[1]
            section = re.search(b'<section id="stand">.*?</section>', data, re.DOTALL)
            if section:
                replaced += 1
                older = data.replace(section.group(), b'<section id="stand"><p>of other runs</p></section>')
                self.assertEqual(page.part.replaced(older), data)
                self.assertIsNone(page.part.replaced(data.replace(section.group(), b"")))
        self.assertGreater(replaced, 0)


class Access(unittest.TestCase):
    def test_every_page_has_its_landmarks_one_main_heading_and_the_others_in_order(self):
        for path, page in parsed().items():
            levels = [int(name[1]) for name, _, _ in page.elements if re.fullmatch("h[1-6]", name)]
            with self.subTest(path=path):
                self.assertEqual(levels[0], 1)
                self.assertEqual(levels.count(1), 1)
                self.assertTrue(all(later <= earlier + 1 for earlier, later in zip(levels, levels[1:])), levels)
                for name in ("header", "main", "footer"):
                    self.assertEqual(sum(element == name and "main" not in within for element, _, within in page.elements),
                                     1)
                self.assertEqual(page.all("html")[0]["lang"], "en")
                self.assertEqual(page.all("a")[0]["href"], "#content")

    def test_every_landmark_of_one_kind_has_a_name_of_its_own(self):
        for path, page in parsed().items():
            names = [attributes.get("aria-label") for attributes in page.all("nav")]
            with self.subTest(path=path):
                self.assertEqual(len(names), len(set(names)))
                self.assertNotIn(None, names)

    def test_every_table_has_a_caption_or_a_name_and_headings_with_their_scope(self):
        for path, page in parsed().items():
            with self.subTest(path=path):
                self.assertTrue(all(attributes.get("scope") in ("col", "row") for attributes in page.all("th")))
                own = [within for name, _, within in page.elements if name == "caption"]
                regions = [attributes for attributes in page.all("div") if attributes.get("class") == "scroll"]
                self.assertEqual(len(regions), len(page.all("table")))
                self.assertTrue(all(attributes.get("aria-label") and attributes.get("tabindex") == "0"
                                    for attributes in regions))
                self.assertTrue(own or not page.all("table") or path == "methodology.html")

    def test_every_drawing_has_a_title_and_words_or_is_hidden_from_who_cannot_see_it(self):
        for path, page in parsed().items():
            for place, (name, attributes, _) in enumerate(page.elements):
                if name == "svg" and attributes.get("aria-hidden") != "true":
                    with self.subTest(path=path):
                        self.assertEqual(attributes.get("role"), "img")
                        self.assertEqual([page.elements[place + 1][0], page.elements[place + 2][0]], ["title", "desc"])

    def test_every_field_has_a_label(self):
        for path, page in parsed().items():
            labels = {attributes.get("for") for attributes in page.all("label")}
            for attributes in page.all("input"):
                with self.subTest(path=path):
                    self.assertTrue(attributes.get("aria-label") or attributes.get("id") in labels)


class Safety(unittest.TestCase):
    def test_the_policy_stands_in_every_head_before_anything_that_is_fetched(self):
        for path, page in parsed().items():
            with self.subTest(path=path):
                names = [name for name, _, within in page.elements if within[-1:] == ("head",)]
                self.assertEqual(names[:2], ["meta", "meta"])
                self.assertEqual(page.all("meta")[1], {"http-equiv": "Content-Security-Policy", "content": layout.POLICY})
        self.assertTrue(layout.POLICY.startswith("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'"))
        self.assertNotIn("unsafe", layout.POLICY)

    def test_no_page_holds_a_script_a_style_or_a_handler_of_its_own(self):
        for path, page in parsed().items():
            with self.subTest(path=path):
                self.assertEqual([name for name, _, _ in page.elements
                                  if name in ("style", "iframe", "img", "form", "object", "embed", "base",
                                              "foreignobject")], [])
                self.assertEqual(len(page.all("script")), 1)
                self.assertEqual([name for _, attributes, _ in page.elements for name in attributes if name == "style"
                                  or name.startswith("on")], [])

    def test_style_and_script_ask_no_other_host_and_write_no_html(self):
        self.assertNotIn(b"url(", built()["site.css"])
        self.assertNotIn(b"@import", built()["site.css"])
        for words in (b"fetch(", b"XMLHttp", b"innerHTML", b"outerHTML", b"insertAdjacent", b"document.write", b"eval(",
                      b"http"):
            self.assertNotIn(words, built()["site.js"])

    @classmethod
    def setUpClass(cls):
        cls.harmless = {element for page in parsed().values() for element, _, _ in page.elements} | {"blockquote", "strong", "em", "hr"}
        cls.attributes = {name for page in parsed().values() for _, attributes, _ in page.elements for name in attributes} | {"start"}

    def test_hostile_texts_in_every_place_of_a_submission_stay_texts(self):
        document, cells, (view, *_) = showcase.whole(showcase.FEW[:1])
        view = dataclasses.replace(view, calls=view.calls[::9])
        for start in range(0, len(hostile.TEXTS), 25):
            with self.subTest(start=start):
                self._assert_harmless(*hostile.site(document, cells, [view], start))

    def _assert_harmless(self, document: dict, cells: list, runs: list) -> None:
        found = made(document, cells, runs)
        for path, data in found.items():
            self.assertRegex(path, r"\A[a-z0-9_][a-z0-9._-]*(?:/[a-z0-9_][a-z0-9._-]*)*\Z")
            if not path.endswith(".html") or data == built().get(path):
                continue        # with nothing of a submission in it
            page = Page(data)
            self.assertEqual(page.wrong, [], path)
            for name, attributes, _ in page.elements:
                self.assertIn(name, self.harmless, path)
                self.assertLessEqual(set(attributes), self.attributes, path)
            self.assertEqual(len(page.all("script")), 1, path)
            for attributes in page.all("a"):
                self.assertRegex(attributes["href"], r"\A(?:https://|\.\./|[a-z0-9_-]+[./]|#)", path)
            self.assertNotRegex(data.decode("utf-8"), "[\u202a-\u202e\u2066-\u2069\u200b\ufeff]")


class Honesty(unittest.TestCase):
    def test_a_single_run_is_marked_and_stands_in_no_rank(self):
        for path, page in parsed().items():
            if path.startswith("compare/"):
                for row in re.findall(r"<tr>.*?</tr>", built()[path].decode("utf-8")):
                    if 'class="lone"' in row and 'class="rank"' in row:
                        self.assertIn('<span class="rank">\u2013</span>', row)

    def test_quality_is_ranked_by_the_lower_end_of_its_interval(self):
        rows = [row for row in rows_of(showcase.whole()[0]) if row.variant["headline"]["answers"]]
        best = next(choice.row for choice in ranking.choices(rows) if choice.rule.startswith("Most right answers")
                    and "10 tok/s" not in choice.rule)
        self.assertEqual(best.variant["headline"]["answers"]["low"],
                         max(row.variant["headline"]["answers"]["low"] for row in rows))

    def test_a_cell_of_archive_only_runs_is_named_only_where_no_other_qualifies_and_is_marked(self):
        """The fastest model of the front page was that of a run that is not to be compared with others."""
        fastest = max(rows_of(showcase.whole()[0]), key=ranking._speed)
        cases = (({"archive-only": 1}, ", archive-only"), ({"archive-only": 2, "standard": 1}, ", 2 of 3 archive-only"),
                 ({"archive-only": 1, "standard": 1}, ", 1 of 2 archive-only"), ({"archive-only": 1, "flagship": 2}, None))
        for counts, mark in cases:
            row, slow = graded(fastest, counts, 1), graded(fastest, {"standard": 1}, 0.5)
            with self.subTest(counts):
                self.assertIs(ranking.best_rows([row, slow])[-1], slow if mark else row)
                self.assertIs(ranking.best_rows([row])[-1], row)
                for html in (lists.archived(row), lists.picked("", row)):
                    text = Page(f"<p>{joined([html])}</p>".encode()).text
                    self.assertIn(mark, text) if mark else self.assertNotIn("archive-only", text)
                self.assertEqual("archive-only" in Page(front_page.page(showcase.whole()[0], [row])[1]).text.partition("tok/s, ")[2][:40], bool(mark))

    def test_tables_and_charts_mark_a_cell_of_archive_only_runs(self):
        row = next(row for row in rows_of(showcase.whole()[0]) if row.variant["headline"]["answers"])
        for counts, marks in (({"archive-only": 3}, 1), ({"standard": 3}, 0)):
            html = device_page.page(row.device, [graded(row, counts, 1)], {row.model["model"]: [row]}, [], True)[1].decode("utf-8")
            in_table = re.findall("<small><span [^>]*>archive-only</span></small></td>", html)
            in_chart = re.findall(r"<desc>[^<]*, archive-only, on the line</desc>", html)
            self.assertEqual((len(in_table), len(in_chart)), (marks, marks))

    def test_a_cell_of_archive_only_runs_has_no_rank(self):
        row = next(row for row in rows_of(showcase.whole()[0]) if row.variant["headline"]["decode_tok_s"]["over_runs"]["n"] > 1)
        for counts, rank in (({"archive-only": 3}, "\u2013"), ({"standard": 3}, "1")):
            page = compare_page.of_device(row.device, [graded(row, counts, 1)], True)[1].decode("utf-8")
            self.assertIn(f'<span class="rank">{rank}</span>', page)

    def test_the_runs_of_a_cell_have_its_own_failed_calls(self):
        """They were those of the whole run, with its other models."""
        view = next(view for view in showcase.whole()[1] if len(view.runs[0]["models"]) > 1)
        own = next(run for run in view.cell["variants"][0]["by_run"] if run["run_id"] == view.runs[0]["run_id"])
        calls = sum(phase["calls"] for phase in own["phases"])
        self.assertLess(calls, view.runs[0]["done"])
        failed = sum(map(headline.failed, own["phases"]))
        for by_run in (own, {**cell_sketch.of_run(own["run_id"], {"digest": "", "phases": own["phases"]})}):
            self.assertEqual(cell_page._failed(by_run).content, f"{failed:,} of {calls:,}")
        self.assertIn(f"{failed:,} of {calls:,}", parsed()[view.cell["page"]].text)

    def test_a_model_without_a_right_answer_is_not_the_best(self):
        row = rows_of(showcase.whole()[0])[0]
        none_right = {"share": 0.0, "low": 0.0, "high": 0.43, "passed": 0, "n": 5, "runs": 1}
        headline = {**row.variant["headline"], "answers": none_right}
        wrong = dataclasses.replace(row, variant={**row.variant, "headline": headline})
        self.assertEqual([choice.row for choice in ranking.choices([wrong]) if "answers" in choice.rule], [None])

    def test_every_cell_page_says_how_many_calls_failed_and_what_was_skipped(self):
        document, cells, _ = showcase.whole()
        for view in cells:
            page = parsed()[view.cell["page"]]
            for variant in view.cell["variants"]:
                for phase in variant["phases"]:
                    for reason, count in phase["skips"].items():
                        if count:
                            self.assertIn(f"not made, {reason}", page.text)
                    for outcome, count in phase["outcomes"].items():
                        if count:
                            self.assertIn(f"{outcome} {count:,}", page.text)

    def test_every_run_says_its_grade_and_the_first_condition_not_met(self):
        for view in shown_runs():
            page, run = parsed()[view.run["page"]], view.run
            self.assertIn(f"Grade: {run['site_grade']}", page.text)
            if run["unmet"]:
                self.assertIn(run["unmet"]["condition"], page.text)
                self.assertIn(" ".join(run["unmet"]["observed"].split()), page.text)

    def test_all_five_files_are_linked_raw_and_every_call_to_its_line(self):
        for view in shown_runs():
            page = parsed()[view.run["page"]]
            links = {attributes["href"] for attributes in page.all("a")}
            for raw in view.run["raw"].values():
                self.assertIn(f"../{raw}", links)
            self.assertEqual(sum("#:~:text=%22seq%22" in link for link in links), len(view.calls))

    def test_the_arithmetic_of_the_bound_is_shown(self):
        shown = [view for view in showcase.whole()[1] if view.cell["variants"][0]["bound"]]
        self.assertTrue(shown)
        for view in shown:
            self.assertIn("Each token reads all weights once.", parsed()[view.cell["page"]].text)

    def test_a_synthetic_catalogue_says_so_on_every_page(self):
        for path, page in parsed().items():
            with self.subTest(path=path):
                self.assertIn("No machine was measured", page.text)

    def test_of_a_withheld_run_nothing_is_told_but_the_count(self):
        gone = showcase.taken(showcase.FEW[0])[0].run
        found = made(*showcase.whole(showcase.FEW, frozenset(showcase.FEW[:1])))
        self.assertNotIn(gone["page"], found)
        self.assertEqual([path for path, data in found.items() if gone["run_id"].encode() in data
                          or gone["run_id"][:8].encode() in data], [])

    def test_what_the_maintainer_says_is_shown_and_what_is_superseded_leads_on(self):
        view, other = copy.deepcopy(showcase.taken(showcase.FEW[1])[0]), showcase.taken(showcase.FEW[0])[0].run["run_id"]
        view.run.update(blurb_md="A *calm* machine.", notes=["Looked at by hand."], superseded_by=other)
        page = Page(run_page.page(view)[1])
        self.assertIn("A calm machine.", page.text)
        self.assertIn("Looked at by hand.", page.text)
        self.assertIn(f"../{page_inputs.page_of_run(other)}", {attributes["href"] for attributes in page.all("a")})


class Ways(unittest.TestCase):
    """Thinking beside plain answers, and contexts beyond the canonical one."""

    @classmethod
    def setUpClass(cls):
        cls.document, cls.cells, _ = showcase.whole()

    def variants(self, has: object) -> list:
        return [(inputs, variant) for inputs in self.cells for variant in inputs.cell["variants"] if has(variant)]

    def page(self, path: str) -> Page:
        return parsed()[path]

    def test_both_ways_of_asking_are_beside_each_other_with_the_difference_and_its_interval(self):
        pairs = self.variants(lambda variant: any(phase["phase"] == "small-eval-thinking" for phase in variant["phases"]))
        self.assertTrue(pairs)
        for inputs, variant in pairs:
            thinking = next(phase["thinking"] for phase in variant["phases"] if phase["phase"] == "small-eval-thinking")
            for path in (inputs.cell["page"], inputs.device["page"], inputs.model["page"]):
                with self.subTest(path):
                    text = self.page(path).text
                    self.assertIn("Answers with and without thinking", text)
                    self.assertIn(f"{thinking['pairs']} pairs: {thinking['gained']} gained, {thinking['lost']} lost", text)
                    self.assertIn("8.10 s", text)
            self.assertIn("Right answers against the time to a right answer", self.page(inputs.device["page"]).text)

    def test_a_model_that_always_thinks_says_so_and_has_no_plain_answers(self):
        always = self.variants(lambda variant: variant["always_thinks"])
        self.assertTrue(always)
        for inputs, _ in always:
            text = self.page(inputs.cell["page"]).text
            self.assertIn("always on, cannot be switched off", text)
            self.assertNotIn("pairs:", text)
            self.assertIn("always thinks", self.page(inputs.device["page"]).text)

    def test_the_depth_of_context_is_one_line_over_all_contexts_with_the_cliff_drawn(self):
        climbed = self.variants(lambda variant: variant["ladder"] and context_section.points(variant, "ttft_ms"))
        self.assertTrue(climbed)
        for inputs, variant in climbed:
            page = self.page(inputs.cell["page"])
            self.assertIn("This machine serves this model up to 32,768 tokens", page.text)
            self.assertIn("Each context size, with its longest prompt", page.text)
            self.assertTrue(any(attributes.get("class", "").startswith("cliff") for attributes in page.all("line")))
            depth = context_section.points(variant, "decode_tok_s")
            self.assertEqual(([tokens for tokens, _ in depth], depth[-1][0] > 4 * 7_900), (sorted(tokens for tokens, _ in depth), True))
            self.assertIn("Largest context", self.page(inputs.model["page"]).text)

    def test_speeds_far_apart_are_drawn_on_a_logarithmic_axis(self):
        _, variant = next(pair for pair in self.variants(lambda variant: len(context_section.points(variant, "decode_tok_s")) > 1))
        slow = copy.deepcopy(variant)
        for phase in slow["phases"]:
            for group in phase["groups"]:
                speed = group["figures"]["decode_tok_s"]
                for spread in (speed["over_runs"], speed["over_calls"]) if speed else ():
                    spread.update({name: spread[name] / 1000 for name in ("median", "q1", "q3")})
        for named, is_log in (([("fast", variant)], False), ([("fast", variant), ("slow", slow)], True)):
            ticks = re.findall(r'class="tick"[^>]*>([0-9.,]+)<', context_section.chart(named, "", "decode_tok_s", context_section.DECODE))
            self.assertEqual("0" not in ticks, is_log, ticks)

    def test_where_nobody_climbed_or_thought_there_is_neither_section_nor_column(self):
        plain = self.variants(lambda variant: not variant["ladder"] and not any("thinking" in phase for phase in variant["phases"]))
        self.assertTrue(plain)
        for inputs, _ in plain:
            if len(inputs.cell["variants"]) == 1:
                text = self.page(inputs.cell["page"]).text
                for title in ("Answers with and without thinking", "Depth of context"):
                    self.assertNotIn(title, text)
        rows = [row for row in rows_of(self.document) if not row.variant["ladder"]]
        self.assertNotIn("context", [column.id for column in figure_columns.used(figure_columns.MAIN, rows)])


class Many(unittest.TestCase):
    """A hundred devices and two hundred models."""
    MOST_BYTES = 1_000_000

    @staticmethod
    def document(devices: int, models: int) -> dict:
        """Every model on the first device, and every device with the first model, like the cell of most phases."""
        document = showcase.whole()[0]
        cell = max(document["cells"], key=lambda cell: len(cell["variants"][0]["phases"]))
        device = next(device for device in document["devices"] if device["device_tag"] == cell["device_tag"])
        model = next(model for model in document["models"] if model["model"] == cell["model"])
        tags, names = [f"device-{n}-8gb" for n in range(devices)], [f"model-{n}:1b" for n in range(models)]
        cells = [{**cell, "cell_id": f"{tag}.{name}", "device_tag": tag, "model": name, "model_id": page_inputs.model_id(name),
                  "page": f"cells/{tag}.{page_inputs.model_id(name)}.html"}
                 for tag in tags for name in names if tag == tags[0] or name == names[0]]
        return {**document, "cells": sorted(cells, key=lambda cell: cell["cell_id"]),
                "devices": [{**device, "device_tag": tag, "page": page_inputs.page_of_device(tag)} for tag in tags],
                "models": [{**model, "model": name, "page": page_inputs.page_of_model(name), "model_id": page_inputs.model_id(name)}
                           for name in names]}

    @classmethod
    def setUpClass(cls):
        cls.large = cls.document(100, 200)
        cls.pages_of = {page.path: page for page in pages.site_pages(cls.large, cls.large["runs"], {})}
        cls.rendered = {}

    def data(self, path: str) -> bytes:
        """A page of the large catalogue, rendered once."""
        if path not in self.rendered:
            self.rendered[path] = self.pages_of[path].render()[1]
        return self.rendered[path]

    def test_no_page_is_over_a_megabyte(self):
        # The first device has every model and the first model is on every device; the others have one cell each.
        some = [record["page"] for group in ("devices", "models") for record in self.large[group][:2]]
        for path in ("index.html", "devices.html", "models.html", "compare.html", *some, *(f"compare/{path}" for path in some)):
            self.assertLess(len(self.data(path)), self.MOST_BYTES, path)

    def test_long_tables_are_scrolled_below_their_headings_and_searched(self):
        for path in ("devices.html", "models.html", "devices/device-0-8gb.html", f"models/{page_inputs.model_id('model-0:1b')}.html"):
            with self.subTest(path):
                self.assertRegex(self.data(path), b'<div [^>]*class="scroll long"')
                self.assertRegex(self.data(path), b'<input [^>]*type="search"')

    def test_of_many_small_charts_a_dozen_are_shown_and_the_others_unfold(self):
        section = re.search(r'<section id="context">.*?</section>', self.data("devices/device-0-8gb.html").decode("utf-8")).group()
        shown = section.partition("<details>")[0].count("<figure>")
        self.assertEqual((shown, section.count("<figure>")), (curve_sections.FIRST_CHARTS, curve_sections.MAX_CHARTS))
        self.assertIn(f"Show {curve_sections.MAX_CHARTS - curve_sections.FIRST_CHARTS} more", section)

    def test_of_a_hundred_points_only_those_on_the_line_have_bars_and_names(self):
        points = [pareto.Point(f"model {n}", Interval(10 + n, 9 + n, 11 + n), Interval(0.5, 0.4, 0.6)) for n in range(100)]
        worse = [dataclasses.replace(point, quality=Interval(0.1, 0.05, 0.2), speed=Interval(9, 8, 10)) for point in points]
        self.assertEqual(pareto.chart(points[:1] + worse, "", "", "").count("whisker behind"), 0)
        self.assertGreater(pareto.chart(points[:1] + worse[:10], "", "", "").count("whisker behind"), 0)

    def test_a_comparison_shows_the_first_rows_and_keeps_more_in_reach(self):
        text = Page(self.data("compare/devices/device-0-8gb.html")).text
        self.assertIn(f"Show {compare_page.MAX_RANKED - compare_page.FIRST_RANKED} more", text)
        self.assertIn(f"The best {compare_page.MAX_RANKED} of 200", text)

    def test_a_page_for_all_cells_does_not_speak_of_a_table_that_it_has_not(self):
        for document, has_table in ((self.document(101, compare_page.MAX_ROWS), False), (showcase.whole()[0], True)):
            page = Page(next(page for page in pages.site_pages(document, (), {}) if page.path == "compare.html").render()[1])
            self.assertEqual((bool(page.all("table")), compare_page.EVERY in page.text), (has_table, has_table))

    def test_the_page_of_a_cell_with_many_runs_is_cut_and_says_so(self):
        inputs = next(inputs for inputs in showcase.whole()[1] if inputs.runs)
        _, data = cell_page.page(dataclasses.replace(inputs, runs=inputs.runs[:1] * 1000))
        self.assertLess(len(data), self.MOST_BYTES)
        self.assertIn(f"The newest {cell_page.MAX_RUNS} of 1,000 runs".encode(), data)

    def test_the_page_of_a_long_run_is_cut_and_says_so(self):
        inputs = showcase.whole()[2][0]
        calls = [{**inputs.calls[-1], "answer": "word " * 2000}] * 4000
        _, data = run_page.page(dataclasses.replace(inputs, calls=calls))
        self.assertLess(len(data), self.MOST_BYTES)
        self.assertIn(b"3,000 more calls are in the raw ledger", data)

    def test_the_figures_of_warnings_have_the_units_and_words_of_run_md(self):
        inputs = showcase.whole()[2][0]
        row = {"model": None, "phase": None, "level": None, "n": 3}
        rows = [{**row, "code": code, "observed": observed, "expected": expected} for code, observed, expected in (
            ("reload", 10127, 2504), ("collapse", 3.5, 40), ("wide-spread", 0.5, 0.25), ("no-contention", None, None))]
        _, data = run_page.page(dataclasses.replace(inputs, metadata={**inputs.metadata, "warnings": rows}))
        for words in (">10,127 ms<", ">limit 2,504 ms<", ">3.50 tok/s<", ">40 tok/s<", ">0.500<", ">limit 0.250<", "Expected or limit"):
            self.assertIn(words.encode(), data)


if __name__ == "__main__":
    unittest.main()
