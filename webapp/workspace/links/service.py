"""Links to chats for people without an account: who makes them, what they show, and when they are closed."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any, Literal, NamedTuple

from pydantic import Field
from sqlalchemy import ColumnElement, Select, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import NO_PATIENCE, db, utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, Unavailable
from webapp.base.heavy import bounded
from webapp.base.ids import new_id
from webapp.base.inputs import Input, Moment
from webapp.base.languages import gettext as _
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.messages import fork
from webapp.chat.messages.chats import TITLE_CHARS
from webapp.chat.messages.fork import Extent, Included
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import WHILE_ACTIVE, Generation
from webapp.people.accounts import creation_limit
from webapp.people.accounts.permissions import may
from webapp.people.accounts.queries import hashed
from webapp.people.accounts.tables import User
from webapp.settings.secrets.encryption import DecryptionError, Holder, Secret, the_encryption
from webapp.settings.service import setting
from webapp.workspace.links.tables import Link

KIND, PURPOSE = "link", "the address of a link"
WHO, FOR_EVER = "links.who", "links.for_ever"
# 128 bits, in 22 characters.
TOKEN_BYTES = 16
MOST_OF_CHAT = 50
DEFAULT_LIFE, LONGEST_LIFE = timedelta(days=7), timedelta(days=366)
# Lists show for so long that a link has ended.
KEPT_AFTER_END = timedelta(days=30)
OFF = "Links are turned off on this server."
NOT_ALLOWED = "This account isn't allowed to create links."
RUNNING = "An answer is still being written. Wait for it, or make the link live."
NOTHING = "There is nothing to show yet."
WITHOUT_END = "A link needs an end on this server: a day within a year."

# How many messages a link to an answer shows.
PAIR = 2
MEASURES = select(
    Message.id,
    func.length(Message.content),
    func.length(Message.reasoning),
    Message.call_count,
    func.json_array_length(Message.sources),
)

Part = Literal["files", "reasoning", "calls", "names"]
PARTS: tuple[Part, ...] = ("files", "reasoning", "calls", "names")


class LinkInput(Input):
    """What is entered for a link; without an end it lasts seven days, and null is for ever."""

    live: bool = Field(False, description="Whether it shows what is written later, too. A snapshot doesn't.")
    ends_at: Moment | None = Field(None, description="Left out: in seven days. Null: never, where the settings allow that.")
    shows: list[Part] = Field([], alias="with", max_length=len(PARTS), description="What it shows besides the texts.")

    @property
    def end(self) -> datetime | None:
        return self.ends_at if "ends_at" in self.model_fields_set else utc_now() + DEFAULT_LIFE


@dataclass(frozen=True, slots=True)
class OpenLink:
    """What a link opens: a chat down to its head or, if it `is_answer`, the last two messages there, without a title.

    One with a `block` opens nothing but what has that number in the answer, as long as that was then; one with a `file_id`
    nothing but that version of a text.
    """

    id: str
    chat_id: str
    title: str
    model: str
    head_id: str
    is_answer: bool
    block: int | None
    file_id: str | None
    is_live: bool
    included: Included
    made_at: datetime
    ends_at: datetime | None
    maker: str

    @property
    def is_artifact(self) -> bool:
        return self.block is not None or self.file_id is not None

    @property
    def ids(self) -> list[str]:
        """The ids of the messages that it shows."""
        path = queries.ids_to(self.head_id) if self.head_id and not self.is_artifact else []
        return path[-PAIR:] if self.is_answer else path

    @property
    def file(self) -> StoredFile:
        """The file of the version of a text that it shows."""
        return db.session.get_one(StoredFile, self.file_id)

    @property
    def text(self) -> str:
        """The text of the answer at its head, as long as it was then."""
        content = db.session.scalars(select(Message.content).where(Message.id == self.head_id)).one()
        return content[: self.included.extents[self.head_id].text]


class LinkedText(NamedTuple):
    """The version of a text that a link shows."""

    text_id: str
    version: int


class LinkRow(NamedTuple):
    """A link with its chat, its maker, and the reason why it is closed, which is empty while it is open."""

    link: Link
    chat: Chat
    owner: User
    text: LinkedText | None
    closed: str

    @property
    def url_token(self) -> str:
        """The token of its address; empty if it can't be decrypted any longer."""
        try:
            return the_encryption().decrypt_api_key(self.link.ciphertext, owner=self.link.id, purpose=PURPOSE)
        except DecryptionError:
            return ""


