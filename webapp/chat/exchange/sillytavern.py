"""Exports the branch that a chat shows in SillyTavern's format: a line per message, versions of answers as swipes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, TypeAlias

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.chat.exchange import branch, sillytavern_head
from webapp.chat.exchange.export import text_of
from webapp.chat.exchange.imports import foreign_fields
from webapp.chat.exchange.imports.roleplay import said
from webapp.chat.prompt import path_story
from webapp.chat.record import queries, sharing
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.tables import NOT_HERE, Generation

Line: TypeAlias = dict[str, Any]


def lines(engine: Engine, chat: Chat) -> Iterator[str]:
    """Yields a header line, then a line per message; holds no database connection while sending."""
    person, answerer = sillytavern_head.names(chat)
    head = sillytavern_head.head(chat)
    lines = (each for ids in branch.chunks_of_branch(engine, chat.id) for each in _lines(engine, ids, person, answerer))
    return (json.dumps(each, ensure_ascii=False) + "\n" for each in by_turns(chain([head], lines)))


def _lines(engine: Engine, ids: Sequence[str], person: str, answerer: str) -> Iterator[Line]:
    with engine.in_app():
        messages = branch.messages(ids, branch.WITH_FOREIGN)
        siblings = queries.siblings_of([each for each in messages if each.role == "assistant"])
        names, swipes = _speakers(messages, person, answerer), _swipes(engine, messages)
    for each in messages:
        line = {"name": names[each.id], "is_user": each.role == "user", "is_system": each.is_hidden, **swipes[each.id].fields}
        versions = {each.id: swipes[each.id]}
        if each.role == "assistant":
            versions = (_versions(engine, each.id, siblings[each.id]) if each.id in siblings else {}) | versions
            line |= _all(versions, each.id)
        yield foreign_fields.in_line(line, [version.kept for version in (versions[each.id], *versions.values())])


def _speakers(messages: Sequence[Message], person: str, answerer: str) -> dict[str, str]:
    others = sharing.writers(messages) if messages else {}
    usual = {each.id: others.get(each.id, person) if each.role == "user" else answerer for each in messages}
    return {each.id: each.speaker_name or each.author_name or usual[each.id] for each in messages}


def _versions(engine: Engine, id: str, ids: Sequence[str]) -> dict[str, "Swipe"]:
    """Returns the versions of an answer that fit the size limit together, always including the one shown."""
    wanted = next(branch.chunks(engine, [id, *(each for each in ids if each != id)]))
    with engine.in_app():
        # A message of the person can be a sibling of an answer, too.
        found = branch.messages(sorted(wanted), branch.WITH_FOREIGN)
        return _swipes(engine, [each for each in found if each.role == "assistant"])


@dataclass(frozen=True, slots=True)
class Swipe:
    """A version of a message: its fields in the file, and what was kept of the file that it comes from."""

    fields: Line
    kept: dict[str, Any] | None


def _swipes(engine: Engine, messages: Sequence[Message]) -> dict[str, Swipe]:
    made, stories = queries.generations_of(messages), path_story.by_message(db.session(), [each.id for each in messages])
    return {each.id: _swipe(engine, each, made.get(each.id, []), stories.get(each.id, "")) for each in messages}


def _swipe(engine: Engine, message: Message, generations: Sequence[Generation], story: str) -> Swipe:
    # What a file says of a text, such as how to display it, is not true of one that was continued here.
    kept = None if any(each.kind != NOT_HERE for each in generations) else message.foreign_fields
    return Swipe(foreign_fields.in_swipe(_own_fields(engine, message, generations, story), kept), message.foreign_fields)


def _own_fields(engine: Engine, message: Message, generations: Sequence[Generation], story: str) -> Line:
    swipe = {"mes": text_of(engine, message, generations), "send_date": _moment(message.created_at)}
    extra = {name: text for name, text in (("reasoning", message.reasoning), ("memory", story)) if text}
    if not generations:
        return {**swipe, "extra": extra}
    last = generations[-1]
    times = {"gen_started": _moment(last.started_at), "gen_finished": _moment(last.ended_at)}
    return {**swipe, **times, "extra": {**extra, "api": last.provider, "model": last.model}}


def _all(swipes: Mapping[str, Swipe], shown: str) -> Line:
    return {
        "swipe_id": list(swipes).index(shown),
        "swipes": [each.fields["mes"] for each in swipes.values()],
        "swipe_info": [{name: value for name, value in each.fields.items() if name != "mes"} for each in swipes.values()],
    }


def _moment(when: datetime | None) -> str | None:
    return said(when) if when else None
