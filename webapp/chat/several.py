"""What a person does with several chats at once, and what undoes it."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from webapp.chat import branches, erasing, listing, queries
from webapp.chat.tables import Chat
from webapp.errors import Conflict, Invalid
from webapp.extensions import write

# As many as a page of the list shows.
MOST = 100
OPEN, LOST = {"deleted_at": False}, {"deleted_at": True}


@dataclass(frozen=True)
class Deed:
    """Something to do with chats; `leaves` says of which moments a chat has one afterwards, and of which it has none."""

    do: Callable[..., None]
    said: str
    leaves: Mapping[str, bool]
    undo: str = ""
    is_for_trash: bool = False

    def is_done(self, chat: Chat) -> bool:
        return bool(self.leaves) and all(bool(getattr(chat, name)) is has_one for name, has_one in self.leaves.items())

    def is_for(self, chat: Chat) -> bool:
        return bool(chat.deleted_at) is self.is_for_trash and not self.is_done(chat)

    @property
    def unpins(self) -> bool:
        return self.leaves.get("pinned_at") is False


DEEDS = {
    "pin": Deed(
        partial(listing.pin, is_pinned=True), "{what} pinned.", {"pinned_at": True, "archived_at": False, **OPEN}, undo="unpin"
    ),
    "unpin": Deed(partial(listing.pin, is_pinned=False), "{what} unpinned.", {"pinned_at": False, **OPEN}, undo="pin"),
    "archive": Deed(
        partial(listing.archive, is_archived=True),
        "{what} archived.",
        {"archived_at": True, "pinned_at": False, **OPEN},
        undo="unarchive",
    ),
    "unarchive": Deed(
        partial(listing.archive, is_archived=False),
        "{what} taken out of the archive.",
        {"archived_at": False, **OPEN},
        undo="archive",
    ),
    "delete": Deed(listing.trash, "{what} {are} in the trash.", LOST, undo="restore"),
    "restore": Deed(listing.restore, "{what} restored.", OPEN, undo="delete", is_for_trash=True),
    "erase": Deed(listing.erase, "", {}, is_for_trash=True),
}


def deed_named(name: str) -> Deed:
    if name not in DEEDS:
        raise Invalid("Say what is to be done with these chats.")
    return DEEDS[name]


def chosen(owner_id: str, ids: Iterable[str]) -> Sequence[Chat]:
    """The person's own among these chats, in this order: others are as if they were not there."""
    asked = list(dict.fromkeys(ids))
    if not asked:
        raise Invalid("Select at least one chat first.")
    if len(asked) > MOST:
        raise Invalid(f"These are {len(asked):,} chats, and {MOST} can be dealt with at once. Nothing was changed.")
    return queries.own_chats(owner_id, asked)


def do(deed: Deed, chats: Sequence[Chat], *, pinned_again: Container[str] = ()) -> list[str]:
    """Do it with those that it is for; gives the ids of all that are so now, those too that were so before.

    What loses its pin by being archived gets it back when that is undone: such chats are named once more.
    """
    # The last first: lists that are sorted by the moment keep their order.
    due = [chat for chat in reversed(chats) if deed.is_for(chat)]
    pinned = [chat for chat in reversed(chats) if chat.id in pinned_again and deed.undo]
    ids = [chat.id for chat in chats if chat in due or deed.is_done(chat)]
    if due:
        deed.do(*due)
    if pinned:
        listing.pin(*pinned, is_pinned=True)
    return ids


def empty_trash(owner_id: str) -> None:
    """Delete all that lies in the person's trash for good."""
    if queries.is_running_in_trash(owner_id):
        raise Conflict(
            "An answer in one of these chats is just being stopped. Nothing was deleted: please try again in a moment."
        )
    with write() as session:
        erasing.erase(session, queries.in_trash(owner_id))
    branches.erase(branches.is_lost(owner_id))
