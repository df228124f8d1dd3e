import re

TOKEN = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]+)?)(?![\w.])|([A-Za-z_][A-Za-z0-9_]*)|([-+*/()]))")


def calculate(expression, names):
    tokens = tokenize(expression.rstrip())
    value = add(tokens, names)
    if tokens:
        raise ValueError("superfluous: " + tokens[0])
    return value


def tokenize(text):
    tokens, position = [], 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if not found:
            raise ValueError("cannot read " + text[position:])
        tokens.append(found.group(found.lastindex))
        position = found.end()
    return tokens


def add(tokens, names):
    value = multiply(tokens, names)
    while tokens and tokens[0] in "+-":
        sign = 1 if tokens.pop(0) == "+" else -1
        value += sign * multiply(tokens, names)
    return value


def multiply(tokens, names):
    value = single(tokens, names)
    while tokens and tokens[0] in "*/":
        if tokens.pop(0) == "*":
            value *= single(tokens, names)
        else:
            value /= single(tokens, names)
    return value


def single(tokens, names):
    if not tokens:
        raise ValueError("a value is missing")
    token = tokens.pop(0)
    if token == "-":
        return -single(tokens, names)
    if token == "(":
        value = add(tokens, names)
        if not tokens or tokens.pop(0) != ")":
            raise ValueError("a parenthesis is missing")
        return value
    if token[0].isdigit():
        return float(token) if "." in token else int(token)
    if token not in names:
        raise ValueError("unknown: " + token)
    return names[token]
