"""Compiled templates are kept across restarts."""

import resource
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import KEYS
from webapp.app import create_app
from webapp.base.config import load
from webapp.web import templates


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    assert an_app(tmp_path).jinja_env.bytecode_cache is None
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_next_application_compiles_nothing_again(tmp_path: Path) -> None:
    templates.compile_all(an_app(tmp_path), tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "compiled").iterdir()}

    following = an_app(tmp_path)
    names = following.jinja_env.list_templates()
    for name in names:
        following.jinja_env.get_template(name)

    assert len(kept) == len(names)
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "compiled").iterdir()}


def test_a_page_needs_no_place_for_its_template(tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    folder.mkdir()
    app = an_app(tmp_path)
    folder.rmdir()

    assert app.jinja_env.get_template("errors/_toast.html")


def test_a_page_needs_no_room_for_its_template(tmp_path: Path) -> None:
    (tmp_path / "compiled").mkdir()
    app, (soft, hard) = an_app(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        assert app.jinja_env.get_template("errors/_toast.html")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list((tmp_path / "compiled").iterdir())


def an_app(folder: Path) -> Flask:
    return create_app(load({**KEYS, "DATA_DIR": str(folder)}))
