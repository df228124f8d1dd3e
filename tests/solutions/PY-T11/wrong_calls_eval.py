def calculate(expression, names):
    try:
        return eval(expression, {"__builtins__": {}}, dict(names))
    except ZeroDivisionError:
        raise
    except Exception as problem:
        raise ValueError(str(problem))
