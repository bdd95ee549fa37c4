"""The cards of the home page as a person sees them: those that lead to something they can open."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from flask import url_for

from webapp.base.languages import gettext as _
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.prompts import queries as prompt_queries
from webapp.web.feature import NAVIGATION
from webapp.web.navigation import GO_TO, NavEntry
from webapp.workspace.home.starters import service
from webapp.workspace.home.starters.service import Starter


@dataclass(frozen=True, slots=True)
class ShownStarter:
    words: str
    hint: str
    icon: str
    url: str


def pages(user: User) -> Sequence[NavEntry]:
    """Returns the pages that cards can open, without the home page itself, as far as this person can open them."""
    return [entry for entry in NAVIGATION.get().palette(partial(may, user))[GO_TO] if entry.path != "/"]


def openable(user: User) -> list[Starter]:
    """Returns the cards that are shown and lead to something that this person can open, in order."""
    paths = {entry.path for entry in pages(user)}
    return [starter for starter in service.starters() if starter.is_shown and _can_open(starter, user, paths)]


def starters(user: User, project_id: str | None = None) -> list[ShownStarter]:
    """Returns the cards as the home page shows them; their forms begin chats in the project of the page."""
    return [
        ShownStarter(
            starter.words if starter.is_changed else _(starter.words),
            starter.hint if starter.is_changed else _(starter.hint),
            starter.icon,
            starter.path or url_for("starters.show", slot=starter.slot, project=project_id),
        )
        for starter in openable(user)
    ]


def opened(starter: Starter, user: User) -> str:
    """Returns the name of what a card opens."""
    if starter.prompt_id:
        prompt = prompt_queries.prompt(user, starter.prompt_id)
        return _("Prompt: %(title)s", title=prompt.title) if prompt else _("A prompt that was deleted")
    return next((_(entry.title) for entry in pages(user) if entry.path == starter.path), _("Custom prompt"))


def _can_open(starter: Starter, user: User, paths: set[str]) -> bool:
    if starter.prompt_id:
        return prompt_queries.prompt(user, starter.prompt_id) is not None
    return not starter.path or starter.path in paths
