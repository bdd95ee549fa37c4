"""`make upgrade` and `make rollback`: from one folder to the one beside it, as people do who unpack archives."""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.docs.test_fresh_copy import Copy
from tests.support.person import Person
from tests.support.preparing import LINK
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
NEXT = """
from alembic import op
import sqlalchemy as sa

revision, down_revision = "9999", "{}"

def upgrade():
    op.add_column("chats", sa.Column("colour", sa.String(20)))

def downgrade():
    op.drop_column("chats", "colour")
"""


def made(copy: Copy, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=copy.folder, env=copy.environ, capture_output=True, text=True)


def test_data_goes_to_the_new_version_and_back(tmp_path: Path) -> None:
    old, new = Copy(tmp_path / "millrace-1"), Copy(tmp_path / "millrace-2")
    versions = new.folder / "migrations" / "versions"
    newest = max(each.name[:4] for each in versions.glob("[0-9]*.py"))
    (versions / "9999_colour.py").write_text(NEXT.format(newest))
    (old.folder / ".env").write_text("LOG_FORMAT=text\n")
    old.start()
    link = LINK.search(old.log)
    assert link
    person = Person(old.url).become_owner(link[0])
    path = person.begin("Thank you")
    until(lambda: person.last_answer(path).status == "completed", "the demo has answered")

    refused = made(new, "upgrade", f"FROM={old.folder}")
    assert (refused.returncode, "Stop it first" in refused.stderr) == (2, True)
    old.stop()
    done = made(new, "upgrade", f"FROM={old.folder}")
    assert done.returncode == 0, done.stderr
    assert not (old.folder / "data").exists()
    assert (new.folder / ".env").read_text() == "LOG_FORMAT=text\n"
    assert list((new.folder / "data" / "backups").glob("before-millrace-2.sqlite3"))
    assert (columns(new), messages(new)) == (True, 2)
    again = made(new, "upgrade", f"FROM={old.folder}")
    assert "There is no data" in again.stderr

    back = made(new, "rollback", f"TO={old.folder}")
    assert back.returncode == 0, back.stderr
    assert not (new.folder / "data").exists()
    assert (columns(old), messages(old)) == (False, 2)

    shutil.copytree(old.folder / "data", new.folder / "data")
    assert "exists already" in made(new, "upgrade", f"FROM={old.folder}").stderr
    assert "isn't the folder" in made(new, "upgrade", "FROM=/").stderr


def columns(copy: Copy) -> bool:
    with closing(sqlite3.connect(copy.folder / "data" / "millrace.sqlite3")) as database:
        return any(row[1] == "colour" for row in database.execute("PRAGMA table_info(chats)"))


def messages(copy: Copy) -> int:
    return int(*copy.row("SELECT count(*) FROM messages"))
