"""The routes come from a table, and each blueprint is imported with its first request; without a table, all are at the start."""

import json
from operator import attrgetter
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import KEYS
from webapp.app import create_app
from webapp.base.config import load
from webapp.web import routes

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


def test_a_function_for_templates_is_registered_with_its_first_call(folder: Path) -> None:
    app = application(folder)

    assert "shortcuts" in routes.BLUEPRINTS.of(app).late
    with app.test_request_context():
        shown = app.jinja_env.from_string("{{ key_table() | length }}").render()
    assert int(shown) > 0
    assert "shortcuts" in app.blueprints


@pytest.mark.parametrize("text", ["", json.dumps({"read": "other files", "table": {}})])
def test_a_table_of_other_files_is_not_used(text: str, tmp_path: Path) -> None:
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled" / "routes.json").write_text(text)

    assert not routes.BLUEPRINTS.of(application(tmp_path)).late