@dataclass(frozen=True, slots=True)
class LinkedArtifact:
    """What a link is to show alone: its title, which can be empty, and its number in an answer, or the file of a text's version.

    Dialogs say its `name`, in the language of who sees them.
    """

    title: str
    name: str
    number: int | None = None
    file_id: str | None = None
    text: LinkedText | None = None


def create(
    chat: Chat,
    entered: LinkInput,
    *,
    author: audit.AuditAuthor,
    by: User,
    message: Message | None = None,
    artifact: LinkedArtifact | None = None,
) -> Link:
    """Creates a link to a chat or, with a message, to one answer with its question; an artifact is shown alone."""
    refuse_unlinkable(chat, by)
    if artifact:
        entered = entered.model_copy(update={"live": False, "shows": []})
    ends_at = _checked_end(entered.end)
    if message and message.role != "assistant":
        raise Invalid("Choose an answer.", field="message_id")
    is_text = bool(artifact and artifact.file_id)
    head_id = message.id if message else None if is_text else chat.head_id
    if not head_id and not is_text:
        raise Conflict(NOTHING)
    id, token, chat_id = new_id(), token_urlsafe(TOKEN_BYTES), chat.id
    link = Link(
        id=id,
        chat_id=chat_id,
        owner_id=by.id,
        token_hash=hashed(token),
        ciphertext=the_encryption().encrypt_api_key(token, owner=id, purpose=PURPOSE),
        is_answer=message is not None,
        block=artifact.number if artifact else None,
        file_id=artifact.file_id if artifact else None,
        title=artifact.title[:TITLE_CHARS] if artifact else "",
        is_live=entered.live,
        head_id=head_id if message or not entered.live else None,
        shows=[part for part in PARTS if part in entered.shows],
        extent={} if entered.live or not head_id else _extents(head_id, is_answer=message is not None),
        ends_at=ends_at,
    )
    creation_limit.count(by.id)
    with write() as session:
        session.execute(delete(Link).where(Link.ends_at < utc_now() - KEPT_AFTER_END))
        # Links of the chat that are created at the same time are counted one after another.
        session.execute(select(Chat.id).where(Chat.id == chat_id).with_for_update())
        if (session.scalar(select(func.count()).where(Link.chat_id == chat_id)) or 0) >= MOST_OF_CHAT:
            raise Conflict(f"This chat already has {MOST_OF_CHAT} links. Please revoke one first.")
        if not (link.is_live or is_text):
            _take_snapshot(session, link)
        session.add(link)
        detail = f"{'live' if link.is_live else 'a snapshot'}, {_words_of_end(ends_at)}"
        audit.add(session, "created a link", author=author, object_kind=KIND, object_id=id, detail=detail)
    return link


def revoke(link_id: str, *, author: audit.AuditAuthor) -> None:
    """Deletes a link: it opens nothing from now on, and pages that show it are emptied."""
    with write() as session:
        if session.scalar(delete(Link).where(Link.id == link_id).returning(Link.id)):
            audit.add(session, "revoked a link", author=author, object_kind=KIND, object_id=link_id)


def refuse_unlinkable(chat: Chat, by: User) -> None:
    """Raises an error if the chat can't have a link, or not one of this person."""
    if chat.is_temporary or chat.visitor_hash:
        raise Conflict("Temporary chats can't have links.")
    if words := _refusal(by):
        raise Forbidden(words)


def by_token(token: str) -> OpenLink | None:
    """Returns what a token opens; None for one that is unknown, has ended or is closed."""
    rows = _rows(Link.token_hash == hashed(token))
    return _opened(rows[0]) if rows and not rows[0].closed else None


