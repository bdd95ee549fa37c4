"""What a new member can do here, shown on the home page until they have a few chats or dismiss it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.chat.record.queries import KEPT
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import User
from webapp.workspace.home.starters.shown import pages

# Someone with as many chats of their own has found their way.
FEW = 3
SENTENCES = {
    "/characters": "Someone to talk to: give them a name, a voice and a goal.",
    "/knowledge": "Add documents, and answers quote them and cite the source.",
    "/plans": "A week or a project, planned step by step, to check off.",
    "/workflows": "Answer a few questions, and get a finished result.",
    "/prompts": "Texts you use often, with fields to fill in.",
}


@dataclass(frozen=True, slots=True)
class WelcomePage:
    """A page that a new member can discover."""

    words: str
    path: str
    icon: str
    sentence: str


def welcome(user: User) -> Sequence[WelcomePage]:
    """Returns what this person can discover; empty for someone who knows it."""
    if "welcome" in user.dismissed.split() or _has_chats(user):
        return ()
    known = {entry.path: entry for entry in pages(user)}
    return [
        WelcomePage(_(known[path].title), path, known[path].icon, _(sentence))
        for path, sentence in SENTENCES.items()
        if path in known
    ]


def _has_chats(user: User) -> bool:
    query = select(Chat.id).where(Chat.owner_id == user.id, KEPT).limit(FEW)
    return len(db.session.scalars(query).all()) == FEW
