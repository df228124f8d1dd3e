def count_levels(lines):
    counts = {}
    for line in lines:
        for level in ("DEBUG", "INFO", "WARN", "ERROR"):
            if "[" + level + "]" in line.upper():
                counts[level] = counts.get(level, 0) + 1
                break
    return counts
