"""Chats and messages as pages show them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from markupsafe import Markup

from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.characters.queries import CharacterName
from webapp.characters.shown import Face
from webapp.characters.tables import Character
from webapp.chat.calls.files import ShownFile, files_by_id
from webapp.chat.calls.lines import ShownCalls, calls_by_message, calls_for
from webapp.chat.files import long_files, storage
from webapp.chat.files.attachments import NOT_READ, SHELF_START, ReadingState, folded, parted
from webapp.chat.files.reference import originals_in
from webapp.chat.messages import keeping, renderings, scripted
from webapp.chat.messages.projection import AnswerSnapshot
from webapp.chat.messages.sending import CUT_REASONS
from webapp.chat.prompt import path_folds
from webapp.chat.record import queries, sharing
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.generations import active_ids
from webapp.engine.tables import Generation
from webapp.knowledge import shown as knowledge_shown
from webapp.models.connections.models import the_models
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.tables import User
from webapp.people.things.shares import Share
from webapp.rendering.footnotes import CALLS, scoped
from webapp.rendering.pictures import START
from webapp.settings.service import setting
from webapp.streaming.broadcaster import Cursor
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call
from webapp.web.addresses import address
from webapp.workspace.page import answer_shown
from webapp.workspace.page.answer_shown import (
    SPOKE_JUST_NOW,
    ShownColumn,
    ShownNotice,
    Silence,
    fold_words,
    notices,
    silence,
    speakers_of,
)

# The actions that people without the owner's right lack, and those that readers lack in addition.
FOR_OWNERS: dict[str, Any] = {"delete_url": "", "sent_url": "", "choose_url": "", "rate_url": "", "link_url": ""}
FOR_WRITERS: dict[str, Any] = {"edit_url": "", "can_continue": False, "can_grow": False, "can_try_again": False, "hide_url": ""}
# A longer message of a person is folded.
FOLD_LINES, FOLD_CHARS = 12, 1_200


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
    is_group: bool = False
    is_temporary: bool = False
    project_id: str = ""
    is_for_project: bool = False
    is_kept: bool = False
    has_texts: bool = False
    # When it goes to the trash, because it has been left untouched.
    leaves_at: datetime | None = None
    # The names of those it is shared with; None if they were not looked up.
    given: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Actions:
    """The actions available to the viewer of a message; an empty URL hides the action."""

    raw_url: str = ""
    plain_url: str = ""
    continue_url: str = ""
    again_url: str = ""
    edit_url: str = ""
    delete_url: str = ""
    sent_url: str = ""
    choose_url: str = ""
    # Hides the message from models, or shows a hidden one to them.
    hide_url: str = ""
    fork_url: str = ""
    link_url: str = ""
    rate_url: str = ""
    can_continue: bool = False
    can_try_again: bool = False
    can_grow: bool = False
    # Words of it, as a fact.
    can_remember: bool = False


@dataclass(frozen=True, slots=True)
class Versions:
    """The number of the version shown, and the URLs of its neighbours."""

    number: int = 1
    count: int = 1
    previous_url: str = ""
    next_url: str = ""


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message as pages show it. While it runs, `html` has the sealed blocks and `tail` the rest; then `html` is complete."""

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
    actions: Actions
    versions: Versions = Versions()
    stop_url: str = ""
    generation_id: str = ""
    cursor: Cursor = ()
    face: Face | None = None
    author: str = ""
    author_id: str = ""
    is_long: bool = False
    pace: str = ""
    # The name of the model that wrote an answer, as its receipt begins.
    model: str = ""
    words: str = ""
    silence: Silence = SPOKE_JUST_NOW
    said_at: datetime | None = None
    is_edited: bool = False
    is_hidden: bool = False
    is_kept: bool = False
    # What is said below the last message of a fold, and where that is.
    fold_words: str = ""
    fold_url: str = ""
    # The numbers of its sources; their contents depend on the viewer's permissions and are requested separately.
    sources: tuple[int, ...] = ()
    fact_count: int = 0
    proposal_count: int = 0
    # What it has called; None if nothing.
    calls: ShownCalls | None = None
    unrendered: scripted.ScriptedMessage | None = None
    # Of an answer in a column. The one on the path has all of them, itself among them.
    column: ShownColumn | None = None
    columns: "tuple[ShownMessage, ...]" = ()

    @property
    def pieces(self) -> "Iterator[tuple[Markup, ShownCalls | None]]":
        """Yields its HTML up to each place of calls, with those calls."""
        by_round, parts = self.calls.in_text if self.calls else {}, CALLS.split(self.html)
        for at in range(0, len(parts), 2):
            yield Markup(parts[at]), by_round.get(int(parts[at + 1])) if at + 1 < len(parts) else None

    @property
    def buttons(self) -> list[str]:
        """Its role, and the names of its buttons: pages draw them from a template with all of them."""
        actions = self.actions
        is_plain = self.status == "failed" or self.role == "user"
        possible = {
            "copy": self.html,
            "edit": actions.edit_url,
            "continue": actions.can_continue,
            "retry": actions.can_try_again and is_plain,
            "again": actions.can_try_again and not is_plain,
            "grow": actions.can_grow,
            "models": actions.choose_url,
            "fork": actions.fork_url,
            "picture": self.has_pictures and actions.edit_url and the_models().model_for(PICTURE_MODEL),
            "link": actions.link_url,
            "remember": actions.can_remember,
            "hide": actions.hide_url and not (self.is_hidden or self.is_kept),
            "kept": actions.hide_url and self.is_kept and not self.is_hidden,
            "show": actions.hide_url and self.is_hidden,
            "rate": actions.rate_url,
            "delete": actions.delete_url,
        }
        return [self.role, *(name for name, is_there in possible.items() if is_there)]

    @property
    def button_names(self) -> str:
        return " ".join(self.buttons)

    @property
    def next_buttons(self) -> list[str]:
        """The names of those that the server draws itself: what an answer was cut or failed for, and the last one's next step."""
        actions = self.actions
        is_plain, is_last = self.status == "failed" or self.role == "user", actions.can_grow or actions.can_continue
        again = "retry" if is_plain else "again" if is_last else ""
        return [*(["continue"] if actions.can_continue else []), *([again] if again and actions.can_try_again else [])]

    @property
    def has_pictures(self) -> bool:
        if self.role == "user":
            return SHELF_START in self.html
        return bool(self.calls and self.calls.has_pictures) or START in self.html

    @property
    def has_receipt(self) -> bool:
        return bool(self.receipt or self.said_at or self.is_edited or self.actions.sent_url)


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
        is_played=bool(row.cast_ids),
        is_group=row.is_group,
        is_temporary=row.is_temporary,
        project_id=row.project_id or "",
        is_for_project=row.is_for_project,
        is_kept=row.is_kept,
        has_texts=row.has_texts,
        leaves_at=keeping.leaves_on([row]).get(row.id),
        given=None if given is None else sharing.share_names(given),
    )


