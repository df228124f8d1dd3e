from collections import deque


class RateLimiter:
    def __init__(self, limit, window_s, clock):
        self.limit, self.window_s, self.clock = limit, window_s, clock
        self.calls = {}

    def allow(self, key):
        now = self.clock()
        times = self.calls.setdefault(key, deque())
        while times and now - times[0] >= self.window_s:
            times.popleft()
        times.append(now)
        return len(times) <= self.limit
