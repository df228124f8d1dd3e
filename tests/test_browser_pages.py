"""The site in a browser: no page overflows, logs errors, runs foreign code or loads from elsewhere, and the script works.

Skipped where there is no Chromium, and with SKIP_TESTS=browser. Alone: `python -m unittest discover -s tests -p "test_browser_*.py"`.
"""
from __future__ import annotations

import contextlib
import functools
import pathlib
import tempfile
import unittest

import support
import chromium
import hostile
import showcase
from test_pages import built

from publish import pages
from publish.pages import cell_page, run_page

setUpModule = support.optional("browser")
STRANGE_LINKS = "[...document.links].filter((one) => !['file:', 'https:'].includes(one.protocol)).length"
OPEN_ALL = ("document.querySelectorAll('details').forEach((one) => { one.open = true; }); "
            "document.querySelectorAll('a, button, input, summary, [tabindex], [contenteditable]').forEach((one) => one.focus({ preventScroll: true }))")
HANDLERS = "[...document.querySelectorAll('*')].filter((one) => one.getAttributeNames().some((name) => name.startsWith('on'))).length"
# What the script adds is in the tools above a table and in the search, whose places are part of the page.
ELEMENTS = "[...document.body.querySelectorAll('*')].filter((one) => !one.closest('.tools')).length"
CUT_TABLES = ("[...document.querySelectorAll('.scroll')].filter((box) => box.scrollHeight > box.clientHeight + 1 "
              "&& getComputedStyle(box).overflowY !== 'visible').length")
FIND = "document.querySelector('.pick input[type=search]')"
FIND_CELL = "document.querySelector('#find-cell input')"


def write(folder: pathlib.Path, path: str, data: bytes) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


@functools.lru_cache(maxsize=1)
def tab() -> chromium.Page:
    """One tab of one browser for all tests of this file."""
    stack = contextlib.ExitStack()
    unittest.addModuleCleanup(stack.close)
    return stack.enter_context(chromium.page())


