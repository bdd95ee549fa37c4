"""A person's chats with a character, as the character's page lists them."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request, url_for

from webapp.chat.list import paging, shown
from webapp.chat.list.shown import SidebarChat
from webapp.people.accounts.guards import current_user
from webapp.web.pagination import cut

PAGE = 10


@dataclass(frozen=True, slots=True)
class CharacterChats:
    """A page of these chats, newest first. `newest_url` is empty on the first page, `next_url` on the last."""

    chats: Sequence[SidebarChat]
    newest_url: str
    next_url: str


def chats_with(character_id: str) -> CharacterChats:
    """Returns the page of chats that the URL's `before` asks for, groups included."""
    before = request.args.get("before", "")
    found = paging.chats(current_user().id, character_id=character_id, after=before, limit=PAGE + 1)
    page = cut(found, PAGE)
    newest_url = url_for("characters.show", id=character_id, _anchor="chats") if before else ""
    next_url = url_for("characters.show", id=character_id, before=page.next_cursor, _anchor="chats") if page.next_cursor else ""
    return CharacterChats(shown.chats(page.rows), newest_url, next_url)
