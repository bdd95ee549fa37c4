"""What is being written for a person, and what waits for them, as the home page shows it; other features bring theirs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from webapp.base import topic_names
from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.chat.calls import service as call_service
from webapp.chat.record import queries
from webapp.people.accounts.tables import User
from webapp.web.addresses import address
from webapp.web.feature import brought

MOST = 6


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Something that runs or waits: `state` says which in words."""

    title: str
    url: str
    state: str
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class OpenWorkSource:
    """Reads the open work of one feature, at most that many."""

    read: Callable[[str, int], Sequence[OpenWork]]


def open_work(user: User) -> list[OpenWork]:
    """Returns what waits for this person, then what runs, each once."""
    listed = queries.sidebar_chats(user.id)
    brought_work = [work for source in brought(OpenWorkSource) for work in source.read(user.id, MOST)]
    running = [
        OpenWork(chat.title or _("New chat"), address("chat.show", chat.id), _("answering"), is_running=True)
        for chat in {chat.id: chat for chat in (*listed.pinned, *listed.others)}.values()
        if topic_names.of_chat(chat.id) in listed.running
    ]
    waiting = [
        OpenWork(chat.title or _("New chat"), address("chat.show", chat.id), _("waiting for you"))
        for chat in call_service.chats_waiting_for(db.session(), user, MOST)
    ]
    by_url = {work.url.partition("#")[0]: work for work in (*running, *waiting, *brought_work)}
    return sorted(by_url.values(), key=lambda work: work.is_running)[:MOST]
