"""`make upgrade` and `make rollback`: from one folder to the one beside it, as people do who unpack archives."""

import fcntl
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from scripts import upgrade
from tests.docs.test_fresh_copy import Copy
from tests.support.person import Person
from tests.support.preparing import LINK, prepared_once
from tests.support.waiting import until
from webapp.base.database.revisions import revisions_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
NEXT = """
from alembic import op
import sqlalchemy as sa

revision = "9999"
down_revision = "{}"

def upgrade():
    op.add_column("chats", sa.Column("colour", sa.String(20)))

def downgrade():
    op.drop_column("chats", "colour")
"""


def made(copy: Copy, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=copy.folder, env=copy.environ, capture_output=True, text=True)


def refused(copy: Copy, old: str | Path) -> str:
    """Returns why an upgrade is refused; as `make upgrade` says it, without setting up first, which takes a core a second."""
    command = [".venv/bin/python", "-m", "scripts.upgrade", "upgrade", str(old)]
    done = subprocess.run(command, cwd=copy.folder, env=copy.environ, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    return done.stderr


def test_data_goes_to_the_new_version_and_back(tmp_path: Path) -> None:
    old, new = Copy(tmp_path / "millrace-1"), Copy(tmp_path / "millrace-2")
    versions = new.folder / "migrations" / "versions"
    (versions / "9999_colour.py").write_text(NEXT.format(revisions_of(new.folder)[-1]))
    (old.folder / ".env").write_text("LOG_FORMAT=text\n")
    # Already migrated, which a start would take long for; behind a link, as where a disk of its own holds it.
    shutil.copytree(prepared_once()[0], tmp_path / "disk")
    (old.folder / "data").symlink_to("../disk")
    old.start()
    link = LINK.search(old.log)
    assert link
    person = Person(old.url).become_owner(link[0])
    path = person.begin("Thank you")
    until(lambda: person.last_answer(path).status == "completed", "the demo has answered")

    running = made(new, "upgrade", f"FROM={old.folder}")
    assert (running.returncode, "Stop it first" in running.stderr) == (2, True)
    old.stop()
    done = made(new, "upgrade", f"FROM={old.folder}")
    assert done.returncode == 0, done.stderr
    # A link stays, and another leads to the same folder.
    assert (new.folder / "data").resolve() == (old.folder / "data").resolve() == tmp_path / "disk"
    assert (new.folder / ".env").read_text() == "LOG_FORMAT=text\n"
    assert list((new.folder / "data" / "backups").glob("before-millrace-2-*.sqlite3"))
    assert (columns(new), messages(new)) == (True, 2)

    back = made(new, "rollback", f"TO={old.folder}")
    assert back.returncode == 0, back.stderr
    assert (old.folder / "data").resolve() == tmp_path / "disk"
    assert (columns(old), messages(old)) == (False, 2)


def test_data_at_a_relative_path_is_taken_along_once_nothing_can_be_lost(tmp_path: Path) -> None:
    old, new = Copy(tmp_path / "old house"), Copy(tmp_path / "new" / "new house")
    assert "isn't the folder" in refused(new, "/")
    assert "There is no data" in refused(new, old.folder)
    shutil.copytree(prepared_once()[0], old.folder / "var" / "kept")
    (old.folder / ".env").write_text("DATA_DIR=var/kept\nFILES_DIR=sent\n")
    assert "FILES_DIR is a place inside" in refused(new, old.folder)
    (old.folder / ".env").write_text("DATA_DIR=../elsewhere\n")
    (old.folder / "var" / "kept").rename(tmp_path / "elsewhere")
    assert "would look in" in refused(new, old.folder)
    assert not (new.folder / ".env").exists()
    (tmp_path / "elsewhere").rename(old.folder / "var" / "kept")
    (old.folder / ".env").write_text("DATA_DIR=var/kept\n")
    (new.folder / "var" / "kept").mkdir(parents=True)
    assert "exists already" in refused(new, old.folder)
    shutil.rmtree(new.folder / "var")
    earlier = old.folder / "var" / "kept" / "backups" / "before-new house-20260101-120000.sqlite3"
    earlier.parent.mkdir(exist_ok=True)
    earlier.touch()

    done = made(new, "upgrade", f"FROM={old.folder}")

    assert done.returncode == 0, done.stderr
    assert (new.folder / "var" / "kept" / "millrace.sqlite3").is_file()
    assert not (old.folder / "var" / "kept").exists()
    # A second upgrade has a backup of its own: much can have been written since the first.
    assert len(list((new.folder / "var" / "kept" / "backups").glob("before-new house-*.sqlite3"))) == 2
    assert not (new.folder / "data").exists()


@pytest.mark.parametrize("lock", ["server.lock", "workers/one"])
def test_a_running_server_is_noticed_by_its_locks(tmp_path: Path, lock: str) -> None:
    file = tmp_path / lock
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as held:
        upgrade.refuse_running(tmp_path)
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(upgrade.Refusal, match="Stop it first"):
            upgrade.refuse_running(tmp_path)


def columns(copy: Copy) -> bool:
    with closing(sqlite3.connect(copy.folder / "data" / "millrace.sqlite3")) as database:
        return any(row[1] == "colour" for row in database.execute("PRAGMA table_info(chats)"))


def messages(copy: Copy) -> int:
    return int(*copy.row("SELECT count(*) FROM messages"))