def thread(
    engine: Engine,
    messages: Sequence[Message],
    right: str = "own",
    shares: Sequence[Share] | None = None,
    generations_by_message: dict[str, list[Generation]] | None = None,
    versioned: Sequence[Message] | None = None,
    *,
    is_scripted: bool = True,
) -> list[ShownMessage]:
    """Converts messages and their generations for display, with the actions that this right allows.

    `generations_by_message` are their generations, if already read; `versioned` are the messages that can have other versions.
    Without `is_scripted`, the scripts of characters change nothing.
    """
    generations = queries.generations_of(messages) if generations_by_message is None else generations_by_message
    siblings = queries.siblings_of(messages if versioned is None else versioned)
    authors = sharing.writers(messages, right, shares)
    shown_messages = [_message(engine, message, generations.get(message.id, [])) for message in messages]
    if authors:
        shown_messages = [replace(message, author=authors.get(message.id, "")) for message in shown_messages]
    faces, characters = speakers_of(messages)
    if faces:
        shown_messages = [replace(shown, face=faces[shown.id]) if shown.id in faces else shown for shown in shown_messages]
    if is_scripted and characters:
        shown_messages = _scripted(messages, shown_messages, characters)
    shown = [
        replace(message, versions=_versions(message.id, siblings[message.id])) if message.id in siblings else message
        for message in shown_messages
    ]
    if calls := calls_by_message(messages):
        files = files_by_id(call for of_message in calls.values() for call in of_message)
        # Pages of viewers are alike: what is one person's is on the page of the call.
        reader = user_or_none() if right in ("own", "write") else None
        hidden = hidden_results(reader, (call for of_message in calls.values() for call in of_message))
        shown = [
            _calling(message, calls[message.id], files, reader, hidden) if message.id in calls else message for message in shown
        ]
    if shown and queries.chat_of(messages[-1]).fold_count:
        shown = _with_folds(shown, queries.chat_of(messages[-1]))
    if shown and not shown[-1].is_running and queries.chat_of(messages[-1]).head_id == shown[-1].id:
        shown[-1] = _last(shown[-1], messages[-1])
    return [limited(message, right) for message in shown]


