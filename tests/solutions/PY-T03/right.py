def longest_gap(stamps):
    ordered = sorted(stamps)
    return max((later - earlier for earlier, later in zip(ordered, ordered[1:])), default=0)
