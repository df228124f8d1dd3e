import re


def count_levels(lines):
    counts = {"DEBUG": 0, "INFO": 0, "WARN": 0, "ERROR": 0}
    for line in lines:
        found = re.search(r"\[([^\]]*)\]", line)
        if found and found.group(1).upper() in counts:
            counts[found.group(1).upper()] += 1
    return counts
