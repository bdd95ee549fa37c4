"""A chat uses one of the team's prompts, and its answers state which version."""

import pytest

from tests.api.client import client_of
from tests.chat.conftest import asked, ended, until_settled
from webapp.base.db import db
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import User
from webapp.prompts import queries, service
from webapp.prompts.tables import FIXED
from webapp.prompts.template import Part
from webapp.prompts.validation import VersionInput
from webapp.settings.service import set_setting


@pytest.fixture
def publish(app, owner):
    """Publishes a version of the prompt with this key."""

    def publish(key: str, text: str, **more) -> int:
        with app.app_context():
            admin = db.session.get_one(User, owner.person_id)
            return service.publish(
                queries.prompt(admin, key), VersionInput([Part("How", text)], **more), by=admin, who={"actor": admin}
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
        service.choose(queries.prompt(admin, "quick"), FIXED, 2, by=admin, who={"actor": admin})

    fake.says("Two")
    owner.submit(path, message="Second")
    page = owner.wait_for(path, ended)
    until_settled(app)

    body = asked(fake)[-1]["body"]
    assert body["messages"][0] == {"role": "system", "content": "Answer in rhymes."}
    assert body["temperature"] == 0.25
    assert "Version 2 of quick" in page.all(".receipt")[-1].text()
    # No experiment is running, so the chat's exposures are not queried.
    with owner.counting_statements() as statements:
        owner.post(f"{path}/messages", message="Third")
    assert not [each for each in statements if "exposures" in each]


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
