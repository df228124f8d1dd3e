from collections import deque


class RateLimiter:
    def __init__(self, limit, window_s, clock):
        self.limit, self.window_s, self.clock = limit, window_s, clock
        self.allowed = {}

    def allow(self, key):
        now = self.clock()
        times = self.allowed.setdefault(key, deque())
        while times and now - times[0] >= self.window_s:
            times.popleft()
        if len(times) >= self.limit:
            return False
        times.append(now)
        return True
