"""The routes come from a table, and each blueprint is imported with its first request; without a table, all are at the start."""

import json
import os
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import gevent
import pytest
from flask import Flask

from tests.conftest import KEYS
from webapp.app import create_app
from webapp.base.config import ROOT, load
from webapp.web import routes

# Prints what is longer once all is imported: the tables, and all lists, sets and mappings in modules that were there before.
ADDED = """
import sys, wsgi
from webapp.base.db import db
from webapp.web.routes import BLUEPRINTS, import_all
assert len(BLUEPRINTS.of(wsgi.app).late) > 100
before = dict(sys.modules)
def lengths():
    values = [(f"{name}.{word}", value) for name, module in before.items() if name.startswith("webapp")
              for word, value in vars(module).items() if not word.startswith("__") and isinstance(value, (list, set, dict))]
    return {name: len(value) for name, value in [*values, ("tables", db.metadata.tables)]}
first = lengths()
for _ in import_all(wsgi.app):
    pass
for name, length in lengths().items():
    if first.get(name, length) != length:
        print(name)
"""
SEEN = attrgetter("rule", "endpoint", "methods", "defaults", "strict_slashes", "merge_slashes", "provide_automatic_options")


def application(folder: Path) -> Flask:
    return create_app(load({**KEYS, "DATA_DIR": str(folder)}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("routes")
    (folder / "compiled").mkdir()
    routes.write(application(folder), folder)
    return folder


def test_a_table_has_the_routes_of_the_blueprints(folder: Path, tmp_path: Path) -> None:
    late, early = application(folder), application(tmp_path)

    assert not routes.BLUEPRINTS.of(early).late
    assert len(routes.BLUEPRINTS.of(late).late) > 100
    assert [SEEN(rule) for rule in late.url_map.iter_rules()] == [SEEN(rule) for rule in early.url_map.iter_rules()]
    for sort in ("globals", "filters", "tests"):
        assert getattr(late.jinja_env, sort).keys() == getattr(early.jinja_env, sort).keys()
    for _ in routes.import_all(late):
        pass
    assert late.view_functions.keys() == early.view_functions.keys()
    assert late.blueprints.keys() == early.blueprints.keys()
    assert late.url_value_preprocessors.keys() == early.url_value_preprocessors.keys()


def test_a_blueprint_is_registered_with_its_first_request(folder: Path) -> None:
    app = application(folder)

    assert "docs" in routes.BLUEPRINTS.of(app).late
    for _ in range(2):
        assert app.test_client().options("/docs").status_code == 200
        assert "docs" in app.blueprints
    assert "docs" not in routes.BLUEPRINTS.of(app).late


def test_others_run_between_the_import_of_a_blueprint_and_its_view(folder: Path) -> None:
    app, others = application(folder), list[str]()

    for name in ("first", "second"):
        gevent.spawn(others.append, name)
        app.test_client().options("/docs")

    assert others == ["first"]


def test_a_function_for_templates_is_registered_with_its_first_call(folder: Path) -> None:
    app = application(folder)

    assert "shortcuts" in routes.BLUEPRINTS.of(app).late
    with app.test_request_context():
        shown = app.jinja_env.from_string("{{ key_table() | length }}").render()
    assert int(shown) > 0
    assert "shortcuts" in app.blueprints


@pytest.mark.slow
def test_what_comes_with_a_request_adds_nothing_that_others_count_on(folder: Path) -> None:
    """A table that is missing would not be moved to another database; a list that is shorter would leave out a step."""
    environ = {**os.environ, "DATA_DIR": str(folder)}
    asked = subprocess.run([sys.executable, "-c", ADDED], cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    # The API's own words, which its document reads after it has imported all of it.
    assert {line for line in asked.stdout.split() if "." in line or line == "tables"} == {
        "webapp.api.schemas.GRAMMARS",
        "webapp.api.responses.GRAMMARS",
    }


@pytest.mark.parametrize("text", ["", json.dumps({"read": "other files", "table": {}})])
def test_a_table_of_other_files_is_not_used(text: str, tmp_path: Path) -> None:
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled" / "routes.json").write_text(text)

    assert not routes.BLUEPRINTS.of(application(tmp_path)).late
