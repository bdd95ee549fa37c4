"""`make upgrade` and `make rollback`: from one folder to the one beside it, as people do who unpack archives."""

import fcntl
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from scripts import upgrade
from tests.docs.test_fresh_copy import Copy
from tests.support.person import Person
from tests.support.preparing import LINK, environ_of, flask, prepared_once
from tests.support.waiting import until
from webapp.base.database.revisions import known_revisions, revisions_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
NEXT = """
from alembic import op
import sqlalchemy as sa

revision = "{}"
down_revision = "{}"

def upgrade():
    op.add_column("chats", sa.Column("colour", sa.String(20)))

def downgrade():
    op.drop_column("chats", "colour")
"""
# Of a small stand-in for a release: its upgrade and rollback move the data, and only say that they have migrated the database.
MAKEFILE = """
upgrade:
	mv "$(FROM)/data" data
	.venv/bin/flask stamp {last}

rollback:
	.venv/bin/flask stamp {first}
	mv data "$(TO)/data"
"""
FLASK = f"""#!{sys.executable}
import shutil, sqlite3, sys

if sys.argv[1] == "backup":
    shutil.copy("data/millrace.sqlite3", sys.argv[2])
else:
    with sqlite3.connect("data/millrace.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = ?", sys.argv[2:])
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
    (versions / "9999_colour.py").write_text(NEXT.format("9999", revisions_of(new.folder)[-1]))
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


@pytest.mark.timeout(480)
def test_a_version_that_is_too_old_goes_there_and_back_by_way_of_the_base_release(tmp_path: Path) -> None:
    old, new = installation(tmp_path / "millrace-1.2.0", "0014"), Copy(tmp_path / "millrace-2.0.0")
    shutil.copytree(prepared_once()[0], old / "data")
    set_schema(old, "0014")
    # A later release of that number can have the base already, and then is no help.
    installation(tmp_path / "millrace-1.5.4", "0320")
    before = (old / "data" / "millrace.sqlite3").read_bytes()

    told = refused(new, old)

    assert f"millrace-1.5.*.tar.gz from where you got this version, put it into {tmp_path}" in told
    assert (old / "data" / "millrace.sqlite3").read_bytes() == before
    assert not (new.folder / "data").exists()
    pack(installation(tmp_path / "millrace-1.5.3", "0014", "0320"))
    done = made(new, "upgrade", f"FROM={old}")
    assert done.returncode == 0, done.stderr
    assert schema(new.folder) == known_revisions()[-1]
    assert list((new.folder / "data" / "backups").glob("before-millrace-2.0.0-*.sqlite3"))

    back = made(new, "rollback", f"TO={old}")
    assert back.returncode == 0, back.stderr
    assert schema(old) == "0014"
    assert not (new.folder / "data").exists()


def installation(folder: Path, *revisions: str) -> Path:
    """Makes a stand-in for a release with these migrations."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    for revision, before in zip(revisions, ("None", *revisions), strict=False):
        (versions / f"{revision}_step.py").write_text(f"revision = {revision!r}\ndown_revision = {before!r}\n")
    (folder / "wsgi.py").touch()
    (folder / "Makefile").write_text(MAKEFILE.format(first=revisions[0], last=revisions[-1]))
    (folder / ".venv" / "bin").mkdir(parents=True)
    flask = folder / ".venv" / "bin" / "flask"
    flask.write_text(FLASK)
    flask.chmod(0o755)
    return folder


def pack(folder: Path) -> None:
    shutil.make_archive(str(folder), "gztar", folder.parent, folder.name)
    shutil.rmtree(folder)


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_all_of_that_happens_to_a_real_database(tmp_path: Path) -> None:
    old, between, new = (Copy(tmp_path / name) for name in ("millrace-1.2.0", "millrace-1.5.3", "millrace-2.0.0"))
    for copy in (old, between):
        (base, *later) = sorted((copy.folder / "migrations" / "versions").glob("[0-9]*_*.py"))
        for file in later:
            file.unlink()
        base.with_name("0319_old.py").write_text(base.read_text().replace('"0320"', '"0319"'))
        base.unlink()
    (between.folder / "migrations" / "versions" / "0320_colour.py").write_text(NEXT.format("0320", "0319"))
    pack(between.folder)
    shutil.copytree(prepared_once()[0], old.folder / "data")
    set_schema(old.folder, "0319")

    done = made(new, "upgrade", f"FROM={old.folder}")
    assert done.returncode == 0, done.stderr
    assert (columns(new), schema(new.folder)) == (True, known_revisions()[-1])
    back = made(new, "rollback", f"TO={old.folder}")
    assert back.returncode == 0, back.stderr
    assert (columns(old), schema(old.folder)) == (False, "0319")


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


def schema(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "data" / "millrace.sqlite3")) as database:
        return database.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def set_schema(folder: Path, revision: str) -> None:
    """Makes a prepared database one of the base, called by another number."""
    flask(environ_of(folder / "data", 0), "db", "downgrade", known_revisions()[0])
    with closing(sqlite3.connect(folder / "data" / "millrace.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
        database.commit()


def messages(copy: Copy) -> int:
    return int(*copy.row("SELECT count(*) FROM messages"))