@unittest.skipIf(chromium.path() is None, "no Chromium here")
class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.folder = pathlib.Path(cls.stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        cls.write()
        cls.tab = tab()

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def look(self, path: str, **screen: object) -> None:
        """Open a page and check that it is in order."""
        self.tab.open((self.folder / path.partition("#")[0]).as_uri() + path[len(path.partition("#")[0]):], **screen)
        self.check(path)

    def check(self, path: str) -> None:
        self.assertEqual(self.tab.overflow(), 0, path)
        self.assertEqual(self.tab.complaints(), [], path)
        self.assertEqual([url for url in self.tab.requests() if not url.startswith(self.folder.as_uri())], [], path)


class Looks(Browser):
    @classmethod
    def write(cls):
        cls.document, cls.cells, cls.runs = showcase.whole()
        for path, data in built().items():
            write(cls.folder, path, data)

    def test_every_kind_of_page_fits_screens_and_paper_and_the_script_moves_nothing(self):
        """Each page is loaded once with and once without script, for all that is checked of it."""
        device, model = self.document["devices"][0]["page"], self.document["models"][-1]["page"]
        for path in ("index.html", "devices.html", "models.html", "compare.html", "methodology.html", device, model,
                     self.cells[0].cell["page"], self.runs[1].run["page"], f"compare/{device}", f"compare/{model}"):
            elements = {}
            for script, widths in ((True, (1280, 390)), (False, (390, 1280))):
                self.look(path, width=widths[0], script=script)
                elements[script] = self.tab.value(ELEMENTS)
                for width in widths:
                    for dark in (False, True) if width == widths[0] else (True, False):     # one change at a time
                        with self.subTest(path=path, width=width, dark=dark, script=script):
                            self.tab.resize(width=width, dark=dark)
                            self.check(path)
                if script and path != "compare.html":       # its table of all cells is for the screen
                    self.check_paper(path)
                if script:
                    self.assertEqual(self.tab.value("document.querySelectorAll('.tools').length"),
                                     (self.folder / path).read_text(encoding="utf-8").count('class="tools"'), path)
            self.assertEqual(elements[True], elements[False], path)

    def check_paper(self, path: str) -> None:
        """On paper every row is printed, and nothing is wider than a page."""
        self.tab.resize(width=720)      # of A4, less its margins
        self.tab.ask("Emulation.setEmulatedMedia", media="print")
        self.tab._dark = None
        with self.subTest(path, paper=True):
            self.assertEqual((self.tab.overflow(), self.tab.value(CUT_TABLES)), (0, 0))
        self.tab.ask("Emulation.setEmulatedMedia", media="")

    def test_colours_follow_what_the_system_prefers(self):
        self.look("index.html")
        backgrounds = []
        for dark in (False, True):
            self.tab.resize(dark=dark)
            backgrounds.append(self.tab.value("getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(backgrounds, ["rgb(252, 252, 250)", "rgb(20, 23, 27)"])

    def test_a_table_is_sorted_by_keyboard_and_says_so_to_all_and_in_the_address(self):
        self.look("devices.html")
        first = "document.querySelector('table.live tbody th').textContent"
        self.tab.value("document.querySelectorAll('table.live thead button')[1].focus()")
        seen = []
        for _ in range(2):
            self.tab.press("Enter", 13, "\r")
            seen.append((self.tab.value("document.querySelector('[aria-sort]').getAttribute('aria-sort')"),
                         self.tab.value(first), self.tab.value("location.hash")))
        self.assertEqual([row[0] for row in seen], ["descending", "ascending"])
        self.assertNotEqual(seen[0][1], seen[1][1])
        self.assertEqual([row[2] for row in seen], ["#?devices.sort=1-", "#?devices.sort=1"])
        self.look("devices.html#?devices.sort=1-")
        self.assertEqual(self.tab.value(first), seen[0][1])
        self.assertEqual(self.tab.complaints(), [])

    def test_rows_are_found_and_counted_and_an_address_brings_them_back(self):
        self.look("compare.html")
        every = self.tab.value("document.querySelectorAll('tbody tr').length")
        self.tab.value(f"{FIND}.value = 'MAC m1'; {FIND}.dispatchEvent(new Event('input'))")
        left = "[...document.querySelectorAll('tbody tr')].filter((row) => !row.hidden).length"
        self.assertTrue(0 < self.tab.value(left) < every)
        self.assertEqual(self.tab.value("document.querySelector('.pick output').textContent"),
                         f"{self.tab.value(left)} of {every}")
        found, address = self.tab.value(left), self.tab.value("location.hash")
        self.look(f"compare.html{address}")
        self.assertEqual((self.tab.value(left), self.tab.value(f"{FIND}.value")), (found, "MAC m1"))

    def test_a_cell_is_found_by_typing_words_of_its_device_and_model(self):
        self.look("compare.html")
        cell = self.document["cells"][0]
        words = f"{cell['model'].upper()} {cell['device_tag'][:6]}"
        self.tab.value(f"{FIND_CELL}.value = {words!r}; {FIND_CELL}.dispatchEvent(new Event('input'))")
        links = "[...document.querySelectorAll('#find-cell a')].map((one) => one.getAttribute('href'))"
        self.assertIn(cell["page"], self.tab.value(links))
        self.assertTrue(all((self.folder / link).is_file() for link in self.tab.value(links)))
        self.look(f"compare.html{self.tab.value('location.hash')}")
        self.assertIn(cell["page"], self.tab.value(links))
        self.type_into(FIND_CELL, "nothing like it")
        self.assertEqual((self.tab.value(links), self.tab.value("document.querySelector('#find-cell output').textContent")),
                         ([], "Nothing matches all of these words."))

    def type_into(self, field: str, text: str) -> None:
        self.tab.value(f"{field}.value = {text!r}; {field}.dispatchEvent(new Event('input'))")

    def test_the_best_match_comes_first_and_enter_opens_it(self):
        self.look("index.html")
        hits = "[...document.querySelectorAll('#find-cell a')].map((link) => link.textContent)"
        cell = self.document["cells"][-1]
        for typed, first in (("boulder:8b q8_0", "boulder:8b-q8_0"), (f"{cell['device_tag']} {cell['model']}", f"{cell['model']} on {cell['device_tag']}"),
                             ("geforce 4090", "rtx-4090-pc"), ("RTX4090", "rtx-4090-pc")):
            with self.subTest(typed):
                self.type_into(FIND_CELL, typed)
                self.assertEqual(self.tab.value(hits)[0], first)
        self.tab.value(f"{FIND_CELL}.focus()")
        self.tab.events.clear()
        self.tab.press("Enter", 13, "\r")
        while not any(event["method"] == "Page.loadEventFired" for event in self.tab.events):
            self.tab.value("1")
        self.assertTrue(self.tab.value("location.href").endswith("devices/rtx-4090-pc.html"))
        self.tab.url = "about:blank"

    def test_a_search_in_a_table_does_not_look_at_its_numbers(self):
        self.look("compare.html")
        self.type_into(FIND, "8b")
        shown = self.tab.value("[...document.querySelectorAll('tbody tr')].filter((row) => !row.hidden).map((row) => row.cells[0].textContent)")
        self.assertEqual([name for name in shown if "8b" not in name], [])
        self.assertTrue(shown)

    def test_columns_are_chosen(self):
        self.look("compare.html")
        shown = "document.querySelectorAll('thead th:not([hidden])').length"
        before = self.tab.value(shown)
        self.tab.value("document.querySelector('.tools summary').click()")
        self.tab.value("document.querySelectorAll('.tools fieldset input')[1].click()")
        self.assertEqual(self.tab.value(shown), before - 1)
        self.assertEqual(self.tab.value("location.hash"), "#?cells.hide=2")
        self.assertEqual(self.tab.value("[...document.querySelectorAll('tbody tr')].every((row) => row.cells[2].hidden)"),
                         True)

    def test_rows_are_picked_without_script_and_with_it_the_address_keeps_them(self):
        shown = "[...document.querySelectorAll('tbody tr')].filter((row) => getComputedStyle(row).display !== 'none').length"
        for script in (False, True):
            with self.subTest(script=script):
                self.look("compare.html", script=script)
                every = self.tab.value(shown)
                for selector in ("tbody tr:nth-child(2) .tick", "tbody tr:nth-child(5) .tick", "#only"):
                    self.click(selector)
                self.assertEqual(self.tab.value(shown), 2)
                self.assertGreater(every, 2)
        address = self.tab.value("location.hash")
        self.assertIn("only=1", address)
        self.look(f"compare.html{address}")
        self.assertEqual(self.tab.value(shown), 2)

    def click(self, selector: str) -> None:
        """As a person does it: where it is on the screen."""
        self.tab.value(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
        box = self.tab.value(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")
        for kind in ("mousePressed", "mouseReleased"):
            self.tab.ask("Input.dispatchMouseEvent", type=kind, x=box["x"] + box["width"] / 2,
                         y=box["y"] + box["height"] / 2,
                         button="left", clickCount=1)

    def test_the_first_tab_leads_past_the_head_of_the_page_and_focus_is_seen(self):
        self.look("index.html")
        self.tab.press("Tab", 9)
        self.assertEqual(self.tab.value("document.activeElement.className"), "skip")
        self.assertGreaterEqual(self.tab.value("document.activeElement.getBoundingClientRect().left"), 0)
        self.assertEqual(self.tab.value("getComputedStyle(document.activeElement).outlineStyle"), "solid")


class Hostility(Browser):
    """Each text of a submission is another hostile one; tables have many rows, and of pages with few places there are several."""
    MANY = 5

    @classmethod
    def write(cls):
        document, cells, runs = showcase.whole()
        devices, models = ([record["page"] for record in document[kind]] for kind in ("devices", "models"))
        cells, runs = cells[:cls.MANY], runs[:cls.MANY]
        cls.paths = ["index.html", "devices.html", "models.html", "compare.html", *models[:cls.MANY], *devices[:cls.MANY],
                     *(f"compare/{page}" for page in models[:cls.MANY] + devices[:cls.MANY]),
                     *(view.cell["page"] for view in cells), *(view.run["page"] for view in runs)]
        document, cells, runs = hostile.site(document, cells, runs)
        site = [page.render() for page in pages.site_pages(document, document["runs"], {}) if page.path in cls.paths or not page.path.endswith(".html")]
        for page in (*site, *map(cell_page.page, cells), *map(run_page.page, runs)):
            write(cls.folder, *page)

    def test_nothing_of_a_hostile_submission_runs_leads_away_or_breaks_a_page(self):
        self.assertGreaterEqual(25 * self.MANY, len(hostile.TEXTS))
        for path in self.paths:
            with self.subTest(path=path):
                self.look(path, width=390)
                self.assertEqual(self.tab.value(f"[window.broken, document.querySelectorAll('script').length, {STRANGE_LINKS}, {HANDLERS}]"),
                                 [None, 1, 0, 0])
                self.tab.value(OPEN_ALL)
                self.assertIsNone(self.tab.value("window.broken"))
                self.assertEqual((self.tab.overflow(), self.tab.complaints()), (0, []))


if __name__ == "__main__":
    unittest.main()
