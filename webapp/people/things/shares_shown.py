"""Sharing on pages: the page of one object with its form and its grants, and a summary in a few words."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Self, TypeVar

from flask import request
from wtforms import SelectField

from webapp.base import languages
from webapp.base.languages import gettext as _
from webapp.people.things import shares
from webapp.people.things.thing import READ, Owned, Thing
from webapp.web.forms import Form, options
from webapp.web.pick_field import PickField, choose

MOST_LISTED, MOST_NAMED, MOST_IN_CARD = 50, 3, 12
T = TypeVar("T", bound=Owned)


class ShareForm(Form):
    whom = PickField("Who", id="share-whom", choices=[], validate_choice=False, render_kw={"required": True})

    def offering(self, owner_id: str | None) -> Self:
        self.whom.offering(partial(shares.candidates, owner_id), [choose(), ("everyone:", _("Everyone on the team"))])
        return self

    @property
    def chosen(self) -> tuple[str, str, str]:
        """The kind of recipient, its id, and the right."""
        to, _, to_id = self.whom.chosen.partition(":")
        return to, to_id, self["right"].data or "" if "right" in self else READ


def form_for(thing: Thing[T]) -> type[ShareForm]:
    """Returns the form of a kind, which also asks what people may do where there are several rights."""
    if len(thing.rights) == 1:
        return ShareForm

    class RightForm(ShareForm):
        right = SelectField("Access", id="share-right", choices=options(thing.rights), default=thing.usual_right)

    return RightForm


def after() -> str:
    """Returns the id of the grant after which the requested page begins."""
    return request.args.get("after", "")[:26]


def listed(shares: Sequence[shares.Share], url: str) -> dict[str, Any]:
    """Returns a page of grants and the URL of the next; `shares` has one more than a page if there is a next page."""
    is_cut = len(shares) > MOST_LISTED
    return {"shares": shares[:MOST_LISTED], "more_url": f"{url}?after={shares[MOST_LISTED - 1].grant_id}" if is_cut else ""}


def in_card(thing: Thing[T], id: str) -> dict[str, Any]:
    """Returns the template context of the card of those who can use a person's own object."""
    granted = shares.shares(thing.kind, id, limit=MOST_IN_CARD + 1)
    return {"shares": granted[:MOST_IN_CARD], "has_more_shares": len(granted) > MOST_IN_CARD, "rights": thing.rights}


def names(kind: str, id: str) -> list[str]:
    """Returns the names of the first recipients, as many as `whose` needs."""
    return [share.name or _("everyone") for share in shares.shares(kind, id, limit=MOST_NAMED + 1)]


def whose(kind: str, id: str, named: Sequence[str]) -> str:
    """Summarizes who can see a person's own object."""
    if not named:
        return _("Only you")
    if len(named) <= MOST_NAMED:
        return _("Shared with %(names)s", names=languages.current().formats.listed(named))
    names, more = languages.current().formats.between.join(named[:MOST_NAMED]), shares.count(kind, id) - MOST_NAMED
    return _("Shared with %(names)s and %(count)s more", names=names, count=languages.current().formats.number(more))
