"""What chats bring to the search over everything: recent chats, titles, passages, and what can be done with and in a chat."""

from datetime import datetime

from flask import url_for

from webapp.base.languages import gettext as _
from webapp.characters import queries as character_queries
from webapp.chat.record import queries
from webapp.models.connections.models import candidates
from webapp.people.accounts.tables import User
from webapp.people.search import SearchHit, SearchQuery, SearchSource
from webapp.workspace.list import bulk
from webapp.workspace.list.search import newest_passages, titles_of

MOST_RECENT, MOST_TITLES, MOST_PASSAGES = 6, 6, 6
# How many characters, and as many models, are offered for a new chat.
MOST_PARTNERS, MOST_MODELS = 3, 50
NEW_CHAT_WITH = ("new", "chat", "with")
# What can be done with the open chat, by the name of the action.
ACTIONS = {
    "pin": "Pin this chat",
    "unpin": "Unpin this chat",
    "archive": "Archive this chat",
    "unarchive": "Unarchive this chat",
    "delete": "Delete this chat",
}
ICONS = {"pin": "pin", "unpin": "pin-off", "archive": "archive", "unarchive": "archive", "delete": "trash-2"}


def recent(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns the chats that changed last, without the open one, until something is typed."""
    if query.words:
        return []
    listed = queries.sidebar_chats(user.id)
    chats = sorted([*listed.pinned, *listed.others], key=lambda chat: (chat.changed_at, chat.id), reverse=True)
    closed = [chat for chat in chats if query.page != url_for("chat.show", id=chat.id)]
    return [_chat(chat.id, chat.title, chat.sharer, chat.changed_at) for chat in closed[:MOST_RECENT]]


def titles(user: User, query: SearchQuery) -> list[SearchHit]:
    hits = titles_of(user.id, query.text, limit=MOST_TITLES)
    return [_chat(hit.chat_id, hit.title, hit.sharer, hit.at) for hit in hits]


def passages(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns the newest messages with these words; a link leads to the message, where the words are marked."""
    return [
        SearchHit(
            title=hit.title or _("New chat"),
            path=url_for("list.place", id=hit.message_id, found=hit.marked),
            icon="letter-text",
            detail=" · ".join(filter(None, (_("call") if hit.call else "", _shared_by(hit.sharer)))),
            at=hit.at,
            passage=hit.short_passage,
        )
        for hit in newest_passages(user.id, query.text, limit=MOST_PASSAGES)
    ]


def with_open_chat(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns what can be done with the person's own chat that is open."""
    head, _slash, id = query.page.rpartition("/")
    chat = queries.owned_chat(user.id, id) if head == "/chats" and id else None
    if not chat or chat.is_temporary:
        return []
    hits = [SearchHit(title=_("Rename this chat"), path=url_for("list.edit_title", id=id), icon="pencil")]
    for name, title in ACTIONS.items():
        if bulk.ACTIONS[name].is_for(chat):
            hits.append(SearchHit(title=_(title), path=f"/chats/{id}/{name}", icon=ICONS[name], sends={}))
    return [hit for hit in hits if query.begins(hit.title)]


def new_chats(user: User, query: SearchQuery) -> list[SearchHit]:
    """Returns new chats with the characters and models that are named, with or without *New chat with*."""
    named = SearchQuery(" ".join(word for word in query.words if word not in NEW_CHAT_WITH))
    if not named.words:
        return []
    characters = character_queries.SEEN_CHARACTERS.named(user, named, limit=MOST_PARTNERS)
    # By their names: a maker's would offer the demo to everyone who types "mill".
    models = [(id, name) for id, name in candidates(named.text, MOST_MODELS, user.id) if named.begins(name, id)][:MOST_PARTNERS]
    return [
        *(
            SearchHit(title=_with(row.name), path=url_for("roleplay.begin", id=row.id), icon="drama", sends={})
            for row in characters
        ),
        *(SearchHit(title=_with(name), path=url_for("home.show", model=id), icon="plus") for id, name in models),
    ]


def _with(name: str) -> str:
    return _("New chat with %(name)s", name=name)


def _chat(id: str, title: str, sharer: str, at: datetime) -> SearchHit:
    path = url_for("chat.show", id=id)
    return SearchHit(title=title or _("New chat"), path=path, icon="message-square", detail=_shared_by(sharer), at=at)


def _shared_by(sharer: str) -> str:
    return _("shared by %(name)s", name=sharer) if sharer else ""


SOURCES = (
    SearchSource(heading="Recent chats", rank=0, find=recent),
    SearchSource(heading="Chats", rank=10, find=titles, takes_filters=True),
    SearchSource(heading="Messages", rank=20, find=passages, is_text=True, takes_filters=True),
    SearchSource(heading="Actions", rank=60, find=with_open_chat),
    SearchSource(heading="Actions", rank=61, find=new_chats),
)
