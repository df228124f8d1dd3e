class RateLimiter:
    def __init__(self, limit, window_s, clock):
        self.limit, self.window_s, self.clock = limit, window_s, clock
        self.windows = {}

    def allow(self, key):
        now = self.clock()
        start, count = self.windows.get(key, (now, 0))
        if now - start >= self.window_s:
            start, count = now, 0
        if count >= self.limit:
            return False
        self.windows[key] = (start, count + 1)
        return True
