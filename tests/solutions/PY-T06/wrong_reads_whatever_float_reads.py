from decimal import Decimal

UNITS = (("kib", 1024), ("mib", 1024 ** 2), ("gib", 1024 ** 3), ("kb", 1000), ("mb", 1000 ** 2), ("gb", 1000 ** 3),
         ("b", 1))


def parse_size(text):
    text = text.strip().lower()
    factor = 1
    for unit, size in UNITS:
        if text.endswith(unit):
            text, factor = text[:-len(unit)], size
            break
    try:
        return int(Decimal(text.strip()) * factor)
    except ArithmeticError:
        raise ValueError(text)
