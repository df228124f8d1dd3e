def longest_gap(stamps):
    stamps.sort()
    return max((later - earlier for earlier, later in zip(stamps, stamps[1:])), default=0)