def _with_folds(shown: Sequence[ShownMessage], chat: Chat) -> list[ShownMessage]:
    """Says below the last message of each fold what is folded; without queries for a chat that has never had one."""
    on_path = path_folds.on_path(db.session(), chat, queries.ids_to(chat.head_id))
    folds = {fold.row.message_id: fold.row for fold in on_path if fold.row.tokens_before}
    lines = {id: fold_words(row.messages, row.tokens_before, row.tokens_after) for id, row in folds.items()}
    at = address("folds.index", chat.id)
    return [
        replace(message, fold_words=lines[message.id], fold_url=f"{at}#{folds[message.id].id}")
        if message.id in lines
        else message
        for message in shown
    ]


def ready_thread(engine: Engine, read: Callable[[], Sequence[Message]], right: str) -> list[ShownMessage]:
    """Reads and renders messages, and converts them for display; reads them again if rendering has yielded."""
    messages = thread(engine, renderings.with_current_html(read), right)
    return thread(engine, read(), right) if scripted.prepare(unrendered(messages)) else messages


def unrendered(messages: Iterable[ShownMessage]) -> list[scripted.ScriptedMessage]:
    """Returns the messages that are shown as they were written until they are rendered as their scripts change them."""
    return [message.unrendered for message in messages if message.unrendered]


def _scripted(
    messages: Sequence[Message], shown_messages: list[ShownMessage], characters: Sequence[Character | CharacterName]
) -> list[ShownMessage]:
    chat = queries.chat_of(messages[0])
    if not (scripts := scripted.scripts_for(chat, characters)):
        return shown_messages
    html_by_id, by_id = scripted.html_by_message(chat, messages, scripts), {message.id: message for message in messages}
    return [
        _changed(message, by_id[message.id], html_by_id[message.id]) if message.id in html_by_id else message
        for message in shown_messages
    ]


def _calling(
    shown_message: ShownMessage,
    calls: Sequence[Call],
    files: Mapping[str, ShownFile],
    reader: User | None,
    hidden: Mapping[str, str],
) -> ShownMessage:
    """Adds the calls. A running answer waits if one of them does: its log says so a moment later, and until it continues."""
    in_view = calls_for(reader, shown_message.id, calls, files, is_live=shown_message.is_running, hidden=hidden)
    in_view = in_view.placed_in(shown_message.html)
    if shown_message.is_running and in_view.decided_at:
        # The time that a person took is no time of the answer.
        shown_message = replace(shown_message, started_at=in_view.decided_at, silence=SPOKE_JUST_NOW)
    if in_view.is_waiting or shown_message.status != "waiting":
        return replace(shown_message, calls=in_view)
    return replace(shown_message, calls=in_view, status="thinking", words="")


def _changed(shown_message: ShownMessage, message: Message, html: str | scripted.ScriptedMessage) -> ShownMessage:
    if shown_message.is_running:
        return shown_message
    if isinstance(html, scripted.ScriptedMessage):
        return replace(shown_message, unrendered=html)
    return replace(shown_message, html=_around(message, Markup(renderings.in_our_words(scoped(html, message.id)))))


def limited(message: ShownMessage, right: str) -> ShownMessage:
    """Returns the message with the actions that this right allows."""
    if right == "write":
        return replace(message, actions=replace(message.actions, **FOR_OWNERS))
    if right == "view":
        actions, versions = replace(message.actions, **FOR_OWNERS, **FOR_WRITERS), message.versions
        calls = message.calls.limited() if message.calls else None
        return replace(message, actions=actions, versions=replace(versions, previous_url="", next_url=""), calls=calls)
    return message


