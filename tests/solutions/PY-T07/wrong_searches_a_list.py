class RecentCache:
    def __init__(self, capacity):
        self.capacity = capacity
        self.entries = {}
        self.order = []

    def get(self, key, default=None):
        if key not in self.entries:
            return default
        self.order.remove(key)
        self.order.append(key)
        return self.entries[key]

    def put(self, key, value):
        if key in self.entries:
            self.order.remove(key)
        self.entries[key] = value
        self.order.append(key)
        if len(self.order) > self.capacity:
            del self.entries[self.order.pop(0)]

    def __len__(self):
        return len(self.entries)
