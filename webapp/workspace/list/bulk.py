"""Bulk actions on chats, and what undoes each."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from webapp.base.errors import Conflict, Invalid
from webapp.base.languages import ngettext
from webapp.chat import erasing
from webapp.chat.messages import chats as chat_service, deleted_branches, keeping
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat

# The number of chats on one page of the list.
MOST = 100
OPEN, LOST = {"deleted_at": False}, {"deleted_at": True}


@dataclass(frozen=True)
class BulkAction:
    """An action on chats; `leaves` maps timestamp columns to whether the action leaves them set or empty."""

    do: Callable[..., object]
    # Of what it was done to, and how many.
    done_words: Callable[[str, int], str]
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


ACTIONS = {
    "pin": BulkAction(
        partial(chat_service.pin, is_pinned=True),
        lambda what, count: ngettext("%(what)s pinned.", "%(what)s pinned.", count, what=what),
        {"pinned_at": True, "archived_at": False, **OPEN},
        undo="unpin",
    ),
    "unpin": BulkAction(
        partial(chat_service.pin, is_pinned=False),
        lambda what, count: ngettext("%(what)s unpinned.", "%(what)s unpinned.", count, what=what),
        {"pinned_at": False, **OPEN},
        undo="pin",
    ),
    "archive": BulkAction(
        partial(chat_service.archive, is_archived=True),
        lambda what, count: ngettext("%(what)s archived.", "%(what)s archived.", count, what=what),
        {"archived_at": True, "pinned_at": False, **OPEN},
        undo="unarchive",
    ),
    "unarchive": BulkAction(
        partial(chat_service.archive, is_archived=False),
        lambda what, count: ngettext("%(what)s unarchived.", "%(what)s unarchived.", count, what=what),
        {"archived_at": False, **OPEN},
        undo="archive",
    ),
    "keep": BulkAction(
        partial(keeping.keep, is_kept=True),
        lambda what, count: ngettext("%(what)s is kept forever.", "%(what)s are kept forever.", count, what=what),
        {"is_kept": True, **OPEN},
        undo="let_go",
    ),
    "let_go": BulkAction(
        partial(keeping.keep, is_kept=False),
        lambda what, count: ngettext(
            "%(what)s is kept as long as other chats.", "%(what)s are kept as long as other chats.", count, what=what
        ),
        {"is_kept": False, **OPEN},
        undo="keep",
    ),
    "delete": BulkAction(
        chat_service.trash,
        lambda what, count: ngettext("%(what)s is in the trash.", "%(what)s are in the trash.", count, what=what),
        LOST,
        undo="restore",
    ),
    "restore": BulkAction(
        chat_service.restore,
        lambda what, count: ngettext("%(what)s restored.", "%(what)s restored.", count, what=what),
        OPEN,
        undo="delete",
        is_for_trash=True,
    ),
    "erase": BulkAction(chat_service.erase, lambda what, count: "", {}, is_for_trash=True),
}


def action_named(name: str) -> BulkAction:
    if name not in ACTIONS:
        raise Invalid("Choose what to do with these chats.")
    return ACTIONS[name]


def chosen(owner_id: str, ids: Iterable[str]) -> Sequence[Chat]:
    """Returns those of these chats that the person owns, in this order; others are ignored."""
    unique_ids = list(dict.fromkeys(ids))
    if not unique_ids:
        raise Invalid("Select at least one chat first.")
    if len(unique_ids) > MOST:
        raise Invalid(f"You selected {len(unique_ids):,} chats, but the limit is {MOST} at once. Nothing was changed.")
    return queries.own_chats(owner_id, unique_ids)


def do(action: BulkAction, chats: Sequence[Chat], *, pinned_again: Container[str] = ()) -> list[str]:
    """Applies the action where it makes a difference; returns the ids of all chats now in that state.

    Archiving removes a pin. To restore it, the undo request lists those chats in `pinned_again`.
    """
    # In reverse, so that lists sorted by these timestamps keep their order.
    due = [chat for chat in reversed(chats) if action.is_for(chat)]
    pinned = [chat for chat in reversed(chats) if chat.id in pinned_again and action.undo]
    ids = [chat.id for chat in chats if chat in due or action.is_done(chat)]
    if due:
        action.do(*due)
    if pinned:
        chat_service.pin(*pinned, is_pinned=True)
    return ids


def empty_trash(owner_id: str) -> str:
    """Permanently deletes everything in the person's trash; returns the id of the receipt of its chats."""
    if queries.is_running_in_trash(owner_id):
        raise Conflict("An answer in one of these chats is still stopping. Nothing was deleted. Please try again in a moment.")
    receipt_id = erasing.erase_with_receipt(queries.in_trash(owner_id), owner_id, by=owner_id)
    deleted_branches.erase(deleted_branches.is_in_trash(owner_id))
    return receipt_id
