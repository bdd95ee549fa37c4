"""A copy that is made while another process writes is a consistent snapshot."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from tests.cli.test_cli import commands, said
from tests.moving import writer
from tests.moving.filled import fill
from tests.support.waiting import until
from webapp.base.config import ROOT
from webapp.base.db import db, write
from webapp.people.accounts.tables import User

pytestmark = pytest.mark.slow
COUNTED = (
    "SELECT name, (SELECT count(*) FROM chats WHERE id LIKE 'w%'), (SELECT count(*) FROM messages WHERE id LIKE 'w%')"
    " FROM users WHERE id = 'counter'"
)


def test_a_file_of_sqlite(app, tmp_path):
    with somebody_writing(app) as has_written:
        for number in range(3):
            said(commands(app)("backup", str(tmp_path / f"{number}.sqlite3")))
            has_written(counted(f"sqlite:///{tmp_path / f'{number}.sqlite3'}"))


@pytest.mark.deep
def test_from_sqlite_into_postgres(app, new_database):
    with somebody_writing(app) as has_written:
        address = new_database()
        said(commands(app)("backup", address))
        has_written(counted(address))


@pytest.mark.parametrize("backend", ["postgres"])
def test_from_postgres_into_a_file(app, tmp_path):
    with somebody_writing(app) as has_written:
        said(commands(app)("backup", str(tmp_path / "copy.sqlite3")))
        has_written(counted(f"sqlite:///{tmp_path / 'copy.sqlite3'}"))


@contextmanager
def somebody_writing(app) -> Iterator[Callable[[int], None]]:
    """Yields a function that waits until the writer has written more than this number, which was counted in a copy."""
    address = app.config["SQLALCHEMY_DATABASE_URI"]
    with app.app_context():
        fill()
        with write() as session:
            session.add(User(id="counter", email="counter@example.org", name="0", role="member", password_hash=""))
        db.session.rollback()
    command = [sys.executable, "-m", "tests.moving.writer", address]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:

        def has_written(number: int) -> None:
            until(lambda: process.poll() is not None or counted(address) > number, "more is written")
            assert process.poll() is None

        try:
            has_written(0)
            yield has_written
        finally:
            process.communicate()
    assert process.returncode == 0


def counted(address: str) -> int:
    """Returns how much the writer has written; asserts that all three tables agree."""
    with closing(writer.connected(address)) as connection:
        name, chats, messages = connection.execute(COUNTED).fetchone()
    assert int(name) == chats == messages
    return chats
