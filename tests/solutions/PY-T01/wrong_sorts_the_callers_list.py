def spread(readings):
    if not readings:
        return 0
    readings.sort()
    return readings[-1] - readings[0]
