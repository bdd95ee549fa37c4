"""A whole database is copied into one of the other kind and back, and every row is equal."""

import subprocess
import sys

import pytest
from sqlalchemy import insert, select

from tests.cli.test_cli import commands, said
from tests.conftest import KEYS
from tests.knowledge.placing import place
from tests.moving.filled import fill, rows_of
from tests.support.people import user_with_password
from tests.support.preparing import environ_of
from webapp.base.audit import COMMAND_LINE
from webapp.base.config import ROOT
from webapp.base.current import CONFIG
from webapp.base.db import db, write
from webapp.chat.record.tables import Chat, Message
from webapp.knowledge.search import ranking
from webapp.knowledge.tables import Collection, DocumentPart, Passage
from webapp.models.connections import service as connections
from webapp.models.connections.effective import live_connection
from webapp.models.connections.service import ConnectionInput
from webapp.people.accounts.tables import User
from webapp.workspace.list.search import search

pytestmark = pytest.mark.slow
PEAK = """
try:
    runpy.run_module("flask", run_name="__main__")
except SystemExit:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_every_row_of_every_table_arrives_and_comes_back(app, new_database, flask_on, tmp_path):
    there_and_back(app, new_database(), flask_on, tmp_path)


@pytest.mark.deep
def test_a_house_of_ten_thousand_messages_moves_and_comes_back(app, new_database, flask_on, tmp_path):
    there_and_back(app, new_database(), flask_on, tmp_path, messages=10_000, chats=200, generations=5_000)


def there_and_back(app, address, flask_on, folder, **more):
    with app.app_context():
        fill(**more)
    original = rows_of(folder / "millrace.sqlite3")
    assert all(found for name, found in original.items() if name != "passage_terms")

    told = said(commands(app)("backup", address))
    assert "All were read again and are equal." in told
    assert without_index(rows_of(address)) == without_index(original)
    flask_on(address, "backup", str(folder / "back.sqlite3"))
    assert rows_of(folder / "back.sqlite3") == original
    assert sum(map(len, original.values())) == int(told.split()[1].replace(",", ""))


def without_index(rows):
    return {name: found for name, found in rows.items() if name != "passage_terms"}


def test_what_was_found_is_found_again_and_new_rows_have_numbers_of_their_own(
    app, make_bare_app, new_database, flask_on, tmp_path
):
    furnish(app)
    address, file = new_database(), tmp_path / "back.sqlite3"
    said(commands(app)("backup", address))
    flask_on(address, "backup", str(file))

    again = new_database()
    flask_on(again, "restore", str(file))
    # Except for the time of the last backup.
    assert rows_of(again) | {"application_settings": []} == rows_of(address) | {"application_settings": []}
    for url in (address, f"sqlite:///{file}"):
        with make_bare_app(DATABASE_URL=url).app_context():
            assert found_everywhere() == ["Oil the bearing every Friday.", "Which boilers are there?"]
            with write() as session:
                newest = session.scalar(select(db.func.max(Passage.row)))
                place(session, session.scalars(select(Collection)).one(), "New", ["Another word."])
                assert session.scalar(select(db.func.max(Passage.row))) > newest


def test_secrets_can_be_read_and_files_come_along(app, make_bare_app, new_database, tmp_path):
    with app.app_context():
        slug = connections.create(
            "openai",
            ConnectionInput(name="Ours", base_url="http://127.0.0.1:9/v1", key="sk-ours-000000002222"),
            author=COMMAND_LINE,
        )
    picture = CONFIG.of(app).files_dir / "ab" / ("ab" * 32)
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    address, beside = new_database(), tmp_path / "elsewhere"

    assert f"1 file copied to {beside}" in said(commands(app)("backup", address, "--files", str(beside)))
    assert (beside / "ab" / picture.name).read_bytes() == b"a picture"
    moved = make_bare_app(DATABASE_URL=address, FILES_DIR=str(beside))
    with moved.app_context():
        assert live_connection(slug).key.text == "sk-ours-000000002222"

    said(commands(moved)("backup", str(tmp_path / "back.sqlite3")))
    assert (tmp_path / "back.sqlite3.files" / "ab" / picture.name).read_bytes() == b"a picture"


def furnish(app) -> None:
    with app.app_context():
        person = user_with_password("owner@example.org", "owner").id
        with write() as session:
            collection = Collection(owner_id=person, name="Papers")
            session.add(collection)
            session.flush()
            place(session, collection, "The pump", ["Oil the bearing every Friday.", "水車 turn slowly."])
            chat = Chat(owner_id=person, title="The boiler", model="demo/quick")
            session.add(chat)
            session.flush()
            session.execute(insert(Message), [{"chat_id": chat.id, "role": "user", "content": "Which boilers are there?"}])


def found_everywhere() -> list[str]:
    owner = db.session.scalars(select(User)).one()
    passages = [hit.passage.text for hit in ranking.search(owner, "bearings", seconds=60)]
    messages = [hit.message_id for hit in search(owner.id, "boilers").hits]
    return [*passages, *db.session.scalars(select(Message.content).where(Message.id.in_(messages)))]


@pytest.mark.deep
def test_memory_does_not_grow_with_what_is_copied(app, new_database, tmp_path):
    with app.app_context():
        fill(2)
    small = peak_megabytes(tmp_path, new_database())
    with app.app_context():
        document = db.session.scalars(select(DocumentPart.document_id).limit(1)).one()
        for number in range(100, 300):
            with write() as session:
                part = {"document_id": document, "number": number, "content": bytes([number % 256]) * 1_000_000}
                session.execute(insert(DocumentPart), [part])

    assert peak_megabytes(tmp_path, new_database()) - small < 100


def peak_megabytes(folder, address) -> int:
    """Returns the peak memory of a command."""
    script = f"import resource, runpy, sys; sys.argv = ['flask', 'backup', {address!r}]\n{PEAK}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environ_of(folder, 0) | KEYS, capture_output=True, text=True
    )
    assert "are equal" in done.stdout, done.stderr
    return int(done.stdout.splitlines()[-1]) // 1024
