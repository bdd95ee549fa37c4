"""Chats with a character: how they begin, and what is said of them beside their messages."""

from dataclasses import dataclass

from webapp.accounts.tables import User
from webapp.characters import queries as cast
from webapp.characters.fields import checked_text
from webapp.characters.tables import Character, Persona
from webapp.chat import asking
from webapp.chat.tables import Chat, Message
from webapp.errors import Invalid
from webapp.extensions import db, write
from webapp.generations.models import providers
from webapp.rendering import markdown

KIND = "roleplay"
MOST_HISTORY = 100_000
MOST_TEMPERATURE, MOST_TOKENS = 2, 10**7
TEXTS = ("pre_prompt", "system_prompt", "post_prompt")
NUMBERS: dict[str, tuple[float, float, str]] = {
    "history_limit": (0, MOST_HISTORY, f"A number from 0 to {MOST_HISTORY:,}, or nothing for the whole history."),
    "temperature": (0, MOST_TEMPERATURE, f"A number from 0 to {MOST_TEMPERATURE}, or nothing for that of the house."),
    "max_tokens": (1, MOST_TOKENS, f"A whole number from 1 to {MOST_TOKENS:,}, or nothing for that of the house."),
}


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is sent around the messages of one chat; without a history limit all of them are sent.

    Without a temperature or a longest answer, in tokens, those of the house count, and no chat goes beyond its longest.
    """

    pre_prompt: str = ""
    system_prompt: str = ""
    post_prompt: str = ""
    history_limit: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None


def begin(
    character: Character, *, by: User, persona: Persona | None = None, is_nobody: bool = False, model: str = "", title: str = ""
) -> Chat:
    """Make a chat with a character, in which it has greeted already; without a persona the default one, unless for nobody."""
    persona = persona or (None if is_nobody else cast.default_persona(by))
    model = model or providers().default(by.default_model)
    providers().of(model)
    greeting = cast.names_of(character, persona, by).fill(character.greeting)
    html = markdown.render(greeting)
    values = {"owner_id": by.id, "character_id": character.id, "persona_id": persona.id if persona else None}
    with write() as session:
        chat = Chat(kind=KIND, model=model, title=title or character.name, **values)
        session.add(chat)
        session.flush()
        if greeting:
            said = {"content": greeting, "html": html, "html_version": markdown.VERSION}
            message = Message(chat_id=chat.id, role="assistant", **said)
            session.add(message)
            session.flush()
            chat.head_id = message.id
    asking.announce(chat, "chat", chat.id)
    return chat


def character_of(chat: Chat) -> Character | None:
    """Who answers in the chat, also from the trash, as long as its owner may see them."""
    return cast.character_of(db.session(), chat.owner_id, chat.character_id)


def persona_of(chat: Chat) -> Persona | None:
    """Who its owner is in the chat."""
    return cast.persona_of(db.session(), chat.owner_id, chat.persona_id)


def set_prompts(chat: Chat, prompts: Prompts, *, persona: Persona | None) -> None:
    """Say anew what is sent around the messages of a chat, and who the person is in it; it counts from the next answer on."""
    numbers = {name: _checked_number(getattr(prompts, name), name) for name in NUMBERS}
    texts = {name: checked_text(getattr(prompts, name), name) for name in TEXTS}
    persona_id = persona.id if persona else None
    with write():
        for name, value in (texts | numbers).items():
            setattr(chat, name, value)
        chat.persona_id = persona_id


def _checked_number(number: float | None, name: str) -> float | None:
    least, most, sentence = NUMBERS[name]
    if number is not None and not least <= number <= most:
        raise Invalid(sentence, field=name)
    return number
