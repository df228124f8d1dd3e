class RateLimiter:
    def __init__(self, limit, window_s, clock):
        self.limit, self.window_s, self.clock = limit, window_s, clock
        self.allowed = {}

    def allow(self, key):
        now = self.clock()
        times = [time for time in self.allowed.get(key, []) if now - time <= self.window_s]
        self.allowed[key] = times
        if len(times) >= self.limit:
            return False
        times.append(now)
        return True
