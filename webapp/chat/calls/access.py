"""Who may see a call, and decide about it: those who can read its chat, and those who can write there."""

from collections.abc import Mapping, Sequence

from webapp.base.db import db
from webapp.chat.record.access import visible_message, writable_message
from webapp.knowledge.sources import seen
from webapp.people.accounts.guards import found
from webapp.people.accounts.tables import User
from webapp.streaming.events import SourceRecord
from webapp.tools.tables import Call


def visible_call(id: str) -> Call:
    """Returns the call if the requester can read its chat."""
    call = db.session.get(Call, id)
    visible_message(call.message_id if call else "")
    return found(call)


def writable_call(id: str) -> Call:
    """Returns the call if the requester can write in its chat."""
    call = db.session.get(Call, id)
    writable_message(call.message_id if call else "")
    return found(call)


def quoting_unseen(reader: User | None, sources: Mapping[str, Sequence[SourceRecord]]) -> set[str]:
    """Returns the ids of those calls whose results quote what the reader can't see; `sources` are theirs by the call's id.

    Without a query if there are no sources.
    """
    pairs = [(id, source) for id, of_call in sources.items() for source in of_call]
    all_seen = seen(reader, [source for _, source in pairs]) if pairs else []
    return {id for (id, _), source in zip(pairs, all_seen, strict=True) if not (source.passage or source.web_page)}
