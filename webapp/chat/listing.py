"""What a person does with a chat as a whole: name it, pin it, put it away, throw it away and bring it back."""

from webapp.chat import asking, erasing, sharing, sweeping, temporary, titles
from webapp.chat.tables import Chat
from webapp.errors import Invalid
from webapp.extensions import utc_now, write
from webapp.generations import service as generations
from webapp.generations.engine import the_engine
from webapp.settings.retention import forget_old_entries
from webapp.streaming.events import Changed

TITLE_CHARS = 200


def rename(chat: Chat, title: str) -> None:
    """Give the chat a name, which nothing but its owner changes from then on."""
    name = checked_title(title)
    titles.cancel(chat.id)
    with write():
        chat.title, chat.title_is_own = name, True
    asking.announce(chat, "chat", chat.id)


def checked_title(title: str) -> str:
    """A name fit to be stored."""
    name = " ".join(title.replace("\0", " ").encode("utf-8", "replace").decode().split())
    if not name:
        raise Invalid("Give the chat a name.", field="title")
    if len(name) > TITLE_CHARS:
        raise Invalid(f"That is {len(name) - TITLE_CHARS} characters too long for a name.", field="title")
    return name


def pin(chat: Chat, *, is_pinned: bool) -> None:
    """Keep the chat at the top of every list, or no longer; one that was archived comes back for it."""
    with write():
        chat.pinned_at = utc_now() if is_pinned else None
        chat.archived_at = None if is_pinned else chat.archived_at
    asking.announce(chat, "chat", chat.id)


def archive(chat: Chat, *, is_archived: bool) -> None:
    """Put the chat away without losing it, or take it out again."""
    with write():
        chat.archived_at = utc_now() if is_archived else None
        chat.pinned_at = None if is_archived else chat.pinned_at
    asking.announce(chat, "chat", chat.id)


def trash(chat: Chat) -> None:
    """Throw the chat away; until its time in the trash is over it can be brought back. An answer that runs in it is stopped.

    A temporary chat has no way back.
    """
    titles.cancel(chat.id)
    if chat.is_temporary:
        temporary.close(chat)
        return
    if running := generations.running_in(asking.lane_of(chat)):
        generations.stop(the_engine(), running)
    with write():
        chat.deleted_at = utc_now()
    asking.announce(chat, "chat", chat.id)
    # Pages that still show it lose their stream at once.
    for person in {chat.owner_id, *sharing.readers(chat.id)}:
        the_engine().topics.append(f"user:{person}", Changed("access", chat.id))
    erasing.empty_trash()
    forget_old_entries()
    sweeping.wake()


def restore(chat: Chat) -> None:
    """Bring back what was thrown away."""
    with write():
        chat.deleted_at = None
    asking.announce(chat, "chat", chat.id)


def erase(chat: Chat) -> None:
    """Delete what lies in the trash for good, without waiting for its time."""
    generations.refuse_if_busy(asking.lane_of(chat))
    id = chat.id
    with write() as session:
        erasing.erase(session, (Chat.id == id) & Chat.deleted_at.is_not(None))
