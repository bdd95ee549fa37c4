"""The result of a bulk action with its undo button, as lists show it."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request, url_for

from webapp.base.words import plural
from webapp.chat.list import bulk
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat


@dataclass(frozen=True, slots=True)
class BulkResult:
    """A sentence about what was done, and the form that undoes it; `pinned` are the chats to be pinned again."""

    words: str
    undo_url: str
    undo: str = ""
    ids: Sequence[str] = ()
    pinned: Sequence[str] = ()


def bulk_result(owner_id: str, several_url: str) -> BulkResult | None:
    """Returns the result named by the request's query parameters, limited to chats that are still in that state."""
    if chat := queries.owned_chat(owner_id, request.args.get("deleted", ""), is_deleted=True):
        return BulkResult(words(bulk.ACTIONS["delete"], [chat]), url_for("list.restore", id=chat.id))
    action, wanted = bulk.ACTIONS.get(request.args.get("did", "")), _ids("chats")[: bulk.MOST]
    chats = [chat for chat in queries.own_chats(owner_id, wanted) if action.is_done(chat)] if action and wanted else []
    if not action or not chats:
        return None
    ids, pinned = [chat.id for chat in chats], set(_ids("pinned"))
    return BulkResult(words(action, chats), several_url, action.undo, ids, [id for id in ids if id in pinned])


def _ids(name: str) -> list[str]:
    return [id for id in request.args.get(name, "").split(".") if id]


def words(action: bulk.BulkAction, chats: Sequence[Chat]) -> str:
    """Returns a sentence that reports what was done."""
    is_one = len(chats) == 1
    what = f"“{chats[0].title or 'New chat'}”" if is_one else plural(len(chats), "chat")
    return action.done_words.format(what=what, are="is" if is_one else "are")
