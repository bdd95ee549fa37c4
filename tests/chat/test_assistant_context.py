"""What models are sent in chats of the assistant API: facts, collections and history, each with its own switch."""

import pytest

from tests.api.client import client_of
from tests.chat.library import FRIDAY, Library, given, turns
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.people.accounts.tables import User
from webapp.people.preferences import set_preferences
from webapp.settings.service import set_setting

FACT = "I trade on Tuesdays."


@pytest.mark.slow
def test_each_part_of_what_the_assistant_is_told_has_its_switch(app, owner, member, fake):
    id = Library(app, owner).collection(("Pumps", [FRIDAY]))
    with app.app_context():
        set_preferences(db.session.get_one(User, owner.person_id), default_model="", instructions=FACT)
        set_setting("prompts.assistant_collections", id)
        set_setting("models.titles", "off")
    program, other = client_of(app, owner.email), client_of(app, member.email)

    def asked(question: str, session: str = "", by=program) -> str:
        fake.says("Well.")
        body = {"message": question} | ({"session_id": session} if session else {})
        answer: str = by.said("POST", "/api/ai/chat", 200, body)["session_id"]
        return answer

    def told(question: str) -> tuple[bool, bool, bool]:
        """Returns whether the facts, the collection and an earlier question were sent with this question."""
        words = " ".join(content for _, content in turns(fake, question))
        return FACT in words, FRIDAY in given(fake, question), "first question about" in words

    session = asked("My first question about the bearing of the pump")
    assert told("My first question about the bearing of the pump") == (True, True, True)
    asked("And when is the bearing oiled?", session)
    assert told("And when is the bearing oiled?") == (True, True, True)

    for name, expected in (
        ("facts", (False, True, True)),
        ("history", (True, True, False)),
        ("collections", (True, False, True)),
    ):
        with app.app_context():
            set_setting(f"prompts.assistant_{name}", "" if name == "collections" else "false")
        question = f"Without {name}: when is the bearing of the pump oiled?"
        asked(question, session)
        assert told(question) == expected, name
        with app.app_context():
            set_setting(f"prompts.assistant_{name}", id if name == "collections" else "true")

    # No caller gets sources they can't read, and no other chat is affected.
    asked("When does a stranger oil the bearing of the pump?", by=other)
    assert told("When does a stranger oil the bearing of the pump?")[1] is False
    with app.app_context():
        set_setting("prompts.assistant_facts", "false")
    program.said("POST", "/chats", 201, {"message": "When is the bearing oiled in any other chat?"})
    fake.until(lambda log: any("any other chat" in str(each["body"]) for each in log if each["method"] == "POST"))
    assert told("When is the bearing oiled in any other chat?") == (True, False, False)


def test_a_collection_that_there_is_not_is_refused(app, owner):
    with app.app_context(), pytest.raises(Invalid, match="There is no collection"):
        set_setting("prompts.assistant_collections", "01nowhere")
