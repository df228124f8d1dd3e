def shade_secret(secret, keep):
    if len(secret) <= 2 * keep:
        return "*" * len(secret)
    return secret[:keep] + "*" * (len(secret) - 2 * keep) + secret[-keep:]
