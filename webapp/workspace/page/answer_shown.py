"""What a page shows around the text of an answer: the speaker, how long it is silent, its receipt, notices and remedies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flask import url_for

from webapp.base.db import db, utc_now
from webapp.base.languages import gettext as _, ngettext
from webapp.characters import queries as character_queries
from webapp.characters.shown import Face
from webapp.characters.tables import Character
from webapp.chat.group import members
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.costs import cost
from webapp.engine.engine import Engine
from webapp.engine.generation_text import notice_lines
from webapp.engine.tables import NOT_HERE, Generation
from webapp.models.connections.cache import the_connections
from webapp.models.connections.keys import BUILT_IN
from webapp.models.connections.models import the_models
from webapp.models.providers.error_mapping import may_still_bill
from webapp.people.accounts.tables import User
from webapp.streaming.events import FOLDED_NOTICE, LIMIT_NOTICE
from webapp.web.filters import number

# Those that hold for as long as an answer is active.
# Folds have a line of their own.
NOT_SHOWN = ("unsaved", LIMIT_NOTICE, FOLDED_NOTICE)
# A shorter duration would be displayed as 0.0 s.
A_MOMENT = 0.1
# A shorter silence is normal and not shown; `times.js` continues counting from here.
LONG_SECONDS = 15
SEEN_SECONDS = 3
# How a generation ended whose server was never reached.
CONNECTION = "connection"
NEXT = {
    "auth": "An admin can check the key.",
    CONNECTION: "An admin can check the connection.",
    "credit": "Add credit at your provider.",
    "rate": "Wait a moment, then try again.",
}
NEXT_OF_KEY = "An admin can check the key of %(name)s."
BY_ADMINS = {
    CONNECTION: "Open the connection %(name)s",
    "auth": "Check the key of %(name)s",
    "credit": "Add credit at your provider, then test %(name)s",
}
REASONS = {
    "length": "The model reached its length limit.",
    "token_limit": "The answer reached the length limit of this step.",
    "content_filter": "The provider's content filter stopped the answer.",
    "cap": "The answer reached this server's length limit.",
    "budget": "The answer ended here because its budget is used up.",
    "idle_listener": "It stopped because no one was connected.",
    "client_gone": "It stopped because no one was connected.",
}


class Speakers(NamedTuple):
    """The faces of answers by message id, and the characters who speak, as far as the chat's owner can see them."""

    faces: dict[str, Face]
    characters: Sequence[Character | character_queries.CharacterName]


@dataclass(frozen=True, slots=True)
class Silence:
    """`seconds` since the last text, 0 before the first; `words` are shown next to the status, or replace it (`is_instead`)."""

    seconds: int = 0
    words: str = ""
    is_instead: bool = False
    is_long: bool = False


SPOKE_JUST_NOW = Silence()


@dataclass(frozen=True, slots=True)
class Remedy:
    """Advice in both wordings: pages are rendered once for all viewers, and the style sheet selects the wording."""

    words: str
    url: str = ""
    by_admins: str = ""


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """What an answer has besides its text in a column; empty URLs hide the actions.

    `facts` compare it with the others. The one that `is_path` is continued until a person keeps another.
    """

    model: str
    facts: tuple[tuple[str, str], ...]
    is_path: bool
    keep_url: str = ""
    stop_url: str = ""


def remedy_for(generation: Generation) -> Remedy:
    """Returns the advice for how a generation ended; empty if there is nothing to do."""
    reason, model = generation.reason or "", generation.model_asked
    if generation.attempts:
        model = generation.attempts[-1].get("model", model)
    reason = CONNECTION if is_of_connection(generation) else reason
    slug = the_connections().slug_of(model)
    live = next((connection for connection in the_connections().team() if connection.slug == slug), None)
    words = _(NEXT_OF_KEY, name=live.name) if reason == "auth" and live else _(NEXT.get(reason, ""))
    if live is None or reason not in BY_ADMINS:
        return Remedy(words)
    return Remedy(words, url_for("connections.edit", slug=slug), _(BY_ADMINS[reason], name=live.name))


