"""Code evidence: why an answer's code cannot have passed its tests, as far as can be seen without running it."""
from __future__ import annotations

import ast
import re
import sys
from typing import List, Optional

from derive import grading

MOST_CODE_CHARACTERS, MOST_BRACKETS = 20_000, 2_000     # larger answers are not parsed: a parser may be made to crash


def why_not_passed(answer: str, entry: str, python: str = "") -> Optional[str]:
    """The reason, or None. `python` is the version that the run was graded with: a newer one may take what this one does not."""
    code = grading.extract_code(answer, entry)
    if entry not in code:
        return f"it does not name {entry}"
    if len(code) > MOST_CODE_CHARACTERS or sum(map(code.count, "([{")) > MOST_BRACKETS:
        return None
    try:
        tree = ast.parse(code)
    except (RecursionError, MemoryError):
        return None
    except (SyntaxError, ValueError):
        may_be_newer = _version(python) > sys.version_info[:2] and entry in grading.DEFINITION.findall(code)
        return None if may_be_newer else "it is not Python"
    if not any(_binds(node, entry) for node in ast.walk(tree)) and not _runs_text(tree, entry):
        return f"it does not define {entry}"
    return _why_useless(tree, entry)


def _version(python: str) -> tuple:
    match = re.match(r"(\d+)\.(\d+)", python)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def _binds(node: ast.AST, entry: str) -> bool:
    """Whether a node gives the name a meaning: a definition, an assignment or an import."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name == entry
    if isinstance(node, ast.Name):
        return node.id == entry and isinstance(node.ctx, ast.Store)
    return isinstance(node, ast.alias) and (node.asname or node.name) == entry


def _runs_text(tree: ast.Module, entry: str) -> bool:
    """Whether a text that holds the name may be executed."""
    nodes = list(ast.walk(tree))
    has_text = any(isinstance(node, ast.Constant) and isinstance(node.value, str) and entry in node.value for node in nodes)
    return has_text and any(isinstance(node, ast.Name) and node.id in ("exec", "eval", "globals", "setattr") for node in nodes)


def _why_useless(tree: ast.Module, entry: str) -> Optional[str]:
    """Why the one plain function of this name passes no test: every task has tests that want different results."""
    bindings = [node for node in ast.walk(tree) if _binds(node, entry)]
    if any(isinstance(node, ast.Name) and node.id == entry and isinstance(node.ctx, ast.Del) for node in ast.walk(tree)):
        return f"it deletes {entry}"
    if len(bindings) != 1 or _runs_text(tree, entry):
        return None
    function = bindings[0]
    if isinstance(function, ast.Name):
        values = [node.value for node in tree.body if isinstance(node, ast.Assign) and function in node.targets]
        return f"its {entry} is not a function" if values and isinstance(values[0], ast.Constant) else None
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return None
    return _why_same_result(function, entry)


def _why_same_result(function: ast.FunctionDef, entry: str) -> Optional[str]:
    nodes: List[ast.AST] = list(ast.walk(function))
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes):
        return None
    results = [node.value for node in nodes if isinstance(node, ast.Return) and node.value is not None]
    if not results:
        return f"its {entry} returns nothing"
    if all(isinstance(result, ast.Constant) for result in results) and len({ast.dump(result) for result in results}) == 1:
        return f"its {entry} returns the same for every input"
    return None
