"""A chat uses one of the team's prompts, and its answers state which version."""

import pytest

from tests.api.client import client_of
from tests.chat.conftest import asked, ended, until_settled
from tests.chat.library import FRIDAY, Library, given, turns
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.preferences import set_preferences
from webapp.prompts import queries, service
from webapp.prompts.tables import FIXED
from webapp.prompts.validation import SectionInput, VersionInput
from webapp.settings.service import set_setting

FACT = "I trade on Tuesdays."


@pytest.fixture
def publish(app, owner):
    """Publishes a version of the prompt with this key."""

    def publish(key: str, text: str, **more) -> int:
        with app.app_context():
            admin = db.session.get_one(User, owner.person_id)
            return service.publish(
                queries.prompt(admin, key),
                VersionInput(sections=[SectionInput(name="How", text=text)], **more),
                author=PersonAuthor(admin),
            )

    return publish


@pytest.mark.slow
def test_nothing_is_added_until_a_version_is_published_and_then_its_answers_say_so(app, owner, path, publish, fake):
    assert [turn["role"] for turn in asked(fake)[-1]["body"]["messages"]] == ["user"]
    assert "ersion 1 of" not in owner.page(path).all(".receipt")[-1].text()
    publish("quick", "Answer in rhymes.", temperature=0.25)
    publish("quick", "Answer in prose.")
    with app.app_context():
        admin = db.session.get_one(User, owner.person_id)
        service.choose(queries.prompt(admin, "quick"), FIXED, 2, author=PersonAuthor(admin))

    fake.says("Two")
    owner.post(f"{path}/messages", message="Second")
    page = owner.wait_for(path, ended)
    until_settled(app)

    body = asked(fake)[-1]["body"]
    assert body["messages"][0] == {"role": "system", "content": "Answer in rhymes."}
    assert body["temperature"] == 0.25
    assert "Version 2 of quick" in page.all(".receipt")[-1].text()
    # No experiment is running, so the chat's exposures are not queried.
    with owner.counting_statements() as statements:
        owner.post(f"{path}/messages", message="Third")
    assert not [statement for statement in statements if "exposures" in statement]


def test_the_assistant_has_prompts_of_its_own_and_says_which(app, owner, fake, publish):
    program = client_of(app, owner.email)
    fake.says("Well.")
    first = program.said("POST", "/api/ai/chat", 200, {"message": "Hello"})
    assert first["prompt"] == "version 1 of assistant"
    assert "assistant" in asked(fake)[-1]["body"]["messages"][0]["content"]

    publish("assistant.trading", "Look at the journal.")
    with app.app_context():
        set_setting("prompts.assistant_context", "trading")
    fake.says("Well.")
    second = program.said("POST", "/api/ai/chat", 200, {"message": "Hello"})
    assert second["prompt"] == "version 2 of assistant.trading"
    with app.app_context():
        keys = {chat.id: chat.prompt_key for chat in db.session.query(Chat)}
        assert (keys[first["session_id"]], keys[second["session_id"]]) == ("assistant", "assistant.trading")


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
    fake.until(lambda log: any("any other chat" in str(entry["body"]) for entry in log if entry["method"] == "POST"))
    assert told("When is the bearing oiled in any other chat?") == (True, False, False)


def test_a_collection_that_there_is_not_is_refused(app, owner):
    with app.app_context(), pytest.raises(Invalid, match="There is no collection"):
        set_setting("prompts.assistant_collections", "01nowhere")