def is_of_connection(generation: Generation) -> bool:
    """Returns whether it failed because the server was never reached."""
    attempts = generation.attempts
    return generation.status == "failed" and bool(attempts) and bool(attempts[-1].get("of_connection"))


@dataclass(frozen=True, slots=True)
class ShownNotice:
    tone: str
    text: str
    detail: str = ""
    remedy: Remedy | None = None


def notices(last: Generation, message: Message) -> tuple[ShownNotice, ...]:
    shown = [notice for notice in last.notices if notice["code"] not in NOT_SHOWN]
    notices = [ShownNotice("", *line) for line in notice_lines(shown)]
    if last.error and is_of_connection(last):
        # One cause, one notice: how often it was tried is a detail.
        return (ShownNotice("red", last.error, "\n".join(notice.detail or notice.text for notice in notices), remedy_for(last)),)
    if last.error:
        tone = "red" if last.status == "failed" else "amber"
        notices.append(ShownNotice(tone, last.error, remedy=remedy_for(last)))
    elif last.reason in REASONS:
        notices.append(ShownNotice("amber", _(REASONS[last.reason])))
    elif last.status == "stopped" and last.connection == BUILT_IN and may_still_bill(last.model):
        notices.append(ShownNotice("", _("Some providers of this model charge for the whole answer even if you stop it.")))
    elif last.status == "completed" and message.content and last.text_offset == len(message.content):
        notices.append(ShownNotice("amber", _("The model had nothing to add.")))
    elif last.status == "completed" and not message.content and last.reason != "tool":
        notices.append(ShownNotice("amber", _("The model returned an empty answer.")))
    return tuple(notices)


def fold_words(messages: int, before: int, after: int) -> str:
    """Returns the line that says how many messages are folded, and the tokens before and after."""
    words = ngettext("%(num)s message folded", "%(num)s messages folded", messages)
    tokens = ngettext("%(before)s → %(num)s token", "%(before)s → %(num)s tokens", after, before=number(before))
    return f"{words} · {tokens}"


def silence(engine: Engine, generation: Generation) -> Silence:
    """Returns the silence of a running generation, by this server's clock."""
    live = engine.live.get(generation.id)
    waited = int((utc_now() - generation.created_at).total_seconds())
    if not live or not live.run.has_content:
        words = f"\N{NO-BREAK SPACE}· {_duration_words(waited)}" if waited >= SEEN_SECONDS else ""
        return Silence(words=words, is_long=bool(live) and waited >= LONG_SECONDS)
    seconds = int(engine.now() - live.run.last_content_at)
    if seconds < LONG_SECONDS:
        return Silence(seconds)
    return Silence(seconds, _("No text for %(time)s", time=_duration_words(seconds)), is_instead=True, is_long=True)


def _duration_words(seconds: int) -> str:
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60} s"


def reasoning_label(generations: list[Generation]) -> str:
    if not generations:
        return _("Thought")
    first = generations[0]
    # Files of other programs can contain the time when an answer ended, but not that of its first text.
    until = first.first_text_at or (None if first.kind == NOT_HERE else first.ended_at)
    if not first.started_at or not until:
        return _("Thought")
    seconds = (until - first.started_at).total_seconds()
    return _("Thought for %(time)s", time=_seconds(seconds)) if seconds >= A_MOMENT else _("Thought for a moment")


def model_name(last: Generation) -> str:
    return the_models().display_name(last.model, last.connection)


def receipt(generations: list[Generation], model: str) -> str:
    last = generations[-1]
    # Imported generations can lack a start time.
    seconds = _seconds(_duration(generations)) if any(generation.started_at for generation in generations) else ""
    spent = [seconds, _tokens(generations), cost(generations)]
    if last.status == "stopped":
        return _("Stopped after %(spent)s", spent=", ".join(part for part in (spent[1], spent[0], spent[2]) if part))
    return " · ".join(part for part in (model, spent[1], spent[0], spent[2], led_by(generations), by_rule(generations)) if part)


