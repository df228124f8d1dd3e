"""The syntax trees of the harness, each parsed once for all tests."""
from __future__ import annotations

import ast
import functools
import pathlib

import support


@functools.lru_cache(maxsize=1)
def sources() -> tuple[pathlib.Path, ...]:
    return tuple(sorted(support.HARNESS.rglob("*.py")))


def parsed(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


tree = functools.lru_cache(maxsize=None)(parsed)


@functools.lru_cache(maxsize=None)
def nodes(path: pathlib.Path) -> dict[type, list[ast.AST]]:
    """The nodes of a file's syntax tree by their class."""
    by_class: dict[type, list[ast.AST]] = {}
    waiting: list[ast.AST] = [tree(path)]
    for node in waiting:
        by_class.setdefault(type(node), []).append(node)
        for value in vars(node).values():       # ast.walk looks up every field by name
            if isinstance(value, list):
                waiting += [child for child in value if isinstance(child, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)
    return by_class


def imports(path: pathlib.Path) -> list[ast.Import | ast.ImportFrom]:
    """The import statements of any file, also within functions; expressions are not looked at."""
    statements: list[ast.Import | ast.ImportFrom] = []
    waiting: list[ast.AST] = [tree(path)] if support.HARNESS in path.parents else [parsed(path)]
    for node in waiting:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            statements.append(node)
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            children = getattr(node, name, ())
            if isinstance(children, list):
                waiting += children
    return statements
