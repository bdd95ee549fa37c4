"""Writers that wait for a row lock leave connections to the lock's holder, which can need another to read."""

import gevent
import pytest
from flask import Flask

from tests.conftest import MakeApp
from webapp.base.db import db, write
from webapp.settings.service import set_setting
from webapp.settings.tables import ApplicationSetting

NAME = "trash.days"
AT_ONCE = 12
pytestmark = [pytest.mark.slow, pytest.mark.parametrize("backend", ["postgres"])]


def test_many_who_want_the_same_row_come_to_it_one_after_another(make_app: MakeApp) -> None:
    # So many workers that each gets only a few of the connections that PostgreSQL accepts.
    app = make_app(WEB_CONCURRENCY="20", REDIS_URL="redis://127.0.0.1:1/0")
    with app.app_context():
        set_setting(NAME, "0")

    with gevent.Timeout(60):
        gevent.joinall([gevent.spawn(add_one, app) for _ in range(AT_ONCE)], raise_error=True)

    with app.app_context():
        assert db.session.get_one(ApplicationSetting, NAME).value == str(AT_ONCE)


def add_one(app: Flask) -> None:
    with app.app_context(), write() as session:
        row = session.get_one(ApplicationSetting, NAME, with_for_update=True)
        # Settings and connections are read like this, on a second connection during the transaction.
        with db.engine.connect() as connection:
            connection.execute(db.text("SELECT 1"))
        row.value = str(int(row.value) + 1)
