"""Every field of a chat makes each round trip: through its form, through the API, and into a copy."""

from typing import Any

import pytest

from webapp.api.native.chats import ChatAnswer, ChatChange
from webapp.base.db import db, write
from webapp.characters.tables import Character
from webapp.chat.messages.fork import fork
from webapp.chat.record.fields import FIELDS, ChatField, values_of
from webapp.chat.record.tables import Chat, Message

NUMBERS = [field for field in FIELDS if field.kind is not str]


def value_for(field: ChatField) -> Any:
    if field.choices:
        return list(field.choices)[-1]
    return f"Say {field.name}." if field.kind is str else field.kind(field.most * 0.3)


WANTED = {field.name: value_for(field) for field in FIELDS}


@pytest.fixture
def chat(owner) -> str:
    with owner.app.app_context(), write() as session:
        # Only a chat with a character has all fields in its form.
        session.add(Character(id="k", owner_id=owner.person_id, name="Mara"))
        session.flush()
        session.add(Chat(id="c", owner_id=owner.person_id, model="m", character_id="k"))
        session.flush()
        session.add(Message(id="m1", chat_id="c", role="user", content="Why?"))
    return "/chats/c/prompts"


def kept(owner, id: str = "c") -> dict[str, Any]:
    with owner.app.app_context():
        return values_of(db.session.get_one(Chat, id))


def shown(page, field: ChatField) -> Any:
    if field.choices:
        return page.one(f"#{field.element} option[selected]").attributes["value"]
    return page.textbox(field.label).value


def test_the_form_takes_each_and_shows_it_again(owner, chat):
    owner.submit(chat, **{name: str(value) for name, value in WANTED.items()})

    assert kept(owner) == WANTED
    page = owner.page(chat)
    assert {field.name: shown(page, field) for field in FIELDS} == {name: str(value) for name, value in WANTED.items()}


def test_nothing_is_nothing_in_the_form(owner, chat):
    owner.submit(chat, **dict.fromkeys(WANTED, ""))

    assert kept(owner) == {field.name: "" if field.kind is str else None for field in FIELDS}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_a_number_out_of_bounds_is_refused_in_place(owner, chat, field):
    page = owner.submit(chat, **{field.name: str(int(field.most) + 1)})

    assert (page.status_code, field.refusal in page.error_at(field.label)) == (422, True)


def test_its_owner_takes_them_along_into_a_copy_and_nobody_else(owner, member, chat):
    owner.submit(chat, **{name: str(value) for name, value in WANTED.items()})
    with owner.app.app_context():
        message = db.session.get_one(Message, "m1")
        own, others = fork(message, owner_id=owner.person_id), fork(message, owner_id=member.person_id)

    assert kept(owner, own) == WANTED
    assert not set(WANTED.values()) & set(kept(owner, others).values())


def test_the_api_tells_and_changes_each():
    assert WANTED.keys() <= ChatAnswer.model_fields.keys() & ChatChange.model_fields.keys()
    assert ChatChange.model_validate(WANTED).model_dump(exclude_unset=True) == WANTED
