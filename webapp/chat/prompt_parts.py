"""What a model is sent: the parts that are no messages are kept with the generation, of the messages which, and how much."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts.tables import User
from webapp.chat import queries
from webapp.chat.history import build_request
from webapp.chat.tables import Chat, Message
from webapp.extensions import db
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.providers.base import ModelRequest

WORDS = {"temperature": "Temperature", "max_tokens": "Longest answer, in tokens"}
TITLES = {"user": "Message", "assistant": "Answer"}


@dataclass(frozen=True, slots=True)
class Part:
    """One turn of what was sent; `message_id` where it is a message of the chat."""

    role: str
    title: str
    content: str
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """Everything that was sent for one answer; `is_known` is false for those from before it was kept."""

    parts: tuple[Part, ...]
    parameters: tuple[tuple[str, str], ...]
    is_known: bool
    goes_on: bool


def prompt_for(session: Session, chat: Chat, message: Message, model: str) -> dict[str, Any]:
    """What is to be kept with a new generation for this message. A message may grow later: its length now is kept too."""
    person = session.get(User, chat.owner_id) if chat.owner_id else None
    return {
        "instructions": person.instructions.strip() if person else "",
        "parameters": providers().parameters(model),
        "messages": [[each.id, len(each.content)] for each in queries.path_to(message)[:-1] if each.content],
    }


def request_of(generation: Generation, message: Message) -> ModelRequest:
    """The request, made of what was kept: so what is shown as sent is what was sent."""
    path = [(part.role, part.content) for part in _messages(generation, message)]
    prompt, beginning = generation.prompt, message.content[: generation.text_offset]
    instructions, parameters = prompt.get("instructions", ""), prompt.get("parameters", {})
    return build_request(generation.model_asked, path, beginning=beginning, instructions=instructions, **parameters)


def sent(generation: Generation) -> Sent:
    """What a generation was asked with, part by part."""
    message = db.session.get_one(Message, generation.message_id)
    parts = _messages(generation, message)
    if instructions := generation.prompt.get("instructions"):
        parts.insert(0, Part("system", "Standing instructions", instructions))
    if generation.text_offset:
        parts.append(Part("assistant", "The answer so far", message.content[: generation.text_offset], message.id))
    values = generation.prompt.get("parameters", {})
    parameters = tuple((WORDS.get(name, name), str(value)) for name, value in values.items() if value is not None)
    return Sent(tuple(parts), parameters, bool(generation.prompt), bool(generation.text_offset))


def _messages(generation: Generation, message: Message) -> list[Part]:
    chars = dict(generation.prompt.get("messages", []))
    path = [each for each in queries.path_to(message) if each.id in chars]
    return [Part(each.role, TITLES.get(each.role, each.role), each.content[: chars[each.id]], each.id) for each in path]
