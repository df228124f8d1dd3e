"""Charts: where values lie, which are written on the axes, and what is told to who cannot see them."""
from __future__ import annotations

import dataclasses
import math
import re
import unittest
import xml.etree.ElementTree

import support      # noqa: F401  (puts the harness on the path)
import hostile

from publish import number_format
from publish.charts import axes, curves, pareto, scale, strip
from publish.charts.axes import Interval
from publish.charts.curves import Axis, Series


def tree(drawing: str) -> xml.etree.ElementTree.Element:
    """SVG within HTML needs not be XML; ours is."""
    return xml.etree.ElementTree.fromstring(drawing)


def coordinates(drawing: str) -> list:
    return [float(value) for value in re.findall(r'(?:cx|cy|x1|x2|y1|y2|x|y)="(-?[0-9.]+)"', drawing)]


class Scales(unittest.TestCase):
    def test_round_values_hold_all_values_between_them(self):
        for values in ([3], [0], [0, 0], [1, 97], [0.2, 0.21], [1e-6, 3e-6], [5e5, 9e8], [7, 7.0001], []):
            for made in (scale.linear(values, 0, 100), scale.linear(values, 0, 100, low=None),
                         scale.logarithmic(values, 0, 100)):
                with self.subTest(values=values, is_log=made.is_log):
                    self.assertGreaterEqual(len(made.ticks), 2)
                    self.assertEqual(sorted(set(made.ticks)), list(made.ticks))
                    self.assertLessEqual(len(made.ticks), 12)
                    for value in values:
                        if value > 0 or not made.is_log:
                            self.assertTrue(made.low <= value <= made.high, (value, made))

    def test_a_logarithmic_axis_of_a_single_value_has_two_ticks(self):
        """All decode rates of a catalogue were 500 once, and the axis looked for a tick above the last round value."""
        for value in (0.002, 1.0, 2.0, 5.0, 500.0, 700.0, 5e9):
            with self.subTest(value):
                made = scale.logarithmic([value], 0, 100)
                self.assertGreaterEqual(len(made.ticks), 2)
                self.assertTrue(made.ticks[0] <= value * 1.0001 and value <= made.ticks[-1])

    def test_equal_ratios_are_equal_lengths_on_a_logarithmic_axis(self):
        made = scale.logarithmic([1, 100], 0, 100)
        self.assertEqual([made.at(value) for value in (1, 10, 100)], [0, 50, 100])

    def test_what_lies_beyond_an_axis_is_kept_at_its_end(self):
        made = scale.linear([0, 10], 0, 100)
        self.assertEqual((made.at(-5), made.at(99)), (0, 100))

    def test_words_on_an_axis_do_not_touch(self):
        made = scale.logarithmic([20, 9000], 46, 386)
        places = [(axes._label_x(made, value), len(made.show(value)) * axes.CHARACTER / 2) for value in axes.labelled_ticks(made)]
        for (one, half), (other, other_half) in zip(places, places[1:]):
            self.assertGreater(other - other_half, one + half)

    def test_a_long_word_on_the_upright_axis_is_not_cut_off(self):
        x = scale.linear([0.0, 1.0], axes.LEFT, 380)
        y = scale.logarithmic([10_000.0, 1_000_000.0], 220, axes.TOP, number_format.milliseconds)
        labels = re.findall(r'x="([0-9.]+)"[^>]*text-anchor="end">([^<]+)<', axes.frame(x, y, "", ""))
        self.assertIn("16.7\u202fmin", [words for _, words in labels])
        for end, words in labels:
            self.assertGreaterEqual(float(end), len(words) * axes.CHARACTER * 0.92 - 0.01, words)


POINTS = [pareto.Point(name, Interval(speed, speed * 0.9, speed * 1.1, "3 runs", runs),
                       Interval(quality, quality - 0.1, quality + 0.05, "9 of 10"))
          for name, speed, quality, runs in (("small", 100, 0.3, 3), ("middle", 40, 0.6, 3), ("poor", 30, 0.5, 1),
                                             ("large", 9, 0.9, 1))]


class Pareto(unittest.TestCase):
    def test_the_line_holds_whom_nobody_beats_in_both(self):
        self.assertEqual([point.name for point in pareto.frontier(POINTS)], ["small", "middle", "large"])

    def test_of_two_that_are_alike_in_both_one_is_on_the_line(self):
        twins = [pareto.Point(name, Interval(5, 5, 5), Interval(0.5, 0.4, 0.6)) for name in "ab"]
        self.assertEqual(len(pareto.frontier(twins)), 1)

    def test_a_point_with_a_caveat_is_on_the_line_only_where_all_have_one_and_says_it(self):
        fast = dataclasses.replace(POINTS[0], name="archived", speed=Interval(200, 190, 210, "3 runs", 3), caveat="archive-only")
        self.assertEqual([point.name for point in pareto.frontier([fast, *POINTS])], ["small", "middle", "large"])
        self.assertEqual(pareto.frontier([fast]), [fast])
        drawing = pareto.chart([fast, *POINTS], "Quality", "tok/s", "right")
        self.assertEqual(drawing.count('class="behind lone"'), 2)
        self.assertRegex(tree(drawing)[1].text, "archived: 200 .*, archive-only; small")

    def test_it_says_in_words_what_it_shows_with_the_intervals_and_the_n(self):
        found = tree(pareto.chart(POINTS, "Quality", "tok/s", "right"))
        self.assertEqual(found.get("role"), "img")
        self.assertEqual(found[0].text, "Quality")
        self.assertIn("middle: 40 (36 to 44), 3 runs, 60", found[1].text)
        self.assertIn("on the line", found[1].text)

    def test_intervals_are_drawn_and_a_single_run_looks_different(self):
        drawing = pareto.chart(POINTS, "Quality", "tok/s", "right")
        self.assertEqual(drawing.count('class="whisker'), 8)
        self.assertIn('class="ahead lone circle"', drawing)
        self.assertIn('class="behind lone"', drawing)

    def test_labels_cover_neither_each_other_nor_the_points(self):
        crowd = [pareto.Point(f"model-{n}:7b", Interval(10 + n / 50, 10, 11), Interval(0.5 + n / 400, 0.45, 0.6))
                 for n in range(30)]
        drawing = pareto.chart(crowd, "Quality", "tok/s", "right")
        boxes = [(float(x), float(y) - 11, float(x) + len(words) * axes.CHARACTER * 0.9, float(y)) for x, y, words in
                 re.findall(r'<text x="([0-9.]+)" y="([0-9.]+)" class="label[^"]*">([^<]+)<', drawing)]
        self.assertTrue(boxes)
        for place, one in enumerate(boxes):
            for other in boxes[place + 1:]:
                self.assertFalse(one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3],
                                 (one, other))


