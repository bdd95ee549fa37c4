"""The architecture's rules, checked in the source: allowed imports, maximum lengths, forbidden constructs."""

import ast
import re
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from statistics import median

import pytest
from jinja2 import Environment, nodes

from tests.browser.modules import NOTICED_BY
from tests.support.source import (
    ROOMS,
    ROOT,
    Module,
    forget,
    functions,
    length,
    libraries,
    modules,
    ours,
    python_files,
)
from webapp.plans.types.validation import PARTS_OF_JSONSCHEMA

FILLING = {"append", "add", "extend", "insert", "setdefault", "update"}
ONLY_IN = {  # the only modules that may import a library
    # Modules that start the process, wait in it or hand work to real threads; all others are passed functions to spawn, wait
    # and signal.
    "gevent": (
        "webapp.app",
        "webapp.base.db",
        "webapp.base.heavy",
        "webapp.base.process.patching",
        "webapp.models.upstream",
        "webapp.engine.watching",
        "webapp.web.server.worker",
    ),
    # All outgoing requests pass through one module, which limits each.
    "requests": ("webapp.models.upstream",),
    "redis": ("webapp.streaming.redis_link",),
    "urllib3": ("webapp.models.upstream",),
    # Only in a child process: its C code parses untrusted files.
    "pypdfium2": ("webapp.knowledge.documents.readers",),
    # Imported only where semantic search needs it, because of its cost.
    "numpy": ("webapp.knowledge.search.nearest", "webapp.knowledge.search.postings"),
    # For search patterns from untrusted users, which must run in time linear in the text.
    "re2": ("webapp.characters.lore.expressions",),
    "PIL": ("webapp.chat.files.picture", "webapp.characters.cards.as_png", "webapp.characters.cards.as_scene"),
}
NEVER_IN = {  # packages that nothing in a folder may import
    # Not even a clock: spawn, event, sleep and now are passed in.
    "webapp.streaming": ("flask", "sqlalchemy", "flask_sqlalchemy", "jinja2", "gevent", "time", "socket"),
    "webapp.rendering": ("flask", "sqlalchemy", "flask_sqlalchemy"),
    "webapp.models.providers": ("flask", "sqlalchemy", "flask_sqlalchemy"),
}
OF_A_REQUEST = {
    f"flask.{name}"
    for name in ("request", "session", "g", "flash", "redirect", "url_for", "render_template", "render_template_string")
}
# They list all rooms, each module under the name of its room.
LISTS = ("webapp.app", "webapp.api.feature")
# Registered by every room, and without a request.
NO_PAGES = ("webapp.web.feature",)
BROAD = {"Exception", "BaseException"}
# As the name of a local value, or in it before a noun.
PARTICIPLE = re.compile(r"(?:found|kept|made)|(?:found|given|known|left|made|named|shown|used|wanted)_(?!out$|at$)\w+")
EACH = re.compile(r"\bfor \(?(?:\w+, )*each\b(?:, \w+\)?)* in |\blambda \*?each\b|\([e]ach :=")
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
INLINE = re.compile(r"<script(?![^>]*\ssrc=)|\son\w+\s*=|\sstyle\s*=|\shx-on|=[\"']\s*(?:js|javascript):|<style", re.IGNORECASE)


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_kept() -> Iterator[None]:
    yield
    forget()


def required(name: str) -> set[str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {re.split(r"[\[=]", line)[0].lower().replace("_", "-") for line in lines if re.match(r"\w", line)}


def test_a_room_imports_only_those_before_it() -> None:
    breaches = [
        f"{module.name} imports {other.name}"
        for module in modules().values()
        for other in ours(module)
        if module.room and other.room and ROOMS.index(other.room) > ROOMS.index(module.room)
    ]
    assert not breaches, (
        "move what both need to the earlier room, hand it in as a parameter, or let the later room register it in its feature.py"
        " (`brings`); the order is ROOMS in tests/support/source.py"
    )


def test_every_room_has_its_place() -> None:
    there = {path.stem for path in (ROOT / "webapp").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__"} == set(ROOMS), "enter it in ROOMS of tests/support/source.py, behind all that it imports"
    assert len(ROOMS) <= 20, "the top of webapp has at most 20 entries: find the room that this belongs to"


def test_the_documentation_lists_the_rooms_in_their_order() -> None:
    listed = re.search(r"```text\n(streaming  .*?)```", (ROOT / "docs" / "architecture.md").read_text("utf-8"), re.DOTALL)
    assert listed
    assert tuple(listed[1].split()) == ROOMS, (
        "list the rooms in docs/architecture.md as ROOMS in tests/support/source.py has them"
    )


def test_no_room_at_any_height_needs_itself_by_a_detour() -> None:
    knots = [f"in {parent}: {', '.join(sorted(knot))}" for parent in folders() for knot in knots_in(parent)]
    assert not knots, "two of these are one room, or one of them is two: move what the lower one needs down, or the rest up"


def folders() -> list[str]:
    """Returns every package, from the top down."""
    names = [module.name.split(".") for module in modules().values()]
    return sorted({".".join(parts[:depth]) for parts in names for depth in range(1, len(parts))})


def knots_in(parent: str) -> list[frozenset[str]]:
    """Returns the import cycles among the files and packages directly below a package, including imports for types."""
    imports: dict[str, set[str]] = {}
    for module in modules().values():
        if entry := entry_below(parent, module.name):
            found = (entry_below(parent, other.name) for other in ours(module))
            imports.setdefault(entry, set()).update(other for other in found if other and other != entry)
    reached = {name: reachable(name, imports) for name in imports}
    circles = {frozenset(other for other in reached[name] if name in reached.get(other, ())) | {name} for name in imports}
    return [circle for circle in circles if len(circle) > 1]


def entry_below(parent: str, name: str) -> str:
    """Returns the entry of a package that a module is, or is in; empty if it is elsewhere."""
    return name.removeprefix(f"{parent}.").split(".")[0] if name.startswith(f"{parent}.") else ""


def reachable(name: str, imports: dict[str, set[str]]) -> set[str]:
    found, waiting = set(), [name]
    while waiting:
        fresh = imports.get(waiting.pop(), set()) - found
        found |= fresh
        waiting += fresh
    return found


def test_what_pages_need_is_known_to_pages_alone() -> None:
    breaches = [
        f"{module.name} imports {other.name}"
        for module in modules().values()
        for other in ours(module)
        if module.room and not module.is_of_pages and other.is_of_pages and other.name not in NO_PAGES
    ]
    assert not breaches, "a service gets values, not requests: pass in what it needs, or move this to a file such as views.py"


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stays_where_it_belongs(library: str) -> None:
    strangers = [
        module.name for module in modules().values() if library in libraries(module) and not module.is_in(*ONLY_IN[library])
    ]
    assert not strangers


@pytest.mark.parametrize("folder", NEVER_IN)
def test_a_folder_does_not_know_what_it_must_not(folder: str) -> None:
    inside = [module for module in modules().values() if module.is_in(folder)]
    assert not [(module.name, name) for module in inside for name in module.tops() if name in NEVER_IN[folder]]


def test_streaming_stands_alone() -> None:
    inside = [module for module in modules().values() if module.is_in("webapp.streaming")]
    assert not [(module.name, other.name) for module in inside for other in ours(module) if not other.is_in("webapp.streaming")]


def test_the_tables_name_nothing_that_is_not_there() -> None:
    uses = [(module, library) for module in modules().values() for library in libraries(module)]
    named = [(place, library) for library, places in ONLY_IN.items() for place in places]
    assert not [entry for entry in named if not any(module.is_in(entry[0]) and library == entry[1] for module, library in uses)]
    assert set(NO_PAGES) <= set(modules())


def test_a_pure_module_knows_the_standard_library_and_one_more() -> None:
    pure = [module for module in modules().values() if module.is_pure]
    assert not [(module.name, libraries(module)) for module in pure if len(libraries(module)) > 1]
    # The tests above check streaming/ for the same.
    others = [(module.name, other) for module in pure for other in ours(module) if not other.is_in("webapp.streaming")]
    assert not [(name, other.name) for name, other in others if not other.is_pure]


def test_a_service_knows_nothing_of_requests() -> None:
    below = [module for module in modules().values() if module.room and not module.is_of_pages]
    breaches = [(module.name, name) for module in below for name in module.imports if name in OF_A_REQUEST]
    assert not breaches, "pass in what it needs from the request, or move this to a file such as views.py"


@pytest.mark.slow
def test_only_config_reads_the_environment() -> None:
    assert [module.name for module in modules().values() if reads_environment(module)] == ["webapp.base.config"]


def reads_environment(module: Module) -> bool:
    attributes = {ast.unparse(node) for node in module.nodes if isinstance(node, ast.Attribute)}
    return bool((attributes | module.imports) & {"os.environ", "os.environb", "os.getenv"})


@pytest.mark.slow
def test_every_library_is_pinned_in_the_requirements() -> None:
    known = packages_distributions()
    for files, name in ((list(modules().values()), "requirements.txt"), (python_files(), "requirements-dev.txt")):
        # The interpreter of run_python is for those who install it.
        pinned = required(name) | required("requirements.txt") | required("requirements-python.txt")
        used = {library for module in files for library in libraries(module)}
        packages = {library: {package.lower().replace("_", "-") for package in known.get(library, [library])} for library in used}
        assert not {library: package for library, package in packages.items() if not package & pinned}, name


@pytest.mark.slow
def test_what_checks_plans_is_installed_with_the_server() -> None:
    known, locked = packages_distributions(), required("requirements.lock")
    packages = {library: {name.lower().replace("_", "-") for name in known[library]} for library in PARTS_OF_JSONSCHEMA}
    missing = [library for library, names in packages.items() if not names & locked]
    assert not missing, "it may be here for the tests alone: without them, every page of plans would be an error"


def test_functions_are_short() -> None:
    lengths = [length(function) for module in modules().values() for function in functions(module)]
    assert median(lengths) < 10


@pytest.mark.slow
def test_no_function_is_longer_than_sixty_lines() -> None:
    long = [
        (module.name, function.name, length(function))
        for module in python_files()
        for function in functions(module)
        if length(function) > 60
    ]
    assert not long


def test_no_file_is_longer_than_six_hundred_lines() -> None:
    assert not [(module.name, len(module.lines)) for module in python_files() if len(module.lines) > 600]


def test_every_module_begins_with_a_sentence() -> None:
    first = {module.name: module.docstring.split("\n\n")[0] for module in python_files() if module.lines}
    assert not [name for name, sentence in first.items() if not re.match(r"[^a-z\s].*[.:?]$", sentence, re.DOTALL)]


@pytest.mark.slow
def test_only_the_pump_its_save_and_supervise_swallow_everything() -> None:
    places = [(module.name, name) for module in modules().values() for name in broad_excepts(module)]
    assert not [place for place in places if place[0] != "webapp.streaming.run" and place[1] != "supervise"]
    assert len(places) <= 3


def broad_excepts(module: Module) -> list[str]:
    """Returns the innermost function around every `except` that catches everything without re-raising it."""
    around = {id(node): function.name for function in functions(module) for node in ast.walk(function)}
    return [around.get(id(node), "") for node in module.nodes if is_broad(node)]


def is_broad(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler) or (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None):
        return False
    return node.type is None or any(isinstance(part, ast.Name) and part.id in BROAD for part in ast.walk(node.type))


@pytest.mark.slow
def test_an_import_inside_a_function_says_why() -> None:
    silent = [
        f"{module.name}:{node.lineno}"
        for module in modules().values()
        for function in functions(module)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom) and "#" not in "".join(module.lines[node.lineno - 2 : node.lineno])
    ]
    assert not silent


@pytest.mark.slow
def test_a_local_value_is_named_by_its_noun() -> None:
    # `shown_message` is a `ShownMessage`.
    classes = class_names()
    breaches = [
        f"{module.path.relative_to(ROOT)}:{line}: {name}"
        for module in modules().values()
        for function in functions(module)
        for name, line in local_names(function)
        if PARTICIPLE.fullmatch(name) and name.removesuffix("s") not in classes
    ]
    assert not breaches, "say what it is, `model`, or how it differs from another one, `listed_model`, `model_id`"


def test_the_element_of_a_loop_has_its_noun() -> None:
    breaches = [
        f"{module.path.relative_to(ROOT)}:{number}"
        for module in python_files()
        for number, line in enumerate(module.lines, 1)
        if EACH.search(line)
    ]
    assert not breaches, "`for chat in chats`; if that name is taken, say how this one differs"


def class_names() -> set[str]:
    """Returns the names of all classes as a value of each would be called."""
    names = (node.name for module in modules().values() for node in module.nodes if isinstance(node, ast.ClassDef))
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in names}


def local_names(function: ast.FunctionDef) -> Iterator[tuple[str, int]]:
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


def test_no_module_fills_a_list_of_another_when_it_is_imported() -> None:
    breaches = [f"{module.name}:{line}" for module in python_files() if module.room for line in filled_elsewhere(module)]
    assert not breaches, "bring an object of a type in `Feature.brings`; the type's owner asks for all of them with `brought`"


def filled_elsewhere(module: Module) -> Iterator[int]:
    """Yields the lines of a module's own level that change a list, set or mapping which it has imported."""
    imports = (node for node in module.tree.body if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("webapp"))
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    for statement in module.tree.body:
        changed: ast.AST | None = None
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            call = statement.value.func
            changed = call.value if isinstance(call, ast.Attribute) and call.attr in FILLING else None
        elif isinstance(statement, ast.Assign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            changed = next((target for target in targets if isinstance(target, ast.Subscript | ast.Attribute)), None)
        while isinstance(changed, ast.Attribute | ast.Subscript):
            changed = changed.value
        if isinstance(changed, ast.Name) and changed.id in imported:
            yield statement.lineno


def test_the_name_of_a_class_means_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for module in modules().values():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module.name)
    shared = {name: names for name, names in places.items() if len(names) > 1}
    assert not shared, "say in the name of one what it is of: a reader meets names without their modules"


def test_an_alias_means_one_module_and_a_module_has_one_alias() -> None:
    targets: dict[str, set[str]] = {}
    aliases: dict[str, set[str]] = {}
    for module in python_files():
        for target, name in imported_modules(module):
            targets.setdefault(name, set()).add(target)
            if name != target.rpartition(".")[2]:
                aliases.setdefault(target, set()).add(name)
    shared = {name: targets[name] for names in aliases.values() for name in names if len(targets[name]) > 1}
    assert not shared, "import each under a name that tells its room, such as `from webapp.plans import queries as plan_queries`"
    several = {target: names for target, names in aliases.items() if len(names) > 1}
    assert not several, "import the module under the same alias everywhere"


def imported_modules(module: Module) -> Iterator[tuple[str, str]]:
    """Yields the modules of webapp that a module imports as a whole, each with its name there."""
    for node in module.nodes if module.name not in LISTS else ():
        for alias in node.names if isinstance(node, ast.ImportFrom) and not node.level else ():
            if (target := f"{node.module}.{alias.name}") in modules():
                yield target, alias.asname or alias.name


def test_templates_are_short_and_hold_no_inline_code() -> None:
    for path in ROOT.glob("templates/**/*.html"):
        text = path.read_text("utf-8")
        assert not INLINE.search(JINJA.sub("", text)), path
        assert len(text.splitlines()) <= 170, f"{path}: move a part of it to a fragment or a macro"


def test_templates_and_styles_have_no_wide_lines() -> None:
    wide = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/css/**/*.css"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if len(line) > 130
    ]
    assert not wide, "break long tags by attribute, and calls at their commas; `make fix` breaks styles"


def test_a_template_imports_the_macros_that_it_calls_and_no_others() -> None:
    # A fragment that relied on its page's imports would fail in another page, and after a tidying of the page.
    environment = Environment(extensions=["jinja2.ext.i18n"])
    trees = {path: environment.parse(path.read_text("utf-8")) for path in ROOT.glob("templates/**/*.html")}
    macros = {macro.name for tree in trees.values() for macro in tree.find_all(nodes.Macro)}
    for path, tree in trees.items():
        names = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
        called = {call.node.name for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name)} & macros
        imported = {name if isinstance(name, str) else name[1] for of in tree.find_all(nodes.FromImport) for name in of.names}
        bound = {node.name for node in tree.find_all((nodes.Macro, nodes.Name)) if getattr(node, "ctx", "") != "load"}
        assert not called - imported - bound, path
        assert not imported - names, path


def test_our_javascript_stays_small_and_readable() -> None:
    scripts = {path.name: path.read_text("utf-8").splitlines() for path in ROOT.glob("static/js/**/*.js")}
    assert sum(map(len, scripts.values())) <= 3_530
    assert not [name for name, lines in scripts.items() if len(lines) > 130]
    assert len(scripts["sw.js"]) <= 80, "a service worker runs before every page: what it does is read in one look"
    assert not [f"{name}: {line}" for name, lines in scripts.items() for line in lines if len(line) > 130]


def test_scripts_begin_again_with_each_page() -> None:
    # A page that is swapped in (visit.js) is not loaded: what a script does at the start of a page waits for this event.
    waiting = [path.name for path in ROOT.glob("static/js/**/*.js") if "DOMContentLoaded" in path.read_text("utf-8")]
    assert waiting == ["page.js"], "listen to `arrived` instead"


def test_every_script_has_a_test_in_a_browser_that_misses_it() -> None:
    assert set(NOTICED_BY) == {path.stem for path in ROOT.glob("static/js/**/*.js")}
    for test in NOTICED_BY.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / "browser" / file).read_text("utf-8"), test
