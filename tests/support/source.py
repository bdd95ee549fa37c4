"""The project's source as the architecture tests read it: modules, their rooms and their imports."""

import ast
import gc
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The packages of webapp from the ground up: each imports only those before it. An entry comes before all that use it.
ROOMS = (
    "streaming",
    "rendering",
    "base",
    "web",
    "settings",
    "people",
    "models",
    "engine",
    "knowledge",
    "tools",
    "characters",
    "prompts",
    "chat",
    "workspace",
    "plans",
    "workflows",
    "operations",
    "api",
    "guests",
    "app",
)
# Where everything knows of requests and pages; in other rooms, the files whose last word is one of these.
PAGE_ROOMS = (
    "webapp.web",
    "webapp.engine.watching",
    "webapp.workspace.frame",
    "webapp.api",
    "webapp.guests",
    "webapp.app",
    "webapp.operations.starting",
)
PAGE_WORDS = ("views", "forms", "guards", "feature", "access", "feed", "pages", "shown", "checklist", "commands")


@dataclass(frozen=True)
class Module:
    name: str
    path: Path
    lines: list[str] = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.tree) or ""

    @property
    def is_pure(self) -> bool:
        return self.docstring.partition("\n")[0].endswith("Pure.")

    @property
    def room(self) -> str:
        return self.name.split(".")[1] if self.name.startswith("webapp.") else ""

    @property
    def is_of_pages(self) -> bool:
        """Whether it may know the request it works for."""
        return not self.is_pure and (self.is_in(*PAGE_ROOMS) or self.name.rpartition(".")[2].rpartition("_")[2] in PAGE_WORDS)

    def is_in(self, *names: str) -> bool:
        return any(self.name == name or self.name.startswith(f"{name}.") for name in names)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the tree: walking it takes as long as parsing it, and most rules need it."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def imports(self) -> frozenset[str]:
        """Yields every imported module; for `from a import b` both `a` and `a.b`, as b can be a module."""
        return frozenset(name for node in self.nodes for name in self._named_by(node))

    def _named_by(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (above, node.module) if part)
            yield source
            yield from (f"{source}.{name.name}" for name in node.names)

    def tops(self) -> set[str]:
        return {name.partition(".")[0] for name in self.imports}


def read(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    source = path.read_text("utf-8")
    return Module(name, path, source.splitlines(), ast.parse(source))


def read_all(paths: Iterable[Path]) -> list[Module]:
    """Reads files without garbage collections, which would search a million nodes again and again and find nothing."""
    was_collecting = gc.isenabled()
    gc.disable()
    found = [read(path) for path in paths]
    if was_collecting:
        gc.freeze()
        gc.enable()
    return found


@cache
def modules() -> dict[str, Module]:
    return {module.name: module for module in read_all([*ROOT.glob("webapp/**/*.py"), *ROOT.glob("wsgi.py")])}


@cache
def python_files() -> list[Module]:
    return [
        *modules().values(),
        *read_all(path for folder in ("tests", "scripts", "bench") for path in ROOT.glob(f"{folder}/**/*.py")),
    ]


def forget() -> None:
    """Frees what was read, half a gigabyte."""
    modules.cache_clear()
    python_files.cache_clear()


def ours(module: Module) -> Iterator[Module]:
    yield from (modules()[name] for name in sorted(module.imports) if name in modules() and modules()[name].lines)


def libraries(module: Module) -> set[str]:
    return module.tops() - set(sys.stdlib_module_names) - {"webapp", "bench", "wsgi", "tests", "scripts", "_typeshed", ""}


def functions(module: Module) -> Iterator[ast.FunctionDef]:
    yield from (node for node in module.nodes if isinstance(node, ast.FunctionDef))


def length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1