class Curves(unittest.TestCase):
    LINES = [Series("one", ((0.25, Interval(20, 18, 22, "2 runs")), (0.98, Interval(15, 15, 15, "2 runs"))), 1),
             Series("two", ((0.5, Interval(18, 17, 19, "1 run")),), 2)]

    def test_colours_shapes_and_dashes_differ_together(self):
        drawing = curves.chart(self.LINES, (), Axis("fill"), Axis("tok/s"), "Decode")
        self.assertIn('class="line s1 d1"', drawing)
        self.assertIn('class="s1 circle"', drawing)
        self.assertRegex(drawing, r'<rect [^>]*class="s2"')
        self.assertEqual(len(set(axes.SHAPES)), 6)

    def test_points_say_what_they_are_and_axes_their_units(self):
        drawing = curves.chart(self.LINES, [[(0.25, 19), (0.98, 14)]], Axis("context filled", show=number_format.percent),
                               Axis("decode, tok/s"), "Decode")
        self.assertIn("one: at 25\u202f%: 20 (18 to 22), 2 runs; at 98\u202f%: 15, 2 runs", tree(drawing)[1].text)
        self.assertIn(">context filled<", drawing)
        self.assertIn(">decode, tok/s<", drawing)
        self.assertIn('class="line faint"', drawing)

    def test_everything_lies_within_the_drawing(self):
        for small in (False, True):
            drawing = curves.chart(self.LINES, (), Axis("x", is_log=True), Axis("y", is_log=True), "T", small)
            self.assertTrue(all(0 <= value <= axes.WIDTH and math.isfinite(value) for value in coordinates(drawing)))

    def test_a_single_point_and_equal_values_are_drawn(self):
        for point in ((1, Interval(0, 0, 0)), (8, Interval(5, 5, 5))):
            with self.subTest(point=point):
                self.assertIn("<circle", curves.chart([Series("a", (point,))], (), Axis("x"), Axis("y"), "T"))


class Strips(unittest.TestCase):
    ALL = [strip.DevicePoint(f"device-{n}", Interval(10.0 * n, 9.0 * n, 11.0 * n, "2 runs", 2), n == 3)
           for n in (1, 2, 3, 4, 5)]

    def test_it_counts_the_others_that_are_slower(self):
        self.assertEqual(strip.slower(self.ALL), 2)

    def test_the_shaded_part_lies_between_the_quartiles(self):
        self.assertEqual(strip.quartiles([one.interval.value for one in self.ALL]), (20, 30, 40))
        self.assertEqual(strip.quartiles([7]), (7, 7, 7))

    def test_ours_is_pointed_out_by_shape_and_value_and_all_are_named_in_words(self):
        found = strip.chart(self.ALL, "Decode", "tok/s")
        self.assertIn(">30 tok/s<", found)
        self.assertRegex(found, r'<path [^>]*class="ours"')
        self.assertEqual(tree(found)[1].text.count("device-"), 5)

    def test_sparks_of_a_column_share_its_scale(self):
        x = strip.shared([one.interval for one in self.ALL])
        self.assertLess(x.at(10), x.at(50))
        self.assertIsNone(strip.shared([]))
        self.assertIn("aria-hidden", strip.spark(x, self.ALL[0].interval))


class Hostility(unittest.TestCase):
    def test_names_stay_texts(self):
        for words in hostile.TEXTS:
            with self.subTest(words=words[:40]):
                point = pareto.Point(words, Interval(5, 4, 6, words), Interval(0.5, 0.4, 0.6, words))
                other = pareto.Point("b", Interval(7, 7, 7), Interval(0.4, 0.4, 0.4))
                drawings = (pareto.chart([point, other], words, words, words),
                            strip.chart([strip.DevicePoint(words, point.speed, True), strip.DevicePoint(words, other.speed)],
                                        words, words),
                            curves.chart([Series(words, ((1, point.speed), (2, point.speed)))], (), Axis(words),
                                         Axis(words), words))
                for drawing in drawings:
                    names = {element.tag for element in tree(drawing).iter()}
                    self.assertLessEqual(names, {"svg", "title", "desc", "g", "line", "text", "path", "circle", "rect"})


if __name__ == "__main__":
    unittest.main()
