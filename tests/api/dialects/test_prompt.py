"""In a roleplay chat the model receives the documented prompt in every dialect, streamed or not."""

import pytest

from tests.api.dialects.conftest import asked
from webapp.base.db import write
from webapp.characters.tables import Character, Persona
from webapp.chat.record.tables import Chat
from webapp.people.accounts import queries as account_queries

SYSTEM = "Pre-prompt.\n---\nBe a miller.\n---\nA miller of few words.\n---\nA curious child."


@pytest.fixture
def new_chat(app, program):
    """A function that creates chats with a character, a persona and custom prompts."""

    def make() -> str:
        with app.app_context():
            user = account_queries.user_by_email("member@example.org")
            assert user
            with write() as session:
                character = Character(owner_id=user.id, name="Miller", description="A miller of few words.")
                persona = Persona(owner_id=user.id, name="Me", description="A curious child.")
                session.add_all([character, persona])
                session.flush()
                chat = Chat(
                    owner_id=user.id, kind="roleplay", model="some/model", character_id=character.id, persona_id=persona.id
                )
                chat.pre_prompt, chat.system_prompt, chat.post_prompt = "Pre-prompt.", "Be a miller.", "Stay in character."
                session.add(chat)
                session.flush()
                return chat.id

    return make


def test_the_prompt_is_the_documented_one_byte_for_byte(program, new_chat, fake):
    fake.says("The wheel turns.")
    ways = (
        lambda chat, text: program.streamed("/api/messages/addUserMessageStreamingMode", chatSessionId=chat, message=text),
        lambda chat, text: program.streamed("/api/chat/stream", chatId=chat, message=text),
        lambda chat, text: program.post("/api/chat", chatId=chat, message=text),
        lambda chat, text: program.streamed(f"/threads/{chat}/messages/stream", content=text),
        lambda chat, text: program.post(f"/chat/threads/{chat}/messages", content=text),
        lambda chat, text: program.streamed("/ai/chat/stream", session_id=chat, message=text),
        lambda chat, text: program.post("/ai/chat", session_id=chat, message=text),
    )
    for say in ways:
        chat = new_chat()
        say(chat, "Who are you?")
        say(chat, "And the river?")

    bodies = [entry["body"] for entry in asked(fake)]
    assert len(bodies) == 14
    assert bodies[1]["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "content": "The wheel turns."},
        {"role": "system", "content": "Stay in character."},
        {"role": "user", "content": "And the river?"},
    ]
    assert all(body == bodies[0] for body in bodies[::2])
    assert all(body == bodies[1] for body in bodies[1::2])
