import heapq


def start_order(needs):
    names = set(needs).union(*needs.values())
    waiting_for = {name: set(needs.get(name, ())) for name in names}
    needed_by = {name: [] for name in names}
    for name, wanted in waiting_for.items():
        for other in wanted:
            needed_by[other].append(name)
    ready = [name for name in names if not waiting_for[name]]
    heapq.heapify(ready)
    order = []
    while ready:
        name = heapq.heappop(ready)
        order.append(name)
        for other in needed_by[name]:
            waiting_for[other].remove(name)
            if not waiting_for[other]:
                heapq.heappush(ready, other)
    if len(order) < len(names):
        raise ValueError("services need each other in a circle")
    return order
