"""Schema: whether a record has the fields, kinds and ranges that base/records declares."""
from __future__ import annotations

import datetime
import functools
from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, List, Tuple

from base import names
from base.json_text import MAX_INTEGER, Json
from base.pattern import lazy
from base.records import CHOICES, RECORDS, Field

if TYPE_CHECKING:
    from typing import TypeGuard        # since Python 3.10

MAX_ORDERS = 64     # of one record's fields; the harness writes one or two
COMPILED_AFTER = 4  # records of one order: a test takes as long to compile as some records to test without it


_PATTERNS = {
    "sha256": lazy(r"[0-9a-f]{64}\Z"),
    "nonce": lazy(r"[0-9]{18}\Z"),
    "utc": lazy(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z"),
}
_LINE_NUMBER = lazy(r"0\Z|[1-9][0-9]{0,9}\Z")
MOST_SETTINGS, MOST_SETTING_CHARACTERS = 64, 200
THINK_LEVELS = ("low", "medium", "high", "max")     # values of `think` in Ollama other than true and false


def _is_setting(value: Json) -> bool:
    """A plain value, or a list of whole numbers such as the levels of concurrency."""
    if isinstance(value, list):
        return len(value) <= MOST_SETTINGS and are_counts(value)
    if isinstance(value, str):
        return len(value) <= MOST_SETTING_CHARACTERS
    return value is None or (isinstance(value, (bool, int, float)) and abs(value) <= MAX_INTEGER)


def _are_settings(value: Json) -> bool:
    if type(value) is not dict or len(value) > MOST_SETTINGS:
        return False
    try:
        return _are_setting_pairs(tuple(value.items()))
    except TypeError:       # a list among the values
        return _are_setting_pairs.__wrapped__(value.items())


@functools.lru_cache(maxsize=256)
def _are_setting_pairs(pairs: Collection[Tuple[str, Json]]) -> bool:
    """Cached, since many calls have the same options. Equal values of different types (1, 1.0, True) give the same result."""
    return all(len(name) <= MOST_SETTING_CHARACTERS and _is_setting(value) for name, value in pairs)


def is_date(value: Json) -> bool:
    """A time of day in UTC, on a day that the calendar has."""
    if type(value) is not str or _PATTERNS["utc"].match(value) is None:
        return False
    try:
        utc_moment(value)
    except ValueError:
        return False
    return True


def utc_moment(text: str) -> datetime.datetime:
    """The moment of a text like 2026-11-28T14:30:00Z. Ten times as fast as strptime."""
    year, month, day, hour, minute, second = (int(text[begin:end]) for begin, end in (
        (0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19)))
    return datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.timezone.utc)


_SCALARS: dict = {
    "text": lambda value: type(value) is str,
    "bool": lambda value: type(value) is bool,
    "count": lambda value: type(value) is int and 0 <= value <= MAX_INTEGER,
    "number": lambda value: type(value) in (int, float) and abs(value) <= MAX_INTEGER,
    "object": lambda value: type(value) is dict,
    "settings": lambda value: _are_settings(value),
    "counts": lambda value: type(value) is dict and are_counts(value.values()),
    "point": lambda value: type(value) is list and len(value) == 2 and are_counts(value),
    "think_mode": lambda value: value is True or (type(value) is str and value in THINK_LEVELS),
    "utc": is_date,
    "run_id": lambda value: type(value) is str and (value == names.NIL_RUN_ID or names.run_id_problem(value) is None),
}


def is_count(value: Json) -> TypeGuard[int]:
    """A whole number of at least 0 that `loads` accepts; True and False do not count."""
    return _SCALARS["count"](value)


def are_counts(values: Collection[Json]) -> bool:
    return are_within(values, 0, MAX_INTEGER)


