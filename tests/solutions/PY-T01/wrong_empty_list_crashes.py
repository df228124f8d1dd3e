def spread(readings):
    return max(readings) - min(readings)
