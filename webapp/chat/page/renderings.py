"""The stored HTML of messages, rendered again when it is missing or from an older renderer."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from webapp.chat import queries
from webapp.chat.cuts import seams_of
from webapp.chat.files.reference import parted
from webapp.chat.tables import Message
from webapp.db import db, write
from webapp.engine.chores import Chore
from webapp.errors import Unavailable
from webapp.heavy.turns import stand_in_line
from webapp.rendering import markdown
from webapp.rendering.fallback import as_paragraph
from webapp.rendering.markdown import Seam
from webapp.rendering.notes import scoped

# What one page renders at most, about a second's work; what is longer is shown as it is until the slow pass has come to it.
PAGE_CHARS = 400_000
# A file has time.
FILE_CHARS = 5_000_000
BATCH_CHARS, BATCH_ROWS = 50_000, 100
EVERY_SECONDS = 2.0
# In the words of its index: messages without a text have nothing to be rendered.
IS_STALE = (Message.html_version < markdown.VERSION) & text("messages.content <> ''")
# A text in which nothing can be seen has HTML too, lest it be taken for one that was never rendered.
NOTHING = "\n"
# What was rendered and could not be stored, by the message and the length of its text, which only grows.
_unstored: OrderedDict[tuple[str, int], str] = OrderedDict()
MOST_UNSTORED = 100


@dataclass(frozen=True, slots=True)
class Stale:
    """A message whose HTML is to be made, and the length of all its text."""

    id: str
    content: str
    length: int
    seams: Sequence[Seam]
    cited: Sequence[int]


def html_of(message: Message) -> str:
    """The HTML of a message, or its text as it is where that is still to be rendered."""
    html = _unstored.get(_key(message)) or as_paragraph(_shown(message)) if is_stale(message) else message.html
    return scoped(html, message.id)


def is_stale(message: Message) -> bool:
    """Whether its text has no HTML, or that of an older renderer."""
    return bool(message.content) and (message.html_version < markdown.VERSION or not message.html)


def ready(read: Callable[[], Sequence[Message]], *, most_chars: int = PAGE_CHARS) -> Sequence[Message]:
    """What is read, with its HTML; others have their turn meanwhile, and then it is read again."""
    messages = read()
    return read() if renew(messages, most_chars=most_chars) else messages


def renew(messages: Sequence[Message], *, most_chars: int = PAGE_CHARS) -> bool:
    """Renders those that are stale, the last first, up to so many characters; says whether anything was made.

    Then the session has let go of what it has read.
    """
    stale = [message for message in messages if is_stale(message) and _key(message) not in _unstored]
    if not stale:
        return False
    within = _within(stale[::-1], most_chars)
    if len(within) < len(stale):
        wake()
    _store(_made(_taken(within)))
    return bool(within)


def cited(message: Message) -> list[int]:
    """The numbers of its sources."""
    return [each["number"] for each in message.sources]


def rendered(content: str, seams: Sequence[Seam] = (), *, cited: Sequence[int] = ()) -> str:
    """A text as HTML; a long one is rendered in pieces, so that nobody waits for it."""
    pieces = markdown.rendering(content, seams, cited=cited)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            html: str = end.value
            return html
        # What was read before others had their turn may be old by now.
        db.session.rollback()
        stand_in_line()


def of_person(content: str) -> str:
    """What a person says as HTML, without the pictures at its end: they are shown below it."""
    return rendered(parted(content)[0]) or NOTHING


def renew_some() -> bool:
    """Renders a few of all stale messages; says whether there are more."""
    lengths = db.session.execute(select(Message.id, func.length(Message.content)).where(IS_STALE).limit(BATCH_ROWS)).all()
    ids: list[str] = []
    chars = 0
    for id, length in lengths:
        if not ids or chars + length <= BATCH_CHARS:
            ids.append(id)
            chars += length
    if ids:
        messages = db.session.scalars(select(Message).where(Message.id.in_(ids))).all()
        kept = {_key(each): _unstored[_key(each)] for each in messages if _key(each) in _unstored}
        fresh = _taken([each for each in messages if _key(each) not in kept])
        _store(kept | _made(fresh))
    return bool(ids)


def _shown(message: Message) -> str:
    """What of its text is rendered."""
    return parted(message.content)[0] if message.role == "user" else message.content


def _within(messages: Iterable[Message], most_chars: int) -> list[Message]:
    found = []
    for message in messages:
        if len(message.content) <= most_chars:
            found.append(message)
            most_chars -= len(message.content)
    return found


def _taken(messages: Sequence[Message]) -> list[Stale]:
    generations = queries.generations_of(messages) if messages else {}
    return [
        Stale(each.id, _shown(each), len(each.content), seams_of(generations.get(each.id, ())), cited(each)) for each in messages
    ]


def _made(stale: Iterable[Stale]) -> dict[tuple[str, int], str]:
    made: dict[tuple[str, int], str] = {}
    for each in stale:
        # Nothing is held while it is rendered.
        db.session.rollback()
        made[each.id, each.length] = rendered(each.content, each.seams, cited=each.cited) or NOTHING
        stand_in_line()
    return made


def _store(made: Mapping[tuple[str, int], str]) -> None:
    """Keeps it for all who come later, unless the text has grown meanwhile; if that cannot be now, for a few of them."""
    try:
        with write(patience_seconds=0) as session:
            for (id, length), html in made.items():
                unchanged = Message.id == id, func.length(Message.content) == length, Message.html_version <= markdown.VERSION
                values = {"html": html, "html_version": markdown.VERSION}
                statement = update(Message).where(*unchanged).values(values)
                session.execute(statement.execution_options(synchronize_session=False))
    except (Unavailable, SQLAlchemyError):
        _unstored.update(made)
        while len(_unstored) > MOST_UNSTORED:
            _unstored.popitem(last=False)
    else:
        for key in made:
            _unstored.pop(key, None)


def _key(message: Message) -> tuple[str, int]:
    return message.id, len(message.content)


# All that is stale is rendered little by little; where nothing is, that is one look.
wake = Chore("renderer", renew_some, EVERY_SECONDS).wake