def is_read_live(chat_id: str) -> bool:
    """Returns whether a link that is open shows what is written in the chat from now on."""
    is_open = or_(Link.ends_at.is_(None), Link.ends_at > utc_now())
    query = select(Link.id).where(Link.chat_id == chat_id, Link.is_live, is_open)
    return db.session.scalar(query.limit(1)) is not None


def open_links(ids: Iterable[str]) -> dict[str, tuple[OpenLink, tuple[Any, ...]]]:
    """Returns those of these links that are open, each with what differs once a live one has changed; its last is the status."""
    rows = [row for row in _rows(Link.id.in_(list(ids))) if not row.closed]
    links = {row.link.id: _opened(row) for row in rows}
    heads = [link.head_id for link in links.values() if link.is_live]
    about = func.length(Message.content), func.length(Message.reasoning), Message.call_count, Message.html_version
    status = select(Generation.status).where(Generation.message_id == Message.id, WHILE_ACTIVE).scalar_subquery()
    query = select(Message.id, *about, status).where(Message.id.in_(heads))
    versions = {row[0]: tuple(row) for row in db.session.execute(query)} if heads else {}
    return {id: (link, versions.get(link.head_id, (None,))) for id, link in links.items()}


def of_chat(chat_id: str) -> list[LinkRow]:
    """Returns the links to a chat, the newest first."""
    return _rows(Link.chat_id == chat_id)


def published_versions(text_id: str, chat_id: str) -> list[int]:
    """Returns the versions of a text that open links show, the last one published first."""
    rows = of_chat(chat_id)
    return [row.text.version for row in rows if row.text and row.text.text_id == text_id and not row.closed]


def link_row(id: str) -> LinkRow | None:
    return next(iter(_rows(Link.id == id)), None)


def listed(*, limit: int, owner_id: str = "", before: str = "") -> list[LinkRow]:
    """Returns the links of all people or of one, the newest first."""
    conditions = [Link.owner_id == owner_id] if owner_id else []
    return _rows(*conditions, *([Link.id < before] if before else []), limit=limit)


def count_visit(link_id: str) -> None:
    """Counts a visit, about which nothing else is stored; not while others write."""
    with suppress(Unavailable), write(patience_seconds=NO_PATIENCE) as session:
        session.execute(update(Link).where(Link.id == link_id).values(visits=Link.visits + 1))


def continue_chat(link: OpenLink, user: User) -> str:
    """Creates a chat of this person with what the link shows; returns its id."""
    return fork.copy_included(link.title, link.model, link.ids, link.included, owner_id=user.id)


def _refusal(user: User) -> str:
    """Returns why a person's links are closed, and they can't create one; empty if they can."""
    who = setting(WHO)
    if who == "off":
        return OFF
    if not may(user, "links"):
        return NOT_ALLOWED
    return "Guests can't create links." if who == "members" and not may(user, "see people") else ""


def _checked_end(ends_at: datetime | None) -> datetime | None:
    if ends_at is None or ends_at > utc_now() + LONGEST_LIFE:
        if not setting(FOR_EVER):
            raise Invalid(WITHOUT_END, field="ends_at")
    elif ends_at <= utc_now():
        raise Invalid("This end is in the past.", field="ends_at")
    return ends_at


def _words_of_end(ends_at: datetime | None) -> str:
    return f"until {ends_at:%Y-%m-%d}" if ends_at else "without an end"


def _extents(head_id: str, *, is_answer: bool) -> dict[str, list[int]]:
    """Returns the extents of the answers that a snapshot shows, by id."""
    up = queries.ancestors(Message.id == bindparam("id"))
    answers = MEASURES.join(up, up.c.id == Message.id).where(Message.role == "assistant")
    [rows] = bounded.read([(answers.where(up.c.height < PAIR) if is_answer else answers).params(id=head_id)])
    return _extents_in(rows)


def _extents_in(rows: Iterable[Any]) -> dict[str, list[int]]:
    # An answer without a text is generated again in its place, with other sources.
    return {id: [text, reasoning, calls, sources if text else 0] for id, text, reasoning, calls, sources in rows}


