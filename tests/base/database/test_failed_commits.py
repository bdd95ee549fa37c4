"""What a commit that failed leaves behind: the connection it gives back has no transaction open."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask import Flask
from sqlalchemy import Connection, event, insert, text
from sqlalchemy.exc import OperationalError

from tests.support.marks import on_both_databases
from webapp.base.db import autocommit_connection, db, is_sqlite, write, write_rows
from webapp.settings.tables import ApplicationSetting


@on_both_databases
@pytest.mark.parametrize("writing", [write, write_rows])
def test_the_connection_can_be_used_for_anything(app: Flask, writing: Callable[[], AbstractContextManager]) -> None:
    def fail(_: Connection) -> None:
        raise OperationalError("injected", {}, Exception("injected"))

    with app.app_context():
        db.engine.dispose()
        event.listen(db.engine, "commit", fail)
        with pytest.raises(OperationalError), writing() as rows:
            rows.execute(insert(ApplicationSetting).values(key="one", value="1"))
        event.remove(db.engine, "commit", fail)

        with db.engine.connect() if is_sqlite() else autocommit_connection() as connection:
            assert not connection.scalar(text("SELECT count(*) FROM application_settings"))