def _last(shown_message: ShownMessage, message: Message) -> ShownMessage:
    """Adds the actions of the last message: continue it even if it is complete, or answer it if it has no answer.

    For a character's answer, "next version" on the last version generates a new one.
    """
    actions, versions = shown_message.actions, shown_message.versions
    if shown_message.role == "user":
        return replace(shown_message, actions=replace(actions, can_try_again=True))
    next_url = versions.next_url or (actions.again_url if shown_message.face and actions.can_try_again else "")
    can_grow = bool(message.parent_id and message.content) and not actions.can_continue
    return replace(shown_message, actions=replace(actions, can_grow=can_grow), versions=replace(versions, next_url=next_url))


def earlier_url(messages: Sequence[Message]) -> str:
    """Returns the URL of the messages before these; empty if there are none."""
    first = messages[0] if messages else None
    return f"{address('list.earlier', first.chat_id)}?before={first.id}" if first and first.parent_id else ""


def _message(engine: Engine, message: Message, generations: list[Generation]) -> ShownMessage:
    last = generations[-1] if generations else None
    if last and last.is_active:
        if broadcast := engine.logs.broadcast(last):
            snapshot, cursor = broadcast.snapshot()
            if not broadcast.projection.has_ended:
                return replace(_running(message, last, snapshot, cursor), silence=silence(engine, last))
        elif (active := active_ids(last.lane)) and active.id == last.id:
            return _unheard(engine, message, last)
        # The answer has ended since these rows were read.
        db.session.rollback()
        generations = queries.generations_of([message])[message.id]
        last = generations[-1]
    return _ended(message, last, generations)


def _running(message: Message, last: Generation, snapshot: AnswerSnapshot, cursor: Cursor) -> ShownMessage:
    return ShownMessage(
        id=message.id,
        role=message.role,
        author_id=message.author_id or "",
        status=snapshot.status,
        words=snapshot.words or (_waiting(message, last) if snapshot.status == "queued" else ""),
        html=Markup(renderings.in_our_words(snapshot.html)),
        tail=Markup(snapshot.tail),
        reasoning=message.reasoning + snapshot.reasoning,
        thought=_("Reasoning") if snapshot.status in {"queued", "thinking"} else _("Thought"),
        notices=tuple(ShownNotice("", text) for text in snapshot.notices),
        receipt="",
        is_running=True,
        started_at=last.created_at,
        actions=Actions(**_action_urls(message), choose_url=_choose_url(message, last)),
        stop_url=address("chat.stop", last.id),
        generation_id=last.id,
        cursor=cursor,
        sources=tuple(renderings.citation_numbers(message)),
        fact_count=message.fact_count,
    )


def _waiting(message: Message, last: Generation) -> str:
    is_reading = long_files.not_indexed(queries.chat_of(message))
    return _("Reading the files") if is_reading else _("Waiting for %(model)s", model=the_models().display_name(last.model_asked))


def _unheard(engine: Engine, message: Message, last: Generation) -> ShownMessage:
    """Shows an active answer that this process can't follow: nothing new can be sent until its end is saved."""
    is_ours = last.owner == engine.worker.id and last.id not in engine.recovery_state.taken
    snapshot = AnswerSnapshot(
        "queued", renderings.html_of(message), "", "", (), "" if is_ours else _("Restoring after a restart…")
    )
    return replace(_running(message, last, snapshot, ()), generation_id="")


def _ended(message: Message, last: Generation | None, generations: list[Generation]) -> ShownMessage:
    status, model = last.status if last else "completed", answer_shown.model_name(last) if last else ""
    return ShownMessage(
        id=message.id,
        role=message.role,
        author_id=message.author_id or "",
        status=status,
        html=_around(message, Markup(renderings.html_of(message))),
        tail=Markup(),
        reasoning=message.reasoning,
        thought=answer_shown.reasoning_label(generations) if message.reasoning else "",
        notices=notices(last, message) if last else (),
        receipt=answer_shown.receipt(generations, model) if last else "",
        model=model,
        pace=answer_shown.pace(generations),
        is_running=False,
        started_at=last.started_at if last else None,
        actions=_actions(message, last, status),
        is_long=message.role == "user" and _is_long(message.content),
        is_edited=message.is_edited,
        is_hidden=message.is_hidden,
        is_kept=message.is_kept,
        generation_id=last.id if last else "",
        said_at=message.created_at,
        sources=tuple(renderings.citation_numbers(message)),
        fact_count=message.fact_count,
        proposal_count=message.proposal_count,
    )


