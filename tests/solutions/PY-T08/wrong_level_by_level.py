def start_order(needs):
    names = set(needs).union(*needs.values())
    order = []
    while len(order) < len(names):
        ready = sorted(name for name in names - set(order) if set(order).issuperset(needs.get(name, ())))
        if not ready:
            raise ValueError("circle")
        order.extend(ready)
    return order
