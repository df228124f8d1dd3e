def spread(readings):
    return max(readings) - min(readings) if readings else 0
