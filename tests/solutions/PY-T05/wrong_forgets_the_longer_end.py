def combine_outages(outages):
    merged = []
    for start, end in sorted(outage for outage in outages if outage[0] < outage[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged
