"""The routes of all blueprints, from a table that `flask prepare` writes: each blueprint is imported with its first request."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from flask import Blueprint, Flask

from webapp.base.config import ROOT
from webapp.base.current import PerApp
from webapp.base.fingerprint import fingerprint
from webapp.base.heavy.turns import give_way

# What the routes can depend on.
READ = ("webapp/**/*.py", "requirements.lock")


class RouteRow(NamedTuple):
    """The arguments of `add_url_rule` but the view."""

    rule: str
    endpoint: str
    options: dict[str, Any]


class Blueprints(NamedTuple):
    """The import paths of an application's blueprints, and those of them that are not imported yet, by name."""

    paths: Sequence[str]
    late: dict[str, str]


class BlueprintRow(NamedTuple):
    """A blueprint in the table: its name, its routes, and the names of its functions for templates, by what they are there."""

    name: str
    routes: list[RouteRow]
    functions: dict[str, list[str]]


# By import path. Without blueprints that add anything else to the application.
Table = Mapping[str, BlueprintRow]
BLUEPRINTS = PerApp[Blueprints]()


def register(app: Flask, paths: Sequence[str], data_dir: Path) -> None:
    """Registers these blueprints; imports only those of which the table in the data folder does not have the routes."""
    table, late = _read(data_dir), dict[str, str]()
    for path in paths:
        if path in table:
            entry = BlueprintRow(*table[path])
            late[entry.name] = path
            for rule, endpoint, options in entry.routes:
                app.add_url_rule(rule, endpoint, **options)
            for sort, names in entry.functions.items():
                getattr(app.jinja_env, sort).update({name: partial(_call, app, entry.name, sort, name) for name in names})
        else:
            app.register_blueprint(resolve_name(path))
    BLUEPRINTS.set(Blueprints(paths, late), app)
    app.url_value_preprocessor(lambda endpoint, _: _prepare(app, (endpoint or "").rpartition(".")[0]))


def import_all(app: Flask) -> Iterator[str]:
    """Imports one blueprint after the other, and yields their names, so that answers can go on in between."""
    for name in [*BLUEPRINTS.of(app).late]:
        _import(app, name)
        yield name


def write(app: Flask, data_dir: Path) -> None:
    """Writes the table, of the present files."""
    table = {path: entry for path in BLUEPRINTS.of(app).paths if (entry := _entry(resolve_name(path)))}
    _file(data_dir).write_text(json.dumps({"read": _what_was_read(), "table": table}), "utf-8")


def _prepare(app: Flask, name: str) -> None:
    if name in BLUEPRINTS.of(app).late:
        _import(app, name)
        # Importing, reading and drawing a first page in one piece is longer than a slow processor may hold others up.
        give_way()


def _import(app: Flask, name: str) -> None:
    if path := BLUEPRINTS.of(app).late.pop(name, None):
        blueprint: Blueprint = resolve_name(path)
        blueprint.register(cast(Flask, _OnlyViews(app)), {})


def _call(app: Flask, blueprint: str, sort: str, name: str, *values: Any, **options: Any) -> Any:
    """Calls a function for templates, which the blueprint puts into the place of this one."""
    _import(app, blueprint)
    return getattr(app.jinja_env, sort)[name](*values, **options)


def _read(data_dir: Path) -> Table:
    try:
        known = json.loads(_file(data_dir).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return cast(Table, known["table"]) if known["read"] == _what_was_read() else {}


def _file(data_dir: Path) -> Path:
    return data_dir / "compiled" / "routes.json"


def _what_was_read() -> str:
    return fingerprint(path for pattern in READ for path in sorted(ROOT.glob(pattern)))


def _entry(blueprint: Blueprint) -> BlueprintRow | None:
    recorder = _Recorder()
    state = blueprint.make_setup_state(cast(Flask, recorder), {}, first_registration=True)
    try:
        for call in blueprint.deferred_functions:
            call(state)
    except AttributeError:
        return None
    return BlueprintRow(blueprint.name, recorder.routes, {sort: [*names] for sort, names in vars(recorder.jinja_env).items()})


class _Recorder:
    """The application for a blueprint of which an entry is made; it has only what can be in one."""

    def __init__(self) -> None:
        self.routes: list[RouteRow] = []
        self.jinja_env = SimpleNamespace(globals={}, filters={}, tests={})

    def add_url_rule(self, rule: str, endpoint: str, _: object, **options: Any) -> None:
        self.routes.append(RouteRow(rule, endpoint, options))


class _OnlyViews:
    """The application for a blueprint whose routes it has already."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def add_url_rule(self, _: str, endpoint: str, view: Any, **__: Any) -> None:
        self._app.view_functions[endpoint] = view

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)
