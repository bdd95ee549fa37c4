"""The interpreter of `run_python` is installed by a button, and what pip refuses is said."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.browser import Browser
from webapp.base.audit import COMMAND_LINE, AuditEntry
from webapp.base.db import db
from webapp.base.errors import Unavailable
from webapp.tools.built_in.python_install import install
from webapp.tools.built_in.run_python import unavailable


def test_what_is_installed_can_be_used_at_once(owner: Browser, member: Browser) -> None:
    """Here the packages are there already, so that pip needs no network."""
    assert owner.post("/admin/tools/python").location == "/admin/tools"
    assert owner.page("/admin/tools").says("Installed. Models can run Python now.")
    assert unavailable() == ""
    assert not owner.page("/admin/tools").says("Install Python")
    with owner.app.app_context():
        assert db.session.scalars(select(AuditEntry.action).where(AuditEntry.object_id == "run_python")).all() == [
            "installed the Python interpreter"
        ]
    assert member.post("/admin/tools/python").status_code in (403, 404)


@pytest.mark.parametrize(
    ("lines", "seconds", "words"),
    [
        ("--no-index\nno-such-package==1\n", 60, "no-such-package"),
        ("--no-index\nno-such-package==1\n", 0.01, "took longer"),
        ("-r nowhere.txt\n", 60, "nowhere.txt"),
    ],
    ids=["refused", "too slow", "unreadable"],
)
def test_what_goes_wrong_is_one_sentence(app: Flask, tmp_path: Path, lines: str, seconds: float, words: str) -> None:
    packages = tmp_path / "packages.txt"
    packages.write_text(lines)
    with app.app_context(), pytest.raises(Unavailable, match="couldn't be installed here") as refused:
        install(author=COMMAND_LINE, packages=packages, seconds=seconds)
    assert words in refused.value.message
    assert "make python-tool" in refused.value.message
