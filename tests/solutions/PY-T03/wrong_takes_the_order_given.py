def longest_gap(stamps):
    return max((abs(later - earlier) for earlier, later in zip(stamps, stamps[1:])), default=0)
