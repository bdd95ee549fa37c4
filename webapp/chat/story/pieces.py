"""What of a chat is to be retold next: read a few messages at a time, and no more than one request holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from webapp.characters import queries as cast
from webapp.chat import paths, queries
from webapp.chat.files.reference import parted
from webapp.chat.group.members import in_voices, person_name
from webapp.chat.prompt import parts
from webapp.chat.prompt.model_choice import named
from webapp.chat.prompt.tokens import PER_MESSAGE, estimate, share_of
from webapp.chat.queries import Said
from webapp.chat.sizes import few
from webapp.chat.story import told
from webapp.chat.story.leaving import Room, staying
from webapp.chat.story.told import Told
from webapp.chat.tables import Chat, Message
from webapp.db import db
from webapp.heavy.turns import by_turns

AT_ONCE, CHARS_AT_ONCE = 100, 200_000
LEAST_TOKENS = 200
# What stands where the middle of a message had no room.
CUT = "\n[…]\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """What was said down to a message, to be retold behind what is told already."""

    message_id: str
    words: str
    before: Told | None


def due(chat: Chat, message_id: str, model: str, tokens: int) -> Piece | None:
    """What is to be retold of the branch that ends with this answer of a model, if its history leaves too little room."""
    room = _room(chat, message_id, model)
    if room.is_endless:
        return None
    ids = queries.ids_to(message_id)
    before = told.of_path(db.session(), chat.id, ids)
    rest = ids[before.count if before else 0 :]
    stays = staying(by_turns(_newest_first(message_id, len(rest))), room)
    return None if stays is None else piece(chat, rest[: len(rest) - stays], before, tokens)


def all_of(chat: Chat, tokens: int) -> Piece | None:
    """What of the branch that the chat shows is not told yet, or its beginning."""
    ids = queries.ids_to(chat.head_id) if chat.head_id else []
    before = told.of_path(db.session(), chat.id, ids)
    return piece(chat, ids[before.count if before else 0 :], before, tokens)


def piece(chat: Chat, ids: Sequence[str], before: Told | None, tokens: int) -> Piece | None:
    """The first of these messages that fit into so many tokens; of one that alone is longer the beginning and the end."""
    names, lines, last = _names(chat), list[str](), ""
    tokens = max(LEAST_TOKENS, tokens - (estimate(before.text) if before else 0))
    for said in _read(chat, ids):
        line = _line(said, names)
        cost = estimate(line) + PER_MESSAGE
        if cost > tokens:
            if lines:
                break
            line = _cut(line, int(len(line) * tokens / cost))
        tokens, last = tokens - cost, said.id
        lines += [line] if line else []
    return Piece(last, "\n\n".join(lines), before) if lines else None


def _room(chat: Chat, message_id: str, model: str) -> Room:
    """What the history may take beside what the answer was asked with."""
    asked = queries.ASKED_WITH.scalar(db.session(), {"message": message_id}) or {}
    budget = parts.budget_tokens(named(model), asked.get("parameters", {}))
    around = sum(each.get("tokens", 0) + PER_MESSAGE for each in asked.get("sections", ()))
    return Room(max(1, budget - around) if budget else None, chat.history_limit)


def _newest_first(message_id: str, most: int) -> Iterator[tuple[str, int]]:
    """Role and tokens of so many messages, from this one upwards."""
    for read in paths.said_upwards(message_id):
        # Nothing is held while others have their turn.
        db.session.rollback()
        share = share_of(sum(len(each.content) for each in read))
        for each in reversed(read[-most:] if most else []):
            yield each.role, estimate(each.content, share) + PER_MESSAGE if each.content else 0
        if (most := most - len(read)) <= 0:
            return


def _read(chat: Chat, ids: Sequence[str]) -> Iterator[Said]:
    columns = select(Message.id, Message.role, Message.content, Message.speaker_name)
    while ids:
        some = few(db.session(), ids[:AT_ONCE], CHARS_AT_ONCE)
        rows = {row.id: Said(*row) for row in db.session.execute(columns.where(Message.id.in_(some)))}
        yield from in_voices(chat, [rows[id] for id in some if id in rows])
        ids = ids[len(some) :]


def _names(chat: Chat) -> dict[str, str]:
    """Who speaks, where no message says it itself."""
    if chat.is_group:
        return {}
    character = cast.character_of(db.session(), chat.owner_id, chat.character_id)
    return {"user": person_name(chat), "assistant": character.name} if character else {"user": "Person", "assistant": "Answer"}


def _line(said: Said, names: dict[str, str]) -> str:
    text = parted(said.content)[0].strip() if said.role == "user" else said.content.strip()
    who = said.speaker or names.get(said.role, said.role)
    return f"{who}: {text.removeprefix(f'{who}:').lstrip()}" if text else ""


def _cut(line: str, chars: int) -> str:
    half = max(1, (chars - len(CUT)) // 2)
    return f"{line[:half]}{CUT}{line[-half:]}"
