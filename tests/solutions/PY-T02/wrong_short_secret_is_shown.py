def shade_secret(secret, keep):
    if len(secret) < 2 * keep:
        return "*" * len(secret)
    hidden = len(secret) - 2 * keep
    return secret[:keep] + "*" * hidden + secret[keep + hidden:]
