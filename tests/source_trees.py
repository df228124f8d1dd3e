"""The syntax trees of the harness, each parsed once for all tests."""
from __future__ import annotations

import ast
import functools
import pathlib

import support


@functools.lru_cache(maxsize=1)
def sources() -> tuple[pathlib.Path, ...]:
    return tuple(sorted(support.HARNESS.rglob("*.py")))


@functools.lru_cache(maxsize=None)
def tree(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@functools.lru_cache(maxsize=None)
def nodes(path: pathlib.Path) -> dict[type, list[ast.AST]]:
    """The nodes of a file's syntax tree by their class."""
    by_class: dict[type, list[ast.AST]] = {}
    for node in ast.walk(tree(path)):
        by_class.setdefault(type(node), []).append(node)
    return by_class
