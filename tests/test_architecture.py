"""The architecture: rooms import only the rooms below them, only the standard library is used, and each side effect has one file."""
from __future__ import annotations

import ast
import functools
import importlib
import pathlib
import re
import sys
import unittest
from typing import Callable

import support
from source_trees import imports, nodes, sources, tree

from base import git

ROOMS = {"base": set(), "measure": {"base"}, "derive": {"base"}, "judge": {"base", "derive"},
         "self_test": {"base", "measure", "derive"}, "submit": {"base", "derive", "judge"}, "publish": {"base", "derive", "judge"}}
ROOMS["commands"] = set(ROOMS)      # all rooms but itself: no command imports another one
DATA = {"prompts"}          # pure data beside the rooms
FAKE_SERVER = support.HARNESS / "self_test" / "fake_ollama"
TOP_LEVEL = {"README.md", "CLAUDE.md", "AGENTS.md", "CONTRIBUTING.md", "LICENSE", "LICENSE-MIT", "harness",
             "submissions", "tests", ".ci", ".gitea", ".gitignore", ".gitattributes", ".git"}


@functools.lru_cache(maxsize=None)
def imported(path: pathlib.Path) -> frozenset[str]:
    """Dotted names of all modules that a file imports, also within functions; relative ones begin with a dot."""
    names: set[str] = set()
    for node in imports(path):
        named = {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            named = {module} | {f"{module}.{name}" for name in named}
        names |= named
    return frozenset(names)


def room_of(path: pathlib.Path) -> str:
    parts = path.relative_to(support.HARNESS).parts
    return parts[0] if len(parts) > 1 else ""


def is_script(path: pathlib.Path) -> bool:
    return room_of(path) == "" and "_" in path.stem


# All that Python 2.7 has in common with ours; annotations, f-strings and keyword-only arguments are not among it.
OLD_SYNTAX = (ast.Module, ast.Expr, ast.Constant, ast.Import, ast.ImportFrom, ast.alias, ast.Assign, ast.Name, ast.Attribute,
              ast.Subscript, ast.Slice, ast.If, ast.Compare, ast.Eq, ast.Lt, ast.Raise, ast.Call, ast.BinOp, ast.Mod, ast.Add,
              ast.Tuple, ast.Load, ast.Store)


class Imports(unittest.TestCase):
    def test_every_room_uses_only_the_rooms_below_it(self):
        for path in sources():
            room = room_of(path)
            if room == "" or FAKE_SERVER in path.parents:
                continue
            heads = {name.split(".")[0] for name in imported(path)} & (set(ROOMS) | DATA)
            with self.subTest(path=path.name):
                self.assertLessEqual(heads - DATA - ({room} if room != "commands" else set()), ROOMS[room])

    def test_nothing_imports_a_script(self):
        scripts = {path.stem for path in sources() if is_script(path)}
        self.assertIn("run_benchmark", scripts)
        for path in sources():
            with self.subTest(path=path.name):
                self.assertFalse({name.split(".")[0] for name in imported(path)} & scripts)

    def test_no_imports_are_circular(self):
        graph = {".".join(path.relative_to(support.HARNESS).with_suffix("").parts): imported(path) for path in sources()}
        done: set[str] = set()

        def visit(name: str, importers: tuple[str, ...]) -> None:
            self.assertNotIn(name, importers, f"circle: {' -> '.join((*importers, name))}")
            if name not in done:
                for target in graph[name] & set(graph):
                    visit(target, (*importers, name))
                done.add(name)
        for name in graph:
            visit(name, ())

    @unittest.skipIf(sys.version_info < (3, 10), "sys.stdlib_module_names is newer than 3.9")
    def test_only_the_standard_library_is_imported_and_none_of_it_is_hidden(self):
        own = {path.stem for path in support.HARNESS.glob("*.py")} | set(ROOMS) | {FAKE_SERVER.name}
        self.assertFalse(own & set(sys.stdlib_module_names))
        tests = {path.stem for path in (support.ROOT / "tests").glob("*.py")} | {"mutants"}
        for path in (*sources(), *sorted((support.ROOT / "tests").glob("*.py"))):
            heads = {name.split(".")[0] for name in imported(path) if not name.startswith(".")}
            with self.subTest(path=path.name):
                self.assertFalse(heads - set(sys.stdlib_module_names) - own - tests)

    def test_the_fake_server_uses_nothing_of_the_harness(self):
        for path in sources():
            if FAKE_SERVER in path.parents:
                heads = {name.split(".")[0] for name in imported(path) if not name.startswith(".")}
                with self.subTest(path=path.name):
                    self.assertFalse(heads & (set(ROOMS) | DATA))


class SideEffects(unittest.TestCase):
    """Each kind of side effect is in one file, where it can be reviewed."""

    def files_with(self, node_class: type, matches: Callable[[ast.AST], bool]) -> set[str]:
        return {path.relative_to(support.HARNESS).as_posix() for path in sources()
                if FAKE_SERVER not in path.parents and any(matches(node) for node in nodes(path).get(node_class, ()))}

    def files_importing(self, *modules: str) -> set[str]:
        return {path.relative_to(support.HARNESS).as_posix() for path in sources()
                if FAKE_SERVER not in path.parents and imported(path) & set(modules)}

    def files_naming(self, module: str, *attributes: str) -> set[str]:
        """Files in which module.attribute is written."""
        return self.files_with(ast.Attribute, lambda node: node.attr in attributes and isinstance(
            node.value, ast.Name) and node.value.id == module)

    def test_one_file_writes(self):
        def opens_to_write(node: ast.Call) -> bool:
            if isinstance(node.func, ast.Name) and node.func.id == "open":
                mode = node.args[1] if len(node.args) > 1 else next(
                    (word.value for word in node.keywords if word.arg == "mode"), None)
                return mode is not None and not (isinstance(mode, ast.Constant) and set(mode.value) <= set("rbt"))
            return isinstance(node.func, ast.Attribute) and node.func.attr in (
                "write_text", "write_bytes", "mkdir", "makedirs", "fdopen", "ftruncate", "mkstemp")
        self.assertEqual(self.files_with(ast.Call, opens_to_write), {"base/files.py"})

    def test_one_file_opens_connections_to_measure_and_one_to_publish(self):
        self.assertEqual(self.files_importing("socket", "http.client", "urllib.request", "ssl", "asyncio"),
                         {"measure/connection.py", "measure/own_address.py", "submit/gitea_api.py"})
        self.assertNotRegex((support.HARNESS / "measure/own_address.py").read_text(encoding="utf-8"), r"connect|send|listen")

    def test_one_file_serves_two_open_databases_and_one_has_workers(self):
        self.assertEqual(self.files_naming("sqlite3", "connect"),
                         {"publish/database.py", "publish/cache_index.py"})
        for module, files in (("http.server", {"publish/serve.py"}), ("concurrent.futures", {"publish/process_pool.py"}), ("multiprocessing", {"publish/process_pool.py"})):
            with self.subTest(module):
                self.assertEqual(self.files_importing(module), files)

    def test_git_is_started_in_one_file(self):
        self.assertEqual(self.files_with(ast.List, lambda node: bool(node.elts) and isinstance(
            node.elts[0], ast.Constant) and node.elts[0].value == "git"), {"base/git.py"})

    def test_one_file_prints(self):
        called = self.files_with(ast.Call, lambda node: isinstance(node.func, ast.Name) and node.func.id in ("print", "input"))
        self.assertEqual(called | self.files_naming("sys", "stdout", "stderr", "stdin"), {"base/console.py"})

    def test_only_the_last_line_of_a_script_exits(self):
        self.assertEqual(self.files_naming("sys", "exit"), set())
        self.assertEqual(self.files_naming("os", "_exit"), {"derive/code_runner/test_process.py"})      # the copy of a process

    def test_nothing_is_caught_bare(self):
        self.assertEqual(self.files_with(ast.ExceptHandler, lambda node: node.type is None), set())


class Layout(unittest.TestCase):
    def test_the_top_level_holds_only_what_the_layout_names(self):
        """Untracked files of a clone in use, a log or a bundle, do not count."""
        tracked = git.line(support.ROOT, "ls-files", "-z")
        names = {path.split("/")[0] for path in tracked.split("\0") if path} if tracked else {
            entry.name for entry in support.ROOT.iterdir()} - {"site", "site.cache"}
        self.assertLessEqual(names, TOP_LEVEL)

    def test_the_readme_shows_every_room_and_what_it_may_import(self):
        text = (support.HARNESS / "README.md").read_text(encoding="utf-8")
        shown = {room: set(re.findall(r"`(\w+)`", imports))
                 for room, imports in re.findall(r"^\| `(\w+)/` \| ([^|]*)\|", text, re.MULTILINE)}
        self.assertEqual(shown, ROOMS)

    def test_every_room_says_what_it_is(self):
        for room in ROOMS:
            with self.subTest(room=room):
                self.assertTrue(ast.get_docstring(tree(support.HARNESS / room / "__init__.py")))

    def test_every_python_can_parse_a_script_and_what_it_imports_first(self):
        """An old Python parses a whole file before it runs a line, so a check in a file of today would come too late."""
        for path in (*filter(is_script, sources()), support.HARNESS / "base" / "__init__.py"):
            with self.subTest(path=path.name):
                self.assertTrue(path.read_bytes().isascii())
                self.assertFalse([type(node).__name__ for node in ast.walk(tree(path)) if not isinstance(node, OLD_SYNTAX)])
                self.assertNotIn("__future__", imported(path))
                first = next((node for node in tree(path).body if isinstance(node, ast.ImportFrom)), None)
                self.assertIn(first and first.module, ("base", None))

    def test_every_script_starts_the_command_of_its_name(self):
        scripts = {path.stem: path for path in sources() if is_script(path)}
        commands = {path.stem for path in (support.HARNESS / "commands").glob("*_*.py")} - {"__init__"}
        self.assertEqual(set(scripts), commands)
        for name, path in scripts.items():
            with self.subTest(name):
                self.assertIs(importlib.import_module(name), importlib.import_module(f"commands.{name}"))
                self.assertLessEqual({module.split(".")[0] for module in imported(path)}, {"sys", "base", "commands"})

    def test_every_file_says_what_it_is_in_its_first_sentence(self):
        for path in sources():
            with self.subTest(path=path.name):
                self.assertTrue((ast.get_docstring(tree(path)) or "").split("\n")[0].rstrip().endswith((".", ":", "?")))

    def test_the_instructions_for_agents_are_one_text_in_two_regular_files(self):
        paths = [support.ROOT / name for name in ("CLAUDE.md", "AGENTS.md")]
        self.assertFalse(any(path.is_symlink() for path in paths))
        self.assertEqual(paths[0].read_bytes(), paths[1].read_bytes())


if __name__ == "__main__":
    unittest.main()
