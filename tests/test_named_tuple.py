"""Named tuples of the harness behave as those of typing."""
from __future__ import annotations

import pickle
import typing
import unittest

import support      # noqa: F401  puts the harness on the path

from base import named_tuple


class Ours(named_tuple.NamedTuple):
    """With words of its own."""
    first: int
    second: str = "b"

    @property
    def both(self) -> str:
        return f"{self.first}{self.second}"


class Standard(typing.NamedTuple):
    """With words of its own."""
    first: int
    second: str = "b"

    @property
    def both(self) -> str:
        return f"{self.first}{self.second}"


USES = (lambda kind: kind(1), lambda kind: kind(1, "c"), lambda kind: kind(second="c", first=1), lambda kind: kind(1, second="c"),
        lambda kind: kind(1)._replace(second="d"), lambda kind: kind._make([1, "c"]), lambda kind: pickle.loads(pickle.dumps(kind(1))))
WRONG = (lambda kind: kind(), lambda kind: kind(1, "c", 2), lambda kind: kind(1, third=2), lambda kind: kind(1, first=2),
         lambda kind: kind(second="c"), lambda kind: kind._make([1]), lambda kind: kind(1)._replace(third=1))


class NamedTuples(unittest.TestCase):
    def test_they_are_made_and_changed_in_the_same_ways(self):
        for number, use in enumerate(USES):
            with self.subTest(number):
                ours, standard = use(Ours), use(Standard)
                self.assertEqual(ours, standard)
                self.assertIs(type(ours), Ours)
                self.assertEqual((ours.first, ours.second, ours.both, ours._asdict(), hash(ours)),
                                 (standard.first, standard.second, standard.both, standard._asdict(), hash(standard)))
                self.assertEqual(repr(ours), repr(standard).replace("Standard", "Ours"))

    def test_what_the_standard_ones_refuse_is_refused(self):
        for number, use in enumerate(WRONG):
            for kind in (Ours, Standard):
                with self.subTest(number, kind=kind), self.assertRaises((TypeError, ValueError)):
                    use(kind)

    def test_a_field_cannot_be_set_and_nothing_be_added(self):
        for name in ("first", "third"):
            with self.subTest(name), self.assertRaises(AttributeError):
                setattr(Ours(1), name, 2)

    def test_the_class_says_its_fields_defaults_words_and_module(self):
        for name in ("_fields", "_field_defaults", "__doc__", "__module__"):
            with self.subTest(name):
                self.assertEqual(getattr(Ours, name), getattr(Standard, name))


if __name__ == "__main__":
    unittest.main()