def facts(generations: Sequence[Generation]) -> tuple[tuple[str, str], ...]:
    """Returns what answers side by side are compared by, as far as it is known, each with its name."""
    first = generations[0]
    wait = (first.first_text_at - first.started_at).total_seconds() if first.first_text_at and first.started_at else None
    values = {
        _("Cost"): cost([*generations]),
        _("First text"): "" if wait is None else _("after %(time)s", time=_seconds(max(wait, A_MOMENT))),
        _("Time"): _seconds(_duration([*generations])),
        _("Length"): _tokens([*generations]),
    }
    return tuple((name, value) for name, value in values.items() if value)


def led_by(generations: list[Generation]) -> str:
    """Returns the prompt version that led the answer; later generations were only instructed to continue."""
    words = generations[0].led_by
    return words[:1].upper() + words[1:]


def by_rule(generations: list[Generation]) -> str:
    """Returns which rule chose the answer's model; its sentence is in what was sent."""
    words = generations[0].rule.partition(" chose the model.")
    return _("by %(rule)s", rule=words[0].lower()) if words[1] else ""


def pace(generations: list[Generation]) -> str:
    """Returns the answer's speed, thinking included; empty if the tokens were not counted."""
    counts, seconds = [generation.output_tokens or 0 for generation in generations], _duration(generations)
    if not all(counts) or seconds < A_MOMENT:
        return ""
    return _("%(num)s tokens per second", num=round(sum(counts) / seconds))


def _duration(generations: list[Generation]) -> float:
    ended = [generation for generation in generations if generation.started_at and generation.ended_at]
    return sum(
        (generation.ended_at - generation.started_at).total_seconds()
        for generation in ended
        if generation.ended_at and generation.started_at
    )


def _tokens(generations: list[Generation]) -> str:
    counts = [generation.output_tokens for generation in generations]
    reported_counts = [count for count in counts if count is not None]
    return (
        ngettext("%(num)s token", "%(num)s tokens", sum(reported_counts))
        if reported_counts and len(reported_counts) == len(counts)
        else ""
    )


def _seconds(seconds: float) -> str:
    return f"{number(round(seconds, 1))} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def face_of_chat(chat: Chat) -> Face | None:
    """Returns the character's face, with an avatar URL open to all readers of the chat; None without a character."""
    character = members.character_of(chat)
    return _face(chat, character) if character else None


def members_in(chat: Chat) -> list[tuple[str, Face]]:
    """Returns the members that can speak in a group, by id, with their faces."""
    there = character_queries.members(db.session(), chat.owner_id, chat.character_ids)
    return [(member.id, Face(member.name, _url(chat, member.id, member.avatar_id))) for member in there]


def speakers_of(messages: Sequence[Message]) -> Speakers:
    """Returns the faces of the answers, each under the speaker's name at that time, and the characters who speak."""
    chat = queries.chat_of(messages[0]) if messages else None
    if not chat:
        return Speakers({}, ())
    answers = [message for message in messages if message.role == "assistant"]
    speaker_messages, others = (
        [answer for answer in answers if answer.speaker_name],
        [answer for answer in answers if not answer.speaker_name],
    )
    # Scripts of the only character change messages of persons, too.
    is_played = bool(chat.character_id) and not chat.is_group
    character = members.character_of(chat) if others or is_played else None
    face = _face(chat, character) if character else None
    owner = db.session.get(User, chat.owner_id) if chat.owner_id and speaker_messages else None
    seen = (
        character_queries.named(owner, sorted({message.speaker_id for message in speaker_messages if message.speaker_id}))
        if owner
        else []
    )
    pictures = {character.id: _url(chat, character.id, character.avatar_id) for character in seen}
    faces = {message.id: Face(message.speaker_name, pictures.get(message.speaker_id or "", "")) for message in speaker_messages}
    return Speakers(
        faces | ({message.id: face for message in others} if face else {}), [*seen, *([character] if character else [])]
    )


def _face(chat: Chat, character: Character) -> Face:
    return Face(character.name, _url(chat, character.id, character.avatar_id))


def _url(chat: Chat, id: str, avatar_id: str | None) -> str:
    of = None if id == chat.character_id else id
    return url_for("roleplay.avatar", id=chat.id, of=of, v=avatar_id) if avatar_id else ""