def _take_snapshot(session: Session, link: Link) -> None:
    chat, head = session.get_one(Chat, link.chat_id), session.get_one(Message, link.head_id)
    if session.scalar(select(Generation.id).where(Generation.message_id == head.id, WHILE_ACTIVE).limit(1)):
        raise Conflict(RUNNING)
    # The end of the last answer can have been saved since the others were measured.
    link.title = link.title if link.is_artifact else chat.title
    link.extent = link.extent | _extents_in(session.execute(MEASURES.where(Message.id == head.id)))


def _opened(row: LinkRow) -> OpenLink:
    link, chat = row.link, row.chat
    return OpenLink(
        id=link.id,
        chat_id=chat.id,
        title=link.title if link.is_artifact else "" if link.is_answer else chat.title if link.is_live else link.title,
        model=chat.model,
        head_id=link.head_id or ("" if link.file_id else chat.head_id) or "",
        is_answer=link.is_answer,
        block=link.block,
        file_id=link.file_id,
        is_live=link.is_live,
        made_at=link.created_at,
        ends_at=link.ends_at,
        maker=row.owner.name if "names" in link.shows else "",
        included=Included(
            **{part: part in link.shows for part in PARTS},
            extents={id: Extent(*numbers) for id, numbers in link.extent.items()},
        ),
    )


def _rows(*conditions: ColumnElement[bool], limit: int | None = None) -> list[LinkRow]:
    query: Select[Link, Chat, User] = select(Link, Chat, User).join(Chat, Chat.id == Link.chat_id)
    query = query.join(User, User.id == Link.owner_id).where(*conditions).order_by(Link.id.desc()).limit(limit)
    rows: Sequence[Any] = db.session.execute(query.execution_options(populate_existing=True)).all()
    deleted = queries.deleted_among({link.head_id for link, _, _ in rows if link.head_id})
    texts = _texts({link.file_id for link, _, _ in rows if link.file_id})
    deleted |= {link.file_id for link, _, _ in rows if link.file_id and (link.chat_id, link.file_id) not in texts}
    return [
        LinkRow(link, chat, owner, texts.get((link.chat_id, link.file_id)), _closed(link, chat, owner, deleted))
        for link, chat, owner in rows
    ]


def _texts(file_ids: set[str]) -> dict[tuple[str, str | None], LinkedText]:
    """Returns the versions of texts that these files are, by the ids of their chats and files."""
    query = select(ChatFile).where(ChatFile.file_id.in_(file_ids), ChatFile.text_id.is_not(None))
    places = db.session.scalars(query) if file_ids else ()
    return {(place.chat_id, place.file_id): LinkedText(place.text_id or "", place.version) for place in places}


def _closed(link: Link, chat: Chat, owner: User, deleted: set[str]) -> str:
    now, refusal = utc_now(), _refusal(owner)
    reasons = {
        _("Ended"): bool(link.ends_at and link.ends_at <= now),
        _("Closed: the chat is in the trash"): bool(chat.deleted_at),
        _("Closed: the chat belongs to someone else now"): chat.owner_id != owner.id,
        _("Closed: the account is disabled"): bool(owner.disabled_at),
        _("Closed: a message that it shows is deleted"): link.head_id in deleted,
        _("Closed: the text that it shows is deleted"): link.file_id in deleted,
        _("Closed: %(reason)s", reason=refusal.rstrip(".").lower()): bool(refusal),
        _("Closed: links must now expire"): not (link.ends_at or setting(FOR_EVER)),
    }
    return next((words for words, is_so in reasons.items() if is_so), "")


def _stored() -> Sequence[Secret]:
    """Returns the encrypted addresses of all links."""
    query = select(Link.id, User.email, Link.ciphertext).join(User, User.id == Link.owner_id)
    with db.engine.connect() as connection:
        return [Secret(id, _("A link of %(email)s", email=email), text) for id, email, text in connection.execute(query)]


def _replace(session: Session, id: str, ciphertext: str, fresh: str) -> bool:
    row = update(Link).where(Link.id == id, Link.ciphertext == ciphertext).values(ciphertext=fresh)
    return session.scalar(row.returning(Link.id)) is not None


HOLDER = Holder(KIND, _stored, _replace)
