def start_order(needs):
    order, visiting = [], set()

    def visit(name):
        if name in order:
            return
        if name in visiting:
            raise ValueError("circle")
        visiting.add(name)
        for other in sorted(needs.get(name, ())):
            visit(other)
        order.append(name)

    for name in sorted(needs):
        visit(name)
    return order
