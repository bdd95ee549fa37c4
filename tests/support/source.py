"""The project's source as the architecture tests read it: modules, their layers and their imports."""

import ast
import gc
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LAYERS = ("core", "data", "service", "web", "root")
LAYER_OF = {  # by the first name under webapp, then by the last word of the file name; everything else is a service
    "core": (
        "config",
        "env_variables",
        "logs",
        "errors",
        "ids",
        "topic_names",
        "words",
        "untrusted_json",
        "chat_variables",
        "prompt_sections",
        "throttle",
        "process",
        "upstream",
        "streaming",
        "rendering",
        "providers",
    ),
    "data": ("db", "database", "current_config", "tables", "feature"),
    "web": ("web", "live", "shell", "docs", "api"),
    "root": ("app", "cli", "seed", "bench", "client_tools", "wsgi"),
}
LAYER_OF_FILE = {
    "tables": "data",
    "views": "web",
    "forms": "web",
    "guards": "web",
    "feature": "web",
    "access": "web",
    "feed": "web",
    "pages": "web",
    "shown": "web",
    # Its entries link to pages.
    "checklist": "web",
    "commands": "web",
    "cli": "root",
}
# Packages that have a place in the order but declare no feature: each precedes the feature named by its key.
BRING_NOTHING = {"accounts": "web", "live": "engine"}


@cache
def features() -> tuple[str, ...]:
    """Returns the features in the order of `FEATURES` in webapp/app.py: in every layer, each can import only earlier ones.

    Packages that know no feature come before them; the root comes after them.
    """
    tree = ast.parse((ROOT / "webapp" / "app.py").read_text("utf-8"))
    given = next(node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FEATURES")
    names = [each.id for each in ast.walk(given) if isinstance(each, ast.Name)]
    return tuple(name for each in names for name in (BRING_NOTHING.get(each), each) if name)


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
    def layer(self) -> str:
        parts = self.name.removeprefix("webapp.").split(".")
        if self.is_pure:
            return "core"
        named = (layer for layer, names in LAYER_OF.items() if parts[0] in names)
        return next(named, LAYER_OF_FILE.get(parts[-1].rpartition("_")[2], "service"))

    @property
    def feature(self) -> int | None:
        """Returns the package's place in the order of features, or None for one that is no feature."""
        parts = self.name.split(".")
        return features().index(parts[1]) if len(parts) > 2 and parts[1] in features() else None

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
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(part for part in (above, node.module) if part)
            yield source
            yield from (f"{source}.{each.name}" for each in node.names)

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
    return [*modules().values(), *read_all(path for folder in ("tests", "scripts") for path in ROOT.glob(f"{folder}/**/*.py"))]


def forget() -> None:
    """Frees what was read, half a gigabyte."""
    modules.cache_clear()
    python_files.cache_clear()


def ours(module: Module) -> Iterator[Module]:
    yield from (modules()[name] for name in sorted(module.imports) if name in modules() and modules()[name].lines)


def libraries(module: Module) -> set[str]:
    return module.tops() - set(sys.stdlib_module_names) - {"webapp", "wsgi", "tests", "scripts", "_typeshed", ""}


def functions(module: Module) -> Iterator[ast.FunctionDef]:
    yield from (node for node in module.nodes if isinstance(node, ast.FunctionDef))


def length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1
