"""What a model is sent: the parts that are no messages are kept with the generation, of the messages which, and how much."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts.tables import User
from webapp.characters.macros import Names
from webapp.characters.queries import character_of, names_of, persona_of, prompts_of
from webapp.chat import queries
from webapp.chat.prompt import POST_TITLE, TITLES, PromptBuilder
from webapp.chat.tables import Chat, Message
from webapp.extensions import db
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.providers.base import ModelRequest
from webapp.streaming.events import Notice

WORDS = {"temperature": "Temperature", "max_tokens": "Longest answer, in tokens"}
ROLES = {"user": "Message", "assistant": "Answer"}
# What is kept free for the answer where nobody has set its length; at most a quarter of what the model can take in.
ANSWER_TOKENS = 4_096
# The estimate may be a fifth too low.
CAUTION = 1.2


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what was sent; `message_id` where it is a message of the chat, `name` where it is a part of the prompt."""

    role: str
    title: str
    content: str
    message_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """Everything that was sent for one answer; `is_known` is false for those from before it was kept."""

    parts: tuple[Part, ...]
    parameters: tuple[tuple[str, str], ...]
    is_known: bool
    goes_on: bool
    left_out: int = 0
    # How many messages the history limit held back, and the limit.
    beyond: int = 0
    history_limit: int = 0


def prompt_for(
    session: Session, chat: Chat, path: Sequence[Message], model: str, *, history_limit: int | None = None
) -> dict[str, Any]:
    """What is to be kept with a new generation for the last of these. A message may grow later: its length now is kept too.

    `history_limit` is for this one time; without it the chat's own counts.
    """
    builder, parameters = _builder(session, chat), _parameters(chat, model)
    limit = chat.history_limit if history_limit is None else history_limit
    earlier = [each for each in path[:-1] if each.content]
    fitted = builder.fit(
        [(each.role, each.content) for each in earlier],
        budget_tokens=_budget_tokens(model, parameters),
        history_limit=limit,
        beginning=path[-1].content,
    )
    return {
        **builder.parts,
        "parameters": parameters,
        "messages": [[each.id, len(each.content)] for each in earlier[fitted.start :]],
        "left_out": fitted.left_out,
        "beyond": fitted.beyond,
        "history_limit": limit or 0,
    }


def names_in(chat: Chat) -> Names:
    """Who speaks with whom in a chat."""
    if not chat.character_id:
        return Names()
    session, person = db.session(), db.session.get(User, chat.owner_id) if chat.owner_id else None
    persona = persona_of(session, chat.owner_id, chat.persona_id)
    return names_of(character_of(session, chat.owner_id, chat.character_id), persona, person)


def request_of(generation: Generation, path: Sequence[Message]) -> ModelRequest:
    """The request, made of what was kept: so what is shown as sent is what was sent."""
    said = [(part.role, part.content) for part in _messages(generation, path)]
    prompt, beginning = generation.prompt, path[-1].content[: generation.text_offset]
    request = PromptBuilder.of(prompt).build(generation.model_asked, said, beginning=beginning, **prompt.get("parameters", {}))
    return replace(request, notices=tuple(_notices(prompt)))


def sent(generation: Generation) -> Sent:
    """What a generation was asked with, part by part."""
    message, prompt = db.session.get_one(Message, generation.message_id), generation.prompt
    builder, parts = PromptBuilder.of(prompt), _messages(generation, queries.path_to(message))
    if text := builder.parts.get("post_prompt"):
        parts.insert(max(0, len(parts) - 1), Part("system", POST_TITLE, text, name="post_prompt"))
    parts[:0] = [Part("system", TITLES[name], text, name=name) for name, text in builder.sections.items()]
    if generation.text_offset:
        parts.append(Part("assistant", "The answer so far", message.content[: generation.text_offset], message.id))
    values = prompt.get("parameters", {})
    parameters = tuple((WORDS.get(name, name), str(value)) for name, value in values.items() if value is not None)
    counts = {name: prompt.get(name, 0) for name in ("left_out", "beyond", "history_limit")}
    return Sent(tuple(parts), parameters, bool(prompt), bool(generation.text_offset), **counts)


def _builder(session: Session, chat: Chat) -> PromptBuilder:
    """What the chat says counts before what its character says."""
    person = session.get(User, chat.owner_id) if chat.owner_id else None
    played = character_of(session, chat.owner_id, chat.character_id)
    persona = persona_of(session, chat.owner_id, chat.persona_id)
    character, names = prompts_of(played), names_of(played, persona, person)
    return PromptBuilder(
        pre_prompt=names.fill(chat.pre_prompt),
        system_prompt=names.fill(chat.system_prompt or character.system_prompt),
        character=names.fill(character.description),
        persona=names.fill(persona.description if persona else ""),
        instructions=person.instructions.strip() if person else "",
        post_prompt=names.fill(chat.post_prompt or character.post_history_prompt),
    )


def _parameters(chat: Chat, model: str) -> dict[str, Any]:
    """What the chat says, else the house; of two lengths the shorter counts."""
    parameters = providers().parameters(model)
    if chat.temperature is not None:
        parameters["temperature"] = chat.temperature
    if chat.max_tokens:
        parameters["max_tokens"] = min(chat.max_tokens, parameters.get("max_tokens") or chat.max_tokens)
    return parameters


def _budget_tokens(model: str, parameters: dict[str, Any]) -> int:
    """How many tokens a prompt may have; 0 where nobody knows what the model can take in."""
    length = next((each.context_length for each in providers().offered() if each.id == model), None)
    if not length:
        return 0
    answer = parameters.get("max_tokens") or min(ANSWER_TOKENS, length // 4)
    return max(1, int((length - answer) / CAUTION))


def _notices(prompt: dict[str, Any]) -> list[Notice]:
    if not (left_out := prompt.get("left_out")):
        return []
    words = "The oldest exchange" if left_out == 1 else f"The {left_out} oldest exchanges"
    were = "was" if left_out == 1 else "were"
    return [Notice("left_out", f"{words} of this chat {were} left out: together they are longer than the model can take in.")]


def _messages(generation: Generation, path: Sequence[Message]) -> list[Part]:
    chars = dict(generation.prompt.get("messages", []))
    sent = [each for each in path if each.id in chars]
    return [Part(each.role, ROLES.get(each.role, each.role), each.content[: chars[each.id]], each.id) for each in sent]
