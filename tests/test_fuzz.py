"""Fuzz: whatever is done to a valid run, the checker ends, and takes no ledger and no metadata for what they were not.

    python tests/test_fuzz.py 20000 [first seed]

does it by hand for as many mutations, and prints how many there were of each kind.
"""
from __future__ import annotations

import collections
import json
import pathlib
import random
import sys
import tempfile
import unittest

import support  # noqa: F401  (puts the harness on the path)

from base import json_text, ledger, run_folder
from mutants import valid
from mutants.judging import judged, shared_passes

COUNT = 120             # within the suite: a few seconds
PLACE = valid.Run().place
BOUND = (run_folder.LEDGER, run_folder.METADATA)        # not a bit of these may be another
JSON_FILES = (run_folder.MANIFEST, run_folder.LEDGER, run_folder.HARDWARE, run_folder.METADATA)
VALUES = (None, True, False, 0, 1, -1, 2 ** 62, 2 ** 63, -2 ** 70, 0.5, 1e308, -0.0, "", "x", "x" * 5000, "\u202e", "/home/ana/x", [], {},
          [[]], [0], {"": 0}, "2026-13-45T99:99:99Z", "0" * 64, {"value": None}, "ok", "length", 10 ** 18)


def flip(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1:]


def cut(chance: random.Random, data: bytes) -> bytes:
    begin, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:begin] + data[end:]


def repeat(chance: random.Random, data: bytes) -> bytes:
    begin, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[begin:end] + data[end:]


def insert(chance: random.Random, data: bytes) -> bytes:
    junk = chance.choice((b"\0", b"\xff", b"{", b"]", b"\n", b'"', b"\r\n", b"NaN", b"9" * 5000, b"[" * 3000, b"\xe2\x80\xae", b" "))
    place = chance.randrange(len(data) + 1)
    return data[:place] + junk + data[place:]


def places_in(value: object, where: tuple = ()) -> list:
    """Every place within a JSON value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [where] + [place for name, child in children for place in places_in(child, where + (name,))]


def with_other_value(chance: random.Random, value: object) -> object:
    """The same JSON with one value changed, gone, or under another name."""
    value = json.loads(json.dumps(value))
    *way, last = chance.choice(places_in(value)[1:])
    parent = value
    for name in way:
        parent = parent[name]
    deed = chance.randrange(4)
    if deed == 0:
        del parent[last]
    elif deed == 1 and isinstance(parent, dict):
        parent[chance.choice(("seq", "extra", "outcome", ""))] = parent.pop(last)
    elif deed == 2 and isinstance(parent[last], (int, float)) and not isinstance(parent[last], bool):
        parent[last] += chance.choice((1, -1, 1000, 10 ** 9, 0.25))
    else:
        parent[last] = chance.choice(VALUES)
    return value


def spelt(value: object) -> bytes:
    """Even what the harness would never write."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def chained(lines: list) -> bytes:
    """The lines with seq and prev as a run would have left them, as far as they are records."""
    prev, found = None, []
    for number, data in enumerate(lines):
        record = json.loads(data)
        if isinstance(record, dict):
            data = spelt({**record, "seq": number, "prev": prev})
        prev = ledger.sha256(data)
        found.append(data + b"\n")
    return b"".join(found)


def of_bytes(chance: random.Random, files: dict) -> None:
    name = chance.choice(sorted(files))
    for _ in range(chance.choice((1, 1, 3))):
        files[name] = chance.choice((flip, cut, repeat, insert))(chance, files[name] or b" ")


def of_values(chance: random.Random, files: dict) -> None:
    name = chance.choice(JSON_FILES)
    if name != run_folder.LEDGER:
        files[name] = json_text.pretty(with_other_value(chance, json.loads(files[name])))
        return
    lines = files[name].splitlines()
    place = chance.randrange(len(lines))
    lines[place] = spelt(with_other_value(chance, json.loads(lines[place])))
    files[name] = chained(lines) if chance.random() < 0.8 else b"".join(line + b"\n" for line in lines)


def of_structure(chance: random.Random, files: dict) -> None:
    lines = files[run_folder.LEDGER].splitlines()
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    deed = chance.randrange(6)
    if deed == 0:
        del lines[one]
    elif deed == 1:
        lines.insert(one, lines[other])
    elif deed == 2:
        lines[one], lines[other] = lines[other], lines[one]
    elif deed == 3:
        lines = lines[:one]
    elif deed == 4:
        files.pop(chance.choice(sorted(files)))
    else:
        first, second = chance.sample(sorted(files), 2)
        files[first] = files[second]
    if deed < 4:
        files[run_folder.LEDGER] = chained(lines) if chance.random() < 0.8 else b"".join(line + b"\n" for line in lines)


KINDS = (of_bytes, of_values, of_structure)


def mutation(seed: int, whole: dict) -> tuple:
    """(kind, files) of a seed."""
    chance = random.Random(seed)
    kind, files = chance.choice(KINDS), dict(whole)
    while files == whole:
        kind(chance, files)
    return kind.__name__, files


def trial(seed: int, whole: dict, root: pathlib.Path) -> str:
    """One mutation; its kind. Raises AssertionError with the seed if what was bound has changed and was taken."""
    kind, files = mutation(seed, whole)
    taken = not judged(valid.laid_out(root / str(seed) / PLACE, files)).has_errors
    for name in BOUND:
        if taken and files.get(name) != whole[name]:
            raise AssertionError(f"seed {seed} ({kind}): another {name} was taken")
    return f"{kind}, {'taken' if taken else 'refused'}"


class Fuzz(unittest.TestCase):
    def test_no_mutation_breaks_the_checker_or_is_taken_for_the_run(self):
        whole, kinds = valid.Run().files(), collections.Counter()
        with tempfile.TemporaryDirectory() as root, shared_passes():
            for seed in range(COUNT):
                with self.subTest(seed=seed):
                    kinds[trial(seed, whole, pathlib.Path(root))] += 1
        self.assertGreater(sum(count for kind, count in kinds.items() if kind.endswith("refused")), COUNT / 2, kinds)


def main(argv: list) -> int:
    count, first = int(argv[0]), int(argv[1]) if len(argv) > 1 else COUNT
    whole, kinds = valid.Run().files(), collections.Counter()
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory() as root:
            kinds[trial(seed, whole, pathlib.Path(root))] += 1
    print(f"{count} mutations, seeds {first} to {first + count - 1}: no crash, no contradiction taken")
    for kind, number in sorted(kinds.items()):
        print(f"  {kind}: {number}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else unittest.main())
