"""The house: rooms import downwards, nothing but the standard library is used, and there is one of each keeper."""
from __future__ import annotations

import ast
import pathlib
import sys
import unittest

import support

from base import git

ROOMS = {"base": set(), "measure": {"base"}, "derive": {"base"}, "judge": {"base", "derive"},
         "self_test": {"base", "measure", "derive"}, "submit": {"base", "derive", "judge"}, "publish": {"base", "derive", "judge"}}
DATA = {"prompts"}          # pure data beside the rooms
STUB = support.HARNESS / "self_test" / "fake_ollama"
TOP_LEVEL = {"README.md", "CLAUDE.md", "AGENTS.md", "CONTRIBUTING.md", "LICENSE", "LICENSE-MIT", "harness",
             "submissions", "tests", ".ci", ".gitea", ".gitignore", ".gitattributes", ".git"}


def sources() -> list:
    return sorted(path for path in support.HARNESS.rglob("*.py"))


def tree(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: pathlib.Path) -> set:
    """Dotted names of all modules that a file imports, also within functions; relative ones begin with a dot."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            module = node.module or ""
            found.add(dots + module)
            found |= {f"{dots}{module}.{alias.name}" for alias in node.names}
    return found


def room_of(path: pathlib.Path) -> str:
    parts = path.relative_to(support.HARNESS).parts
    return parts[0] if len(parts) > 1 else ""


def is_verb(path: pathlib.Path) -> bool:
    return room_of(path) == "" and "_" in path.stem


class Imports(unittest.TestCase):
    def test_every_room_uses_only_the_rooms_below_it(self):
        for path in sources():
            room = room_of(path)
            if room == "" or STUB in path.parents:
                continue
            heads = {name.split(".")[0] for name in imported(path)} & (set(ROOMS) | DATA)
            with self.subTest(path=path.name):
                self.assertLessEqual(heads - {room} - DATA, ROOMS[room])

    def test_verbs_import_no_verbs_and_nothing_imports_a_verb(self):
        verbs = {path.stem for path in sources() if is_verb(path)}
        self.assertIn("run_benchmark", verbs)
        for path in sources():
            with self.subTest(path=path.name):
                self.assertFalse({name.split(".")[0] for name in imported(path)} & verbs)

    def test_no_imports_go_in_circles(self):
        graph = {}
        for path in sources():
            name = ".".join(path.relative_to(support.HARNESS).with_suffix("").parts)
            graph[name] = {target for target in imported(path)}
        done: set = set()

        def visit(name: str, way: tuple) -> None:
            self.assertNotIn(name, way, f"circle: {' -> '.join(way + (name,))}")
            if name not in done:
                for target in graph[name] & set(graph):
                    visit(target, way + (name,))
                done.add(name)
        for name in graph:
            visit(name, ())

    @unittest.skipIf(sys.version_info < (3, 10), "sys.stdlib_module_names is newer than 3.9")
    def test_only_the_standard_library_is_imported_and_none_of_it_is_hidden(self):
        own = {path.stem for path in support.HARNESS.glob("*.py")} | set(ROOMS) | {STUB.name}
        self.assertFalse(own & set(sys.stdlib_module_names))
        for path in sources() + sorted((support.ROOT / "tests").glob("*.py")):
            heads = {name.split(".")[0] for name in imported(path) if not name.startswith(".")}
            with self.subTest(path=path.name):
                tests = {test.stem for test in (support.ROOT / "tests").glob("*.py")} | {"mutants"}
                self.assertFalse(heads - set(sys.stdlib_module_names) - own - tests)

    def test_the_stub_is_an_independent_witness(self):
        for path in sources():
            if STUB in path.parents:
                heads = {name.split(".")[0] for name in imported(path) if not name.startswith(".")}
                with self.subTest(path=path.name):
                    self.assertFalse(heads & (set(ROOMS) | DATA))


class Keepers(unittest.TestCase):
    def files_with(self, wanted) -> set:
        return {path.relative_to(support.HARNESS).as_posix() for path in sources()
                if STUB not in path.parents and any(wanted(node) for node in ast.walk(tree(path)))}

    def test_one_file_writes(self):
        def writes(node: ast.AST) -> bool:
            if not isinstance(node, ast.Call):
                return False
            if isinstance(node.func, ast.Name) and node.func.id == "open":
                mode = node.args[1] if len(node.args) > 1 else next(
                    (word.value for word in node.keywords if word.arg == "mode"), None)
                return mode is not None and not (isinstance(mode, ast.Constant) and set(mode.value) <= set("rbt"))
            return isinstance(node.func, ast.Attribute) and node.func.attr in (
                "write_text", "write_bytes", "mkdir", "makedirs", "fdopen", "ftruncate", "mkstemp")
        self.assertEqual(self.files_with(writes), {"base/files.py"})

    def test_one_file_opens_connections_to_measure_and_one_to_publish(self):
        def connects(node: ast.AST) -> bool:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else (
                [node.module] if isinstance(node, ast.ImportFrom) else [])
            return any(name in ("socket", "http.client", "urllib.request", "ssl", "asyncio") for name in names)
        self.assertEqual(self.files_with(connects), {"measure/endpoint.py", "measure/own_address.py", "submit/gitea_api.py"})
        self.assertNotRegex((support.HARNESS / "measure/own_address.py").read_text(encoding="utf-8"), r"connect|send|listen")

    def test_one_file_serves_two_open_databases_and_one_has_workers(self):
        for module, keepers in (("http.server", {"publish/serve.py"}), ("sqlite3", {"publish/database.py", "publish/build_cache.py"}),
                               ("concurrent.futures", {"publish/process_pool.py"}), ("multiprocessing", {"publish/process_pool.py"})):
            def uses(node: ast.AST, module: str = module) -> bool:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else (
                    [node.module] if isinstance(node, ast.ImportFrom) else [])
                return module in names
            with self.subTest(module):
                self.assertEqual(self.files_with(uses), keepers)

    def test_git_is_started_in_one_file(self):
        def starts(node: ast.AST) -> bool:
            return isinstance(node, ast.List) and bool(node.elts) and isinstance(node.elts[0], ast.Constant) and (
                node.elts[0].value == "git")
        self.assertEqual(self.files_with(starts), {"base/git.py"})

    def test_one_file_prints(self):
        def prints(node: ast.AST) -> bool:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input"):
                return True
            return isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr", "stdin") and isinstance(
                node.value, ast.Name) and node.value.id == "sys"
        self.assertEqual(self.files_with(prints), {"base/console.py"})

    def test_only_the_foot_of_a_verb_exits(self):
        def exits(node: ast.AST) -> bool:
            return isinstance(node, ast.Attribute) and node.attr in ("exit", "_exit") and isinstance(
                node.value, ast.Name) and node.value.id in ("sys", "os")
        self.assertEqual(self.files_with(exits), set())

    def test_nothing_is_caught_bare(self):
        self.assertEqual(self.files_with(lambda node: isinstance(node, ast.ExceptHandler) and node.type is None), set())


class Layout(unittest.TestCase):
    def test_the_top_level_holds_what_the_layout_names(self):
        """What lies about in a clone that somebody works in, a log or a bundle, is no part of the layout."""
        tracked = git.line(support.ROOT, "ls-files", "-z")
        found = {path.split("/")[0] for path in tracked.split("\0") if path} if tracked else {
            entry.name for entry in support.ROOT.iterdir()} - {"site", "site.cache"}
        self.assertLessEqual(found, TOP_LEVEL)

    def test_every_room_says_what_it_is(self):
        for room in ROOMS:
            with self.subTest(room=room):
                self.assertTrue(ast.get_docstring(tree(support.HARNESS / room / "__init__.py")))

    def test_every_file_says_what_it_is_in_its_first_sentence(self):
        for path in sources():
            with self.subTest(path=path.name):
                self.assertTrue((ast.get_docstring(tree(path)) or "").split("\n")[0].rstrip().endswith((".", ":", "?")))

    def test_the_instructions_for_agents_are_one_text_in_two_regular_files(self):
        one, other = support.ROOT / "CLAUDE.md", support.ROOT / "AGENTS.md"
        self.assertFalse(one.is_symlink() or other.is_symlink())
        self.assertEqual(one.read_bytes(), other.read_bytes())


if __name__ == "__main__":
    unittest.main()
