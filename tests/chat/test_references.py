"""References to files in messages: thousands of them are cheap, even if none of the files exists."""

import pytest
from sqlalchemy import func, select

from tests.chat.conftest import id_of
from tests.chat.test_chats import add_thread
from tests.support.speed import takes_at_most
from tests.support.steps import steps_on_the_loop
from webapp.base.db import db, utc_now, write
from webapp.chat import erasing
from webapp.chat.files import reference, storage
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.record.tables import Chat, Message


def test_files_are_found_wherever_they_stand_and_among_any_brackets():
    id, other = "1" * 26, "2" * 26
    named = [f"See ![a](/files/{id}) and [](/files/{other}).", f"[a[b](/files/{id}) [{'n' * 120}](/files/{other})"]
    assert [reference.ids_in([text]) for text in named] == [{id, other}] * 2
    unnamed = ["a", "[a]b", "[a\nb", f"[{'n' * 121}"]
    assert reference.ids_in([f"{text}](/files/{id})" for text in unnamed] + [f"[a](/files/{id}"]) == set()


def test_brackets_that_name_nothing_take_no_time():
    # It used to take ten seconds.
    with takes_at_most(5):
        assert reference.ids_in(["[" * 195_000 + "](/files/"] * 40) == set()


def test_a_message_that_names_many_files_that_there_are_not_is_deleted_as_quickly(app, owner):
    path = add_thread(owner, 200)
    names = "".join(f"[a](/files/{number:026})" for number in range(1_000))
    with app.app_context():
        with write() as session:
            last = session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()
            last.content, last.deleted_at = names, utc_now()
            session.get_one(Chat, path.rpartition("/")[2]).head_id = last.parent_id
        with steps_on_the_loop(app) as steps:
            erasing.erase_branches(Message.deleted_at.is_not(None))
        assert db.session.scalar(select(func.count(Message.id))) == 199
    # It used to take as many for each of the names.
    assert steps.count < 100_000


@pytest.mark.slow
def test_of_very_many_names_those_that_are_there_are_found(app, owner):
    id, person_id = id_of(add_thread(owner, 1)), owner.person_id
    with app.app_context():
        with write() as session:
            stored = StoredFile(owner_id=person_id, name="a.png", kind="image", media_type="image/png", hash="1" * 64, bytes=1)
            session.add(stored)
            session.flush()
            session.add(ChatFile(chat_id=id, file_id=stored.id))
            there = stored.id
        # More than a database accepts as parameters of one statement.
        many = {f"{number:026}" for number in range(300_000)}
        assert list(storage.in_chat(id, {*many, there})) == [there]
        assert list(storage.in_chat(id, [there, "0" * 26])) == [there]
        assert storage.in_chat(id, many) == {}
