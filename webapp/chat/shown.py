"""Chats and messages as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import url_for
from markupsafe import Markup

from webapp.characters.shown import Face
from webapp.chat import queries, sharing
from webapp.chat.faces_shown import face_of
from webapp.chat.projection import Picture
from webapp.chat.remedies_shown import Remedy, remedy
from webapp.chat.service import CUT_SHORT
from webapp.chat.sharing import Share
from webapp.chat.tables import Chat, Message
from webapp.counts import plural
from webapp.generations.engine import Engine
from webapp.generations.spent import cost
from webapp.generations.steps import told
from webapp.generations.tables import Generation
from webapp.providers.billing import may_still_bill
from webapp.settings.keys import BUILT_IN
from webapp.streaming.broadcaster import Cursor
from webapp.web.addresses import address

REASONS = {
    "length": "The model reached its length limit.",
    "content_filter": "The provider's filter ended the answer.",
    "cap": "The answer reached the longest length allowed here.",
    "idle_listener": "It ended because nobody was there to read it.",
    "client_gone": "It ended because nobody was there to read it.",
}
# What the messages of a chat lack for those it was shared with.
OWNERS_ALONE = {"delete_url": "", "sent_url": "", "choose_url": "", "rate_url": ""}
NO_DEEDS = {"can_continue": False, "can_grow": False, "can_try_again": False}
WRITERS_ALONE = {"edit_url": "", "previous_url": "", "next_url": "", **NO_DEEDS}
WITHOUT: dict[str, dict[str, Any]] = {"write": OWNERS_ALONE, "view": OWNERS_ALONE | WRITERS_ALONE}
# Shorter would be written as nothing.
A_MOMENT = 0.1
# A message of one's own that is longer is folded until it is asked for.
FOLD_LINES, FOLD_CHARS = 12, 1_200


@dataclass(frozen=True, slots=True)
class ShownNotice:
    tone: str
    text: str
    detail: str = ""
    remedy: Remedy | None = None


@dataclass(frozen=True, slots=True)
class ShownChat:
    id: str
    title: str
    model: str
    is_running: bool
    is_visitors: bool
    is_pinned: bool = False
    is_archived: bool = False
    right: str = "own"
    is_played: bool = False
    is_temporary: bool = False
    # With whom it is shared, where that was looked up.
    given: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """`html` is the whole text when it has ended; while it runs, the sealed blocks, and `tail` the rest."""

    id: str
    role: str
    status: str
    html: Markup
    tail: Markup
    reasoning: str
    thought: str
    notices: tuple[ShownNotice, ...]
    receipt: str
    is_running: bool
    started_at: datetime | None
    is_demo: bool
    can_continue: bool
    can_try_again: bool
    raw_url: str
    continue_url: str
    again_url: str
    stop_url: str
    edit_url: str = ""
    delete_url: str = ""
    version: int = 1
    versions: int = 1
    previous_url: str = ""
    next_url: str = ""
    generation_id: str = ""
    cursor: Cursor = ()
    sent_url: str = ""
    choose_url: str = ""
    fork_url: str = ""
    rate_url: str = ""
    face: Face | None = None
    plain_url: str = ""
    author: str = ""
    is_long: bool = False
    pace: str = ""
    words: str = ""
    is_edited: bool = False
    can_grow: bool = False


def chat(row: Chat, *, is_running: bool, right: str = "own", given: Sequence[Share] | None = None) -> ShownChat:
    return ShownChat(
        row.id,
        row.title or "New chat",
        row.model,
        is_running,
        bool(row.visitor_hash),
        is_pinned=bool(row.pinned_at),
        is_archived=bool(row.archived_at),
        right=right,
        is_played=bool(row.character_id),
        is_temporary=row.is_temporary,
        given=None if given is None else sharing.names(given),
    )


def thread(
    engine: Engine, messages: Sequence[Message], right: str = "own", given: Sequence[Share] | None = None
) -> list[ShownMessage]:
    """The messages with what their generations say; what runs is shown as it stands at this moment.

    Whoever may not do something finds no button for it.
    """
    generations, siblings = queries.generations_of(messages), queries.siblings_of(messages)
    authors = sharing.writers(messages, right, given)
    shown = [
        replace(_message(engine, message, generations.get(message.id, [])), author=authors.get(message.id, ""))
        for message in messages
    ]
    if face := face_of(messages):
        shown = [replace(each, face=face) if each.role == "assistant" else each for each in shown]
    placed = [replace(each, **_place(each.id, siblings[each.id])) if each.id in siblings else each for each in shown]
    if placed and not placed[-1].is_running and queries.chat_of(messages[-1]).head_id == placed[-1].id:
        placed[-1] = _last(placed[-1], messages[-1])
    return [replace(each, **WITHOUT[right]) for each in placed] if right in WITHOUT else placed


def _last(shown: ShownMessage, message: Message) -> ShownMessage:
    """What stands last can be asked to go on though it is complete, or to be answered where it was not.

    Where a character answers, a new version follows the last one.
    """
    if shown.role == "user":
        return replace(shown, can_try_again=True)
    next_url = shown.next_url or (shown.again_url if shown.face and shown.can_try_again else "")
    return replace(shown, next_url=next_url, can_grow=bool(message.parent_id and message.content) and not shown.can_continue)


def earlier_url(messages: Sequence[Message]) -> str:
    """Where the messages before these are; empty when there are none."""
    first = messages[0] if messages else None
    return url_for("list.earlier", id=first.chat_id, before=first.id) if first and first.parent_id else ""


def _message(engine: Engine, message: Message, generations: list[Generation]) -> ShownMessage:
    last = generations[-1] if generations else None
    if last and last.is_active and (broadcast := engine.broadcast(last)):
        picture, cursor = broadcast.snapshot()
        return _running(message, last, picture, cursor)
    return _ended(message, last, generations)


def _running(message: Message, last: Generation, picture: Picture, cursor: Cursor) -> ShownMessage:
    return ShownMessage(
        **_common(message),
        status=picture.status,
        words=picture.words,
        html=Markup(picture.html),
        tail=Markup(picture.tail),
        reasoning=message.reasoning + picture.reasoning,
        thought="Thoughts" if picture.status in {"queued", "thinking"} else "Thought",
        notices=tuple(ShownNotice("", text) for text in picture.notices),
        receipt="",
        is_running=True,
        started_at=last.created_at,
        is_demo=False,
        can_continue=False,
        can_try_again=False,
        stop_url=address("chat.stop", last.id),
        generation_id=last.id,
        cursor=cursor,
    )


def _ended(message: Message, last: Generation | None, generations: list[Generation]) -> ShownMessage:
    status = last.status if last and not last.is_active else "interrupted" if last else "completed"
    return ShownMessage(
        **_common(message),
        status=status,
        html=Markup(message.html),
        tail=Markup(),
        reasoning=message.reasoning,
        thought=_thought(generations) if message.reasoning else "",
        notices=_notices(last, message) if last else (),
        receipt=_receipt(generations) if last else "",
        pace=pace(generations),
        is_running=False,
        started_at=last.started_at if last else None,
        is_demo=bool(last and last.is_demo),
        can_continue=_can_continue(status, last, message),
        # What begins a chat was asked for by nobody.
        can_try_again=message.role == "assistant" and bool(message.parent_id),
        is_long=message.role == "user" and _is_long(message.content),
        is_edited=message.is_edited,
        edit_url=address("tree.edit", message.id) if message.content else "",
        stop_url="",
        generation_id=last.id if last else "",
        **_asked(message, last),
    )


def _asked(message: Message, last: Generation | None) -> dict[str, Any]:
    """What can be seen and said about how the answer came to be; only by people with an account."""
    urls = {"sent_url": address("composer.what_was_sent", last.id)} if last and last.owner else {}
    if (last and last.user_id) or (message.is_edited and message.author_id):
        urls["fork_url"] = address("tree.fork", message.id)
        urls["choose_url"] = address("composer.choose", message.id) if message.parent_id else ""
        urls["rate_url"] = address("composer.rate", message.id) if message.content and not message.is_edited else ""
    return urls


def _common(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "role": message.role,
        "raw_url": address("chat.raw", message.id),
        "plain_url": address("chat.plain", message.id),
        "continue_url": address("chat.go_on", message.id),
        "again_url": address("chat.again", message.id),
        "delete_url": address("tree.delete", message.id) if message.parent_id else "",
    }


def _place(id: str, versions: list[str]) -> dict[str, Any]:
    """Which version this is, and the ways to those beside it."""
    at = versions.index(id)
    urls = [address("tree.show_version", version) for version in versions]
    around = ["", *urls, ""]
    return {"version": at + 1, "versions": len(versions), "previous_url": around[at], "next_url": around[at + 2]}


def _notices(last: Generation, message: Message) -> tuple[ShownNotice, ...]:
    shown = [ShownNotice("", *each) for each in told([notice for notice in last.notices if notice["code"] != "unsaved"])]
    if last.error:
        tone = "red" if last.status == "failed" else "amber"
        shown.append(ShownNotice(tone, last.error, remedy=remedy(last)))
    elif last.reason in REASONS:
        shown.append(ShownNotice("amber", REASONS[last.reason]))
    elif last.status == "stopped" and last.connection == BUILT_IN and may_still_bill(last.model_used or last.model_asked):
        shown.append(ShownNotice("", "Some providers of this model charge for the whole answer although it was stopped."))
    elif last.status == "completed" and message.content and last.text_offset == len(message.content):
        shown.append(ShownNotice("amber", "The model had nothing to add."))
    elif last.status == "completed" and not message.content:
        shown.append(ShownNotice("amber", "The model ended its answer without saying anything."))
    return tuple(shown)


def _is_long(content: str) -> bool:
    return len(content) > FOLD_CHARS or content.rstrip().count("\n") >= FOLD_LINES


def _can_continue(status: str, last: Generation | None, message: Message) -> bool:
    """Also when the last try failed before it said anything, as long as there is a text to go on from."""
    is_cut = status in {"stopped", "interrupted"} or bool(last and last.reason in CUT_SHORT)
    return is_cut or (status == "failed" and bool(message.content))


def _thought(generations: list[Generation]) -> str:
    if not generations:
        return "Thought"
    first = generations[0]
    until = first.first_text_at or first.ended_at
    if not first.started_at or not until:
        return "Thought"
    seconds = (until - first.started_at).total_seconds()
    return f"Thought for {_seconds(seconds)}" if seconds >= A_MOMENT else "Thought for a moment"


def _receipt(generations: list[Generation]) -> str:
    last = generations[-1]
    # What was run elsewhere may not say how long it took.
    seconds = _seconds(_duration(generations)) if any(each.started_at for each in generations) else ""
    spent = [seconds, _tokens(generations), cost(generations)]
    if last.status == "stopped":
        return f"Stopped after {', '.join(part for part in (spent[1], spent[0], spent[2]) if part)}"
    model = last.model_used or last.model_asked
    return " · ".join(part for part in (model, spent[1], spent[0], spent[2]) if part)


def pace(generations: list[Generation]) -> str:
    """How fast an answer came, its thinking included; empty where nobody counted."""
    counts, seconds = [each.output_tokens or 0 for each in generations], _duration(generations)
    return f"{sum(counts) / seconds:.0f} tokens a second" if all(counts) and seconds >= A_MOMENT else ""


def _duration(generations: list[Generation]) -> float:
    ended = [each for each in generations if each.started_at and each.ended_at]
    return sum((each.ended_at - each.started_at).total_seconds() for each in ended if each.ended_at and each.started_at)


def _tokens(generations: list[Generation]) -> str:
    counts = [each.output_tokens for each in generations]
    known = [count for count in counts if count is not None]
    return plural(sum(known), "token") if known and len(known) == len(counts) else ""


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
