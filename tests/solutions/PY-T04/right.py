LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")


def count_levels(lines):
    counts = {}
    for line in lines:
        before, opening, rest = line.partition("[")
        level, closing, after = rest.partition("]")
        if closing and level.upper() in LEVELS:
            counts[level.upper()] = counts.get(level.upper(), 0) + 1
    return counts
