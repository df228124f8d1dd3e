import re


def calculate(expression, names):
    tokens = re.findall(r"[0-9]+(?:\.[0-9]+)?|[A-Za-z_]\w*|\S", expression)

    def add():
        left = multiply()
        if tokens and tokens[0] in ("+", "-"):
            operator = tokens.pop(0)
            right = add()
            return left + right if operator == "+" else left - right
        return left

    def multiply():
        left = single()
        if tokens and tokens[0] in ("*", "/"):
            operator = tokens.pop(0)
            right = multiply()
            return left * right if operator == "*" else left / right
        return left

    def single():
        if not tokens:
            raise ValueError("missing")
        token = tokens.pop(0)
        if token == "-":
            return -single()
        if token == "(":
            value = add()
            if not tokens or tokens.pop(0) != ")":
                raise ValueError("parenthesis")
            return value
        if token in names:
            return names[token]
        return float(token)

    value = add()
    if tokens:
        raise ValueError("superfluous")
    return value