def _actions(message: Message, last: Generation | None, status: str) -> Actions:
    return Actions(
        **_action_urls(message),
        **_account_urls(message, last),
        edit_url=address("messages.edit", message.id) if message.content else "",
        hide_url=address("messages.unhide" if message.is_hidden else "messages.hide", message.id) if message.content else "",
        can_continue=_can_continue(status, last, message),
        # A greeting replies to nothing, so it can't be tried again.
        can_try_again=message.role == "assistant" and bool(message.parent_id),
        # A visitor has no facts.
        can_remember=bool(message.content and queries.chat_of(message).owner_id),
    )


def _account_urls(message: Message, last: Generation | None) -> dict[str, Any]:
    """Returns the URLs of actions on an answer that require an account."""
    urls = {"sent_url": address("composer.what_was_sent", last.id)} if last and last.owner else {}
    if _has_account(message, last):
        urls["fork_url"] = address("messages.fork", message.id)
        urls["choose_url"] = _choose_url(message, last)
        urls["link_url"] = address("links.of_answer", message.id) if _can_have_link(message) else ""
        urls["rate_url"] = address("composer.rate", message.id) if message.content and not message.is_edited else ""
    return urls


def _can_have_link(message: Message) -> bool:
    is_answer = message.role == "assistant" and bool(message.content) and bool(message.parent_id)
    return is_answer and setting("links.who") != "off" and not queries.chat_of(message).is_temporary


def _choose_url(message: Message, last: Generation | None) -> str:
    """Returns the URL for choosing another model; empty in a visitor's chat, which has no choice of models."""
    return address("composer.choose", message.id) if _has_account(message, last) and message.parent_id else ""


def _has_account(message: Message, last: Generation | None) -> bool:
    return bool((last and last.user_id) or (message.is_edited and message.author_id))


def _action_urls(message: Message) -> dict[str, Any]:
    return {
        "raw_url": address("chat.raw", message.id),
        "plain_url": address("chat.plain", message.id),
        "continue_url": address("chat.go_on", message.id),
        "again_url": address("chat.again", message.id),
        "delete_url": address("messages.delete", message.id) if message.parent_id else "",
    }


def _versions(id: str, versions: list[str]) -> Versions:
    at = versions.index(id)
    urls = [address("messages.show_version", version) for version in versions]
    around = ["", *urls, ""]
    return Versions(at + 1, len(versions), previous_url=around[at], next_url=around[at + 2])


def _around(message: Message, html: Markup) -> Markup:
    """Adds what a person's message has besides its text."""
    return folded(html, message.content, _became(message)) if message.role == "user" else html


def _became(message: Message) -> dict[str, ReadingState]:
    """Returns the progress of its long files with their documents' URLs; those not indexed here link to a download.

    The originals of its texts, as far as they were sent in this chat, have their URLs.
    """
    ids = [original.id for original in originals_in(message.content)]
    originals = storage.in_chat(message.chat_id, ids) if ids else ()
    return {id: ReadingState(f"/files/{id}", "") for id in originals} | {
        id: ReadingState(address("documents.show", document.id), knowledge_shown.document(document).words)
        if document
        else ReadingState(f"/files/{id}", _(NOT_READ))
        for id, document in long_files.documents_in(message.chat_id, message.content).items()
    }


def _is_long(content: str) -> bool:
    content, _ = parted(content)
    return len(content) > FOLD_CHARS or content.rstrip().count("\n") >= FOLD_LINES


def _can_continue(status: str, last: Generation | None, message: Message) -> bool:
    """Returns whether the answer was cut, or its last attempt failed and there is a text to continue."""
    is_cut = status in {"stopped", "interrupted"} or bool(last and last.reason in CUT_REASONS)
    return is_cut or (status == "failed" and bool(message.content))
