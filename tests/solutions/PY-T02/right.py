def shade_secret(secret, keep):
    hidden = len(secret) - 2 * keep
    if hidden <= 0:
        return "*" * len(secret)
    return secret[:keep] + "*" * hidden + secret[len(secret) - keep:]
