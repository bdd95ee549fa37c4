"""Selects what to retell next in a chat: reads a few messages at a time, up to the size of one request."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.characters import queries as cast
from webapp.chat.files.reference import parted
from webapp.chat.group.members import in_voices, person_name
from webapp.chat.prompt import answer_prompt, path_story
from webapp.chat.prompt.path_story import PathStory
from webapp.chat.prompt.tokens import PER_MESSAGE, estimate, share_of
from webapp.chat.record import paths, queries
from webapp.chat.record.model_choice import named
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.queries import first_within
from webapp.chat.record.tables import Chat, Message

# Fractions of the room for the history: when it is filled to `FULL`, the oldest messages are retold until `STAYS` remains word
# for word. The difference is headroom for messages added while the model writes the story.
FULL, KEPT = 2 / 3, 1 / 2


@dataclass(frozen=True, slots=True)
class HistoryLimit:
    """The room for a chat's history in a prompt, in tokens and messages; None is no limit."""

    tokens: int | None = None
    messages: int | None = None

    @property
    def is_endless(self) -> bool:
        return self.tokens is None and self.messages is None

    def holds(self, tokens: int, messages: int, share: float) -> bool:
        limits = ((tokens, self.tokens), (messages, self.messages))
        return all(most is None or used <= most * share for used, most in limits)


AT_ONCE, CHARS_AT_ONCE = 100, 200_000
LEAST_TOKENS = 200
# Marks where the middle of a message was cut out.
CUT = "\n[…]\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """The text down to a message that is to be retold; `before` is the story that it continues."""

    message_id: str
    words: str
    before: PathStory | None


def due(chat: Chat, message_id: str, model: str, tokens: int) -> Piece | None:
    """Returns what to retell of the branch that ends with this answer; None if its history still leaves enough room."""
    room = _room(chat, message_id, model)
    if room.is_endless:
        return None
    ids = queries.ids_to(message_id)
    before = path_story.of_path(db.session(), chat.id, ids)
    rest = ids[before.count if before else 0 :]
    stays = count_kept(by_turns(_newest_first(message_id, len(rest))), room)
    return None if stays is None else piece(chat, rest[: len(rest) - stays], before, tokens)


def all_of(chat: Chat, tokens: int) -> Piece | None:
    """Returns what the story doesn't cover yet on the branch that the chat shows, as far as it fits one request."""
    ids = queries.ids_to(chat.head_id) if chat.head_id else []
    before = path_story.of_path(db.session(), chat.id, ids)
    return piece(chat, ids[before.count if before else 0 :], before, tokens)


def piece(chat: Chat, ids: Sequence[str], before: PathStory | None, tokens: int) -> Piece | None:
    """Returns as many of these messages as fit the token limit; a longer single message is cut in the middle."""
    names, lines, last = _names(chat), list[str](), ""
    tokens = max(LEAST_TOKENS, tokens - (estimate(before.text) if before else 0))
    for message in _read(chat, ids):
        line = _line(message, names)
        cost = estimate(line) + PER_MESSAGE
        if cost > tokens:
            if lines:
                break
            line = _cut(line, int(len(line) * tokens / cost))
        tokens, last = tokens - cost, message.id
        lines += [line] if line else []
    return Piece(last, "\n\n".join(lines), before) if lines else None


def _room(chat: Chat, message_id: str, model: str) -> HistoryLimit:
    """Returns the room for the history besides the other sections that the answer's prompt contained."""
    prompt = queries.RECORDED_PROMPT.scalar(db.session(), {"message": message_id}) or {}
    budget = answer_prompt.budget_tokens(named(model), prompt.get("parameters", {}))
    around = sum(each.get("tokens", 0) + PER_MESSAGE for each in prompt.get("sections", ()))
    return HistoryLimit(max(1, budget - around) if budget else None, chat.history_limit)


def _newest_first(message_id: str, most: int) -> Iterator[tuple[str, int]]:
    """Yields role and tokens of up to `most` messages, from this one upwards."""
    for read in paths.pieces_upwards(message_id):
        # Releases the database connection before other greenlets run.
        db.session.rollback()
        share = share_of(sum(len(each.content) for each in read))
        for each in reversed(read[-most:] if most else []):
            yield each.role, estimate(each.content, share) + PER_MESSAGE if each.is_sent else 0
        if (most := most - len(read)) <= 0:
            return


def _read(chat: Chat, ids: Sequence[str]) -> Iterator[PathMessage]:
    columns = select(Message.id, Message.role, Message.content, Message.speaker_name, Message.is_hidden)
    while ids:
        some = first_within(db.session(), ids[:AT_ONCE], CHARS_AT_ONCE)
        rows = {row.id: PathMessage(*row) for row in db.session.execute(columns.where(Message.id.in_(some)))}
        yield from in_voices(chat, [rows[id] for id in some if id in rows])
        ids = ids[len(some) :]


def _names(chat: Chat) -> dict[str, str]:
    """Returns the speakers' names by role; none in a group, where each message has its own."""
    if chat.is_group:
        return {}
    character = cast.character_of(db.session(), chat.owner_id, chat.character_id)
    return {"user": person_name(chat), "assistant": character.name} if character else {"user": "Person", "assistant": "Answer"}


def _line(message: PathMessage, names: dict[str, str]) -> str:
    if message.is_hidden:
        return ""
    text = parted(message.content)[0].strip() if message.role == "user" else message.content.strip()
    who = message.speaker or names.get(message.role, message.role)
    return f"{who}: {text.removeprefix(f'{who}:').lstrip()}" if text else ""


def _cut(line: str, chars: int) -> str:
    half = max(1, (chars - len(CUT)) // 2)
    return f"{line[:half]}{CUT}{line[-half:]}"


def count_kept(newest_first: Iterable[tuple[str, int]], room: HistoryLimit) -> int | None:
    """Returns how many messages, given by role and tokens, stay word for word; None if all of them can.

    Whole exchanges stay: those that leave enough room, and the newest if it fits.
    """
    tokens = messages = stays = 0
    for count, (role, cost) in enumerate(newest_first, 1):
        tokens, messages = tokens + cost, messages + bool(cost)
        if not room.holds(tokens, messages, FULL):
            return stays
        if role == "user" and (not stays or room.holds(tokens, messages, KEPT)):
            stays = count
    return None