def are_within(values: Collection[Any], least: float, most: float) -> bool:
    """Whether each is a whole number in this range; a call has hundreds of gaps.

    A sum is computed fast, and is whole only if all parts are. True and False, which it takes for numbers, are less than 2.
    """
    if not values:
        return True
    try:
        total, lowest = sum(values), min(values)
    except TypeError:
        return False
    if type(total) is int and 0 <= lowest and total <= most:
        return lowest >= max(least, 2) or (lowest >= least and set(map(type, values)) == {int})
    return set(map(type, values)) == {int} and lowest >= least and max(values) <= most


@functools.lru_cache(maxsize=None)
def tester(kind: str) -> Callable[[Any], bool]:
    """A cheap test of whether a value is of a field's kind; `problems` gives the reason."""
    head, _, rest = kind.partition(":")
    if kind == "list:count":
        return lambda value: type(value) is list and are_counts(value)
    if head == "list":
        is_right = tester(rest)
        return lambda value: type(value) is list and all(map(is_right, value))
    if head == "by-line":       # an object whose keys are numbers of ledger lines
        is_right = tester(rest)
        return lambda value: type(value) is dict and all(map(_LINE_NUMBER.match, value)) and all(map(is_right, value.values()))
    if head == "choice":
        choices = CHOICES[rest]
        return lambda value: type(value) is str and value in choices
    if head in _SCALARS:
        return _SCALARS[head]
    if head in _PATTERNS:
        match = _PATTERNS[head].match
        return lambda value: type(value) is str and match(value) is not None
    return _record_tester(head)


def _in_range(kind: str, least: float, most: float) -> Callable[[Any], bool]:
    """Whether a value that is of this kind is also within its field's range."""
    if kind == "list:text":
        return lambda value: all(least <= len(part) <= most for part in value)
    if kind == "point":
        return lambda value: least <= value[0] <= most and least <= value[1] <= most
    if kind == "list:point":
        return lambda value: all(least <= number <= most for point in value for number in point)
    if kind == "counts":
        return lambda value: all(least <= number <= most for number in value.values())
    if kind == "text_fact":
        return lambda value: value["value"] is None or least <= len(value["value"]) <= most
    if kind.endswith("_fact"):
        return lambda value: value["value"] is None or least <= value["value"] <= most
    return lambda value: least <= value <= most


@functools.lru_cache(maxsize=None)
def field_tester(field: Field) -> Callable[[Any], bool]:
    """Whether a value that is not null is of the field's kind and within its range."""
    is_kind = tester(field.kind)
    if field.range is None:
        return is_kind
    least, most = field.range
    if field.kind in ("count", "number"):
        types = (int,) if field.kind == "count" else (int, float)
        return lambda value: type(value) in types and least <= value <= most
    if field.kind == "list:count":
        return lambda value: type(value) is list and are_within(value, least, most)
    if field.kind == "text":
        return lambda value: type(value) is str and len(value) <= most
    is_within = _in_range(field.kind, least, most)
    return lambda value: is_kind(value) and is_within(value)


def _record_tester(kind: str) -> Callable[[Any], bool]:
    """Records of a kind come with their fields in few orders; for each order that comes often a test is compiled."""
    by_name = {field.name: field for field in RECORDS[kind]}
    needed = frozenset(field.name for field in RECORDS[kind] if not field.absent)
    times: Dict[Tuple[str, ...], int] = {}
    tests: Dict[Tuple[str, ...], Callable[[dict], bool]] = {}

    def is_right(record: Any) -> bool:
        if type(record) is not dict:
            return False
        order = tuple(record)
        test = tests.get(order)
        if test is not None:
            return test(record)
        if not needed <= record.keys() <= by_name.keys():
            return False
        if len(times) < MAX_ORDERS or order in times:
            times[order] = times.get(order, 0) + 1
            if times[order] > COMPILED_AFTER:
                tests[order] = _test_of([by_name[name] for name in order])
        return all(by_name[name].null if value is None else field_tester(by_name[name])(value) for name, value in record.items())
    return is_right


