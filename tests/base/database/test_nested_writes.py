"""One write transaction at a time per greenlet: a nested one raises, because it would roll the outer one back."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.support.marks import on_both_databases
from webapp.base.db import db, write
from webapp.settings.service import set_setting, setting
from webapp.settings.tables import ApplicationSetting


@on_both_databases
def test_a_write_inside_a_write_raises_and_undoes_both(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(RuntimeError, match="inside"), write() as session:
            store_nested(session)

        assert not db.session.query(ApplicationSetting).count()
        set_setting("trash.days", "7")
        assert setting("trash.days") == 7


@on_both_databases
def test_a_service_called_inside_a_write_raises_too(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(RuntimeError, match="inside"), write(), app.app_context():
            set_setting("trash.days", "7")

        set_setting("trash.days", "8")
        assert setting("trash.days") == 8


def store_nested(session: Session) -> None:
    session.add(ApplicationSetting(key="outer", value="1"))
    set_setting("trash.days", "7")
