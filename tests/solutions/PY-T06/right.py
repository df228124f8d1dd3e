import re
from fractions import Fraction

UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000 ** 2, "gb": 1000 ** 3,
         "kib": 1024, "mib": 1024 ** 2, "gib": 1024 ** 3}


def parse_size(text):
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *([a-z]*)", text.strip(" ").lower())
    if not found or found.group(2) not in UNITS:
        raise ValueError("not a size: " + repr(text))
    return int(Fraction(found.group(1)) * UNITS[found.group(2)])