def _test_of(present: List[Field]) -> Callable[[dict], bool]:
    """The test of a record with these fields in this order, compiled from source as dataclasses does it: a call for each
    field would take three times as long."""
    tests = {f"test{number}": field_tester(field) for number, field in enumerate(present)}
    names = [f"value{number}" for number in range(len(present))]
    conditions = [f"({f'{name} is None or ' if field.null else ''}{_condition(field, name, test)})"
                  for field, name, test in zip(present, names, tests)]
    return eval(f"lambda record: (lambda {', '.join(names)}: {' and '.join(conditions) or True})(*record.values())", tests)


def _condition(field: Field, name: str, test: str) -> str:
    """Source that is true if the variable of this name has a value of the field; the usual kinds need no function."""
    least, most = field.range or (0 if field.kind == "count" else -MAX_INTEGER, MAX_INTEGER)
    if field.kind == "count":
        return f"type({name}) is int and {least} <= {name} <= {most}"
    if field.kind == "number":
        return f"(type({name}) is float or type({name}) is int) and {least} <= {name} <= {most}"
    if field.kind == "text":
        return f"type({name}) is str and len({name}) <= {most}"
    return f"type({name}) is bool" if field.kind == "bool" else f"{test}({name})"


def problems(record: Json, kind: str, where: str = "") -> list:
    """Everything wrong with one record of RECORDS, each as a sentence with its place; [] when it is right."""
    if tester(kind)(record):
        return []
    if not isinstance(record, dict):
        return [f"{where or kind}: not an object"]
    by_name = {field.name: field for field in RECORDS[kind]}
    messages = [f"{_at(where, name)}: unknown field" for name in record if name not in by_name]
    for name, field in by_name.items():
        if name in record:
            messages += _value_problems(record[name], field, _at(where, name))
        elif not field.absent:
            messages.append(f"{_at(where, name)}: missing")
    return messages


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _value_problems(value: Any, field: Field, where: str) -> list:
    if value is None:
        return [] if field.null else [f"{where}: null"]
    if field_tester(field)(value):
        return []
    head, _, rest = field.kind.partition(":")
    if head == "list" and isinstance(value, list):
        each = Field("", rest, "", range=field.range)
        return [line for n, part in enumerate(value) for line in _value_problems(part, each, f"{where}[{n}]")]
    if head == "by-line" and isinstance(value, dict):
        each = Field("", rest, "")
        return [line for key, part in value.items() for line in (
            _value_problems(part, each, _at(where, key)) if _LINE_NUMBER.match(key) else [f"{where}: {key[:24]!r} is not a line's number"])]
    if head == "choice":
        return [f"{where}: not one of {', '.join(CHOICES[rest])}"]
    if field.range is not None and tester(field.kind)(value):
        least, most = field.range
        return [f"{where}: not from {least} to {most}{' characters' if 'text' in head else ''}"]
    return problems(value, head, where) if head in RECORDS else [f"{where}: not a {head}"]


def bounded(record: dict, kind: str) -> dict:
    """The same record with null, where null is allowed, in place of values out of range: a sensor or server that reports
    nonsense has reported nothing."""
    by_name = {field.name: field for field in RECORDS[kind]}
    return {name: _bounded(value, by_name[name]) if name in by_name else value for name, value in record.items()}


def _bounded(value: Any, field: Field) -> Any:
    if value is None or field_tester(field)(value):
        return value
    head, _, rest = field.kind.partition(":")
    if head == "list" and rest in RECORDS and isinstance(value, list):
        return [bounded(part, rest) if isinstance(part, dict) else part for part in value]
    if field.range is not None and tester(field.kind)(value):
        if field.kind == "text":
            return value[:field.range[1]]
        if head.endswith("_fact"):
            return {"value": None, "why": f"{value.get('method')} reported a value out of range"}
        return None if field.null else value
    return bounded(value, head) if head in RECORDS and isinstance(value, dict) else value
